"""Machines with an agent on them, in memory: each boots, takes its orders, serves one job at GitHub, reports, is off.

`Cloud` is the machines port: it starts an agent on whatever it launches, and keeps the log of the machines' lives that
any bill can be compared with.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import attrs

from paddock.adapters.memory import MemoryAssignments, MemoryMachines
from paddock.adapters.memory.github import MemoryGitHub
from paddock.core.errors import NotFound
from paddock.core.messages import Assignment, ReportEvent, RunnerReported
from paddock.core.ports.machines import LaunchOutcome, LaunchRequest, Machine
from paddock.core.ports.records import Page
from paddock.core.ports.system import Clock
from paddock.core.spec import Offer, RunnerSpec
from paddock.core.states import OperationalResult
from paddock.core.units import MINUTE, SECOND, Moment, Span

BOOT: Span = 20 * SECOND
ASSIGNMENT_DEADLINE: Span = 10 * MINUTE
SHORT_JOB: Span = 90 * SECOND
STOP_AHEAD: Span = 45 * SECOND  # of the moment at which a spot machine is taken back


@attrs.define
class Agent:
    """The program on one machine. ``wakes_at`` is when it next does something; None once it is off.

    ``notice`` is the moment at which the cloud will take the machine, as far as the machine has been told. ``lost`` is
    the job that it could not bring to its end.
    """

    machine: Machine
    github: MemoryGitHub
    assignments: MemoryAssignments
    report: Callable[[RunnerReported], None]
    power_off: Callable[[str], None]
    wakes_at: Moment | None
    orders: Assignment | None = None
    ready_at: Moment | None = None
    job: int | None = None
    started_at: Moment | None = None
    ends_at: Moment = 0
    notice: Moment | None = None
    lost: int | None = None

    def act(self, now: Moment) -> None:
        """Do what is to be done now."""
        if self.notice is not None and (self.job is None or now >= self.notice - STOP_AHEAD):
            self._stop(now)
        elif self.orders is None:
            self._take_orders(now)
        elif self.job is None:
            self._listen(now, self.orders)
        else:
            self._work(now, self.orders, self.job)

    def _stop(self, now: Moment) -> None:
        """The cloud is about to take the machine: end what runs, tell, and wait to be taken."""
        spot = {"reason": "spot_notice", "interrupted_by": "spot"}
        if self.job is not None and self.orders is not None:
            self.lost = self.job
            self.github.runs.complete(self.orders.runner_id, self.job, "failure")
            times = {"started_at": self.started_at, "finished_at": now}
            result = OperationalResult.INTERRUPTED
            self._tell(now, ReportEvent.FINISHED, conclusion="cancelled", result=result, **times, **spot)
        else:
            if self.orders is not None:
                self.github.runners.disconnect(self.orders.runner_id)
            self._tell(now, ReportEvent.FAILED_TO_START, result=OperationalResult.FAILED_TO_START, **spot)
        self.wakes_at = None

    def vanish(self) -> None:
        """The machine is gone, from one moment to the next."""
        self.wakes_at, self.lost = None, self.job
        if self.orders is not None:
            self.github.runs.lose(self.orders.runner_id)

    def _take_orders(self, now: Moment) -> None:
        self.orders = self.assignments.take(self.machine.id)
        if self.orders is not None:
            self.wakes_at = now
            self._connect(now, self.orders)
        elif now >= self.machine.launched_at + ASSIGNMENT_DEADLINE:
            self._give_up(now, "assignment_deadline")
        else:
            self.wakes_at = now + 10 * SECOND

    def _connect(self, now: Moment, orders: Assignment) -> None:
        try:
            self.github.runners.connect(orders.runner_id)
        except NotFound:
            self._give_up(now, "registration_deleted")
        else:
            self.ready_at = now

    def _listen(self, now: Moment, orders: Assignment) -> None:
        mine = next((runner for runner in self.github.all_runners() if runner.id == orders.runner_id), None)
        if mine is None:
            self._give_up(now, "registration_deleted")
        elif mine.job_id is not None:
            self._begin(now, orders, mine.job_id)
        elif now >= (self.ready_at or now) + orders.idle_timeout:
            self.github.runners.disconnect(orders.runner_id)
            self._give_up(now, "no_job")
        else:
            self.wakes_at = now + 5 * SECOND

    def _begin(self, now: Moment, orders: Assignment, job_id: int) -> None:
        try:
            taken = self.github.runs.acquire(orders.runner_id, job_id)
            self.github.runs.started(orders.runner_id, job_id)
        except NotFound:
            self.wakes_at = now + 5 * SECOND
            return
        length = taken.script.faults.duration
        self.job, self.started_at, self.ends_at = job_id, now, now + (SHORT_JOB if length is None else length)
        self.wakes_at = min(self.ends_at, now + 30 * SECOND)
        self._tell(now, ReportEvent.STARTED, started_at=now)

    def _work(self, now: Moment, orders: Assignment, job_id: int) -> None:
        job = self.github.state.jobs[job_id]
        if now < self.ends_at and not job.cancel_requested:
            self.github.runs.renew(orders.runner_id, job_id)
            self.wakes_at = min(self.ends_at, now + 30 * SECOND)
            return
        conclusion = "cancelled" if job.cancel_requested else job.script.faults.result or "success"
        self.github.runs.complete(orders.runner_id, job_id, conclusion)
        times = {"started_at": self.started_at, "finished_at": now}
        self._tell(now, ReportEvent.FINISHED, conclusion=conclusion, result=OperationalResult.SERVED, **times)
        self._off()

    def _give_up(self, now: Moment, reason: str) -> None:
        self._tell(now, ReportEvent.FAILED_TO_START, result=OperationalResult.FAILED_TO_START, reason=reason)
        self._off()

    def _off(self) -> None:
        self.wakes_at = None
        self.power_off(self.machine.id)

    def _tell(self, now: Moment, event: ReportEvent, **more: Any) -> None:  # noqa: ANN401 - attrs checks the names
        orders = self.orders
        report = RunnerReported(
            event=event,
            machine=self.machine.id,
            job_id=0 if orders is None else orders.job_id,
            launch=0 if orders is None else orders.launch,
            runner_name="" if orders is None else orders.runner_name,
            at=now,
            ready_at=self.ready_at,
        )
        self.report(attrs.evolve(report, **more))


@attrs.define
class Life:
    """When a machine lived."""

    machine: Machine
    ended_at: Moment | None = None


class Cloud:
    """`MemoryMachines` with an agent on every machine."""

    def __init__(self, inner: MemoryMachines, clock: Clock, agent_on: Callable[[Machine], Agent]) -> None:
        self._inner = inner
        self._clock = clock
        self._agent_on = agent_on
        self.agents: dict[str, Agent] = {}
        self.lives: dict[str, Life] = {}
        self.launches: list[LaunchRequest] = []
        self.taken: list[str] = []

    def offers(self, spec: RunnerSpec) -> Sequence[Offer]:
        """As the cloud says."""
        return self._inner.offers(spec)

    def launch(self, request: LaunchRequest) -> LaunchOutcome:
        """Start machines, each with its agent."""
        outcome = self._inner.launch(request)
        new = [machine for machine in outcome.machines if machine.id not in self.lives]
        if new:
            self.launches.append(request)
        for machine in new:
            self.lives[machine.id] = Life(machine)
            self.agents[machine.id] = self._agent_on(machine)
        return outcome

    def describe(self, ids: Sequence[str]) -> Mapping[str, Machine]:
        """As the cloud says."""
        return self._inner.describe(ids)

    def page(self, *, cursor: str | None = None) -> Page[Machine]:
        """As the cloud says."""
        return self._inner.page(cursor=cursor)

    def terminate(self, ids: Sequence[str]) -> None:
        """End machines; what runs on them vanishes."""
        self._inner.terminate(ids)
        for machine in ids:
            self._ended(machine)

    def kill(self, machine: str) -> None:
        """Hardware fails."""
        self._inner.kill(machine, "Server.InternalError")
        self._ended(machine)

    def take_back(self, machine: str) -> None:
        """A spot machine is taken back by the cloud."""
        self.taken.append(machine)
        self._inner.kill(machine, "Server.SpotInstanceTermination")
        self._ended(machine)

    def power_off(self, machine: str) -> None:
        """The agent's own last act."""
        self._inner.kill(machine)
        self._ended(machine)

    @property
    def alive(self) -> list[str]:
        """The machines that live, oldest first."""
        return [name for name, life in self.lives.items() if life.ended_at is None]

    def _ended(self, machine: str) -> None:
        life = self.lives.get(machine)
        if life is not None and life.ended_at is None:
            life.ended_at = self._clock.now()
            agent = self.agents[machine]
            if agent.wakes_at is not None:
                agent.vanish()
