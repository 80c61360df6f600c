"""Listings that several use-cases need, each over all of its pages."""

from paddock.core.job import Job
from paddock.core.paging import pages
from paddock.core.ports.machines import Machine, Machines
from paddock.core.ports.stores import Table
from paddock.core.runner import Runner
from paddock.core.states import LIVE_JOBS, JobState


def jobs_in(table: Table, state: JobState) -> list[Job]:
    """The jobs in this live state, oldest first."""
    return list(pages(lambda cursor: table.jobs.page("state", state, cursor=cursor)))


def live_jobs(table: Table) -> list[Job]:
    """The jobs that have not ended."""
    return [job for state in sorted(LIVE_JOBS) for job in jobs_in(table, state)]


def live_runners(table: Table) -> list[Runner]:
    """The machines whose records are open, oldest first."""
    return list(pages(lambda cursor: table.runners.page("live", "live", cursor=cursor)))


def all_machines(machines: Machines) -> dict[str, Machine]:
    """The cloud's machines of this fleet that are not terminated, by id."""
    return {machine.id: machine for machine in pages(lambda cursor: machines.page(cursor=cursor))}
