"""What the agent reports of its machine's life, put together from what is known at the moment."""

from paddock.agent.assignment import Assignment
from paddock.agent.job.hooks import Hooks
from paddock.agent.job.life import End, Life
from paddock.agent.job.verdict import interrupter
from paddock.agent.machine.clock import Phases
from paddock.agent.ports import Clock, Notice, NoticeKind
from paddock.agent.reasons import AgentFailure, Reason
from paddock.agent.telling.report import Event, Report, Result

WARNINGS = {NoticeKind.SPOT: Reason.SPOT_NOTICE, NoticeKind.REBALANCE: Reason.REBALANCE}


class Reporter:
    """Knows all there is to tell; its fields are set as they become known."""

    def __init__(self, machine: str, clock: Clock, phases: Phases) -> None:
        """Args: whose life it is, the time, and how long each phase took."""
        self._machine = machine
        self._clock = clock
        self._phases = phases
        self.data: object = None  # the assignment as it came
        self.assignment: Assignment | None = None
        self.runner_id: int | None = None
        self.hooks: Hooks | None = None
        self.life: Life | None = None
        self.listener_at = 0  # when the Listener was first started
        self.peaks: dict[str, int] = {}

    def ready(self) -> Report:
        """It waits for orders, whatever they may be."""
        return self._report(Event.READY)

    def started(self) -> Report:
        """The job has begun."""
        return self._report(Event.STARTED)

    def alive(self) -> Report:
        """A sign of life."""
        return self._report(Event.HEARTBEAT)

    def warned(self, notice: Notice) -> Report:
        """The cloud has warned: a sign of life with a reason. Nothing has ended by it."""
        seconds = (notice.at - self._clock.now()) / 1_000_000
        detail = f"moment {notice.at}, {seconds:.0f} s from when it was told"
        return self._report(Event.HEARTBEAT, reason=WARNINGS[notice.kind], detail=detail)

    def ended(self, end: End, detail: str) -> Report:
        """The Listener's life has ended."""
        return self._report(end.event, end, reason=end.reason, detail=detail)

    def failed(self, failure: AgentFailure) -> Report:
        """The end is none that the Listener chose: before there was a job, or in the midst of one."""
        reason = failure.reason
        if self.life is not None and self.life.started_at is not None:
            end = End(Event.FINISHED, Result.INTERRUPTED, reason, interrupted_by=reason.value)
        else:
            by = interrupter(reason) if reason in (Reason.SIGTERM, Reason.SPOT_NOTICE) else None
            end = End(Event.FAILED_TO_START, Result.FAILED_TO_START, reason, interrupted_by=by)
        return self.ended(end, failure.detail)

    def _report(
        self, event: Event, end: End | None = None, *, reason: Reason | None = None, detail: str = ""
    ) -> Report:
        self._measure()
        job_id, launch, runner_name = self._names()
        life, facts = self.life, None if self.hooks is None else self.hooks.facts(runner_name)
        return Report(
            event=event,
            machine=self._machine,
            job_id=job_id,
            launch=launch,
            runner_name=runner_name,
            runner_id=self.runner_id or None,
            at=self._clock.now(),
            job_name="" if life is None else life.job_name,
            ready_at=None if life is None else life.ready_at,
            started_at=None if life is None else life.started_at,
            finished_at=None if life is None else life.finished_at,
            conclusion=None if end is None else end.conclusion,
            result=None if end is None else end.result,
            exit_code=None if end is None else end.exit_code,
            reason="" if reason is None else reason.value,
            interrupted_by=None if end is None else end.interrupted_by,
            detail=detail,
            phases=dict(self._phases.spans),
            peaks=dict(self.peaks),
            repository="" if facts is None else facts.repository,
            run_id=None if facts is None else facts.run_id,
            run_attempt=None if facts is None else facts.run_attempt,
        )

    def _measure(self) -> None:
        """What the moments of the Listener's life say in spans."""
        life = self.life
        if life is None:
            return
        if life.ready_at is not None:
            self._phases.note("connect", life.ready_at - self.listener_at)
        if life.started_at is not None:
            self._phases.note("idle", life.started_at - (life.ready_at or self.listener_at))
            if life.finished_at is not None:
                self._phases.note("job", life.finished_at - life.started_at)

    def _names(self) -> tuple[int, int, str]:
        """Job, launch and runner; as far as they can be read, if the assignment was a bad one."""
        if self.assignment is not None:
            return self.assignment.job_id, self.assignment.launch, self.assignment.runner_name
        data = self.data if isinstance(self.data, dict) else {}
        job_id, launch, name = data.get("job_id"), data.get("launch"), data.get("runner_name")
        return (
            job_id if type(job_id) is int else 0,
            launch if type(launch) is int else 0,
            name[:100] if isinstance(name, str) else "",
        )
