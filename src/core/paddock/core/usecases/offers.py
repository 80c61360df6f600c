"""What is asked of the cloud for a job: which market, and which offers are left out of the request."""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from itertools import islice
from typing import TypeVar

import attrs

from paddock.core.circuit import Circuit, CircuitPolicy, circuit_key
from paddock.core.errors import Conflict, NotFound, PaddockError
from paddock.core.job import Job
from paddock.core.paging import pages
from paddock.core.ports.decisions import Decisions
from paddock.core.ports.machines import Lack, Machines
from paddock.core.ports.stores import Table
from paddock.core.ports.system import Clock
from paddock.core.runner import Runner
from paddock.core.settings import FleetSettings
from paddock.core.shortage import Shortage, ShortageChange, ShortageIs
from paddock.core.spec import Market, Offer, RunnerSpec
from paddock.core.units import HOUR, Moment, Span
from paddock.core.usecases.choice import Choice, choose
from paddock.core.usecases.circuits import Circuits
from paddock.core.usecases.record import Recorder
from paddock.core.usecases.reruns import Reruns

R = TypeVar("R")

_KEPT: Span = HOUR  # a shortage that is over, so that its record need not be made anew at once
_MOST_FORGOTTEN = 10  # in one look


@attrs.frozen
class Known:
    """What was known at a moment of interruptions and of missing capacity."""

    circuits: tuple[Circuit, ...]
    shortages: tuple[Shortage, ...]
    at: Moment


class Offers:
    """Chooses by what is known of interruptions and of missing capacity."""

    def __init__(
        self,
        *,
        settings: FleetSettings,
        table: Table,
        machines: Machines,
        circuits: Circuits,
        reruns: Reruns,
        decisions: Decisions,
        clock: Clock,
    ) -> None:
        self._policy: CircuitPolicy = settings.circuit
        self._remembered = settings.shortage
        self._forced = settings.rerun.on_demand
        self._launches = table.launches
        self._shortages = table.shortages
        self._machines = machines
        self._circuits = circuits
        self._reruns = reruns
        self._clock = clock
        self._record = Recorder(decisions, clock, "offers")

    def market(self, job: Job, spec: RunnerSpec) -> Market:
        """Spot, if the job takes spot and was not taken back from it; on demand in turn, if its last try found none."""
        if spec.market is Market.ON_DEMAND or (self._forced and (job.on_demand or self._reruns.forces(job))):
            return Market.ON_DEMAND
        last = None if job.launch_id is None else self._launches.get(job.launch_id)
        return Market.ON_DEMAND if last is not None and last.market is Market.SPOT else Market.SPOT

    def look(self, markets: Collection[Market]) -> Known:
        """What is known now that concerns these markets: once for a batch of jobs.

        What cannot be read is nothing that a job waits for.
        """
        now = self._clock.now()
        shortages = list(self._readable("what lacked capacity", self._short))
        self._forget(one for one in shortages if one.until + _KEPT < now)
        circuits = self._readable("circuits", self._circuits.all) if Market.SPOT in markets else ()
        return Known(tuple(circuits), tuple(shortages), now)

    def choose(self, spec: RunnerSpec, market: Market, known: Known) -> Choice:
        """What a launch of this spec may use."""
        offers = self._machines.offers(spec)
        return choose(
            offers,
            market,
            circuits=known.circuits,
            shortages=known.shortages,
            policy=self._policy,
            now=known.at,
            tries=self._tries(offers, known) if market is Market.SPOT else (),
        )

    def probe(self, spec: RunnerSpec, choice: Choice, launch: str) -> Choice | None:
        """The launch becomes the probe that `choice` speaks of, and may ask for this; None if there is none to be had.

        There is none, or another launch was faster.
        """
        if choice.probe is None:
            return None
        others = tuple(offer for offer in self._machines.offers(spec) if offer not in choice.tried)
        if not self._circuits.lend(choice.probe, launch):
            return None
        return Choice(Market.SPOT, others, reasons=("it tries what was taken back too often a while ago",))

    def _tries(self, offers: Sequence[Offer], known: Known) -> list[str]:
        """Of what was avoided until a while ago: what this launch may ask for, and no other one for some time."""
        keys = {circuit_key(offer.zone, offer.instance_type) for offer in offers}
        due = (one for one in known.circuits if one.key in keys and one.may_be_tried(known.at, self._policy))
        return [one.key for one in due if self._circuits.avoidance.tries(one)]

    def remember(self, lacks: Iterable[Lack]) -> None:
        """Offers without capacity are not asked for again for some minutes. What cannot be noted is asked for again."""
        until = self._clock.now() + self._remembered
        for lack in lacks:
            seen = Shortage(lack.offer.zone, lack.offer.instance_type, lack.market, lack.code, until)
            try:
                if not self._shortages.add(seen):
                    self._shortages.update(seen.key, ShortageIs(), ShortageChange(code=lack.code, until=until))
            except (Conflict, NotFound):
                continue
            except PaddockError:
                return

    def not_woken(self, runner: Runner, code: str) -> None:
        """The cloud had no capacity to start this sleeping machine: as for a launch of its type in its zone."""
        self.remember([Lack(Offer(runner.zone, runner.instance_type), runner.market, code)])

    def _short(self) -> Iterator[Shortage]:
        return pages(lambda cursor: self._shortages.page("all", "all", cursor=cursor))

    def _forget(self, over: Iterable[Shortage]) -> None:
        """Records that are over take up every listing; if one is made anew meanwhile, the cloud says no once more."""
        for shortage in islice(over, _MOST_FORGOTTEN):
            try:
                self._shortages.remove(shortage.key)
            except PaddockError:
                return

    def _readable(self, what: str, read: Callable[[], Iterable[R]]) -> list[R]:
        """What is read; nothing if it cannot be: then launches go on without it, and it is told."""
        try:
            return list(read())
        except PaddockError as error:
            self._record.circuit("all", "unreadable", f"{what}: it goes on without, {type(error).__name__}: {error}")
            return []
