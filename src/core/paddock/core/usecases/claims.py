"""Claims: a job that asks for a pool takes one of its machines, if there is one: a hot one, else a sleeping one.

::

    spare (ready, asleep or booting) ──one conditional write──> claimed by the job ──> the claim is a launch record
                    │                                              │                    whose machines stand already
          somebody was faster: the next one               crash: nobody waits for it; the sweep ends it

The machine's record is the arbiter: whoever claims, stops, starts, replaces or ends a spare does so on the condition
that it is one (``spare_of``) and in the state in which it was seen. So two of them never have the same machine. And the
claim names the launch that it is for: of two dispatchers that have the same job, one has the machine.
"""

from collections.abc import Iterable, Sequence

from paddock.core.errors import Conflict, NotFound
from paddock.core.job import Job
from paddock.core.paging import pages
from paddock.core.pools.naps import asleep_again, waking, woken
from paddock.core.pools.pool import Pool
from paddock.core.ports.decisions import Decisions
from paddock.core.ports.stores import RunnerStore, Table
from paddock.core.ports.system import Clock, Ids
from paddock.core.runner import Runner, RunnerChange, RunnerIs
from paddock.core.settings import FleetSettings
from paddock.core.spec import RunnerSpec
from paddock.core.states import RunnerState
from paddock.core.units import Moment, Span
from paddock.core.usecases.record import Recorder

_FIRST = (RunnerState.READY, RunnerState.STOPPED, RunnerState.BOOTING)
"""The order in which they are taken: one that boots without a job was launched a moment ago, or is being woken."""


def spares_of(runners: RunnerStore, pool: str) -> list[Runner]:
    """The spares of the pool, oldest first."""
    found = pages(lambda cursor: runners.page("spare", pool, cursor=cursor))
    return [runner for runner in found if runner.spare]


class Claims:
    """Gives spares to jobs."""

    def __init__(self, *, settings: FleetSettings, table: Table, decisions: Decisions, clock: Clock, ids: Ids) -> None:
        self._pools = settings.pools
        self._silence = settings.deadlines.silence
        self._runners = table.runners
        self._clock = clock
        self._ids = ids
        self._record = Recorder(decisions, clock, "claims")

    def __call__(self, admitted: Sequence[tuple[Job, RunnerSpec]]) -> dict[int, Runner]:
        """The machines that these jobs have now, by the jobs' ids: those of one spec for one launch. Others start cold.

        A pool that cannot be read, or written, is nothing that a job waits for. What may have been claimed at that
        moment, and has no launch, is ended by the sweep.
        """
        claimed: dict[int, Runner] = {}
        left: dict[str, list[Runner]] = {}
        launches: dict[RunnerSpec, str] = {}
        for job, spec in admitted:
            pool = None if spec.pool is None else self._pools.get(spec.pool)
            if pool is None:
                continue
            try:
                if pool.name not in left:
                    left[pool.name] = []  # one that cannot be read is not read again for the next job
                    found = spares_of(self._runners, pool.name)
                    left[pool.name] = in_order(found, pool, self._clock.now(), self._silence)
                if left[pool.name]:
                    launch = launches.setdefault(spec, self._ids.token())
                    mine = self._first(job, spec, pool, left[pool.name], launch)
                    claimed.update({} if mine is None else {job.id: mine})
            except Exception as error:  # noqa: BLE001 - nor does a fault of ours stop anybody
                self._record.fault(job.id, error)
        return claimed

    def _first(self, job: Job, spec: RunnerSpec, pool: Pool, left: list[Runner], launch: str) -> Runner | None:
        """The first that it can have; what was tried is taken off the list."""
        for spare in tuple(left):
            if not serves(spare, spec):
                continue
            if job.displaced and spare.state is RunnerState.STOPPED:
                continue  # the cloud may not have woken one for it: it takes what is up, or starts cold
            if job.failure and outdated(spare, pool):
                continue  # its agent may not know what orders say by now, and so may the next one's
            left.remove(spare)
            mine = self._claim(job, spare, launch)
            if mine is not None:
                return mine
        return None

    def _claim(self, job: Job, spare: Runner, launch: str) -> Runner | None:
        now = self._clock.now()
        change = RunnerChange(
            spare_of=None,
            assigned_job=job.id,
            claimed_at=now,
            claim=launch,
            repository=job.facts.repository,
            workflow=job.facts.workflow,
            labels=job.facts.labels,
        )
        if spare.state is RunnerState.STOPPED:
            change.update(woken(spare, now))
        mine: Runner | None = None
        try:
            when = RunnerIs(state=spare.state, spare_of=spare.spare_of, runner_name=None, gone_at=None)
            mine = self._runners.update(spare.key, when, change)
        except Conflict as conflict:
            # The write may have been repeated below us after its first answer was lost.
            there = conflict.current
            if isinstance(there, Runner) and there.claim == launch and there.assigned_job == job.id:
                mine = there
        except NotFound:
            return None
        if mine is not None:
            self._record.machine(spare.machine, "claimed", f"job {job.id} took it, {spare.state}", job=job.id)
        return mine

    def give_back(self, runner: Runner, job: Job, reason: str) -> bool:
        """The job does not take the machine it claimed, which has no orders yet: a spare again. False if it has moved.

        One that was to be woken sleeps on.
        """
        now = self._clock.now()
        change = RunnerChange(spare_of=runner.pool, assigned_job=None, claimed_at=None, claim=None)
        change.update(RunnerChange(repository="", workflow="", labels=()))
        if waking(runner):
            change.update(asleep_again(runner, now))
        when = RunnerIs(state=runner.state, assigned_job=job.id, claim=runner.claim, runner_name=None, gone_at=None)
        try:
            self._runners.update(runner.key, when, change)
        except (Conflict, NotFound):
            return False
        self._record.machine(runner.machine, "given_back", reason, job=job.id)
        return True


def in_order(spares: Iterable[Runner], pool: Pool, now: Moment, silence: Span) -> list[Runner]:
    """Those that may be claimed, the best first: hot before asleep, made as they should be before outdated, then old.

    One of whose agent nothing was heard for so long is left out, and so is one that is not what the pool's jobs may
    count on now: it was launched before the pool's spec was changed.
    """
    fit = [one for one in spares if one.state in _FIRST and serves(one, pool.spec) and not silent(one, now, silence)]
    return sorted(
        fit,
        key=lambda one: (
            _FIRST.index(one.state),
            outdated(one, pool),
            one.launched_at,
            one.machine,
        ),
    )


def outdated(runner: Runner, pool: Pool) -> bool:
    """True if it is made of something else than the pool's machines are by now."""
    return bool(pool.digest and runner.digest and runner.digest != pool.digest)


def serves(runner: Runner, spec: RunnerSpec) -> bool:
    """True if the machine, as it was launched, is what the spec asks for, as far as its record tells."""
    small = runner.disk < (spec.disk or 0)
    return not small and runner.arch is spec.arch and (not runner.vcpu or runner.vcpu in spec.cpu)


def silent(runner: Runner, now: Moment, silence: Span) -> bool:
    """True if it should be up, and its agent has not said so for too long."""
    return runner.state is RunnerState.READY and now - runner.heard_at > silence
