"""Faults around ports: errors, lost answers, deaths, pauses, outages."""

from collections.abc import Callable

import pytest

from paddock.adapters.memory import ManualClock, MemoryRecords, SeededChance
from paddock.adapters.memory.bundles import memory_table
from paddock.adapters.simulation.faults import PLANS, FaultPlan, Outage, random_plan
from paddock.adapters.simulation.lag import BEHIND, Lag
from paddock.adapters.simulation.stale import StaleMachines
from paddock.adapters.simulation.timeline import Timeline
from paddock.adapters.simulation.wires import Crash, Trouble, Wired, wired
from paddock.core.errors import PaddockError, Throttled, Unavailable
from paddock.core.job import Job, JobChange, JobFacts, JobIs
from paddock.core.ports.machines import MachineState
from paddock.core.records import RUNS
from paddock.core.run import Run
from paddock.core.states import JobState
from paddock.core.units import HOUR, MINUTE, SECOND
from tests.world.spot import machine_of
from tests.world.world import World

RUN = Run(1, "acme/app", fork=False)
CERTAIN = 10_000


def around(plan: FaultPlan, timeline: Timeline | None = None) -> tuple[Trouble, Wired, MemoryRecords[Run]]:
    """A store of runs in the midst of trouble."""
    trouble = Trouble(plan, timeline or Timeline(), SeededChance(1), MINUTE)
    store = MemoryRecords(RUNS)
    return trouble, trouble.around("table.runs", store), store


def test_without_faults_every_call_goes_through() -> None:
    """And its answer comes back."""
    trouble, runs, store = around(FaultPlan())
    assert runs.add(RUN)
    assert runs.get("1") == store.get("1") == RUN
    assert (trouble.errors, trouble.crashes, trouble.pauses) == (0, 0, 0)


def test_a_call_that_fails_was_not_made() -> None:
    """It is a passing fault, of either kind."""
    _, runs, store = around(FaultPlan(call_failed=CERTAIN))
    kinds = set()
    for _ in range(20):
        with pytest.raises(PaddockError) as caught:
            runs.add(RUN)
        kinds.add(type(caught.value))
    assert kinds == {Unavailable, Throttled}
    assert len(store) == 0


def test_a_call_whose_answer_is_lost_was_made() -> None:
    """Which its caller cannot tell from one that failed."""
    _, runs, store = around(FaultPlan(answer_lost=CERTAIN))
    with pytest.raises(PaddockError):
        runs.add(RUN)
    assert len(store) == 1


def test_a_process_that_died_makes_no_further_call() -> None:
    """Whatever it would still do in a ``finally``; the next process does."""
    trouble, runs, store = around(FaultPlan(crash=CERTAIN))
    with pytest.raises(Crash):
        runs.get("1")
    for _ in range(3):
        with pytest.raises(Crash, match="dead before"):
            runs.add(RUN)
    assert (len(store), trouble.crashes) == (0, 1)
    trouble.revive()
    trouble.over = True
    assert runs.add(RUN)


def test_a_crash_comes_before_or_after_the_call() -> None:
    """Both happen, by chance."""
    made = set()
    trouble, runs, store = around(FaultPlan(crash=CERTAIN))
    for _ in range(20):
        with pytest.raises(Crash):
            runs.add(RUN)
        made.add(store.remove("1"))
        trouble.revive()
    assert made == {True, False}


def test_while_a_process_is_held_up_the_world_goes_on() -> None:
    """Time passes inside the call, and others act meanwhile."""
    timeline = Timeline()
    trouble, runs, _ = around(FaultPlan(pause=CERTAIN, held=30 * SECOND), timeline)
    happened: list[int] = []
    for second in range(40):
        timeline.at(second * SECOND, lambda: happened.append(timeline.now()))
    assert runs.add(RUN)
    assert 0 < timeline.now() <= 30 * SECOND
    assert len(happened) == timeline.now() // SECOND + 1
    assert trouble.pauses == 1


def test_a_process_that_is_held_up_beyond_its_time_out_is_killed() -> None:
    """As Lambda does."""
    timeline = Timeline()
    trouble, runs, _ = around(FaultPlan(pause=CERTAIN, held=HOUR), timeline)
    trouble.began = timeline.now()
    with pytest.raises(Crash, match="timed out"):
        runs.get("1")


def test_an_outage_is_one_part_of_the_world_for_a_while() -> None:
    """The others answer."""
    timeline = Timeline(HOUR)
    plan = FaultPlan(outages=(Outage("table.runs", MINUTE, MINUTE), Outage("webhooks", 0, SECOND)))
    trouble, runs, store = around(plan, timeline)
    assert runs.add(RUN)
    timeline.run(HOUR + MINUTE)
    with pytest.raises(Unavailable, match="outage"):
        runs.get("1")
    other = trouble.around("table.jobs", store)
    assert other.get("1") == RUN
    assert not trouble.out("webhooks")
    timeline.run(HOUR + 2 * MINUTE)
    assert runs.get("1") == RUN


def test_a_bundle_of_ports_is_wrapped_port_by_port() -> None:
    """Each under its own name."""
    names: list[str] = []

    def note(name: str, port: object) -> object:
        names.append(name)
        return port

    table = memory_table()
    assert wired("table", table, note) == table
    assert "table.jobs" in names
    assert len(names) == len(set(names)) > 5


def test_stale_reads_are_what_ec2_allows() -> None:
    """A newborn is missing, one that has just ended is said to run; both are right some seconds later."""
    world = World()
    stale = StaleMachines(world.cloud, world.clock, SeededChance(1), lambda: CERTAIN)
    job = world.push_job()
    world.run(SECOND)
    machine = machine_of(world, job)
    assert stale.describe([machine]) == {}
    assert stale.page().items == ()
    world.run(10 * SECOND)
    assert [one.id for one in stale.page().items] == [machine]
    world.cloud.kill(machine)
    assert stale.describe([machine])[machine].state is MachineState.RUNNING
    world.clock.advance(10 * SECOND)
    assert stale.describe([machine])[machine].state is MachineState.TERMINATED


def test_a_listing_lacks_for_seconds_what_was_just_put_there() -> None:
    """A record that moves is in neither listing for a while; one that is listed is as it is now."""
    clock = ManualClock()
    store = memory_table()
    jobs = Lag(clock, SeededChance(1), CERTAIN).around(store, store).jobs
    job = Job(JobFacts(1, 2, "acme/app", ("paddock",)))
    assert jobs.add(job)
    assert jobs.get(job.key) == job
    assert jobs.page("live", "queued").items == ()
    clock.advance(BEHIND)
    assert jobs.page("live", "queued").items == (job,)
    moved = jobs.update(job.key, JobIs(state=JobState.QUEUED), JobChange(state=JobState.RUNNING))
    assert jobs.page("live", "queued").items == jobs.page("live", "placed").items == ()
    assert jobs.page("all", "all").items == (moved,)
    clock.advance(BEHIND)
    assert jobs.page("live", "placed").items == (moved,)
    assert jobs.remove(job.key)
    assert jobs.page("all", "all").items == ()


def test_random_plans_have_everything_somewhere_and_nothing_everywhere() -> None:
    """Each fault is in about half of them, within its bound; the same seed gives the same plan."""
    plans = [random_plan(SeededChance(seed)) for seed in range(200)]
    for name in ("webhook_lost", "crash", "pause", "reclaim", "mute", "stale"):
        there = sum(bool(getattr(plan, name)) for plan in plans)
        assert 60 < there < 140, (name, there)
    assert {len(plan.outages) for plan in plans} == {0, 1, 2}
    assert plans[7] == random_plan(SeededChance(7))
    assert all(outage.lasts <= 3 * MINUTE + SECOND for plan in plans for outage in plan.outages)


def test_named_plans_bear_their_names() -> None:
    """The empty one is among them, and touches no call."""
    assert all(plan.name == name for name, plan in PLANS.items())
    assert PLANS["none"] == FaultPlan.none()
    assert not PLANS["none"].calls
    assert PLANS["crashes"].calls


def test_a_call_is_intercepted_under_its_full_name() -> None:
    """Of whatever the port has."""
    called: list[str] = []

    def intercept(what: str, call: Callable[[], object]) -> object:
        called.append(what)
        return call()

    port = Wired("table.runs", MemoryRecords(RUNS), intercept)
    port.add(RUN)
    port.get("1")
    assert called == ["table.runs.add", "table.runs.get"]
