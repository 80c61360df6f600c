"""What a stretch of time cost: nothing lost, nothing twice, and what is unknown stays unknown."""

from itertools import pairwise

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from paddock.adapters.memory.bundles import memory_table
from paddock.adapters.memory.system import ManualClock
from paddock.core.costs.bill import bill_of
from paddock.core.costs.ledger import Bill, Interval, Phase, Rates, ledger
from paddock.core.costs.price import PriceSource
from paddock.core.costs.sums import By, Cost, costs, cut
from paddock.core.pools.pool import Stock
from paddock.core.runner import Runner
from paddock.core.spec import Market
from paddock.core.states import RunnerState
from paddock.core.units import DAY, HOUR, MINUTE, MicroDollars, Moment
from paddock.core.usecases.costs.look import CostLook
from tests.strategies import NOON, prices

pytestmark = pytest.mark.slow

MIDNIGHT = NOON // DAY * DAY


@st.composite
def lives(draw: st.DrawFn) -> Bill:
    """Bills of machines that lived for some hours or days about noon."""
    start = NOON + draw(st.integers(-2 * DAY, 2 * DAY))
    lengths = draw(st.lists(st.integers(1, DAY), min_size=1, max_size=6))
    intervals: list[Interval] = []
    end = start
    for length in lengths:
        end += length
        phase, compute = draw(st.sampled_from(Phase)), draw(st.none() | prices)
        intervals.append(Interval(phase, end, compute, draw(prices), draw(prices)))
    return Bill(
        machine=draw(st.uuids()).hex,
        start=start,
        intervals=tuple(intervals),
        instance_type=draw(st.sampled_from(["m7i.large", "c7g.xlarge"])),
        market=draw(st.sampled_from(Market)),
        repository=draw(st.sampled_from(["acme/api", "acme/web", ""])),
        workflow=draw(st.sampled_from(["CI", ""])),
        job_id=draw(st.none() | st.integers(1, 9)),
        pool=draw(st.none() | st.just("web")),
        priced=draw(st.none() | st.sampled_from(PriceSource)),
    )


many = st.lists(lives(), max_size=6, unique_by=lambda bill: bill.machine)
moments = st.integers(NOON - 4 * DAY, NOON + 9 * DAY)


def sums(cost: Cost) -> tuple[MicroDollars, ...]:
    """What adds up."""
    return (cost.compute, cost.storage, cost.network, cost.live, cost.unused, cost.unpriced, cost.awake, cost.jobs)


def added(*found: Cost) -> tuple[MicroDollars, ...]:
    return tuple(map(sum, zip(*map(sums, found), strict=True))) or (0,) * 8


@given(many, moments, moments, moments)
def test_a_stretch_costs_what_its_parts_cost(bills: list[Bill], one: Moment, two: Moment, three: Moment) -> None:
    """To the micro-dollar, wherever it is cut: midnight loses nothing, and counts nothing twice."""
    since, between, until = sorted((one, two, three))
    whole = costs(bills, since, until).total
    parts = costs(bills, since, between).total, costs(bills, between, until).total
    assert added(*parts) == sums(whole)


@given(lives(), st.lists(st.integers(1, 999), min_size=1, max_size=5))
def test_wherever_a_life_is_cut_its_pieces_cost_what_it_cost(bill: Bill, cuts: list[int]) -> None:
    """Several cuts within one life, as midnights are: every piece is rounded, and their sum is not."""
    start, length = bill.start, bill.entries[-1].end - bill.start
    edges = sorted({start, *(start + length * each // 1_000 for each in cuts), start + length})
    pieces = [costs([bill], one, other).total for one, other in pairwise(edges)]
    assert added(*pieces) == sums(costs([bill], start, start + length).total)


@given(many)
def test_all_time_costs_what_the_ledger_says(bills: list[Bill]) -> None:
    """Every entry of every bill is in it once."""
    entries = [entry for bill in bills for entry in bill.entries]
    found = costs(bills, NOON - 9 * DAY, NOON + 99 * DAY).total
    known = sum((entry.compute or 0) + entry.storage + entry.network for entry in entries)
    assert found.total == known
    assert found.machines == len(bills)
    assert sum(found.time.values()) == sum(entry.end - entry.start for entry in entries)
    assert found.live + found.catalogue == found.total
    assert ledger(entries).total <= known


@pytest.mark.parametrize("by", By)
@given(bills=many, since=moments, length=st.integers(1, 9 * DAY))
def test_groups_add_up_to_the_whole(by: By, bills: list[Bill], since: Moment, length: int) -> None:
    """Whatever costs are asked by, no part of them is in no group, or in two."""
    found = costs(bills, since, since + length, [by])
    assert added(*found.groups[by].values()) == sums(found.total)
    if by is not By.DAY:
        amounts = [one.total for one in found.groups[by].values()]
        assert amounts == sorted(amounts, reverse=True)
    else:
        assert list(found.groups[by]) == sorted(found.groups[by])


def test_a_machine_across_midnight_is_there_on_both_days_and_its_job_began_once() -> None:
    """Its hour before midnight is the first day's, its two hours after it the second's."""
    runner = Runner(
        machine="i-1",
        repository="acme/api",
        labels=(),
        launch_id="l",
        state=RunnerState.GONE,
        assigned_job=7,
        served_job=7,
        price=100_000,
        launched_at=MIDNIGHT - HOUR,
        ready_at=MIDNIGHT - HOUR,
        busy_at=MIDNIGHT - HOUR,
        gone_at=MIDNIGHT + 2 * HOUR,
    )
    found = costs([bill_of(runner, None, Rates())], MIDNIGHT - DAY, MIDNIGHT + DAY, [By.DAY]).groups[By.DAY]
    assert {day: (one.machines, one.jobs, one.compute) for day, one in found.items()} == {
        "2026-11-21": (1, 1, 100_000),
        "2026-11-22": (1, 0, 200_000),
    }


@given(lives(), moments)
def test_an_unknown_price_is_in_no_sum_and_told_by_its_time(bill: Bill, moment: Moment) -> None:
    """Not zero, and not what others cost: the time without a price stands beside the money."""
    blind = attrs.evolve(bill, intervals=tuple(attrs.evolve(one, compute=None) for one in bill.intervals))
    found = costs([blind], bill.start, moment).total
    assert (found.compute, found.live) == (0, 0)
    assert found.unpriced == sum(found.time.values())
    for entry in blind.entries:
        part = cut(entry, bill.start, moment)
        assert part is None or part.amount is None


def keep(table_of: CostLook, runner: Runner) -> None:
    """Its record, and the bill if it is gone."""
    table_of.table.runners.add(runner)
    if runner.gone_at is not None:
        table_of.table.ledger.add(bill_of(runner, None, Rates()))


def test_machines_that_live_count_so_far_and_idle_ones_are_nobodys() -> None:
    """A pool's spare that no job ever took costs, and is seen; one that ended is counted by its bill alone."""
    look = CostLook(memory_table(), ManualClock(NOON))
    spare = Runner(
        machine="i-spare",
        repository="",
        labels=(),
        launch_id="l",
        state=RunnerState.READY,
        pool="web",
        stock=Stock.HOT,
        instance_type="m7i.large",
        price=60_000,
        launched_at=NOON - 3 * HOUR,
        ready_at=NOON - 3 * HOUR + MINUTE,
    )
    keep(look, spare)
    # Its bill is written, its record is still open.
    keep(look, attrs.evolve(spare, machine="i-ended", gone_at=NOON - HOUR))
    found = look.costs(NOON - 2 * HOUR, NOON + DAY, [By.REPO, By.POOL])
    assert found.until == NOON
    assert (found.total.machines, found.total.compute) == (2, 60_000 * 3)
    assert found.total.unused == found.total.total
    assert found.total.idle_share == 100
    assert list(found.groups[By.REPO]) == [""]
    assert list(found.groups[By.POOL]) == ["web"]


def test_a_machine_that_is_gone_costs_no_more_though_its_books_are_open() -> None:
    """Whoever closes its record may have died between the moment of its end and its bill."""
    look = CostLook(memory_table(), ManualClock(NOON))
    gone = Runner(
        machine="i-gone",
        repository="acme/app",
        labels=(),
        launch_id="l",
        state=RunnerState.READY,
        price=60_000,
        launched_at=NOON - 3 * HOUR,
        gone_at=NOON - 2 * HOUR,
    )
    look.table.runners.add(gone)
    assert look.costs(NOON - DAY, NOON).total.compute == 60_000
