"""The page's server: on this machine alone, for the first browser that opens it, for one answer of GitHub's.

::

    GET /TOKEN/            the page; TOKEN is unguessable, so that others on this machine do not find it
    GET /created?…         GitHub sends the browser here, with a code and the state that we gave it

Others can read the address on a browser's command line. So it is good for one browser: the first that opens the page is
given a cookie, and both addresses are refused to all that do not have it. Who is faster than the browser that we open
gets the page, but not unseen: page and terminal say so then.

A page of somebody else's whose name was made to lead to this machine (DNS rebinding) sends that name as its Host, and
is refused. So is a code with a state that is not ours: it would be somebody else's App.
"""

import hmac
from collections.abc import Callable, Iterable, Sequence
from threading import Event, Lock
from types import TracebackType
from typing import TYPE_CHECKING, Self

from werkzeug.exceptions import HTTPException
from werkzeug.routing import Map, Rule
from werkzeug.wrappers import Request, Response

from paddock.adapters.app_setup.page import Page, Stage, View
from paddock.adapters.github.manifest import Wanted
from paddock.adapters.web import WebServer
from paddock.core.errors import PaddockError
from paddock.core.ports.system import Ids

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

_HOST = "127.0.0.1"
_MAX_BODY = 1 << 16
_HTTP = 80


def hosts_of(port: int) -> frozenset[str]:
    """The Host headers, in lower case, of browsers that mean us. They leave out the port that is HTTP's own."""
    names = (_HOST, "localhost")
    return frozenset(f"{name}:{port}" for name in names) | frozenset(names if port == _HTTP else ())


class Door:
    """A context manager: inside it, the page is served at ``url``. ``said`` is told what is refused, in words."""

    def __init__(
        self,
        wanted: Wanted,
        *,
        ids: Ids,
        exchange: Callable[[str], View],
        places: Sequence[str],
        said: Callable[[str], object],
        port: int = 0,
    ) -> None:
        """Bind the port (0: any free one).

        Args:
            wanted: the App to be made.
            ids: makes what nobody can guess.
            exchange: takes GitHub's code, and says what came of it; called once at most.
            places: where secrets will be kept, in words.
            said: is told what was refused.
            port: where to listen.

        Raises:
            InvalidInput: the port cannot be listened on.
        """
        self._token, self._state = ids.token(), ids.token()
        self._exchange, self._said = exchange, said
        self._page = Page(wanted, places)
        self._view = View()
        self._used = False
        self._lock, self._opening = Lock(), Lock()
        self._answered, self._opened, self._seen = Event(), Event(), Event()
        self._server = WebServer(self._serve, host=_HOST, port=port, threads=4, max_body=_MAX_BODY)
        # By its number, so that neither a hosts file nor IPv6 leads anywhere else.
        self._origin = self._server.url
        # Cookies know no ports: two setups at a time would take each other's.
        self._cookie, self._browser = f"paddock-setup-{self._server.port}", ids.token()
        self._hosts = hosts_of(self._server.port)
        self._routes = Map(
            [
                Rule(f"/{self._token}/", endpoint="page", methods=["GET"]),
                Rule("/created", endpoint="created", methods=["GET"]),
            ]
        )

    @property
    def url(self) -> str:
        """What the browser opens."""
        return f"{self._origin}/{self._token}/"

    def wait(self, seconds: float) -> bool:
        """Wait for GitHub's answer to be dealt with; False if that took longer."""
        return self._answered.wait(seconds)

    def settle(self) -> bool:
        """Let an exchange that is under way come to its end; whether there was any."""
        with self._lock:
            return self._used

    def show(self, view: View) -> None:
        """Change what the page shows."""
        self._view = view

    def last_look(self, seconds: float) -> None:
        """Let whoever has the page open see how it ended; no longer than this, and not at all if nobody has."""
        if self._opened.is_set():
            self._seen.wait(seconds)

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.settle()  # whoever breaks off in the midst of an exchange would lose what GitHub gives once
        self._server.stop()

    def _serve(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        response = self._answer(Request(environ))
        headers = response.headers
        headers["Content-Security-Policy"] = self._page.policy
        headers["Cache-Control"] = "no-store"
        headers["Referrer-Policy"] = "no-referrer"
        headers["X-Content-Type-Options"] = "nosniff"
        headers["X-Frame-Options"] = "DENY"
        headers["Cross-Origin-Opener-Policy"] = "same-origin"
        return response(environ, start_response)

    def _answer(self, request: Request) -> Response:
        if request.headers.get("Host", "").lower() not in self._hosts:
            return _plain(403, f"This page is at {self._origin} alone.")
        try:
            endpoint, _ = self._routes.bind_to_environ(request.environ).match()
        except HTTPException as error:
            return _plain(error.code or 404, "Nothing is here: open the address that the terminal shows.")
        if endpoint == "created":
            return self._created(request)
        if request.host.partition(":")[0] != _HOST:
            return self._to_the_page()  # GitHub leads back to the number, and the cookie would be the name's
        return self._shown(request)

    def _shown(self, request: Request) -> Response:
        with self._opening:
            first = not self._opened.is_set()
            self._opened.set()
        if not first and not self._known(request):
            self._said(
                "a second browser opened the page, and was refused. Unless both were yours, break off (Ctrl-C) and "
                "begin again with --no-browser: somebody else on this machine knows the address"
            )
            return _plain(403, "This page was opened already, in another browser: begin again in the terminal.")
        view = self._view
        text = self._page.html(view, state=self._state, redirect_url=f"{self._origin}/created")
        if view.stage in (Stage.INSTALLED, Stage.FAILED):
            self._seen.set()
        response = Response(text, mimetype="text/html")
        if first:
            # Lax: it must come along when GitHub sends the browser back.
            response.set_cookie(self._cookie, self._browser, path="/", httponly=True, samesite="Lax")
        return response

    def _known(self, request: Request) -> bool:
        """Whether it comes from the browser that opened the page."""
        return hmac.compare_digest(request.cookies.get(self._cookie, "").encode(), self._browser.encode())

    def _to_the_page(self) -> Response:
        return Response(status=303, headers={"Location": self.url})

    def _created(self, request: Request) -> Response:
        code, state = request.args.get("code", ""), request.args.get("state", "")
        if not hmac.compare_digest(state.encode(), self._state.encode()):
            self._said("an answer with another state than ours was refused: it was not for the page that is open here")
            return _plain(403, "This answer is not to the question that was asked here: begin again in the terminal.")
        if not self._known(request):
            self._said("an answer was refused that another browser brought than the one that opened the page")
            return _plain(403, "This browser did not open the page, or keeps no cookies: begin again in the terminal.")
        with self._lock:
            if self._used:
                return _plain(409, "This answer was taken already: see the terminal.")
            if not code:
                return _plain(400, "GitHub sent no code along: begin again on the page.")
            self._used = True
            self._view = self._exchanged(code)
        self._answered.set()
        return self._to_the_page()

    def _exchanged(self, code: str) -> View:
        try:
            return self._exchange(code)
        except PaddockError as error:
            return View(Stage.FAILED, title="That did not work", lines=[str(error), *_notes(error)])
        except Exception as error:  # noqa: BLE001 - whoever waits must be told, and it may hold secrets
            return View(Stage.FAILED, title="A fault of Paddock's own", lines=[type(error).__name__])


def _notes(error: BaseException) -> list[str]:
    return list(getattr(error, "__notes__", ()))


def _plain(status: int, text: str) -> Response:
    return Response(f"{text}\n", status, mimetype="text/plain")
