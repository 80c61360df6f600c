"""A day with pools on which everything goes wrong that can, and then nothing more: the house is in order again.

And what GitHub's webhooks lose is found within the time that the pages name.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial

import attrs
import pytest

from paddock.adapters.memory.bundles import memory_github
from paddock.adapters.memory.github import JobScript
from paddock.adapters.memory.github.values import Event
from paddock.adapters.memory.objects import MemoryObjects
from paddock.adapters.simulation.allowances import Allowances
from paddock.adapters.simulation.cloud import SimulatedEc2, quiet, stormy
from paddock.adapters.simulation.delivery import Fate
from paddock.adapters.simulation.draws import chance_for
from paddock.adapters.simulation.faults import PLANS, Outage
from paddock.adapters.simulation.functions import Schedule
from paddock.adapters.simulation.load import JobLoad, RunLoad
from paddock.adapters.simulation.outside import START
from paddock.adapters.simulation.parameters import Parameters, Rates
from paddock.adapters.simulation.protocols import Ending
from paddock.adapters.simulation.quiet import jobs_are_over
from paddock.adapters.simulation.wires import wired
from paddock.adapters.simulation.words import GitHubWord
from paddock.adapters.simulation.world import Simulation
from paddock.core.job import Job
from paddock.core.messages import JobRequested
from paddock.core.pools.pool import Pool
from paddock.core.pools.schedule import Schedule as Hours
from paddock.core.pools.schedule import Window
from paddock.core.ports.machines import LaunchRequest
from paddock.core.runner import Runner
from paddock.core.settings import FleetSettings
from paddock.core.spec import Market, RunnerSpec
from paddock.core.states import RunnerState
from paddock.core.task import EVERY, TaskRun
from paddock.core.units import DAY, HOUR, MINUTE, SECOND, Moment, Span
from paddock.core.usecases.house.chores import chores
from paddock.core.usecases.house.sweep_github import MOST_REPOSITORIES
from paddock.core.usecases.listing import live_jobs, live_runners
from tests.world.workloads import Given

pytestmark = pytest.mark.slow

LONGEST: Span = 25 * MINUTE  # of the day's jobs
SIX_MINUTES: Span = 6 * MINUTE
A_LAUNCH: Span = MINUTE  # from the sweep's message to the machine
NAMED = ("acme/app", "acme/lib")


@attrs.frozen
class OfficeHours:
    """A push every five minutes or so from 8 to 18 o'clock UTC, two an hour at night; one in twenty is cancelled."""

    name = "office hours"
    repositories = NAMED

    def runs(self) -> Iterator[RunLoad]:
        """The runs of 24 hours, from midnight."""
        chance, at, number = chance_for(1, "office hours"), START - 12 * HOUR, 0
        while at < START + 12 * HOUR - MINUTE:
            office = 8 * HOUR <= at % DAY < 18 * HOUR
            at += chance.below(10 * MINUTE if office else HOUR)
            number += 1
            jobs = tuple(
                JobLoad(
                    f"job {place}",
                    (("paddock/pool=web", "paddock/pool=web/spot=false", "paddock", "paddock/cpu=4")[chance.below(4)],),
                    (20 * SECOND, 2 * MINUTE, 8 * MINUTE, LONGEST)[chance.below(4)],
                    "success" if chance.below(6) else "failure",
                )
                for place in range(1 + chance.below(3))
            )
            cancelled = chance.below(5 * MINUTE) if chance.below(20) == 0 else None
            yield RunLoad(at, NAMED[chance.below(2)], "ci", jobs, f"topic-{number % 5}", cancelled)


WEB = Pool(
    "web",
    RunnerSpec(pool="web", spot=False),
    hot=1,
    stopped=1,
    idle_timeout=20 * MINUTE,
    max_age=5 * HOUR,
    schedule=Hours(windows=(Window("office hours", 8 * 60, 18 * 60, 3, 2),)),
    most=12,
)
SETTINGS = FleetSettings(repositories=NAMED, pools={"web": WEB})
OUTAGES = tuple(
    Outage(of, (3 + 2 * place) * HOUR, 4 * MINUTE)
    for place, of in enumerate(
        (
            "github.",
            "machines.",
            "webhooks",
            "table.",
            "jobs.",
            "events.",
            "assignments.",
            "decisions.",
            "github.runners",
        )
    )
)
EVERYTHING = attrs.evolve(PLANS["everything"], outages=OUTAGES)


def everything_goes_wrong(seed: int = 3) -> Simulation:
    """The day's world, with every task of housekeeping in it that needs no network."""
    world = Simulation(
        OfficeHours(),
        settings=SETTINGS,
        seed=seed,
        faults=EVERYTHING,
        cloud=partial(SimulatedEc2, stormy()),
        parameters=Parameters(rates=Rates(jit_per_minute=3), one_table=False, keep=10 * DAY),
    )
    trouble = world.trouble.around
    others = chores(
        settings=SETTINGS,
        table=wired("table", world.table, trouble),
        github=wired("github", world.gate.around(memory_github(world.github)), trouble),
        queues={"jobs": world.jobs, "events": world.events},
        archive=MemoryObjects(world.timeline),
        decisions=world.decisions,
        clock=world.timeline,
    )

    def due(name: str) -> TaskRun | None:
        return world.fleet.house.tasks(others).when_due(name)

    def keep_house() -> None:
        for name in others:
            world.processes.guarded(name, partial(due, name))

    Schedule(world.timeline, MINUTE, keep_house)
    return world


def settled(world: Simulation) -> Span:
    """How long the house may take when nothing goes wrong any more: what was begun ends, and each task has its turn.

    What is late is on its way for so long; a job that was lost is found, launched, given up by the silence of its
    machine, and served by the next; a registration is stale an hour after its machine's end, and the task is due then.
    """
    limits, faults = world.settings.deadlines, EVERYTHING
    a_launch = limits.boot + limits.idle + limits.silence + limits.drain + 2 * EVERY["sweep"]
    a_job = faults.late + faults.held + EVERY["sweep_github"] + limits.lease + 2 * a_launch + LONGEST
    return a_job + HOUR + EVERY["stale_registrations"]


def test_after_a_day_of_every_fault_the_house_is_in_order() -> None:
    """No orphan machine, no stale registration, no assignment, no stuck job, and no spare beyond its pool's target."""
    assert all(value for value in attrs.asdict(EVERYTHING).values()), "a fault that does not happen"
    world = everything_goes_wrong()
    world.run(START + DAY // 2)
    trouble = world.trouble
    reclaimed = sum(life.ended_by is Ending.SPOT for life in world.cloud.log.values())
    assert min(trouble.errors, trouble.crashes, trouble.pauses, reclaimed) > 0
    world.calm()
    leave_behind(world)
    outcome = world.run(world.timeline.now() + settled(world))
    assert outcome.jobs.queued > 150
    runners = {runner.machine: runner for runner in live_runners(world.table)}
    assert not orphans(world, runners)
    assert not registrations(world, runners)
    assert not assignments(world, runners)
    assert not stuck(world)
    assert spares(runners.values()) == (WEB.hot, WEB.stopped)
    assert not outcome.violations, outcome.violations


def leave_behind(world: Simulation) -> None:
    """What chance may not have left at this moment: each is what a process leaves that dies at the wrong call.

    A machine that was launched, and nobody wrote down; its agent dies. A job that was written down, without a message.
    """
    request = LaunchRequest("unwritten", 1, RunnerSpec(spot=False), Market.ON_DEMAND, 40)
    (orphan,) = world.cloud.launch(request).machines

    def dies() -> None:
        world.agents.by_machine[orphan.id].silence()

    world.timeline.at(world.timeline.now() + 5 * MINUTE, dies)
    fate, world.courier.fate = world.courier.fate, lambda _: ()
    (number,) = world.github.start_run(NAMED[0], [JobScript("unsent", ("paddock",))]).jobs
    world.courier.fate = fate
    facts = memory_github(world.github).workflows.job(NAMED[0], number).facts
    world.table.jobs.add(Job(facts, received_at=world.timeline.now()))


def orphans(world: Simulation, runners: Mapping[str, Runner]) -> list[str]:
    """Machines that are nobody's: of no record, or of one that is no pool's, for the load is over."""
    return [machine for machine in world.cloud.alive if machine not in runners or not runners[machine].spare]


def registrations(world: Simulation, runners: Mapping[str, Runner]) -> list[str]:
    """Those at GitHub whose machines are gone."""
    return [one.name for one in world.github.all_runners() if not any(name in one.name for name in runners)]


def assignments(world: Simulation, runners: Mapping[str, Runner]) -> list[str]:
    """Orders that lie about for machines that are gone."""
    return [machine for machine in world.assignments._slots if machine not in runners]


def stuck(world: Simulation) -> list[int]:
    """Jobs that are open in our records, or at GitHub though not given up."""
    over = jobs_are_over(world.github, world.table, world.claims)
    return [job.id for job in live_jobs(world.table)] if over else [-1]


def spares(runners: Iterable[Runner]) -> tuple[int, int]:
    """How many of the pool's machines are up, and how many sleep."""
    states = [runner.state for runner in runners if runner.spare]
    asleep = sum(state is RunnerState.STOPPED for state in states)
    return len(states) - asleep, asleep


# -- what webhooks lose ---------------------------------------------------------------------------------------------

MANY = tuple(f"acme/app-{number:03}" for number in range(2 * MOST_REPOSITORIES + 10))


def a_day_of(repositories: Sequence[str]) -> Given:
    """A job somewhere every seven minutes and some seconds, so that they come at any moment between two sweeps."""
    jobs = (JobLoad("job", ("paddock",), MINUTE),)
    step = 7 * MINUTE + 13 * SECOND
    return Given(
        [RunLoad(START + n * step, repositories[n * 37 % len(repositories)], "ci", jobs) for n in range(DAY // step)]
    )


def in_order(repositories: Sequence[str], globs: Sequence[str], webhooks: Fate | None = None) -> Simulation:
    """A world in which all is well, but for the fate of webhooks; nothing that has ended is forgotten.

    `globs` are what the settings say of the repositories.
    """
    return Simulation(
        a_day_of(repositories),
        settings=FleetSettings(repositories=tuple(globs)),
        seed=1,
        cloud=partial(SimulatedEc2, quiet()),
        parameters=Parameters(keep=10 * DAY),
        webhooks=webhooks,
        allowances=Allowances(unheard=HOUR),
    )


def launched(world: Simulation) -> dict[int, Moment]:
    """When each job had its first machine."""
    jobs = world.table.jobs.page("all", "all", limit=1_000).items
    told = {job.id: world.decisions.about(job.subject) for job in jobs}
    return {number: next(one.at for one in every if one.verdict == "launched") for number, every in told.items()}


def test_a_job_whose_delivery_github_logged_as_failed_is_dispatched_within_six_minutes() -> None:
    """Every third delivery fails once, and the second is taken. No repository is looked at: none is named or busy."""
    failed: dict[str, tuple[int, Moment]] = {}
    world = in_order(MANY, ["acme/*"], lambda _: (SECOND,))  # GitHub itself is quick
    receive = world.courier.receive

    def fails_at_first(word: GitHubWord) -> bool:
        if isinstance(word, JobRequested) and word.job.job_id % 3 == 0 and word.delivery not in failed:
            failed[word.delivery] = word.job.job_id, world.timeline.now()
            return False
        return receive(word)

    world.courier.receive = fails_at_first
    assert not world.run(START + DAY + HOUR).violations
    found = launched(world)
    late = [found[number] - at for number, at in failed.values()]
    assert len(late) > 50
    assert MINUTE < max(late) <= SIX_MINUTES


@pytest.mark.parametrize("repositories", [NAMED, MANY], ids=["few", "many"])
def test_a_job_whose_event_was_never_sent_is_dispatched_within_the_sweeps_bound(repositories: Sequence[str]) -> None:
    """A run of `sweep_github`, as often as `housekeeping.sweep_github` says, for each 40 named repositories."""

    def lost(event: object) -> Sequence[Span]:
        job = event.job if isinstance(event, Event) and event.action == "queued" else None
        return (SECOND,) if job is None or job.id % 3 else ()

    world = in_order(repositories, repositories, lost)
    assert not world.run(START + DAY + HOUR).violations
    queued = {job.id: job.facts.created_at for job in world.table.jobs.page("all", "all", limit=1_000).items}
    late = [at - queued[number] for number, at in launched(world).items() if number % 3 == 0]
    bound = EVERY["sweep_github"] * -(-len(repositories) // MOST_REPOSITORIES)
    assert len(late) > 50
    assert bound // 2 < max(late) <= bound + A_LAUNCH
