"""A job explained: its life in order, the reasons, and what comes next."""

from collections.abc import Sequence
from typing import Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from paddock.adapters.report.chapters import chapters, next_step, offset_text
from paddock.core.decision import Decision
from paddock.core.job import Job
from paddock.core.runner import Runner
from paddock.core.spec import Range, RunnerSpec
from paddock.core.states import JobState, OperationalResult
from paddock.core.units import SECOND
from paddock.entrypoints.cli.story import story
from tests.made_up_fleet import HOSTILE, NOW, a_job, at, served
from tests.strategies import decisions as any_decision
from tests.strategies import jobs as any_job
from tests.strategies import runners as any_runner


def told(job: Job, decisions: Sequence[Decision] = (), runner: Runner | None = None, width: int = 100) -> list[str]:
    """The story as the lines of a terminal, without colour."""
    console = Console(width=width, color_system=None, force_terminal=False, _environ={})
    with console.capture() as capture:
        console.print(story(job, decisions, runner, NOW))
    return [line.rstrip() for line in capture.get().splitlines()]


def said(job: Job, seconds: float, actor: str, verdict: str, reason: str, **facts: int | str) -> Decision:
    """A decision about the job."""
    return Decision(job.subject, at(seconds), actor, verdict, reason, facts)


def test_a_served_jobs_story_reads_from_queueing_to_the_end() -> None:
    """What happened and what was decided stand in one order of time, relative to queueing, with reasons and facts."""
    job, machine = served(1, "lint", 0, 14, 21)
    job = attrs.evolve(job, spec=RunnerSpec(cpu=Range(4, 8)))
    lines = told(job, [said(job, 1, "dispatch", "launch", "the cheapest of 6 types", types=6)], machine)
    assert lines[0] == "lint  ✓ success"
    assert lines[1] == "acme/shop · ci · job 40000000001 of run 9000000000"
    assert "asked for  4 to 8 vCPU, x64, spot" in lines
    assert "waited     15.6 s" in lines
    assert "ran        21.0 s" in lines
    assert lines[lines.index("") + 1 :] == [
        "  +0 ms ● queued the job  GitHub",
        "          runs-on: paddock/cpu=4",
        " +1.0 s ◆ launch  dispatch",
        "          the cheapest of 6 types",
        "          types = 6",
        " +1.6 s ● launched  i-00000000000000001",
        "          c7i.xlarge, x64, spot in eu-west-1a, $0.0982 an hour",
        "+14.4 s ● ready  i-00000000000000001",
        "          its runner listens for a job",
        "+15.6 s ● started the job  GitHub",
        "          on paddock--i-00000000000000001--7f3a",
        "+36.6 s ● the job ended: success  GitHub",
        "+39.1 s ● gone  i-00000000000000001",
        "          served",
        "",
    ]


def test_a_waiting_job_says_for_what_and_until_when() -> None:
    """The last line of a job that waits names the reason and the next look at it."""
    job = a_job(1, queued=300, not_before=NOW + 12 * SECOND, reason="acme/shop has 8 of its 8 machines")
    lines = told(job)
    assert "waits   1 min 00 s so far" in lines
    assert lines[-1] == "Next: Waiting for: acme/shop has 8 of its 8 machines. It is looked at again in 12.0 s."


def test_a_paused_fleet_names_the_command_that_lets_it_go_on() -> None:
    """If the fleet is paused, the reader learns how to end that."""
    job = a_job(1, not_before=NOW + 10 * SECOND)
    step = next_step(job, [said(job, 2, "admission", "paused", "the fleet is paused: upgrade")], NOW)
    assert step == "Waiting for: the fleet is paused: upgrade. `paddock resume` lets it go on."


def test_a_job_that_waited_through_a_pause_is_no_longer_told_to_resume() -> None:
    """Only the last word counts: an earlier pause is not the reason any more."""
    job = a_job(1, not_before=0)
    earlier, later = said(job, 2, "admission", "paused", "paused"), said(job, 9, "dispatch", "requeue", "no capacity")
    assert "resume" not in next_step(job, [earlier, later], NOW)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, "Waiting for: a dispatcher"),
        ({"state": JobState.DISPATCHING}, "Waiting for its machine to come up"),
        ({"state": JobState.LAUNCHED, "machine": "i-7"}, "Waiting for machine i-7 to come up"),
        ({"state": JobState.RUNNING}, "It runs."),
        ({"state": JobState.REJECTED}, "put right what the reason names"),
        ({"state": JobState.ABANDONED}, "re-run it at GitHub"),
        ({"state": JobState.CANCELLED}, ""),
        ({"state": JobState.FINISHED, "conclusion": "success"}, ""),
        (
            {"state": JobState.FINISHED, "conclusion": "failure", "result": OperationalResult.SERVED},
            "gh run view --repo acme/shop --job 40000000001 --log-failed",
        ),
        (
            {"state": JobState.FINISHED, "conclusion": "failure", "result": OperationalResult.INTERRUPTED},
            "It lost its machine",
        ),
        ({"state": JobState.FINISHED, "result": OperationalResult.TIMED_OUT}, "its time limit"),
        ({"state": JobState.FINISHED, "result": OperationalResult.FAILED_TO_START}, "Its machine failed it"),
    ],
)
def test_every_standing_has_its_next_step(changes: dict[str, Any], expected: str) -> None:
    """A job that waits or failed says what comes next or what to do; one that is well says nothing."""
    step = next_step(a_job(1, **changes), [], NOW)
    assert expected in step
    assert bool(step) is bool(expected)


def test_a_refusal_is_ours_not_githubs() -> None:
    """The end of a job that we gave up is not put into GitHub's mouth, and its reason is told once."""
    job = a_job(1, state=JobState.ABANDONED, finished_at=at(9), reason="launch budget spent")
    (end,) = [chapter for chapter in chapters(job, []) if "ended" in chapter.headline]
    assert (end.actor, end.headline, end.detail) == ("Paddock", "the job ended: abandoned", "launch budget spent")
    (end,) = [
        chapter
        for chapter in chapters(job, [said(job, 9, "sweep", "abandon", "launch budget spent")])
        if "ended" in chapter.headline
    ]
    assert end.detail == ""


def test_a_machines_launch_and_end_are_told_once() -> None:
    """Where a decision tells of them, with more to say, the record's bare fact is left out; the rest stays."""
    job, machine = served(1, "lint", 0, 14, 21)
    decided = [said(job, 2, "assign", "launched", "launch 1 of 3"), said(job, 40, "retire", "gone", "its job ended")]
    assert [chapter.headline for chapter in chapters(job, decided, machine)] == [
        *("queued the job", "launched", "ready", "started the job", "the job ended: success", "gone"),
    ]


def test_nothing_a_workflow_writes_reaches_the_terminal_as_a_command() -> None:
    """Escape sequences and text-direction tricks in names, labels and reasons are shown as substitutes."""
    job = a_job(1, HOSTILE, labels=("a\x1b]0;title\x07",), reason="[bold]not markup[/bold] \x9b2J")
    text = "\n".join(told(job, [said(job, 1, "x\x1b[2J", "y", HOSTILE)]))
    assert not {character for character in text if character != "\n" and not character.isprintable()}
    assert "[bold]not markup[/bold]" in text


def test_offsets_count_from_queueing_and_show_clocks_that_disagree() -> None:
    """A moment before the queueing is negative, not hidden."""
    assert offset_text(at(4.2), at(0)) == "+4.2 s"
    assert offset_text(at(-2), at(0)) == "-2.0 s"
    assert offset_text(at(0), at(0)) == "+0 ms"


def test_a_re_runs_attempt_is_named() -> None:
    """A later attempt is another job of the same run, so its number is shown."""
    job = a_job(1)
    again = attrs.evolve(job, facts=attrs.evolve(job.facts, run_attempt=3))
    assert told(again)[1].endswith("of run 9000000000, attempt 3")
    assert "attempt" not in told(job)[1]


@settings(max_examples=80, deadline=None)
@given(any_job, st.lists(any_decision, max_size=3), st.none() | any_runner, st.integers(20, 160))
def test_any_job_has_a_story(job: Job, decisions: Sequence[Decision], runner: Runner | None, width: int) -> None:
    """Whatever stands in the records and however narrow the terminal: it is told, in order, without control codes."""
    lines = told(job, decisions, runner, width)
    assert lines
    assert all(character.isprintable() or character in "\u200c\u200d" for line in lines for character in line)
    moments = [chapter.at for chapter in chapters(job, decisions, runner)]
    assert moments == sorted(moments)
