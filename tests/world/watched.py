"""A world whose fleet is watched as on AWS: its log lines become metrics, and CloudWatch's rules judge the alarms.

What AWS's own services publish is told here once a minute: the depth and age of the queues, and the functions' calls.
"""

import itertools
from collections.abc import Iterable, Sequence

import attrs

from paddock.adapters.aws.watching.alarms import definitions
from paddock.adapters.aws.watching.evaluation import Change, State, replay
from paddock.adapters.aws.watching.names import QUEUES, Names, Query
from paddock.adapters.aws.watching.samples import Samples
from paddock.adapters.aws.watching.targets import Targets
from paddock.adapters.memory import MemoryDecisions
from paddock.adapters.simulation.functions import Schedule
from paddock.adapters.telemetry.catalogue import catalogue
from paddock.adapters.telemetry.decisions import ToldDecisions
from paddock.adapters.telemetry.gauges import LoggedGauges
from paddock.core.settings import FleetSettings
from paddock.core.units import MINUTE, SECOND, Moment
from tests.world.world import SETTINGS, World

NAMES = Names.of("ci")
TARGETS = Targets(cost_per_hour=5_000_000)
SETTLED = 10 * MINUTE
LATEST = 5 * MINUTE
"""So much may go by from the moment a threshold is crossed to the alarm."""


def queries(name: str, of: str = "", **dimensions: str) -> Query:
    """A metric by its name."""
    return Query("m", name, "Sum", of=of, dimensions=dimensions)


@attrs.define
class Metrics:
    """Metrics by hand. ``samples`` is what CloudWatch holds."""

    samples: Samples = attrs.field(factory=Samples)

    def tell(self, at: Moment, name: str, value: float = 1, of: str = "", **dimensions: str) -> None:
        """The metric had this value then."""
        self.samples.add(queries(name, of, **dimensions).key(NAMES), at, value)

    def well(self, since: Moment, until: Moment) -> None:
        """A fleet with a little to do, and nothing that is wrong."""
        for minute in range(since, until, MINUTE):
            at = minute + 20 * SECOND
            self.tell(at, "Sweeps")
            self.tell(at, "Machines", 3)
            self.tell(at, "JobsWaiting", 1)
            self.tell(at, "OldestWait", 40_000)
            self.tell(at, "CostPerHour", 300_000)
            self.tell(at, "JobsLaunched")
            self.tell(at, "SpotLaunches")
            self.tell(at, "GitHubBudgetLeft", 4_000)
            self.tell(at, "Invocations", 3, of="webhook")
            for queue in QUEUES:
                self.tell(at, "ApproximateNumberOfMessagesVisible", 0, of=queue)
                self.tell(at, "ApproximateNumberOfMessagesVisible", 0, of=f"{queue}_dead")
                self.tell(at, "ApproximateAgeOfOldestMessage", 0, of=queue)

    def changes(self, since: Moment, until: Moment) -> list[Change]:
        """What the alarms make of it, once there is something to look back on."""
        return list(replay(definitions(TARGETS), NAMES, self.samples, since + SETTLED, until))


def rung(changes: Iterable[Change]) -> list[tuple[str, Moment]]:
    """The alarms that went off, and when."""
    return [(change.alarm, change.at) for change in changes if change.state is State.ALARM]


def states(changes: Iterable[Change]) -> dict[str, State]:
    """Every alarm's last state."""
    return {change.alarm: change.state for change in changes}


class Watched(World):
    """A world, and its log lines. ``metrics`` holds what they and AWS say."""

    def __init__(self, settings: FleetSettings = SETTINGS) -> None:
        """Args: the fleet's settings."""
        self.lines: list[str] = []
        self.metrics = Metrics()
        self._read = 0
        super().__init__(settings=settings, around=self._telling)
        self.sim.gauges = LoggedGauges(self.lines.append, catalogue(), NAMES.stack, self.clock)
        self.fleet = self.new_fleet()
        self.began = self.clock.now()
        Schedule(self.clock, MINUTE, self._published)

    def _telling(self, name: str, port: object) -> object:
        if name != "decisions":
            return port
        assert isinstance(port, MemoryDecisions)
        return ToldDecisions(port, self.lines.append, catalogue(), NAMES.stack)

    def _published(self) -> None:
        """What AWS says of the last minute."""
        now, tell = self.clock.now() - SECOND, self.metrics.tell
        for name, depth in {"jobs": self.jobs.depth(), "events": self.events.depth()}.items():
            tell(now, "ApproximateNumberOfMessagesVisible", depth.waiting, of=name)
            tell(now, "ApproximateNumberOfMessagesVisible", depth.dead, of=f"{name}_dead")
        tell(now, "ApproximateNumberOfMessagesVisible", 0, of="reports")
        calls, self._calls = self.sim.processes.invocations - self._calls, self.sim.processes.invocations
        if calls > 1:  # one is the sweep's
            tell(now, "Invocations", calls - 1, of="webhook")

    _calls = 0

    def changes(self) -> list[Change]:
        """What the alarms made of all that was up to now."""
        lines, self._read = itertools.islice(self.lines, self._read, None), len(self.lines)
        self.metrics.samples.read(lines)
        return self.metrics.changes(self.began, self.clock.now())


def names_of(found: Sequence[tuple[str, Moment]]) -> set[str]:
    """The alarms alone."""
    return {name for name, _ in found}
