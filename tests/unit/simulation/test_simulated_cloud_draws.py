"""Chance in whole numbers: what is drawn is what was asked for, and is the same everywhere."""

from itertools import pairwise
from statistics import NormalDist

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paddock.adapters.memory import SeededChance
from paddock.adapters.simulation.cloud.draws import _NORMAL, LogNormal, Stream, _quantiles, exponential, happens
from paddock.core.units import DAY, SECOND


def share(draws: list[int], below: int) -> float:
    return sum(draw < below for draw in draws) / len(draws)


def test_the_table_of_the_normal_distribution_is_that_of_the_standard_library() -> None:
    """To the millionth, at every knot."""
    normal = NormalDist()
    expected = [*(normal.inv_cdf(0.5 + index / 256) for index in range(128)), normal.inv_cdf(0.9995)]
    assert [round(value * 10**6) for value in expected] == list(_NORMAL)


def test_a_log_normal_has_its_median_and_its_95th_percentile() -> None:
    """Half of the draws are below the one, 95 in a hundred below the other, and as far up as down in ratio."""
    stream, spread = Stream(1), LogNormal(8 * SECOND, 12 * SECOND)
    draws = [spread.draw(stream) for _ in range(20_000)]
    assert share(draws, 8 * SECOND) == pytest.approx(0.5, abs=0.01)
    assert share(draws, 12 * SECOND) == pytest.approx(0.95, abs=0.005)
    assert share(draws, 8 * SECOND * 8 // 12) == pytest.approx(0.05, abs=0.005)


def test_a_log_normal_ends_where_one_in_two_thousand_is() -> None:
    """So no start takes for ever: the table's ends are its ends, and it rises all the way."""
    quantiles = _quantiles(100, 1_000)
    assert len(quantiles) == 257
    assert quantiles[128] == 100
    assert all(low <= high for low, high in pairwise(quantiles))
    assert (quantiles[0], quantiles[256]) == (0, 10_011)  # 100 * 10 ** (3.290527 / 1.644854), rounded down


@pytest.mark.parametrize("amount", [0, 7])
def test_a_log_normal_without_spread_is_its_median(amount: int) -> None:
    """Also if that is nothing."""
    assert LogNormal(amount, amount).draw(Stream(1)) == amount


@pytest.mark.parametrize(("median", "p95"), [(2, 1), (-1, 1), (0, 1)])
def test_a_log_normal_that_cannot_be_is_refused(median: int, p95: int) -> None:
    """A percentile below the median, or a median of nothing with a spread."""
    with pytest.raises(ValueError, match="log-normal of median"):
        LogNormal(median, p95)


def test_exponential_spans_have_their_mean_and_their_tail() -> None:
    """63 in a hundred are over by the mean, 95 by three times it, and a few last very long."""
    stream = Stream(2)
    draws = [exponential(stream, DAY) for _ in range(20_000)]
    assert sum(draws) / len(draws) == pytest.approx(DAY, rel=0.02)
    assert share(draws, DAY) == pytest.approx(0.632, abs=0.01)
    assert share(draws, 3 * DAY) == pytest.approx(0.950, abs=0.005)
    assert max(draws) > 7 * DAY


def test_what_happens_in_so_many_of_a_thousand_cases_does() -> None:
    """Never at none, always at a thousand."""
    stream = Stream(3)
    assert sum(happens(stream, 250) for _ in range(10_000)) == pytest.approx(2_500, abs=130)
    assert not any(happens(stream, 0) for _ in range(100))
    assert all(happens(stream, 1_000) for _ in range(100))


@given(seed=st.integers(0, 2**64 - 1), bound=st.integers(1, 2**40))
def test_a_stream_stays_below_its_bound(seed: int, bound: int) -> None:
    """And gives the same numbers again for the same seed."""
    first, second = Stream(seed), Stream(seed)
    drawn = [first.below(bound) for _ in range(20)]
    assert all(0 <= number < bound for number in drawn)
    assert drawn == [second.below(bound) for _ in range(20)]


def test_a_child_stream_hangs_on_seed_and_name_alone() -> None:
    """Whatever its parent drew before; other names and other seeds give other streams."""
    parent = Stream(5)
    early = parent.child("weather")
    parent.below(10)
    late = parent.child("weather")
    assert [early.below(1000) for _ in range(5)] == [late.below(1000) for _ in range(5)]
    firsts = {Stream(seed).child(name).below(2**60) for seed in range(10) for name in ("a", "b", "a/b")}
    assert len(firsts) == 30


def test_draws_are_the_same_everywhere() -> None:
    """These were drawn once: another Python or another processor that gives others breaks the promise."""
    stream = Stream(42)
    assert [stream.below(1_000_000) for _ in range(4)] == [741_564, 159_910, 278_601, 344_190]
    assert [LogNormal(8 * SECOND, 12 * SECOND).draw(stream) for _ in range(3)] == [5_165_763, 10_538_747, 6_604_559]
    assert [exponential(stream, DAY) for _ in range(3)] == [54_214_662_283, 82_752_478_203, 10_038_718_251]
    assert LogNormal(100, 300).draw(SeededChance(1)) == 65
