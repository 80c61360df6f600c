"""Which modules a program consists of, by the import statements in its sources: nothing is imported to find out.

Imports within functions count as much as others, so what is imported late is found, too. What is compiled shows no
imports; a package with anything compiled in it is therefore taken whole.
"""

import ast
import sys
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from pathlib import Path

import attrs

from deploy.bundle.contents import COMPILED_IMPORTS, OWN, STANDARD_IMPORTS, Bundle

_LEFT_OUT = frozenset({"tests", "test", "testing", "__pycache__"})
_BLOCKS = ("body", "handlers", "orelse", "finalbody", "cases")  # of statements, and of their branches


class Missing(Exception):  # noqa: N818 - named for what it tells, as the core's errors are
    """A module that the bundle needs and that it cannot or may not have."""


@attrs.frozen
class Module:
    """A module: its dotted name, its file, and that file's place below the directory in which imports find it."""

    name: str
    file: Path
    place: str

    @property
    def top(self) -> str:
        """The package at the top."""
        return self.name.partition(".")[0]

    @property
    def is_own(self) -> bool:
        """True if it is ours."""
        return self.top == OWN

    @property
    def is_package(self) -> bool:
        """True if other modules may be below it."""
        return self.file.name == "__init__.py"

    @property
    def is_source(self) -> bool:
        """True unless it is compiled."""
        return self.file.suffix == ".py"


@attrs.frozen
class _Import:
    """One name that a source imports. ``surely``: no condition and no ``try`` stands around it."""

    name: str
    surely: bool


class Finder:
    """Finds a bundle's modules: ours in our boxes, others' where they are installed."""

    def __init__(self, bundle: Bundle, boxes: Sequence[Path], site: Path) -> None:
        """Args: the bundle; directories with our packages; the directory in which the others' are installed."""
        self._bundle = bundle
        self._boxes = boxes
        self._site = site
        self._known: dict[str, Module | None] = {}

    @cached_property
    def modules(self) -> Sequence[Module]:
        """All of them, by name.

        Raises:
            Missing: something that must be there is not, or is not allowed in the bundle.
        """
        found: dict[str, Module] = {}
        waiting = list(self._bundle.handlers)
        for name in waiting:
            if self._find(name) is None:
                raise Missing(f"{name} is not in {', '.join(map(str, self._boxes))}")
        while waiting:
            name = waiting.pop()
            module = None if name in found else self._find(name)
            if module is None:
                continue
            found[name] = module
            waiting.extend(_parents(name))
            if module.is_source:
                waiting.extend(self._imported(module))
            waiting.extend(self._whole(name))
        return [found[name] for name in sorted(found)]

    def _find(self, name: str) -> Module | None:
        if name not in self._known:
            self._known[name] = self._looked_for(name)
        return self._known[name]

    def _looked_for(self, name: str) -> Module | None:
        top, path = name.partition(".")[0], Path(*name.split("."))
        if (top != OWN and top not in self._bundle.packages) or name in self._bundle.without:
            return None
        for root in self._boxes if top == OWN else (self._site,):
            for file in (root / path / "__init__.py", root / path.with_suffix(".py")):
                if file.is_file():
                    return Module(name, file, file.relative_to(root).as_posix())
            for file in sorted((root / path).parent.glob(f"{path.name}.*.so")):
                return Module(name, file, file.relative_to(root).as_posix())
        return None

    def _imported(self, module: Module) -> Iterator[str]:
        for each in _imports(module):
            here = f"{self._bundle.name}: {module.name} imports {each.name}"
            if module.is_own and each.surely and self._lacks(each.name):
                raise Missing(f"{here}, which is not there or not allowed")
            if module.is_own and self._is_fetched(each.name):
                raise Missing(f"{here}, which its package fetches as it runs: import it from its module")
            yield each.name
            yield from STANDARD_IMPORTS.get(each.name, ())

    def _lacks(self, name: str) -> bool:
        """True if a module can be had neither from Python nor from here, and nobody has said that it need not be."""
        if name in self._bundle.without or name.partition(".")[0] in sys.stdlib_module_names:
            return False
        return self._find(name) is None

    def _is_fetched(self, name: str) -> bool:
        """True of a name that one of our packages imports when somebody asks for it, so that no statement tells."""
        package = self._find(name.rpartition(".")[0])
        if package is None or not package.is_own or self._find(name):
            return False
        return b"def __getattr__" in package.file.read_bytes()

    def _whole(self, name: str) -> Iterator[str]:
        """All modules of a package with something compiled in it, once its top is seen."""
        top = self._site / name
        if "." in name or name == OWN or not top.is_dir() or not any(top.rglob("*.so")):
            return
        yield from COMPILED_IMPORTS.get(name, ())
        for file in top.rglob("*"):
            parts = file.relative_to(self._site).parts
            if file.suffix in (".py", ".so") and not _LEFT_OUT & set(parts):
                stem = parts[-1].partition(".")[0]
                yield ".".join(parts[:-1] if stem == "__init__" else (*parts[:-1], stem))


def _parents(name: str) -> list[str]:
    """The packages above a module, the nearest first."""
    parts = name.split(".")
    return [".".join(parts[:count]) for count in range(len(parts) - 1, 0, -1)]


def _imports(module: Module) -> Iterator[_Import]:
    package = module.name if module.is_package else module.name.rpartition(".")[0]
    tree = ast.parse(module.file.read_bytes(), filename=module.place)
    yield from _statements(tree.body, package, surely=True)


def _statements(body: Iterable[ast.AST], package: str, *, surely: bool) -> Iterator[_Import]:
    for node in body:
        if isinstance(node, ast.Import):
            yield from (_Import(alias.name, surely) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = _base(node, package)
            yield _Import(base, surely)
            yield from (_Import(f"{base}.{alias.name}", surely=False) for alias in node.names)
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            yield from _statements(node.orelse, package, surely=surely)
        else:
            within = surely and not isinstance(node, ast.If | ast.Try | ast.TryStar)
            yield from _statements(_below(node), package, surely=within)


def _below(node: ast.AST) -> list[ast.AST]:
    """What may hold statements: no expression does."""
    return [each for field in _BLOCKS for each in getattr(node, field, ()) if isinstance(each, ast.AST)]


def _base(node: ast.ImportFrom, package: str) -> str:
    """The package or module that a ``from`` names, dots resolved."""
    if not node.level:
        return node.module or ""
    parts = package.split(".")
    above = ".".join(parts[: len(parts) - node.level + 1])
    return f"{above}.{node.module}" if node.module else above
