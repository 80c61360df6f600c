"""What the table is: keys, indexes, and what AWS is to do with it by itself. As data, in CloudFormation's words.

An item of a record has, beside the record's fields::

    pk      S  JOB#123: the kind's prefix and the record's key; of an assignment, the machine's aws:userid
    sk      S  RECORD, or ASSIGNMENT
    i1, i2, i3  S  RUNNER#live#live: the kind, its first, second or third index, the value; absent where it is not in it
    o       S  00009223372036854775808#123: the order as a number that is never negative, and the key for ties
    w       S  who wrote last: a random text, so that a writer whose answer was lost knows its own hand
    ttl     N  seconds since 1970: when DynamoDB may forget it

The indexes hold keys alone. So a write that changes no membership costs nothing in them, and a listing reads the
records themselves, by key and consistently.
"""

from collections.abc import Mapping
from typing import Any, Final

PARTITION: Final = "pk"
SORT: Final = "sk"
PLACE: Final = "o"
WRITER: Final = "w"
TTL: Final = "ttl"
INDEXES: Final[Mapping[str, str]] = {"first": "i1", "second": "i2", "third": "i3"}
"""Each index's name, and its partition attribute. The n-th index of a kind is kept in the n-th."""

OWN: Final = frozenset({PARTITION, SORT, PLACE, WRITER, TTL, *INDEXES.values()})
"""The attributes that are no record's: no field may be called so."""

EVENTUAL: Final = frozenset({"TASK"})
"""Kinds whose records `get` may read as they were a moment ago: each minute looks at all tasks, and whoever begins one
writes on the condition that nobody has."""

RECORD: Final = "RECORD"
ASSIGNMENT: Final = "ASSIGNMENT"


def _keys(partition: str, sort: str) -> list[dict[str, str]]:
    return [{"AttributeName": partition, "KeyType": "HASH"}, {"AttributeName": sort, "KeyType": "RANGE"}]


TABLE: Final[Mapping[str, Any]] = {
    "BillingMode": "PAY_PER_REQUEST",
    "KeySchema": _keys(PARTITION, SORT),
    "AttributeDefinitions": [
        {"AttributeName": name, "AttributeType": "S"} for name in (PARTITION, SORT, PLACE, *INDEXES.values())
    ],
    "GlobalSecondaryIndexes": [
        {"IndexName": name, "KeySchema": _keys(attribute, PLACE), "Projection": {"ProjectionType": "KEYS_ONLY"}}
        for name, attribute in INDEXES.items()
    ],
    "TimeToLiveSpecification": {"AttributeName": TTL, "Enabled": True},
    "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True},
}
"""The properties of an ``AWS::DynamoDB::Table``, but for its name. ``CreateTable`` takes all but the last two."""
