"""What EC2 offers where: asked for a few times a day, remembered, and never believed to be nothing."""

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import attrs
import pytest

from paddock.adapters.aws.ec2 import offerings
from paddock.adapters.aws.ec2.machines import Ec2Machines
from paddock.adapters.memory import ManualClock
from paddock.core.catalogue import CATALOGUE, InstanceType, fitting
from paddock.core.errors import Throttled, Unavailable
from paddock.core.spec import Arch, Offer, Range, RunnerSpec
from tests.aws.ec2 import Ec2UnderTest, a_request, ec2_on_moto
from tests.aws.ec2_faults import Refusal, no_naps
from tests.strategies import NOON
from tests.threads import race

pytestmark = pytest.mark.slow

ASK = "DescribeInstanceTypeOfferings"
NOWHERE = InstanceType("made7up.large", Arch.X64, 2, 8, 1)  # nothing is cheaper, and no zone has it


@pytest.fixture
def ec2() -> Iterator[Ec2UnderTest]:
    """A fleet without machines."""
    with ec2_on_moto() as opened:
        yield opened


def test_only_types_that_a_zone_has_are_offered_there(ec2: Ec2UnderTest) -> None:
    """What the catalogue has and EC2 does not is passed over, at launches too."""
    cloud = Ec2Machines(ec2.clients, ec2.settings, ManualClock(NOON), types=(NOWHERE, *CATALOGUE))
    offers = cloud.offers(RunnerSpec())
    assert {offer.zone for offer in offers} == set(ec2.settings.subnets)
    assert {offer.instance_type for offer in offers} == {kind.name for kind in fitting(RunnerSpec())}
    (machine,) = cloud.launch(a_request()).machines
    assert machine.instance_type != NOWHERE.name


def test_a_spec_that_only_types_from_elsewhere_fit_can_never_be_served(ec2: Ec2UnderTest) -> None:
    """EC2 said what it has, and this is not among it."""
    cloud = Ec2Machines(ec2.clients, ec2.settings, ManualClock(NOON), types=(NOWHERE, *CATALOGUE))
    request = attrs.evolve(a_request(), spec=RunnerSpec(families=("made*",)))
    assert cloud.offers(request.spec) == ()
    assert cloud.launch(request).permanent


def test_it_is_asked_once_in_six_hours(ec2: Ec2UnderTest) -> None:
    """For all specs and threads together."""
    clock = ManualClock(NOON)
    cloud = ec2.machines(clock)
    specs = [RunnerSpec(cpu=Range(2 + number), arch=Arch.ARM64 if number % 2 else Arch.X64) for number in range(4)]
    race(4, lambda number: cloud.offers(specs[number]))
    clock.advance(offerings.KEPT - 1)
    cloud.offers(RunnerSpec())
    assert ec2.faults.sent == [ASK]
    clock.advance(1)
    cloud.offers(RunnerSpec())
    assert ec2.faults.sent == [ASK] * 2


def test_while_ec2_does_not_answer_what_it_said_last_is_used(ec2: Ec2UnderTest) -> None:
    """And it is not asked again with every launch."""
    clock = ManualClock(NOON)
    cloud = ec2.machines(clock)
    known = cloud.offers(RunnerSpec())
    clock.advance(offerings.KEPT)
    ec2.faults.refusals[ASK] = [Refusal(503, "RequestLimitExceeded")] * 3
    with no_naps():
        assert cloud.offers(RunnerSpec()) == known
        assert cloud.offers(RunnerSpec()) == known
    assert ec2.faults.sent == [ASK] * 4
    clock.advance(offerings.RETRIED)
    assert cloud.offers(RunnerSpec()) == known
    assert ec2.faults.sent == [ASK] * 5


def test_if_it_was_never_answered_nothing_is_launched_and_nothing_refused(ec2: Ec2UnderTest) -> None:
    """The job's message comes back; the next try asks again."""
    cloud = ec2.machines()
    ec2.faults.refusals[ASK] = [Refusal(503, "RequestLimitExceeded")] * 3
    with no_naps(), pytest.raises(Throttled):
        cloud.launch(a_request())
    assert len(cloud.launch(a_request()).machines) == 1


def test_an_empty_list_is_not_believed(ec2: Ec2UnderTest) -> None:
    """Or every job would be refused for good because of one odd answer."""
    cloud = Ec2Machines(ec2.clients, ec2.settings, ManualClock(NOON), types=(NOWHERE,))
    with pytest.raises(Unavailable, match="nothing at all"):
        cloud.launch(a_request())


def test_all_pages_of_the_list_are_read(ec2: Ec2UnderTest) -> None:
    """Here are two, made up: moto has but one."""
    zone = min(ec2.settings.subnets)
    asked: list[str | None] = []

    def answer(params: dict[str, Any], **_: object) -> tuple[object, dict[str, Any]]:
        token = params["body"].get("NextToken")
        asked.append(token)
        name, following = ("c7i.large", "more") if token is None else ("m7i.large", None)
        page = {"InstanceTypeOfferings": [{"Location": zone, "InstanceType": name}], "NextToken": following}
        return SimpleNamespace(status_code=200), page

    events: Any = ec2.clients.ec2.meta.events
    events.register(f"before-call.ec2.{ASK}", answer)
    assert ec2.machines().offers(RunnerSpec()) == (Offer(zone, "c7i.large"), Offer(zone, "m7i.large"))
    assert asked == [None, "more"]


def test_of_too_many_pools_the_cheapest_types_stay(ec2: Ec2UnderTest) -> None:
    """In all their zones, and what is offered is what is launched from."""
    zones = len(ec2.settings.subnets)
    cloud = Ec2Machines(ec2.clients, ec2.settings, ManualClock(NOON), most_pools=2 * zones)
    offers = cloud.offers(RunnerSpec())
    cloud.launch(a_request())
    assert {offer.instance_type for offer in offers} == {kind.name for kind in fitting(RunnerSpec())[:2]}
    assert len(offers) == 2 * zones
    (asked,) = ec2.faults.asked
    assert len(asked["LaunchTemplateConfigs"][0]["Overrides"]) == 2 * zones


def test_burstable_types_are_never_offered(ec2: Ec2UnderTest) -> None:
    """They are not in the catalogue, whatever the markets and sizes."""
    for arch in Arch:
        for offer in ec2.machines().offers(RunnerSpec(cpu=Range(1), arch=arch)):
            assert not offer.instance_type.startswith("t")


def test_the_catalogue_says_what_aws_says_of_each_type(ec2: Ec2UnderTest) -> None:
    """Processor, vCPU, memory, and that it is not burstable: moto has AWS's own catalogue."""
    told: dict[str, tuple[int, float, list[str], bool]] = {}
    aws: Any = ec2.clients.ec2
    names = [kind.name for kind in CATALOGUE]
    for start in range(0, len(names), 100):
        for one in aws.describe_instance_types(InstanceTypes=names[start : start + 100])["InstanceTypes"]:
            told[one["InstanceType"]] = (
                one["VCpuInfo"]["DefaultVCpus"],
                one["MemoryInfo"]["SizeInMiB"] / 1024,
                one["ProcessorInfo"]["SupportedArchitectures"],
                one["BurstablePerformanceSupported"],
            )
    words = {Arch.X64: "x86_64", Arch.ARM64: "arm64"}
    assert told == {kind.name: (kind.vcpu, kind.memory, [words[kind.arch]], False) for kind in CATALOGUE}
