"""AWS's errors: every code that the operations we use may answer with has its meaning, and none shows a secret."""

import json
import re
from pathlib import Path

import pytest
from botocore.retries.standard import ThrottledRetryableChecker, TransientRetryableChecker
from hypothesis import given
from hypothesis import strategies as st

from paddock.agent.aws.errors import KINDS, AwsError, Kind, classify, error_of
from tests.aws.judge import model

AGENT = Path(__file__).parents[3] / "agent" / "paddock" / "agent"
MODELLED = {
    ("dynamodb", "GetItem"): {
        "InternalServerError": Kind.SERVER,
        "ProvisionedThroughputExceededException": Kind.THROTTLED,
        "RequestLimitExceeded": Kind.THROTTLED,
        "ResourceNotFoundException": Kind.MISSING,
        "ThrottlingException": Kind.THROTTLED,
    },
    ("dynamodb", "UpdateItem"): {
        "ConditionalCheckFailedException": Kind.CONDITION,
        "InternalServerError": Kind.SERVER,
        "ItemCollectionSizeLimitExceededException": Kind.INVALID,
        "ProvisionedThroughputExceededException": Kind.THROTTLED,
        "ReplicatedWriteConflictException": Kind.SERVER,
        "RequestLimitExceeded": Kind.THROTTLED,
        "ResourceNotFoundException": Kind.MISSING,
        "ThrottlingException": Kind.THROTTLED,
        "TransactionConflictException": Kind.SERVER,
    },
    ("sqs", "SendMessage"): {
        "InvalidAddress": Kind.INVALID,
        "InvalidMessageContents": Kind.INVALID,
        "InvalidSecurity": Kind.INVALID,
        "KmsAccessDenied": Kind.DENIED,
        "KmsDisabled": Kind.INVALID,
        "KmsInvalidKeyUsage": Kind.INVALID,
        "KmsInvalidState": Kind.INVALID,
        "KmsNotFound": Kind.INVALID,
        "KmsOptInRequired": Kind.INVALID,
        "KmsThrottled": Kind.THROTTLED,
        "QueueDoesNotExist": Kind.MISSING,
        "RequestThrottled": Kind.THROTTLED,
        "UnsupportedOperation": Kind.INVALID,
    },
    ("logs", "PutLogEvents"): {
        "DataAlreadyAcceptedException": Kind.INVALID,
        "InvalidParameterException": Kind.INVALID,
        "InvalidSequenceTokenException": Kind.INVALID,
        "ResourceNotFoundException": Kind.MISSING,
        "ServiceUnavailableException": Kind.SERVER,
        "UnrecognizedClientException": Kind.CREDENTIALS,
    },
    ("logs", "CreateLogStream"): {
        "InvalidParameterException": Kind.INVALID,
        "ResourceAlreadyExistsException": Kind.EXISTS,
        "ResourceNotFoundException": Kind.MISSING,
        "ServiceUnavailableException": Kind.SERVER,
    },
    ("s3", "PutObject"): {
        "EncryptionTypeMismatch": Kind.INVALID,
        "InvalidRequest": Kind.INVALID,
        "InvalidWriteOffset": Kind.INVALID,
        "TooManyParts": Kind.INVALID,
    },
    ("sts", "AssumeRole"): {
        "ExpiredTokenException": Kind.CREDENTIALS,
        "MalformedPolicyDocumentException": Kind.INVALID,
        "PackedPolicyTooLargeException": Kind.INVALID,
        "RegionDisabledException": Kind.INVALID,
    },
    ("sts", "GetCallerIdentity"): {},
}
"""What AWS's own description of each operation lists; what it calls a code may differ from the shape's name."""

COMMON = {
    "AccessDenied": Kind.DENIED,
    "AccessDeniedException": Kind.DENIED,
    "ExpiredToken": Kind.CREDENTIALS,
    "ExpiredTokenException": Kind.CREDENTIALS,
    "IncompleteSignature": Kind.DENIED,
    "InternalFailure": Kind.SERVER,
    "InvalidAccessKeyId": Kind.CREDENTIALS,
    "InvalidClientTokenId": Kind.CREDENTIALS,
    "InvalidSignatureException": Kind.CLOCK,
    "NoSuchBucket": Kind.MISSING,
    "OptInRequired": Kind.DENIED,
    "RequestExpired": Kind.CLOCK,
    "RequestTimeTooSkewed": Kind.CLOCK,
    "RequestTimeout": Kind.SERVER,
    "ServiceUnavailable": Kind.SERVER,
    "SignatureDoesNotMatch": Kind.CLOCK,
    "SlowDown": Kind.THROTTLED,
    "Throttling": Kind.THROTTLED,
    "TooManyRequestsException": Kind.THROTTLED,
    "UnrecognizedClientException": Kind.CREDENTIALS,
    "ValidationException": Kind.INVALID,
    "PermanentRedirect": Kind.INVALID,
}


@pytest.mark.parametrize(("service", "operation"), MODELLED)
def test_every_modelled_error_has_its_meaning(service: str, operation: str) -> None:
    """The codes that AWS describes for an operation are the ones in the table, and each is read as it says."""
    expected = MODELLED[service, operation]
    shapes = model(service).operation_model(operation).error_shapes
    assert {shape.name for shape in shapes} == set(expected)
    for name, kind in expected.items():
        assert classify(400, name) is kind, name


def test_every_operation_that_the_agent_names_is_modelled_here() -> None:
    """By its name, alone or behind its service's; so none is asked for whose errors nobody has looked at.

    One has no name there: packages are fetched from the mirror by a signed GET, which is judged by its status alone.
    """
    services = {service for service, _ in MODELLED}
    known = {operation: service for service in services for operation in model(service).operation_names}
    texts = [file.read_text(encoding="utf-8") for file in AGENT.rglob("*.py")]
    named = {name for text in texts for name in re.findall(r'"(?:\w+\.)?([A-Z]\w+)"', text)}
    assert {(known[name], name) for name in named if name in known} == set(MODELLED)


def test_the_common_errors_have_their_meaning() -> None:
    """Codes that every service may answer with, whatever the status."""
    for code, kind in COMMON.items():
        assert {classify(status, code) for status in (400, 403, 500)} == {kind} or kind is Kind.INVALID, code
    assert classify(400, "ValidationException") is Kind.INVALID


def test_what_awss_own_client_tries_again_is_tried_again() -> None:
    """No code that botocore takes for throttling or for a passing fault is final to us."""
    throttled, transient = vars(ThrottledRetryableChecker), vars(TransientRetryableChecker)
    theirs = {*throttled["_THROTTLED_ERROR_CODES"], *transient["_TRANSIENT_ERROR_CODES"]}
    assert len(theirs) > 10
    assert [code for code in theirs if not classify(400, code).again] == []
    assert {classify(status, "") for status in transient["_TRANSIENT_STATUS_CODES"]} == {Kind.SERVER}


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, Kind.INVALID),
        (403, Kind.DENIED),
        (404, Kind.MISSING),
        (408, Kind.SERVER),
        (413, Kind.INVALID),
        (429, Kind.THROTTLED),
        (500, Kind.SERVER),
        (502, Kind.SERVER),
        (503, Kind.SERVER),
        (504, Kind.SERVER),
        (301, Kind.INVALID),
    ],
)
def test_a_status_speaks_where_the_code_is_unknown(status: int, kind: Kind) -> None:
    """A proxy's error page has no code of AWS's."""
    error = error_of("sqs", "SendMessage", status, {}, b"<html>no</html>")
    assert (error.kind, error.code) == (kind, f"HTTP {status}")
    assert error.again is kind.again


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({}, b'{"__type": "com.amazonaws.dynamodb.v20120810#AccessDeniedException", "message": "not you"}'),
        ({}, b'{"__type": "AccessDeniedException", "Message": "not you"}'),
        ({"x-amzn-errortype": "AccessDeniedException:http://internal.amazon.com/coral/"}, b'{"message": "not you"}'),
        (
            {},
            b"<E><Error><Code>AccessDeniedException</Code><Message>not you</Message></Error></E>",
        ),
    ],
)
def test_the_code_is_found_in_every_protocol(headers: dict[str, str], body: bytes) -> None:
    """In the type of a JSON error, short or long, in the header, and in XML; an operator is told AWS's words."""
    error = error_of("dynamodb", "GetItem", 400, headers, body)
    assert (error.kind, error.code) == (Kind.DENIED, "AccessDeniedException")
    assert str(error) == "dynamodb GetItem: AccessDeniedException: not you"


@pytest.mark.parametrize("code", sorted(code for code, kind in KINDS.items() if kind in (Kind.CLOCK, Kind.CREDENTIALS)))
def test_words_on_signatures_are_not_repeated(code: str) -> None:
    """They quote the signed headers, and one of those is the session token."""
    quoted = "The Canonical String should have been 'x-amz-security-token:session-token'"
    for body in (
        json.dumps({"__type": code, "message": quoted}).encode(),
        f"<Error><Code>{code}</Code><Message>{quoted}</Message></Error>".encode(),
    ):
        error = error_of("s3", "PutObject", 403, {}, body)
        assert "session-token" not in f"{error!r} {error} {error.args}"
        assert error.code == code


@given(
    body=st.binary(max_size=200)
    | st.recursive(
        st.none() | st.text(),
        lambda inner: st.dictionaries(st.sampled_from(["__type", "message", "code", "Item"]), inner),
    ).map(lambda data: json.dumps(data).encode())
)
def test_any_answer_is_some_error(body: bytes) -> None:
    """Whatever stands in the body, an error comes out, with a code of a bounded length."""
    error = error_of("logs", "PutLogEvents", 500, {}, body)
    assert isinstance(error, AwsError)
    assert len(error.code) <= 100
    assert len(str(error)) < 600


def test_deep_json_is_no_trap() -> None:
    """A body that nests deeper than the decoder goes is an error without a code."""
    assert error_of("sqs", "SendMessage", 500, {}, b'{"a":' * 100_000).code == "HTTP 500"
