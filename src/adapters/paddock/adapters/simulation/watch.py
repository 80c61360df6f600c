"""Those who watch the fleet's own hands: what it writes, sends, asks for and acknowledges, and how each step ends."""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from paddock.adapters.memory.github import MemoryGitHub
from paddock.adapters.simulation.acknowledged import Acknowledged, WatchedQueue
from paddock.adapters.simulation.findings import Findings
from paddock.adapters.simulation.functions import SimulatedQueue
from paddock.adapters.simulation.pool_watch import PoolWatch
from paddock.adapters.simulation.protocols import Life
from paddock.adapters.simulation.seen_to import SeenTo
from paddock.adapters.simulation.timeline import Timeline
from paddock.adapters.simulation.words import GitHubWord
from paddock.adapters.simulation.written import Written
from paddock.core.job import Job
from paddock.core.label_values import InvalidLabel
from paddock.core.labels import parse_labels
from paddock.core.messages import Assignment, EventMessage, JobMessage, RunCompleted
from paddock.core.ports.assignments import AssignmentReceipt
from paddock.core.ports.machines import LaunchRequest, Machine
from paddock.core.ports.stores import Table
from paddock.core.runner import Runner
from paddock.core.settings import FleetSettings
from paddock.core.spec import RunnerSpec
from paddock.core.units import Span


class Watch:
    """All of them, and where each is told. ``pools`` is who looks at those."""

    pools: PoolWatch

    def __init__(
        self,
        *,
        timeline: Timeline,
        settings: FleetSettings,
        github: MemoryGitHub,
        lives: Mapping[str, Life],
        table: Table,
        findings: Findings,
        step: Span,
        ours: Callable[[tuple[str, ...]], bool],
        exact: bool,
        troubles: Callable[[], object],
    ) -> None:
        """Args: see `Written`, `Acknowledged` and `SeenTo`; `ours` tells which labels the fleet claims."""

        @lru_cache(maxsize=4096)
        def wanted(labels: tuple[str, ...]) -> RunnerSpec | None:
            try:
                return parse_labels(labels, settings.specs, settings.aliases, settings.pools)
            except InvalidLabel:
                return None

        self._table = table
        self._findings = findings
        self._ours = ours
        self.written = Written(
            timeline=timeline,
            github=github,
            table=table,
            findings=findings,
            lives=lives,
            wanted=wanted,
            step=step,
        )
        self.acknowledged = Acknowledged(timeline=timeline, github=github, table=table, findings=findings, exact=exact)
        self.seen_to = SeenTo(
            github=github, table=table, findings=findings, left=self.acknowledged.left, troubles=troubles
        )

    def queues(
        self, jobs: SimulatedQueue[JobMessage], events: SimulatedQueue[EventMessage]
    ) -> Mapping[str, WatchedQueue[Any]]:
        """The fleet's queues, watched."""
        lent, failed, looks = self.seen_to.lent, self.seen_to.failed, self.acknowledged
        return {
            "jobs": WatchedQueue(jobs, lent=lent, failed=failed, sent=self.written.sent),
            "events": WatchedQueue(events, lent=lent, failed=failed, telling=looks.telling, done=looks.done),
        }

    @property
    def added(self) -> Mapping[str, Callable[[Any], object]]:
        """Who is told of new records, by kind."""
        return {"jobs": self.written.added}

    @property
    def changed(self) -> Mapping[str, Callable[[Any, Any], object]]:
        """Who is told of records that were changed, by kind."""
        return {"jobs": self._job, "runners": self._runner}

    def _job(self, before: Job, after: Job) -> None:
        self.written.changed(before, after)
        self.seen_to.job(before, after)

    def _runner(self, before: Runner, after: Runner) -> None:
        self.written.closed(before, after)
        self.seen_to.runner(before, after)
        self.pools.changed(before, after)

    def launched(self, request: LaunchRequest, machines: Sequence[Machine]) -> None:
        """The cloud started machines."""
        launch = self._table.launches.get(request.token)
        self.written.launched(request, () if launch is None else launch.jobs[: len(machines)])

    def taken_in(self, word: GitHubWord) -> None:
        """Intake took GitHub's word, and put nothing on a queue: of a run that succeeded nothing is to be done."""
        if isinstance(word, RunCompleted):
            if word.conclusion != "success":
                self._findings.fault("what is taken in is not dropped", f"the end of run {word.run_id} was")
        elif self._ours(word.job.labels):
            self._findings.wrong("what is taken in is not dropped", f"{word} was", word.job.job_id)

    def ordered(self, orders: Assignment, receipt: AssignmentReceipt) -> None:
        """A machine got its orders."""
        self.written.ordered(orders, receipt)
        self.pools.ordered(orders, receipt)
