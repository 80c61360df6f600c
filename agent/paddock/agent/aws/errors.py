"""AWS's errors by their codes: what each one asks of us, whatever its text says.

Sources: the common errors of AWS's API references, the error lists of DynamoDB, SQS, CloudWatch Logs, S3 and STS, and
the retry rules that AWS's own clients publish.
"""

import errno
import json
import re
from collections.abc import Mapping
from enum import Enum


class Kind(Enum):
    """What an error means to the caller. The value says whether the same request may succeed later."""

    UNREACHABLE = ("unreachable", True)  # no answer came
    SERVER = ("server", True)  # a fault of theirs
    THROTTLED = ("throttled", True)
    CLOCK = ("clock", True)  # the signature's time, or the signature itself, was not accepted
    CREDENTIALS = ("credentials", True)  # expired, or so new that not every server knows them
    DENIED = ("denied", False)
    MISSING = ("missing", False)  # the table, queue, group or bucket is not there
    CONDITION = ("condition", False)  # a conditional write found another state
    EXISTS = ("exists", False)  # what was to be made is there already
    INVALID = ("invalid", False)  # any other request that they will not take

    @property
    def again(self) -> bool:
        """True if the same request may be made again."""
        return self.value[1]


KINDS: Mapping[str, Kind] = {
    **dict.fromkeys(
        (
            "BandwidthLimitExceeded",
            "PriorRequestNotComplete",
            "ProvisionedThroughputExceededException",
            "RequestLimitExceeded",
            "RequestThrottled",
            "RequestThrottledException",
            "SlowDown",
            "ThrottledException",
            "Throttling",
            "ThrottlingException",
            "TooManyRequestsException",
            "KmsThrottled",
            "KMS.ThrottlingException",
            "EC2ThrottledException",
            "LimitExceededException",
            "OverLimit",
        ),
        Kind.THROTTLED,
    ),
    **dict.fromkeys(
        (
            "InternalError",
            "InternalFailure",
            "InternalServerError",
            "InternalServiceError",
            "OperationAborted",
            "RequestTimeout",
            "RequestTimeoutException",
            "ServiceUnavailable",
            "ServiceUnavailableException",
            "TransactionConflictException",
            "TransactionInProgressException",
            "ReplicatedWriteConflictException",
        ),
        Kind.SERVER,
    ),
    **dict.fromkeys(
        (
            "InvalidSignatureException",
            "RequestExpired",
            "RequestInTheFuture",
            "RequestTimeTooSkewed",
            "SignatureDoesNotMatch",
        ),
        Kind.CLOCK,
    ),
    **dict.fromkeys(
        (
            "ExpiredToken",
            "ExpiredTokenException",
            "InvalidAccessKeyId",
            "InvalidClientTokenId",
            "InvalidToken",
            "TokenRefreshRequired",
            "UnrecognizedClientException",
        ),
        Kind.CREDENTIALS,
    ),
    **dict.fromkeys(
        (
            "AccessDenied",
            "AccessDeniedException",
            "AllAccessDisabled",
            "IncompleteSignature",
            "KmsAccessDenied",
            "MissingAuthenticationToken",
            "MissingAuthenticationTokenException",
            "NotAuthorized",
            "OptInRequired",
            "UnauthorizedOperation",
        ),
        Kind.DENIED,
    ),
    **dict.fromkeys(
        (
            "NoSuchBucket",
            "NoSuchKey",
            "QueueDoesNotExist",
            "ResourceNotFoundException",
            "AWS.SimpleQueueService.NonExistentQueue",
        ),
        Kind.MISSING,
    ),
    "ConditionalCheckFailedException": Kind.CONDITION,
    "ResourceAlreadyExistsException": Kind.EXISTS,
}

_ERRNO = {Kind.DENIED: errno.EACCES, Kind.MISSING: errno.ENOENT, Kind.EXISTS: errno.EEXIST, Kind.INVALID: errno.EINVAL}
_CODE = re.compile(r"[A-Za-z0-9_.]{1,100}")
_XML_CODE = re.compile(r"<Code>([A-Za-z0-9_.]{1,100})</Code>")
_XML_MESSAGE = re.compile(r"<Message>([^<]{1,2000})</Message>")
_FIRST_SERVER_ERROR = 500
_TOO_MANY, _FORBIDDEN, _NOT_FOUND, _REQUEST_TIMEOUT = 429, 403, 404, 408


class AwsError(OSError):
    """A request to AWS that came to nothing. ``kind`` decides; the text is for people and holds no secret."""

    def __init__(
        self, kind: Kind, service: str, operation: str, code: str, said: str = "", item: object = None
    ) -> None:
        """Args: what it means; which request it was; AWS's code; AWS's words if they are fit to show; what stands."""
        text = f"{service} {operation}: {code}" + (f": {said}" if said else "")
        super().__init__(_ERRNO.get(kind, errno.EIO), text)
        self.kind = kind
        self.code = code
        self.item = item

    def __str__(self) -> str:
        """The text alone."""
        return str(self.strerror)

    @property
    def again(self) -> bool:
        """True if the same request may be made again."""
        return self.kind.again


def classify(status: int, code: str) -> Kind:
    """What an answer that is no success means; the code decides, and where it is unknown, the status."""
    known = KINDS.get(code)
    if known is not None:
        return known
    if status >= _FIRST_SERVER_ERROR or status == _REQUEST_TIMEOUT:
        return Kind.SERVER
    if status == _TOO_MANY:
        return Kind.THROTTLED
    if status == _FORBIDDEN:
        return Kind.DENIED
    return Kind.MISSING if status == _NOT_FOUND else Kind.INVALID


def error_of(service: str, operation: str, status: int, headers: Mapping[str, str], body: bytes) -> AwsError:
    """The error in an answer of a JSON or XML service. Header names are in lower case.

    AWS's words are kept only where they help an operator and cannot quote the request: refusals of rights, missing
    things and bad input. Those on signatures repeat the signed headers, the session token among them.
    """
    code, said, item = "", "", None
    text = body.decode("utf-8", "replace")
    try:
        data = json.loads(text) if text.lstrip().startswith("{") else None
    except (ValueError, RecursionError):
        data = None
    if isinstance(data, dict):
        code = str(data.get("__type") or data.get("code") or "")
        said = str(data.get("message") or data.get("Message") or "")
        item = data.get("Item")
    else:
        found = _XML_CODE.search(text)
        code = found[1] if found else ""
        words = _XML_MESSAGE.search(text)
        said = words[1] if words else ""
    code = code or headers.get("x-amzn-errortype", "")
    code = code.rpartition("#")[2].partition(":")[0]  # com.amazonaws.dynamodb.v20120810#Code, and Code:http://…
    if _CODE.fullmatch(code) is None:
        code = f"HTTP {status}"
    kind = classify(status, code)
    fit = kind in (Kind.DENIED, Kind.MISSING, Kind.INVALID)
    return AwsError(kind, service, operation, code, said[:300] if fit else "", item)
