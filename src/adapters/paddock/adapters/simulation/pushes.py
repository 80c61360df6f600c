"""Whoever pushes: turns a workload into runs at GitHub, one after the other, so that none is held in memory early."""

from collections.abc import Callable, Iterator

from paddock.adapters.memory.github import JobScript, MemoryGitHub, RunnerFaults
from paddock.adapters.memory.github.values import JobRecord
from paddock.adapters.simulation.draws import hit
from paddock.adapters.simulation.faults import FaultPlan
from paddock.adapters.simulation.load import JobLoad, RunLoad
from paddock.adapters.simulation.timeline import Timeline
from paddock.core.ports.system import Chance
from paddock.core.units import Span

_LOST = ("failure", "cancelled")  # GitHub has been seen to say either of a job whose runner fell silent


class Pushes:
    """Starts runs at their time. ``over`` is True once the last one has been started."""

    def __init__(
        self,
        *,
        timeline: Timeline,
        chance: Chance,
        github: MemoryGitHub,
        runs: Iterator[RunLoad],
        faults: FaultPlan,
        pushed: Callable[[int], object] = lambda _: None,
    ) -> None:
        """Args: `runs` in the order of time; `pushed` is told each run's id."""
        self._timeline = timeline
        self._chance = chance
        self._github = github
        self._runs = runs
        self.faults = faults
        self._pushed = pushed
        self._loads: dict[int, RunLoad] = {}
        self.over = False
        self._await()

    def job_of(self, job: JobRecord) -> tuple[Span, str] | None:
        """How long a job of the workload takes and how it ends; a re-run does the same again. None for others."""
        load = self._loads.get(job.run_id)
        found = None if load is None else next((one for one in load.jobs if one.name == job.name), None)
        return None if found is None else (found.duration, found.conclusion)

    def forget(self, run_id: int) -> None:
        """Nobody will ask about this run any more."""
        self._loads.pop(run_id, None)

    def _await(self) -> None:
        load = next(self._runs, None)
        if load is None:
            self.over = True
        else:
            self._timeline.at(load.at, lambda: self._push(load))

    def _push(self, load: RunLoad) -> None:
        scripts = [self._script(job) for job in load.jobs]
        run = self._github.start_run(load.repository, scripts, workflow=load.workflow, head_branch=load.branch)
        self._loads[run.id] = load
        self._pushed(run.id)
        if load.cancelled_after is not None:
            after = self._timeline.now() + load.cancelled_after
            self._timeline.at(after, lambda: self._cancel(load.repository, run.id))
        self._await()

    def _cancel(self, repository: str, run_id: int) -> None:
        if run_id in self._github.state.runs:
            self._github.runs.cancel(repository, run_id)

    def _script(self, job: JobLoad) -> JobScript:
        faults = RunnerFaults(duration=job.duration, result=job.conclusion, ghost=hit(self._chance, self.faults.ghost))
        return JobScript(job.name, job.labels, faults=faults, lost_conclusion=_LOST[self._chance.below(len(_LOST))])
