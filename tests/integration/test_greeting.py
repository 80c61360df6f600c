"""What a starting fleet asks GitHub, and what it says of the answers."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from paddock.adapters.github.auth import Credentials
from paddock.adapters.github.endpoints import endpoints_of
from paddock.adapters.github.identity import Identity, identify
from paddock.adapters.memory.system import ManualClock
from paddock.adapters.standin import GitHubStandIn
from paddock.core.errors import Throttled, Unavailable
from paddock.core.ports.github import Scope
from paddock.core.settings import ScopeKind
from paddock.core.units import HOUR, rfc3339
from tests.github_client import API, NOON, TOKEN, app, claims_of
from tests.http_stub import LOST, Answer, HttpStub, http_stub

ALL = {"administration": "write", "actions": "write", "checks": "write", "organization_self_hosted_runners": "write"}
ACME = Scope("acme")


@pytest.fixture
def github() -> Iterator[HttpStub]:
    """A GitHub that knows the App, fully permitted, and the token."""
    with http_stub() as stub:
        stub.on(f"GET {API}/orgs/acme/installation", installation())
        minted = {"token": "ghs_1", "expires_at": rfc3339(NOON + HOUR)}
        stub.on(f"POST {API}/app/installations/7/access_tokens", Answer(201, minted))
        stub.on(f"GET {API}/rate_limit", Answer(200, {"rate": {"limit": 5000, "remaining": 4998}}))
        yield stub


def installation(**changes: Any) -> Answer:  # noqa: ANN401 - any field
    """GitHub's answer about the App's installation."""
    body = {
        "id": 7,
        "account": {"login": "acme"},
        "app_slug": "paddock",
        "permissions": ALL,
        "events": ["workflow_job"],
        "suspended_at": None,
        **changes,
    }
    return Answer(200, body)


def asked(
    github: HttpStub,
    *targets: Scope,
    credentials: Credentials | None = None,
    scope: ScopeKind = ScopeKind.REPOSITORY,
) -> Identity:
    """What comes of asking."""
    return identify(endpoints_of(github.url), credentials or app(), targets, scope, ManualClock(NOON))


def test_an_app_that_may_everything(github: HttpStub) -> None:
    """Who, where installed and what rate is left; three cheap calls, the App's own as the App and the rest as it."""
    assert asked(github, ACME) == Identity(
        "App 12345 (paddock), installed on acme (installation 7); 4,998 of 5,000 calls left this hour"
    )
    assert claims_of(github.seen[0].bearer)["iss"] == "12345"
    assert github.to(f"GET {API}/rate_limit")[0].bearer == "ghs_1"
    # The installation is looked for once more by the authority that mints the token; nothing is written anywhere.
    assert len(github.seen) <= 4


@pytest.mark.parametrize(
    ("scope", "permissions", "wrong", "lacking"),
    [
        (ScopeKind.REPOSITORY, {**ALL, "administration": "read"}, "repository permission Administration", ""),
        (ScopeKind.REPOSITORY, {"administration": "write", "checks": "write"}, "may not read jobs", ""),
        (ScopeKind.ORGANIZATION, {"actions": "write"}, "organisation permission Self-hosted runners", "Checks"),
        (ScopeKind.REPOSITORY, {**ALL, "actions": "read"}, "", "may not re-run or cancel"),
        (ScopeKind.REPOSITORY, {**ALL, "checks": "read"}, "", "authors are not told"),
    ],
)
def test_missing_permissions_are_named_as_github_names_them(
    github: HttpStub, scope: ScopeKind, permissions: dict[str, str], wrong: str, lacking: str
) -> None:
    """Without some the fleet cannot work; others it can do without, and says what it then lacks."""
    github.on(f"GET {API}/orgs/acme/installation", installation(permissions=permissions))
    found = asked(github, ACME, scope=scope)
    assert [wrong in text for text in found.wrong] == [True] * bool(wrong)
    assert [lacking in text for text in found.lacking] == [True] * bool(lacking)


def test_a_github_that_limits_nobody(github: HttpStub) -> None:
    """An Enterprise Server without rate limits answers 404, and the fleet starts all the same."""
    github.on(f"GET {API}/rate_limit", Answer(404, {"message": "Rate limiting is not enabled."}))
    assert asked(github, ACME) == Identity("App 12345 (paddock), installed on acme (installation 7)")


def test_a_missing_event_is_no_end_but_told(github: HttpStub) -> None:
    """Jobs are found all the same, only later."""
    github.on(f"GET {API}/orgs/acme/installation", installation(events=["push"]))
    found = asked(github, ACME)
    assert found.wrong == ()
    assert ["event Workflow job" in text for text in found.lacking] == [True]


def test_a_bad_key_or_a_wrong_id(github: HttpStub) -> None:
    """GitHub's 401: the two settings that may be wrong are named, and the clock; and nothing more is asked."""
    refusal = Answer(401, {"message": "A JSON web token could not be decoded"})
    github.on(f"GET {API}/orgs/acme/installation", refusal)
    (wrong,) = asked(github, ACME).wrong
    for words in ("github.app.private_key", "github.app.id", "clock", "401 A JSON web token could not be decoded"):
        assert words in wrong
    assert len(github.seen) == 1


def test_an_app_that_is_installed_nowhere_or_only_here_and_there(github: HttpStub) -> None:
    """Nowhere: the fleet could serve nobody. On some owners: the others are named."""
    for path in ("/orgs/else/installation", "/users/else/installation"):
        github.on(f"GET {API}{path}", Answer(404, {"message": "Not Found"}))
    found = asked(github, Scope("else"))
    assert ["is not installed on else" in text for text in found.wrong] == [True]
    found = asked(github, Scope("else"), ACME)
    assert found.wrong == ()
    assert ["is not installed on else" in text for text in found.lacking] == [True]


def test_a_persons_account_is_found_too(github: HttpStub) -> None:
    """What is no organisation is asked for as a user."""
    github.on(f"GET {API}/orgs/jo/installation", Answer(404, {"message": "Not Found"}))
    github.on(f"GET {API}/users/jo/installation", installation(account={"login": "jo"}))
    assert "installed on jo (installation 7)" in asked(github, Scope("jo")).who


def test_a_suspended_installation(github: HttpStub) -> None:
    """It could do nothing."""
    github.on(f"GET {API}/orgs/acme/installation", installation(suspended_at="2026-11-22T12:00:00Z"))
    assert ["acme is suspended" in text for text in asked(github, ACME).wrong] == [True]


def test_without_a_named_owner_the_app_itself_is_asked(github: HttpStub) -> None:
    """A file that serves every repository names nobody to ask about."""
    github.on(f"GET {API}/app", Answer(200, {"slug": "paddock", "permissions": ALL, "events": ["workflow_job"]}))
    assert asked(github) == Identity("App 12345 (paddock)")
    github.on(f"GET {API}/app", Answer(404, {"message": "Integration not found"}))
    assert "github.app.id" in asked(github).wrong[0]


def test_a_token_is_somebodys(github: HttpStub) -> None:
    """Its owner and rate are told; a classic one without the scope that registers runners is refused."""
    rate = {"X-RateLimit-Remaining": "4990", "X-RateLimit-Limit": "5000"}
    github.on(f"GET {API}/user", Answer(200, {"login": "jo"}, rate))
    assert asked(github, credentials=TOKEN) == Identity("a token of jo; 4,990 of 5,000 calls left this hour")
    github.on(f"GET {API}/user", Answer(200, {"login": "jo"}, {"X-OAuth-Scopes": "gist, read:org"}))
    assert asked(github, credentials=TOKEN).wrong == (
        "the token may not register runners: give it the scope repo (it has gist, read:org)",
    )
    github.on(f"GET {API}/user", Answer(200, {"login": "jo"}, {"X-OAuth-Scopes": "repo"}))
    assert asked(github, credentials=TOKEN).wrong == ()


def test_a_token_that_github_does_not_know(github: HttpStub) -> None:
    """The setting is named; the token is not repeated."""
    github.on(f"GET {API}/user", Answer(401, {"message": "Bad credentials"}))
    (wrong,) = asked(github, credentials=TOKEN).wrong
    assert "github.token" in wrong
    assert TOKEN.token not in wrong


def test_an_installations_token_has_no_user(github: HttpStub) -> None:
    """It is good all the same."""
    github.on(f"GET {API}/user", Answer(403, {"message": "Resource not accessible by integration"}))
    assert asked(github, credentials=TOKEN) == Identity("a token")


def test_a_github_that_cannot_be_asked(github: HttpStub) -> None:
    """Once, without repetitions: somebody waits for the answer."""
    github.on(f"GET {API}/orgs/acme/installation", LOST)
    with pytest.raises(Unavailable):
        asked(github, ACME)
    github.on(f"GET {API}/orgs/acme/installation", Answer(429, {"message": "slow down"}, {"Retry-After": "7"}))
    with pytest.raises(Throttled):
        asked(github, ACME)
    assert len(github.seen) == 2


# -- the command ------------------------------------------------------------------------------------------------------


def started(folder: Path, url: str, app_id: int, key: str) -> subprocess.CompletedProcess[str]:
    """``paddock local`` of a file with these, which must end by itself."""
    (folder / "app.pem").write_text(key, encoding="utf-8")
    (folder / "paddock.yml").write_text(
        f"""\
version: 1
github:
  url: {url}
  webhook_secret: {{env: SECRET}}
  app: {{id: {app_id}, private_key: {{file: app.pem}}}}
  repositories: [acme/shop]
local: {{listen: "127.0.0.1:0", state: state}}
""",
        encoding="utf-8",
    )
    return subprocess.run(
        [sys.executable, "-m", "paddock.entrypoints.cli.app", "local", "--config", "paddock.yml"],
        cwd=folder,
        env={**os.environ, "SECRET": "hush"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_fleet_that_github_refuses_never_listens(tmp_path: Path) -> None:
    """``paddock local`` with another App's id: exit code 1, what is wrong and where to look; no address, no secret."""
    with GitHubStandIn() as github:
        github.add_repository("acme/shop")
        done = started(tmp_path, github.url, github.credentials.app_id + 1, github.credentials.private_key)
    assert (done.returncode, done.stdout) == (1, "")
    assert "GitHub does not take it for App" in done.stderr
    assert "github.app.id" in done.stderr
    assert "PRIVATE KEY" not in done.stderr
    assert "Traceback" not in done.stderr
