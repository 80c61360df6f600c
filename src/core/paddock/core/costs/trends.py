"""A day beside the days before it: means, the month, and what was not as usual. Pure."""

from calendar import monthrange
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from typing import Final

from paddock.core.costs.report import Anomaly, CostLine, CostReport, DaySpent, MonthSoFar, Trend
from paddock.core.units import DOLLAR, MicroDollars, money_text

SPANS: Final = (7, 30)
"""Days that are looked back on."""

_KNOWN: Final = 3  # days that must be known before anything is called unusual
_LEAST: Final[MicroDollars] = DOLLAR  # a smaller difference is noise
_MORE: Final = (3, 2)  # one and a half times the usual, or two thirds of it


def trends(day: date, before: Sequence[CostReport]) -> tuple[Trend, ...]:
    """The means over the days before this one. `before` are the reports of any other days."""
    found: list[Trend] = []
    for span in SPANS:
        spent = [one.spent for one in _within(day, before, span)]
        found.append(Trend(span, len(spent), sum(spent) // len(spent) if spent else None))
    return tuple(found)


def history(day: date, before: Sequence[CostReport]) -> tuple[DaySpent, ...]:
    """What the days before this one cost, as far back as is looked, in their order; days without a report are not."""
    return tuple(
        DaySpent(one.day, one.spent) for one in sorted(_within(day, before, max(SPANS)), key=lambda one: one.day)
    )


def month_so_far(day: date, spent: MicroDollars, before: Sequence[CostReport]) -> MonthSoFar:
    """The calendar month up to this day, which cost `spent`."""
    known = [one.spent for one in _within(day, before, day.day - 1)]
    whole, days = spent + sum(known), len(known) + 1
    length = monthrange(day.year, day.month)[1]
    return MonthSoFar(days=days, missing=day.day - days, spent=whole, forecast=whole * length // days)


def anomalies(report: CostReport, before: Sequence[CostReport]) -> tuple[Anomaly, ...]:
    """What was not as usual on the day of the report, which has its lines; nothing if too few days are known."""
    usual = _within(date.fromisoformat(report.day), before, SPANS[0])
    return tuple(_unusual(report, usual)) if len(usual) >= _KNOWN else ()


def _unusual(report: CostReport, usual: Sequence[CostReport]) -> Iterator[Anomaly]:
    mean = sum(one.spent for one in usual) // len(usual)
    if _differs(report.spent, mean):
        what = "more was spent than usual" if report.spent > mean else "less was spent than usual"
        yield Anomaly(what, report.spent, mean, _cause(report, usual, up=report.spent > mean))
    forced = sum(one.forced.paid for one in usual) // len(usual)
    if report.forced.paid > forced and _differs(report.forced.paid, forced):
        cause = f"{report.forced.machines} machines could not be spot: retries after interruptions, or no spot capacity"
        yield Anomaly("more on demand in place of spot", report.forced.paid, forced, cause)
    services = [one.of_services for one in usual if one.services is not None]
    if report.services is not None and services and _differs(report.of_services, sum(services) // len(services)):
        dearest = max(report.services, key=lambda one: (one.amount or 0, one.service))
        cause = f"Most of it is {dearest.service}: {dearest.what}"
        yield Anomaly("services", report.of_services, sum(services) // len(services), cause)


def _differs(amount: MicroDollars, usual: MicroDollars) -> bool:
    great, small = max(amount, usual), min(amount, usual)
    return great - small >= _LEAST and great * _MORE[1] >= small * _MORE[0]


def _cause(report: CostReport, usual: Sequence[CostReport], *, up: bool) -> str:
    """What differs most, in the direction of the whole: whose it is, and why that is."""
    lines = [line for one in (report, *usual) for line in one.repositories]
    names = {line.name for line in lines if not line.others and line.cost.machines}  # without: the services alone
    changes = [(name, _line(report, name), [_line(one, name) for one in usual]) for name in sorted(names)]
    if not changes:
        return "No repository had a machine, so it is the services' or the pools'"
    sign = 1 if up else -1
    name, now, days = max(changes, key=lambda one: sign * (len(usual) * _money(one[1]) - sum(map(_money, one[2]))))
    then = sum(map(_money, days)) // len(usual)
    who = f"repository {name}" if name else "machines without a job"
    told = f"Most of the difference is of {who}: {money_text(_money(now))} instead of {money_text(then)}"
    return f"{told}; {_why(now, days, then)}"


def _why(now: CostLine | None, days: Sequence[CostLine | None], then: MicroDollars) -> str:
    jobs, usual = (0 if now is None else now.cost.jobs), sum(one.cost.jobs for one in days if one is not None)
    mean = usual // len(days)
    if _MORE[1] * max(jobs, mean) >= _MORE[0] * min(jobs, mean) and jobs != mean:
        return f"it had {jobs} jobs instead of {mean}"
    unused = (0 if now is None else now.cost.unused) - sum(one.cost.unused for one in days if one) // len(days)
    if 2 * abs(unused) >= abs(_money(now) - then):
        return f"{money_text(abs(unused))} of it {'more' if unused > 0 else 'less'} for time without a job"
    if jobs and mean:
        return f"a job of it cost {money_text(_money(now) // jobs)} instead of {money_text(then // mean)}"
    return "it had no jobs to compare"


def _money(line: CostLine | None) -> MicroDollars:
    return 0 if line is None else line.cost.total


def _line(report: CostReport, name: str) -> CostLine | None:
    return next((line for line in report.repositories if line.name == name and not line.others), None)


def _within(day: date, before: Sequence[CostReport], span: int) -> list[CostReport]:
    """The reports of the `span` days before this one."""
    wanted = {(day - timedelta(days=back)).isoformat() for back in range(1, span + 1)}
    return [one for one in before if one.day in wanted]
