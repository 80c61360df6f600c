"""Capacity of the simulated EC2: it comes and goes, and no more is given than is there."""

from collections import Counter
from itertools import pairwise

import attrs
from hypothesis import given, settings
from hypothesis import strategies as st

from paddock.adapters.simulation.cloud import Code, Episodes, LogNormal, Supply, stormy
from paddock.adapters.simulation.cloud.draws import Stream
from paddock.adapters.simulation.cloud.weather import FOREVER, Weather
from paddock.core.errors import Throttled
from paddock.core.spec import Market, Offer, RunnerSpec
from paddock.core.units import DAY, HOUR, MINUTE, Moment
from tests.strategies import NOON
from tests.world.cloud import ONE_POOL, Bench, steady

SPELLS = Episodes(6 * HOUR, LogNormal(30 * MINUTE, 2 * HOUR), again=10 * MINUTE, scarce=500)


def spells(weather: Weather, until: Moment) -> list[tuple[Moment, Moment, tuple[Moment, ...]]]:
    found = []
    now = 0
    while now < until:
        weather.roll(now)
        found.append((weather.begins, weather.ends, weather.waves))
        now = weather.ends
    return found


def test_spells_come_as_often_and_last_as_long_as_was_said() -> None:
    """One each six hours or so apart from their own length, in order, with waves from their beginning to their end."""
    found = spells(Weather(SPELLS, Stream(1), 0), 400 * DAY)
    lengths = sorted(ends - begins for begins, ends, _ in found)
    assert 29 * MINUTE < lengths[len(lengths) // 2] < 31 * MINUTE
    calm = 400 * DAY - sum(lengths)
    assert 0.95 < calm / len(found) / (6 * HOUR) < 1.05
    for (begins, ends, waves), (later, *_) in pairwise(found):
        assert begins < ends < later
        assert waves[0] == begins
        assert list(waves) == sorted(set(waves))
        assert waves[-1] < ends


def test_spells_are_the_same_however_they_are_looked_at() -> None:
    """At each moment, or once in a year."""
    every, once = Weather(SPELLS, Stream(2), 0), Weather(SPELLS, Stream(2), 0)
    now = 0
    while now < 60 * DAY:
        now = every.wave_after(now)
    once.roll(now)
    assert (every.begins, every.ends, every.waves) == (once.begins, once.ends, once.waves)


def test_moods_make_spells_more_or_less_frequent_for_good() -> None:
    """A pool in a mood of 300 per cent has three times as many as one of 100."""
    counts = [len(spells(Weather(attrs.evolve(SPELLS, moods=(mood,)), Stream(3), 0), 200 * DAY)) for mood in (100, 300)]
    assert 2.4 < counts[1] / counts[0] < 3.2


def test_a_weather_without_episodes_stays_fair() -> None:
    """No spell, no wave, for ever; unless one is made to begin."""
    weather = Weather(Episodes(), Stream(1), 0)
    assert weather.wave_after(10**15) == FOREVER
    assert not weather.dry(10**15)
    weather.force(10**15, HOUR)
    assert weather.dry(10**15)
    weather.roll(10**15 + HOUR)
    assert not weather.dry(10**15 + HOUR)


def test_a_dry_pool_gives_no_more_and_is_full_again_afterwards() -> None:
    """As much as the spell leaves: here nothing. The other market, and other zones, have theirs."""
    bench = Bench(steady())
    bench.launch()
    bench.cloud.storm(HOUR, zone="us-east-1a")
    zones = Counter(machine.zone for machine in bench.ask(100).machines)
    assert set(zones) <= {"us-east-1b", "us-east-1c"}
    assert sum(zones.values()) == 100
    elsewhere = tuple(offer for offer in bench.cloud.offers(RunnerSpec()) if offer.zone != "us-east-1a")
    outcome = bench.ask(without=elsewhere)
    assert outcome.machines == ()
    assert {lack.code for lack in outcome.lacks} == {Code.CAPACITY}
    assert bench.ask(market=Market.ON_DEMAND, without=elsewhere).machines[0].zone == "us-east-1a"
    bench.after(HOUR)
    assert bench.ask(without=elsewhere).machines[0].zone == "us-east-1a"


def test_capacity_moves_within_its_bounds() -> None:
    """From the least share of a pool's best to all of it, in steps that come as often as was said."""
    supply = Supply(LogNormal(2_000, 2_000), 250, 2 * HOUR)
    bench = Bench(steady(spot=supply, **ONE_POOL))
    bench.launch()
    (pool,) = bench.cloud._pools._pools.values()
    seen = []
    for hour in range(4_000):
        pool.look(NOON + hour * HOUR)
        seen.append(pool.capacity)
    assert 250 <= min(seen) < 300
    assert 950 < max(seen) <= 1_000
    changes = sum(earlier != later for earlier, later in pairwise(seen))
    assert 0.37 < changes / len(seen) < 0.42  # of the hours, 1 - exp(-1/2) see a step


def test_what_ends_gives_its_place_back() -> None:
    """A pool of one machine serves one after the other."""
    bench = Bench(steady(spot=Supply(LogNormal(2, 2), 1_000, DAY), **ONE_POOL))
    for end in (bench.cloud.power_off, bench.cloud.fail, lambda machine: bench.cloud.terminate([machine])):
        (machine,) = bench.launch()
        assert bench.launch() == []
        end(machine)


@settings(max_examples=30)
@given(
    seed=st.integers(0, 2**32),
    acts=st.lists(st.tuples(st.integers(1, 40), st.sampled_from(Market), st.integers(0, 20 * MINUTE)), max_size=25),
)
def test_no_pool_ever_gives_more_than_it_has(seed: int, acts: list[tuple[int, Market, Moment]]) -> None:
    """Counted from the log, after each launch on the stormiest of days; nor does a market more than its quota."""
    quota = ((Market.SPOT, 64), (Market.ON_DEMAND, 32))
    bench = Bench(attrs.evolve(stormy(), quota=quota), seed)
    for count, market, wait in acts:
        try:
            outcome = bench.ask(count, market)
        except Throttled:
            outcome = None
        lives = [life.machine for life in bench.cloud.log.values() if life.ended_at is None]
        used = Counter((Offer(machine.zone, machine.instance_type), machine.market) for machine in lives)
        vcpu = Counter(dict.fromkeys(Market, 0))
        for machine in lives:
            vcpu[machine.market] += machine.vcpu
        assert all(vcpu[market] <= most for market, most in quota)
        for machine in () if outcome is None else outcome.machines:
            key = (Offer(machine.zone, machine.instance_type), machine.market)
            pool = bench.cloud._pools._pools[key]
            assert used[key] == pool.used <= pool.capacity
        if outcome is not None:
            assert (len(outcome.machines) < count) == (len(outcome.lacks) == len(bench.cloud.offers(RunnerSpec())))
            assert len(outcome.errors) == len(outcome.lacks)
        for machine in lives[::3]:
            bench.cloud.power_off(machine.id)
        bench.after(wait)
