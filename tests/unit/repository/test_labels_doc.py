"""The page for developers about labels: every example in it is true, and no error is missing."""

import ast
import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from paddock.core import label_values, labels
from paddock.core.label_values import InvalidLabel
from paddock.core.labels import parse_labels
from paddock.core.pools.pool import Pool
from paddock.core.settings import Alias
from paddock.core.spec import Range, RunnerSpec

PAGE = (Path(__file__).parents[3] / "docs" / "labels.md").read_text(encoding="utf-8")
SPECS = {"big": RunnerSpec(cpu=Range(16, 32), ram=Range(64), disk=200)}
POOLS = {"web": Pool("web", RunnerSpec(cpu=Range(4, 8), ram=Range(16), spot=False, pool="web"))}
ALIASES = (Alias("runs-on=*/cpu=4", "paddock/cpu=4"), Alias("arc-runner-set", "paddock/cpu=2"))


def rows(heading: str) -> list[tuple[str, str]]:
    """The rows of every table with this heading: the example and what stands beside it."""
    found: list[tuple[str, str]] = []
    inside = False
    for line in PAGE.splitlines():
        if line.startswith("| runs-on |"):
            inside = line == f"| runs-on | {heading} |"
        elif not line.startswith("|"):
            inside = False
        elif inside and (row := re.fullmatch(r"\| `(.+?)` \| (.+) \|", line)):
            found.append((row[1], row[2]))
    return found


def as_sent(example: str) -> list[str]:
    """The labels as GitHub would send them."""
    if example.startswith("["):
        return [part.strip() for part in example[1:-1].split(",")]
    if example.endswith("…"):
        return [example[:-1].ljust(300, example[-2])]
    return [example]


@pytest.mark.parametrize(("example", "meaning"), rows("asks for"))
def test_an_example_asks_for_what_the_page_says(example: str, meaning: str) -> None:
    """The page's words are the spec's own."""
    assert str(parse_labels(as_sent(example), SPECS, ALIASES, POOLS)) == meaning


@pytest.mark.parametrize(("example", "error"), rows("is refused because"))
def test_an_example_is_refused_as_the_page_says(example: str, error: str) -> None:
    """The page's words are the error's own, character by character."""
    with pytest.raises(InvalidLabel) as raised:
        parse_labels(as_sent(example), SPECS, ALIASES, POOLS)
    assert str(raised.value) == error


def test_the_page_has_an_example_of_every_key() -> None:
    """Each key of the parser has its row in the table of keys, and at least one example or error."""
    keys = set(labels._KNOWN)
    described = set(re.findall(r"^\| `([a-z]+)` \| .* \| .* \|$", PAGE, flags=re.MULTILINE))
    assert keys <= described
    used = {
        key.casefold()
        for example, _ in (*rows("asks for"), *rows("is refused because"))
        for key in re.findall(r"([A-Za-z]+)=", example)
    }
    assert keys <= used
    planned = next(line for line in PAGE.splitlines() if line.startswith("Planned and refused"))
    assert set(re.findall(r"`(\w+)`", planned)) == labels.NOT_BUILT_YET


def test_the_page_shows_every_error() -> None:
    """Each text with which the parser refuses a label stands on the page, by its longest fixed part."""
    shown = " ".join(error for _, error in rows("is refused because"))
    remedies = list(remedies_in(inspect.getsource(labels) + inspect.getsource(label_values)))
    assert len(remedies) >= 17
    for remedy in remedies:
        assert remedy in shown, f"docs/labels.md has no example of the error {remedy!r}"


def remedies_in(source: str) -> Iterator[str]:
    """The longest fixed text in the third argument of every InvalidLabel that is raised."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "InvalidLabel":
            for branch in branches(node.args[2]):
                yield max(
                    (
                        part.value
                        for part in ast.walk(branch)
                        if isinstance(part, ast.Constant) and isinstance(part.value, str)
                    ),
                    key=len,
                )


def branches(argument: ast.expr) -> list[ast.expr]:
    """Both sides of a conditional argument, else the argument itself."""
    return [argument.body, argument.orelse] if isinstance(argument, ast.IfExp) else [argument]
