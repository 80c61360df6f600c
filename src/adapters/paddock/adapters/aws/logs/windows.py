"""From when to when decisions about a subject may have been made, so that no more of a log is searched than that."""

from collections.abc import Callable
from typing import Final, TypeAlias

import attrs

from paddock.core.ports.stores import Table
from paddock.core.ports.system import Clock
from paddock.core.units import DAY, HOUR, MINUTE, Moment

EARLY: Final = 10 * MINUTE  # GitHub's clock, EC2's and a function's may differ, and a launch is decided before it is
LATE: Final = 6 * HOUR  # late words of GitHub, a machine's end after its job's
RERUN: Final = 35 * DAY  # whether a run is re-run is decided when it ends: within 35 days (GitHub's limit)
UNKNOWN: Final = 7 * DAY  # of what has no record


@attrs.frozen
class Window:
    """Moments, both included. ``end`` is None while there may be more."""

    start: Moment
    end: Moment | None = None


Windows: TypeAlias = Callable[[str], Window]
"""The window of a subject."""


@attrs.frozen
class RecordWindows:
    """`Windows` by the records. One read for each subject, two for a job that has ended."""

    table: Table
    clock: Clock

    def __call__(self, subject: str) -> Window:
        """The window of a job or a machine by its life; of anything else, or what is unknown, the last seven days.

        Raises:
            Throttled, Unavailable: as the table does.
        """
        kind, _, key = subject.partition(":")
        found = {"job": self._job, "machine": self._machine}.get(kind, _nothing)(key)
        return found or Window(self.clock.now() - UNKNOWN)

    def _job(self, key: str) -> Window | None:
        job = self.table.jobs.get(key)
        known = job and [moment for moment in (job.facts.created_at, job.received_at) if moment > 0]
        if not job or not known:
            return None
        if job.live or job.finished_at is None:
            return Window(min(known) - EARLY)
        late = LATE if self.table.reruns.get(str(job.facts.run_id)) is None else RERUN
        return self._window(min(known), job.finished_at, late)

    def _machine(self, key: str) -> Window | None:
        runner = self.table.runners.get(key)
        if runner is None or runner.launched_at <= 0:
            return None
        if runner.gone_at is None:
            return Window(runner.launched_at - EARLY)
        return self._window(runner.launched_at, runner.gone_at, LATE)

    def _window(self, start: Moment, end: Moment, late: int) -> Window:
        """Open if it has not ended yet: the clocks that wrote the log may be before this one."""
        return Window(start - EARLY, end + late if end + late < self.clock.now() else None)


def _nothing(_: str) -> None:
    return None
