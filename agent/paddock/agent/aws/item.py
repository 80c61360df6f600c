"""The machine's own item in the stack's table: its key, its attributes, and the four things done with it.

The role of a machine may read and change this item and nothing else (``dynamodb:LeadingKeys`` must equal
``${aws:userid}``), so the partition key is that text and nothing more; the kind stands in the sort key::

    pk              S  <role id>:<instance id>
    sk              S  ASSIGNMENT
    body            B  the orders, packed (see `body`): a secret, gone once it is taken or the machine has ended
    runner_name     S  )
    runner_id       N  ) the receipt: what the control plane compares, and what stays when the body is gone
    created_at      N  microseconds
    ttl             N  seconds: when the table may forget it all

All of these the control plane puts (``attribute_not_exists(pk)``: one assignment per machine, ever). The machine adds::

    taken_at        N  microseconds
    taken_by        S  the one process that took it, a random text
    discarded_at    N  microseconds: the machine ended without taking it
    heartbeat_at    N  microseconds: the last sign of life; and runner_id, once the machine has learnt it
    ready_at        N  microseconds: when its runner first listened, told from the first sign of life after that on
    started_at      N  microseconds: when it began a job; a machine without it has worked for nobody
"""

import base64
from collections.abc import Mapping

from paddock.agent.aws.errors import AwsError, Kind
from paddock.agent.aws.service import Service

SORT_KEY = "ASSIGNMENT"
_TARGET = "DynamoDB_20120810."


class OwnItem:
    """The item of one machine. Each method is one request; all raise `AwsError`."""

    def __init__(self, dynamodb: Service, table: str, user_id: str) -> None:
        """Args: the service; the table's name; the machine's ``aws:userid``."""
        self._dynamodb = dynamodb
        self._item: dict[str, object] = {
            "TableName": table,
            "Key": {"pk": {"S": user_id}, "sk": {"S": SORT_KEY}},
        }
        self.user_id = user_id

    def read(self) -> dict[str, object] | None:
        """The item's attributes as they stand now, or None if there is no item."""
        answer = self._dynamodb.call(_TARGET + "GetItem", {**self._item, "ConsistentRead": True})
        return _plain(answer.get("Item"))

    def take(self, *, by: str, at: int) -> dict[str, object] | None:
        """Remove the body, if it is there; the attributes as they were before.

        A repetition of a request whose answer was lost finds its own hand: then, and only then, the answer is None.
        """
        body = {
            **self._item,
            "UpdateExpression": "SET taken_at = :at, taken_by = :by REMOVE body",
            "ConditionExpression": "attribute_exists(body)",
            "ExpressionAttributeValues": {":at": {"N": str(at)}, ":by": {"S": by}},
            "ReturnValues": "ALL_OLD",
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
        try:
            answer = self._dynamodb.call(_TARGET + "UpdateItem", body)
        except AwsError as error:
            if error.kind is Kind.CONDITION and (_plain(error.item) or {}).get("taken_by") == by:
                return None
            raise
        return _plain(answer.get("Attributes")) or {}

    @staticmethod
    def plain(item: object) -> dict[str, object]:
        """The attributes of an item as an error shows it."""
        return _plain(item) or {}

    def discard(self, *, at: int) -> None:
        """Remove the body. Nothing happens if there is none."""
        self._update("SET discarded_at = :at REMOVE body", "attribute_exists(body)", {":at": {"N": str(at)}})

    def heartbeat(
        self, *, at: int, runner_id: int | None, ready_at: int | None = None, started_at: int | None = None
    ) -> None:
        """Set the sign of life, and of the rest what is known. Moments are microseconds.

        Nothing happens if the item is gone: it must not come to be by this.
        """
        known = {"heartbeat_at": at, "runner_id": runner_id or None, "ready_at": ready_at, "started_at": started_at}
        told = {name: {"N": str(value)} for name, value in known.items() if value is not None}
        expression = "SET " + ", ".join(f"{name} = :{name}" for name in told)
        self._update(expression, "attribute_exists(pk)", {f":{name}": value for name, value in told.items()})

    def _update(self, expression: str, condition: str, values: Mapping[str, object]) -> None:
        body = {
            **self._item,
            "UpdateExpression": expression,
            "ConditionExpression": condition,
            "ExpressionAttributeValues": values,
        }
        try:
            self._dynamodb.call(_TARGET + "UpdateItem", body)
        except AwsError as error:
            if error.kind is not Kind.CONDITION:
                raise


def _plain(item: object) -> dict[str, object] | None:
    """The item's texts, bytes and whole numbers; other types are none of ours."""
    if not isinstance(item, Mapping):
        return None
    plain: dict[str, object] = {}
    for name, typed in item.items():
        if isinstance(typed, Mapping):
            text, number, encoded = typed.get("S"), typed.get("N"), typed.get("B")
            if isinstance(text, str):
                plain[name] = text
            elif isinstance(encoded, str):
                plain[name] = _bytes(encoded)
            elif isinstance(number, str) and number.isascii() and number.isdigit():
                plain[name] = int(number)
    return plain


def _bytes(encoded: str) -> bytes:
    """None at all where they cannot be read: somebody has to be told that something is there."""
    try:
        return base64.b64decode(encoded, validate=True)
    except ValueError:
        return b""
