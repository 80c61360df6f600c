"""Assignment: one machine that exists gets a registration at GitHub and its orders.

::

    JIT config ──> machine record ──> assignment (put if absent) ──> job launched
         │               │                     │
      crash: an       crash: the machine    crash: the receipt says which runner the machine is;
      offline         has no orders yet;    nothing is minted twice
      registration    the next try mints
      is left over    and takes the old
                      registration back

The record comes before the orders, so no machine ever works that nobody wrote down.

Where GitHub's limit leaves no JIT configuration, the orders hold a token: the machine registers its runner itself, and
nothing is left over at GitHub by whoever crashes here.
"""

from collections.abc import Mapping, Sequence
from functools import partial

from paddock.core.errors import Conflict, NotFound, PaddockError, Rejected, Throttled
from paddock.core.job import Job, JobChange, JobIs
from paddock.core.launch import Launch
from paddock.core.messages import Assignment, Registration, RunnerPackage
from paddock.core.ports.assignments import AssignmentReceipt, Assignments
from paddock.core.ports.decisions import Decisions
from paddock.core.ports.github import GitHub, JitConfig, Scope
from paddock.core.ports.machines import Machine
from paddock.core.ports.several import IN_TURN, Several
from paddock.core.ports.stores import Table
from paddock.core.ports.system import Clock, Ids
from paddock.core.runner import Runner, RunnerChange, RunnerIs, runner_name
from paddock.core.settings import GLOBS, FleetSettings, ScopeKind
from paddock.core.spec import Arch
from paddock.core.states import JobState
from paddock.core.units import money_text
from paddock.core.usecases.adopt import record_of
from paddock.core.usecases.record import Recorder
from paddock.core.usecases.setup_info import setup_info

_SUFFIX = 6
_WHY_TOKEN = "GitHub's limit leaves no configuration for it now: it registers its runner itself"  # noqa: S105 - words


def scope_of(repository: str, settings: FleetSettings) -> Scope:
    """Where the runners for jobs of this repository (``owner/name``) are registered."""
    owner, _, name = repository.partition("/")
    return Scope(owner, name if settings.scope is ScopeKind.REPOSITORY else "")


def scopes_of(settings: FleetSettings) -> tuple[Scope, ...]:
    """Where runners will be registered, as far as it is known before a job comes: what is named without globs."""
    known = (scope_of(pattern, settings) for pattern in settings.repositories)
    return tuple(dict.fromkeys(scope for scope in known if not set(str(scope)) & GLOBS))


class Assign:
    """Gives machines their orders."""

    def __init__(
        self,
        *,
        settings: FleetSettings,
        table: Table,
        github: GitHub,
        assignments: Assignments,
        decisions: Decisions,
        clock: Clock,
        ids: Ids,
        several: Several,
    ) -> None:
        self._settings = settings
        self._jobs = table.jobs
        self._runners = table.runners
        self._registrations = github.runners
        self._releases = github.releases
        self._assignments = assignments
        self._clock = clock
        self._ids = ids
        self._several = several
        self._record = Recorder(decisions, clock, "dispatch")

    def __call__(self, job: Job, machine: Machine, launch: Launch) -> Job | None:
        """Assign `machine` to `job`; the job's record as launched, or None if the job had moved on meanwhile.

        Args:
            job: in state dispatching, with this launch.
            machine: one of the launch's machines.
            launch: the launch record. It may have been begun before, so the machine may have its orders already.

        Raises:
            Conflict: the job had claimed the machine, and does not have it any more.
            PaddockError: whatever GitHub or the stores raise; the same call may be repeated.
        """
        if launch.claimed:
            self._held(job, machine.id, launch)
        receipt = self._assignments.get(machine.id)
        if receipt is None:
            receipt = self._register(job, machine, launch)
        else:
            self._keep(record_of(machine, launch, job, receipt, self._settings), receipt, job)
        when = JobIs(state=JobState.DISPATCHING, launch=job.launch, launch_id=launch.id)
        try:
            launched = self._jobs.update(job.key, when, self.launched(machine, receipt.runner_name))
        except Conflict:
            return None
        self.said(job, machine, launch)
        return launched

    def launched(self, machine: Machine, runner_name: str) -> JobChange:
        """What becomes of the record of a job that gets this machine."""
        return JobChange(
            state=JobState.LAUNCHED,
            machine=machine.id,
            runner_name=runner_name,
            launched_at=self._clock.now(),
            lease_until=0,
        )

    def said(self, job: Job, machine: Machine, launch: Launch) -> None:
        """Write down that the job got the machine."""
        why = _story(machine, launch)
        self._record.job(job.id, "launched", why, machine=machine.id, launch=job.launch, market=launch.market)

    def ordered(self, machine: Machine) -> bool:
        """True if the machine ever got orders."""
        return self._assignments.get(machine.id) is not None

    def record(self, job: Job, machine: Machine, launch: Launch, orders: Assignment) -> Runner:
        """The machine's record, with the registration of these orders."""
        minted = AssignmentReceipt(machine.id, orders.runner_name, orders.runner_id, taken=False)
        return record_of(machine, launch, job, minted, self._settings)

    def _mint(self, job: Job, machine: Machine) -> JitConfig:
        scope, labels, group = (
            scope_of(job.facts.repository, self._settings),
            job.facts.labels,
            self._settings.runner_group,
        )
        try:
            return self._registrations.jit_config(scope, self._fresh_name(machine), labels, group)
        except Rejected:
            # "Already exists" is usually our own lost answer: once more under another name tells it from a real no.
            return self._registrations.jit_config(scope, self._fresh_name(machine), labels, group)

    def compose(self, launch: Launch, pairs: Sequence[tuple[Job, Machine]]) -> Sequence[Assignment | Exception]:
        """For each job its machine's orders, with a new registration, or why there are none. Nothing is put yet.

        The registrations are asked for at once, as far as `Several` goes: GitHub takes about a second for each.
        """
        packages: dict[tuple[Scope, Arch], RunnerPackage | Exception] = {}
        for job, machine in pairs:
            wanted = (scope_of(job.facts.repository, self._settings), machine.arch)
            if wanted not in packages:
                (packages[wanted],) = IN_TURN([partial(self._releases.package, *wanted)])
        found = self._several([partial(self._composed, launch, *pair, packages) for pair in pairs])
        for one in found:
            if isinstance(one, Assignment) and one.registration is not None:
                self._record.machine(one.machine, "token", _WHY_TOKEN, job=one.job_id)
        return found

    def _composed(
        self,
        launch: Launch,
        job: Job,
        machine: Machine,
        packages: Mapping[tuple[Scope, Arch], RunnerPackage | Exception],
    ) -> Assignment:
        package = packages[scope_of(job.facts.repository, self._settings), machine.arch]
        if isinstance(package, Exception):
            raise package
        try:
            return self._orders(job, machine, launch, self._mint(job, machine), package)
        except Throttled:
            if not self._settings.registration_tokens:
                raise
        scope = scope_of(job.facts.repository, self._settings)
        registration = self._registrations.registration(scope, self._settings.runner_group)
        return self._orders(job, machine, launch, JitConfig(0, self._fresh_name(machine), ""), package, registration)

    def unused(self, job: Job, orders: Assignment) -> None:
        """Take back the registration of orders that may not have been put, unless the machine has these very orders.

        Raises:
            PaddockError: nobody knows which orders it has.
        """
        receipt = self._assignments.get(orders.machine)
        if receipt is None or receipt.runner_name != orders.runner_name:
            self._forget(job, orders.machine, orders.runner_id)

    def _register(self, job: Job, machine: Machine, launch: Launch) -> AssignmentReceipt:
        (orders,) = self.compose(launch, [(job, machine)])
        if isinstance(orders, Exception):
            raise orders
        runner = self.record(job, machine, launch, orders)
        if launch.claimed:
            self._name(job, runner, launch)
        new = self._runners.add(runner)
        receipt = self._assignments.put(orders)
        theirs = receipt.runner_name != orders.runner_name
        if theirs:
            self._forget(job, machine.id, orders.runner_id)
        if not new or theirs:
            self._keep(runner, receipt, job)
        return receipt

    def _held(self, job: Job, machine: str, launch: Launch) -> Runner:
        """The record of a machine that the job has claimed for this launch.

        Raises:
            Conflict: it has not, or not any more.
        """
        known = self._runners.get(machine)
        if known is not None and known.gone_at is not None:
            self._assignments.delete(machine)  # whoever closed its record forgot what it had by then
        if known is None or known.claim != launch.id or known.assigned_job != job.id or known.gone_at is not None:
            raise Conflict(f"machine {machine} is not job {job.id}'s any more", known)
        return known

    def _name(self, job: Job, runner: Runner, launch: Launch) -> None:
        """Write the registration onto the record of a machine that the job has claimed, before there are orders.

        Raises:
            Conflict: somebody has it by now; the registration is taken back.
        """
        try:
            known = self._held(job, runner.machine, launch)
            when = RunnerIs(claim=launch.id, assigned_job=job.id, runner_name=known.runner_name, gone_at=None)
            change = RunnerChange(runner_name=runner.runner_name, runner_id=runner.runner_id)
            self._runners.update(runner.key, when, change)
        except (Conflict, NotFound) as error:
            self._forget(job, runner.machine, runner.runner_id or 0)
            raise Conflict(f"machine {runner.machine} is not job {job.id}'s any more") from error
        if known.runner_id not in {None, runner.runner_id}:
            self._forget(job, runner.machine, known.runner_id or 0)

    def _keep(self, runner: Runner, receipt: AssignmentReceipt, job: Job) -> None:
        """See to it that the machine's record names the runner that its orders name."""
        known = runner if self._runners.add(runner) else self._runners.get(runner.key)
        if known is not None and known.gone_at is not None:
            # It ended before, and whoever closed its record forgot what it had by then: this came later.
            self._forget(job, runner.machine, receipt.runner_id)
            self._assignments.delete(runner.machine)
            return
        as_ordered = known is not None and known.runner_name == receipt.runner_name and known.assigned_job is not None
        if known is None or (as_ordered and known.repository == runner.repository):
            return
        # One that was adopted before anybody knew whose it would be bears another job's facts.
        change = RunnerChange(
            runner_id=receipt.runner_id or None,
            runner_name=receipt.runner_name,
            assigned_job=job.id,
            repository=runner.repository,
            workflow=runner.workflow,
            labels=runner.labels,
        )
        self._runners.update(runner.key, RunnerIs(), change)
        if known.runner_id is not None and known.runner_id not in {receipt.runner_id, runner.runner_id}:
            self._forget(job, runner.machine, known.runner_id)

    def _fresh_name(self, machine: Machine) -> str:
        return runner_name(machine.id, self._ids.token()[-_SUFFIX:])

    def _orders(
        self,
        job: Job,
        machine: Machine,
        launch: Launch,
        jit: JitConfig,
        package: RunnerPackage,
        registration: Registration | None = None,
    ) -> Assignment:
        return Assignment(
            machine=machine.id,
            job_id=job.id,
            launch=job.launch,
            repository=job.facts.repository,
            labels=job.facts.labels,
            runner_name=jit.runner_name,
            runner_id=jit.runner_id,
            package=package,
            jit_config=jit.encoded,
            registration=registration,
            max_runtime=self._settings.deadlines.runtime,
            idle_timeout=self._settings.deadlines.idle,
            setup_info=setup_info(job, machine, launch),
            created_at=self._clock.now(),
        )

    def _forget(self, job: Job, machine: str, runner_id: int) -> None:
        """Take back a registration that no runner will ever use. A token's there is none of, until it is used."""
        if not runner_id:
            return
        try:
            self._registrations.delete(scope_of(job.facts.repository, self._settings), runner_id)
        except NotFound:
            return  # somebody did it before
        except PaddockError as error:
            left = f"registration {runner_id}, which nobody uses, stays at GitHub: {error}"
            self._record.machine(machine, "registration_left", left)


def _story(machine: Machine, launch: Launch) -> str:
    price = "at an unknown price" if machine.price is None else f"at {money_text(machine.price)} an hour"
    where = f" in {machine.zone}" if machine.zone else ""
    if launch.claimed:
        return f"pool {launch.spec.pool} had one for it: {machine.instance_type} ({machine.market}){where} {price}"
    return f"{launch.spec} gave {machine.instance_type} ({machine.market}){where} {price}"
