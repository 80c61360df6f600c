"""GitHub's word becomes one message, or nothing with a reason."""

import pytest

from paddock.core.errors import Unavailable
from paddock.core.job import JobFacts
from paddock.core.messages import JobObserved, JobRequested, Observed, RunCompleted
from paddock.core.settings import Alias, FleetSettings
from paddock.core.usecases.intake import Ignored, Taken
from tests.faults import Failing
from tests.strategies import NOON
from tests.world.world import World

OURS = JobFacts(1, 2, "acme/app", ("self-hosted", "Paddock/cpu=4"), private=True, created_at=NOON)
FOREIGN = JobFacts(3, 2, "acme/app", ("ubuntu-latest",), private=True, created_at=NOON)


def test_a_queued_job_of_ours_goes_to_the_jobs_queue() -> None:
    """As it is: the labels are not read here."""
    world = World()
    word = JobRequested(OURS, NOON, "guid")
    assert world.fleet.intake(word) == Taken()
    assert [received.message for received in world.jobs.receive(10)] == [word]
    assert world.events.depth().waiting == 0


@pytest.mark.parametrize("status", Observed)
def test_githubs_word_on_a_job_of_ours_goes_to_the_events_queue(status: Observed) -> None:
    """Which runner took it, how it ended."""
    world = World()
    word = JobObserved(OURS, status, NOON)
    assert world.fleet.intake(word) == Taken()
    assert [received.message for received in world.events.receive(10)] == [word]


@pytest.mark.parametrize("conclusion", ["failure", "cancelled", "timed_out", "startup_failure", None])
def test_the_end_of_any_run_that_did_not_succeed_is_taken(conclusion: str | None) -> None:
    """Whether one of its jobs was ours, only the table knows, and intake has none."""
    world = World()
    word = RunCompleted(2, 1, "acme/app", conclusion)
    assert world.fleet.intake(word) == Taken()
    assert [received.message for received in world.events.receive(10)] == [word]


def test_the_end_of_a_run_that_succeeded_is_ignored_with_a_recorded_reason() -> None:
    """It has lost nothing, so nobody would do anything: most runs end so, and each message costs three requests."""
    world = World()
    told = world.fleet.intake(RunCompleted(2, 1, "acme/app", "success", delivery="guid"))
    assert told == Ignored("run 2 succeeded: nothing of it is run again")
    assert [(one.actor, one.verdict) for one in world.decisions.about("delivery:guid")] == [("intake", "ignored")]
    assert world.jobs.depth().waiting == world.events.depth().waiting == 0


@pytest.mark.parametrize("word", [JobRequested(FOREIGN, NOON, "guid"), JobObserved(FOREIGN, Observed.COMPLETED, NOON)])
def test_somebody_elses_job_is_ignored_with_a_recorded_reason(word: JobRequested | JobObserved) -> None:
    """So that "why did nothing happen" has an answer, also for a delivery without an id."""
    world = World()
    assert world.fleet.intake(word) == Ignored("its labels are not ours: ubuntu-latest")
    told = world.decisions.about(f"delivery:{word.delivery or 'unknown'}")
    assert [(decision.actor, decision.verdict) for decision in told] == [("intake", "ignored")]
    assert world.jobs.depth().waiting == world.events.depth().waiting == 0


def test_an_alias_makes_a_foreign_label_ours() -> None:
    """A fleet is migrated without editing a workflow."""
    world = World(settings=FleetSettings(aliases=(Alias("ubuntu-*", "paddock"),)))
    assert world.fleet.intake(JobRequested(FOREIGN, NOON)) == Taken()


def test_a_queue_that_does_not_take_it_is_githubs_to_know() -> None:
    """GitHub never asks twice by itself: only a failed delivery is redelivered."""
    world = World(around=Failing({"jobs.send": Unavailable("away")}).around)
    with pytest.raises(Unavailable):
        world.fleet.intake(JobRequested(OURS, NOON))
