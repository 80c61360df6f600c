"""Where spot has no capacity, jobs go on demand in the same pass."""

from paddock.adapters.memory import Shortage
from paddock.adapters.simulation.wires import Call, Wired
from paddock.core.errors import Throttled, Unavailable
from paddock.core.spec import Market
from paddock.core.states import JobState
from paddock.core.units import SECOND
from paddock.core.usecases.handled import Again, Done
from tests.faults import Repeated
from tests.world.asked import requests
from tests.world.invariants import check, everything_in
from tests.world.world import World


def test_where_spot_has_no_capacity_a_job_goes_on_demand_in_the_same_pass() -> None:
    """By a launch of its own, with a token of its own; its message is not needed for that, and nobody waits."""
    world = World()
    world.region.shortages.append(Shortage(market=Market.SPOT))
    jobs = world.push_jobs(2)
    assert world.fleet.dispatch(requests(world, *jobs)) == [Done()] * 2
    spot, on_demand = everything_in(world.table.launches)
    assert (spot.market, on_demand.market) == (Market.SPOT, Market.ON_DEMAND)
    assert spot.jobs == on_demand.jobs
    assert spot.token != on_demand.token
    for job in jobs:
        record = world.record(job)
        assert (record.state, record.launch, record.displaced) == (JobState.LAUNCHED, 2, 1)
        assert world.runner(record.machine).market is Market.ON_DEMAND
        assert "no_capacity" in world.verdicts(job)
    assert world.jobs.depth().waiting == 0  # GitHub's words are still on their way, and none of ours was sent
    world.run_until_quiet()
    check(world)


def test_of_a_launch_that_brought_too_few_only_those_that_got_none_go_on_demand() -> None:
    """By identity: whoever has his machine keeps it."""
    world = World()
    world.region.shortages.append(Shortage(market=Market.SPOT, left=2))
    jobs = world.push_jobs(3)
    world.fleet.dispatch(requests(world, *jobs))
    markets = [world.runner(world.record(job).machine).market for job in jobs]
    assert markets == [Market.SPOT, Market.SPOT, Market.ON_DEMAND]
    assert [launch.jobs for launch in everything_in(world.table.launches)] == [tuple(jobs), (jobs[2],)]
    world.run_until_quiet()
    check(world)


def test_a_crash_before_the_launch_on_demand_is_written_down_loses_nothing() -> None:
    """Whoever resumes finds that nobody has asked the cloud under that name."""
    world = World()
    world.region.shortages.append(Shortage(market=Market.SPOT))

    class Full:
        """The store of launches, which takes none."""

        def __init__(self, port: object) -> None:
            self._port = port

        def __getattr__(self, name: str) -> object:
            return getattr(self._port, name)

        def add(self, _: object) -> bool:
            """The launch on spot is written with its jobs, and not so."""
            raise Unavailable("away")

    fleet = world.new_fleet(lambda name, port: Full(port) if name == "table.launches" else port)
    job = world.push_job()
    assert list(fleet.dispatch(requests(world, job))) == [Again(5 * SECOND, "Unavailable: away")]
    assert world.record(job).state is JobState.DISPATCHING
    world.run_until_quiet()
    assert world.record(job).state is JobState.FINISHED
    assert len(world.cloud.lives) == 1
    check(world)


def test_where_spot_is_short_a_job_is_served_on_demand() -> None:
    """And one that asked for on demand is never given spot."""
    world = World()
    world.region.shortages.append(Shortage(market=Market.SPOT))
    spot, on_demand = world.push_job(), world.push_job(labels="paddock/spot=false")
    world.run_until_quiet()
    for job in (spot, on_demand):
        assert world.record(job).state is JobState.FINISHED
        assert world.runner(world.record(job).machine).market is Market.ON_DEMAND
    check(world)


def test_a_move_to_on_demand_whose_answer_was_lost_is_known_again() -> None:
    """Below us the write is repeated, and its condition holds no more: the record says by whom it was changed."""
    world = World()
    world.region.shortages.append(Shortage(market=Market.SPOT))
    lost = Repeated("table.jobs.update", lambda job: job.displaced > 0)
    fleet = world.new_fleet(lost.around)
    job = world.push_job()
    assert list(fleet.dispatch(requests(world, job))) == [Done()]
    assert lost.done
    assert world.record(job).state is JobState.LAUNCHED
    assert world.verdicts(job) == ["queued", "no_capacity", "chosen", "launched"]


def test_a_launch_that_was_put_off_is_asked_for_once_however_many_jobs_it_has() -> None:
    """Each job's message comes back by itself; the machines that the first one got are looked at by the others."""
    asked: list[str] = []

    def once(what: str, call: Call) -> object:
        if what == "machines.launch":
            asked.append(what)
            if len(asked) == 1:
                raise Throttled("none for now", 5 * SECOND)
        return call()

    world = World(around=lambda name, port: Wired(name, port, once))
    jobs = world.push_jobs(10)
    assert set(world.fleet.dispatch(requests(world, *jobs))) == {Again(5 * SECOND, "Throttled: none for now")}
    world.clock.advance(6 * SECOND)
    assert world.fleet.dispatch(requests(world, *jobs)) == [Done()] * 10
    assert len(asked) == 2
    assert len(world.cloud.lives) == 10
    assert len({world.record(job).machine for job in jobs}) == 10
    world.run_until_quiet()
    check(world)
