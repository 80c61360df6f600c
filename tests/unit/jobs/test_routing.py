"""Whose job it is, where several fleets hear of the same jobs."""

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from paddock.core.environment import Environments
from paddock.core.job import JobFacts
from paddock.core.label_values import InvalidLabel
from paddock.core.labels import parse_labels
from paddock.core.messages import JobObserved, JobRequested, Observed
from paddock.core.routing import environment_named, is_elsewhere, is_ours
from paddock.core.settings import Alias, FleetSettings
from paddock.core.states import JobState
from paddock.core.usecases.intake import Ignored, Taken
from tests.strategies import NOON
from tests.world.world import World

ALIASES = (Alias("old-dev-*", "paddock/cpu=4/env=dev"),)
PROD = FleetSettings(aliases=ALIASES, environment="prod", environments=Environments(others=("dev", "staging")))
DEV = FleetSettings(aliases=ALIASES, environment="dev", environments=Environments(unnamed=False))
ALONE = FleetSettings(environment="local")


@pytest.mark.parametrize(
    ("labels", "fleets"),
    [
        (("paddock",), [PROD]),
        (("paddock/cpu=4/env=prod",), [PROD]),
        (("paddock/env=DEV/cpu=4",), [DEV]),
        (("self-hosted", "paddock", "cpu=4", "Env = dev"), [DEV]),
        (("old-dev-7",), [DEV]),
        (("paddock/env=staging",), []),
        (("paddock/env=satging",), [PROD]),
        (("paddock/x-env=dev",), [PROD]),
        (("paddock/cpu=four/env=dev",), [DEV]),
        (("ubuntu-latest", "env=prod"), []),
    ],
)
def test_whose_a_job_is(labels: tuple[str, ...], fleets: list[FleetSettings]) -> None:
    """By the name in its labels; one that nobody has is told by the fleet that takes what names none."""
    assert [fleet for fleet in (PROD, DEV) if is_ours(labels, fleet)] == fleets


def test_a_fleet_that_was_told_of_no_others_lets_their_jobs_be() -> None:
    """It cannot know whether there is such a fleet."""
    assert is_ours(("paddock",), ALONE)
    assert is_ours(("paddock/env=Local",), ALONE)
    assert not is_ours(("paddock/env=dev",), ALONE)


@pytest.mark.parametrize(
    "label", ["env=-x", "env=", "env", "env=a b", "cpu=4/env=prod,spot=false", "env=local/env=dev"]
)
def test_what_names_no_environment_that_could_be_is_refused(label: str) -> None:
    """By the fleet that takes what names none, also where it was told of no others: nobody else would."""
    labels = (f"paddock/{label}",)
    assert is_ours(labels, ALONE)
    assert not is_ours(labels, DEV)
    with pytest.raises(InvalidLabel):
        parse_labels(labels)


@given(st.lists(st.text("abpadock/=env-, x", max_size=12), max_size=4), st.sampled_from([PROD, DEV, ALONE]))
def test_whatever_the_labels_are_there_is_an_answer(labels: list[str], fleet: FleetSettings) -> None:
    """No label breaks it, and what a fleet serves names it or nobody."""
    if is_ours(labels, fleet) and not is_elsewhere(labels, fleet):
        assert environment_named(labels, fleet.aliases) in {None, fleet.environment}


@pytest.mark.parametrize(
    ("labels", "why"),
    [
        (("paddock",), "it is for another environment, as it names none"),
        (("paddock/env=prod",), "it is for the environment prod"),
        (("ubuntu-latest",), "its labels are not ours: ubuntu-latest"),
    ],
)
def test_a_job_of_another_fleet_is_ignored_with_a_reason(labels: tuple[str, ...], why: str) -> None:
    """Whatever GitHub says of it, and also where the sweep finds it in GitHub's queue."""
    world = World(settings=attrs.evolve(DEV, repositories=("acme/*",)))
    facts = JobFacts(1, 2, "acme/app", labels, private=True, created_at=NOON)
    assert world.fleet.intake(JobRequested(facts, NOON, "guid")) == Ignored(why)
    assert world.fleet.intake(JobObserved(facts, Observed.COMPLETED, NOON, "guid")) == Ignored(why)


def test_a_name_that_no_fleet_has_is_refused_at_once() -> None:
    """GitHub would let the job wait for a day."""
    world = World(settings=attrs.evolve(PROD, repositories=("acme/*",)))
    facts = JobFacts(1, 2, "acme/app", ("paddock/env=satging",), private=True, created_at=NOON)
    assert world.fleet.intake(JobRequested(facts, NOON, "guid")) == Taken()
    world.deliver()
    job = world.table.jobs.get("1")
    assert job is not None
    assert (job.state, job.reason) == (
        JobState.REJECTED,
        "env = 'satging': is no environment of this fleet: prod, dev, staging",
    )
