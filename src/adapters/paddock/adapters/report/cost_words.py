"""The sentences of the daily cost report, which its Markdown and its page share: plain text, marked up by neither.

They may hold names that strangers chose; who shows them escapes them.
"""

from collections.abc import Iterator

import attrs

from paddock.adapters.report.cost_text import cents_text, each_text, hours_text
from paddock.core.costs.hosted import DATED as HOSTED_DATED
from paddock.core.costs.report import CostReport, failures_of, known_of


@attrs.frozen
class Said:
    """A sentence, and what it is about; empty: nothing in particular."""

    about: str
    text: str


def scope(report: CostReport) -> str:
    """Whose day it is, and whose clocks it goes by. Reports of before environments were written down name none."""
    environment = f" Environment: {report.environment}." if report.environment else ""
    return f"Midnight to midnight, {report.zone}.{environment}"


def lede(report: CostReport) -> str:
    """The day in a few sentences, behind its sum."""
    unknown = f", and {hours_text(report.unpriced)} machine hours without a known price" if report.unpriced else ""
    if report.quiet:
        return f"{cents_text(report.spent)}{unknown}. A quiet day: no machine was there."
    total = report.total
    return (
        f"{cents_text(report.spent)}{unknown}, for {_count(total.jobs, 'job')} on {_count(total.machines, 'machine')}. "
        f"{cents_text(total.unused)} of it for machines without a job: boot, idle time, sleep, drain and EC2's minimum."
    )


def spot(report: CostReport) -> str:
    """What spot saved; empty if nothing was spot."""
    found = report.spot
    if not found.on_demand:
        return ""
    share = found.saved * 100 // found.on_demand
    told = f"Spot saved {cents_text(found.saved)}, {share} % of what the same time costs on demand at list prices."
    return told + (f" {hours_text(found.unknown)} hours cannot be compared." if found.unknown else "")


def services(report: CostReport) -> str:
    """What the services cost for each job, and who bears it; empty if nothing of it is known."""
    amount, jobs = known_of(report.services), report.total.jobs
    if not report.services or amount is None:
        return ""
    told = f"AWS's services cost {cents_text(amount)}, as far as that is known"
    if not jobs:
        return f"{told}; no job began, so the fleet bears it."
    return (
        f"{told}: {each_text(amount, jobs)} for each of {_count(jobs, 'job')} that began. "
        "Repositories, workflows and pools bear it by their jobs."
    )


def trends(report: CostReport) -> Iterator[Said]:
    """The days before and the month."""
    for one in report.trends:
        about = f"{one.of} days before"
        if one.mean is None:
            yield Said(about, "no reports")
        else:
            some = f" ({_days(one.days)} reported)" if one.days < one.of else ""
            yield Said(about, f"{cents_text(one.mean)} a day{some}")
    if report.month is not None:
        missing = f", {_days(report.month.missing)} not reported" if report.month.missing else ""
        yield Said(
            "this month so far", f"{cents_text(report.month.spent)} in {_count(report.month.days, 'day')}{missing}"
        )
        yield Said("the whole month at this rate", cents_text(report.month.forecast))


def anomalies(report: CostReport) -> Iterator[Said]:
    """What was not as usual."""
    for one in report.anomalies:
        yield Said(one.what, f"{cents_text(one.amount)} instead of {cents_text(one.usual)}. {one.cause}.")


def advice(report: CostReport) -> Iterator[Said]:
    """What would have saved money."""
    for one in report.advice:
        saves = f"It would have saved {cents_text(one.saves)} that day, {cents_text(one.saves * 30)} in 30 such days."
        yield Said(one.about, f"{one.text}. {saves}")


def hosted(report: CostReport) -> str:
    """The same jobs on GitHub's own runners; empty if there were none."""
    found = report.hosted
    if not found.jobs:
        return ""
    left = f" {found.unknown} jobs have no comparable runner and are left out." if found.unknown else ""
    return (
        f"On GitHub's own runners the {_count(found.jobs, 'job')} that ended that day would have cost "
        f"{cents_text(found.cost)}, at list prices of {HOSTED_DATED}, without included minutes; the whole fleet cost "
        f"{cents_text(report.spent)} that day.{left}"
    )


def sources(report: CostReport) -> Iterator[Said]:
    """Where the prices are from, and what AWS's own bill says."""
    total, spent = report.total, report.spent

    def share(amount: int) -> str:
        return f"{cents_text(amount)} ({amount * 100 // spent} %)" if spent else cents_text(amount)

    yield Said("by AWS's own word", share(total.live))
    listed = f"by the price list of {report.dated} that comes with Paddock (us-east-1, spot estimated)"
    yield Said(listed, share(total.catalogue + report.of_services))
    yield Said("not at all", f"{hours_text(total.unpriced)} machine hours")
    for why in failures_of(report.services):
        yield Said("not counted", why)
    if report.bill is not None:
        yield Said("AWS's own bill", report.bill.text)


def _days(number: int) -> str:
    return f"{_count(number, 'day')} {'is' if number == 1 else 'are'}"


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"
