"""Commands of a checkout that the pages show name what there is: groups, modules, files, kinds of bundles."""

import re
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.bench.__main__ import GROUPS

ROOT = Path(__file__).parents[3]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
TEXT = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)


def shown(pattern: str) -> set[str]:
    """What the pages' commands say at the group of a pattern, word by word."""
    found = {word for words in re.findall(pattern, TEXT) for word in words.split()}
    assert found, pattern
    return found


def test_groups_that_are_measured_exist() -> None:
    """Those of `nox -s bench --` and of `python -m tests.bench`; `calls` is counted by a program of its own."""
    names = shown(r"nox -s bench -- ([a-z_ ]+)") | shown(r"python -m tests\.bench ([a-z_ ]+)")
    assert names <= {*GROUPS, "calls"}


def test_bundles_are_of_kinds_that_are_made() -> None:
    """The words after `nox -s bundle --`."""
    kinds = re.search(r"^LAMBDA_MACHINES = \{(.+)\}$", (ROOT / "noxfile.py").read_text("utf-8"), re.MULTILINE)
    assert kinds
    assert shown(r"nox -s bundle -- ([a-z0-9_]+)") <= set(re.findall(r'"(\w+)":', kinds[1]))


def test_modules_that_python_is_to_run_exist() -> None:
    """`python -m`, but for modules of others."""
    ours = {name for name in shown(r"python[\d.]* -m ([a-z_.]+)") if name.partition(".")[0] in ("tests", "deploy")}
    assert {name for name in ours if find_spec(name) is None} == set()


@pytest.mark.parametrize("pattern", [r"pytest ((?:-\S+ )*tests/\S+\.py)", r"python[\d.]* -I (\S+\.py)"])
def test_files_that_commands_name_exist(pattern: str) -> None:
    """Tests to run, and programs."""
    files = {word for word in shown(pattern) if word.endswith(".py")}
    assert {name for name in files if not (ROOT / name).is_file()} == set()
