"""What was found wrong in a simulation, each with the story of its job and machine."""

from collections.abc import Sequence

from paddock.adapters.simulation.outcome import Violation
from paddock.adapters.simulation.timeline import Timeline
from paddock.core.decision import Decision
from paddock.core.job import job_subject
from paddock.core.ports.decisions import Decisions
from paddock.core.units import SECOND, Moment, rfc3339
from paddock.core.usecases.record import machine_subject

MOST = 100  # of each rule: after those, more of the same tell nothing
_LINES = 30  # of each story's subjects


class Findings:
    """The violations so far. ``told`` remembers what was found already, so that it is found once."""

    def __init__(self, timeline: Timeline, decisions: Decisions) -> None:
        """Args: the time; the decisions that stories are told from."""
        self._timeline = timeline
        self._decisions = decisions
        self._counts: dict[str, int] = {}
        self.told: set[str] = set()
        self.violations: list[Violation] = []

    def wrong(self, rule: str, what: str, job: int | None = None, machine: str | None = None) -> None:
        """Something must not be. Its story is what was decided about the job and the machine."""
        subjects = [job_subject(job)] if job is not None else []
        subjects += [machine_subject(machine)] if machine is not None else []
        decisions = [one for subject in subjects for one in self._decisions.about(subject, limit=_LINES)]
        self.fault(rule, what, [_line(one) for one in sorted(decisions, key=lambda one: one.at)])

    def fault(self, rule: str, what: str, story: Sequence[str] = ()) -> None:
        """Something must not be, and whoever found it tells its story."""
        self._counts[rule] = self._counts.get(rule, 0) + 1
        if self._counts[rule] <= MOST:
            self.violations.append(Violation(self._timeline.now(), rule, what, tuple(story)))

    def decision(self, decision: Decision) -> None:
        """A decision without its reason, or one that tells of a fault of ours."""
        rule = "no fault is ours" if decision.verdict == "fault" else "every decision has a reason"
        self.fault(rule, f"{decision.subject}: {decision.verdict}: {decision.reason}")


def clock(moment: Moment | None) -> str:
    """A moment of the day, for stories."""
    if moment is None:
        return "never"
    return f"{rfc3339(moment)[11:19]}.{moment % SECOND // 1000:03}"


def _line(decision: Decision) -> str:
    return f"{clock(decision.at)} {decision.subject} {decision.actor}: {decision.verdict}: {decision.reason}"
