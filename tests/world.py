"""A whole world in memory: GitHub, a cloud whose machines run agents, and a fleet between them, in virtual time.

It is built from ports alone, so it shows what any adapter must make possible::

    world = World()
    job = world.push_job(labels="paddock/cpu=4")
    world.run_until_quiet()
    assert world.record(job).conclusion == "success"

Whatever wraps the ports (faults, crashes, counting) is given as `around` and sees the fleet's calls alone: GitHub,
machines and webhooks reach the world directly.
"""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import attrs

from paddock.adapters.memory import (
    ManualClock,
    MemoryAssignments,
    MemoryDecisions,
    MemoryMachines,
    MemoryQueue,
    MemoryRecords,
    SeededChance,
    SequentialIds,
)
from paddock.adapters.memory.bundles import memory_table
from paddock.adapters.memory.github import (
    JobRecord,
    JobScript,
    MemoryDeliveries,
    MemoryGitHub,
    MemoryReleases,
    MemoryRunners,
    MemoryWorkflows,
    PublishedPackage,
    RunnerFaults,
)
from paddock.core.errors import PaddockError
from paddock.core.fleet import Fleet
from paddock.core.job import Job
from paddock.core.labels import claimed_by
from paddock.core.messages import (
    EventMessage,
    JobMessage,
    MachineChanged,
    MachineWarned,
    RunnerReported,
    WarningKind,
)
from paddock.core.ports.github import GitHub
from paddock.core.ports.machines import Machine
from paddock.core.runner import Runner
from paddock.core.settings import FleetSettings
from paddock.core.spec import Arch
from paddock.core.states import ENDED_JOBS
from paddock.core.units import HOUR, MINUTE, SECOND, Moment, Span
from tests.strategies import NOON
from tests.world_courier import Courier, Fate, GitHubWord, on_time
from tests.world_machine import BOOT, Agent, Cloud

REPOSITORY = "acme/app"
SETTINGS = FleetSettings(repositories=(REPOSITORY,))
P = TypeVar("P")
Around = Callable[[str, Any], Any]


class Crash(BaseException):
    """The process dies here. No handler of errors sees it."""


def untouched(_: str, port: P) -> P:
    """No wrapping."""
    return port


def wrapped(name: str, bundle: Any, around: Around) -> Any:  # noqa: ANN401 - a Table or a GitHub
    """A bundle of ports, each of them wrapped."""
    fields = [field.name for field in attrs.fields(type(bundle))]
    return attrs.evolve(bundle, **{field: around(f"{name}.{field}", getattr(bundle, field)) for field in fields})


class World:
    """Everything there is. Public attributes are the stores and the outside worlds, for tests to look at."""

    def __init__(
        self,
        *,
        settings: FleetSettings = SETTINGS,
        seed: int = 0,
        around: Around = untouched,
        webhooks: Fate = on_time,
        reports: Fate = on_time,
        notices: Fate = on_time,
        zones: Sequence[str] = ("us-east-1a",),
    ) -> None:
        """Args: the fleet's settings; the seed of GitHub's choices; what is put around ports; the messages' fates.

        `notices` is the fate of what the cloud says of its machines; `zones` are the cloud's.
        """
        self.settings = settings
        self.around = around
        self.report_fate = reports
        self.notice_fate = notices
        self.clock = ManualClock(NOON)
        self.ids = SequentialIds()
        self.table = memory_table()
        self.jobs: MemoryQueue[JobMessage] = MemoryQueue(self.clock)
        self.events: MemoryQueue[EventMessage] = MemoryQueue(self.clock)
        self.decisions = MemoryDecisions()
        self.assignments = MemoryAssignments()
        self.courier = Courier(self.clock, webhooks)
        self.github = MemoryGitHub(clock=self.clock, ids=self.ids, chance=SeededChance(seed), listener=self.courier)
        self.region = MemoryMachines(self.clock, self.ids, boot=BOOT, zones=zones)
        self.reclaims: list[tuple[Moment, str]] = []
        self.cloud = Cloud(self.region, self.clock, self._agent_on)
        self.crashes: list[str] = []
        self.errors: list[str] = []
        for arch in Arch:
            digest = "ab" * 32
            self.github.packages[arch] = PublishedPackage(arch, "2.330.0", f"runner-{arch}.tar.gz", "u", digest, digest)
        self.github.add_repository(REPOSITORY)
        self._last_sweep = self._last_comparison = self.clock.now()
        self.fleet = self.new_fleet()

    def new_fleet(self) -> Fleet:
        """A fleet on the stores as they are: what a fresh process would build."""
        workflows = MemoryWorkflows(self.github)
        runners, releases = MemoryRunners(self.github), MemoryReleases(self.github)
        github = GitHub(runners, workflows, MemoryDeliveries(self.github), releases)
        return Fleet(
            settings=self.settings,
            table=wrapped("table", self.table, self.around),
            jobs=self.around("jobs", self.jobs),
            events=self.around("events", self.events),
            github=wrapped("github", github, self.around),
            machines=self.around("machines", self.cloud),
            assignments=self.around("assignments", self.assignments),
            decisions=self.around("decisions", self.decisions),
            clock=self.clock,
            ids=self.ids,
        )

    # -- what people do -----------------------------------------------------------------------------------------

    def push_jobs(
        self, count: int = 1, *, labels: str | Sequence[str] = "paddock", repository: str = REPOSITORY, **run: str
    ) -> list[int]:
        """Start a run with so many jobs of these labels; their ids. `run` may say ``head_repository`` and more."""
        names = (labels,) if isinstance(labels, str) else tuple(labels)
        scripts = [JobScript(f"job {number}", names) for number in range(1, count + 1)]
        return self.push(*scripts, repository=repository, **run)

    def push_job(
        self,
        *,
        labels: str | Sequence[str] = "paddock",
        repository: str = REPOSITORY,
        lasts: Span | None = None,
        ends: str = "success",
        **run: str,
    ) -> int:
        """Start a run with one job; its id."""
        names = (labels,) if isinstance(labels, str) else tuple(labels)
        script = JobScript("job", names, faults=RunnerFaults(duration=lasts, result=ends))
        return self.push(script, repository=repository, **run)[0]

    def push(self, *scripts: JobScript, repository: str = REPOSITORY, **run: str) -> list[int]:
        """Start a run with these jobs; their ids."""
        return list(self.github.start_run(repository, scripts, **run).jobs)

    def cancel(self, job: int) -> None:
        """Somebody cancels the job's run."""
        record = self.github.state.jobs[job]
        self.github.runs.cancel(record.repository, record.run_id)

    # -- what the cloud does ------------------------------------------------------------------------------------

    def reclaim(self, machine: str, *, heard: bool = True) -> Moment:
        """The cloud warns that it takes the machine in two minutes, and does; `heard`: by the machine as well."""
        at = self.clock.now() + 2 * MINUTE
        self.reclaims.append((at, machine))
        if heard:
            self.cloud.agents[machine].notice = at
        self._notify(MachineWarned(machine, WarningKind.SPOT, at, self.clock.now()))
        return at

    def take_back(self, machine: str) -> None:
        """The cloud takes the machine now."""
        self.cloud.take_back(machine)
        self._notify(MachineChanged(machine, "terminated", self.clock.now(), self.clock.now()))

    def _notify(self, word: MachineWarned | MachineChanged) -> None:
        for delay in self.notice_fate(word):
            self.events.send([word], delay=delay)

    def _take_what_is_due(self, now: Moment) -> None:
        due = [machine for at, machine in self.reclaims if at <= now]
        self.reclaims = [(at, machine) for at, machine in self.reclaims if at > now]
        for machine in due:
            if machine in self.cloud.alive:
                self.take_back(machine)

    # -- what is to be seen -------------------------------------------------------------------------------------

    def record(self, job: int) -> Job:
        """The fleet's record of the job."""
        found = self.table.jobs.get(str(job))
        assert found is not None, f"job {job} is unknown to the fleet"
        return found

    def runner(self, machine: str | None) -> Runner:
        """The fleet's record of the machine."""
        found = None if machine is None else self.table.runners.get(machine)
        assert found is not None, f"machine {machine} is unknown to the fleet"
        return found

    def verdicts(self, job: int) -> list[str]:
        """What was decided about the job, in order."""
        return [decision.verdict for decision in self.decisions.about(f"job:{job}")]

    @property
    def quiet(self) -> bool:
        """True if nothing is left to do: no machine, no message, no open record, no job that could still run."""
        depths = [self.jobs.depth(), self.events.depth()]
        if self.cloud.alive or self.courier.next_due is not None or any(d.waiting or d.on_loan for d in depths):
            return False
        jobs: MemoryRecords[Job] = self.table.jobs  # type: ignore[assignment]  # this world's stores are in memory
        if any(job.live for job in jobs._records.values()) or self.table.runners.page("live", "live").items:
            return False
        if self.table.reruns.page("open", "open").items:
            return False
        return all(
            job.conclusion is not None or (job.assigned_to is None and self._given_up(job))
            for job in self.github.jobs()
        )

    def ours(self, job: JobRecord) -> bool:
        """True if the fleet must know the job: by its label, and by a repository whose lost webhooks it looks for."""
        return job.repository in self.settings.repositories and claimed_by(job.labels) is not None

    def _given_up(self, job: JobRecord) -> bool:
        known = self.table.jobs.get(str(job.id))
        return known.state in ENDED_JOBS if known is not None else not self.ours(job)

    # -- time ---------------------------------------------------------------------------------------------------

    def run(self, span: Span) -> None:
        """Let time pass."""
        until = self.clock.now() + span
        while self.clock.now() < until:
            self.step(until)

    def run_until_quiet(self, within: Span = 30 * HOUR) -> None:
        """Let time pass until nothing is left to do."""
        until = self.clock.now() + within
        self.step(self.clock.now())
        while not self.quiet:
            assert self.clock.now() < until, f"not quiet after {within // MINUTE} minutes: {self.report()}"
            self.step(until)

    def step(self, until: Moment) -> None:
        """Do all that is due, then move the clock to what is due next, at most to `until`."""
        now = self.clock.now()
        self.github.settle()
        self._take_what_is_due(now)
        for agent in list(self.cloud.agents.values()):
            if agent.wakes_at is not None and agent.wakes_at <= now:
                agent.act(now)
        self.courier.deliver(self.github, self._receive)
        self.work()
        if now - self._last_sweep >= MINUTE:
            self._last_sweep = now
            self._guarded("sweep", self._sweep)
        if now - self._last_comparison >= 5 * MINUTE:
            self._last_comparison = now
            self._guarded("sweep_github", self._compare)
        self.clock.set(max(self.clock.now(), min(until, self._next())))

    def work(self) -> None:
        """The workers empty the queues."""
        while self._guarded("dispatch", self.fleet.dispatch_once) or self._guarded(
            "complete", self.fleet.complete_once
        ):
            pass

    def _next(self) -> Moment:
        now = self.clock.now()
        moments = [agent.wakes_at for agent in self.cloud.agents.values()] + [self.courier.next_due]
        busy = any(depth.waiting or depth.on_loan for depth in (self.jobs.depth(), self.events.depth()))
        moments += [at for at, _ in self.reclaims]
        moments += [self._last_sweep + MINUTE, now + 5 * SECOND if busy else None]
        return max(min(moment for moment in moments if moment is not None), now + SECOND)

    def _receive(self, word: GitHubWord) -> bool:
        return self._guarded("intake", lambda: self.fleet.intake(word)) is not None

    def _sweep(self) -> None:
        self.errors.extend(self.fleet.sweep().errors)

    def _compare(self) -> None:
        self.errors.extend(self.fleet.sweep_github().errors)

    def _guarded(self, what: str, call: Callable[[], P]) -> P | None:
        """Call as a process would: if it crashes, a new one takes its place; if a port fails, it goes on later."""
        try:
            return call()
        except Crash as crash:
            self.crashes.append(f"{what}: {crash}")
            self.fleet = self.new_fleet()
        except PaddockError as error:
            self.errors.append(f"{what}: {type(error).__name__}: {error}")
        return None

    def _agent_on(self, machine: Machine) -> Agent:
        wakes_at = self.clock.now() + BOOT
        return Agent(machine, self.github, self.assignments, self._report, self.cloud.power_off, wakes_at)

    def _report(self, report: RunnerReported) -> None:
        for delay in self.report_fate(report):
            self.events.send([report], delay=delay)

    def report(self) -> str:
        """What is still open, for the message of a test that failed."""
        jobs = [f"{job.id} {job.status} {self.table.jobs.get(str(job.id))}" for job in self.github.jobs()]
        return "\n".join(
            [*jobs, *self.cloud.alive, *self.errors[-5:], str(self.jobs.depth()), str(self.events.depth())]
        )
