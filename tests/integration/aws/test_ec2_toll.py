"""What goes onto EC2's wire is paid for, each request and its machines, whoever it was that asked once more."""

from collections.abc import Iterator

import attrs
import pytest

from paddock.adapters.aws.ec2.machines import Ec2Machines
from paddock.adapters.aws.failures import watched
from paddock.adapters.memory import ManualClock, MemoryRecords
from paddock.adapters.pacing import Purse, PurseToll, ec2_ceilings
from paddock.adapters.pacing.ceilings import FLEETS, MACHINES
from paddock.core.errors import Throttled
from paddock.core.pace import PACE, Bucket, Pace
from paddock.core.ports.machines import StartOutcome, StartResult
from paddock.core.records import PACES
from paddock.core.spec import Market
from paddock.core.units import SECOND
from tests.aws.ec2 import PAGE, Ec2UnderTest, a_request, ec2_on_moto
from tests.aws.ec2_faults import Refusal, no_naps
from tests.strategies import NOON

pytestmark = pytest.mark.slow

FLEET, LOOK, END, STOP, START = (
    *("CreateFleet", "DescribeInstances", "TerminateInstances"),
    *("StopInstances", "StartInstances"),
)
DRY = Refusal(500, "InsufficientInstanceCapacity")
THROTTLE = Refusal(503, "RequestLimitExceeded")
DENIED = Refusal(403, "UnauthorizedOperation")


@attrs.define
class Cashier:
    """A toll that takes whatever comes and writes it down; from the ``last`` on it takes nothing any more."""

    paid: list[tuple[str, int, bool]] = attrs.field(factory=list)
    last: int | None = None

    def __call__(self, operation: str, machines: int, *, listing: bool) -> None:
        """Take it."""
        if len(self.paid) == self.last:
            raise Throttled("ours: no more of it for now", SECOND)
        self.paid.append((operation, machines, listing))


@attrs.frozen
class Paying:
    """A fleet on moto whose requests are paid for."""

    ec2: Ec2UnderTest
    machines: Ec2Machines
    cashier: Cashier

    def launched(self, count: int) -> list[str]:
        """Machines of one pool; what was asked so far is forgotten."""
        request = a_request("t-1", count, Market.ON_DEMAND)
        keep, *others = self.machines.offers(request.spec)
        outcome = self.machines.launch(attrs.evolve(request, without=tuple(others)))
        assert {machine.zone for machine in outcome.machines} == {keep.zone}
        self.forget()
        return [machine.id for machine in outcome.machines]

    def forget(self) -> None:
        """What was asked so far."""
        self.ec2.faults.sent.clear()
        self.cashier.paid.clear()

    def refuse(self, operation: str, *answers: Refusal | None) -> None:
        """What EC2 says to the next calls; None: what it likes."""
        self.ec2.faults.refusals[operation] = list(answers)

    def bill(self) -> list[tuple[str, int, bool]]:
        """What was paid: exactly what went out, but for what is asked once in a while."""
        often = [each for each in self.ec2.faults.sent if each != "DescribeInstanceTypeOfferings"]
        paid = [each for each in self.cashier.paid if each[0] != "DescribeInstanceTypeOfferings"]
        assert [operation for operation, *_ in paid] == often
        self.forget()
        return paid


@pytest.fixture
def paying() -> Iterator[Paying]:
    """A fleet without machines."""
    with ec2_on_moto() as opened:
        cashier = Cashier()
        yield Paying(opened, toll_paid(opened, cashier), cashier)
        cashier.last = None


def toll_paid(ec2: Ec2UnderTest, toll: Cashier | PurseToll) -> Ec2Machines:
    return Ec2Machines(ec2.clients, ec2.settings, ManualClock(NOON), page_size=PAGE, toll=toll)


def unknown(count: int) -> list[str]:
    return [f"i-{number:017x}" for number in range(count)]


def test_each_request_is_paid_for_with_its_machines(paying: Paying) -> None:
    """A fleet by what it is asked for; pages and filters have a bucket of their own."""
    ids = [machine.id for machine in paying.machines.launch(a_request(count=3)).machines]
    assert paying.bill() == [(FLEET, 3, False)]
    paying.machines.describe(ids)
    paying.machines.page()
    assert paying.bill() == [(LOOK, 3, False), (LOOK, 0, True)]
    paying.machines.terminate(ids)
    assert paying.bill() == [(END, 3, False)]
    paying.machines.describe([])
    paying.machines.terminate([])
    assert paying.bill() == []


def test_who_shares_a_client_pays_once(paying: Paying) -> None:
    """A client has one toll, however many ask by it: what went out once is paid for once."""
    another = toll_paid(paying.ec2, paying.cashier)
    paying.machines.page()
    another.page()
    assert paying.bill() == [(LOOK, 0, True)] * 2


def test_what_is_asked_again_because_of_unknown_machines_is_paid_for(paying: Paying) -> None:
    """EC2 has counted the call that it refused, too."""
    ids = paying.launched(2)
    paying.machines.describe([*unknown(1), *ids])
    first, *pages = paying.bill()
    assert (first, set(pages)) == ((LOOK, 3, False), {(LOOK, 0, True)})
    paying.machines.stop([*unknown(3), *ids])
    assert [each for each in paying.bill() if each[0] == STOP] == [(STOP, 5, False), (STOP, 2, False)]
    paying.machines.start([*unknown(3), *ids])
    assert [each for each in paying.bill() if each[0] == START] == [(START, 5, False), (START, 2, False)]
    paying.machines.terminate([*unknown(3), *ids])
    assert paying.bill() == [(END, 5, False), (END, 2, False)]


def test_a_look_at_what_is_denied_is_paid_for(paying: Paying) -> None:
    """And so is the call that is made again without what is gone."""
    ids = paying.launched(1)
    paying.refuse(END, DENIED)
    paying.machines.terminate([*unknown(1), *ids])
    assert paying.bill() == [(END, 2, False), (LOOK, 0, True), (END, 1, False)]


@pytest.mark.parametrize("fault", [THROTTLE, Refusal(500, "InternalError")])
def test_what_botocore_tries_again_is_paid_for(paying: Paying, fault: Refusal) -> None:
    """Each try is a request, and names its machines."""
    paying.refuse(FLEET, fault, fault)
    with no_naps():
        assert len(paying.machines.launch(a_request(count=2)).machines) == 2
    assert paying.bill() == [(FLEET, 2, False)] * 3


def test_what_cannot_be_paid_does_not_go_out(paying: Paying) -> None:
    """Neither a call nor its repetition: whoever asked is told, and of what has gone out nothing is taken back."""
    failed: list[tuple[str, str]] = []
    watched(paying.ec2.clients.ec2, "ec2", lambda service, code: failed.append((service, code)))
    ids = paying.launched(2)
    paying.cashier.last = 0
    for call in (paying.machines.describe, paying.machines.terminate, paying.machines.stop, paying.machines.start):
        with pytest.raises(Throttled, match="ours"):
            call(ids)
    assert paying.bill() == []
    paying.cashier.last = 1
    with pytest.raises(Throttled, match="ours"):
        paying.machines.terminate([*unknown(1), *ids])
    assert paying.bill() == [(END, 3, False)]
    assert failed == [], "EC2 has not failed"
    paying.refuse(LOOK, THROTTLE)
    with no_naps(), pytest.raises(Throttled, match="ours"):
        paying.machines.describe(ids)
    assert paying.bill() == [(LOOK, 2, False)]
    assert failed == [("EC2", "Throttled")], "it has, and was not asked again"


# -- the purse ----------------------------------------------------------------------------------------------------


@attrs.frozen
class Within:
    """A fleet on moto within EC2's limits, as far as they are shared."""

    ec2: Ec2UnderTest
    machines: Ec2Machines
    paces: MemoryRecords[Pace]

    def taken(self) -> dict[str, int]:
        """Tokens by limit, since all began; the clock stands still."""
        pace = self.paces.get(PACE) or Pace()
        found = {}
        for name, (full,) in pace.used.items():
            bucket = ec2_ceilings()[name].shared
            assert isinstance(bucket, Bucket)
            found[name] = (full - NOON) // bucket.every
        return found

    def asleep(self, count: int) -> list[str]:
        """Machines of one pool that are stopped; what was asked so far is forgotten."""
        free = self.ec2.machines()
        request = a_request("t-1", count, Market.ON_DEMAND)
        without = tuple(free.offers(request.spec)[1:])
        found = [machine.id for machine in free.launch(attrs.evolve(request, without=without)).machines]
        free.stop(found)
        self.ec2.faults.sent.clear()
        return found


@pytest.fixture
def within() -> Iterator[Within]:
    """A fleet without machines, and nothing taken."""
    with ec2_on_moto() as opened:
        paces: MemoryRecords[Pace] = MemoryRecords(PACES)
        purse = Purse(paces, ec2_ceilings(), ManualClock(NOON))
        yield Within(opened, toll_paid(opened, PurseToll(purse)), paces)


def test_a_bucket_sees_what_ec2s_sees(within: Within) -> None:
    """Machines that are named twice count twice. Two requests are the process's own, then a block is taken."""
    ids = within.asleep(3)
    within.machines.terminate([*unknown(197), *ids])
    assert within.ec2.faults.sent == [END, END]
    assert within.taken() == {"ec2.terminated": 200 + 5}, "of which two are left for what comes next"
    within.machines.terminate(unknown(200))
    assert within.taken() == {"ec2.terminated": 405, "ec2.TerminateInstances": 5}


def test_a_call_that_is_made_again_and_again_ends_with_the_purse(within: Within) -> None:
    """Of five requests at once three are shared: who is known by then is told, the others are for another time."""
    ids = within.asleep(5)
    refusals = [Refusal(400, "IncorrectInstanceState", f"The instance '{id_}' is not stopped") for id_ in ids]
    within.ec2.faults.refusals[START] = [*refusals]
    found = within.machines.start(ids)
    assert within.ec2.faults.sent == [START, START, START, LOOK]
    assert set(found) == set(ids[:3])
    within.ec2.faults.clear()
    with pytest.raises(Throttled, match=r"ec2\.StartInstances: no more of it"):
        within.machines.start(ids)
    assert within.taken()["ec2.StartInstances"] == 3


def test_a_launch_that_is_refused_takes_no_machines(within: Within) -> None:
    """However often it is tried: others have them, and need not wait."""
    within.machines.launch(a_request("t-1", 10))  # by the process's own request
    requests = ec2_ceilings()[FLEETS].shared
    assert isinstance(requests, Bucket)
    Purse(within.paces, ec2_ceilings(), ManualClock(NOON)).spend(FLEETS, requests.capacity)
    for _ in range(5):
        with pytest.raises(Throttled, match=r"ec2\.CreateFleet: no more of it"):
            within.machines.launch(a_request("t-2", 10))
    assert within.ec2.faults.sent.count(FLEET) == 1
    assert within.taken() == {MACHINES: 10, FLEETS: requests.capacity}


def test_the_purse_lasts_until_an_empty_pool_is_known(within: Within) -> None:
    """Or its machines would be asked for as long as anybody wants them, and nobody would turn to another pool."""
    ids = within.asleep(10)
    within.ec2.faults.refusals[START] = [DRY] * 10
    lack = StartOutcome(StartResult.NO_CAPACITY, DRY.code)
    assert within.machines.start(ids) == dict.fromkeys(ids, lack)
    assert within.taken()["ec2.StartInstances"] <= 3
