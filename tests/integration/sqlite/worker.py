"""A process of its own on a database that others use too. Called with a path, a task and the task's number.

It says ``ready``, waits for a line, so that all set off together, and prints what it did as JSON.
"""

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from paddock.adapters.sqlite import Database, SqliteQueue, SqliteRecords
from paddock.adapters.system import SystemClock, SystemSleeper
from paddock.core.errors import Conflict
from paddock.core.job import Job, JobFacts
from paddock.core.messages import RunCompleted
from paddock.core.records import JOBS, RERUNS
from paddock.core.rerun import Rerun
from paddock.core.states import JobState

RECORDS = 30
INCREMENTS = 15


def job(number: int, machine: str | None = None) -> Job:
    return Job(facts=JobFacts(job_id=number, run_id=1, repository="acme/api", labels=()), machine=machine)


def queue_in(database: Database) -> SqliteQueue[RunCompleted]:
    return SqliteQueue(database, "reports", SystemClock(), SystemSleeper())


def add(database: Database, me: int) -> object:
    """Add every record; those that this process may call its own."""
    jobs = SqliteRecords(JOBS, database)
    return [number for number in range(RECORDS) if jobs.add(job(number, f"i-{me}"))]


def claim(database: Database, me: int) -> object:
    """Claim every record; those that this process got."""
    jobs = SqliteRecords(JOBS, database)
    mine = []
    for number in range(RECORDS):
        change = {"state": JobState.DISPATCHING, "machine": f"i-{me}"}
        try:
            jobs.update(str(number), {"state": JobState.QUEUED}, change)
        except Conflict:
            continue
        mine.append(number)
    return mine


def count(database: Database, _: int) -> object:
    """Increment one number, on condition that it is still what was read."""
    runs = SqliteRecords(RERUNS, database)
    done = 0
    while done < INCREMENTS:
        run = runs.get("1")
        assert isinstance(run, Rerun)
        try:
            runs.update("1", {"times": run.times}, {"times": run.times + 1})
        except Conflict:
            continue
        done += 1
    return done


def consume(database: Database, _: int) -> object:
    """Receive until there is nothing left; the messages handled."""
    queue = queue_in(database)
    handled = []
    while batch := queue.receive(3):
        handled += [received.message.run_id for received in batch]
        queue.delete([received.receipt for received in batch])
    return handled


def write(database: Database, me: int) -> object:
    """Write for ever, both records and messages, saying so after each: to be killed in the middle."""
    jobs, queue = SqliteRecords(JOBS, database), queue_in(database)
    number = me
    while True:
        jobs.add(job(number))
        jobs.update(str(number), {"state": JobState.QUEUED}, {"state": JobState.DISPATCHING})
        queue.send([RunCompleted(number, 1, "acme/api", None)])
        sys.stdout.write(f"{number}\n")
        sys.stdout.flush()
        number += 1


TASKS: Mapping[str, Callable[[Database, int], object]] = {
    "add": add,
    "claim": claim,
    "count": count,
    "consume": consume,
    "write": write,
}


def main(path: str, task: str, me: str) -> None:
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    with Database(Path(path)) as database:
        sys.stdout.write(json.dumps(TASKS[task](database, int(me))) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
