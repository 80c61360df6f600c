"""Jobs that were given up, and what lets them go again."""

from typing import Annotated

from cyclopts import Parameter

from paddock.core.errors import InvalidInput, NotFound, PaddockError, Rejected
from paddock.entrypoints.cli.state import job_id
from paddock.entrypoints.cli.styles import console, told
from paddock.entrypoints.cli.where import ProfileName, StateDir, Where, opened


def release(
    *jobs: str,
    all_: Annotated[bool, Parameter(name="--all", negative="")] = False,
    dry_run: bool = False,
    state: StateDir = None,
    profile: ProfileName = None,
) -> int:
    """Have jobs tried again that were given up because their launches failed, each with a fresh launch budget.

    Mend the cause first: `paddock explain JOB` tells it. What ran, or is over at GitHub, can only be re-run there.

    Parameters
    ----------
    jobs
        The jobs' ids, or their addresses on GitHub (the number after /job/).
    all_
        Every job that can be released.
    dry_run
        Change nothing: list those that can be released.
    state
        The state directory of a fleet on this machine (paddock.yml: local.state); paddock-state if none is named.
    profile
        Which fleet: local, on this machine, or aws, on AWS (docs/aws.md); what PADDOCK_PROFILE says if not named.
    """
    named = [job_id(job) for job in jobs]
    if named and all_:
        raise InvalidInput("jobs", " ".join(jobs), "--all takes every job: leave one of the two out")
    if not (named or all_ or dry_run):
        raise InvalidInput("jobs", "", "name the jobs to release, or say --all")
    where = Where.chosen(state, profile)
    out, failed = console(), 0
    with opened(where, change=not dry_run) as here:
        found = {job.id: job for job in here.operate.quarantined()} if all_ or dry_run else {}
        for number in named or found:
            try:
                if dry_run and number not in found:
                    raise Rejected(f"job {number} cannot be released: `paddock explain {number}` says why")
                job = found[number] if dry_run else here.operate.release(number)
            except NotFound as error:
                failed += 1
                out.print(told(f"failed: {error}; `paddock jobs{where.words}` lists those that are known", "red"))
                continue
            except PaddockError as error:
                failed += 1
                out.print(told(f"failed: {error}", "red"))
                continue
            said = f"can be released: {job.reason}" if dry_run else "is released, and is launched for again"
            out.print(told(f"job {number} of {job.facts.repository} {said}"))
        if not (named or found):
            out.print("no job can be released")
    return 1 if failed else 0
