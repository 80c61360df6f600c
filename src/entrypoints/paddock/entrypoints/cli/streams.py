"""Standard streams that the caller closed (``paddock jobs >&-``)."""

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
