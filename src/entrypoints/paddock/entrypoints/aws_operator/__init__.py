"""A fleet on AWS as its operators ask it, from their own terminal and with their own rights."""

from paddock.entrypoints.aws_operator.open import open_stack

__all__ = ["open_stack"]
