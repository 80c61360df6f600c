"""What all routes share: routing, authentication, errors in GitHub's form, ETags, the rate limit, counting."""

import hashlib
import json
import math
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import attrs
from werkzeug.exceptions import HTTPException, NotFound, Unauthorized
from werkzeug.routing import Map, Rule
from werkzeug.wrappers import Request, Response

from paddock.core.errors import NotFound as CoreNotFound
from paddock.core.ports.system import Clock, Ids
from paddock.core.units import HOUR, SECOND

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

API = "/api/v3"
RATE_LIMIT = 5_000
MAX_PER_PAGE, DEFAULT_PER_PAGE = 100, 30
DOCUMENTATION = "https://docs.github.com/rest"
HTTP_OK, NOT_MODIFIED = 200, 304

Handler = Callable[..., Response]


@attrs.frozen
class Route:
    """One endpoint. ``guard`` checks the Authorization header; ``name`` is what calls are counted under."""

    method: str
    path: str
    name: str
    handler: Handler
    guard: Callable[[str], None] | None


@attrs.frozen
class Failure:
    """A reply to give instead of the true one: status, headers, message."""

    status: int
    headers: Mapping[str, str] = attrs.field(factory=dict)
    message: str = "Server Error"


def reply(body: object, status: int = HTTP_OK, headers: Mapping[str, str] | None = None) -> Response:
    """A JSON reply; a body of None is an empty one."""
    text = b"" if body is None else json.dumps(body).encode()
    return Response(text, status, headers, content_type="application/json; charset=utf-8")


def error(
    status: int, message: str, errors: Sequence[object] = (), headers: Mapping[str, str] | None = None
) -> Response:
    """An error in GitHub's form."""
    body: dict[str, object] = {"message": message, "documentation_url": DOCUMENTATION, "status": str(status)}
    if errors:
        body["errors"] = list(errors)
    return reply(body, status, headers)


def page(request: Request, items: Sequence[Any]) -> tuple[Sequence[Any], dict[str, str]]:
    """The page that was asked for, and its Link header."""
    size = min(MAX_PER_PAGE, max(1, request.args.get("per_page", DEFAULT_PER_PAGE, int)))
    number = max(1, request.args.get("page", 1, int))
    last = max(1, math.ceil(len(items) / size))
    targets = {"prev": number - 1, "next": number + 1, "last": last, "first": 1}
    wanted = [rel for rel, target in targets.items() if 1 <= target <= last and (target != number or rel != "last")]
    links = [link(request, rel, page=str(targets[rel]), per_page=str(size)) for rel in wanted if last > 1]
    return items[(number - 1) * size : number * size], {"Link": ", ".join(links)} if links else {}


def link(request: Request, rel: str, **changed: str) -> str:
    """One entry of a Link header: this request with other parameters."""
    query = "&".join(f"{name}={value}" for name, value in {**request.args, **changed}.items())
    return f'<{request.base_url}?{query}>; rel="{rel}"'


class Application:
    """The WSGI application. ``calls`` counts the requests by the route's name, 304s and errors included."""

    def __init__(self, routes: Iterable[Route], *, clock: Clock, ids: Ids, refused: Callable[[str, str], bool]) -> None:
        """Args: all routes (each with a name of its own), the ports, and whether a token may not use a route."""
        self._routes = {route.name: route for route in routes}
        self._map = Map([Rule(r.path, endpoint=r.name, methods=[r.method]) for r in self._routes.values()])
        self._clock, self._ids, self._refused = clock, ids, refused
        self._lock = threading.Lock()
        self._failures: dict[str, list[Failure]] = {}
        self._used, self._window = 0, clock.now() // HOUR
        self.rate_limit = RATE_LIMIT
        self.calls: Counter[str] = Counter()

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        """Answer one request."""
        request = Request(environ)
        response = self._answer(request)
        response.headers["X-GitHub-Request-Id"] = self._ids.token()[:20].upper()
        return response(environ, start_response)

    def fail_next(self, name: str, failure: Failure, times: int = 1) -> None:
        """Give this reply to the next calls of the route."""
        with self._lock:
            self._failures.setdefault(name, []).extend([failure] * times)

    def _answer(self, request: Request) -> Response:
        try:
            name, arguments = self._map.bind_to_environ(request.environ).match()
            with self._lock:
                self.calls[name] += 1
                failures = self._failures.get(name)
                failure = failures.pop(0) if failures else None
            if failure is not None:
                return error(failure.status, failure.message, headers=failure.headers)
            route = self._routes[name]
            if route.guard is not None:
                route.guard(request.headers.get("Authorization", ""))
                if self._refused(request.headers.get("Authorization", ""), name):
                    return error(403, "Resource not accessible by integration")
            response = route.handler(request, **arguments)
        except (NotFound, CoreNotFound):
            return error(404, "Not Found")
        except Unauthorized as refused:
            return error(401, refused.description or "Bad credentials")
        except HTTPException as refused:
            return error(refused.code or 500, refused.description or refused.name)
        return self._finish(request, response) if request.path.startswith(API) else response

    def _finish(self, request: Request, response: Response) -> Response:
        if request.method == "GET" and response.status_code == HTTP_OK:
            tag = f'W/"{hashlib.sha256(response.get_data()).hexdigest()}"'
            response.headers["ETag"] = tag
            response.headers["Cache-Control"] = "private, max-age=60, s-maxage=60"
            if request.headers.get("If-None-Match") == tag:
                response = Response(status=NOT_MODIFIED, headers=response.headers)
                response.headers.remove("Content-Type")
        with self._lock:
            window = self._clock.now() // HOUR
            if window != self._window:
                self._window, self._used = window, 0
            free = response.status_code == NOT_MODIFIED or request.path == f"{API}/rate_limit"
            self._used += not free
            used = self._used
        rate = self.rate()
        response.headers["X-GitHub-Media-Type"] = "github.v3; format=json"
        for header, value in (("Limit", rate["limit"]), ("Remaining", rate["remaining"]), ("Reset", rate["reset"])):
            response.headers[f"X-RateLimit-{header}"] = str(value)
        response.headers["X-RateLimit-Used"] = str(min(used, self.rate_limit))
        response.headers["X-RateLimit-Resource"] = "core"
        if used > self.rate_limit and not free:
            limited = error(403, "API rate limit exceeded for installation.")
            limited.headers.extend({k: v for k, v in response.headers.items() if k.startswith("X-RateLimit")})
            return limited
        return response

    def rate(self) -> dict[str, int]:
        """The rate limit as it stands: limit, used, remaining, reset (seconds since 1970)."""
        used = min(self._used, self.rate_limit)
        reset = (self._clock.now() // HOUR + 1) * HOUR // SECOND
        return {"limit": self.rate_limit, "used": used, "remaining": self.rate_limit - used, "reset": reset}
