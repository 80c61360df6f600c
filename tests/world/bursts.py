"""Bursts of jobs upon a simulated fleet, whose calls of EC2 and GitHub are recorded as they are on the wire.

::

    use-cases ──> purse ──> EC2's and GitHub's real adapters ──> wire: recorded ──> simulated EC2 and GitHub

Time is virtual. The stores and the queues are memory's: their calls are not what is judged. There are as many processes
as the stack lets run at once, and each has its own purse, and remembers for itself.
"""

from bisect import bisect_right, insort
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property, partial
from itertools import groupby
from typing import Any

import attrs

from paddock.adapters.memory.github import RunnerRecord
from paddock.adapters.pacing import Ceiling, Purse, PurseToll, ec2_ceilings, github_ceilings
from paddock.adapters.simulation.cloud import quiet
from paddock.adapters.simulation.cloud.parameters import ApiLimits, CloudParameters, Limit
from paddock.adapters.simulation.draws import between, chance_for
from paddock.adapters.simulation.parameters import Parameters, Rates, Travel
from paddock.adapters.simulation.world import Simulation
from paddock.core.decision import Decision
from paddock.core.fleet import Fleet
from paddock.core.ports.github import Scope
from paddock.core.settings import FleetSettings
from paddock.core.units import SECOND, Moment
from tests.aws.ec2_in_time import Ec2Wire, settings_of
from tests.github_in_time import GitHubWire
from tests.limits import RUNNER, Asked
from tests.strategies import NOON
from tests.world.workloads import Burst

DISPATCHERS, KEEPERS = 5, 7
"""So many processes dispatch, and so many keep the books, by the stack's template."""

AT_ONCE = 5
"""So many calls of GitHub a dispatcher makes at once, in threads; all others make one after the other."""

CEILINGS: Mapping[str, Ceiling] = {**ec2_ceilings(), **github_ceilings()}
_ENDLESS = Limit(10**9, 10**9)
SOON = Parameters(travel=Travel(webhook=between(SECOND, 3 * SECOND)), rates=Rates(None, None))
SETTINGS = FleetSettings(repositories=("acme/*", "umbra/*"))


@attrs.frozen
class Started:
    """When GitHub queued a job, and when its first machine was launched."""

    queued: Moment
    launched: Moment


def most_overtaken(started: Iterable[Started]) -> int:
    """The most younger jobs whose machines were launched before one job's; those of one moment are at once."""
    queued: list[Moment] = []
    most = 0
    for _, together in groupby(sorted(started, key=_launched), key=_launched):
        jobs = list(together)
        most = max(most, *(len(queued) - bisect_right(queued, one.queued) for one in jobs))
        for one in jobs:
            insort(queued, one.queued)
    return most


def most_before_the_oldest(started: Iterable[Started]) -> int:
    """The most younger jobs that were started while one job was the oldest of all that waited."""
    jobs = sorted(started, key=lambda one: one.queued)
    most, since = 0, 0
    for job in jobs:
        if job.launched > since:
            between = (one for one in jobs if since < one.launched < job.launched)
            most = max(most, sum(one.queued > job.queued for one in between))
            since = job.launched
    return most


def _launched(one: Started) -> Moment:
    return one.launched


def unlimited() -> CloudParameters:
    """A quiet day in a region that refuses nobody for asking too often: what was asked is judged afterwards."""
    names = [field.name for field in attrs.fields(ApiLimits)]
    return attrs.evolve(quiet(), limits=ApiLimits(**dict.fromkeys(names, _ENDLESS)), page_size=1_000)


class WiredWorld(Simulation):
    """The world whose fleet asks by the real adapters. ``asked`` are all calls, in the order of time.

    ``launched`` says of each job, in the order of their first launches, when that was and when GitHub queued the job.
    """

    def __init__(
        self,
        burst: Burst,
        *,
        settings: FleetSettings = SETTINGS,
        parameters: Parameters = SOON,
        ceilings: Mapping[str, Ceiling] | None = CEILINGS,
        dead_boots: int = 0,
        seed: int = 0,
    ) -> None:
        """Args: as a simulation's; of so many permille of the machines the agent never starts."""
        self.asked: list[Asked] = []
        self.launched: dict[int, Started] = {}
        self._at_once = 1
        self._region = attrs.evolve(unlimited(), dead_boots=dead_boots)
        super().__init__(
            burst,
            settings=settings,
            seed=seed,
            start=NOON,
            cloud=self._region,
            parameters=parameters,
            around=self._wires,
            ceilings=ceilings,
        )
        self._turns = {"dispatch": 0, "complete": 0}
        keepers = [self.new_fleet() for _ in range(KEEPERS)]
        self._at_once = AT_ONCE
        self._of: Mapping[str, Sequence[Fleet]] = {
            "dispatch": [self.new_fleet() for _ in range(DISPATCHERS)],
            "complete": keepers,
        }
        if burst.forks:
            self._take_pull_requests()
        self._register = self.github.runners.register
        self.github.runners.register = self._registers  # type: ignore[method-assign]  # whoever does it
        self._append = self.decisions.append
        self.decisions.append = self._look  # type: ignore[method-assign]  # it is told of every launch
        self.workers[0]._step = partial(self._step, "dispatch")  # one process there, several here
        self.workers[1]._step = partial(self._step, "complete")

    @cached_property
    def _ec2(self) -> Ec2Wire:
        return Ec2Wire(self.timeline, self.asked.append, settings_of(self._region.zones))

    @cached_property
    def _hub(self) -> GitHubWire:
        return GitHubWire(
            self.github,
            clock=self.timeline,
            ids=self.ids,
            chance=chance_for(self.seed, "wire"),
            record=self.asked.append,
        )

    def _wires(self, name: str, port: Any) -> Any:  # noqa: ANN401 - any port
        """What is put around the ports of a process: they are asked for one after the other."""
        if name == "machines" and self._ceilings is None:
            return self._ec2.machines(port, None)
        if name == "github.runners":
            self._client = self._hub.github(self._at_once)
        return getattr(self._client, name.partition(".")[2]) if name.startswith("github.") else port

    def _take_pull_requests(self) -> None:
        """Everything is public, and each run is of a fork."""
        known, start = self.github.state.repositories, self.github.start_run
        known.update({name: attrs.evolve(one, private=False) for name, one in known.items()})
        of_fork = partial(start, head_repository="stranger/app", event="pull_request")
        self.github.start_run = of_fork  # type: ignore[method-assign]  # whoever pushes

    def paced(self, ports: dict[str, Any], purse: Purse) -> dict[str, Any]:
        """As on AWS: what goes out to EC2 is paid for on the wire."""
        found = super().paced(ports, purse)
        return {**found, "machines": self._ec2.machines(ports["machines"], PurseToll(purse))}

    def _step(self, what: str) -> int:
        self._turns[what] += 1
        fleets = self._of[what]
        fleet = fleets[self._turns[what] % len(fleets)]
        step = fleet.dispatch_once if what == "dispatch" else fleet.complete_once
        return self.processes.guarded(what, step) or 0

    def _registers(self, scope: Scope, name: str, labels: Sequence[str], **more: Any) -> RunnerRecord:  # noqa: ANN401 - as there
        self.asked.append(Asked(self.timeline.now(), RUNNER, who=scope.owner))
        return self._register(scope, name, labels, **more)

    def _look(self, decisions: Sequence[Decision]) -> None:
        for one in decisions:
            job = self.table.jobs.get(one.subject.removeprefix("job:")) if one.verdict == "launched" else None
            if job is not None:
                self.launched.setdefault(job.id, Started(job.facts.created_at, one.at))
        self._append(decisions)
