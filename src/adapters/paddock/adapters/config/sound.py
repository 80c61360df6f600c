"""The part of a tree that can be relied on, and what is found to be wrong while it is read."""

from collections.abc import Sequence
from typing import Any

from paddock.adapters.config.amounts import span
from paddock.adapters.config.problems import Path, Problem, shown
from paddock.adapters.config.tree import Tree
from paddock.core.units import Span


class SoundTree:
    """A tree without what the schema has refused; ``problems`` grow while it is read."""

    def __init__(self, tree: Tree, breaches: Sequence[tuple[Path, Problem]]) -> None:
        """Args: the tree, and what the schema says against it."""
        self.problems = [problem for _, problem in breaches]
        self.tree = tree
        self._bad = [path for path, _ in breaches]

    def get(self, *path: str | int, default: Any = None) -> Any:  # noqa: ANN401 - plain data of any shape
        """What stands at the path; the default if nothing does, or if the schema refused it or something around it."""
        if any(path[: len(bad)] == bad for bad in self._bad):
            return default
        data = self.tree.data
        for step in path:
            if isinstance(data, dict) and step not in data:
                return default
            data = data[step]
        return data

    def mapping(self, section: str) -> dict[str, Any]:
        """The section, if it is a mapping; else an empty one."""
        found = self.get(section, default={})
        return found if isinstance(found, dict) else {}

    def names(self, section: str, *, meaning: str) -> list[str]:
        """The names in the section, in order. One that differs from an earlier one in case alone is told, and left out.

        `meaning` is who ignores case.
        """
        folded: dict[str, str] = {}
        for name in self.mapping(section):
            if folded.setdefault(name.casefold(), name) != name:
                remedy = f"differs from {folded[name.casefold()]} in case alone, which {meaning} ignore"
                self.refuse((section, name), "", remedy, at_key=True)
        return list(folded.values())

    def sound(self, *path: str | int) -> bool:
        """True if the schema has nothing against the path or anything in it."""
        return all(bad[: len(path)] != path and path[: len(bad)] != bad for bad in self._bad)

    def refuse(self, path: Path, value: str, remedy: str, *, at_key: bool = False) -> None:
        """Say that what stands at the path, as `value` shows it, is wrong."""
        self.problems.append(self.tree.problem(path, value, remedy, at_key=at_key))

    def span(self, path: Path, default: Span, *, none: bool = False) -> Span:
        """The span at the path. It may be 0 if `none`."""
        text = self.get(*path)
        if text is None:
            return default
        found = span(text)
        if found is None or (not found and not none):
            self.refuse(path, shown(text), "must be longer than nothing")
            return default
        return found
