"""Launching: admitted jobs get machines, and every crash on the way leaves something that can be resumed.

The picture is in `paddock.core.launch`: a job is leased and never locked, the launch is written down before the cloud
is asked with its token, and whoever resumes a launch asks for exactly the same.
"""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import suppress
from types import MappingProxyType

import attrs

from paddock.core.errors import PaddockError
from paddock.core.job import Job
from paddock.core.launch import Launch
from paddock.core.ports.decisions import Decisions
from paddock.core.ports.handover import Handover
from paddock.core.ports.machines import LaunchOutcome, Machines
from paddock.core.ports.stores import Table
from paddock.core.ports.system import Clock, Ids
from paddock.core.ports.together import Add
from paddock.core.records import JOBS, LAUNCHES
from paddock.core.runner import Runner
from paddock.core.settings import FleetSettings
from paddock.core.spec import Market, RunnerSpec
from paddock.core.usecases.adopt import Adopt
from paddock.core.usecases.assign import Assign
from paddock.core.usecases.choice import Choice
from paddock.core.usecases.claims import Claims
from paddock.core.usecases.fulfilment import Fulfilment, told
from paddock.core.usecases.handled import Again, Done, Handled, again
from paddock.core.usecases.leases import Leases
from paddock.core.usecases.life import Life
from paddock.core.usecases.offers import Offers
from paddock.core.usecases.record import Recorder
from paddock.core.usecases.reject import Reject
from paddock.core.usecases.resumption import Resumption
from paddock.core.usecases.retire import Retire


class Launching:
    """Asks the cloud for machines and hands them to the jobs they were asked for; ``resume`` goes on with that."""

    def __init__(  # noqa: PLR0913 - it is where most ports meet
        self,
        *,
        settings: FleetSettings,
        table: Table,
        machines: Machines,
        assign: Assign,
        handover: Handover,
        adopt: Adopt,
        retire: Retire,
        reject: Reject,
        life: Life,
        offers: Offers,
        decisions: Decisions,
        clock: Clock,
        ids: Ids,
    ) -> None:
        self._settings = settings
        self._offers = offers
        self._life = life
        self._leases = Leases(settings=settings, table=table, clock=clock)
        self._launches = table.launches
        self._together = table.together
        self._claims = Claims(settings=settings, table=table, decisions=decisions, clock=clock, ids=ids)
        self._fulfil = Fulfilment(
            settings=settings,
            claims=self._claims,
            table=table,
            machines=machines,
            assign=assign,
            handover=handover,
            adopt=adopt,
            retire=retire,
            reject=reject,
            life=life,
            offers=offers,
            decisions=decisions,
            clock=clock,
        )
        self.resume = Resumption(
            settings=settings, table=table, fulfil=self._fulfil, life=life, decisions=decisions, clock=clock
        )
        self._clock = clock
        self._ids = ids
        self._record = Recorder(decisions, clock, "dispatch")

    def __call__(
        self, admitted: Sequence[tuple[Job, RunnerSpec]], unwritten: AbstractSet[int] = frozenset()
    ) -> dict[int, Handled]:
        """Launch for these jobs, one launch per kind of machine; what becomes of each one's message.

        The records of the `unwritten` ones are written with the launch. Those that turn out to have one already, or
        for which there is no launch now, are left out of the answer, and nothing is done for them.
        """
        groups: dict[tuple[RunnerSpec, Market], list[Job]] = {}
        handled: dict[int, Handled] = {}
        claimed = self._from_pools(admitted, unwritten, handled)
        for job, spec in admitted:
            if job.id in claimed:
                continue
            try:
                groups.setdefault((spec, self._offers.market(job, spec)), []).append(job)
            except Exception as error:  # noqa: BLE001 - even a fault of ours concerns its own job alone
                handled.update(self._troubles([job], unwritten, error))
        if not groups:
            return handled
        known = self._offers.look({market for _, market in groups})
        for (spec, market), group in groups.items():
            try:
                choice = self._offers.choose(spec, market, known)
                name = self._ids.token()
                probe = self._offers.probe(spec, choice, name)
            except Exception as error:  # noqa: BLE001 - nor does one kind of machine stop the others
                handled.update(self._troubles(group, unwritten, error))
            else:
                handled.update(self._chosen(name, spec, choice, probe, group, unwritten))
        return handled

    def _from_pools(
        self, admitted: Sequence[tuple[Job, RunnerSpec]], unwritten: AbstractSet[int], handled: dict[int, Handled]
    ) -> AbstractSet[int]:
        """Give spares to jobs that ask for pools, as far as there are any; the jobs that need no launch of their own.

        What cannot be claimed is nothing that a job waits for: it starts cold.
        """
        claimed = self._claims(admitted)
        groups: dict[tuple[str, RunnerSpec], list[Job]] = {}
        for job, spec in admitted:
            if job.id in claimed:
                groups.setdefault((claimed[job.id].claim or "", spec), []).append(job)
        choice = Choice(Market.ON_DEMAND)
        for (name, spec), group in groups.items():
            handled.update(self._launch(name, spec, choice, group, unwritten, claimed))
        return claimed.keys()

    def _chosen(
        self,
        name: str,
        spec: RunnerSpec,
        choice: Choice,
        probe: Choice | None,
        group: Sequence[Job],
        unwritten: AbstractSet[int],
    ) -> dict[int, Handled]:
        """Launch for the group what was chosen, under this name; its first job may be the probe of a circuit."""
        handled: dict[int, Handled] = {}
        if probe is not None:
            first, group = group[0], group[1:]
            handled.update(self._launch(name, spec, probe, [first], unwritten))
            name = self._ids.token()
        if group:
            handled.update(self._launch(name, spec, choice, group, unwritten))
        return handled

    def _launch(
        self,
        name: str,
        spec: RunnerSpec,
        choice: Choice,
        group: Sequence[Job],
        unwritten: AbstractSet[int],
        claimed: Mapping[int, Runner] = MappingProxyType({}),
    ) -> dict[int, Handled]:
        """One launch for jobs that want the same machine: for exactly those that could be held.

        `claimed`: they have their machines already. Those of jobs that could not be held are given back.
        """
        known = [job for job in group if job.id not in unwritten]
        if known or choice.empty:
            self._give_back([job for job in group if job.id in unwritten], claimed)
            return self._launch_for_known(name, spec, choice, known, claimed)
        held = [attrs.evolve(job, **self._leases.held(job, name, spec)) for job in group]
        launch = self._record_of(name, spec, choice, held, claimed)
        try:
            news = self._together.write([*(Add(JOBS, job) for job in held), Add(LAUNCHES, launch)])
        except PaddockError as error:
            self._give_back(held, claimed)
            return {job.id: self._trouble(job, error) for job in held}
        except Exception:  # noqa: BLE001 - a fault of ours concerns one of them: the long way finds out which
            self._give_back(held, claimed)
            return {}
        if not news:
            self._give_back(held, claimed)
            return {}
        try:
            for job in held:
                self._record.queued(job)
            self._say(choice, held)
            return self._fulfil(launch, held, resumed=False, instead=self._on_demand)
        except Exception as error:  # noqa: BLE001 - as above
            return {job.id: self._fulfil.later(job, error) for job in held}

    def _give_back(self, jobs: Sequence[Job], claimed: Mapping[int, Runner]) -> None:
        """These jobs do not take the machines that they claimed; what cannot be given back is ended by the sweep."""
        for job in jobs:
            if job.id in claimed:
                with suppress(PaddockError):
                    self._claims.give_back(claimed[job.id], job, "the job that claimed it was not to be launched")

    def _launch_for_known(
        self, name: str, spec: RunnerSpec, choice: Choice, group: Sequence[Job], claimed: Mapping[int, Runner]
    ) -> dict[int, Handled]:
        """The same for jobs whose records stand written."""
        handled: dict[int, Handled] = {}
        held: list[Job] = []
        for job in group:
            try:
                mine = self._leases.hold(job, name, spec)
            except Exception as error:  # noqa: BLE001 - as above
                handled[job.id] = self._trouble(job, error)
            else:
                handled[job.id] = Done()
                held.extend([mine] if mine is not None else [])
        mine_now = {job.id for job in held}
        self._give_back([job for job in group if job.id not in mine_now], claimed)
        if not held:
            return handled
        handled.update(self._go(self._record_of(name, spec, choice, held, claimed), choice, held))
        return handled

    def _go(self, launch: Launch, choice: Choice, held: Sequence[Job]) -> Mapping[int, Handled]:
        """Write the launch down and carry it out, for jobs that are held for it."""
        try:
            self._say(choice, held)
            if choice.empty:
                return self._fulfil.without_capacity(launch, held)
            if self._launches.add(launch) or self._is_mine(launch):
                return self._fulfil(launch, held, resumed=False, instead=self._on_demand)
        except Exception as error:  # noqa: BLE001 - as above
            return {job.id: self._fulfil.later(job, error) for job in held}
        return {}

    def _on_demand(self, launch: Launch, jobs: Sequence[Job], outcome: LaunchOutcome) -> Mapping[int, Handled]:
        """Spot has no capacity for these jobs: they go on demand in the same breath, by a launch of its own."""
        choice = self._offers.choose(launch.spec, Market.ON_DEMAND, self._offers.look({Market.ON_DEMAND}))
        if choice.empty:
            return self._fulfil.without_capacity(launch, jobs, outcome)
        choice = attrs.evolve(choice, reasons=("spot has no capacity at the moment, so it goes on demand",))
        name = self._ids.token()
        handled: dict[int, Handled] = {}
        held: list[Job] = []
        for job in jobs:
            handled[job.id] = Done()
            try:
                mine = self._life.falls_back(job, self._leases.held(job, name, launch.spec), *told(outcome))
            except PaddockError as error:
                handled[job.id] = self._fulfil.later(job, error)
            else:
                held.extend([mine] if mine is not None else [])
        if held:
            handled.update(self._go(self._record_of(name, launch.spec, choice, held, {}), choice, held))
        return handled

    def _record_of(
        self, name: str, spec: RunnerSpec, choice: Choice, held: Sequence[Job], claimed: Mapping[int, Runner]
    ) -> Launch:
        jobs = tuple(job.id for job in held)
        disk = spec.disk or self._settings.default_disk
        launch = Launch(name, spec, choice.market, jobs, self._clock.now(), without=choice.without, disk=disk)
        if not claimed:
            return launch
        return attrs.evolve(launch, claimed=True, machines=tuple(claimed[number].machine for number in jobs))

    def _say(self, choice: Choice, held: Sequence[Job]) -> None:
        """What is worth saying about the choice; most are not."""
        for job in held if choice.reasons else ():
            self._record.job(job.id, "chosen", "; ".join(choice.reasons), market=choice.market)

    def _is_mine(self, launch: Launch) -> bool:
        """True if what stands there is this very launch, and only the answer to writing it was lost."""
        standing = self._launches.get(launch.key)
        return standing is not None and standing.jobs == launch.jobs

    def _troubles(self, jobs: Sequence[Job], unwritten: AbstractSet[int], error: Exception) -> dict[int, Handled]:
        """There is no launch for these now. Those without a record must get one before their message comes back."""
        return {job.id: self._trouble(job, error) for job in jobs if job.id not in unwritten}

    def _trouble(self, job: Job, error: Exception) -> Again:
        self._record.fault(job.id, error)
        return again(error)
