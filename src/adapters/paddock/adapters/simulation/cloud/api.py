"""The API's token buckets: each action has one for requests, and some have one for the machines they are about."""

from paddock.adapters.simulation.cloud.parameters import ApiLimits, Limit
from paddock.adapters.simulation.outcome import Calls
from paddock.core.errors import Throttled
from paddock.core.units import MINUTE, SECOND, Moment

_TOKEN = SECOND  # a token is as many parts as a second has microseconds: refill a second is parts a microsecond


class Bucket:
    """Tokens that are taken at once and come back with time, up to a capacity."""

    __slots__ = ("_at", "_most", "_parts", "_refill", "limit")

    def __init__(self, limit: Limit, now: Moment) -> None:
        """Args: its size and refill; the moment at which it is full."""
        self.limit = limit
        self._refill = limit.refill
        self._most = self._parts = limit.capacity * _TOKEN
        self._at = now

    def tokens(self, now: Moment) -> int:
        """How many whole tokens there are."""
        parts = self._parts + (now - self._at) * self._refill
        self._parts = min(self._most, parts)
        self._at = now
        return self._parts // _TOKEN

    def take(self, count: int, now: Moment) -> bool:
        """Take so many tokens; False, and none taken, if there are not enough."""
        if self.tokens(now) < count:
            return False
        self._parts -= count * _TOKEN
        return True


class Action:
    """One action of the API: its requests are counted, and throttled beyond the limit."""

    def __init__(self, name: str, limit: Limit, now: Moment) -> None:
        """Args: EC2's name of it; its bucket for requests; now."""
        self._name = name
        self._bucket = Bucket(limit, now)
        self._minute = self._in_minute = 0
        self._count = self._peak = self._throttled = 0

    def request(self, now: Moment) -> None:
        """Count a request.

        Raises:
            Throttled: EC2's RequestLimitExceeded.
        """
        self._count += 1
        if now // MINUTE != self._minute:
            self._minute, self._in_minute = now // MINUTE, 0
        self._in_minute += 1
        self._peak = max(self._peak, self._in_minute)
        if not self._bucket.take(1, now):
            raise self.refused()

    def refused(self) -> Throttled:
        """Count a refusal; the error that says so."""
        self._throttled += 1
        return Throttled(f"RequestLimitExceeded: too many requests of {self._name}", retry_after=SECOND)

    @property
    def calls(self) -> Calls:
        """What was asked, by calendar minutes; the limit is what a full bucket allows in one."""
        limit = self._bucket.limit
        return Calls(
            name=self._name,
            count=self._count,
            peak=self._peak,
            limit=limit.capacity + 60 * limit.refill,
            window=MINUTE,
            throttled=self._throttled,
        )


class Api:
    """The actions that the port needs, with their buckets."""

    def __init__(self, limits: ApiLimits, now: Moment) -> None:
        """Args: the buckets' sizes; the moment at which all are full."""
        self._launch = Action("CreateFleet", limits.launch, now)
        self._launched = Bucket(limits.launched_machines, now)
        self._terminate = Action("TerminateInstances", limits.terminate, now)
        self._terminated = Bucket(limits.terminated_machines, now)
        self._describe = Action("DescribeInstances by id", limits.describe, now)
        self._page = Action("DescribeInstances by page", limits.page, now)
        self._stop = Action("StopInstances", limits.stop, now)
        self._stopped = Bucket(limits.stopped_machines, now)
        self._start = Action("StartInstances", limits.start, now)
        self._started = Bucket(limits.started_machines, now)

    def launch(self, now: Moment) -> None:
        """One launch request. Raises Throttled."""
        self._launch.request(now)

    def launchable(self, count: int, now: Moment) -> int:
        """How many of so many machines may be launched now. Raises Throttled if none may."""
        allowed = min(count, self._launched.tokens(now))
        if allowed == 0:
            raise self._launch.refused()
        return allowed

    def launched(self, count: int, now: Moment) -> None:
        """So many machines were launched, of those that might be."""
        self._launched.take(count, now)

    def terminate(self, count: int, now: Moment) -> None:
        """One request to terminate so many machines. Raises Throttled."""
        _all(self._terminate, self._terminated, count, now)

    def stop(self, count: int, now: Moment) -> None:
        """One request to stop so many machines. Raises Throttled."""
        _all(self._stop, self._stopped, count, now)

    def start(self, count: int, now: Moment) -> None:
        """One request to start so many machines. Raises Throttled."""
        _all(self._start, self._started, count, now)

    def describe(self, now: Moment) -> None:
        """One description by ids. Raises Throttled."""
        self._describe.request(now)

    def page(self, now: Moment) -> None:
        """One page of the listing. Raises Throttled."""
        self._page.request(now)

    @property
    def calls(self) -> tuple[Calls, ...]:
        """Every action's requests so far. Those of pools are left out where there was none."""
        usual = (self._launch, self._describe, self._page, self._terminate)
        pools = tuple(action for action in (self._stop, self._start) if action.calls.count)
        return tuple(action.calls for action in (*usual, *pools))


def _all(action: Action, bucket: Bucket, count: int, now: Moment) -> None:
    """One request about so many machines: all or none."""
    action.request(now)
    if not bucket.take(min(count, bucket.limit.capacity), now):
        raise action.refused()
