"""What came of a simulation, in numbers: everything that reports, comparisons and tests read.

Times are microseconds, money is micro-dollars. It is plain data once `to_data` has been through it, and two runs with
one seed give the same, byte for byte.
"""

from collections.abc import Mapping
from enum import StrEnum

import attrs

from paddock.core.units import MicroDollars, Moment, Span


class Start(StrEnum):
    """What a machine is started from when a job gets it."""

    COLD = "cold"  # nothing: a launch
    STOPPED = "stopped"  # a machine of a pool that was stopped after its first boot
    HOT = "hot"  # a machine of a pool that waits with its agent up


@attrs.frozen
class Spread:
    """How a span is spread over those who had it. All zero if nobody had."""

    count: int = 0
    mean: Span = 0
    p50: Span = 0
    p95: Span = 0
    p99: Span = 0
    most: Span = 0


@attrs.frozen
class Waits:
    """A job's wait, from GitHub's queueing to its start, and the parts it has, of first launches that served their job.

    ``webhook``: until intake has it; ``decision``: until the cloud is asked; ``cloud``: until the machine exists;
    ``boot``: until its agent is up; ``handshake``: until its runner has the job.
    """

    total: Spread
    webhook: Spread
    decision: Spread
    cloud: Spread
    boot: Spread
    handshake: Spread


@attrs.frozen
class Jobs:
    """How jobs ended. ``retried`` had more than one launch, ``rerun`` are attempts that we asked GitHub for.

    ``interrupted`` lost their machine to the cloud while they ran; ``again`` are those of them whose re-run was
    interrupted as well. ``wasted`` are machine-seconds in which interrupted jobs ran in vain. ``others`` are not the
    fleet's, by their labels, and in no other figure.
    """

    queued: int = 0
    served: int = 0
    failed: int = 0
    cancelled: int = 0
    rejected: int = 0
    abandoned: int = 0
    retried: int = 0
    rerun: int = 0
    interrupted: int = 0
    again: int = 0
    wasted: Span = 0
    others: int = 0

    @property
    def ended(self) -> int:
        """How many have ended, however they did, or are nobody's here."""
        return self.served + self.failed + self.cancelled + self.rejected + self.abandoned + self.others


@attrs.frozen
class Cost:
    """What the world's own bill says, by what it was for.

    ``control`` is the control plane, from its calls at list prices. ``boot``, ``job`` and ``idle`` are the money of
    ``spot`` and ``on_demand`` together, cut otherwise. ``free`` is what machines that the cloud took back in their
    first hour would have cost: it is in no sum. ``sleep`` is the part of ``disk`` that is of machines asleep.
    """

    spot: MicroDollars = 0
    on_demand: MicroDollars = 0
    boot: MicroDollars = 0
    job: MicroDollars = 0
    idle: MicroDollars = 0
    disk: MicroDollars = 0
    address: MicroDollars = 0
    control: MicroDollars = 0
    free: MicroDollars = 0
    sleep: MicroDollars = 0

    @property
    def total(self) -> MicroDollars:
        """All of it."""
        return self.spot + self.on_demand + self.disk + self.address + self.control


@attrs.frozen
class PoolUse:
    """What jobs got of a pool, and what it cost to keep.

    ``hot`` and ``stopped`` jobs had one of its machines that was ready, or asleep; ``booting`` one that came up just
    then; ``overflow`` jobs asked for the pool, and a machine was launched for them. ``machines`` are those that it
    launched. ``idle`` is how long they were up without a job, ``idle_cost`` what that cost, ``sleep_cost`` what their
    disks cost while they slept.
    """

    hot: int = 0
    stopped: int = 0
    booting: int = 0
    overflow: int = 0
    machines: int = 0
    idle: Span = 0
    idle_cost: MicroDollars = 0
    sleep_cost: MicroDollars = 0


@attrs.frozen
class Level:
    """The fleet at a moment: the most of each within the interval that begins then."""

    at: Moment
    waiting: int
    machines: int
    busy: int


@attrs.frozen
class Calls:
    """Requests of one API. ``limit`` is what it allows per ``window``; ``peak`` the most that fell into one."""

    name: str
    count: int
    peak: int = 0
    limit: int | None = None
    window: Span = 0
    throttled: int = 0


@attrs.frozen
class Violation:
    """Something that must never be, and was. ``story`` is what led to it, line by line."""

    at: Moment
    rule: str
    what: str
    story: tuple[str, ...] = ()


@attrs.frozen
class Outcome:
    """One policy's outcome on one workload.

    ``policy`` is the configuration's name, ``waits`` are by label set, ``pools`` by name.
    """

    policy: str
    workload: str
    seed: int
    began: Moment
    ended: Moment
    jobs: Jobs
    wait: Waits
    waits: Mapping[str, Waits]
    cost: Cost
    levels: tuple[Level, ...] = ()
    calls: tuple[Calls, ...] = ()
    machines: int = 0
    reclaimed: int = 0
    pools: Mapping[str, PoolUse] = attrs.field(factory=dict)
    violations: tuple[Violation, ...] = ()
    events: int = 0
