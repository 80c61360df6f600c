"""What is outside the fleet: GitHub, the cloud and its machines, the ways between them, and the fleet's own stores."""

from collections.abc import Callable
from functools import partial

import attrs

from paddock.adapters.memory import MemoryAssignments, MemoryQueue, SequentialIds
from paddock.adapters.memory.bundles import memory_table
from paddock.adapters.simulation.agents import Agents
from paddock.adapters.simulation.claims import Claims
from paddock.adapters.simulation.cloud import CloudParameters, SimulatedEc2
from paddock.adapters.simulation.delivery import Courier, Fate, Post
from paddock.adapters.simulation.draws import chance_for
from paddock.adapters.simulation.faults import FaultPlan
from paddock.adapters.simulation.findings import Findings
from paddock.adapters.simulation.functions import SimulatedQueue
from paddock.adapters.simulation.gate import Gate
from paddock.adapters.simulation.github import github_on
from paddock.adapters.simulation.lag import Lag
from paddock.adapters.simulation.load import Workload
from paddock.adapters.simulation.measure import Measure
from paddock.adapters.simulation.metered import KeptDecisions, Tally
from paddock.adapters.simulation.parameters import Parameters
from paddock.adapters.simulation.protocols import CloudMaker
from paddock.adapters.simulation.pushes import Pushes
from paddock.adapters.simulation.timeline import Timeline
from paddock.adapters.simulation.wires import Trouble
from paddock.adapters.simulation.witness import Witness
from paddock.adapters.simulation.words import GitHubWord
from paddock.core.messages import EventMessage, JobMessage
from paddock.core.ports.system import Chance
from paddock.core.settings import FleetSettings
from paddock.core.units import Moment

START: Moment = 1_795_348_800 * 1_000_000
"""2026-11-22T12:00:00Z, a Sunday: when a world without a workload begins."""


@attrs.frozen
class Fates:
    """Who decides about GitHub's, the machines' and the cloud's messages, in place of the fault plan's odds."""

    webhooks: Fate | None = None
    reports: Fate | None = None
    notices: Fate | None = None


class Outside:
    """The parts as attributes. Those who watch hear of what happens through ``witness``."""

    def __init__(
        self,
        workload: Workload | None,
        *,
        settings: FleetSettings,
        seed: int,
        faults: FaultPlan,
        parameters: Parameters,
        cloud: CloudParameters | CloudMaker,
        start: Moment | None,
        fates: Fates,
        receive: Callable[[GitHubWord], bool],
    ) -> None:
        """Args: see `paddock.adapters.simulation.world.Simulation`; `receive` takes GitHub's webhooks."""
        self.workload = workload
        self.settings = settings
        self.seed = seed
        self.faults = faults
        self.parameters = parameters
        first = None if workload is None else next(iter(workload.runs()), None)
        began = start if start is not None else START if first is None else first.at
        self.began = began
        self.timeline = self.clock = Timeline(began)
        self.ids = SequentialIds()
        self.table = memory_table()
        self.decisions = KeptDecisions()
        self.assignments = MemoryAssignments()
        self.findings = Findings(self.timeline, self.decisions)
        self.measure = Measure(began)
        self.tally = Tally()
        self.claims = Claims(settings)
        self.witness = Witness(timeline=self.timeline, measure=self.measure, claims=self.claims, table=self.table)
        self.trouble = Trouble(faults, self.timeline, self._chance("trouble"), parameters.functions.time_out)
        self.lag = Lag(self.timeline, self._chance("lag"), faults.stale)
        jobs: MemoryQueue[JobMessage] = MemoryQueue(self.timeline)
        events: MemoryQueue[EventMessage] = MemoryQueue(self.timeline)
        self.jobs: SimulatedQueue[JobMessage] = SimulatedQueue(jobs, self._chance("jobs queue"), faults)
        self.events: SimulatedQueue[EventMessage] = SimulatedQueue(events, self._chance("events queue"), faults)
        self.courier = Courier(
            timeline=self.timeline,
            chance=self._chance("webhooks"),
            queued=self._chance("queued webhooks"),
            travel=parameters.travel,
            faults=faults,
            receive=receive,
            down=lambda: self.trouble.out("webhooks"),
            fate=fates.webhooks,
        )
        self.post = Post(
            timeline=self.timeline,
            chance=self._chance("post"),
            travel=parameters.travel,
            faults=faults,
            send=self.events.send,
            reports=fates.reports,
            notices=fates.notices,
        )
        self.github = github_on(
            self.timeline,
            ids=self.ids,
            chance=self._chance("github"),
            timings=parameters.timings,
            listener=self.witness.told,
            repositories=() if workload is None else workload.repositories,
        )
        self.courier.github = self.github
        self.gate = Gate(self.timeline, parameters.rates)
        make = partial(SimulatedEc2, cloud) if isinstance(cloud, CloudParameters) else cloud
        self.cloud = make(timeline=self.timeline, ids=self.ids, chance=self._chance("cloud"), listener=self.witness)
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
            begun=self.witness.begun,
            over=self.witness.over,
            faults=faults,
            one_table=parameters.one_table,
        )

    def calm(self) -> None:
        """From now on nothing goes wrong. What has gone wrong is as it is, and what was late is still on its way."""
        self.faults = FaultPlan(name=self.faults.name)
        self.trouble.over, self.lag.odds = True, 0
        for part in (self.courier, self.post, self.agents, self.jobs, self.events, self.pushes):
            part.faults = self.faults

    def _chance(self, part: str) -> Chance:
        return chance_for(self.seed, part)
