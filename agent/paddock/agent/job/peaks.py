"""The most that was used while the job ran."""

from collections.abc import Mapping

from paddock.agent.machine.clock import SECOND
from paddock.agent.ports import Reading

SHORTEST = SECOND // 5  # the kernel counts in hundredths: over a shorter span a percentage says nothing


class Peaks:
    """Takes readings from the job's start on, until the first one after its end."""

    def __init__(self) -> None:
        self._before: tuple[int, Reading] | None = None
        self._values: dict[str, int] = {}
        self._closed = False

    def take(self, reading: Reading, at: int, started_at: int | None, finished_at: int | None) -> None:
        """A reading of the moment `at`; the job's own moments as far as they are known. Microseconds."""
        if started_at is None or at < started_at or self._closed:
            return
        self._closed = finished_at is not None and at >= finished_at
        self._raise("memory_bytes", reading.memory_used)
        self._raise("disk_bytes", reading.disk_used)
        if self._before is not None:
            then, before = self._before
            if at - then < SHORTEST:
                return
            self._raise("cpu_percent", round(100 * (reading.cpu - before.cpu) / (at - then)))
        self._before = (at, reading)

    @property
    def values(self) -> Mapping[str, int]:
        """``memory_bytes`` and ``disk_bytes``, in all; ``cpu_percent`` of one core, between two readings.

        Whatever was never read is left out.
        """
        return dict(self._values)

    def _raise(self, name: str, value: int) -> None:
        self._values[name] = max(self._values.get(name, 0), value)
