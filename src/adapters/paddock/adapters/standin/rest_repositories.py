"""REST: listings of repositories, of an organisation and of the App's installation."""

from collections.abc import Iterator

from werkzeug.wrappers import Request, Response

from paddock.adapters.memory.github import MemoryGitHub, Repository
from paddock.adapters.standin.app import API, Route, page, reply
from paddock.adapters.standin.auth import Credentials
from paddock.adapters.standin.people import Json, Place, full_repository, minimal_repository
from paddock.core.errors import NotFound


class RepositoryRoutes:
    """The listings. Every owner is an organisation here, and the App is installed on all of them."""

    def __init__(self, model: MemoryGitHub, place: Place, credentials: Credentials) -> None:
        self._model, self._place, self._credentials = model, place, credentials

    def routes(self) -> Iterator[Route]:
        """All of them."""
        guard = self._credentials.require_token
        yield Route("GET", f"{API}/orgs/<owner>/repos", "org-repositories", self.of_owner, guard)
        yield Route("GET", f"{API}/installation/repositories", "installation-repositories", self.installed, guard)

    def of_owner(self, request: Request, owner: str) -> Response:
        """``GET /orgs/{org}/repos``."""
        found = [one for one in self._all() if one.owner.casefold() == owner.casefold()]
        if not found:
            raise NotFound(owner)
        shown, headers = page(request, found)
        return reply([minimal_repository(self._place, one) for one in shown], headers=headers)

    def installed(self, request: Request) -> Response:
        """``GET /installation/repositories``."""
        found = self._all()
        shown, headers = page(request, found)
        listed: list[Json] = [full_repository(self._place, one, 0) for one in shown]
        return reply({"total_count": len(found), "repositories": listed}, headers=headers)

    def _all(self) -> list[Repository]:
        with self._model.state.change():
            return list(self._model.state.repositories.values())
