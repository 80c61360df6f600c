"""The comparison with GitHub: what no webhook told, and what a lost one left undone."""

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from paddock.adapters.memory.github import JobScript, MemoryRunners, RunnerFaults
from paddock.adapters.memory.github.values import Event, Status
from paddock.core.environment import Environments
from paddock.core.errors import AccessDenied, Unavailable
from paddock.core.job import Job, JobFacts
from paddock.core.ports.github import Scope
from paddock.core.runner import Runner
from paddock.core.settings import FleetSettings
from paddock.core.states import JobState
from paddock.core.units import HOUR, MINUTE, SECOND, Span
from paddock.core.usecases.house.sweep_github import MOST_REPOSITORIES, in_turn
from tests.faults import Failing
from tests.strategies import NOON
from tests.world.invariants import check
from tests.world.world import REPOSITORY, SETTINGS, World


def _queued(facts: JobFacts) -> Job:
    return Job(facts, received_at=NOON)


def lost(*actions: str) -> object:
    """A fate: webhooks of these actions never come."""
    return lambda event: () if getattr(event, "action", "") in actions else (0,)


def test_a_job_whose_webhook_never_came_is_found() -> None:
    """GitHub lists it as queued, and nobody here knows it."""
    world = World(webhooks=lost("queued"))  # type: ignore[arg-type]  # a fate
    job = world.push_job()
    world.run_until_quiet()
    check(world)
    assert world.record(job).state is JobState.FINISHED
    assert "adopted" in world.verdicts(job)


def test_a_job_of_which_nothing_was_heard_keeps_no_other_from_a_machine() -> None:
    """It took the other's machine, and may run there for hours."""

    def fate(word: object) -> tuple[Span, ...]:
        job = word.job if isinstance(word, Event) else None
        return () if job is not None and job.script.name == "long" else (0,)

    world = World(webhooks=fate, seed=1)  # GitHub gives the machine to the long one first
    long = JobScript("long", ("paddock",), faults=RunnerFaults(duration=3 * HOUR))
    unheard, other = world.push(long, JobScript("other", ("paddock",)))
    world.sweeps(on=False)
    world.run(MINUTE)
    assert world.github.state.jobs[unheard].status is Status.IN_PROGRESS
    assert world.table.jobs.get(str(unheard)) is None
    world.sweeps(on=True)
    world.run(10 * MINUTE)
    assert world.record(unheard).state is JobState.RUNNING
    assert world.record(other).conclusion == "success"
    world.run_until_quiet()
    check(world)


def test_jobs_on_another_fleets_machines_are_its_own_affair() -> None:
    """Runners of all fleets bear names of one kind: one that leaves unnamed jobs to another adopts none of these."""
    world = World(webhooks=lost("queued", "in_progress"))  # type: ignore[arg-type]  # a fate
    job = world.push(JobScript("long", ("paddock",), faults=RunnerFaults(duration=HOUR)))[0]
    world.run(10 * MINUTE)
    assert world.record(job).state is JobState.RUNNING, "found by its own fleet"
    other = World(settings=FleetSettings(repositories=(REPOSITORY,), environments=Environments(unnamed=False)))
    theirs = other.push(JobScript("theirs", ("paddock",)))[0]
    other.github.state.jobs[theirs] = attrs.evolve(
        other.github.state.jobs[theirs], status=Status.IN_PROGRESS, runner_name=world.github.state.jobs[job].runner_name
    )
    other.run(20 * MINUTE)
    assert other.table.jobs.get(str(theirs)) is None


def test_a_lost_webhook_is_found_also_where_repositories_are_named_by_globs() -> None:
    """GitHub never sent it, and the repository has no other live job: where a machine was of late is looked at too."""
    world = World(settings=FleetSettings(repositories=("acme/*",)))
    world.push_job()
    world.run(10 * MINUTE)
    assert not world.table.jobs.page("live", "placed").items
    world.courier.fate = lost("queued")  # type: ignore[assignment]  # a fate
    job = world.push_job()
    world.run(10 * MINUTE)
    assert world.record(job).state is JobState.FINISHED
    world.run(2 * HOUR)
    assert world.fleet.house.sweep_github().by_kind["repositories"] == 0  # that was long ago


def test_machines_of_repositories_that_are_allowed_no_longer_lead_nowhere() -> None:
    """The settings have changed; and one that is spelt in two ways is asked about once."""
    world = World(settings=FleetSettings(repositories=("acme/*",)))
    for number, repository in enumerate(("acme/app", "ACME/App", "other/thing", "")):
        world.table.runners.add(Runner(f"i-{number}", repository, (), "t", launched_at=NOON))
    assert world.fleet.house.sweep_github().by_kind["repositories"] == 1


@given(
    st.integers(1, 5 * MOST_REPOSITORIES), st.sampled_from((20 * SECOND, MINUTE, 5 * MINUTE, HOUR)), st.integers(0, 99)
)
def test_a_run_asks_about_so_many_repositories_and_about_all_of_them_in_turn(
    number: int, every: Span, past: int
) -> None:
    """However often it is due, all had their turn after as few runs as can be: the limit is shared with dispatch."""
    names = [f"acme/{one}" for one in range(number)]
    asked: set[str] = set()
    for run in range(past, past - (-number // MOST_REPOSITORIES)):
        turn = in_turn(names, NOON + run * every + every // 3, every)
        assert len(set(turn)) == len(turn) == min(number, MOST_REPOSITORIES)
        asked.update(turn)
    assert asked == set(names)


def test_somebody_elses_queued_job_is_not_taken_in() -> None:
    """Only labels of ours."""
    world = World(webhooks=lost("queued"))  # type: ignore[arg-type]  # a fate
    world.push_job(labels="ubuntu-latest")
    assert world.fleet.house.sweep_github().by_kind["adopted"] == 0
    assert world.jobs.depth().waiting == 0


def test_with_every_word_of_github_lost_jobs_are_served_and_closed() -> None:
    """Only the sweeps and the machines speak."""
    world = World(webhooks=lambda _: ())
    jobs = world.push_jobs(3)
    world.run_until_quiet()
    check(world)
    assert {world.record(job).conclusion for job in jobs} == {"success"}


def test_a_failed_delivery_is_asked_for_again_but_not_for_ever() -> None:
    """GitHub logs it as failed and never sends it again by itself."""
    failing = Failing({"jobs.send": Unavailable("away")})
    world = World(settings=FleetSettings(), around=failing.around)
    job = world.push_job()
    world.run(4 * MINUTE)
    failing.errors.clear()
    world.run(10 * MINUTE)
    assert world.record(job).state is JobState.FINISHED
    guids = {delivery.event.guid for delivery in world.github.deliveries.newest_first() if not delivery.ok}
    assert [decision.verdict for guid in guids for decision in world.decisions.about(f"delivery:{guid}")] == [
        "redelivered"
    ]
    failing.errors["jobs.send"] = Unavailable("away")
    world.push_job()
    world.run(55 * MINUTE)
    newest = world.github.deliveries.newest_first()[0].event.guid
    tries = [delivery for delivery in world.github.deliveries.newest_first() if delivery.event.guid == newest]
    assert len(tries) == 4


def test_a_repository_that_cannot_be_asked_does_not_keep_the_others() -> None:
    """The report names it."""
    failing = Failing({"github.deliveries.since": AccessDenied("no")})
    world = World(settings=FleetSettings(repositories=("acme/gone", "acme/app")), around=failing.around)
    world.courier.fate = lambda _: ()
    job = world.push_job()
    report = world.fleet.house.sweep_github()
    assert (report.by_kind["repositories"], report.by_kind["adopted"]) == (2, 1)
    assert report.errors == ("hook deliveries: AccessDenied: no",)
    world.fleet.dispatch_once()
    assert world.record(job).state is JobState.LAUNCHED
    failing.errors["github.workflows.unfinished_jobs"] = Unavailable("away")
    assert [error.partition(":")[0] for error in world.fleet.house.sweep_github().errors[1:]] == [
        "acme/app",
        "acme/gone",
    ]


def test_jobs_of_a_repository_that_was_deleted_are_given_up() -> None:
    """GitHub knows neither: nobody will run or conclude them."""
    world = World(settings=attrs.evolve(SETTINGS))
    job = world.push_job()
    world.fleet.operate.pause("")
    world.run(10 * SECOND)
    world.github.state.repositories.clear()
    world.github.state.jobs.clear()
    world.run(10 * MINUTE)
    assert (world.record(job).state, world.record(job).reason) == (
        JobState.ABANDONED,
        "GitHub no longer knows the job",
    )


def test_questions_are_bounded() -> None:
    """A listing that lost everything must not cost a call for each job."""
    failing = Failing()
    world = World(around=failing.around)
    for number in range(60):
        facts = JobFacts(number, 1, "acme/app", ("paddock",), private=True, created_at=NOON)
        world.table.jobs.add(_queued(facts))
    world.clock.advance(MINUTE)
    assert world.fleet.house.sweep_github().by_kind["asked"] == 50
    assert failing.calls.count("github.workflows.job") == 50
    failing.errors["github.workflows.job"] = Unavailable("away")
    report = world.fleet.house.sweep_github()
    assert (report.attempted, report.succeeded, report.failed) == (51, 1, 50), "the repository was compared"
    assert report.by_kind["asked"] == 0


def test_a_job_on_somebody_elses_runner_is_not_asked_about_every_minute() -> None:
    """The comparison with GitHub lists it anyway; a hundred such jobs would use up the rate."""
    failing = Failing()
    world = World(around=failing.around)
    runner = MemoryRunners(world.github).jit_config(Scope("acme", "app"), "static-1", ("paddock",), 1).runner_id
    world.github.runners.connect(runner)
    job = world.push_job(lasts=2 * HOUR)
    world.github.settle()
    world.github.runs.acquire(runner, job)
    world.github.runs.started(runner, job)
    for _ in range(360):
        world.github.runs.renew(runner, job)
        world.run(20 * SECOND)
    assert world.record(job).state is JobState.RUNNING
    assert "github.workflows.job" not in failing.calls
    world.courier.fate = lambda _: ()
    world.github.runs.complete(runner, job, "success")
    world.run(10 * MINUTE)
    assert (world.record(job).state, world.record(job).conclusion) == (JobState.FINISHED, "success")


@pytest.mark.parametrize("minutes", [1, 5, 15, 60])
def test_each_part_of_the_comparison_is_first_in_its_turn(minutes: int) -> None:
    """Runs may be cut off again and again, by a time limit for one: what comes last would never be done."""
    firsts: set[str] = set()
    for number in range(40):
        calls = Failing()
        world = World(around=calls.around)
        world.clock.advance(number * minutes * MINUTE)
        calls.calls.clear()
        world.fleet.house.sweep_github()
        firsts.add(calls.calls[0])
    assert firsts == {"github.deliveries.since", "table.interruptions.page", "table.jobs.page"}
