"""Chance by the seed: spans drawn from published quantiles, and a stream of chance of its own for every part.

All in integers, so that two runs with one seed are equal on every machine and every Python.
"""

from collections.abc import Iterable
from hashlib import sha256

import attrs

from paddock.adapters.memory.system import SeededChance
from paddock.core.ports.system import Chance
from paddock.core.units import Span

_WHOLE = 1_000_000
_PER_MILLE = 1_000
TEN_THOUSAND = 10_000  # what the odds of faults are counted in


def chance_for(seed: int, part: str) -> SeededChance:
    """A part's own chance: what another part draws does not change it."""
    return SeededChance(int.from_bytes(sha256(f"{seed}/{part}".encode()).digest()[:8], "big"))


def hit(chance: Chance, odds: int) -> bool:
    """True in `odds` of ten thousand cases. Nothing is drawn where there is nothing to decide."""
    return odds > 0 and chance.below(TEN_THOUSAND) < odds


def _rising(_: object, __: object, quantiles: tuple[tuple[int, Span], ...]) -> None:
    places = [place for place, _ in quantiles]
    spans = [span for _, span in quantiles]
    if not quantiles or places[0] != 0 or places[-1] != _PER_MILLE or places != sorted(set(places)):
        raise ValueError(f"quantiles = {quantiles!r}: begin at 0 and end at {_PER_MILLE} per mille, rising")
    if spans != sorted(spans) or spans[0] < 0:
        raise ValueError(f"quantiles = {quantiles!r}: spans must not be negative, and must not fall")


@attrs.frozen
class Draw:
    """A span by chance: ``quantiles`` are (per mille, span) pairs from 0 to 1000, and it is linear in between."""

    quantiles: tuple[tuple[int, Span], ...] = attrs.field(validator=_rising)

    def __call__(self, chance: Chance) -> Span:
        """One span."""
        quantiles = self.quantiles
        low = quantiles[0]
        if low[1] == quantiles[-1][1]:
            return low[1]
        place = chance.below(_WHOLE)
        for high in quantiles:
            if place < high[0] * _PER_MILLE:
                width = (high[0] - low[0]) * _PER_MILLE
                return low[1] + (high[1] - low[1]) * (place - low[0] * _PER_MILLE) // width
            low = high
        return low[1]  # not reached: the last quantile is above every place

    @property
    def mean(self) -> Span:
        """What it is on average."""
        pairs = zip(self.quantiles, self.quantiles[1:], strict=False)
        return sum((b[0] - a[0]) * (a[1] + b[1]) for a, b in pairs) // (2 * _PER_MILLE)


def always(span: Span) -> Draw:
    """This span, whatever chance says."""
    return Draw(((0, span), (_PER_MILLE, span)))


def between(least: Span, most: Span) -> Draw:
    """Any span from `least` to `most`, each as likely."""
    return Draw(((0, least), (_PER_MILLE, most)))


def by_quantiles(quantiles: Iterable[tuple[int, Span]]) -> Draw:
    """By (per mille, span) pairs."""
    return Draw(tuple(quantiles))
