"""Warnings of the one-machine fleet: a file, written by whoever plays the cloud.

``notice.json`` in the machine's directory: ``{"kind": "spot", "at": 1763812800000000}``, the moment in microseconds.
"""

import json
import os
import stat
from pathlib import Path

from paddock.agent.ports import Notice, NoticeKind

NOTICE = "notice.json"
MAX_BYTES = 10_000


class FileNotices:
    """See `ports.Notices`."""

    def __init__(self, path: Path) -> None:
        """Args: the file, which need not be there."""
        self._path = path

    def look(self) -> Notice | None:
        """See `ports.Notices`. A file that is no notice counts as none."""
        try:
            file = os.open(self._path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            return None
        try:
            if not stat.S_ISREG(os.fstat(file).st_mode):
                return None
            data = json.loads(os.read(file, MAX_BYTES))
        except (OSError, ValueError, RecursionError):
            return None
        finally:
            os.close(file)
        return _parse(data)


def _parse(data: object) -> Notice | None:
    kind, at = (data.get("kind"), data.get("at")) if isinstance(data, dict) else (None, None)
    return Notice(NoticeKind(kind), at) if kind in tuple(NoticeKind) and type(at) is int else None
