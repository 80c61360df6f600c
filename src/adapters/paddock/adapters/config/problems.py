"""What is wrong with a configuration file, in words and with its place."""

import re
from collections.abc import Sequence
from difflib import get_close_matches
from typing import TypeAlias

import attrs

from paddock.core.errors import InvalidInput

Path: TypeAlias = tuple[str | int, ...]
"""The way to a value: keys and list positions from the top, as in ``("runners", "big", "cpu")``."""


_SHOWN = 60  # characters of a value that an error repeats


@attrs.frozen
class Mark:
    """A place in the file, both counted from 1."""

    line: int
    column: int


TOP = Mark(1, 1)


@attrs.frozen
class Problem:
    """One thing that is wrong. ``field`` is a dotted path, ``value`` is shown as the file has it ("" if there is none).

    Whatever may hold a secret is left out of ``value``.
    """

    file: str
    line: int
    column: int
    field: str
    value: str
    remedy: str

    @property
    def text(self) -> str:
        """One line for people: ``paddock.yml:4:9: limits.machines = 'many': must be …``."""
        what = " = ".join(part for part in (self.field, self.value) if part)
        return f"{self.file}:{self.line}:{self.column}: {what + ': ' if what else ''}{self.remedy}"


class InvalidConfig(InvalidInput):
    """A configuration file that cannot be used. ``problems`` are all that is wrong with it, in the file's order."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        """Args: at least one problem; the first becomes the error's own field, value and remedy."""
        first = problems[0]
        super().__init__(first.field, first.value, first.remedy)
        self.args = ("\n".join(problem.text for problem in problems),)
        self.problems = tuple(problems)


def dotted(path: Path) -> str:
    """The path as people write it: ``github.repositories[2]``."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else str(step)
    return text


def steps(field: str) -> Path:
    """The path that people write so: the inverse of `dotted`, for names without dots and brackets."""
    return tuple(int(step) if step.isdigit() else step for step in re.findall(r"[^.\[\]]+", field))


def shown(value: object) -> str:
    """A value, short, as the file may have it."""
    if isinstance(value, dict | list):
        return "{…}" if isinstance(value, dict) else "[…]"
    words = {None: "null", True: "true", False: "false"}
    text = words[value] if value is None or isinstance(value, bool) else str(value)
    text = repr(text) if isinstance(value, str) else text
    return text if len(text) <= _SHOWN else text[: _SHOWN - 2] + "…" + text[:1] * isinstance(value, str)


def nearest(word: str, known: Sequence[str]) -> str | None:
    """The known word that was probably meant; None if none is near."""
    return next(iter(get_close_matches(word.casefold(), known, n=1, cutoff=0.6)), None)


def did_you_mean(word: str, known: Sequence[str]) -> str:
    """A suggestion, or all known words if none is near."""
    near = nearest(word, known)
    return f"did you mean {near}?" if near else f"known here: {', '.join(known)}"
