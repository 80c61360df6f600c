"""GitHub's wire in virtual time: the real client's requests go to the stand-in's routes, around a simulated GitHub.

There is no socket and nothing waits. Each client is one process's own, with the tokens and the answers it remembers.
"""

import heapq
import re
from collections.abc import Callable
from urllib.parse import urlsplit

from werkzeug.test import Client

from paddock.adapters.github.api import Api
from paddock.adapters.github.auth import AppAuthority, AppCredentials
from paddock.adapters.github.conditional import ConditionalTransport
from paddock.adapters.github.deliveries import RestDeliveries
from paddock.adapters.github.releases import RestReleases
from paddock.adapters.github.retry import RetryingTransport
from paddock.adapters.github.runners import RestRunners
from paddock.adapters.github.transport import Reply, Request
from paddock.adapters.github.workflows import RestWorkflows
from paddock.adapters.memory.github import MemoryGitHub
from paddock.adapters.memory.github.ports import WEB
from paddock.adapters.standin.app import API, Application
from paddock.adapters.standin.auth import Credentials
from paddock.adapters.standin.made_apps import MadeApps
from paddock.adapters.standin.people import Place
from paddock.adapters.standin.registrations import Registrations
from paddock.adapters.standin.rest_app import AppRoutes
from paddock.adapters.standin.rest_runners import RunnerRoutes
from paddock.adapters.standin.rest_workflows import WorkflowRoutes
from paddock.core.ports.github import GitHub
from paddock.core.ports.system import Chance, Clock, Ids
from paddock.core.units import SECOND, Moment, Span
from tests.limits import Asked

LASTS: Span = SECOND
"""How long GitHub takes for an answer: about a second for a just-in-time configuration."""

APP = "the App"
_NOT_MODIFIED = 304
_NUMBER = re.compile(r"/\d+(?=/|$)")
_OWNER = re.compile(r"/(orgs|repos|users)/([^/]+)(/[^/]+)?")
_MANY = 1 << 30


class NobodySleeps:
    """In virtual time a wait would be everybody's: nothing may be repeated."""

    def sleep(self, span: Span) -> None:
        """Never."""
        raise AssertionError(f"somebody waits for {span} us: GitHub refused or failed")


class GitHubWire:
    """GitHub as it is on the wire. `github` gives the real client of a new process."""

    def __init__(
        self, model: MemoryGitHub, *, clock: Clock, ids: Ids, chance: Chance, record: Callable[[Asked], object]
    ) -> None:
        """Args: what it knows; the ports; who is told of each request.

        It refuses nobody for asking too often: what was asked is judged afterwards.
        """
        self._clock, self._chance, self._record = clock, chance, record
        place, self._credentials = Place(WEB), Credentials(clock, ids)
        apps = MadeApps(place, self._credentials, clock, ids)
        registrations = Registrations(model)
        about = AppRoutes(model, place, self._credentials, apps)
        parts = (
            about,
            RunnerRoutes(model, place, self._credentials, registrations),
            WorkflowRoutes(model, place, self._credentials),
        )
        application = Application(
            [route for part in parts for route in part.routes()], clock=clock, ids=ids, refused=apps.refused
        )
        application.rate_limit = _MANY
        about.rate = application.rate
        self._client = Client(application)

    def github(self, at_once: int = 1) -> GitHub:
        """The ports of a process that has just begun, and makes so many calls at once."""
        again = RetryingTransport(
            _Lanes(self._answered, self._clock, at_once), clock=self._clock, sleeper=NobodySleeps(), chance=self._chance
        )
        app = AppCredentials(str(self._credentials.app_id), self._credentials.private_key)
        api = f"{WEB}{API}"
        calls = Api(api, ConditionalTransport(again), AppAuthority(app, api, again, self._clock), self._clock)
        releases = RestReleases(calls, clock=self._clock)
        return GitHub(RestRunners(calls, WEB, self._clock), RestWorkflows(calls), RestDeliveries(calls), releases)

    def _answered(self, request: Request, going: tuple[Moment, Moment]) -> Reply:
        """The answer, and the record of it; it is on its way from when until when."""
        url = urlsplit(request.url)
        answer = self._client.open(
            url.path,
            method=request.method,
            base_url=WEB,
            query_string=url.query,
            headers=dict(request.headers),
            data=request.body,
        )
        path = url.path.removeprefix(API)
        owner = _OWNER.match(path)
        self._record(
            Asked(
                self._clock.now(),
                f"github {request.method} {template_of(path)}",
                who=owner[2] if owner else APP,
                going=going,
                free=answer.status_code == _NOT_MODIFIED,
            )
        )
        return Reply(
            answer.status_code, {name.lower(): value for name, value in answer.headers.items()}, answer.get_data()
        )


class _Lanes:
    """A `Transport` of one process. Of its calls as many go at once as it has lanes; the next ones wait for these."""

    def __init__(self, asked: Callable[[Request, tuple[Moment, Moment]], Reply], clock: Clock, count: int) -> None:
        self._asked, self._clock = asked, clock
        self._free = [0] * count

    def send(self, request: Request) -> Reply:
        """See `Transport.send`."""
        began = max(self._clock.now(), heapq.heappop(self._free))
        heapq.heappush(self._free, began + LASTS)
        return self._asked(request, (began, began + LASTS))

    def close(self) -> None:
        """Nothing is open."""


def template_of(path: str) -> str:
    """The endpoint of a path, as GitHub's documentation has it: ``/orgs/{org}/actions/runners/{id}``."""
    named = _OWNER.sub(
        lambda found: f"/{found[1]}/{{repo}}" if found[1] == "repos" else f"/{found[1]}/{{owner}}{found[3] or ''}",
        path,
        count=1,
    )
    return _NUMBER.sub("/{id}", named)
