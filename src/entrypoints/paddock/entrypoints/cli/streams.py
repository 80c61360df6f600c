"""Standard streams as callers leave them: closed (``paddock jobs >&-``), or of an encoding that has few signs."""

import io
import os
import sys

_MODES = {"stdin": "r", "stdout": "w", "stderr": "w"}  # in the order of their descriptors


def open_streams() -> None:
    """Have each that is closed lead nowhere.

    Python has None in its place, and whatever file is opened first would get its descriptor: text that a program of
    ours prints would go into a fleet's records.
    """
    for number, (name, mode) in enumerate(_MODES.items()):
        if getattr(sys, name) is None:
            found = os.open(os.devnull, os.O_RDWR)  # the lowest descriptor that is free
            setattr(sys, name, os.fdopen(found, mode, encoding="utf-8", closefd=found != number))


def spell_out() -> None:
    """What a terminal or a file that is not UTF-8 cannot show becomes a question mark, and no fault."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
