"""Which modules get into a bundle: what its handlers import, and nothing else."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from deploy.bundle.contents import Bundle
from deploy.bundle.imports import Finder, Missing, Module
from deploy.bundle.models import attributes_of

ALLOWED = frozenset({"attrs", "wheel"})


def names(folder: Path, files: Mapping[str, str], *, without: frozenset[str] = frozenset()) -> list[str]:
    """What is found for the handler ``paddock.start``; files of others stand below ``site``."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    bundle = Bundle("made-up", ("paddock.start",), ALLOWED, without)
    return [module.name for module in Finder(bundle, [folder / "box"], folder / "site").modules]


def test_what_is_imported_is_found_and_nothing_else(tmp_path: Path) -> None:
    """At the top, within functions, as a package's part, with the packages above."""
    files = {
        "box/paddock/start.py": "import json, paddock.core.a\ndef late():\n    from paddock.core import b, name\n",
        "box/paddock/core/__init__.py": "name = 1\n",
        "box/paddock/core/a.py": "",
        "box/paddock/core/b.py": "",
        "box/paddock/core/unused.py": "import cyclopts\n",
    }
    assert names(tmp_path, files) == ["paddock.core", "paddock.core.a", "paddock.core.b", "paddock.start"]


def test_what_only_type_checkers_import_is_left_out(tmp_path: Path) -> None:
    """But what stands in the other branch counts."""
    text = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import stubs\nelse:\n    import paddock.other\n"
    files = {"box/paddock/start.py": text, "box/paddock/other.py": ""}
    assert names(tmp_path, files) == ["paddock.other", "paddock.start"]


@pytest.mark.parametrize("text", ["import cyclopts", "from cyclopts import App", "def late():\n    import cyclopts"])
def test_an_import_that_is_not_allowed_fails(tmp_path: Path, text: str) -> None:
    """With the module that has it, and the one that it imports."""
    with pytest.raises(Missing, match=r"paddock\.start imports cyclopts"):
        names(tmp_path, {"box/paddock/start.py": text, "site/cyclopts.py": ""})


@pytest.mark.parametrize("name", ["attrs", "paddock.core"])
def test_an_import_that_is_not_there_fails(tmp_path: Path, name: str) -> None:
    """Allowed, but not installed; ours, but misspelt."""
    with pytest.raises(Missing, match=f"imports {name}"):
        names(tmp_path, {"box/paddock/start.py": f"import {name}"})


def test_an_import_that_somebody_has_thought_of_may_fail(tmp_path: Path) -> None:
    """In a ``try``, or named among those that the functions do without."""
    text = "try:\n    import cyclopts\nexcept ImportError:\n    pass\ndef never():\n    import paddock.left_out\n"
    files = {"box/paddock/start.py": text, "box/paddock/left_out.py": ""}
    assert names(tmp_path, files, without=frozenset({"paddock.left_out"})) == ["paddock.start"]


def test_others_may_import_what_the_bundle_has_not(tmp_path: Path) -> None:
    """It is taken for optional: whether it is, the functions' run from the bundle tells."""
    files = {
        "box/paddock/start.py": "import attrs",
        "site/attrs/__init__.py": "from . import near\nfrom .deep.er import name\nimport click\n",
        "site/attrs/near.py": "",
        "site/attrs/far.py": "",
        "site/attrs/deep/__init__.py": "",
        "site/attrs/deep/er.py": "from ..far import name\n",
        "site/click.py": "",
    }
    found = names(tmp_path, files)
    assert found == ["attrs", "attrs.deep", "attrs.deep.er", "attrs.far", "attrs.near", "paddock.start"]


def test_a_package_with_something_compiled_is_taken_whole(tmp_path: Path) -> None:
    """Nobody sees what compiled code imports. Its tests stay where they are."""
    files = {
        "box/paddock/start.py": "import wheel",
        "site/wheel/__init__.py": "",
        "site/wheel/_fast.cpython-312-aarch64-linux-gnu.so": "",
        "site/wheel/hidden.py": "",
        "site/wheel/parts/deep.py": "",
        "site/wheel/tests/test_wheel.py": "",
    }
    found = names(tmp_path, files)
    assert found == ["paddock.start", "wheel", "wheel._fast", "wheel.hidden", "wheel.parts.deep"]


@pytest.mark.parametrize(
    "around", ["try:\n    {}\nfinally:\n    pass\n", "match 1:\n    case 1:\n        {}\n", "with a:\n    {}\n"]
)
def test_an_import_is_found_in_any_block(tmp_path: Path, around: str) -> None:
    """Wherever a statement may stand."""
    files = {"box/paddock/start.py": around.format("import paddock.other"), "box/paddock/other.py": ""}
    assert names(tmp_path, files) == ["paddock.other", "paddock.start"]


def test_a_name_that_its_package_fetches_fails(tmp_path: Path) -> None:
    """The module behind it would be left out, and nobody would see it before the function is called."""
    files = {
        "box/paddock/start.py": "def late():\n    from paddock.core import Fleet\n",
        "box/paddock/core/__init__.py": "def __getattr__(name): ...\n",
        "box/paddock/core/fleet.py": "class Fleet: ...\n",
    }
    with pytest.raises(Missing, match=r"paddock\.core\.Fleet, which its package fetches"):
        names(tmp_path, files)


def test_nobody_asks_for_a_description_that_is_not_in_the_bundle(tmp_path: Path) -> None:
    """Paginators and waiters have descriptions of their own."""
    file = tmp_path / "a.py"
    file.write_text("client.get_paginator('describe_instances')", encoding="utf-8")
    with pytest.raises(Missing, match="get_paginator"):
        attributes_of([Module("a", file, "a.py")])


def test_what_python_itself_imports_from_outside_is_found(tmp_path: Path) -> None:
    """Its `zoneinfo` reads tzdata where the system has no zones; a bundle that may not have it does without."""
    source = {"paddock/start.py": "def late():\n    from zoneinfo import ZoneInfo\n", "tzdata/__init__.py": ""}
    for name, text in source.items():
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text(text, encoding="utf-8")
    for packages, found in ((frozenset({"tzdata"}), ["paddock.start", "tzdata"]), (ALLOWED, ["paddock.start"])):
        finder = Finder(Bundle("made-up", ("paddock.start",), packages), [tmp_path], tmp_path)
        assert [module.name for module in finder.modules] == found
