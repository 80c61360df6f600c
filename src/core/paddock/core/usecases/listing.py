"""Listings that several use-cases need, each over all of its pages."""

from itertools import islice

from paddock.core.job import Job
from paddock.core.paging import pages
from paddock.core.ports.machines import Machine, Machines
from paddock.core.ports.stores import JobStore, Table
from paddock.core.records import PLACED, WAITING, stage_of
from paddock.core.runner import Runner
from paddock.core.states import LIVE_JOBS, JobState

_MOST_READ = 3  # times as many jobs as are wanted


def jobs_in(table: Table, *states: JobState) -> list[Job]:
    """The jobs in these live states: those that wait for a machine, then those that have one, each oldest first.

    So, if all states are asked for, none is missed that moves on meanwhile; it stands there once, as it was read last.
    """
    stages = {stage_of(state) for state in states}
    found = (
        job
        for stage in (WAITING, PLACED)
        if stage in stages
        for job in pages(lambda cursor, stage=stage: table.jobs.page("live", stage, cursor=cursor))  # type: ignore[misc]
    )
    return list({job.id: job for job in found if job.state in states}.values())


def live_jobs(table: Table) -> list[Job]:
    """The jobs that have not ended; see `jobs_in`."""
    return jobs_in(table, *LIVE_JOBS)


def oldest_queued(jobs: JobStore, most: int) -> list[Job]:
    """The oldest queued jobs, no more than so many.

    Those that are being dispatched are listed with them, and are few: a dispatcher holds one batch, for seconds. They
    pile up only while EC2 or GitHub are away; then not all are read, for nobody's turn comes.
    """
    waiting = pages(lambda cursor: jobs.page("live", WAITING, limit=most, cursor=cursor))
    return list(islice((job for job in islice(waiting, _MOST_READ * most) if job.state is JobState.QUEUED), most))


def live_runners(table: Table) -> list[Runner]:
    """The machines whose records are open, oldest first."""
    return list(pages(lambda cursor: table.runners.page("live", "live", cursor=cursor)))


def all_machines(machines: Machines) -> dict[str, Machine]:
    """The cloud's machines of this fleet that are not terminated, by id."""
    return {machine.id: machine for machine in pages(lambda cursor: machines.page(cursor=cursor))}
