"""Chance by the seed: spans from quantiles, odds, and streams that do not disturb each other."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paddock.adapters.memory import SeededChance
from paddock.adapters.simulation.draws import Draw, always, between, chance_for, hit
from paddock.adapters.simulation.parameters import AT_ONCE, Parameters
from paddock.core.units import HOUR, MINUTE, SECOND

DRAWS = st.lists(st.integers(1, HOUR), min_size=2, max_size=6).map(
    lambda spans: Draw(tuple((1000 * place // (len(spans) - 1), span) for place, span in enumerate(sorted(spans))))
)


@given(draw=DRAWS, seed=st.integers(0, 2**32))
def test_a_draw_stays_within_its_quantiles_and_repeats_itself(draw: Draw, seed: int) -> None:
    """The same seed gives the same spans."""
    spans = [draw(chance) for chance in [SeededChance(seed)] for _ in range(20)]
    assert all(draw.quantiles[0][1] <= span <= draw.quantiles[-1][1] for span in spans)
    assert spans == [draw(chance) for chance in [SeededChance(seed)] for _ in range(20)]


def test_the_quantiles_are_hit() -> None:
    """Of ten thousand handshakes so many are below each quantile as it says, and their mean is the published one."""
    chance = SeededChance(1)
    draw = Parameters().hosts.handshake
    spans = sorted(draw(chance) for _ in range(10_000))
    for place, span in draw.quantiles[1:-1]:
        below = sum(one <= span for one in spans)
        assert abs(below - place * 10) < 150, (place, below)
    assert abs(draw.mean - 3_700_000) < 50_000
    assert abs(sum(spans) // len(spans) - draw.mean) < 400_000


@pytest.mark.parametrize(
    "quantiles",
    [(), ((0, 5),), ((0, 5), (900, 6)), ((1, 5), (1000, 6)), ((0, 5), (0, 6), (1000, 7)), ((0, 6), (1000, 5))],
)
def test_quantiles_that_are_none_are_refused(quantiles: tuple[tuple[int, int], ...]) -> None:
    """They begin at 0, end at 1000, and neither places nor spans fall."""
    with pytest.raises(ValueError, match="quantiles"):
        Draw(quantiles)


def test_what_is_certain_draws_nothing() -> None:
    """So that turning a fault off does not change what else happens."""
    chance, untouched = SeededChance(7), SeededChance(7)
    assert always(MINUTE)(chance) == MINUTE
    assert not hit(chance, 0)
    assert AT_ONCE.travel.webhook(chance) == 0
    assert chance.below(1000) == untouched.below(1000)


def test_every_part_has_a_chance_of_its_own() -> None:
    """The same for the same seed, another for another part or seed."""
    first = [chance_for(1, "cloud").below(10**9) for _ in range(3)]
    assert len(set(first)) == 1
    assert first[0] not in {chance_for(1, "agents").below(10**9), chance_for(2, "cloud").below(10**9)}


def test_odds_are_of_ten_thousand() -> None:
    """A quarter of the cases is a quarter of the cases."""
    chance = SeededChance(3)
    assert 2_200 < sum(hit(chance, 2_500) for _ in range(10_000)) < 2_800
    assert all(hit(chance, 10_000) for _ in range(100))


@given(seed=st.integers(0, 2**64), bound=st.integers(1, 2**40))
def test_the_quick_way_to_a_random_number_gives_the_same_ones(seed: int, bound: int) -> None:
    """What `random.Random.randrange` gives, so that old seeds tell their old stories."""
    import random  # noqa: PLC0415 - the oracle

    oracle, chance = random.Random(seed), SeededChance(seed)
    assert [chance.below(bound) for _ in range(5)] == [oracle.randrange(bound) for _ in range(5)]
    assert 0 <= between(SECOND, MINUTE)(chance) <= MINUTE
