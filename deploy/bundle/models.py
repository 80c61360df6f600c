"""botocore's descriptions of AWS, cut down to the operations that our own code calls.

botocore reads a service's description whole before it makes a client, and EC2's has ten megabytes. What remains of one
here are the operations that are called and the shapes that they reach, as botocore's own loader gives them: with its
additions merged in, and without words for people.
"""

import ast
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from botocore import xform_name
from botocore.loaders import Loader

from deploy.bundle.imports import Missing, Module

ADAPTERS: Final = "paddock.adapters.aws"
PLACE: Final = "botocore/data"
RULES: Final = "endpoint-rule-set-1"
COMMON: Final = ("_retry", "partitions", "sdk-default-configuration")
_WORDS: Final = frozenset({"documentation", "examples"})
_NOT_BUNDLED: Final = frozenset({"get_paginator", "get_waiter"})

Data = dict[str, Any]


def loader_of(site: Path) -> Loader:
    """Reads the descriptions of the botocore that is installed there."""
    return Loader(extra_search_paths=[str(site / "botocore" / "data")], include_default_search_paths=False)


def services_of(modules: Iterable[Module]) -> list[str]:
    """The services that there is an adapter for: each has a folder that bears botocore's name for it."""
    above = f"{ADAPTERS}."
    return sorted(
        module.name.removeprefix(above)
        for module in modules
        if module.name.startswith(above) and module.is_package and "." not in module.name.removeprefix(above)
    )


def attributes_of(modules: Iterable[Module]) -> set[str]:
    """All names that stand behind a dot in our sources: those of a client's methods among them.

    Raises:
        Missing: a paginator or a waiter is asked for, and the bundle has no description of any.
    """
    found: set[str] = set()
    for module in modules:
        used = {node.attr for node in ast.walk(ast.parse(module.file.read_bytes())) if isinstance(node, ast.Attribute)}
        if used & _NOT_BUNDLED:
            raise Missing(f"{module.name} uses {', '.join(sorted(used & _NOT_BUNDLED))}: the bundle has none")
        found |= used
    return found


def files(modules: Sequence[Module], site: Path) -> Iterator[tuple[str, bytes]]:
    """The files below `PLACE` that botocore reads, each with its name.

    Args:
        modules: our own, whose calls decide what remains.
        site: where botocore is installed.
    """
    loader = loader_of(site)
    names, services = attributes_of(modules), services_of(modules)
    for service in services:
        version = loader.determine_latest_version(service, "service-2")
        folder = f"{PLACE}/{service}/{version}"
        yield f"{folder}/service-2.json", _text(trimmed(loader.load_service_model(service, "service-2"), names))
        yield f"{folder}/{RULES}.json", _text(loader.load_service_model(service, RULES))
    yield f"{PLACE}/endpoints.json", _text(endpoints_of(loader.load_data("endpoints"), services))
    for name in COMMON:
        yield f"{PLACE}/{name}.json", _text(loader.load_data(name))


def trimmed(model: Mapping[str, Any], names: set[str]) -> Data:
    """A service's description with the operations that are called by these names of methods, and no others."""
    operations = {name: each for name, each in model["operations"].items() if xform_name(name) in names}
    reached: set[str] = set()
    waiting = [shape for operation in operations.values() for shape in _named(operation)]
    while waiting:
        shape = waiting.pop()
        if shape not in reached:
            reached.add(shape)
            waiting.extend(_named(model["shapes"][shape]))
    shapes = {name: shape for name, shape in model["shapes"].items() if name in reached}
    whole = {name: part for name, part in model.items() if name == "clientContextParams"}  # read with its words
    kept: Data = _wordless({**model, "operations": operations, "shapes": shapes})
    return {**kept, **whole}


def endpoints_of(endpoints: Mapping[str, Any], services: Iterable[str]) -> Data:
    """The regions of all partitions, and the addresses of these services alone."""
    wanted = set(services)
    partitions = [
        {**partition, "services": {name: each for name, each in partition["services"].items() if name in wanted}}
        for partition in endpoints["partitions"]
    ]
    return {**endpoints, "partitions": partitions}


def _named(part: object) -> Iterator[str]:
    """The shapes that a part of a description names."""
    if isinstance(part, Mapping):
        for key, value in part.items():
            if key == "shape" and isinstance(value, str):
                yield value
            else:
                yield from _named(value)
    elif isinstance(part, list):
        for value in part:
            yield from _named(value)


def _wordless(part: Any) -> Any:  # noqa: ANN401 - plain data of any shape
    """Without what is written for people; but a structure's member may bear such a name."""
    if isinstance(part, Mapping):
        return {
            key: value if key == "enum" else _wordless(value)
            for key, value in part.items()
            if not (key in _WORDS and isinstance(value, str | list))
        }
    return [_wordless(value) for value in part] if isinstance(part, list) else part


def _text(data: Mapping[str, Any]) -> bytes:
    """As JSON; the order stays, for it decides the order in which botocore writes."""
    return json.dumps(data, separators=(",", ":")).encode()
