"""Machines on EC2 described, listed and ended, among ids that EC2 does not know and machines that are not ours."""

from collections.abc import Iterator

import attrs
import pytest

from paddock.adapters.aws.ec2.machines import CHUNK
from paddock.core.errors import AccessDenied, Throttled
from tests.agent.machine import all_machines
from tests.aws.ec2 import Ec2UnderTest, a_request, ec2_on_moto
from tests.aws.ec2_faults import Refusal, no_naps

pytestmark = pytest.mark.slow

DENIED = Refusal(403, "UnauthorizedOperation")


@pytest.fixture
def ec2() -> Iterator[Ec2UnderTest]:
    """A fleet without machines."""
    with ec2_on_moto() as opened:
        yield opened


def launched(ec2: Ec2UnderTest, count: int) -> list[str]:
    """The ids of so many machines; what was asked so far is forgotten."""
    found = [machine.id for machine in ec2.machines().launch(a_request("t-1", count)).machines]
    ec2.faults.sent.clear()
    return found


def unknown(count: int) -> list[str]:
    return [f"i-{number:017x}" for number in range(count)]


def alive(ec2: Ec2UnderTest) -> set[str]:
    return {machine.id for machine in all_machines(ec2.machines())}


def test_known_machines_are_described_in_one_call(ec2: Ec2UnderTest) -> None:
    """In the order in which they were asked for, each once."""
    ids = launched(ec2, 3)
    wanted = [ids[2], ids[0], ids[2], ids[1]]
    assert list(ec2.machines().describe(wanted)) == [ids[2], ids[0], ids[1]]
    assert ec2.faults.sent == ["DescribeInstances"]


def test_unknown_ids_cost_a_second_call_and_hide_nothing(ec2: Ec2UnderTest) -> None:
    """EC2 refuses a description by ids of which it does not know one; a filter passes over it."""
    ids = launched(ec2, 2)
    assert list(ec2.machines().describe([*unknown(2), *ids])) == ids
    assert ec2.faults.sent == ["DescribeInstances"] * 2


def test_many_ids_are_described_in_chunks(ec2: Ec2UnderTest) -> None:
    """An unknown id spoils only its own chunk's first call."""
    ids = launched(ec2, 1)
    assert list(ec2.machines().describe([*unknown(400), *ids])) == ids
    assert ec2.faults.sent == ["DescribeInstances"] * 5


def test_nothing_to_describe_or_to_end_is_no_call(ec2: Ec2UnderTest) -> None:
    """EC2 would take no ids for all machines of the account."""
    ec2.machines().describe([])
    ec2.machines().terminate([])
    assert ec2.faults.sent == []


def test_what_was_described_is_what_was_launched(ec2: Ec2UnderTest) -> None:
    """Disk and token come back from the tags, when it ended and by whom from EC2."""
    request = attrs.evolve(a_request("t-9"), disk=123)
    (machine,) = ec2.machines().launch(request).machines
    ec2.machines().terminate([machine.id])
    found = ec2.machines().describe([machine.id])[machine.id]
    assert (found.token, found.disk, found.instance_type) == ("t-9", 123, machine.instance_type)
    assert (found.zone, found.market, found.price) == (machine.zone, machine.market, machine.price)
    assert found.ended_by == "Client.UserInitiatedShutdown"
    assert found.ended_at is not None
    assert found.ended_at >= found.launched_at
    assert not found.taken


def test_another_fleets_machines_are_not_listed(ec2: Ec2UnderTest) -> None:
    """The fleet's tag tells them apart, in one region of one account."""
    ours = launched(ec2, 3)
    other = attrs.evolve(ec2.settings, fleet=f"{ec2.settings.fleet}-b")
    (theirs,) = ec2.machines(settings=other).launch(a_request("t-2")).machines
    assert alive(ec2) == set(ours)
    ec2.machines().terminate([theirs.id])


def test_a_listing_goes_on_over_several_pages(ec2: Ec2UnderTest) -> None:
    """One call per page."""
    ids = launched(ec2, 5)
    first = ec2.machines().page()
    assert first.cursor is not None
    assert len(first.items) < 5
    ec2.faults.sent.clear()
    assert alive(ec2) == set(ids)
    assert ec2.faults.sent == ["DescribeInstances"] * 3


def test_known_machines_are_ended_in_one_call(ec2: Ec2UnderTest) -> None:
    """However many they are, up to a chunk."""
    ids = launched(ec2, 3)
    ec2.machines().terminate([*ids, ids[0]])
    assert ec2.faults.sent == ["TerminateInstances"]
    assert alive(ec2) == set()


def test_unknown_machines_do_not_keep_the_others_alive(ec2: Ec2UnderTest) -> None:
    """EC2 ends none if one is unknown, and names it: the call is made again without it."""
    ids = launched(ec2, 2)
    ec2.machines().terminate([*unknown(3), *ids])
    assert ec2.faults.sent == ["TerminateInstances"] * 2
    assert alive(ec2) == set()


def test_however_many_unknown_machines_one_more_call_is_enough(ec2: Ec2UnderTest) -> None:
    """Two hundred names make a text of thousands of characters, and all of it is read."""
    ids = launched(ec2, 2)
    ec2.machines().terminate([*unknown(CHUNK - 2), *ids])
    assert ec2.faults.sent == ["TerminateInstances"] * 2
    assert alive(ec2) == set()
    ec2.faults.sent.clear()
    ec2.machines().terminate(unknown(2 * CHUNK))  # nobody is left: the call is not made again
    assert ec2.faults.sent == ["TerminateInstances"] * 2


def test_unknown_machines_that_ec2_does_not_name_are_found_by_halves(ec2: Ec2UnderTest) -> None:
    """What its text says is not relied upon."""
    ids = launched(ec2, 2)
    ec2.faults.refusals["TerminateInstances"] = [Refusal(400, "InvalidInstanceID.NotFound")]
    ec2.machines().terminate(ids)
    assert ec2.faults.sent == ["TerminateInstances"] * 3
    assert alive(ec2) == set()
    ec2.faults.refusals["TerminateInstances"] = [Refusal(400, "InvalidInstanceID.Malformed")]
    ec2.machines().terminate(["nonsense"])


def test_machines_that_are_long_gone_are_denied_and_do_not_keep_the_others_alive(ec2: Ec2UnderTest) -> None:
    """Rights that go by a tag cover nothing that has none any more: EC2 then denies instead of not knowing it."""
    ids = launched(ec2, 2)
    ec2.faults.refusals["TerminateInstances"] = [DENIED]
    ec2.machines().terminate([*unknown(1), *ids])
    assert ec2.faults.sent == ["TerminateInstances", "DescribeInstances", "TerminateInstances"]
    assert alive(ec2) == set()
    ec2.faults.refusals["TerminateInstances"] = [DENIED]
    ec2.machines().terminate(ids)  # ended, still listed


def test_a_machine_that_lives_and_may_not_be_ended_is_an_error(ec2: Ec2UnderTest) -> None:
    """It is not ours, or the policy is wrong: nobody may believe that it is gone."""
    ids = launched(ec2, 1)
    ec2.faults.refusals["TerminateInstances"] = [DENIED]
    with pytest.raises(AccessDenied, match="UnauthorizedOperation"):
        ec2.machines().terminate(ids)
    assert alive(ec2) == set(ids)


@pytest.mark.parametrize("operation", ["DescribeInstances", "TerminateInstances"])
def test_throttles_are_raised_after_a_few_tries(ec2: Ec2UnderTest, operation: str) -> None:
    """Whichever call it was."""
    ids = launched(ec2, 1)
    ec2.faults.refusals[operation] = [Refusal(503, "RequestLimitExceeded")] * 6
    with no_naps():
        with pytest.raises(Throttled):
            ec2.machines().terminate(ids) if operation == "TerminateInstances" else ec2.machines().describe(ids)
        ec2.faults.clear()
