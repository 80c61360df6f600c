"""What people ask of a fleet: explain, pause, resume; and what its workers do with their queues."""

import attrs
import pytest

from paddock.core.costs.ledger import ledger
from paddock.core.errors import AccessDenied, NotFound, Throttled, Unavailable
from paddock.core.job import JobFacts
from paddock.core.messages import JobObserved, Observed, ReportEvent, RunCompleted, RunnerReported
from paddock.core.settings import Limits
from paddock.core.states import JobState
from paddock.core.switch import Advised, Switch
from paddock.core.units import HOUR, MINUTE, SECOND
from paddock.core.usecases.listing import live_runners
from paddock.core.usecases.usage import UsageMeter
from tests.faults import Failing, Fuse
from tests.strategies import NOON
from tests.world.invariants import check
from tests.world.world import SETTINGS, World


def test_a_job_is_explained_with_all_its_machines_in_the_order_of_time() -> None:
    """Also with the machine that failed before the one that served it."""
    world = World()
    job = world.push_job()
    world.run(10 * SECOND)
    first = world.record(job).machine or ""
    world.cloud.kill(first)
    world.run_until_quiet()
    explanation = world.fleet.explain(job)
    assert explanation.job == world.record(job)
    assert explanation.runner == world.runner(world.record(job).machine)
    moments = [decision.at for decision in explanation.decisions]
    assert moments == sorted(moments)
    assert {decision.subject for decision in explanation.decisions} == {
        f"job:{job}",
        f"machine:{first}",
        f"machine:{world.record(job).machine}",
    }
    check(world)


def test_a_job_that_was_never_seen_is_not_explained() -> None:
    """The error says what that may mean."""
    with pytest.raises(NotFound, match="job 7 is unknown here: its webhook never came"):
        World().fleet.explain(7)


def test_a_job_without_a_machine_is_explained() -> None:
    """Refused, or waiting."""
    world = World()
    job = world.push_job(labels="paddock/cpu=0")
    world.run_until_quiet()
    explanation = world.fleet.explain(job)
    assert explanation.runner is None
    assert [decision.verdict for decision in explanation.decisions] == ["queued", "bad_labels"]


def test_a_paused_fleet_launches_nothing_and_goes_on_where_it_was() -> None:
    """Running jobs run on; waiting ones say why and are woken at once."""
    world = World()
    runs = world.push_job(lasts=10 * MINUTE)
    world.run(MINUTE)
    switch = world.fleet.operate.pause("rollout")
    assert (switch.on, switch.reason) == (True, "rollout")
    waits = world.push_jobs(2)
    world.run(HOUR)
    assert world.record(runs).state is JobState.FINISHED
    assert {world.record(job).reason for job in waits} == {"the fleet is paused (rollout)"}
    assert len(world.cloud.lives) == 1
    switch, woken = world.fleet.operate.resume()
    assert (switch.on, woken) == (False, 2)
    world.run(5 * SECOND)
    assert len(world.cloud.lives) == 3
    world.run_until_quiet()
    check(world)
    told = [decision.verdict for decision in world.decisions.about("machine:fleet")]
    assert told == ["paused", "resumed"]


def test_a_paused_fleet_launches_nothing_not_even_what_was_begun() -> None:
    """The cloud had throttled the launch, so no machine of it exists when the operator pauses."""
    failing = Failing()
    world = World(around=failing.around)
    failing.errors["machines.launch"] = Throttled("slow down", 2 * MINUTE)
    job = world.push_job()
    world.run(SECOND)
    world.fleet.operate.pause("bad image")
    failing.errors.clear()
    world.run(HOUR)
    assert not world.cloud.lives
    assert (world.record(job).state, world.record(job).reason) == (
        JobState.DISPATCHING,
        "the fleet is paused (bad image)",
    )
    assert world.verdicts(job).count("paused") == 1
    _, woken = world.fleet.operate.resume()
    world.run(15 * SECOND)
    assert (woken, len(world.cloud.lives)) == (1, 1)
    world.run_until_quiet()
    assert (world.record(job).state, world.record(job).launch) == (JobState.FINISHED, 1)
    check(world)


def test_a_machine_that_was_launched_before_the_pause_gets_its_orders() -> None:
    """It is paid for already: the launch was answered, and its dispatcher died before it could assign."""
    calls = Fuse()
    undisturbed = World(around=calls.around)
    undisturbed.push_job()
    undisturbed.run(SECOND)
    answered = calls.calls.index("machines.launch") + 1
    named = calls.calls.index("table.together.write", answered) + 1
    world = World(around=Fuse(named, after=True).around)
    job = world.push_job()
    world.run(SECOND)
    world.fleet.operate.pause("bad image")
    world.run(HOUR)
    assert (world.record(job).state, len(world.cloud.lives)) == (JobState.FINISHED, 1)


def test_pausing_twice_keeps_the_last_reason() -> None:
    """A switch is a record like any other."""
    world = World()
    world.fleet.operate.pause("")
    world.fleet.operate.pause("second")
    switch = world.table.switches.get("paused")
    assert switch is not None
    assert (switch.on, switch.reason) == (True, "second")
    assert [told.reason for told in world.decisions.about("machine:fleet")] == ["no reason given", "second"]


def test_pausing_and_resuming_keep_what_else_the_record_tells() -> None:
    """When circuits or shortages were changed last: who remembers them would think that somebody changed one."""
    world = World()
    advised = Advised(NOON, "a word")
    world.table.switches.add(Switch("paused", on=False, at=0, advised=advised))
    assert world.fleet.operate.pause("new image").advised == advised
    switch, _ = world.fleet.operate.resume()
    assert (switch.on, switch.advised) == (False, advised)


# -- the limits as the records tell them -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "limits",
    [
        Limits(machines=2),
        Limits(vcpu=5),
        Limits(machines_per_repository=2),
        Limits(launches_per_minute=2),
    ],
)
def test_a_limit_is_never_overstepped_and_every_job_gets_its_turn(limits: Limits) -> None:
    """Two machines of two vCPUs at a time, or two launches a minute."""
    world = World(settings=attrs.evolve(SETTINGS, limits=limits))
    jobs = world.push_jobs(6)
    most = 0
    until = NOON + HOUR
    while world.clock.now() < until:
        world.run(5 * SECOND)
        most = max(most, len(world.cloud.alive))
    assert {world.record(job).state for job in jobs} == {JobState.FINISHED}
    if limits.launches_per_minute is None:
        assert most == 2
    else:
        births = sorted(life.machine.launched_at for life in world.cloud.lives.values())
        assert all(later - earlier >= MINUTE for earlier, later in zip(births, births[2:], strict=False))
    check(world)


def test_the_daily_spend_stops_launches_until_the_next_day() -> None:
    """What live machines cost counts as well as what the ledger holds."""
    world = World(settings=attrs.evolve(SETTINGS, limits=Limits(spend_per_day=5_000)))
    first = world.push_job(lasts=HOUR)
    world.run(2 * HOUR)
    second = world.push_job()
    world.run(HOUR)
    assert world.record(first).state is JobState.FINISHED
    assert world.record(second).reason.endswith("spent today, the limit is $0.0050")
    world.run_until_quiet()
    assert (world.record(second).started_at or 0) > NOON + 12 * HOUR
    check(world)


def test_what_a_machine_spends_counts_on_the_day_on_which_it_is_spent() -> None:
    """A job from three hours before midnight to two after it: each day has its part, as the machine lives and later."""
    world = World()
    world.run(9 * HOUR)
    job = world.push_job(lasts=5 * HOUR)
    meter, limits = UsageMeter(world.table, world.clock), Limits(spend_per_day=1)
    spent: list[int] = []
    for hours in (2, 2):
        world.run(hours * HOUR)
        spent.append(meter.read(limits).spent_today)
    world.run_until_quiet()
    machine = world.runner(world.record(job).machine)
    assert [round(each / (machine.price or 0)) for each in spent] == [2, 1]
    bill = world.table.ledger.get(machine.machine)
    assert bill is not None
    last = meter.read(limits).spent_today
    assert last == bill.since(NOON + 12 * HOUR)
    assert last == pytest.approx(ledger(bill.entries).total * 2 / 5, rel=0.01)
    world.run(24 * HOUR)
    assert meter.read(limits).spent_today == 0
    check(world)


def test_a_machine_that_has_ended_and_cannot_be_closed_is_counted_once() -> None:
    """By its bill, and no longer as one that lives: GitHub is away, so its record stays open."""
    failing = Failing({"github.runners.delete": Unavailable("away")})
    world = World(around=failing.around)
    job = world.push_job(lasts=HOUR)
    world.run(10 * MINUTE)
    machine = world.record(job).machine or ""
    world.cloud.kill(machine)
    meter = UsageMeter(world.table, world.clock)
    world.run(MINUTE)
    bill = world.table.ledger.get(machine)
    assert bill is not None
    for _ in range(2):
        assert [one.machine for one in live_runners(world.table) if one.gone_at is not None] == [machine]
        assert meter.read(Limits(spend_per_day=1)).spent_today == ledger(bill.entries).total
        world.run(MINUTE)


# -- the workers' steps -----------------------------------------------------------------------------------------


def test_an_empty_queue_costs_one_receive_and_nothing_else() -> None:
    """An idle fleet is nearly free."""
    failing = Failing()
    world = World(around=failing.around)
    assert (world.fleet.dispatch_once(), world.fleet.complete_once()) == (0, 0)
    assert failing.calls == ["jobs.receive", "events.receive"]


def test_a_step_takes_no_more_than_it_is_told_to() -> None:
    """The worker's time is limited."""
    world = World()
    world.push_jobs(5)
    world.deliver()
    assert [world.fleet.dispatch_once(limit=2) for _ in range(4)] == [2, 2, 1, 0]


def test_a_request_that_must_come_back_comes_later_each_time() -> None:
    """So that an outage of minutes does not make dead letters."""
    failing = Failing({"machines.launch": Unavailable("away")})
    world = World(around=failing.around)
    world.push_job()
    world.run(4 * MINUTE)
    assert world.jobs.depth().dead == 0
    failing.errors.clear()
    world.run_until_quiet()
    check(world)


def test_an_event_waits_for_as_long_as_a_throttling_port_says() -> None:
    """Not shorter, and not for its visibility time-out."""
    failing = Failing({"table.runners.get": Throttled("slow", 7 * SECOND)})
    world = World(around=failing.around)
    world.events.send([RunnerReported(ReportEvent.HEARTBEAT, "i-1", 1, 1, "x", NOON)])
    assert world.fleet.complete_once() == 1
    world.clock.advance(7 * SECOND - 1)
    assert world.fleet.complete_once() == 0
    world.clock.advance(1)
    assert world.fleet.complete_once() == 1


@pytest.mark.parametrize(
    ("message", "subject"),
    [
        (RunnerReported(ReportEvent.STARTED, "i-1", 1, 1, "x", NOON), "machine:i-1"),
        (JobObserved(JobFacts(5, 6, "acme/app", ("paddock",)), Observed.IN_PROGRESS, NOON), "job:5"),
    ],
)
def test_an_event_that_can_never_be_handled_ends_as_a_dead_letter_with_a_reason(
    message: RunnerReported | JobObserved, subject: str
) -> None:
    """The others of its batch are done."""
    failing = Failing({"table.runners.get": AccessDenied("no"), "table.jobs.add": AccessDenied("no")})
    world = World(around=failing.around)
    world.events.send([RunCompleted(1, 1, "acme/app", "success"), message])
    assert world.fleet.complete_once() == 2
    assert world.events.depth().on_loan == 1
    world.run(HOUR)
    assert world.events.depth().dead == 1
    told = world.decisions.about(subject)
    assert {(decision.actor, decision.verdict) for decision in told} == {("fleet", "unhandled")}
    assert told[0].reason == f"{type(message).__name__} could not be handled: AccessDenied: no"
