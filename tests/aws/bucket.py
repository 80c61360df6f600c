"""A bucket of S3 on a moto server, whose time a test moves."""

import itertools
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import attrs

from paddock.adapters.aws.clients import Clients
from paddock.adapters.memory.system import ManualClock
from tests.aws.judge import REGION
from tests.aws.machine import moto
from tests.aws.time import clients_of, moto_time

_NUMBERS = itertools.count()


@attrs.frozen
class MotoBucket:
    """A bucket, empty at first, and where it is served."""

    clients: Clients
    name: str
    url: str


@contextmanager
def bucket_on_moto(clock: ManualClock) -> Iterator[MotoBucket]:
    """A bucket that goes by the clock."""
    with ExitStack() as stack:
        url = stack.enter_context(moto())
        clients = stack.enter_context(clients_of(url))
        stack.enter_context(moto_time(clock, step=0))
        name = f"bucket-{next(_NUMBERS)}"  # the server is a new one, what is behind it is not
        where = {"LocationConstraint": REGION}
        clients.s3.create_bucket(Bucket=name, CreateBucketConfiguration=where)  # type: ignore[arg-type]
        yield MotoBucket(clients, name, url)
