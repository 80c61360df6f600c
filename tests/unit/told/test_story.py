"""A job explained: the answer, the reasons, its life by machine, and what comes next."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from paddock.adapters.report.chapters import chapters, offset_text, sections
from paddock.adapters.report.standing import answer, next_step
from paddock.adapters.report.words import AGENT_REASONS, actor_text, fact_text, reason_text, verdict_text
from paddock.agent.reasons import Reason
from paddock.core import usecases
from paddock.core.decision import Decision, Fact
from paddock.core.job import Job
from paddock.core.runner import Runner
from paddock.core.spec import Range, RunnerSpec
from paddock.core.states import JobState, OperationalResult
from paddock.core.units import SECOND
from paddock.core.usecases import life
from paddock.entrypoints.cli.story import story
from tests.strategies import decisions as any_decision
from tests.strategies import jobs as any_job
from tests.strategies import runners as any_runner
from tests.world.made_up_fleet import HOSTILE, NOW, a_job, at, served


def told(job: Job, decisions: Sequence[Decision] = (), runners: Sequence[Runner] = (), width: int = 110) -> list[str]:
    """The story as the lines of a terminal, without colour."""
    console = Console(width=width, color_system=None, force_terminal=False, _environ={})
    with console.capture() as capture:
        console.print(story(job, decisions, runners, NOW))
    return [line.rstrip() for line in capture.get().splitlines()]


def said(job: Job, seconds: float, actor: str, verdict: str, reason: str, **facts: int | str) -> Decision:
    """A decision about the job."""
    return Decision(job.subject, at(seconds), actor, verdict, reason, facts)


def said_of(machine: str, seconds: float, actor: str, verdict: str, reason: str, **facts: int | str) -> Decision:
    """A decision about a machine."""
    return Decision(f"machine:{machine}", at(seconds), actor, verdict, reason, facts)


def test_a_served_jobs_story_begins_with_its_end_and_is_told_by_machine() -> None:
    """First the answer; then the job; then a line for each thing, under its machine, relative to queueing."""
    job, machine = served(1, "lint", 0, 14, 21)
    job = attrs.evolve(job, spec=RunnerSpec(cpu=Range(4, 8)), launch=1)
    decisions = [
        said(job, 0.5, "dispatch", "queued", "GitHub queued it with paddock/cpu=4"),
        said(job, 1, "dispatch", "machine_limit", "it waits: all 4 machines are in use"),
        said(job, 2, "dispatch", "launched", "cpu=4 gave c7i.xlarge", machine=machine.machine, launch=1),
        said_of(machine.machine, 15, "completion", "busy", "its runner started lint"),
        said(job, 15.7, "life", "running", "GitHub gave it to runner x", machine=machine.machine, waited=15_600_000),
        said_of(machine.machine, 36.7, "completion", "finished", "its runner reports success"),
        said(job, 36.8, "completion", "finished", "GitHub concluded it: success", runner="x", conclusion="success"),
        said_of(machine.machine, 40, "retire", "gone", "the machine is gone", result="served", cost=974, dead=False),
    ]
    lines = told(job, decisions, [machine])
    assert lines[:2] == [
        "Job 40000000001 ended with success after 21.0 s on machine i-00000000000000001.",
        "",
    ]
    assert lines[2:4] == ["lint  ✓ success", "acme/shop · ci · job 40000000001 of run 9000000000"]
    assert "asked for  4 to 8 vCPU, x64, spot" in lines
    assert "waited     15.6 s" in lines
    assert "ran        21.0 s" in lines
    assert lines[lines.index("launches   1") + 1 :] == [
        "",
        "      +0 ms ● GitHub: queued the job: runs-on: paddock/cpu=4",
        "    +500 ms ◆ the dispatcher: taken up",
        "     +1.0 s ◆ the dispatcher: waits: all 4 machines are in use",
        "",
        "Launch 1: machine i-00000000000000001",
        "     +2.0 s ◆ the dispatcher: got a machine: cpu=4 gave c7i.xlarge",
        "    +14.4 s ● the machine: ready: its runner listens for a job",
        "    +15.7 s ◆ GitHub: started: GitHub gave it to runner x (waited 15.6 s)",
        "    +36.8 s ◆ GitHub: ended: GitHub concluded it: success",
        "    +40.0 s ◆ the clean-up of machines: gone (result: served, cost $0.0010)",
    ]


def test_each_machines_lines_stand_under_its_name_however_late_they_come() -> None:
    """An earlier machine's end is not mixed into the story of the next one, and nothing is said twice."""
    job = a_job(1, state=JobState.LAUNCHED, machine="m-2", launch=2)
    decisions = [
        said(job, 1, "dispatch", "launched", "the first", machine="m-1", launch=1),
        said_of("m-1", 5, "completion", "failed_to_start", "low_disk: 3 MiB are free"),
        said(job, 6, "life", "relaunch", "low_disk", launch=1, delay_s=90),
        said(job, 7, "dispatch", "paused", "it waits: the fleet is paused"),
        said(job, 8, "dispatch", "launched", "the second", machine="m-2", launch=2),
        said_of("m-1", 9, "retire", "gone", "the machine is gone", result="failed_to_start"),
    ]
    story_of = sections(job, chapters(job, decisions))
    assert [(part.title, [chapter.headline for chapter in part.chapters]) for part in story_of] == [
        ("", ["queued the job"]),
        ("Launch 1: machine m-1", ["got a machine", "failed to start", "back to the queue", "gone"]),
        ("Back in the queue", ["waits"]),
        ("Launch 2: machine m-2", ["got a machine"]),
    ]
    (back,) = [chapter for part in story_of for chapter in part.chapters if chapter.back]
    assert (back.actor, back.facts) == ("the retry policy", ("tried again after 1 min 30 s",))


def test_a_machine_that_served_another_job_says_so() -> None:
    """The reader must not take the other job's lines for this one's."""
    job, machine = served(1, "lint", 0, 14, 21)
    machine = attrs.evolve(machine, served_job=18)
    (_, part) = sections(job, chapters(job, [], [machine]), [machine])
    assert part.title == f"Machine {machine.machine}, which served job 18"


def test_the_same_thing_said_again_and_again_is_told_once() -> None:
    """How often, and until when; something else in between ends the row."""
    job = a_job(1)
    waits = [said(job, second, "dispatch", "delayed", "Unavailable: GitHub is away") for second in (1, 2, 3)]
    other = said(job, 4, "dispatch", "resumed", "its dispatcher died")
    again = said(job, 5, "dispatch", "delayed", "Unavailable: GitHub is away")
    found = [(c.headline, c.times) for c in chapters(job, [*waits, other, again]) if c.decided]
    assert found == [("tries again later", 3), ("goes on", 1), ("tries again later", 1)]
    assert any("3 times until +3.0 s" in line for line in told(job, [*waits, other]))


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (
            {"not_before": NOW + 12 * SECOND, "reason": "acme/shop has 8 of its 8 machines"},
            "is waiting because acme/shop has 8 of its 8 machines; next try in 12.0 s.",
        ),
        ({}, "is waiting because no dispatcher has taken it up yet; next try as soon as a dispatcher is free."),
        ({"reason": "NoCapacity: all taken."}, "is waiting because all taken; next try as soon as"),
        ({"state": JobState.DISPATCHING, "launch": 2}, "is being given a machine (launch 2)."),
        ({"state": JobState.LAUNCHED, "machine": "i-7"}, "waits for machine i-7 to come up"),
        (
            {"state": JobState.RUNNING, "machine": "i-7", "started_at": NOW - SECOND},
            "on machine i-7, for 1.0 s so far.",
        ),
        ({"state": JobState.REJECTED, "reason": "cpu = 'x': no"}, "was refused because cpu = 'x': no."),
        ({"state": JobState.REJECTED, "reason": "did you mean cpu=4?"}, "because did you mean cpu=4?"),
        ({"state": JobState.ABANDONED, "reason": "quarantined"}, "was given up because quarantined."),
        ({"state": JobState.CANCELLED}, "was cancelled: GitHub gave no reason."),
        ({"state": JobState.FINISHED, "conclusion": "failure"}, "ended with failure."),
    ],
)
def test_the_answer_comes_first(changes: dict[str, Any], expected: str) -> None:
    """Each standing is one sentence with the job's id; a wait has its reason and its next try."""
    job = a_job(1, **changes)
    (first, *_) = told(job, width=300)
    assert first.startswith(f"Job {job.id} ")
    assert expected in first
    assert not first.endswith("?.")


def test_a_job_without_a_reason_of_its_own_has_that_of_the_last_decision() -> None:
    """And without the words in which the decision begins."""
    job = a_job(1)
    last = said(job, 2, "dispatch", "machine_limit", "it waits: all 4 machines are in use")
    assert "because all 4 machines are in use;" in answer(job, [last], NOW)
    machine = said_of("m-1", 3, "retire", "gone", "the machine is gone")
    assert "because all 4 machines are in use;" in answer(job, [last, machine], NOW)


def test_a_paused_fleet_names_the_command_that_lets_it_go_on() -> None:
    """If the fleet is paused, the reader learns how to end that."""
    job = a_job(1, not_before=NOW + 10 * SECOND)
    decision = said(job, 2, "dispatch", "paused", "it waits: the fleet is paused: upgrade")
    assert next_step(job, [decision]) == "`paddock resume` lets it go on."
    assert told(job, [decision])[:2] == [
        "Job 40000000001 is waiting because the fleet is paused: upgrade; next try in 10.0 s.",
        "`paddock resume` lets it go on.",
    ]


def test_a_job_that_waited_through_a_pause_is_no_longer_told_to_resume() -> None:
    """Only the last word counts: an earlier pause is not the reason any more."""
    job = a_job(1, not_before=0)
    earlier, later = said(job, 2, "dispatch", "paused", "paused"), said(job, 9, "life", "relaunch", "no capacity")
    assert "resume" not in next_step(job, [earlier, later])


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, ""),
        ({"state": JobState.DISPATCHING}, "as soon as its machine is up"),
        ({"state": JobState.LAUNCHED, "machine": "i-7"}, "as soon as its machine is up"),
        ({"state": JobState.RUNNING}, "Its end is recorded"),
        ({"state": JobState.REJECTED}, "put right what the reason names"),
        ({"state": JobState.ABANDONED}, "`paddock release 40000000001` has it tried again"),
        ({"state": JobState.ABANDONED, "conclusion": "cancelled"}, "re-run it at GitHub"),
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
    step = next_step(a_job(1, **changes), [])
    assert expected in step
    assert bool(step) is bool(expected)


def test_a_refusal_is_ours_not_githubs() -> None:
    """The end of a job that we gave up is not put into GitHub's mouth, and is told once."""
    job = a_job(1, state=JobState.ABANDONED, finished_at=at(9), reason="launch budget spent")
    (_, end) = chapters(job, [])
    assert (end.actor, end.headline, end.detail) == ("Paddock", "the job ended: abandoned", "launch budget spent")
    (_, end) = chapters(job, [said(job, 9, "life", "abandoned", "launch budget spent", launch=3)])
    assert (end.actor, end.headline, end.facts) == ("the retry policy", "given up", ())


def test_a_machines_launch_and_end_are_told_once() -> None:
    """Where a decision tells of them, with more to say, the record's bare fact is left out; the rest stays."""
    job, machine = served(1, "lint", 0, 14, 21)
    decided = [
        said(job, 2, "dispatch", "launched", "launch 1 of 3", machine=machine.machine, launch=1),
        said_of(machine.machine, 40, "retire", "gone", "its job ended"),
    ]
    assert [chapter.headline for chapter in chapters(job, decided, [machine])] == [
        *("queued the job", "got a machine", "ready", "started the job", "the job ended: success", "gone"),
    ]
    assert [chapter.headline for chapter in chapters(job, [], [machine])] == [
        *("queued the job", "launched", "ready", "started the job", "the job ended: success", "gone"),
    ]


@pytest.mark.parametrize(
    ("reason", "told_as"),
    [
        ("WrongArchitecture: this box is x64", "this box is x64"),
        ("InsufficientInstanceCapacity: all taken", "all taken"),
        ("Unavailable: GitHub is away", "Unavailable: GitHub is away"),
        ("GitHub concluded it: success", "GitHub concluded it: success"),
        ("listener_failed", "the runner failed before it had a job [listener_failed]"),
        ("no_job: none in 5 min", "GitHub gave the runner no job in time [no_job]: none in 5 min"),
        (
            "quarantined: two launches in a row failed in the same way: ghost",
            f"quarantined: two launches in a row failed in the same way: {AGENT_REASONS['ghost']} [ghost]",
        ),
        ("its machine went (sigterm)", "its machine went (its machine was told to stop [sigterm])"),
        ("the word orphan in a sentence", "the word orphan in a sentence"),
        ("later: not listed here", "later: not listed here"),
        ("", ""),
    ],
)
def test_reasons_do_not_begin_with_a_class(reason: str, told_as: str) -> None:
    """The name of an error's class or code says nothing to people, and neither does a slug alone."""
    assert reason_text(reason) == told_as


def test_every_reason_of_the_agent_has_words() -> None:
    """None that it can report reaches a reader bare, and none is told that it cannot."""
    assert set(AGENT_REASONS) == set(Reason)


def test_that_a_machine_serves_another_job_is_told_in_plain_words() -> None:
    """As the use-case writes it down, without the field's own jargon."""
    source = Path(life.__file__).read_text(encoding="utf-8")
    (jargon,) = re.findall(r"\(runners are .*?\)", source)
    assert reason_text(f"its machine m-1 serves job 8, which GitHub gave it {jargon}") == (
        "its machine m-1 serves job 8, which GitHub gave it (GitHub gives a job to any free runner that has its labels)"
    )


def test_people_are_told_who_decided_in_their_own_words() -> None:
    """No actor or verdict that the use-cases write down reaches a reader as the program's own name for it."""
    sources = [path.read_text(encoding="utf-8") for path in Path(usecases.__file__).parent.rglob("*.py")]
    actors = {actor for text in sources for actor in re.findall(r'Recorder\(decisions, clock, "(\w+)"\)', text)}
    assert {"life", "retire", "dispatch"} <= actors
    assert {actor for actor in actors if actor_text(actor) in {actor, actor.replace("_", " ")}} == set()
    assert actor_text("somebody_new") == "somebody new"
    assert verdict_text("never_heard_of") == "never heard of"


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("delay_s", 0, "tried again at once"),
        ("delay_s", 4, "tried again after 4.0 s"),
        ("job", 7, "job 7"),
        ("result", None, "result: none"),
        ("result", "failed_to_start", "result: failed to start"),
        ("waited", 5_243_181, "waited 5.2 s"),
        ("ran", 61_000_000, "ran 1 min 01 s"),
        ("cost", 974, "cost $0.0010"),
        ("dead", True, "its agent never came up"),
        ("dead", False, ""),
        ("spot_ok", True, "spot ok: yes"),
        ("spot_ok", False, "spot ok: no"),
    ],
)
def test_facts_in_words(name: str, value: Fact, text: str) -> None:
    """Spans and money have units, flags are yes or no, and that a machine did not die is not said."""
    assert fact_text(name, value) == text


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
    assert told(again)[4].endswith("of run 9000000000, attempt 3")
    assert "attempt" not in told(job)[4]


@settings(max_examples=80, deadline=None)
@given(any_job, st.lists(any_decision, max_size=3), st.lists(any_runner, max_size=2), st.integers(20, 160))
def test_any_job_has_a_story(job: Job, decisions: Sequence[Decision], runners: list[Runner], width: int) -> None:
    """Whatever stands in the records and however narrow the terminal: it is told, in order, without control codes."""
    lines = told(job, decisions, runners, width)
    assert lines
    assert all(character.isprintable() or character in "\u200c\u200d" for line in lines for character in line)
    moments = [chapter.at for chapter in chapters(job, decisions, runners)]
    assert moments == sorted(moments)
    told_in = [
        chapter for part in sections(job, chapters(job, decisions, runners), runners) for chapter in part.chapters
    ]
    assert len(told_in) == len(moments)
