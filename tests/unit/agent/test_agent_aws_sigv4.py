"""Signatures: AWS's own examples, and botocore's signer as the judge of everything else."""

import hashlib
from urllib.parse import quote

import pytest
from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotoCredentials
from hypothesis import given
from hypothesis import strategies as st

from paddock.agent.aws.sigv4 import Credentials, Request, encode_path, sign

SECOND = 1_000_000
AUGUST = 1_440_938_160 * SECOND  # 20150830T123600Z, the moment of the test suite
MAY = 1_369_353_600 * SECOND  # 20130524T000000Z, the moment of S3's examples
SUITE = Credentials("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
S3_USER = Credentials("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
HOST = {"Host": "example.amazonaws.com"}
BUCKET = {"Host": "examplebucket.s3.amazonaws.com"}


@pytest.mark.parametrize(
    ("request_", "signature"),
    [
        (
            Request(method="GET", path="/", headers=HOST),
            "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
        ),
        (
            Request(method="POST", path="/", headers=HOST),
            "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
        ),
        (
            Request(method="GET", path="/", headers=HOST, query=[("Param2", "value2"), ("Param1", "value1")]),
            "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
        ),
        (
            Request(method="GET", path="/", headers=HOST, query=[("Param1", "value1")]),
            "a67d582fa61cc504c4bae71f336f98b97f1ea3c7a6bfe1b6e45aec72011b9aeb",
        ),
    ],
    ids=["get-vanilla", "post-vanilla", "query-order-key-case", "empty-query-key"],
)
def test_the_published_suite_is_met(request_: Request, signature: str) -> None:
    """Cases of the Signature Version 4 test suite give the signatures that it publishes."""
    headers = sign(request_, SUITE, region="us-east-1", service="service", at=AUGUST)
    assert headers["Authorization"] == (
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request,"
        f" SignedHeaders=host;x-amz-date, Signature={signature}"
    )


def test_the_worked_example_of_the_general_reference_is_met() -> None:
    """The request to list IAM users that the signing process is explained with."""
    form = "application/x-www-form-urlencoded; charset=utf-8"
    request = Request(
        method="GET",
        path="/",
        query=[("Action", "ListUsers"), ("Version", "2010-05-08")],
        headers={"Content-Type": form, "Host": "iam.amazonaws.com"},
    )
    found = sign(request, SUITE, region="us-east-1", service="iam", at=AUGUST)["Authorization"]
    assert found.endswith("Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7")
    assert "SignedHeaders=content-type;host;x-amz-date" in found


@pytest.mark.parametrize(
    ("request_", "signature"),
    [
        (
            Request(method="GET", path="/test.txt", headers={**BUCKET, "Range": "bytes=0-9"}),
            "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
        ),
        (
            Request(
                method="PUT",
                path="/test$file.text",
                headers={
                    **BUCKET,
                    "Date": "Fri, 24 May 2013 00:00:00 GMT",
                    "x-amz-storage-class": "REDUCED_REDUNDANCY",
                },
                digest=hashlib.sha256(b"Welcome to Amazon S3.").hexdigest(),
            ),
            "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
        ),
        (
            Request(method="GET", path="/", headers=BUCKET, query=[("lifecycle", "")]),
            "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543",
        ),
        (
            Request(method="GET", path="/", headers=BUCKET, query=[("prefix", "J"), ("max-keys", "2")]),
            "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
        ),
    ],
    ids=["get", "put", "lifecycle", "list"],
)
def test_the_examples_of_s3_are_met(request_: Request, signature: str) -> None:
    """S3's documented examples: its path is encoded once, and the body's hash is a header."""
    headers = sign(request_, S3_USER, region="us-east-1", service="s3", at=MAY)
    assert headers["Authorization"].rpartition("Signature=")[2] == signature
    assert headers["X-Amz-Content-SHA256"] == request_.digest


NAMES = st.from_regex(r"[a-zA-Z][a-zA-Z0-9-]{0,12}", fullmatch=True)
VALUES = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=30)
SEGMENTS = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="/"), min_size=1, max_size=12)


@given(
    method=st.sampled_from(["GET", "PUT", "POST"]),
    segments=st.lists(SEGMENTS.filter(lambda text: text not in {".", ".."}), max_size=4),
    query=st.lists(st.tuples(SEGMENTS, st.text(st.characters(exclude_categories=["Cs"]), max_size=8)), max_size=4),
    extra=st.dictionaries(NAMES.map(lambda name: f"x-amz-meta-{name}".lower()), VALUES, max_size=4),
    body=st.binary(max_size=50),
    token=st.sampled_from(["", "AQoDYXdzEPT//////////wEXAMPLE=="]),
    service=st.sampled_from(["dynamodb", "s3", "sqs", "logs", "sts"]),
    at=st.integers(0, 4_000_000_000),
)
def test_botocore_signs_the_same(
    method: str,
    segments: list[str],
    query: list[tuple[str, str]],
    extra: dict[str, str],
    body: bytes,
    token: str,
    service: str,
    at: int,
) -> None:
    """Whatever the path, the query, the headers and the body: the signature is the one that AWS's own client makes."""
    path = "/" + "/".join(segments)
    digest = hashlib.sha256(body).hexdigest()
    credentials = Credentials("ASIAEXAMPLE", "secret/+", token)
    request = Request(method=method, path=path, query=query, headers={"Host": "bucket.example", **extra}, digest=digest)
    ours = sign(request, credentials, region="eu-west-1", service=service, at=at * SECOND)

    theirs = AWSRequest(
        method=method,
        url=f"https://bucket.example{quote(path, safe='/-_.~')}",
        params=query,  # type: ignore[arg-type]  # it takes pairs too
        data=body,
        headers={name: value for name, value in ours.items() if name != "Authorization"},
    )
    kind = S3SigV4Auth if service == "s3" else SigV4Auth
    signer = kind(BotoCredentials("ASIAEXAMPLE", "secret/+", token or None), service, "eu-west-1")
    theirs.context["timestamp"] = ours["X-Amz-Date"]
    text = signer.string_to_sign(theirs, signer.canonical_request(theirs))
    assert ours["Authorization"].rpartition("Signature=")[2] == signer.signature(text, theirs)
    assert ("X-Amz-Security-Token" in ours) == bool(token)


def test_secrets_are_not_shown() -> None:
    """Neither the secret key nor the session token is in what a traceback or a log would print."""
    shown = repr(Credentials("ASIAEXAMPLE", "the-secret", "the-token", 5))
    assert "the-secret" not in shown
    assert "the-token" not in shown
    assert "ASIAEXAMPLE" in shown


def test_a_path_is_encoded_as_s3_reads_it() -> None:
    """Every byte but letters, digits, -._~ and / is encoded, the colon of an aws:userid too."""
    assert encode_path("/diag/AROA:i-0/ä b+c.gz") == "/diag/AROA%3Ai-0/%C3%A4%20b%2Bc.gz"
    assert encode_path("") == "/"
