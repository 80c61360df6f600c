"""Reading the machine's log from an offset on, in batches of lines that people read.

::

    2026-11-22T10:00:00.123Z stdout Listening for Jobs
    2026-11-22T10:00:00.456Z agent prepared version=2.336.0 extract=2100000
"""

import json
import os
import re
import stat
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from paddock.agent.telling.log import OUTPUTS

OVERHEAD = 26  # bytes that a store may count for each line beside its text; CloudWatch Logs does
_CHUNK = 1 << 18
_LONGEST_RAW = 1 << 22  # bytes without a line's end: our log writes none, so somebody else did
_DAY = 86_400_000_000  # microseconds; CloudWatch Logs takes no batch that spans more
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_OUTPUT = re.compile(rb'\{"at": "([^"\\]{23})\+00:00", "event": "(stdout|stderr)", "line": "([^"\\\x00-\x1f\x7f]*)"\}')
_CONTROLS = re.compile("[\x00-\x08\x0a-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How much goes at once. ``span``: seconds that a line waits for company at most. Sizes are bytes of UTF-8."""

    span: float = 5.0
    size: int = 1_000_000
    lines: int = 10_000
    line: int = (1 << 18) - OVERHEAD


@dataclass(frozen=True, slots=True)
class Batch:
    """Lines with their moments (microseconds), and the offset up to which the log is safe once they are stored."""

    lines: Sequence[tuple[int, str]]
    size: int
    offset: int | None  # None if it ends within a line: the next batch has the rest


@dataclass(frozen=True, slots=True)
class _Piece:
    at: int
    text: str
    size: int
    end: int | None  # the offset after its line, in the line's last piece


class Tail:
    """Reads a log that another thread, or another process before, has written. Holds about two batches at most."""

    def __init__(self, path: Path, offset: int, pace: Pace) -> None:
        """Args: the log; where to go on; how much to give at once.

        Raises:
            OSError: it is not there, or no plain file.
        """
        self._file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        about = os.fstat(self._file)
        if not stat.S_ISREG(about.st_mode):
            os.close(self._file)
            raise OSError(f"{path.name} is not a plain file")
        self.inode = about.st_ino
        self._pace = pace
        self._at = offset if 0 <= offset <= about.st_size else 0  # beyond the end: it is another log
        self._rest = b""  # read, and its line's end not seen yet
        self._line_at = self._at  # where `_rest` begins
        self._pieces: deque[_Piece] = deque()
        self._size = 0
        self._stamp = (b"", 0)

    @property
    def waiting(self) -> bool:
        """True if lines were read and not taken."""
        return bool(self._pieces)

    def fill(self, *, final: bool = False) -> bool:
        """Read on, until a batch is full or nothing more is there; True if it is full.

        Args:
            final: nothing will be added any more, so a line without an end is one too.

        Raises:
            OSError: the disk fails.
        """
        while not self._is_full():
            data = os.pread(self._file, _CHUNK, self._at)
            if not data:
                if final and self._rest:
                    self._split(b"\n")
                break
            self._at += len(data)
            self._split(data)
        return self._is_full()

    def take(self) -> Batch:
        """The next lines, as many as go at once."""
        lines: list[tuple[int, str]] = []
        size = 0
        offset = None
        while self._pieces and len(lines) < self._pace.lines:
            piece = self._pieces[0]
            if lines and (size + piece.size > self._pace.size or piece.at - lines[0][0] >= _DAY):
                break
            self._pieces.popleft()
            moment = max(piece.at, lines[-1][0]) if lines else piece.at  # a store wants them in the order of time
            lines.append((moment, piece.text))
            size += piece.size
            offset = piece.end if piece.end is not None else offset
        self._size -= size
        return Batch(lines, size, offset)

    def close(self) -> None:
        """Close the file. Idempotent."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _is_full(self) -> bool:
        return self._size >= self._pace.size or len(self._pieces) >= self._pace.lines

    def _split(self, data: bytes) -> None:
        """Cut what was read into lines."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > _LONGEST_RAW:
            lines.append(self._rest)
            self._rest = b""
        end = self._line_at
        for line in lines:
            end = min(end + len(line) + 1, self._at)  # the last one may have no end in the file
            self._add(line, end)
        self._line_at = end

    def _add(self, raw: bytes, end: int) -> None:
        raw = raw.strip(b"\0\r ")  # zeros: room that was given back
        if not raw:
            return
        at, text = self._read(raw)
        size = len(text) if text.isascii() else len(text.encode(errors="replace"))
        if size <= self._pace.line:
            self._pieces.append(_Piece(at, text, size + OVERHEAD, end))
            self._size += size + OVERHEAD
            return
        parts = list(_cut(text, self._pace.line))
        for number, part in enumerate(parts, 1):
            cost = len(part.encode(errors="replace")) + OVERHEAD
            self._pieces.append(_Piece(at, part, cost, end if number == len(parts) else None))
            self._size += cost

    def _read(self, raw: bytes) -> tuple[int, str]:
        """A line's moment and its words."""
        match = _OUTPUT.fullmatch(raw)
        if match is not None:  # nothing in it needs unescaping, so nothing in it needs escaping
            stamp, source, line = match.groups()
            return self._moment(stamp), (b"%bZ %b %b" % (stamp, source, line)).decode(errors="replace")
        try:
            data = json.loads(raw)
        except (ValueError, RecursionError):
            data = None
        if not isinstance(data, dict):
            return self._stamp[1], visible(raw.decode(errors="replace"))
        stamp, event = str(data.pop("at", "")).removesuffix("+00:00"), str(data.pop("event", ""))
        if event in OUTPUTS:
            words = f"{event} {data.get('line', '')}"
        else:
            words = " ".join(["agent", event, *(f"{name}={_said(fact)}" for name, fact in data.items())])
        return self._moment(stamp.encode(errors="replace")), visible(f"{stamp}Z {words}")

    def _moment(self, stamp: bytes) -> int:
        """The stamp in microseconds; that of the line before if it is none."""
        cached, moment = self._stamp
        if stamp != cached:
            try:
                then = datetime.fromisoformat(stamp.decode() + "Z")
                moment = (then - _EPOCH) // _MICROSECOND
            except (ValueError, TypeError):
                return moment
            self._stamp = (stamp, moment)
        return moment


def visible(text: str) -> str:
    """The text with its control characters written out: it must not steer the terminal of whoever reads it."""
    return _CONTROLS.sub(lambda match: ascii(match[0])[1:-1], text)


def _said(fact: object) -> str:
    if isinstance(fact, str):
        return fact if fact and " " not in fact else json.dumps(fact, ensure_ascii=False)
    return json.dumps(fact, ensure_ascii=False)


def _cut(text: str, size: int) -> Sequence[str]:
    """The text in parts of at most `size` bytes, no character cut in two."""
    raw = text.encode(errors="replace")
    parts = []
    at = 0
    while at < len(raw):
        end = min(at + size, len(raw))
        while end < len(raw) and raw[end] & 0xC0 == 0x80:  # noqa: PLR2004 - in the middle of a character
            end -= 1
        parts.append(raw[at:end].decode())
        at = end
    return parts
