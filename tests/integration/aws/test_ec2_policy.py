"""The rights that a role is given for EC2, held against what the adapter really calls."""

import json

import pytest

from paddock.adapters.aws.ec2.policy import MACHINES, OBSERVER, POOLER, Statement
from paddock.core.spec import Market
from tests.aws.ec2 import a_request, ec2_on_moto
from tests.aws.ec2_faults import Refusal

# What EC2 checks for each operation: an instant fleet runs and tags its machines, and gives them a role, in its
# caller's name.
CHECKED = {
    "CreateFleet": {"ec2:CreateFleet", "ec2:RunInstances", "ec2:CreateTags", "iam:PassRole"},
    "DescribeInstanceTypeOfferings": {"ec2:DescribeInstanceTypeOfferings"},
    "DescribeInstances": {"ec2:DescribeInstances"},
    "StartInstances": {"ec2:StartInstances"},
    "StopInstances": {"ec2:StopInstances"},
    "TerminateInstances": {"ec2:TerminateInstances"},
}


def actions(statement: Statement) -> set[str]:
    return {str(action) for action in statement["Action"]}


@pytest.mark.slow
def test_nothing_is_called_without_a_right_and_no_right_is_unused() -> None:
    """Every method, with unknown ids too; but for those by which machines sleep."""
    with ec2_on_moto() as ec2:
        machines = ec2.machines()
        (machine,) = machines.launch(a_request()).machines
        machines.describe([machine.id, "i-00000000000000404"])
        machines.page()
        machines.terminate([machine.id, "i-00000000000000404"])
        called = set(ec2.faults.sent)
    granted = {action for statement in MACHINES for action in actions(statement)}
    assert granted == {right for operation in called for right in CHECKED[operation]}


@pytest.mark.slow
def test_sleep_takes_its_own_rights_and_looks() -> None:
    """Stopping and starting, with a machine that EC2 refuses at first, so that it is looked at."""
    with ec2_on_moto() as ec2:
        machines = ec2.machines()
        (machine,) = machines.launch(a_request(market=Market.ON_DEMAND)).machines
        ec2.faults.sent.clear()
        machines.stop([machine.id])
        ec2.faults.refusals["StartInstances"] = [Refusal(400, "IncorrectInstanceState", machine.id)]
        machines.start([machine.id])
        called = set(ec2.faults.sent)
    granted = {action for statement in (*POOLER, *OBSERVER) for action in actions(statement)}
    assert granted == {right for operation in called for right in CHECKED[operation]}


def test_machines_are_made_and_ended_only_with_the_fleets_tag() -> None:
    """No statement lets a role do anything to an instance that is not, or will not be, its fleet's, but look at it."""
    conditions = {
        "ec2:RunInstances": "aws:RequestTag/paddock:fleet",
        "ec2:CreateFleet": "aws:RequestTag/paddock:fleet",
        "ec2:TerminateInstances": "aws:ResourceTag/paddock:fleet",
        "ec2:StartInstances": "aws:ResourceTag/paddock:fleet",
        "ec2:StopInstances": "aws:ResourceTag/paddock:fleet",
        "ec2:CreateTags": "ec2:CreateAction",
    }
    for statement in (*MACHINES, *POOLER):
        if any(str(resource).endswith(("instance/*", "volume/*")) for resource in statement["Resource"]):
            for action in actions(statement):
                assert conditions[action] in json.dumps(statement["Condition"])
        elif "*" in statement["Resource"]:
            assert all(action.startswith("ec2:Describe") for action in actions(statement))
