"""The spot circuit breaker's numbers: which circuit an interruption opens, for how long, and when it may be tried."""

from hypothesis import given
from hypothesis import strategies as st

from paddock.core.circuit import ANY, Circuit, CircuitPolicy, Interruption, Opening, opening
from paddock.core.spec import Offer
from paddock.core.states import CircuitState
from paddock.core.units import MINUTE
from tests.strategies import NOON

POLICY = CircuitPolicy()


def hits(*rows: tuple[int, str, str]) -> list[Interruption]:
    """Interruptions: minutes after noon, zone, type."""
    return [
        Interruption(f"i-{number}", zone, kind, NOON + minute * MINUTE)
        for number, (minute, zone, kind) in enumerate(rows)
    ]


def opened_by(found: list[Interruption], policy: CircuitPolicy = POLICY, *open_zones: str) -> Opening | None:
    """What the last of them opens."""
    last = found[-1]
    zone = [one for one in found if one.zone == last.zone]
    kind = [one for one in found if one.instance_type == last.instance_type]
    opened = [Circuit(zone, ANY, CircuitState.OPEN) for zone in open_zones]
    return opening(last, zone, kind, policy, opened)


def where(found: Opening | None) -> tuple[str, str] | None:
    """Zone and type of what opens."""
    return None if found is None else (found.zone, found.instance_type)


def test_three_of_a_type_in_a_zone_open_that_type_there() -> None:
    """Two are not enough; the reason counts them."""
    assert opened_by(hits((0, "a", "m7i"), (7, "a", "m7i"))) is None
    found = opened_by(hits((0, "a", "m7i"), (7, "a", "m7i"), (14, "a", "m7i")))
    assert where(found) == ("a", "m7i")
    assert found is not None
    assert found.reason == "3 interruptions of m7i in a within 15 minutes"


def test_what_is_a_whole_window_old_counts_no_more() -> None:
    """The window slides."""
    assert opened_by(hits((0, "a", "m7i"), (7, "a", "m7i"), (15, "a", "m7i"))) is None
    assert opened_by(hits((0, "a", "m7i"), (7, "a", "m7i"), (15, "a", "m7i"), (16, "a", "m7i"))) is not None


@given(st.permutations([0, 5, 10]))
def test_the_order_in_which_word_arrives_does_not_matter(minutes: list[int]) -> None:
    """Late and reordered reports within the window open it all the same."""
    assert where(opened_by(hits(*((minute, "a", "m7i") for minute in minutes)))) == ("a", "m7i")


def test_a_type_that_is_hit_in_several_zones_opens_everywhere() -> None:
    """Its price or capacity is at fault, not a zone."""
    assert where(opened_by(hits((0, "a", "m7i"), (1, "b", "m7i"), (2, "c", "m7i")))) == (ANY, "m7i")
    assert opened_by(hits((0, "a", "m7i"), (1, "b", "m7i"), (2, "c", "c7i"))) is None


def test_a_storm_over_a_zone_opens_the_zone_and_no_types() -> None:
    """Three types hit in one zone; the same elsewhere are told apart by the zone being open."""
    storm = hits((0, "a", "m7i"), (1, "a", "c7i"), (2, "a", "m8a"))
    assert where(opened_by(storm)) == ("a", ANY)
    later = hits((0, "a", "m7i"), (1, "a", "m7i"), (2, "b", "m7i"))
    assert where(opened_by(later)) == (ANY, "m7i")
    assert opened_by(later, POLICY, "a") is None


@given(
    st.lists(st.tuples(st.integers(0, 40), st.sampled_from("ab"), st.sampled_from(["m7i", "c7i", "m8a"])), min_size=1),
    st.integers(1, 5),
)
def test_nothing_opens_below_the_threshold(rows: list[tuple[int, str, str]], threshold: int) -> None:
    """Whatever opens was hit at least so often within one window."""
    found = hits(*rows)
    policy = CircuitPolicy(threshold=threshold)
    opens = opened_by(found, policy)
    if opens is not None:
        newest = max(one.at for one in found)
        covered = [
            one for one in found if Circuit(opens.zone, opens.instance_type).covers(Offer(one.zone, one.instance_type))
        ]
        assert len(covered) >= threshold
        assert newest - min(one.at for one in covered) >= 0


def test_each_opening_in_a_row_doubles_the_cool_down_up_to_a_limit() -> None:
    """30, 60, 120, 240 minutes, and no more."""
    assert [POLICY.cools(number) // MINUTE for number in (1, 2, 3, 4, 5, 10_000)] == [30, 60, 120, 240, 240, 240]


def test_a_probe_may_start_when_the_cool_down_is_over_and_again_when_it_never_told() -> None:
    """Not before; and a half-open circuit waits for its probe a while."""
    opened = Circuit("a", "m7i", CircuitState.OPEN, NOON, openings=1, until=NOON + 30 * MINUTE)
    assert not opened.may_probe(NOON + 30 * MINUTE - 1, POLICY)
    assert opened.may_probe(NOON + 30 * MINUTE, POLICY)
    trying = Circuit("a", "m7i", CircuitState.HALF_OPEN, NOON, probe="l-1", probed_at=NOON + 30 * MINUTE)
    assert not trying.may_probe(NOON + 45 * MINUTE - 1, POLICY)
    assert trying.may_probe(NOON + 45 * MINUTE, POLICY)
    assert not Circuit("a", "m7i").may_probe(NOON, POLICY)
