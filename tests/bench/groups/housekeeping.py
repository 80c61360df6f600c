"""What a run of each task of housekeeping costs a large fleet: calls of ports, and CPU of our own code.

First on an ordinary day, then at the worst that each has to expect. Adapters are in memory: what they cost is in the
seconds, and what the network takes is not. A call is a request, or the page of a listing; but a call of a queue may be
many requests, and several writes in one step are one.
"""

import time
from collections.abc import Callable, Iterator
from datetime import timedelta

import attrs

from paddock.adapters.memory.github.scripts import JobScript
from paddock.core.paging import pages
from paddock.core.pools.pool import Pool
from paddock.core.runner import Runner, RunnerChange, RunnerIs
from paddock.core.settings import FleetSettings
from paddock.core.spec import RunnerSpec
from paddock.core.states import OperationalResult, RunnerState
from paddock.core.task import Task, TaskReport
from paddock.core.units import datetime_of
from paddock.core.usecases.costs.reports import MOST_DAYS
from paddock.core.usecases.life import NOT_BUSY
from tests.bench.harness import Figure
from tests.world.housekeeping_budgets import RUN, budgets, waits
from tests.world.large_house import NOW, POOL, SMALL, LargeHouse, Size, load_of

LARGE = Size()
TODAY = attrs.evolve(LARGE, ended=0, old=0)  # nobody but the archive reads of what ended
BOOKED = attrs.evolve(TODAY, booked=100_000)
MANY = 3_000
SETTINGS = FleetSettings(repositories=("acme/*",))
POOLED = attrs.evolve(SETTINGS, pools={POOL: Pool(POOL, RunnerSpec(), hot=MANY + 1_000)})


def figures() -> Iterator[Figure]:
    """Each task once on one fleet, and then each of the worst cases on a fleet of its own."""
    house = LargeHouse(LARGE)
    told = f"{LARGE.machines} machines, {LARGE.jobs} live jobs, {LARGE.ended} ended ones"
    for task in house.housekeeping().names:
        yield from _figures(house, task, "", told)
    for task, case, size, what, happens in WORST:
        house = LargeHouse(size, POOLED if task.startswith("pool") else SETTINGS)
        happens(house)
        yield from _figures(house, task, f".{case}", what)


def _figures(house: LargeHouse, task: str, case: str, what: str) -> Iterator[Figure]:
    budget = budgets(load_of(house))[task]
    before = time.process_time_ns()
    report = house.run(task).report
    spent = time.process_time_ns() - before
    calls, pages = house.meter.total, house.meter.pages
    yield Figure(f"housekeeping.{task}.calls{case}", calls, "calls", f"{what}; budget {budget.calls}")
    yield Figure(f"housekeeping.{task}.pages{case}", pages, "calls", f"those that list; budget {budget.pages}")
    asked = house.meter.of("github.")
    yield Figure(f"housekeeping.{task}.github{case}", asked, "calls", "those of GitHub, answers of 304 included")
    yield Figure(f"housekeeping.{task}.seconds{case}", round(spent / 1e9, 3), "s", _told(report), spent)
    waited = round(waits(calls, asked), 1)
    yield Figure(
        f"housekeeping.{task}.waits{case}", waited, "s", f"for answers, as assumed; budget {RUN}, with its CPU"
    )


def _told(report: TaskReport | None) -> str:
    if report is None or report.errors:
        raise AssertionError(f"the task did not go as planned: {report}")
    kinds = ", ".join(f"{count} {kind}" for kind, count in report.by_kind.items() if count)
    return f"CPU of it; {kinds or 'nothing to do'}; {report.left} left"


def _some(house: LargeHouse) -> list[Runner]:
    return list(house.table.runners.page("live", "live", limit=MANY).items)


def all_go(house: LargeHouse) -> None:
    """Three thousand machines end at once, and none has said a word: those with jobs, and others."""
    for runner in _some(house):
        house.machines.kill(runner.machine)


def all_have_served(house: LargeHouse) -> None:
    """Three thousand machines did their work, and powered themselves off."""
    done = RunnerChange(state=RunnerState.DRAINING, result=OperationalResult.SERVED, idle_at=NOW)
    for runner in _some(house):
        if runner.served_job is not None:
            house.table.runners.update(runner.key, RunnerIs(state=RunnerState.BUSY), done)
            house.machines.kill(runner.machine)


def nobody_listened(house: LargeHouse) -> None:
    """No webhook came for an hour, and what was queued meanwhile nobody knows."""
    house.table.tasks.remove("sweep_github")
    for number in range(MANY // 4):
        house.model.start_run(house.repository(number * 4), [JobScript(f"job {place}", SMALL) for place in range(4)])


def nothing_was_taken_back(house: LargeHouse) -> None:
    """Three thousand registrations were left in one repository."""
    for number in range(MANY):
        house.stale(LARGE.stale + number, house.repositories[0])


def everything_died(house: LargeHouse) -> None:
    """Three thousand messages of each queue are dead."""
    for queue in (house.jobs, house.events):
        house.die(queue, MANY)


def nothing(house: LargeHouse) -> None:
    """An ordinary day."""
    assert house.size.booked


def days_were_missed(house: LargeHouse) -> None:
    """Housekeeping stood still for as many days as a run makes up for, and one more."""
    last = datetime_of(NOW).date() - timedelta(days=MOST_DAYS + 2)
    house.table.tasks.add(Task("cost_report", cursor=last.isoformat()))


def they_wait(house: LargeHouse) -> None:
    """Three thousand spares are up, and a thousand more are wanted."""
    live = list(pages(lambda cursor: house.table.runners.page("live", "live", cursor=cursor)))
    change = RunnerChange(spare_of=POOL, assigned_job=None, runner_name=None)
    for runner in [one for one in live if one.state in NOT_BUSY][:MANY]:
        house.table.runners.update(runner.key, RunnerIs(state=runner.state), change)


WORST: tuple[tuple[str, str, Size, str, Callable[[LargeHouse], None]], ...] = (
    ("sweep", "gone", TODAY, f"{MANY} machines are gone without a word", all_go),
    ("sweep", "served", attrs.evolve(TODAY, jobs=4_000), f"{MANY} machines have served and are gone", all_have_served),
    (
        "sweep_github",
        "unheard",
        attrs.evolve(TODAY, repositories=40),
        f"an hour's webhooks are read, {MANY} jobs are unknown",
        nobody_listened,
    ),
    ("stale_registrations", "left", TODAY, f"{MANY} registrations more were left", nothing_was_taken_back),
    ("cost_report", "day", BOOKED, f"{BOOKED.booked} machines ended the day before", nothing),
    ("cost_report", "missed", BOOKED, f"the same, and {MOST_DAYS} days are to be made up for", days_were_missed),
    ("pool_audit", "day", BOOKED, f"{BOOKED.booked} machines ended the day before, half of them a pool's", nothing),
    ("pools", "stock", TODAY, f"{MANY} spares are up, and 1000 more are wanted", they_wait),
    ("dead_letters", "storm", TODAY, f"{MANY} messages more died on each queue", everything_died),
)
