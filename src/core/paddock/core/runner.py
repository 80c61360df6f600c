"""The machine record: one machine, one runner registration, at most one job."""

from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from typing import TypedDict

import attrs

from paddock.core.costs.price import PriceSource
from paddock.core.pools.pool import Stock
from paddock.core.spec import Arch, Market
from paddock.core.states import RUNNER_LIFE, SPARE, OperationalResult, RunnerState
from paddock.core.units import MicroDollars, Moment

MAX_RUNNER_NAME = 64  # GitHub's limit
_PREFIX = "paddock--"


@attrs.frozen
class Nap:
    """One sleep of a pool's machine.

    ``stopped_at`` is when it was told to stop and left ``running``: EC2 bills until there, not while it is stopping;
    from then on its disk alone is paid. ``woken_at`` is when it was started again (EC2 bills from there, a minute at
    least), ``up_at`` when its agent said that it is up; None until then. A start that the cloud refuses wakes nobody.
    """

    stopped_at: Moment
    woken_at: Moment | None = None
    up_at: Moment | None = None


@attrs.frozen
class Runner:
    """One machine of ours and the runner on it, as *launched* (not as asked for).

    ``assigned_job`` is the job it is meant for, ``served_job`` the one GitHub gave it: a runner is label
    capacity, so they may differ. ``runner_id`` and ``runner_name`` are its registration at GitHub.
    ``repository`` and ``workflow`` are those of the job it is meant for, whose cost it is unless it serves another.
    ``price`` is micro-dollars per hour, None where unknown (never zero for want of knowledge); ``priced`` says where it
    is from (None: the catalogue). ``forced``: it was bought on demand although spot would have done. ``disk_used`` is
    the most of its ``disk`` that the job used, GiB.
    ``interrupted_at`` is when the cloud takes, or took, the spot machine back; ``taken`` says that it was the cloud
    that ended it.

    Of a pool's machine ``stock`` says what it was started to be kept as; None: it was started for a job, a pool's
    overflow included. ``spare_of`` is the pool as long as it is there for any job, and no job has claimed it. ``since``
    is when it came into its state, as far as the pool needs to know; ``claimed_at`` when a job claimed it, and
    ``claim`` the launch that it was claimed for; ``naps`` are its sleeps, and ``digest`` stands for what it is made of
    (`paddock.core.pools.pool.Pool.digest`).
    """

    machine: str
    repository: str
    labels: tuple[str, ...]
    launch_id: str
    state: RunnerState = RunnerState.BOOTING
    runner_id: int | None = None
    runner_name: str | None = None
    assigned_job: int | None = None
    served_job: int | None = None
    pool: str | None = None
    instance_type: str = ""
    vcpu: int = 0
    arch: Arch = Arch.X64
    market: Market = Market.ON_DEMAND
    zone: str = ""
    price: MicroDollars | None = None
    disk: int = 0
    launched_at: Moment = 0
    ready_at: Moment | None = None
    busy_at: Moment | None = None
    idle_at: Moment | None = None
    gone_at: Moment | None = None
    heartbeat_at: Moment | None = None
    interrupted_at: Moment | None = None
    taken: bool = False
    result: OperationalResult | None = None
    reason: str = ""
    workflow: str = ""
    stock: Stock | None = None
    spare_of: str | None = None
    digest: str = ""
    since: Moment | None = None
    claimed_at: Moment | None = None
    claim: str | None = None
    naps: tuple[Nap, ...] = ()
    forced: bool | None = None
    disk_used: int | None = None
    priced: PriceSource | None = None

    @property
    def key(self) -> str:
        """The record's key: the machine's id."""
        return self.machine

    @property
    def live(self) -> bool:
        """True until the machine is gone."""
        return self.state not in RUNNER_LIFE.ends

    @property
    def heard_at(self) -> Moment:
        """When its agent was last heard of, or it came into its state; 0 if neither is known."""
        return max(self.since or 0, self.ready_at or 0, self.heartbeat_at or 0)

    @property
    def spare(self) -> bool:
        """True if a pool keeps it for any job, and none has claimed it. One that is being ended is none."""
        return self.spare_of is not None and self.state in SPARE and self.gone_at is None

    def covers(self, labels: Iterable[str]) -> bool:
        """True if GitHub may give it a job of these labels: they match case-folded, and it may have more of them."""
        return {label.casefold() for label in labels} <= {label.casefold() for label in self.labels}


class RunnerIs(TypedDict, total=False):
    """A condition on the record: every given field must match (a set matches any of its members)."""

    state: RunnerState | AbstractSet[RunnerState]
    assigned_job: int | None
    served_job: int | None
    ready_at: Moment | None
    busy_at: Moment | None
    idle_at: Moment | None
    gone_at: Moment | None
    heartbeat_at: Moment | None
    interrupted_at: Moment | None
    result: OperationalResult | None
    runner_name: str | None
    spare_of: str | None
    since: Moment | None
    claim: str | None


class RunnerChange(TypedDict, total=False):
    """The fields to set; all others stay."""

    state: RunnerState
    repository: str
    workflow: str
    labels: tuple[str, ...]
    runner_id: int | None
    runner_name: str | None
    assigned_job: int | None
    served_job: int | None
    ready_at: Moment | None
    busy_at: Moment | None
    idle_at: Moment | None
    gone_at: Moment | None
    heartbeat_at: Moment | None
    interrupted_at: Moment | None
    taken: bool
    result: OperationalResult | None
    reason: str
    spare_of: str | None
    since: Moment | None
    claimed_at: Moment | None
    claim: str | None
    naps: tuple[Nap, ...]
    disk_used: int | None


def runner_name(machine: str, suffix: str) -> str:
    """The registration name of a machine's runner: ``paddock--<machine>--<suffix>``.

    The suffix is fresh for each registration, because a name that GitHub has seen must not come back
    (a lost response looks like "already exists"). The machine's id is in it, so no index is needed to find it.
    """
    name = f"{_PREFIX}{machine}--{suffix}"
    if len(name) > MAX_RUNNER_NAME:
        raise ValueError(f"runner name {name!r} has {len(name)} characters, GitHub allows {MAX_RUNNER_NAME}")
    return name


def machine_of(name: str | None) -> str | None:
    """The machine in a runner name of ours; None for anybody else's runner."""
    if not name or not name.startswith(_PREFIX):
        return None
    machine, separator, _ = name[len(_PREFIX) :].rpartition("--")
    return machine if separator and machine else None
