"""Fulfilment: the cloud is asked for a launch's machines, and its answer given to the jobs it was written for."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeAlias

import attrs

from paddock.core.errors import AccessDenied, Conflict, NotFound, PaddockError, Rejected, TokenReused
from paddock.core.job import Job, JobChange, JobIs
from paddock.core.launch import Launch, LaunchChange, LaunchIs
from paddock.core.ports.decisions import Decisions
from paddock.core.ports.handover import Handover
from paddock.core.ports.machines import LaunchOutcome, LaunchRequest, Machine, Machines, Shortfall
from paddock.core.ports.stores import Table
from paddock.core.ports.system import Clock
from paddock.core.settings import FleetSettings
from paddock.core.spec import Market
from paddock.core.states import JobState
from paddock.core.units import SECOND
from paddock.core.usecases.adopt import Adopt
from paddock.core.usecases.assign import Assign
from paddock.core.usecases.claimed import Claimed
from paddock.core.usecases.claims import Claims
from paddock.core.usecases.first_orders import FirstOrders
from paddock.core.usecases.handled import Again, Done, Handled, again
from paddock.core.usecases.life import Life
from paddock.core.usecases.offers import Offers
from paddock.core.usecases.record import Recorder
from paddock.core.usecases.reject import Reject
from paddock.core.usecases.retire import Retire

_CODE = re.compile(r"^([A-Z][A-Za-z0-9.]*): (?=\S)")
NO_OFFER = LaunchOutcome((), ("InsufficientInstanceCapacity: no offer had capacity a moment ago",))

Instead: TypeAlias = Callable[[Launch, Sequence[Job], LaunchOutcome], Mapping[int, Handled]]
"""Another launch for jobs of this one that found no capacity; what becomes of each one's message."""


class Fulfilment:
    """Carries out a launch that stands written, for jobs whose lease is ours."""

    def __init__(  # noqa: PLR0913 - it is where most ports meet
        self,
        *,
        settings: FleetSettings,
        claims: Claims,
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
    ) -> None:
        self._settings = settings
        self._offers = offers
        self._jobs = table.jobs
        self._launches = table.launches
        self._machines = machines
        self._assign = assign
        self._first_orders = FirstOrders(handover=handover, assign=assign)
        self._claimed = Claimed(
            table=table, machines=machines, claims=claims, retire=retire, life=life, offers=offers, clock=clock
        )
        self._adopt = adopt
        self._retire = retire
        self._reject = reject
        self._life = life
        self._clock = clock
        self._record = Recorder(decisions, clock, "dispatch")

    def __call__(
        self, launch: Launch, held: Sequence[Job], *, resumed: bool, instead: Instead | None = None
    ) -> dict[int, Handled]:
        """Ask the cloud and assign. `held` are those of the launch's jobs whose lease is ours.

        Jobs for which spot has no capacity are given to `instead`; without it they go back to the queue.
        """
        if launch.claimed:
            return self._take(launch, held, resumed=resumed)
        request = LaunchRequest(
            token=launch.token,
            count=len(launch.jobs),
            spec=launch.spec,
            market=launch.market,
            disk=launch.disk or launch.spec.disk or self._settings.default_disk,
            without=launch.without,
        )
        try:
            standing = self._as_it_stands(launch) if resumed else None
            outcome = standing or self._machines.launch(request)
        except TokenReused as error:
            return self._failed(held, str(error))
        except PaddockError as error:
            return {job.id: self.later(job, error) for job in held}
        if resumed and standing is None:
            outcome = attrs.evolve(outcome, machines=self._as_they_are(outcome.machines))
        self._offers.remember(outcome.lacks)
        done = self._first_orders(launch, held, outcome) if not resumed else set()
        left = [job for job in held if job.id not in done]
        handled: dict[int, Handled] = dict.fromkeys(done, Done())
        if left:
            pairs = self._paired(launch, outcome)
            if instead and _may_fall_back(launch, outcome):
                short = [job for job in left if job.id not in pairs]
                left = [job for job in left if job.id in pairs]
                handled.update(self._instead(instead, launch, short, outcome) if short else {})
            handled.update(self._served(left, pairs, outcome, launch))
        return handled

    def _instead(
        self, instead: Instead, launch: Launch, short: Sequence[Job], outcome: LaunchOutcome
    ) -> Mapping[int, Handled]:
        try:
            return instead(launch, short, outcome)
        except Exception as error:  # noqa: BLE001 - even a fault of ours concerns its own jobs alone
            return {job.id: self.later(job, error) for job in short}

    def _take(self, launch: Launch, held: Sequence[Job], *, resumed: bool) -> dict[int, Handled]:
        """The jobs have claimed their machines: see to it that these run, and assign."""
        handled: dict[int, Handled] = {job.id: Done() for job in held}
        try:
            machines = self._claimed(launch, held, resumed=resumed)
        except PaddockError as error:
            return {job.id: self.later(job, error) for job in held}
        left = [job for job in held if job.id in machines]
        outcome = LaunchOutcome(tuple(machines[job.id] for job in left))
        done = self._first_orders(launch, left, outcome) if left and not resumed else set()
        handled.update(self._served([job for job in left if job.id not in done], machines, outcome, launch))
        return handled

    def _as_it_stands(self, launch: Launch) -> LaunchOutcome | None:
        """What is written of the launch's machines, as the cloud knows them now; None if it must be asked again.

        To ask with the same token again is a request for as many machines, and is counted as that, though it starts
        none; and of a launch that failed in passing each job comes back by itself.
        """
        named = launch.machines or ()
        try:
            seen = self._machines.describe(named) if named else {}
        except PaddockError:
            return None
        if not named or not all(machine in seen and seen[machine].ours for machine in named):
            return None
        return LaunchOutcome(tuple(seen[machine] for machine in named), launch.errors)

    def _as_they_are(self, machines: Sequence[Machine]) -> tuple[Machine, ...]:
        """A repeated answer may be the first one, word for word: some of its machines may have ended since.

        Whoever is unknown to the cloud is taken to live, as is everybody if it cannot be asked: then the sweep looks.
        """
        try:
            seen = self._machines.describe([machine.id for machine in machines]) if machines else {}
        except PaddockError:
            seen = {}
        return tuple(_now(machine, seen.get(machine.id, machine)) for machine in machines)

    def without_capacity(
        self, launch: Launch, held: Sequence[Job], outcome: LaunchOutcome = NO_OFFER
    ) -> dict[int, Handled]:
        """The cloud need not be asked: every offer lacked capacity a moment ago, or it said so: `outcome`."""
        return self._served(held, {}, outcome, launch)

    def _served(
        self,
        held: Sequence[Job],
        pairs: Mapping[int, Machine],
        outcome: LaunchOutcome,
        launch: Launch,
    ) -> dict[int, Handled]:
        """Give each job its machine, or see to it that it tries again."""
        handled: dict[int, Handled] = {}
        for job in held:
            machine = pairs.get(job.id)
            try:
                if machine is None:
                    handled[job.id] = self._without_machine(job, outcome)
                else:
                    handled[job.id] = self._give(job, machine, launch)
            except Exception as error:  # noqa: BLE001 - as above
                handled[job.id] = self.later(job, error)
        return handled

    def _paired(self, launch: Launch, outcome: LaunchOutcome) -> dict[int, Machine]:
        """Which job gets which machine: by the order in which the cloud first named them, however it names them now."""
        machines = {machine.id: machine for machine in outcome.machines}
        if launch.machines is None:
            change = LaunchChange(machines=tuple(machines), errors=outcome.errors)
            try:
                launch = self._launches.update(launch.key, LaunchIs(machines=None), change)
            except Conflict as conflict:
                if not isinstance(conflict.current, Launch):
                    raise
                launch = conflict.current
        pairs = zip(launch.jobs, launch.machines or (), strict=False)
        return {job_id: machines[machine] for job_id, machine in pairs if machine in machines}

    def _give(self, job: Job, machine: Machine, launch: Launch) -> Handled:
        try:
            if not machine.alive:
                self._ended_early(job, machine)
            elif self._assign(job, machine, launch) is None:
                why = "the job moved on while its machine was started"
                self._retire.surplus(self._adopt(machine, why), job, why)
        except (AccessDenied, NotFound, Rejected) as error:
            # GitHub's no is final for this machine: it must not idle while the job tries again.
            why = f"GitHub would not register it: {error}"
            self._retire.surplus(self._adopt(machine, why), job, why)
            self._life.launch_failed(job, f"GitHub refused the registration: {error}")
        except Conflict:
            if not launch.claimed:
                raise
            self._life.unclaimed(job, f"machine {machine.id}, which it claimed of its pool, is another's by now")
        return Done()

    def _ended_early(self, job: Job, machine: Machine) -> None:
        """Its machine is dead already: of itself, or because it waited for orders that we could not give it."""
        why = f"its machine {machine.id} ended before it got its orders"
        runner = self._adopt(machine, "it ended before it got its orders")
        lived = (machine.ended_at or self._clock.now()) - machine.launched_at
        if machine.taken or runner.interrupted_at is not None:
            self._life.taken(job, f"the cloud took its machine {machine.id} back")
        elif lived > self._settings.deadlines.boot and not self._assign.ordered(machine):
            self._life.no_orders(job, why)
        else:
            self._life.launch_failed(job, why)

    def _without_machine(self, job: Job, outcome: LaunchOutcome) -> Handled:
        reason, code = told(outcome)
        if not outcome.permanent:
            self._life.short(job, reason, code, outcome.shortfall)
            return Done()
        # Its author reads this: the code before each text is for programs.
        words = "; ".join(_CODE.sub("", error) for error in outcome.errors) or reason
        self._reject(job, "unsupported", words)
        return Done()

    def _failed(self, jobs: Iterable[Job], reason: str) -> dict[int, Handled]:
        handled: dict[int, Handled] = {}
        for job in jobs:
            self._life.launch_failed(job, reason)
            handled[job.id] = Done()
        return handled

    def _trouble(self, job: Job, error: Exception) -> Again:
        self._record.fault(job.id, error)
        return again(error)

    def later(self, job: Job, error: Exception) -> Handled:
        """Nobody knows what came of it: the lease ends when the next try is due, which resumes this very launch."""
        later = self._trouble(job, error)
        try:
            self._jobs.update(
                job.key,
                JobIs(state=JobState.DISPATCHING, launch=job.launch, lease_until=job.lease_until),
                JobChange(lease_until=self._clock.now() + later.delay),
            )
            self._record.job(job.id, "delayed", str(error) or "no reason given", delay_s=later.delay // SECOND)
        except (Conflict, NotFound):
            return Done()
        except PaddockError:
            pass  # the lease runs out by itself
        return later


def told(outcome: LaunchOutcome) -> tuple[str, str]:
    """Why there was no machine, in words, and the cloud's code for it."""
    reason = "; ".join(outcome.errors) or "the cloud gave no machine and no reason"
    code = _CODE.match(reason)
    return reason, code[1] if code is not None else ""


def _may_fall_back(launch: Launch, outcome: LaunchOutcome) -> bool:
    short = not outcome.permanent and outcome.shortfall is Shortfall.CAPACITY
    return short and launch.market is Market.SPOT


def _now(machine: Machine, seen: Machine) -> Machine:
    """The machine as it was launched, in the state it is seen in."""
    return attrs.evolve(machine, state=seen.state, ended_at=seen.ended_at, ended_by=seen.ended_by)
