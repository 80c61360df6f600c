"""Launches of the simulated EC2: what they are served from, what is lacking, and what a token is worth."""

from collections import Counter
from itertools import pairwise
from typing import Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paddock.adapters.simulation.cloud import Code, LogNormal, Supply, quiet, usual
from paddock.core.catalogue import CATALOGUE
from paddock.core.errors import TokenReused
from paddock.core.ports.machines import Lack, LaunchRequest, MachineState
from paddock.core.spec import Market, Offer, Range, RunnerSpec
from paddock.core.units import DAY, HOUR, MINUTE, SECOND
from tests.strategies import NOON
from tests.world.cloud import C7I, ONE_POOL, Bench, steady

REQUEST = LaunchRequest("t", 1, RunnerSpec(), Market.SPOT, 40, {"paddock": "test"})
TWO_TYPES: dict[str, Any] = {
    "zones": ("a",),
    "types": tuple(kind for kind in CATALOGUE if kind.name in {"c7i.large", "m7i.large"}),
}


def holding(vcpu: int, **changes: Any) -> Supply:  # noqa: ANN401 - the fields of Supply
    """Pools of so many vCPUs each, which stay as they are."""
    return attrs.evolve(Supply(LogNormal(vcpu, vcpu), 1_000, DAY, (550, 550)), **changes)


def test_a_machine_is_what_was_asked_for_at_the_price_of_its_pool() -> None:
    """Type, vCPU, architecture, market, zone, disk, token; on a quiet day spot costs what the catalogue estimates."""
    bench = Bench(steady(**ONE_POOL))
    (spot,) = bench.cloud.launch(REQUEST).machines
    assert (spot.instance_type, spot.zone, spot.vcpu, spot.arch) == ("c7i.large", "a", 2, C7I[0].arch)
    assert (spot.market, spot.disk, spot.token, spot.launched_at) == (Market.SPOT, 40, "t", NOON)
    assert (spot.state, spot.price) == (MachineState.PENDING, C7I[0].price(Market.SPOT))
    (on_demand,) = bench.ask(market=Market.ON_DEMAND).machines
    assert on_demand.price == C7I[0].on_demand


def test_on_demand_is_served_at_the_lowest_price() -> None:
    """From the cheapest pool as long as it has any, then from the next; nothing is left to chance."""
    bench = Bench(steady(on_demand=holding(4, price=(1_000, 1_000)), **TWO_TYPES))
    outcome = bench.ask(3, Market.ON_DEMAND)
    assert [machine.instance_type for machine in outcome.machines] == ["c7i.large", "c7i.large", "m7i.large"]
    assert outcome.lacks == (Lack(Offer("a", "c7i.large"), Market.ON_DEMAND, Code.CAPACITY),)
    assert outcome.errors == ("InsufficientInstanceCapacity: no on-demand capacity for c7i.large in a",)


def test_spot_prefers_what_is_cheap_and_deep_by_chance() -> None:
    """Of equally deep pools the cheap ones are chosen more often, but not always; a shallow one is chosen less."""
    picked = Counter(
        machine.instance_type for seed in range(300) for machine in Bench(steady(**TWO_TYPES), seed).ask().machines
    )
    assert 20 < picked["m7i.large"] < picked["c7i.large"]
    bench = Bench(steady(spot=holding(200), **TWO_TYPES))
    bench.launch(98, without=(Offer("a", "m7i.large"),))  # the cheap pool has two left
    taken = Counter(machine.instance_type for _ in range(20) for machine in bench.ask(4).machines)
    assert taken["c7i.large"] <= 2
    assert taken["m7i.large"] >= 78


def test_a_fleet_that_cannot_be_had_whole_is_partial() -> None:
    """As many machines as there are, and each offer that was asked in vain with EC2's code."""
    bench = Bench(steady(spot=holding(4), **TWO_TYPES))
    outcome = bench.ask(7)
    assert len(outcome.machines) == 4
    assert not outcome.permanent
    assert {lack.offer for lack in outcome.lacks} == set(bench.cloud.offers(RunnerSpec()))
    # Spot: one pool had some but not enough of it, and so had the other.
    assert {lack.code for lack in outcome.lacks} == {Code.UNFULFILLABLE}
    assert {error.partition(":")[0] for error in outcome.errors} == {"UnfulfillableCapacity"}
    empty = bench.ask(1)
    assert empty.machines == ()
    assert {lack.code for lack in empty.lacks} == {Code.CAPACITY}


@pytest.mark.parametrize(
    ("market", "code"), [(Market.SPOT, "MaxSpotInstanceCountExceeded"), (Market.ON_DEMAND, "VcpuLimitExceeded")]
)
def test_a_quota_of_vcpus_is_kept_per_market(market: Market, code: str) -> None:
    """What is above it is refused with the market's own code; the other market is as free as before; ends give back."""
    other = Market.ON_DEMAND if market is Market.SPOT else Market.SPOT
    bench = Bench(steady(quota=((market, 5), (other, None)), **ONE_POOL))
    outcome = bench.ask(3, market)
    assert len(outcome.machines) == 2
    assert outcome.lacks == (Lack(Offer("a", "c7i.large"), market, code),)
    assert len(bench.launch(3, other)) == 3
    bench.cloud.terminate([outcome.machines[0].id])
    assert len(bench.launch(2, market)) == 1


def test_a_quota_that_is_too_small_for_large_types_leaves_the_small_ones() -> None:
    """Two vCPUs are left, and only types of two fit in."""
    bench = Bench(steady(quota=((Market.SPOT, 2),)))
    (machine,) = bench.ask(spec=RunnerSpec(cpu=Range(2, 4))).machines
    assert machine.vcpu == 2


def test_offers_that_are_left_out_are_not_asked() -> None:
    """Neither used nor lacking."""
    bench = Bench(steady(spot=holding(2), **TWO_TYPES))
    outcome = bench.ask(2, without=(Offer("a", "c7i.large"),))
    assert [machine.instance_type for machine in outcome.machines] == ["m7i.large"]
    assert [lack.offer.instance_type for lack in outcome.lacks] == ["m7i.large"]


def test_offers_are_the_fitting_types_in_every_zone() -> None:
    """In order, and the same ones at each asking, whatever their capacity."""
    bench = Bench(steady(spot=holding(0), on_demand=holding(0)))
    offers = bench.cloud.offers(RunnerSpec(families=("c7i",), cpu=Range(4, 8)))
    zones = ("us-east-1a", "us-east-1b", "us-east-1c")
    assert offers == tuple(Offer(zone, name) for zone in zones for name in ("c7i.2xlarge", "c7i.xlarge"))
    assert bench.cloud.offers(RunnerSpec(families=("c7i",), cpu=Range(4, 8))) == offers


def test_what_no_type_serves_is_permanently_lacking() -> None:
    """A reason with a code."""
    outcome = Bench(steady()).ask(spec=RunnerSpec(cpu=Range(10_000)))
    assert (outcome.machines, outcome.permanent) == ((), True)
    assert outcome.errors[0].startswith("NoFittingType: ")


def test_a_token_is_good_for_two_days() -> None:
    """The same machines in their state of now, the dead as dead, also when EC2 lists them no longer; then it is new."""
    bench = Bench(steady())
    first = bench.cloud.launch(REQUEST)
    (machine,) = first.machines
    assert bench.cloud.launch(REQUEST) == first
    bench.after(MINUTE)
    assert bench.cloud.launch(REQUEST).machines == (attrs.evolve(machine, state=MachineState.RUNNING),)
    bench.cloud.terminate([machine.id])
    (gone,) = bench.cloud.launch(REQUEST).machines
    assert (gone.id, gone.state) == (machine.id, MachineState.TERMINATED)
    bench.after(DAY)
    assert bench.cloud.describe([machine.id]) == {}
    assert bench.cloud.launch(REQUEST).machines == (attrs.evolve(machine, state=MachineState.TERMINATED),)
    bench.after(DAY)
    (new,) = bench.cloud.launch(REQUEST).machines
    assert (new.state, new.id != machine.id) == (MachineState.PENDING, True)


def test_a_token_that_came_to_nothing_comes_to_nothing_again() -> None:
    """Also when capacity is back: a new attempt needs a new token."""
    bench = Bench(steady(spot=holding(2), **ONE_POOL))
    (machine,) = bench.launch()
    outcome = bench.cloud.launch(REQUEST)
    assert outcome.machines == ()
    bench.cloud.terminate([machine])
    assert bench.cloud.launch(REQUEST) == outcome
    assert len(bench.launch()) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"count": 2},
        {"disk": 41},
        {"market": Market.ON_DEMAND},
        {"spec": RunnerSpec(cpu=Range(4, 8))},
        {"tags": {"paddock": "other"}},
        {"without": (Offer("us-east-1a", "c7i.large"),)},
    ],
)
def test_a_token_with_other_parameters_is_refused(change: dict[str, Any]) -> None:
    """Whichever it is, and nothing is started."""
    bench = Bench(steady())
    bench.cloud.launch(REQUEST)
    with pytest.raises(TokenReused):
        bench.cloud.launch(attrs.evolve(REQUEST, **change))
    assert len(bench.cloud.alive) == 1


@given(
    asked=st.lists(st.tuples(st.integers(0, 3), st.integers(1, 3), st.integers(0, 2 * HOUR)), min_size=1, max_size=20)
)
def test_whatever_is_repeated_no_token_starts_anything_twice(asked: list[tuple[int, int, int]]) -> None:
    """In any order and at any time within two days: each token has the machines of its first launch, and no others."""
    bench = Bench(steady(unseen=500, spot=holding(8)))
    first: dict[str, tuple[int, list[str]]] = {}
    for number, count, wait in asked:
        request = attrs.evolve(REQUEST, token=f"t-{number}", count=count)
        known = first.get(request.token)
        if known is not None and known[0] != count:
            with pytest.raises(TokenReused):
                bench.cloud.launch(request)
        else:
            ids = [machine.id for machine in bench.cloud.launch(request).machines]
            assert ids == first.setdefault(request.token, (count, ids))[1]
        bench.after(wait)
    assert list(bench.cloud.log) == [id_ for _, ids in first.values() for id_ in ids]


def test_spot_prices_move_slowly_within_their_bounds() -> None:
    """By at most one step at a time; a machine keeps the price it was launched at."""
    supply = Supply(LogNormal(100, 100), 1_000, HOUR, (260, 570), drift=8)
    bench = Bench(steady(spot=supply, **ONE_POOL))
    spec, offer = RunnerSpec(), Offer("a", "c7i.large")
    (machine,) = bench.ask().machines
    seen = []
    for _ in range(20_000):
        seen.append(bench.cloud.price(offer, spec, Market.SPOT))
        bench.after(3 * MINUTE)
    permille = C7I[0].on_demand // 1_000
    assert 260 * permille <= min(seen) < max(seen) <= 571 * permille
    steps = [abs(later - earlier) for earlier, later in pairwise(seen)]
    assert sorted(steps)[len(steps) * 99 // 100] <= 9 * permille
    assert len(set(seen)) > 100
    assert bench.cloud.describe([machine.id])[machine.id].price == seen[0]


def test_the_price_of_what_does_not_fit_is_not_told() -> None:
    """An error that names both."""
    with pytest.raises(ValueError, match="does not fit"):
        Bench(steady()).cloud.price(Offer("a", "r7g.large"), RunnerSpec(), Market.SPOT)


def played(bench: Bench) -> list[object]:
    """A day of launches and ends, as it was told."""
    for hour in range(24):
        machines = bench.launch(3)
        bench.after(20 * MINUTE)
        bench.cloud.terminate(machines[:2])
        bench.after((40 + hour) * MINUTE)
    lives = [(life.machine, life.running_at, life.warned_at, life.ended_by) for life in bench.cloud.log.values()]
    return [lives, bench.told.booted_at, bench.told.warnings, bench.told.ended_at, bench.cloud.bill]


@settings(max_examples=10)
@given(seed=st.integers(0, 2**32))
def test_one_seed_is_one_day(seed: int) -> None:
    """Everything that happens, happens again; another seed is another day."""
    day = played(Bench(usual(), seed))
    assert day == played(Bench(usual(), seed))
    assert day != played(Bench(usual(), seed + 1))


def test_prices_and_capacity_do_not_hang_on_what_is_launched() -> None:
    """Two policies under one seed meet the same market: one that asks for much, and one that only looks at the end."""
    spec = RunnerSpec()
    busy, idle = Bench(usual(), 7), Bench(usual(), 7)
    played(busy)
    idle.timeline.run(busy.timeline.now())
    for offer in busy.cloud.offers(spec):
        for market in Market:
            assert busy.cloud.price(offer, spec, market) == idle.cloud.price(offer, spec, market)
    pools = {(pool.offer, pool.market): pool for pool in busy.cloud._pools._pools.values()}
    for key, pool in idle.cloud._pools._pools.items():
        assert pool.capacity == pools[key].capacity


def test_a_quiet_day_gives_whatever_is_asked_for() -> None:
    """A thousand machines at once, all of them up within a minute, and nobody is warned of anything."""
    bench = Bench(quiet())
    machines = bench.launch(1_000)
    bench.after(MINUTE)
    assert sorted(bench.told.booted_at) == sorted(machines)
    bench.after(DAY)
    assert (bench.told.warnings, bench.told.ended_at) == ([], {})
    assert all(1 * SECOND < moment - NOON < MINUTE for moment in bench.told.booted_at.values())
