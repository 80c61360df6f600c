"""The port to the table: typed records with conditional writes."""

from collections.abc import Mapping
from typing import Generic, Protocol, TypeVar

import attrs

R = TypeVar("R")
When = TypeVar("When", bound=Mapping[str, object], contravariant=True)
Change = TypeVar("Change", bound=Mapping[str, object], contravariant=True)


@attrs.frozen
class Page(Generic[R]):
    """One page of a listing. ``cursor`` leads to the next one; None: this was the last."""

    items: tuple[R, ...]
    cursor: str | None = None


class Records(Protocol[R, When, Change]):
    """Records of one kind.

    Every method may raise `Unavailable` or `Throttled`; nothing else but what it names. `get` is consistent: it sees
    every write that returned before. A listing may lack, for some seconds, what was just put into its index.
    """

    def add(self, record: R) -> bool:
        """Write a record whose key is free; False, and nothing written, if the key is taken. Atomic."""

    def get(self, key: str) -> R | None:
        """The record, or None."""

    def update(self, key: str, when: When, change: Change) -> R:
        """Set the fields of `change` if the record matches `when`, in one atomic step; the record as it then is.

        A value in `when` that is a set matches any of its members. Repeating an update whose condition no longer
        holds changes nothing.

        Raises:
            NotFound: no record has this key.
            Conflict: the record does not match; ``current`` is the record.
            IllegalTransition: `change` names a state that cannot be reached from a state of `when`. Nothing was read.
        """

    def page(self, index: str, value: str, *, limit: int = 100, cursor: str | None = None) -> Page[R]:
        """Records whose value in the sparse `index` is `value`, oldest first by the kind's order, each as it is now.

        What was put there in the last seconds may be missing, for an index may be behind; no other record is. A page
        may hold fewer than `limit` records and still have a successor: only a cursor of None is the end.

        Raises:
            ValueError: the kind has no such index, or the cursor is not one of this listing.
        """

    def remove(self, key: str) -> bool:
        """Delete the record; False if there was none. For records whose life has ended and been archived."""
