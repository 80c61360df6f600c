"""A whole world in virtual time: GitHub, a cloud whose machines run agents, and a fleet between them.

The fleet is the very one that runs for real, on the in-memory ports; the rest is made of events::

    world = Simulation(workload, settings=settings, seed=7)
    outcome = world.run()
    assert not outcome.violations

Everything that is not the fleet's own code depends on the seed alone.
"""

import traceback
from collections import deque
from collections.abc import Callable, Sequence
from typing import TypeVar

import attrs

from paddock.adapters.memory import MemoryAssignments, MemoryQueue, MemoryRecords, SequentialIds
from paddock.adapters.memory.bundles import memory_github, memory_table
from paddock.adapters.memory.github import Event, JobRecord, MemoryGitHub, PublishedPackage, RunnerRecord
from paddock.adapters.memory.github.deadlines import CallOff, Deadline
from paddock.adapters.simulation.agents import Agents, Orders
from paddock.adapters.simulation.archive import Archive, Sink
from paddock.adapters.simulation.delivery import Courier, Fate, Post
from paddock.adapters.simulation.draws import chance_for
from paddock.adapters.simulation.faults import FaultPlan
from paddock.adapters.simulation.functions import Schedule, SimulatedQueue, Worker
from paddock.adapters.simulation.gate import Gate
from paddock.adapters.simulation.invariants import Allowances, Invariants
from paddock.adapters.simulation.load import Workload
from paddock.adapters.simulation.measure import Measure
from paddock.adapters.simulation.metered import KeptDecisions, Tally, WatchedMachines, control_cost, metered
from paddock.adapters.simulation.outcome import Outcome, Violation
from paddock.adapters.simulation.parameters import Parameters
from paddock.adapters.simulation.protocols import CloudMaker, Ending
from paddock.adapters.simulation.pushes import Pushes
from paddock.adapters.simulation.small_cloud import SmallCloud
from paddock.adapters.simulation.stale import StaleMachines
from paddock.adapters.simulation.timeline import Timeline
from paddock.adapters.simulation.wires import Around, Crash, Trouble, wired
from paddock.adapters.simulation.words import GitHubWord
from paddock.core.decision import Decision
from paddock.core.errors import IllegalTransition, PaddockError
from paddock.core.fleet import Fleet
from paddock.core.labels import claimed_by
from paddock.core.messages import EventMessage, JobMessage, MachineChanged, MachineWarned, WarningKind
from paddock.core.ports.machines import LaunchRequest, Machine, Machines
from paddock.core.ports.system import Chance
from paddock.core.settings import FleetSettings
from paddock.core.spec import Arch
from paddock.core.states import LIVE_JOBS
from paddock.core.units import HOUR, MINUTE, Moment, Span

START: Moment = 1_795_348_800 * 1_000_000
"""2026-11-22T12:00:00Z, a Sunday: when a world without a workload begins."""

LONG: Span = 3 * HOUR
"""How long what has ended stays in the stores where messages are lost, late and sent again."""

T = TypeVar("T")

_REMEMBERED_ERRORS = 1_000


class SimulatedGitHub(MemoryGitHub):
    """The model, without what no simulated runner reads."""

    def jit_config(self, runner: RunnerRecord) -> str:
        """Not a key of four kilobytes but a word."""
        return f"jit-{runner.id}"


class TimelineAgenda:
    """GitHub's deadlines as events of the world."""

    def __init__(self, timeline: Timeline) -> None:
        """Args: the world's time."""
        self._timeline = timeline
        self.github: MemoryGitHub | None = None

    def at(self, moment: Moment, deadline: Deadline) -> CallOff:
        """Let it happen at the moment."""
        return self._timeline.at(moment, lambda: self._happen(deadline))

    def settle(self, now: Moment) -> None:
        """Nothing is left to settle: the timeline does it."""

    def next(self) -> Moment | None:
        """Nothing happens but by the timeline."""
        return None

    def _happen(self, deadline: Deadline) -> None:
        if self.github is not None:
            with self.github.state.change():
                deadline()


class Simulation:
    """Everything there is. Public attributes are the stores and the outside worlds, to look at and to meddle with."""

    def __init__(  # noqa: PLR0913 - a world has many parts, each by its name
        self,
        workload: Workload | None = None,
        *,
        settings: FleetSettings = FleetSettings(),
        seed: int = 0,
        faults: FaultPlan = FaultPlan(),
        parameters: Parameters = Parameters(),
        cloud: CloudMaker = SmallCloud,
        policy: str = "",
        start: Moment | None = None,
        around: Around | None = None,
        webhooks: Fate | None = None,
        reports: Fate | None = None,
        allowances: Allowances | None = None,
        sink: Sink | None = None,
    ) -> None:
        """Args: what is asked of the fleet and how it is set up; all chance; what goes wrong; how the world is.

        `policy` is the settings' name, `start` when it begins (by default with the workload's first run). `around` is
        put around the fleet's ports; `webhooks` and `reports` decide about messages in place of the plan's odds.
        """
        self.workload = workload
        self.settings = settings
        self.seed = seed
        self.faults = faults
        self.parameters = parameters
        self.policy = policy
        first = None if workload is None else next(iter(workload.runs()), None)
        began = start if start is not None else START if first is None else first.at
        self.began = began
        self.timeline = self.clock = Timeline(began)
        self.ids = SequentialIds()
        self.table = memory_table()
        self.decisions = KeptDecisions(self._unreasoned, self._delivered)
        self.assignments = MemoryAssignments()
        self.errors: deque[str] = deque(maxlen=_REMEMBERED_ERRORS)
        self.crashes: list[str] = []
        self.violations: list[Violation] = []
        self.measure = Measure(began)
        self.tally = Tally()
        self._claims: dict[tuple[str, ...], bool] = {}
        self._around = around
        self.trouble = Trouble(faults, self.timeline, self._chance("trouble"), parameters.functions.time_out)
        jobs: MemoryQueue[JobMessage] = MemoryQueue(self.timeline)
        events: MemoryQueue[EventMessage] = MemoryQueue(self.timeline)
        self.jobs: SimulatedQueue[JobMessage] = SimulatedQueue(jobs, self._chance("jobs queue"), faults)
        self.events: SimulatedQueue[EventMessage] = SimulatedQueue(events, self._chance("events queue"), faults)
        self.courier = Courier(
            timeline=self.timeline,
            chance=self._chance("webhooks"),
            travel=parameters.travel,
            faults=faults,
            receive=self._receive,
            down=lambda: self.trouble.out("webhooks"),
            fate=webhooks,
        )
        self.post = Post(
            timeline=self.timeline,
            chance=self._chance("post"),
            travel=parameters.travel,
            faults=faults,
            send=self.events.send,
            fate=reports,
        )
        self.github = self._github()
        self.courier.github = self.github
        self.gate = Gate(self.timeline, parameters.rates)
        self.cloud = cloud(timeline=self.timeline, ids=self.ids, chance=self._chance("cloud"), listener=self)
        self.pushes = Pushes(
            timeline=self.timeline,
            chance=self._chance("pushes"),
            github=self.github,
            runs=iter(()) if workload is None else workload.runs(),
            faults=faults,
        )
        self.agents = Agents(
            timeline=self.timeline,
            chance=self._chance("agents"),
            hosts=parameters.hosts,
            github=self.github,
            assignments=self.assignments,
            report=self.post.report,
            power_off=self.cloud.power_off,
            fail=self.cloud.fail,
            reclaim=lambda machine, warning: self.cloud.reclaim(machine, warning=warning),
            job_of=self.pushes.job_of,
            lives=self.cloud.log,
            busy=lambda change: self.measure.levels.change(self.timeline.now(), busy=change),
            faults=faults,
        )
        self.invariants = Invariants(
            timeline=self.timeline,
            settings=settings,
            github=self.github,
            cloud=self.cloud,
            agents=self.agents,
            table=self.table,
            decisions=self.decisions,
            ours=self.ours,
            violations=self.violations,
            lossy=faults.calls or around is not None,
            allowances=Allowances.under(faults) if allowances is None else allowances,
        )
        self.archive = Archive(
            timeline=self.timeline,
            keep=parameters.keep if faults == FaultPlan(name=faults.name) else max(parameters.keep, LONG),
            github=self.github,
            cloud=self.cloud,
            table=self.table,
            decisions=self.decisions,
            agents=self.agents,
            pushes=self.pushes,
            measure=self.measure,
            checks=self.invariants,
            spend=settings.limits.spend_per_day is not None,
            sink=sink,
        )
        self.github.state.runner_listener = self.agents
        self.fleet = self.new_fleet()
        self.workers = (
            self._worker("dispatch", self.jobs, self._dispatch),
            self._worker("complete", self.events, self._complete),
        )
        functions = parameters.functions
        Schedule(self.timeline, functions.sweep, self._sweep)
        Schedule(self.timeline, functions.sweep_github, self._compare)
        Schedule(self.timeline, MINUTE, self._look)

    def new_fleet(self) -> Fleet:
        """A fleet on the stores as they are: what a fresh process would build."""
        around = self._around
        if around is None and self.faults.calls:
            around = self.trouble.around
        machines: Machines = WatchedMachines(self.cloud, self._launched)
        if self.faults.stale:
            machines = StaleMachines(machines, self.timeline, self._chance("stale"), self.faults.stale)
        ports = {
            "table": metered(self.table, self.tally, {"launches": self.archive.launched}),
            "jobs": self.jobs,
            "events": self.events,
            "github": self.gate.around(memory_github(self.github)),
            "machines": machines,
            "assignments": Orders(self.assignments, self.agents.ordered),
            "decisions": self.decisions,
        }
        if around is not None:
            ports = {
                name: wired(name, port, around) if name in {"table", "github"} else around(name, port)
                for name, port in ports.items()
            }
        return Fleet(settings=self.settings, clock=self.timeline, ids=self.ids, **ports)  # type: ignore[arg-type]  # each by its name

    # -- time ---------------------------------------------------------------------------------------------------

    def run(self, until: Moment | None = None) -> Outcome:
        """Let the whole load be served, or time pass to this moment; what came of it.

        A load is over when nothing is left to do. What is open when a day and a quarter have passed since its last
        run is a violation.
        """
        if until is not None:
            self.timeline.run(until)
            return self.outcome()
        while not self.pushes.over:
            self.timeline.run(self.timeline.now() + MINUTE)
        if not self.run_until_quiet():
            self.invariants.fault("everything ends", "something is still open 30 hours after the last run")
        ended = self.timeline.now()
        self.archive.close(all_of_it=True)
        return attrs.evolve(self.outcome(), ended=ended)

    def run_for(self, span: Span) -> None:
        """Let time pass."""
        self.timeline.run(self.timeline.now() + span)

    def run_until_quiet(self, within: Span = 30 * HOUR) -> bool:
        """Let time pass until nothing is left to do; False if there still was something after `within`."""
        until = self.timeline.now() + within
        while not self.quiet:
            if self.timeline.now() >= until:
                return False
            self.timeline.run(min(until, self.timeline.now() + MINUTE))
        return True

    @property
    def quiet(self) -> bool:
        """True if nothing is left to do: no load, machine or message, no open record, no job that could still run."""
        if not self.pushes.over or self.courier.on_the_way or self.post.on_the_way or self.cloud.alive:
            return False
        for queue in (self.jobs.inner, self.events.inner):
            if queue.visible() or queue.next_due() is not None:
                return False
        if any(self.github.state.unfinished.values()):
            return False
        return not self._live_records()

    def _live_records(self) -> bool:
        runners, jobs = self.table.runners, self.table.jobs
        assert isinstance(runners, MemoryRecords)
        assert isinstance(jobs, MemoryRecords)
        return bool(runners.count("live", "live")) or any(jobs.count("state", state) for state in LIVE_JOBS)

    # -- what is to be seen -------------------------------------------------------------------------------------

    def claimed(self, labels: tuple[str, ...]) -> bool:
        """True if the fleet claims jobs of these labels."""
        known = self._claims.get(labels)
        if known is None:
            known = self._claims[labels] = claimed_by(labels, self.settings.aliases) is not None
        return known

    def ours(self, job: JobRecord) -> bool:
        """True if the fleet must come to know the job: by its labels, and by a repository that it looks through."""
        return job.repository in self.settings.named and self.claimed(job.labels)

    def outcome(self) -> Outcome:
        """What has come of it so far."""
        measure, now = self.measure, self.timeline.now()
        functions = sum(worker.invocations for worker in self.workers)
        control = control_cost(self.tally, self.jobs.requests + self.events.requests, functions, 0)
        return Outcome(
            policy=self.policy,
            workload="" if self.workload is None else self.workload.name,
            seed=self.seed,
            began=self.began,
            ended=now,
            jobs=measure.jobs(),
            wait=measure.log.waits(),
            waits=measure.log.by_labels(),
            cost=measure.cost(control),
            levels=measure.levels.levels(now),
            calls=(*self.gate.calls(), *self.cloud.calls()),
            machines=measure.machines,
            reclaimed=measure.reclaimed,
            violations=tuple(self.violations),
            events=self.timeline.events,
        )

    # -- what happens -------------------------------------------------------------------------------------------

    def _told(self, event: Event) -> None:
        """GitHub tells: of a job of ours, the levels must know."""
        job = None if event.redelivery else event.job
        if job is not None and self.claimed(job.labels):
            if event.action == "queued":
                self.measure.queued()
                self.measure.levels.change(event.at, waiting=1)
            elif event.action == "in_progress" or (event.action == "completed" and job.started_at is None):
                self.measure.levels.change(event.at, waiting=-1)
        if job is not None and event.action == "completed":
            self.agents.concluded(job.id)
            self.archive.concluded(job.id)
        self.courier(event)

    def _unreasoned(self, decision: Decision) -> None:
        self.invariants.unreasoned(decision)

    def _delivered(self, subject: str) -> None:
        self.archive.delivered(subject)

    def _launched(self, request: LaunchRequest, machines: Sequence[Machine]) -> None:
        now, launch = self.timeline.now(), self.table.launches.get(request.token)
        self.measure.levels.change(now, machines=len(machines))
        for job_id in () if launch is None else launch.jobs[: len(machines)]:
            self.measure.asked(job_id, now)
        self.invariants.launched(request, machines)

    def booted(self, machine: Machine) -> None:
        """The cloud tells: the system is up."""
        self.agents.booted(machine)

    def warned(self, machine: Machine, warning: WarningKind, at: Moment) -> None:
        """The cloud tells: it takes the machine back."""
        self.agents.warned(machine, warning, at)
        self.post.event(lambda: MachineWarned(machine.id, warning, at, self.timeline.now()))

    def ended(self, machine: Machine, by: Ending) -> None:
        """The cloud tells: the machine is gone."""
        self.invariants.ended(machine, by)
        self.agents.ended(machine, by)
        self.archive.ended(machine.id)
        self.measure.levels.change(self.timeline.now(), machines=-1)
        at = self.timeline.now()
        self.post.event(lambda: MachineChanged(machine.id, "terminated", at, self.timeline.now()))

    def guarded(self, what: str, call: Callable[[], T]) -> T | None:
        """Call as a process would: if it crashes, a new one takes its place; if a port fails, it goes on later."""
        self.trouble.began = self.timeline.now()
        try:
            return call()
        except Crash as crash:
            self.crashes.append(f"{what}: {crash}")
            self.trouble.revive()
            if self._around is not None:
                self.fleet = self.new_fleet()
        except IllegalTransition as error:
            self._our_fault(what, error)
        except PaddockError as error:
            self.errors.append(f"{what}: {type(error).__name__}: {error}")
        except Exception as error:  # noqa: BLE001 - what nobody foresaw is a fault of ours: that is the finding
            self._our_fault(what, error)
        return None

    def _our_fault(self, what: str, error: Exception) -> None:
        story = tuple(traceback.format_exception(error)[-4:])
        said = f"{what}: {type(error).__name__}: {error}"
        self.invariants.fault("no fault of ours", said, story)

    def _receive(self, word: GitHubWord) -> bool:
        return self.guarded("intake", lambda: self.fleet.intake(word)) is not None

    def _dispatch(self) -> int:
        return self.fleet.dispatch_once()

    def _complete(self) -> int:
        return self.fleet.complete_once()

    def _look(self) -> None:
        self.invariants.look()
        self.archive.close()

    def _sweep(self) -> None:
        self._swept("sweep", lambda: self.fleet.sweep().errors, self.parameters.functions.sweep)

    def _compare(self) -> None:
        self._swept("sweep_github", lambda: self.fleet.sweep_github().errors, self.parameters.functions.sweep_github)

    def _swept(self, what: str, sweep: Callable[[], Sequence[str]], every: Span) -> None:
        errors = self.guarded(what, sweep)
        if errors is None or errors:
            self.invariants.hindered(every)
            self.errors.extend(errors or ())

    def _worker(self, what: str, queue: SimulatedQueue[T], step: Callable[[], object]) -> Worker[T]:
        return Worker(
            timeline=self.timeline,
            chance=self._chance(what),
            functions=self.parameters.functions,
            queue=queue,
            step=lambda: self.guarded(what, step),
        )

    def _github(self) -> MemoryGitHub:
        agenda = TimelineAgenda(self.timeline)
        github = SimulatedGitHub(
            clock=self.timeline,
            ids=self.ids,
            chance=self._chance("github"),
            listener=self._told,
            timings=self.parameters.timings,
            agenda=agenda,
        )
        agenda.github = github
        for arch in Arch:
            digest = "ab" * 32
            github.packages[arch] = PublishedPackage(arch, "2.330.0", f"runner-{arch}.tar.gz", "u", digest, digest)
        for repository in () if self.workload is None else self.workload.repositories:
            github.add_repository(repository)
        return github

    def _chance(self, part: str) -> Chance:
        return chance_for(self.seed, part)
