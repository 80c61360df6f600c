"""What a pool did for its money, from the bills of its machines."""

import itertools

import attrs
from hypothesis import given
from hypothesis import strategies as st

from paddock.core.costs.bill import bill_of
from paddock.core.costs.ledger import Bill, Phase, Rates
from paddock.core.pools.account import account_of
from paddock.core.pools.pool import Stock
from paddock.core.runner import Nap, Runner
from paddock.core.states import RunnerState
from paddock.core.units import HOUR, MINUTE
from tests.strategies import NOON

RATES = Rates()
BOOT = MINUTE


def a_bill(number: int, *, stock: Stock | None = Stock.HOT, job: int | None = None, slept: bool = False) -> Bill:
    """A machine of four hours: it boots, idles (and sleeps for two, if it does), and may serve a job at the end."""
    start = NOON + number
    woken = start + 3 * HOUR
    runner = Runner(
        machine=f"i-{number}",
        repository="acme/app",
        labels=(),
        launch_id="l",
        state=RunnerState.DRAINING,
        pool="web",
        stock=stock,
        price=96_000,
        disk=40,
        launched_at=start,
        ready_at=start + BOOT,
        naps=(Nap(start + HOUR, woken, None if job else woken + BOOT),) if slept else (),
        busy_at=woken + BOOT if job else None,
        idle_at=start + 4 * HOUR if job else None,
        gone_at=start + 4 * HOUR,
        assigned_job=job,
        served_job=job,
    )
    return bill_of(runner, None, RATES)


def test_jobs_are_counted_by_where_they_found_their_machine() -> None:
    """Up, asleep, or launched for the job itself; machines of other pools and idle ones are no hits."""
    bills = [
        a_bill(1, job=1),
        a_bill(2, job=2, slept=True),
        a_bill(3, job=3, stock=None),
        a_bill(4),
        attrs.evolve(a_bill(5, job=5), pool="other"),
    ]
    account = account_of("web", bills, NOON, NOON + 5 * HOUR)
    assert (account.hot, account.stopped, account.overflow) == (1, 1, 1)
    assert account.hits == 66


def test_sleep_costs_its_disk_and_idleness_all() -> None:
    """What nobody used is idle cost; overflow belongs to its job, not to the pool."""
    idle, asleep = a_bill(1), a_bill(2, slept=True)
    account = account_of("web", [idle, asleep, a_bill(3, stock=None, job=3)], NOON, NOON + 5 * HOUR)
    assert account.asleep == 2 * HOUR
    assert account.busy == 0
    assert account.idle == 6 * HOUR
    assert (
        account.cost == account.idle_cost == sum(entry.amount or 0 for bill in (idle, asleep) for entry in bill.entries)
    )
    assert account.utilisation == 0


def test_nothing_is_counted_where_nothing_is_known() -> None:
    """No jobs: no hit rate, rather than one of nought; an unknown price is told."""
    empty = account_of("web", [], NOON, NOON + HOUR)
    assert (empty.hits, empty.utilisation, empty.cost) == (None, None, 0)
    bill = a_bill(1)
    unpriced = attrs.evolve(bill, intervals=tuple(attrs.evolve(one, compute=None) for one in bill.intervals))
    account = account_of("web", [unpriced], NOON, NOON + 5 * HOUR)
    assert account.unpriced == len(bill.intervals)
    assert account.cost == sum(entry.storage + entry.network for entry in bill.entries)


@given(st.lists(st.integers(0, 4 * HOUR + 10), min_size=1, max_size=4), st.booleans(), st.booleans())
def test_spans_that_follow_one_another_add_up(cuts: list[int], slept: bool, works: bool) -> None:  # noqa: FBT001
    """Wherever the time is cut: every second and every job is in one account, and money but for its rounding."""
    bills = [a_bill(1, slept=slept, job=1 if works else None), a_bill(2, job=2)]
    edges = [NOON, *(NOON + cut for cut in sorted(cuts)), NOON + 9 * HOUR]
    parts = [account_of("web", bills, one, other) for one, other in itertools.pairwise(edges)]
    whole = account_of("web", bills, edges[0], edges[-1])
    for name in ("hot", "stopped", "busy", "idle", "asleep"):
        assert sum(getattr(part, name) for part in parts) == getattr(whole, name)
    lost = whole.cost - sum(part.cost for part in parts)
    assert 0 <= lost <= len(parts) * sum(len(bill.intervals) for bill in bills)
    assert {entry.phase for bill in bills for entry in bill.entries} <= set(Phase)
