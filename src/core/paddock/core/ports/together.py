"""The port that writes several records in one step: all of them, or none."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, TypeAlias

import attrs

from paddock.core.records import Keyed, Kind

MOST = 100  # of DynamoDB's transactions: items in one


@attrs.frozen
class Add:
    """Write a record whose key is free."""

    kind: Kind[Any]
    record: Keyed

    @property
    def key(self) -> str:
        """The key of what is written."""
        return self.record.key


@attrs.frozen
class Update:
    """Set the fields of `change` of a record that matches `when`: made by its kind's own TypedDicts, as for a store."""

    kind: Kind[Any]
    key: str
    when: Mapping[str, object]
    change: Mapping[str, object]


Write: TypeAlias = Add | Update


class Together(Protocol):
    """Records of any kinds, written in one step. May raise `Unavailable` or `Throttled`."""

    def write(self, writes: Sequence[Write]) -> bool:
        """Carry out every write, or none: False if the condition of one does not hold. Atomic.

        At most a hundred, no two of one record. A repetition finds its own writes, so it is False; whoever meets False
        reads what stands there.

        Raises:
            IllegalTransition: a change names a state that cannot be reached from a state of its `when`.
            ValueError: there are too many, or two of one record, or a change would give a record another key.
        """
