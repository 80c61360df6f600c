"""How a fleet request is spread over pools, and what EC2 says where there is nothing."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from enum import StrEnum
from itertools import accumulate

import attrs

from paddock.adapters.memory.lacks import errors_of
from paddock.adapters.simulation.cloud.pools import Pool
from paddock.core.ports.machines import Lack
from paddock.core.ports.system import Chance
from paddock.core.spec import Market
from paddock.core.units import Moment


class Code(StrEnum):
    """EC2's error codes for what cannot be had."""

    CAPACITY = "InsufficientInstanceCapacity"  # nothing is left here
    UNFULFILLABLE = "UnfulfillableCapacity"  # spot: there is some, but not so much
    SPOT_QUOTA = "MaxSpotInstanceCountExceeded"
    QUOTA = "VcpuLimitExceeded"


@attrs.frozen
class Allocation:
    """Which pools give how many machines, in the order in which they were asked; and which were asked in vain."""

    picks: tuple[tuple[Pool, int], ...]
    lacks: tuple[Lack, ...] = ()

    @property
    def errors(self) -> tuple[str, ...]:
        """The lacks in EC2's manner."""
        return errors_of(self.lacks)


def allocate(
    pools: Sequence[Pool], count: int, *, market: Market, room: int | None, now: Moment, chance: Chance
) -> Allocation:
    """Spread `count` machines over the pools, each at most once.

    `room` is how many vCPUs the quota leaves; None: it leaves enough. Nothing is taken yet: the caller does that.
    """
    for pool in pools:
        if now >= pool.until:
            pool.look(now)
    picks: list[tuple[Pool, int]] = []
    lacks: list[Lack] = []
    order = _by_chance(pools, count, chance) if market is Market.SPOT else _by_price(pools)
    wanted = count
    for pool in order:
        had = min(wanted, pool.free)
        code = Code.UNFULFILLABLE if market is Market.SPOT and pool.free > 0 else Code.CAPACITY
        if room is not None and had * pool.kind.vcpu > room:
            had = room // pool.kind.vcpu
            code = Code.SPOT_QUOTA if market is Market.SPOT else Code.QUOTA
        if had:
            picks.append((pool, had))
            wanted -= had
            room = None if room is None else room - had * pool.kind.vcpu
        if not wanted:
            break
        lacks.append(Lack(pool.offer, market, code.value))
    return Allocation(tuple(picks), tuple(lacks))


def _by_price(pools: Sequence[Pool]) -> Sequence[Pool]:
    """Lowest price first: EC2's default for on demand."""
    return sorted(pools, key=lambda pool: (pool.price, pool.offer))


def _by_chance(pools: Sequence[Pool], count: int, chance: Chance) -> Iterator[Pool]:
    """As price-capacity-optimized: deep pools, and among them the cheap ones, are the likeliest to be asked first.

    EC2 does not say how it weighs. Here a pool counts by its pull, which is the fourth power of its price, and by its
    depth, up to four times what is asked for: twice the price is a sixteenth of the chance. One that has nothing is
    asked now and then too, for EC2's picture of its pools is good and not perfect.
    """
    left = list(pools)
    depth = 4 * count
    weights = []
    for pool in left:
        free = pool.capacity - pool.used
        weights.append(pool.pull * (1 + 8 * (free if 0 < free < depth else depth if free > 0 else 0)))
    while left:
        index = bisect_right(list(accumulate(weights)), chance.below(sum(weights)))
        del weights[index]
        yield left.pop(index)
