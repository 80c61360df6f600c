"""What must be true of every EC2 machine's end, whatever it went through; a pure function from what is left of it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from paddock.core.messages import ReportEvent, RunnerReported
from paddock.core.states import OperationalResult

FINAL = (ReportEvent.FINISHED, ReportEvent.FAILED_TO_START)
UNSURE = ("orphan", "agent_died")
"""Reasons of a failed start that may stand although a job's first line was printed: nobody was there to read it."""
PRESSED = ("systemctl poweroff",)
BOUND = 60.0


@dataclass(frozen=True)
class Ended:
    """How a machine's end is told: event, reason and conclusion."""

    event: ReportEvent
    reason: str = ""
    conclusion: str | None = None


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What is left of a machine, and what it had been put through.

    ``undisturbed``: the end it would have had by itself; None if a pool's machine that was to end without a word.
    ``causes``: all reasons that it may give, by what was done to it. ``sure``: nothing was done that may change the
    end. ``deliverable``: the queue took reports, at the latest when it left. ``start``: whether the start of a job was
    told, which is a sign of life in the machine's item; None if the table was not to be had all the time.
    """

    machine: str
    delivered: Sequence[RunnerReported] = ()
    spooled: Sequence[RunnerReported] = ()
    aside: Sequence[RunnerReported] = ()
    began: bool = False  # the runner was about to say that the job runs
    said: bool = False  # ... and had said so
    start: bool | None = None
    succeeded: bool = False  # the runner was about to say that the job was a success
    left: Sequence[str] = ()
    pressed: Sequence[str] = PRESSED
    stopped: bool = False  # the system was going down already: nobody is to press the switch
    seconds: float = 0.0
    undisturbed: Ended | None = None
    causes: frozenset[str] = field(default_factory=frozenset)
    sure: bool = False
    deliverable: bool = True


def wrongs(of: Outcome) -> list[str]:
    """What is wrong, in words; empty if nothing is."""
    return [*_machine(of), *_counts(of), *(wrong for end in _ends(of)[:1] for wrong in _truth(of, end)), *_order(of)]


def _ends(of: Outcome) -> list[RunnerReported]:
    """The different ends that were told or are kept."""
    found: list[RunnerReported] = []
    for report in (*of.delivered, *of.spooled, *of.aside):
        if report.event in FINAL and report not in found:
            found.append(report)
    return found


def _machine(of: Outcome) -> Iterator[str]:
    if of.left:
        yield f"left: {', '.join(of.left)}"
    wanted = () if of.stopped else PRESSED
    # An agent may be killed in the moment after it pressed: whoever comes after it cannot know, and presses again.
    again = wanted * 2 if "agent_died" in of.causes else wanted
    if tuple(of.pressed) not in {wanted, again}:
        yield f"switch: pressed {list(of.pressed)}, wanted {list(wanted)}"
    if of.seconds > BOUND:
        yield f"time: {of.seconds:.0f} s, wanted less than {BOUND:.0f}"


def _counts(of: Outcome) -> Iterator[str]:
    ends, wanted = _ends(of), 0 if of.undisturbed is None else 1
    if len(ends) != wanted:
        yield f"ends: found {len(ends)}, wanted {wanted}: {[(end.event.value, end.reason) for end in ends]}"
    if of.deliverable and (of.spooled or of.aside):
        yield "delivery: the queue could be reached, and the disk still has reports"
    kept = [report for report in (*of.spooled, *of.aside) if report.event in FINAL]
    if len(kept) > 1:
        yield f"spool: found {len(kept)} ends, wanted at most one"


def _truth(of: Outcome, end: RunnerReported) -> Iterator[str]:
    finished = end.event is ReportEvent.FINISHED
    if end.conclusion == "success" and not of.succeeded:
        yield "truth: a success is told that never was"
    if finished and not of.began:
        yield "truth: the end of a job is told that never began"
    if not finished and of.said and end.reason not in UNSURE:
        yield f"truth: a failed start ({end.reason}) is told of a job that had begun"
    if not finished and of.start and end.reason != "orphan":
        yield f"truth: a failed start ({end.reason}) is told after the job's start"
    if (end.result is OperationalResult.FAILED_TO_START) is finished or end.result is None:
        yield f"truth: {end.event.value} with result {end.result}"
    if end.reason not in of.causes:
        yield f"truth: the reason {end.reason!r} has no cause; there were {sorted(of.causes)}"
    if of.sure and of.undisturbed not in (None, Ended(end.event, end.reason, end.conclusion)):
        yield f"truth: found {end.event.value}, {end.reason!r}, {end.conclusion}, wanted {of.undisturbed}"


def _order(of: Outcome) -> Iterator[str]:
    events = [report.event for report in of.delivered]
    if any(report.machine != of.machine for report in of.delivered):
        yield "order: a report of another machine"
    if of.start and not of.began:
        yield "order: the start of a job is told that never began"
    if ReportEvent.STARTED in events:
        yield "order: the start of a job is told by a message"
    first = next((at for at, event in enumerate(events) if event in FINAL), len(events))
    if any(event not in FINAL for event in events[first:]):
        yield "order: something is told after the end"
    if of.deliverable and of.sure and ReportEvent.FINISHED in events and of.start is False:
        yield "order: the end of a job is told, and its start is not"
