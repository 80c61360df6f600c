"""Every code that EC2 publishes and that our calls can bring is one of our errors, and the right one."""

import botocore.session
import pytest
from boto3.session import Session
from botocore.exceptions import ClientError

from paddock.adapters.aws.clients import Clients
from paddock.adapters.aws.ec2.errors import CAPACITY, CODES, LACKING, OF_ONE, WRONG_STATE, shortfall
from paddock.adapters.aws.errors import Asking, translated
from paddock.adapters.aws_codes import COMMON, QUOTA, SIGNATURE
from paddock.core.errors import (
    AccessDenied,
    NoCapacity,
    NotFound,
    PaddockError,
    Rejected,
    Throttled,
    TokenReused,
    Unavailable,
)
from paddock.core.ports.machines import Shortfall
from tests.aws.asked import operations_of
from tests.http_stub import Answer, http_stub

# "Error codes for the Amazon EC2 API": the codes that every call may bring, those of servers, and of those that belong
# to single calls whatever a launch, a description, a stop, a start or a termination touches. Left out are those of
# things that we neither make nor name: VPNs, gateways, routes, addresses, snapshots, images in the making, reservations
# for sale, dedicated hosts, imports and exports, traffic mirrors, endpoints.
PUBLISHED: dict[type[PaddockError], tuple[str, ...]] = {
    AccessDenied: (
        *("AuthFailure", "Blocked", "IncompleteSignature", "InvalidClientTokenId", "MissingAuthenticationToken"),
        *("OptInRequired", "PendingVerification", "RequestExpired", "UnauthorizedOperation", "SignatureDoesNotMatch"),
        *("InvalidSecurity.RequestHasExpired", "OperationNotPermitted", "CustomerKeyHasBeenRevoked"),
    ),
    TokenReused: ("IdempotentParameterMismatch", "IdempotentInstanceTerminated"),
    NotFound: ("InvalidInstanceID.NotFound", "InvalidInstanceID.Malformed"),
    Throttled: ("RequestLimitExceeded",),
    Unavailable: ("ConcurrentTagAccess", "InternalError", "InternalFailure", "ServiceUnavailable", "Unavailable"),
    NoCapacity: (
        *("InsufficientInstanceCapacity", "InsufficientCapacity", "InsufficientHostCapacity"),
        *("InsufficientReservedInstanceCapacity", "InsufficientVolumeCapacity", "InsufficientAddressCapacity"),
        *("InsufficientCapacityOnHost", "InsufficientFreeAddressesInSubnet", "ReservationCapacityExceeded"),
        *("MaxSpotInstanceCountExceeded", "MaxSpotFleetRequestCountExceeded", "MaxIOPSLimitExceeded"),
        *("InstanceLimitExceeded", "ResourceLimitExceeded", "VolumeLimitExceeded", "NetworkInterfaceLimitExceeded"),
        *("TargetCapacityLimitExceededException", "Unsupported", "VolumeTypeNotAvailableInZone"),
        *("VcpuLimitExceeded", "UnfulfillableCapacity", "SpotMaxPriceTooLow"),
    ),
    Rejected: (
        *("DryRunOperation", "InvalidAction", "InvalidCharacter", "InvalidPaginationToken", "InvalidParameter"),
        *("InvalidParameterCombination", "InvalidParameterValue", "InvalidQueryParameter", "MalformedQueryString"),
        *("MissingAction", "MissingParameter", "UnknownParameter", "UnsupportedInstanceAttribute", "ValidationError"),
        *("UnsupportedOperation", "UnsupportedProtocol", "AttachmentLimitExceeded", "BootForVolumeTypeUnsupported"),
        *("DefaultVpcDoesNotExist", "EncryptedVolumesNotSupported", "FilterLimitExceeded", "IncorrectInstanceState"),
        *("IncorrectState", "InvalidAMIID.Malformed", "InvalidAMIID.NotFound", "InvalidAMIID.Unavailable"),
        *("InvalidAvailabilityZone", "InvalidBlockDeviceMapping", "InvalidClientToken", "InvalidFilter"),
        *("InvalidGroup.NotFound", "InvalidGroupId.Malformed", "InvalidIamInstanceProfileArn.Malformed"),
        *("InvalidID", "InvalidInput", "InvalidInstanceID", "InvalidInstanceState", "InvalidInstanceType"),
        *("InvalidInstanceAttributeValue", "InvalidInstanceFamily", "InvalidInterface.IpAddressLimitExceeded"),
        *("InvalidKeyPair.NotFound", "InvalidLaunchTemplateId.Malformed", "InvalidLaunchTemplateId.NotFound"),
        *("InvalidLaunchTemplateId.VersionNotFound", "InvalidLaunchTemplateName.MalformedException"),
        *("InvalidLaunchTemplateName.NotFoundException", "InvalidMaxResults", "InvalidNextToken", "InvalidRegion"),
        *("InvalidPlacementGroup.Unknown", "InvalidRequest", "InvalidSecurityGroupId.Malformed", "InvalidState"),
        *("InvalidSecurityGroupID.NotFound", "InvalidSnapshot.NotFound", "InvalidSnapshotID.Malformed"),
        *("InvalidSpotFleetRequestConfig", "InvalidSubnet", "InvalidSubnetID.Malformed", "InvalidSubnetID.NotFound"),
        *("InvalidTagKey.Malformed", "InvalidTenancy", "InvalidTime", "InvalidVolume.ZoneMismatch"),
        *("InvalidZone.NotFound", "MissingInput", "NoSuchVersion", "NonEBSInstance", "PrivateIpAddressLimitExceeded"),
        *("RequestResourceCountExceeded", "ResourceCountExceeded", "SecurityGroupLimitExceeded"),
        *("SecurityGroupsPerInstanceLimitExceeded", "SecurityGroupsPerInterfaceLimitExceeded", "TagLimitExceeded"),
        *("UnknownVolumeType", "UnsupportedTenancy", "VPCIdNotSpecified", "VPCResourceNotSpecified", "VolumeIOPSLimit"),
    ),
}
# Met in the answers of instant fleets and of StartInstances, and not on the page.
UNPUBLISHED: dict[type[PaddockError], tuple[str, ...]] = {
    AccessDenied: ("AuthFailure.ServiceLinkedRoleCreationNotPermitted",),
    NoCapacity: ("MaxFleetCountExceeded",),
    Rejected: ("InvalidFleetConfiguration", "InvalidFleetConfig", "IncorrectSpotRequestState"),
}


def each(*tables: dict[type[PaddockError], tuple[str, ...]]) -> list[tuple[str, type[PaddockError]]]:
    return [(code, kind) for table in tables for kind, codes in table.items() for code in codes]


STATUSES: dict[type[PaddockError], int] = {Unavailable: 400, Throttled: 400}
"""Of an answer's status that would say something else; 503 of all others."""


def raised(code: str, status: int) -> PaddockError:
    answer = {"Error": {"Code": code, "Message": "text"}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return translated(ClientError(answer, "CreateFleet"), "create_fleet", CODES)  # type: ignore[arg-type]


SHORTFALLS: dict[type[PaddockError], Shortfall] = {
    NoCapacity: Shortfall.CAPACITY,
    Throttled: Shortfall.BUSY,
    Unavailable: Shortfall.BUSY,
}
ELSEWHERE = {
    *("InvalidFleetConfiguration", "AuthFailure.ServiceLinkedRoleCreationNotPermitted"),
    *("BootForVolumeTypeUnsupported", "EncryptedVolumesNotSupported", "UnsupportedTenancy"),
}
"""Refusals that are of a pool or a market alone: another may have no such reason."""


@pytest.mark.parametrize(("code", "kind"), each(PUBLISHED, UNPUBLISHED))
def test_each_code_inside_an_answer_is_a_shortfall(code: str, kind: type[PaddockError]) -> None:
    """A lack is one, and so is what is of a pool alone; what else cannot be done is refused; what passes, busy."""
    expected = Shortfall.CAPACITY if code in ELSEWHERE else SHORTFALLS.get(kind, Shortfall.REFUSED)
    assert shortfall([code]) is expected


@pytest.mark.parametrize(("code", "kind"), each(PUBLISHED, UNPUBLISHED))
def test_each_code_is_one_of_our_errors(code: str, kind: type[PaddockError]) -> None:
    """By the code alone: the status says something else here, and any other.

    With its own words in the message; but a signature's would repeat the session token.
    """
    error = raised(code, STATUSES.get(kind, 503))
    assert type(error) is kind
    assert {type(raised(code, status)) for status in (400, 403, 404, 429, 500, 503)} == {kind}
    assert str(error) == f"create_fleet: {code}: {'' if code in SIGNATURE else 'text'}"


def test_no_code_is_left_to_its_status() -> None:
    """Each that is published is in a table by its name, and what EC2's table names is in the lists above: once."""
    listed = [code for code, _ in each(PUBLISHED, UNPUBLISHED)]
    assert len(listed) == len(set(listed)) > 130
    assert set(CODES) <= set(listed) <= set(CODES) | set(COMMON)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        *((400, Rejected), (409, Rejected), (401, AccessDenied), (403, AccessDenied), (404, NotFound)),
        *((429, Throttled), (500, Unavailable), (503, Unavailable)),
    ],
)
def test_a_code_that_is_not_published_is_known_by_its_status(status: int, kind: type[PaddockError]) -> None:
    """Whatever it looks like; and inside an answer, which has no status, it is for others to find out what it is."""
    for code in ("Unheard", "InvalidUnheard", "UnheardLimitExceeded", "InsufficientUnheardCapacity"):
        assert code not in {known for known, _ in each(PUBLISHED, UNPUBLISHED)}
        assert type(raised(code, status)) is kind


def test_the_models_name_no_errors_of_their_own() -> None:
    """If botocore's model of EC2 ever documents some, they have to be mapped too."""
    model = botocore.session.get_session().get_service_model("ec2")
    operations = operations_of("ec2")
    assert {"CreateFleet", "DescribeInstances", "StartInstances", "StopInstances", "TerminateInstances"} < operations
    shapes = [shape for name in operations for shape in model.operation_model(name).error_shapes]
    assert shapes == []


QUOTAS = (
    *("MaxSpotInstanceCountExceeded", "MaxSpotFleetRequestCountExceeded", "MaxFleetCountExceeded", "VcpuLimitExceeded"),
    *("InstanceLimitExceeded", "ResourceLimitExceeded", "NetworkInterfaceLimitExceeded", "VolumeLimitExceeded"),
    *("MaxIOPSLimitExceeded", "TargetCapacityLimitExceededException"),
)
"""Lacks that another type or zone does not help with, since they are the account's."""


def test_what_makes_a_lack_is_capacity_or_a_quota() -> None:
    """Throttles, faults, denials and mistakes of ours say nothing of an offer."""
    assert CAPACITY.isdisjoint(QUOTA)
    assert frozenset(QUOTAS) == QUOTA
    assert frozenset(code for code, kind in each(PUBLISHED, UNPUBLISHED) if kind is NoCapacity) == LACKING
    assert LACKING.isdisjoint(COMMON)


def test_what_is_said_of_single_machines_is_a_refusal() -> None:
    """Of a call that may be made again without them; no other refusal is looked into."""
    refusals = {code for code, kind in each(PUBLISHED, UNPUBLISHED) if kind is Rejected}
    assert {WRONG_STATE} < OF_ONE < refusals


def test_the_page_of_a_proxy_is_no_fault_of_ours() -> None:
    """What AWS did not answer cannot be parsed: it is told as that, shortened, and may be tried again."""
    with http_stub() as proxy:
        proxy.on("POST /", Answer(502, b"<!doctype html><br>" + b"Sign in to the guests' network " * 100))
        clients = Clients("eu-west-1", {"ec2": proxy.url}, session=Session("a", "b"))
        with pytest.raises(Unavailable, match="describe_instances: not AWS answered; is a proxy in between") as told:
            Asking(CODES)(clients.ec2.describe_instances)
    assert len(str(told.value)) < 700
