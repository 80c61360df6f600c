"""Machine records: made when a machine gets its orders, or later for one that was left without.

A machine without a record is a dispatcher's that died between the cloud's answer and the record. It may hold an
assignment, and even run a job; so it is not simply ended but gets its record, and then is treated like all others:
billed, asked about, ended when it is of no use.

It is found by the sweep, which lists what lives; or somebody speaks of it (the cloud, the machine itself), which is the
only way to learn of one that has ended by then.
"""

import attrs

from paddock.core.errors import Unavailable
from paddock.core.job import Job
from paddock.core.launch import Launch
from paddock.core.ports.assignments import AssignmentReceipt, Assignments
from paddock.core.ports.decisions import Decisions
from paddock.core.ports.machines import Machine, Machines
from paddock.core.ports.stores import Table
from paddock.core.ports.system import Clock
from paddock.core.runner import Runner, machine_of
from paddock.core.settings import FleetSettings
from paddock.core.spec import Market
from paddock.core.states import JobState
from paddock.core.usecases.record import Recorder


def record_of(
    machine: Machine, launch: Launch | None, job: Job | None, receipt: AssignmentReceipt | None, settings: FleetSettings
) -> Runner:
    """The record of a machine as it was launched; what is not known of it stays empty."""
    spec = None if launch is None else launch.spec
    asked_for = 0 if launch is None else launch.disk or launch.spec.disk or 0
    return Runner(
        machine=machine.id,
        repository="" if job is None else job.facts.repository,
        labels=() if job is None else job.facts.labels,
        launch_id=machine.token if launch is None else launch.id,
        runner_id=None if receipt is None else receipt.runner_id or None,
        runner_name=None if receipt is None else receipt.runner_name,
        assigned_job=None if job is None else job.id,
        pool=None if spec is None else spec.pool,
        stock=None if launch is None else launch.stock,
        spare_of=None if launch is None or job is not None or receipt is not None else _kept_by(launch),
        digest="" if launch is None else launch.digest,
        instance_type=machine.instance_type,
        vcpu=machine.vcpu,
        arch=machine.arch,
        market=machine.market,
        zone=machine.zone,
        price=machine.price,
        priced=machine.priced,
        disk=machine.disk or asked_for or settings.default_disk,
        launched_at=machine.launched_at,
        workflow="" if job is None else job.facts.workflow,
        forced=True if spec is not None and spec.spot and machine.market is Market.ON_DEMAND else None,
    )


def _kept_by(launch: Launch) -> str | None:
    """The pool that the launch was for; None if it was for jobs."""
    return None if launch.stock is None else launch.spec.pool


class Adopt:
    """Gives a record to a machine that has none."""

    def __init__(
        self,
        *,
        settings: FleetSettings,
        table: Table,
        machines: Machines,
        assignments: Assignments,
        decisions: Decisions,
        clock: Clock,
    ) -> None:
        self._settings = settings
        self._machines = machines
        self._jobs = table.jobs
        self._launches = table.launches
        self._runners = table.runners
        self._assignments = assignments
        self._record = Recorder(decisions, clock, "adopt")

    def heard_of(self, machine: str, reason: str) -> Runner | None:
        """The record of a machine that somebody speaks of, made now if the cloud calls it this fleet's, else None.

        As long as its launch is carried out, whoever does that writes its record: it names the job and the runner, and
        a record that was closed before it would leave orders that nobody forgets.

        Raises:
            Unavailable: its launch is being carried out: ask again later.
            PaddockError: a store or the cloud did not answer.
        """
        known = self._runners.get(machine)
        if known is not None:
            return known
        seen = self._machines.describe([machine]).get(machine)
        if seen is None or not seen.ours:
            return None
        launch = self._launches.get(seen.token) if seen.token else None
        for number in () if launch is None else launch.jobs:
            job = self._jobs.get(str(number))
            if job is not None and job.state is JobState.DISPATCHING and job.launch_id == seen.token:
                raise Unavailable(f"machine {machine} has no record yet: job {number} is about to get it")
        return self(seen, reason)

    def __call__(self, machine: Machine, reason: str) -> Runner:
        """The machine's record, made now if there is none. The launch record tells for which job it was meant."""
        known = self._runners.get(machine.id)
        if known is not None:
            return known
        launch = self._launches.get(machine.token) if machine.token else None
        job = None if launch is None else self._meant_for(machine, launch)
        runner = record_of(machine, launch, job, self._receipt(machine), self._settings)
        if launch is None or launch.machines is None:
            runner = attrs.evolve(runner, assigned_job=None)  # its place in the launch is not settled yet
        if not self._runners.add(runner):
            return self._runners.get(machine.id) or runner
        self._record.machine(machine.id, "adopted", reason, launch=runner.launch_id, job=runner.assigned_job)
        return runner

    def _receipt(self, machine: Machine) -> AssignmentReceipt | None:
        """What the machine's orders say of its runner, as far as that may be believed: it may have rewritten them.

        Its number is not, for by that GitHub knows it when it is to be deleted: it will be looked up by its name.
        """
        receipt = self._assignments.get(machine.id)
        own = receipt is not None and machine_of(receipt.runner_name) == machine.id
        return attrs.evolve(receipt, runner_id=0) if receipt is not None and own else None

    def _meant_for(self, machine: Machine, launch: Launch) -> Job | None:
        """The job whose place in the launch the machine has; any of its jobs if the cloud's answer was not kept."""
        machines = launch.machines or ()
        place = machines.index(machine.id) if machine.id in machines else 0
        return self._jobs.get(str(launch.jobs[place])) if place < len(launch.jobs) else None
