"""What must be true of a fleet at all times, however badly things go, and is looked at as it happens.

A kill, a second machine, a machine that nobody needs: at the close it would be too late to see them. What can wait
until then is looked at by `closed`.
"""

from bisect import bisect_right
from collections.abc import Callable, Sequence

from paddock.adapters.memory.github import MemoryGitHub
from paddock.adapters.memory.github.values import JobRecord, Status
from paddock.adapters.simulation.agents import Agents
from paddock.adapters.simulation.allowances import Allowances
from paddock.adapters.simulation.findings import Findings
from paddock.adapters.simulation.host import Standing
from paddock.adapters.simulation.protocols import Ending, Life, SimulatedCloud
from paddock.adapters.simulation.timeline import Timeline
from paddock.adapters.simulation.waiting import Waiting
from paddock.core.ports.machines import LaunchRequest, Machine
from paddock.core.ports.stores import Table
from paddock.core.runner import Runner
from paddock.core.settings import FleetSettings
from paddock.core.spec import Market
from paddock.core.units import Moment, Span, span_text


class Invariants:
    """Looks at what lives. ``unwanted`` tells since when no pool wants a machine without a job."""

    unwanted: Callable[[Runner], Moment | None]

    def __init__(
        self,
        *,
        timeline: Timeline,
        settings: FleetSettings,
        github: MemoryGitHub,
        cloud: SimulatedCloud,
        agents: Agents,
        table: Table,
        findings: Findings,
        ours: Callable[[JobRecord], bool],
        allowed: Allowances,
    ) -> None:
        """Args: what there is to look at; `ours` tells which jobs the fleet must come to know."""
        self._timeline = timeline
        self._settings = settings
        self._github = github
        self._cloud = cloud
        self._agents = agents
        self._table = table
        self._findings = findings
        self._wrong = findings.wrong
        self._ours = ours
        self._allowed = allowed
        self._meant: dict[int, str] = {}  # which machine was last started for a job
        self._waiting = Waiting(
            timeline=timeline,
            settings=settings,
            github=github,
            cloud=cloud,
            table=table,
            findings=findings,
            allowed=allowed.still,
            hindered_since=self.hindered_since,
        )
        self._hindered: list[tuple[Moment, Span]] = []  # when a sweep failed, and how much that is in all by then

    # -- as it happens ------------------------------------------------------------------------------------------

    def launched(self, request: LaunchRequest, machines: Sequence[Machine]) -> None:
        """The cloud started machines: each job that they are for must have had no other that could still serve it."""
        launch = self._table.launches.get(request.token)
        if launch is None:
            self._wrong("launches are written down first", f"nothing is known of launch {request.token}")
            return
        most = len(launch.jobs) if launch.stock is None else launch.count
        if len(machines) > most or launch.claimed:
            self._wrong("one machine for each job", f"launch {launch.id} for {launch.jobs} gave {len(machines)}")
        for job_id, machine in zip(launch.jobs, machines, strict=False):
            self.second(job_id, machine.id)
        for job_id in launch.jobs:
            self._on_demand(job_id, request.market)
            job = self._table.jobs.get(str(job_id))
            if job is not None and job.launch - job.displaced > self._settings.retry.max_launches:
                self._wrong("launches stay within the budget", f"job {job_id} has {job.launch}", job_id)

    def _on_demand(self, job_id: int, market: Market) -> None:
        if not self._settings.rerun.on_demand:
            return  # by whose settings that need not be
        told = self._github.state.jobs.get(job_id)
        rerun = None if told is None or told.attempt == 1 else self._table.reruns.get(str(told.run_id))
        if rerun is not None and rerun.times and market is not Market.ON_DEMAND:
            self._wrong("a re-run is on demand", f"job {job_id} of a re-run was launched as {market}", job_id)

    def second(self, job_id: int, machine: str) -> None:
        """A machine was started for the job, or claimed: one that was before must be past serving it."""
        before, self._meant[job_id] = self._meant.get(job_id), machine
        life = None if before is None else self._cloud.log.get(before)
        if before is None or life is None or life.ended_at is not None or life.warned_at is not None:
            return
        agent, runner = self._agents.by_machine.get(before), self._table.runners.get(before)
        lost = agent is not None and (agent.mute or agent.standing in {Standing.LEAVING, Standing.OFF})
        given_away = runner is not None and (
            runner.assigned_job != job_id
            or (runner.claimed_at is not None and runner.runner_name is None)  # it never got its orders
            or runner.result is not None  # it said itself that it will not
            or (runner.runner_id is not None and runner.runner_id not in self._github.state.runners)
        )
        elsewhere = agent is not None and agent.standing is Standing.WORKING and agent.job_id != job_id
        asleep = life.stopping_at is not None  # its start was accepted, and it fell back all the same
        if not (lost or given_away or elsewhere or asleep):
            said = f"machine {machine} was started for job {job_id}, whose machine {before} could still serve it"
            self._wrong("one machine for each job", said, job_id, before)

    def forget(self, job_id: int) -> None:
        """The job is closed."""
        self._meant.pop(job_id, None)
        self._findings.told.discard(str(job_id))

    def ended(self, machine: Machine, by: Ending) -> None:
        """A machine ends: if the fleet did it, it must not have been at work; and it must not have outlived its use."""
        self._outlived(self._cloud.log[machine.id], "lived")
        agent = self._agents.by_machine.get(machine.id)
        if by is not Ending.FLEET or agent is None or agent.standing is not Standing.WORKING or agent.job_id is None:
            return
        limit = self._settings.deadlines.runtime
        if agent.begun_at is not None and self._timeline.now() - agent.begun_at <= limit:
            said = f"machine {machine.id} was terminated while it ran job {agent.job_id}"
            self._wrong("no live runner is killed", said, agent.job_id, machine.id)

    # -- every few minutes --------------------------------------------------------------------------------------

    def look(self) -> None:
        """Look at what lives: machines that nobody needs, jobs that nobody knows or that nobody moves."""
        now = self._timeline.now()
        for machine in self._cloud.alive:
            self._outlived(self._cloud.log[machine], "lives")
        for ids in self._github.state.unfinished.values():
            for job_id in ids:
                told = self._github.state.jobs.get(job_id)
                if told is None or now - told.created_at <= self._allowed.unheard:
                    break  # they are in the order of their creation
                if now - told.created_at - self.hindered_since(told.created_at) <= self._allowed.unheard:
                    continue
                key = str(job_id)
                if told.status is Status.QUEUED and key not in self._findings.told and self._ours(told):
                    known = self._table.jobs.get(key)
                    if known is None:
                        self._findings.told.add(key)
                        self._wrong("no job is lost", f"job {job_id} waits, and the fleet does not know it", job_id)
        self._waiting.look()

    def _outlived(self, life: Life, verb: str) -> None:
        machine, now = life.machine.id, self._timeline.now()
        since = self._useless_since(life)
        if since is None or machine in self._findings.told:
            return
        if now - since - self.hindered_since(since) > self._allowed.purpose:
            self._findings.told.add(machine)
            said = f"machine {machine} {verb} {span_text(now - since)} longer than anybody needs it"
            self._wrong("no machine outlives its purpose", said, None, machine)

    def hindered(self, span: Span) -> None:
        """A sweep could not do its work: what it would have seen to, the next one will, so much later."""
        before = self._hindered[-1][1] if self._hindered else 0
        self._hindered.append((self._timeline.now(), before + span))

    def hindered_since(self, moment: Moment) -> Span:
        """How much time went by since then in which sweeps failed."""
        if not self._hindered:
            return 0
        place = bisect_right(self._hindered, moment, key=lambda one: one[0])
        return self._hindered[-1][1] - (self._hindered[place - 1][1] if place else 0)

    def _useless_since(self, life: Life) -> Moment | None:
        """Since when nobody needs the machine; None if somebody may."""
        since = self._over(life)
        return None if since is None else max(since, life.machine.launched_at)

    def _over(self, life: Life) -> Moment | None:
        agent = self._agents.by_machine.get(life.machine.id)
        if agent is not None and agent.job_id is not None:
            # As long as GitHub believes that it works, so must the fleet.
            concluded = agent.concluded_at
            return None if agent.over_at is None or concluded is None else max(agent.over_at, concluded)
        if agent is not None and agent.over_at is not None:
            return agent.over_at
        return self._wanted_until(life)

    def _wanted_until(self, life: Life) -> Moment | None:
        """Until when the job that the machine is for waited; None: it still does."""
        runner = self._table.runners.get(life.machine.id)
        if runner is not None and runner.stock is not None and runner.assigned_job is None:
            return self.unwanted(runner)
        job_id = None if runner is None else runner.assigned_job
        told = None if job_id is None else self._github.state.jobs.get(job_id)
        claimed_at = 0 if runner is None else runner.claimed_at or 0  # until then a pool wanted it
        if job_id is None or told is None:
            return max(life.machine.launched_at, claimed_at)
        other = self._agents.services.get(job_id)
        over = told.completed_at if other is None or other.machine == life.machine.id else other.begun_at
        return None if over is None else max(over, claimed_at)
