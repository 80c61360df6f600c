"""Logging of the one-machine fleet: JSON lines in a file, and the same on the terminal as text."""

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_FIELDS = ("levelname", "name", "threadName")


class JsonLines(logging.Formatter):
    """One JSON object per line."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as JSON: time (seconds since 1970), level, logger, thread, message, and the traceback if any."""
        line: dict[str, object] = {"time": record.created, "message": record.getMessage()}
        line.update({field: getattr(record, field) for field in _FIELDS})
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


@contextmanager
def logging_to(path: Path, *, terminal: bool) -> Iterator[None]:
    """Inside the block, log Paddock's own words to `path`, and to the terminal (stderr) as well if asked.

    Libraries are heard from warnings on: an HTTP client's info lines would put every URL into the log.
    """
    root, own = logging.getLogger(), logging.getLogger("paddock")
    levels = root.level, own.level
    file = logging.FileHandler(path, encoding="utf-8")
    file.setFormatter(JsonLines())
    handlers: list[logging.Handler] = [file]
    if terminal:
        screen = logging.StreamHandler()
        screen.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
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
        root.setLevel(levels[0])
        own.setLevel(levels[1])
