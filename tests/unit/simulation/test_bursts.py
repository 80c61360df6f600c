"""Two thousand jobs within a minute: not one call is above a limit, and the oldest job is the first to be started.

The limits are checked twice: the simulated world refuses what is above them, and here every call of a port is kept with
its moment and held against limits that are written down anew. What adapters make of these calls on the wire, and how
machines are ended, is in ``tests/integration/aws/test_bursts_on_wires.py``.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import attrs
import pytest

from paddock.adapters.memory.github import RunnerRecord
from paddock.adapters.pacing import Ceiling, ec2_ceilings, github_ceilings
from paddock.adapters.pacing.ceilings import FLEETS, MACHINES, REGISTRATIONS, RUNNERS
from paddock.adapters.simulation.cloud import quiet
from paddock.adapters.simulation.draws import always, between
from paddock.adapters.simulation.load import JobLoad, RunLoad
from paddock.adapters.simulation.outcome import Outcome
from paddock.adapters.simulation.parameters import Parameters, Travel
from paddock.adapters.simulation.wires import Call, Wired
from paddock.adapters.simulation.world import Simulation
from paddock.core.decision import Decision
from paddock.core.fleet import Fleet
from paddock.core.pace import TOGETHER, Bucket, Window
from paddock.core.ports.github import Scope
from paddock.core.settings import FleetSettings
from paddock.core.units import MINUTE, SECOND, Moment, Span
from tests.strategies import NOON
from tests.world.workloads import Burst

pytestmark = pytest.mark.slow

JOBS = 2_000
CEILINGS: Mapping[str, Ceiling] = {**ec2_ceilings(), **github_ceilings()}
SOON = Parameters(travel=Travel(webhook=between(SECOND, 3 * SECOND)))
AT_ONE_TIME = Parameters(travel=Travel(webhook=always(SECOND)))
SETTINGS = FleetSettings(repositories=("acme/*", "umbra/*"))
JUST_IN_TIME = attrs.evolve(SETTINGS, registration_tokens=False)


class One:
    """A job alone, once a minute."""

    name = "one by one"
    repositories = ("acme/app",)

    def runs(self) -> Iterator[RunLoad]:
        """See `Workload.runs`."""
        for minute in range(20):
            yield RunLoad(NOON + minute * MINUTE, "acme/app", "ci", (JobLoad("test", ("paddock",), 30 * SECOND),))


class Recorded:
    """Every call that reached the world behind the limits, by name: when, and for how many."""

    def __init__(self) -> None:
        self.now: Callable[[], Moment] = lambda: 0
        self.calls: dict[str, list[tuple[Moment, int]]] = defaultdict(list)

    def around(self, name: str, port: Any) -> Any:  # noqa: ANN401 - any port
        """What is put around the ports."""
        return Wired(name, port, self._record) if name in {"machines", "github.runners"} else port

    def _record(self, what: str, call: Call) -> Any:  # noqa: ANN401 - see Interceptor
        arguments: tuple[Any, ...] = getattr(call, "args", ())
        count = arguments[0].count if what == "machines.launch" else 1
        if what == "github.runners.jit_config":
            what = f"{what}/{arguments[0].owner}"
        self.calls[what].append((self.now(), count))
        return call()


class BurstWorld(Simulation):
    """The world with several dispatchers, each a process of its own, that take turns at the queue."""

    def __init__(
        self,
        burst: Burst,
        *,
        dispatchers: int = 1,
        parameters: Parameters = SOON,
        settings: FleetSettings = SETTINGS,
        seed: int = 0,
    ) -> None:
        self.recorded = Recorded()
        self.registered: dict[str, list[tuple[Moment, int]]] = defaultdict(list)
        self.launched: list[tuple[Moment, Moment]] = []
        self.heard: list[Moment] = []
        super().__init__(
            burst,
            settings=settings,
            seed=seed,
            cloud=quiet(),
            parameters=parameters,
            around=self.recorded.around,
            ceilings=CEILINGS,
        )
        self.recorded.now = self.timeline.now
        self._dispatchers: Sequence[Fleet] = [self.new_fleet() for _ in range(dispatchers)]
        self._turn = 0
        self._register = self.github.runners.register
        self.github.runners.register = self._registers  # type: ignore[method-assign]  # whoever does it
        self._append = self.decisions.append
        self.decisions.append = self._look  # type: ignore[method-assign]  # it is told of every launch
        self.processes.dispatch = self._dispatch  # type: ignore[method-assign]  # one process there, several here
        self.workers[0]._step = self._dispatch

    def _look(self, decisions: Sequence[Decision]) -> None:
        for one in decisions:
            job = self.table.jobs.get(one.subject.removeprefix("job:")) if one.verdict == "launched" else None
            if job is not None:
                self.launched.append((one.at, job.facts.created_at))
                self.heard.append(job.received_at)
        self._append(decisions)

    def _registers(self, scope: Scope, name: str, labels: Sequence[str], **more: Any) -> RunnerRecord:  # noqa: ANN401 - as there
        self.registered[scope.owner].append((self.timeline.now(), 1))
        return self._register(scope, name, labels, **more)

    def _dispatch(self) -> int:
        self._turn += 1
        fleet = self._dispatchers[self._turn % len(self._dispatchers)]
        return self.processes.guarded("dispatch", fleet.dispatch_once) or 0


def within_bucket(calls: Sequence[tuple[Moment, int]], capacity: int, refill: int) -> bool:
    """True if a bucket of EC2's that was full at first had a token for every call."""
    parts, at = capacity * SECOND, calls[0][0] if calls else 0
    for moment, count in calls:
        parts = min(capacity * SECOND, parts + (moment - at) * refill) - count * SECOND
        at = moment
        if parts < 0:
            return False
    return True


def most_within(calls: Sequence[tuple[Moment, int]], span: Span) -> int:
    """The most that fell into any stretch of time of this length."""
    moments = [at for at, count in calls for _ in range(count)]
    most = first = 0
    for last, at in enumerate(moments):
        while at - moments[first] >= span:
            first += 1
        most = max(most, last - first + 1)
    return most


def check_limits(world: BurstWorld, outcome: Outcome) -> None:
    calls = world.recorded.calls
    assert {one.name: one.throttled for one in outcome.calls if one.throttled} == {}
    launches = calls["machines.launch"]
    assert within_bucket([(at, 1) for at, _ in launches], 50, 5)
    assert within_bucket(launches, 1_000, 2)
    assert within_bucket(calls["machines.describe"], 50, 10)
    assert within_bucket(calls["machines.page"], 100, 20)
    for name, made in calls.items():
        if name.startswith("github.runners.jit_config/"):
            assert most_within(made, MINUTE) <= 180
    for registered in world.registered.values():
        assert most_within(registered, 5 * MINUTE) <= 1_500
    assert outcome.jobs.served == outcome.jobs.queued
    assert not outcome.violations
    assert not world.jobs.dead_letters()
    assert not world.events.dead_letters()


def last_start(jobs: int, window: str = REGISTRATIONS) -> Span:
    """When the last of so many jobs is started, computed from what is shared of GitHub's and EC2's limits alone.

    The first window's worth goes at once, as far as there are machines and requests for them, if each had one of its
    own; the others follow as tokens come back; turns are at every fifth second, and whoever is early comes once more.
    """
    shared = CEILINGS[window].shared
    assert isinstance(shared, Window)
    waits = [shared.span + shared.slice + (jobs - shared.most) * shared.step if jobs > shared.most else 0]
    for bucket in (CEILINGS[MACHINES].shared, CEILINGS[FLEETS].shared):
        assert isinstance(bucket, Bucket)
        waits.append((jobs - bucket.capacity) * bucket.every)
    return max(waits) + 6 * TOGETHER


@pytest.mark.parametrize(
    ("settings", "window", "dispatchers"), [(JUST_IN_TIME, REGISTRATIONS, 1), (SETTINGS, RUNNERS, 5)]
)
def test_a_burst_is_started_in_order_and_within_every_limit(
    settings: FleetSettings, window: str, dispatchers: int
) -> None:
    """No call is refused; jobs start in the order in which GitHub queued them; the last one in the time computed.

    With tokens that is 11 minutes, and 16 without: then GitHub's limit on just-in-time configurations is all there is.
    """
    world = BurstWorld(Burst(JOBS), dispatchers=dispatchers, settings=settings)
    outcome = world.run()
    check_limits(world, outcome)
    assert len(world.launched) == JOBS
    latest = NOON
    for _, created in world.launched:
        assert created >= latest - 20 * SECOND  # webhooks take up to three, batches and turns are five apart
        latest = max(latest, created)
    assert max(at - created for at, created in world.launched) <= last_start(JOBS, window)
    assert outcome.machines <= JOBS * 101 // 100


def test_a_job_whose_webhook_is_late_goes_before_those_who_came_later() -> None:
    """Webhooks take up to ten minutes: whoever is then the oldest is started at the next turns, and not at the end."""
    world = BurstWorld(Burst(count=1_000), dispatchers=3, parameters=Parameters(), settings=JUST_IN_TIME)
    outcome = world.run()
    check_limits(world, outcome)
    assert max(at - created for at, created in world.launched) <= last_start(1_000) + 10 * MINUTE
    late = [
        at - heard
        for (at, created), heard in zip(world.launched, world.heard, strict=True)
        if created < NOON + 20 * SECOND and heard > NOON + 170 * SECOND  # by then, those before it have been started
    ]
    assert late
    assert max(late) <= 4 * TOGETHER


def test_jobs_that_any_runner_may_take_are_all_served_and_no_machine_more_is_started() -> None:
    """GitHub hands a job to another one's runner: whose machine was taken is the oldest, and gets the next one."""
    world = BurstWorld(Burst(count=1_000, salted=False), dispatchers=3)
    outcome = world.run()
    check_limits(world, outcome)
    assert outcome.machines <= 1_000 * 101 // 100
    assert max(at - created for at, created in world.launched) <= last_start(1_000, RUNNERS)


def test_one_owner_waits_for_its_own_limit_alone() -> None:
    """GitHub counts by installation: twice as many owners are served twice as fast, as long as EC2 lets them."""
    world = BurstWorld(Burst(count=800, owners=("acme", "umbra")), dispatchers=5, settings=JUST_IN_TIME)
    outcome = world.run()
    check_limits(world, outcome)
    assert max(at - created for at, created in world.launched) <= last_start(400)


def test_jobs_that_come_one_by_one_cost_the_table_nearly_nothing() -> None:
    """One job a minute: all twenty need one more look and one more change than without limits."""
    counts = []
    for ceilings in (None, CEILINGS):
        world = Simulation(One(), settings=SETTINGS, cloud=quiet(), parameters=SOON, ceilings=ceilings)
        world.run()
        counts.append((world.tally.reads, world.tally.writes))
    assert counts[1][0] - counts[0][0] <= 2  # a consistent read counts twice
    assert counts[1][1] - counts[0][1] <= 2


def test_ten_jobs_at_once_cost_the_table_little() -> None:
    """One change for their starts and some for looking at their machines when they end, and a first read."""
    counts = []
    for ceilings in (None, CEILINGS):
        world = Simulation(Burst(count=10), settings=SETTINGS, cloud=quiet(), parameters=AT_ONE_TIME, ceilings=ceilings)
        world.run()
        counts.append((world.tally.reads, world.tally.writes))
    assert counts[1][0] - counts[0][0] <= 2  # a consistent read counts twice
    assert counts[1][1] - counts[0][1] <= 5
