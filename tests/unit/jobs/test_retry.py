"""The launch budget: how often a job that did not get its machine is given another chance."""

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from paddock.core.job import Job, JobFacts
from paddock.core.retry import GiveUp, Relaunch, RetryPolicy
from paddock.core.units import SECOND
from tests.strategies import texts

POLICY = RetryPolicy()
JOB = Job(facts=JobFacts(1, 1, "acme/api", ("paddock",)))
LOST = "AWS took the machine back"
NO_START = "the agent did not start"

policies = st.builds(
    RetryPolicy,
    max_launches=st.integers(1, 6),
    backoff=st.integers(1, 60).map(lambda seconds: seconds * SECOND),
)


def test_the_first_failure_gets_another_launch_soon() -> None:
    """With the reason kept, so that the next failure can be compared with it."""
    assert POLICY.after_failure(attrs.evolve(JOB, launch=1), LOST) == Relaunch(2 * SECOND, LOST)


def test_the_wait_doubles() -> None:
    """Launch after launch, as long as each fails for another reason."""
    second = POLICY.after_failure(attrs.evolve(JOB, launch=2, failure=NO_START), LOST)
    assert second == Relaunch(4 * SECOND, LOST)


def test_the_third_failure_is_the_last() -> None:
    """At most three launches per job; the reason counts them and names the last failure."""
    verdict = POLICY.after_failure(attrs.evolve(JOB, launch=3, failure=NO_START), LOST)
    assert verdict == GiveUp(f"launch budget spent: 3 of 3 launches failed, the last because {LOST}")


def test_the_same_failure_twice_in_a_row_is_quarantined() -> None:
    """A broken image would fail for ever: the second time, word for word, is enough."""
    verdict = POLICY.after_failure(attrs.evolve(JOB, launch=2, failure=NO_START), NO_START)
    assert isinstance(verdict, GiveUp)
    assert verdict.reason == f"quarantined: two launches in a row failed in the same way: {NO_START}"


def test_waiting_in_between_does_not_hide_a_series() -> None:
    """What the job waited for since its last failure is another reason, and no excuse."""
    waited = attrs.evolve(JOB, launch=2, failure=NO_START, reason="all 4 machines are in use")
    assert isinstance(POLICY.after_failure(waited, NO_START), GiveUp)


def test_one_failure_is_no_series() -> None:
    """A first launch that fails for the very reason the job carries already gets its second chance."""
    job = attrs.evolve(JOB, launch=1, failure=NO_START)
    assert POLICY.after_failure(job, NO_START) == Relaunch(2 * SECOND, NO_START)


def test_a_machine_that_served_another_job_does_not_count() -> None:
    """Displaced launches were no failures: the budget is for those that came to nothing."""
    job = attrs.evolve(JOB, launch=5, displaced=4)
    assert POLICY.after_failure(job, LOST) == Relaunch(2 * SECOND, LOST)


@given(policies, st.lists(texts, min_size=6, max_size=6))
def test_no_story_of_failures_is_endless(policy: RetryPolicy, reasons: list[str]) -> None:
    """Whatever goes wrong in whatever order, the job is given up after at most `max_launches` launches."""
    job = JOB
    for launch, reason in enumerate(reasons, start=1):
        job = attrs.evolve(job, launch=launch)
        verdict = policy.after_failure(job, reason)
        if isinstance(verdict, GiveUp):
            assert launch <= policy.max_launches
            assert reason in verdict.reason
            return
        assert launch < policy.max_launches
        assert verdict.delay == policy.backoff * 2 ** (launch - 1)
        assert verdict.reason == reason
        job = attrs.evolve(job, failure=verdict.reason)
    pytest.fail("the sixth launch failed, and the policy still asks for another")


@given(policies, texts, st.integers(0, 20), st.integers(0, 20))
def test_only_launches_that_were_not_displaced_are_counted(
    policy: RetryPolicy, reason: str, spent: int, displaced: int
) -> None:
    """The verdict depends on their difference alone."""
    plain = attrs.evolve(JOB, launch=spent)
    shifted = attrs.evolve(JOB, launch=spent + displaced, displaced=displaced)
    assert policy.after_failure(plain, reason) == policy.after_failure(shifted, reason)
