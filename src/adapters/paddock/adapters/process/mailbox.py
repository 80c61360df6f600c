"""Brings the machines' reports to the queue, and the directories of machines that are gone to their end.

A machine can only speak for itself: whatever its report says, it is filed under the machine whose directory it lay in.
At least once: a report is deleted after the queue has it, so a crash in between sends it twice.
"""

import contextlib
import shutil
from collections.abc import Sequence
from pathlib import Path

import attrs

from paddock.adapters.os_errors import os_errors
from paddock.adapters.process.layout import Layout, MachineFiles, is_directory, read_bytes, read_json
from paddock.adapters.process.liveness import state_of
from paddock.adapters.wire import message_in
from paddock.core.errors import InvalidInput
from paddock.core.messages import EventMessage, RunnerReported
from paddock.core.ports.machines import MachineState
from paddock.core.ports.queues import Queue
from paddock.core.units import DAY, SECOND, Moment, Span

BATCH = 100  # reports of one machine per round: a job that floods its outbox must not starve the others
LAUNCHES_KEPT: Span = 7 * DAY  # longer than any queue holds a message that could repeat a launch
_GRACE: Span = 30 * SECOND


@attrs.frozen
class Collected:
    """What a round brought. ``bad`` and ``impostors`` are file paths below the fleet's root."""

    sent: int = 0
    bad: tuple[str, ...] = ()
    impostors: tuple[str, ...] = ()


class Mailbox:
    """Collects reports from all machines of a fleet."""

    def __init__(self, root: Path, queue: Queue[EventMessage]) -> None:
        """Args: the fleet's directory, see `layout`; where the reports go."""
        self._layout = Layout(root)
        self._queue = queue

    def collect(self) -> Collected:
        """Send what lies in the outboxes, each machine's in order.

        Returns:
            How many were sent; which files could not be read (they were moved aside, to ``outbox/bad``); which ones
            spoke for another machine (they were sent under their own machine's name).

        Raises:
            Unavailable, Throttled: by the queue, or the disk; what was not sent is still there.
        """
        total = Collected()
        with os_errors():
            for files in self._layout.all():
                found = self._collect_from(files)
                total = Collected(total.sent + found.sent, total.bad + found.bad, total.impostors + found.impostors)
        return total

    def sweep(self, older_than: Span, now: Moment) -> tuple[str, ...]:
        """Remove the directories of machines that are terminated, launched before, and have nothing left to say.

        What is no machine of ours is never touched.

        Their logs are kept in ``logs/``. So are launch records for a week, because a launch may be repeated.

        Returns:
            The ids of the machines whose directories were removed.
        """
        swept = []
        with os_errors():
            for files in list(self._layout.all()):
                if self._is_over(files, older_than, now):
                    self._remove(files)
                    swept.append(files.id)
            for path in self._layout.launches.glob("*.json"):
                if now - _moment_in(path, "granted_at") > max(older_than, LAUNCHES_KEPT):
                    path.unlink(missing_ok=True)
        return tuple(swept)

    def _collect_from(self, files: MachineFiles) -> Collected:
        reports: list[RunnerReported] = []
        read: list[Path] = []
        bad: list[str] = []
        impostors: list[str] = []
        for path in _waiting(files)[:BATCH]:
            try:
                report = _report_in(path)
            except FileNotFoundError:  # the job took it back
                continue
            except (InvalidInput, ValueError, PermissionError):
                _move_aside(files, path)
                bad.append(self._shown(path))
                continue
            if report.machine != files.id:
                impostors.append(self._shown(path))
            reports.append(attrs.evolve(report, machine=files.id))
            read.append(path)
        if reports:
            self._queue.send(reports)
        for path in read:
            path.unlink(missing_ok=True)
        return Collected(len(reports), tuple(bad), tuple(impostors))

    def _is_over(self, files: MachineFiles, older_than: Span, now: Moment) -> bool:
        if _waiting(files) or not files.is_ours:
            return False
        launched_at = _moment_in(files.machine, "launched_at")
        if now - launched_at <= older_than:
            return False
        return state_of(files, launched_at, now, _GRACE) is MachineState.TERMINATED

    def _remove(self, files: MachineFiles) -> None:
        """The log first: from then on the machine has been, and a repeated launch does not start it again."""
        self._layout.logs.mkdir(mode=0o700, parents=True, exist_ok=True)
        kept = self._layout.kept_log(files.id)
        try:
            files.log.replace(kept)
        except FileNotFoundError:
            kept.touch(mode=0o600)
        shutil.rmtree(files.directory)

    def _shown(self, path: Path) -> str:
        return str(path.relative_to(self._layout.root))


def _waiting(files: MachineFiles) -> Sequence[Path]:
    """The reports in the order they were written."""
    if not is_directory(files.outbox):
        return ()
    return sorted(path for path in files.outbox.glob("*.json") if not path.name.startswith("."))


def _moment_in(path: Path, field: str) -> Moment:
    """The moment that stands in the file; that of the directory's last change if none can be read.

    So for a launch that was begun, or an assignment for a machine that is gone.
    """
    data = read_json(path)
    moment = data.get(field) if isinstance(data, dict) else None
    return moment if type(moment) is int else int(path.parent.stat().st_mtime * SECOND)


def _report_in(path: Path) -> RunnerReported:
    message = message_in(read_bytes(path).decode())
    if not isinstance(message, RunnerReported):
        raise InvalidInput("kind", type(message).__name__, "must be runner_reported in a machine's outbox")
    return message


def _move_aside(files: MachineFiles, path: Path) -> None:
    """Out of the way, but not lost. If the job has blocked even that, the file is removed."""
    with contextlib.suppress(FileExistsError):
        files.bad.mkdir(mode=0o700)
    if is_directory(files.bad):
        with contextlib.suppress(OSError):
            path.replace(files.bad / path.name)
            return
    if is_directory(path):
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
