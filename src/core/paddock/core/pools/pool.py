"""Pools: machines kept warm for a kind of job.

What is to be done about them is for `paddock.core.pools.plan` to say, and what is wrong with one for
`paddock.core.pools.check`.
"""

import json
from enum import StrEnum
from hashlib import sha256
from typing import Final

import attrs

from paddock.core.pools.schedule import Schedule, Targets
from paddock.core.spec import RunnerSpec
from paddock.core.units import MINUTE, Span

_DIGITS: Final = 12


class Stock(StrEnum):
    """What a spare machine is kept as."""

    HOT = "hot"
    STOPPED = "stopped"


@attrs.frozen
class Bounds:
    """How few and how many machines of a pool its own demand may ask for."""

    least: Targets = Targets()
    most: Targets = Targets()


@attrs.frozen
class Pool:
    """A named stock of machines of one spec: ``hot`` ones run and listen, ``stopped`` ones sleep.

    Pools are on demand: spot machines cannot be stopped and started reliably.

    ``hot`` and ``stopped`` are the targets where no window of the ``schedule`` is in force. ``idle_timeout`` is how
    long a machine too many is kept for want of a job, ``max_age`` how long any is from its launch on; one with a job is
    left alone. ``most`` limits all machines of the pool, whatever they do, and None is no limit; overflow is not the
    pool's. It has to be more than ``hot``: a hot one is ended only when its successor is there. ``digest`` stands for
    what a machine must be made of (image, spec, configuration); empty means that nobody knows, and then none is
    outdated. ``auto`` is for targets that follow demand, within ``bounds``.
    """

    name: str
    spec: RunnerSpec
    hot: int = 0
    stopped: int = 0
    idle_timeout: Span = 60 * MINUTE
    max_age: Span = 16 * 60 * MINUTE
    schedule: Schedule = Schedule()
    most: int | None = None
    digest: str = ""
    auto: bool = False
    bounds: Bounds = Bounds()

    @property
    def targets(self) -> Targets:
        """What is to be there where no window is in force."""
        return Targets(self.hot, self.stopped)


def digest_of(spec: RunnerSpec, extra: str = "") -> str:
    """A short name, 12 hexadecimal digits, for what a machine of the spec must be made of (`Pool.digest`).

    `extra` is what the spec does not say: the image's id, the launch template's version. In which market a machine is
    bought, what becomes of its job and whose it is make no other machine of it. What the spec leaves open is left out:
    a key that specs will have one day changes the digests of those alone that use it.
    """
    asked = {
        "arch": spec.arch.value,
        "cpu": attrs.astuple(spec.cpu),
        "disk": spec.disk,
        "extra": extra or None,
        "families": sorted(set(spec.families)) or None,  # whichever of them comes first
        "image": spec.image,
        "ram": None if spec.ram is None else attrs.astuple(spec.ram),
    }
    text = json.dumps({key: value for key, value in asked.items() if value is not None}, sort_keys=True)
    return sha256(text.encode()).hexdigest()[:_DIGITS]
