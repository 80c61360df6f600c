"""A command line that can be copied from a narrow screen."""

import shlex
from collections.abc import Iterator, Sequence

_INDENT = "    "
_ON = " \\"  # how a shell is told that the line goes on


def command_lines(command: str, width: int) -> list[str]:
    """The command in lines of at most `width` characters, which a shell reads as one; an option keeps its value.

    A word that is longer than a line stays whole.
    """
    if len(command) <= width:
        return [command]
    try:
        words = [shlex.quote(word) for word in shlex.split(command)]
    except ValueError:  # whoever made it did not quote it
        words = command.split()
    room = width - len(_INDENT) - len(_ON)
    lines: list[str] = []
    for part in _parts(words):
        if lines and len(lines[-1]) + 1 + len(part) <= room:
            lines[-1] += f" {part}"
        else:
            lines.append(part)
    first, *rest = lines or [""]
    whole = [first, *(f"{_INDENT}{line}" for line in rest)]
    return [*(f"{line}{_ON}" for line in whole[:-1]), whole[-1]]


def _parts(words: Sequence[str]) -> Iterator[str]:
    """Single words, and options with their values."""
    option = ""
    for word in words:
        if word.startswith("--"):
            if option:
                yield option
            option = word
        else:
            yield f"{option} {word}".strip()
            option = ""
    if option:
        yield option
