"""Stories of spot machines: what the tests of interruptions, circuits and re-runs tell in a word."""

from collections.abc import Callable, Sequence

from paddock.adapters.memory.github import Event
from paddock.adapters.simulation.delivery import Fate
from paddock.core.job import Job
from paddock.core.messages import MachineChanged, MachineWarned, ReportEvent, RunnerReported, WarningKind
from paddock.core.rerun import Rerun
from paddock.core.spec import Market
from paddock.core.states import CircuitState, JobState, OperationalResult
from paddock.core.units import MINUTE, SECOND, Moment, Span
from tests.world.invariants import everything_in
from tests.world.world import World


def machine_of(world: World, job: int) -> str:
    """The job's machine."""
    name = world.record(job).machine
    assert name is not None
    return name


def market_of(world: World, job: Job) -> Market:
    """The market of the job's machine."""
    return world.runner(job.machine).market


def warn(world: World, machine: str, *, times: int = 1) -> Moment:
    """The cloud warns, two minutes ahead; the moment at which it takes the machine."""
    at = world.clock.now() + 2 * MINUTE
    for _ in range(times):
        world.events.send([MachineWarned(machine, WarningKind.SPOT, at, world.clock.now())])
        world.work()
    return at


def take_back(world: World, machine: str) -> None:
    """The cloud takes the machine, and says so."""
    world.cloud.take_back(machine)
    say_gone(world, machine)


def say_gone(world: World, machine: str) -> None:
    """The cloud says that the machine has ended."""
    world.events.send([MachineChanged(machine, "terminated", world.clock.now(), world.clock.now())])
    world.work()


def running(world: World, *jobs: int) -> None:
    """Let time pass until the jobs run."""
    world.run(5 * SECOND)
    while any(world.record(job).state is not JobState.RUNNING for job in jobs):
        world.run(5 * SECOND)


def interrupted(world: World, jobs: Sequence[int]) -> None:
    """All their machines are warned."""
    for job in jobs:
        warn(world, machine_of(world, job))


def circuits_of(world: World) -> dict[str, CircuitState]:
    """The circuits by key."""
    return {circuit.key: circuit.state for circuit in everything_in(world.table.circuits)}


def rerun_of(world: World, job: int) -> Rerun:
    """What is written down of the job's run as one that lost jobs."""
    found = world.table.reruns.get(str(world.github.state.jobs[job].run_id))
    assert found is not None
    return found


def attempts(world: World) -> list[int]:
    """The attempts of all jobs, in the order in which GitHub queued them."""
    return [job.attempt for job in world.github.jobs()]


def without(*lost: tuple[str, str], only: Callable[[Event], bool] = lambda _: True) -> Fate:
    """Webhooks of these events and actions are lost, all others come on time."""

    def fate(event: object) -> Sequence[Span]:
        assert isinstance(event, Event)
        return () if (event.event, event.action) in lost and only(event) else (0,)

    return fate


def silenced(world: World, machine: str) -> None:
    """The agent on the machine does nothing any more; the machine lives."""
    world.silence(machine)


def stopped(world: World, job: int) -> Callable[[], None]:
    """The agent ends the job because of the notice: GitHub hears it at once, we when the result is called."""
    tell = ended(world, job, "failure")
    world.lost(job)
    return tell


def ended(world: World, job: int, conclusion: str) -> Callable[[], None]:
    """The job ends at GitHub, and its machine does nothing more; what an agent says that ended it for the notice."""
    machine = machine_of(world, job)
    agent = world.cloud.agents[machine]
    assert agent.orders is not None
    assert agent.job_id == job
    silenced(world, machine)
    world.agents.complete(agent.orders.runner_id, job, conclusion, OperationalResult.SERVED)
    report = RunnerReported(
        event=ReportEvent.FINISHED,
        machine=machine,
        job_id=agent.orders.job_id,
        launch=agent.orders.launch,
        runner_name=agent.orders.runner_name,
        at=world.clock.now(),
        conclusion="cancelled",
        result=OperationalResult.INTERRUPTED,
        started_at=agent.begun_at,
        finished_at=world.clock.now(),
        reason="spot_notice",
        interrupted_by="spot",
    )

    def tell() -> None:
        world.events.send([report])
        world.work()

    return tell
