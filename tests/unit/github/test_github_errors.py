"""GitHub's statuses and httpx's exceptions in the core's words."""

import json
from collections.abc import Iterator
from http import HTTPStatus

import httpx
import pytest

from paddock.adapters.github._http import failure_of
from paddock.adapters.github.errors import error_of, retry_after, throttle_of
from paddock.adapters.github.transport import Reply, Request, Unreached
from paddock.core.errors import (
    AccessDenied,
    InvalidInput,
    NotFound,
    PaddockError,
    Rejected,
    Throttled,
    Unavailable,
)
from paddock.core.units import MINUTE, SECOND

NOW = 1_795_348_800 * SECOND
REQUEST = Request(
    "POST", "https://api.github.com/repos/acme/shop/x?cursor=hidden", {"Authorization": "Bearer ghs_secret"}, b"{}"
)

EXPECTED: dict[int, type[PaddockError]] = {
    **dict.fromkeys((401, 402, 403, 407, 451), AccessDenied),
    **dict.fromkeys((404, 410), NotFound),
    **dict.fromkeys((400, 405, 406, 409, 411, 412, 413, 414, 415, 416, 417, 418, 421, 422, 423, 424, 425), Rejected),
    **dict.fromkeys((426, 428, 431), Rejected),
    408: Unavailable,
    429: Throttled,
    **dict.fromkeys(range(500, 600), Unavailable),
    **dict.fromkeys(range(300, 400), Unavailable),
}


def reply(status: int, message: str = "No.", headers: dict[str, str] | None = None, **body: object) -> Reply:
    return Reply(status, headers or {}, json.dumps({"message": message, **body}).encode())


def error(answer: Reply) -> PaddockError:
    return error_of(REQUEST, answer, NOW, Rejected)


@pytest.mark.parametrize("status", [status for status in HTTPStatus if status >= HTTPStatus.MULTIPLE_CHOICES])
def test_every_status_http_knows_has_its_error(status: HTTPStatus) -> None:
    """The whole registry of statuses is mapped on purpose: a new one in the standard library fails here."""
    assert type(error(reply(status))) is EXPECTED[status]


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"message":null}', b'{"errors":[1,{"code":2}]}', b"\xff"])
def test_any_status_with_any_body_is_an_error_of_ours(body: bytes) -> None:
    """Numbers nobody registered and bodies that are no JSON (a proxy's page) are mapped too, and named."""
    for status in range(300, 600):
        found = error_of(REQUEST, Reply(status, {}, body), NOW)
        assert isinstance(found, AccessDenied | NotFound | Throttled | Unavailable)
        assert f"POST /repos/acme/shop/x: {status} " in str(found)


def test_a_text_tells_what_was_asked_what_came_and_what_to_do() -> None:
    """Method, path, status, GitHub's words and details, its request id, the permission to grant; no query, no token."""
    found = error(
        reply(
            403,
            "Resource not accessible by integration",
            {
                "x-github-request-id": "ABCD:1234",
                "x-accepted-github-permissions": "administration=write; organization_self_hosted_runners=write",
            },
            errors=[{"resource": "Runner", "field": "labels", "code": "invalid"}, "too many"],
        )
    )
    assert isinstance(found, AccessDenied)
    assert str(found) == (
        "POST /repos/acme/shop/x: 403 Resource not accessible by integration [Runner labels invalid; too many] "
        "(GitHub's request id ABCD:1234): grant the App or token the permission "
        "administration=write or organization_self_hosted_runners=write"
    )


@pytest.mark.parametrize(
    ("answer", "wait"),
    [
        (reply(403, headers={"retry-after": "30"}), 30 * SECOND),
        (reply(429, headers={"retry-after": "0"}), 0),
        (reply(403, headers={"retry-after": "Sun, 22 Nov 2026 12:01:00 GMT"}), 60 * SECOND),
        (reply(403, headers={"retry-after": "Sun, 22 Nov 2026 11:00:00 GMT"}), 0),
        (reply(403, headers={"retry-after": "9" * 12}), 7 * 24 * 60 * MINUTE),
        (reply(403, headers={"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1795348805"}), 6 * SECOND),
        (reply(429, headers={"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1795348705"}), SECOND),
        (reply(403, headers={"x-ratelimit-remaining": "0", "x-ratelimit-reset": "soon"}), MINUTE),
        (reply(403, headers={"x-ratelimit-remaining": "0"}), MINUTE),
        (reply(403, "You have exceeded a secondary rate limit. Please wait."), MINUTE),
        (reply(403, "You have triggered an abuse detection mechanism."), MINUTE),
        (reply(403, documentation_url="https://docs.github.com/rest/overview/rate-limits-for-the-rest-api"), MINUTE),
        (reply(429), MINUTE),
        (reply(403), None),
        (reply(403, headers={"x-ratelimit-remaining": "4999", "x-ratelimit-reset": "1795348805"}), None),
        (reply(404, headers={"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1795348805"}), None),
        (reply(503, headers={"retry-after": "30"}), None),
    ],
)
def test_limits_are_told_from_refusals(answer: Reply, wait: int | None) -> None:
    """Primary and secondary limits are recognised by headers first, words last; a plain 403 stays a refusal."""
    assert throttle_of(answer, NOW) == wait
    found = error(answer)
    assert isinstance(found, Throttled) == (wait is not None)
    if isinstance(found, Throttled):
        assert found.retry_after == wait
        assert "wait " in str(found)


@pytest.mark.parametrize("value", ["", "soon", "-5", "1.5", "٣", "Sun, 99 Nov 2026 12:01:00 GMT", "9" * 400])
def test_a_retry_after_that_cannot_be_read_is_as_none(value: str) -> None:
    """Nonsense in a header is no crash and no wait of a century."""
    assert retry_after(Reply(503, {"retry-after": value}), NOW) is None


def exceptions_of(base: type[Exception]) -> Iterator[type[Exception]]:
    yield base
    for derived in base.__subclasses__():
        yield from exceptions_of(derived)


HTTPX = sorted(
    {
        found
        for name in dir(httpx)
        if isinstance(base := getattr(httpx, name), type) and issubclass(base, Exception)
        for found in exceptions_of(base)
    },
    key=lambda kind: kind.__name__,
)
NEVER_SENT = {httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError}
NO_URL = {httpx.UnsupportedProtocol, httpx.InvalidURL}


def raised(kind: type[Exception]) -> Exception:
    message = "Illegal header value b'Bearer ghs_secret'"
    if kind is httpx.HTTPStatusError:
        request = httpx.Request("GET", "https://x")
        return httpx.HTTPStatusError(message, request=request, response=httpx.Response(500, request=request))
    try:
        return kind(message)
    except TypeError:  # some have their own fixed text
        return kind()


def test_the_enumeration_sees_httpx() -> None:
    """The introspection below is not vacuous: it finds the whole tree."""
    assert {httpx.ReadTimeout, httpx.RemoteProtocolError, httpx.InvalidURL, httpx.StreamClosed} <= set(HTTPX)
    assert len(HTTPX) >= 25


@pytest.mark.parametrize("kind", HTTPX)
def test_every_exception_of_httpx_has_its_error(kind: type[Exception]) -> None:
    """Each becomes one of ours; only those raised before anything was sent say so; no secret gets into a text."""
    found = failure_of(raised(kind), REQUEST)
    if kind in NO_URL:
        assert type(found) is InvalidInput
    elif kind in NEVER_SENT:
        assert type(found) is Unreached
    else:
        assert type(found) is Unavailable
        assert "ghs_secret" not in str(found)
        assert kind.__name__ in str(found)
    assert "hidden" not in str(found)


def test_httpx_raises_nothing_beyond_what_the_client_catches() -> None:
    """Each exception that httpx exports is caught where httpx is called."""
    from paddock.adapters.github import _http  # noqa: PLC0415 - its private list is looked at here alone

    assert [kind for kind in HTTPX if not issubclass(kind, _http._FAILURES)] == []


def test_secrets_are_not_in_a_repr() -> None:
    """Requests and replies may be printed: headers and bodies stay out."""
    assert "ghs_secret" not in repr(REQUEST)
    assert "ghs_secret" not in repr(Reply(200, {"x": "ghs_secret"}, b"ghs_secret"))
