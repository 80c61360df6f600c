"""The end of a machine's life: nothing of the job keeps running, the word goes out, nothing of it stays on the disk.

::

    kill ─> report ─> reports delivered ─> diagnosis kept ─> wiped ─> log shipped ─> off
                                                                          after a spot notice the log goes first:
                                                                          the cloud takes the disk, wiped or not
"""

import contextlib
import errno
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from paddock.agent.job.environment import marker
from paddock.agent.machine.clock import SECOND, Phases
from paddock.agent.machine.power import wait_until
from paddock.agent.platform import Platform
from paddock.agent.reasons import AgentFailure, Reason
from paddock.agent.settings import Settings
from paddock.agent.telling.report import Report
from paddock.agent.telling.shipping import SHIPPED, Shipper

LONGEST = 400 * SECOND  # all of it, but for the wait after a spot notice
DIAGNOSIS = 60.0  # seconds for keeping it, and less if the machine is taken sooner
RESERVE = 5.0  # seconds before the machine is taken, for the log
SCRATCH = "scratch"
DIAG = "diag"


class Leaving:
    """How one machine is left. Every step is taken whatever became of the one before."""

    def __init__(self, settings: Settings, on: Platform, phases: Phases) -> None:
        """Args: the machine's settings, the machine, and how long each phase took."""
        self._settings = settings
        self._on = on
        self._phases = phases
        self._shipper: Shipper | None = None

    def ship(self, job_id: int) -> None:
        """Ship the log from now on, if there is anywhere to ship it to. Only the first call counts."""
        if self._shipper is not None:
            return
        store = self._on.log_store(job_id)
        if store is not None:
            position = self._settings.directory / SHIPPED
            self._shipper = Shipper(self._on.log, store, position=position, shipped=self._on.log.release)
            self._shipper.start()

    def __call__(
        self,
        report: Report | None,
        *,
        taken_at: int | None = None,
        may_live_again: bool = False,
    ) -> None:
        """Leave.

        Args:
            report: the last one; None if there is nothing to tell.
            taken_at: when the cloud takes the machine; None if it does not.
            may_live_again: a pool's machine is stopped, so that orders that may be there by now stay.
        """
        on = self._on
        with on.service.busy(LONGEST):
            start = on.clock.now()
            with self._step("kill"):
                left = on.processes.kill_all(marker(on.identity.machine))
                if left:
                    on.log.write("left_running", count=left)
            self._phases.note("kill", on.clock.now() - start)
            if report is not None:
                with self._step("report"):
                    on.sink.send(replace(report, at=on.clock.now(), phases=dict(self._phases.spans)))
                with self._step("ship"):
                    self.ship(report.job_id)
            with self._step("discard"):
                if not may_live_again:
                    on.source.discard()
            delivered = self._flush()
            with self._step("diagnosis"):
                self._keep_diagnosis(taken_at)
            if taken_at is not None:
                self._end_of_log(delivered)
            with self._step("wipe"):
                self._wipe()
            if not delivered:  # the job may have filled the disk, and now there is room
                delivered = self._flush()
            if taken_at is None:
                self._end_of_log(delivered)

    def wait_for_the_cloud(self, until: int | None) -> None:
        """After a spot notice: wait until this moment for the machine to be taken, or to be told to stop."""
        if until is not None:
            on = self._on
            wait_until(until, clock=on.clock, pause=on.stop.pause, alive=on.service.alive)

    def _keep_diagnosis(self, taken_at: int | None) -> None:
        from paddock.agent.telling.archive import keep_diagnosis  # noqa: PLC0415 - needed once, at the end

        on, settings = self._on, self._settings
        if on.archive is None:
            return
        patience = DIAGNOSIS
        if taken_at is not None:
            patience = min(patience, max(1.0, (taken_at - on.clock.now()) / SECOND - RESERVE))
        keep_diagnosis(settings.runner, on.archive, settings.directory / SCRATCH, on.log, patience=patience)

    def _wipe(self) -> None:
        from paddock.agent.machine.cleanup import clean  # noqa: PLC0415 - as above

        settings, user = self._settings, self._on.user
        left = clean(settings.work, settings.directory / DIAG, user=user, alone=settings.alone)
        if left:
            self._on.log.write("left_on_disk", what=left)

    def _flush(self) -> bool:
        with self._step("flush"):
            return self._on.sink.flush()
        return False

    def _end_of_log(self, delivered: bool) -> None:  # noqa: FBT001 - a fact, not an option
        with self._step("log"):
            self._on.log.write("off", reported=delivered, **self._phases.spans)
            if self._shipper is not None:
                self._shipper.finish()

    @contextlib.contextmanager
    def _step(self, name: str) -> Iterator[None]:
        """Whatever goes wrong inside is told, and the next step is taken."""
        if self._on.stop.requested:  # the unit's own time for that is short
            self._on.service.stopping(LONGEST)
        try:
            yield
        except Exception as error:  # noqa: BLE001 - the machine must be left all the same
            self._on.log.write(f"{name}_failed", error=words(error))


def failure_of(error: Exception) -> AgentFailure:
    """The failure that an error of any kind is."""
    full = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
    return AgentFailure(Reason.LOW_DISK if full else Reason.AGENT_ERROR, words(error))


def words(error: Exception) -> str:
    """The error's kind and place, not its text: that might quote what it was handed."""
    if isinstance(error, OSError):
        return f"{type(error).__name__}: {error.strerror}"
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    where = "" if trace is None else f" at {Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}"
    return f"{type(error).__name__}{where}"
