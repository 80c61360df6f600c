"""A call that makes no sense, in words of ours where those of the parser mean nothing to people."""

from difflib import get_close_matches

from cyclopts import CycloptsError, UnknownCommandError
from cyclopts.exceptions import UnusedCliTokensError

_OPTIONS = ("--help", "--version")


def told(error: CycloptsError) -> str:
    """What is wrong with the call, in one line."""
    words = list(error.unused_tokens or ())
    if isinstance(error, UnusedCliTokensError):
        what = " ".join(map(repr, words))
        return f"{what}: more words than this command takes: quote those that belong together, or leave them out."
    if isinstance(error, UnknownCommandError) and words and words[0].startswith("-"):
        near = get_close_matches(words[0], _OPTIONS, 1)
        return f"Unknown option: {words[0]}." + "".join(f" Did you mean {option}?" for option in near)
    return " ".join(str(error).split())
