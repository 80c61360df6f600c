"""Commands that read or change the state of a fleet, on this machine or on AWS, whether it runs or not."""

import json
import re
import sys
from collections.abc import Sequence
from typing import Annotated
from urllib.parse import urlsplit

from cyclopts import Parameter

from paddock.adapters.report.explanation import explanation_data, listing_data
from paddock.adapters.system import SystemClock
from paddock.core.errors import InvalidInput, NotFound
from paddock.core.job import Job
from paddock.core.paging import pages
from paddock.core.ports.stores import Table
from paddock.core.switch import PAUSED
from paddock.core.usecases.listing import live_jobs, live_runners
from paddock.entrypoints.cli.where import ProfileName, StateDir, Where, opened

_OF_A_RUN = re.compile(r"/actions/runs/[0-9]+(/attempts/[0-9]+)?$")
_LONGEST_ID = 19  # digits of 2**63

AsJson = Annotated[bool, Parameter(name="--json", negative="")]


def jobs(*, state: StateDir = None, profile: ProfileName = None, live: bool = False, json_: AsJson = False) -> int:
    """List the fleet's jobs.

    Parameters
    ----------
    state
        The state directory of a fleet on this machine (paddock.yml: local.state); paddock-state if none is named.
    profile
        Which fleet: local, on this machine, or aws, on AWS (docs/aws.md); what PADDOCK_PROFILE says if not named.
    live
        Only jobs that have not ended; on AWS it is quick, where months are kept.
    json_
        Print them as JSON instead, for scripts; docs/operating.md describes the keys.
    """
    from paddock.entrypoints.cli.live import fleet_table  # noqa: PLC0415 - drawn only here
    from paddock.entrypoints.cli.styles import console, show  # noqa: PLC0415 - as above

    where = Where.chosen(state, profile)
    with opened(where) as here:
        shown = live_jobs(here.table) if live else all_jobs(here.table)
        runners = live_runners(here.table)
        paused = here.table.switches.get(PAUSED)
    if json_:
        print(json.dumps(listing_data(shown, paused), indent=2))
        return 0
    show(console(), fleet_table(shown, runners, SystemClock().now(), rows=len(shown)))
    if paused is not None and paused.on:
        why = f" ({paused.reason})" if paused.reason else ""
        print(f"the fleet is paused{why}: `paddock resume{where.words}` lets queued jobs go")
    return 0


def all_jobs(table: Table) -> Sequence[Job]:
    """Every job that is kept."""
    return list(pages(lambda cursor: table.jobs.page("all", "all", cursor=cursor)))


def explain(job: str, /, *, state: StateDir = None, profile: ProfileName = None, json_: AsJson = False) -> int:
    """Say where a job stands and why, then how it came to that: every decision, when and by whom.

    Parameters
    ----------
    job
        The job's id, or its address on GitHub (the number after /job/).
    state
        The state directory of a fleet on this machine (paddock.yml: local.state); paddock-state if none is named.
    profile
        Which fleet: local, on this machine, or aws, on AWS (docs/aws.md); what PADDOCK_PROFILE says if not named.
    json_
        Print it as JSON instead, for scripts; docs/operating.md describes the keys.
    """
    from paddock.entrypoints.cli.story import story  # noqa: PLC0415 - drawn only here
    from paddock.entrypoints.cli.styles import console, show  # noqa: PLC0415 - as above

    number = job_id(job)
    where = Where.chosen(state, profile)
    with opened(where) as here:
        try:
            told = here.explain(number)
        except NotFound as error:
            raise NotFound(f"{error}; `paddock jobs{where.words}` lists those that are known") from None
        now = SystemClock().now()
        remark = here.remark(told, now)
    if json_:
        print(json.dumps(explanation_data(told, now), indent=2))
        if remark:
            print(f"paddock: {remark}", file=sys.stderr)
        return 0
    show(console(), story(told.job, told.decisions, told.runners, now))
    if remark:
        console().print(f"\n{remark}", style="dim", markup=False, highlight=False)
    return 0


def job_id(job: str) -> int:
    """The id in what a person copied: the id itself, or an address such as …/actions/runs/7/job/29679449#step:3:1."""
    try:
        path = urlsplit(job.strip()).path.rstrip("/")
    except ValueError:
        path = ""
    if _OF_A_RUN.search(path):
        remedy = "is the address of a run: open the job on its page, and write that address (…/job/29679449) or its id"
        raise InvalidInput("job", job, remedy)
    last = path.rpartition("/")[2]
    if not (last.isascii() and last.isdecimal() and len(last) <= _LONGEST_ID):
        raise InvalidInput("job", job, "must be a job's id, such as 29679449, or its address on GitHub")
    return int(last)


def pause(reason: str = "", /, *, state: StateDir = None, profile: ProfileName = None) -> int:
    """Launch nothing more until `paddock resume`. Running jobs go on, queued ones wait and say why.

    Parameters
    ----------
    reason
        Why; it is told to whoever asks why a job waits.
    state
        The state directory of a fleet on this machine (paddock.yml: local.state); paddock-state if none is named.
    profile
        Which fleet: local, on this machine, or aws, on AWS (docs/aws.md); what PADDOCK_PROFILE says if not named.
    """
    where = Where.chosen(state, profile)
    with opened(where, change=True) as here:
        here.operate.pause(reason)
    print(f"paused: running jobs go on, queued ones wait; `paddock resume{where.words}` lets them go")
    return 0


def resume(*, state: StateDir = None, profile: ProfileName = None) -> int:
    """Launch again after `paddock pause`.

    Parameters
    ----------
    state
        The state directory of a fleet on this machine (paddock.yml: local.state); paddock-state if none is named.
    profile
        Which fleet: local, on this machine, or aws, on AWS (docs/aws.md); what PADDOCK_PROFILE says if not named.
    """
    where = Where.chosen(state, profile)
    with opened(where, change=True) as here:
        _, woken = here.operate.resume()
    print(f"resumed: {woken} waiting {'job' if woken == 1 else 'jobs'} woken")
    return 0
