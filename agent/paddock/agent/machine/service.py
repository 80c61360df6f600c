"""Telling systemd how the agent is: `sd_notify` in a few lines.

The socket's name comes from the environment that systemd gives its service; without one everything here does nothing.
The protocol is that of ``sd_notify(3)``: datagrams of ``NAME=value`` lines to a unix socket.
"""

import contextlib
import os
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence

from paddock.agent.machine.clock import SECOND

PULSE = 5.0
"""Seconds between two signs of life while the agent is busy; half of what `ports.ServiceManager` allows."""

RENEWAL = ("systemctl", "restart", "--no-block", "paddock-deadline.timer")
"""The timer counts from its start."""

PATIENCE = 10.0  # seconds for a command that only asks


class SystemdService:
    """`ports.ServiceManager` for a unit of ``Type=notify``. No method raises, and none of them waits."""

    def __init__(
        self,
        environment: Mapping[str, str] | None = None,
        *,
        pulse: float = PULSE,
        renewal: Sequence[str] = RENEWAL,
    ) -> None:
        """Where ``NOTIFY_SOCKET`` is looked up (the process's own by default), and how systemd is asked.

        Args: seconds between signs of life; what sets the machine's clock of life back.
        """
        self._pulse = pulse
        self._renewal = tuple(renewal)
        name = (os.environ if environment is None else environment).get("NOTIFY_SOCKET", "")
        # A path, or a name without a file (abstract), which the kernel marks by a leading NUL.
        self._address = "\0" + name[1:] if name.startswith("@") else name
        self._socket: socket.socket | None = None
        if self._address.startswith(("/", "\0")):
            with contextlib.suppress(OSError):
                self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
                self._socket.settimeout(0)

    @property
    def watched(self) -> bool:
        """True if somebody is told."""
        return self._socket is not None

    def ready(self) -> None:
        """The agent is up."""
        self._send("READY=1")

    def alive(self) -> None:
        """The agent still turns; to be called at least every 10 s."""
        self._send("WATCHDOG=1")

    def status(self, text: str) -> None:
        """One line for `systemctl status`. Never give it anything that a job's author wrote."""
        self._send("STATUS=" + " ".join(text.split()))

    def stopping(self, patience: int) -> None:
        """The agent is ending, and needs up to `patience` microseconds from now."""
        self._send(f"STOPPING=1\nEXTEND_TIMEOUT_USEC={max(0, patience)}\nWATCHDOG=1")

    def renew(self) -> None:
        """The machine's span of life counts from now."""
        if self.watched:
            with contextlib.suppress(OSError, subprocess.TimeoutExpired):  # the next word, or the orders, try again
                subprocess.run(  # noqa: S603 - the words are ours
                    self._renewal,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    timeout=PATIENCE,
                    check=False,
                )

    @contextlib.contextmanager
    def busy(self, limit: int, *, now: Callable[[], float] = time.monotonic) -> Iterator[None]:
        """Signs of life from a thread while the caller is in something that cannot give them, such as a download.

        They end after `limit` microseconds, so that whoever hangs in there is found all the same.
        """
        if not self.watched:
            yield
            return
        done = threading.Event()
        deadline = now() + limit / SECOND

        def pulse() -> None:
            self.alive()
            while not done.wait(self._pulse) and now() < deadline:
                self.alive()

        thread = threading.Thread(target=pulse, name="alive", daemon=True)
        try:
            thread.start()
        except RuntimeError:  # a job has taken all the threads there are: then the watchdog may come, and rightly so
            yield
            return
        try:
            yield
        finally:
            done.set()
            thread.join()

    def close(self) -> None:
        """Say nothing more. Idempotent."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _send(self, message: str) -> None:
        notify = self._socket
        if notify is None:
            return
        # Nobody there, a full socket: the watchdog judges by silence, and a second word follows within seconds.
        with contextlib.suppress(OSError):
            notify.sendto(message.encode("utf-8", "replace"), self._address)
