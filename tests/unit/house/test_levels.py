"""How high things stand: read off what a sweep has seen, told once, and never drifting."""

import attrs
from hypothesis import given
from hypothesis import strategies as st

from paddock.adapters.telemetry.catalogue import Emitter, catalogue
from paddock.adapters.telemetry.gauges import LoggedGauges, Sparing
from paddock.core.circuit import Circuit
from paddock.core.job import Job, JobFacts
from paddock.core.pools.pool import Stock
from paddock.core.runner import Runner
from paddock.core.states import CircuitState, JobState, RunnerState
from paddock.core.units import HOUR, MINUTE, SECOND
from paddock.core.usecases.house.levels import STATES, levels
from paddock.core.usecases.house.plan import Snapshot
from tests.strategies import NOON
from tests.world.watched import NAMES, Watched, queries

KNOWN = {metric.level for metric in catalogue().metrics if metric.emitted is Emitter.LEVEL}
WAITING = {JobState.QUEUED, JobState.DISPATCHING, JobState.LAUNCHED}


def job(number: int, state: JobState, waited: int) -> Job:
    """A job that GitHub queued so many seconds ago."""
    return Job(JobFacts(number, 1, "acme/app", ("paddock",), created_at=NOON - waited * SECOND), state=state)


def runner(number: int, state: RunnerState, price: int | None) -> Runner:
    """A machine's record."""
    return Runner(f"i-{number}", "acme/app", (), "l", state=state, price=price)


@given(
    st.lists(st.tuples(st.sampled_from(JobState), st.integers(1, 10_000)), max_size=8),
    st.lists(st.tuples(st.sampled_from(RunnerState), st.none() | st.integers(0, 10**6)), max_size=8),
    st.lists(st.sampled_from(CircuitState), max_size=4),
    st.integers(0, 3),
)
def test_levels_are_what_the_records_say(
    jobs: list[tuple[JobState, int]],
    runners: list[tuple[RunnerState, int | None]],
    circuits: list[CircuitState],
    failures: int,
) -> None:
    """Counted anew each time; what is zero is left out but for two; each has its metric; and none is below zero."""
    seen = Snapshot(
        NOON,
        [job(number, *each) for number, each in enumerate(jobs)],
        [runner(number, *each) for number, each in enumerate(runners)],
        {},
    )
    found = levels(seen, [Circuit("a", "m7i", state, NOON) for state in circuits], failures)
    assert set(found) <= KNOWN
    assert found["sweeps"] == 1
    waits = [waited for state, waited in jobs if state in WAITING]
    assert found["jobs_waiting"] == len(waits)
    assert found.get("oldest_wait", 0) == max(waits, default=0) * SECOND
    for name, states in STATES.items():
        assert found.get(name, 0) == sum(state in states for state, _ in runners)
    unpaid = {RunnerState.STOPPED, RunnerState.GONE}
    assert found.get("cost_per_hour", 0) == sum(price or 0 for state, price in runners if state not in unpaid)
    assert found.get("circuits_open", 0) == sum(state is not CircuitState.CLOSED for state in circuits)
    assert found.get("sweep_failures", 0) == failures
    assert all(level > 0 for name, level in found.items() if name != "jobs_waiting")


def test_a_level_does_not_drift_though_events_are_lost() -> None:
    """Machines whose end nobody told of are gone from the next sweep's levels; nothing is left over in the end."""
    world = Watched()
    world.push_jobs(6)
    world.run(65 * SECOND)
    for machine in list(world.cloud.alive)[:3]:
        world.cloud.kill(machine)
    world.run(3 * HOUR)
    world.changes()
    told = {
        name: world.metrics.samples.series(
            queries(name).key(NAMES), "Maximum", period=MINUTE, points=180, now=world.clock.now(), latency=0
        )
        for name in ("Machines", "MachinesBusy", "JobsWaiting")
    }
    assert max(point or 0 for point in told["Machines"]) == 6
    assert told["Machines"][-1] is told["MachinesBusy"][-1] is None
    assert told["JobsWaiting"][-1] == 0


@attrs.define
class Clock:
    """A clock that is set by hand."""

    at: int = NOON

    def now(self) -> int:
        """The moment that was set."""
        return self.at


def test_a_level_is_a_line_in_the_metrics_unit() -> None:
    """Spans in milliseconds or seconds, as the catalogue says; and a failure names its service and code."""
    lines: list[str] = []
    gauges = LoggedGauges(lines.append, catalogue(), "ci", Clock())
    gauges.tell({"oldest_wait": 90 * SECOND, "runner_behind": 2 * HOUR, "sweeps": 1})
    gauges.tell({})
    gauges.failed("EC2", "RequestLimitExceeded")
    assert [line.endswith("}\n") for line in lines] == [True, True]
    assert '"OldestWait":90000' in lines[0]
    assert '"RunnerBehind":7200' in lines[0]
    assert '"message":"EC2 answered RequestLimitExceeded"' in lines[1]
    assert '"Service":"EC2"' in lines[1]
    assert '"Dimensions":[["Stack","Service"]]' in lines[1]


def test_what_is_left_is_told_once_a_minute_and_when_it_falls() -> None:
    """A line for each answer of GitHub's would be one for each job; a tenth less at once is told at once."""
    told: list[int] = []
    clock = Clock()
    sparing = Sparing(lambda levels: told.append(levels["left"]), clock)
    for left in (5_000, 4_999, 4_600, 4_400, 4_399):
        sparing("left", left)
    clock.at += MINUTE
    sparing("left", 4_390)
    clock.at -= HOUR  # the clock was set back
    sparing("left", 4_390)
    assert told == [5_000, 4_400, 4_390, 4_390]


def test_the_fullest_pool_is_told() -> None:
    """Spares awake and asleep, what those awake cost, and how much of the pool that has the least left is taken."""
    kept = [
        attrs.evolve(runner(number, state, 96_000), pool=pool, stock=Stock.HOT, spare_of=spare_of, assigned_job=job)
        for number, (pool, state, spare_of, job) in enumerate(
            [
                ("web", RunnerState.READY, "web", None),
                ("web", RunnerState.BUSY, None, 1),
                ("web", RunnerState.STOPPED, "web", None),
                ("big", RunnerState.BOOTING, None, 2),
                ("big", RunnerState.READY, "big", None),
            ]
        )
    ]
    overflow = attrs.evolve(runner(9, RunnerState.BUSY, 96_000), pool="web", assigned_job=3)
    found = levels(Snapshot(NOON, [], [*kept, overflow], {}), [], 0)
    assert found["pool_hot"] == 2
    assert found["pool_stopped"] == 1
    assert found["pool_idle_cost"] == 2 * 96_000
    assert found["pool_utilization"] == 50
