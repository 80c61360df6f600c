"""Machines that are processes of this box.

::

    launch record ──> machine.json ──> agent started ──> process.json
          │                │                 │
       crash: the       crash: the       crash: it is found
       same machines    agent is         by its command line
       are made         started

A repetition walks the same way and does only what is missing. That an agent is started twice does no harm: it holds its
directory's lock, and the second one leaves.
"""

import fcntl
import hashlib
import os
import platform
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import attrs

from paddock.adapters.os_errors import os_errors
from paddock.adapters.process.execution import end_machine
from paddock.adapters.process.layout import Layout, MachineFiles, read_json, write_json
from paddock.adapters.process.liveness import agent_of, bury, nascent_agent, state_of
from paddock.adapters.process.spawn import spawn_agent
from paddock.core.catalogue import InstanceType, fitting
from paddock.core.codec import from_data, to_data
from paddock.core.errors import InvalidInput, TokenReused, Unsupported
from paddock.core.ports.machines import LaunchOutcome, LaunchRequest, Machine, MachineState, StartOutcome
from paddock.core.ports.records import Page
from paddock.core.ports.system import Clock
from paddock.core.spec import Arch, Offer, RunnerSpec
from paddock.core.units import SECOND, Moment, Span

ZONE = "local"
STANDBY = "--standby"  # a pool's machine waits for its orders as long as it lives
_NO_SLEEP = "machines here are processes of this box, which cannot be stopped and started: end them instead"
_ARCHES: Mapping[str, Arch] = {
    "x86_64": Arch.X64,
    "amd64": Arch.X64,
    "aarch64": Arch.ARM64,
    "arm64": Arch.ARM64,
}


@attrs.frozen
class _Launch:
    """What was granted for a token, written before anything was started."""

    request: LaunchRequest
    machines: tuple[str, ...]
    instance_type: str
    granted_at: Moment
    errors: tuple[str, ...] = ()


def box_arch() -> Arch:
    """This box's architecture, by GitHub's name.

    Raises:
        InvalidInput: GitHub's runner is not made for it.
    """
    found = platform.machine().lower()
    if found not in _ARCHES:
        raise InvalidInput("arch", found, f"must be one of {', '.join(sorted(_ARCHES))}")
    return _ARCHES[found]


class LocalMachines:
    """Up to `slots` machines at once, each a real agent in a directory of its own. Safe for threads and processes."""

    def __init__(
        self,
        root: Path,
        clock: Clock,
        *,
        slots: int = 4,
        arch: Arch | None = None,
        grace: Span = 30 * SECOND,
        page_size: int = 100,
        agent_options: Sequence[str] = (),
        agent_environment: Mapping[str, str] | None = None,
    ) -> None:
        """Args: see below.

        root: the fleet's directory (see `layout`), made if it is not there.
        clock: for `launched_at`.
        slots: how many machines may be alive at once.
        arch: this box's; asked of the system if it is not given.
        page_size: machines per page.
        grace: how long a machine whose agent has not shown itself counts as pending.
        agent_options: more arguments for the agent.
        agent_environment: more variables for the agent (a proxy, for instance); jobs never see them.
        """
        if slots < 1:
            raise InvalidInput("slots", slots, "must be at least 1")
        self._layout = Layout(root)
        self._clock = clock
        self._slots = slots
        self._arch = box_arch() if arch is None else arch
        self._grace = grace
        self._page_size = page_size
        self._agent_options = tuple(agent_options)
        self._agent_environment = dict(agent_environment or {})
        self._started: set[int] = set()  # process ids of agents we started, to bury them
        with os_errors():
            for directory in (self._layout.machines, self._layout.launches, self._layout.logs, self._layout.cache):
                directory.mkdir(mode=0o700, parents=True, exist_ok=True)

    def offers(self, spec: RunnerSpec) -> tuple[Offer, ...]:
        """This box, as each type that it can stand for."""
        fits = spec.arch is self._arch and spec.image is None
        return tuple(sorted(Offer(ZONE, kind.name) for kind in (fitting(spec) if fits else ())))

    def launch(self, request: LaunchRequest) -> LaunchOutcome:
        """Start up to `count` machines, as many as there are slots. Idempotent by token, also across crashes.

        Raises:
            TokenReused: the token was used with other parameters.
            ValueError: the token or the count is not one that EC2 takes.
        """
        request.check()
        with os_errors(), self._exclusively():
            self._bury()
            name = hashlib.sha256(request.token.encode()).hexdigest()[:12]
            path = self._layout.launches / f"{name}.json"
            known = read_json(path)
            if known is not None:
                launch = from_data(known, _Launch)
                if launch.request != request:
                    message = f"token {request.token!r} was used with other parameters: a new request needs a new one"
                    raise TokenReused(message)
            else:
                kinds = self._kinds(request)
                if isinstance(kinds, LaunchOutcome):
                    return kinds
                launch = self._grant(request, name, kinds[0])
                write_json(path, to_data(launch))
            machines = tuple(self._make(launch, id_) for id_ in launch.machines)
            return LaunchOutcome(machines, launch.errors)

    def describe(self, ids: Sequence[str]) -> Mapping[str, Machine]:
        """The machines by id; a terminated one is listed until its directory is swept."""
        with os_errors():
            self._bury()
            found = (self._layout.machine(id_) for id_ in ids)
            machines = (self._read(files) for files in found if files is not None)
            return {machine.id: machine for machine in machines if machine is not None}

    def page(self, *, cursor: str | None = None) -> Page[Machine]:
        """All machines that are not terminated, in the order of their ids.

        Raises:
            ValueError: the cursor is not one of ours.
        """
        if cursor is not None and self._layout.machine(cursor) is None:
            raise ValueError(str(InvalidInput("cursor", cursor, "must be None or what a page returned")))
        with os_errors():
            self._bury()
            items: list[Machine] = []
            for files in self._layout.all():
                if cursor is not None and files.id <= cursor:
                    continue
                machine = self._read(files)
                if machine is None or not machine.alive:
                    continue
                if len(items) == self._page_size:
                    return Page(tuple(items), items[-1].id)
                items.append(machine)
            return Page(tuple(items))

    def terminate(self, ids: Sequence[str]) -> None:
        """Kill everything of the machines, and return when it is gone. Idempotent.

        Raises:
            Unavailable: something would not die within some seconds.
        """
        with os_errors():
            for id_ in ids:
                files = self._layout.machine(id_)
                if files is not None and files.machine.exists():
                    end_machine(files)
            self._bury()

    def stop(self, ids: Sequence[str]) -> None:  # noqa: ARG002 - the port's
        """Not here.

        Raises:
            Unsupported: always.
        """
        raise Unsupported(_NO_SLEEP)

    def start(self, ids: Sequence[str]) -> Mapping[str, StartOutcome]:  # noqa: ARG002 - the port's
        """Not here.

        Raises:
            Unsupported: always.
        """
        raise Unsupported(_NO_SLEEP)

    def _kinds(self, request: LaunchRequest) -> tuple[InstanceType, ...] | LaunchOutcome:
        """The instance types a machine of this box can stand for, cheapest first; or why it never can."""
        if request.spec.arch is not self._arch:
            error = f"WrongArchitecture: this box is {self._arch}, and the job wants {request.spec.arch}"
            return LaunchOutcome((), (error,), permanent=True)
        if request.spec.image is not None:
            error = f"NoImages: machines here are processes and have no image {request.spec.image!r}: leave it out"
            return LaunchOutcome((), (error,), permanent=True)
        kinds = fitting(request.spec)
        if not kinds:
            return LaunchOutcome((), (f"NoFittingType: no instance type serves {request.spec}",), permanent=True)
        kinds = tuple(kind for kind in kinds if Offer(ZONE, kind.name) not in request.without)
        return kinds or LaunchOutcome((), ("NoOffer: every offer that fits was left out of the request",))

    def _grant(self, request: LaunchRequest, name: str, kind: InstanceType) -> _Launch:
        alive = sum(1 for files in self._layout.all() if (machine := self._read(files)) is not None and machine.alive)
        granted = max(0, min(request.count, self._slots - alive))
        errors: tuple[str, ...] = ()
        if granted < request.count:
            taken = f"{alive} of this box's {self._slots} slots are taken"
            errors = (f"InsufficientInstanceCapacity: {taken}, {granted} of {request.count} machines can be had",)
        machines = tuple(f"m-{name}-{index}" for index in range(granted))
        return _Launch(request, machines, kind.name, self._clock.now(), errors)

    def _make(self, launch: _Launch, id_: str) -> Machine:
        """The machine, started if it never was."""
        files = self._layout.machine(id_)
        assert files is not None
        if self._layout.kept_log(id_).exists():  # swept: it was, and it is no more
            return self._machine(launch, id_, MachineState.TERMINATED)
        machine = self._read(files)
        if machine is not None and (files.ended.exists() or agent_of(files) or nascent_agent(files)):
            return machine
        machine = self._machine(launch, id_, MachineState.PENDING)
        files.directory.mkdir(mode=0o700, exist_ok=True)
        write_json(files.machine, to_data(machine))
        options = self._agent_options if launch.request.stock is None else (*self._agent_options, STANDBY)
        self._started.add(spawn_agent(files.directory, self._layout, options, self._agent_environment))
        return machine

    def _machine(self, launch: _Launch, id_: str, state: MachineState) -> Machine:
        request = launch.request
        kind = next(kind for kind in fitting(request.spec) if kind.name == launch.instance_type)
        return Machine(
            id=id_,
            state=state,
            launched_at=self._clock.now(),
            token=request.token,
            instance_type=kind.name,
            vcpu=kind.vcpu,
            arch=kind.arch,
            market=request.market,
            zone=ZONE,
            price=kind.price(request.market),
            disk=request.disk,
            ours=True,
        )

    def _read(self, files: MachineFiles) -> Machine | None:
        """The machine as it is now; None if there is none (a directory that was begun and not finished)."""
        data = read_json(files.machine)
        if data is None:
            return None
        machine = from_data(data, Machine)
        state = state_of(files, machine.launched_at, self._clock.now(), self._grace)
        return attrs.evolve(machine, state=state)

    def _bury(self) -> None:
        """Collect the exit statuses of agents we started, so that no zombies pile up."""
        for pid in list(self._started):
            bury(pid)
            if not Path("/proc", str(pid)).exists():
                self._started.discard(pid)

    @contextmanager
    def _exclusively(self) -> Iterator[None]:
        """One launch at a time on this root, whichever thread or process it is in."""
        lock = os.open(self._layout.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)
