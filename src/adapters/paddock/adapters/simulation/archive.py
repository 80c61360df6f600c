"""What has ended leaves the stores: checked, counted, written to a sink if there is one, and forgotten.

::

    job concluded at GitHub ──(keep)──> record closed too? ──> checks, counts ──> sink ──> forgotten everywhere
    machine ended           ──(keep)──> record gone too?   ──> checks, bill   ──> sink ──> forgotten everywhere

So a million jobs need the memory of those of the last hour.
"""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, TypeVar

import attrs
import msgspec

from paddock.adapters.memory import MemoryDecisions
from paddock.adapters.memory.github import MemoryGitHub
from paddock.adapters.memory.github.values import JobRecord, Status
from paddock.adapters.simulation.agents import Agents
from paddock.adapters.simulation.measure import Measure, Service
from paddock.adapters.simulation.protocols import Life, SimulatedCloud
from paddock.adapters.simulation.pushes import Pushes
from paddock.adapters.simulation.timeline import Timeline
from paddock.core.costs.ledger import Bill, LedgerEntry
from paddock.core.job import Job, job_subject
from paddock.core.launch import Launch
from paddock.core.ports.stores import Table
from paddock.core.runner import Runner
from paddock.core.units import DAY, HOUR, MINUTE, Moment, Span
from paddock.core.usecases.record import machine_subject

K = TypeVar("K")

_LOGGED: Span = HOUR + 5 * MINUTE  # the sweep looks an hour back in GitHub's log of deliveries

Sink = Callable[[bytes], object]
"""Gets one JSON document at a time, without a line's end."""


class Checks(Protocol):
    """Who looks at what is closed."""

    def job(self, told: JobRecord, known: Job | None, service: Service | None) -> None:
        """A job is about to be forgotten."""

    def forget(self, job_id: int) -> None:
        """The job is forgotten."""

    def machine(self, life: Life, known: Runner | None, bill: Sequence[LedgerEntry]) -> None:
        """A machine is about to be forgotten."""

    def open_job(self, told: JobRecord, known: Job) -> None:
        """GitHub concluded the job a while ago, and its record is still open."""

    def open_machine(self, life: Life, known: Runner) -> None:
        """The machine ended a while ago, and its record is still open."""


class Archive:
    """Closes what has ended. ``open`` counts what has ended and is not closed yet."""

    def __init__(  # noqa: PLR0913 - it is where the parts of the world meet
        self,
        *,
        timeline: Timeline,
        keep: Span,
        github: MemoryGitHub,
        cloud: SimulatedCloud,
        table: Table,
        decisions: MemoryDecisions,
        agents: Agents,
        pushes: Pushes,
        measure: Measure,
        checks: Checks,
        spend: bool,
        sink: Sink | None,
    ) -> None:
        """Args: everything that remembers, and those who want to know before it is forgotten.

        `spend`: the fleet sums up its ledger by the day, so bills stay until theirs is over.
        """
        self._spend = spend
        self._timeline = timeline
        self._keep = keep
        self._github = github
        self._cloud = cloud
        self._table = table
        self._decisions = decisions
        self._agents = agents
        self._pushes = pushes
        self._measure = measure
        self._checks = checks
        self._encode = msgspec.json.Encoder().encode
        self.sink = sink
        self._jobs: deque[tuple[Moment, int]] = deque()
        self._machines: deque[tuple[Moment, str]] = deque()
        self._launches: deque[tuple[Moment, Launch]] = deque()
        self._billed: deque[tuple[Moment, str]] = deque()
        self._bills: dict[str, list[LedgerEntry]] = {}
        self._closed: dict[int, int] = {}  # how many jobs of a run are closed
        self._subjects: deque[tuple[Moment, str]] = deque()

    @property
    def open(self) -> int:
        """How much has ended and is not closed yet."""
        return len(self._jobs) + len(self._machines)

    def concluded(self, job_id: int) -> None:
        """GitHub concluded the job."""
        self._jobs.append((self._timeline.now() + self._keep, job_id))

    def ended(self, machine: str) -> None:
        """The machine ended."""
        self._machines.append((self._timeline.now() + self._keep, machine))

    def launched(self, launch: Launch) -> None:
        """A launch was written down."""
        self._launches.append((self._timeline.now() + self._keep, launch))

    def billed(self, bill: Bill) -> None:
        """A machine's bill was written."""
        self._bills[bill.machine] = list(bill.entries)

    def delivered(self, subject: str) -> None:
        """Something was decided about a delivery."""
        self._subjects.append((self._timeline.now() + self._keep, subject))

    def close_all(self) -> None:
        """Close everything that has ended, and jobs that GitHub lets wait although nobody will ever serve them."""
        waiting = [job_id for jobs in self._github.state.unfinished.values() for job_id in jobs]
        for job_id in waiting:
            self.concluded(job_id)
        self.close(all_of_it=True)

    def review(self) -> None:
        """Check everything that has ended, and forget nothing."""
        for told in list(self._github.state.jobs.values()):
            known = self._table.jobs.get(str(told.id))
            if known is not None and known.live and told.conclusion is not None:
                self._checks.open_job(told, known)
            elif told.conclusion is not None or known is not None:
                self._checks.job(told, known, self._agents.services.get(told.id))
        for machine, life in list(self._cloud.log.items()):
            runner = self._table.runners.get(machine)
            if life.ended_at is not None and runner is not None and runner.live:
                self._checks.open_machine(life, runner)
            elif life.ended_at is not None:
                self._checks.machine(life, runner, [] if runner is None else self._bill(machine))

    def close(self, *, all_of_it: bool = False) -> None:
        """Close what has been kept for long enough, or everything that has ended."""
        now = self._timeline.now()
        self._due(self._jobs, now, self._close_job, all_of_it=all_of_it)
        self._due(self._machines, now, self._close_machine, all_of_it=all_of_it)
        self._due(self._launches, now, self._close_launch, all_of_it=all_of_it)
        self._due(self._billed, now, self._close_bill, all_of_it=all_of_it)
        self._due(self._subjects, now, self._close_subject, all_of_it=all_of_it)
        self._github.deliveries.forget(now - max(self._keep, _LOGGED), now - self._keep)

    def _due(self, queue: deque[tuple[Moment, K]], now: Moment, close: Callable[[K], bool], *, all_of_it: bool) -> None:
        for _ in range(len(queue)):
            if queue[0][0] > now and not all_of_it:
                return
            _, what = queue.popleft()
            if not close(what):
                queue.append((now + self._keep, what))

    def _close_job(self, job_id: int) -> bool:
        told = self._github.state.jobs.get(job_id)
        if told is None:
            return True
        known = self._table.jobs.get(str(job_id))
        if known is not None and known.live:
            self._checks.open_job(told, known)
            return False
        service = self._agents.services.pop(job_id, None)
        self._checks.job(told, known, service)
        self._measure.job(told, known, service)
        decisions = self._decisions.forget(job_subject(job_id))
        if known is not None:
            self._write({"job": known, "github": _facts(told), "decisions": decisions})
            self._table.jobs.remove(known.key)
        self._checks.forget(job_id)
        self._forget_job(told)
        return True

    def _forget_job(self, told: JobRecord) -> None:
        """A run goes with the last of its jobs: until it is completed, GitHub looks at all of them."""
        state, run_id = self._github.state, told.run_id
        closed = self._closed[run_id] = self._closed.get(run_id, 0) + 1
        run = state.runs.get(run_id)
        if run is None or run.status is not Status.COMPLETED or closed < len(run.jobs):
            return  # also at the very end, where a run may be one that is never completed
        for job_id in run.jobs:
            state.jobs.pop(job_id, None)
        del state.runs[run_id]
        del self._closed[run_id]
        self._pushes.forget(run_id)
        self._agents.lost_runs.discard(run_id)
        self._table.runs.remove(str(run_id))
        self._table.reruns.remove(str(run_id))

    def _close_machine(self, machine: str) -> bool:
        life = self._cloud.log[machine]
        known = self._table.runners.get(machine)
        if known is not None and known.live:
            self._checks.open_machine(life, known)
            return False
        bill = [] if known is None else self._bill(machine)
        self._checks.machine(life, known, bill)
        agent = self._agents.by_machine.get(machine)
        ready = None if agent is None else agent.booted_at if agent.standby else agent.connected_at
        moments = (None, None, None) if agent is None else (ready, agent.begun_at, agent.over_at)
        pool = None if known is None or known.stock is None else known.pool
        self._measure.machine(life, self._cloud.charge(machine), *moments, pool)
        decisions = self._decisions.forget(machine_subject(machine))
        self._write({"machine": known, "life": _moments(life), "ledger": bill, "decisions": decisions})
        self._table.runners.remove(machine)
        self._bills.pop(machine, None)
        self._billed.append((_end_of_day(self._timeline.now()) if self._spend else 0, machine))
        self._table.interruptions.remove(machine)
        self._agents.forget(machine)
        self._cloud.forget(machine)
        return True

    def _bill(self, machine: str) -> list[LedgerEntry]:
        return self._bills.get(machine, [])

    def _close_bill(self, machine: str) -> bool:
        self._table.ledger.remove(machine)
        return True

    def _close_launch(self, launch: Launch) -> bool:
        if any(self._table.jobs.get(str(job)) is not None for job in launch.jobs):
            return False
        pool = self._table.pools.get(launch.spec.pool or "")
        if pool is not None and pool.launching == launch.id:
            return False  # it was cut off, and will be resumed
        self._table.launches.remove(launch.key)
        return True

    def _close_subject(self, subject: str) -> bool:
        self._write({"subject": subject, "decisions": self._decisions.forget(subject)})
        return True

    def _write(self, document: Mapping[str, object]) -> None:
        if self.sink is not None:
            self.sink(self._encode(document))


def _facts(told: JobRecord) -> dict[str, object]:
    return {
        "run_id": told.run_id,
        "attempt": told.attempt,
        "created_at": told.created_at,
        "started_at": told.started_at,
        "completed_at": told.completed_at,
        "conclusion": told.conclusion,
        "runner_name": told.runner_name,
    }


def _moments(life: Life) -> dict[str, object]:
    """The cloud's own log of the machine: of any cloud's, whatever else that keeps of it."""
    return {field.name: getattr(life, field.name) for field in attrs.fields(Life)}


def _end_of_day(moment: Moment) -> Moment:
    return (moment // DAY + 1) * DAY
