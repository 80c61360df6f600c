"""EC2's error codes, as far as the common table does not name them: raised, or inside a fleet's answer.

Source: "Error codes for the Amazon EC2 API", and codes that others met in the answers of instant fleets
(``MaxFleetCountExceeded``, ``SpotMaxPriceTooLow``, ``InvalidFleetConfiguration``).
"""

import re
from collections.abc import Iterable
from typing import Final

from paddock.adapters.aws_codes import COMMON, QUOTA, Codes
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

CAPACITY: Final = frozenset(
    {
        *("InsufficientInstanceCapacity", "InsufficientCapacity", "InsufficientHostCapacity"),
        *("InsufficientCapacityOnHost", "InsufficientReservedInstanceCapacity", "ReservationCapacityExceeded"),
        *("InsufficientVolumeCapacity", "InsufficientAddressCapacity", "InsufficientFreeAddressesInSubnet"),
        "UnfulfillableCapacity",  # spot: not so many at the moment
        "SpotMaxPriceTooLow",  # spot costs more than on demand here, which is the most that we pay
        "Unsupported",  # the zone has constraints on the type at the moment; it may also never have it
        "VolumeTypeNotAvailableInZone",
    }
)
"""A pool has none: another type or zone may, and this one may later."""

LACKING: Final = CAPACITY | QUOTA
"""Neither a pool nor the account has any more: the same request may find some later, or elsewhere."""

WRONG_STATE: Final = "IncorrectInstanceState"
"""What is asked of the machine cannot be done as long as it is in its state."""

OF_ONE: Final = frozenset({WRONG_STATE, "UnsupportedOperation", "IncorrectSpotRequestState"})
"""What EC2 says of a call for many machines because of some of them: it is not to be had with these."""

OF_A_POOL: Final = frozenset(
    {
        *("InvalidFleetConfiguration", "AuthFailure.ServiceLinkedRoleCreationNotPermitted"),
        *("EncryptedVolumesNotSupported", "BootForVolumeTypeUnsupported", "UnsupportedTenancy"),
    }
)
"""Refusals inside an answer that another pool or the other market may not have: the zone has no such type, the type has
no such disk or tenancy, or the account never had a spot machine and may not begin."""

REFUSED: Final = frozenset(
    {
        # The request itself, as it was put.
        *("DryRunOperation", "InvalidAction", "InvalidCharacter", "InvalidClientToken", "InvalidFilter", "InvalidID"),
        *("InvalidInput", "InvalidMaxResults", "InvalidNextToken", "InvalidPaginationToken", "InvalidParameter"),
        *("InvalidParameterCombination", "InvalidParameterValue", "InvalidQueryParameter", "InvalidRequest"),
        *("InvalidTagKey.Malformed", "InvalidTime", "MalformedQueryString", "MissingAction", "MissingInput"),
        *("MissingParameter", "UnknownParameter", "UnsupportedProtocol", "ValidationError"),
        # It asks for more than one request, or one machine, may have: no other machine's end makes room for it.
        *("AttachmentLimitExceeded", "FilterLimitExceeded", "InvalidInterface.IpAddressLimitExceeded"),
        *("PrivateIpAddressLimitExceeded", "RequestResourceCountExceeded", "ResourceCountExceeded"),
        *("SecurityGroupLimitExceeded", "SecurityGroupsPerInstanceLimitExceeded", "TagLimitExceeded"),
        *("SecurityGroupsPerInterfaceLimitExceeded", "VolumeIOPSLimit"),
        # What it names is not there, or not such as it is named. It is no machine of ours that is missing.
        *("InvalidAMIID.Malformed", "InvalidAMIID.NotFound", "InvalidAMIID.Unavailable", "InvalidAvailabilityZone"),
        *("InvalidGroup.NotFound", "InvalidGroupId.Malformed", "InvalidIamInstanceProfileArn.Malformed"),
        *("InvalidKeyPair.NotFound", "InvalidPlacementGroup.Unknown", "InvalidRegion", "InvalidZone.NotFound"),
        *("InvalidLaunchTemplateId.Malformed", "InvalidLaunchTemplateId.NotFound"),
        *("InvalidLaunchTemplateId.VersionNotFound", "InvalidLaunchTemplateName.MalformedException"),
        *("InvalidLaunchTemplateName.NotFoundException", "InvalidSecurityGroupID.NotFound"),
        *("InvalidSecurityGroupId.Malformed", "InvalidSnapshot.NotFound", "InvalidSnapshotID.Malformed"),
        *("InvalidSubnet", "InvalidSubnetID.Malformed", "InvalidSubnetID.NotFound", "NoSuchVersion"),
        *("DefaultVpcDoesNotExist", "VPCIdNotSpecified", "VPCResourceNotSpecified", "UnknownVolumeType"),
        # A combination that there is not.
        *("InvalidBlockDeviceMapping", "InvalidFleetConfig", "InvalidFleetConfiguration"),
        *("InvalidInstanceAttributeValue", "InvalidInstanceFamily", "InvalidInstanceType", "InvalidTenancy"),
        *("InvalidSpotFleetRequestConfig", "InvalidVolume.ZoneMismatch", "NonEBSInstance"),
        *("BootForVolumeTypeUnsupported", "EncryptedVolumesNotSupported", "UnsupportedInstanceAttribute"),
        "UnsupportedTenancy",
        # A thing's state, which no wait of ours changes; a machine's own is below.
        *("IncorrectState", "InvalidInstanceID", "InvalidInstanceState", "InvalidState"),
    }
)
"""What we asked for cannot be had, now or later: a fault of the settings or of ours, and no lack of machines."""

CODES: Final[Codes] = {
    **dict.fromkeys(sorted(LACKING), NoCapacity),
    "IdempotentParameterMismatch": TokenReused,
    "IdempotentInstanceTerminated": TokenReused,
    "InvalidInstanceID.NotFound": NotFound,
    "InvalidInstanceID.Malformed": NotFound,  # no machine bears it
    "AuthFailure.ServiceLinkedRoleCreationNotPermitted": AccessDenied,  # the account never had a spot machine
    "InvalidSecurity.RequestHasExpired": AccessDenied,
    "OperationNotPermitted": AccessDenied,  # somebody protected the machine from being terminated
    "CustomerKeyHasBeenRevoked": AccessDenied,
    "ConcurrentTagAccess": Unavailable,
    **dict.fromkeys(sorted(OF_ONE | REFUSED), Rejected),
}


_NAMED: Final = re.compile(r"\bi-\w+")
_KINDS: Final = tuple(Shortfall)


def named(error: PaddockError) -> frozenset[str]:
    """The machines in EC2's words. All of them: they stand in its own error, for ours is cut short."""
    return frozenset(_NAMED.findall(str(error.__cause__)))


def rank(code: str) -> tuple[int, int]:
    """Which of the errors in a fleet's answer decides: the lowest, wherever it stands.

    A pool that may have machines another time goes before whatever else is the matter; and a quota before a pool,
    for pools fill up by themselves. Codes that nobody knows are taken for pools': whoever waits may then try the other
    market.
    """
    return _KINDS.index(_shortfall(code)), 0 if code in QUOTA else 1 if code in CAPACITY else 2


def shortfall(codes: Iterable[str]) -> Shortfall:
    """What the errors of a fleet's answer come to, by the one that decides."""
    return _shortfall(min(codes, key=rank, default=""))


def _shortfall(code: str) -> Shortfall:
    known = CODES.get(code, COMMON.get(code))
    if code in OF_A_POOL or known is NoCapacity:
        return Shortfall.CAPACITY
    if known in (Throttled, Unavailable):
        return Shortfall.BUSY
    if known is not None or code.startswith(("Invalid", "Missing")) or code.endswith(".NotFound"):
        return Shortfall.REFUSED
    return Shortfall.CAPACITY
