"""The ledger: every second of every machine once, the parts adding up to the whole, and unknown never zero."""

from itertools import pairwise

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from paddock.core.costs.bill import EC2_MINIMUM, bill_of
from paddock.core.costs.ledger import CostLedger, LedgerEntry, Phase, Rates, ledger
from paddock.core.job import Job, JobFacts
from paddock.core.records import LEDGER
from paddock.core.runner import Runner
from paddock.core.spec import Market
from paddock.core.states import RunnerState
from paddock.core.units import HOUR, MINUTE, SECOND, Moment
from tests.strategies import NOON, jobs, ledger_entries, prices

RATES = Rates()
MONTH = 730 * HOUR
GONE = Runner(
    machine="i-1",
    repository="acme/api",
    labels=("paddock",),
    launch_id="l-1",
    state=RunnerState.GONE,
    instance_type="m7i.large",
    market=Market.SPOT,
    price=100_800,
    disk=40,
    launched_at=NOON,
    gone_at=NOON + 10 * MINUTE,
)
JOB = Job(facts=JobFacts(7, 1, "acme/web", ("paddock",), workflow="CI"))

offsets = st.none() | st.integers(-10 * MINUTE, 40 * MINUTE)


@st.composite
def gone_runners(draw: st.DrawFn) -> Runner:
    """Machines that are gone, with reports from clocks that may be off in any direction and any order."""

    def moment() -> Moment | None:
        offset = draw(offsets)
        return None if offset is None else NOON + offset

    return attrs.evolve(
        GONE,
        price=draw(st.none() | prices),
        disk=draw(st.integers(0, 16_384)),
        ready_at=moment(),
        busy_at=moment(),
        idle_at=moment(),
        gone_at=NOON + draw(st.integers(-MINUTE, 30 * MINUTE)),
    )


def phases(runner: Runner) -> dict[Phase, int]:
    """Seconds by phase."""
    return {entry.phase: (entry.end - entry.start) // SECOND for entry in bill_of(runner, None, RATES).entries}


def at(seconds: int) -> Moment:
    return NOON + seconds * SECOND


@given(gone_runners(), st.none() | jobs)
def test_every_second_is_accounted_once(runner: Runner, job: Job | None) -> None:
    """The intervals follow one another without gap or overlap, from launch to the end or to EC2's minimum."""
    assert runner.gone_at is not None
    entries = bill_of(runner, job, RATES).entries
    assert entries[0].start == runner.launched_at
    assert entries[-1].end == max(runner.gone_at, runner.launched_at + EC2_MINIMUM)
    for earlier, later in pairwise(entries):
        assert earlier.end == later.start
    for entry in entries:
        assert entry.start < entry.end
    order = list(Phase)
    assert [entry.phase for entry in entries] == sorted({entry.phase for entry in entries}, key=order.index)


@given(gone_runners())
def test_the_parts_add_up_to_the_whole(runner: Runner) -> None:
    """To the micro-dollar: the machine's whole time priced in one go is the sum of its entries, for each component."""
    entries = bill_of(runner, None, RATES).entries
    whole = entries[-1].end - runner.launched_at
    assert sum(entry.storage for entry in entries) == RATES.disk_per_gib_month * runner.disk * whole // MONTH
    assert sum(entry.network for entry in entries) == RATES.ipv4_per_hour * whole // HOUR
    if runner.price is not None:
        assert sum(entry.compute or 0 for entry in entries) == runner.price * whole // HOUR
        assert ledger(entries).total == sum(
            (runner.price * whole // HOUR, RATES.ipv4_per_hour * whole // HOUR, sum(each.storage for each in entries))
        )


@given(gone_runners())
def test_no_part_costs_less_than_nothing(runner: Runner) -> None:
    """Whatever the clocks said: no component of any entry is negative. The bill's total is the sum of its entries."""
    bill = bill_of(runner, None, RATES)
    amounts = [entry.amount for entry in bill.entries]
    assert bill.total == (None if None in amounts else sum(amount or 0 for amount in amounts))
    for entry in bill_of(runner, None, RATES).entries:
        assert min(entry.storage, entry.network, 0 if entry.compute is None else entry.compute) >= 0


@given(gone_runners())
def test_an_unknown_price_stays_unknown(runner: Runner) -> None:
    """Unknown is None in every entry and counted as unpriced; it is never zero, not even beside a known disk."""
    unpriced = bill_of(attrs.evolve(runner, price=None), None, RATES).entries
    assert {entry.compute for entry in unpriced} == {entry.amount for entry in unpriced} == {None}
    assert (ledger(unpriced).unpriced, ledger(unpriced).total) == (len(unpriced), 0)
    assert bill_of(attrs.evolve(runner, price=None), None, RATES).total is None
    free = bill_of(attrs.evolve(runner, price=0), None, RATES).entries
    assert ledger(free).unpriced == 0
    assert {entry.compute for entry in free} == {0}


def test_a_life_is_cut_into_its_phases() -> None:
    """Boot until ready, idle until busy, the job until its end, then drain."""
    runner = attrs.evolve(GONE, ready_at=at(20), busy_at=at(25), idle_at=at(595))
    assert phases(runner) == {Phase.BOOT: 20, Phase.IDLE: 5, Phase.JOB: 570, Phase.DRAIN: 5}


def test_a_machine_that_died_with_its_job_has_no_drain() -> None:
    """Word of the job's end never came: all its time since the start is the job's."""
    assert phases(attrs.evolve(GONE, ready_at=at(20), busy_at=at(25))) == {
        Phase.BOOT: 20,
        Phase.IDLE: 5,
        Phase.JOB: 575,
    }


def test_a_machine_that_never_served_was_booting_and_idle() -> None:
    """Never ready: all of it is boot. Ready and no job: the rest is idle."""
    assert phases(GONE) == {Phase.BOOT: 600}
    assert phases(attrs.evolve(GONE, ready_at=at(20))) == {Phase.BOOT: 20, Phase.IDLE: 580}


def test_a_job_whose_machine_never_said_ready_ends_the_boot() -> None:
    """Word of the start arrived first: there is no idle time to invent."""
    assert phases(attrs.evolve(GONE, busy_at=at(25), idle_at=at(500))) == {
        Phase.BOOT: 25,
        Phase.JOB: 475,
        Phase.DRAIN: 100,
    }


def test_a_short_life_is_billed_as_a_minute() -> None:
    """EC2 bills at least sixty seconds; what was not used stands apart, and costs what a minute costs."""
    runner = attrs.evolve(GONE, gone_at=at(18))
    assert phases(runner) == {Phase.BOOT: 18, Phase.MINIMUM: 42}
    assert sum(entry.compute or 0 for entry in bill_of(runner, None, RATES).entries) == 100_800 // 60


def test_clocks_that_are_off_lose_no_second() -> None:
    """Ready before its launch, busy after its end, gone before its launch: pulled into the machine's own life."""
    assert phases(attrs.evolve(GONE, ready_at=at(-30), busy_at=at(9_000))) == {Phase.IDLE: 600}
    assert phases(attrs.evolve(GONE, ready_at=at(50), busy_at=at(40))) == {Phase.BOOT: 40, Phase.JOB: 560}
    assert phases(attrs.evolve(GONE, gone_at=at(-5))) == {Phase.MINIMUM: 60}


@pytest.mark.parametrize(
    ("taken", "market", "minutes", "free"),
    [
        (True, Market.SPOT, 10, True),
        (True, Market.SPOT, 59, True),
        (True, Market.SPOT, 60, False),
        (False, Market.SPOT, 10, False),
        (True, Market.ON_DEMAND, 10, False),
    ],
)
def test_what_ec2_takes_back_in_its_first_hour_is_free(
    *, taken: bool, market: Market, minutes: int, free: bool
) -> None:
    """Its own deed alone, and the machine's time alone: the disk and the address are paid."""
    runner = attrs.evolve(GONE, taken=taken, market=market, gone_at=NOON + minutes * MINUTE)
    entries = bill_of(runner, None, RATES).entries
    assert (sum(entry.compute or 0 for entry in entries) == 0) is free
    assert all(entry.compute is not None and entry.storage + entry.network > 0 for entry in entries)


def test_the_job_that_was_served_carries_the_cost() -> None:
    """Its repository and workflow, not those the machine was launched for; without a job the machine's repository."""
    served = bill_of(attrs.evolve(GONE, busy_at=at(25), pool="warm"), JOB, RATES).entries
    assert {(entry.repository, entry.workflow, entry.job_id) for entry in served} == {("acme/web", "CI", 7)}
    idle = bill_of(GONE, None, RATES).entries
    assert {(entry.repository, entry.workflow, entry.job_id) for entry in idle} == {("acme/api", "", None)}
    assert {(entry.instance_type, entry.market, entry.pool) for entry in served} == {("m7i.large", "spot", "warm")}


def test_a_machine_that_is_not_gone_has_no_bill_yet() -> None:
    """The error says which machine and what state it is in."""
    with pytest.raises(ValueError, match="i-1 is still busy"):
        bill_of(attrs.evolve(GONE, gone_at=None, state=RunnerState.BUSY), None, RATES)


@given(gone_runners())
def test_a_machine_has_one_bill_and_its_entries_keys_of_their_own(runner: Runner) -> None:
    """So that it is written once, however often it is made, and its entries have one order."""
    bill = bill_of(runner, None, RATES)
    assert bill.key == runner.machine
    keys = [entry.key for entry in bill.entries]
    assert len(set(keys)) == len(keys)


@given(gone_runners(), st.integers(-MINUTE, HOUR))
def test_what_was_spent_before_a_moment_and_since_is_the_whole(runner: Runner, offset: int) -> None:
    """But for fractions of a micro-dollar of the interval that it cuts; of unknown prices there is nothing."""
    bill, moment = bill_of(runner, None, RATES), NOON + offset
    whole = ledger(bill.entries).total
    assert bill.since(runner.launched_at) == whole
    assert bill.since(bill.entries[-1].end) == 0
    assert 0 <= bill.since(moment) <= whole
    life = bill.entries[-1].end - runner.launched_at
    left = bill.entries[-1].end - min(max(moment, runner.launched_at), bill.entries[-1].end)
    assert abs(bill.since(moment) - whole * left // life) <= 3 * len(bill.entries)


def test_a_bill_is_listed_under_the_day_of_its_end() -> None:
    """What is spent on a day is spent by machines that end on it, or live through it."""
    overnight = attrs.evolve(GONE, gone_at=NOON + 13 * HOUR)
    index = LEDGER.indexes["day"]
    assert [index(bill_of(runner, None, RATES)) for runner in (GONE, overnight)] == ["2026-11-22", "2026-11-23"]


@given(st.lists(ledger_entries, max_size=8))
def test_sums_by_any_key_add_up_to_the_total(entries: list[LedgerEntry]) -> None:
    """A breakdown neither loses nor doubles a known amount, and is in the order of its keys."""
    book = ledger(entries)
    for key in (lambda entry: entry.repository, lambda entry: entry.day, lambda entry: str(entry.phase)):
        sums = book.by(key)
        assert sum(sums.values()) == book.total
        assert list(sums) == sorted({key(entry) for entry in entries})
    assert book.unpriced == sum(entry.compute is None for entry in entries)


@given(st.lists(ledger_entries, max_size=8), st.randoms(use_true_random=False))
def test_a_ledger_is_in_the_order_of_time_whatever_order_it_came_in(entries: list[LedgerEntry], random: object) -> None:
    """Two readings of the same records in another order are the same ledger, if no two share start and key."""
    unique = list({(entry.start, entry.key): entry for entry in entries}.values())
    shuffled = list(unique)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert ledger(shuffled) == ledger(unique)
    starts = [entry.start for entry in ledger(unique).entries]
    assert starts == sorted(starts)


def test_an_empty_ledger_costs_nothing() -> None:
    """No entry, no sum, nothing unpriced."""
    assert (CostLedger(()).total, CostLedger(()).unpriced, CostLedger(()).by(lambda entry: entry.day)) == (0, 0, {})
