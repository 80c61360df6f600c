"""The machines of a claim: those that slept are woken, and whoever cannot have his is sent on."""

from collections.abc import Mapping, Sequence
from contextlib import suppress

from paddock.core.errors import PaddockError
from paddock.core.job import Job
from paddock.core.launch import Launch
from paddock.core.pools.naps import waking
from paddock.core.ports.machines import Machine, Machines, MachineState, StartOutcome, StartResult
from paddock.core.ports.stores import Table
from paddock.core.ports.system import Clock
from paddock.core.runner import Runner
from paddock.core.states import RunnerState
from paddock.core.usecases.claims import Claims
from paddock.core.usecases.life import Life
from paddock.core.usecases.offers import Offers
from paddock.core.usecases.retire import Retire

_UP = frozenset({RunnerState.BOOTING, RunnerState.READY, RunnerState.BUSY})
"""What a machine that was claimed may be: busy, if GitHub gave its runner a job before ours was written down."""


class Claimed:
    """Gets the machines that were claimed ready for their orders."""

    def __init__(
        self,
        *,
        table: Table,
        machines: Machines,
        claims: Claims,
        retire: Retire,
        life: Life,
        offers: Offers,
        clock: Clock,
    ) -> None:
        self._runners = table.runners
        self._machines = machines
        self._claims = claims
        self._retire = retire
        self._life = life
        self._offers = offers
        self._clock = clock

    def __call__(self, launch: Launch, held: Sequence[Job], *, resumed: bool) -> dict[int, Machine]:
        """The machines that run or boot for these jobs, by the jobs' ids; all others were sent on.

        Sleepers are started before they have their orders: these lie there when they are up. Repeating it does no harm.

        Raises:
            PaddockError: a store or the cloud did not answer: the same may be asked again.
        """
        mine = dict(self._pairs(launch))
        dead = self._dead([mine[job.id] for job in held]) if resumed else frozenset()
        have: list[tuple[Job, Runner]] = []
        for job in held:
            runner = self._runners.get(mine[job.id])
            if runner is None or not holds(runner, job, launch) or runner.machine in dead:
                self._life.unclaimed(job, "the machine that it claimed of its pool is lost")
            else:
                have.append((job, runner))
        asleep = [runner.machine for _, runner in have if waking(runner)]
        outcomes = self._woken(asleep) if asleep else {}
        found: dict[int, Machine] = {}
        for job, runner in have:
            outcome = outcomes.get(runner.machine)
            if outcome is None and runner.machine in asleep:
                outcome = StartOutcome(StartResult.STOPPING, "not come to")
            if outcome is None or outcome.started:
                found[job.id] = as_launched(runner)
            else:
                self._not_woken(job, runner, outcome)
        return found

    def _pairs(self, launch: Launch) -> list[tuple[int, str]]:
        return list(zip(launch.jobs, launch.machines or (), strict=True))

    def _dead(self, machines: Sequence[str]) -> frozenset[str]:
        """Those that have ended, by the cloud's word. If it cannot say, they are taken to live."""
        try:
            seen = self._machines.describe(machines)
        except PaddockError:
            return frozenset()
        return frozenset(machine.id for machine in seen.values() if not machine.alive)

    def _woken(self, asleep: Sequence[str]) -> Mapping[str, StartOutcome]:
        """What came of their start. A no that is final is one to each: then nobody waits for a sleeper.

        Raises:
            PaddockError: the cloud did not answer: ask again.
        """
        try:
            return self._machines.start(asleep)
        except PaddockError as error:
            if error.retryable:
                raise
            return dict.fromkeys(asleep, StartOutcome(StartResult.STOPPING, f"{type(error).__name__}: {error}"))

    def _not_woken(self, job: Job, runner: Runner, outcome: StartOutcome) -> None:
        reason = f"machine {runner.machine} of its pool could not be woken: {outcome.code or outcome.result}"
        if outcome.result is StartResult.NO_CAPACITY:
            self._offers.not_woken(runner, outcome.code)
        if outcome.result in {StartResult.NO_CAPACITY, StartResult.STOPPING}:
            with suppress(PaddockError):  # nobody waits for it: the sweep ends it
                self._claims.give_back(runner, job, reason)
        else:
            self._retire.spare(runner, f"the cloud does not start it: {outcome.code or outcome.result}")
        self._life.unclaimed(job, reason)


def holds(runner: Runner, job: Job, launch: Launch) -> bool:
    """True if the machine is the job's by this launch's claim, and not on its way out."""
    ours = runner.claim == launch.id and runner.assigned_job == job.id
    return ours and runner.state in _UP and runner.gone_at is None


def as_launched(runner: Runner) -> Machine:
    """The machine as its record knows it: enough to give it orders."""
    return Machine(
        id=runner.machine,
        state=MachineState.RUNNING,
        launched_at=runner.launched_at,
        token=runner.launch_id,
        instance_type=runner.instance_type,
        vcpu=runner.vcpu,
        arch=runner.arch,
        market=runner.market,
        zone=runner.zone,
        price=runner.price,
        priced=runner.priced,
        disk=runner.disk,
        ours=True,
    )
