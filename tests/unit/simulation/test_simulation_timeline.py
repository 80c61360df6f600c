"""Virtual time: what happens, and in which order."""

from functools import partial

from hypothesis import given
from hypothesis import strategies as st

from paddock.adapters.simulation.timeline import Timeline
from paddock.core.units import MINUTE, SECOND

PLANS = st.lists(st.tuples(st.integers(0, 20), st.integers(-1, 1)), max_size=40)


@given(plans=PLANS)
def test_acts_happen_by_moment_then_priority_then_as_they_were_asked_for(plans: list[tuple[int, int]]) -> None:
    """The clock stands at each act's own moment while it happens."""
    timeline = Timeline()
    happened: list[tuple[int, int, int]] = []
    for number, (moment, priority) in enumerate(plans):

        def act(moment: int = moment, priority: int = priority, number: int = number) -> None:
            assert timeline.now() == moment
            happened.append((moment, priority, number))

        timeline.at(moment, act, priority)
    timeline.run(20)
    assert happened == sorted(happened)
    assert len(happened) == timeline.events == len(plans)
    assert timeline.now() == 20


@given(plans=PLANS, called_off=st.sets(st.integers(0, 39)))
def test_what_is_called_off_does_not_happen(plans: list[tuple[int, int]], called_off: set[int]) -> None:
    """And nothing else is disturbed, however often it is called off."""
    timeline = Timeline()
    happened: list[int] = []
    handles = [timeline.at(moment, partial(happened.append, number)) for number, (moment, _) in enumerate(plans)]
    for number in called_off & set(range(len(handles))):
        handles[number].cancel()
        handles[number].cancel()
    timeline.run(20)
    assert sorted(happened) == sorted(set(range(len(plans))) - called_off)
    assert timeline.next_moment() is None


def test_an_act_may_ask_for_others_even_at_its_own_moment() -> None:
    """They happen after those that were asked for before."""
    timeline = Timeline()
    happened: list[str] = []

    def first() -> None:
        happened.append("first")
        timeline.at(timeline.now(), lambda: happened.append("third"))

    timeline.at(SECOND, first)
    timeline.at(SECOND, lambda: happened.append("second"))
    timeline.run(SECOND)
    assert happened == ["first", "second", "third"]


def test_an_act_may_let_time_pass_itself() -> None:
    """A process that is held up: the world goes on meanwhile, and nothing happens twice or in the past."""
    timeline = Timeline()
    happened: list[tuple[str, int]] = []

    def held_up() -> None:
        timeline.run(timeline.now() + MINUTE)
        happened.append(("held up", timeline.now()))

    timeline.at(SECOND, held_up)
    timeline.at(2 * SECOND, lambda: happened.append(("meanwhile", timeline.now())))
    timeline.at(2 * MINUTE, lambda: happened.append(("later", timeline.now())))
    timeline.run(3 * MINUTE)
    assert happened == [("meanwhile", 2 * SECOND), ("held up", MINUTE + SECOND), ("later", 2 * MINUTE)]


def test_the_past_is_now() -> None:
    """What is asked for too late happens as soon as it can; what an advance jumped over, likewise."""
    timeline = Timeline(10)
    happened: list[int] = []
    timeline.at(3, lambda: happened.append(timeline.now()))
    timeline.at(20, lambda: happened.append(timeline.now()))
    timeline.advance(40)
    timeline.run(50)
    assert happened == [50, 50]


def test_thousands_of_deadlines_that_are_never_reached_leave_nothing() -> None:
    """A deadline is set for every job and called off again: the heap must not keep them all."""
    timeline = Timeline()
    for _ in range(20_000):
        timeline.at(MINUTE, lambda: None).cancel()
    assert len(timeline._heap) < 10_000
    assert timeline.next_moment() is None
