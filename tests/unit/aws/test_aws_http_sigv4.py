"""Signatures of the client without boto3: AWS's published suite, and botocore's signer as the judge of the rest."""

from urllib.parse import quote

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotoCredentials
from hypothesis import given
from hypothesis import strategies as st

from paddock.adapters.aws_http import Credentials, environment_credentials
from paddock.adapters.aws_http.sigv4 import Request, Signer
from paddock.core.errors import AccessDenied
from paddock.core.units import DAY, SECOND

AUGUST = 1_440_938_160 * SECOND  # 20150830T123600Z, the moment of the suite
SUITE = Credentials("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
HOST = {"Host": "example.amazonaws.com"}
FORM = {**HOST, "Content-Type": "application/x-www-form-urlencoded"}
UNRESERVED = "-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def request(method: str = "GET", path: str = "/", *query: tuple[str, str], **more: str) -> Request:
    headers = {**HOST, **{name.replace("_", "-"): value for name, value in more.items()}}
    return Request(method=method, path=path, query=query, headers=headers)


# Name of the case, request, signature.
CASES = (
    ("get-vanilla", request(), "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
    ("post-vanilla", request("POST"), "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"),
    (
        "get-vanilla-query-order-key-case",
        request("GET", "/", ("Param2", "value2"), ("Param1", "value1")),
        "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
    ),
    (
        "get-vanilla-empty-query-key",
        request("GET", "/", ("Param1", "value1")),
        "a67d582fa61cc504c4bae71f336f98b97f1ea3c7a6bfe1b6e45aec72011b9aeb",
    ),
    (
        "get-vanilla-query-unreserved",
        request("GET", "/", (UNRESERVED, UNRESERVED)),
        "9c3e54bfcdf0b19771a7f523ee5669cdf59bc7cc0884027167c21bb143a40197",
    ),
    (
        "get-header-value-trim",
        request(My_Header1=" value1", My_Header2=' "a   b   c"'),
        "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736",
    ),
    (
        "get-unreserved",
        request("GET", f"/{UNRESERVED}"),
        "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f",
    ),
    (
        "post-header-key-sort",
        request("POST", My_Header1="value1"),
        "c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c",
    ),
    (
        "post-header-value-case",
        request("POST", My_Header1="VALUE1"),
        "cdbc9802e29d2942e5e10b5bccfdd67c5f22c7c4e8ae67b53629efa58b974b7d",
    ),
    (
        "post-vanilla-query",
        request("POST", "/", ("Param1", "value1")),
        "28038455d6de14eafc1f9222cf5aa6f1a96197d7deb8263271d420d138af7f11",
    ),
    (
        "post-x-www-form-urlencoded",
        Request(method="POST", path="/", headers=FORM, body=b"Param1=value1"),
        "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
    ),
)


@pytest.mark.parametrize(("asked", "signature"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_the_published_suite_is_met(asked: Request, signature: str) -> None:
    """Cases of the Signature Version 4 test suite give the signatures that it publishes."""
    headers = Signer(lambda: SUITE, "us-east-1", "service").sign(asked, AUGUST)
    names = ";".join(sorted([*(name.lower() for name in asked.headers), "x-amz-date"]))
    assert headers["Authorization"] == (
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request,"
        f" SignedHeaders={names}, Signature={signature}"
    )


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
    service=st.sampled_from(["sqs", "dynamodb", "secretsmanager", "ssm"]),
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
    keys = Credentials("ASIAEXAMPLE", "secret/+", token)
    asked = Request(method=method, path=path, query=query, headers={"Host": "sqs.example", **extra}, body=body)
    ours = Signer(lambda: keys, "eu-west-1", service).sign(asked, at * SECOND)

    theirs = AWSRequest(
        method=method,
        url=f"https://sqs.example{quote(path, safe='/-_.~')}",
        params=query,  # type: ignore[arg-type]  # it takes pairs too
        data=body,
        headers={name: value for name, value in ours.items() if name != "Authorization"},
    )
    signer = SigV4Auth(BotoCredentials("ASIAEXAMPLE", "secret/+", token or None), service, "eu-west-1")
    theirs.context["timestamp"] = ours["X-Amz-Date"]
    text = signer.string_to_sign(theirs, signer.canonical_request(theirs))
    assert ours["Authorization"].rpartition("Signature=")[2] == signer.signature(text, theirs)
    assert ("X-Amz-Security-Token" in ours) == bool(token)


def test_the_kept_key_is_given_up_with_its_day_and_its_secret() -> None:
    """One signer, asked again: the same as a new one each time."""
    keys = [SUITE, SUITE, Credentials("AKIDEXAMPLE", "another"), SUITE, SUITE]
    moments = [AUGUST, AUGUST + SECOND, AUGUST + SECOND, AUGUST + DAY, AUGUST]
    turn = iter(keys)
    kept = Signer(lambda: next(turn), "us-east-1", "service")
    for each, at in zip(keys, moments, strict=True):
        fresh = Signer(lambda each=each: each, "us-east-1", "service")  # type: ignore[misc]
        assert kept.sign(request(), at) == fresh.sign(request(), at)


def test_the_environment_of_a_function_names_who_signs() -> None:
    """The three variables of its runtime; a user's own keys have no token."""
    environ = {"AWS_ACCESS_KEY_ID": "ASIA", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_SESSION_TOKEN": "token"}
    assert environment_credentials(environ) == Credentials("ASIA", "secret", "token")
    del environ["AWS_SESSION_TOKEN"]
    assert environment_credentials(environ) == Credentials("ASIA", "secret")


@pytest.mark.parametrize("environ", [{}, {"AWS_ACCESS_KEY_ID": "ASIA"}, {"AWS_SECRET_ACCESS_KEY": "secret"}])
def test_without_keys_nobody_signs(environ: dict[str, str]) -> None:
    """It is an error of ours, and it does not show the half that is there."""
    with pytest.raises(AccessDenied, match="AWS_ACCESS_KEY_ID") as caught:
        environment_credentials(environ)
    assert "secret" not in str(caught.value)


def test_secrets_are_not_shown() -> None:
    """Neither the secret key nor the session token is in what a traceback or a log would print."""
    keys = Credentials("ASIAEXAMPLE", "the-secret", "the-token")
    shown = repr(keys) + repr(Signer(lambda: keys, "eu-west-1", "sqs"))
    assert "the-secret" not in shown
    assert "the-token" not in shown
    assert "ASIAEXAMPLE" in shown
