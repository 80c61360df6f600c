"""Every code that AWS documents for an operation that we ask for is one of our errors, and the right one.

The operations are those of the source, wherever they are asked for; so none can be asked for whose errors nobody has
looked at. EC2 documents none in its model: `test_ec2_errors` has its published list.
"""

import re
from collections.abc import Mapping
from typing import Final, TypeAlias

import pytest
from botocore import exceptions as botocore
from botocore.exceptions import ClientError
from botocore.parsers import ResponseParserError

from paddock.adapters.aws.dynamodb.errors import Cancelled
from paddock.adapters.aws.ec2.errors import CODES as EC2
from paddock.adapters.aws.errors import translated
from paddock.adapters.aws_codes import COMMON, STATUSES, Codes
from paddock.core.errors import (
    AccessDenied,
    Busy,
    Conflict,
    NotFound,
    PaddockError,
    Rejected,
    Throttled,
    Unavailable,
    Unsupported,
)
from tests.aws.asked import BOXES, ROOT, Asked, asked, by_other_names, documented, operations_of, services, unasked

Meanings: TypeAlias = Mapping[type[PaddockError], tuple[str, ...]]

# By hand, from the services' API references: what is ours to change is Rejected, what passes by itself Unavailable,
# what is too fast Throttled, and so on. Shapes and codes on the wire may differ by "Exception": both are here.
MEANS: Final[Mapping[str, Meanings]] = {
    "ce": {
        Rejected: ("BillExpirationException", "InvalidNextTokenException", "RequestChangedException"),
        Unavailable: ("BillingViewHealthStatusException", "DataUnavailableException"),
        Throttled: ("LimitExceededException",),
        NotFound: ("ResourceNotFoundException",),
    },
    "cloudformation": {
        Rejected: (
            *("AlreadyExistsException", "InsufficientCapabilitiesException", "TokenAlreadyExistsException"),
            "LimitExceededException",
        ),
        NotFound: ("ChangeSetNotFound", "ChangeSetNotFoundException"),
        Busy: ("InvalidChangeSetStatus", "InvalidChangeSetStatusException"),
    },
    "cloudwatch": {
        Unavailable: ("InternalServiceError", "InternalServiceFault"),
        Rejected: ("InvalidNextToken", "InvalidParameterValue", "InvalidParameterValueException"),
    },
    "dynamodb": {
        Conflict: ("ConditionalCheckFailedException",),
        Cancelled: ("TransactionCanceledException",),
        Rejected: ("IdempotentParameterMismatchException", "ItemCollectionSizeLimitExceededException"),
        # No table is no missing record.
        Unavailable: (
            *("InternalServerError", "ReplicatedWriteConflictException", "TransactionConflictException"),
            "ResourceNotFoundException",
        ),
        Throttled: (
            *("ProvisionedThroughputExceededException", "RequestLimitExceeded", "ThrottlingException"),
            "TransactionInProgressException",
        ),
    },
    "events": {Unavailable: ("InternalException",), NotFound: ("ResourceNotFoundException",)},
    "fis": {
        Rejected: ("ConflictException", "ServiceQuotaExceededException", "ValidationException"),
        NotFound: ("ResourceNotFoundException",),
    },
    "iam": {
        Unavailable: (
            *("ConcurrentModification", "ConcurrentModificationException"),
            *("ServiceFailure", "ServiceFailureException"),
        ),
        Rejected: (
            *("DeleteConflict", "DeleteConflictException", "InvalidInput", "InvalidInputException"),
            *("LimitExceeded", "LimitExceededException", "UnmodifiableEntity", "UnmodifiableEntityException"),
            *("MalformedPolicyDocument", "MalformedPolicyDocumentException"),
        ),
        Conflict: ("EntityAlreadyExists", "EntityAlreadyExistsException"),
        NotFound: ("NoSuchEntity", "NoSuchEntityException"),
    },
    "lambda": {
        Rejected: ("InvalidParameterValueException",),
        Busy: ("ResourceConflictException",),
        NotFound: ("ResourceNotFoundException",),
        Unavailable: ("ServiceException",),
        Throttled: ("TooManyRequestsException",),
    },
    "logs": {
        Rejected: ("DataAlreadyAcceptedException", "InvalidParameterException", "InvalidSequenceTokenException"),
        Conflict: ("ResourceAlreadyExistsException",),
        # No log group is no missing decision.
        Unavailable: ("ResourceNotFoundException", "ServiceUnavailableException"),
        AccessDenied: ("UnrecognizedClientException",),
    },
    "pricing": {
        AccessDenied: ("AccessDeniedException",),
        Unavailable: ("ExpiredNextTokenException", "InternalErrorException"),
        Rejected: ("InvalidNextTokenException", "InvalidParameterException"),
        NotFound: ("NotFoundException",),
        Throttled: ("ThrottlingException",),
    },
    "resourcegroupstaggingapi": {
        Unavailable: ("InternalServiceException", "PaginationTokenExpiredException"),
        Rejected: ("InvalidParameterException",),
        Throttled: ("ThrottledException",),
    },
    "s3": {
        Rejected: (
            *("BucketAlreadyExists", "BucketAlreadyOwnedByYou", "EncryptionTypeMismatch", "InvalidObjectState"),
            *("InvalidRequest", "InvalidWriteOffset", "TooManyParts"),
        ),
        NotFound: ("NoSuchBucket", "NoSuchKey", "NoSuchUpload"),
    },
    "secretsmanager": {
        AccessDenied: ("DecryptionFailure", "EncryptionFailure"),
        Unavailable: ("InternalServiceError",),
        Rejected: (
            *("InvalidParameterException", "InvalidRequestException", "ResourceExistsException"),
            "LimitExceededException",
        ),
        NotFound: ("ResourceNotFoundException",),
    },
    "service-quotas": {
        AccessDenied: ("AccessDeniedException",),
        Rejected: ("IllegalArgumentException",),
        NotFound: ("NoSuchResourceException",),
        Unavailable: ("ServiceException",),
        Throttled: ("TooManyRequestsException",),
    },
    "sns": {
        AccessDenied: (
            *("AuthorizationError", "AuthorizationErrorException", "InvalidSecurity", "InvalidSecurityException"),
            *("KMSAccessDenied", "KMSAccessDeniedException", "KMSDisabled", "KMSDisabledException"),
            *("KMSInvalidState", "KMSInvalidStateException", "KMSOptInRequired"),
        ),
        Rejected: (
            *("EndpointDisabled", "EndpointDisabledException", "InvalidParameter", "InvalidParameterException"),
            *("InvalidParameterValueException", "ParameterValueInvalid", "ValidationException"),
            *("PlatformApplicationDisabled", "PlatformApplicationDisabledException"),
        ),
        Unavailable: ("InternalError", "InternalErrorException"),
        NotFound: ("KMSNotFound", "KMSNotFoundException", "NotFound", "NotFoundException"),
        Throttled: ("KMSThrottling", "KMSThrottlingException"),
    },
    "sqs": {
        Rejected: (
            *("BatchEntryIdsNotDistinct", "BatchRequestTooLong", "EmptyBatchRequest", "TooManyEntriesInBatchRequest"),
            *("InvalidAddress", "InvalidAttributeName", "InvalidBatchEntryId", "InvalidMessageContents"),
            *("KmsInvalidKeyUsage", "MessageNotInflight", "ReceiptHandleIsInvalid"),
        ),
        AccessDenied: ("InvalidSecurity", "KmsAccessDenied", "KmsDisabled", "KmsOptInRequired"),
        Unavailable: ("KmsInvalidState",),
        NotFound: ("KmsNotFound", "QueueDoesNotExist"),
        Throttled: ("KmsThrottled", "OverLimit", "RequestThrottled"),
        Unsupported: ("UnsupportedOperation",),
    },
    # They document none for what is asked of them.
    "sts": {},
    "ec2": {},
}


def meanings(service: str) -> dict[str, type[PaddockError]]:
    """By code."""
    return {code: kind for kind, codes in MEANS[service].items() for code in codes}


def raised(code: str, codes: Codes, status: int) -> type[PaddockError]:
    """What the code is, in an answer of this status."""
    answer = {"Error": {"Code": code, "Message": "no"}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return type(translated(ClientError(answer, "Ask"), "ask", codes))  # type: ignore[arg-type]  # no whole answer


def test_nothing_is_asked_for_but_by_a_table_of_errors() -> None:
    """Clients' methods that are handed to nobody who reads their errors would be found, and names of them as texts."""
    assert unasked() == []
    assert by_other_names() == []
    assert len(asked()) > 100


def test_nobody_else_speaks_to_aws() -> None:
    """AWS's clients are not used where these tests do not look."""
    boxes = tuple(ROOT / box for box in BOXES)
    others = [file for file in ROOT.rglob("*.py") if not any(file.is_relative_to(box) for box in boxes)]
    assert len(others) > 100
    used = re.compile(r"^\s*(from|import) (botocore|boto3|paddock\.adapters\.aws\.(clients|errors))\b", re.MULTILINE)
    assert [str(file) for file in others if used.search(file.read_text(encoding="utf-8"))] == []


def test_all_services_are_looked_at() -> None:
    """Each of which a client is made is asked, and each code of each is written down here; no more."""
    assert {place.service for place in asked()} == services() == set(MEANS)
    for service in services():
        named = {code for operation in operations_of(service) for code in documented(service, operation)}
        assert set(meanings(service)) == named, service
    assert {"TransactWriteItems", "BatchGetItem", "Query"} < operations_of("dynamodb")


@pytest.mark.parametrize("place", [place for place in asked() if place.service != "ec2"], ids=str)
def test_each_documented_code_is_the_right_one_of_our_errors(place: Asked) -> None:
    """By the very table that is asked by there, and never by the status, which says something else here."""
    means = meanings(place.service)
    for code in documented(place.service, place.operation):
        misleading = 400 if issubclass(means[code], Unavailable) else 503
        assert raised(code, place.codes, misleading) is means[code], code


@pytest.mark.parametrize("place", [place for place in asked() if place.service == "ec2"], ids=str)
def test_whoever_asks_ec2_knows_all_of_its_codes(place: Asked) -> None:
    """Its published list is held to one table; who needs more adds that something is not there, and nothing else."""
    own = {code: kind for code, kind in place.codes.items() if EC2.get(code) is not kind}
    assert set(EC2) <= set(place.codes)
    assert set(own.values()) <= {NotFound}


@pytest.mark.parametrize("place", asked(), ids=str)
def test_a_code_that_nobody_documents_is_known_by_its_status(place: Asked) -> None:
    """What is wrong is refused, and what is the server's fault passes."""
    found = {status: raised("Unheard", place.codes, status) for status in (400, 409, 500, 503, 0, *STATUSES)}
    assert found == {400: Rejected, 409: Rejected, 500: Unavailable, 503: Unavailable, 0: Unavailable, **STATUSES}
    assert "Unheard" not in COMMON


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (botocore.NoCredentialsError(), AccessDenied),
        (botocore.PartialCredentialsError(provider="env", cred_var="AWS_SECRET_ACCESS_KEY"), AccessDenied),
        (botocore.CredentialRetrievalError(provider="sso", error_msg="it has expired"), AccessDenied),
        (botocore.ProfileNotFound(profile="fleet"), AccessDenied),
        (botocore.EndpointConnectionError(endpoint_url="https://sqs.example"), Unavailable),
        (botocore.ReadTimeoutError(endpoint_url="https://sqs.example"), Unavailable),
        (botocore.ConnectionClosedError(endpoint_url="https://sqs.example"), Unavailable),
        (ResponseParserError("<html>a proxy</html>"), Unavailable),
        (botocore.ParamValidationError(report="no such parameter"), Rejected),
        (botocore.NoRegionError(), Rejected),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_what_goes_wrong_before_aws_answers_is_one_of_our_errors(error: Exception, kind: type[PaddockError]) -> None:
    """Nobody to sign as is a matter of rights, which no wait mends; no answer may be one the next time."""
    found = translated(error, "SendMessage", {})
    assert type(found) is kind
    assert str(found).startswith("SendMessage: ")
