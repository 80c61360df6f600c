"""Setting an App up against the stand-in for GitHub, over HTTP on this machine: the whole way, and each way off it."""

import json
import stat
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event, Timer
from urllib.parse import parse_qs, urlencode, urlsplit

import attrs
import pytest

from paddock.adapters.app_setup import FileKeeper, Kept
from paddock.adapters.github.endpoints import endpoints_of
from paddock.adapters.github.manifest import NO_URL, Wanted, convert
from paddock.adapters.github.permissions import PURPOSES, permissions_of
from paddock.adapters.memory.system import ManualClock
from paddock.adapters.standin import GitHubStandIn
from paddock.adapters.standin.manifest_rules import problems_of
from paddock.adapters.system import RandomIds, SystemChance, SystemClock, SystemSleeper
from paddock.core.errors import InvalidInput, NotFound, Rejected, Unavailable
from paddock.core.settings import ScopeKind
from paddock.core.units import HOUR, MINUTE, Span
from paddock.entrypoints.github_setup import Setup
from tests.strategies import NOON
from tests.visitor import consent, fetch, follow, install, send

HOOK = "https://ci.example.com/webhook"


@pytest.fixture
def github() -> Iterator[GitHubStandIn]:
    """A GitHub with an organisation of two repositories, and one that belongs to somebody else."""
    with GitHubStandIn() as standin:
        for name in ("acme/app", "acme/Shop", "other/thing"):
            standin.add_repository(name)
        yield standin


@attrs.define
class Rig:
    """A setup in a directory, and what it said."""

    github: GitHubStandIn
    home: Path
    said: list[str] = attrs.field(factory=list)
    replace: bool = False

    @property
    def files(self) -> FileKeeper:
        """Two files in a folder."""
        return FileKeeper(self.home / "keys" / "app.pem", self.home / "keys" / "hook", self.home, self.replace)

    def setup(self, *, folders: Sequence[Path] | None = None, patience: Span = MINUTE, hook: str = HOOK) -> Setup:
        """One for the organisation."""
        (self.home / "keys").mkdir(exist_ok=True)
        wanted = Wanted(
            endpoints=endpoints_of(self.github.url),
            scope=ScopeKind.REPOSITORY,
            name="paddock-acme",
            org="acme",
            webhook_url=hook,
        )
        return Setup(
            wanted=wanted,
            keeper=self.files,
            folders=[self.home] if folders is None else folders,
            said=self.said.append,
            clock=SystemClock(),
            sleeper=SystemSleeper(),
            chance=SystemChance(),
            ids=RandomIds(),
            patience=patience,
            look=0,
        )

    def nothing_secret(self, *texts: str) -> None:
        """Fail if a secret of the App is in what was said, or in one of the texts."""
        (app,) = self.github.apps.by_id.values()
        shown = "\n".join([*self.said, *texts])
        for secret in (app.pem.splitlines()[1], app.webhook_secret, "f" * 40):
            assert secret not in shown


@pytest.fixture
def rig(github: GitHubStandIn, tmp_path: Path) -> Rig:
    """In a directory that is empty."""
    return Rig(github, tmp_path)


def mode(path: Path) -> int:
    """Who may do what with a file."""
    return stat.S_IMODE(path.stat().st_mode)


def test_an_app_is_made_its_secrets_kept_and_its_installation_told(rig: Rig) -> None:
    """The page shows exactly what is asked for; both files are private; the end names installation and repositories."""
    work = rig.setup()
    with work.door() as door, ThreadPoolExecutor(1) as aside:
        page = fetch(door.url)
        for permission, level in permissions_of(ScopeKind.REPOSITORY).items():
            name, purpose = PURPOSES[permission]
            assert f"{name} read {'and write ' if level == 'write' else ''}{purpose}" in page.words
        assert page.text.count('class="permission"') == 4
        assert HOOK in page.words
        assert "keys/app.pem" in page.words
        made = follow(consent(page))
        new = work.agreed(door)
        assert "The App is made, and its secrets are kept" in made.words
        assert new.install_url in made.text
        waiting = aside.submit(work.installed, new, door)
        install(new.install_url)
        last = fetch(door.url)
        while 'id="installed"' not in last.text and not waiting.done():
            last = fetch(door.url)
        (found,) = waiting.result(timeout=20)
    (app,) = rig.github.apps.by_id.values()
    assert (rig.files.key.read_text(), rig.files.secret.read_text()) == (app.pem, app.webhook_secret)
    assert (mode(rig.files.key), mode(rig.files.secret)) == (0o600, 0o600)
    assert [path.name for path in sorted(rig.home.iterdir())] == ["keys"]
    assert (app.permissions, app.events) == (permissions_of(ScopeKind.REPOSITORY), ("workflow_job", "workflow_run"))
    assert (app.webhook_url, app.active, app.owner) == (HOOK, True, "acme")
    assert rig.said == [
        f"installed on acme (installation {found.id}), for all repositories",
        "  acme/app",
        "  acme/Shop",
    ]
    rig.nothing_secret(page.text, made.text, last.text, repr(work), repr(new), repr(new.credentials))


def test_what_is_not_for_the_page_is_refused(rig: Rig) -> None:
    """Another Host, another path, another method, another state: and the true answer still counts after all of them."""
    work = rig.setup()
    with work.door() as door:
        at = urlsplit(door.url)
        assert at.hostname == "127.0.0.1"
        assert fetch(door.url, host=f"evil.example:{at.port}").status == 403
        assert fetch(door.url, host="127.0.0.1").status == 403
        named = fetch(door.url, host=f"localhost:{at.port}")
        assert (named.status, named.headers["location"], "set-cookie" in named.headers) == (303, door.url, False)
        assert fetch(f"http://{at.netloc}/").status == 404
        assert fetch(door.url, {"a": "b"}).status == 405
        page = fetch(door.url)
        assert page.headers["cache-control"] == "no-store"
        assert f"form-action {rig.github.url}" in page.headers["content-security-policy"]
        back = consent(page)
        query = {name: values[0] for name, values in parse_qs(urlsplit(back).query).items()}
        created = f"http://{at.netloc}/created"
        for state in ("", "0" * 32, query["state"][:-1]):
            refused = fetch(f"{created}?{urlencode({**query, 'state': state})}")
            assert refused.status == 403
        assert fetch(f"{created}?{urlencode({'state': query['state']})}").status == 400
        assert fetch(back, host=f"evil.example:{at.port}").status == 403
        assert (rig.github.calls["conversions"], work.made) == (0, None)
        assert follow(back).status == 200
        assert fetch(back).status == 409
        assert work.agreed(door).slug == "paddock-acme"
        assert rig.github.calls["conversions"] == 1
    assert len([line for line in rig.said if "another state" in line]) == 3


def test_the_page_is_for_one_browser(rig: Rig) -> None:
    """Who reads the address on a command line gets neither the page nor an App in, and the terminal tells of it."""
    work = rig.setup()
    with work.door() as door:
        page = fetch(door.url)
        given, *attributes = page.headers["set-cookie"].split("; ")
        assert given.startswith(f"paddock-setup-{urlsplit(door.url).port}=")
        assert set(attributes) == {"HttpOnly", "Path=/", "SameSite=Lax"}
        again = fetch(door.url)
        assert (again.status, "set-cookie" in again.headers) == (200, False)
        refused = fetch(door.url, other=True)
        assert (refused.status, "set-cookie" in refused.headers) == (403, False)
        assert refused.words == "This page was opened already, in another browser: begin again in the terminal."
        query = parse_qs(urlsplit(consent(page)).query)
        theirs = rig.github.apps.make(attrs.evolve(work.wanted, name="theirs").manifest("http://x/"), "other", "User")
        created = f"{urlsplit(door.url)._replace(path='/created').geturl()}?{urlencode(query, doseq=True)}"
        assert fetch(created.replace(query["code"][0], theirs), other=True).status == 403
        assert (rig.github.calls["conversions"], work.made) == (0, None)
        assert follow(created).status == 200
        assert work.agreed(door).slug == "paddock-acme"
    assert ["second browser" in line for line in rig.said] == [True, False]
    assert "another browser brought" in rig.said[1]


def test_a_browser_that_comes_second_brings_no_answer(rig: Rig) -> None:
    """Even the true code and state are not taken of it; nor is it made the first by asking again."""
    work = rig.setup()
    with work.door() as door:
        page = fetch(door.url, other=True)
        assert fetch(consent(page)).status == 403
        assert fetch(door.url).status == 403
        assert (rig.github.calls["conversions"], work.made) == (0, None)


def test_breaking_off_waits_for_an_exchange_that_is_under_way(rig: Rig) -> None:
    """Ctrl-C in that moment: what GitHub gives once is kept before the page's server ends."""
    began, go_on = Event(), Event()

    @attrs.frozen
    class Slow(FileKeeper):
        """Keeps them when it is told to."""

        def keep(self, kept: Kept) -> None:
            """Wait, then keep."""
            began.set()
            assert go_on.wait(20)
            super().keep(kept)

    work = rig.setup()
    work.keeper = Slow(rig.files.key, rig.files.secret, rig.home)
    with ThreadPoolExecutor(1) as aside:
        with work.door() as door:
            aside.submit(follow, consent(fetch(door.url)))
            assert began.wait(20)
            Timer(0.2, go_on.set).start()
        assert work.kept
    (app,) = rig.github.apps.by_id.values()
    assert (rig.files.key.read_text(), rig.files.secret.read_text()) == (app.pem, app.webhook_secret)
    assert "its secrets are kept: install it at" in work.left()


def test_a_code_is_good_for_an_hour(tmp_path: Path) -> None:
    """An older one ends the command, on the page too, and it is said how to go on."""
    clock = ManualClock(NOON)
    with GitHubStandIn(clock=clock) as github:
        github.add_repository("acme/app")
        rig = Rig(github, tmp_path)
        work = rig.setup()
        with work.door() as door:
            back = consent(fetch(door.url))
            clock.advance(HOUR)
            page = follow(back)
            with pytest.raises(NotFound, match="codes are good once, and for an hour") as refused:
                work.agreed(door)
    assert "delete it there, and begin again" in page.words
    assert 'id="failed"' in page.text
    assert "code=" not in str(refused.value)
    assert not rig.files.key.exists()


def test_a_code_is_good_once(rig: Rig) -> None:
    """A used one makes no App twice; what is no code is not even sent."""
    work = rig.setup()
    wanted = attrs.evolve(work.wanted, name="another")
    code = rig.github.apps.make(wanted.manifest("http://127.0.0.1:1/created"), "acme", "Organization")
    ask = (wanted.endpoints, code)
    assert convert(*ask, clock=SystemClock(), sleeper=SystemSleeper(), chance=SystemChance()).slug == "another"
    with pytest.raises(NotFound, match="once"):
        convert(*ask, clock=SystemClock(), sleeper=SystemSleeper(), chance=SystemChance())
    asked = rig.github.calls["conversions"]
    with pytest.raises(InvalidInput):
        convert(wanted.endpoints, "../x", clock=SystemClock(), sleeper=SystemSleeper(), chance=SystemChance())
    assert rig.github.calls["conversions"] == asked


def test_nothing_is_lost_when_the_secrets_cannot_be_kept(rig: Rig) -> None:
    """They stay in private files, and the error says where and how to go on; without any file, how to make new ones."""
    work = rig.setup()
    with work.door() as door:
        (rig.home / "keys").rmdir()
        page = follow(consent(fetch(door.url)))
        with pytest.raises(Rejected, match="could not be kept: No such file or directory") as refused:
            work.agreed(door)
    (app,) = rig.github.apps.by_id.values()
    key, secret = (rig.home / f"paddock-app-{app.id}.{end}" for end in ("pem", "webhook-secret"))
    assert (key.read_text(), secret.read_text()) == (app.pem, app.webhook_secret)
    assert (mode(key), mode(secret)) == (0o600, 0o600)
    notes = refused.value.__notes__
    assert f"they are in {key} and {secret}" in notes[0]
    assert f"mv {key} {rig.files.key}" in notes[1]
    left = [
        "paddock.yml must say:",
        *("  github:", "    webhook_secret: {file: ./keys/hook}", "    app:"),
        *("      private_key: {file: ./keys/app.pem}", f"      id: {app.id}"),
        f"Then install it at {rig.github.url}/apps/paddock-acme/installations/new",
    ]
    assert notes[3:] == left
    assert "\n".join(f'<p class="told">{line}</p>' for line in left) in page.text
    assert "Nothing is lost" in page.words
    assert "see above where its secrets are" in work.left()
    rig.nothing_secret(page.text, str(refused.value), *notes)


def test_without_any_place_a_new_key_is_the_way_out(rig: Rig) -> None:
    """Where not even a file can be written, the App's page at GitHub is named: a key can be made there."""
    work = rig.setup(folders=[rig.home / "nowhere"])
    with work.door() as door:
        (rig.home / "keys").rmdir()
        follow(consent(fetch(door.url)))
        with pytest.raises(Rejected) as refused:
            work.agreed(door)
    page = f"{rig.github.url}/organizations/acme/settings/apps/paddock-acme"
    assert f"make a new private key and set a new webhook secret on {page}" in refused.value.__notes__[0]


def test_what_is_there_is_not_written_over_unless_it_is_asked_for(rig: Rig) -> None:
    """Before anything is made at GitHub; with --replace the new secrets take the place, and are as private."""
    work = rig.setup()
    rig.files.key.write_text("another's")
    with pytest.raises(InvalidInput, match="--replace"):
        work.door()
    rig.files.key.unlink()
    rig.files.secret.symlink_to("/nowhere")
    with pytest.raises(InvalidInput, match="is there already"):
        work.door()
    rig.replace = True
    rig.files.key.write_text("another's")
    work = rig.setup()
    with work.door() as door:
        follow(consent(fetch(door.url)))
        new = work.agreed(door)
    assert (rig.files.key.read_text(), mode(rig.files.key)) == (new.pem, 0o600)
    assert not rig.files.secret.is_symlink()
    assert sorted(path.name for path in (rig.home / "keys").iterdir()) == ["app.pem", "hook"]


def test_waiting_has_an_end(rig: Rig) -> None:
    """Nobody agrees: nothing was made. Nobody installs it: all else is done, and the address is told once more."""
    work = rig.setup(patience=0)
    with work.door() as door, pytest.raises(Unavailable, match="nothing was made"):
        work.agreed(door)
    assert work.left().startswith("nothing was made")
    with work.door() as door:
        back = consent(fetch(door.url))
        assert fetch(back).status == 303
        new = work.agreed(door)
        with pytest.raises(Unavailable, match=f"Install it at {new.install_url}"):
            work.installed(new, door)
    assert work.left().endswith(f"install it at {new.install_url}")


def test_an_app_without_a_webhook_yet_says_so_and_sends_nothing(rig: Rig) -> None:
    """GitHub wants an address in the manifest all the same: a reserved one, switched off."""
    work = rig.setup(hook="")
    with work.door() as door:
        page = fetch(door.url)
        assert "Where webhooks are to go is not known yet" in page.words
        follow(consent(page))
        work.agreed(door)
    (app,) = rig.github.apps.by_id.values()
    assert (app.webhook_url, app.active, rig.github.webhooks.url) == (NO_URL, False, None)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"url": None}, '"url" wasn\'t supplied'),
        ({"redirect_url": ""}, '"redirect_url" wasn\'t supplied'),
        ({"hook_attributes": {"active": False}}, '"url" wasn\'t supplied'),
        ({"hook_attributes": {"url": HOOK, "secret": "x"}}, '"secret" is not a permitted key'),
        ({"hook_attributes": {"url": "http://localhost:8080/"}}, "isn't reachable over the public Internet"),
        ({"default_permissions": {"runners": "write"}}, "resource is not included in the list: runners"),
        ({"default_permissions": {"actions": "all"}}, "no access"),
        ({"default_permissions": {}}, "workflow_job is not permitted without actions"),
        ({"default_events": ["installation"]}, "events unsupported: installation"),
        ({"oauth": True}, '"oauth" is not a permitted key'),
    ],
)
def test_the_stand_in_refuses_what_github_refuses(rig: Rig, change: dict[str, object], said: str) -> None:
    """A manifest with one thing wrong gets GitHub's page that says so, and no App; ours has nothing wrong."""
    manifest = rig.setup().wanted.manifest("http://127.0.0.1:1/created")
    assert problems_of(json.dumps(manifest)) == []
    page = fetch(f"{rig.github.url}/settings/apps/new", {"manifest": json.dumps({**manifest, **change})})
    assert page.status == 422
    assert said in page.words.replace("&#x27;", "'").replace("&quot;", '"')
    assert rig.github.apps.by_id == {}


def test_an_app_is_asked_for_with_a_name_that_github_takes(rig: Rig) -> None:
    """A name that is taken is told on GitHub's page, where another can be written; too long a one never gets there."""
    work = rig.setup()
    rig.github.apps.make({"name": "Paddock-Acme"}, "acme", "Organization")
    with work.door() as door:
        asked = send(fetch(door.url))
        assert send(asked).status == 422
        assert follow(send(asked, name="paddock-two").headers["location"]).status == 200
        assert work.agreed(door).slug == "paddock-two"
    with pytest.raises(InvalidInput, match="--name"):
        attrs.evolve(work.wanted, name="x" * 35)
    with pytest.raises(InvalidInput, match="--org"):
        attrs.evolve(work.wanted, org="no/org")


def test_a_fault_while_secrets_are_on_their_way_tells_none(rig: Rig) -> None:
    """Whatever breaks, its text is not shown: it may hold what was being kept."""
    work = rig.setup()

    class Broken(FileKeeper):
        """Breaks, and says what it held."""

        def keep(self, kept: Kept) -> None:
            """Break."""
            raise ValueError(kept.key)

    work.keeper = Broken(rig.home / "a", rig.home / "b", rig.home)
    with work.door() as door:
        page = follow(consent(fetch(door.url)))
        with pytest.raises(Rejected, match="could not be kept: ValueError") as refused:
            work.agreed(door)
    rig.nothing_secret(page.text, str(refused.value), *refused.value.__notes__)
    assert len(list(rig.home.glob("paddock-app-*"))) == 2
