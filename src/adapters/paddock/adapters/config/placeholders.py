"""What the shipped example holds only to show a form: a file that still has it was not finished."""

from collections.abc import Iterator
from typing import Any

from paddock.adapters.config.problems import Path, Problem, shown
from paddock.adapters.config.tree import Tree

_APP_ID = 123456
_OWNER = "octo-org"  # GitHub's own name for an organisation in examples


def placeholders(tree: Tree) -> Iterator[Problem]:
    """A problem for each value that is still the example's."""
    if _at(tree, "github", "app", "id") in (_APP_ID, str(_APP_ID)):
        yield _left(tree, ("github", "app", "id"), "your App's id (GitHub: the App's settings, under General)")
    for index, glob in enumerate(_list(tree, "github", "repositories")):
        if _of_the_example(glob):
            yield _left(tree, ("github", "repositories", index), "your organisation or repository: my-org/*")
    for index, hook in enumerate(_list(tree, "github", "hooks")):
        if isinstance(hook, dict) and _of_the_example(hook.get("target")):
            yield _left(tree, ("github", "hooks", index, "target"), "your organisation or repository: my-org")
    if str(_at(tree, "github", "url")).rstrip("/").endswith("github.example.com"):
        yield _left(tree, ("github", "url"), "your GitHub's address, or leave it out for https://github.com")


def _left(tree: Tree, path: Path, instead: str) -> Problem:
    value = _at(tree, *path)
    return tree.problem(path, shown(value), f"is the example's: write {instead}")


def _of_the_example(target: object) -> bool:
    return isinstance(target, str) and target.partition("/")[0].casefold() == _OWNER


def _list(tree: Tree, *path: str) -> list[Any]:
    found = _at(tree, *path)
    return found if isinstance(found, list) else []


def _at(tree: Tree, *path: str | int) -> Any:  # noqa: ANN401 - plain data of any shape
    """What stands there; None if nothing does, or if the file has another shape there."""
    data = tree.data
    for step in path:
        try:
            data = data[step]
        except (KeyError, IndexError, TypeError):
            return None
    return data
