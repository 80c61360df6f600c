"""What could be done about a day's costs, and what it would have saved: worked out of that day's own figures. Pure."""

from collections.abc import Iterator
from typing import Final

from paddock.core.catalogue import TYPES
from paddock.core.costs.day import Day
from paddock.core.costs.report import Advice
from paddock.core.costs.sums import By, Cost
from paddock.core.units import DOLLAR, HOUR, MicroDollars

WORTH: Final[MicroDollars] = DOLLAR // 100  # less a day is not worth a sentence
BUSY_ENOUGH: Final = 50  # per cent of a pool's awake time
_RARE: Final = 50  # one part in so many of the time is rare
_MACHINES: Final = 20  # so many disks must have told their use
_ROOM: Final = (5, 4)  # a disk is to be a quarter larger than what was used of it
_STEP: Final = 8  # GiB
_LEAST: Final = 16  # GiB: the image itself takes some


def advice_on(day: Day) -> tuple[Advice, ...]:
    """What would have saved money on this day, the most first."""
    found = [one for rule in (_pools, _disks, _types, _forced) for one in rule(day) if one.saves >= WORTH]
    return tuple(sorted(found, key=lambda one: (-one.saves, one.about)))


def _pools(day: Day) -> Iterator[Advice]:
    for pool in day.pools:
        about = f"pool {pool.pool}"
        if not pool.jobs:
            yield Advice(about, "no job asked for it: set hot and stopped to 0", pool.cost)
        elif pool.utilisation is not None and pool.utilisation < BUSY_ENOUGH:
            waited = f"its machines waited {100 - pool.utilisation} % of the time in which they ran"
            yield Advice(about, f"{waited}: keep fewer hot, or keep them stopped", pool.idle)


def _disks(day: Day) -> Iterator[Advice]:
    for disk in day.disks:
        wanted = max(_LEAST, -(-disk.used * _ROOM[0] // _ROOM[1]))
        wanted = -(-wanted // _STEP) * _STEP
        if disk.machines >= _MACHINES and wanted < disk.disk:
            told = f"none of {disk.machines} machines used more than {disk.used} of {disk.disk} GiB"
            saves = disk.cost * (disk.disk - wanted) // disk.disk
            yield Advice(f"disks of {disk.repository}", f"{told}: disk={wanted} would do", saves)


def _types(day: Day) -> Iterator[Advice]:
    """Types that are rarely used, and dearer by the vCPU than the others of their architecture in the same market."""
    found = {name: cost for name, cost in day.costs.groups[By.TYPE].items() if name in TYPES and not cost.unpriced}
    whole = sum(cost.awake for cost in found.values())
    for name, cost in found.items():
        if not cost.awake or cost.awake * _RARE > whole:
            continue
        kind = TYPES[name]
        others = [
            (TYPES[other], one) for other, one in found.items() if other != name and TYPES[other].arch is kind.arch
        ]
        usual = sum(one.compute for _, one in others), sum(_work(one, other.vcpu) for other, one in others)
        if usual[1]:
            saves = cost.compute - usual[0] * _work(cost, kind.vcpu) // usual[1]
            share = cost.awake * 1_000 // whole
            told = f"it had {share // 10}.{share % 10} % of the time, and was dearer than others of its architecture"
            yield Advice(f"type {name}", f"{told}: leave its family out of families", saves)


def _work(cost: Cost, vcpu: int) -> int:
    """Its time, by vCPU: seconds are enough, and keep numbers small."""
    return cost.awake * vcpu * 3_600 // HOUR


def _forced(day: Day) -> Iterator[Advice]:
    forced = day.forced
    if forced.machines:
        yield Advice(
            "spot",
            f"{forced.machines} machines were bought on demand although their jobs would take spot, because of retries "
            "or for want of spot capacity: allow more families and sizes, so that spot has more to choose from",
            forced.extra,
        )
