"""A front before a server on this machine that notes each request, by method and path, and passes it on."""

import http.client
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import attrs
from werkzeug.wrappers import Request, Response

from paddock.adapters.web import WebServer

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

_OF_THE_HOP = {"host", "connection", "content-length", "transfer-encoding", "server", "date"}


@attrs.define
class Front:
    """``seen`` are the requests so far."""

    url: str
    seen: list[tuple[str, str]] = attrs.field(factory=list)


@contextmanager
def front(behind: str) -> Iterator[Front]:
    """A front before what serves at `behind`."""
    target = urlsplit(behind).netloc
    made: Front

    def passed_on(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        request = Request(environ)
        made.seen.append((request.method, request.path))
        connection = http.client.HTTPConnection(target, timeout=10)
        headers = {name: value for name, value in request.headers.items() if name.lower() not in _OF_THE_HOP}
        connection.request(request.method, request.full_path.rstrip("?"), request.get_data() or None, headers)
        answer = connection.getresponse()
        kept = [
            (name, value.replace(behind, made.url))  # links to other pages lead through here, too
            for name, value in answer.getheaders()
            if name.lower() not in _OF_THE_HOP
        ]
        response = Response(answer.read(), answer.status, kept)
        connection.close()
        return response(environ, start_response)

    server = WebServer(passed_on)
    made = Front(f"http://127.0.0.1:{server.port}")
    server.start()
    try:
        yield made
    finally:
        server.stop()
