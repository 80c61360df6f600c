"""Reading a file of settings: each value by its reader, and every mistake with its place, to be told at once."""

import re
from collections.abc import Callable, Collection, Mapping
from typing import Any, TypeAlias

from paddock.adapters.config.problems import InvalidConfig, Path, Problem, did_you_mean, dotted, shown
from paddock.adapters.config.tree import Tree


class Reading:
    """One reading of a file. ``problems`` grow while it goes on; `check` raises them all."""

    def __init__(self, tree: Tree) -> None:
        """Args: what stands in the file."""
        self._tree = tree
        self.problems: list[Problem] = []

    def refuse(self, path: Path, value: object, right: str) -> None:
        """Say that the value at the path is wrong."""
        self.problems.append(self._tree.problem(path, shown(value), right))

    def miss(self, path: Path, right: str) -> None:
        """Say that nothing stands at the path, or nothing that can be shown."""
        self.problems.append(self._tree.problem(path, "", right, at_key=True))

    def mapping(self, path: Path, value: object, known: Collection[str] | None = None) -> Mapping[str, Any]:
        """The value if it is a mapping, but for keys that are not `known`; else an empty one. Nothing at all is one."""
        if value is None:
            return {}
        if not isinstance(value, dict):
            self.refuse(path, value, "must be names with values")
            return {}
        for name in value:
            if known is not None and name not in known:
                where = dotted(path) or "this file"
                self.miss((*path, name), f"is no key of {where}; {did_you_mean(name, sorted(known))}")
        return {name: one for name, one in value.items() if known is None or name in known}

    def check(self) -> None:
        """Go on only if nothing was wrong.

        Raises:
            InvalidConfig: something was; with everything, in the file's order.
        """
        if self.problems:
            raise InvalidConfig(sorted(self.problems, key=lambda one: (one.line, one.column, one.field)))


Reader: TypeAlias = Callable[[Reading, Path, Any], Any]
"""Gives what a value comes to; None of one that is wrong, once it is refused."""


def text(pattern: re.Pattern[str] | None = None, right: str = "must be a text") -> Reader:
    """A text that the pattern matches whole."""

    def read(reading: Reading, path: Path, value: object) -> str | None:
        if isinstance(value, str) and (pattern is None or pattern.fullmatch(value)):
            return value
        reading.refuse(path, value, right)
        return None

    return read


def truth(reading: Reading, path: Path, value: object) -> bool | None:
    """True or false."""
    if isinstance(value, bool):
        return value
    reading.refuse(path, value, "must be true or false")
    return None


def number(least: int, most: int | None = None, among: Collection[int] = ()) -> Reader:
    """A whole number."""
    right = f"must be one of {', '.join(map(str, among))}" if among else f"must be a whole number, at least {least}"
    right += "" if most is None else f" and at most {most}"

    def read(reading: Reading, path: Path, value: object) -> int | None:
        if type(value) is int and value >= least and (most is None or value <= most) and (not among or value in among):
            return value
        reading.refuse(path, value, right)
        return None

    return read


def listed(one: Reader, most: int | None = None, *, once: bool = True) -> Reader:
    """A list of such values, not more than `most`; each but once, unless somebody else tells of that."""

    def read(reading: Reading, path: Path, value: object) -> tuple[Any, ...] | None:
        if not isinstance(value, list):
            reading.refuse(path, value, "must be a list")
            return None
        found = [one(reading, (*path, index), each) for index, each in enumerate(value)]
        if most is not None and len(found) > most:
            reading.miss(path, f"must be {most} at most")
        for index, each in enumerate(value):
            if once and each in value[:index]:
                reading.refuse((*path, index), each, "stands here twice: keep one")
        return tuple(found)

    return read
