"""The oracle of the machines' chaos: a good end pleases it, and every kind of bad one does not."""

from typing import Any

import attrs
import pytest

from paddock.core.messages import ReportEvent, RunnerReported
from paddock.core.states import OperationalResult
from tests.agent.ec2_oracle import Ended, Outcome, wrongs

FINISHED, FAILED = ReportEvent.FINISHED, ReportEvent.FAILED_TO_START
GREEN = RunnerReported(
    event=FINISHED, machine="i-1", job_id=1, launch=1, runner_name="r", at=2, conclusion="success",
    result=OperationalResult.SERVED,
)  # fmt: skip
STARTED = attrs.evolve(GREEN, event=ReportEvent.STARTED, at=1, conclusion=None, result=None)
UNSTARTED = attrs.evolve(
    GREEN, event=FAILED, conclusion=None, result=OperationalResult.FAILED_TO_START, reason="no_job"
)

LOST = attrs.evolve(UNSTARTED, reason="orphan")


def outcome(**given: Any) -> Outcome:  # noqa: ANN401 - any field
    """A machine that served a job, but for what is given."""
    fields: dict[str, Any] = {
        "machine": "i-1",
        "delivered": (GREEN,),
        "began": True,
        "start": True,
        "said": True,
        "succeeded": True,
        "undisturbed": Ended(FINISHED, "", "success"),
        "causes": frozenset({""}),
        "sure": True,
    }
    return Outcome(**{**fields, **given})


GOOD: dict[str, Outcome] = {
    "served": outcome(),
    "told twice, word for word": outcome(delivered=(GREEN, GREEN)),
    "kept on the disk": outcome(delivered=(), spooled=(GREEN,), deliverable=False),
    "a pool's machine": outcome(delivered=(), start=False, undisturbed=None, pressed=(), stopped=True),
    "killed between the job's line and its note": outcome(
        delivered=(attrs.evolve(UNSTARTED, reason="agent_died"),),
        start=False,
        sure=False,
        causes=frozenset({"agent_died"}),
    ),
    "killed after it pressed the switch": outcome(
        pressed=("systemctl poweroff",) * 2, causes=frozenset({"", "agent_died"})
    ),
}
BAD: dict[str, tuple[str, Outcome]] = {
    "no end": ("ends", outcome(delivered=())),
    "two ends": ("ends", outcome(delivered=(GREEN, attrs.evolve(GREEN, at=3)))),
    "a pool's machine that speaks": ("ends", outcome(undisturbed=None)),
    "not delivered": ("delivery", outcome(delivered=(), spooled=(GREEN,))),
    "kept twice": ("spool", outcome(delivered=(), spooled=(GREEN,), aside=(GREEN,), deliverable=False)),
    "no success": ("truth", outcome(succeeded=False)),
    "no job": ("truth", outcome(began=False, start=None, sure=False)),
    "a job that had begun": ("truth", outcome(delivered=(UNSTARTED,), start=False, sure=False,
                                              causes=frozenset({"no_job"}))),
    "a start and a failed start": ("truth", outcome(delivered=(attrs.evolve(UNSTARTED, reason="agent_died"),),
                                                    sure=False, causes=frozenset({"agent_died"}))),
    "result and event": ("truth", outcome(delivered=(attrs.evolve(GREEN, result=None),))),
    "a reason of nothing": ("truth", outcome(delivered=(attrs.evolve(GREEN, reason="orphan"),), sure=False)),
    "another end than its own": ("truth", outcome(undisturbed=Ended(FINISHED, "", "failure"))),
    "another machine": ("order", outcome(machine="i-2")),
    "a start that never was": ("order", outcome(delivered=(LOST,), began=False, said=False, sure=False,
                                                causes=frozenset({"orphan"}))),
    "late": ("order", outcome(delivered=(GREEN, STARTED), sure=False)),
    "no start": ("order", outcome(start=False)),
    "a message of the start": ("order", outcome(delivered=(STARTED, GREEN))),
    "left": ("left", outcome(left=("process 7",))),
    "on": ("switch", outcome(pressed=())),
    "pressed twice": ("switch", outcome(pressed=("systemctl poweroff",) * 2)),
    "pressed thrice": ("switch", outcome(pressed=("systemctl poweroff",) * 3, causes=frozenset({"", "agent_died"}))),
    "slow": ("time", outcome(seconds=61.0)),
}  # fmt: skip


@pytest.mark.parametrize("name", GOOD)
def test_a_good_end_pleases(name: str) -> None:
    """Nothing is found wrong with it."""
    assert wrongs(GOOD[name]) == []


@pytest.mark.parametrize("name", BAD)
def test_a_bad_end_does_not(name: str) -> None:
    """It is found, under its own head, and nothing else is."""
    head, bad = BAD[name]
    assert {wrong.partition(":")[0] for wrong in wrongs(bad)} == {head}
