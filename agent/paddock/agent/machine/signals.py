"""Being told to stop: SIGTERM and SIGINT, and being woken when a child ends."""

import select
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from paddock.agent.reasons import Stopped


class StopRequest:
    """Remembers that the machine was told to stop, and wakes whoever waits on `wake`.

    Handlers are set for every signal of interest, never "ignore": an ignored signal stays ignored in the Listener,
    and then nobody could stop it.
    """

    def __init__(self) -> None:
        self.requested = False
        self._raising = False
        self.wake, self._waker = socket.socketpair()
        self.wake.settimeout(0)
        self._waker.settimeout(0)

    def install(self) -> None:
        """Take over the signals of this process."""
        signal.set_wakeup_fd(self._waker.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGTERM, self._stop)
        signal.signal(signal.SIGINT, self._stop)
        signal.signal(signal.SIGHUP, self._note)
        signal.signal(signal.SIGCHLD, self._note)
        signal.pthread_sigmask(signal.SIG_SETMASK, [])

    @contextmanager
    def raising(self) -> Iterator[None]:
        """While inside, a request to stop raises `Stopped` at once, also out of a blocking read."""
        self._raising = True
        try:
            if self.requested:
                raise Stopped
            yield
        finally:
            self._raising = False

    @contextmanager
    def loading(self) -> Iterator[None]:
        """While inside, a request to stop is only noted, and raises behind it: for modules that are being loaded.

        What is raised within a class's body may come out of it as another error.
        """
        raising, self._raising = self._raising, False
        yield
        self._raising = raising
        if raising and self.requested:
            self._raising = False
            raise Stopped

    def pause(self, seconds: float) -> bool:
        """Wait so long, or until told to stop; True if that was so."""
        if not self.requested:
            select.select([self.wake], [], [], seconds)
            self.drain()
        return self.requested

    def drain(self) -> None:
        """Empty `wake`, so that the next wait waits."""
        try:
            while self.wake.recv(4096):
                pass
        except BlockingIOError:
            return

    def _stop(self, _number: int, _frame: FrameType | None) -> None:
        self.requested = True
        if self._raising:
            self._raising = False  # once: what is raised must be able to clean up behind itself
            raise Stopped

    def _note(self, _number: int, _frame: FrameType | None) -> None:
        """Only the wake-up matters."""
