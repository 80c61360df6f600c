"""The agent on one machine, as events: what is true on the machine, whatever the fleet believes of it.

::

    booted ──> waits for orders ──> prepares ──> listens ──> works ──> leaves ──> off
                     │                  │           │ ▲         │
                     │ deadline         │ no        │ │ job     ├─ cancelled, too long
                     ▼                  ▼ such      ▼ │ gone    ├─ spot notice: stopped 45 s ahead
                 failed_to_start    registration   idle time-out│
                                                                └─ machine gone without a word: GitHub finds out

On a pool's machine it is on standby: it has no deadline, says that it is ready, again every few minutes, and finds
orders within a second of their being there. A machine that is stopped takes it along; there is another when it is up.
"""

from enum import StrEnum
from typing import Any

from paddock.adapters.simulation.protocols import Ending
from paddock.adapters.simulation.surroundings import Surroundings
from paddock.adapters.simulation.timeline import Act, Handle
from paddock.core.errors import NotFound
from paddock.core.messages import Assignment, ReportEvent, RunnerReported, WarningKind
from paddock.core.ports.machines import Machine
from paddock.core.states import OperationalResult
from paddock.core.units import Moment, Span

_SET_UP_JOB = 10  # in a hundred: the signal fell into "Set up job", which makes the job cancelled instead of failed


class Standing(StrEnum):
    """What the agent is at."""

    WAITING = "waiting"  # for its orders
    PREPARING = "preparing"
    LISTENING = "listening"
    WORKING = "working"
    LEAVING = "leaving"
    OFF = "off"


class Agent:
    """One machine's agent. Its attributes are the truth, for those who compare.

    ``over_at`` is when the machine's purpose was over as far as it can know: its job ended, or it gave up.
    ``concluded_at`` is when GitHub concluded its job.
    ``mute``: it reports nothing and switches nothing off any more; its runner goes on. ``skew`` is how far its clock
    is off. ``standby``: it waits for orders as long as it lives.
    """

    __slots__ = (
        "_around",
        "_beat",
        "_ends_at",
        "_timer",
        "begun_at",
        "booted_at",
        "concluded_at",
        "conclusion",
        "connected_at",
        "job_id",
        "machine",
        "mute",
        "orders",
        "over_at",
        "runner_id",
        "skew",
        "standby",
        "standing",
        "taken_at",
    )

    def __init__(self, machine: Machine, around: Surroundings, *, standby: bool = False) -> None:
        """Args: the machine, whose system is up; what is around it; whether a pool keeps it."""
        self._around = around
        self._timer: Handle | None = None
        self._beat: Handle | None = None
        self._ends_at: Moment = 0
        self.machine = machine
        self.booted_at: Moment = around.timeline.now()
        self.connected_at: Moment | None = None
        self.begun_at: Moment | None = None
        self.over_at: Moment | None = None
        self.concluded_at: Moment | None = None
        self.taken_at: Moment | None = None
        self.conclusion = ""
        self.job_id: int | None = None
        self.orders: Assignment | None = None
        self.runner_id = 0
        self.standing = Standing.WAITING
        self.mute = False
        self.skew: Span = 0
        self.standby = standby

    def start(self) -> None:
        """Look for orders."""
        if self.standby:
            self._ready()
        else:
            deadline = self.booted_at + self._around.hosts.orders
            self._next(deadline, lambda: self._give_up("assignment_deadline"))
        self._look()

    def ordered(self) -> None:
        """Orders have come."""
        if self.standby and self.standing is Standing.WAITING:
            around = self._around
            around.timeline.at(self._now + around.hosts.look(around.chance), self._look)
        else:
            self._look()

    def _look(self) -> None:
        """Orders may be there."""
        if self.standing is not Standing.WAITING or self.mute:
            return
        self.orders = self._around.take_orders(self.machine.id)
        if self.orders is None:
            return
        if self._beat is not None:
            self._beat.cancel()
        self.runner_id = self.orders.runner_id
        self.standing = Standing.PREPARING
        hosts, chance = self._around.hosts, self._around.chance
        self._next(self._now + hosts.prepare(chance) + hosts.handshake(chance), self._connect)

    def assigned(self, job_id: int) -> None:
        """GitHub handed the runner a job."""
        if self.standing is Standing.LISTENING:
            at = self._now + self._around.hosts.acquire(self._around.chance)
            self._around.timeline.at(at, lambda: self._begin(job_id))

    def removed(self) -> None:
        """GitHub deleted the registration under an idle runner: the listener exits."""
        if self.standing is Standing.LISTENING:
            self._give_up("registration_deleted")

    def cancelled(self, job_id: int) -> None:
        """Somebody cancelled the job: its running step is stopped."""
        if self.standing is Standing.WORKING and self.job_id == job_id:
            self._ends_within(self._around.hosts.cancel(self._around.chance), "cancelled", OperationalResult.SERVED)

    def warned(self, warning: WarningKind, at: Moment) -> None:
        """The cloud's notice is seen."""
        if self.standing in {Standing.OFF, Standing.LEAVING}:
            return
        reason = "spot_notice" if warning is WarningKind.SPOT else "rebalance"
        self._tell(ReportEvent.HEARTBEAT, reason=reason, detail=f"moment {at}")
        if warning is not WarningKind.SPOT:
            return
        self.taken_at = at
        if self.standing is Standing.WORKING:
            stop = max(self._now, at - self._around.hosts.interrupt)
            self._around.timeline.at(stop, self._interrupt)
        else:
            if self.standing is Standing.LISTENING and self.orders is not None:
                self.standing = Standing.LEAVING
                self._around.disconnect(self.runner_id)
            self._give_up("spot_notice", interrupted_by="spot")

    def vanish(self, by: Ending | None = None) -> None:
        """The machine is gone, from one moment to the next. `by`: who ended it; None: it only stands still."""
        was, self.standing = self.standing, Standing.OFF
        self._stop_timers()
        if self.over_at is None:
            self.over_at = self._now
        if self.orders is None:
            return
        runner_id = self.runner_id
        if was is Standing.WORKING:
            self._around.lose(runner_id, self.job_id, by)
        elif was is Standing.LISTENING:
            # GitHub takes it for online for a while, and may hand it a job.
            gone = self._now + self._around.hosts.session
            self._around.timeline.at(gone, lambda: self._around.disconnect(runner_id))

    def hang(self) -> None:
        """The whole machine stands still: nothing is reported, and GitHub hears nothing either."""
        self.mute = True
        self.vanish()

    def silence(self) -> None:
        """The agent does nothing any more, nor does its runner; the machine lives."""
        self.mute = True
        self._stop_timers()

    # -- the way ------------------------------------------------------------------------------------------------

    @property
    def _now(self) -> Moment:
        return self._around.timeline.now()

    def _connect(self) -> None:
        orders = self.orders
        if orders is None:
            return
        self.standing = Standing.LISTENING
        self.connected_at = self._now
        self._next(self._now + orders.idle_timeout, self._idle)
        self._beat = self._around.timeline.at(self._now + self._around.hosts.heartbeat, self._alive)
        try:
            self.runner_id = self._around.register(orders)
            self._around.connect(self.runner_id)
        except NotFound:
            self.connected_at = None
            self._give_up("registration_deleted")

    def _idle(self) -> None:
        if self.standing is Standing.LISTENING and self.orders is not None and not self.mute:
            self.standing = Standing.LEAVING
            self._around.disconnect(self.runner_id)
            self._give_up("no_job")

    def _begin(self, job_id: int) -> None:
        if self.standing is not Standing.LISTENING or self.orders is None:
            return
        try:
            job = self._around.begin(self.runner_id, job_id)
        except NotFound:
            return  # it listens on; a ghost, whose registration is gone, has been told so by now
        lasts, conclusion = self._around.job_of(job)
        now = self._now
        self.standing, self.job_id, self.begun_at = Standing.WORKING, job_id, now
        self._tell(ReportEvent.STARTED, started_at=now + self.skew, job_name=job.name)
        if lasts > self.orders.max_runtime:
            self._ends_within(self.orders.max_runtime, "failure", OperationalResult.TIMED_OUT, reason="max_runtime")
        else:
            self._ends_within(lasts, conclusion, OperationalResult.SERVED)

    def _ends_within(self, span: Span, conclusion: str, result: OperationalResult, **more: str) -> None:
        """The job ends after this span, unless it does so sooner."""
        at = self._now + span
        if self._timer is not None and self._ends_at and self._ends_at <= at:
            return
        self._ends_at = at
        self._next(at, lambda: self._end(conclusion, conclusion, result, **more))

    def _interrupt(self) -> None:
        """SIGINT to the listener: the job has some seconds, and is then called failed, or cancelled."""
        if self.standing is not Standing.WORKING or self._timer is None:
            return
        chance = self._around.chance
        conclusion = "cancelled" if chance.below(100) < _SET_UP_JOB else "failure"
        at = self._now + self._around.hosts.cancel(chance)
        if self._ends_at > at:
            self._ends_at = at
            told = {"reason": "spot_notice", "interrupted_by": "spot"}
            # The listener prints "Canceled", whatever its worker has told GitHub.
            self._next(at, lambda: self._end(conclusion, "cancelled", OperationalResult.INTERRUPTED, **told))

    def _end(self, conclusion: str, seen: str, result: OperationalResult, **more: str) -> None:
        if self.orders is None or self.job_id is None:
            return
        self.standing, self.over_at, self.conclusion = Standing.LEAVING, self._now, conclusion
        try:
            self._around.complete(self.runner_id, self.job_id, conclusion, result)
        except NotFound:
            more = {"reason": "abandoned", "interrupted_by": "lost_lease"}
            seen, result = "failure", OperationalResult.INTERRUPTED
        times: dict[str, Any] = {"finished_at": self._now + self.skew}
        if self.begun_at is not None:
            times["started_at"] = self.begun_at + self.skew
        self._tell(ReportEvent.FINISHED, conclusion=seen, result=result, **times, **more)
        self._leave()

    def _give_up(self, reason: str, **more: str) -> None:
        self.standing, self.over_at = Standing.LEAVING, self._now
        self._tell(ReportEvent.FAILED_TO_START, result=OperationalResult.FAILED_TO_START, reason=reason, **more)
        self._leave()

    def _leave(self) -> None:
        self._stop_timers()
        if self.mute:
            return
        hosts = self._around.hosts
        if self.taken_at is None:
            self._next(self._now + hosts.leave(self._around.chance), self._off)
        else:
            # What AWS takes back in its first hour is free, and what powers itself off is not.
            self._next(max(self._now, self.taken_at + hosts.spot_wait), self._off)

    def _off(self) -> None:
        self.standing = Standing.OFF
        self._around.power_off(self.machine.id)

    def _ready(self) -> None:
        """Say that it waits, and say so again as long as it does."""
        if self.standing is Standing.WAITING and not self.mute:
            self._tell(ReportEvent.READY)
            self._beat = self._around.timeline.at(self._now + self._around.hosts.heartbeat, self._ready)

    def _alive(self) -> None:
        if self.standing in {Standing.LISTENING, Standing.WORKING}:
            self._tell(ReportEvent.HEARTBEAT)
            self._beat = self._around.timeline.at(self._now + self._around.hosts.heartbeat, self._alive)

    def _tell(self, event: ReportEvent, **more: Any) -> None:  # noqa: ANN401 - attrs checks the names
        if self.mute:
            return
        orders, ready = self.orders, self.connected_at
        report = RunnerReported(
            event=event,
            machine=self.machine.id,
            job_id=0 if orders is None else orders.job_id,
            launch=0 if orders is None else orders.launch,
            runner_name="" if orders is None else orders.runner_name,
            at=self._now + self.skew,
            runner_id=self.runner_id or None,
            ready_at=None if ready is None else ready + self.skew,
            **more,
        )
        self._around.report(report)

    def _next(self, at: Moment, act: Act) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._around.timeline.at(at, act)

    def _stop_timers(self) -> None:
        for timer in (self._timer, self._beat):
            if timer is not None:
                timer.cancel()
        self._timer = self._beat = None
