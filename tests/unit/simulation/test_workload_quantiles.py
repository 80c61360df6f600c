"""The tables that chance is drawn from are the distributions they claim to be."""

from decimal import Decimal, localcontext
from math import exp
from statistics import NormalDist

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paddock.adapters.memory.system import SeededChance
from paddock.adapters.simulation.workloads import published, quantiles
from paddock.adapters.simulation.workloads.quantiles import ONE, RANKS, WHOLE, Quantiles, exponential, near
from paddock.core.errors import InvalidInput
from paddock.core.units import HOUR, MILLISECOND, MINUTE, SECOND
from tests.github_client import Highest, Lowest

RANK = st.integers(0, RANKS)


def lognormal(median: int, sigma: float, rank: int) -> float:
    """The true quantile at a rank of a table."""
    return median * exp(sigma * NormalDist().inv_cdf(rank / WHOLE))


def test_the_durations_are_the_lognormal_distribution_they_claim() -> None:
    """Each entry but the ends is the true quantile to the millisecond; the ends are two seconds and GitHub's limit."""
    table = published.DURATIONS
    inner = list(zip(table.ranks, table.values, strict=True))[1:-1]
    for rank, value in inner:
        assert abs(value - lognormal(2 * MINUTE, 1.53, rank)) <= MILLISECOND, rank
    assert (table.values[0], table.values[-1]) == (2 * SECOND, 6 * HOUR)


def test_the_durations_have_the_published_mean_and_quantiles() -> None:
    """6.4 minutes in the mean, 2 in the median, p95 25 and p99 71, lines between the table's points included."""
    table = published.DURATIONS
    assert abs(table.mean - 640 * MINUTE // 100) < MINUTE // 20
    assert table.at(RANKS // 2) == 2 * MINUTE
    assert table.at(RANKS * 95 // 100) // MINUTE == 24
    assert table.at(RANKS * 99 // 100) // MINUTE == 71
    assert abs(published.UNTIL_CANCELLED.mean - 19 * MINUTE) < MINUTE // 5


def test_the_sizes_of_repositories_are_lognormal() -> None:
    """Each entry but the ends is the true quantile, rounded."""
    table = published.SIZES
    for rank, value in list(zip(table.ranks, table.values, strict=True))[2:-1]:
        assert abs(value - lognormal(26, 1.4, rank)) <= 0.5


def test_the_fan_out_has_the_published_mean() -> None:
    """2.85 jobs a run, of weights that add up to ten thousand."""
    assert sum(weight for _, weight in published.FAN_OUT) == 10_000
    assert sum(jobs * weight for jobs, weight in published.FAN_OUT) // 100 == 284


def test_the_exponential_table_is_the_logarithm() -> None:
    """Each entry is -ln(1 - i/128), by decimal arithmetic, which is the same everywhere."""
    with localcontext() as context:
        context.prec = 30
        for number, value in enumerate(quantiles._LOWER_HALF):
            true = -(1 - Decimal(number) / 128).ln() * ONE
            assert abs(value - true) <= 1


def test_the_exponential_distribution_has_its_mean_and_its_tail() -> None:
    """Over many draws: the mean is 1, a share of 1/e is above 1 and one of 1/e^3 above 3."""
    chance = SeededChance(5)
    drawn = [exponential(chance) for _ in range(40_000)]
    assert abs(sum(drawn) - 40_000 * ONE) < 40_000 * ONE // 50
    for multiple in (1, 3):
        share = sum(value > multiple * ONE for value in drawn) / 40_000
        assert abs(share - exp(-multiple)) < 0.01


def test_the_exponential_distribution_has_no_end() -> None:
    """Coins that fall on heads sixteen times are thrown again; those that fall on tails end it at once."""

    class Coins:
        """Heads only, the first two times."""

        def __init__(self) -> None:
            self.thrown = 0

        def below(self, bound: int) -> int:
            """All bits set, or none."""
            self.thrown += 1
            return bound - 1 if self.thrown <= 2 else 0

    assert exponential(Coins()) == 32 * quantiles._MEDIAN
    assert exponential(Lowest()) == 0


@given(RANK, RANK)
def test_a_higher_rank_has_no_smaller_value(one: int, other: int) -> None:
    """A distribution's quantiles rise, from the first value to the last."""
    low, high = sorted((one, other))
    table = published.DURATIONS
    assert table.values[0] <= table.at(low) <= table.at(high) <= table.values[-1]


def test_the_ends_of_a_table_are_its_first_and_last_value() -> None:
    """No rank falls off the table."""
    table = Quantiles((0, WHOLE), (10, 20))
    assert (table.at(0), table.at(RANKS // 2), table.at(RANKS)) == (10, 15, 20)
    assert (table.drawn(Lowest()), table.mean) == (10, 15)
    assert table.drawn(Highest()) == 19


@given(st.integers(0, RANKS - 1), st.integers(0, RANKS - 1), st.integers(0, 1 << 62))
def test_a_rank_nearby_is_a_rank(rank: int, distance: int, seed: int) -> None:
    """Thrown back at the ends, and no farther away than it may be."""
    found = near(rank, distance, SeededChance(seed))
    assert 0 <= found < RANKS
    assert abs(found - rank) <= distance


def test_ranks_nearby_stay_equally_likely() -> None:
    """Moved from everywhere, they fill a small range evenly: otherwise a matrix would be longer than its legs."""
    distance, counted = 2, dict.fromkeys(range(10), 0)
    for rank in range(10):
        for step in range(-distance, distance + 1):
            moved = rank + step
            counted[-moved - 1 if moved < 0 else moved if moved < 10 else 19 - moved] += 1
    assert set(counted.values()) == {5}


@pytest.mark.parametrize(
    ("ranks", "values", "field"),
    [
        ((0,), (1,), "quantiles.ranks"),
        ((1, WHOLE), (1, 2), "quantiles.ranks"),
        ((0, WHOLE // 2), (1, 2), "quantiles.ranks"),
        ((0, 5, 5, WHOLE), (1, 2, 3, 4), "quantiles.ranks"),
        ((0, WHOLE), (1, 2, 3), "quantiles.values"),
        ((0, WHOLE), (2, 1), "quantiles.values"),
    ],
)
def test_what_is_no_distribution_is_refused(ranks: tuple[int, ...], values: tuple[int, ...], field: str) -> None:
    """The error names the half that is wrong."""
    with pytest.raises(InvalidInput) as told:
        Quantiles(ranks, values)
    assert told.value.field == field
