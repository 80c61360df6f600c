"""The table on a moto server, or at the address that a test run names, made as its definition says.

moto checks a condition and writes in two steps, with nothing to keep others out in between. So its requests are handled
one at a time: that conditional writes are atomic is DynamoDB's promise, which dynalite keeps by itself.
"""

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Any, Final

import attrs
from boto3.session import Session

from paddock.adapters import tables
from paddock.adapters.aws.clients import Clients
from paddock.adapters.aws.dynamodb.assignments import DynamoAssignments
from paddock.adapters.aws.dynamodb.definition import TABLE
from paddock.adapters.aws.dynamodb.records import DynamoRecords
from paddock.adapters.aws.dynamodb.table import Table
from paddock.adapters.aws.dynamodb.together import DynamoTogether
from paddock.adapters.memory import ManualClock, ManualSleeper, SequentialIds
from paddock.adapters.tables import stores_of
from paddock.core.ports.stores import Table as Stores
from paddock.core.records import Kind
from tests.aws.judge import REGION
from tests.aws.machine import moto
from tests.strategies import NOON

VARIABLE: Final = "PADDOCK_DYNAMODB_ENDPOINT"
"""The environment variable that names another DynamoDB than moto's."""

_ALONE = Lock()
_CREATED: Final = ("BillingMode", "KeySchema", "AttributeDefinitions", "GlobalSecondaryIndexes")


@cache
def session() -> Session:
    """Who asks: neither moto nor dynalite minds."""
    return Session(aws_access_key_id="test", aws_secret_access_key="test", region_name=REGION)


@attrs.frozen
class TableUnderTest:
    """A table, empty at first, and who uses it.

    Pauses move the clock. ``calls`` are the operations asked of DynamoDB with what was sent, however often.
    """

    clients: Clients
    url: str
    name: str
    clock: ManualClock
    table: Table
    ids: SequentialIds
    calls: list[tuple[str, Any]] = attrs.field(factory=list)

    def operations(self) -> list[str]:
        """The names of the operations asked for since the last look."""
        names = [name for name, _ in self.calls]
        self.calls.clear()
        return names

    def on_answer(self, operation: str, deed: Callable[[dict[str, Any]], object]) -> None:
        """Let the deed change each answer to an operation before the adapter sees it."""
        self._listen(f"after-call.dynamodb.{operation}", lambda parsed, **_: _done(deed, parsed))

    def note(self) -> None:
        """Write down what is asked."""
        self._listen("before-call.dynamodb", lambda model, params, **_: self._noted(model.name, params))

    def _noted(self, operation: str, params: dict[str, Any]) -> None:
        self.calls.append((operation, json.loads(params["body"])))

    def _listen(self, event: str, handler: Callable[..., None]) -> None:
        self.clients.dynamodb.meta.events.register(event, handler)

    def records(self, kind: Kind[Any]) -> DynamoRecords[Any]:
        """The records of a kind in it."""
        return DynamoRecords(kind, self.table, self.clock, self.ids)

    def whole(self) -> Stores:
        """The records of every kind in it."""
        stores = stores_of(self.records)
        return tables.table_of(stores, DynamoTogether(stores, self.table, self.ids))

    def assignments(self, role_id: str) -> DynamoAssignments:
        """The assignments in it, to machines of this role."""
        return DynamoAssignments(self.table, role_id, self.clock)

    def items(self) -> list[dict[str, Any]]:
        """All that is in it, as it is there."""
        found: list[dict[str, Any]] = [dict(item) for item in self.clients.dynamodb.scan(TableName=self.name)["Items"]]
        self.calls.pop()
        return found

    def item(self, partition: str, sort: str = "RECORD") -> dict[str, Any]:
        """One item, as it is there."""
        key: Any = {"pk": {"S": partition}, "sk": {"S": sort}}
        found = dict(self.clients.dynamodb.get_item(TableName=self.name, Key=key)["Item"])
        self.calls.pop()
        return found

    def put(self, item: dict[str, Any]) -> None:
        """Write an item as some other program might."""
        self.clients.dynamodb.put_item(TableName=self.name, Item=item)
        self.calls.pop()


@contextmanager
def address() -> Iterator[str]:
    """Where DynamoDB is played: a new server, but behind all of them is one memory."""
    named = os.environ.get(VARIABLE)
    if named:
        yield named
    else:
        with moto(_ALONE) as url:
            yield url


@contextmanager
def table_of(
    folder: Path, before: Callable[[str], AbstractContextManager[str]] = nullcontext
) -> Iterator[TableUnderTest]:
    """The table of this folder, the same for all who name it: made if it is not there.

    `before` may put something before the server whose address it is given, and gives the address to ask instead.
    """
    with ExitStack() as stack:
        url = stack.enter_context(before(stack.enter_context(address())))
        clients = Clients(REGION, {"dynamodb": url}, session=session(), pool=20)
        stack.callback(clients.dynamodb.close)
        name = "paddock-" + hashlib.sha256(str(folder).encode()).hexdigest()[:16]
        create(clients, name)
        clock = ManualClock(NOON)
        made = TableUnderTest(clients, url, name, clock, Table(clients, name, ManualSleeper(clock)), _ids())
        made.note()
        yield made


def _done(deed: Callable[[dict[str, Any]], object], parsed: dict[str, Any]) -> None:
    """Nothing may be returned: botocore would take it for an answer."""
    deed(parsed)


def create(clients: Clients, name: str) -> None:
    """Make the table if it is not there."""
    client: Any = clients.dynamodb
    try:
        client.create_table(TableName=name, **{part: TABLE[part] for part in _CREATED})
    except client.exceptions.ResourceInUseException:
        return
    while client.describe_table(TableName=name)["Table"]["TableStatus"] != "ACTIVE":
        pass  # both do it at once, or within milliseconds


@cache
def _ids() -> SequentialIds:
    """One for all, as everybody's tokens differ."""
    return SequentialIds()
