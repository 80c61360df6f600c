"""What ends a job from outside, decided: warnings of the cloud, a full disk, a ghost, a Worker that is not there."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paddock.agent.job.life import GIVE_UP, NEVER, Deed, Life, Limits
from paddock.agent.job.listener import JobBegan, JobEnded, JobResult, Listening
from paddock.agent.ports import Notice, NoticeKind, Reading
from paddock.agent.reasons import Reason
from paddock.agent.telling.report import Event, Result

S = 1_000_000
MIB = 1 << 20
LIMITS = Limits(max_runtime=10_000 * S, idle_timeout=1_000 * S, heartbeat=100_000 * S)
PLENTY = Reading(disk_free=9_000 * MIB, disk_used=MIB, memory_available=9_000 * MIB, memory_used=MIB, cpu=0, cores=2)
FULL = replace(PLENTY, disk_free=499 * MIB)
SHORT = replace(PLENTY, memory_available=199 * MIB)


def spot(at: int) -> Notice:
    return Notice(NoticeKind.SPOT, at)


def idle() -> Life:
    """A Listener that was started at 0 and listens since second 2."""
    life = Life(LIMITS, 0)
    life.said(Listening(), 2 * S)
    return life


def busy() -> Life:
    """One that runs a job since second 5."""
    life = idle()
    life.said(JobBegan("build"), 5 * S)
    return life


def how(life: Life) -> tuple[Event, Result, Reason | None, str | None]:
    assert life.end is not None
    return life.end.event, life.end.result, life.end.reason, life.end.interrupted_by


def test_defaults_are_those_that_are_promised() -> None:
    """Six hours for a job, 90 s of grace, 45 and 15 s before the machine is taken, 5 min after it."""
    limits = Limits()
    spans = (limits.max_runtime, limits.stop_grace, limits.spot_interrupt, limits.spot_kill, limits.spot_wait)
    assert spans == (360 * 60 * S, 90 * S, 45 * S, 15 * S, 300 * S)
    assert (limits.worker_patience, limits.min_disk, limits.low_memory) == (60 * S, 500 * MIB, 200 * MIB)


def test_a_spot_notice_during_a_job() -> None:
    """Told at once; SIGINT 45 s before the moment, kill 15 s before it; then the machine waits for AWS for 5 min."""
    life = busy()
    assert life.wait_until is None
    assert life.noticed(spot(200 * S), 80 * S) == [Deed.TELL_NOTICE]
    assert life.notice == spot(200 * S)
    assert life.wake_at() == 155 * S
    assert life.passed(155 * S - 1) == []
    assert life.passed(155 * S) == [Deed.INTERRUPT]
    assert life.wake_at() == 185 * S
    assert life.passed(185 * S - 1) == []
    assert life.passed(185 * S) == [Deed.KILL]
    life.exited(-9, 185 * S)
    assert how(life) == (Event.FINISHED, Result.INTERRUPTED, Reason.SPOT_NOTICE, "spot")
    assert life.wait_until == 500 * S


def test_a_job_that_obeys_after_a_spot_notice() -> None:
    """The Listener calls it cancelled; the machine was interrupted."""
    life = busy()
    life.noticed(spot(200 * S), 80 * S)
    life.passed(155 * S)
    life.said(JobEnded(JobResult.CANCELED), 160 * S)
    life.exited(0, 161 * S)
    assert how(life) == (Event.FINISHED, Result.INTERRUPTED, Reason.SPOT_NOTICE, "spot")
    assert life.end is not None
    assert life.end.conclusion == "cancelled"


def test_a_short_job_finishes_before_the_machine_is_taken() -> None:
    """It was served, whatever its result; the machine waits for AWS all the same."""
    life = busy()
    life.noticed(spot(200 * S), 80 * S)
    life.said(JobEnded(JobResult.FAILED), 154 * S)
    life.exited(0, 155 * S)
    assert how(life) == (Event.FINISHED, Result.SERVED, None, None)
    assert life.wait_until == 500 * S


def test_a_listener_that_lingers_is_ended_before_the_machine_is_taken() -> None:
    """A job that is over does not become interrupted because its Listener was slow to leave."""
    life = busy()
    life.said(JobEnded(JobResult.FAILED), 79 * S)
    life.noticed(spot(200 * S), 80 * S)
    assert life.passed(155 * S) == [Deed.INTERRUPT]
    assert life.passed(185 * S) == [Deed.KILL]
    life.exited(-9, 185 * S)
    assert how(life) == (Event.FINISHED, Result.SERVED, None, None)


@pytest.mark.parametrize("reason", [Reason.SIGTERM, Reason.MAX_RUNTIME, Reason.SPOT_NOTICE, Reason.DISK_FULL])
def test_a_job_that_succeeds_although_it_was_stopped(reason: Reason) -> None:
    """It was faster than the signal: nothing was lost, so nothing need be run again."""
    life = busy()
    assert life.stop(reason, 80 * S) == [Deed.INTERRUPT]
    life.said(JobEnded(JobResult.SUCCEEDED), 80 * S)
    life.exited(0, 81 * S)
    assert how(life) == (Event.FINISHED, Result.SERVED, None, None)


def test_a_spot_notice_while_idle() -> None:
    """There is nothing to finish: SIGINT at once, killed 15 s before the moment if the grace is not over by then."""
    life = idle()
    assert life.noticed(spot(60 * S), 10 * S) == [Deed.TELL_NOTICE, Deed.INTERRUPT]
    assert life.wake_at() == 45 * S
    life.exited(0, 11 * S)
    assert how(life) == (Event.FAILED_TO_START, Result.FAILED_TO_START, Reason.SPOT_NOTICE, "spot")
    assert life.wait_until == 360 * S


def test_a_spot_notice_between_two_starts() -> None:
    """With no process there, it ends at once."""
    life = idle()
    life.exited(2, 10 * S)
    assert life.noticed(spot(130 * S), 11 * S) == [Deed.TELL_NOTICE]
    assert how(life) == (Event.FAILED_TO_START, Result.FAILED_TO_START, Reason.SPOT_NOTICE, "spot")


def test_a_job_that_arrives_although_the_machine_will_be_taken() -> None:
    """It came between the notice and the Listener's end: interrupted, by spot."""
    life = idle()
    life.noticed(spot(130 * S), 10 * S)
    assert life.said(JobBegan("late"), 10 * S) == [Deed.TELL_STARTED]
    life.said(JobEnded(JobResult.CANCELED), 12 * S)
    life.exited(0, 13 * S)
    assert how(life) == (Event.FINISHED, Result.INTERRUPTED, Reason.SPOT_NOTICE, "spot")


@pytest.mark.parametrize(
    ("ahead", "kill"), [(44, 29), (20, 5), (10, 5), (0, 5), (-1_000, 5)], ids=["44", "20", "10", "now", "long past"]
)
def test_a_late_spot_notice(ahead: int, kill: int) -> None:
    """Less than 45 s ahead: SIGINT at once; however late it comes, the Listener has 5 s before the kill."""
    life, now = busy(), 2_000 * S
    assert life.noticed(spot(now + ahead * S), now) == [Deed.TELL_NOTICE, Deed.INTERRUPT]
    assert life.wake_at() == now + kill * S
    assert life.passed(now + kill * S) == [Deed.KILL]


def test_of_two_spot_notices_the_earlier_moment_counts() -> None:
    """Told once; a later moment gives no time back, an earlier one takes it."""
    life = busy()
    life.noticed(spot(200 * S), 80 * S)
    assert life.noticed(spot(300 * S), 81 * S) == []
    assert life.wake_at() == 155 * S
    assert life.noticed(spot(190 * S), 82 * S) == []
    assert life.wake_at() == 145 * S
    assert life.passed(145 * S) == [Deed.INTERRUPT]
    assert life.noticed(spot(180 * S), 146 * S) == []
    assert life.wake_at() == 165 * S


def test_a_spot_notice_shortens_a_running_grace() -> None:
    """Told to stop before: the grace of 90 s ends when the machine will be taken, and the first reason stays."""
    life = busy()
    assert life.stop(Reason.SIGTERM, 100 * S) == [Deed.INTERRUPT]
    assert life.noticed(spot(170 * S), 110 * S) == [Deed.TELL_NOTICE]
    assert life.passed(155 * S) == [Deed.KILL]
    life.exited(-9, 155 * S)
    assert how(life) == (Event.FINISHED, Result.INTERRUPTED, Reason.SIGTERM, "sigterm")


def test_a_rebalance_recommendation_ends_nothing() -> None:
    """Told once, idle or busy; a spot notice after it is told as well."""
    notice = Notice(NoticeKind.REBALANCE, 10 * S)
    for life in (idle(), busy()):
        assert life.noticed(notice, 10 * S) == [Deed.TELL_NOTICE]
        assert life.noticed(Notice(NoticeKind.REBALANCE, 11 * S), 12 * S) == []
        assert life.passed(900 * S) == []
        assert life.wait_until is None
        assert Deed.TELL_NOTICE in life.noticed(spot(1_020 * S), 901 * S)
        assert life.notice == spot(1_020 * S)


def test_a_disk_that_fills_up_ends_the_job() -> None:
    """Below the limit, not at it: SIGINT, the usual grace, and the report says why."""
    life = busy()
    assert life.looked(replace(PLENTY, disk_free=500 * MIB), 10 * S) == []
    assert life.looked(FULL, 11 * S) == [Deed.INTERRUPT]
    assert life.looked(FULL, 12 * S) == []
    assert life.passed(101 * S) == [Deed.KILL]
    life.exited(-9, 102 * S)
    assert how(life) == (Event.FINISHED, Result.INTERRUPTED, Reason.DISK_FULL, "disk_full")


def test_a_full_disk_before_a_job() -> None:
    """The machine could not serve one."""
    life = idle()
    assert life.looked(FULL, 10 * S) == [Deed.INTERRUPT]
    life.exited(0, 11 * S)
    assert how(life) == (Event.FAILED_TO_START, Result.FAILED_TO_START, Reason.DISK_FULL, None)


def test_a_full_disk_after_the_job() -> None:
    """Nobody needs it any more."""
    life = busy()
    life.said(JobEnded(JobResult.SUCCEEDED), 10 * S)
    assert life.looked(FULL, 11 * S) == []


def test_short_memory_is_a_warning_and_no_more() -> None:
    """At most one per minute, as long as it lasts."""
    life = busy()
    warnings = [second for second in range(10, 200) if life.looked(SHORT, second * S) == [Deed.WARN_MEMORY]]
    assert warnings == [10, 70, 130, 190]
    assert life.looked(replace(SHORT, memory_available=200 * MIB), 900 * S) == []
    assert life.end is None


def test_a_ghost_is_stopped() -> None:
    """It would listen for ever with a registration that GitHub has dropped."""
    life = idle()
    assert life.ghosted(10 * S) == [Deed.INTERRUPT]
    life.exited(0, 11 * S)
    assert how(life) == (Event.FAILED_TO_START, Result.FAILED_TO_START, Reason.GHOST, None)


def test_once_a_job_runs_nothing_is_a_ghost() -> None:
    """From then on the job could write such a line itself."""
    life = busy()
    assert life.ghosted(10 * S) == []
    assert life.passed(900 * S) == []


def test_a_job_without_a_worker_is_an_orphan() -> None:
    """A minute without any sign of one: stopped, and nothing of the job was ever done."""
    life = busy()
    assert life.worker(sign=False, now=6 * S) == []
    assert life.worker(sign=False, now=66 * S - 1) == []
    assert life.worker(sign=False, now=66 * S) == [Deed.INTERRUPT]
    life.said(JobEnded(JobResult.CANCELED), 67 * S)
    life.exited(0, 68 * S)
    assert how(life) == (Event.FAILED_TO_START, Result.FAILED_TO_START, Reason.ORPHAN, None)


def test_a_worker_that_vanished() -> None:
    """It was there, so the job had begun: interrupted."""
    life = busy()
    life.worker(sign=True, now=6 * S)
    life.worker(sign=False, now=100 * S)
    assert life.worker(sign=False, now=160 * S) == [Deed.INTERRUPT]
    life.exited(0, 161 * S)
    assert how(life) == (Event.FINISHED, Result.INTERRUPTED, Reason.WORKER_DIED, "worker_died")


@pytest.mark.parametrize("sign", [True, None])
def test_one_sign_of_a_worker_or_not_knowing_starts_the_minute_anew(sign: bool | None) -> None:  # noqa: FBT001 - a parameter
    """Silence must be unbroken, and be heard, to mean anything."""
    life = busy()
    life.worker(sign=False, now=6 * S)
    life.worker(sign=sign, now=60 * S)
    assert life.worker(sign=False, now=70 * S) == []
    assert life.worker(sign=False, now=130 * S - 1) == []
    assert life.worker(sign=False, now=130 * S) == [Deed.INTERRUPT]


def test_no_worker_is_missed_before_or_after_the_job() -> None:
    """Idle there is none, and after the result it has left."""
    for life in (idle(), busy()):
        life.said(JobEnded(JobResult.SUCCEEDED), 6 * S)
        assert [life.worker(sign=False, now=second * S) for second in (7, 100, 200)] == [[], [], []]


def test_what_cannot_be_ended_is_given_up() -> None:
    """Killed every second for a minute; then the machine goes on to its report without an exit code."""
    life = busy()
    life.stop(Reason.SIGTERM, 10 * S)
    kills = [second for second in range(11, 400) if life.passed(second * S) == [Deed.KILL]]
    assert kills == list(range(100, 100 + GIVE_UP // S))
    assert how(life) == (Event.FINISHED, Result.INTERRUPTED, Reason.SIGTERM, "sigterm")
    assert life.end is not None
    assert life.end.exit_code is None


TIMES = st.integers(0, 3_000).map(lambda tenths: tenths * S // 10)
HAPPENINGS = st.lists(
    st.one_of(
        st.tuples(st.just("passed"), TIMES),
        st.tuples(st.just("spot"), st.integers(-100, 400)),
        st.tuples(st.just("rebalance"), st.just(0)),
        st.tuples(st.just("looked"), st.sampled_from([PLENTY, FULL, SHORT])),
        st.tuples(st.just("ghost"), st.none()),
        st.tuples(st.just("worker"), st.sampled_from([True, False, False, None])),
        st.tuples(st.just("stop"), st.just(Reason.SIGTERM)),
        st.tuples(st.just("complained"), st.just(Reason.CLOCK_SKEW)),
        st.tuples(
            st.just("said"),
            st.one_of(
                st.just(Listening()),
                st.just(JobBegan("x")),
                st.sampled_from(JobResult).map(JobEnded),
            ),
        ),
        st.tuples(st.just("exited"), st.sampled_from([0, 1, 2, 3, 4, -9])),
    ),
    max_size=40,
)


class Model:
    """Follows a life and holds it to what must always be true."""

    def __init__(self) -> None:
        self.life = Life(LIMITS, 0)
        self.now = 0
        self.running = True
        self.interrupts = 0
        self.deadline = NEVER
        self.taken = NEVER
        self.told: list[Notice] = []

    def last_moment(self) -> int:
        """The kill, because of what the cloud said so far."""
        return max(self.taken - 15 * S, self.now + 5 * S)

    def happen(self, what: str, fact: object) -> None:  # noqa: C901 - one case for each kind of event
        """One event; afterwards everything that must be true is."""
        life, before, deeds = self.life, self.life.end, list[Deed]()
        match what, fact:
            case "passed", int(span):
                quiet = self.now + span < life.wake_at()
                self.now += span
                deeds = life.passed(self.now)
                assert not (quiet and deeds), "nothing is done before the moment that was named"
                late = self.now >= self.deadline and life.end is None
                assert (Deed.KILL in deeds) == late, "the kill comes in time, and only then"
            case "spot", int(ahead):
                at = self.now + ahead * S
                if before is None:
                    self.taken = min(self.taken, at)
                    if self.deadline != NEVER:
                        self.deadline = min(self.deadline, self.last_moment())
                deeds = life.noticed(spot(at), self.now)
            case "rebalance", _:
                deeds = life.noticed(Notice(NoticeKind.REBALANCE, self.now), self.now)
            case "looked", Reading() as reading:
                deeds = life.looked(reading, self.now)
            case "ghost", _:
                deeds = life.ghosted(self.now)
            case "worker", (True | False | None) as sign:
                deeds = life.worker(sign, self.now)
            case "stop", Reason() as reason:
                deeds = life.stop(reason, self.now)
            case "complained", Reason() as reason:
                life.complained(reason)
            case "said", (Listening() | JobBegan() | JobEnded()) as line if self.running:
                deeds = life.said(line, self.now)
            case "exited", int(code) if self.running:
                self.running, self.deadline = False, NEVER
                life.exited(code, self.now)
        self._check(before is not None, deeds)
        assert before is None or life.end == before, "an end is final"

    def _check(self, was_over: bool, deeds: list[Deed]) -> None:  # noqa: FBT001 - a fact
        assert not (was_over and deeds), "nothing is done after the end"
        if Deed.KILL in deeds:
            self.deadline = self.now + S
        if Deed.INTERRUPT in deeds:
            assert self.running
            self.interrupts += 1
            self.deadline = min(self.now + LIMITS.stop_grace, self.last_moment())
        if Deed.START in deeds:
            assert not self.running
            assert self.life.started_at is None
            self.running = True
        assert self.interrupts <= 1, "one ladder"
        assert self.life.end is not None or self.life.wake_at() <= self.deadline, "a grace never grows"
        if Deed.TELL_NOTICE in deeds:
            assert self.life.notice is not None
            self.told.append(self.life.notice)
        assert len({notice.kind for notice in self.told}) == len(self.told), "each kind is told once"


@settings(max_examples=max(500, settings().max_examples))
@given(st.sampled_from([[], [("said", JobBegan("x"))]]), HAPPENINGS)
def test_every_life_ends_whatever_happens(
    first: list[tuple[str, object]], happenings: list[tuple[str, object]]
) -> None:
    """Any events at any times: one ladder, kept in time, never loosened; one end; and it comes without any exit."""
    model = Model()
    for what, fact in [*first, *happenings]:
        model.happen(what, fact)
    for _ in range(200):
        if model.life.end is None:
            model.happen("passed", max(0, model.life.wake_at() - model.now))
    end = model.life.end
    assert end is not None
    assert (end.result is Result.FAILED_TO_START) == (end.event is Event.FAILED_TO_START)
    assert (end.reason is None) == (end.result is Result.SERVED)
    assert (end.interrupted_by == "spot") == (end.reason is Reason.SPOT_NOTICE)
    assert model.life.wait_until == (None if model.taken == NEVER else model.taken + 300 * S)
