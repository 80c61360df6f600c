"""The rules of this repository that no linter knows. What a rule is for stands in its test's docstring."""

import ast
import importlib
import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]
LONGEST = {"src": 350, "agent": 350, "contracts": 350, "tests": 600}
LONG_BY_NATURE = {
    "tests/unit/values/test_config.py",  # one table of everything that can be wrong with a file
}


@cache
def tracked() -> tuple[str, ...]:
    """The files of the repository, or, in an unpacked archive, all files that would be in it."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if listed.returncode == 0:
        return tuple(sorted(name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()))
    ignored = {"build", "dist", "node_modules", "__pycache__"}
    return tuple(
        sorted(
            str(path.relative_to(ROOT))
            for path in ROOT.rglob("*")
            if path.is_file() and not any(p in ignored or p.startswith(".") for p in path.relative_to(ROOT).parts)
        )
    )


def sources(*folders: str) -> list[str]:
    """The Python files below the folders."""
    return [name for name in tracked() if name.endswith(".py") and name.startswith(tuple(f"{f}/" for f in folders))]


def tree(name: str) -> ast.Module:
    """A file's syntax tree."""
    return ast.parse((ROOT / name).read_text(encoding="utf-8"), name)


def text(name: str) -> str | None:
    """A file's text; None if it is none."""
    try:
        return (ROOT / name).read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return None


def found(pattern: str, *, apart_from: tuple[str, ...] = ()) -> list[str]:
    """The places whose line matches the pattern."""
    return [
        f"{name}:{number}"
        for name in tracked()
        if name not in apart_from
        for number, line in enumerate((text(name) or "").splitlines(), 1)
        if re.search(pattern, line)
    ]


def test_there_is_something_to_check() -> None:
    """The rules below are not kept by looking at nothing."""
    assert len(sources("src")) > 20
    assert len(sources("tests")) > 10
    assert "pyproject.toml" in tracked()


def test_files_are_short() -> None:
    """One reason to change per file: none of ours is longer than can be read in one go."""
    ours = [name for name in sources(*LONGEST) if name not in LONG_BY_NATURE]
    lengths = {name: len((text(name) or "").splitlines()) for name in ours}
    assert {name: length for name, length in lengths.items() if length > LONGEST[name.partition("/")[0]]} == {}


def functions(module: ast.Module) -> Iterator[ast.FunctionDef]:
    """Every function of the module, those in classes and functions included."""
    return (node for node in ast.walk(module) if isinstance(node, ast.FunctionDef))


def test_every_test_says_what_it_shows() -> None:
    """A test without a docstring is a riddle when it fails."""
    silent = [
        f"{name}:{function.lineno} {function.name}"
        for name in sources("tests")
        for function in functions(tree(name))
        if function.name.startswith("test_") and len((ast.get_docstring(function) or "").split()) < 3
    ]
    assert silent == []


def test_no_two_tests_of_a_file_have_one_name() -> None:
    """The second would replace the first without a word."""
    for name in sources("tests"):
        names = [node.name for node in tree(name).body if isinstance(node, ast.FunctionDef)]
        assert sorted(set(names)) == sorted(names), name


def exported(module: ast.Module) -> list[str] | None:
    """The module's ``__all__``; None if it has none."""
    for node in module.body:
        if isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == "__all__" for t in node.targets):
            value: list[str] = ast.literal_eval(node.value)
            return value
    return None


def public_names(module: ast.Module) -> set[str]:
    """What the module defines, and what a package's front page imports from its own modules."""
    names: set[str] = set()
    # A face that imports on demand shows its names to type checkers alone.
    typed = [inner for node in module.body if isinstance(node, ast.If) for inner in node.body]
    for node in (*module.body, *typed):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.AnnAssign | ast.Assign):
            targets = [node.target] if isinstance(node, ast.AnnAssign) else node.targets
            names |= {target.id for target in targets if isinstance(target, ast.Name)}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("paddock."):
            names |= {alias.asname or alias.name for alias in node.names}
    return {name for name in names if not name.startswith("_")}


def test_lists_of_exports_are_true_and_complete() -> None:
    """Whatever ``__all__`` names is there, and a package's ``__all__`` names everything that its front page gathers."""
    for name in sources("src", "agent", "contracts"):
        module = tree(name)
        listed = exported(module)
        if listed is None:
            continue
        assert len(listed) == len(set(listed)), name
        assert set(listed) <= public_names(module), name
        if name.endswith("__init__.py"):
            assert set(listed) == public_names(module), name
            package = importlib.import_module(
                name[name.index("paddock/") :].removesuffix("/__init__.py").replace("/", ".")
            )
            assert [export for export in listed if not hasattr(package, export)] == [], name


def test_nothing_belongs_to_one_machine() -> None:
    """No path of somebody's machine: what is written here is true everywhere."""
    homes = r"(?<![\w.$}/])/(?:home|Users|root|work|opt/dev|private/var)/[\w.]"
    # Machines of the fleet have a home of their own, which the agent and its tests may name.
    there = [place for place in found(homes) if not re.search(r"^(agent|tests)/", place)]
    assert there == []


def test_no_registry_is_named() -> None:
    """Where packages come from is the installer's affair: a mirror must do as well."""
    hosts = "|".join(["pypi" + r"\.org", "pythonhosted" + r"\.org", "npmjs" + r"\.(?:org|com)", "yarnpkg" + r"\.com"])
    assert found(hosts) == []


def test_no_lock_file_of_one_tool_is_kept() -> None:
    """They write down hosts; constraints.txt has the versions and hashes without them."""
    names = {Path(name).name for name in tracked()}
    assert names & {"uv.lock", "poetry.lock", "pdm.lock", "package-lock.json", "yarn.lock"} == set()


def test_constraints_have_a_hash_for_everything() -> None:
    """Each line names one version, and at least one hash follows it."""
    lines = (text("constraints.txt") or "").splitlines()
    pins = [number for number, line in enumerate(lines) if re.match(r"[a-z0-9]", line)]
    assert len(pins) > 30
    for number in pins:
        assert re.match(r"[a-z0-9][a-z0-9._-]*==\S+ (;.* )?\\$", lines[number])
        assert lines[number + 1].strip().startswith("--hash=sha256:")


def test_no_source_file_is_without_a_docstring() -> None:
    """Each file says in its first line what it is for."""
    assert [n for n in sources("src", "agent", "contracts", "tests") if ast.get_docstring(tree(n)) is None] == []


@pytest.mark.parametrize("word", ["time.sleep", "unittest.mock", "monkeypatch.setattr", "pytest.skip"])
def test_tests_wait_for_nothing_and_replace_nothing(word: str) -> None:
    """A test swaps ports and asks a helper that polls with a deadline: it never sleeps, patches or looks away.

    What stands in the text of another program (a job that hangs) is not the test's.
    """
    assert [name for name in sources("tests") if Path(name).name.startswith("test_") and word in used_in(name)] == []


@cache
def used_in(name: str) -> frozenset[str]:
    """The attributes that a file uses, written out, and the modules it imports from."""
    nodes = list(ast.walk(tree(name)))
    used = {ast.unparse(node) for node in nodes if isinstance(node, ast.Attribute)}
    return frozenset(used | {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)})
