"""Ends a transfer that takes too long or drips, wherever it hangs: in the headers, in a chunk's size, in the body."""

import contextlib
import socket
import threading
import time
from types import TracebackType
from typing import Self


class Watchdog:
    """Shuts the watched sockets when the transfer is slower than agreed. ``bitten`` then says why.

    A time-out of a socket counts silence alone: a server that sends a byte now and then passes it for ever.
    """

    def __init__(self, *, deadline: float, window: float, min_speed: int) -> None:
        """Args: seconds in all, seconds over which the speed is averaged, bytes per second."""
        self.bitten = ""
        self._give_up = time.monotonic() + deadline
        self._deadline = deadline
        self._window = window
        self._least = int(window * min_speed)
        self._bytes = 0
        self._sockets: list[socket.socket] = []
        self._over = threading.Event()
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._watch, name="watchdog", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    def watch(self, connection: socket.socket) -> None:
        """Shut this one too. One that comes too late is shut at once."""
        with self._lock:
            self._sockets.append(connection)
            if self.bitten:
                _shut(connection)

    def progress(self, count: int) -> None:
        """So many bytes came."""
        self._bytes += count

    def _watch(self) -> None:
        seen = 0
        while not self._over.wait(max(0.0, min(self._window, self._give_up - time.monotonic()))):
            now, seen_before = self._bytes, seen
            seen = now
            if time.monotonic() >= self._give_up:
                return self._bite(f"gave up after {self._deadline:.0f} s and {now} bytes")
            if now - seen_before < self._least:
                return self._bite(f"too slow: {now - seen_before} bytes in {self._window:g} s")
        return None

    def _bite(self, why: str) -> None:
        with self._lock:
            self.bitten = why
            for connection in self._sockets:
                _shut(connection)


def _shut(connection: socket.socket) -> None:
    # Past ssl's own shutdown, which would take the session away from the thread that is reading.
    with contextlib.suppress(OSError):
        socket.socket.shutdown(connection, socket.SHUT_RDWR)
