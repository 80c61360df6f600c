"""Logging of a function: JSON lines to its standard output, which Lambda brings to the log group."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from paddock.adapters.telemetry.logs import JsonLines, about

RUNTIME: Final = "awslambdaric"  # the package of Lambda's runtime, whose handler stands at the root before we come


def write_line(line: str) -> None:
    """Write a line, which has its end, and let nothing wait in a buffer: a function is frozen between two calls."""
    sys.stdout.write(line)
    sys.stdout.flush()


class _Lines(logging.Handler):
    """Writes records to whatever is the standard output now."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write the record; an error in that is told as `logging` tells it."""
        try:
            write_line(self.format(record) + "\n")
        except Exception:  # noqa: BLE001 - as every handler does
            self.handleError(record)


def start_logging() -> None:
    """Write Paddock's words from INFO on, and others' warnings, as JSON lines; the runtime's own handler goes.

    A client's info lines would put every address into the log. May be called again.
    """
    root, own = logging.getLogger(), logging.getLogger("paddock")
    for handler in list(root.handlers):
        if type(handler).__module__.partition(".")[0] == RUNTIME:
            root.removeHandler(handler)
    if not any(isinstance(handler, _Lines) for handler in own.handlers + root.handlers):
        lines = _Lines()
        lines.setFormatter(JsonLines())
        root.addHandler(lines)
    root.setLevel(logging.WARNING)
    own.setLevel(logging.INFO)


@contextmanager
def invocation(context: object) -> Iterator[None]:
    """Inside the block every line bears the invocation's request id, if the context has one."""
    request = getattr(context, "aws_request_id", "")
    with about(request=request) if isinstance(request, str) and request else about():
        yield
