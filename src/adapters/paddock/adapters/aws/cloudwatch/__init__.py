"""What a stack used, by AWS's own metrics."""

from paddock.adapters.aws.cloudwatch.usage import StackUsage, Used

__all__ = ["StackUsage", "Used"]
