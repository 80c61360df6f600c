"""The simulated EC2's bill: each rule alone, and all of it, sleep included, against a brute count and the ledger."""

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paddock.adapters.simulation.cloud import Bill, Prices, stormy
from paddock.adapters.simulation.cloud.billing import charge_of
from paddock.adapters.simulation.protocols import Charge, Ending, Life
from paddock.core.costs.bill import bill_of
from paddock.core.costs.ledger import Rates
from paddock.core.errors import Throttled
from paddock.core.ports.machines import Machine, MachineState, StartResult
from paddock.core.runner import Nap, Runner
from paddock.core.spec import Market
from paddock.core.states import RunnerState
from paddock.core.units import HOUR, MINUTE, SECOND, MicroDollars, Moment, Span
from tests.strategies import NOON
from tests.world.cloud import Bench, steady

PRICES = Prices()


def life(lived: Span | None, by: Ending | None = None, **facts: Any) -> Life:  # noqa: ANN401 - fields of Machine, Life
    """A machine of 10 cents an hour and 73 GiB, launched at noon."""
    machine = Machine("i-1", MachineState.PENDING, NOON, market=Market.SPOT, price=100_000, disk=73)
    known = {field.name for field in attrs.fields(Machine)}
    machine = attrs.evolve(machine, **{name: value for name, value in facts.items() if name in known})
    rest = {"running_at": NOON + 5 * SECOND, **{name: value for name, value in facts.items() if name not in known}}
    return Life(machine, ended_at=None if lived is None else NOON + lived, ended_by=by, **rest)


def charge(lived: Span | None, by: Ending | None = None, now: Moment = NOON, **facts: Any) -> Charge:  # noqa: ANN401
    return charge_of(life(lived, by, **facts), PRICES, now)


def test_a_machine_is_billed_from_launch_to_end() -> None:
    """Half an hour: half the price, half an hour of the address, and the disk's share of a month of 730 hours."""
    assert charge(HOUR // 2, Ending.FLEET) == Charge(50_000, 80_000 * 73 // 730 // 2, 2_500)
    assert charge(730 * HOUR, Ending.FLEET).disk == 80_000 * 73


@pytest.mark.parametrize("lived", [0, 1, 30 * SECOND, MINUTE])
def test_a_minute_is_the_least(lived: Span) -> None:
    """For all three: compute, disk, address."""
    assert charge(lived, Ending.ITSELF) == charge(MINUTE, Ending.FLEET) == Charge(1_666, 133, 83)


def test_every_microsecond_counts_above_the_minute() -> None:
    """Rounded down once, over the whole life."""
    assert charge(MINUTE + 36_000, Ending.FLEET).compute == 1_667
    assert charge(MINUTE + 11_999, Ending.FLEET).compute == 1_666


@pytest.mark.parametrize("warned", [None, NOON])
def test_a_spot_machine_that_is_taken_in_its_first_hour_is_free(warned: Moment | None) -> None:
    """Warned or not; its disk and its address are not free. At the full hour it is paid."""
    assert charge(HOUR - 1, Ending.SPOT, warned_at=warned) == Charge(0, 7_999, 4_999, free=99_999)
    assert charge(HOUR, Ending.SPOT, warned_at=warned) == Charge(100_000, 8_000, 5_000)


@pytest.mark.parametrize("by", [Ending.FLEET, Ending.ITSELF, Ending.HARDWARE])
def test_whoever_ends_a_machine_before_it_is_taken_pays(by: Ending) -> None:
    """Also a second before, and although it was warned."""
    assert charge(HOUR // 2, by, warned_at=NOON + HOUR // 2 - 119 * SECOND).compute == 50_000


def test_a_machine_that_failed_before_it_ran_is_free() -> None:
    """Also on demand; one that failed later is paid, and so is one that was ended before it ran."""
    assert charge(5 * SECOND, Ending.HARDWARE, running_at=None, market=Market.ON_DEMAND).free == 1_666
    assert charge(5 * SECOND, Ending.HARDWARE, running_at=None).compute == 0
    assert charge(HOUR, Ending.HARDWARE).compute == 100_000
    assert charge(SECOND, Ending.FLEET, running_at=None).compute == 1_666


def test_a_machine_that_lives_is_charged_so_far() -> None:
    """Up to now."""
    assert charge(None, now=NOON + HOUR) == Charge(100_000, 8_000, 5_000)
    assert charge(None, now=NOON) == charge(MINUTE, Ending.FLEET)


def test_the_bill_adds_up_the_ended_by_market() -> None:
    """Machines that live are not in it; those that are forgotten stay in it, and alone can be asked no more."""
    bench = Bench(steady())
    (spot, taken), (on_demand, living) = bench.launch(2), bench.launch(2, Market.ON_DEMAND)
    assert bench.cloud.bill == Bill()
    bench.after(HOUR // 2)
    bench.cloud.reclaim(taken, warning=False)
    bench.cloud.power_off(spot)
    bench.cloud.terminate([on_demand])
    charges = {machine: bench.cloud.charge(machine) for machine in (spot, taken, on_demand)}
    bill = bench.cloud.bill
    assert (bill.spot, bill.on_demand) == (charges[spot].compute, charges[on_demand].compute)
    assert bill.free == charges[taken].free > 0
    assert bill.disk == 3 * charges[spot].disk
    assert bill.address == 3 * charges[spot].address
    assert (bill.machines, bill.reclaimed) == (3, 1)
    assert bill.total == bill.spot + bill.on_demand + bill.disk + bill.address
    bench.cloud.forget(spot)
    assert bench.cloud.bill == bill
    for machine in (spot, "i-404"):
        with pytest.raises(KeyError):
            bench.cloud.charge(machine)
    assert bench.cloud.charge(living).compute > 0


def brute(life: Life, naps: Sequence[Nap]) -> tuple[MicroDollars, MicroDollars, MicroDollars, bool]:
    """Compute, disk and address of an ended machine by fractions, and whether its compute is free."""
    machine = life.machine
    assert life.ended_at is not None
    assert machine.price is not None
    bounds = [machine.launched_at, *(one for nap in naps for one in (nap.stopped_at, nap.woken_at)), life.ended_at]
    runs = [(since, until) for since, until in zip(bounds[::2], bounds[1::2], strict=True) if since is not None]
    seconds = sum(max(Fraction((until or 0) - since, SECOND), Fraction(60)) for since, until in runs)
    kept = max(Fraction(life.ended_at - machine.launched_at, SECOND), Fraction(60))
    free = life.ended_by is Ending.SPOT and life.ended_at < machine.launched_at + 3600 * SECOND
    free = free or (life.ended_by is Ending.HARDWARE and life.running_at is None and not naps)
    compute = int(Fraction(machine.price, 3600) * seconds)
    return (
        compute,
        int(Fraction(80_000 * machine.disk, 730 * 3600) * kept),
        int(Fraction(5_000, 3600) * seconds),
        free,
    )


ACTS = st.lists(
    st.tuples(
        st.sampled_from(["launch", "terminate", "power off", "fail", "reclaim", "take", "stop", "start", "start"]),
        st.integers(0, 5),
        st.integers(0, 2 * MINUTE) | st.integers(0, HOUR),
        st.sampled_from(Market),
        st.integers(1, 16_384),
    ),
    max_size=40,
)


@settings(max_examples=50)
@given(seed=st.integers(0, 2**32), acts=ACTS)
def test_the_bill_is_what_a_brute_count_of_the_log_gives(
    seed: int, acts: list[tuple[str, int, Span, Market, int]]
) -> None:
    """And for each machine what the ledger books, if it knows the end and its cause: all to the micro-dollar."""
    bench = Bench(attrs.evolve(stormy(), failed_starts=100), seed)
    naps: dict[str, list[Nap]] = {}
    for act, number, wait, market, disk in acts:
        alive = bench.cloud.alive
        machine = alive[number % len(alive)] if alive else "i-404"
        spot = machine in bench.cloud.log and bench.cloud.log[machine].machine.market is Market.SPOT
        if act == "launch":
            try:
                bench.launch(1 + number, market, disk=disk)
            except Throttled:
                bench.after(MINUTE)
        elif act == "terminate":
            bench.cloud.terminate(alive[:number])
        elif act == "power off":
            bench.cloud.power_off(machine)
        elif act == "fail":
            bench.cloud.fail(machine)
        elif act in {"stop", "start"}:
            put_to_sleep_or_wake(bench, machine, act, naps)
        elif spot:
            bench.cloud.reclaim(machine, warning=act == "reclaim")
        bench.after(wait)
    bench.after(MINUTE)
    bench.cloud.terminate(bench.cloud.alive)
    expected = dict.fromkeys(("spot", "on_demand", "disk", "address", "free", "machines", "reclaimed"), 0)
    for name, ended in bench.cloud.log.items():
        slept = true_naps(ended, naps.get(name, []))
        compute, disk, address, free = brute(ended, slept)
        market_ = "spot" if ended.machine.market is Market.SPOT else "on_demand"
        expected["free" if free else market_] += compute
        expected["disk"] += disk
        expected["address"] += address
        expected["machines"] += 1
        expected["reclaimed"] += ended.ended_by is Ending.SPOT
        charged = bench.cloud.charge(name)
        assert charged == Charge(0 if free else compute, disk, address, free=compute if free else 0)
        never_ran = ended.running_at is None and ended.ended_by is Ending.HARDWARE and not slept
        booked_compute = charged.compute + (charged.free if never_ran else 0)  # the ledger cannot know of those
        assert booked(ended, slept) == (booked_compute, charged.disk, charged.address)
    assert attrs.asdict(bench.cloud.bill) == expected


def put_to_sleep_or_wake(bench: Bench, machine: str, act: str, naps: dict[str, list[Nap]]) -> None:
    """Stop a machine that may be stopped, or start it, and write down when, as who does so knows it."""
    now, state = bench.timeline.now(), bench.cloud.log.get(machine)
    if state is None or state.machine.market is Market.SPOT:
        return
    slept = naps.setdefault(machine, [])
    try:
        slumbers = state.stopping_at is not None  # who starts one that starts already is told so as well
        if act == "start" and bench.cloud.start([machine])[machine].result is StartResult.STARTING and slumbers:
            slept[-1] = attrs.evolve(slept[-1], woken_at=now, up_at=now + 10 * SECOND)
        elif act == "stop" and state.running_at is not None and state.stopping_at is None:
            bench.cloud.stop([machine])
            slept.append(Nap(now))
    except Throttled:
        return


def true_naps(life: Life, naps: Sequence[Nap]) -> tuple[Nap, ...]:
    """Without an awakening that came to nothing: the machine fell back to sleep."""
    if life.stopping_at is None or not naps:
        return tuple(naps)
    return (*naps[:-1], Nap(naps[-1].stopped_at))


def booked(life: Life, naps: tuple[Nap, ...]) -> tuple[MicroDollars, MicroDollars, MicroDollars]:
    """What the ledger would book, if the fleet knew the machine's times to the microsecond."""
    machine = life.machine
    runner = Runner(
        machine=machine.id,
        repository="acme/app",
        labels=(),
        launch_id="l",
        state=RunnerState.GONE,
        market=machine.market,
        price=machine.price,
        disk=machine.disk,
        launched_at=machine.launched_at,
        ready_at=life.booted_at,
        gone_at=life.ended_at,
        taken=life.ended_by is Ending.SPOT,
        naps=naps,
    )
    entries = bill_of(runner, None, Rates()).entries
    return (
        sum(entry.compute or 0 for entry in entries),
        sum(entry.storage for entry in entries),
        sum(entry.network for entry in entries),
    )
