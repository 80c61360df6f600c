"""No job waits while nothing is in its way: looked at every few minutes.

What may be in its way: a limit that is reached, a cloud that has no machine for it, and for a while whatever failed.
"""

from collections.abc import Callable

from paddock.adapters.memory.github import MemoryGitHub
from paddock.adapters.memory.github.values import JobRecord, Status
from paddock.adapters.simulation.findings import Findings
from paddock.adapters.simulation.protocols import SimulatedCloud
from paddock.adapters.simulation.timeline import Timeline
from paddock.core.job import Job
from paddock.core.ports.stores import Table
from paddock.core.settings import FleetSettings
from paddock.core.states import JobState
from paddock.core.switch import PAUSED
from paddock.core.units import MINUTE, Moment, Span, span_text

# A machine whose end nobody told counts until a sweep finds it; jobs that waited longer take its place in the next.
_UNNOTICED = 2 * MINUTE
_Place = tuple[JobState, int, str | None]


class Waiting:
    """Watches jobs that GitHub has in its queue: each must move on, unless something is in its way."""

    def __init__(
        self,
        *,
        timeline: Timeline,
        settings: FleetSettings,
        github: MemoryGitHub,
        cloud: SimulatedCloud,
        table: Table,
        findings: Findings,
        allowed: Span,
        hindered_since: Callable[[Moment], Span],
    ) -> None:
        """Args: `allowed` is how long a job may stand still; time in which sweeps failed is not counted."""
        self._timeline = timeline
        self._limits = settings.limits
        self._github = github
        self._cloud = cloud
        self._table = table
        self._findings = findings
        self._allowed = allowed
        self._hindered_since = hindered_since
        self._still: dict[int, tuple[_Place, Moment]] = {}

    def look(self) -> None:
        """Look at all that wait."""
        now, still = self._timeline.now(), dict[int, tuple[_Place, Moment]]()
        for ids in self._github.state.unfinished.values():
            for job_id in ids:
                told, known = self._github.state.jobs.get(job_id), self._table.jobs.get(str(job_id))
                if told is None or told.status is not Status.QUEUED or known is None or not known.live:
                    continue
                place = (known.state, known.launch, known.machine)
                before = self._still.get(job_id)
                since = before[1] if before is not None and before[0] == place else now
                if self._is_in_its_way(told, known):
                    since = now
                still[job_id] = (place, since)
                self._judge(known, since)
        self._still = still

    def _judge(self, known: Job, since: Moment) -> None:
        waited, key = self._timeline.now() - since, f"waiting {known.id}"
        if waited - self._hindered_since(since) > self._allowed and key not in self._findings.told:
            self._findings.told.add(key)
            said = f"job {known.id} stands still ({known.state}) for {span_text(waited)}, and nothing is in its way"
            self._findings.wrong("no job waits for nothing", said, known.id, known.machine)

    def _is_in_its_way(self, told: JobRecord, known: Job) -> bool:
        if known.state is JobState.LAUNCHED:
            return False
        if known.state is JobState.QUEUED and known.launch_id is not None:
            return True  # no capacity
        paused = self._table.switches.get(PAUSED)
        return (paused is not None and paused.on) or self._is_at_a_limit(told.repository)

    def _is_at_a_limit(self, repository: str) -> bool:
        limits, now, log = self._limits, self._timeline.now(), self._cloud.log
        if limits.vcpu is not None or limits.spend_per_day is not None:
            return True  # who fits beneath those is not for us to say
        used = [machine for machine, life in log.items() if life.ended_at is None or now - life.ended_at < _UNNOTICED]
        if limits.machines is not None and len(used) >= limits.machines:
            return True
        if limits.launches_per_minute is not None:
            launched = sum(life.machine.launched_at > now - MINUTE for life in log.values())
            if launched >= limits.launches_per_minute:
                return True
        if limits.machines_per_repository is None:
            return False
        runners = (self._table.runners.get(machine) for machine in used)
        served = sum(runner is None or runner.repository == repository for runner in runners)
        return served >= limits.machines_per_repository
