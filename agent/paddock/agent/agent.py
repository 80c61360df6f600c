"""The agent: one assignment, one runner, one job; then the report, and off. No path leaves the machine on."""

import contextlib
import dataclasses

from paddock.agent.assignment import Assignment, parse_assignment
from paddock.agent.job.diag import Diagnosis
from paddock.agent.job.environment import marker
from paddock.agent.job.life import Deed, Life, Limits
from paddock.agent.job.supervise import Hands, Supervisor
from paddock.agent.job.watch import Rhythm, Watch
from paddock.agent.job.worker import WorkerProcess
from paddock.agent.leaving import Leaving, failure_of
from paddock.agent.machine.clock import SECOND, Phases
from paddock.agent.platform import Platform
from paddock.agent.ports import Child, NoticeKind
from paddock.agent.reasons import AgentFailure, Reason, Stopped
from paddock.agent.registration.keeper import TokenKeeper
from paddock.agent.registration.program import RunToEnd
from paddock.agent.reporting import Reporter
from paddock.agent.settings import LISTENER, Settings
from paddock.agent.standby import FOR_EVER, Vigil
from paddock.agent.telling.report import Report, Result

PREPARING = 300 * SECOND  # the longest that everything around a download may take
SOON = 60 * SECOND  # to switch off


class Agent:
    """One machine's whole life."""

    def __init__(self, settings: Settings, platform: Platform) -> None:
        """Args: the machine's settings and platform."""
        run = RunToEnd(platform.processes, platform.clock, marker(platform.identity.machine))
        self._keeper = TokenKeeper(platform.source, run, platform.stop)
        self._settings = settings
        self._on = platform = dataclasses.replace(platform, source=self._keeper)
        self._phases = Phases(platform.clock)
        self._reporter = Reporter(platform.identity.machine, platform.clock, self._phases)
        self._leaving = Leaving(settings, platform, self._phases)
        self._taken_at: int | None = None  # when the cloud takes the machine
        self.end: Report | None = None  # what was told last, once it was

    def run(self) -> None:
        """Serve, and whatever happens: kill, report, wipe, switch off.

        A pool's machine that is stopped while it waits for orders is left to whoever stops it: it may live again.
        """
        ours = True
        try:
            report: Report | None
            try:
                report = self._serve()
            except Stopped:
                report = None
                ours = not self._waits_in_pool
                if self._reporter.data is not None or (ours and self._settings.alone):  # somebody counts on it
                    report = self._failed(
                        AgentFailure(self._why_stopped(), "told to stop before the runner was started")
                    )
            except AgentFailure as failure:
                report = self._failed(failure)
            except Exception as error:  # noqa: BLE001 - whatever it is, the machine must not stay on because of it
                report = self._failed(failure_of(error))
            self.end = report
            self._leave(report, may_live_again=not ours and self._settings.alone)
        finally:
            self._on.service.stopping(SOON)
            if ours:
                self._on.power.off()

    def _why_stopped(self) -> Reason:
        """Whether it was the cloud that took the machine while it was prepared: nobody has looked for notices yet."""
        notice = None if self._on.notices is None else self._on.notices.look()
        return Reason.SPOT_NOTICE if notice is not None and notice.kind is NoticeKind.SPOT else Reason.SIGTERM

    @property
    def _waits_in_pool(self) -> bool:
        return self._settings.standby and self._reporter.data is None

    def _serve(self) -> Report:
        on = self._on
        # Closed before the Listener starts: it keeps what is good for other machines too.
        with contextlib.closing(self._keeper), on.stop.raising():
            self._note("standby" if self._settings.standby else "assignment")
            preparing = self._settings.download_deadline + PREPARING
            with self._phases.measure("assignment"):
                data = self._reporter.data = self._orders(preparing)
            if data is None:
                span = self._settings.assignment_deadline // SECOND
                raise AgentFailure(Reason.ASSIGNMENT_DEADLINE, f"no assignment came within {span} s")
            if on.stop.requested:  # in the very moment in which the orders came
                raise Stopped
            assignment = self._accept(data)
            with on.service.busy(preparing):
                environment = self._prepare(assignment)
        return self._listen(assignment, environment)

    def _orders(self, preparing: int) -> object | None:
        on, settings, reporter = self._on, self._settings, self._reporter
        if not settings.standby:
            with on.service.busy(settings.assignment_deadline + preparing):
                return on.source.take(settings.assignment_deadline)
        if on.trouble is not None:  # it could serve nobody, so it must not pass for one that can
            raise on.trouble

        def say() -> None:
            on.service.renew()
            on.sink.send(reporter.ready())

        vigil = Vigil(say, settings.heartbeat, on.clock, on.service)
        return self._keeper.take(FOR_EVER, vigil)

    def _accept(self, data: object) -> Assignment:
        on = self._on
        if isinstance(data, dict):
            on.log.hide(str(data.get("jit_config") or ""))
        assignment = parse_assignment(data)
        if assignment.machine != on.identity.machine:
            detail = f"machine: found {assignment.machine!r}, and this is {on.identity.machine!r}"
            raise AgentFailure(Reason.BAD_ASSIGNMENT, detail)
        self._reporter.assignment = assignment
        self._reporter.runner_id = assignment.runner_id
        names = {"job_id": assignment.job_id, "launch": assignment.launch, "runner_name": assignment.runner_name}
        self._note("preparing", **names, runner_id=assignment.runner_id or None)
        on.log.write("assigned", **names)
        self._leaving.ship(assignment.job_id)
        if self._settings.standby:
            on.service.renew()
        if on.trouble is not None:
            raise on.trouble
        return assignment

    def _prepare(self, assignment: Assignment) -> dict[str, str]:
        with self._on.stop.loading():
            from paddock.agent.preparing import Preparation  # noqa: PLC0415 - a waiting agent should be small

        ready = Preparation(assignment, self._settings, self._on, self._phases, run=self._keeper)()
        self._reporter.hooks, self._reporter.runner_id = ready.hooks, ready.runner_id
        self._on.log.write("prepared", version=ready.version, **self._phases.spans)
        return dict(ready.environment)

    def _listen(self, assignment: Assignment, environment: dict[str, str]) -> Report:
        on, settings, reporter = self._on, self._settings, self._reporter
        limits = Limits(
            max_runtime=assignment.max_runtime,
            idle_timeout=assignment.idle_timeout,
            stop_grace=settings.stop_grace,
            heartbeat=settings.heartbeat,
            retry_delay=settings.retry_delay,
            min_disk=settings.low_disk,
            low_memory=settings.low_memory,
            spot_wait=settings.spot_wait,
        )
        watch = Watch(
            on.clock,
            notices=on.notices,
            resources=on.resources,
            diagnosis=Diagnosis(settings.directory, "work", "runner", "_diag"),
            worker_runs=WorkerProcess().runs,
            rhythm=Rhythm(min_disk=settings.low_disk, low_memory=settings.low_memory),
        )

        def start() -> Child:
            command = (str(settings.runner / LISTENER), "run")
            child = on.processes.spawn(command, directory=settings.runner, environment=environment)
            on.log.write("listener_started", pid=child.pid)
            return child

        self._note("listening", runner_id=reporter.runner_id)
        reporter.listener_at = on.clock.now()
        reporter.life = life = Life(limits, reporter.listener_at)
        hands = Hands(start, self._tell, self._update_finished, marker(on.identity.machine))
        supervisor = Supervisor(life, hands, on.processes, on.clock, on.stop, on.log, watch=watch, service=on.service)
        try:
            supervisor.run()
        finally:
            self._taken_at = life.taken_at
            reporter.peaks = dict(supervisor.peaks)
        assert life.end is not None
        return reporter.ended(life.end, "" if life.end.result is Result.SERVED else "\n".join(supervisor.complaints))

    def _update_finished(self) -> bool:
        finished = self._settings.runner / "update.finished"
        if not finished.exists():
            return False
        finished.unlink()
        return True

    def _tell(self, deed: Deed) -> None:
        reporter, life = self._reporter, self._reporter.life
        assert life is not None
        if deed is Deed.TELL_NOTICE and life.notice is not None:
            self._on.sink.send(reporter.warned(life.notice))
        else:
            self._on.sink.send(reporter.started() if deed is Deed.TELL_STARTED else reporter.alive())

    def _failed(self, failure: AgentFailure) -> Report:
        """The report of an end that the Listener did not choose."""
        self._on.log.write("failed", reason=failure.reason.value, detail=failure.detail)
        return self._reporter.failed(failure)

    def _leave(self, report: Report | None, *, may_live_again: bool) -> None:
        life = self._reporter.life
        self._leaving(report, taken_at=self._taken_at, may_live_again=may_live_again)
        self._leaving.wait_for_the_cloud(None if life is None else life.wait_until)

    def _note(self, phase: str, **facts: object) -> None:
        self._on.service.status(phase)
        if self._on.state is not None:
            self._on.state.note(phase, machine=self._on.identity.machine, **facts)
