"""What must be true of a job or a machine that is closed: GitHub or the cloud has ended it, and time has passed."""

from collections.abc import Callable, Sequence
from itertools import pairwise

from paddock.adapters.memory.github.values import JobRecord
from paddock.adapters.simulation.agents import Agents
from paddock.adapters.simulation.allowances import Allowances
from paddock.adapters.simulation.findings import Findings, clock
from paddock.adapters.simulation.measure import Service
from paddock.adapters.simulation.protocols import Ending, Life
from paddock.adapters.simulation.timeline import Timeline
from paddock.core.costs.bill import EC2_MINIMUM
from paddock.core.costs.ledger import LedgerEntry, Phase
from paddock.core.job import Job
from paddock.core.pools.naps import BELIEVED
from paddock.core.ports.decisions import Decisions
from paddock.core.ports.stores import Table
from paddock.core.runner import Runner
from paddock.core.settings import FleetSettings
from paddock.core.spec import Market, RetryMode
from paddock.core.states import ENDED_JOBS, JobState, OperationalResult
from paddock.core.units import HOUR, MINUTE, Span

_APART = MINUTE  # of a stop or a start, as the cloud and the fleet see it, and of what a start costs at least


class Closed:
    """Looks at each once, before it is forgotten."""

    def __init__(
        self,
        *,
        timeline: Timeline,
        settings: FleetSettings,
        agents: Agents,
        table: Table,
        decisions: Decisions,
        findings: Findings,
        forgotten: Sequence[Callable[[int], object]],
        ours: Callable[[JobRecord], bool],
        lossy: bool,
        allowed: Allowances,
    ) -> None:
        """Args: `ours` tells which jobs the fleet must come to know; `lossy`, whether decisions can get lost.

        `forgotten` are told of jobs that nobody will ask about any more.
        """
        self._timeline = timeline
        self._settings = settings
        self._agents = agents
        self._table = table
        self._decisions = decisions
        self._findings = findings
        self._wrong = findings.wrong
        self._forgotten = forgotten
        self._ours = ours
        self._lossy = lossy
        self.allowed = allowed

    def forget(self, job_id: int) -> None:
        """The job is forgotten."""
        for forget in self._forgotten:
            forget(job_id)

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
        self._results(told, known, service)
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

    def _results(self, told: JobRecord, known: Job, service: Service | None) -> None:
        if service is None:
            return
        if known.result is OperationalResult.INTERRUPTED and self._in_doubt(told, service):
            self._agents.lost_runs.add(told.run_id)
            return
        served = service.result is OperationalResult.SERVED
        if served and known.result not in {None, OperationalResult.SERVED}:
            self._wrong("results are true", f"job {known.id} was served, and is called {known.result}", known.id)

    def _in_doubt(self, told: JobRecord, service: Service) -> bool:
        """True if the job went wrong about when agents stop theirs, on a machine that was then taken.

        It may have gone wrong by itself, or its machine may have hung before: if no word of the machine's came through,
        nobody can tell that from a job that was stopped.
        """
        runner = self._table.runners.get(service.machine)
        if runner is None or not runner.taken or runner.gone_at is None:
            return False
        return told.conclusion != "success" and (told.completed_at or 0) > runner.gone_at - MINUTE

    def open_job(self, told: JobRecord, known: Job) -> None:
        """GitHub concluded the job a while ago, and its record is still open."""
        if (
            self._timeline.now() - (told.completed_at or 0) > self.allowed.closed
            and known.key not in self._findings.told
        ):
            self._findings.told.add(known.key)
            said = f"job {told.id} ended {told.conclusion} at {clock(told.completed_at)} and is still {known.state}"
            self._wrong("jobs end as GitHub says", said, told.id)

    def machine(self, life: Life, known: Runner | None, bill: Sequence[LedgerEntry]) -> None:
        """A machine is gone, and some time has passed."""
        machine, ended = life.machine, life.ended_at or 0
        if known is None and ended - machine.launched_at < self.allowed.unseen:
            return
        self._counted(life, known)
        entries = sorted(bill, key=lambda entry: (entry.start, entry.end))
        apart = _APART if life.runs else 0
        least = ended if life.runs else max(ended, machine.launched_at + EC2_MINIMUM)
        whole = (
            bool(entries)
            and entries[0].start == machine.launched_at
            and all(one.end == other.start for one, other in pairwise(entries))
            and least <= entries[-1].end <= least + self.allowed.noticed + apart
            and self._price_is_right(life, entries)
        )
        if not whole:
            said = f"machine {machine.id} lived {clock(machine.launched_at)} to {clock(ended)}; billed: " + ", ".join(
                f"{one.phase} {clock(one.start)} to {clock(one.end)} ({one.compute})" for one in entries
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
        """The ledger's parts add up to the price of the whole: nothing, if the cloud took it in its first hour.

        What a machine that slept was awake stands in the cloud's own log. One whose start fell back to sleep may be
        billed until it is ended: nobody is told of that.
        """
        machine, billed = life.machine, entries[-1].end - life.machine.launched_at
        free = life.ended_by is Ending.SPOT and machine.market is Market.SPOT and billed < HOUR
        price = 0 if free else machine.price
        paid = sum(entry.compute or 0 for entry in entries)
        if price is None:
            return all(entry.compute is None for entry in entries if entry.phase is not Phase.SLEEP)
        if not life.runs:
            # It was to be stopped, and ended before the cloud was told: until that is seen, it is taken to sleep.
            slept = sum(entry.end - entry.start for entry in entries if entry.phase is Phase.SLEEP)
            return slept <= BELIEVED + 2 * _APART and paid == price * (billed - slept) // HOUR
        since, until = life.started_at or machine.launched_at, life.ended_at or entries[-1].end
        awake, apart = life.awake(since, until, EC2_MINIMUM), _APART * (len(life.runs) + 1)
        fell_back = life.stopping_at is not None and (life.started_at or 0) > life.runs[-1][1]
        slept_on = until - (life.stopping_at or until) if fell_back else 0
        most = awake + apart + self.allowed.noticed + slept_on
        least = awake - apart - _believed(life, entries[-1])
        return price * least // HOUR <= paid <= price * most // HOUR

    def open_machine(self, life: Life, known: Runner) -> None:
        """The machine ended a while ago, and its record is still open."""
        if self._timeline.now() - (life.ended_at or 0) > self.allowed.closed and known.key not in self._findings.told:
            self._findings.told.add(known.key)
            said = f"machine {known.machine} ended at {clock(life.ended_at)} and its record is {known.state}"
            self._wrong("the ledger equals the bill", said, known.assigned_job, known.machine)


def _believed(life: Life, last: LedgerEntry) -> Span:
    """How long it was taken to sleep although the cloud had not been told to stop it, if the cloud then ended it.

    Whoever ends it himself looks at it before.
    """
    unseen = last.phase is Phase.SLEEP and life.stopping_at is None and life.ended_by is not Ending.FLEET
    slept = last.end - last.start
    return slept if unseen and slept <= BELIEVED + 2 * _APART else 0


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
