"""Whether a run that lost jobs is re-run: every reason, and which evidence weighs more."""

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from paddock.core.job import Job, JobFacts
from paddock.core.pools.pool import Pool
from paddock.core.ports.github import WorkflowRun
from paddock.core.rerun import Rerun, RerunPolicy, RerunState
from paddock.core.settings import Alias, FleetSettings
from paddock.core.spec import RetryMode, RunnerSpec
from paddock.core.states import ENDED_JOBS, LIVE_JOBS, JobState, OperationalResult
from paddock.core.units import MINUTE, SECOND
from paddock.core.usecases.rerun_verdict import (
    Ask,
    Asked,
    Later,
    Leave,
    cut_short,
    decide,
    lost,
    retry_of,
    too_early,
)
from tests.strategies import NOON, conclusions, results

RUN = WorkflowRun(7, "acme/app", "acme/app", "push", "completed", "failure", 1, "main", 70)
RERUN = Rerun(7, "acme/app", 1, (1,))
POLICY = RerunPolicy()
SETTINGS = FleetSettings(rerun=POLICY)
BAD = ["failure", "cancelled", "timed_out"]


def job(number: int = 1, *, labels: tuple[str, ...] = ("paddock",), deployment: bool = False, **more: object) -> Job:
    """A job that was lost with its machine, but for what is said otherwise."""
    facts = JobFacts(number, 7, "acme/app", labels, deployment=deployment)
    spec = RunnerSpec()
    was = Job(
        facts,
        JobState.FINISHED,
        spec=spec,
        machine="i-1",
        conclusion="failure",
        result=OperationalResult.INTERRUPTED,
        finished_at=NOON,
    )
    return attrs.evolve(was, **more)  # type: ignore[arg-type]  # attrs checks the names


NEVER = RunnerSpec(retry=RetryMode.NEVER)


@pytest.mark.parametrize("conclusion", BAD)
@pytest.mark.parametrize("state", [RerunState.MARKED, RerunState.ASKED])
def test_a_complete_run_that_lost_a_job_is_asked_for(conclusion: str, state: RerunState) -> None:
    """Whatever GitHub calls its end; and again, if the first asking may not have arrived."""
    times = int(state is RerunState.ASKED)
    verdict = decide(attrs.evolve(RERUN, state=state, times=times), [job(conclusion=conclusion)], RUN, None, SETTINGS)
    assert verdict == Ask("the cloud took the machines of 1 while they ran")


@pytest.mark.parametrize(
    ("rerun", "jobs", "now", "newest", "policy", "verdict"),
    [
        pytest.param(
            RERUN,
            [job()],
            attrs.evolve(RUN, run_attempt=2),
            None,
            POLICY,
            Leave("attempt 2 is there already"),
            id="other",
        ),
        pytest.param(
            attrs.evolve(RERUN, state=RerunState.ASKED, times=1),
            [job()],
            attrs.evolve(RUN, run_attempt=2, status="queued"),
            None,
            POLICY,
            Asked("attempt 2 is there"),
            id="ours",
        ),
        pytest.param(
            RERUN,
            [job()],
            attrs.evolve(RUN, status="in_progress"),
            None,
            POLICY,
            Later("the run still runs, and GitHub re-runs only complete ones"),
            id="runs",
        ),
        pytest.param(
            RERUN,
            [job(result=OperationalResult.SERVED)],
            RUN,
            None,
            POLICY,
            Leave("all of its jobs ended by themselves, in time or by somebody's word"),
            id="nothing lost",
        ),
        pytest.param(
            RERUN,
            [],
            RUN,
            None,
            POLICY,
            Leave("all of its jobs ended by themselves, in time or by somebody's word"),
            id="none",
        ),
        pytest.param(
            attrs.evolve(RERUN, times=1),
            [job()],
            RUN,
            None,
            POLICY,
            Leave("it was re-run 1 times, and 1 is the limit"),
            id="limit",
        ),
        pytest.param(
            attrs.evolve(RERUN, attempt=2, times=1),
            [job()],
            attrs.evolve(RUN, run_attempt=2),
            None,
            RerunPolicy(most=2),
            Ask("the cloud took the machines of 1 while they ran"),
            id="a second time, if that is allowed",
        ),
        pytest.param(
            RERUN, [job()], RUN, None, RerunPolicy(most=0), Leave("it was re-run 0 times, and 0 is the limit"), id="off"
        ),
        pytest.param(RERUN, [job(spec=NEVER)], RUN, None, POLICY, Leave("its labels say retry=false"), id="never"),
        pytest.param(
            RERUN,
            [job(spec=None, labels=("paddock/retry=false",))],
            RUN,
            None,
            POLICY,
            Leave("its labels say retry=false"),
            id="never, and it was launched for no job of ours",
        ),
        pytest.param(
            RERUN,
            [job(1, spec=NEVER), job(2)],
            RUN,
            None,
            POLICY,
            Ask("the cloud took the machines of 1, 2 while they ran"),
            id="one of two",
        ),
        pytest.param(
            RERUN,
            [job(1), job(2, deployment=True)],
            RUN,
            None,
            POLICY,
            Leave("a job of it deploys to an environment: those are re-run only if the configuration says so"),
            id="deploys",
        ),
        pytest.param(
            RERUN,
            [job(deployment=True)],
            RUN,
            None,
            RerunPolicy(deployments=True),
            Ask("the cloud took the machines of 1 while they ran"),
            id="may deploy",
        ),
        pytest.param(
            RERUN,
            [job()],
            RUN,
            attrs.evolve(RUN, run_id=8),
            POLICY,
            Leave("run 8 of the same workflow and branch is newer"),
            id="newer",
        ),
        pytest.param(
            RERUN, [job()], RUN, RUN, POLICY, Ask("the cloud took the machines of 1 while they ran"), id="newest"
        ),
        pytest.param(
            RERUN,
            [job()],
            RUN,
            attrs.evolve(RUN, run_id=6),
            POLICY,
            Ask("the cloud took the machines of 1 while they ran"),
            id="GitHub's listing lags",
        ),
    ],
)
def test_every_reason(
    rerun: Rerun,
    jobs: list[Job],
    now: WorkflowRun,
    newest: WorkflowRun | None,
    policy: RerunPolicy,
    verdict: Ask | Asked | Leave | Later,
) -> None:
    """In words that a person reads."""
    assert decide(rerun, jobs, now, newest, FleetSettings(rerun=policy)) == verdict


# What speaks against a re-run, the weightiest first: each as a change to the case that is asked for.
Case = tuple[Rerun, list[Job], WorkflowRun, WorkflowRun | None]


def other_attempt(case: Case) -> Case:
    """Somebody has re-run it."""
    return case[0], case[1], attrs.evolve(case[2], run_attempt=2), case[3]


def still_runs(case: Case) -> Case:
    """The run is not complete."""
    return case[0], case[1], attrs.evolve(case[2], status="in_progress"), case[3]


def nothing_lost(case: Case) -> Case:
    """The job was served."""
    return case[0], [attrs.evolve(one, result=OperationalResult.SERVED) for one in case[1]], case[2], case[3]


def too_often(case: Case) -> Case:
    """It was re-run before."""
    return attrs.evolve(case[0], times=1), case[1], case[2], case[3]


def never(case: Case) -> Case:
    """Its labels forbid it."""
    return case[0], [attrs.evolve(one, spec=NEVER) for one in case[1]], case[2], case[3]


def deploys(case: Case) -> Case:
    """It deploys."""
    return (
        case[0],
        [attrs.evolve(one, facts=attrs.evolve(one.facts, deployment=True)) for one in case[1]],
        case[2],
        case[3],
    )


def newer(case: Case) -> Case:
    """There is a newer run."""
    return case[0], case[1], case[2], attrs.evolve(RUN, run_id=8)


AGAINST = [
    (other_attempt, "attempt 2"),
    (still_runs, "still runs"),
    (nothing_lost, "by themselves"),
    (too_often, "limit"),
    (never, "retry=false"),
    (deploys, "deploys"),
    (newer, "newer"),
]


@given(st.sets(st.integers(0, len(AGAINST) - 1)), st.permutations(range(len(AGAINST))))
def test_the_weightiest_of_several_reasons_is_told(chosen: set[int], order: list[int]) -> None:
    """In whatever order the evidence came together."""
    case: Case = (RERUN, [job()], RUN, None)
    for number in order:
        if number in chosen:
            case = AGAINST[number][0](case)
    verdict = decide(*case, SETTINGS)
    if not chosen:
        assert isinstance(verdict, Ask)
    else:
        assert AGAINST[min(chosen)][1] in verdict.reason
        assert isinstance(verdict, Later) == (min(chosen) == 1)


@given(conclusions, results)
def test_lost_is_what_ended_badly_with_its_machine(conclusion: str | None, result: OperationalResult | None) -> None:
    """A success is none, and neither is a red test."""
    expected = conclusion in BAD and result is OperationalResult.INTERRUPTED
    assert lost(job(conclusion=conclusion, result=result)) == expected


@pytest.mark.parametrize("state", sorted(LIVE_JOBS))
def test_it_is_too_early_while_a_job_is_open_here(state: JobState) -> None:
    """GitHub may say that the run is complete before it says so of the job."""
    assert too_early([job(1), job(2, state=state)], ()) == Later("a job of it is still open here")


@pytest.mark.parametrize("state", sorted(ENDED_JOBS))
def test_it_is_too_early_while_a_machine_may_still_tell(state: JobState) -> None:
    """A job that ended badly, and its machine is there and silent: why it ended, only the machine can say."""
    silent = job(state=state, result=None)
    assert too_early([silent], {"i-1"}) == Later("a machine of it has not said yet how it ended")
    assert too_early([silent], {"i-2"}) is None
    assert too_early([attrs.evolve(silent, conclusion="success")], {"i-1"}) is None
    assert too_early([attrs.evolve(silent, result=OperationalResult.SERVED)], {"i-1"}) is None
    assert too_early([], {"i-1"}) is None


@pytest.mark.parametrize(
    ("state", "before", "expected"),
    [
        (JobState.RUNNING, 0, True),
        (JobState.FINISHED, -10 * MINUTE, True),
        (JobState.FINISHED, 0, True),
        (JobState.FINISHED, 45 * SECOND, True),
        (JobState.FINISHED, MINUTE, False),
        (JobState.FINISHED, 60 * MINUTE, False),
        (JobState.LAUNCHED, 0, False),
        (JobState.CANCELLED, 0, False),
        (JobState.ABANDONED, 0, False),
    ],
)
def test_a_job_is_cut_short_that_was_not_over_a_minute_before(state: JobState, before: int, *, expected: bool) -> None:
    """GitHub concludes what was cut off minutes after; the agent stops a job 45 seconds ahead."""
    finished_at = None if state is JobState.RUNNING else NOON - before
    assert cut_short(job(state=state, finished_at=finished_at), NOON) == expected


def test_what_its_labels_say_of_retrying() -> None:
    """As launched; else as written, by the fleet's own names where it has them."""

    def said(*labels: str) -> RetryMode:
        return retry_of(job(spec=None, labels=labels), settings)

    pool = Pool("web", RunnerSpec(pool="web", spot=False))
    settings = FleetSettings(specs={"big": NEVER}, aliases=(Alias("old", "paddock/runner=big"),), pools={"web": pool})
    assert retry_of(job(spec=NEVER), settings) is RetryMode.NEVER
    launched = job(labels=("paddock/retry=false",))
    assert retry_of(launched, settings) is RetryMode.WHEN_INTERRUPTED  # the launch is what counts
    assert said("paddock/retry=false") is RetryMode.NEVER
    assert said("paddock") is RetryMode.WHEN_INTERRUPTED
    assert said("paddock/runner=big") is RetryMode.NEVER
    assert said("old") is RetryMode.NEVER
    assert said("paddock/pool=web/retry=false") is RetryMode.NEVER
    assert said("paddock/pool=gone/retry=false") is RetryMode.WHEN_INTERRUPTED
