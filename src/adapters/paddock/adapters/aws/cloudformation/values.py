"""What CloudFormation tells, as values."""

from collections.abc import Mapping
from typing import Final

import attrs

from paddock.core.units import Moment

STACK: Final = "AWS::CloudFormation::Stack"
UNMADE: Final = "REVIEW_IN_PROGRESS"
"""A stack of which nothing is made: only a change set that would make it was proposed once."""
FAILED_TO_BE_MADE: Final = ("ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED", "DELETE_FAILED")
"""A stack that can only be deleted."""
STUCK: Final = "UPDATE_ROLLBACK_FAILED"
"""A stack that could not be changed, nor could that be taken back: it takes no change until it was."""
GOOD: Final = ("CREATE_COMPLETE", "UPDATE_COMPLETE", "DELETE_COMPLETE")
"""How what was wanted ends. Of an update the clean-up may still be under way: that ends as one of these, too."""


@attrs.frozen(kw_only=True)
class Standing:
    """A stack as it stands. ``id`` names it after its end, too; ``protected``: CloudFormation refuses to delete it."""

    id: str
    name: str
    status: str
    reason: str = ""
    protected: bool = False
    outputs: Mapping[str, str] = attrs.field(factory=dict)
    parameters: Mapping[str, str] = attrs.field(factory=dict)
    tags: Mapping[str, str] = attrs.field(factory=dict)

    @property
    def busy(self) -> bool:
        """True while something is done with it."""
        return self.status.endswith("_IN_PROGRESS") and self.status != UNMADE

    @property
    def exists(self) -> bool:
        """True unless nothing of it was ever made."""
        return self.status != UNMADE


@attrs.frozen(kw_only=True)
class Change:
    """What would be done to one resource.

    ``action`` is Add, Modify, Remove, Import or Dynamic; ``replaced`` is True, False or Conditional: whether another
    one takes its place; ``because`` are the properties that change.
    """

    action: str
    name: str
    kind: str
    id: str = ""
    replaced: str = "False"
    because: tuple[str, ...] = ()


@attrs.frozen(kw_only=True)
class ChangeSet:
    """A proposal, ``pending`` until CloudFormation has worked it out."""

    id: str
    stack: str
    status: str
    reason: str = ""
    changes: tuple[Change, ...] = ()

    @property
    def pending(self) -> bool:
        """True while it is worked out."""
        return self.status in ("CREATE_PENDING", "CREATE_IN_PROGRESS")

    @property
    def failed(self) -> bool:
        """True if it cannot be carried out."""
        return self.status == "FAILED"

    @property
    def empty(self) -> bool:
        """True if there is nothing to change. CloudFormation has no code for it, only these two sentences."""
        told = ("didn't contain changes", "No updates are to be performed")
        return self.failed and any(words in self.reason for words in told)


@attrs.frozen(kw_only=True)
class Step:
    """One thing that happened to a resource of a stack, or to the stack (then ``id`` is the stack's)."""

    event: str
    at: Moment
    name: str
    kind: str
    id: str
    status: str
    reason: str = ""

    @property
    def failed(self) -> bool:
        """True if it went wrong."""
        return self.status.endswith("_FAILED")
