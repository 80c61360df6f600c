"""Launches on EC2: what is asked of it, and what is made of its answers, partial and wrong ones included."""

import hashlib
import json
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import attrs
import pytest

from paddock.adapters.aws.ec2.request import digest
from paddock.adapters.aws_codes import RETRY_AFTER
from paddock.core.errors import AccessDenied, Rejected, Throttled, TokenReused, Unavailable
from paddock.core.pools.pool import Stock
from paddock.core.ports.machines import Lack, LaunchOutcome, MachineState
from paddock.core.spec import Arch, Market, Offer, RunnerSpec
from tests.aws.ec2 import Ec2UnderTest, a_request, ec2_on_moto
from tests.aws.ec2_faults import Dry, Refusal, no_naps

pytestmark = pytest.mark.slow


@pytest.fixture
def ec2() -> Iterator[Ec2UnderTest]:
    """A fleet without machines."""
    with ec2_on_moto() as opened:
        yield opened


def codes(outcome: LaunchOutcome) -> set[str]:
    return {error.partition(":")[0] for error in outcome.errors}


def test_a_launch_is_one_call(ec2: Ec2UnderTest) -> None:
    """Once it is known what is offered, which is asked a few times a day, nothing but CreateFleet is called."""
    machines = ec2.machines()
    machines.offers(RunnerSpec())
    ec2.faults.sent.clear()
    machines.launch(a_request("t-1", 3))
    machines.launch(a_request("t-2", 1, Market.ON_DEMAND))
    assert ec2.faults.sent == ["CreateFleet", "CreateFleet"]


@pytest.mark.parametrize("market", Market)
def test_what_is_asked_of_ec2(ec2: Ec2UnderTest, market: Market) -> None:
    """An instant fleet of so many machines, under our token, from the template of their architecture.

    Every offer is one override, with its zone's subnet and the disk that was asked for, which nobody else can read.
    """
    machines = ec2.machines()
    request = attrs.evolve(a_request("t-1", 2, market), spec=RunnerSpec(arch=Arch.ARM64), disk=77)
    machines.launch(request)
    (asked,) = ec2.faults.asked
    template = next(one for one in ec2.settings.templates if one.arch is Arch.ARM64)
    (config,) = asked["LaunchTemplateConfigs"]
    assert (asked["Type"], asked["ClientToken"]) == ("instant", "t-1")
    assert asked["TargetCapacitySpecification"] == {
        "TotalTargetCapacity": 2,
        "DefaultTargetCapacityType": market.value,
    }
    assert config["LaunchTemplateSpecification"] == {"LaunchTemplateId": template.id, "Version": "1"}
    overrides = config["Overrides"]
    assert [Offer(ec2.settings.zone(one["SubnetId"]), one["InstanceType"]) for one in overrides] == list(
        machines.offers(request.spec)
    )
    for one in overrides:
        (mapping,) = one["BlockDeviceMappings"]
        assert mapping["DeviceName"] == "/dev/sda1"
        assert mapping["Ebs"]["VolumeSize"] == 77
        assert mapping["Ebs"]["DeleteOnTermination"]
        assert mapping["Ebs"]["Encrypted"]
    if market is Market.SPOT:
        assert asked["SpotOptions"]["AllocationStrategy"] == "price-capacity-optimized"
        assert "OnDemandOptions" not in asked
    else:
        assert asked["OnDemandOptions"]["AllocationStrategy"] == "lowest-price"
        assert "SpotOptions" not in asked


def test_machines_and_volumes_are_tagged_and_nothing_else(ec2: Ec2UnderTest) -> None:
    """With the fleet, the launch and the caller's own tags, which do not displace ours."""
    ec2.machines().launch(attrs.evolve(a_request(), tags={"team": "ci", "paddock:fleet": "another"}))
    (asked,) = ec2.faults.asked
    assert [one["ResourceType"] for one in asked["TagSpecifications"]] == ["instance", "volume"]
    for one in asked["TagSpecifications"]:
        tags = {tag["Key"]: tag["Value"] for tag in one["Tags"]}
        assert tags["paddock:fleet"] == ec2.settings.fleet
        assert tags["paddock:launch"] == "t-1"
        assert tags["team"] == "ci"


@pytest.mark.parametrize("stock", [None, *Stock])
def test_a_pools_machine_is_told_what_it_is_kept_as(ec2: Ec2UnderTest, stock: Stock | None) -> None:
    """By a tag of the machine, and of nothing else; one for a job has none, whatever tags the caller wants."""
    request = attrs.evolve(a_request(), market=Market.ON_DEMAND, tags={"paddock:stock": "cold"}, stock=stock)
    ec2.machines().launch(request)
    (asked,) = ec2.faults.asked
    tags = {
        one["ResourceType"]: {tag["Key"]: tag["Value"] for tag in one["Tags"]} for one in asked["TagSpecifications"]
    }
    assert tags["instance"].pop("paddock:stock", None) == (None if stock is None else stock.value)
    assert tags["instance"] == tags["volume"]


def test_a_request_for_a_job_is_the_same_as_before_there_were_pools() -> None:
    """What a launch is known by stays the same if there is an upgrade before it is repeated; each stock has its own."""
    told = attrs.asdict(a_request())
    assert told.pop("stock") is None
    assert digest(a_request()) == hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:16]
    assert len({digest(attrs.evolve(a_request(), stock=stock)) for stock in (None, *Stock)}) == 3


def test_equal_requests_ask_for_the_same(ec2: Ec2UnderTest) -> None:
    """After a cold start too, and however the tags are ordered: or EC2 would refuse the token."""
    offers = ec2.machines().offers(RunnerSpec())
    ec2.machines().launch(attrs.evolve(a_request(), without=offers[:2], tags={"a": "1", "b": "2"}))
    ec2.machines().launch(attrs.evolve(a_request(), without=offers[:2], tags={"b": "2", "a": "1"}))
    first, second = ec2.faults.asked
    assert first == second


def test_pools_without_capacity_are_lacks_and_the_rest_serves(ec2: Ec2UnderTest) -> None:
    """One zone is dry: the machines stand in another one, and each dry pool is named with its market and code."""
    machines = ec2.machines()
    offers = machines.offers(RunnerSpec())
    dry = offers[0].zone
    ec2.faults.dry = [Dry("UnfulfillableCapacity", zone=dry)]
    outcome = machines.launch(a_request("t-1", 2))
    assert [machine.zone == dry for machine in outcome.machines] == [False, False]
    assert outcome.lacks == tuple(
        Lack(offer, Market.SPOT, "UnfulfillableCapacity") for offer in offers if offer.zone == dry
    )
    assert codes(outcome) == {"UnfulfillableCapacity"}
    assert not outcome.permanent


@pytest.mark.parametrize("code", ["InsufficientInstanceCapacity", "MaxSpotInstanceCountExceeded"])
def test_without_any_capacity_there_is_no_machine_and_no_error_is_raised(ec2: Ec2UnderTest, code: str) -> None:
    """Every pool of the market is a lack; the other market has its own."""
    machines = ec2.machines()
    ec2.faults.dry = [Dry(code, market=Market.SPOT)]
    outcome = machines.launch(a_request("t-1", 2))
    assert outcome.machines == ()
    assert not outcome.permanent
    assert [lack.offer for lack in outcome.lacks] == list(machines.offers(RunnerSpec()))
    assert {(lack.market, lack.code) for lack in outcome.lacks} == {(Market.SPOT, code)}
    assert len(machines.launch(a_request("t-2", 2, Market.ON_DEMAND)).machines) == 2


def test_a_throttle_inside_an_answer_costs_only_the_machines_that_it_cut_off(ec2: Ec2UnderTest) -> None:
    """Those that were started are told, the rest has a reason, and no pool is blamed for it."""
    ec2.faults.most = 1
    outcome = ec2.machines().launch(a_request("t-1", 3))
    assert len(outcome.machines) == 1
    assert codes(outcome) == {"RequestLimitExceeded"}
    assert outcome.lacks == ()
    ec2.faults.most = 0
    outcome = ec2.machines().launch(a_request("t-2", 3))
    assert (outcome.machines, outcome.lacks, codes(outcome)) == ((), (), {"RequestLimitExceeded"})


def test_a_throttled_call_is_made_again_with_its_token_and_then_raised(ec2: Ec2UnderTest) -> None:
    """Three times in all, by botocore; the next try is whoever's message comes back."""
    machines = ec2.machines()
    machines.offers(RunnerSpec())
    throttle = Refusal(503, "RequestLimitExceeded")
    with no_naps() as naps:
        ec2.faults.refusals["CreateFleet"] = [throttle] * 2
        assert len(machines.launch(a_request("t-1")).machines) == 1
        assert len(naps) == 2
        ec2.faults.refusals["CreateFleet"] = [throttle] * 3
        with pytest.raises(Throttled, match="RequestLimitExceeded") as caught:
            machines.launch(a_request("t-2"))
    assert caught.value.retry_after == RETRY_AFTER
    assert ec2.faults.sent.count("CreateFleet") == 6


@pytest.mark.parametrize(
    ("refusal", "error"),
    [
        (Refusal(403, "UnauthorizedOperation"), AccessDenied),
        (Refusal(400, "AuthFailure.ServiceLinkedRoleCreationNotPermitted"), AccessDenied),
        (Refusal(400, "InvalidLaunchTemplateId.NotFound"), Rejected),
        (Refusal(400, "InvalidSubnetID.NotFound"), Rejected),
        (Refusal(500, "InternalError"), Unavailable),
        (Refusal(503, "Unavailable"), Unavailable),
    ],
)
def test_a_refused_fleet_is_one_of_our_errors(ec2: Ec2UnderTest, refusal: Refusal, error: type[Exception]) -> None:
    """By its code."""
    machines = ec2.machines()
    ec2.faults.refusals["CreateFleet"] = [refusal] * 3
    with no_naps(), pytest.raises(error, match=refusal.code):
        machines.launch(a_request())


@pytest.mark.parametrize("refusal", [Refusal(400, "MaxFleetCountExceeded"), Refusal(500, "InsufficientCapacity")])
def test_a_fleet_that_is_refused_for_want_of_capacity_is_an_outcome(ec2: Ec2UnderTest, refusal: Refusal) -> None:
    """It names no pool, so it is a lack of all that was asked for."""
    machines = ec2.machines()
    ec2.faults.refusals["CreateFleet"] = [refusal] * 3
    with no_naps():
        outcome = machines.launch(a_request())
    lacks = tuple(Lack(offer, Market.SPOT, refusal.code) for offer in machines.offers(RunnerSpec()))
    assert outcome == LaunchOutcome((), (f"{refusal.code}: no",), lacks=lacks)


def test_a_token_that_is_reused_says_so(ec2: Ec2UnderTest) -> None:
    """EC2 refuses it, and no machine bears a tag that says it was launched for this request."""
    ec2.faults.remember_tokens()
    machines = ec2.machines()
    machines.launch(a_request("t-1"))
    with pytest.raises(TokenReused, match="IdempotentParameterMismatch"):
        machines.launch(a_request("t-1", 2))


def test_a_launch_is_resumed_over_a_change_of_the_fleets_settings(ec2: Ec2UnderTest) -> None:
    """The same request asks EC2 for something else by now, which refuses the token: its machines are found by tag."""
    ec2.faults.remember_tokens()
    first = ec2.machines().launch(a_request("t-1", 2))
    ec2.machines().launch(a_request("t-2", 2))
    zone = min(ec2.settings.subnets)
    fewer = attrs.evolve(ec2.settings, subnets={k: v for k, v in ec2.settings.subnets.items() if k != zone})
    again = ec2.machines(settings=fewer).launch(a_request("t-1", 2))
    assert {machine.id for machine in again.machines} == {machine.id for machine in first.machines}
    assert {machine.state for machine in again.machines} == {MachineState.RUNNING}


def test_an_empty_page_is_not_the_end_of_what_was_launched(ec2: Ec2UnderTest) -> None:
    """EC2 may give a page with nothing on it and more behind: whoever stopped there would launch them once more."""

    def empty_first(params: dict[str, Any], **_: object) -> tuple[object, dict[str, Any]] | None:
        if params["body"].pop("NextToken", None) is not None:
            return None
        return SimpleNamespace(status_code=200), {"Reservations": [], "NextToken": "more"}

    first = ec2.machines().launch(a_request("t-1", 2))
    events: Any = ec2.clients.ec2.meta.events
    events.register("before-call.ec2.DescribeInstances", empty_first)
    ec2.faults.refusals["CreateFleet"] = [Refusal(400, "IdempotentParameterMismatch")]
    again = ec2.machines().launch(a_request("t-1", 2))
    assert {machine.id for machine in again.machines} == {machine.id for machine in first.machines}


def test_a_launch_whose_machines_have_ended_is_answered_with_them(ec2: Ec2UnderTest) -> None:
    """EC2 may refuse the token of ended machines with a code of its own: that they have ended is the outcome."""
    machines = ec2.machines()
    first = machines.launch(a_request("t-1"))
    machines.terminate([machine.id for machine in first.machines])
    ec2.faults.refusals["CreateFleet"] = [Refusal(400, "IdempotentInstanceTerminated")]
    again = machines.launch(a_request("t-1"))
    assert [machine.id for machine in again.machines] == [machine.id for machine in first.machines]
    assert not any(machine.alive for machine in again.machines)


def test_an_image_that_this_fleet_does_not_have_is_never_to_be_had(ec2: Ec2UnderTest) -> None:
    """No template bears its name: no offer, no call, and a reason for the job's author."""
    machines = ec2.machines()
    spec = RunnerSpec(image="windows-98")
    assert machines.offers(spec) == ()
    outcome = machines.launch(attrs.evolve(a_request(), spec=spec))
    assert outcome.permanent
    assert outcome.errors == ("NoTemplate: no image 'windows-98' for x64 here",)
    assert ec2.faults.sent == []


@pytest.mark.parametrize(("token", "count"), [("", 1), ("x" * 65, 1), ("ü", 1), ("t", 0)])
def test_what_ec2_would_not_take_is_not_sent(ec2: Ec2UnderTest, token: str, count: int) -> None:
    """It is a mistake of the caller's."""
    with pytest.raises(ValueError, match=r"token|count"):
        ec2.machines().launch(a_request(token, count))
    assert ec2.faults.sent == []
