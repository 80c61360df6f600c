"""What the parts of the simulated world want of each other: the cloud, and those whom it tells what happens.

::

    fleet ──launch──> cloud: a Life begins in its log
                        │  launch API, pending -> running, boot
                        ├── booted(machine) ───────────────────> the agent starts
                        ├── warned(machine, warning, at) ──────> the agent and EventBridge are told
                        └── ended(machine, by) ────────────────> what ran there is lost, EventBridge is told
    agent ──power_off─> cloud: ended(machine, by=ITSELF)
    fleet ──terminate─> cloud: ended(machine, by=FLEET)
    fleet ──stop──────> cloud: stopping(machine) ────────────────> what ran there is lost; it sleeps
    fleet ──start─────> cloud: it is pending and boots again ────> booted(machine)
    the cloud itself:          ended(machine, by=SPOT | HARDWARE)
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Protocol

import attrs

from paddock.adapters.simulation.outcome import Calls
from paddock.adapters.simulation.timeline import Timeline
from paddock.core.messages import WarningKind
from paddock.core.ports.machines import Machine, Machines
from paddock.core.ports.system import Chance, Ids
from paddock.core.units import MicroDollars, Moment, Span


class Ending(StrEnum):
    """Who ended a machine."""

    FLEET = "fleet"  # by Machines.terminate
    ITSELF = "itself"  # it powered off from within
    SPOT = "spot"  # the cloud took a spot machine back
    HARDWARE = "hardware"  # it failed


@attrs.define(eq=False)
class Life:
    """One machine's life in the cloud's own log, which the bill is computed from.

    ``machine`` is as launched (its ``launched_at`` is when the cloud accepted the launch). ``running_at`` is when it
    left ``pending`` (EC2 bills from here), ``booted_at`` when its agent could start, ``warned_at`` when a spot warning
    was given, ``ended_at`` when it began to shut down (EC2 bills until here); each None until then.

    One that sleeps is billed for its disk alone. ``stopping_at`` is since when it does (None while it is awake),
    ``started_at`` when it was last started, if it ever was; ``running_at`` and ``booted_at`` are of its present run.
    ``runs`` are those that are over: from when until when each was billed.
    """

    machine: Machine
    running_at: Moment | None = None
    booted_at: Moment | None = None
    warned_at: Moment | None = None
    ended_at: Moment | None = None
    ended_by: Ending | None = None
    stopping_at: Moment | None = None
    started_at: Moment | None = None
    runs: tuple[tuple[Moment, Moment], ...] = ()

    def sleeps(self, began: Moment, now: Moment) -> None:
        """It is told to stop, or its start came to nothing. `began` is since when its present run was billed."""
        if self.running_at is not None:
            self.runs = (*self.runs, (began, now))
        self.stopping_at, self.running_at, self.booted_at = now, None, None

    def wakes(self, now: Moment) -> None:
        """It is started."""
        self.stopping_at, self.started_at = None, now

    def awake(self, began: Moment, now: Moment, least: Span) -> Span:
        """How long it was, or is, awake: each run counts as the least at least. `began` is as above, if it is awake."""
        end = now if self.ended_at is None else self.ended_at
        runs = self.runs if self.stopping_at is not None else (*self.runs, (began, end))
        return sum(max(until - since, least) for since, until in runs)


@attrs.frozen
class Charge:
    """What a machine costs from its launch to its end (or to now, while it lives), exact.

    ``compute`` is what is to be paid; ``free`` is what it would have been if the cloud charges nothing, because it took
    the machine back in its first hour (then ``compute`` is 0). ``disk`` and ``address`` are paid in any case.
    """

    compute: MicroDollars
    disk: MicroDollars
    address: MicroDollars
    free: MicroDollars = 0


class CloudListener(Protocol):
    """Who is told of what happens in the cloud. Each call comes at its moment, and at most once per machine and fact.

    A machine that is stopped and started is told of anew.
    A listener may call the cloud back at once: the log and the states are up to date before it is told.
    """

    def booted(self, machine: Machine) -> None:
        """The machine's system is up: its agent may start. Not told of one that never boots."""

    def warned(self, machine: Machine, warning: WarningKind, at: Moment) -> None:
        """The machine's metadata says so from now on; ``at`` is when a spot machine is to be taken."""

    def stopping(self, machine: Machine) -> None:
        """The machine was told to stop: nothing runs on it any more, until it is started and has booted."""

    def ended(self, machine: Machine, by: Ending) -> None:
        """The machine began to shut down: nothing runs on it any more. It may have slept."""


class SimulatedCloud(Machines, Protocol):
    """A cloud in virtual time: the port `Machines`, and what the world besides the fleet does to it and asks of it.

    Every call returns at once in virtual time. What a launch call takes of it, lies between ``launched_at`` and
    ``running_at``. A launch that is repeated by its token begins no second life.
    """

    @property
    def log(self) -> Mapping[str, Life]:
        """Every machine's life by id, in the order of launch, except those that were forgotten."""

    @property
    def alive(self) -> Sequence[str]:
        """The ids of the machines that have not ended, in the order of launch."""

    def power_off(self, machine: str) -> None:
        """The machine powers itself off (its shutdown behaviour is terminate). One that has ended is no error."""

    def fail(self, machine: str) -> None:
        """Its hardware fails, without a word. One that has ended, or sleeps, is no error: nothing happens to it."""

    def reclaim(self, machine: str, *, warning: bool = True) -> None:
        """Take the machine back as spot machines are, with the usual warning ahead or at once. For stories in tests."""

    def forget(self, machine: str) -> None:
        """Drop an ended machine's life from the log: it is in the sums already. Unknown ones are no error."""

    def charge(self, machine: str) -> Charge:
        """What the machine costs so far. KeyError if it is unknown or forgotten."""

    def calls(self) -> Sequence[Calls]:
        """Requests by API and how near they came to its limits, so far."""


class CloudMaker(Protocol):
    """How a world gets its cloud; whatever the cloud's own parameters are, is bound into it."""

    def __call__(self, *, timeline: Timeline, ids: Ids, chance: Chance, listener: CloudListener) -> SimulatedCloud:
        """A fresh region. `chance` is its own: nobody else draws from it."""
