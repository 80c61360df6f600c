"""Text from strangers, made safe to show: job names and reasons may hold anything a workflow can spell."""

import unicodedata

_JOINERS = frozenset("\u200c\u200d")  # emoji and several scripts need them
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})  # Unicode's general categories
SUBSTITUTE = "\N{REPLACEMENT CHARACTER}"


def clean(text: str) -> str:
    """The text on one line, without anything that a terminal obeys or that turns the reading direction around.

    Tabs and line breaks become spaces; control, format and surrogate characters become U+FFFD, so that they are seen.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(map(_visible, text))


def shortened(text: str, most: int) -> str:
    """The text, cut to at most `most` characters with an ellipsis as the last one."""
    return text if len(text) <= most else text[: most - 1] + "…"


def _visible(character: str) -> str:
    if character in "\t\n\r":
        return " "
    if character in _JOINERS or unicodedata.category(character) not in _HIDDEN:
        return character
    return SUBSTITUTE
