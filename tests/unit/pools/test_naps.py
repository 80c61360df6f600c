"""Bills of machines that slept: each second in one phase, sleep for the disk's price alone, each start for a minute."""

from itertools import pairwise

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from paddock.core.costs.bill import awake, bill_of
from paddock.core.costs.ledger import Phase, Rates, ledger
from paddock.core.pools.pool import Stock
from paddock.core.runner import Nap, Runner
from paddock.core.spec import Market
from paddock.core.states import RunnerState
from paddock.core.units import HOUR, MICROSECOND, SECOND, Moment
from tests.strategies import NOON

RATES = Rates()
GONE = Runner(
    machine="i-1",
    repository="acme/api",
    labels=("paddock",),
    launch_id="l-1",
    state=RunnerState.GONE,
    market=Market.ON_DEMAND,
    price=100_803,
    disk=41,
    launched_at=NOON,
    gone_at=NOON + 600 * SECOND,
)
MOST = 400
times = st.integers(-20, MOST + 20)
maybe = st.none() | times


def at(seconds: int | None) -> Moment:
    """So many seconds after the launch; what is None is not asked for."""
    assert seconds is not None
    return NOON + seconds * SECOND


def perhaps(seconds: int | None) -> Moment | None:
    """The same, or None."""
    return None if seconds is None else at(seconds)


@st.composite
def sleepers(draw: st.DrawFn) -> Runner:
    """Machines that are gone, with naps of whole seconds, whose moments are in any order, or missing."""
    in_order = draw(st.booleans())
    moments = sorted(draw(st.lists(times, max_size=8))) if in_order else draw(st.lists(times, max_size=8))
    pairs = list(zip(moments[::2], [*moments[1::2], None], strict=False))
    naps = [
        Nap(at(stopped), None if draw(st.integers(0, 9)) == 0 else perhaps(woken), perhaps(draw(maybe)))
        for stopped, woken in pairs
    ]
    return attrs.evolve(
        GONE,
        ready_at=perhaps(draw(maybe)),
        busy_at=perhaps(draw(maybe)),
        idle_at=perhaps(draw(maybe)),
        gone_at=at(draw(st.integers(0, MOST))),
        naps=tuple(naps),
    )


def played(runner: Runner) -> tuple[list[Phase], list[int]]:
    """What the machine did in each of its seconds, and how long each of its runs was: second by second."""
    end = ((runner.gone_at or 0) - NOON) // SECOND
    naps = [
        tuple(None if moment is None else (moment - NOON) // SECOND for moment in (one.stopped_at, one.woken_at))
        for one in runner.naps
    ]
    for index, (stopped, woken) in enumerate(naps[:-1]):
        naps[index] = (stopped, naps[index + 1][0] if woken is None else woken)
    ups = [runner.ready_at, *(nap.up_at for nap in runner.naps)]
    up_of, lengths, seconds = [ups[0]], [0], []
    asleep: int | None = None  # the nap it is in
    number = 0
    for second in range(end + 1):
        while True:
            if asleep is not None and _due(naps[asleep][1], second):
                up_of.append(ups[asleep + 1])
                lengths.append(0)
                asleep = None
            elif asleep is None and number < len(naps) and second < end and _due(naps[number][0], second):
                asleep = None if _due(naps[number][1], second) else number
                number += 1
            else:
                break
        if second < end:
            seconds.append((second, len(lengths) - 1, asleep is not None))
            lengths[-1] += asleep is None
    return _told(runner, seconds, up_of, lengths), lengths


def _due(moment: int | None, second: int) -> bool:
    return moment is not None and moment <= second


def _told(
    runner: Runner, seconds: list[tuple[int, int, bool]], up_of: list[Moment | None], lengths: list[int]
) -> list[Phase]:
    slept = [0] * len(lengths)
    phases: list[Phase] = []
    for second, run, sleeps in seconds:
        if sleeps:
            slept[run] += 1
            phases.append(Phase.MINIMUM if lengths[run] + slept[run] <= 60 else Phase.SLEEP)
        else:
            phases.append(_awake(runner, at(second), up_of[run], last=run == len(lengths) - 1))
    return phases


def _awake(runner: Runner, moment: Moment, up: Moment | None, *, last: bool) -> Phase:
    if last and runner.busy_at is not None and moment >= runner.busy_at:
        return Phase.JOB if runner.idle_at is None or moment < runner.idle_at else Phase.DRAIN
    return Phase.BOOT if up is None or moment < up else Phase.IDLE


@given(sleepers())
def test_each_second_is_in_the_phase_that_a_second_by_second_play_gives_it(runner: Runner) -> None:
    """From launch to end, whatever order the moments are in; beyond the end there is nothing but EC2's minimum."""
    entries = bill_of(runner, None, RATES).entries
    for earlier, later in pairwise(entries):
        assert earlier.end == later.start
    assert all(entry.start < entry.end for entry in entries)
    assert entries[0].start == NOON
    told = [entry.phase for entry in entries for _ in range((entry.end - entry.start) // SECOND)]
    phases, _ = played(runner)
    assert told[: len(phases)] == phases
    assert set(told[len(phases) :]) <= {Phase.MINIMUM}


@given(sleepers())
def test_the_parts_add_up_to_what_each_run_and_the_whole_life_cost(runner: Runner) -> None:
    """Compute and address for the runs, a minute each at least; the disk from launch to end. To the micro-dollar."""
    _, lengths = played(runner)
    billed = sum(max(60, length) for length in lengths)
    life = max(60, ((runner.gone_at or 0) - NOON) // SECOND)
    entries = bill_of(runner, None, RATES).entries
    assert sum(entry.compute or 0 for entry in entries) == 100_803 * billed // 3_600
    assert sum(entry.network for entry in entries) == 5_000 * billed // 3_600
    assert sum(entry.storage for entry in entries) == 80_000 * 41 * life // (730 * 3_600)
    assert all(min(entry.compute or 0, entry.network, entry.storage) >= 0 for entry in entries)
    assert {(entry.compute, entry.network) for entry in entries if entry.phase is Phase.SLEEP} <= {(0, 0)}
    assert len({entry.key for entry in entries}) == len(entries)


@given(sleepers(), times, times)
def test_how_long_it_was_awake_between_two_moments(runner: Runner, since: int, until: int) -> None:
    """As the play has it, of a machine that lives until the second one."""
    seen = attrs.evolve(runner, gone_at=at(max(0, until)), busy_at=None)
    phases, lengths = played(seen)
    whole = sum(lengths)
    assert awake(runner, NOON, at(until)) == whole * SECOND
    before = sum(phase not in {Phase.SLEEP, Phase.MINIMUM} for phase in phases[: max(0, since)])
    assert awake(runner, at(since), at(until)) == (whole - before) * SECOND


def spans(runner: Runner) -> list[tuple[str, int]]:
    """Phases and their seconds, in order."""
    entries = bill_of(runner, None, RATES).entries
    return [(entry.phase.value, (entry.end - entry.start) // SECOND) for entry in entries]


def test_a_machine_that_slept_and_was_woken_for_a_job() -> None:
    """It boots twice and idles twice; its job is of its last run."""
    nap = Nap(at(100), at(400), at(410))
    runner = attrs.evolve(GONE, ready_at=at(20), naps=(nap,), busy_at=at(415), idle_at=at(590))
    assert spans(runner) == [
        *(("boot", 20), ("idle", 80), ("sleep", 300)),
        *(("boot", 10), ("idle", 5), ("job", 175), ("drain", 10)),
    ]


def test_one_that_never_said_that_it_is_up_boots_until_its_job() -> None:
    """Word of the job's start is word that it is up."""
    runner = attrs.evolve(GONE, ready_at=at(20), naps=(Nap(at(100), at(400)),), busy_at=at(415))
    assert spans(runner)[2:] == [("sleep", 300), ("boot", 15), ("job", 185)]


def test_each_start_costs_a_minute() -> None:
    """What lacks to it is billed as soon as the machine sleeps, and beyond its end."""
    short = attrs.evolve(GONE, ready_at=at(10), naps=(Nap(at(40), at(500)), Nap(at(510), at(580))))
    assert spans(short) == [
        *(("boot", 10), ("idle", 30), ("minimum", 20), ("sleep", 440)),
        *(("boot", 10), ("minimum", 50), ("sleep", 20)),
        *(("boot", 20), ("minimum", 40)),
    ]


@pytest.mark.parametrize(("woken", "billed"), [(None, 60), (45, 120)])
def test_a_nap_that_is_shorter_than_what_lacks_to_the_minute(woken: int | None, billed: int) -> None:
    """The minute is billed in full all the same, however soon the machine wakes or ends."""
    runner = attrs.evolve(GONE, naps=(Nap(at(40), perhaps(woken)),), gone_at=at(50))
    entries = bill_of(runner, None, RATES).entries
    assert sum(entry.compute or 0 for entry in entries) == 100_803 * billed // 3_600
    assert [entry.phase for entry in entries][:2] == [Phase.BOOT, Phase.MINIMUM]


def test_a_machine_that_ends_asleep_was_asleep_until_then() -> None:
    """It is billed for its disk to the last second."""
    runner = attrs.evolve(GONE, ready_at=at(20), naps=(Nap(at(100)),))
    assert spans(runner) == [("boot", 20), ("idle", 80), ("sleep", 500)]
    sleep = bill_of(runner, None, RATES).entries[-1]
    assert (sleep.compute, sleep.network, sleep.amount) == (0, 0, sleep.storage)
    assert sleep.storage > 0


def test_sleep_costs_no_compute_also_where_the_price_is_unknown() -> None:
    """That is known; what the machine costs awake is not."""
    runner = attrs.evolve(GONE, price=None, ready_at=at(20), naps=(Nap(at(100)),))
    bill = bill_of(runner, None, RATES)
    assert [entry.compute for entry in bill.entries] == [None, None, 0]
    assert ledger(bill.entries).unpriced == 2


def test_an_awakening_after_the_end_was_none() -> None:
    """At the very end it was a start, and is billed as one."""
    after = attrs.evolve(GONE, naps=(Nap(at(100), at(600) + MICROSECOND),))
    assert spans(after)[-1] == ("sleep", 500)
    assert spans(attrs.evolve(GONE, naps=(Nap(at(100), at(600)),)))[-1] == ("minimum", 60)


def test_a_bill_says_what_its_machine_was_kept_as() -> None:
    """So that sums can tell what spares cost."""
    entries = bill_of(attrs.evolve(GONE, pool="web", stock=Stock.STOPPED), None, RATES).entries
    assert {(entry.pool, entry.stock) for entry in entries} == {("web", Stock.STOPPED)}


def test_what_was_spent_since_a_moment_in_its_sleep_is_the_disk_and_what_came_later() -> None:
    """The sums of a day are cut where the day begins, whatever the machine did then."""
    bill = bill_of(attrs.evolve(GONE, gone_at=NOON + 4 * HOUR, naps=(Nap(at(3_600)),)), None, RATES)
    assert bill.since(NOON + 2 * HOUR) == bill.entries[-1].storage * 2 // 3
