"""When a world is at its end: nothing is left to do, and nothing can still happen."""

from typing import Any

from paddock.adapters.memory import MemoryRecords
from paddock.adapters.memory.github import MemoryGitHub
from paddock.adapters.simulation.claims import Claims
from paddock.core.ports.stores import Table
from paddock.core.records import STAGES
from paddock.core.states import ENDED_JOBS

_OPEN = (
    ("runners", "live", "live"),
    ("reruns", "open", "open"),
    *(("jobs", "live", stage) for stage in STAGES),
)


def records_are_closed(table: Table) -> bool:
    """True if no machine, job or re-run is open in the fleet's books. `table` is in memory."""
    for kind, index, value in _OPEN:
        store: MemoryRecords[Any] = getattr(table, kind)
        if store.count(index, value):
            return False
    return True


def jobs_are_over(github: MemoryGitHub, table: Table, claims: Claims) -> bool:
    """True if every job has ended, or waits at GitHub for a day, to be cancelled, because nobody will serve it."""
    for jobs in github.state.unfinished.values():
        for job_id in jobs:
            told, known = github.state.jobs[job_id], table.jobs.get(str(job_id))
            given_up = not claims.job(told) if known is None else known.state in ENDED_JOBS
            if told.assigned_to is not None or not given_up:
                return False
    return True
