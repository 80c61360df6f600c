"""An in-memory model of what GitHub Actions does: the memory adapter of the GitHub ports, and the simulator's GitHub.

::

    start_run ──> queued ──┬─> assigned to any idle runner ──> acquired ──> in progress ──> completed
                           │   that fits, by chance                          │
                           │       └ never taken: queued                     └ silence: concluded
                           │         again after 10 minutes                    after 10 minutes
                           └─> cancelled after a day
"""

from collections.abc import Sequence

from paddock.adapters.memory.github import jit
from paddock.adapters.memory.github.deadlines import Agenda
from paddock.adapters.memory.github.deliveries import DeliveryLog
from paddock.adapters.memory.github.dispatcher import Dispatcher
from paddock.adapters.memory.github.registry import Registry
from paddock.adapters.memory.github.runs import Runs
from paddock.adapters.memory.github.scripts import JobScript
from paddock.adapters.memory.github.state import EventListener, State
from paddock.adapters.memory.github.values import (
    CheckRun,
    Event,
    JobRecord,
    PublishedPackage,
    Repository,
    RunnerRecord,
    RunRecord,
    Timings,
)
from paddock.core.ports.system import Chance, Clock, Ids
from paddock.core.units import Moment

DEFAULT_TIMINGS = Timings()


class MemoryGitHub:
    """GitHub's state and rules. Thread-safe; deterministic if its clock, ids and chance are and one thread drives it.

    ``runners``, ``runs`` and ``deliveries`` hold the operations; the ports are in the module ``ports``.
    ``packages`` are the runner packages on offer, by architecture. ``server_url`` is what JIT configurations point to.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        ids: Ids,
        chance: Chance,
        listener: EventListener | None = None,
        timings: Timings = DEFAULT_TIMINGS,
        server_url: str = "https://github.invalid",
        agenda: Agenda | None = None,
    ) -> None:
        """Args: the ports; who is told of each event (by default every event is logged as delivered); the deadlines.

        `agenda` is where deadlines stand; by default whoever calls the model settles them, by the clock.
        """
        self.state = State(clock=clock, ids=ids, chance=chance, timings=timings, agenda=agenda)
        dispatcher = Dispatcher(self.state)
        self.runners = Registry(self.state, dispatcher)
        self.runs = Runs(self.state, dispatcher, self.runners)
        self.deliveries = DeliveryLog(self.state, self.state.emit)
        self.packages: dict[str, PublishedPackage] = {}
        self.server_url = server_url
        self.state.listeners.append(listener or self._delivered)

    def _delivered(self, event: Event) -> None:
        self.deliveries.record(event, 200)

    def add_repository(self, full_name: str, *, private: bool = True, allow_forking: bool = True) -> Repository:
        """Create a repository (``owner/name``), and its organisation if that is new."""
        with self.state.change():
            repository = Repository(self.state.next_id("repository"), full_name, private, allow_forking)
            self.state.repositories[full_name.casefold()] = repository
            self.state.owners.setdefault(repository.owner.casefold(), repository.owner)
            return repository

    def add_runner_group(self, owner: str, group: int, name: str) -> None:
        """Create a runner group of an organisation, beside the default one (id 1)."""
        with self.state.change():
            self.state.groups.setdefault(owner.casefold(), {})[group] = name

    def add_check_run(
        self, repository: str, head_sha: str, name: str, *, conclusion: str | None, output: tuple[str, str]
    ) -> CheckRun:
        """Create a check run; it is completed if it has a conclusion. ``output`` is its title and summary.

        Raises:
            NotFound: no such repository.
        """
        with self.state.change():
            check = CheckRun(
                id=self.state.next_id("check"),
                repository=self.state.repository(repository).full_name,
                head_sha=head_sha,
                name=name,
                status="queued" if conclusion is None else "completed",
                conclusion=conclusion,
                title=output[0],
                summary=output[1],
                at=self.state.clock.now(),
            )
            self.state.checks.append(check)
            return check

    def start_run(self, repository: str, jobs: Sequence[JobScript], **details: str) -> RunRecord:
        """Start a run (see `Runs.start` for the details: workflow, event, head_repository, head_branch, head_sha)."""
        return self.runs.start(repository, jobs, **details)

    def jit_config(self, runner: RunnerRecord) -> str:
        """The registration's JIT configuration, a secret."""
        return jit.encode(runner, self.server_url, self.state.ids)

    def settle(self) -> None:
        """Let everything happen whose time has come by the clock."""
        with self.state.change():
            pass

    def next_deadline(self) -> Moment | None:
        """When something may happen by itself; None if nothing will."""
        with self.state.lock:
            return self.state.next_deadline()

    def jobs(self, run_id: int | None = None) -> tuple[JobRecord, ...]:
        """A snapshot of all jobs, or of one run's, oldest first."""
        with self.state.change():
            return tuple(job for job in self.state.jobs.values() if run_id in (None, job.run_id))

    def all_runs(self) -> tuple[RunRecord, ...]:
        """A snapshot of all runs, oldest first."""
        with self.state.change():
            return tuple(self.state.runs.values())

    def all_runners(self) -> tuple[RunnerRecord, ...]:
        """A snapshot of all registrations, oldest first."""
        with self.state.change():
            return tuple(self.state.runners.values())

    def checks(self) -> tuple[CheckRun, ...]:
        """A snapshot of all check runs, oldest first."""
        with self.state.lock:
            return tuple(self.state.checks)
