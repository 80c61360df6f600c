"""What every store of records does alike: index entries, changes and cursors.

A cursor names the listing it belongs to, so that one of another listing is refused instead of misread. It holds the
place of the last record seen and no count, so records that come and go meanwhile neither hide nor repeat others.
"""

import json
from collections.abc import Mapping
from typing import Any, TypeVar

import attrs

from paddock.adapters.evolving import evolved
from paddock.core.errors import InvalidInput
from paddock.core.records import Keyed, Kind

R = TypeVar("R", bound=Keyed)


@attrs.frozen
class Listing:
    """The records of one kind that have one value in one index."""

    prefix: str
    index: str
    value: str

    def cursor(self, order: int, key: str) -> str:
        """The cursor that leads on from the record with this order and key."""
        return json.dumps([self.prefix, self.index, self.value, order, key], separators=(",", ":"))

    def place(self, cursor: str) -> tuple[int, str]:
        """The order and key after which the listing goes on.

        Raises:
            ValueError: the cursor is not one of this listing.
        """
        try:
            *of, order, key = json.loads(cursor)
        except (TypeError, ValueError):
            raise ValueError(self._wrong(cursor)) from None
        if of != [self.prefix, self.index, self.value] or type(order) is not int or type(key) is not str:
            raise ValueError(self._wrong(cursor))
        return order, key

    def _wrong(self, cursor: object) -> str:
        return str(InvalidInput("cursor", cursor, f"must be None or what a page of {self} returned"))

    def __str__(self) -> str:
        return f"{self.prefix} by {self.index} = {self.value!r}"


def listing_of(kind: Kind[Any], index: str, value: str, limit: int) -> Listing:
    """The listing asked for.

    Raises:
        ValueError: the kind has no such index, or `limit` is below 1.
    """
    if index not in kind.indexes:
        remedy = f"{kind.prefix} has {', '.join(kind.indexes) or 'no indexes'}"
        raise ValueError(str(InvalidInput("index", index, remedy)))
    if limit < 1:
        raise ValueError(str(InvalidInput("limit", limit, "must be at least 1")))
    return Listing(kind.prefix, index, value)


def index_values(kind: Kind[R], record: R) -> list[tuple[str, str]]:
    """The record's (index, value) pairs. Sparse: no value, and an empty one is none, means no entry."""
    return [(index, value) for index, of in kind.indexes.items() if (value := of(record))]


def changed(record: R, change: Mapping[str, Any]) -> R:
    """The record with the fields of `change` set.

    Raises:
        ValueError: the change would give the record another key: that is another record.
    """
    after = evolved(record, change)
    if after.key != record.key:
        raise ValueError(f"the change turns {record.key!r} into {after.key!r}: a record keeps its key")
    return after
