"""Chance in whole numbers: log-normal and exponential draws that are equal on every Python and every processor.

``math.log`` and ``math.exp`` differ in their last bits from one C library to the next, and one bit more or less may
turn two events round. So nothing here is a float: values are read off tables of quantiles, which are made once, of
literals and of decimal arithmetic (whose logarithms are correctly rounded everywhere).
"""

from decimal import Context, Decimal
from functools import cache
from hashlib import blake2b

import attrs

from paddock.core.ports.system import Chance

_MASK = (1 << 64) - 1
_CONTEXT = Context(prec=30)

# Quantiles of the standard normal distribution in millionths, at 1/2 + i/256; the last one, which would be infinite, at
# 0.9995. A test compares them with the standard library's.
_NORMAL: tuple[int, ...] = (
    *(0, 9_792, 19_584, 29_379, 39_176, 48_977, 58_783, 68_594, 78_412, 88_238, 98_072, 107_916, 117_770, 127_635),
    *(137_513, 147_405, 157_311, 167_232, 177_170, 187_125, 197_099, 207_093, 217_107, 227_143, 237_202, 247_285),
    *(257_394, 267_528, 277_690, 287_881, 298_102, 308_355, 318_639, 328_958, 339_312, 349_702, 360_130, 370_597),
    *(381_105, 391_656, 402_250, 412_890, 423_576, 434_311, 445_097, 455_934, 466_825, 477_772, 488_776, 499_840),
    *(510_966, 522_155, 533_410, 544_733, 556_126, 567_591, 579_132, 590_751, 602_449, 614_231, 626_099, 638_056),
    *(650_104, 662_248, 674_490, 686_834, 699_283, 711_842, 724_514, 737_304, 750_215, 763_253, 776_422, 789_727),
    *(803_173, 816_765, 830_511, 844_415, 858_484, 872_726, 887_147, 901_754, 916_557, 931_563, 946_782, 962_223),
    *(977_898, 993_816, 1_009_990, 1_026_433, 1_043_158, 1_060_180, 1_077_516, 1_095_181, 1_113_194, 1_131_577),
    *(1_150_349, 1_169_537, 1_189_164, 1_209_261, 1_229_859, 1_250_992, 1_272_699, 1_295_022, 1_318_011, 1_341_718),
    *(1_366_204, 1_391_537, 1_417_797, 1_445_073, 1_473_468, 1_503_103, 1_534_121, 1_566_689, 1_601_009, 1_637_325),
    *(1_675_940, 1_717_228, 1_761_670, 1_809_892, 1_862_732, 1_921_351, 1_987_428, 2_063_528, 2_153_875, 2_266_227),
    *(2_417_559, 2_660_067, 3_290_527),
)
_P95 = 1_644_854  # the 95th percentile in the same unit

_LN2 = int(_CONTEXT.ln(Decimal(2)) * (1 << 32))
# -ln(1 - i/128) in units of 2**-32, for i from 0 to 64: the first halving of an exponential draw.
_FALL: tuple[int, ...] = tuple(int(_CONTEXT.ln(Decimal(128) / (128 - i)) * (1 << 32)) for i in range(65))


class Stream:
    """A `Chance` of its own: SplitMix64. The same seed gives the same numbers, and its children are independent of it.

    Whatever has its own stream keeps its fate when something else draws more or less than before: so the weather of a
    simulated region is the same whichever policy is tried under it. Bounds far below 2**64 come out as likely as can be
    told apart.
    """

    __slots__ = ("_seed", "_state")

    def __init__(self, seed: int) -> None:
        """Args: the seed; 64 bits of it count."""
        self._seed = self._state = seed & _MASK

    def below(self, bound: int) -> int:
        """A whole number from 0 to `bound` - 1."""
        self._state = mixed = (self._state + 0x9E3779B97F4A7C15) & _MASK
        mixed = ((mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & _MASK
        return ((mixed ^ (mixed >> 31)) * bound) >> 64

    def child(self, name: str) -> "Stream":
        """The stream of that name: it hangs on the seed and the name alone, not on what was drawn before."""
        return Stream(int.from_bytes(blake2b(f"{self._seed}/{name}".encode(), digest_size=8).digest(), "big"))


@attrs.frozen
class LogNormal:
    """A log-normal distribution of a span or of anything else that is counted, by its median and its 95th percentile.

    A draw is never beyond what one in two thousand is (of either end). A `p95` equal to `median` means no spread.
    """

    median: int
    p95: int = attrs.field()

    @p95.validator
    def _in_order(self, _: object, p95: int) -> None:
        if not 0 <= self.median <= p95 or (self.median == 0 < p95):
            raise ValueError(f"log-normal of median {self.median} and p95 {p95}: 0 < median <= p95, or both 0")

    def draw(self, chance: Chance) -> int:
        """One of its values."""
        if self.median == self.p95:
            return self.median
        knots = _quantiles(self.median, self.p95)
        at = chance.below(1 << 24)
        low = knots[at >> 16]
        return low + ((knots[(at >> 16) + 1] - low) * (at & 0xFFFF) >> 16)


@cache
def _quantiles(median: int, p95: int) -> tuple[int, ...]:
    """The distribution's quantiles at i/256, for i from 0 to 256."""
    scale = _CONTEXT.ln(Decimal(p95) / median) / _P95
    up = [int(median * _CONTEXT.exp(scale * z)) for z in _NORMAL]
    down = [int(median * _CONTEXT.exp(-scale * z)) for z in _NORMAL]
    return (*reversed(down[1:]), *up)


def exponential(chance: Chance, mean: int) -> int:
    """How long until something happens that does so every `mean` on average, whatever happened before."""
    at = chance.below(1 << 56)
    high, low = at >> 32, at & 0xFFFFFFFF
    segment, rest = low >> 26, low & 0x3FFFFFF
    base = _FALL[segment]
    fallen = base + ((_FALL[segment + 1] - base) * rest >> 26)
    # As many halvings as a coin falls heads in a row, and a part of the next one.
    return mean * ((24 - high.bit_length()) * _LN2 + fallen) >> 32


def happens(chance: Chance, permille: int) -> bool:
    """True in `permille` of a thousand cases."""
    return permille > 0 and chance.below(1000) < permille
