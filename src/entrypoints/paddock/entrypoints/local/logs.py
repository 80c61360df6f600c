"""Logging of the one-machine fleet: JSON lines in a file, and the same on the terminal as text."""

import json
import logging
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


def log_to(path: Path, *, terminal: bool) -> logging.Handler:
    """Log Paddock's own words to `path`, and to the terminal (stderr) as well if asked; close the handler at the end.

    Libraries are heard from warnings on: an HTTP client's info lines would put every URL into the log.
    """
    root = logging.getLogger()
    root.setLevel(logging.WARNING)
    logging.getLogger("paddock").setLevel(logging.INFO)
    file = logging.FileHandler(path, encoding="utf-8")
    file.setFormatter(JsonLines())
    root.addHandler(file)
    if terminal:
        screen = logging.StreamHandler()
        screen.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
        root.addHandler(screen)
    return file
