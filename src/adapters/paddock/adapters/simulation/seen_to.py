"""What must be true at the end of a step in which nothing failed: whoever depended on what it closed is seen to.

The sweeps would see to it too, a minute later. They are for what fails; what does not fail is done at once.
"""

from collections.abc import Callable

import attrs

from paddock.adapters.memory.github import MemoryGitHub
from paddock.adapters.simulation.findings import Findings
from paddock.core.job import Job
from paddock.core.ports.stores import Table
from paddock.core.runner import Runner
from paddock.core.states import JobState, RunnerState

_BEFORE = frozenset({JobState.QUEUED, JobState.DISPATCHING, JobState.LAUNCHED})
_IDLE = frozenset({RunnerState.BOOTING, RunnerState.READY})


@attrs.define
class _Step:
    """What a step closed, and how much had gone wrong before it."""

    before: object
    gone: list[Runner] = attrs.field(factory=list)
    ended: list[Job] = attrs.field(factory=list)


class SeenTo:
    """Remembers what a step closed, and looks at its end."""

    def __init__(
        self,
        *,
        github: MemoryGitHub,
        table: Table,
        findings: Findings,
        left: Callable[[Runner, str], object],
        troubles: Callable[[], object],
    ) -> None:
        """Args: `left` looks whether a machine's job was left as it was.

        `troubles` tells how much has gone wrong so far: if it is the same after a step, nothing did in it.
        """
        self._left = left
        self._registered = github.state.runners
        self._table = table
        self._wrong = findings.wrong
        self._troubles = troubles
        self._failures = 0
        self._lent = 0
        self._steps: list[_Step] = []  # one is within another where a process is held up and the others go on

    def lent(self, more: int) -> None:
        """So many more messages are lent (or fewer): one that stays so could not be handled."""
        self._lent += more

    def failed(self) -> None:
        """A message was given back, or a sweep tells of an error: what is left to do will be done later."""
        self._failures += 1

    def job(self, before: Job, after: Job) -> None:
        """A job's record was changed."""
        never_ran = before.state in _BEFORE and after.started_at is None
        if self._steps and never_ran and after.state in {JobState.CANCELLED, JobState.FINISHED}:
            self._steps[-1].ended.append(after)

    def runner(self, before: Runner, after: Runner) -> None:
        """A machine's record was changed."""
        if self._steps and after.state is RunnerState.GONE and before.state is not RunnerState.GONE:
            self._steps[-1].gone.append(after)

    def begin(self) -> None:
        """A step begins."""
        self._steps.append(_Step((self._troubles(), self._failures, self._lent)))

    def end(self, *, well: bool) -> None:
        """The step ended; `well`: it raised nothing."""
        step = self._steps.pop()
        if not well or not (step.gone or step.ended) or step.before != (self._troubles(), self._failures, self._lent):
            return
        for runner in step.gone:
            self._left(runner, f"machine {runner.machine} is gone")
        for job in step.ended:
            self._kept(job)

    def _kept(self, job: Job) -> None:
        runner = None if job.machine is None else self._table.runners.get(job.machine)
        if runner is None or runner.state not in _IDLE or runner.served_job is not None or runner.gone_at is not None:
            return
        registered = None if runner.runner_id is None else self._registered.get(runner.runner_id)
        if runner.assigned_job == job.id and registered is not None and not registered.busy:
            said = f"job {job.id} ended without machine {runner.machine}, which was started for it and is kept"
            self._wrong("a machine is released with its job", said, job.id, runner.machine)
