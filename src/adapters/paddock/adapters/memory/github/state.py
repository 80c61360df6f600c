"""The records of the model, its lock, its deadlines, and the order in which its events leave."""

import threading
from collections.abc import Callable
from typing import Any, Protocol

from paddock.adapters.evolving import evolved
from paddock.adapters.memory.github.deadlines import Agenda, Deadlines, HeapAgenda
from paddock.adapters.memory.github.values import (
    CheckRun,
    Event,
    JobRecord,
    Repository,
    RunnerRecord,
    RunRecord,
    Timings,
)
from paddock.core.errors import NotFound
from paddock.core.ports.github import Scope
from paddock.core.ports.system import Chance, Clock, Ids
from paddock.core.units import Moment

EventListener = Callable[[Event], object]


class RunnerListener(Protocol):
    """Whoever plays the runners' side of the broker and wants to be told instead of asking again and again.

    Told when the change is complete, in order, with the model's lock held; it may call the model.
    """

    def assigned(self, runner_id: int, job_id: int) -> None:
        """GitHub handed the job to this runner, which is online: it may acquire it."""

    def removed(self, runner_id: int) -> None:
        """The registration is gone: because its job ended, because somebody deleted it, or by itself."""

    def cancelled(self, runner_id: int, job_id: int) -> None:
        """Somebody cancelled the job that this runner holds."""


FIRST_RUN, FIRST_JOB, FIRST_DELIVERY, FIRST_CHECK = 9_000_000_001, 25_000_000_001, 600_000_001, 31_000_000_001


class State:
    """What the parts of the model share. Every change happens inside `change`."""

    def __init__(
        self, *, clock: Clock, ids: Ids, chance: Chance, timings: Timings, agenda: Agenda | None = None
    ) -> None:
        self.clock, self.ids, self.chance, self.timings = clock, ids, chance, timings
        self.repositories: dict[str, Repository] = {}
        self.owners: dict[str, str] = {}  # organisations by their folded name
        self.runs: dict[int, RunRecord] = {}
        self.jobs: dict[int, JobRecord] = {}
        self.unfinished: dict[str, dict[int, None]] = {}  # ids of jobs without a conclusion, by repository
        self.faulty: dict[int, None] = {}  # ids of unfinished jobs whose registrations are to be hit by a fault
        self.runners: dict[int, RunnerRecord] = {}
        self.checks: list[CheckRun] = []
        self.groups: dict[str, dict[int, str]] = {}
        self.listeners: list[EventListener] = []
        self.runner_listener: RunnerListener | None = None
        self.deadlines = Deadlines(agenda or HeapAgenda())
        self.alone = agenda is not None  # one thread drives it, and deadlines come by themselves
        self.lock = threading.RLock()
        self.changed = threading.Condition(self.lock)
        self._change = Change(self)
        self.depth = 0
        self._pending: list[Event] = []
        self._signals: list[Callable[[], None]] = []
        self._counters = {
            "run": FIRST_RUN,
            "job": FIRST_JOB,
            "runner": 1,
            "repository": 700_000_001,
            "check": FIRST_CHECK,
        }
        self._counters["delivery"] = FIRST_DELIVERY

    def change(self) -> "Change":
        """Hold the lock; on the way out of the outermost change tell the listeners, in order.

        A listener is called with the lock held, so it must not wait for another thread; it may call the model.
        """
        return self._change

    def flush(self) -> None:
        """Tell the listeners what has happened, in order."""
        while self._pending or self._signals:
            while self._pending:
                event = self._pending.pop(0)
                for listener in self.listeners:
                    listener(event)
            if self._signals:
                self._signals.pop(0)()

    def emit(self, event: Event) -> None:
        """Tell the listeners when this change is complete."""
        self._pending.append(event)

    def signal(self, what: Callable[[RunnerListener], None]) -> None:
        """Tell the runners' side when this change is complete."""
        listener = self.runner_listener
        if listener is not None:
            self._signals.append(lambda: what(listener))

    def settle(self) -> None:
        """Let everything happen whose time has come, in the order of the deadlines."""
        self.deadlines.settle(self.clock.now())

    def next_deadline(self) -> Moment | None:
        """When something may happen by itself; None if nothing will."""
        return self.deadlines.next()

    def next_id(self, kind: str) -> int:
        """The next id of its kind, as GitHub counts: upwards."""
        number = self._counters[kind]
        self._counters[kind] = number + 1
        return number

    def guid(self) -> str:
        """A fresh delivery GUID."""
        token = self.ids.token()
        return "-".join((token[:8], token[8:12], token[12:16], token[16:20], token[20:32]))

    def repository(self, full_name: str) -> Repository:
        """The repository, whatever the case of its name.

        Raises:
            NotFound: there is none.
        """
        found = self.repositories.get(full_name.casefold())
        if found is None:
            raise NotFound(f"repository {full_name}: not found")
        return found

    def check_scope(self, scope: Scope) -> Scope:
        """The scope in its own spelling.

        Raises:
            NotFound: no such repository, or an organisation without any.
        """
        if scope.name:
            return Scope(*self.repository(str(scope)).full_name.split("/"))
        owner = self.owners.get(scope.owner.casefold())
        if owner is None:
            raise NotFound(f"organisation {scope.owner}: not found")
        return Scope(owner)

    def run(self, repository: str, run_id: int) -> RunRecord:
        """The run, if it is this repository's.

        Raises:
            NotFound: it is not.
        """
        run = self.runs.get(run_id)
        if run is None or run.repository.casefold() != repository.casefold():
            raise NotFound(f"run {run_id} of {repository}: not found")
        return run

    def job(self, repository: str, job_id: int) -> JobRecord:
        """The job, if it is this repository's.

        Raises:
            NotFound: it is not.
        """
        job = self.jobs.get(job_id)
        if job is None or job.repository.casefold() != repository.casefold():
            raise NotFound(f"job {job_id} of {repository}: not found")
        return job

    def runner(self, runner_id: int) -> RunnerRecord:
        """The registration.

        Raises:
            NotFound: there is none (any more).
        """
        runner = self.runners.get(runner_id)
        if runner is None:
            raise NotFound(f"runner {runner_id}: not found")
        return runner

    def job_event(self, action: str, job: JobRecord) -> None:
        """Emit ``workflow_job``."""
        repository = self.repository(job.repository)
        self.emit(Event(self.guid(), "workflow_job", action, self.clock.now(), repository, self.runs[job.run_id], job))

    def run_event(self, action: str, run: RunRecord) -> None:
        """Emit ``workflow_run``."""
        self.emit(Event(self.guid(), "workflow_run", action, self.clock.now(), self.repository(run.repository), run))

    def put_job(self, job: JobRecord, **fields: Any) -> JobRecord:  # noqa: ANN401 - attrs checks the names
        """Store the job with these fields set."""
        changed = evolved(job, fields)
        self.jobs[job.id] = changed
        return changed

    def put_run(self, run: RunRecord, **fields: Any) -> RunRecord:  # noqa: ANN401 - attrs checks the names
        """Store the run with these fields set."""
        changed = evolved(run, {"updated_at": self.clock.now(), **fields})
        self.runs[run.id] = changed
        return changed

    def put_runner(self, runner: RunnerRecord, **fields: Any) -> RunnerRecord:  # noqa: ANN401 - attrs checks the names
        """Store the registration with these fields set."""
        changed = evolved(runner, fields)
        self.runners[runner.id] = changed
        return changed


class Change:
    """The context of every change, see `State.change`."""

    __slots__ = ("_state",)

    def __init__(self, state: State) -> None:
        self._state = state

    def __enter__(self) -> None:
        state = self._state
        state.lock.acquire()
        state.depth += 1
        if state.depth == 1 and not state.alone:
            try:
                state.settle()
            except BaseException:
                state.depth -= 1
                state.lock.release()
                raise

    def __exit__(self, *_: object) -> None:
        state = self._state
        try:
            if state.depth == 1:
                state.flush()
                if not state.alone:
                    state.changed.notify_all()
        finally:
            state.depth -= 1
            state.lock.release()
