"""SNS's error codes, as far as the common table does not name them. Source: ``Publish`` in its API reference.

Its model names shapes; on the wire most codes lack their ``Exception``. Both are here.
"""

from typing import Final

from paddock.adapters.aws_codes import Codes
from paddock.core.errors import AccessDenied, NotFound, PaddockError, Rejected, Throttled, Unavailable

_NAMED: Final[dict[str, type[PaddockError]]] = {
    "InternalError": Unavailable,
    "NotFound": NotFound,
    "AuthorizationError": AccessDenied,
    "InvalidSecurity": AccessDenied,
    "KMSAccessDenied": AccessDenied,
    "KMSDisabled": AccessDenied,
    "KMSInvalidState": AccessDenied,
    "KMSNotFound": NotFound,
    "KMSOptInRequired": AccessDenied,
    "KMSThrottling": Throttled,
    "EndpointDisabled": Rejected,
    "PlatformApplicationDisabled": Rejected,
    "InvalidParameter": Rejected,
    "ParameterValueInvalid": Rejected,
    "InvalidParameterValue": Rejected,
    "Validation": Rejected,
}
CODES: Final[Codes] = {**_NAMED, **{f"{code}Exception": kind for code, kind in _NAMED.items()}}
