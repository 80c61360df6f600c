"""The simulated world for stories: everything takes no time that need not, and a machine takes 20 seconds to boot.

::

    world = World()
    job = world.push_job(labels="paddock/cpu=4")
    world.run_until_quiet()
    assert world.record(job).conclusion == "success"

What it is made of, is `paddock.adapters.simulation`; here is only what stories say in a word.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial

import attrs

from paddock.adapters.memory import SeededChance
from paddock.adapters.memory.github import JobScript, RunnerFaults
from paddock.adapters.pacing import Ceiling
from paddock.adapters.simulation.agents import Agents
from paddock.adapters.simulation.allowances import Allowances
from paddock.adapters.simulation.delivery import Fate
from paddock.adapters.simulation.draws import always
from paddock.adapters.simulation.host import Agent
from paddock.adapters.simulation.parameters import AT_ONCE
from paddock.adapters.simulation.protocols import Ending, Life
from paddock.adapters.simulation.small_cloud import SmallCloud
from paddock.adapters.simulation.wires import Around, untouched
from paddock.adapters.simulation.words import GitHubWord
from paddock.adapters.simulation.world import Simulation
from paddock.core.fleet import Fleet
from paddock.core.job import Job
from paddock.core.messages import MachineChanged, MachineWarned, WarningKind
from paddock.core.runner import Runner
from paddock.core.settings import FleetSettings
from paddock.core.states import OperationalResult
from paddock.core.units import DAY, HOUR, MINUTE, SECOND, Moment, Span
from tests.strategies import NOON

REPOSITORY = "acme/app"
SETTINGS = FleetSettings(repositories=(REPOSITORY,))
BOOT: Span = 20 * SECOND
STORY = attrs.evolve(AT_ONCE, keep=3650 * DAY)  # a story's end is looked at: nothing is forgotten


def on_time(_: object) -> Sequence[Span]:
    """One copy, at once."""
    return (0,)


class AllAgents(Mapping[str, Agent]):
    """The agents by machine. One whose machine has not booted yet has no orders, and is made up for the asking."""

    def __init__(self, agents: Agents, cloud: SmallCloud) -> None:
        self._agents = agents
        self._cloud = cloud

    def __getitem__(self, machine: str) -> Agent:
        agent = self._agents.by_machine.get(machine)
        return Agent(self._cloud.log[machine].machine, self._agents) if agent is None else agent

    def __iter__(self) -> Iterator[str]:
        return iter(self._agents.by_machine)

    def __len__(self) -> int:
        return len(self._agents.by_machine)


class StoryCloud(SmallCloud):
    """The small cloud, in the words of stories. ``taken`` are the machines that were taken back, in order."""

    taken: tuple[str, ...] = ()
    agents: Mapping[str, Agent]

    @property
    def lives(self) -> Mapping[str, Life]:
        """Every machine's life."""
        return self.log

    def kill(self, machine: str) -> None:
        """Hardware fails."""
        self.fail(machine)

    def take_back(self, machine: str) -> None:
        """A spot machine is taken back by the cloud, now."""
        if self.log[machine].ended_at is None:
            self.taken = (*self.taken, machine)
            self.reclaim(machine, warning=False)


class World:
    """Everything there is. Public attributes are the stores and the outside worlds, for tests to look at."""

    def __init__(
        self,
        *,
        settings: FleetSettings = SETTINGS,
        seed: int = 0,
        around: Around | None = None,
        webhooks: Fate = on_time,
        reports: Fate = on_time,
        notices: Fate = on_time,
        zones: Sequence[str] = ("us-east-1a",),
        one_table: bool = False,
        cloud: type[StoryCloud] = StoryCloud,
        ceilings: Mapping[str, Ceiling] | None = None,
    ) -> None:
        """Args: the fleet's settings; the seed of GitHub's choices; what is put around ports; the messages' fates.

        `notices` is the fate of what the cloud says of machines that it takes back. Of other ends it says nothing: the
        sweep finds them. `zones` are the cloud's. `one_table`: orders lie with the records, as on AWS. `cloud` is
        another kind of it. `ceilings`: the limits that the fleet keeps (None: none).
        """
        self.notice_fate = notices
        self.sim = Simulation(
            settings=settings,
            seed=seed,
            parameters=attrs.evolve(STORY, one_table=one_table),
            cloud=partial(cloud, start=always(BOOT // 2), boot=always(BOOT // 2), zones=zones),
            start=NOON,
            around=around or untouched,
            ceilings=ceilings,
            webhooks=webhooks,
            reports=reports,
            notices=self._fate,
            allowances=Allowances(noticed=5 * MINUTE, unheard=HOUR),
        )
        self.clock, self.ids, self.table = self.sim.timeline, self.sim.ids, self.sim.table
        self.jobs, self.events, self.decisions = self.sim.jobs, self.sim.events, self.sim.decisions
        self.assignments, self.courier = self.sim.assignments, self.sim.courier
        self.github, self.agents = self.sim.github, self.sim.agents
        assert isinstance(self.sim.cloud, StoryCloud)
        self.cloud = self.sim.cloud
        self.cloud.agents = AllAgents(self.agents, self.cloud)
        self.region = self.cloud.region
        self.github.state.chance = SeededChance(seed)
        self.github.add_repository(REPOSITORY)

    def _fate(self, word: object) -> Sequence[Span]:
        if isinstance(word, MachineChanged) and self.cloud.log[word.machine].ended_by is not Ending.SPOT:
            return ()
        return self.notice_fate(word)

    @property
    def settings(self) -> FleetSettings:
        """What processes to come are built with."""
        return self.sim.settings

    @settings.setter
    def settings(self, settings: FleetSettings) -> None:
        self.sim.settings = settings

    @property
    def fleet(self) -> Fleet:
        """The process that lives now."""
        return self.sim.processes.fleet

    @fleet.setter
    def fleet(self, fleet: Fleet) -> None:
        self.sim.processes.fleet = fleet

    @property
    def crashes(self) -> list[str]:
        """Where processes died."""
        return list(self.sim.processes.crashes)

    @property
    def errors(self) -> list[str]:
        """What processes met."""
        return list(self.sim.processes.errors)

    @property
    def around(self) -> Around:
        """What is put around the ports of the processes to come."""
        return self.sim.around or untouched

    @around.setter
    def around(self, around: Around) -> None:
        self.sim.around = around

    def new_fleet(self, around: Around | None = None) -> Fleet:
        """Another process on the same stores."""
        return self.sim.new_fleet(around)

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
        if heard:
            self.agents.warned(self.cloud.log[machine].machine, WarningKind.SPOT, at)
        self.sim.post.event(MachineWarned(machine, WarningKind.SPOT, at, self.clock.now()))
        self.clock.at(at, lambda: self.take_back(machine))
        return at

    def take_back(self, machine: str) -> None:
        """The cloud takes the machine now."""
        self.cloud.take_back(machine)

    def silence(self, machine: str) -> None:
        """The agent on the machine does nothing any more, or never will; the machine lives."""
        self.cloud.dead.add(machine)
        agent = self.agents.by_machine.get(machine)
        if agent is not None:
            agent.silence()

    def lost(self, job: int) -> None:
        """The cloud took the job's machine from it, whatever else the world has seen of that."""
        service = self.agents.services[job]
        service.result, service.taken = OperationalResult.INTERRUPTED, True
        self.agents.lost_runs.add(self.github.state.jobs[job].run_id)

    def wake(self, machine: str) -> None:
        """A machine that was silenced, and whose system is not up yet, comes up after all."""
        self.cloud.dead.discard(machine)

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

    def report(self) -> str:
        """What is still open, for the message of a test that failed."""
        jobs = [f"{job.id} {job.status} {self.table.jobs.get(str(job.id))}" for job in self.github.jobs()]
        return "\n".join(
            [*jobs, *self.cloud.alive, *self.errors[-5:], str(self.jobs.depth()), str(self.events.depth())]
        )

    # -- time ---------------------------------------------------------------------------------------------------

    def run(self, span: Span) -> None:
        """Let time pass."""
        until = self.clock.now() + span
        self.work()
        self.clock.run(until)

    def run_until_quiet(self, within: Span = 30 * HOUR) -> None:
        """Let time pass until nothing is left to do."""
        self.work()
        assert self.sim.run_until_quiet(within), f"not quiet after {within // MINUTE} minutes: {self.report()}"

    def sweeps(self, *, on: bool) -> None:
        """Whether the sweeps run by themselves."""
        for schedule in self.sim.processes.schedules:
            schedule.on = on

    def work(self) -> None:
        """Everything that is due happens: webhooks arrive, and the workers empty the queues."""
        self.jobs.watch()
        self.events.watch()
        self.clock.run(self.clock.now())

    def deliver(self, intake: Callable[[GitHubWord], object] | None = None) -> None:
        """Webhooks arrive, at another process's `intake` if it is given, and their messages stay on the queues."""
        receive, watches = self.courier.receive, (self.jobs.watch, self.events.watch)
        self.jobs.watch = self.events.watch = lambda: None
        if intake is not None:
            self.courier.receive = lambda word: intake(word) is not None
        try:
            self.clock.run(self.clock.now())
        finally:
            self.jobs.watch, self.events.watch = watches
            self.courier.receive = receive
