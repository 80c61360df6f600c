"""EC2's answers and descriptions read, in shapes that moto never gives."""

from datetime import UTC, datetime
from itertools import permutations
from typing import Any

import pytest

from paddock.adapters.aws.ec2.answer import MOST_ERRORS, Reader
from paddock.adapters.aws.ec2.instances import machine_of
from paddock.adapters.aws.ec2.settings import Ec2Settings, Template
from paddock.core.catalogue import CATALOGUE
from paddock.core.errors import InvalidInput
from paddock.core.ports.machines import Lack, LaunchOutcome, LaunchRequest, MachineState, Shortfall
from paddock.core.spec import Arch, Market, Offer, RunnerSpec
from paddock.core.units import moment_of
from tests.strategies import NOON

KINDS = {kind.name: kind for kind in CATALOGUE}
TEMPLATE = Template(arch=Arch.X64, id="lt-0123456789abcdef0", version="3")
SETTINGS = Ec2Settings(fleet="ci", subnets={"eu-west-1a": "subnet-a", "eu-west-1b": "subnet-b"}, templates=(TEMPLATE,))
REQUEST = LaunchRequest("t", 5, RunnerSpec(), Market.SPOT, 40)
ASKED = (Offer("eu-west-1a", "c7i.large"), Offer("eu-west-1b", "c7i.large"), Offer("eu-west-1a", "m7i.large"))


def outcome(**answer: object) -> LaunchOutcome:
    made: Any = {"FleetId": "fleet-1", **answer}
    return Reader(SETTINGS, KINDS).outcome(made, REQUEST, ASKED, NOON)


def group(instance_type: str, ids: list[str], **more: object) -> dict[str, object]:
    return {"InstanceType": instance_type, "InstanceIds": ids, "Lifecycle": "spot", **more}


def error(code: str, text: str = "no", **chosen: str) -> dict[str, object]:
    return {
        "ErrorCode": code,
        "ErrorMessage": text,
        "Lifecycle": "spot",
        "LaunchTemplateAndOverrides": {"Overrides": chosen},
    }


def test_machines_come_in_groups_and_are_told_apart_by_their_ids() -> None:
    """A group is of one pool; its zone stands in its override, in itself, or is known by the subnet."""
    made = outcome(
        Instances=[
            group("c7i.large", ["i-1", "i-2"], SubnetId="subnet-b", AvailabilityZone="eu-west-1b"),
            group("m7i.xlarge", ["i-3"], LaunchTemplateAndOverrides={"Overrides": {"SubnetId": "subnet-a"}}),
            group("m7i.large", ["i-4"], AvailabilityZone="eu-west-1c"),
        ]
    )
    assert [(one.id, one.instance_type, one.zone, one.vcpu) for one in made.machines] == [
        ("i-1", "c7i.large", "eu-west-1b", 2),
        ("i-2", "c7i.large", "eu-west-1b", 2),
        ("i-3", "m7i.xlarge", "eu-west-1a", 4),
        ("i-4", "m7i.large", "eu-west-1c", 2),
    ]
    assert {(one.state, one.launched_at, one.disk) for one in made.machines} == {(MachineState.PENDING, NOON, 40)}
    assert made.machines[2].price == KINDS["m7i.xlarge"].price(Market.SPOT)


def test_market_and_price_are_of_what_was_launched() -> None:
    """Not of what was asked for; what the catalogue does not know has no price."""
    made = outcome(Instances=[{**group("c7i.large", ["i-1"]), "Lifecycle": "on-demand"}, group("x9z.large", ["i-2"])])
    assert [(one.market, one.price, one.vcpu) for one in made.machines] == [
        (Market.ON_DEMAND, KINDS["c7i.large"].on_demand, 2),
        (Market.SPOT, None, 0),
    ]


def test_a_lack_is_a_pool_that_is_named_beside_the_right_code() -> None:
    """Each once. Throttles, and errors that name no pool beside others that do, are told and blamed on none."""
    pool = {"InstanceType": "c7i.large", "SubnetId": "subnet-a"}
    made = outcome(
        Errors=[
            error("UnfulfillableCapacity", **pool),
            error("UnfulfillableCapacity", **pool),
            error("VcpuLimitExceeded", InstanceType="m7i.large", AvailabilityZone="eu-west-1b"),
            error("InvalidFleetConfiguration", **pool),
            error("RequestLimitExceeded", **pool),
            error("MaxSpotInstanceCountExceeded"),
            {},
        ]
    )
    assert made.lacks == (
        Lack(Offer("eu-west-1a", "c7i.large"), Market.SPOT, "UnfulfillableCapacity"),
        Lack(Offer("eu-west-1b", "m7i.large"), Market.SPOT, "VcpuLimitExceeded"),
        Lack(Offer("eu-west-1a", "c7i.large"), Market.SPOT, "InvalidFleetConfiguration"),
    )
    assert made.errors == (
        "VcpuLimitExceeded: no",
        "MaxSpotInstanceCountExceeded: no",
        "UnfulfillableCapacity: no",
        "InvalidFleetConfiguration: no",
        "NoCode: EC2 gives no reason",
        "RequestLimitExceeded: no",
    )
    assert not made.permanent


@pytest.mark.parametrize(
    "code", ["AuthFailure.ServiceLinkedRoleCreationNotPermitted", "SomethingThatNobodyKnows", "VcpuLimitExceeded", ""]
)
def test_an_error_that_names_no_pool_is_a_lack_of_all_if_nothing_was_started(code: str) -> None:
    """Or else each job would ask spot first, for ever, and then once more on demand."""
    made = outcome(Errors=[error(code)])
    assert made.lacks == tuple(Lack(offer, Market.SPOT, code or "NoCode") for offer in ASKED)
    assert outcome(Errors=[error(code)], Instances=[group("c7i.large", ["i-1"])]).lacks == ()


@pytest.mark.parametrize("code", ["RequestLimitExceeded", "UnauthorizedOperation", "InvalidAMIID.NotFound"])
def test_a_throttle_or_a_refusal_is_no_lack_of_anything(code: str) -> None:
    """The other market would say the same, or the same market something else a moment later."""
    assert outcome(Errors=[error(code)]).lacks == ()


@pytest.mark.parametrize(
    ("codes", "what"),
    [
        (["InsufficientInstanceCapacity"], Shortfall.CAPACITY),
        (["UnauthorizedOperation"], Shortfall.REFUSED),
        (["InvalidAMIID.NotFound", "InvalidParameterValue"], Shortfall.REFUSED),
        (["RequestLimitExceeded"], Shortfall.BUSY),
        (["InternalError", "UnauthorizedOperation"], Shortfall.BUSY),
        (["UnauthorizedOperation", "VcpuLimitExceeded"], Shortfall.CAPACITY),
        (["InvalidFleetConfiguration"], Shortfall.CAPACITY),
        (["AuthFailure.ServiceLinkedRoleCreationNotPermitted"], Shortfall.CAPACITY),
        (["SomethingThatNobodyKnows"], Shortfall.CAPACITY),
        ([""], Shortfall.CAPACITY),
        ([], Shortfall.CAPACITY),
    ],
)
def test_what_is_no_lack_of_machines_is_not_taken_for_one(codes: list[str], what: Shortfall) -> None:
    """A right or an image that is missing is told as that; a throttle does not turn a job to the dearer market."""
    assert outcome(Errors=[error(code) for code in codes]).shortfall is what


MIXED = [
    (("InsufficientInstanceCapacity", "VcpuLimitExceeded"), "VcpuLimitExceeded", Shortfall.CAPACITY),
    (
        ("UnfulfillableCapacity", "MaxSpotInstanceCountExceeded", "Unsupported"),
        "MaxSpotInstanceCountExceeded",
        Shortfall.CAPACITY,
    ),
    (("UnauthorizedOperation", "MaxSpotInstanceCountExceeded"), "MaxSpotInstanceCountExceeded", Shortfall.CAPACITY),
    (
        ("RequestLimitExceeded", "InsufficientInstanceCapacity", "VcpuLimitExceeded"),
        "VcpuLimitExceeded",
        Shortfall.CAPACITY,
    ),
    (("SomethingThatNobodyKnows", "VcpuLimitExceeded"), "VcpuLimitExceeded", Shortfall.CAPACITY),
    (("SomethingThatNobodyKnows", "InsufficientInstanceCapacity"), "InsufficientInstanceCapacity", Shortfall.CAPACITY),
    (("RequestLimitExceeded", "InsufficientInstanceCapacity"), "InsufficientInstanceCapacity", Shortfall.CAPACITY),
    (("InvalidAMIID.NotFound", "UnfulfillableCapacity"), "UnfulfillableCapacity", Shortfall.CAPACITY),
    (("InvalidAMIID.NotFound", "RequestLimitExceeded"), "RequestLimitExceeded", Shortfall.BUSY),
]


@pytest.mark.parametrize(("codes", "first", "what"), MIXED)
def test_in_whatever_order_errors_come_the_same_one_counts(codes: tuple[str, ...], first: str, what: Shortfall) -> None:
    """A quota, which somebody has to raise, before pools, which fill up by themselves; then what else passes."""
    for order in permutations(codes):
        made = outcome(Errors=[error(code) for code in order])
        assert made.errors[0] == f"{first}: no", order
        assert made.shortfall is what, order


def test_a_quota_behind_many_pools_is_not_cut_off() -> None:
    """What counts is told, however many pools had nothing."""
    pools = [error("InsufficientInstanceCapacity", f"none in pool {number}") for number in range(MOST_ERRORS + 5)]
    made = outcome(Errors=[*pools, error("VcpuLimitExceeded")])
    assert made.errors[0] == "VcpuLimitExceeded: no"


def test_a_long_list_of_long_errors_is_cut() -> None:
    """They go into a record, and a fleet may name hundreds of pools."""
    made = outcome(Errors=[error("UnfulfillableCapacity", f"{number} {'long ' * 200}") for number in range(50)])
    assert len(made.errors) == MOST_ERRORS + 1
    assert max(len(text) for text in made.errors) < 400
    assert made.errors[-1] == "More: 40 other errors of this fleet are left out"


def described(**fields: object) -> Any:  # noqa: ANN401 - as EC2 may describe it
    return {
        "InstanceId": "i-1",
        "InstanceType": "c7i.large",
        "LaunchTime": datetime(2026, 11, 22, 13, 0, 5, tzinfo=UTC),
        "State": {"Name": "running"},
        "Placement": {"AvailabilityZone": "eu-west-1a"},
        **fields,
    }


@pytest.mark.parametrize(
    ("name", "state"),
    [
        ("pending", MachineState.PENDING),
        ("running", MachineState.RUNNING),
        ("stopping", MachineState.STOPPING),
        ("stopped", MachineState.STOPPED),
        ("shutting-down", MachineState.TERMINATED),
        ("terminated", MachineState.TERMINATED),
    ],
)
def test_states_are_ec2s(name: str, state: MachineState) -> None:
    """What shuts down never comes back, and is billed no longer: it counts as ended."""
    assert machine_of(described(State={"Name": name}), KINDS, "main").state is state


def test_a_machine_that_was_taken_back_says_so() -> None:
    """Spot, ended by EC2, at a time that it does not tell."""
    machine = machine_of(
        described(
            InstanceLifecycle="spot",
            State={"Name": "terminated"},
            StateReason={"Code": "Server.SpotInstanceTermination", "Message": "..."},
            StateTransitionReason="Server.SpotInstanceTermination",
        ),
        KINDS,
        "main",
    )
    assert machine.taken
    assert (machine.market, machine.ended_at) == (Market.SPOT, None)


@pytest.mark.parametrize(
    ("tags", "ours"), [({"paddock:fleet": "main"}, True), ({"paddock:fleet": "other"}, False), ({}, False)]
)
def test_whose_a_machine_is_its_tag_says(tags: dict[str, str], ours: bool) -> None:  # noqa: FBT001 - a table
    """A description by ids may show anybody's machines; one without our tag is none of ours, whatever else it bears."""
    told = [{"Key": key, "Value": value} for key, value in {**tags, "paddock:launch": "l-1"}.items()]
    assert machine_of(described(Tags=told), KINDS, "main").ours is ours


def test_the_time_of_an_end_is_read_where_ec2_tells_it() -> None:
    """It stands in the reason's text; a stopped machine has not ended."""
    fields = {
        "StateReason": {"Code": "Client.UserInitiatedShutdown", "Message": "..."},
        "StateTransitionReason": "User initiated (2026-11-22 14:00:07 GMT)",
    }
    ended = machine_of(described(State={"Name": "terminated"}, **fields), KINDS, "main")
    assert ended.ended_at == moment_of(datetime(2026, 11, 22, 14, 0, 7, tzinfo=UTC))
    assert (ended.ended_by, ended.taken) == ("Client.UserInitiatedShutdown", False)
    stopped = machine_of(described(State={"Name": "stopped"}, **fields), KINDS, "main")
    assert (stopped.ended_at, stopped.ended_by) == (None, "")


def test_a_type_that_the_catalogue_no_longer_has_is_read_from_the_description() -> None:
    """Architecture and processors are EC2's word, and a price is not to be had; tags of others do not confuse it."""
    machine = machine_of(
        described(
            InstanceType="x9z.large",
            Architecture="arm64",
            CpuOptions={"CoreCount": 2, "ThreadsPerCore": 2},
            Tags=[{"Key": "paddock:disk", "Value": "big"}, {"Key": "Name", "Value": "x"}],
        ),
        KINDS,
        "main",
    )
    assert (machine.arch, machine.vcpu, machine.price) == (Arch.ARM64, 4, None)
    assert (machine.disk, machine.token) == (0, "")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("fleet", "a fleet"),
        ("subnets", {}),
        ("subnets", {"eu-west-1a": "subnet-a", "eu-west-1b": "subnet-a"}),
        ("templates", ()),
        ("templates", (TEMPLATE, TEMPLATE)),
    ],
)
def test_settings_that_cannot_work_are_refused(field: str, value: object) -> None:
    """With the field's name, before anything is launched."""
    good: dict[str, Any] = {"fleet": "ci", "subnets": {"eu-west-1a": "subnet-a"}, "templates": (TEMPLATE,)}
    with pytest.raises(InvalidInput, match=field):
        Ec2Settings(**{**good, field: value})


@pytest.mark.parametrize(("field", "value"), [("id", "ami-1"), ("version", "$Latest"), ("root_device", "sda1")])
def test_templates_that_cannot_work_are_refused(field: str, value: str) -> None:
    """A version is a number: what "the latest" means changes, and a token stands for one request."""
    good: dict[str, Any] = {"arch": Arch.X64, "id": TEMPLATE.id, "version": "1"}
    with pytest.raises(InvalidInput, match=field):
        Template(**{**good, field: value})
