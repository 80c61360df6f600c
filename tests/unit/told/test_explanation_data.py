"""Jobs and explanations as data: one stable shape, which docs/operating.md describes key by key."""

import json
import re
from collections.abc import Sequence
from pathlib import Path

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paddock.adapters.report.explanation import explanation_data, listing_data
from paddock.core.decision import Decision
from paddock.core.job import Job
from paddock.core.runner import Runner
from paddock.core.switch import PAUSED, Switch
from paddock.core.units import SECOND
from paddock.core.usecases.explain import Explanation
from tests.strategies import decisions as any_decision
from tests.strategies import jobs as any_job
from tests.strategies import runners as any_runner
from tests.world.made_up_fleet import NOW, a_job, at, served

PAGE = Path(__file__).parents[3] / "docs" / "operating.md"
JOB_KEYS = [
    *("id", "name", "repository", "labels", "state", "conclusion", "reason", "wait_s", "duration_s", "machine"),
    *("launches", "run_id", "run_attempt", "workflow", "result", "queued_at", "started_at", "finished_at"),
    "next_try_at",
]
MACHINE_KEYS = [
    *("id", "instance_type", "vcpu", "arch", "market", "launched", "ended", "lifetime_s", "job", "result"),
]
DECISION_KEYS = ["at", "about", "id", "actor", "verdict", "reason", "facts"]


def test_a_waiting_job_is_told_with_its_answer() -> None:
    """The same sentence that people read, the moment of the next try, and the decisions as they were written."""
    job = a_job(1, not_before=NOW + 12 * SECOND, reason="all 4 machines are in use")
    decision = Decision(job.subject, at(1.25), "dispatch", "machine_limit", "it waits: all", {"limit": 4})
    data = explanation_data(Explanation(job, None, (decision,)), NOW)
    assert (data["version"], data["next_step"], data["machines"]) == (1, None, [])
    assert data["answer"] == "Job 40000000001 is waiting because all 4 machines are in use; next try in 12.0 s."
    assert data["job"]["next_try_at"] == "2026-11-22T13:06:12Z"
    assert data["decisions"] == [
        {
            "at": "2026-11-22T13:00:01.250000Z",
            "about": "job",
            "id": "40000000001",
            "actor": "dispatch",
            "verdict": "machine_limit",
            "reason": "it waits: all",
            "facts": {"limit": 4},
        }
    ]


def test_a_listing_says_whether_the_fleet_is_paused() -> None:
    """With the operator's reason while it is, and without once it is not."""
    jobs = [a_job(2, queued=5), a_job(1)]
    data = listing_data(jobs, Switch(PAUSED, on=True, at=NOW, reason="new disk"))
    assert (data["version"], data["paused"], data["paused_reason"]) == (1, True, "new disk")
    assert [job["id"] for job in data["jobs"]] == [40_000_000_001, 40_000_000_002]
    for switch in (None, Switch(PAUSED, on=False, at=NOW, reason="")):
        assert (listing_data([], switch)["paused"], listing_data([], switch)["paused_reason"]) == (False, None)


def test_an_ended_job_is_not_tried_again() -> None:
    """What was once the next try is none after the end."""
    job, machine = served(1, "lint", 0, 14, 21)
    job = attrs.evolve(job, not_before=NOW)
    data = explanation_data(Explanation(job, machine, (), (machine,)), NOW)
    assert data["job"]["next_try_at"] is None
    assert data["job"]["started_at"] == "2026-11-22T13:00:15Z"
    assert data["machines"][0]["id"] == machine.machine


@settings(max_examples=50, deadline=None)
@given(any_job, st.lists(any_decision, max_size=3), st.lists(any_runner, max_size=2))
def test_no_key_ever_vanishes(job: Job, decisions: Sequence[Decision], runners: Sequence[Runner]) -> None:
    """Whatever stands in the records, the shape is the same, and it is JSON."""
    data = explanation_data(Explanation(job, None, tuple(decisions), tuple(runners)), NOW)
    assert json.loads(json.dumps(data)) == data
    assert list(data) == ["version", "answer", "next_step", "job", "machines", "decisions"]
    assert list(data["job"]) == JOB_KEYS
    assert [list(machine) for machine in data["machines"]] == [MACHINE_KEYS] * len(runners)
    assert [list(decision) for decision in data["decisions"]] == [DECISION_KEYS] * len(decisions)
    assert listing_data([job], None)["jobs"] == [data["job"]]


@pytest.mark.parametrize("keys", [JOB_KEYS, MACHINE_KEYS, DECISION_KEYS], ids=["job", "machine", "decision"])
def test_the_page_for_operators_describes_every_key(keys: Sequence[str]) -> None:
    """Whoever writes a script finds each key in docs/operating.md, and no key there that does not exist."""
    text = PAGE.read_text(encoding="utf-8")
    rows = [set(re.findall(r"`(\w+)`", line.split("|")[2])) for line in text.splitlines() if line.startswith("| `")]
    assert set(keys) in rows
