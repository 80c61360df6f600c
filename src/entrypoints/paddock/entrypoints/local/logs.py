"""Logging of the one-machine fleet: JSON lines in a file, text on the terminal, and a secret in neither."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from paddock.adapters.telemetry.logs import JsonLines, without_secrets
from paddock.entrypoints.local.places import own_file


class TextLines(logging.Formatter):
    """Lines for people: time, level, message, and the traceback if any."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as text."""
        return without_secrets(super().format(record))


@contextmanager
def logging_to(path: Path, *, terminal: bool) -> Iterator[None]:
    """Inside the block, log Paddock's own words to `path`, and to the terminal (stderr) as well if asked.

    Libraries are heard from warnings on: an HTTP client's info lines would put every URL into the log.
    """
    root, own = logging.getLogger(), logging.getLogger("paddock")
    levels = root.level, own.level
    lines = own_file(path)
    file: logging.Handler = logging.StreamHandler(lines)
    file.setFormatter(JsonLines())
    handlers = [file]
    if terminal:
        screen = logging.StreamHandler()
        screen.setFormatter(TextLines("%(asctime)s %(levelname)s %(message)s"))
        handlers.append(screen)
    root.setLevel(logging.WARNING)
    own.setLevel(logging.INFO)
    for handler in handlers:
        root.addHandler(handler)
    try:
        yield
    finally:
        for handler in handlers:
            root.removeHandler(handler)
            handler.close()
        lines.close()
        root.setLevel(levels[0])
        own.setLevel(levels[1])
