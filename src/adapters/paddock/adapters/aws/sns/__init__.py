"""`Notifier` on SNS: one topic."""

from paddock.adapters.aws.sns.topic import SnsNotifier

__all__ = ["SnsNotifier"]
