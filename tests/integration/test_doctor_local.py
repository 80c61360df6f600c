"""`paddock doctor` of a fleet on this machine, and of what GitHub knows of it: each fault gives its finding and fix."""

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import chdir, closing
from pathlib import Path

import attrs
import pytest

from paddock.adapters.github.health import judge_installation
from paddock.adapters.github.manifest import NO_URL
from paddock.adapters.system import SystemClock
from paddock.core.ports.github import Scope
from paddock.core.settings import ScopeKind
from paddock.core.task import EVERY, Task, TaskReport
from paddock.core.units import DAY
from paddock.entrypoints.containers import open_state
from paddock.entrypoints.local.places import Places
from tests.aws.clinic import ALL, RUNNER, Known, config, documented_checks
from tests.calls import Caller
from tests.contracts import breaches
from tests.github_client import key_pair
from tests.http_stub import Answer, HttpStub, http_stub

ORGANIZATION = "  scope: organization\n  runner_group: 3\n"


@attrs.frozen
class House:
    """A machine with a fleet that is well: its directory, its web server, and its GitHub."""

    home: Path
    fleet: HttpStub
    github: Known
    call: Caller

    @property
    def places(self) -> Places:
        """The fleet's."""
        return Places(self.home / "state")

    def configure(self, github: str = "", local: str = "") -> None:
        """Write a paddock.yml, with more in its parts."""
        where = self.fleet.url.removeprefix("http://")
        text = config(self.github.stub.url, self.home / "app.pem")
        text = text.replace("limits:", f"{github}limits:")
        text += f"local: {{listen: '{where}', state: {self.home / 'state'}, slots: 1{local}}}\n"
        (self.home / "paddock.yml").write_text(text, encoding="utf-8")

    def told(self) -> list[tuple[str, str, str, str]]:
        """What is not as it should be: check, verdict, words, fix."""
        said = self.call("doctor", "--profile", "local", "--json")
        data = json.loads(said.out)
        assert breaches("doctor", data) == []
        bad = [one for one in data["findings"] if one["verdict"] in ("fail", "unknown")]
        assert (said.code, said.err, data["well"]) == (1 if bad else 0, "", not bad)
        return [
            (one["check"], one["verdict"], one["found"], one["fix"])
            for one in data["findings"]
            if one["verdict"] != "ok"
        ]


@pytest.fixture
def house(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    """A fleet that is well."""
    with http_stub() as fleet, http_stub() as stub, chdir(tmp_path):
        monkeypatch.setenv("HOOK_SECRET", "hush-hush-hush-hush")
        monkeypatch.setenv("COLUMNS", "1000")
        fleet.on("GET /health", Answer(200, b"ok\n"))
        (tmp_path / "app.pem").write_text(key_pair()[0], encoding="utf-8")
        made = House(tmp_path, fleet, Known(stub), Caller(capsys))
        made.configure()
        made.places.make()
        now = SystemClock().now()
        with closing(open_state(made.places)) as state:
            for name, every in EVERY.items():
                ran = Task(name, every, began_at=now, ended_at=now, first_at=now, achieved_at=now, report=TaskReport())
                state.table.tasks.add(ran)
        yield made


def test_a_fleet_that_is_well_has_nothing_to_mend(house: House) -> None:
    """Every check is content and on the page; what is said is for people, and holds neither key nor secret."""
    assert house.told() == []
    said = house.call("doctor", "--config", "paddock.yml")
    assert (said.code, said.err) == (0, "")
    assert {line[2:].split("  ")[0] for line in said.out.splitlines()[:-1]} <= documented_checks()
    assert said.out.endswith("paddock.yml: all is well\n")
    assert "BEGIN" not in said.out
    assert "hush" not in said.out
    assert {seen.method for seen in house.github.stub.seen} == {"GET", "POST"}
    posted = {seen.path for seen in house.github.stub.seen if seen.method == "POST"}
    assert posted == {"/hook", "/api/v3/app/installations/7/access_tokens"}  # nothing is changed at GitHub


def test_what_many_checks_lack_is_told_once(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """With their names before it; in eighty columns words stay beside the names."""
    (house.home / "paddock.yml").unlink()
    monkeypatch.setenv("COLUMNS", "80")
    said = house.call("doctor", "--profile", "local").out
    lines = [line.rstrip() for line in said.splitlines()]
    assert max(map(len, lines)) <= 80
    assert "? state directory · disk space · records · webhook port · housekeeping · runner" in lines
    assert said.count("it needs paddock.yml, which could not be had: see above") == 2
    words = " ".join(said.split())
    assert "→ mend it; `paddock config validate paddock.yml` tells whether it is right" in words
    assert words.endswith("paddock.yml: 1 to be mended, 16 could not be looked at")


def test_a_key_that_is_not_there_is_no_matter_of_githubs(house: House) -> None:
    """The next step is the file; there is nothing to compare with GitHub yet."""
    (house.home / "app.pem").unlink()
    (step,) = [fix for check, _, _, fix in house.told() if check == "GitHub credentials"]
    assert step == "put the secret there, or have paddock.yml name where it is"


def test_githubs_silence_says_nothing_of_the_key(house: House) -> None:
    """The next step is not a new key."""
    house.github.stub.on("GET /api/v3/app", Answer(503))
    (step,) = [fix for check, _, _, fix in house.told() if check == "GitHub credentials"]
    assert "githubstatus.com, and that this machine reaches GitHub" in step


def test_a_webhook_secret_that_can_be_guessed(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Works, and lets whoever tries all of its length start jobs: a warning with what to do, without the secret."""
    monkeypatch.setenv("HOOK_SECRET", "hush-hush-hush-")
    ((check, verdict, found, fix),) = house.told()
    assert (check, verdict) == ("paddock.yml", "warn")
    assert found.startswith("github.webhook_secret = {env: HOOK_SECRET} has 15 characters")
    assert "`openssl rand -hex 32`" in fix
    assert "hush" not in found + fix
    monkeypatch.setenv("HOOK_SECRET", "hush-hush-hush-h")
    assert house.told() == []


def port_taken(house: House) -> None:
    house.fleet.on("GET /health", Answer(200, b"<html>Welcome to nginx"))


def nobody_listens(where: str) -> Callable[[House], None]:
    def plant(house: House) -> None:
        house.fleet.url = f"http://{where}"
        house.configure()

    return plant


def damaged(house: House) -> None:
    file = house.places.database
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    content = bytearray(file.read_bytes())
    content[4096 * 2 : 4096 * 4] = b"\xff" * 4096 * 2
    file.write_bytes(content)


def no_records(house: House) -> None:
    for file in house.places.root.glob("fleet.db*"):
        file.unlink()


def overwritten(house: House) -> None:
    no_records(house)
    house.places.database.write_bytes(b"something else entirely\n" * 1_000)


def emptied(house: House) -> None:
    no_records(house)
    house.places.database.touch()


def newer(house: House) -> None:
    with closing(sqlite3.connect(house.places.database)) as connection:
        connection.execute("PRAGMA user_version = 99")


def task_gone(house: House) -> None:
    with closing(open_state(house.places)) as state:
        state.table.tasks.remove("sweep")


def task_fails(house: House) -> None:
    now = SystemClock().now()
    report = TaskReport(attempted=3, failed=2, errors=("acme/shop: 404",))
    with closing(open_state(house.places)) as state:
        state.table.tasks.remove("sweep_github")
        state.table.tasks.add(
            Task("sweep_github", DAY, began_at=now, ended_at=now, first_at=now, achieved_at=now, report=report)
        )


def grouped(house: House, group: Answer) -> None:
    house.configure(ORGANIZATION)
    house.github.stub.on("GET /api/v3/orgs/acme/actions/runner-groups/3", group)
    downloads = house.github.stub._scripts["GET /api/v3/repos/acme/shop/actions/runners/downloads"]
    house.github.stub._scripts["GET /api/v3/orgs/acme/actions/runners/downloads"] = downloads


OLD = SystemClock().now() - 40 * DAY
NEW = SystemClock().now() - 3 * DAY
FAULTS: dict[str, tuple[Callable[[House], object], str, str, str, str]] = {
    "the file": (
        lambda house: (house.home / "paddock.yml").write_text(
            (house.home / "paddock.yml").read_text().replace("HOOK_SECRET", "NOT_THERE"), encoding="utf-8"
        ),
        *("paddock.yml", "fail", "the environment has no such variable", "paddock config validate"),
    ),
    "others may look": (
        lambda house: house.places.root.chmod(0o755),
        *("state directory", "warn", "can be entered by others", "chmod 700"),
    ),
    "damaged records": (damaged, "records", "fail", "is damaged", ".recover"),
    "no records at all": (overwritten, "records", "fail", "is damaged: file is not a database", "move fleet.db away"),
    "empty records": (emptied, "records", "fail", "is empty: its tables", "the next start makes a new one"),
    "a newer one's records": (newer, "records", "fail", "fleet.db is 99", "upgrade Paddock"),
    "somebody else's port": (port_taken, "webhook port", "fail", "something else answers", "local.listen"),
    "no fleet": (
        nobody_listens("127.0.0.1:1"),
        "webhook port",
        "fail",
        "nothing answers at 127.0.0.1:1",
        "paddock local",
    ),
    "no fleet, by IPv6": (
        nobody_listens("[::1]:1"),
        *(
            "webhook port",
            "fail",
            "nothing answers at [::1]:1: GET /health: ConnectError: no connection to [::1]",
            "paddock local",
        ),
    ),
    "a task that never ran": (task_gone, "housekeeping", "fail", "never ran: sweep", "see that the fleet runs"),
    "a task that fails": (task_fails, "housekeeping", "warn", "in 2 things: acme/shop: 404", "housekeeping status"),
    "a wrong key": (
        lambda house: house.github.say("GET /app", {"message": "A JSON web token could not be decoded"}, 401),
        *("GitHub credentials", "fail", "does not take it for App 12345", "Private keys"),
    ),
    "another clock": (
        lambda house: setattr(house.github, "ahead", -120),
        *("clock, by GitHub", "fail", "ahead of GitHub's: signatures will be refused", "timedatectl"),
    ),
    "a vital permission": (
        lambda house: house.github.app(permissions={**ALL, "actions": "read"}),
        *("App permissions", "fail", "Actions: read and write is missing", "/settings/apps/paddock/permissions"),
    ),
    "a useful permission": (
        lambda house: house.github.app(permissions={**ALL, "checks": "read"}),
        *("App permissions", "warn", "to tell authors", "grant Checks: read and write"),
    ),
    "an event": (
        lambda house: house.github.app(events=["workflow_run"]),
        *("App events", "warn", "Workflow job is not subscribed to", "subscribe to the event Workflow job"),
    ),
    "not installed": (
        lambda house: house.github.say("GET /repos/acme/shop/installation", {"message": "Not Found"}, 404),
        *(
            "App installation",
            "fail",
            "is not installed on acme/shop",
            "install the App on acme, with access to acme/shop; or take acme/shop out of github.repositories",
        ),
    ),
    "suspended": (
        lambda house: house.github.installation(suspended_at="2026-11-22T12:00:00Z"),
        *("App installation", "fail", "suspended on acme", "installations/7: unsuspend"),
    ),
    "not accepted": (
        lambda house: house.github.installation(permissions={**ALL, "actions": "read"}),
        *("App installation", "fail", "acme has not granted Actions", "review and accept"),
    ),
    "no webhook": (
        lambda house: house.github.say("GET /app/hook/config", {"message": "Not Found"}, 404),
        *("webhook settings", "fail", "there is no webhook", "activate it"),
    ),
    "a webhook to nowhere": (
        lambda house: house.github.hook(url=NO_URL),
        *(
            "webhook settings",
            "fail",
            "made without a URL",
            "`paddock github webhook --webhook-url https://…/webhook`, then tick 'Active' at",
        ),
    ),
    "another content type": (
        lambda house: house.github.hook(content_type="form"),
        *("webhook settings", "fail", "content type is form", "application/json"),
    ),
    "no secret": (
        lambda house: house.github.hook(secret=None),
        *("webhook settings", "fail", "no secret", "github.webhook_secret"),
    ),
    "no verification": (
        lambda house: house.github.hook(insecure_ssl="1"),
        *("webhook settings", "warn", "does not verify", "enable SSL verification"),
    ),
    "deliveries that fail": (
        lambda house: house.github.deliveries([(1, 401), (2, 401), (3, 202)]),
        *(
            "webhook deliveries",
            "fail",
            "2 of 3 failed (66 %): 401 (2); the last one",
            "secret at GitHub and the fleet's",
        ),
    ),
    "some that fail": (
        lambda house: house.github.deliveries([(1, 202), (2, 0), (3, 202), (4, 202), (5, 202), (4, 503)]),
        *("webhook deliveries", "warn", "1 of 5 failed (20 %): no answer (1)", "ten seconds"),
    ),
    "no deliveries": (
        lambda house: house.github.deliveries([]),
        *("webhook deliveries", "warn", "GitHub has sent nothing", "its events are ticked"),
    ),
    "a door that is shut": (
        lambda house: house.github.stub.on("POST /hook", Answer(403, b'{"Message":"Forbidden"}')),
        *("webhook endpoint", "fail", "403 before the fleet is asked", "its log and its rules"),
    ),
    "a door for everybody": (
        lambda house: house.github.stub.on("POST /hook", Answer(200, b"welcome")),
        *("webhook endpoint", "fail", "answers 200 to what is not signed", "something else answers there"),
    ),
    "nobody at the door": (
        lambda house: house.github.stub.on("POST /hook", Answer(hang_up=True)),
        *("webhook endpoint", "fail", "cannot be reached", "see that the fleet runs"),
    ),
    "hardly any budget": (
        lambda house: house.github.say("GET /rate_limit", {"rate": {"limit": 5000, "remaining": 12}}),
        *("GitHub's budget", "warn", "acme: 12 of 5,000 requests", "another program"),
    ),
    "no such group": (
        lambda house: grouped(house, Answer(404, {"message": "Not Found"})),
        *("runner group", "fail", "acme has no runner group 3", "github.runner_group"),
    ),
    "everybody's group": (
        lambda house: grouped(house, Answer(200, {"name": "Default", "visibility": "all"})),
        *("runner group", "warn", "Default is open to every repository", "make a group"),
    ),
    "an old runner": (
        lambda house: house.github.releases(("2.340.0", NEW), ("2.337.0", OLD), (RUNNER, OLD - 30 * DAY)),
        *(
            "runner version",
            "fail",
            f"machines get {RUNNER}; 2.337.0 is out for 40 days, and 2.340.0 is the newest",
            "your organisation",
        ),
    ),
    "a runner that ages": (
        lambda house: house.github.releases(("2.340.0", NEW), (RUNNER, OLD)),
        *("runner version", "warn", "2.340.0 is out for 3 days", "your organisation"),
    ),
}


RECORDS = ("damaged records", "no records at all", "empty records", "a newer one's records")
ALONE = (*RECORDS, "the file", "a wrong key", "not installed", "no webhook", "a webhook to nowhere")
"""After these others cannot be looked at."""


def rounds() -> list[tuple[str, ...]]:
    """Faults that may be there at once: one of a check."""
    found: dict[int, list[str]] = {}
    for name, (_, check, *_rest) in FAULTS.items():
        if name not in ALONE:
            number = sum(1 for names in found.values() for one in names if FAULTS[one][1] == check)
            found.setdefault(number, []).append(name)
    return [*((name,) for name in ALONE), *map(tuple, found.values())]


@pytest.mark.parametrize("names", rounds(), ids=", ".join)
def test_each_fault_gives_exactly_its_finding(house: House, names: tuple[str, ...]) -> None:
    """What is wrong, how bad it is, how to mend it; no other check minds, and what needs it says no more than that."""
    for name in names:
        FAULTS[name][0](house)
    before = {path.name: path.read_bytes() for path in house.places.root.glob("fleet.db*")}
    found_ = [one for one in house.told() if "which could not be had" not in one[2]]
    assert sorted(one[:2] for one in found_) == sorted(FAULTS[name][1:3] for name in names)
    told = {one[0]: one[1:] for one in found_}
    for name in names:
        _, check, _, found, fix = FAULTS[name]
        assert found in told[check][1]
        assert fix in told[check][2]
    assert before == {path.name: path.read_bytes() for path in house.places.root.glob("fleet.db*")}


def test_where_a_pattern_is_not_covered_both_ways_out_are_named() -> None:
    """What is to be installed, and what is to be taken out of which list: an account has no entry of its own there."""
    (found,) = judge_installation(Scope("acme"), None, ScopeKind.REPOSITORY, "the page")
    assert found.fix == (
        "at the page: install the App on acme, with access to what begins with acme/; or take what begins with acme/ "
        "out of github.repositories in paddock.yml"
    )


def test_a_fleet_that_has_never_run(house: House) -> None:
    """Nothing is made by looking: what is not there is told, with what makes it."""
    no_records(house)
    house.places.root.joinpath("x").touch()
    told = house.told()
    assert {(check, fix) for check, verdict, _, fix in told if verdict == "warn"} == {
        ("records", "`paddock local` makes it"),
        ("housekeeping", "`paddock local` starts one"),
    }
    assert [path.name for path in house.places.root.iterdir()] == ["x"]


def test_a_fleet_with_a_token(house: House) -> None:
    """It is somebody's; without a webhook that paddock.yml names, what there is of it is unknown, and says how."""
    (house.home / "token").write_text("ghp_1", encoding="utf-8")
    text = (house.home / "paddock.yml").read_text(encoding="utf-8")
    app = next(line for line in text.splitlines() if line.startswith("  app:"))
    (house.home / "paddock.yml").write_text(text.replace(app, "  token: {file: token}"), encoding="utf-8")
    house.github.say("GET /user", {"message": "away"}, 503)
    (step,) = [fix for check, _, _, fix in house.told() if check == "GitHub credentials"]
    assert step == "see https://www.githubstatus.com, and that this machine reaches GitHub", "nothing of an App's key"
    house.github.say("GET /user", {"login": "jo"})
    told = house.told()
    assert [(check, verdict) for check, verdict, _, _ in told] == [
        ("webhook settings", "unknown"),
        ("webhook deliveries", "unknown"),
        ("webhook endpoint", "unknown"),
    ]
    assert "github.hooks: [{target: owner/name, id: 123}]" in told[0][3]
    hook = {"active": False, "events": ["workflow_job", "workflow_run"]}
    settings = {"url": house.github.url, "content_type": "json", "insecure_ssl": "0", "secret": "********"}
    house.github.say("GET /repos/acme/shop/hooks/5", {**hook, "config": settings})
    house.github.say("GET /repos/acme/shop/hooks/5/deliveries", [])
    house.configure()
    text = text.replace(app, "  token: {file: token}\n  hooks: [{target: acme/shop, id: 5}]")
    (house.home / "paddock.yml").write_text(text, encoding="utf-8")
    assert [one[:3] for one in house.told()] == [
        ("webhook settings", "fail", "it is not active"),
        ("webhook deliveries", "warn", "GitHub has sent nothing for 24 h 00 min"),
    ]


def test_a_github_that_limits_nobody(house: House) -> None:
    """Enterprise Server without rate limits answers 404: nothing is wrong with that."""
    house.github.say("GET /rate_limit", {"message": "Rate limiting is not enabled."}, 404)
    assert house.told() == []
    assert "this GitHub limits no requests" in house.call("doctor", "--profile", "local").out


def test_a_terminal_sees_what_is_looked_at(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """On stderr, while it is; the findings themselves are not touched by it."""
    for name, value in {"TTY_COMPATIBLE": "1", "TERM": "xterm", "NO_COLOR": "1"}.items():
        monkeypatch.setenv(name, value)
    said = house.call("doctor")
    assert said.code == 0
    assert "looking: " in said.err
    assert "looking: " not in said.out


def test_two_ways_to_name_a_fleet_are_one_too_many(house: House) -> None:
    """The command says which it is to be."""
    said = house.call("doctor", "--env", "dev", "--profile", "local")
    assert (said.code, said.out) == (1, "")
    assert "--env must be left out" in said.err
