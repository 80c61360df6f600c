"""What a job asks of its machine: the meaning of its labels."""

from enum import StrEnum

import attrs

MAX_DISK_GIB = 16_384  # gp3's largest volume


class Arch(StrEnum):
    """Processor architectures, by GitHub's names."""

    X64 = "x64"
    ARM64 = "arm64"


class Market(StrEnum):
    """How EC2 sells the machine."""

    SPOT = "spot"
    ON_DEMAND = "on-demand"


@attrs.frozen(order=True)
class Offer:
    """One instance type in one zone: what a machine may be started from."""

    zone: str
    instance_type: str


class RetryMode(StrEnum):
    """What happens to a job whose spot machine AWS takes back."""

    WHEN_INTERRUPTED = "when-interrupted"
    NEVER = "false"


@attrs.frozen
class Range:
    """An inclusive range of whole numbers; ``most`` is None where there is no upper bound."""

    least: int
    most: int | None = None

    def __contains__(self, number: int) -> bool:
        return self.least <= number and (self.most is None or number <= self.most)

    def __str__(self) -> str:
        if self.most is None:
            return f"{self.least}+"
        return str(self.least) if self.least == self.most else f"{self.least} to {self.most}"


@attrs.frozen
class RunnerSpec:
    """The machine a job asks for. The defaults are what the bare label ``paddock`` means.

    ``cpu`` counts vCPUs, ``ram`` and ``disk`` are GiB. ``families`` are EC2 instance families, globs allowed
    (``m7i``, ``c7*``); empty means any family that is not burstable.
    """

    cpu: Range = Range(2, 4)
    ram: Range | None = None
    families: tuple[str, ...] = ()
    arch: Arch = Arch.X64
    image: str | None = None
    disk: int | None = None
    spot: bool = True
    retry: RetryMode = RetryMode.WHEN_INTERRUPTED
    pool: str | None = None

    @property
    def market(self) -> Market:
        """The market the job is willing to be served from first."""
        return Market.SPOT if self.spot else Market.ON_DEMAND

    def __str__(self) -> str:
        parts = [f"{self.cpu} vCPU", self.arch.value]
        if self.ram is not None:
            parts.append(f"{self.ram} GiB")
        if self.families:
            parts.append("+".join(self.families))
        if self.disk is not None:
            parts.append(f"{self.disk} GiB disk")
        if self.image is not None:
            parts.append(f"image {self.image}")
        if self.pool is not None:
            parts.append(f"pool {self.pool}")
        parts.append(self.market.value)
        return ", ".join(parts)
