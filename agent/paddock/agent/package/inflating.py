"""An archive's bytes, inflated by a thread of its own while the caller writes files; and never more than is sound.

Inflating takes 2 s for an official package and writing it nearly as much: side by side they take about as long as the
longer one. Two bounds hold for whatever the archive claims: the bytes in all, and their ratio to the compressed ones.
"""

import queue
import threading
import zlib
from typing import BinaryIO

from paddock.agent.reasons import AgentFailure, Reason

MAX_BYTES = 4 << 30  # an official package has about 650 MB
MAX_RATIO = 100  # an official package has about 3; zeros alone have 1,000
FREE = 64 << 20  # inflated bytes for which the ratio does not matter
MAX_HEADER = 1 << 20  # bytes that may describe one entry
_GZIP = 31  # zlib's word for: with gzip's frame
_PIECE = 1 << 20
_AHEAD = 8  # pieces


class Inflated:
    """The inflated archive as a file that is read once, forwards: what `tarfile` needs of one, and no more.

    What `tarfile` reads by itself are headers: of those, `MAX_HEADER` bytes may come between two calls of
    `next_entry`, so that no header can fill the memory. Files' contents are taken by `content`.
    """

    def __init__(self, archive: BinaryIO, *, max_bytes: int = MAX_BYTES, max_ratio: int = MAX_RATIO) -> None:
        """Args: the compressed archive, open at its beginning, and the bounds."""
        self._archive = archive
        self._max_bytes = max_bytes
        self._max_ratio = max_ratio
        self._pieces: queue.Queue[bytes | BaseException] = queue.Queue(_AHEAD)
        self._closed = threading.Event()
        self._piece = memoryview(b"")
        self._position = 0
        self._headers = 0
        self._ended = False
        self._thread = threading.Thread(target=self._inflate, name="inflate", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the thread. Idempotent."""
        self._closed.set()
        self._thread.join()

    def next_entry(self) -> None:
        """The headers of another entry may be read."""
        self._headers = 0

    def tell(self) -> int:
        """How many bytes have been read."""
        return self._position

    def seek(self, position: int) -> int:
        """Skip to a place further on.

        Raises:
            ValueError: it lies behind.
        """
        if position < self._position:
            raise ValueError("the archive leads backwards")
        while position > self._position:
            if not self._take(position - self._position):
                break
        return self._position

    def read(self, size: int) -> bytes:
        """Bytes of headers; fewer than `size` at the end only.

        Raises:
            AgentFailure: `bad_package`: one entry's headers are larger than any sound one's.
        """
        self._headers += size
        if self._headers > MAX_HEADER:
            raise AgentFailure(Reason.BAD_PACKAGE, f"an entry is described by more than {MAX_HEADER} bytes")
        found = bytearray()
        while len(found) < size and (piece := self._take(size - len(found))):
            found += piece
        return bytes(found)

    def content(self, size: int) -> memoryview:
        """Some of the next `size` bytes, which are a file's; empty at the end of the archive."""
        return self._take(size)

    def _take(self, size: int) -> memoryview:
        if not self._piece and not self._ended:
            piece = self._pieces.get()
            if isinstance(piece, BaseException):
                self._ended = True
                raise piece
            self._piece = memoryview(piece)
            self._ended = not piece
        taken, self._piece = self._piece[:size], self._piece[size:]
        self._position += len(taken)
        return taken

    def _inflate(self) -> None:
        try:
            self._put(b"" if self._inflate_all() else EOFError("the archive ends in the middle"))
        except BaseException as error:  # noqa: BLE001 - whatever it is, it is the reader's to know
            self._put(error)

    def _inflate_all(self) -> bool:
        """Hand everything over; False if the archive ends too early."""
        inflater, came, given = zlib.decompressobj(_GZIP), 0, 0
        while data := self._archive.read(_PIECE):
            came += len(data)
            while data:
                if inflater.eof:  # padding may follow, or another member
                    data = data.lstrip(b"\0")
                    if not data:
                        break
                    inflater = zlib.decompressobj(_GZIP)
                piece = inflater.decompress(data, _PIECE)
                data = inflater.unused_data if inflater.eof else inflater.unconsumed_tail
                given += len(piece)
                self._check(came, given)
                if piece and not self._put(piece):
                    return True
        return inflater.eof

    def _check(self, came: int, given: int) -> None:
        if given > self._max_bytes:
            raise AgentFailure(Reason.BAD_PACKAGE, f"the package inflates to more than {self._max_bytes} bytes")
        if given > FREE and given > came * self._max_ratio:
            detail = f"{came} bytes of the package inflate to {given}: more than {self._max_ratio} times as many"
            raise AgentFailure(Reason.BAD_PACKAGE, detail)

    def _put(self, piece: bytes | BaseException) -> bool:
        """Hand a piece over; False if nobody wants it any more."""
        while not self._closed.is_set():
            try:
                self._pieces.put(piece, timeout=0.05)
            except queue.Full:
                continue
            return True
        return False
