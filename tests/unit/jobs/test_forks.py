"""Code that must not run here: refusing its job is not enough, GitHub may give it to any runner that fits."""

from collections.abc import Callable
from typing import Any

import attrs
import pytest

from paddock.adapters.simulation.wires import Wired
from paddock.core.errors import AccessDenied, Unavailable
from paddock.core.job import JobChange, JobIs
from paddock.core.settings import FleetSettings, ScopeKind
from paddock.core.states import JobState
from paddock.core.units import HOUR, MINUTE
from paddock.core.usecases.listing import live_jobs
from tests.faults import Failing, Fuse
from tests.world.invariants import check
from tests.world.world import World

PUBLIC = "acme/site"
SETTINGS = FleetSettings(repositories=(PUBLIC,))


def public_world(**more: object) -> World:
    """A fleet that serves one public repository."""
    world = World(settings=SETTINGS, **more)  # type: ignore[arg-type]  # passed through
    world.github.add_repository(PUBLIC, private=False)
    return world


def test_code_of_a_refused_fork_runs_on_no_machine() -> None:
    """The job is taken out of GitHub's queue: else the runner of the next good job would be given it."""
    for seed in range(8):
        world = public_world(seed=seed)
        fork = world.push_job(repository=PUBLIC, head_repository="mallory/site")
        world.run(MINUTE)
        assert world.record(fork).state is JobState.REJECTED
        good = world.push_job(repository=PUBLIC)
        world.run(HOUR)
        assert world.github.state.jobs[fork].runner_name is None, f"seed {seed}"
        assert world.record(good).conclusion == "success"
        check(world)


def test_a_forks_labels_that_nobody_can_serve_do_not_keep_it_in_the_queue() -> None:
    """No machine is small and of that family; but both labels are among those of a job that can be served."""
    world = public_world()
    fork = world.push_job(labels=("paddock", "family=c7g"), repository=PUBLIC, head_repository="mallory/site")
    world.run(MINUTE)
    assert world.verdicts(fork)[-1] == "fork"
    world.push_job(labels=("paddock", "family=c7g", "arch=arm64"), repository=PUBLIC)
    world.run(HOUR)
    assert world.github.state.jobs[fork].runner_name is None


def test_a_fork_whose_run_cannot_be_cancelled_now_is_refused_when_it_can() -> None:
    """A passing fault: the request comes back, and nothing is closed before the job is out of the queue."""
    failing = Failing({"github.workflows.cancel_run": Unavailable("away")})
    world = public_world(around=failing.around)
    fork = world.push_job(repository=PUBLIC, head_repository="mallory/site")
    world.run(2 * MINUTE)
    assert world.record(fork).state is JobState.QUEUED
    failing.errors.clear()
    world.run(30 * MINUTE)
    assert world.record(fork).state in {JobState.REJECTED, JobState.CANCELLED}
    assert world.github.state.jobs[fork].conclusion == "cancelled"


def test_githubs_echo_of_the_cancellation_does_not_take_the_reason_away() -> None:
    """It may come before the refusal is written down; the author is told all the same, once."""

    def around(name: str, port: object) -> Wired:
        def intercept(what: str, call: Callable[[], Any]) -> Any:  # noqa: ANN401 - see Interceptor
            answer = call()
            if what == "github.workflows.cancel_run":
                for job in live_jobs(world.table):
                    world.table.jobs.update(job.key, JobIs(state=job.state), JobChange(state=JobState.CANCELLED))
            return answer

        return Wired(name, port, intercept)

    world = public_world(around=around)
    fork = world.push_job(repository=PUBLIC, head_repository="mallory/site")
    world.run(HOUR)
    assert (world.record(fork).state, "mallory/site" in world.record(fork).reason) == (JobState.CANCELLED, True)
    assert world.verdicts(fork).count("fork") == 1
    assert len(world.github.state.checks) == 1


def test_a_fork_whose_run_may_not_be_cancelled_is_refused_and_the_danger_said() -> None:
    """The App lacks the permission: whoever asks for an explanation reads it."""
    failing = Failing({"github.workflows.cancel_run": AccessDenied("actions: write")})
    world = public_world(around=failing.around)
    fork = world.push_job(repository=PUBLIC, head_repository="mallory/site")
    world.run(MINUTE)
    assert world.record(fork).state is JobState.REJECTED
    assert world.verdicts(fork) == ["queued", "fork", "run_not_cancelled"]


def test_wherever_a_dispatcher_dies_a_refused_fork_is_out_of_the_queue() -> None:
    """Before or after any of its calls: whoever takes over cancels."""
    whole = Fuse()
    refuse_a_fork(whole)
    for number in range(1, len(whole.calls) + 1):
        for after in (False, True):
            world, fork = refuse_a_fork(Fuse(number, after=after))
            world.run(30 * MINUTE)
            assert world.github.state.jobs[fork].conclusion == "cancelled", world.crashes


def refuse_a_fork(fuse: Fuse) -> tuple[World, int]:
    """A fork's job, and a dispatcher that looks at it."""
    world = public_world(around=fuse.around)
    fork = world.push_job(repository=PUBLIC, head_repository="mallory/site")
    world.run(MINUTE)
    return world, fork


@pytest.mark.parametrize(
    ("scope", "group", "repository", "conclusion"),
    [
        (ScopeKind.ORGANIZATION, 1, "acme/other", "cancelled"),
        (ScopeKind.ORGANIZATION, 5, "acme/other", None),
        (ScopeKind.ORGANIZATION, 1, "else/other", None),
        (ScopeKind.REPOSITORY, 1, "acme/other", None),
    ],
)
def test_a_shared_runner_is_not_left_for_repositories_that_are_not_allowed(
    scope: ScopeKind, group: int, repository: str, conclusion: str | None
) -> None:
    """Where runners are everybody's in the organisation; a group of its own, or another owner, is GitHub's affair."""
    settings = attrs.evolve(SETTINGS, scope=scope, runner_group=group)
    assert settings.reachable(repository) is (conclusion is not None)
    world = World(settings=settings)
    world.github.add_repository(repository)
    job = world.push_job(repository=repository)
    world.run(MINUTE)
    assert world.record(job).state is JobState.REJECTED
    assert world.github.state.jobs[job].conclusion == conclusion
    assert world.github.checks() == ()
