"""The parts of setting an App up that ask nobody: its lines in paddock.yml, its addresses, and what the pages say."""

import shlex
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from paddock.adapters.app_setup import FileKeeper, Kept, edited, in_safety, lines
from paddock.adapters.app_setup.web import hosts_of
from paddock.adapters.github.endpoints import endpoints_of
from paddock.adapters.github.manifest import NewApp, Owner, Wanted, settings_url
from paddock.adapters.github.permissions import PURPOSES, permissions_of
from paddock.contracts import example_config
from paddock.core.errors import InvalidInput, Rejected
from paddock.core.settings import ScopeKind
from paddock.entrypoints.github_setup import check_writable, chosen, written

ROOT = Path(__file__).parents[3]
ID = ("github", "app", "id")
KEY = ("github", "app", "private_key")
HOOK = ("github", "webhook_secret")

names = st.text("abcdefgh", min_size=1, max_size=6)
scalars = st.integers(0, 10**9) | names
trees = st.recursive(scalars, lambda inner: st.dictionaries(names, inner, min_size=1, max_size=4), max_leaves=12)


@given(tree=st.dictionaries(names, trees, min_size=1, max_size=4), flow=st.booleans(), data=st.data())
def test_an_edit_changes_its_value_and_nothing_else(tree: dict[str, object], flow: bool, data: st.DataObject) -> None:  # noqa: FBT001 - hypothesis
    """Read again, the text has the new value in its place, whatever stood there, and all else as before."""
    text = yaml.safe_dump(tree, default_flow_style=flow)
    path: list[str] = []
    at: object = tree
    while isinstance(at, dict) and (not path or data.draw(st.booleans())):
        path.append(data.draw(st.sampled_from(sorted(at))))
        at = at[path[-1]]
    changed = edited(text, {tuple(path): "{file: ./new.pem}"})
    assert changed is not None
    parent = tree
    for step in path[:-1]:
        inner = parent[step]
        assert isinstance(inner, dict)
        parent = inner
    parent[path[-1]] = {"file": "./new.pem"}
    assert yaml.safe_load(changed) == tree


@pytest.mark.parametrize(
    "text",
    [
        "github: {token: {env: A}}\n",
        "github:\n  app:\n    private_key: {file: a}\n",
        "github: [\n",
        "- a\n",
        "",
        "github:\n  app:\n    id:\n      # which one?\n      - 1\n      # this one\n    private_key: {}\n",
        "github:\n  app:\n    id:\n    private_key: {}\n",
    ],
)
def test_where_there_is_no_place_nothing_is_edited(text: str) -> None:
    """A file that lacks the key, is no YAML, or would lose a comment is left to people."""
    assert edited(text, {ID: "7"}) is None


def test_lines_are_those_of_a_file_that_says_the_same() -> None:
    """What is printed can be pasted, paths with blanks and quotes too; what stands there is not repeated."""
    keeper = FileKeeper(Path("/etc/my keys/it's.pem"), Path("/a/hook"), Path("/a"))
    text = lines({**keeper.references, ID: "7"})
    assert yaml.safe_load(text) == {
        "github": {
            "webhook_secret": {"file": "./hook"},
            "app": {"private_key": {"file": "/etc/my keys/it's.pem"}, "id": 7},
        }
    }
    named = FileKeeper(keeper.key, keeper.secret, keeper.base, named=[keeper.key])
    assert set(named.references) == {HOOK}


def test_a_file_of_the_example_says_all_that_was_chosen(tmp_path: Path) -> None:
    """Which GitHub and which scope, too, where they are not the usual ones; a failing write leaves nothing behind."""
    found = chosen(tmp_path / "paddock.yml", "https://github.example.com", "organization")
    assert written(found, {ID: "7"}, "acme")
    again = chosen(tmp_path / "paddock.yml", None, None)
    assert (again.endpoints, again.scope) == (found.endpoints, ScopeKind.ORGANIZATION)
    assert again.config is not None
    assert again.config.settings.repositories == ("acme/*",)
    usual = chosen(tmp_path / "usual.yml", None, None)
    assert written(usual, {ID: "7"}, "acme")
    expected = example_config().replace("123456", "7", 1).replace("[octo-org/*]", "['acme/*']", 1)
    assert usual.file.read_text(encoding="utf-8") == expected
    with pytest.raises(OSError, match="No such file"):
        written(chosen(tmp_path / "no" / "paddock.yml", None, None), {ID: "7"}, "acme")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["paddock.yml", "usual.yml"]


def test_secrets_lie_together_or_not_at_all(tmp_path: Path) -> None:
    """A folder that takes one of the two files is left as it was, and the next is used; what was there stays."""
    one, two, three = (tmp_path / name for name in ("one", "two", "three"))
    for folder in (one, two, three):
        folder.mkdir()
    key, secret = "paddock-app-7.pem", "paddock-app-7.webhook-secret"
    (one / secret).write_text("another's", encoding="utf-8")
    (two / key).write_text("another's", encoding="utf-8")
    keeper = FileKeeper(tmp_path / "no" / "key", tmp_path / "no" / "hook", tmp_path)
    app = NewApp(7, "mine", "https://github.com/apps/mine", Owner("acme"), "the key")
    with pytest.raises(Rejected) as refused:
        in_safety(app, Kept("the key", "the secret"), keeper, [one, two, three], "")
    assert f"they are in {three / key} and {three / secret}" in refused.value.__notes__[0]
    found = {path.relative_to(tmp_path): path.read_text(encoding="utf-8") for path in tmp_path.glob("*/*")}
    assert found == {
        Path("one", secret): "another's",
        Path("two", key): "another's",
        Path("three", key): "the key",
        Path("three", secret): "the secret",
    }


def test_a_secret_that_could_not_be_put_in_its_place_lies_nowhere_else(tmp_path: Path) -> None:
    """What replaces another is gone if that fails; and the commands that go on can be pasted, blanks or none."""
    keeper = FileKeeper(tmp_path / "my key", tmp_path / "hook", tmp_path, replace=True)
    keeper.key.mkdir()
    with pytest.raises(InvalidInput, match="must be a file in a folder"):
        keeper.check()
    with pytest.raises(OSError, match="directory"):
        keeper.keep(Kept("the key", "the secret"))
    assert [path.name for path in tmp_path.iterdir()] == ["my key"]
    lying = tmp_path / "it's a key", tmp_path / "secret"
    assert [shlex.split(line) for line in keeper.by_hand(*lying)] == [
        ["mv", str(lying[0]), str(keeper.key)],
        ["mv", str(lying[1]), str(keeper.secret)],
    ]


def test_two_secrets_in_one_file_are_refused(tmp_path: Path) -> None:
    """By whichever name, and with --replace above all: the webhook's secret would be written over the key."""
    (tmp_path / "same").symlink_to(tmp_path / "key")
    for secret in (tmp_path / "key", tmp_path / "same", tmp_path / "." / "x" / ".." / "key"):
        with pytest.raises(InvalidInput, match=r"github\.app\.private_key = .*/key': must be another file"):
            FileKeeper(tmp_path / "key", secret, tmp_path, replace=True).check()
    FileKeeper(tmp_path / "key", tmp_path / "hook", tmp_path, replace=True).check()
    assert [path.name for path in tmp_path.iterdir()] == ["same"]


def test_a_browser_leaves_out_the_port_of_http() -> None:
    """On port 80 the Host is the bare name; on any other the bare name is somebody else's."""
    assert hosts_of(80) == {"127.0.0.1", "localhost", "127.0.0.1:80", "localhost:80"}
    assert hosts_of(8080) == {"127.0.0.1:8080", "localhost:8080"}


def test_a_link_to_the_file_stays_a_link(tmp_path: Path) -> None:
    """What it leads to is changed, in its own folder, and keeps its mode."""
    (tmp_path / "kept").mkdir()
    real, link = tmp_path / "kept" / "fleet.yml", tmp_path / "paddock.yml"
    real.write_text(example_config(), encoding="utf-8")
    real.chmod(0o640)
    link.symlink_to(Path("kept", "fleet.yml"))
    found = chosen(link, None, None)
    check_writable(found)
    assert written(found, {ID: "7"}, "acme")
    assert link.is_symlink()
    assert real.read_text(encoding="utf-8") == example_config().replace("123456", "7", 1)
    assert real.stat().st_mode & 0o777 == 0o640
    assert [path.name for path in real.parent.iterdir()] == ["fleet.yml"]


@pytest.mark.parametrize(
    ("web", "org", "form"),
    [
        ("https://github.com", "", "https://github.com/settings/apps/new?state=s"),
        ("https://github.com", "acme", "https://github.com/organizations/acme/settings/apps/new?state=s"),
        ("https://octocorp.ghe.com", "a-b", "https://octocorp.ghe.com/organizations/a-b/settings/apps/new?state=s"),
        ("https://github.example.com", "", "https://github.example.com/settings/apps/new?state=s"),
    ],
)
def test_the_form_goes_to_the_right_github(web: str, org: str, form: str) -> None:
    """An organisation's App is made on its own page, on whichever GitHub."""
    wanted = Wanted(endpoints=endpoints_of(web), scope=ScopeKind.REPOSITORY, name="x", org=org)
    assert wanted.form("s") == form
    owner = Owner(org or "me", "Organization" if org else "User")
    place = f"/organizations/{org}" if org else ""
    assert settings_url(wanted.endpoints, owner, "slug") == f"{web}{place}/settings/apps/slug"


def test_the_page_names_the_permissions_that_are_asked_for() -> None:
    """The table for whoever makes an App by hand has each permission, its level, and no other."""
    text = (ROOT / "docs" / "operating.md").read_text(encoding="utf-8").split("### By hand\n")[1].split("\n## ")[0]
    rows = [
        line for line in text.splitlines() if line.startswith("| ") and not line.startswith(("| ---", "| permission"))
    ]
    told = {f"{PURPOSES[name][0]}: {'read and write' if level == 'write' else 'read'}"
            for kind in ScopeKind for name, level in permissions_of(kind).items()}  # fmt: skip
    found = {part.split(" (")[0].strip() for row in rows for part in row.split("|")[1].split(", or ")}
    assert found == told
