"""The agent's log: JSON lines in a file, without secrets, of bounded size."""

import json
import os
from datetime import UTC, datetime
from pathlib import Path

from paddock.agent.ports import Clock

MAX_BYTES = 10_000_000  # a job can write to its Listener's output: it must not fill the disk through us
MAX_TEXT = 2_000


class Log:
    """Appends one JSON object per line: ``at``, ``event``, and whatever else is given."""

    def __init__(self, path: Path, clock: Clock) -> None:
        """Args: the file, created with mode 0600 if it is not there; the clock for the stamps."""
        self._clock = clock
        self._secrets: list[str] = []
        self._room = MAX_BYTES
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)

    def hide(self, secret: str) -> None:
        """From now on the secret is blotted out wherever it would appear."""
        if secret:
            self._secrets.append(secret)

    def blot(self, text: str) -> str:
        """The text without the secrets, and not longer than a log line should be."""
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return text[:MAX_TEXT]

    def write(self, event: str, **facts: object) -> None:
        """Write one line. A full disk loses the line, never the job."""
        stamp = datetime.fromtimestamp(self._clock.now() / 1_000_000, UTC).isoformat(timespec="milliseconds")
        clean = {name: self.blot(fact) if isinstance(fact, str) else fact for name, fact in facts.items()}
        line = (json.dumps({"at": stamp, "event": event, **clean}, ensure_ascii=False) + "\n").encode(errors="replace")
        if len(line) > self._room:
            return
        self._room -= len(line)
        try:
            os.write(self._file, line)
        except OSError:
            return

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)
