"""The machine's log: JSON lines in a file, without secrets, of bounded size. It is also the queue for shipping.

::

    {"at": "2026-11-22T10:00:00.123+00:00", "event": "stdout", "line": "Listening for Jobs"}

A job can write to its Listener's output: it must not fill the disk through us. So lines of output leave a reserve for
the agent's own, and what had no room is counted and told in one line (``dropped``) once there is room again.
"""

import ctypes
import json
import os
import re
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from paddock.agent.ports import Clock
from paddock.agent.telling.redaction import Redactor

MAX_BYTES = 200_000_000  # on the disk
RESERVE = 1_000_000  # of it, for the agent's own lines
MAX_TEXT = 2_000  # characters of a fact
MAX_PIECE = 250_000  # characters of output in one line of the log; a longer line is continued in the next
OUTPUTS = frozenset({"stdout", "stderr"})
"""The events that are lines of the Listener's output, in the fact ``line``."""

_ENCODER = json.JSONEncoder(ensure_ascii=False, default=lambda value: type(value).__name__)
# What JSON leaves as it is and a terminal does not: C1 controls, line separators, marks that turn the direction round.
_UNSEEN = re.compile("[\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")
_PUNCH = 0x01 | 0x02  # FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE
_BLOCK = 4_096


class Log:
    """Appends one JSON object per line: ``at``, ``event``, and whatever else is given. Any thread may write."""

    def __init__(self, path: Path, clock: Clock, *, limit: int = MAX_BYTES) -> None:
        """Args: the file, created with mode 0600 if it is not there; the clock for the stamps; bytes on the disk."""
        self.path = path
        self.grown = threading.Event()
        """Set when a line was added; whoever reads the file clears it before reading."""
        self._clock = clock
        self._limit = limit
        self._output_limit = limit - min(RESERVE, limit // 2)
        self._redactor = Redactor()
        self._lock = threading.Lock()
        self._dropped = self._dropped_bytes = 0
        self._second = (-1, "")  # and how it is written
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
        self._file = os.open(path, flags, 0o600)
        self._size = os.fstat(self._file).st_size
        self._released = 0
        if self._size and os.pread(self._file, 1, self._size - 1) != b"\n":
            self._put(b"\n", limit)  # an agent died while it wrote: its half line stays a line of its own

    def hide(self, secret: str) -> None:
        """From now on the secret is blotted out wherever it would appear."""
        self._redactor.hide(secret)

    def clean(self, text: str) -> str:
        """The text without the secrets, in full length."""
        return self._redactor.blot(text)

    def blot(self, text: str) -> str:
        """The text without the secrets, and not longer than a log line should be: its begin and its end."""
        text = self._redactor.blot(text)
        if len(text) <= MAX_TEXT:
            return text
        head = MAX_TEXT // 4
        return f"{text[:head]} … {text[head + 3 - MAX_TEXT :]}"

    def write(self, event: str, **facts: object) -> None:
        """Write one line. A full disk loses the line, never the job; that it was lost is told later."""
        stamp = self._stamp()
        line = facts.get("line")
        if event in OUTPUTS and isinstance(line, str) and len(facts) == 1:
            text = self._redactor.blot(line)
            for at in range(0, len(text) or 1, MAX_PIECE):
                self._add(_output(stamp, event, text[at : at + MAX_PIECE]), self._output_limit)
            return
        clean = {name: self._cleaned(fact) for name, fact in facts.items()}
        self._add(_encoded({"at": stamp, "event": event, **clean}), self._limit)

    def release(self, offset: int) -> bool:
        """What lies before `offset` is safe elsewhere: give its room on the disk back.

        The file's size and later offsets stay as they are; readers see zeros there.

        Returns:
            False if the file system cannot do that; then the room is not given back.
        """
        end = offset - offset % _BLOCK
        with self._lock:
            if self._file < 0 or end <= self._released:
                return self._file >= 0
            call = ctypes.CDLL(None).fallocate
            call.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64)
            if call(self._file, _PUNCH, self._released, end - self._released) != 0:
                return False
            self._released = end
            return True

    def close(self) -> None:
        """Tell what was dropped, and close the file. Idempotent; what is written afterwards is lost."""
        with self._lock:
            if self._file >= 0:
                self._tell_dropped(self._limit)
                os.close(self._file)
                self._file = -1
        self.grown.set()

    def _cleaned(self, fact: object) -> object:
        if isinstance(fact, str):
            return self.blot(fact)
        if isinstance(fact, Mapping):
            return {self.blot(str(name)): self._cleaned(value) for name, value in fact.items()}
        if isinstance(fact, list | tuple):
            return [self._cleaned(value) for value in fact]
        return fact

    def _stamp(self) -> str:
        second, rest = divmod(self._clock.now(), 1_000_000)
        cached, prefix = self._second
        if second != cached:
            prefix = datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")
            self._second = (second, prefix)
        return f"{prefix}.{rest // 1_000:03}+00:00"

    def _add(self, line: bytes, limit: int) -> None:
        with self._lock:
            if self._file < 0:
                return
            if (self._dropped and not self._tell_dropped(limit - len(line))) or not self._put(line, limit):
                self._dropped += 1
                self._dropped_bytes += len(line)
                return
        if not self.grown.is_set():
            self.grown.set()

    def _tell_dropped(self, limit: int) -> bool:
        if not self._dropped:
            return True
        told = {"at": self._stamp(), "event": "dropped", "lines": self._dropped, "bytes": self._dropped_bytes}
        if not self._put(_encoded(told), limit):
            return False
        self._dropped = self._dropped_bytes = 0
        return True

    def _put(self, line: bytes, limit: int) -> bool:
        """Write the whole line or nothing of it."""
        if self._size - self._released + len(line) > limit:
            return False
        try:
            written = os.write(self._file, line)
            if written < len(line):  # the disk was full in the middle of it
                os.ftruncate(self._file, os.fstat(self._file).st_size - written)  # a fork may have written, too
                return False
        except OSError:
            return False
        self._size += written
        return True


def _output(stamp: str, source: str, text: str) -> bytes:
    """As `_encoded` would write it, but quicker: a burst of output comes this way."""
    return _bytes(f'{{"at": "{stamp}", "event": "{source}", "line": {_ENCODER.encode(text)}}}\n')


def _encoded(data: Mapping[str, object]) -> bytes:
    return _bytes(_ENCODER.encode(data) + "\n")


def _bytes(line: str) -> bytes:
    if not line.isascii() or "\x7f" in line:
        line = _UNSEEN.sub(lambda match: f"\\u{ord(match[0]):04x}", line)
    return line.encode(errors="replace")
