"""What AWS's services call an error, as one of ours: by code, and where that is unknown by HTTP status.

One table for the adapters on boto3 and for those that speak HTTP by themselves.
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Final, TypeAlias

from paddock.core.errors import AccessDenied, NotFound, PaddockError, Throttled, Unavailable
from paddock.core.units import SECOND

Codes: TypeAlias = Mapping[str, type[PaddockError]]

# AWS's words on a signature repeat what was signed, the session token among it: they are told to nobody.
SIGNATURE = frozenset({"SignatureDoesNotMatch", "IncompleteSignature", "InvalidSignatureException"})

RETRY_AFTER = 5 * SECOND  # AWS names no time; its buckets refill by the second

# Sources: botocore's retry handler (which codes are throttles, which are passing faults), the "Common errors" page of
# each service's API reference, and "Error codes for the Amazon EC2 API".
COMMON: Codes = {
    **dict.fromkeys(
        (
            *("Throttling", "ThrottlingException", "ThrottledException", "RequestThrottled"),
            *("RequestThrottledException", "TooManyRequestsException", "RequestLimitExceeded", "SlowDown"),
            *("ProvisionedThroughputExceededException", "LimitExceededException", "BandwidthLimitExceeded"),
            *("TransactionInProgressException", "PriorRequestNotComplete", "EC2ThrottledException"),
        ),
        Throttled,
    ),
    **dict.fromkeys(
        (
            *("InternalError", "InternalFailure", "InternalServerError", "InternalServiceError", "ServiceUnavailable"),
            *("ServiceUnavailableException", "Unavailable", "RequestTimeout", "RequestTimeoutException"),
        ),
        Unavailable,
    ),
    **dict.fromkeys(
        (
            *("AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "AuthFailure", "NotAuthorized"),
            *("UnrecognizedClientException", "InvalidClientTokenId", "InvalidAccessKeyId", *SIGNATURE),
            *("MissingAuthenticationToken", "OptInRequired"),
            *("MissingAuthenticationTokenException", "ExpiredToken", "ExpiredTokenException", "RequestExpired"),
            *("RequestTimeTooSkewed", "InvalidToken", "Blocked", "PendingVerification", "AllAccessDisabled"),
        ),
        AccessDenied,
    ),
    **dict.fromkeys(("ResourceNotFoundException", "NoSuchBucket"), NotFound),
}

QUOTA: Final = frozenset(
    {
        *("MaxSpotInstanceCountExceeded", "MaxSpotFleetRequestCountExceeded", "MaxFleetCountExceeded"),
        *("VcpuLimitExceeded", "InstanceLimitExceeded", "ResourceLimitExceeded", "NetworkInterfaceLimitExceeded"),
        *("VolumeLimitExceeded", "MaxIOPSLimitExceeded", "TargetCapacityLimitExceededException"),
    }
)
"""EC2: the account may have no more of a market's machines, or of what they need, until some have ended."""

STATUSES: Mapping[int, type[PaddockError]] = {
    HTTPStatus.UNAUTHORIZED: AccessDenied,
    HTTPStatus.FORBIDDEN: AccessDenied,
    HTTPStatus.NOT_FOUND: NotFound,
    HTTPStatus.TOO_MANY_REQUESTS: Throttled,
}
