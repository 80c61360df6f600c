"""GitHub's refusals in the core's words, and how long it wants us to wait.

==========================================  ===============================================
401, 402, 403, 407, 451                     AccessDenied
403 or 429 that speaks of a rate limit      Throttled, with the wait GitHub asked for
404, 410                                    NotFound
408 and 5xx, a redirect nobody can follow   Unavailable
any other 4xx (400, 409, 422 …)             what the caller calls a refusal: Rejected where its port names that
==========================================  ===============================================

Sources: docs.github.com, "Rate limits for the REST API", "Troubleshooting the REST API".
"""

from email.utils import parsedate_to_datetime
from http import HTTPStatus

import attrs
import msgspec

from paddock.adapters.github.transport import Reply, Request
from paddock.core.errors import AccessDenied, NotFound, PaddockError, Rejected, Throttled, Unavailable
from paddock.core.units import MINUTE, SECOND, Moment, Span, moment_of, span_text

_DENIED = frozenset({401, 402, 403, 407, 451})
_ABSENT = frozenset({404, 410})
_LIMITED = frozenset({403, 429})
_REQUEST_TIMEOUT = 408
_LIMIT_WORDS = ("secondary rate limit", "rate limit exceeded", "abuse detection")
_LIMIT_PAGES = ("secondary-rate-limits", "abuse-rate-limits", "rate-limits-for-the-rest-api", "#rate-limiting")
_SECONDARY_WAIT = MINUTE  # "wait for at least one minute", where no header says how long
_TEXT_LIMIT = 500
_MAX_WAIT_SECONDS = 7 * 24 * 3600  # a header that asks for more is no sane answer


_NOTHING = msgspec.Raw(b"null")


@attrs.frozen
class _Problem:
    """The body of an error. ``errors`` is a list of objects or of strings, by endpoint."""

    message: str | None = None
    documentation_url: str | None = None
    errors: msgspec.Raw = _NOTHING


_PROBLEM = msgspec.json.Decoder(_Problem)


def message_of(reply: Reply) -> str:
    """GitHub's own words for what is wrong, with the details it gives; the status' name if it sent none."""
    problem = _problem(reply)
    text = problem.message or _phrase(reply.status)
    details = _details(bytes(problem.errors))
    return (f"{text} [{details}]" if details else text)[:_TEXT_LIMIT]


def throttle_of(reply: Reply, now: Moment) -> Span | None:
    """How long GitHub asks us to wait because we are too fast; None if the reply is no such complaint."""
    if reply.status not in _LIMITED:
        return None
    asked = retry_after(reply, now)
    if asked is not None:
        return asked
    if reply.header("x-ratelimit-remaining") == "0":
        reset = reply.header("x-ratelimit-reset")
        # One second more: the reset is a whole second of GitHub's clock, not of ours.
        return max(int(reset) * SECOND - now, 0) + SECOND if _seconds(reset) else _SECONDARY_WAIT
    problem = _problem(reply)
    said = (problem.message or "").lower()
    page = problem.documentation_url or ""
    limited = any(words in said for words in _LIMIT_WORDS) or any(part in page for part in _LIMIT_PAGES)
    return _SECONDARY_WAIT if limited or reply.status == HTTPStatus.TOO_MANY_REQUESTS else None


def retry_after(reply: Reply, now: Moment) -> Span | None:
    """The Retry-After header (seconds or a date) as a span; None if there is none that can be read."""
    value = reply.header("retry-after").strip()
    if _seconds(value):
        return min(int(value), _MAX_WAIT_SECONDS) * SECOND
    if not value:
        return None
    try:
        return max(0, moment_of(parsedate_to_datetime(value)) - now)
    except (ValueError, OverflowError):
        return None


def error_of(request: Request, reply: Reply, now: Moment, refusal: type[PaddockError] = AccessDenied) -> PaddockError:
    """The error that a reply of 300 or more stands for.

    Args:
        request: what was asked.
        reply: what came back.
        now: for the wait until a limit is lifted.
        refusal: how the caller's port calls a request that GitHub understood and will not do.
    """
    what = describe(request, reply)
    wait = throttle_of(reply, now)
    if wait is not None:
        return Throttled(f"{what}: wait {span_text(wait)}", wait)
    if reply.status in _DENIED:
        return AccessDenied(f"{what}: {_remedy(reply)}")
    if reply.status in _ABSENT:
        return NotFound(f"{what}: check the name, and that the credentials may see it{_permissions(reply, ' with ')}")
    if reply.status >= HTTPStatus.INTERNAL_SERVER_ERROR or reply.status == _REQUEST_TIMEOUT:
        return Unavailable(f"{what}: a fault on GitHub's side, see https://www.githubstatus.com if it lasts")
    if reply.status >= HTTPStatus.BAD_REQUEST:
        return refusal(what)
    return Unavailable(f"{what}: not an answer to this request; is this URL GitHub's?")


def describe(request: Request, reply: Reply) -> str:
    """Method, path (no query), status, GitHub's words and the id its support asks for."""
    identity = reply.header("x-github-request-id")
    trace = f" (GitHub's request id {identity})" if identity else ""
    return f"{request.method} {request.path}: {reply.status} {message_of(reply)}{trace}"


def lacks_permission(reply: Reply) -> bool:
    """True if a 403 is about the credentials and not about the thing. GitHub gives no code for it, only these words."""
    return message_of(reply).startswith(("Resource not accessible", "Must have admin rights", "Resource protected"))


def unexpected(request: Request, reply: Reply, problem: object) -> Unavailable:
    """A reply that is not what the endpoint is documented to send: a proxy's page, or half a body."""
    return Unavailable(f"{describe(request, reply)}: its body is not what this endpoint sends ({problem})")


def rejected(request: Request, reply: Reply) -> Rejected:
    """The reply as a plain refusal of the request."""
    return Rejected(describe(request, reply))


def _remedy(reply: Reply) -> str:
    if reply.status == HTTPStatus.UNAUTHORIZED:
        return "check the token, or the App's id and private key, and that this machine's clock is right"
    if reply.status == HTTPStatus.PROXY_AUTHENTICATION_REQUIRED:
        return "the proxy wants credentials: put them into HTTPS_PROXY"
    return _permissions(reply, "grant the App or token the permission ") or (
        "check the App's permissions and repositories, and the organisation's policies (self-hosted runners, IP list)"
    )


def _permissions(reply: Reply, introduction: str) -> str:
    # Alternatives are parted by ";", permissions that are needed together by ",".
    accepted = reply.header("x-accepted-github-permissions").replace("; ", ";").replace(";", " or ")
    return f"{introduction}{accepted}" if accepted else ""


def _problem(reply: Reply) -> _Problem:
    try:
        return _PROBLEM.decode(reply.body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return _Problem()


def _details(raw: bytes) -> str:
    try:
        found = msgspec.json.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return ""
    if not isinstance(found, list):
        return found if isinstance(found, str) else ""
    return "; ".join(filter(None, map(_detail, found)))


def _detail(entry: object) -> str:
    if isinstance(entry, dict):
        words = [entry.get(key) for key in ("resource", "field", "code", "message")]
        return " ".join(word for word in words if isinstance(word, str))
    return entry if isinstance(entry, str) else ""


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "(no message)"


def _seconds(value: str) -> bool:
    return value.isascii() and value.isdigit() and len(value) <= 12  # noqa: PLR2004 - enough for any Unix time
