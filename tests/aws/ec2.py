"""A fleet's share of an EC2 region on a moto server: subnets, images, launch templates, and what botocore sent."""

import itertools
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import cache
from unittest.mock import patch

import attrs
import moto.settings
from boto3.session import Session

from paddock.adapters.aws.clients import Clients
from paddock.adapters.aws.ec2.machines import Ec2Machines
from paddock.adapters.aws.ec2.settings import Ec2Settings, Template
from paddock.adapters.system import SystemClock
from paddock.core.ports.machines import LaunchRequest
from paddock.core.ports.system import Clock
from paddock.core.spec import Arch, Market, RunnerSpec
from tests.agent.machine import all_machines
from tests.aws.ec2_faults import Ec2Faults
from tests.aws.judge import REGION
from tests.aws.machine import ACCOUNT
from tests.aws.machine import moto as moto_server

PAGE = 2  # AWS would not take less than five, moto does not mind
_NUMBERS = itertools.count()
_ARCHES = {Arch.X64: "x86_64", Arch.ARM64: "arm64"}


@attrs.frozen
class Ec2UnderTest:
    """A region of its own for each test, as far as the adapter can see: the fleet's name is new."""

    clients: Clients
    settings: Ec2Settings
    faults: Ec2Faults

    def parts(self) -> tuple[str, ...]:
        """What machines of its launch templates are made of, as `Recorded` names them."""
        data = [
            self.clients.ec2.describe_launch_template_versions(LaunchTemplateId=template.id)["LaunchTemplateVersions"][
                0
            ]
            for template in self.settings.templates
        ]
        made = [one.get("LaunchTemplateData", {}) for one in data]
        images = [f"image/{one.get('ImageId', '')}" for one in made]
        return (*images, *(f"security-group/{group}" for one in made for group in one.get("SecurityGroupIds", [])))

    def machines(self, clock: Clock | None = None, settings: Ec2Settings | None = None) -> Ec2Machines:
        """The adapter, as it is after a cold start."""
        return Ec2Machines(self.clients, settings or self.settings, clock or SystemClock(), page_size=PAGE)


@cache
def one_session() -> Session:
    """One for all: it keeps EC2's service model, which takes long to read."""
    return Session(aws_access_key_id="test", aws_secret_access_key="test", region_name=REGION)


def a_request(token: str = "t-1", count: int = 1, market: Market = Market.SPOT) -> LaunchRequest:
    """Small machines that every zone has."""
    return LaunchRequest(token, count, RunnerSpec(), market, 40, {"paddock": "contract"})


def _template(clients: Clients, arch: Arch, name: str, group: str) -> Template:
    image = clients.ec2.register_image(
        Name=f"{name}-{arch}",
        Architecture=_ARCHES[arch],  # type: ignore[arg-type]  # one of EC2's
        RootDeviceName="/dev/sda1",
    )["ImageId"]
    made = clients.ec2.create_launch_template(
        LaunchTemplateName=f"{name}-{arch}",
        LaunchTemplateData={
            "ImageId": image,
            "UserData": "",
            "InstanceInitiatedShutdownBehavior": "terminate",
            "SecurityGroupIds": [group],
            "IamInstanceProfile": {"Arn": f"arn:aws:iam::{ACCOUNT}:instance-profile/machine"},
        },
    )["LaunchTemplate"]
    return Template(arch=arch, id=made.get("LaunchTemplateId", ""), version="1")


@contextmanager
def ec2_on_moto(server: Callable[[], AbstractContextManager[str]] = moto_server) -> Iterator[Ec2UnderTest]:
    """A fleet without machines, in all zones; its machines are gone afterwards. ``server`` gives moto's address."""
    with (
        patch.dict(os.environ, MOTO_EC2_LOAD_DEFAULT_AMIS="false"),
        patch.object(moto.settings, "EC2_ENABLE_INSTANCE_TYPE_VALIDATION", new=True),
        server() as url,
    ):
        clients = Clients(REGION, {"ec2": url}, session=one_session())
        name = f"fleet-{next(_NUMBERS)}"  # the server is a new one, what is behind it is not
        subnets = {
            subnet.get("AvailabilityZone", ""): subnet.get("SubnetId", "")
            for subnet in clients.ec2.describe_subnets()["Subnets"]
        }
        group = clients.ec2.create_security_group(GroupName=name, Description=name)["GroupId"]
        templates = tuple(_template(clients, arch, name, group) for arch in Arch)
        settings = Ec2Settings(fleet=name, subnets=subnets, templates=templates)
        opened = Ec2UnderTest(clients, settings, Ec2Faults(clients.ec2, settings))
        try:
            yield opened
        finally:
            opened.faults.clear()
            machines = opened.machines()
            machines.terminate([machine.id for machine in all_machines(machines)])
            clients.ec2.close()
