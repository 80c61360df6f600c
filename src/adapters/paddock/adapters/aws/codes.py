"""Error codes of the services with which a stack is made, looked after and tried, as ours.

As far as the common table does not name them. Sources: the "Errors" of each operation that we call, in the services'
API references. IAM's model names shapes; on the wire its codes lack their ``Exception``. Both are here.
"""

from typing import Final

from paddock.adapters.aws_codes import Codes
from paddock.adapters.aws_http.secrets import CODES as READING
from paddock.core.errors import AccessDenied, Busy, Conflict, NotFound, PaddockError, Rejected, Unavailable

LAMBDA: Final[Codes] = {
    "InvalidParameterValueException": Rejected,
    "ResourceConflictException": Busy,  # another change of the function is being made
    "ServiceException": Unavailable,
}

EVENTS: Final[Codes] = {"InternalException": Unavailable}

SECRETS: Final[Codes] = {
    **READING,
    "EncryptionFailure": AccessDenied,  # its key: as for reading
    "LimitExceededException": Rejected,  # the account's number of secrets, or a secret's of versions
    "ResourceExistsException": Rejected,  # the version's token had another text
}

_IAM: Final[dict[str, type[PaddockError]]] = {
    "NoSuchEntity": NotFound,
    "EntityAlreadyExists": Conflict,
    "ConcurrentModification": Unavailable,  # somebody else changes it at this moment
    "ServiceFailure": Unavailable,
    # The account's number of roles, say: no wait mends it.
    **dict.fromkeys(("LimitExceeded", "DeleteConflict", "UnmodifiableEntity"), Rejected),
    **dict.fromkeys(("InvalidInput", "MalformedPolicyDocument"), Rejected),
}
IAM: Final[Codes] = {**_IAM, **{f"{code}Exception": kind for code, kind in _IAM.items()}}

STS: Final[Codes] = {}
"""It documents none of its own for the question who asks."""

QUOTAS: Final[Codes] = {
    "NoSuchResourceException": NotFound,
    "IllegalArgumentException": Rejected,
    "ServiceException": Unavailable,
}

TAGS: Final[Codes] = {
    "InvalidParameterException": Rejected,
    "InternalServiceException": Unavailable,
    "PaginationTokenExpiredException": Unavailable,  # the pages took too long: from the beginning they may not
}

FIS: Final[Codes] = dict.fromkeys(
    ("ValidationException", "ConflictException", "ServiceQuotaExceededException"), Rejected
)
"""What is asked of it names a role that was just made, which it may not know yet: a refusal is worth another try."""
