"""One table: DynamoDB's operations on single items, each one request, and its listings of keys."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from botocore.exceptions import ClientError

from paddock.adapters.aws.clients import Clients
from paddock.adapters.aws.dynamodb.definition import INDEXES, PARTITION, PLACE, SORT
from paddock.adapters.aws.dynamodb.errors import CODES, Cancelled, cancelled_for, reasons_of
from paddock.adapters.aws.dynamodb.values import Item, Value
from paddock.adapters.aws.errors import Asking
from paddock.adapters.aws_codes import RETRY_AFTER
from paddock.core.errors import Conflict, Throttled
from paddock.core.ports.system import Sleeper
from paddock.core.units import MILLISECOND

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

BATCH: Final = 100  # keys of one BatchGetItem: DynamoDB's limit
PAUSES: Final = (50 * MILLISECOND, 100 * MILLISECOND, 200 * MILLISECOND, 400 * MILLISECOND)
"""Before keys that DynamoDB left out of a batch are asked for again; they start anew when it gave some."""

TransactItem: TypeAlias = dict[str, dict[str, Any]]
"""``{"Put": …}`` or ``{"Update": …}``, as TransactWriteItems takes it, without the table's name."""

_TELL: Final = "ALL_OLD"
_INDEX_OF: Final = {attribute: name for name, attribute in INDEXES.items()}


class Table:
    """The table's items as DynamoDB has them. Safe for threads. Every method may raise what `errors` maps to."""

    def __init__(self, clients: Clients, name: str, sleeper: Sleeper) -> None:
        """Args: the clients; the table's name or ARN; waits before what was left out is asked for again."""
        self._clients = clients
        self._name = name
        self._sleeper = sleeper
        self._ask = Asking(CODES)

    def get(self, key: Item, attributes: Sequence[str] = (), *, consistent: bool = True) -> Item | None:
        """The item as it stands, or so many of its attributes; None if there is none. One request.

        Not `consistent` it may be as it was a moment ago, and costs half as much.
        """
        projection: dict[str, Any] = {}
        if attributes:
            names = {f"#{number}": attribute for number, attribute in enumerate(attributes)}
            projection = {"ProjectionExpression": ", ".join(names), "ExpressionAttributeNames": names}
        answer: Any = self._ask(
            self._client.get_item, TableName=self._name, Key=key, ConsistentRead=consistent, **projection
        )
        item: Item | None = answer.get("Item")
        return item

    def add(self, item: Item) -> Item | None:
        """Write the item if its key is free: None. Else, and nothing is written, the item that has it.

        One request; two where the refusal does not show what stands there, which no AWS does. An item that has gone
        in between is empty.
        """
        try:
            self._ask(
                self._client.put_item,
                TableName=self._name,
                Item=item,
                ConditionExpression=f"attribute_not_exists({PARTITION})",
                ReturnValuesOnConditionCheckFailure=_TELL,
            )
        except Conflict as refusal:
            return self._standing(item, refusal) or {}
        return None

    def update(self, key: Item, expressions: dict[str, Any]) -> tuple[bool, Item | None]:
        """Change the item: True, and it as it then is. If its condition fails: False, and it as it is, None if gone.

        One request; two where there is no such item, or the refusal does not show it, which no AWS does.
        """
        try:
            answer: Any = self._ask(
                self._client.update_item,
                TableName=self._name,
                Key=key,
                ReturnValues="ALL_NEW",
                ReturnValuesOnConditionCheckFailure=_TELL,
                **expressions,
            )
        except Conflict as refusal:
            return False, self._standing(key, refusal)
        return True, answer["Attributes"]

    def transact(self, items: Sequence[TransactItem], token: str) -> bool:
        """Write all of these (without their table's name), or none: False if a condition fails. One request.

        `token` makes it the same request for ten minutes, so that a repetition after a lost answer is no second one.

        Raises:
            Unavailable: somebody else's write holds one of the items.
            Throttled: the table, or one of its partitions, is asked for too much; or the same request is on its way.
            Rejected: an item would be over 400 KB, or whatever else no repetition mends.
        """
        named: Any = [{verb: {"TableName": self._name, **what} for verb, what in item.items()} for item in items]
        try:
            self._ask(self._client.transact_write_items, TransactItems=named, ClientRequestToken=token)
        except Cancelled as error:
            return self._cancelled(error)
        return True

    def _cancelled(self, error: Cancelled) -> bool:
        cause = error.__cause__
        reasons = reasons_of(cause.response) if isinstance(cause, ClientError) else ()
        kind = cancelled_for(reasons)
        if kind is Conflict:
            return False
        words = f"{error}: {', '.join(reasons) or 'for no reason that was told'}"
        raise (Throttled(words, RETRY_AFTER) if kind is Throttled else kind(words)) from cause

    def delete(self, key: Item) -> bool:
        """Delete the item; False if there was none. One request."""
        answer: Any = self._ask(self._client.delete_item, TableName=self._name, Key=key, ReturnValues=_TELL)
        return bool(answer.get("Attributes"))

    def keys(self, attribute: str, value: Value, *, limit: int, after: Item | None) -> tuple[list[Item], bool]:
        """Up to `limit` entries that have the value in the attribute's index, by place, and whether there may be more.

        One request. `after` is a whole entry: the item's key, its value and its place; it need not be there (any more).
        """
        start: dict[str, Any] = {} if after is None else {"ExclusiveStartKey": after}
        answer: Any = self._ask(
            self._client.query,
            TableName=self._name,
            IndexName=_INDEX_OF[attribute],
            KeyConditionExpression=f"{attribute} = :value",
            ExpressionAttributeValues={":value": value},
            Limit=limit,
            **start,
        )
        return answer["Items"], "LastEvaluatedKey" in answer

    def batch(self, keys: Sequence[Item]) -> list[Item]:
        """The items that are there, in no order. Consistent; one request for each hundred keys, none of them twice.

        Raises:
            Throttled: DynamoDB went on leaving some out.
        """
        found: list[Item] = []
        for start in range(0, len(keys), BATCH):
            found += self._batch(keys[start : start + BATCH])
        return found

    def _batch(self, keys: Sequence[Item]) -> list[Item]:
        found: list[Item] = []
        pauses = iter(PAUSES)
        while True:
            answer: Any = self._ask(
                self._client.batch_get_item, RequestItems={self._name: {"Keys": keys, "ConsistentRead": True}}
            )
            found += answer.get("Responses", {}).get(self._name, [])
            # For want of throughput, or because the answer would be over 16 MB.
            left = answer.get("UnprocessedKeys", {}).get(self._name, {}).get("Keys", [])
            if not left:
                return found
            if len(left) < len(keys):
                pauses = iter(PAUSES)
            pause = next(pauses, None)
            if pause is None:
                raise Throttled(f"BatchGetItem: {len(left)} keys of {self._name} were left out again", RETRY_AFTER)
            self._sleeper.sleep(pause)
            keys = left

    def _standing(self, key: Item, refusal: Conflict) -> Item | None:
        """What stands where a condition failed; a refusal says so unless nothing does."""
        cause = refusal.__cause__
        told: Any = cause.response.get("Item") if isinstance(cause, ClientError) else None
        return told or self.get({name: key[name] for name in (PARTITION, SORT)})

    @property
    def _client(self) -> "DynamoDBClient":
        return self._clients.dynamodb


def entry(key: Item, attribute: str, value: Value, place: str) -> Item:
    """An index's entry, as a listing goes on from it."""
    return {**key, attribute: value, PLACE: {"S": place}}
