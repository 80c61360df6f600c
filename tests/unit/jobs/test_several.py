"""Several calls for one caller, one after the other or at once."""

from contextvars import ContextVar
from functools import partial
from threading import Barrier, get_ident

import pytest

from paddock.adapters.threads import Threads
from paddock.core.errors import Unavailable
from paddock.core.ports.several import IN_TURN, Several

PATIENCE = 30.0
SUBJECT = ContextVar("SUBJECT", default="nothing")


def answer(number: int) -> int:
    """The second one fails."""
    if number == 1:
        raise Unavailable("away")
    return number * 10


@pytest.mark.parametrize("several", [IN_TURN, Threads(), Threads(2)])
@pytest.mark.parametrize("count", [0, 1, 2, 7])
def test_each_call_has_its_answer_or_its_error(several: Several, count: int) -> None:
    """In the order of the calls, and one's error keeps none of the others from being made."""
    found = several([partial(answer, number) for number in range(count)])
    assert [str(one) if isinstance(one, Exception) else one for one in found] == [0, "away", 20, 30, 40, 50, 60][:count]


@pytest.mark.parametrize("several", [IN_TURN, Threads()])
def test_what_is_no_error_of_a_call_ends_all(several: Several) -> None:
    """A process that is told to stop is not told so by an entry of a list."""

    def stopped(_: int) -> int:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        several([partial(one, 0) for one in (answer, stopped)])


def test_calls_are_made_at_once() -> None:
    """Five calls wait for each other: in turn they would do so for ever."""
    together = Barrier(5)
    assert len(set(Threads(5)([partial(together.wait, PATIENCE)] * 5))) == 5


def test_a_call_alone_needs_no_thread() -> None:
    """Most launches are of one machine."""
    assert Threads()([get_ident]) == [get_ident()]


def test_what_the_caller_is_about_is_known_in_its_calls() -> None:
    """A line of the log says which job it is about, whichever thread writes it."""
    token = SUBJECT.set("job 7")
    assert Threads()([SUBJECT.get, SUBJECT.get]) == ["job 7"] * 2
    SUBJECT.reset(token)
