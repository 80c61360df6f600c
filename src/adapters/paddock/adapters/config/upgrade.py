"""Files of the version before.

Version 0 was the draft: it had no ``version`` key, called ``github.repositories`` ``allow``, and
``limits.spend_per_day_usd`` ``spend_per_day``. A file without a version is taken for one of those.
"""

from typing import Any

import attrs

from paddock.adapters.config.problems import Mark, Path, Problem, shown
from paddock.adapters.config.tree import Tree

VERSION = 1
_RENAMED: tuple[tuple[str, str, str], ...] = (
    ("github", "allow", "repositories"),
    ("limits", "spend_per_day", "spend_per_day_usd"),
)


def upgraded(tree: Tree) -> Tree | Problem:
    """The tree as this version has it; or the problem, if it is of no version that can be read."""
    if not isinstance(tree.data, dict):
        return tree
    version = tree.data.get("version", 0)
    if type(version) is not int or version not in {0, VERSION}:
        newer = type(version) is int and version > VERSION
        remedy = (
            f"this Paddock reads versions 0 and {VERSION}{': upgrade it' if newer else f': write version: {VERSION}'}"
        )
        return tree.problem(("version",), shown(version), remedy)
    if version == VERSION:
        return tree
    tree = attrs.evolve(tree, data={**tree.data, "version": VERSION})
    for section, old, new in _RENAMED:
        tree = _renamed(tree, section, old, new)
    return tree


def _renamed(tree: Tree, section: str, old: str, new: str) -> Tree:
    inner = tree.data.get(section)
    if not isinstance(inner, dict) or old not in inner or new in inner:
        return tree
    data: dict[str, Any] = {**tree.data, section: {new if key == old else key: value for key, value in inner.items()}}

    def moved(marks: dict[Path, Mark]) -> dict[Path, Mark]:
        return {(section, new, *path[2:]) if path[:2] == (section, old) else path: at for path, at in marks.items()}

    return Tree(tree.file, data, moved(tree.values), moved(tree.keys))
