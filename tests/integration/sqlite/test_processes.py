"""Several processes on one database: what the port promises to threads holds between processes too."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from paddock.adapters.sqlite import Database, SqliteRecords
from paddock.core.job import Job
from paddock.core.messages import RunCompleted
from paddock.core.records import JOBS, RERUNS
from paddock.core.rerun import Rerun
from paddock.core.states import JobState
from tests.integration.sqlite import worker

PROCESSES = 4
PATIENCE = 60


@contextmanager
def process(path: Path, task: str, me: int) -> Iterator["subprocess.Popen[str]"]:
    """A worker that is ready to set off, and surely gone afterwards."""
    command = [sys.executable, worker.__file__, str(path), task, str(me)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as started:
        try:
            assert started.stdout is not None
            assert started.stdout.readline() == "ready\n"
            yield started
        finally:
            started.kill()


def race(path: Path, task: str) -> list[Any]:
    """What each of some processes did that set off together."""
    with ExitStack() as stack:
        processes = [stack.enter_context(process(path, task, me)) for me in range(PROCESSES)]
        for each in processes:
            assert each.stdin is not None
            each.stdin.write("go\n")
            each.stdin.flush()
        outcomes = [each.communicate(timeout=PATIENCE)[0] for each in processes]
        assert [each.returncode for each in processes] == [0] * PROCESSES
    return [json.loads(outcome) for outcome in outcomes]


def test_each_record_is_added_by_exactly_one_process(tmp_path: Path) -> None:
    """Also if the file does not exist yet: all of them create it at once, and all of them meet in the same one."""
    path = tmp_path / "paddock.db"
    outcomes = race(path, "add")
    assert sorted(number for mine in outcomes for number in mine) == list(range(worker.RECORDS))
    with Database(path) as database:
        jobs = SqliteRecords(JOBS, database)
        for me, mine in enumerate(outcomes):
            assert {job.machine for job in map(jobs.get, map(str, mine)) if job is not None} <= {f"i-{me}"}
        assert len(jobs.page("all", "all").items) == worker.RECORDS
    assert [file.name for file in tmp_path.iterdir()] == ["paddock.db"]


def test_each_record_is_claimed_by_exactly_one_process(tmp_path: Path) -> None:
    """A conditional update is one atomic step for everybody."""
    path = tmp_path / "paddock.db"
    with Database(path) as database:
        jobs = SqliteRecords(JOBS, database)
        for number in range(worker.RECORDS):
            jobs.add(worker.job(number))
        outcomes = race(path, "claim")
        assert sorted(number for mine in outcomes for number in mine) == list(range(worker.RECORDS))
        for me, mine in enumerate(outcomes):
            for number in mine:
                found = jobs.get(str(number))
                assert isinstance(found, Job)
                assert (found.state, found.machine) == (JobState.DISPATCHING, f"i-{me}")
        assert len(jobs.page("live", "claimed").items) == worker.RECORDS


def test_no_increment_is_lost_between_processes(tmp_path: Path) -> None:
    """Read, then update on what was read, again until it fits."""
    path = tmp_path / "paddock.db"
    with Database(path) as database:
        runs = SqliteRecords(RERUNS, database)
        runs.add(Rerun(1, "acme/api", 1, ()))
        assert race(path, "count") == [worker.INCREMENTS] * PROCESSES
        found = runs.get("1")
        assert found is not None
        assert found.times == worker.INCREMENTS * PROCESSES


def test_each_message_is_handled_by_exactly_one_process(tmp_path: Path) -> None:
    """Within the visibility time-out nobody gets what another one holds."""
    path = tmp_path / "paddock.db"
    with Database(path) as database:
        queue = worker.queue_in(database)
        queue.send([RunCompleted(number, 1, "acme/api", None) for number in range(60)])
        outcomes = race(path, "consume")
        assert sorted(number for mine in outcomes for number in mine) == list(range(60))
        assert queue.depth().waiting == queue.depth().on_loan == queue.depth().dead == 0


@pytest.mark.parametrize("writes", [1, 7, 40])
def test_a_killed_writer_leaves_everything_it_finished(tmp_path: Path, writes: int) -> None:
    """After kill -9 in the middle the file opens, holds all that was acknowledged and nothing by halves."""
    path = tmp_path / "paddock.db"
    with process(path, "write", 100) as writer:
        assert writer.stdin is not None
        assert writer.stdout is not None
        writer.stdin.write("go\n")
        writer.stdin.flush()
        done = [int(writer.stdout.readline()) for _ in range(writes)]
        writer.kill()
        writer.wait(PATIENCE)
    with Database(path) as database:
        with database.read() as connection:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        jobs, queue = SqliteRecords(JOBS, database), worker.queue_in(database)
        for number in done:
            found = jobs.get(str(number))
            assert found is not None
            assert found.state is JobState.DISPATCHING
        stages = [jobs.page("live", stage, limit=1_000).items for stage in ("queued", "claimed")]
        listed = [job for stage in stages for job in stage]
        kept = jobs.page("all", "all", limit=1_000).items
        assert sorted(job.id for job in listed) == sorted(job.id for job in kept)
        messages = {received.message.run_id for received in queue.receive(1_000)}
        assert messages >= set(done)
        assert messages <= {job.id for job in kept}
        assert jobs.add(worker.job(1))
