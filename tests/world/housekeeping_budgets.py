"""What each task of housekeeping may call in a run, whatever it finds: made of the bounds that the use-cases have."""

from collections.abc import Mapping

import attrs

from paddock.core.pools.plan import MOST_ENDS, MOST_LAUNCHES, MOST_REPLACED, MOST_STARTS, MOST_STOPS
from paddock.core.usecases.costs.reports import LOOKED_BACK, MOST_DAYS
from paddock.core.usecases.house.dead_letters import MOST_TRIED
from paddock.core.usecases.house.old_jobs import MOST_JOBS, MOST_OBJECTS
from paddock.core.usecases.house.quarantine import MOST_ASKED, MOST_PAGES
from paddock.core.usecases.house.stale_registrations import MOST_DELETED, MOST_SCOPES
from paddock.core.usecases.house.stale_registrations import MOST_LOOKED_AT as MOST_MAY_BE_STALE
from paddock.core.usecases.house.sweep import MOST_ACTS, MOST_CLOSED
from paddock.core.usecases.house.sweep_github import MOST_ADOPTED, MOST_QUESTIONS, MOST_REDELIVERIES, MOST_REPOSITORIES
from paddock.core.usecases.pools.bills import MOST_BILLS
from paddock.core.usecases.reruns import HOURS_LOOKED_BACK, MOST_CONSIDERED, MOST_LOOKED_AT

AN_ACT = 20  # calls at most: two looks, GitHub's word, an end with its bill, a job that gets another machine
A_CLOSED = 3  # a machine that is closed with others: its orders, what is said of it, its share of the rest
A_RERUN = 12  # its jobs and their machines, GitHub's word on the run, the request, what is said of it
_KINDS = 10  # of acts
_PAGE = 100
_MACHINES = 1_000  # a page of EC2's
_STATUSES = 5  # of runs that are not complete: GitHub is asked for each
_HOUR, _DAY = 61, 1_381  # minutes in which machines were launched, a page each
_BILLS = 1_000  # a page
_WEEK = 9  # days that a week lies in, and the present one
_FILES = 3
_MARKED = 10  # pages of runs that may have lost jobs


@attrs.frozen
class Load:
    """What no bound of ours holds down: machines, their records and live jobs.

    ``deliveries`` are those that GitHub logged since the last run, with those of some minutes before; ``runs`` are the
    runs that are not complete of the repositories that are compared, ``unfinished`` their jobs that our records do not
    call live, ``registered`` the runners of the scopes that are asked, ``bills`` those of the day before.
    """

    machines: int
    runners: int
    jobs: int
    deliveries: int = 0
    runs: int = 0
    unfinished: int = 0
    registered: int = 0
    bills: int = 0
    pools: int = 0


RUN = 15 * 60  # seconds: the longest that a function of Lambda may run, and the longest lease
WAIT_FOR_GITHUB, WAIT = 0.25, 0.01  # seconds a call [assumed], of anything else the second


def waits(calls: int, github: int) -> float:
    """How long a run with so many calls waits for their answers, in seconds; `github` of them are GitHub's."""
    return github * WAIT_FOR_GITHUB + (calls - github) * WAIT


@attrs.frozen
class Budget:
    """The most calls of a run, and how many of them may be pages of listings; all have `RUN` to wait for answers."""

    calls: int
    pages: int


def budgets(load: Load) -> Mapping[str, Budget]:
    """What a run of each task may call."""
    jobs, runners = load.jobs // _PAGE + 3, load.runners // _PAGE + 1
    seen = load.machines // _MACHINES + 1 + runners + jobs + 1
    taken = HOURS_LOOKED_BACK * (4 * MOST_LOOKED_AT // _PAGE) + _MARKED
    compared = MOST_REPOSITORIES * _STATUSES + load.runs
    heard = load.deliveries // _PAGE + 1 + jobs + _HOUR + taken + compared
    left = _DAY + MOST_SCOPES + load.registered // _PAGE
    booked = load.bills // _BILLS
    report = runners + booked + 3 + MOST_DAYS
    found = {
        "sweep": Budget(seen + _KINDS * MOST_ACTS * AN_ACT + MOST_CLOSED * A_CLOSED, seen),
        "sweep_github": Budget(
            heard
            + load.unfinished
            + 2 * (MOST_REDELIVERIES + MOST_ADOPTED)
            + MOST_QUESTIONS * AN_ACT
            + MOST_CONSIDERED * A_RERUN
            + HOURS_LOOKED_BACK * MOST_LOOKED_AT * 4,
            heard,
        ),
        "dead_letters": Budget(2 * 2 + MOST_TRIED, 0),
        "stale_registrations": Budget(left + MOST_MAY_BE_STALE + MOST_DELETED * 3, left),
        "quarantined": Budget(MOST_PAGES + 3 * MOST_ASKED, MOST_PAGES),
        "old_jobs": Budget(2 * MOST_OBJECTS + 2 + (MOST_OBJECTS + 1) * MOST_JOBS, MOST_OBJECTS + 2),
        "cost_report": Budget(MOST_DAYS * (report + LOOKED_BACK + _FILES), MOST_DAYS * report),
    }
    if load.pools:
        audited = min(booked, MOST_BILLS // _BILLS + 1) + _WEEK + (load.pools + 1) * runners
        found["pool_audit"] = Budget(audited + load.pools + _FILES, audited)
        looked = 3 * runners + load.runners // _MACHINES + 2  # its spares, the machines of its launches, usage
        acts = MOST_LAUNCHES + MOST_STARTS + MOST_STOPS + MOST_ENDS + MOST_REPLACED
        found["pools"] = Budget(load.pools * (looked + acts * AN_ACT), load.pools * looked)
    return found
