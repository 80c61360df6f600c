"""A code is exchanged with a GitHub that does not give the App: what is told has no code in it, which may be good."""

import json
import traceback
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from werkzeug.wrappers import Request, Response

from paddock.adapters.github.endpoints import Endpoints, endpoints_of
from paddock.adapters.github.manifest import NewApp, convert
from paddock.adapters.memory.system import ManualClock, ManualSleeper
from paddock.adapters.system import SystemChance
from paddock.adapters.web import WebServer
from paddock.core.errors import AccessDenied, InvalidInput, PaddockError, Rejected, Throttled, Unavailable
from paddock.core.units import HOUR
from tests.strategies import NOON

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

CODE = "0123456789abcdef0123456789abcdef01234567"


def exchanged(endpoints: Endpoints) -> NewApp:
    """Exchange the code; pauses take no time."""
    clock = ManualClock(NOON)
    return convert(endpoints, CODE, clock=clock, sleeper=ManualSleeper(clock), chance=SystemChance())


@contextmanager
def answering(status: int, headers: dict[str, str]) -> Iterator[Endpoints]:
    """A GitHub that always says this, and repeats what it was asked."""

    def serve(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        text = json.dumps({"message": f"no: {Request(environ).path}"})
        return Response(text, status, headers, mimetype="application/json")(environ, start_response)

    server = WebServer(serve)
    server.start()
    try:
        yield endpoints_of(f"http://127.0.0.1:{server.port}")
    finally:
        server.stop()


def check(error: PaddockError) -> None:
    """Fail if the code is anywhere in what is told of the error, or if what to do is not."""
    told = "".join(traceback.format_exception(error))
    assert CODE not in f"{told} {error!r} {error.__notes__}"
    assert "begin again" in error.__notes__[0]


@pytest.mark.parametrize(
    ("status", "headers", "kind"),
    [
        (403, {}, AccessDenied),
        (422, {}, Rejected),
        (429, {"Retry-After": "3600"}, Throttled),
        (500, {}, Unavailable),
        (200, {}, Unavailable),
    ],
)
def test_no_answer_of_githubs_tells_the_code(status: int, headers: dict[str, str], kind: type[PaddockError]) -> None:
    """The error is of its kind, names the request, and has "…" where the code was."""
    with answering(status, headers) as endpoints, pytest.raises(kind, match="/app-manifests/…/conversions") as refused:
        exchanged(endpoints)
    assert type(refused.value) is kind
    assert not isinstance(refused.value, Throttled) or refused.value.retry_after == HOUR
    check(refused.value)


def test_a_github_out_of_reach_does_not_tell_the_code() -> None:
    """The code was never used then: whoever read it could use it. The same where the address cannot be asked."""
    with answering(500, {}) as endpoints:
        pass
    with pytest.raises(Unavailable, match="/app-manifests/…/conversions") as unreached:
        exchanged(endpoints)
    check(unreached.value)
    with pytest.raises(InvalidInput) as refused:
        exchanged(Endpoints(web="gopher://127.0.0.1", api="gopher://127.0.0.1"))
    check(refused.value)
