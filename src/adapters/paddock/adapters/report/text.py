"""Text from strangers, made safe to show: job names and reasons may hold anything a workflow can spell."""

_JOINERS = frozenset("\u200c\u200d")  # emoji and several scripts need them
SUBSTITUTE = "\N{REPLACEMENT CHARACTER}"


def clean(text: str) -> str:
    """The text on one line, without anything that a terminal obeys or that turns the reading direction around.

    Blanks and line breaks of every kind become spaces; control, format, surrogate and unassigned characters become
    U+FFFD, so that it is seen that something was there.
    """
    if text.isprintable():
        return text
    return "".join(map(_visible, text))


def shortened(text: str, most: int) -> str:
    """The text, cut to at most `most` characters with an ellipsis as the last one."""
    return text if len(text) <= most else text[: most - 1] + "…"


def _visible(character: str) -> str:
    if character.isprintable() or character in _JOINERS:
        return character
    return " " if character.isspace() else SUBSTITUTE
