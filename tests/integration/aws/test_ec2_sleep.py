"""Machines on EC2 stopped and started: EC2 refuses a whole call for one machine, and the others are seen to."""

from collections.abc import Iterator, Sequence

import attrs
import pytest

from paddock.core.errors import AccessDenied, Rejected, Throttled, Unavailable
from paddock.core.ports.machines import MachineState, StartOutcome, StartResult
from paddock.core.spec import Market
from tests.aws.ec2 import Ec2UnderTest, a_request, ec2_on_moto
from tests.aws.ec2_faults import Refusal, no_naps

pytestmark = pytest.mark.slow

STOP, START, LOOK = "StopInstances", "StartInstances", "DescribeInstances"
DRY = Refusal(500, "InsufficientInstanceCapacity")
LACK = StartOutcome(StartResult.NO_CAPACITY, "InsufficientInstanceCapacity")
STARTING = StartOutcome(StartResult.STARTING)
UNKNOWN = "i-00000000000000404"


@pytest.fixture
def ec2() -> Iterator[Ec2UnderTest]:
    """A fleet without machines."""
    with ec2_on_moto() as opened:
        yield opened


def launched(ec2: Ec2UnderTest, count: int, zone: str = "", market: Market = Market.ON_DEMAND) -> list[str]:
    """The ids of so many machines, of one pool; what was asked so far is forgotten."""
    request = a_request(f"t-{zone}-{market}", count, market)
    offers = ec2.machines().offers(request.spec)
    wanted = zone or offers[0].zone
    keep = next(offer for offer in offers if offer.zone == wanted)
    without = tuple(offer for offer in offers if offer != keep)
    found = [machine.id for machine in ec2.machines().launch(attrs.evolve(request, without=without)).machines]
    ec2.faults.sent.clear()
    return found


def asleep(ec2: Ec2UnderTest, count: int, zone: str = "") -> list[str]:
    found = launched(ec2, count, zone)
    ec2.machines().stop(found)
    ec2.faults.sent.clear()
    return found


def refuse(ec2: Ec2UnderTest, operation: str, *answers: Refusal | None) -> None:
    """What EC2 says to the next calls; None: what it likes."""
    ec2.faults.refusals[operation] = list(answers)


def wrong_state(*ids: str) -> Refusal:
    return Refusal(400, "IncorrectInstanceState", f"The instance '{', '.join(ids)}' is not in a state for that")


def states(ec2: Ec2UnderTest, ids: Sequence[str]) -> set[MachineState]:
    return {machine.state for machine in ec2.machines().describe(ids).values()}


def test_one_call_stops_and_one_starts_them(ec2: Ec2UnderTest) -> None:
    """If all goes well; none at all is no call."""
    ids = launched(ec2, 3)
    ec2.machines().stop([])
    assert ec2.machines().start([]) == {}
    ec2.machines().stop([*ids, ids[0]])
    assert ec2.machines().start(ids) == dict.fromkeys(ids, STARTING)
    assert ec2.faults.sent == [STOP, START]


def test_many_are_asked_for_in_calls_of_fifty(ec2: Ec2UnderTest) -> None:
    """EC2 may name all that it does not know: then one call is enough for them."""
    ids = asleep(ec2, 1)
    unknown = [f"i-{number:017x}" for number in range(100)]
    outcomes = ec2.machines().start([*unknown, *ids])
    assert [outcome.result for outcome in outcomes.values()] == [*[StartResult.GONE] * 100, StartResult.STARTING]
    assert ec2.faults.sent == [START] * 3


def test_unknown_machines_keep_nobody_awake(ec2: Ec2UnderTest) -> None:
    """The call is made again without them; where EC2 does not name them, by halves."""
    ids = launched(ec2, 2)
    ec2.machines().stop([UNKNOWN, *ids])
    assert ec2.faults.sent == [STOP] * 2
    assert states(ec2, ids) == {MachineState.STOPPED}
    refuse(ec2, START, Refusal(400, "InvalidInstanceID.NotFound"))
    ec2.faults.sent.clear()
    assert ec2.machines().start(ids) == dict.fromkeys(ids, STARTING)
    assert ec2.faults.sent == [START] * 3


def test_a_machine_that_ec2_will_not_stop_is_named_with_its_code(ec2: Ec2UnderTest) -> None:
    """A spot machine, and whatever has no disk to keep; the others are stopped."""
    (spot,) = launched(ec2, 1, market=Market.SPOT)
    ids = launched(ec2, 2)
    refuse(ec2, STOP, Refusal(400, "UnsupportedOperation", f"You can't stop the Spot Instance '{spot}'"))
    with pytest.raises(Rejected, match=rf": {spot} \(UnsupportedOperation, spot, running\)$"):
        ec2.machines().stop([ids[0], spot, ids[1]])
    assert states(ec2, ids) == {MachineState.STOPPED}
    ec2.machines().start(ids)
    refuse(ec2, STOP, Refusal(400, "UnsupportedOperation", f"'{ids[0]}' does not have an 'ebs' root device"))
    with pytest.raises(Rejected, match=rf": {ids[0]} \(UnsupportedOperation, on-demand, running\)$"):
        ec2.machines().stop(ids)


def test_a_fault_of_the_request_is_raised_as_it_is(ec2: Ec2UnderTest) -> None:
    """It is none of the machines', and no call is made again for it."""
    ids = launched(ec2, 2)
    refuse(ec2, STOP, Refusal(400, "InvalidParameterValue"))
    with pytest.raises(Rejected, match="InvalidParameterValue"):
        ec2.machines().stop(ids)
    assert ec2.faults.sent == [STOP]


def test_a_machine_that_cannot_be_stopped_yet_is_a_passing_fault(ec2: Ec2UnderTest) -> None:
    """It is pending, say; if it has stopped or ended meanwhile, it is none."""
    pending, other = launched(ec2, 2)
    refuse(ec2, STOP, wrong_state(pending))
    with pytest.raises(Unavailable, match=rf"{pending} \(IncorrectInstanceState, on-demand, running\)$"):
        ec2.machines().stop([pending, other])
    assert states(ec2, [other]) == {MachineState.STOPPED}
    refuse(ec2, STOP, wrong_state(other))
    ec2.machines().stop([other])
    ec2.machines().terminate([pending])
    refuse(ec2, STOP, wrong_state(pending))
    ec2.machines().stop([pending])


def test_a_spot_machine_in_the_wrong_state_is_not_waited_for(ec2: Ec2UnderTest) -> None:
    """It cannot be stopped when it is in another one either: whoever waited for that would do so for ever."""
    (spot,) = launched(ec2, 1, market=Market.SPOT)
    refuse(ec2, STOP, wrong_state(spot))
    with pytest.raises(Rejected, match=rf": {spot} \(IncorrectInstanceState, spot, running\)$"):
        ec2.machines().stop([spot])


def test_a_pool_without_capacity_is_found_in_few_calls(ec2: Ec2UnderTest) -> None:
    """One machine of it alone lacks it, too: its pool's others are not asked for, those of other pools are."""
    zones = sorted(ec2.settings.subnets)
    dry, wet = asleep(ec2, 8, zones[0]), asleep(ec2, 2, zones[1])
    ids = [*dry[:4], *wet, *dry[4:]]
    refuse(ec2, START, DRY, *[DRY] * 2)  # all; the pool's eight, one
    assert ec2.machines().start(ids) == {id_: LACK if id_ in dry else STARTING for id_ in ids}
    assert ec2.faults.sent == [START, LOOK, *[START] * 3]
    assert states(ec2, dry) == {MachineState.STOPPED}


def test_what_capacity_there_is_is_used(ec2: Ec2UnderTest) -> None:
    """Two of four come up where four are too many and three would be."""
    ids = asleep(ec2, 4)
    refuse(ec2, START, DRY, None, None, DRY, DRY)  # all; one; the halves of the rest: one, two; of these one
    assert ec2.machines().start(ids) == {ids[0]: STARTING, ids[1]: STARTING, ids[2]: LACK, ids[3]: LACK}
    assert ec2.faults.sent == [START, LOOK, *[START] * 4]


@pytest.mark.parametrize("refusal", [Refusal(503, "RequestLimitExceeded"), Refusal(503, "Unavailable")])
def test_pools_that_are_not_to_be_learnt_are_done_without(ec2: Ec2UnderTest, refusal: Refusal) -> None:
    """There is no capacity for all, and no look at them to be had either: one comes up, and the other is known."""
    first, second = asleep(ec2, 2)
    refuse(ec2, START, DRY, None, DRY)
    refuse(ec2, LOOK, *[refusal] * 3)
    with no_naps():
        assert ec2.machines().start([first, second]) == {first: STARTING, second: LACK}


def test_a_lack_of_capacity_is_not_asked_for_again(ec2: Ec2UnderTest) -> None:
    """EC2 says so with a status of 500, which botocore would try thrice; a fault is tried as ever."""
    (machine,) = asleep(ec2, 1)
    refuse(ec2, START, DRY, DRY)
    with no_naps() as naps:
        assert ec2.machines().start([machine]) == {machine: LACK}
        assert ec2.faults.sent == [START]
        assert naps == []
        refuse(ec2, START, Refusal(500, "InternalError"))
        assert ec2.machines().start([machine]) == {machine: STARTING}
        assert len(naps) == 1


def test_a_machine_that_is_not_stopped_yet_is_told_from_one_that_is_gone(ec2: Ec2UnderTest) -> None:
    """EC2 has one code for both: it is looked at."""
    stopping, ended, well = asleep(ec2, 3)
    ec2.machines().terminate([ended])
    refuse(ec2, START, wrong_state(stopping), wrong_state(ended))
    ec2.faults.sent.clear()
    assert ec2.machines().start([stopping, ended, well]) == {
        stopping: StartOutcome(StartResult.STOPPING, "IncorrectInstanceState"),
        ended: StartOutcome(StartResult.GONE, "IncorrectInstanceState"),
        well: STARTING,
    }
    assert ec2.faults.sent == [*[START] * 3, LOOK]


def test_a_machine_that_is_never_started_is_refused_with_its_code(ec2: Ec2UnderTest) -> None:
    """Nobody has to ask again."""
    poisoned, well = asleep(ec2, 2)
    refuse(ec2, START, Refusal(400, "UnsupportedOperation", f"'{poisoned}' will never start"))
    outcomes = ec2.machines().start([poisoned, well])
    assert outcomes == {poisoned: StartOutcome(StartResult.REFUSED, "UnsupportedOperation"), well: STARTING}


def test_what_is_long_gone_is_denied_and_keeps_nobody_asleep(ec2: Ec2UnderTest) -> None:
    """As with terminations: rights go by a tag. What lives and is denied is an error."""
    (machine,) = asleep(ec2, 1)
    denied = Refusal(403, "UnauthorizedOperation")
    refuse(ec2, START, denied)
    outcomes = ec2.machines().start([UNKNOWN, machine])
    assert [outcome.result for outcome in outcomes.values()] == [StartResult.GONE, StartResult.STARTING]
    refuse(ec2, STOP, denied)
    with pytest.raises(AccessDenied, match="UnauthorizedOperation"):
        ec2.machines().stop([machine])


def test_what_has_ended_and_is_still_seen_is_gone(ec2: Ec2UnderTest) -> None:
    """EC2 describes a machine for an hour after its end; it may have lost its tags by then."""
    ended, machine = asleep(ec2, 2)
    ec2.machines().terminate([ended])
    refuse(ec2, START, Refusal(403, "UnauthorizedOperation"))
    outcomes = ec2.machines().start([ended, machine])
    assert [outcome.result for outcome in outcomes.values()] == [StartResult.GONE, StartResult.STARTING]


def test_nobody_is_asked_for_after_a_throttle(ec2: Ec2UnderTest) -> None:
    """What is known by then is told; the next fifty come another time."""
    (machine,) = asleep(ec2, 1)
    unknown = [f"i-{number:017x}" for number in range(60)]
    refuse(ec2, START, None, *[Refusal(503, "RequestLimitExceeded")] * 3)
    with no_naps():
        outcomes = ec2.machines().start([*unknown[:49], machine, *unknown[49:]])
    assert set(outcomes) == set(unknown[:49])
    assert ec2.faults.sent == [START] * 4


def test_what_ec2_took_before_it_took_no_more_is_told(ec2: Ec2UnderTest) -> None:
    """The small bucket ran dry amid the halves: whoever is missing in the answer is asked for another time."""
    ids = asleep(ec2, 4)
    throttle = Refusal(503, "RequestLimitExceeded")
    refuse(ec2, START, DRY, None, DRY, None, *[throttle] * 3)  # all; the unknown one, the pool's four, one, one
    with no_naps():
        assert ec2.machines().start([UNKNOWN, *ids]) == {
            UNKNOWN: StartOutcome(StartResult.GONE, "InvalidInstanceID.NotFound"),
            ids[0]: STARTING,
        }
        refuse(ec2, START, wrong_state(ids[2]))
        refuse(ec2, LOOK, *[throttle] * 3)  # whether it is gone or only stops is not to be learnt
        assert ec2.machines().start(ids[2:]) == {ids[3]: STARTING}
        assert ec2.machines().start(ids) == dict.fromkeys(ids, STARTING)


def test_throttles_are_raised(ec2: Ec2UnderTest) -> None:
    """After a few tries, if nothing is known of anybody."""
    ids = launched(ec2, 1)
    throttle = Refusal(503, "RequestLimitExceeded")
    refuse(ec2, STOP, *[throttle] * 3)
    refuse(ec2, START, *[throttle] * 3)
    with no_naps():
        with pytest.raises(Throttled):
            ec2.machines().stop(ids)
        with pytest.raises(Throttled):
            ec2.machines().start(ids)
