"""GitHub's limits: 180 registrations a minute, 5,000 requests an hour, for each organisation."""

import pytest

from paddock.adapters.memory import ManualClock
from paddock.adapters.simulation.gate import Gate, Meter
from paddock.adapters.simulation.parameters import Rates
from paddock.core.errors import Throttled
from paddock.core.settings import FleetSettings, ScopeKind
from paddock.core.units import HOUR, MINUTE, SECOND
from tests.world.world import World


def test_a_meter_counts_by_window_and_by_whom() -> None:
    """The next window is as good as new; another organisation has its own."""
    clock = ManualClock(HOUR + 10 * SECOND)
    meter = Meter("x", clock, MINUTE, 3)
    meter.take("acme", 2)
    meter.take("zeta", 3)
    with pytest.raises(Throttled) as caught:
        meter.take("acme", 2)
    assert caught.value.retry_after == 50 * SECOND
    meter.take("acme")
    clock.advance(50 * SECOND)
    meter.take("acme", 3)
    calls = meter.calls()
    assert (calls.count, calls.peak, calls.limit, calls.throttled) == (9, 3, 3, 2)


def test_without_a_limit_everything_passes_and_is_counted() -> None:
    """For those who ask what it would take."""
    gate = Gate(ManualClock(), Rates(None, None))
    for _ in range(10_000):
        gate.requests.take("acme")
    assert gate.requests.calls().peak == 10_000


@pytest.mark.parametrize(("things", "requests"), [(0, 1), (1, 1), (99, 1), (100, 2), (101, 2), (250, 3)])
def test_a_page_is_a_request(things: int, requests: int) -> None:
    """A full page leads to the next one."""
    gate = Gate(ManualClock(), Rates())
    assert len(list(gate.paged("acme", iter(range(things))))) == things
    assert gate.requests.calls().count == requests


def test_only_pages_that_are_looked_at_are_asked_for() -> None:
    """Whoever stops early pays for what was read."""
    gate = Gate(ManualClock(), Rates())
    pages = gate.paged("acme", iter(range(1000)))
    assert next(pages) == 0
    assert gate.requests.calls().count == 1


def test_a_burst_of_jobs_is_registered_at_githubs_pace() -> None:
    """200 jobs at once: 180 in the first minute, the others when GitHub lets us; nobody is lost."""
    settings = FleetSettings(repositories=("acme/app",), scope=ScopeKind.REPOSITORY, registration_tokens=False)
    world = World(settings=settings)
    world.sim.gate.registrations._limit = 180
    jobs = world.push_jobs(200)
    world.run(30 * SECOND)
    assert len(world.github.all_runners()) <= 180
    world.run_until_quiet()
    assert {world.record(job).conclusion for job in jobs} == {"success"}
    assert world.sim.gate.registrations.calls().throttled > 0
    assert world.sim.check() == []


def test_machines_beyond_githubs_pace_register_their_runners_themselves() -> None:
    """The same 200 at once, by one token: nobody waits, each machine serves, and nothing is left at GitHub."""
    world = World()
    world.sim.gate.registrations._limit = 180
    jobs = world.push_jobs(200)
    world.run(30 * SECOND)
    machines = [str(world.record(job).machine) for job in jobs]
    told = [one for one in machines if "token" in {each.verdict for each in world.decisions.about(f"machine:{one}")}]
    assert len(told) == 20
    assert [world.runner(one).runner_id for one in told] == [None] * 20
    before = world.sim.gate.requests.calls().count
    world.run_until_quiet()
    assert {(world.record(job).conclusion, world.record(job).launch) for job in jobs} == {("success", 1)}
    assert world.sim.gate.requests.calls().count - before <= 20
    assert world.github.all_runners() == ()
    assert world.sim.check() == []


def test_every_call_of_ours_is_counted() -> None:
    """One job costs one registration, and little else."""
    world = World()
    world.push_job()
    world.run_until_quiet()
    registrations, requests = world.sim.gate.registrations.calls(), world.sim.gate.requests.calls()
    assert registrations.count == 1
    assert 1 <= requests.count <= 2
