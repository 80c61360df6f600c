"""A whole world in virtual time: GitHub, a cloud whose machines run agents, and a fleet between them.

The fleet is the very one that runs for real, on the in-memory ports; the rest is made of events::

    world = Simulation(workload, settings=settings, seed=7)
    outcome = world.run()
    assert not outcome.violations

Everything that is not the fleet's own code depends on the seed alone.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import attrs

from paddock.adapters.memory.bundles import memory_github
from paddock.adapters.memory.handover import MemoryHandover
from paddock.adapters.pacing import Ceiling, Purse
from paddock.adapters.simulation.agents import Orders
from paddock.adapters.simulation.allowances import Allowances
from paddock.adapters.simulation.archive import Archive, Sink
from paddock.adapters.simulation.closed import Closed
from paddock.adapters.simulation.cloud import CloudParameters
from paddock.adapters.simulation.collecting import rare_collections
from paddock.adapters.simulation.delivery import Fate
from paddock.adapters.simulation.faults import FaultPlan
from paddock.adapters.simulation.functions import Schedule, Worker
from paddock.adapters.simulation.invariants import Invariants
from paddock.adapters.simulation.load import Workload
from paddock.adapters.simulation.metered import WatchedMachines, control_cost, metered
from paddock.adapters.simulation.outcome import Outcome, Violation
from paddock.adapters.simulation.outside import Fates, Outside
from paddock.adapters.simulation.parameters import Parameters
from paddock.adapters.simulation.pool_watch import PoolWatch, emptied
from paddock.adapters.simulation.processes import Processes
from paddock.adapters.simulation.protocols import CloudMaker
from paddock.adapters.simulation.quiet import jobs_are_over, records_are_closed
from paddock.adapters.simulation.stale import StaleMachines
from paddock.adapters.simulation.watch import Watch
from paddock.adapters.simulation.wires import Around, paced, wired
from paddock.adapters.simulation.words import GitHubWord
from paddock.core.fleet import Fleet
from paddock.core.launch import Launch
from paddock.core.pools.pool import Pool
from paddock.core.ports.gauges import UNTOLD, Gauges
from paddock.core.ports.machines import Machines
from paddock.core.settings import FleetSettings
from paddock.core.units import HOUR, MINUTE, Moment, Span

LONG: Span = 3 * HOUR
"""How long what has ended stays in the stores where messages are lost, late and sent again."""

_SOON: Span = 5 * MINUTE
"""How long machines of emptied pools are kept, when the load is over."""

PATIENCE: Span = 30 * HOUR
"""How long after its last run a load must have been served: a job may wait at GitHub for a day."""


class Simulation(Outside):
    """Everything there is: the outside, the fleet in it, and those who watch.

    Public attributes are the stores and the outside worlds, to look at and to meddle with. ``gauges`` are told by the
    fleets that are built from now on.
    """

    gauges: Gauges = UNTOLD

    def __init__(  # noqa: PLR0913 - a world has many parts, each by its name
        self,
        workload: Workload | None = None,
        *,
        settings: FleetSettings = FleetSettings(),
        seed: int = 0,
        faults: FaultPlan = FaultPlan(),
        parameters: Parameters = Parameters(),
        cloud: CloudParameters | CloudMaker = CloudParameters(),
        policy: str = "",
        start: Moment | None = None,
        around: Around | None = None,
        webhooks: Fate | None = None,
        reports: Fate | None = None,
        notices: Fate | None = None,
        allowances: Allowances | None = None,
        sink: Sink | None = None,
        ceilings: Mapping[str, Ceiling] | None = None,
    ) -> None:
        """Args: what is asked of the fleet and how it is set up; all chance; what goes wrong; how the world is.

        `cloud` is EC2 with these parameters, or another cloud. `policy` is the settings' name, `start` when it begins
        (by default with the workload's first run). `around` is put around the fleet's ports; `webhooks`, `reports` and
        `notices` decide about GitHub's, the machines' and the cloud's messages in place of the plan's odds. `sink` gets
        what has ended, as JSON. `ceilings` are the limits that the fleet keeps by itself; None: it asks until it is
        refused.
        """
        super().__init__(
            workload,
            settings=settings,
            seed=seed,
            faults=faults,
            parameters=parameters,
            cloud=cloud,
            start=start,
            fates=Fates(webhooks, reports, notices),
            receive=self._receive,
        )
        self.policy = policy
        self._one_table = parameters.one_table
        self.around = around
        self._ceilings = ceilings
        allowed = Allowances.under(faults) if allowances is None else allowances
        self.invariants = Invariants(
            timeline=self.timeline,
            settings=settings,
            github=self.github,
            cloud=self.cloud,
            agents=self.agents,
            table=self.table,
            findings=self.findings,
            ours=self.claims.job,
            allowed=allowed,
        )
        self.watch = Watch(
            timeline=self.timeline,
            settings=settings,
            github=self.github,
            lives=self.cloud.log,
            table=self.table,
            findings=self.findings,
            step=parameters.functions.time_out,
            ours=self.claims.labels,
            exact=not faults.stale,
            troubles=lambda: (self.trouble.errors, self.trouble.crashes, self.trouble.pauses, self.gate.refused),
        )
        self.pools = PoolWatch(
            timeline=self.timeline,
            pools=settings.pools,
            cloud=self.cloud,
            agents=self.agents,
            assignments=self.assignments,
            table=self.table,
            findings=self.findings,
            measure=self.measure,
            exact=not faults.calls and around is None,
            hindered_since=self.invariants.hindered_since,
            second=self.invariants.second,
            has_one=self.watch.written.has_one,
        )
        self.invariants.unwanted, self.watch.pools = self.pools.unwanted, self.pools
        self.closed = Closed(
            timeline=self.timeline,
            settings=settings,
            agents=self.agents,
            table=self.table,
            decisions=self.decisions,
            findings=self.findings,
            forgotten=(self.invariants.forget, self.watch.written.forget),
            ours=self.claims.job,
            lossy=faults.calls or around is not None,
            allowed=allowed,
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
            checks=self.closed,
            spend=settings.limits.spend_per_day is not None,
            sink=sink,
        )
        self.witness.agents, self.witness.archive, self.witness.invariants = self.agents, self.archive, self.invariants
        self.witness.courier, self.witness.post, self.witness.watch = self.courier, self.post, self.watch
        self.witness.pools = self.pools
        self.github.state.runner_listener = self.agents
        self.decisions.wrong = self.findings.decision
        self.decisions.delivered = self.archive.delivered
        self.processes = Processes(
            timeline=self.timeline,
            functions=parameters.functions,
            trouble=self.trouble,
            invariants=self.invariants,
            findings=self.findings,
            seen_to=self.watch.seen_to,
            new_fleet=self.new_fleet,
            pools=bool(settings.pools),
        )
        work = partial(Worker, timeline=self.timeline, functions=parameters.functions)
        self.workers = (
            work(chance=self._chance("dispatch"), queue=self.jobs, step=self.processes.dispatch),
            work(chance=self._chance("complete"), queue=self.events, step=self.processes.complete),
        )
        Schedule(self.timeline, MINUTE, self.archive.close)
        Schedule(self.timeline, 5 * MINUTE, self.invariants.look)
        if settings.pools:
            Schedule(self.timeline, MINUTE, self.pools.look)

    @property
    def fleet(self) -> Fleet:
        """The fleet's process that lives now."""
        return self.processes.fleet

    def new_fleet(self, around: Around | None = None) -> Fleet:
        """A fleet on the stores as they are, as a fresh process builds it; `around` in place of the world's own."""
        around = around or self.around or (self.trouble.around if self.faults.calls else None)
        machines: Machines = WatchedMachines(self.cloud, self.witness.launched, self.pools.refused, self.pools.started)
        table = metered(
            self.table,
            self.tally,
            {"launches": self._written, "ledger": self.archive.billed, **self.watch.added},
            self.watch.changed,
        )
        if self.lag.odds:
            table = self.lag.around(table, self.table)
            machines = StaleMachines(machines, self.timeline, self._chance("stale"), lambda: self.lag.odds)
        ports: dict[str, Any] = {
            "table": table,
            **self.watch.queues(self.jobs, self.events),
            "github": self.gate.around(memory_github(self.github)),
            "machines": machines,
            "assignments": Orders(self.assignments, self.agents.ordered, self.watch.ordered),
            "decisions": self.decisions,
        }
        if self._one_table:
            ports["handover"] = MemoryHandover(table.together, ports["assignments"])
        if around is not None:
            ports = {
                name: wired(name, port, around) if name in {"table", "github"} else around(name, port)
                for name, port in ports.items()
            }
        if self._ceilings is not None:
            purse = Purse(ports["table"].paces, self._ceilings, self.timeline)
            ports = self.paced(ports, purse)
        return Fleet(settings=self.settings, clock=self.timeline, ids=self.ids, gauges=self.gauges, **ports)

    def paced(self, ports: dict[str, Any], purse: Purse) -> dict[str, Any]:
        """The ports of a process that pays for what it asks; who has other ports before the cloud replaces this."""
        return paced(ports, purse, tokens=self.settings.registration_tokens)

    # -- time ---------------------------------------------------------------------------------------------------

    def run(self, until: Moment | None = None) -> Outcome:
        """Let the whole load be served, or time pass to this moment; what came of it.

        A load is over when nothing is left to do. What is open when a day and a quarter have passed since its last
        run is a violation.
        """
        with rare_collections():
            if until is not None:
                self.timeline.run(until)
                return self.outcome()
            while not self.pushes.over:
                self.timeline.run(self.timeline.now() + MINUTE)
            if self.settings.pools:
                self._run_until(PATIENCE, lambda: self.served)
                self.resize({} if self.seed % 2 else emptied(self.settings.pools, _SOON))
            if not self.run_until_quiet():
                self.findings.fault("everything ends", "something is open a day and a quarter after the last run")
            self.archive.close_all()
            return self.outcome()

    def run_until_quiet(self, within: Span = PATIENCE) -> bool:
        """Let time pass until nothing is left to do; False if there still was something after `within`."""
        return self._run_until(within, lambda: self.quiet)

    def _run_until(self, within: Span, over: Callable[[], bool]) -> bool:
        until = self.timeline.now() + within
        while not over():
            if self.timeline.now() >= until:
                return False
            self.timeline.run(min(until, self.timeline.now() + MINUTE))
        return True

    def resize(self, pools: Mapping[str, Pool]) -> None:
        """Somebody deploys other settings of the pools."""
        self.settings = attrs.evolve(self.settings, pools=pools)
        self.pools.resized(pools)
        self.processes.fleet = self.new_fleet()

    @property
    def served(self) -> bool:
        """True if every job has ended or will never be served, and no word of any is on its way."""
        if not self.pushes.over or self.courier.on_the_way or self.jobs.inner.visible():
            return False
        return self.jobs.inner.next_due() is None and jobs_are_over(self.github, self.table, self.claims)

    @property
    def quiet(self) -> bool:
        """True if nothing is left to do: no load, machine or message, no open record, no job that could still run."""
        if not self.served or self.post.on_the_way or self.cloud.alive:
            return False
        if self.events.inner.visible() or self.events.inner.next_due() is not None:
            return False
        return records_are_closed(self.table)

    # -- what is to be seen -------------------------------------------------------------------------------------

    def check(self) -> list[Violation]:
        """Look at everything there is now, ended or not; all violations so far."""
        self.invariants.look()
        self.archive.review()
        return self.findings.violations

    def outcome(self) -> Outcome:
        """What has come of it so far."""
        measure, now = self.measure, self.timeline.now()
        runs = (*self.workers, self.processes)
        control = control_cost(
            self.tally,
            self.jobs.requests + self.events.requests,
            sum(one.invocations for one in runs),
            sum(one.billed for one in runs),
            self.parameters.functions.memory,
        )
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
            pools=measure.pools.outcomes(),
            violations=tuple(self.findings.violations),
            events=self.timeline.events,
        )

    def _written(self, launch: Launch) -> None:
        self.archive.launched(launch)
        self.pools.wanted(launch)

    def _receive(self, word: GitHubWord) -> bool:
        before = self.jobs.requests + self.events.requests
        taken = self.processes.receive(word)
        if taken and before == self.jobs.requests + self.events.requests:
            self.watch.taken_in(word)
        return taken
