"""YAML with places: plain data, and where each value and each key stands.

Only what a configuration needs, by YAML 1.2's rules: ``yes`` and ``off`` are words, ``010`` and ``12:30`` are no
numbers, a fraction is an exact `Decimal`. Anchors, aliases and merge keys work; tags, several documents, repeated keys
and references to oneself are refused.
"""

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import attrs
import yaml

from paddock.adapters.config.problems import TOP, Mark, Path, Problem, dotted

MOST_VALUES = 20_000  # aliases of aliases grow without end
MOST_CHARACTERS = 1_000_000
_STANDARD = "tag:yaml.org,2002:"
_MERGE = "<<"


class _Loader(yaml.SafeLoader):
    """PyYAML's reader with YAML 1.2's idea of which words are not texts."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 - PyYAML's own name


# At most 18 digits: numbers of any length would cost time to read and mean nothing here.
_Loader.add_implicit_resolver(_STANDARD + "bool", re.compile(r"(?:true|True|TRUE|false|False|FALSE)\Z"), list("tTfF"))
_Loader.add_implicit_resolver(_STANDARD + "null", re.compile(r"(?:~|null|Null|NULL|)\Z"), ["~", "n", "N", ""])
_Loader.add_implicit_resolver(_STANDARD + "int", re.compile(r"[-+]?(?:0|[1-9][0-9]{0,17})\Z"), list("-+0123456789"))
_Loader.add_implicit_resolver(_STANDARD + "float", re.compile(r"[-+]?[0-9]{1,18}\.[0-9]{1,18}\Z"), list("-+0123456789"))


@attrs.frozen
class Tree:
    """A file's content. ``values`` and ``keys`` are the places of each value and of the key that names it."""

    file: str
    data: Any
    values: dict[Path, Mark] = attrs.field(factory=dict, repr=False)
    keys: dict[Path, Mark] = attrs.field(factory=dict, repr=False)

    def problem(self, path: Path, value: str, remedy: str, *, at_key: bool = False) -> Problem:
        """A problem with what stands at `path`; if nothing stands there, with what it is missing from."""
        mark = self._mark(path, at_key=at_key)
        return Problem(self.file, mark.line, mark.column, dotted(path), value, remedy)

    def _mark(self, path: Path, *, at_key: bool) -> Mark:
        if not at_key and path in self.values:
            return self.values[path]
        while path:
            if path in self.keys:
                return self.keys[path]
            if isinstance(path[-1], int) and path in self.values:  # an item of a list has no key
                return self.values[path]
            path = path[:-1]
        return self.values.get((), TOP)


class Unreadable(Exception):  # noqa: N818
    """The text is no YAML that we take. Carries its one problem."""

    def __init__(self, file: str, mark: Mark, remedy: str, field: str = "") -> None:
        """Args: where, and what to do about it."""
        super().__init__(remedy)
        self.problem = Problem(file, mark.line, mark.column, field, "", remedy)


def parse(text: str, file: str, begin: str = "version: 1 and github:") -> Tree:
    """The tree of a YAML text. `begin` is what a file of this kind begins with.

    Raises:
        Unreadable: it is no YAML, or YAML of a kind that is refused.
    """
    if len(text) > MOST_CHARACTERS:
        raise Unreadable(file, TOP, f"has more than {MOST_CHARACTERS} characters: this is no configuration")
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        if node is None:
            raise Unreadable(file, TOP, f"is empty: begin with {begin}")
        reading = _Reading(file)
        data = reading.value(node, ())
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = TOP if mark is None else Mark(mark.line + 1, mark.column + 1)
        raise Unreadable(file, place, _sentence(error.problem or str(error.context))) from None
    except yaml.reader.ReaderError as error:
        before = text[: error.position] if isinstance(error.position, int) else ""
        place = Mark(before.count("\n") + 1, len(before) - before.rfind("\n"))
        raise Unreadable(
            file, place, f"holds a control character (code {ord(text[error.position])}): remove it"
        ) from None
    except RecursionError:
        raise Unreadable(file, TOP, "is nested too deeply") from None
    return Tree(file, data, reading.values, reading.keys)


def _sentence(problem: str) -> str:
    if r"'\t'" in problem:
        return "a tab cannot indent YAML: use spaces"
    if "expected a single document" in problem or "but found another document" in problem:
        return "a second document begins here: keep one, without ---"
    return f"is no YAML: {problem}"


class _Reading:
    """One pass over a document's nodes."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.values: dict[Path, Mark] = {}
        self.keys: dict[Path, Mark] = {}
        self._open: set[int] = set()
        self._merges = 0

    def value(self, node: yaml.Node, path: Path) -> Any:  # noqa: ANN401 - plain data of any shape
        self.values[path] = _mark_of(node)
        if len(self.values) > MOST_VALUES:
            raise self._refuse(node, path, f"the file holds more than {MOST_VALUES} values, aliases counted each time")
        if id(node) in self._open:
            raise self._refuse(node, path, "an alias cannot stand inside what it names")
        own = "map" if isinstance(node, yaml.MappingNode) else "seq" if isinstance(node, yaml.SequenceNode) else None
        if not node.tag.startswith(_STANDARD) or (own is not None and node.tag != _STANDARD + own):
            raise self._refuse(node, path, f"tags such as {node.tag} mean nothing here: leave it out")
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node, path)
        self._open.add(id(node))
        try:
            if isinstance(node, yaml.SequenceNode):
                return [self.value(inner, (*path, index)) for index, inner in enumerate(node.value)]
            assert isinstance(node, yaml.MappingNode)
            return self._mapping(node, path)
        finally:
            self._open.discard(id(node))

    def _mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, Any]:
        data: dict[str, Any] = {}
        for key, inner in self._pairs(node, path):
            name = key.value
            if name in data:
                first = self.keys[*path, name]
                raise self._refuse(key, (*path, name), f"stands here twice, first on line {first.line}: keep one")
            self.keys[*path, name] = _mark_of(key)
            data[name] = self.value(inner, (*path, name))
        for name, (key, inner) in self._merged(node, path).items():
            if name not in data:
                self.keys[*path, name] = _mark_of(key)
                data[name] = self.value(inner, (*path, name))
        return data

    def _pairs(self, node: yaml.MappingNode, path: Path) -> Iterator[tuple[yaml.ScalarNode, yaml.Node]]:
        for key, inner in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise self._refuse(key, path, "a key must be a word, not a list or a mapping")
            if key.tag != _STANDARD + "str":
                raise self._refuse(key, path, f"the key {key.value!r} must be a text: put it in quotes")
            if key.value != _MERGE or key.style is not None:
                yield key, inner

    def _merged(self, node: yaml.MappingNode, path: Path) -> dict[str, tuple[yaml.ScalarNode, yaml.Node]]:
        """What merge keys bring in. Of several mappings the earlier wins, as YAML's merge type says."""
        found: dict[str, tuple[yaml.ScalarNode, yaml.Node]] = {}
        for key, inner in node.value:
            if not (isinstance(key, yaml.ScalarNode) and key.value == _MERGE and key.style is None):
                continue
            for source in inner.value if isinstance(inner, yaml.SequenceNode) else [inner]:
                if not isinstance(source, yaml.MappingNode) or id(source) in self._open:
                    raise self._refuse(source, path, "<< takes a mapping or a list of mappings, by alias")
                self._merges += 1
                if self._merges > MOST_VALUES:
                    raise self._refuse(source, path, f"the file merges more than {MOST_VALUES} times")
                self._open.add(id(source))
                try:
                    pairs = {name.value: (name, value) for name, value in self._pairs(source, path)}
                    found = {**self._merged(source, path), **pairs, **found}
                finally:
                    self._open.discard(id(source))
        return found

    def _scalar(self, node: yaml.ScalarNode, path: Path) -> str | int | bool | Decimal | None:
        kind, text = node.tag.removeprefix(_STANDARD), node.value
        plain = {"bool": text.casefold() in {"true", "false"}, "null": True, "str": True}
        plain["int"] = re.fullmatch(r"[-+]?[0-9]{1,18}", text) is not None
        plain["float"] = re.fullmatch(r"[-+]?[0-9]{1,18}(\.[0-9]{1,18})?", text) is not None
        if not plain.get(kind, False):  # only an explicit tag can come here
            raise self._refuse(node, path, f"{text!r} is no {kind}: leave the tag out")
        if kind == "str":
            return str(text)
        if kind == "null":
            return None
        if kind == "bool":
            return bool(text.casefold() == "true")
        return int(text) if kind == "int" else Decimal(text)

    def _refuse(self, node: yaml.Node, path: Path, remedy: str) -> Unreadable:
        return Unreadable(self.file, _mark_of(node), remedy, dotted(path))


def _mark_of(node: yaml.Node) -> Mark:
    return Mark(node.start_mark.line + 1, node.start_mark.column + 1)
