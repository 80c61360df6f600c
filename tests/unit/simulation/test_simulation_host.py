"""The agent on a simulated machine: what is true there, and what it tells of it."""

from collections.abc import Sequence

from paddock.adapters.memory.github import JobScript, RunnerFaults
from paddock.adapters.simulation.host import Agent, Standing
from paddock.core.messages import ReportEvent, RunnerReported
from paddock.core.settings import FleetSettings
from paddock.core.states import JobState, OperationalResult
from paddock.core.units import HOUR, MINUTE, SECOND, Span
from tests.world.invariants import check
from tests.world.spot import machine_of, running
from tests.world.world import BOOT, World


class Post:
    """The fate of reports that remembers them. `lost` are events that do not arrive."""

    def __init__(self, *lost: ReportEvent) -> None:
        self.told: list[RunnerReported] = []
        self.lost = lost

    def __call__(self, report: object) -> Sequence[Span]:
        """It arrives at once, if it does."""
        assert isinstance(report, RunnerReported)
        self.told.append(report)
        return () if report.event in self.lost else (0,)

    @property
    def events(self) -> list[tuple[str, str]]:
        """What was told, and why."""
        return [(told.event.value, told.reason) for told in self.told]


def idle(world: World) -> str:
    """A machine whose runner listens and has no job: its own was cancelled, and nobody has heard of that."""
    job = world.push_job()
    world.run(SECOND)
    world.courier.fate = lambda _: ()
    world.sweeps(on=False)
    world.cancel(job)
    world.run(BOOT)
    assert agent_of(world, job).standing is Standing.LISTENING
    return machine_of(world, job)


def agent_of(world: World, job: int) -> Agent:
    """The agent of the job's machine."""
    return world.agents.by_machine[machine_of(world, job)]


def test_a_life_from_boot_to_power_off() -> None:
    """It takes its orders, listens, works, tells, and switches its machine off."""
    post = Post()
    world = World(reports=post)
    job = world.push_job(lasts=7 * MINUTE)
    world.run(BOOT)
    agent = agent_of(world, job)
    assert (agent.standing, agent.job_id, agent.begun_at) == (Standing.WORKING, job, world.clock.now())
    world.run_until_quiet()
    assert agent.standing is Standing.OFF
    assert post.events == [("started", ""), ("heartbeat", ""), ("finished", "")]
    last = post.told[-1]
    assert (last.conclusion, last.result) == ("success", OperationalResult.SERVED)
    assert (last.started_at, last.finished_at) == (agent.begun_at, agent.over_at)
    check(world)


def test_without_orders_it_gives_up_after_ten_minutes() -> None:
    """Its dispatcher died before it wrote them."""
    post = Post()
    world = World(reports=post)
    job = world.push_job()
    world.run(SECOND)
    machine = machine_of(world, job)
    world.assignments._slots.clear()
    world.sweeps(on=False)
    world.run(BOOT + 10 * MINUTE)
    assert post.events == [("failed_to_start", "assignment_deadline")]
    assert world.cloud.log[machine].ended_at is not None


def test_without_a_job_it_gives_up_after_its_idle_time_out() -> None:
    """Its runner is gone from GitHub by then."""
    post = Post()
    world = World(reports=post)
    idle(world)
    world.run(FleetSettings().deadlines.idle)
    assert post.events == [("failed_to_start", "no_job")]


def test_a_job_beyond_the_longest_time_is_ended() -> None:
    """And told as timed out."""
    post = Post(ReportEvent.HEARTBEAT)
    world = World(reports=post)
    job = world.push_job(lasts=7 * HOUR)
    world.run_until_quiet()
    assert post.events[-1] == ("finished", "max_runtime")
    assert world.record(job).result is OperationalResult.TIMED_OUT
    assert world.record(job).duration == FleetSettings().deadlines.runtime


def test_a_cancelled_job_ends_soon() -> None:
    """Whoever cancels its run, does not wait for its steps."""
    world = World()
    job = world.push_job(lasts=HOUR)
    running(world, job)
    world.cancel(job)
    world.run(30 * SECOND)
    assert (world.record(job).conclusion, world.record(job).state) == ("cancelled", JobState.FINISHED)
    check_later(world)


def check_later(world: World) -> None:
    """When all is over."""
    world.run_until_quiet()
    check(world)


def test_a_notice_without_a_job_ends_the_runner_at_once_and_the_machine_waits_to_be_taken() -> None:
    """What AWS takes in its first hour is free, and what powers itself off is not."""
    post = Post()
    world = World(reports=post)
    job = world.push_job()
    world.run(SECOND)
    first = machine_of(world, job)
    world.reclaim(first)
    world.run(BOOT)
    assert post.events[:2] == [("heartbeat", "spot_notice"), ("failed_to_start", "spot_notice")]
    assert first in world.cloud.alive
    world.run(2 * MINUTE)
    assert world.cloud.log[first].ended_at == world.cloud.log[first].machine.launched_at + SECOND + 2 * MINUTE
    check_later(world)


def test_a_job_under_a_notice_runs_until_45_seconds_before_the_end() -> None:
    """Then it is stopped: GitHub hears that it failed (or was cancelled), the fleet that it was interrupted."""
    post = Post()
    world = World(reports=post)
    job = world.push_job(lasts=HOUR)
    running(world, job)
    taken_at = world.reclaim(machine_of(world, job))
    agent = agent_of(world, job)
    world.run(74 * SECOND)
    assert agent.standing is Standing.WORKING
    world.run(2 * SECOND)
    assert (agent.standing, agent.over_at) == (Standing.LEAVING, taken_at - 45 * SECOND)
    told = post.told[-1]
    assert (told.event, told.result, told.interrupted_by) == (
        ReportEvent.FINISHED,
        OperationalResult.INTERRUPTED,
        "spot",
    )
    assert world.github.state.jobs[job].conclusion in {"failure", "cancelled"}
    assert world.agents.services[job].taken
    check_later(world)


def test_a_job_that_ends_in_time_is_served_and_its_machine_is_taken() -> None:
    """The notice alone loses nothing."""
    post = Post()
    world = World(reports=post)
    job = world.push_job(lasts=MINUTE)
    running(world, job)
    machine = machine_of(world, job)
    taken_at = world.reclaim(machine)
    world.run_until_quiet()
    assert post.told[-1].result is OperationalResult.SERVED
    assert world.cloud.log[machine].ended_at == taken_at
    assert not world.agents.services[job].taken
    check(world)


def test_a_machine_that_nobody_takes_after_all_powers_itself_off() -> None:
    """Five minutes after the moment."""
    world = World()
    job = world.push_job(lasts=MINUTE)
    running(world, job)
    machine = machine_of(world, job)
    agent = agent_of(world, job)
    agent.taken_at = world.clock.now() + MINUTE
    world.sweeps(on=False)
    world.run(5 * MINUTE)
    assert machine in world.cloud.alive
    world.run(2 * MINUTE)
    assert machine not in world.cloud.alive


def test_a_lost_machine_is_silent_and_github_ends_its_job_by_itself() -> None:
    """No report, no power-off; ten minutes later the lease is over."""
    post = Post()
    world = World(reports=post)
    job = world.push_job(lasts=HOUR)
    running(world, job)
    began = world.clock.now()
    world.cloud.kill(machine_of(world, job))
    world.run(9 * MINUTE)
    assert world.github.state.jobs[job].conclusion is None
    world.run(2 * MINUTE)
    told = world.github.state.jobs[job]
    assert told.conclusion == "failure"
    assert 10 * MINUTE <= (told.completed_at or 0) - began <= 11 * MINUTE
    assert post.events == [("started", "")]
    check_later(world)


def test_a_runner_that_dies_idle_may_be_handed_a_job_for_a_minute() -> None:
    """GitHub does not know yet: the job comes back when its time to be taken is over, and another machine has it."""
    world = World()
    world.cloud.kill(idle(world))
    world.courier.fate = lambda _: (0,)
    world.sweeps(on=True)
    second = world.push_job(lasts=MINUTE)
    assert world.github.state.jobs[second].assigned_to is not None
    world.run_until_quiet()
    assert world.record(second).conclusion == "success"


def test_a_ghost_is_noticed() -> None:
    """GitHub loses the assignment and the registration: the agent gives up, and the job gets another machine."""
    post = Post()
    world = World(reports=post)
    (job,) = world.push(JobScript("job", ("paddock",), faults=RunnerFaults(ghost=True, duration=MINUTE)))
    world.run_until_quiet()
    assert ("failed_to_start", "registration_deleted") in post.events
    assert (world.record(job).conclusion, world.record(job).launch) == ("success", 2)
    check(world)


def test_a_clock_that_is_off_is_told_as_it_is() -> None:
    """The fleet believes no future and no time before the launch; GitHub's times stand."""
    post = Post()
    world = World(reports=post)
    job = world.push_job(lasts=10 * MINUTE)
    world.run(BOOT - SECOND)
    world.run(2 * SECOND)
    agent_of(world, job).skew = HOUR
    world.run_until_quiet()
    assert post.told[-1].at > world.record(job).finished_at + 50 * MINUTE  # type: ignore[operator]  # it has ended
    check(world)
