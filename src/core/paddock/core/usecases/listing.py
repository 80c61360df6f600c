"""Listings that several use-cases need, each over all of its pages unless it says otherwise."""

from collections.abc import Iterable
from itertools import islice

from paddock.core.job import Job
from paddock.core.paging import pages
from paddock.core.ports.machines import Machine, Machines
from paddock.core.ports.stores import JobStore, Table
from paddock.core.records import QUEUED, STAGES, stage_of
from paddock.core.runner import Runner
from paddock.core.settings import FleetSettings
from paddock.core.states import LIVE_JOBS, JobState
from paddock.core.units import MINUTE, Moment


def jobs_in(table: Table, *states: JobState) -> list[Job]:
    """The jobs in these live states: queued ones, those being dispatched, those that have a machine, each oldest first.

    So, if all states are asked for, none is missed that moves on meanwhile; it stands there once, as it was read last.
    """
    stages = {stage_of(state) for state in states}
    found = (
        job
        for stage in STAGES
        if stage in stages
        for job in pages(lambda cursor, stage=stage: table.jobs.page("live", stage, cursor=cursor))  # type: ignore[misc]
    )
    return list({job.id: job for job in found if job.state in states}.values())


def live_jobs(table: Table) -> list[Job]:
    """The jobs that have not ended; see `jobs_in`."""
    return jobs_in(table, *LIVE_JOBS)


def oldest_queued(jobs: JobStore, most: int) -> list[Job]:
    """The oldest queued jobs, no more than so many.

    An index may be behind: those that have moved on since are passed over, as many again at most.
    """
    queued = pages(lambda cursor: jobs.page("live", QUEUED, limit=most, cursor=cursor))
    return list(islice((job for job in islice(queued, 2 * most) if job.state is JobState.QUEUED), most))


def live_runners(table: Table) -> list[Runner]:
    """The machines whose records are open, oldest first."""
    return list(pages(lambda cursor: table.runners.page("live", "live", cursor=cursor)))


def launched_for(table: Table, settings: FleetSettings, since: Moment, until: Moment) -> list[str]:
    """Repositories for which a machine was launched in that time. Where all are named there is nothing to be learnt.

    One page is read for each minute: of a minute with more launches than that, some repositories may be missing.
    """
    if len(settings.named) == len(settings.repositories):
        return []
    minutes = range(since // MINUTE, until // MINUTE + 1)
    seen = (one for minute in minutes for one in table.runners.page("minute", str(minute)).items)
    return [one.repository for one in seen if one.repository and settings.allows(one.repository)]


def worth_asking(names: Iterable[str]) -> list[str]:
    """The names of repositories or owners, each once however it is spelt, in order."""
    return sorted({name.casefold(): name for name in names}.values(), key=str.casefold)


def all_machines(machines: Machines) -> dict[str, Machine]:
    """The cloud's machines of this fleet that are not terminated, by id."""
    return {machine.id: machine for machine in pages(lambda cursor: machines.page(cursor=cursor))}
