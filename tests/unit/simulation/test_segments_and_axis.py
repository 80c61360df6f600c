"""Lives cut for drawing, and the axis they are drawn on."""

import itertools

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from paddock.adapters.report.axis import MOST_TICKS, Axis, axis_over, tick_text
from paddock.adapters.report.segments import Segment, job_segments, machine_segments
from paddock.adapters.report.text import SUBSTITUTE, clean, shortened
from paddock.adapters.report.tones import SYMBOLS, Tone, tone_of, word_of
from paddock.core.job import Job
from paddock.core.runner import Nap, Runner
from paddock.core.states import JobState, OperationalResult, RunnerState
from paddock.core.units import DAY, HOUR, MILLISECOND, MINUTE, SECOND
from tests.strategies import jobs as any_job
from tests.strategies import moments
from tests.strategies import runners as any_runner
from tests.world.made_up_fleet import NOW, a_job, a_runner, at


def cut(segments: tuple[Segment, ...]) -> list[tuple[str, float]]:
    """The kinds and their seconds."""
    return [(segment.kind, segment.span / SECOND) for segment in segments]


def test_a_job_served_by_anothers_machine_waited_all_the_time() -> None:
    """It was never launched for, so nothing of its wait is called launching."""
    job = a_job(1, state=JobState.RUNNING, started_at=at(30))
    assert cut(job_segments(job, at(40))) == [("waiting", 30), ("running", 10)]


def test_a_job_back_in_the_queue_waits_again() -> None:
    """The launch that failed left its time on the record; the job waits nevertheless."""
    assert cut(job_segments(a_job(1, launched_at=at(5)), at(40))) == [("waiting", 40)]


def test_a_job_without_an_end_on_its_record_ends_at_the_last_word() -> None:
    """An ended job does not grow until now: the last decision about it, or its last moment, ends it."""
    job = a_job(1, state=JobState.ABANDONED)
    assert cut(job_segments(job, NOW, at(7))) == [("waiting", 7)]
    assert cut(job_segments(job, NOW)) == [("waiting", 0)]


def test_a_live_machine_lasts_until_now() -> None:
    """What it does now is its last segment."""
    booting = a_runner(1, 0)
    assert cut(machine_segments(booting, at(9))) == [("boot", 9)]
    ready = attrs.evolve(booting, state=RunnerState.READY, ready_at=at(4))
    assert cut(machine_segments(ready, at(9))) == [("boot", 4), ("idle", 5)]
    busy = attrs.evolve(ready, state=RunnerState.BUSY, busy_at=at(6))
    assert cut(machine_segments(busy, at(9))) == [("boot", 4), ("idle", 2), ("job", 3)]


@given(any_job, moments, st.none() | moments)
def test_a_jobs_segments_join_without_gaps(job: Job, now: int, last: int | None) -> None:
    """Each begins where the one before ended, none runs backwards, and there is always one."""
    segments = job_segments(job, now, last)
    assert segments
    assert all(segment.end >= segment.start for segment in segments)
    assert all(one.end == other.start for one, other in itertools.pairwise(segments))


@given(any_runner, moments)
def test_a_machines_segments_cover_its_life(runner: Runner, now: int) -> None:
    """They join without gaps, from the launch to its end or now."""
    segments = machine_segments(runner, now)
    end = runner.gone_at if runner.gone_at is not None else now
    assert (segments[0].start, segments[-1].end) == (runner.launched_at, max(end, runner.launched_at))
    assert all(one.end == other.start for one, other in itertools.pairwise(segments))
    kinds = [segment.kind for segment in segments if segment.kind != "sleep"]
    assert len(kinds) <= 4 + 2 * len(runner.naps)
    assert runner.naps or len(set(kinds)) == len(segments)


def test_a_machine_that_slept_boots_again() -> None:
    """And one that sleeps still does so until now."""
    nap = Nap(at(10), at(40), at(44))
    machine = attrs.evolve(a_runner(1, 0), ready_at=at(4), naps=(nap,), busy_at=at(50))
    assert cut(machine_segments(machine, at(60))) == [
        *(("boot", 4), ("idle", 6), ("sleep", 30)),
        *(("boot", 4), ("idle", 6), ("job", 10)),
    ]
    asleep = attrs.evolve(machine, busy_at=None, naps=(nap, Nap(at(50))))
    assert cut(machine_segments(asleep, at(90)))[3:] == [("boot", 4), ("idle", 6), ("sleep", 40)]


@given(moments, moments, moments)
def test_the_axis_holds_every_moment(one: int, other: int, third: int) -> None:
    """Places are within 0 and 100 and keep the order of the moments; ticks are few and lie on it."""
    axis = axis_over((one, other), one)
    assert 0 <= axis.x(third) <= 100
    assert axis.x(min(one, other)) <= axis.x(max(one, other))
    ticks = axis.ticks
    assert 1 <= len(ticks) <= MOST_TICKS + 1
    assert ticks[0].x == 0
    assert all(earlier.x < later.x for earlier, later in itertools.pairwise(ticks))


@pytest.mark.parametrize(
    ("span", "step"),
    [
        (SECOND, 100 * MILLISECOND),
        (9 * SECOND, SECOND),
        (6 * MINUTE, MINUTE),
        (50 * MINUTE, 5 * MINUTE),
        (3 * DAY, 12 * HOUR),
        (100 * DAY, 16 * DAY),
    ],
)
def test_steps_are_round(span: int, step: int) -> None:
    """The distance of two ticks is one that people count in."""
    assert Axis(0, span).step == step


@pytest.mark.parametrize(
    ("offset", "step", "text"),
    [
        (0, MINUTE, "0:00"),
        (90 * SECOND, 30 * SECOND, "1:30"),
        (1_300 * MILLISECOND, 100 * MILLISECOND, "0:01.3"),
        (HOUR + 5 * MINUTE, MINUTE, "1:05:00"),
        (2 * DAY + 6 * HOUR, 6 * HOUR, "2 d 6 h"),
        (4 * DAY, DAY, "4 d"),
    ],
)
def test_ticks_read_like_a_stop_watch(offset: int, step: int, text: str) -> None:
    """Minutes and seconds, with hours or days only where there are any."""
    assert tick_text(offset, step) == text


def test_every_tone_has_a_symbol_of_its_own() -> None:
    """Colour is never the only sign."""
    assert set(SYMBOLS) == set(Tone)
    assert len(set(SYMBOLS.values())) == len(Tone)


@pytest.mark.parametrize("state", JobState)
def test_every_state_has_a_tone_and_a_word(state: JobState) -> None:
    """No state is left without a way to show it; only the ends look ended."""
    job = a_job(1, state=state, conclusion="success" if state is JobState.FINISHED else None)
    assert (tone_of(job) in {Tone.WAITING, Tone.LAUNCHING, Tone.RUNNING}) is job.live
    assert word_of(job) == ("success" if state is JobState.FINISHED else state.value)


@pytest.mark.parametrize(
    ("conclusion", "tone"),
    [
        ("success", Tone.SUCCESS),
        ("failure", Tone.FAILURE),
        ("timed_out", Tone.FAILURE),
        ("startup_failure", Tone.FAILURE),
        ("cancelled", Tone.CANCELLED),
        ("skipped", Tone.NEUTRAL),
        (None, Tone.NEUTRAL),
    ],
)
def test_githubs_conclusions_have_their_tones(conclusion: str | None, tone: Tone) -> None:
    """What GitHub shows red is red here, and nothing else is."""
    assert tone_of(a_job(1, state=JobState.FINISHED, conclusion=conclusion)) is tone


def test_a_conclusion_nobody_knows_yet_is_neutral() -> None:
    """GitHub may invent words; they are shown as they are."""
    job = a_job(1, state=JobState.FINISHED, conclusion="action_required", result=OperationalResult.INTERRUPTED)
    assert tone_of(job) is Tone.NEUTRAL
    assert word_of(job) == "action required, interrupted"


@given(st.text())
def test_clean_text_is_printable_and_keeps_what_was(text: str) -> None:
    """One line, no control characters, as many characters as before; harmless text is untouched."""
    cleaned = clean(text)
    assert len(cleaned) == len(text)
    assert clean(cleaned) == cleaned
    assert all(character.isprintable() or character in "\u200c\u200d" for character in cleaned)
    if text.isprintable():
        assert cleaned == text


def test_what_is_taken_out_leaves_a_trace() -> None:
    """A hidden character becomes a visible one, a line break a space; an emoji's joiner stays."""
    assert clean("a\x1b[31mb\nc\u202ed") == f"a{SUBSTITUTE}[31mb c{SUBSTITUTE}d"
    assert clean("👩\u200d💻") == "👩\u200d💻"
    assert clean("\ud800") == SUBSTITUTE
    assert (shortened("abcdef", 4), shortened("abcd", 4)) == ("abc…", "abcd")
