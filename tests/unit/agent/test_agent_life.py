"""How a Listener's life is judged: by its lines, its exit code, the clock and who stopped it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paddock.agent.job.life import LINGER, MAX_RETRIES, UPDATE_PATIENCE, Deed, Life, Limits
from paddock.agent.job.listener import JobBegan, JobEnded, JobResult, Listening
from paddock.agent.reasons import Reason
from paddock.agent.telling.report import Event, Result

S = 1_000_000
LIMITS = Limits(max_runtime=1_000 * S, idle_timeout=100 * S, stop_grace=90 * S, heartbeat=300 * S, retry_delay=5 * S)


def listening(limits: Limits = LIMITS) -> Life:
    """A Listener that was started at 0 and listens since second 2."""
    life = Life(limits, 0)
    assert life.said(Listening(), 2 * S) == []
    return life


def busy(limits: Limits = LIMITS) -> Life:
    """One that runs a job since second 5."""
    life = listening(limits)
    assert life.said(JobBegan("build"), 5 * S) == [Deed.TELL_STARTED]
    return life


def ended(life: Life) -> tuple[Event, Result, Reason | None]:
    assert life.end is not None
    return life.end.event, life.end.result, life.end.reason


@pytest.mark.parametrize(
    ("result", "conclusion"),
    [
        (JobResult.SUCCEEDED, "success"),
        (JobResult.SUCCEEDED_WITH_ISSUES, "success"),
        (JobResult.FAILED, "failure"),
        (JobResult.CANCELED, "cancelled"),
        (JobResult.SKIPPED, "skipped"),
    ],
)
@pytest.mark.parametrize("code", [0, 2, -9])
def test_a_job_with_a_result_was_served(result: JobResult, conclusion: str, code: int) -> None:
    """Once the result was printed the machine has served, however the process then ended."""
    life = busy()
    life.said(JobEnded(result), 60 * S)
    life.exited(code, 61 * S)
    assert ended(life) == (Event.FINISHED, Result.SERVED, None)
    assert life.end is not None
    assert (life.end.conclusion, life.end.exit_code) == (conclusion, code)
    assert (life.job_name, life.ready_at, life.started_at, life.finished_at) == ("build", 2 * S, 5 * S, 60 * S)


def test_an_abandoned_job_was_interrupted() -> None:
    """The Listener gave it up because its lease was lost: not the job's fault."""
    life = busy()
    life.said(JobEnded(JobResult.ABANDONED), 60 * S)
    life.exited(0, 61 * S)
    assert ended(life) == (Event.FINISHED, Result.INTERRUPTED, Reason.ABANDONED)


def test_the_last_result_counts() -> None:
    """A job name with a line break can print a result of its own, but only before the real one."""
    life = busy()
    life.said(JobEnded(JobResult.SUCCEEDED), 6 * S)
    life.said(JobEnded(JobResult.FAILED), 60 * S)
    life.exited(0, 61 * S)
    assert life.end is not None
    assert life.end.conclusion == "failure"


def test_a_result_before_any_job_means_nothing() -> None:
    """Lines of a result without a job are not believed."""
    life = listening()
    life.said(JobEnded(JobResult.SUCCEEDED), 3 * S)
    life.exited(0, 4 * S)
    assert ended(life) == (Event.FAILED_TO_START, Result.FAILED_TO_START, Reason.EXITED_WITHOUT_JOB)


def test_exit_0_without_a_result_is_an_orphan() -> None:
    """GitHub still holds such a job for a runner that is gone."""
    life = busy()
    life.exited(0, 20 * S)
    assert ended(life) == (Event.FAILED_TO_START, Result.FAILED_TO_START, Reason.ORPHAN)


@pytest.mark.parametrize("code", [1, 2, 3, 4, 5, 7, -9, -11])
def test_never_restarted_once_a_job_was_seen(code: int) -> None:
    """A second start with the same registration could only do harm."""
    life = busy()
    life.exited(code, 20 * S)
    assert ended(life) == (Event.FINISHED, Result.INTERRUPTED, Reason.LISTENER_DIED)


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (0, Reason.EXITED_WITHOUT_JOB),
        (1, Reason.LISTENER_FAILED),
        (5, Reason.SESSION_CONFLICT),
        (6, Reason.LISTENER_FAILED),
        (7, Reason.VERSION_TOO_OLD),
        (143, Reason.LISTENER_FAILED),
        (-11, Reason.LISTENER_FAILED),
    ],
)
def test_exit_codes_before_a_job(code: int, reason: Reason) -> None:
    """Each code that is not worth another try has its reason."""
    life = listening()
    life.exited(code, 10 * S)
    assert ended(life) == (Event.FAILED_TO_START, Result.FAILED_TO_START, reason)


@pytest.mark.parametrize("code", [0, 1, 2])
def test_what_it_complained_of_explains_the_exit(code: int) -> None:
    """Standard error knows more than the exit code, and a hopeless case is not tried again."""
    life = listening()
    life.complained(Reason.REGISTRATION_DELETED)
    life.exited(code, 10 * S)
    assert ended(life) == (Event.FAILED_TO_START, Result.FAILED_TO_START, Reason.REGISTRATION_DELETED)


def test_a_complaint_before_a_job_does_not_explain_its_end() -> None:
    """Trouble that was overcome is forgotten."""
    life = listening()
    life.complained(Reason.SESSION_CONFLICT)
    life.said(JobBegan("build"), 5 * S)
    life.said(JobEnded(JobResult.SUCCEEDED), 6 * S)
    life.exited(0, 7 * S)
    assert ended(life) == (Event.FINISHED, Result.SERVED, None)


def test_code_2_is_tried_again_twice() -> None:
    """After a pause each; the third time it is reported."""
    life = listening()
    now = 10 * S
    for _ in range(MAX_RETRIES):
        life.exited(2, now)
        assert life.end is None
        assert life.passed(now) == []
        now = life.wake_at()
        assert life.passed(now) == [Deed.START]
    life.exited(2, now)
    assert ended(life) == (Event.FAILED_TO_START, Result.FAILED_TO_START, Reason.RETRIES_EXHAUSTED)


@pytest.mark.parametrize("code", [3, 4])
def test_an_update_is_waited_for_once(code: int) -> None:
    """The runner swaps its own directories after it ended; a second update means that the package is too old."""
    life = listening()
    life.exited(code, 10 * S)
    assert (life.updating, life.wake_at()) == (True, 10 * S + UPDATE_PATIENCE)
    life.updated(12 * S)
    assert life.passed(12 * S) == [Deed.START]
    assert not life.updating
    life.exited(code, 20 * S)
    assert ended(life) == (Event.FAILED_TO_START, Result.FAILED_TO_START, Reason.UPDATE_REQUIRED)


def test_no_job_in_time() -> None:
    """The idle time-out stops the Listener: SIGINT, and after the grace everything is killed."""
    life = listening()
    assert life.passed(100 * S - 1) == []
    assert life.passed(100 * S) == [Deed.INTERRUPT]
    assert life.passed(190 * S - 1) == []
    assert life.passed(190 * S) == [Deed.KILL]
    life.exited(-9, 191 * S)
    assert ended(life) == (Event.FAILED_TO_START, Result.FAILED_TO_START, Reason.NO_JOB)


def test_a_restart_has_no_idle_time_of_its_own() -> None:
    """The idle time-out counts from the first start, whatever happened in between."""
    life = listening()
    life.exited(2, 99 * S)
    assert life.passed(100 * S) == []
    assert ended(life) == (Event.FAILED_TO_START, Result.FAILED_TO_START, Reason.NO_JOB)


def test_a_job_that_arrives_while_it_is_stopped_for_idleness() -> None:
    """It was stopped under the job: interrupted by us, and said so."""
    life = listening()
    life.passed(100 * S)
    assert life.said(JobBegan("late"), 101 * S) == [Deed.TELL_STARTED]
    life.said(JobEnded(JobResult.CANCELED), 105 * S)
    life.exited(0, 106 * S)
    assert ended(life) == (Event.FINISHED, Result.INTERRUPTED, Reason.NO_JOB)
    assert life.end is not None
    assert life.end.interrupted_by == "no_job"


def test_a_job_that_runs_too_long() -> None:
    """From the job's start, not from the machine's: SIGINT, grace, kill, and the result is timed out."""
    life = busy()
    assert Deed.INTERRUPT not in life.passed(1_005 * S - 1)
    assert Deed.INTERRUPT in life.passed(1_005 * S)
    assert Deed.KILL in life.passed(1_095 * S)
    life.exited(-9, 1_096 * S)
    assert ended(life) == (Event.FINISHED, Result.TIMED_OUT, Reason.MAX_RUNTIME)


def test_told_to_stop_during_a_job() -> None:
    """SIGINT once, however often it is told; the job is interrupted, by whom is said."""
    life = busy()
    assert life.stop(Reason.SIGTERM, 10 * S) == [Deed.INTERRUPT]
    assert life.stop(Reason.SIGTERM, 11 * S) == []
    life.said(JobEnded(JobResult.CANCELED), 18 * S)
    life.exited(0, 19 * S)
    assert ended(life) == (Event.FINISHED, Result.INTERRUPTED, Reason.SIGTERM)
    assert life.end is not None
    assert (life.end.interrupted_by, life.end.conclusion) == ("sigterm", "cancelled")


def test_told_to_stop_after_the_result() -> None:
    """The job was over: it was served, and nothing interrupted it."""
    life = busy()
    life.said(JobEnded(JobResult.SUCCEEDED), 18 * S)
    assert life.stop(Reason.SIGTERM, 19 * S) == [Deed.INTERRUPT]
    life.exited(0, 20 * S)
    assert ended(life) == (Event.FINISHED, Result.SERVED, None)


def test_told_to_stop_between_two_starts() -> None:
    """With no process there, it ends at once."""
    life = listening()
    life.exited(2, 10 * S)
    assert life.stop(Reason.SIGTERM, 11 * S) == []
    assert ended(life) == (Event.FAILED_TO_START, Result.FAILED_TO_START, Reason.SIGTERM)
    assert life.passed(60 * S) == []


def test_a_listener_that_lingers_after_its_job() -> None:
    """It has one job; if it does not leave after it, it is made to."""
    life = busy()
    life.said(JobEnded(JobResult.SUCCEEDED), 10 * S)
    assert Deed.INTERRUPT not in life.passed(10 * S + LINGER - 1)
    assert Deed.INTERRUPT in life.passed(10 * S + LINGER)
    life.exited(0, 400 * S)
    assert ended(life) == (Event.FINISHED, Result.SERVED, None)


def test_signs_of_life() -> None:
    """One per interval, idle or busy, also when many intervals passed unseen."""
    life = busy()
    assert life.passed(300 * S - 1) == []
    assert life.passed(300 * S) == [Deed.TELL_ALIVE]
    assert life.passed(301 * S) == []
    assert life.passed(950 * S) == [Deed.TELL_ALIVE]


HAPPENINGS = st.lists(
    st.one_of(
        st.just(Listening()),
        st.just(JobBegan("x")),
        st.sampled_from(JobResult).map(JobEnded),
        st.sampled_from([Reason.SESSION_CONFLICT, Reason.VERSION_TOO_OLD]),
        st.just("stop"),
        st.integers(-15, 8),
        st.integers(1, 400).map(float),
    ),
    max_size=30,
)


@given(HAPPENINGS)
def test_every_life_ends_and_ends_once(happenings: list[object]) -> None:
    """Whatever happens in whatever order, the life ends within its limits, and what ended stays as it was."""
    life, now, running = Life(LIMITS, 0), 0, True
    for happening in [*happenings, *[200.0, -9] * 30]:
        deeds: list[Deed] = []
        before = life.end
        match happening:
            case float():
                now += int(happening) * S
                deeds = life.passed(now)
            case int():
                if running:
                    running = False
                    life.exited(happening, now)
            case Reason():
                life.complained(happening)
            case "stop":
                deeds = life.stop(Reason.SIGTERM, now)
            case Listening() | JobBegan() | JobEnded() if running:
                deeds = life.said(happening, now)
        assert before is None or life.end == before
        if Deed.START in deeds:
            assert not running
            assert life.started_at is None
            running = True
    assert life.end is not None
    assert (life.end.result is Result.FAILED_TO_START) == (life.end.event is Event.FAILED_TO_START)
