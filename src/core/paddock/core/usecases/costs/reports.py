"""The daily cost report: made once for each day, kept in the object store, announced.

A day is over at midnight by the clocks of the policy's zone, and is reported at its hour. The task is due more often
than that, and asks nothing as long as the cursor says that the last such day is reported. What was missed is made up
for, a few days a run.
"""

import hashlib
import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import Final

import attrs

from paddock.core.catalogue import DATED
from paddock.core.codec import from_data, to_data
from paddock.core.costs.advice import advice_on
from paddock.core.costs.day import day_of_bills
from paddock.core.costs.ledger import Bill, Rates
from paddock.core.costs.policy import CostPolicy
from paddock.core.costs.report import VERSION, CostReport, Counting, RealBill, ServiceCost, failures_of, known_of
from paddock.core.costs.reprice import repriced
from paddock.core.costs.sums import By
from paddock.core.costs.trends import SPANS, anomalies, history, month_so_far, trends
from paddock.core.environment import environment_of
from paddock.core.errors import InvalidInput, NotFound
from paddock.core.ports.notifier import Notifier
from paddock.core.ports.objects import Objects
from paddock.core.ports.prices import Prices
from paddock.core.ports.stores import Table
from paddock.core.ports.system import Clock
from paddock.core.task import TaskReport
from paddock.core.units import Moment, money_text
from paddock.core.usecases.costs.keep_prices import KeepPrices
from paddock.core.usecases.costs.look import CostLook
from paddock.core.usecases.house.round import Round
from paddock.core.wallclock import moment_at, shown, zone_of

FOLDER: Final = "cost/"
MOST_DAYS: Final = 3  # a run
MOST_BILLS: Final = 300_000  # read in a run before another day is begun: a day that is begun is reported whole
_MADE_UP: Final = 31  # days; what is older stays unreported
LOOKED_BACK: Final = max(*SPANS, 31)

Rendering = Callable[[CostReport], str]
Checking = Callable[[date, Sequence[CostReport]], RealBill | None]


def report_key(day: date, suffix: str) -> str:
    """Where the report of a day is: ``cost/2026/11/22.md``."""
    return f"{FOLDER}{day:%Y/%m/%d}.{suffix}"


@attrs.frozen(kw_only=True)
class CostReports:
    """The task.

    ``renderings`` make a report's files, by suffix, beside its JSON, which is written last. ``prices`` are AWS's own
    for that day; where they are not known, a machine costs what its bill says. ``count`` says what the
    fleet used of AWS's services, ``check`` what AWS's own bill says; either may be missing, and then the report says
    so. ``keeping`` writes prices down for launches, before anything is reported.
    """

    stack: str
    table: Table
    objects: Objects
    clock: Clock
    renderings: Mapping[str, Rendering]
    policy: CostPolicy = CostPolicy()
    rates: Rates = Rates()
    prices: Prices | None = None
    notifier: Notifier | None = None
    count: Counting | None = None
    check: Checking | None = None
    keeping: KeepPrices | None = None
    most_bills: int = MOST_BILLS

    def __call__(self, *, dry_run: bool = False, cursor: str = "") -> TaskReport:
        """Report every day that is over and not reported yet. It counts days and announcements.

        Raises:
            InvalidInput: the cursor is none of this task, or there is no such zone.
        """
        round_ = Round(dry_run)
        if self.keeping is not None:
            self.keeping.keep(round_)
        due, last = self._due(), _day(cursor)
        first = due if last is None else max(last + timedelta(days=1), due - timedelta(days=_MADE_UP))
        wanted = [first + timedelta(days=ahead) for ahead in range((due - first).days + 1)]
        for day in wanted[:MOST_DAYS]:
            if round_.tried["bills"] >= self.most_bills:
                break
            round_.kinds["days"] += 1
            if round_.does(f"report {day}", lambda day=day: self._made(day, round_)) is None and not dry_run:  # type: ignore[misc]
                break
            cursor = cursor if dry_run else day.isoformat()
        done = _day(cursor)
        round_.left = sum(done is None or day > done for day in wanted) if not dry_run else 0
        return round_.report(cursor=cursor)

    def report(self, day: date, made: Round | None = None) -> CostReport:
        """The report of a day that is over. What is counted elsewhere and cannot be is noted as failed.

        Raises:
            PaddockError: records cannot be read.
        """
        round_ = Round() if made is None else made
        zone = zone_of(self.policy.zone)
        since, until = (moment_at(each, 0, zone) for each in (day, day + timedelta(days=1)))
        environment = environment_of(self.stack)
        bills = _counted(CostLook(self.table, self.clock, self.rates, environment).bills(since), round_)
        found = day_of_bills(self._priced(bills, since, until, round_), since, until)
        before = self._before(day, round_)
        services = self._services(since, until, round_)
        shared = known_of(services)
        plain = CostReport(
            stack=self.stack,
            environment=environment,
            day=day.isoformat(),
            zone=self.policy.zone,
            since=since,
            until=until,
            made_at=self.clock.now(),
            dated=DATED,
            total=found.costs.total,
            markets=found.lines(By.MARKET),
            types=found.lines(By.TYPE),
            phases=found.lines(By.PHASE),
            repositories=found.lines(By.REPO, shared),
            workflows=found.lines(By.WORKFLOW, shared),
            pools=found.pools_with(shared),
            services=None if services is None else tuple(services),
            spot=found.spot,
            forced=found.forced,
            hosted=found.hosted,
            disks=found.disks,
            history=history(day, before),
            trends=trends(day, before),
            advice=advice_on(found),
            bill=self._bill(day, before, round_),
        )
        return attrs.evolve(plain, month=month_so_far(day, plain.spent, before), anomalies=anomalies(plain, before))

    def _priced(self, bills: Iterable[Bill], since: Moment, until: Moment, round_: Round) -> Iterator[Bill]:
        """The bills by AWS's word on prices, as far as it is to be had; once it is not, it is not asked again."""
        prices = self.prices
        if prices is None:
            yield from bills
            return
        round_.kinds["prices"] += 1
        asked = True
        for bill in bills:
            found: Bill | None = bill
            if asked and bill.intervals[-1].end > since and bill.start < until:
                found = round_.tries(
                    "prices",
                    lambda bill=bill: repriced(bill, lambda offer, market: prices.quote(offer, market, since, until)),  # type: ignore[misc]
                )
                asked = found is not None
            yield bill if found is None else found

    def _services(self, since: Moment, until: Moment, round_: Round) -> Sequence[ServiceCost] | None:
        count = self.count
        if count is None:
            return None
        round_.kinds["services"] += 1
        found = round_.tries("counting services", lambda: count(since, until))
        for why in failures_of(found):  # what did not fail is reported all the same
            round_.kinds["services"] += 1
            round_.errors.append(f"counting services: {why}")
        return found

    def _bill(self, day: date, before: Sequence[CostReport], round_: Round) -> RealBill | None:
        check = self.check
        if check is None:
            return None
        round_.kinds["bills"] += 1
        return round_.tries("AWS's own bill", lambda: check(day, before))

    def _made(self, day: date, round_: Round) -> CostReport:
        report = self.report(day, round_)
        for suffix, rendering in self.renderings.items():
            self._put(report_key(day, suffix), rendering(report))
        self._put(report_key(day, "json"), json.dumps(to_data(report), sort_keys=True, separators=(",", ":")))
        notifier = self.notifier
        if notifier is not None:
            subject = f"{self.stack}: {money_text(report.spent)} on {day}"
            text = self.renderings["md"](report)
            round_.kinds["announcements"] += 1
            # The report is there: it is not made again because nobody could be told.
            round_.tries(f"announcing {day}", lambda: notifier.tell(subject, text))
        return report

    def _put(self, key: str, text: str) -> None:
        content = text.encode()
        self.objects.put(key, io.BytesIO(content), hashlib.sha256(content).hexdigest())

    def _before(self, day: date, round_: Round) -> list[CostReport]:
        """The reports of the days before, as far as there are any."""
        found = []
        for back in range(1, LOOKED_BACK + 1):
            key = report_key(day - timedelta(days=back), "json")
            try:
                with self.objects.open(key) as content:
                    data = json.loads(content.read())
                if isinstance(data, dict) and data.get("version") == VERSION:
                    found.append(from_data(data, CostReport))
            except NotFound:
                continue
            except (ValueError, InvalidInput) as error:  # one that is damaged is as good as none, and told
                round_.kinds["earlier reports"] += 1
                round_.failed(key, error)
        return found

    def _due(self) -> date:
        """The last day that is to be reported by now."""
        zone, now = zone_of(self.policy.zone), self.clock.now()
        today = shown(now, zone).date()
        over = 1 if now >= moment_at(today, self.policy.at, zone) else 2
        return today - timedelta(days=over)


def _counted(bills: Iterable[Bill], round_: Round) -> Iterator[Bill]:
    for bill in bills:
        round_.tried["bills"] += 1
        yield bill


def _day(cursor: str) -> date | None:
    try:
        return date.fromisoformat(cursor) if cursor else None
    except ValueError as error:
        raise InvalidInput("cursor", cursor, "must be empty, or what a run of this task reported: a date") from error
