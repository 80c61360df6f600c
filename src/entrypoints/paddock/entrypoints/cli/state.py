"""Commands that read or change the state of a fleet on this machine, whether it runs or not."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from cyclopts import Parameter

from paddock.adapters.report.explanation import explanation_data, listing_data
from paddock.adapters.system import SystemClock
from paddock.core.errors import InvalidInput, NotFound
from paddock.core.paging import pages
from paddock.core.switch import PAUSED
from paddock.entrypoints.containers import State, open_state
from paddock.entrypoints.local.places import DEFAULT_STATE, Places

_LONGEST_ID = 19  # digits of 2**63

AsJson = Annotated[bool, Parameter(name="--json", negative="")]
StateDir = Annotated[Path, Parameter(name=["--state", "-s"])]


@contextmanager
def opened(directory: Path) -> Iterator[State]:
    """The fleet's state, while inside.

    Raises:
        InvalidInput: there is none.
    """
    places = Places(directory)
    if not places.database.exists():
        remedy = "holds no fleet: name the state directory with --state (paddock.yml: local.state)"
        raise InvalidInput("state", str(directory), remedy)
    state = open_state(places)
    try:
        yield state
    finally:
        state.close()


def jobs(*, state: StateDir = DEFAULT_STATE, live: bool = False, json_: AsJson = False) -> int:
    """List the fleet's jobs.

    Parameters
    ----------
    state
        The fleet's state directory (paddock.yml: local.state).
    live
        Only jobs that have not ended.
    json_
        Print them as JSON instead, for scripts; docs/operating.md describes the keys.
    """
    from paddock.entrypoints.cli.live import fleet_table  # noqa: PLC0415 - drawn only here
    from paddock.entrypoints.cli.styles import console  # noqa: PLC0415 - as above

    with opened(state) as here:
        known = list(pages(lambda cursor: here.table.jobs.page("all", "all", cursor=cursor)))
        runners = list(pages(lambda cursor: here.table.runners.page("all", "all", cursor=cursor)))
        paused = here.table.switches.get(PAUSED)
    shown = [job for job in known if job.live or not live]
    if json_:
        print(json.dumps(listing_data(shown, paused), indent=2))
        return 0
    console().print(fleet_table(shown, runners, SystemClock().now(), rows=len(shown)))
    if paused is not None and paused.on:
        why = f" ({paused.reason})" if paused.reason else ""
        print(f"the fleet is paused{why}: `paddock resume --state {state}` lets queued jobs go")
    return 0


def explain(job: str, /, *, state: StateDir = DEFAULT_STATE, json_: AsJson = False) -> int:
    """Say where a job stands and why, then how it came to that: every decision, when and by whom.

    Parameters
    ----------
    job
        The job's id, or its address on GitHub (the number after /job/).
    state
        The fleet's state directory (paddock.yml: local.state).
    json_
        Print it as JSON instead, for scripts; docs/operating.md describes the keys.
    """
    from paddock.entrypoints.cli.story import story  # noqa: PLC0415 - drawn only here
    from paddock.entrypoints.cli.styles import console  # noqa: PLC0415 - as above

    number = _job_id(job)
    with opened(state) as here:
        try:
            told = here.explain(number)
        except NotFound as error:
            raise NotFound(f"{error}; `paddock jobs --state {state}` lists those that are known") from None
    now = SystemClock().now()
    if json_:
        print(json.dumps(explanation_data(told, now), indent=2))
        return 0
    console().print(story(told.job, told.decisions, told.runners, now))
    return 0


def _job_id(job: str) -> int:
    """The id in what a person copied: the id itself, or an address such as …/actions/runs/7/job/29679449#step:3:1."""
    try:
        last = urlsplit(job.strip()).path.rstrip("/").rpartition("/")[2]
    except ValueError:
        last = ""
    if not (last.isascii() and last.isdecimal() and len(last) <= _LONGEST_ID):
        raise InvalidInput("job", job, "must be a job's id, such as 29679449, or its address on GitHub")
    return int(last)


def pause(reason: str = "", /, *, state: StateDir = DEFAULT_STATE) -> int:
    """Launch nothing more until `paddock resume`. Running jobs go on, queued ones wait and say why.

    Parameters
    ----------
    reason
        Why; it is told to whoever asks why a job waits.
    state
        The fleet's state directory (paddock.yml: local.state).
    """
    with opened(state) as here:
        here.operate.pause(reason)
    print(f"paused: running jobs go on, queued ones wait; `paddock resume --state {state}` lets them go")
    return 0


def resume(*, state: StateDir = DEFAULT_STATE) -> int:
    """Launch again after `paddock pause`.

    Parameters
    ----------
    state
        The fleet's state directory (paddock.yml: local.state).
    """
    with opened(state) as here:
        _, woken = here.operate.resume()
    print(f"resumed: {woken} waiting {'job' if woken == 1 else 'jobs'} woken")
    return 0
