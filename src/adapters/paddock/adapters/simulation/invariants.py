"""What must be true of a fleet at all times, however badly things go; what is not becomes a `Violation` with a story.

Most is looked at once, when a job or a machine is closed; what could be too late then (a kill, a second machine, a
machine that nobody needs) is looked at as it happens, or every few minutes.
"""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from itertools import pairwise

import attrs

from paddock.adapters.memory.github import MemoryGitHub
from paddock.adapters.memory.github.values import JobRecord, Status
from paddock.adapters.simulation.agents import Agents
from paddock.adapters.simulation.faults import FaultPlan
from paddock.adapters.simulation.host import Standing
from paddock.adapters.simulation.measure import Service
from paddock.adapters.simulation.outcome import Violation
from paddock.adapters.simulation.protocols import Ending, Life, SimulatedCloud
from paddock.adapters.simulation.timeline import Timeline
from paddock.core.decision import Decision
from paddock.core.job import Job, job_subject
from paddock.core.ledger import EC2_MINIMUM, LedgerEntry
from paddock.core.ports.decisions import Decisions
from paddock.core.ports.machines import LaunchRequest, Machine
from paddock.core.ports.stores import Table
from paddock.core.runner import Runner
from paddock.core.settings import FleetSettings
from paddock.core.spec import Market, RetryMode
from paddock.core.states import ENDED_JOBS, JobState, OperationalResult
from paddock.core.units import HOUR, MINUTE, SECOND, Moment, Span, rfc3339, span_text
from paddock.core.usecases.record import machine_subject

MOST_VIOLATIONS = 100  # of each rule: after those, more of the same tell nothing


@attrs.frozen
class Allowances:
    """How long things may take that cannot be at once.

    ``purpose``: a machine that nobody needs; time in which sweeps failed is not counted. ``unheard``: a job that GitHub
    has queued and the fleet does not know. ``unseen``: a machine that dies sooner than this may never be written down,
    and then is never billed. ``noticed``: how much longer than its life a machine may be billed. ``closed``: how long
    after its end something may still be open.
    """

    purpose: Span = 15 * MINUTE
    unheard: Span = 15 * MINUTE
    unseen: Span = 4 * MINUTE
    noticed: Span = 0
    closed: Span = HOUR

    @staticmethod
    def under(plan: FaultPlan) -> "Allowances":
        """Where calls fail, whoever repeats them needs longer."""
        return Allowances(unheard=HOUR, unseen=15 * MINUTE, closed=2 * HOUR) if plan.calls else Allowances()


class Invariants:
    """Looks, and keeps what is wrong."""

    def __init__(  # noqa: PLR0913 - it looks at everything there is
        self,
        *,
        timeline: Timeline,
        settings: FleetSettings,
        github: MemoryGitHub,
        cloud: SimulatedCloud,
        agents: Agents,
        table: Table,
        decisions: Decisions,
        ours: Callable[[JobRecord], bool],
        violations: list[Violation],
        lossy: bool,
        allowances: Allowances,
    ) -> None:
        """Args: everything there is to look at.

        `ours` tells which jobs the fleet must come to know; `lossy`, whether decisions can be lost on their way.
        """
        self._lossy = lossy
        self._timeline = timeline
        self._settings = settings
        self._github = github
        self._cloud = cloud
        self._agents = agents
        self._table = table
        self._decisions = decisions
        self._ours = ours
        self.allowed = allowances
        self._counts: dict[str, int] = {}
        self._meant: dict[int, str] = {}  # which machine was last started for a job
        self._told: set[str] = set()
        self._hindered: list[tuple[Moment, Span]] = []  # when a sweep failed, and how much that is in all by then
        self.violations = violations

    # -- as it happens ------------------------------------------------------------------------------------------

    def launched(self, request: LaunchRequest, machines: Sequence[Machine]) -> None:
        """The cloud started machines: each job that they are for must have had no other that could still serve it."""
        launch = self._table.launches.get(request.token)
        if launch is None:
            self._wrong("launches are written down first", f"nothing is known of launch {request.token}")
            return
        if len(machines) > len(launch.jobs):
            self._wrong("one machine for each job", f"launch {launch.id} for {launch.jobs} gave {len(machines)}")
        for job_id, machine in zip(launch.jobs, machines, strict=False):
            self._second(job_id, machine.id)
        for job_id in launch.jobs:
            self._on_demand(job_id, request.market)
            job = self._table.jobs.get(str(job_id))
            if job is not None and job.launch - job.displaced > self._settings.retry.max_launches:
                self._wrong("launches stay within the budget", f"job {job_id} has {job.launch}", job_id)

    def _on_demand(self, job_id: int, market: Market) -> None:
        told = self._github.state.jobs.get(job_id)
        rerun = None if told is None or told.attempt == 1 else self._table.reruns.get(str(told.run_id))
        if rerun is not None and rerun.times and market is not Market.ON_DEMAND:
            self._wrong("a re-run is on demand", f"job {job_id} of a re-run was launched as {market}", job_id)

    def _second(self, job_id: int, machine: str) -> None:
        """A machine was started for the job: one that was before must be past serving it."""
        before, self._meant[job_id] = self._meant.get(job_id), machine
        life = None if before is None else self._cloud.log.get(before)
        if before is None or life is None or life.ended_at is not None or life.warned_at is not None:
            return
        agent, runner = self._agents.by_machine.get(before), self._table.runners.get(before)
        lost = agent is not None and (agent.mute or agent.standing in {Standing.LEAVING, Standing.OFF})
        given_away = runner is not None and (
            runner.assigned_job != job_id
            or runner.result is not None  # it said itself that it will not
            or (runner.runner_id is not None and runner.runner_id not in self._github.state.runners)
        )
        elsewhere = agent is not None and agent.standing is Standing.WORKING and agent.job_id != job_id
        if not (lost or given_away or elsewhere):
            said = f"machine {machine} was started for job {job_id}, whose machine {before} could still serve it"
            self._wrong("one machine for each job", said, job_id, before)

    def forget(self, job_id: int) -> None:
        """The job is closed."""
        self._meant.pop(job_id, None)
        self._told.discard(str(job_id))

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

    def decision(self, decision: Decision) -> None:
        """A decision without its reason, or one that tells of a fault of ours."""
        rule = "no fault is ours" if decision.verdict == "fault" else "every decision has a reason"
        self.fault(rule, f"{decision.subject}: {decision.verdict}: {decision.reason}")

    # -- every few minutes --------------------------------------------------------------------------------------

    def look(self) -> None:
        """Look at what lives: machines that nobody needs, jobs that nobody knows."""
        now = self._timeline.now()
        for machine in self._cloud.alive:
            self._outlived(self._cloud.log[machine], "lives")
        for ids in self._github.state.unfinished.values():
            for job_id in ids:
                told = self._github.state.jobs.get(job_id)
                if told is None or now - told.created_at <= self.allowed.unheard:
                    break  # they are in the order of their creation
                key = str(job_id)
                if told.status is Status.QUEUED and key not in self._told and self._ours(told):
                    known = self._table.jobs.get(key)
                    if known is None:
                        self._told.add(key)
                        self._wrong("no job is lost", f"job {job_id} waits, and the fleet does not know it", job_id)

    def _outlived(self, life: Life, verb: str) -> None:
        machine, now = life.machine.id, self._timeline.now()
        since = self._useless_since(life)
        if since is None or machine in self._told:
            return
        if now - since - self._hindered_since(since) > self.allowed.purpose:
            self._told.add(machine)
            said = f"machine {machine} {verb} {span_text(now - since)} longer than anybody needs it"
            self._wrong("no machine outlives its purpose", said, None, machine)

    def hindered(self, span: Span) -> None:
        """A sweep could not do its work: what it would have seen to, the next one will, so much later."""
        before = self._hindered[-1][1] if self._hindered else 0
        self._hindered.append((self._timeline.now(), before + span))

    def _hindered_since(self, moment: Moment) -> Span:
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
        job_id = None if runner is None else runner.assigned_job
        told = None if job_id is None else self._github.state.jobs.get(job_id)
        if job_id is None or told is None:
            return life.machine.launched_at
        other = self._agents.services.get(job_id)
        return told.completed_at if other is None or other.machine == life.machine.id else other.begun_at

    # -- at the close -------------------------------------------------------------------------------------------

    def job(self, told: JobRecord, known: Job | None, service: Service | None) -> None:
        """GitHub has concluded the job, and some time has passed."""
        if known is None:
            # Every word of it was lost, and it ended before a sweep looked: nobody could know, and nothing was missed.
            waited = (told.started_at or told.completed_at or 0) - told.created_at
            if self._ours(told) and waited > self.allowed.unheard:
                self._wrong("no job is lost", f"job {told.id} ended {told.conclusion} and was never seen", told.id)
            return
        if known.state not in ENDED_JOBS:
            return
        if not _ended_as(told, known):
            said = f"GitHub says {told.status} {told.conclusion}, the record {known.state} {known.conclusion}"
            self._wrong("jobs end as GitHub says", f"job {told.id}: {said}", told.id)
        if known.launch - known.displaced > self._settings.retry.max_launches:
            self._wrong("launches stay within the budget", f"job {told.id} had {known.launch}", told.id)
        if not self._lossy and not known.reason and not self._decisions.about(known.subject, limit=1):
            self._wrong("every decision has a reason", f"nothing is said of job {told.id}", told.id)
        self._results(known, service)
        if told.attempt > 1 and told.run_id not in self._agents.lost_runs:
            said = f"job {told.id} is of a re-run, and nothing of run {told.run_id} was lost"
            self._wrong("what was lost is run again", said, told.id)
        if service is not None and service.taken:
            self._lost(told, known, service)

    def _lost(self, told: JobRecord, known: Job, service: Service) -> None:
        """The cloud took the job's machine: its run is re-run once, or it is said why not."""
        never = known.spec is not None and known.spec.retry is RetryMode.NEVER
        paired = known.machine == service.machine
        if told.attempt > 1 or told.conclusion in {None, "success"} or never or not paired:
            return  # a second loss is not run again; and nobody can know what no record tells
        rerun = self._table.reruns.get(str(told.run_id))
        if rerun is None or not (told.id in rerun.suspects or rerun.attempt > 1):
            self._wrong("what was lost is run again", f"job {told.id} was lost, and nobody has noticed", told.id)
        elif not (rerun.open or rerun.times or rerun.reason):
            self._wrong("what was lost is run again", f"{rerun} is left without a reason", told.id)

    def _results(self, known: Job, service: Service | None) -> None:
        served = service is not None and service.result is OperationalResult.SERVED
        if served and known.result not in {None, OperationalResult.SERVED}:
            self._wrong("results are true", f"job {known.id} was served, and is called {known.result}", known.id)

    def open_job(self, told: JobRecord, known: Job) -> None:
        """GitHub concluded the job a while ago, and its record is still open."""
        if self._timeline.now() - (told.completed_at or 0) > self.allowed.closed and known.key not in self._told:
            self._told.add(known.key)
            said = f"job {told.id} ended {told.conclusion} at {_clock(told.completed_at)} and is still {known.state}"
            self._wrong("jobs end as GitHub says", said, told.id)

    def machine(self, life: Life, known: Runner | None, bill: Sequence[LedgerEntry]) -> None:
        """A machine is gone, and some time has passed."""
        machine, ended = life.machine, life.ended_at or 0
        if known is None and ended - machine.launched_at < self.allowed.unseen:
            return
        self._counted(life, known)
        entries = sorted(bill, key=lambda entry: (entry.start, entry.end))
        least = max(ended, machine.launched_at + EC2_MINIMUM)
        whole = (
            bool(entries)
            and entries[0].start == machine.launched_at
            and all(one.end == other.start for one, other in pairwise(entries))
            and least <= entries[-1].end <= least + self.allowed.noticed
            and self._price_is_right(life, entries)
        )
        if not whole:
            said = f"machine {machine.id} lived {_clock(machine.launched_at)} to {_clock(ended)}; billed: " + ", ".join(
                f"{one.phase} {_clock(one.start)} to {_clock(one.end)} ({one.compute})" for one in entries
            )
            self._wrong("the ledger equals the bill", said, None, machine.id)

    def _counted(self, life: Life, known: Runner | None) -> None:
        noticed = known is not None and (known.taken or known.interrupted_at is not None)
        if life.ended_by is not Ending.SPOT or life.machine.market is not Market.SPOT or not noticed:
            return
        hit = self._table.interruptions.get(life.machine.id)
        if hit is None or not hit.weighed:
            said = f"machine {life.machine.id} was taken back, and counts for no circuit"
            self._wrong("interruptions count once", said, None, life.machine.id)

    def _price_is_right(self, life: Life, entries: Sequence[LedgerEntry]) -> bool:
        """The ledger's parts add up to the price of the whole: nothing, if the cloud took it in its first hour."""
        machine, billed = life.machine, entries[-1].end - life.machine.launched_at
        free = life.ended_by is Ending.SPOT and machine.market is Market.SPOT and billed < HOUR
        price = 0 if free else machine.price
        if price is None:
            return all(entry.compute is None for entry in entries)
        return sum(entry.compute or 0 for entry in entries) == price * billed // HOUR

    def open_machine(self, life: Life, known: Runner) -> None:
        """The machine ended a while ago, and its record is still open."""
        if self._timeline.now() - (life.ended_at or 0) > self.allowed.closed and known.key not in self._told:
            self._told.add(known.key)
            said = f"machine {known.machine} ended at {_clock(life.ended_at)} and its record is {known.state}"
            self._wrong("the ledger equals the bill", said, known.assigned_job, known.machine)

    # -- the end ------------------------------------------------------------------------------------------------

    def fault(self, rule: str, what: str, story: Sequence[str] = ()) -> None:
        """Somebody else found something wrong."""
        self._counts[rule] = self._counts.get(rule, 0) + 1
        if self._counts[rule] <= MOST_VIOLATIONS:
            self.violations.append(Violation(self._timeline.now(), rule, what, tuple(story)))

    def _wrong(self, rule: str, what: str, job: int | None = None, machine: str | None = None) -> None:
        subjects = [job_subject(job)] if job is not None else []
        subjects += [machine_subject(machine)] if machine is not None else []
        decisions = [decision for subject in subjects for decision in self._decisions.about(subject, limit=30)]
        self.fault(rule, what, [_line(one) for one in sorted(decisions, key=lambda one: one.at)])


def _ended_as(told: JobRecord, known: Job) -> bool:
    """True if the record says what GitHub says, or why it was given up."""
    if known.finished_at is None:
        return False
    if known.state in {JobState.REJECTED, JobState.ABANDONED}:
        return bool(known.reason)
    if known.state is JobState.CANCELLED:
        return told.conclusion == "cancelled"
    # A job whose machine was taken is failed or cancelled, whoever says it: its machine's evidence counts.
    taken = {"failure", "cancelled"} if known.result is OperationalResult.INTERRUPTED else set()
    return known.conclusion == told.conclusion or {known.conclusion, told.conclusion} <= taken


def _line(decision: Decision) -> str:
    return f"{_clock(decision.at)} {decision.subject} {decision.actor}: {decision.verdict}: {decision.reason}"


def _clock(moment: Moment | None) -> str:
    if moment is None:
        return "never"
    return f"{rfc3339(moment)[11:19]}.{moment % SECOND // 1000:03}"
