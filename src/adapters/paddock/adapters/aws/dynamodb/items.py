"""Records as items of the table, and back; and where an item stands in the indexes."""

from collections.abc import Mapping
from typing import Any, Final, Generic, TypeVar

from paddock.adapters.aws.dynamodb.definition import INDEXES, OWN, PARTITION, PLACE, RECORD, SORT, TTL, WRITER
from paddock.adapters.aws.dynamodb.values import Field, Item, Value, fields_of
from paddock.core.codec import from_data
from paddock.core.errors import InvalidInput, Rejected, Unavailable
from paddock.core.records import Keyed, Kind
from paddock.core.units import SECOND, Moment

R = TypeVar("R", bound=Keyed)

# DynamoDB's limits, in bytes: of a partition key, and of a sort key.
MAX_PARTITION: Final = 2_048
MAX_SORT: Final = 1_024

_SHIFT: Final = 2**63  # the least order is -2**63, as in the other stores
_DIGITS: Final = 20


def place_of(order: int, key: str) -> str:
    """Where an index sorts the record: by order, and by key among those of one order."""
    return f"{order + _SHIFT:0{_DIGITS}}#{key}"


def order_and_key(place: str) -> tuple[int, str]:
    """What `place_of` was made of."""
    return int(place[:_DIGITS]) - _SHIFT, place[_DIGITS + 1 :]


class Items(Generic[R]):
    """How the records of one kind stand in the table."""

    def __init__(self, kind: Kind[R]) -> None:
        """Args: the kind.

        Raises:
            ValueError: it has more indexes than the table, or a field with a name that the table needs.
        """
        self._kind = kind
        self._fields = fields_of(kind.record)
        if len(kind.indexes) > len(INDEXES) or not OWN.isdisjoint(self._fields):
            raise ValueError(f"{kind.prefix} has over {len(INDEXES)} indexes, or a field named as one of {sorted(OWN)}")
        self._attributes = dict(zip(kind.indexes, INDEXES.values(), strict=False))

    def field(self, name: str) -> Field:
        """The field of this name.

        Raises:
            TypeError: the record has none.
        """
        try:
            return self._fields[name]
        except KeyError:
            raise TypeError(f"{self._kind.record.__name__} has no field {name!r}") from None

    def attribute(self, index: str) -> str:
        """The attribute in which the item has its value in the index."""
        return self._attributes[index]

    def entry(self, index: str, value: str) -> Value:
        """The attribute of an item that has the value in the index."""
        return {"S": f"{self._kind.prefix}#{index}#{value}"}

    def key(self, key: str) -> Item:
        """The item's key."""
        return {PARTITION: {"S": f"{self._kind.prefix}#{key}"}, SORT: {"S": RECORD}}

    def possible(self, key: str) -> bool:
        """False if the key is too long for any item, so that nobody need be asked for it."""
        return _bytes(f"{self._kind.prefix}#{key}") <= MAX_PARTITION and (
            not self._attributes or _bytes(place_of(0, key)) <= MAX_SORT
        )

    def item(self, record: R, now: Moment, writer: str) -> Item:
        """The record's item, written at this moment by this writer.

        Raises:
            Rejected: its key, or its value in an index, is longer than DynamoDB takes.
        """
        key = record.key
        if not self.possible(key):
            raise Rejected(f"{self._kind.prefix}#{key[:80]}…: a key of {len(key)} characters is too long")
        values = {name: getattr(record, name) for name in self._fields}
        kept = {name: field.kept(values[name]) for name, field in self._fields.items()}
        kept |= self.placed({"": None, **values}, key)
        return (
            self.key(key) | {name: value for name, value in kept.items() if value is not None} | self.stamp(now, writer)
        )

    def placed(self, values: Mapping[str, Any], key: str) -> dict[str, Value | None]:
        """What stands in the item for the sake of its indexes and is made of these fields. None: nothing is to stand.

        Args:
            values: fields of the record; under the empty name what no field is needed for.
            key: the record's.

        Raises:
            Rejected: a value in an index is longer than DynamoDB takes.
        """
        found: dict[str, Value | None] = {}
        for index, attribute in self._attributes.items():
            made = self._kind.indexes[index]
            if made.field in values:
                value = made.of(values[made.field])
                found[attribute] = self.entry(index, value) if value else None
                if value and _bytes(value) > MAX_PARTITION - 100:  # what goes before it is shorter than that
                    raise Rejected(f"{self._kind.prefix}#{key}: its value in the index {index} is too long")
        order = self._kind.order
        if self._attributes and order.field in values:
            found[PLACE] = {"S": place_of(order.of(values[order.field]), key)}
        return found

    def stamp(self, now: Moment, writer: str) -> Item:
        """What every write sets: who wrote, and until when it is kept."""
        kept = self._kind.kept
        return {WRITER: {"S": writer}} | ({} if kept is None else {TTL: {"N": str((now + kept) // SECOND)}})

    def record(self, item: Item) -> R:
        """The record in an item.

        Raises:
            Unavailable: it cannot be read, because another version of the program wrote it.
        """
        try:
            return from_data(dict(self._data(item)), self._kind.record)
        except (ValueError, InvalidInput) as error:
            name = item.get(PARTITION, {}).get("S")
            raise Unavailable(f"{name} in the table cannot be read: {error}") from error

    def _data(self, item: Item) -> dict[str, object]:
        data: dict[str, object] = {}
        for name, field in self._fields.items():
            if name in item:
                data[name] = field.plain(item[name])
            elif field.required:
                data[name] = None
        return data


def _bytes(text: str) -> int:
    return len(text.encode())
