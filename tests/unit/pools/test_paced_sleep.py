"""Stops and starts within EC2's limits: what they spend, and what becomes of those for whom there is nothing left."""

from collections.abc import Callable, Mapping, Sequence

import pytest

from paddock.adapters.memory import ManualClock, MemoryMachines, MemoryRecords, SequentialIds
from paddock.adapters.pacing import PacedMachines, Purse, PurseToll, ec2_ceilings
from paddock.adapters.pacing.ceilings import ENDED, ENDS, FLEETS, MACHINES, STARTED, STARTS, STOPPED, STOPS
from paddock.core.errors import Throttled, Unavailable
from paddock.core.pace import PACE, Bucket
from paddock.core.ports.machines import LaunchRequest, StartOutcome, StartResult
from paddock.core.records import PACES
from paddock.core.spec import Market, RunnerSpec
from paddock.core.units import SECOND
from tests.strategies import NOON

GONE = StartOutcome(StartResult.GONE)
FOR_TEN = LaunchRequest("t-1", 10, RunnerSpec(), Market.SPOT, 40)


class Cloud(MemoryMachines):
    """Knows nobody, and writes down what is asked for. ``away`` are the starts by number for which it is away."""

    def __init__(self, clock: ManualClock) -> None:
        super().__init__(clock, SequentialIds())
        self.asked: list[int] = []
        self.away: set[int] = set()

    def start(self, ids: Sequence[str]) -> Mapping[str, StartOutcome]:
        """Of everybody: gone."""
        self.asked.append(len(ids))
        if len(self.asked) in self.away:
            raise Unavailable("away")
        return super().start(ids)


def paced() -> tuple[PacedMachines, Cloud, ManualClock]:
    clock = ManualClock(NOON)
    cloud = Cloud(clock)
    return PacedMachines(cloud, Purse(MemoryRecords(PACES), ec2_ceilings(), clock)), cloud, clock


def ids(count: int) -> list[str]:
    return [f"i-{number}" for number in range(count)]


def test_a_start_costs_a_request_for_each_fifty_machines() -> None:
    """Each once; of five requests that EC2 has at once three are shared, and two come back each second."""
    machines, cloud, clock = paced()
    assert machines.start([*ids(120), "i-0"]) == dict.fromkeys(ids(120), GONE)
    assert cloud.asked == [50, 50, 20]
    with pytest.raises(Throttled, match=r"ec2\.StartInstances"):
        machines.start(ids(1))
    clock.advance(SECOND)
    machines.start(ids(1))
    assert cloud.asked == [50, 50, 20, 1]


def test_of_many_starts_those_are_told_for_which_there_was_something_left() -> None:
    """The others are missing in the answer; none at all costs nothing."""
    machines, cloud, _ = paced()
    assert list(machines.start(ids(170))) == ids(150)
    assert cloud.asked == [50, 50, 50]
    assert machines.start([]) == {}


def test_a_cloud_that_goes_away_amid_many_starts_is_no_error() -> None:
    """But it is at first, when nothing is known of anybody."""
    machines, cloud, clock = paced()
    cloud.away = {1, 3}
    with pytest.raises(Unavailable, match="away"):
        machines.start(ids(60))
    clock.advance(10 * SECOND)
    assert list(machines.start(ids(60))) == ids(50)
    assert cloud.asked == [50, 50, 10]


def test_stops_cost_requests_and_machines() -> None:
    """Nobody has tokens of his own; many are stopped at once, and no more than EC2 takes."""
    machines, _, clock = paced()
    machines.stop([])
    machines.stop(ids(900))
    with pytest.raises(Throttled, match=r"ec2\.stopped"):
        machines.stop(ids(200))
    clock.advance(20 * SECOND)
    machines.stop(ids(200))


CALLS: dict[str, tuple[str, str, Callable[[PacedMachines], object]]] = {
    "CreateFleet": (MACHINES, FLEETS, lambda machines: machines.launch(FOR_TEN)),
    "TerminateInstances": (ENDED, ENDS, lambda machines: machines.terminate(ids(10))),
    "StopInstances": (STOPPED, STOPS, lambda machines: machines.stop(ids(10))),
    "StartInstances": (STARTED, STARTS, lambda machines: machines.start(ids(10))),
}


@pytest.mark.parametrize("wire", [False, True], ids=["a call", "a request on the wire"])
@pytest.mark.parametrize("operation", CALLS)
def test_what_lacks_a_request_takes_no_machines(operation: str, wire: bool) -> None:  # noqa: FBT001 - a parameter
    """Its retries would empty the machines' bucket for everybody."""
    of_machines, of_requests, call = CALLS[operation]
    clock, records, ceilings = ManualClock(NOON), MemoryRecords(PACES), ec2_ceilings()
    purse = Purse(records, ceilings, clock)
    requests = ceilings[of_requests]
    assert isinstance(requests.shared, Bucket)
    for count in (requests.shared.capacity, *[1] * requests.own.capacity):
        purse.spend(of_requests, count)
    machines, toll = PacedMachines(Cloud(clock), purse), PurseToll(purse)
    for _ in range(5):
        with pytest.raises(Throttled, match=f"^{of_requests}: no more of it"):
            toll(operation, 10, listing=False) if wire else call(machines)
    pace = records.get(PACE)
    assert pace is not None
    assert set(pace.used) == set(pace.lines) == {of_requests}
    purse.spend(of_machines, 10)
