"""What GitHub's own runners would have cost: their list prices, dated, and a minute begun is a minute billed.

Source: GitHub Docs, "Actions runner pricing": Linux, per minute, in force since 2026-01-01, of the standard runner for
2 vCPUs and of the larger runners beyond. Memory, speed and included minutes are not compared.
"""

from collections.abc import Mapping
from typing import Final

from paddock.core.spec import Arch
from paddock.core.units import MINUTE, MicroDollars, Span

DATED: Final = "2026-01-01"

_RATES: Final[Mapping[Arch, tuple[tuple[int, MicroDollars], ...]]] = {
    Arch.X64: ((2, 6_000), (4, 12_000), (8, 22_000), (16, 42_000), (32, 82_000), (64, 162_000), (96, 252_000)),
    Arch.ARM64: ((2, 5_000), (4, 8_000), (8, 14_000), (16, 26_000), (32, 50_000), (64, 98_000)),
}


def hosted_rate(arch: Arch, vcpu: int) -> MicroDollars | None:
    """What a minute of the smallest hosted runner with so many vCPUs costs; None if there is none that large."""
    return next((rate for size, rate in _RATES[arch] if size >= vcpu), None)


def hosted_cost(arch: Arch, vcpu: int, ran: Span) -> MicroDollars | None:
    """What a job that ran so long would have cost on it; None if there is no such runner."""
    rate = hosted_rate(arch, vcpu)
    return None if rate is None else rate * max(1, -(-ran // MINUTE))
