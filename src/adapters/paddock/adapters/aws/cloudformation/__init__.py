"""Stacks of CloudFormation: proposed as change sets, made, watched, and deleted."""

from paddock.adapters.aws.cloudformation.reasons import Cause, causes, last_operation
from paddock.adapters.aws.cloudformation.stacks import Stacks
from paddock.adapters.aws.cloudformation.values import Change, ChangeSet, Standing, Step

__all__ = ["Cause", "Change", "ChangeSet", "Stacks", "Standing", "Step", "causes", "last_operation"]
