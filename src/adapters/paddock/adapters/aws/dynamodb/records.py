"""Records as items, each field an attribute of its own."""

from collections.abc import Mapping
from typing import Any, Generic, TypeVar, cast

from paddock.adapters.aws.dynamodb.definition import EVENTUAL, PARTITION, PLACE, WRITER
from paddock.adapters.aws.dynamodb.expressions import Expressions
from paddock.adapters.aws.dynamodb.items import Items, order_and_key, place_of
from paddock.adapters.aws.dynamodb.table import Table, TransactItem, entry
from paddock.adapters.listings import changed, listing_of
from paddock.core.errors import Conflict, NotFound
from paddock.core.ports.records import Page
from paddock.core.ports.system import Clock, Ids
from paddock.core.ports.together import Add, Write
from paddock.core.records import Keyed, Kind

R = TypeVar("R", bound=Keyed)

_HAND = 12  # of the last digits of a token: it must differ from that of the writer before, and no more


class DynamoRecords(Generic[R]):
    """All records of one kind. Safe for threads and processes: each change is one conditional write.

    ``add``, ``get``, ``update`` and ``remove`` are one request each; ``update`` of what is not there is two. ``page``
    is one for the keys, and one for each hundred of their records; none for those if it is empty.

    botocore repeats a request whose answer was lost, and the repetition of a conditional write that was done fails. So
    each write leaves a token, by which a writer knows that what stands there is its own.
    """

    def __init__(self, kind: Kind[R], table: Table, clock: Clock, ids: Ids) -> None:
        """Args: the kind; the table; what time it is, for what is kept; where writers' tokens come from.

        No two writers of a table may ever be given the same identity: one would take the other's write for its own.

        Raises:
            ValueError: the kind has more indexes than the table.
        """
        self._kind = kind
        self._table = table
        self._items = Items(kind)
        self._clock = clock
        self._ids = ids

    def add(self, record: R) -> bool:
        """Write a record whose key is free; False, and nothing written, if the key is taken.

        Raises:
            Rejected: it is over 400 KB, or its key is too long.
        """
        item = self._items.item(record, self._clock.now(), self._hand())
        standing = self._table.add(item)
        return standing is None or standing.get(WRITER) == item[WRITER]

    def get(self, key: str) -> R | None:
        """The record, or None."""
        if not self._items.possible(key):
            return None
        item = self._table.get(self._items.key(key), consistent=self._kind.prefix not in EVENTUAL)
        return None if item is None else self._items.record(item)

    def update(self, key: str, when: Mapping[str, object], change: Mapping[str, object]) -> R:
        """Set the fields of `change` if the record matches `when`; the record as it then is.

        Raises:
            NotFound: no record has this key.
            Conflict: the record does not match; ``current`` is the record.
            IllegalTransition: `change` names a state that cannot be reached from a state of `when`.
            Rejected: it would be over 400 KB.
        """
        self._kind.check(when, change)
        if not self._items.possible(key):
            raise NotFound(f"{self._kind.prefix}#{key[:80]}… does not exist")
        if not self._kind.keyed_by.isdisjoint(change) or frozenset() in when.values():
            self._look_first(key, when, change)
        hand = self._hand()
        done, item = self._table.update(self._items.key(key), self._expressions(key, when, change, hand))
        if item is None:
            raise NotFound(f"{self._kind.prefix}#{key} does not exist")
        record = self._items.record(item)
        if done or item.get(WRITER) == {"S": hand}:
            return record
        raise Conflict(f"{self._kind.prefix}#{key} does not match {dict(when)}", record)

    def page(self, index: str, value: str, *, limit: int = 100, cursor: str | None = None) -> Page[R]:
        """Records whose value in the sparse `index` is `value`, oldest first by the kind's order.

        The index may be behind, so it is asked for keys alone; each record is then read as it is, and left out if it
        has gone or has another value now.

        Raises:
            ValueError: the kind has no such index, the cursor is not one of this listing, or `limit` is below 1.
        """
        listing = listing_of(self._kind, index, value, limit)
        attribute, wanted = self._items.attribute(index), self._items.entry(index, value)
        after = None
        if cursor is not None:
            order, key = listing.place(cursor)
            after = entry(self._items.key(key), attribute, wanted, place_of(order, key))
        entries, more = self._table.keys(attribute, wanted, limit=limit, after=after)
        places = [found[PLACE]["S"] for found in entries]
        # By key, once: an index that moves an entry may show it at both its places.
        keys = {key: self._items.key(key) for _, key in map(order_and_key, places)}
        items = [item for item in self._table.batch([*keys.values()]) if item.get(attribute) == wanted]
        items.sort(key=lambda item: str(item[PLACE]["S"]))
        return Page(
            tuple(self._items.record(item) for item in items),
            listing.cursor(*order_and_key(places[-1])) if more else None,
        )

    def remove(self, key: str) -> bool:
        """Delete the record; False if there was none (also if only the answer was lost, and the request repeated)."""
        return self._items.possible(key) and self._table.delete(self._items.key(key))

    def written(self, write: Write) -> TransactItem:
        """The write as part of a transaction.

        Raises:
            Rejected: the record's key is too long.
        """
        if isinstance(write, Add):
            item = self._items.item(cast("R", write.record), self._clock.now(), self._hand())
            return {"Put": {"Item": item, "ConditionExpression": f"attribute_not_exists({PARTITION})"}}
        expressions = self._expressions(write.key, write.when, write.change, self._hand())
        return {"Update": {"Key": self._items.key(write.key), **expressions}}

    def _expressions(
        self, key: str, when: Mapping[str, object], change: Mapping[str, object], hand: str
    ) -> dict[str, Any]:
        attributes = {name: self._items.field(name).kept(value) for name, value in change.items()}
        attributes |= self._items.placed(change, key) | self._items.stamp(self._clock.now(), hand)
        made = Expressions()
        return {
            "UpdateExpression": made.changes(attributes),
            "ConditionExpression": made.condition(self._items, when),
            **made.parameters(),
        }

    def _hand(self) -> str:
        return self._ids.token()[-_HAND:]

    def _look_first(self, key: str, when: Mapping[str, object], change: Mapping[str, object]) -> None:
        """Refuse what no expression can say: a change of the key, and a condition that nothing meets.

        No use-case writes either, so the request more does not matter; that the stores are alike does.
        """
        record = self.get(key)
        if record is None:
            raise NotFound(f"{self._kind.prefix}#{key} does not exist")
        if not self._kind.matches(record, when):
            raise Conflict(f"{self._kind.prefix}#{key} does not match {dict(when)}", record)
        changed(record, change)
