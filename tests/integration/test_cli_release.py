"""``paddock release``: jobs that were given up, and are tried again."""

from pathlib import Path

import pytest

from paddock.adapters.system import SystemClock
from paddock.core.job import Job, JobFacts
from paddock.core.states import JobState
from paddock.entrypoints.containers import open_state
from paddock.entrypoints.local.places import Places
from tests.calls import Caller, empty_state


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Caller:
    monkeypatch.setenv("COLUMNS", "240")
    return Caller(capsys)


def test_jobs_that_were_given_up_are_released(call: Caller, tmp_path: Path) -> None:
    """One by its address, or all; first what would be. One that cannot be is told, and keeps no other from it."""
    state = empty_state(tmp_path)
    opened = open_state(Places(state))
    now = SystemClock().now()
    for number in (5001, 5002, 5003):
        facts = JobFacts(number, 7, "acme/shop", ("paddock",), created_at=now)
        opened.table.jobs.add(Job(facts, state=JobState.ABANDONED, launch=2, reason="quarantined: no runner"))
    opened.table.jobs.add(Job(JobFacts(5004, 7, "acme/shop", ("paddock",), created_at=now)))
    listed = call("release", "--dry-run", "--state", str(state))
    assert listed.out.splitlines() == [
        f"job {number} of acme/shop can be released: quarantined: no runner" for number in (5001, 5002, 5003)
    ]
    assert "name the jobs to release, or say --all" in call("release", "--state", str(state)).err
    both = call("release", "--all", "5001", "--state", str(state))
    assert (both.code, both.out) == (1, "")
    assert "jobs = '5001': --all takes every job: leave one of the two out" in both.err
    unknown = call("release", "42", "--state", str(state))
    remedy = f"`paddock jobs --state {state}` lists those that are known"
    assert (unknown.code, unknown.out) == (1, f"failed: job 42 is unknown here; {remedy}\n")
    one = call("release", "5004", "https://github.com/acme/shop/actions/runs/7/job/5002", "--state", str(state))
    refused, released = one.out.splitlines()
    assert "it is queued, and only a job that was given up can be released" in refused
    assert (one.code, released) == (1, "job 5002 of acme/shop is released, and is launched for again")
    told = call("explain", "5001", "--state", str(state)).out
    assert "`paddock release 5001` has it tried again" in " ".join(told.split())
    rest = call("release", "--all", "--state", str(state))
    assert (rest.code, len(rest.out.splitlines())) == (0, 2)
    assert call("release", "--all", "--state", str(state)).out == "no job can be released\n"
    record = opened.table.jobs.get("5002")
    opened.close()
    assert record is not None
    assert (record.state, record.displaced) == (JobState.QUEUED, 2)
