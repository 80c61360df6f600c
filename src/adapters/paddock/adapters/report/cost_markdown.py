"""The daily cost report as Markdown, for readers and for messages."""

import re
from collections.abc import Iterator, Sequence

from paddock.adapters.report.cost_text import cents_text, hours_text, no_name
from paddock.adapters.report.text import clean, shortened
from paddock.core.cost_report import CostLine, CostReport
from paddock.core.costs import By
from paddock.core.hosted import DATED as HOSTED_DATED
from paddock.core.units import money_text

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>()#+!|~&])")
_MOST = 120  # characters of a name
_SHOWN = 15  # lines of a table; the page and the JSON have more


def markdown(report: CostReport) -> str:
    """The report. What strangers may have written in it is text, whatever it looks like."""
    blocks = (
        _head(report),
        _headline(report),
        *_machines(report),
        _services(report),
        *_pools(report),
        _trends(report),
        _anomalies(report),
        _advice(report),
        _hosted(report),
        _sources(report),
    )
    return "\n\n".join(block for block in blocks if block) + "\n"


def plain(text: str) -> str:
    """Text of strangers as text in Markdown."""
    return _SPECIAL.sub(r"\\\1", shortened(clean(text), _MOST))


def _head(report: CostReport) -> str:
    return f"# {plain(report.stack)}: costs of {report.day}\n\nMidnight to midnight, {plain(report.zone)}."


def _headline(report: CostReport) -> str:
    unknown = f", and {hours_text(report.unpriced)} machine hours without a known price" if report.unpriced else ""
    told = f"**{cents_text(report.spent)}**{unknown}"
    if report.quiet:
        return f"{told}. A quiet day: no machine was there."
    total = report.total
    return (
        f"{told}, for {total.jobs} jobs on {total.machines} machines. "
        f"{cents_text(total.unused)} of it for machines without a job: "
        "boot, idle time, sleep, drain and EC2's minimum."
    )


def _machines(report: CostReport) -> Iterator[str]:
    if report.quiet:
        return
    total, spot = report.total, report.spot
    rows = [
        ("compute", cents_text(total.compute)),
        ("disks", cents_text(total.storage)),
        ("addresses", cents_text(total.network)),
    ]
    yield "## Machines\n\n" + table(("", "cost"), rows)
    yield lines("Market", By.MARKET, report.markets)
    if spot.on_demand:
        share = spot.saved * 100 // spot.on_demand
        told = f"Spot saved {cents_text(spot.saved)}, {share} % of what the same time costs on demand at list prices."
        yield told + (f" {hours_text(spot.unknown)} hours cannot be compared." if spot.unknown else "")
    yield lines("Type", By.TYPE, report.types)
    yield lines("What machines did", By.PHASE, report.phases)
    yield lines("Repository", By.REPO, report.repositories)
    yield lines("Workflow", By.WORKFLOW, report.workflows)


def _services(report: CostReport) -> str:
    if report.services is None:
        return "## Services\n\nWhat the fleet used of AWS's services was not counted, so it is in no sum."
    rows = [
        (
            plain(one.service),
            plain(one.what),
            "unknown" if one.quantity is None else f"{one.quantity:,} {plain(one.unit)}",
            "unknown" if one.amount is None else money_text(one.amount),
        )
        for one in report.services
    ]
    return f"## Services: {cents_text(report.of_services)}\n\n" + table(("service", "", "used", "cost"), rows)


def _pools(report: CostReport) -> Iterator[str]:
    if report.pools:
        rows = [
            (
                plain(one.pool),
                str(one.jobs),
                str(one.overflow),
                "–" if one.utilisation is None else f"{100 - one.utilisation} %",  # noqa: RUF001 - it never ran
                cents_text(one.idle_cost),
                cents_text(one.cost),
            )
            for one in report.pools
        ]
        yield "## Pools\n\n" + table(("pool", "jobs", "overflow", "idle", "idle cost", "cost"), rows)


def _trends(report: CostReport) -> str:
    told = [
        f"* {one.of} days before: no reports"
        if one.mean is None
        else f"* {one.of} days before: {cents_text(one.mean)} a day"
        + (f" ({one.days} days are reported)" if one.days < one.of else "")
        for one in report.trends
    ]
    if report.month is not None:
        missing = f", {report.month.missing} days are not reported" if report.month.missing else ""
        told.append(f"* this month so far: {cents_text(report.month.spent)} in {report.month.days} days{missing}")
        told.append(f"* the whole month at this rate: {cents_text(report.month.forecast)}")
    return "## Trends\n\n" + "\n".join(told)


def _anomalies(report: CostReport) -> str:
    if not report.anomalies:
        return ""
    return "## Not as usual\n\n" + "\n".join(
        f"* **{plain(one.what)}**: {cents_text(one.amount)} instead of {cents_text(one.usual)}. {plain(one.cause)}."
        for one in report.anomalies
    )


def _advice(report: CostReport) -> str:
    if not report.advice:
        return ""
    return "## What would save money\n\n" + "\n".join(
        f"* **{plain(one.about)}**: {plain(one.text)}. It would have saved {cents_text(one.saves)} that day, "
        f"{cents_text(one.saves * 30)} in 30 such days."
        for one in report.advice
    )


def _hosted(report: CostReport) -> str:
    hosted = report.hosted
    if not hosted.jobs:
        return ""
    left = f" {hosted.unknown} jobs have no comparable runner and are left out." if hosted.unknown else ""
    return (
        f"## On GitHub's own runners\n\nThe {hosted.jobs} jobs that ended that day would have cost "
        f"{cents_text(hosted.cost)} there, at GitHub's list prices of {HOSTED_DATED}, without included minutes.{left}"
    )


def _sources(report: CostReport) -> str:
    total = report.total
    listed = cents_text(total.catalogue + report.of_services)
    told = [
        f"* by AWS's own word when the machine was launched: {cents_text(total.live)}",
        f"* by the price list of {report.dated} that comes with Paddock (us-east-1, spot estimated): {listed}",
        f"* not at all: {hours_text(total.unpriced)} machine hours",
    ]
    if report.bill is not None:
        told.append(f"* AWS's own bill: {plain(report.bill.text)}")
    return "## Where the prices are from\n\n" + "\n".join(told)


def lines(title: str, by: By, found: Sequence[CostLine]) -> str:
    """A table of the dearest, with the others in one line."""
    if not found:
        return ""
    rows = [
        (
            _name(line, by),
            str(line.cost.machines),
            str(line.cost.jobs),
            hours_text(line.cost.awake),
            cents_text(line.cost.total) + ("?" if line.cost.unpriced else ""),
        )
        for line in found[:_SHOWN]
    ]
    left = found[_SHOWN:]
    if left:
        count = sum(line.others or 1 for line in left)
        rows.append((f"({count} others)", "", "", "", cents_text(sum(line.cost.total for line in left))))
    return table((title.lower(), "machines", "jobs", "hours", "cost"), rows)


def _name(line: CostLine, by: By) -> str:
    if line.others:
        return f"({line.others} others)"
    return plain(line.name) if line.name else no_name(by)


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table of ready cells: the first column to the left, the others to the right."""
    rule = ["---", *("--:" for _ in heads[1:])]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (heads, rule, *rows))
