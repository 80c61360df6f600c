"""Records in dictionaries, with sorted indexes."""

from bisect import bisect_right
from collections.abc import Mapping
from threading import RLock
from typing import Generic, TypeVar

from paddock.adapters.listings import changed, index_values, listing_of
from paddock.core.errors import Conflict, NotFound
from paddock.core.ports.records import Page
from paddock.core.records import Keyed, Kind

R = TypeVar("R", bound=Keyed)

_Place = tuple[int, str]
_Entries = tuple[_Place, list[tuple[str, str]]]  # a record's place, and the indexes that it stands in


class _Index:
    """Places in order. Nothing is sorted before somebody looks, and then they are all but sorted already."""

    __slots__ = ("_listed", "_places")

    def __init__(self) -> None:
        self._places: dict[_Place, None] = {}  # a dictionary keeps the order in which they came
        self._listed: list[_Place] | None = []  # the same in their own order; None: not since the last change

    def __len__(self) -> int:
        return len(self._places)

    def add(self, place: _Place) -> None:
        self._places[place] = None
        self._listed = None

    def drop(self, place: _Place) -> None:
        del self._places[place]
        self._listed = None

    def after(self, place: _Place | None, limit: int) -> tuple[list[_Place], bool]:
        """Up to `limit` places after this one (None: from the first on), and whether there are more."""
        listed = self._listed
        if listed is None:
            listed = self._listed = sorted(self._places)
        at = 0 if place is None else bisect_right(listed, place)
        return listed[at : at + limit], at + limit < len(listed)


_EMPTY = _Index()


class MemoryRecords(Generic[R]):
    """All records of one kind. Safe for threads: one lock, held for the length of one call."""

    def __init__(self, kind: Kind[R]) -> None:
        """Args: the kind of record, which brings its indexes, order and life."""
        self._kind = kind
        self._records: dict[str, R] = {}
        self._indexed: dict[str, _Entries] = {}  # where each record stands, by its key
        self._moving = kind.placed_by
        # Per index and value: where its records stand, sorted by (order, key).
        self._places: dict[tuple[str, str], _Index] = {}
        self.lock = RLock()  # for whoever writes to several stores at once

    def __len__(self) -> int:
        return len(self._records)

    def add(self, record: R) -> bool:
        """Write a record whose key is free; False, and nothing written, if the key is taken."""
        key = record.key
        with self.lock:
            if key in self._records:
                return False
            self._records[key] = record
            self._put_in(key, self._entries(key, record))
            return True

    def get(self, key: str) -> R | None:
        """The record, or None."""
        return self._records.get(key)

    def update(self, key: str, when: Mapping[str, object], change: Mapping[str, object]) -> R:
        """Set the fields of `change` if the record matches `when`; the record as it then is.

        Raises:
            NotFound: no record has this key.
            Conflict: the record does not match; ``current`` is the record.
            IllegalTransition: `change` names a state that cannot be reached from a state of `when`.
        """
        self._kind.check(when, change)
        with self.lock:
            before = self._records.get(key)
            if before is None:
                raise NotFound(f"{self._kind.prefix}#{key} does not exist")
            if not self._kind.matches(before, when):
                raise Conflict(f"{self._kind.prefix}#{key} does not match {dict(when)}", before)
            after = changed(before, change)
            self._records[key] = after
            if not self._moving.isdisjoint(change):
                self._move(key, after)
            return after

    def page(self, index: str, value: str, *, limit: int = 100, cursor: str | None = None) -> Page[R]:
        """Records whose value in the sparse `index` is `value`, oldest first by the kind's order.

        Raises:
            ValueError: the kind has no such index, the cursor is not one of this listing, or `limit` is below 1.
        """
        listing = listing_of(self._kind, index, value, limit)
        with self.lock:
            places = self._places.get((index, value), _EMPTY)
            chosen, more = places.after(None if cursor is None else listing.place(cursor), limit)
            items = tuple(self._records[key] for _, key in chosen)
        return Page(items, listing.cursor(*chosen[-1]) if more else None)

    def count(self, index: str, value: str) -> int:
        """How many records the index has under the value: beyond the port, for whoever watches a simulation."""
        return len(self._places.get((index, value), ()))

    def remove(self, key: str) -> bool:
        """Delete the record; False if there was none."""
        with self.lock:
            record = self._records.pop(key, None)
            if record is None:
                return False
            self._take_out(self._indexed.pop(key))
            return True

    def _entries(self, key: str, record: R) -> _Entries:
        return (self._kind.order(record), key), index_values(self._kind, record)

    def _move(self, key: str, after: R) -> None:
        old, new = self._indexed[key], self._entries(key, after)
        if old == new:
            return
        if old[0] == new[0]:
            self._take_out((old[0], [index for index in old[1] if index not in new[1]]))
            self._put_in(key, (new[0], [index for index in new[1] if index not in old[1]]))
        else:
            self._take_out(old)
            self._put_in(key, new)
        self._indexed[key] = new

    def _put_in(self, key: str, entries: _Entries) -> None:
        place, indexes = self._indexed[key] = entries
        for index in indexes:
            places = self._places.get(index)
            if places is None:
                places = self._places[index] = _Index()
            places.add(place)

    def _take_out(self, entries: _Entries) -> None:
        place, indexes = entries
        for index in indexes:
            places = self._places[index]
            places.drop(place)
            if not places:
                del self._places[index]
