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
"""What makes a `Lack` of the offer that EC2 names beside it. Throttles and faults of ours say nothing of an offer."""

WRONG_STATE: Final = "IncorrectInstanceState"
"""What is asked of the machine cannot be done as long as it is in its state."""

OF_ONE: Final = frozenset({WRONG_STATE, "UnsupportedOperation", "IncorrectSpotRequestState"})
"""What EC2 says of a call for many machines because of some of them: it is not to be had with these."""

OF_A_POOL: Final = frozenset({"InvalidFleetConfiguration", "AuthFailure.ServiceLinkedRoleCreationNotPermitted"})
"""Refusals inside an answer that another pool or the other market may not have: the zone has no such type, or the
account never had a spot machine and may not begin."""

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
    **dict.fromkeys(sorted(OF_ONE), Rejected),
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
