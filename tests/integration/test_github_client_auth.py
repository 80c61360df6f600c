"""Credentials against a scripted GitHub: the App's JWT, installation tokens, plain tokens."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from paddock.adapters.github.auth import AppCredentials, TokenCredentials
from paddock.core.errors import AccessDenied, InvalidInput, NotFound, Unavailable
from paddock.core.ports.github import Scope
from paddock.core.units import MINUTE, SECOND
from tests.github_client import NOON, Minting, World, app, claims_of, key_pair, world
from tests.http_stub import LOST, Answer, Seen

SHOP = Scope("acme", "shop")
RUNNER = Answer(200, {"id": 5, "name": "r", "os": "linux", "status": "online", "busy": False, "labels": []})
GET = "GET /repos/acme/shop/actions/runners/5"
MINT = "POST /app/installations/77/access_tokens"
FIND = "GET /repos/acme/shop/installation"


def script(at: World) -> None:
    """An App installed on acme, whose tokens last an hour, and one runner."""
    at.on(FIND, Answer(200, {"id": 77}))
    at.on(MINT, Minting(at.clock))
    at.on(GET, RUNNER)


def test_an_app_finds_its_installation_and_uses_its_token() -> None:
    """Three calls the first time, one the second; the JWT is GitHub's form and goes to the App's endpoints alone."""
    with world(app()) as at:
        script(at)
        at.github.runners.get(SHOP, 5)
        at.github.runners.get(SHOP, 5)
        assert at.lines == [FIND, MINT, GET, GET]
        for request in (*at.to(FIND), *at.to(MINT)):
            assert claims_of(request.bearer) == {
                "iss": "12345",
                "iat": NOON // SECOND - 60,
                "exp": NOON // SECOND + 540,
            }
        assert [request.bearer for request in at.to(GET)] == ["ghs_1", "ghs_1"]


def test_every_request_bears_githubs_headers() -> None:
    """Version, media type and a User-Agent that names the program."""
    with world() as at:
        at.on(GET, RUNNER)
        at.github.runners.get(SHOP, 5)
        (request,) = at.to(GET)
        assert request.headers["x-github-api-version"] == "2022-11-28"
        assert request.headers["accept"] == "application/vnd.github+json"
        assert request.headers["user-agent"].startswith("paddock/")
        assert request.headers["authorization"] == "Bearer ghp_test"


def test_a_token_is_kept_until_five_minutes_before_it_ends() -> None:
    """One mint an hour, not one per call; the last five minutes are left to requests on their way."""
    with world(app(77)) as at:
        script(at)
        at.github.runners.get(SHOP, 5)
        at.clock.advance(55 * MINUTE - SECOND)
        at.github.runners.get(SHOP, 5)
        assert len(at.to(MINT)) == 1
        at.clock.advance(SECOND)
        at.github.runners.get(SHOP, 5)
        assert [request.bearer for request in at.to(GET)] == ["ghs_1", "ghs_1", "ghs_2"]


def test_a_configured_installation_is_not_looked_up() -> None:
    """One call less, and every owner is served by it."""
    with world(app(77)) as at:
        script(at)
        at.on("GET /orgs/other/actions/runners/5", RUNNER)
        at.github.runners.get(SHOP, 5)
        at.github.runners.get(Scope("other"), 5)
        assert at.lines == [MINT, GET, "GET /orgs/other/actions/runners/5"]


def test_each_owner_has_its_own_token() -> None:
    """A token of one account is never sent with another account's request; letter case makes no other account."""
    with world(app()) as at:
        script(at)
        at.on("GET /repos/beta/site/installation", Answer(200, {"id": 88}))
        at.on("POST /app/installations/88/access_tokens", Minting(at.clock, prefix="beta_"))
        at.on("GET /repos/beta/site/actions/runners/5", RUNNER)
        at.on("GET /repos/ACME/shop/actions/runners/5", RUNNER)
        at.github.runners.get(SHOP, 5)
        at.github.runners.get(Scope("beta", "site"), 5)
        at.github.runners.get(Scope("ACME", "shop"), 5)
        assert [request.bearer for request in at.to(GET)] == ["ghs_1"]
        assert [request.bearer for request in at.to("GET /repos/beta/site/actions/runners/5")] == ["beta_1"]
        assert [request.bearer for request in at.to("GET /repos/ACME/shop/actions/runners/5")] == ["ghs_1"]


@pytest.mark.parametrize("kind", ["orgs", "users"])
def test_an_account_is_looked_up_as_organisation_then_as_user(kind: str) -> None:
    """Registering for a whole account works for both kinds of account."""
    with world(app()) as at:
        at.on("GET /orgs/acme/installation", Answer(404, {"message": "Not Found"}))
        at.on(f"GET /{kind}/acme/installation", Answer(200, {"id": 77}))
        at.on(MINT, Minting(at.clock))
        at.on("GET /orgs/acme/actions/runners/5", RUNNER)
        assert at.github.runners.get(Scope("acme"), 5) is not None


def test_an_app_that_is_not_installed_says_so() -> None:
    """The error names the App and the account; it is not mistaken for a runner that is gone."""
    with world(app()) as at:
        at.on(FIND, Answer(404, {"message": "Not Found"}))
        with pytest.raises(NotFound, match="App 12345 is not installed on acme/shop: install it there"):
            at.github.runners.get(SHOP, 5)


def test_an_app_installed_anew_is_found_again() -> None:
    """Its old installation's id is forgotten when GitHub no longer knows it."""
    with world(app()) as at:
        script(at)
        at.github.runners.get(SHOP, 5)
        at.on(MINT, Answer(404, {"message": "Not Found"}))
        at.on(FIND, Answer(200, {"id": 78}))
        at.on("POST /app/installations/78/access_tokens", Minting(at.clock, prefix="new_"))
        at.clock.advance(60 * MINUTE)
        at.github.runners.get(SHOP, 5)
        assert [request.bearer for request in at.to(GET)] == ["ghs_1", "new_1"]


def test_a_401_mints_once_more_and_then_gives_up() -> None:
    """A revoked token is replaced and the request repeated once, a POST too; a second 401 is AccessDenied."""
    line = "POST /repos/acme/shop/actions/runners/generate-jitconfig"
    refused = Answer(401, {"message": "Bad credentials"})
    made = Answer(201, {"runner": {"id": 9, "name": "r-1"}, "encoded_jit_config": "c2VjcmV0"})
    with world(app(77)) as at:
        script(at)
        at.on(line, refused, made)
        assert at.github.runners.jit_config(SHOP, "r-1", ["paddock"], 1).runner_id == 9
        assert [request.bearer for request in at.to(line)] == ["ghs_1", "ghs_2"]
        at.on(line, refused)
        with pytest.raises(AccessDenied, match=r"Bad credentials.*private key"):
            at.github.runners.jit_config(SHOP, "r-2", ["paddock"], 1)
        assert len(at.to(line)) == 4


def test_a_plain_token_is_not_renewed() -> None:
    """A 401 for a configured token is final: one request, one error."""
    with world() as at:
        at.on(GET, Answer(401, {"message": "Bad credentials"}))
        with pytest.raises(AccessDenied, match="check the token"):
            at.github.runners.get(SHOP, 5)
        assert len(at.to(GET)) == 1


def test_a_refused_jwt_is_access_denied() -> None:
    """A wrong key or clock shows while minting, with what to check; nothing is repeated."""
    with world(app(77)) as at:
        at.on(MINT, Answer(401, {"message": "A JSON web token could not be decoded"}))
        with pytest.raises(AccessDenied, match=r"could not be decoded.*clock"):
            at.github.runners.get(SHOP, 5)
        assert at.lines == [MINT]


def test_many_threads_mint_one_token() -> None:
    """A burst of jobs at the start makes one token: the others wait for it."""
    barrier = Barrier(8)
    with world(app()) as at:
        script(at)

        def ask(_: int) -> bool:
            barrier.wait(10)
            return at.github.runners.get(SHOP, 5) is not None

        with ThreadPoolExecutor(8) as pool:
            assert all(pool.map(ask, range(8)))
        assert (len(at.to(FIND)), len(at.to(MINT)), len(at.to(GET))) == (1, 1, 8)


def test_threads_that_meet_a_revoked_token_mint_one_new_token() -> None:
    """Eight 401s for the same token are one renewal: nobody throws away the token another thread just made."""
    together = Barrier(8)

    def revoked(seen: Seen) -> Answer:
        if seen.bearer == "ghs_1":
            together.wait(10)
            return Answer(401, {"message": "Bad credentials"})
        return RUNNER

    with world(app(77)) as at:
        script(at)
        at.on(GET, revoked)
        with ThreadPoolExecutor(8) as pool:
            found = list(pool.map(lambda _: at.github.runners.get(SHOP, 5), range(8)))
        assert None not in found
        assert len(at.to(MINT)) == 2


def test_minting_is_repeated_when_its_reply_is_lost() -> None:
    """A token that nobody uses does no harm."""
    with world(app(77)) as at:
        script(at)
        at.on(MINT, LOST, Answer(201, {"token": "ghs_x", "expires_at": "2026-11-22T13:00:00Z"}))
        at.github.runners.get(SHOP, 5)
        assert at.lines == [MINT, MINT, GET]


def test_a_token_reply_that_is_none_is_a_passing_fault() -> None:
    """A proxy's page instead of a token is no crash, and what it held is not in the error."""
    with world(app(77)) as at:
        at.on(MINT, Answer(201, b"<html>sign in</html>"))
        with pytest.raises(Unavailable, match="not what this endpoint sends"):
            at.github.runners.get(SHOP, 5)


def test_a_key_from_an_environment_variable_may_have_its_lines_escaped() -> None:
    r"""Many shells and CI systems can only carry the key with \n for its line ends."""
    escaped = key_pair()[0].replace("\n", "\\n")
    with world(AppCredentials("12345", escaped, 77)) as at:
        script(at)
        assert at.github.runners.get(SHOP, 5) is not None


@pytest.mark.parametrize(
    "key", ["", "not a key", "-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----"]
)
def test_a_bad_key_shows_at_the_start(key: str) -> None:
    """It is named and described, never quoted."""
    with pytest.raises(InvalidInput, match=r"github\.private_key") as caught, world(AppCredentials("12345", key)):
        pass
    assert "AAAA" not in str(caught.value)


@pytest.mark.parametrize("token", ["", "ghp_a\n", "ghp a", "ghp_é"])
def test_a_token_that_is_no_token_shows_at_the_start(token: str) -> None:
    """A line end from a file, or an empty variable, is found before GitHub answers 401."""
    with pytest.raises(InvalidInput, match=r"github\.token"):
        TokenCredentials(token)


def test_secrets_are_not_in_a_repr() -> None:
    """Credentials may be printed."""
    assert "PRIVATE" not in repr(app())
    assert "ghp_x" not in repr(TokenCredentials("ghp_x"))
