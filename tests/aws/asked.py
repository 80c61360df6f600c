"""Which of AWS's operations our code asks for, by which table their errors are read: as it stands in the source.

A client's method is handed to an `Asking`, which was made with a table that has a name: at once, by a variable, or,
where a module has but one table, by way of whatever else is in it. Who speaks HTTP names the operation, and its
protocol the table.
"""

import ast
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, Final, TypeVar

import attrs
from botocore import xform_name

from paddock.adapters.aws_codes import Codes
from tests.aws.judge import model

ROOT: Final = Path(__file__).parents[2] / "src"
BOXES: Final = (
    "adapters/paddock/adapters/aws",
    "adapters/paddock/adapters/aws_http",
    "entrypoints/paddock/entrypoints",
)
"""Where AWS is spoken to."""
GIVEN: Final[Mapping[str, str]] = {
    "paddock.adapters.aws.ec2.sleep": "paddock.adapters.aws.ec2.machines",
    "paddock.adapters.aws.ec2.offerings": "paddock.adapters.aws.ec2.machines",
    "paddock.adapters.aws.s3.upload": "paddock.adapters.aws.s3.objects",
}
"""Modules that are given what they ask with, and whose it is."""

_ASKING: Final = "Asking"
_MAKERS: Final = frozenset({"client", "_client", "_made"})
_OF_URLS: Final = frozenset({"query"})
"""A method of DynamoDB's client that is the name of a part of an address as well."""


Node = TypeVar("Node", bound=ast.AST)


@attrs.frozen
class Asked:
    """One place at which an operation is asked for, as AWS calls it, and the table of its errors."""

    module: str
    service: str
    operation: str
    codes: Codes = attrs.field(repr=False, hash=False, eq=False)

    def __str__(self) -> str:
        """As tests are named by it."""
        return f"{self.module.removeprefix('paddock.')}:{self.service}:{self.operation}"


@attrs.frozen
class Source:
    """A module, read."""

    module: str
    tree: ast.Module
    nodes: Sequence[ast.AST] = attrs.field(repr=False, init=False)

    @nodes.default
    def _walked(self) -> Sequence[ast.AST]:
        return tuple(ast.walk(self.tree))

    def calls(self) -> Iterator[ast.Call]:
        """All calls in it."""
        return (node for node in self.nodes if isinstance(node, ast.Call))

    def tables(self) -> dict[str, Codes]:
        """By the text of what is asked with, the table that it was made with."""
        found: dict[str, Codes] = {}
        for node in self.nodes:
            if isinstance(node, ast.Assign | ast.AnnAssign) and _called(node.value) == _ASKING:
                assert isinstance(node.value, ast.Call)
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                found |= dict.fromkeys(map(ast.unparse, targets), self._named(node.value.args[0]))
        return found

    def protocols(self) -> dict[str, Codes]:
        """By service, the table of a protocol of those on HTTP."""
        made = [dict(map(_keyword, call.keywords)) for call in self.calls() if _called(call) == "Protocol"]
        return {str(ast.literal_eval(one["service"])): self._named(one["codes"]) for one in made if "codes" in one}

    def text(self, said: ast.expr) -> str:
        """A text, or the one that a name of the module stands for."""
        return str(
            said.value if isinstance(said, ast.Constant) else getattr(import_module(self.module), ast.unparse(said))
        )

    def _named(self, table: ast.expr) -> Codes:
        """The table of this name; one that has none is seen by nobody."""
        assert isinstance(table, ast.Name | ast.Attribute), f"{self.module}: {ast.unparse(table)} must have a name"
        found: Any = import_module(self.module)
        for part in ast.unparse(table).split("."):
            found = getattr(found, part)
        assert isinstance(found, Mapping)
        return found


def _keyword(keyword: ast.keyword) -> tuple[str, ast.expr]:
    return keyword.arg or "", keyword.value


def _called(node: ast.expr | None) -> str:
    """The last name of what is called; "" if it is no call."""
    if not isinstance(node, ast.Call):
        return ""
    return ast.unparse(node.func).rpartition(".")[2]


@cache
def sources() -> Sequence[Source]:
    """The modules of ours that may ask AWS."""
    files = [(ROOT / box.partition("/")[0], file) for box in BOXES for file in sorted((ROOT / box).rglob("*.py"))]
    return tuple(
        Source(".".join(file.relative_to(root).with_suffix("").parts), ast.parse(file.read_text(encoding="utf-8")))
        for root, file in files
    )


@cache
def services() -> frozenset[str]:
    """Those of which clients are made: each is named where that is done."""
    return frozenset(
        str(call.args[0].value)
        for source in sources()
        for call in source.calls()
        if _called(call) in _MAKERS and call.args and isinstance(call.args[0], ast.Constant)
    )


@cache
def methods() -> Mapping[str, tuple[str, str]]:
    """Service and operation by the name of a client's method. Of a name that two of the services have, neither."""
    found: dict[str, set[tuple[str, str]]] = {}
    for service in services():
        for operation in model(service).operation_names:
            found.setdefault(xform_name(operation), set()).add((service, operation))
    return {name: next(iter(both)) for name, both in found.items() if len(both) == 1}


@cache
def _found() -> tuple[Sequence[Asked], Sequence[str]]:
    own = {source.module: source.tables() for source in sources()}
    asked, lost = list[Asked](), list[str]()
    for source in sources():
        tables = dict(own[source.module])
        if source.module in GIVEN:
            tables |= dict.fromkeys(("ask", "self._ask"), next(iter(own[GIVEN[source.module]].values())))
        for node, codes in _uses(source, tables):
            service, operation = methods()[node.attr]
            if codes is None:
                lost.append(f"{source.module}:{node.lineno}: {ast.unparse(node)}")
            else:
                asked.append(Asked(source.module, service, operation, codes))
        asked += _on_http(source)
    return sorted({str(place): place for place in asked}.values(), key=str), lost


def asked() -> Sequence[Asked]:
    """Every place at which an operation is asked for."""
    return _found()[0]


def unasked() -> Sequence[str]:
    """Clients' methods that nobody asks by a table of errors."""
    return _found()[1]


def _uses(source: Source, tables: Mapping[str, Codes]) -> Iterator[tuple[ast.Attribute, Codes | None]]:
    """Each mention of a client's method, and the table that it is asked by."""
    if not any(isinstance(node, ast.Attribute) and node.attr in methods() for node in source.nodes):
        return
    handed = dict(pair for call in source.calls() for pair in _handed(call, tables)) if tables else {}
    called = {id(call.func) for call in source.calls()}
    for function in source.nodes:
        if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        name = getattr(function, "name", "")
        variables = {
            id(node.value): node.targets[0].id
            for node in _within(function, ast.Assign)
            if isinstance(node.targets[0], ast.Name)
        }
        for node in _within(function, ast.Attribute):
            if node.attr not in methods() or (node.attr in _OF_URLS and not ast.unparse(node.value).endswith("client")):
                continue
            if id(node) in called:  # it is made by itself, which is well in a function that is handed on
                yield node, handed.get(name)
            elif ast.unparse(node) in handed:
                yield node, handed[ast.unparse(node)]
            elif id(node) in variables:
                yield node, handed.get(variables[id(node)])
            else:
                yield node, next(iter(tables.values())) if len(set(map(id, tables.values()))) == 1 else None


def _within(function: ast.AST, kind: type[Node]) -> Iterator[Node]:
    """What of this kind stands in a function, and not in one that stands in it."""
    for child in ast.iter_child_nodes(function):
        if isinstance(child, kind):
            yield child
        if not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield from _within(child, kind)


def _handed(call: ast.Call, tables: Mapping[str, Codes]) -> Iterator[tuple[str, Codes]]:
    """What is handed to be asked: to what asks itself, or on to another function beside that."""
    first = [ast.unparse(call.func).removesuffix(".pages"), *map(ast.unparse, call.args[:1])]
    for with_, what in zip(first, call.args[:2], strict=False):
        if with_ in tables:
            yield ast.unparse(what), tables[with_]


def _on_http(source: Source) -> Iterator[Asked]:
    for service, codes in source.protocols().items():
        for call in source.calls():
            if _called(call) == "call" and call.args:
                yield Asked(source.module, service, source.text(call.args[0]), codes)


def by_other_names() -> list[str]:
    """Operations that are named to a client as texts, where this does not look."""
    return [
        f"{source.module}:{call.lineno}"
        for source in sources()
        for call in source.calls()
        if _called(call) in ("get_paginator", "get_waiter", "_make_api_call")
    ]


def operations_of(service: str) -> frozenset[str]:
    """All operations of a service that are asked for."""
    return frozenset(place.operation for place in asked() if place.service == service)


def documented(service: str, operation: str) -> frozenset[str]:
    """The codes that AWS documents for an operation: as its model names them, and as they are on the wire."""
    shapes = model(service).operation_model(operation).error_shapes
    return frozenset(
        name for shape in shapes for name in (shape.name, str(shape.metadata.get("error", {}).get("code", shape.name)))
    )
