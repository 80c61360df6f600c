"""Which of the catalogue's types are offered in which of our zones, asked for a few times a day."""

from collections.abc import Iterator, Sequence
from threading import Lock
from typing import TYPE_CHECKING

from paddock.adapters.aws.clients import Clients
from paddock.adapters.aws.errors import Asking
from paddock.core.errors import PaddockError, Unavailable
from paddock.core.ports.system import Clock
from paddock.core.spec import Offer
from paddock.core.units import HOUR, MINUTE, Moment, Span

if TYPE_CHECKING:
    from types_boto3_ec2.literals import LocationTypeType
    from types_boto3_ec2.type_defs import FilterTypeDef

KEPT: Span = 6 * HOUR
RETRIED: Span = 5 * MINUTE  # while EC2 does not answer, what it said last is good enough
MOST_VALUES = 200  # of a filter


class Offerings:
    """DescribeInstanceTypeOfferings, remembered. Safe for threads: one asks, the others wait for it.

    Requests: one per page and `MOST_VALUES` types, every `KEPT`; none in between.
    """

    def __init__(
        self, clients: Clients, ask: Asking, clock: Clock, *, types: Sequence[str], zones: Sequence[str]
    ) -> None:
        """Args: types and zones are the only ones that are asked about."""
        self._clients = clients
        self._ask = ask
        self._clock = clock
        self._types = types
        self._zones = zones
        self._known: frozenset[Offer] = frozenset()
        self._until: Moment = 0
        self._lock = Lock()

    def all(self) -> frozenset[Offer]:
        """Every type in every zone that has it.

        Raises:
            Unavailable, Throttled, AccessDenied: EC2 did not say, and never has.
        """
        with self._lock:
            now = self._clock.now()
            if now >= self._until:
                try:
                    self._known, self._until = self._asked(), now + KEPT
                except PaddockError:
                    if not self._known:
                        raise
                    self._until = now + RETRIED
            return self._known

    def _asked(self) -> frozenset[Offer]:
        found = frozenset(
            offer
            for start in range(0, len(self._types), MOST_VALUES)
            for offer in self._pages(self._types[start : start + MOST_VALUES])
        )
        if not found:  # jobs are refused for good by what is not on this list: it must say something
            raise Unavailable(f"DescribeInstanceTypeOfferings: nothing at all in {', '.join(self._zones)}")
        return found

    def _pages(self, types: Sequence[str]) -> Iterator[Offer]:
        describe = self._clients.ec2.describe_instance_type_offerings
        filters: Sequence[FilterTypeDef] = [
            {"Name": "location", "Values": self._zones},
            {"Name": "instance-type", "Values": types},
        ]
        where: LocationTypeType = "availability-zone"
        page = self._ask(describe, LocationType=where, Filters=filters)
        while True:
            for one in page["InstanceTypeOfferings"]:
                yield Offer(one.get("Location", ""), one.get("InstanceType", ""))
            cursor = page.get("NextToken")
            if not cursor:
                return
            page = self._ask(describe, LocationType=where, Filters=filters, NextToken=cursor)
