"""Commands of AWS's command line as calls of botocore's, whose descriptions of services it is generated from.

Commands that are its own inventions, such as `aws logs tail`, are refused.
"""

import re
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from botocore.model import ListShape, Shape, StructureShape

DOCS = Path(__file__).parents[2] / "docs"


def commands() -> Iterator[str]:
    """The lines of all pages' blocks that call `aws`."""
    for page in sorted(DOCS.rglob("*.md")):
        for block in re.findall(r"^```\w*\n(.*?)^```$", page.read_text("utf-8"), re.DOTALL | re.MULTILINE):
            yield from (line.strip() for line in block.splitlines() if line.startswith("aws "))


def call(command: str, client: Callable[[str], Any]) -> dict[str, Any]:
    """Do what the command does; the service's answer.

    Args:
        command: ``aws SERVICE OPERATION --parameter value…``; a list's values follow one another.
        client: makes a client of a service.
    """
    _, service, operation, *words = shlex.split(command)
    made = client(service)
    method = operation.replace("-", "_")
    shape = made.meta.service_model.operation_model(made.meta.method_to_api_mapping[method]).input_shape
    known = {_kebab(name): (name, member) for name, member in shape.members.items()}
    given: dict[str, list[str]] = {}
    for word in words:
        if word.startswith("--"):
            values = given.setdefault(word.removeprefix("--"), [])
        else:
            values.append(word)
    asked = {known[name][0]: _value(values, known[name][1]) for name, values in given.items()}
    answer: dict[str, Any] = getattr(made, method)(**asked)
    return answer


def _value(words: list[str], shape: Shape) -> object:
    """What the words say: ``Key=name,Values=a`` is a structure."""
    if isinstance(shape, ListShape):
        return [_value([word], shape.member) for word in words]
    if isinstance(shape, StructureShape):
        parts = [part.split("=", 1) for part in words[0].split(",")]
        return {name: _value([text], shape.members[name]) for name, text in parts}
    return " ".join(words)


def _kebab(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "-", name).lower()
