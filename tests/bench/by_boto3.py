"""Stores that keep everything in memory and yet ask DynamoDB for it by boto3, which is answered before it is sent.

So what a function does by itself can be measured, boto3's part included, and no network with it.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import attrs
from boto3.session import Session
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders

from paddock.adapters.aws.clients import Clients
from paddock.adapters.aws.dynamodb.items import Items
from paddock.adapters.aws.dynamodb.records import DynamoRecords
from paddock.adapters.aws.dynamodb.table import Table as DynamoTable
from paddock.adapters.aws.dynamodb.together import DynamoTogether
from paddock.adapters.system import RandomIds, SystemClock, SystemSleeper
from paddock.adapters.tables import stores_in, stores_of, table_of
from paddock.core.ports.records import Page
from paddock.core.ports.stores import Table
from paddock.core.ports.together import Add, Together, Write
from paddock.core.records import Kind


@attrs.frozen
class _Body:
    """What botocore reads of an answer."""

    text: bytes

    def stream(self, **_: object) -> Iterator[bytes]:
        """All of it."""
        yield self.text


@attrs.define
class Wire:
    """What is answered next. ``on``: ask at all; ``requests`` counts them."""

    on: bool = False
    requests: int = 0
    answer: Mapping[str, object] = attrs.field(factory=dict)

    def __call__(self, request: Any, **_: object) -> AWSResponse:  # noqa: ANN401 - botocore's
        """The answer in place of the network's."""
        self.requests += 1
        raw: Any = _Body(json.dumps(self.answer).encode())
        headers = HTTPHeaders.from_dict({"Content-Type": "application/x-amz-json-1.0"})
        return AWSResponse(request.url, 200, headers, raw)


class ByBoto3:
    """The records of a kind."""

    def __init__(self, kind: Kind[Any], inner: Any, dynamo: DynamoRecords[Any], wire: Wire) -> None:  # noqa: ANN401 - any store
        self._items: Items[Any] = Items(kind)
        self._inner, self._dynamo, self._wire = inner, dynamo, wire

    def told(self, record: Any) -> dict[str, Any]:  # noqa: ANN401 - of any kind
        """The item of a record."""
        return self._items.item(record, 0, "0" * 12)

    def add(self, record: Any) -> bool:  # noqa: ANN401 - of any kind
        """See the port."""
        added: bool = self._inner.add(record)
        if added and self._wire.on:
            self._wire.answer = {}
            return self._dynamo.add(record)
        return added

    def get(self, key: str) -> Any:  # noqa: ANN401 - of any kind
        """See the port."""
        record = self._inner.get(key)
        if not self._wire.on:
            return record
        self._wire.answer = {} if record is None else {"Item": self.told(record)}
        return self._dynamo.get(key)

    def update(self, key: str, when: Mapping[str, object], change: Mapping[str, object]) -> Any:  # noqa: ANN401 - of any kind
        """See the port. What is refused is not asked for."""
        record = self._inner.update(key, when, change)
        if not self._wire.on:
            return record
        self._wire.answer = {"Attributes": self.told(record)}
        return self._dynamo.update(key, when, change)

    def page(self, index: str, value: str, *, limit: int = 100, cursor: str | None = None) -> Page[Any]:
        """See the port; not by boto3."""
        page: Page[Any] = self._inner.page(index, value, limit=limit, cursor=cursor)
        return page

    def remove(self, key: str) -> bool:
        """See the port; not by boto3."""
        removed: bool = self._inner.remove(key)
        return removed


class TogetherByBoto3:
    """Several records in one step."""

    def __init__(self, inner: Together, dynamo: DynamoTogether, stores: Mapping[str, ByBoto3], wire: Wire) -> None:
        self._inner, self._dynamo, self._stores, self._wire = inner, dynamo, stores, wire

    def write(self, writes: Sequence[Write]) -> bool:
        """See the port. What is refused is not asked for."""
        done = self._inner.write(writes)
        if not done or not self._wire.on:
            return done
        self._wire.answer = {}
        if len(writes) == 1 and not isinstance(writes[0], Add):
            store = self._stores[writes[0].kind.prefix]
            self._wire.answer = {"Attributes": store.told(store._inner.get(writes[0].key))}
        return self._dynamo.write(writes)


def by_boto3(memory: Table) -> tuple[Table, Wire, Clients]:
    """That table by way of boto3, as soon as the wire is on; the clients are to be closed."""
    wire, inner = Wire(), stores_in(memory)
    session = Session(aws_access_key_id="test", aws_secret_access_key="test", region_name="eu-west-1")
    clients = Clients("eu-west-1", session=session)
    answering: Any = wire
    clients.dynamodb.meta.events.register("before-send.dynamodb", answering)
    table, ids = DynamoTable(clients, "paddock-ci", SystemSleeper()), RandomIds()
    dynamo = stores_of(partial(DynamoRecords[Any], table=table, clock=SystemClock(), ids=ids))
    stores = stores_of(lambda kind: ByBoto3(kind, inner[kind.prefix], dynamo[kind.prefix], wire))
    together = TogetherByBoto3(memory.together, DynamoTogether(dynamo, table, ids), stores, wire)
    return table_of(stores, together), wire, clients
