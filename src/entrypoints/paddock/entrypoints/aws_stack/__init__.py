"""A stack of a fleet on AWS, as whoever operates it makes, changes, looks at and removes it, with their own rights."""

from paddock.entrypoints.aws_stack.deploy import Deployment, Proposal
from paddock.entrypoints.aws_stack.destroy import Removal
from paddock.entrypoints.aws_stack.packages import Package, packages
from paddock.entrypoints.aws_stack.places import Places, signed_in
from paddock.entrypoints.aws_stack.settings import StackSettings, stack_settings

__all__ = [
    "Deployment",
    "Package",
    "Places",
    "Proposal",
    "Removal",
    "StackSettings",
    "packages",
    "signed_in",
    "stack_settings",
]
