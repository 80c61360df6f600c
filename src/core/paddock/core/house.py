"""What a fleet does by the clock: sweeps, pools, and the tasks that have a schedule.

It stands apart from the fleet because a function that dispatches jobs never asks for it, and would load it at each of
its cold starts.
"""

from collections.abc import Mapping
from types import MappingProxyType

from paddock.core.messages import JobMessage
from paddock.core.ports.assignments import Assignments
from paddock.core.ports.decisions import Decisions
from paddock.core.ports.gauges import Gauges
from paddock.core.ports.github import GitHub
from paddock.core.ports.machines import Machines
from paddock.core.ports.queues import Queue
from paddock.core.ports.stores import Table
from paddock.core.ports.system import Clock, Ids
from paddock.core.settings import FleetSettings
from paddock.core.task import EVERY
from paddock.core.usecases.adopt import Adopt
from paddock.core.usecases.circuits import Circuits
from paddock.core.usecases.completion import Completion
from paddock.core.usecases.departure import Departure
from paddock.core.usecases.house.housekeeping import Housekeeping, Work
from paddock.core.usecases.house.sweep import Sweep
from paddock.core.usecases.house.sweep_github import SweepGitHub
from paddock.core.usecases.life import Life
from paddock.core.usecases.offers import Offers
from paddock.core.usecases.pools.dismissal import Dismissal
from paddock.core.usecases.pools.keep import Pools
from paddock.core.usecases.registered import Registered
from paddock.core.usecases.reruns import Reruns
from paddock.core.usecases.retire import Retire


class House:
    """The use-cases that go by the clock, as attributes: ``sweep``, ``sweep_github``, ``pools``, ``dismiss_spares``."""

    def __init__(  # noqa: PLR0913 - as the fleet: every part by its name
        self,
        *,
        settings: FleetSettings,
        table: Table,
        jobs: Queue[JobMessage],
        github: GitHub,
        machines: Machines,
        assignments: Assignments,
        decisions: Decisions,
        gauges: Gauges,
        clock: Clock,
        ids: Ids,
        life: Life,
        retire: Retire,
        registered: Registered,
        adopt: Adopt,
        completion: Completion,
        departure: Departure,
        circuits: Circuits,
        reruns: Reruns,
        offers: Offers,
    ) -> None:
        """Args: the fleet's ports and those of its use-cases that these call."""
        self._settings = settings
        self._table = table
        self._clock = clock
        self._ids = ids
        self.sweep = Sweep(
            settings=settings,
            table=table,
            machines=machines,
            life=life,
            retire=retire,
            registered=registered,
            adopt=adopt,
            completion=completion,
            departure=departure,
            circuits=circuits,
            decisions=decisions,
            gauges=gauges,
            clock=clock,
        )
        self.sweep_github = SweepGitHub(
            settings=settings,
            table=table,
            jobs=jobs,
            github=github,
            completion=completion,
            life=life,
            reruns=reruns,
            decisions=decisions,
            clock=clock,
        )
        self.pools = Pools(
            settings=settings,
            table=table,
            machines=machines,
            assignments=assignments,
            retire=retire,
            offers=offers,
            decisions=decisions,
            clock=clock,
            ids=ids,
        )
        self.dismiss_spares = Dismissal(table=table, retire=retire)

    def tasks(self, more: Mapping[str, Work] = MappingProxyType({})) -> Housekeeping:
        """The tasks of this fleet, each on its schedule; with those that not every process of it can do."""
        pools: Mapping[str, Work] = {"pools": self.pools} if self._settings.pools else {}
        return Housekeeping(
            works={"sweep": self.sweep, "sweep_github": self.sweep_github, **pools, **more},
            every={**EVERY, **self._settings.housekeeping},
            tasks=self._table.tasks,
            clock=self._clock,
            ids=self._ids,
        )
