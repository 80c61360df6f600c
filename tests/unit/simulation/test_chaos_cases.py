"""The cases of chaos: repeatable, and shrunk to the smallest that still fails."""

import attrs
from hypothesis import given
from hypothesis import strategies as st

from paddock.adapters.simulation.chaos import REPOSITORIES, Case, Flurry, case_of, odds, play, shrink, told
from paddock.adapters.simulation.faults import FaultPlan
from paddock.adapters.simulation.outcome import Violation
from paddock.core.settings import FleetSettings


def test_one_seed_is_one_story() -> None:
    """To the last figure."""
    assert play(case_of(3, 30)) == play(case_of(3, 30))
    assert play(case_of(3, 30)) != play(case_of(4, 30))


@given(st.integers(0, 10_000), st.integers(1, 60))
def test_half_the_jobs_are_the_first_half(seed: int, jobs: int) -> None:
    """So that a story that is cut short begins in the same way."""
    whole = [(run.at, job) for run in Flurry(seed, 2 * jobs).runs() for job in run.jobs]
    half = [(run.at, job) for run in Flurry(seed, jobs).runs() for job in run.jobs]
    assert len(whole) == 2 * jobs
    assert whole[:jobs] == half
    assert [at for at, _ in whole] == sorted(at for at, _ in whole)


@given(st.integers(0, 10_000), st.integers(1, 40), st.sampled_from(["crash", "reclaim", "webhook_lost"]))
def test_what_is_left_is_what_it_needs(seed: int, jobs: int, fault: str) -> None:
    """Only the jobs, the fault and nothing else, if only they matter."""
    case = attrs.evolve(case_of(seed), plan=attrs.evolve(case_of(seed).plan, **{fault: 5}))  # type: ignore[arg-type]  # by name
    smallest = shrink(case, lambda one: one.jobs >= jobs and getattr(one.plan, fault) > 0)
    assert smallest == Case(seed, jobs, FaultPlan(name="random", **{fault: 5}))  # type: ignore[arg-type]  # by name
    assert smallest.settings == FleetSettings(repositories=REPOSITORIES)


def test_a_case_is_told_with_its_faults_and_its_story() -> None:
    """Seed, jobs, odds; then what went wrong, when, and what led to it."""
    case = Case(7, 12, FaultPlan("random", crash=50))
    assert odds(case.plan) == {"crash": 50}
    text = told(case, (Violation(0, "no job is lost", "job 1 is", ("first this", "then that")),))
    assert text.splitlines() == [
        "seed 7, 12 jobs",
        "faults (of ten thousand): crash 50",
        "1970-01-01T00:00:00Z no job is lost: job 1 is",
        "    first this",
        "    then that",
    ]
