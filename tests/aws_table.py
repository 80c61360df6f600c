"""The table on a moto server, or at the address that a test run names, made as its definition says.

moto checks a condition and writes in two steps, with nothing to keep others out in between. So its requests are handled
one at a time: that conditional writes are atomic is DynamoDB's promise, which dynalite keeps by itself.
"""

import hashlib
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Any, Final

import attrs
from boto3.session import Session

from paddock.adapters.aws.clients import Clients
from paddock.adapters.aws.dynamodb import TABLE, DynamoAssignments, DynamoRecords, Table
from paddock.adapters.memory import ManualClock, ManualSleeper, SequentialIds
from paddock.core.records import Kind
from tests.aws_judge import REGION
from tests.aws_machine import moto
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
    """A table, empty at first, and who uses it. ``sleeper`` moves the clock."""

    clients: Clients
    url: str
    name: str
    clock: ManualClock
    table: Table
    ids: SequentialIds

    def records(self, kind: Kind[Any]) -> DynamoRecords[Any]:
        """The records of a kind in it."""
        return DynamoRecords(kind, self.table, self.clock, self.ids)

    def assignments(self, role_id: str) -> DynamoAssignments:
        """The assignments in it, to machines of this role."""
        return DynamoAssignments(self.table, role_id, self.clock)

    def items(self) -> list[dict[str, Any]]:
        """All that is in it, as it is there."""
        return list(self.clients.dynamodb.scan(TableName=self.name)["Items"])

    def item(self, partition: str, sort: str = "RECORD") -> dict[str, Any]:
        """One item, as it is there."""
        key = {"pk": {"S": partition}, "sk": {"S": sort}}
        return dict(self.clients.dynamodb.get_item(TableName=self.name, Key=key)["Item"])


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
def table_of(folder: Path) -> Iterator[TableUnderTest]:
    """The table of this folder, the same for all who name it: made if it is not there."""
    with ExitStack() as stack:
        url = stack.enter_context(address())
        clients = Clients(REGION, {"dynamodb": url}, session=session(), pool=20)
        stack.callback(clients.dynamodb.close)
        name = "paddock-" + hashlib.sha256(str(folder).encode()).hexdigest()[:16]
        create(clients, name)
        clock = ManualClock(NOON)
        yield TableUnderTest(clients, url, name, clock, Table(clients, name, ManualSleeper(clock)), _ids())


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
