"""What EC2 and GitHub allow, written down from their own pages, and a judge of recorded calls.

Nothing here is the product's: neither its figures nor its arithmetic. Sources:

* *EC2*: AWS, "Request throttling for the Amazon EC2 API" (EC2 Developer Guide). Each API has buckets of its own, per
  account and region; tokens come back once a second. CreateFleet is one of the mutating actions that have no line of
  their own; that its machines are drawn from the same bucket as those of RunInstances is assumed.
* *GitHub*: "Rate limits for the REST API" (per installation: calls an hour, of which an answer 304 is none; 900 points
  a minute for one endpoint, a read counting 1 and anything else 5; 100 requests at once; 80 requests a minute and 500
  an hour that generate content), and "Limits in GitHub Actions" (1,500 runners in five minutes). It does not say which
  requests generate content; those do that leave something for people to read, and a runner is not such.

A limit that no recorded call touches is not judged: `judge` refuses, for what was not tried has not been kept.
"""

import heapq
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Protocol

import attrs

from paddock.core.units import HOUR, MINUTE, SECOND, Moment, Span

PHASES = 5
"""EC2 puts tokens back once a second, nobody knows when in it: so many beginnings of the second are tried."""

PRIMARY = 5_000
"""Calls an hour of the smallest installation; of an organisation on Enterprise Cloud it is 15,000."""

RUNNER = "github runner"
"""A registration, whoever asked for it: a call of ours, or a machine that was given a token. It is no call itself."""


@attrs.frozen
class Asked:
    """A call as it was on the wire.

    ``operation`` is ``ec2 CreateFleet`` or ``github GET /repos/{repo}/actions/jobs/{id}``; ``variant`` tells calls of
    one operation apart that have different buckets. ``count`` is how many machines it is about. ``who`` is whom GitHub
    counts it for, ``going`` from when until when it was on its way, ``free`` that the hour's limit does not count it.
    """

    at: Moment
    operation: str
    count: int = 1
    variant: str = ""
    who: str = ""
    going: tuple[Moment, Moment] = (0, 0)
    free: bool = False


@attrs.frozen
class Excess:
    """One call above a limit: what it would have needed, and what there was."""

    limit: str
    at: Moment
    operation: str
    needed: int
    left: int
    who: str = ""


@attrs.frozen
class Judged:
    """What came of one limit. ``least`` is how little of it was left at the worst moment."""

    calls: int
    least: int
    excess: tuple[Excess, ...] = ()


class VacuousError(AssertionError):
    """A limit was to be judged by which no call was recorded."""


class Limit(Protocol):
    """One documented limit."""

    @property
    def name(self) -> str:
        """What it is called in reports."""

    def judge(self, calls: Sequence[Asked]) -> Judged:
        """Hold the calls, in the order of time, against it; those that it is not about are passed over."""


@attrs.frozen
class Tokens:
    """A bucket of EC2's, full at first. ``of`` are operations, with their variants; ``each`` counts machines.

    Who finds too few is refused, and takes none.
    """

    name: str
    of: frozenset[tuple[str, str]]
    capacity: int
    refill: int
    each: bool = False

    def judge(self, calls: Sequence[Asked]) -> Judged:
        """The worst of what comes of it, over the moments at which the second may begin."""
        mine = [call for call in calls if (call.operation, call.variant) in self.of]
        found = [self._from(mine, number * SECOND // PHASES) for number in range(PHASES)]
        return max(found, key=lambda one: (len(one.excess), -one.least))

    def _from(self, calls: Sequence[Asked], phase: Span) -> Judged:
        left = least = self.capacity
        tick = (calls[0].at - phase) // SECOND if calls else 0
        excess: list[Excess] = []
        for call in calls:
            now = (call.at - phase) // SECOND
            left, tick = min(self.capacity, left + (now - tick) * self.refill), now
            needed = call.count if self.each else 1
            if needed > left:
                excess.append(Excess(self.name, call.at, call.operation, needed, left))
            else:
                left -= needed
                least = min(least, left)
        return Judged(len(calls), least, tuple(excess))


@attrs.frozen
class Window:
    """At most so much in any span. ``weigh`` is what a call counts (0: not at all), ``group`` whom it is counted with.

    Who is above it counts all the same: GitHub is asked not to go on.
    """

    name: str
    most: int
    span: Span
    weigh: Callable[[Asked], int]
    group: Callable[[Asked], str]

    def judge(self, calls: Sequence[Asked]) -> Judged:
        """Each group alone."""
        groups: dict[str, list[tuple[Asked, int]]] = defaultdict(list)
        for call in calls:
            weight = self.weigh(call)
            if weight:
                groups[self.group(call)].append((call, weight))
        parts = [self._of_one(group) for group in groups.values()]
        return Judged(
            sum(part.calls for part in parts),
            min((part.least for part in parts), default=self.most),
            tuple(excess for part in parts for excess in part.excess),
        )

    def _of_one(self, calls: Sequence[tuple[Asked, int]]) -> Judged:
        used, first, least = 0, 0, self.most
        excess: list[Excess] = []
        for call, weight in calls:
            while call.at - calls[first][0].at >= self.span:
                used -= calls[first][1]
                first += 1
            left = self.most - used
            if weight > left:
                excess.append(Excess(self.name, call.at, call.operation, weight, max(0, left), call.who))
            used += weight
            least = min(least, max(0, self.most - used))
        return Judged(len(calls), least, tuple(excess))


@attrs.frozen
class AtOnce:
    """At most so many of GitHub's calls on their way at one moment, of one installation."""

    name: str
    most: int

    def judge(self, calls: Sequence[Asked]) -> Judged:
        """Calls that begin as another ends are not at once."""
        mine = sorted((call for call in calls if is_github(call)), key=lambda call: call.going)
        ends: dict[str, list[Moment]] = defaultdict(list)
        least = self.most
        excess: list[Excess] = []
        for call in mine:
            began, end = call.going
            others = ends[call.who]
            while others and others[0] <= began:
                heapq.heappop(others)
            if len(others) >= self.most:
                excess.append(Excess(self.name, began, call.operation, 1, 0, call.who))
            heapq.heappush(others, end)
            least = min(least, max(0, self.most - len(others)))
        return Judged(len(mine), least, tuple(excess))


def is_github(call: Asked) -> bool:
    """True if it is a call of GitHub's API."""
    return call.operation.startswith("github ") and call.operation != RUNNER


def points(call: Asked) -> int:
    """What it counts for one endpoint."""
    if not is_github(call):
        return 0
    return 1 if call.operation.split()[1] in {"GET", "HEAD", "OPTIONS"} else 5


def endpoint(call: Asked) -> str:
    """Whose calls of which path are counted together, whatever the method."""
    return f"{call.who} {call.operation.split()[-1]}"


_CONTENT = re.compile(r"github POST \S+/(check-runs|comments|issues|statuses|deployments)")


def _content(call: Asked) -> int:
    return 1 if _CONTENT.fullmatch(call.operation) else 0


def _who(call: Asked) -> str:
    return call.who


def _ec2(name: str, variant: str = "") -> frozenset[tuple[str, str]]:
    return frozenset({(f"ec2 {name}", variant)})


FILTERED = "filtered"
"""The variant of a description that names a filter or a page."""

EC2: tuple[Limit, ...] = (
    Tokens("CreateFleet requests", _ec2("CreateFleet"), 50, 5),
    Tokens("launched machines", _ec2("CreateFleet") | _ec2("RunInstances"), 1_000, 2, each=True),
    Tokens("DescribeInstances by ids", _ec2("DescribeInstances"), 50, 10),
    Tokens("DescribeInstances filtered", _ec2("DescribeInstances", FILTERED), 100, 20),
    Tokens("DescribeInstanceTypeOfferings", _ec2("DescribeInstanceTypeOfferings", FILTERED), 100, 20),
    Tokens("TerminateInstances requests", _ec2("TerminateInstances"), 100, 5),
    Tokens("terminated machines", _ec2("TerminateInstances"), 1_000, 20, each=True),
)
"""What every fleet asks for."""

SLEEP: tuple[Limit, ...] = (
    Tokens("StartInstances requests", _ec2("StartInstances"), 5, 2),
    Tokens("started machines", _ec2("StartInstances"), 1_000, 2, each=True),
    Tokens("StopInstances requests", _ec2("StopInstances"), 50, 5),
    Tokens("stopped machines", _ec2("StopInstances"), 1_000, 20, each=True),
)
"""What pools ask for besides."""


def calls_an_hour(most: int) -> Limit:
    """The primary limit of an installation that has so many."""
    return Window("GitHub calls", most, HOUR, lambda call: int(is_github(call) and not call.free), _who)


GITHUB: tuple[Limit, ...] = (
    calls_an_hour(PRIMARY),
    Window("GitHub points for one endpoint", 900, MINUTE, points, endpoint),
    Window("runners registered", 1_500, 5 * MINUTE, lambda call: int(call.operation == RUNNER), _who),
    AtOnce("GitHub calls at once", 100),
)
"""What every fleet asks for."""

CONTENT: tuple[Limit, ...] = (
    Window("GitHub content in a minute", 80, MINUTE, _content, _who),
    Window("GitHub content in an hour", 500, HOUR, _content, _who),
)
"""Where people are told something."""


def judge(calls: Iterable[Asked], limits: Iterable[Limit]) -> Mapping[str, Judged]:
    """What came of each limit, by its name.

    Raises:
        VacuousError: no call is about one of them.
    """
    in_order = sorted(calls, key=lambda call: call.at)
    found = {limit.name: limit.judge(in_order) for limit in limits}
    untried = [name for name, one in found.items() if not one.calls]
    if untried:
        raise VacuousError(f"no recorded call is about: {', '.join(untried)}")
    return found


def exceeded(judged: Mapping[str, Judged]) -> Iterator[str]:
    """A line for each limit that was not kept: how often, and the first time."""
    for name, one in judged.items():
        if one.excess:
            yield f"{name}: {len(one.excess)} of {one.calls} calls were above it, at first {one.excess[0]}"
