"""Threads that do one thing again and again until they are told to stop, and never die unseen."""

import logging
from collections.abc import Callable
from threading import Event, Thread

from paddock.core.errors import PaddockError
from paddock.core.units import SECOND, Span

_LOG = logging.getLogger(__name__)


class Loop:
    """One thread: `step`, a pause, `step` again. A step that fails is logged, and the next one comes all the same."""

    def __init__(self, name: str, step: Callable[[], object], *, pause: Span, brief: bool = True) -> None:
        """Set it up.

        Args:
            name: for the log.
            step: what to do.
            pause: how long to wait between two steps.
            brief: a step's end is waited for; else it may be cut off anywhere when the process ends.
        """
        self._name = name
        self._step = step
        self._pause = pause / SECOND
        self._brief = brief
        self._stop = Event()
        self._thread = Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Ask it to end after the step it is in."""
        self._stop.set()

    def join(self) -> None:
        """Wait until it has ended, if that is soon."""
        if self._brief and self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._step()
            except Exception as error:  # noqa: BLE001 - a loop that dies unseen is worse than any fault
                if not self._stop.is_set():  # else what it works with may be gone
                    self._tell(error)
            self._stop.wait(self._pause)

    def _tell(self, error: Exception) -> None:
        if isinstance(error, PaddockError):
            _LOG.warning("%s: %s: %s", self._name, type(error).__name__, error)
        else:
            _LOG.error("%s: a fault of ours; the next round comes all the same", self._name, exc_info=error)
