"""moto's time in a test's hand, and clients to ask it with.

moto asks one function for the time. So loans run out without anybody waiting, and a long poll, which waits on a
condition, moves the clock instead.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import cache
from unittest.mock import patch

from boto3.session import Session
from moto.core import utils
from moto.s3 import models as buckets
from moto.sqs.models import Queue
from moto.sts import models as _  # noqa: F401 - whoever is first loaded within `moto_time` would keep its time for ever

from paddock.adapters.aws.clients import Clients
from paddock.adapters.memory.system import ManualClock
from paddock.core.units import SECOND, Span, datetime_of
from tests.aws.judge import REGION


@contextmanager
def moto_time(clock: ManualClock, *, step: Span = 2) -> Iterator[None]:
    """Within it moto's queues and buckets go by the clock.

    Each look moves it by `step`. A queue needs that: moto takes a loan that ends now for one that lasts, so on a clock
    that stood still none would ever end. Two microseconds are more than its floating-point milliseconds swallow.
    """

    def now() -> datetime:
        clock.advance(step)
        return datetime_of(clock.now()).replace(tzinfo=None)

    def wait(_queue: Queue, timeout: int) -> None:
        clock.advance(timeout * SECOND)

    with (
        patch.object(utils, "utcnow", now),
        patch.object(buckets, "utcnow", now),
        patch.object(Queue, "wait_for_messages", wait),
    ):
        yield


@cache
def session() -> Session:
    """Who asks moto: it believes everybody."""
    return Session(aws_access_key_id="test", aws_secret_access_key="test", region_name=REGION)


@contextmanager
def clients_of(url: str) -> Iterator[Clients]:
    """Clients of a moto server; their connections are closed afterwards."""
    clients = Clients(REGION, dict.fromkeys(("dynamodb", "ec2", "s3", "sqs"), url), session=session())
    try:
        yield clients
    finally:
        clients.close()
