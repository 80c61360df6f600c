"""A fault of Paddock's own: kept where it can be reported from, told in words."""

import os
import sys
import tempfile
import traceback
from collections.abc import Sequence
from importlib.metadata import version


def told(error: Exception, words: Sequence[str]) -> str:
    """What to say of an error that nobody foresaw; its traceback is written to a file that only its owner may read."""
    what = traceback.format_exception_only(error)[-1].strip()
    return f"a fault of Paddock's own, not of yours: {what}\n{_kept(error, words)}"


def _kept(error: Exception, words: Sequence[str]) -> str:
    system = os.uname()
    lines = [
        f"paddock {version('paddock')}, Python {sys.version.split()[0]}, {system.sysname} {system.machine}\n",
        f"called as: paddock {' '.join(words)}\n\n",
        *traceback.format_exception(error),
    ]
    try:
        descriptor, path = tempfile.mkstemp(prefix="paddock-fault-", suffix=".txt")
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.writelines(lines)
    except OSError as problem:
        last = traceback.extract_tb(error.__traceback__)[-1]
        return f"It happened in {last.filename}:{last.lineno}; the traceback could not be written ({problem.strerror})."
    return f"The traceback is in {path}: please report it with what you did. A fleet's state is kept; try again."
