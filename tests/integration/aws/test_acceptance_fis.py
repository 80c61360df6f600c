"""A spot machine is taken back by an experiment of FIS: its shapes, a role that is young, rights that are lacking."""

import json
from collections.abc import Iterator
from typing import Any

import attrs
import pytest
from boto3.session import Session
from botocore.exceptions import ReadTimeoutError

from paddock.adapters.memory import ManualClock, ManualSleeper, SequentialIds
from paddock.entrypoints.aws_acceptance.interrupter import FisInterrupter
from paddock.entrypoints.aws_stack.places import Places
from tests.aws.fis import FisStandIn, fis_standin
from tests.aws.judge import REGION
from tests.aws.machine import moto

pytestmark = pytest.mark.slow


@attrs.define
class Desk:
    """A spot machine and one on demand, and who interrupts them. ``taken`` are those that were."""

    fis: FisStandIn
    interrupter: FisInterrupter
    iam: Any
    spot: str
    other: str
    taken: list[str]


@pytest.fixture
def desk() -> Iterator[Desk]:
    """One where nothing was interrupted yet."""
    taken: list[str] = []

    def interrupt(machine: str) -> bool:
        taken.append(machine)
        return True

    with moto() as url, fis_standin(interrupt) as fis:
        session = Session(aws_access_key_id="test", aws_secret_access_key="test", region_name=REGION)
        places = Places(session, REGION, {**dict.fromkeys(("ec2", "iam", "sts"), url), "fis": fis.url})
        image = places.ec2.register_image(Name="ubuntu", Architecture="arm64")["ImageId"]
        spot, other = machines = [
            places.ec2.run_instances(ImageId=image, MinCount=1, MaxCount=1, **more)["Instances"][0]["InstanceId"]
            for more in ({"InstanceMarketOptions": {"MarketType": "spot"}}, {})
        ]
        clock, iam = ManualClock(), places.client("iam")
        made = FisInterrupter(
            places=places, stack="paddock-acceptance-1", clock=clock, sleeper=ManualSleeper(clock), ids=SequentialIds()
        )
        yield Desk(fis, made, iam, spot, other, taken)
        places.ec2.terminate_instances(InstanceIds=machines)
        places.ec2.close()
        iam.close()


def roles(desk: Desk) -> list[str]:
    """The names of the roles that there are."""
    return [role["RoleName"] for role in desk.iam.list_roles()["Roles"]]


def test_a_machine_is_taken_back_and_nothing_stays(desk: Desk) -> None:
    """By a role that may interrupt the fleet's machines alone; FIS takes it on only after a while."""
    desk.fis.young = 2
    order = desk.interrupter.interrupt(desk.spot)
    assert (order.why, order.done, desk.taken) == ("", True, [desk.spot])
    assert roles(desk) == [desk.interrupter.role]
    policy = desk.iam.get_role_policy(RoleName=desk.interrupter.role, PolicyName="interrupt")["PolicyDocument"]
    first = json.loads(json.dumps(policy))["Statement"][0]
    assert first["Condition"] == {"StringEquals": {"ec2:ResourceTag/paddock:fleet": "paddock-acceptance-1"}}
    desk.interrupter.clean(lambda _: None)
    desk.interrupter.clean(lambda _: None)
    assert (roles(desk), desk.fis.templates) == ([], {})


def test_without_rights_it_says_so(desk: Desk) -> None:
    """Nothing is raised: the order was not given, and why; the role goes all the same."""
    desk.fis.denied = True
    order = desk.interrupter.interrupt(desk.spot)
    assert (order.done, desk.taken) == (False, [])
    assert order.why.startswith("skipped for want of rights")
    desk.interrupter.clean(lambda _: None)
    assert roles(desk) == []


def test_a_machine_on_demand_is_left_alone(desk: Desk) -> None:
    """AWS takes none of those back."""
    order = desk.interrupter.interrupt(desk.other)
    assert (order.done, order.why) == (False, "its machine is on demand: there was no spot capacity")
    assert desk.fis.experiments == {}


def test_a_role_that_stays_too_young_is_told(desk: Desk) -> None:
    """FIS's own words."""
    desk.fis.young = 100
    order = desk.interrupter.interrupt(desk.spot)
    assert (order.done, order.why) == (False, "FIS: the experiment failed: Unable to assume role")


def test_what_an_earlier_one_left_is_removed(desk: Desk) -> None:
    """By another process, which knows nothing but the environment's name; the role is seen as long as it is there."""
    desk.interrupter.interrupt(desk.spot)
    later = attrs.evolve(desk.interrupter, templates=[], made_role=False)
    later.adopt()
    assert later.left() == (f"role {later.role}", *(f"experiment template {one}" for one in desk.fis.templates))
    later.clean(lambda _: None)
    assert (roles(desk), desk.fis.templates, later.left()) == ([], {}, ())


def test_a_role_whose_making_lost_its_answer_is_removed(desk: Desk) -> None:
    """It was made all the same; why nothing was interrupted is told."""

    class Lossy(Places):
        def client(self, service: str) -> Any:  # noqa: ANN401 - as botocore has it
            """IAM's answer to one call is lost."""
            made = super().client(service)
            if service == "iam":
                made.meta.events.register("after-call.iam.CreateRole", lost)
            return made

    def lost(**_: Any) -> None:  # noqa: ANN401 - whatever botocore tells
        raise ReadTimeoutError(endpoint_url="https://iam.amazonaws.com/")

    places = Lossy(desk.interrupter.places.session, REGION, desk.interrupter.places.endpoints)
    made = attrs.evolve(desk.interrupter, places=places)
    assert "Read timeout" in made.interrupt(desk.spot).why
    assert roles(desk) == [made.role]
    made.clean(lambda _: None)
    assert (roles(desk), made.left()) == ([], ())
    places.ec2.close()
