"""The agent: one assignment, one runner, one job; then the report, and off. No path leaves the machine on."""

import errno
import json
from dataclasses import dataclass, replace
from pathlib import Path

from paddock.agent.assignment import Assignment, parse_assignment
from paddock.agent.job.environment import base_environment, listener_environment, marker
from paddock.agent.job.life import Deed, End, Life, Limits
from paddock.agent.job.supervise import Hands, Supervisor
from paddock.agent.machine.clock import SECOND, Phases
from paddock.agent.machine.signals import StopRequest
from paddock.agent.ports import AssignmentSource, Child, Clock, Identity, Power, Processes, ReportSink
from paddock.agent.reasons import AgentFailure, Reason, Stopped
from paddock.agent.settings import Settings
from paddock.agent.telling.log import Log
from paddock.agent.telling.report import Event, Report, Result

LISTENER = "bin/Runner.Listener"


@dataclass(frozen=True, slots=True, kw_only=True)
class Platform:
    """What the machine gives the agent."""

    identity: Identity
    source: AssignmentSource
    sink: ReportSink
    power: Power
    processes: Processes
    clock: Clock
    stop: StopRequest
    log: Log


class Agent:
    """One machine's whole life."""

    def __init__(self, settings: Settings, platform: Platform) -> None:
        """Args: the machine's settings and platform."""
        self._settings = settings
        self._on = platform
        self._phases = Phases(platform.clock)
        self._data: object = None  # the assignment as it came
        self._assignment: Assignment | None = None
        self._life: Life | None = None
        self._listener_at = 0

    def run(self) -> None:
        """Serve, and whatever happens: kill, report, wipe, switch off."""
        try:
            try:
                report = self._serve()
            except Stopped:
                report = None if self._data is None else self._failure(Reason.SIGTERM, "told to stop while preparing")
            except AgentFailure as failure:
                report = self._failure(failure.reason, failure.detail)
            except Exception as error:  # noqa: BLE001 - whatever it is, the machine must not stay on because of it
                report = self._failure(_reason_of(error), _words(error))
            self._leave(report)
        finally:
            self._on.power.off()

    def _serve(self) -> Report | None:
        with self._on.stop.raising():
            with self._phases.measure("assignment"):
                self._data = self._on.source.take(self._settings.assignment_deadline)
            if self._data is None:
                span = self._settings.assignment_deadline // SECOND
                raise AgentFailure(Reason.ASSIGNMENT_DEADLINE, f"no assignment came within {span} s")
            assignment = self._accept(self._data)
            self._prepare(assignment)
        return self._listen(assignment)

    def _accept(self, data: object) -> Assignment:
        if isinstance(data, dict):
            self._on.log.hide(str(data.get("jit_config") or ""))
        assignment = parse_assignment(data)
        if assignment.machine != self._on.identity.machine:
            detail = f"machine: found {assignment.machine!r}, and this is {self._on.identity.machine!r}"
            raise AgentFailure(Reason.BAD_ASSIGNMENT, detail)
        self._assignment = assignment
        self._on.log.write(
            "assigned", job_id=assignment.job_id, launch=assignment.launch, runner=assignment.runner_name
        )
        return assignment

    def _prepare(self, assignment: Assignment) -> None:
        from paddock.agent.package.extraction import extract  # noqa: PLC0415 - a waiting agent should be small
        from paddock.agent.package.fetching import open_package  # noqa: PLC0415 - as above
        from paddock.agent.package.preflight import check_listener  # noqa: PLC0415 - as above
        from paddock.agent.registration.jit import check_jit_config  # noqa: PLC0415 - as above

        with self._phases.measure("configure"):
            check_jit_config(assignment.jit_config, assignment.runner_id)
            for directory in (self._settings.work, self._settings.runner, self._settings.home, self._settings.tmp):
                directory.mkdir(mode=0o700)
        start = self._on.clock.now()
        with open_package(
            assignment.package,
            self._settings.cache,
            min_free=self._settings.min_free,
            log=self._on.log,
            pause=self._settings.retry_delay / (5 * SECOND),
        ) as archive:
            self._phases.note("package", self._on.clock.now() - start)
            with self._phases.measure("extract"):
                extract(archive, self._settings.runner)
        with self._phases.measure("preflight"):
            version = check_listener(self._settings.runner, base_environment(self._settings.home, self._settings.tmp))
        if assignment.setup_info:
            info = [{"Group": "Paddock", "Detail": assignment.setup_info}]
            (self._settings.runner / ".setup_info").write_text(json.dumps(info), encoding="utf-8")
        self._on.log.write("prepared", version=version, **self._phases.spans)

    def _listen(self, assignment: Assignment) -> Report:
        on, settings = self._on, self._settings
        limits = Limits(
            max_runtime=assignment.max_runtime,
            idle_timeout=assignment.idle_timeout,
            stop_grace=settings.stop_grace,
            heartbeat=settings.heartbeat,
            retry_delay=settings.retry_delay,
        )
        self._listener_at = on.clock.now()
        self._life = life = Life(limits, self._listener_at)
        hands = Hands(self._start_listener, self._tell, self._update_finished, marker(self._on.identity.machine))
        supervisor = Supervisor(life, hands, on.processes, on.clock, on.stop, on.log)
        supervisor.run()
        assert life.end is not None
        self._measure(life)
        detail = "" if life.end.result is Result.SERVED else "\n".join(supervisor.complaints)
        return self._report(life.end, detail)

    def _start_listener(self) -> Child:
        assignment = self._assignment
        assert assignment is not None
        environment = listener_environment(
            machine=assignment.machine,
            jit_config=assignment.jit_config,
            home=self._settings.home,
            tmp=self._settings.tmp,
            tool_cache=self._settings.tool_cache,
        )
        command = (str(self._settings.runner / LISTENER), "run")
        child = self._on.processes.spawn(command, directory=self._settings.runner, environment=environment)
        self._on.log.write("listener_started", pid=child.pid)
        return child

    def _update_finished(self) -> bool:
        finished = self._settings.runner / "update.finished"
        if not finished.exists():
            return False
        finished.unlink()
        return True

    def _tell(self, deed: Deed) -> None:
        event = Event.STARTED if deed is Deed.TELL_STARTED else Event.HEARTBEAT
        if event is Event.STARTED and self._life is not None:
            self._measure(self._life)
        self._on.sink.send(self._base(event))

    def _measure(self, life: Life) -> None:
        """What the moments of the Listener's life say in spans."""
        if life.ready_at is not None:
            self._phases.note("connect", life.ready_at - self._listener_at)
        if life.started_at is not None:
            self._phases.note("idle", life.started_at - (life.ready_at or self._listener_at))
            if life.finished_at is not None:
                self._phases.note("job", life.finished_at - life.started_at)

    def _failure(self, reason: Reason, detail: str) -> Report:
        """The report of an end that the Listener did not choose."""
        self._on.log.write("failed", reason=reason.value, detail=detail)
        if self._life is not None and self._life.started_at is not None:
            self._measure(self._life)
            return self._report(End(Event.FINISHED, Result.INTERRUPTED, reason, interrupted_by=reason.value), detail)
        by = reason.value if reason is Reason.SIGTERM else None
        return self._report(End(Event.FAILED_TO_START, Result.FAILED_TO_START, reason, interrupted_by=by), detail)

    def _report(self, end: End, detail: str) -> Report:
        return self._base(end.event, end, detail)

    def _base(self, event: Event, end: End | None = None, detail: str = "") -> Report:
        job_id, launch, runner_name = self._names()
        life = self._life
        return Report(
            event=event,
            machine=self._on.identity.machine,
            job_id=job_id,
            launch=launch,
            runner_name=runner_name,
            at=self._on.clock.now(),
            job_name="" if life is None else life.job_name,
            ready_at=None if life is None else life.ready_at,
            started_at=None if life is None else life.started_at,
            finished_at=None if life is None else life.finished_at,
            conclusion=None if end is None else end.conclusion,
            result=None if end is None else end.result,
            exit_code=None if end is None else end.exit_code,
            reason="" if end is None or end.reason is None else end.reason.value,
            interrupted_by=None if end is None else end.interrupted_by,
            detail=detail,
            phases=dict(self._phases.spans),
        )

    def _names(self) -> tuple[int, int, str]:
        """Job, launch and runner; as far as they can be read, if the assignment was a bad one."""
        if self._assignment is not None:
            return self._assignment.job_id, self._assignment.launch, self._assignment.runner_name
        data = self._data if isinstance(self._data, dict) else {}
        job_id, launch, name = data.get("job_id"), data.get("launch"), data.get("runner_name")
        return (
            job_id if type(job_id) is int else 0,
            launch if type(launch) is int else 0,
            name[:100] if isinstance(name, str) else "",
        )

    def _leave(self, report: Report | None) -> None:
        """Nothing of the job is left running, then the word goes out, then nothing of it is left on the disk.

        Each step is taken whatever became of the one before; a full disk has room for the report after the wipe.
        """
        from paddock.agent.machine.cleanup import wipe  # noqa: PLC0415 - needed once, at the end

        on = self._on
        start = on.clock.now()
        try:
            alive = on.processes.kill_all(marker(self._on.identity.machine))
            if alive:
                on.log.write("left_running", count=alive)
        except Exception as error:  # noqa: BLE001 - see the docstring
            on.log.write("kill_failed", error=_words(error))
        self._phases.note("kill", on.clock.now() - start)
        if report is not None:
            on.sink.send(replace(report, at=on.clock.now(), phases=dict(self._phases.spans)))
        on.source.discard()
        try:
            if not wipe(self._settings.work, self._settings.directory / "diag"):
                on.log.write("left_on_disk", what=str(self._settings.work))
        except Exception as error:  # noqa: BLE001 - see the docstring
            on.log.write("wipe_failed", error=_words(error))
        delivered = on.sink.flush()
        on.log.write("off", reported=delivered, **self._phases.spans)


def _reason_of(error: Exception) -> Reason:
    full = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
    return Reason.LOW_DISK if full else Reason.AGENT_ERROR


def _words(error: Exception) -> str:
    """The error's kind and place, not its text: that might quote what it was handed."""
    if isinstance(error, OSError):
        return f"{type(error).__name__}: {error.strerror}"
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    where = "" if trace is None else f" at {Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}"
    return f"{type(error).__name__}{where}"
