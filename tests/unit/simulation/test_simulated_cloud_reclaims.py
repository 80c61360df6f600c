"""How the simulated EC2 takes spot machines back: one alone, pools, types and zones at once, warned or not."""

from typing import Any

import attrs
import pytest

from paddock.adapters.simulation.cloud import CloudParameters, Episodes, LogNormal, Notices, churning, stormy, usual
from paddock.adapters.simulation.protocols import Ending
from paddock.core.errors import Throttled
from paddock.core.messages import WarningKind
from paddock.core.ports.machines import LaunchRequest, Machine, MachineState
from paddock.core.spec import Market, RunnerSpec
from paddock.core.units import DAY, HOUR, MINUTE, SECOND, Span
from tests.strategies import NOON
from tests.world.cloud import ONE_POOL, Bench, steady

AT_ONCE = Notices(missing=0, rebalance=0, with_warning=0, lead=LogNormal(0, 0), spread=0)


def noticed(**changes: Any) -> Notices:  # noqa: ANN401 - the fields of Notices
    return attrs.evolve(AT_ONCE, **changes)


def one_by_one(bench: Bench, count: int, market: Market = Market.SPOT) -> list[Machine]:
    """So many launches of one machine each: they come from many pools."""
    machines: list[Machine] = []
    for _ in range(count):
        machines += bench.ask(market=market).machines
        bench.after(SECOND)
    return machines


def test_a_machine_is_warned_two_minutes_before_it_is_taken() -> None:
    """The log has the moment of the warning, the listener also that of the end."""
    bench = Bench(steady(notices=AT_ONCE))
    (machine,) = bench.launch()
    bench.after(HOUR)
    bench.cloud.reclaim(machine)
    warned = NOON + HOUR
    assert bench.told.warnings == [(warned, machine, WarningKind.SPOT, warned + 2 * MINUTE)]
    assert bench.cloud.log[machine].warned_at == warned
    bench.after(2 * MINUTE - 1)
    assert bench.cloud.describe([machine])[machine].state is MachineState.RUNNING
    bench.after(1)
    assert bench.told.ended_at == {machine: (warned + 2 * MINUTE, Ending.SPOT)}


def test_a_machine_may_be_taken_without_a_word() -> None:
    """At once; taking what has ended, or is unknown, is no error."""
    bench = Bench(steady())
    (machine,) = bench.launch()
    for known in (machine, machine, "i-404"):
        bench.cloud.reclaim(known, warning=False)
    assert bench.told.ended_at == {machine: (NOON, Ending.SPOT)}
    assert (bench.told.warnings, bench.cloud.log[machine].warned_at) == ([], None)


def test_a_warned_machine_is_not_warned_again() -> None:
    """And is taken when it was told."""
    bench = Bench(steady())
    (machine,) = bench.launch()
    bench.cloud.reclaim(machine)
    bench.after(MINUTE)
    bench.cloud.reclaim(machine)
    bench.cloud.reclaim(machine, warning=False)
    bench.cloud.storm(HOUR, zone=bench.cloud.log[machine].machine.zone)
    bench.after(HOUR)
    assert len(bench.told.warnings) == 1
    assert bench.told.ended_at == {machine: (NOON + 2 * MINUTE, Ending.SPOT)}


def test_whoever_ends_a_warned_machine_himself_ended_it() -> None:
    """The cloud does not take it afterwards."""
    bench = Bench(steady())
    (machine,) = bench.launch()
    bench.cloud.reclaim(machine)
    bench.after(MINUTE)
    bench.cloud.power_off(machine)
    bench.after(HOUR)
    assert bench.told.ended_at == {machine: (NOON + MINUTE, Ending.ITSELF)}


def test_machines_on_demand_are_never_taken() -> None:
    """Not by any storm; and asking for it is a mistake that is said."""
    bench = Bench(attrs.evolve(stormy(), failed_starts=0))
    machines = bench.launch(20, Market.ON_DEMAND)
    assert len(machines) == 20
    bench.after(7 * DAY)
    assert (bench.told.warnings, bench.told.ended_at) == ([], {})
    with pytest.raises(ValueError, match="only spot machines"):
        bench.cloud.reclaim(machines[0])


def test_single_machines_are_taken_as_often_as_was_said() -> None:
    """Of machines that live for a day, 63 in a hundred, if the mean is a day; each on its own."""
    bench = Bench(steady(reclaim_every=DAY, notices=AT_ONCE))
    bench.launch(1_000)
    bench.after(DAY + 2 * MINUTE)
    taken = [moment for moment, by in bench.told.ended_at.values() if by is Ending.SPOT]
    assert 590 < len(taken) < 675
    assert len(set(taken)) > 500


def test_a_storm_takes_the_machines_of_its_zone() -> None:
    """Of all types, most of them within some minutes; other zones and on-demand machines stay."""
    storms = Episodes(share=800)
    bench = Bench(steady(zone_spells=storms, notices=noticed(lead=LogNormal(MINUTE, MINUTE), spread=3 * MINUTE)))
    machines = one_by_one(bench, 200) + one_by_one(bench, 20, Market.ON_DEMAND)
    began = bench.timeline.now()
    bench.cloud.storm(HOUR, zone="us-east-1b")
    bench.after(HOUR)
    hit = [machine for machine in machines if machine.id in bench.told.ended_at]
    under = [machine for machine in machines if (machine.zone, machine.market) == ("us-east-1b", Market.SPOT)]
    assert {(machine.zone, machine.market) for machine in hit} == {("us-east-1b", Market.SPOT)}
    assert 0.65 < len(hit) / len(under) < 0.95
    assert len({machine.instance_type for machine in under}) > 1
    ends = [moment - began for moment, _ in bench.told.ended_at.values()]
    assert min(ends) >= 3 * MINUTE  # the lead, and the warning
    assert max(ends) <= 6 * MINUTE  # and the spread


def test_an_episode_of_a_type_takes_it_in_all_zones() -> None:
    """And no other type."""
    bench = Bench(steady(type_spells=Episodes(share=1_000), notices=AT_ONCE))
    machines = one_by_one(bench, 100)
    bench.cloud.storm(HOUR, instance_type="c7i.large")
    bench.after(HOUR)
    assert set(bench.told.ended_at) == {machine.id for machine in machines if machine.instance_type == "c7i.large"}
    assert len({machine.zone for machine in machines if machine.id in bench.told.ended_at}) == 3


def test_a_spell_of_one_pool_takes_that_pool() -> None:
    """One type in one zone."""
    bench = Bench(steady(pool_spells=Episodes(share=1_000), notices=AT_ONCE))
    machines = one_by_one(bench, 100)
    bench.cloud.storm(HOUR, zone="us-east-1c", instance_type="c7i.large")
    bench.after(HOUR)
    pool = {machine.id for machine in machines if (machine.zone, machine.instance_type) == ("us-east-1c", "c7i.large")}
    assert set(bench.told.ended_at) == pool != set()


def test_a_storm_is_over_something() -> None:
    """A whole region does not go under at once."""
    with pytest.raises(ValueError, match="a zone, an instance type, or both"):
        Bench(steady()).cloud.storm(HOUR)


def test_waves_take_what_was_launched_during_the_spell() -> None:
    """A pool that gives and takes in turns: who asks for the same again loses the next machine too."""
    spells = Episodes(share=1_000, scarce=500, again=10 * MINUTE)
    bench = Bench(steady(pool_spells=spells, notices=AT_ONCE, **ONE_POOL))
    bench.told.when_ended = lambda _: bench.launch()
    bench.launch()
    bench.cloud.storm(5 * HOUR, zone="a", instance_type="c7i.large")
    bench.after(10 * HOUR)
    assert 15 < len(bench.told.ended_at) < 45  # a wave each ten minutes, for five hours, and two minutes' notice
    assert max(moment for moment, _ in bench.told.ended_at.values()) < NOON + 5 * HOUR + 2 * MINUTE
    assert len(bench.cloud.alive) == 1


def test_spells_come_by_themselves() -> None:
    """A pool that dries up once a day or so takes all its machines each time, together."""
    spells = Episodes(DAY, LogNormal(HOUR, HOUR), share=1_000)
    bench = Bench(steady(pool_spells=spells, notices=AT_ONCE, **ONE_POOL))
    sizes = []
    for _ in range(40):
        bench.told.ended_at.clear()
        bench.told.warnings.clear()
        while not bench.launch(3):
            bench.after(10 * MINUTE)
        while bench.cloud.alive:
            bench.after(10 * MINUTE)
        sizes.append((len(bench.told.ended_at), len({moment for moment, _ in bench.told.ended_at.values()})))
    assert set(sizes) == {(3, 1)}
    assert 20 * DAY < bench.timeline.now() - NOON < 70 * DAY


def test_warnings_are_missing_as_often_as_was_said() -> None:
    """Those machines are taken all the same, at the same time as the others."""
    bench = Bench(steady(pool_spells=Episodes(share=1_000), notices=noticed(missing=300), **ONE_POOL))
    machines = bench.launch(500)
    bench.cloud.storm(HOUR, zone="a", instance_type="c7i.large")
    bench.after(HOUR)
    assert 300 < len(bench.told.warnings) < 400
    assert bench.told.ended_at == dict.fromkeys(machines, (NOON + 2 * MINUTE, Ending.SPOT))
    unwarned = set(machines) - {machine for _, machine, _, _ in bench.told.warnings}
    assert all(bench.cloud.log[machine].warned_at is None for machine in unwarned)


def test_a_recommendation_to_rebalance_comes_before_the_warning_with_it_or_not_at_all() -> None:
    """Each as often as was said, and once per machine; a warning follows in any case."""
    lead: Span = 4 * MINUTE
    notices = noticed(rebalance=400, with_warning=300, lead=LogNormal(lead, lead))
    bench = Bench(steady(pool_spells=Episodes(share=1_000), notices=notices, **ONE_POOL))
    bench.launch(500)
    bench.cloud.storm(HOUR, zone="a", instance_type="c7i.large")
    bench.after(HOUR)
    told = [(moment - NOON, kind) for moment, _, kind, _ in bench.told.warnings]
    assert told.count((lead, WarningKind.SPOT)) == 500
    assert 160 < told.count((0, WarningKind.REBALANCE)) < 240
    assert 110 < told.count((lead, WarningKind.REBALANCE)) < 190
    assert {moment for moment, kind in told if kind is WarningKind.REBALANCE} == {0, lead}
    assert all(at == moment for moment, _, kind, at in bench.told.warnings if kind is WarningKind.REBALANCE)


def test_a_listener_may_end_machines_when_it_is_warned() -> None:
    """The one it is warned of, and others that would have been next: those are not warned of any more."""
    notices = noticed(rebalance=1_000, lead=LogNormal(MINUTE, MINUTE))
    bench = Bench(steady(pool_spells=Episodes(share=1_000, again=MINUTE), notices=notices, **ONE_POOL))
    machines = bench.launch(10)

    def when_warned(machine: Machine, _: WarningKind) -> None:
        bench.cloud.power_off(machine.id)
        bench.cloud.terminate(machines[5:])
        bench.launch()

    bench.told.when_warned = when_warned
    bench.cloud.storm(2 * MINUTE, zone="a", instance_type="c7i.large")
    bench.after(HOUR)
    assert [machine for _, machine, _, _ in bench.told.warnings] == machines[:5]
    assert {by for _, by in bench.told.ended_at.values()} == {Ending.ITSELF, Ending.FLEET}


def test_what_ended_at_the_recommendation_is_not_warned_of() -> None:
    """Also if both came together."""
    notices = noticed(with_warning=1_000)
    bench = Bench(steady(pool_spells=Episodes(share=1_000), notices=notices, **ONE_POOL))
    bench.told.when_warned = lambda machine, _: bench.cloud.power_off(machine.id)
    machines = bench.launch(3)
    bench.cloud.storm(HOUR, zone="a", instance_type="c7i.large")
    bench.after(HOUR)
    assert [(machine, kind) for _, machine, kind, _ in bench.told.warnings] == [
        (machine, WarningKind.REBALANCE) for machine in machines
    ]


def test_what_is_launched_in_the_middle_of_a_wave_is_under_the_next_one_alone() -> None:
    """A replacement at the very moment of the first warning: no wave counts twice, and nothing is left of any."""
    spells = Episodes(share=1_000, scarce=1_000, again=10 * MINUTE)
    bench = Bench(steady(pool_spells=spells, notices=AT_ONCE, **ONE_POOL))
    bench.told.when_warned = lambda *_: bench.launch()
    bench.launch()
    bench.cloud.storm(HOUR, zone="a", instance_type="c7i.large")
    waves = bench.cloud._pools.weather(zone="a", instance_type="c7i.large").waves
    bench.after(HOUR)
    assert [moment for moment, *_ in bench.told.warnings] == list(waves)
    assert len(waves) > 2
    bench.told.when_warned = lambda *_: None
    bench.cloud.terminate(bench.cloud.alive)
    assert bench.timeline.next_moment() is None


def reclaimed_per_thousand_machine_days(parameters: CloudParameters, seed: int, days: int) -> int:
    """Forty spot machines, each replaced a minute after its end."""
    bench = Bench(attrs.evolve(parameters, dead_boots=0, failed_starts=0), seed)
    lived = taken = 0

    def replace() -> None:
        try:
            found = bench.launch()
        except Throttled:
            found = []
        if not found:
            bench.timeline.at(bench.timeline.now() + MINUTE, replace)

    def when_ended(machine: Machine) -> None:
        nonlocal lived, taken
        lived, taken = lived + bench.timeline.now() - machine.launched_at, taken + 1
        bench.cloud.forget(machine.id)
        bench.timeline.at(bench.timeline.now() + MINUTE, replace)

    bench.told.when_ended = when_ended
    for number in range(40):
        bench.timeline.at(NOON + number * SECOND, replace)
    bench.after(days * DAY)
    lived += sum(bench.timeline.now() - life.machine.launched_at for life in bench.cloud.log.values())
    return taken * 1_000 * DAY // lived


def test_on_a_usual_day_some_machines_in_a_hundred_are_taken() -> None:
    """Two to five a day: what parameters say about themselves, measured over some seeds and months."""
    rates = [reclaimed_per_thousand_machine_days(usual(), seed, 60) for seed in range(4)]
    assert 20 <= sum(rates) // len(rates) <= 50, rates


def test_on_a_stormy_day_each_machine_is_taken_some_times() -> None:
    """Every few hours: a hundred times as often."""
    assert 4_000 <= reclaimed_per_thousand_machine_days(stormy(), 1, 2) <= 15_000


def test_where_pools_churn_machines_fare_as_in_the_record_that_it_is_calibrated_by() -> None:
    """240 nodes in 16 hours, over all pools alike: 12 % interrupted, 7 minutes after their launch, and no old ones."""
    waits: list[Span] = []
    for seed in range(30):
        bench = Bench(churning(), seed)
        bench.after(HOUR)
        offers = bench.cloud.offers(RunnerSpec())
        launched: dict[str, Span] = {}
        for number in range(240):
            others = tuple(offer for offer in offers if offer != offers[number % len(offers)])
            launched.update(dict.fromkeys(bench.launch(without=others), bench.timeline.now()))
            bench.after(4 * MINUTE)
        waits += [at - launched[machine] for at, machine, kind, _ in bench.told.warnings if kind is WarningKind.SPOT]
    young = sorted(wait for wait in waits if wait <= 30 * MINUTE)
    assert 100 <= len(young) * 1_000 // (30 * 240) <= 140
    assert 6 * MINUTE <= sum(young) // len(young) <= 8 * MINUTE
    assert len(waits) - len(young) <= len(waits) // 6  # of pools that do not churn, as on any day


def test_a_cloud_without_spot_machines_leaves_the_timeline_empty() -> None:
    """Weather that nobody is under asks for no events: a world may run until nothing is left to happen."""
    bench = Bench(usual())
    machines = bench.launch(3)
    bench.cloud.launch(LaunchRequest("t", 1, RunnerSpec(), Market.ON_DEMAND, 40))
    bench.after(MINUTE)
    bench.cloud.terminate(machines)
    assert bench.timeline.next_moment() is None
