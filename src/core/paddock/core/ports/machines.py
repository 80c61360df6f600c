"""The port to whatever gives machines: EC2, local processes, a simulation."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Final, Protocol

import attrs

from paddock.core.costs.price import PriceSource
from paddock.core.errors import InvalidInput
from paddock.core.pools.pool import Stock
from paddock.core.ports.records import Page
from paddock.core.spec import Arch, Market, Offer, RunnerSpec
from paddock.core.units import MicroDollars, Moment


class MachineState(StrEnum):
    """EC2's own words."""

    PENDING = "pending"
    RUNNING = "running"
    STOPPING = "stopping"
    STOPPED = "stopped"
    TERMINATED = "terminated"


@attrs.frozen
class Machine:
    """A machine as it was launched, not as it was asked for.

    ``price`` is micro-dollars per hour, None if unknown; ``priced`` says where it is from (None: the catalogue).

    ``launched_at`` is EC2's LaunchTime: of a machine that was stopped, when it was last started.
    ``ours`` is True only if the cloud itself says that the machine is this fleet's: the answer to a launch, or its tag.
    ``ended_at`` and ``ended_by`` are the cloud's word on its end, where it gives one. ``ended_by`` is EC2's code of the
    state's reason: ``Server.SpotInstanceTermination``, ``Client.UserInitiatedShutdown`` ...
    """

    id: str
    state: MachineState
    launched_at: Moment
    token: str = ""
    instance_type: str = ""
    vcpu: int = 0
    arch: Arch = Arch.X64
    market: Market = Market.ON_DEMAND
    zone: str = ""
    price: MicroDollars | None = None
    disk: int = 0
    ours: bool = False
    ended_at: Moment | None = None
    ended_by: str = ""
    priced: PriceSource | None = None

    @property
    def alive(self) -> bool:
        """False once it is terminated. One that is stopped lives: it keeps its disk, and can be started again."""
        return self.state is not MachineState.TERMINATED

    @property
    def taken(self) -> bool:
        """True if the cloud took a spot machine back: not our own act, and not the machine's."""
        return self.ended_by.startswith("Server.SpotInstance")


@attrs.frozen
class Lack:
    """No capacity for an offer. ``code`` is EC2's, such as InsufficientInstanceCapacity."""

    offer: Offer
    market: Market
    code: str


MAX_TOKEN: Final = 64
"""Characters of a launch's token (EC2's ``ClientToken``)."""


@attrs.frozen
class LaunchRequest:
    """What is asked for. ``token`` is at most 64 ASCII characters; ``tags`` go onto every machine.

    ``without`` are offers that may not be used, although they fit. ``stock`` is what a pool wants them for, and None
    where a job does: a pool's machine is told, and waits for its orders as long as it lives.
    """

    token: str
    count: int
    spec: RunnerSpec
    market: Market
    disk: int
    tags: Mapping[str, str] = attrs.field(factory=dict)
    without: tuple[Offer, ...] = ()
    stock: Stock | None = None

    def check(self) -> None:
        """Refuse what EC2 would not take.

        Raises:
            ValueError: the token or the count; it names the field and its value.
        """
        if not (self.token.isascii() and 1 <= len(self.token) <= MAX_TOKEN):
            raise ValueError(str(InvalidInput("token", self.token, f"must be 1 to {MAX_TOKEN} ASCII characters")))
        if self.count < 1:
            raise ValueError(str(InvalidInput("count", self.count, "must be at least 1")))


class Shortfall(StrEnum):
    """Why a launch brought fewer machines than it was asked for, if nothing worse is the matter."""

    CAPACITY = "capacity"  # the cloud has none, or the account may have no more: another market may
    BUSY = "busy"  # it was asked too often, or had a fault: the same market, later
    REFUSED = "refused"  # it will not start what it is asked for: a right, an image or a template is missing


@attrs.frozen
class LaunchOutcome:
    """What came of it: possibly fewer machines than asked for, and the reasons (``code: text``) why not all.

    The first of the ``errors`` is the one that counts: of what may pass, a quota goes before a lack of capacity.
    ``lacks`` are the offers that were not to be had, for want of capacity or of what another pool may have: a quota of
    the market, a type that the zone has not. ``permanent`` is True if asking again can never help: no machine of this
    fleet fits. ``shortfall`` is what the errors come to, where they are not permanent.
    """

    machines: tuple[Machine, ...]
    errors: tuple[str, ...] = ()
    permanent: bool = False
    lacks: tuple[Lack, ...] = ()
    shortfall: Shortfall = Shortfall.CAPACITY


class StartResult(StrEnum):
    """What came of asking for a stopped machine."""

    STARTING = "starting"  # it boots, or ran already
    STOPPING = "stopping"  # it is not stopped yet: ask again
    NO_CAPACITY = "no_capacity"  # its pool has none, or the account may have no more: it stays stopped
    REFUSED = "refused"  # the cloud will not start this one, however often it is asked
    GONE = "gone"  # terminated, or unknown


@attrs.frozen
class StartOutcome:
    """What came of the start of one machine. ``code`` is EC2's where it did not start: InsufficientInstanceCapacity."""

    result: StartResult
    code: str = ""

    @property
    def started(self) -> bool:
        """True if it boots, or ran already."""
        return self.result is StartResult.STARTING


class Machines(Protocol):
    """A cloud. Every method may raise `Unavailable`, `Throttled` or `AccessDenied`."""

    def offers(self, spec: RunnerSpec) -> Sequence[Offer]:
        """All offers that fit the spec, whatever their capacity at the moment; in the order of zones and types.

        Cheap: what is asked of the cloud for it is remembered.
        """

    def launch(self, request: LaunchRequest) -> LaunchOutcome:
        """Start up to `count` machines. Idempotent by token: a repetition returns the same machines and starts none.

        Too little capacity is not an error but an outcome with fewer machines.

        Raises:
            TokenReused: the token was used with other parameters.
        """

    def describe(self, ids: Sequence[str]) -> Mapping[str, Machine]:
        """The machines by id, those of others included where the cloud tells of them; see `Machine.ours`.

        A terminated machine may be listed for a while or be missing, and one just launched may be missing too.
        """

    def page(self, *, cursor: str | None = None) -> Page[Machine]:
        """All machines of this fleet (by its tag) that are not terminated, page by page."""

    def terminate(self, ids: Sequence[str]) -> None:
        """End the machines and everything on them. Idempotent: unknown and ended machines are no error."""

    def stop(self, ids: Sequence[str]) -> None:
        """Let machines sleep: what runs on them ends as by a shutdown, and their disks are kept, which alone are paid.

        Idempotent: machines that stop, are stopped, have ended or are unknown are no error. It takes a while: they are
        `STOPPING` at first. One that cannot be stopped does not keep the others awake: it is told when they were asked.

        Raises:
            Rejected: it names machines that can never be stopped: spot ones. Others may be named besides.
            Unavailable: it names machines that cannot be stopped yet, for they are pending.
            Unsupported: no machine of this cloud can sleep.
        """

    def start(self, ids: Sequence[str]) -> Mapping[str, StartOutcome]:
        """Wake stopped machines, and say of each id what came of it, in the order of the ids.

        Idempotent: one that is pending or runs is `STARTING`. One that is missing from the answer was not come to, for
        the cloud did not take more or did not answer: ask again; that is raised only if nothing is known of any.

        A start is a boot: pending first, with another ``launched_at``. As at EC2, one that was accepted may still fall
        back to stopped, if something that it needs is not there.

        Raises:
            Unsupported: no machine of this cloud can sleep.
        """
