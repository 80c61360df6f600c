"""Distributions as tables of whole numbers, so that a draw is the same on every machine and every Python.

`math.exp` and `math.log` may differ in the last digit from one platform's library to the next, and one digit is another
simulation. So nothing here is computed with them: a distribution is its quantiles, straight lines between them.
"""

from bisect import bisect_right
from itertools import pairwise

import attrs

from paddock.core.errors import InvalidInput
from paddock.core.ports.system import Chance

RANKS = 1 << 32
"""How finely chance is cut: a rank is a number from 0 to this, the share of all values that are below."""

WHOLE = 1 << 16
"""The rank of the largest value, in the coarser units of a table."""

ONE = 1_000_000_000
"""The mean of `exponential`."""

_FINER = RANKS // WHOLE
_HALVINGS = 16

# -ln(1 - i/128) for i = 0 … 64, in units of 1/ONE: the exponential distribution below its median.
_LOWER_HALF = (
    0, 7843177, 15748357, 23716527, 31748698, 39845909, 48009219, 56239718, 64538521, 72906771, 81345639, 89856329,
    98440073, 107098136, 115831816, 124642445, 133531393, 142500063, 151549898, 160682382, 169899037, 179201429,
    188591170, 198069914, 207639365, 217301276, 227057451, 236909747, 246860078, 256910414, 267062785, 277319285,
    287682072, 298153372, 308735482, 319430771, 330241687, 341170757, 352220594, 363393894, 374693449, 386122145,
    397682968, 409379007, 421213465, 433189656, 445311017, 457581109, 470003629, 482582411, 495321437, 508224842,
    521296924, 534542150, 547965171, 561570823, 575364145, 589350387, 603535022, 617923759, 632522559, 647337645,
    662375522, 677642994, 693147181,
)  # fmt: skip
_MEDIAN = _LOWER_HALF[-1]


@attrs.frozen
class Quantiles:
    """A distribution of whole numbers. ``values[i]`` is its quantile at ``ranks[i]`` of `WHOLE`.

    Ranks rise from 0 to `WHOLE`, values do not fall; between two ranks values lie on a straight line.
    """

    ranks: tuple[int, ...]
    values: tuple[int, ...]

    def __attrs_post_init__(self) -> None:
        """Check the table.

        Raises:
            InvalidInput: it is no distribution.
        """
        rising = all(before < after for before, after in pairwise(self.ranks))
        if len(self.ranks) < 2 or (self.ranks[0], self.ranks[-1]) != (0, WHOLE) or not rising:  # noqa: PLR2004 - a line has two ends
            raise InvalidInput("quantiles.ranks", self.ranks, f"must rise from 0 to {WHOLE}")
        if len(self.values) != len(self.ranks) or any(before > after for before, after in pairwise(self.values)):
            raise InvalidInput("quantiles.values", self.values, "must be one for each rank, and must not fall")

    def at(self, rank: int) -> int:
        """The value at a rank from 0 to `RANKS`: so large a share of all values is below it."""
        place = min(bisect_right(self.ranks, rank // _FINER), len(self.ranks) - 1)
        low, high = self.values[place - 1], self.values[place]
        start, end = self.ranks[place - 1] * _FINER, self.ranks[place] * _FINER
        return low + (high - low) * (rank - start) // (end - start)

    def drawn(self, chance: Chance) -> int:
        """A value by chance."""
        return self.at(chance.below(RANKS))

    @property
    def mean(self) -> int:
        """The mean of all values, rounded down."""
        values, ranks = pairwise(self.values), pairwise(self.ranks)
        twice = sum((low + high) * (end - start) for (low, high), (start, end) in zip(values, ranks, strict=True))
        return twice // (2 * WHOLE)

    def scaled(self, numerator: int, denominator: int, most: int) -> "Quantiles":
        """Every value times numerator / denominator, none above `most`."""
        scaled = tuple(min(value * numerator // denominator, most) for value in self.values)
        return Quantiles(self.ranks, scaled)


def near(rank: int, distance: int, chance: Chance) -> int:
    """A rank at most `distance` from this one, thrown back at both ends, so that all ranks stay equally likely."""
    moved = rank + chance.below(2 * distance + 1) - distance
    if moved < 0:
        return -moved - 1
    return moved if moved < RANKS else 2 * RANKS - 1 - moved


def exponential(chance: Chance) -> int:
    """A draw from the exponential distribution whose mean is `ONE`.

    Half of it lies below its median and is in the table; whoever is above begins again there, because the exponential
    distribution does not remember. So the tail needs no table.
    """
    passed = 0
    while True:
        coins = chance.below(1 << _HALVINGS)
        heads = (~coins & (coins + 1)).bit_length() - 1  # how many of the lowest bits are set
        if heads < _HALVINGS:
            break
        passed += _HALVINGS
    rank = chance.below(RANKS)
    step = RANKS // (len(_LOWER_HALF) - 1)
    place, beyond = divmod(rank, step)
    low, high = _LOWER_HALF[place], _LOWER_HALF[place + 1]
    return (passed + heads) * _MEDIAN + low + (high - low) * beyond // step
