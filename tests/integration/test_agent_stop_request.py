"""A request to stop the agent: when it raises, and when it is only noted."""

import os
import signal
from collections.abc import Iterator

import pytest

from paddock.agent.machine.signals import StopRequest
from paddock.agent.reasons import Stopped

MINE = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD)


@pytest.fixture
def stop() -> Iterator[StopRequest]:
    """A request whose handlers are installed as long as the test runs."""
    before = {number: signal.getsignal(number) for number in MINE}
    waker = signal.set_wakeup_fd(-1)
    made = StopRequest()
    made.install()
    yield made
    signal.set_wakeup_fd(waker)
    for number, handler in before.items():
        signal.signal(number, handler)
    made.wake.close()
    made._waker.close()


class Member:
    """Asks for the stop while the class that it belongs to is made."""

    def __set_name__(self, _owner: type, _name: str) -> None:
        os.kill(os.getpid(), signal.SIGTERM)


def test_a_module_that_is_being_loaded_is_loaded_to_its_end(stop: StopRequest) -> None:
    """What a class's body raises comes out as another error: so nothing is raised until it is whole."""
    made: list[type] = []
    with pytest.raises(Stopped), stop.raising(), stop.loading():
        made.append(type("Whole", (), {"member": Member()}))
    assert [one.__name__ for one in made] == ["Whole"]


def test_outside_of_loading_it_raises_at_once(stop: StopRequest) -> None:
    """Also out of a blocking read; and once only, so that whoever cleans up is not disturbed."""
    with pytest.raises(Stopped), stop.raising():
        os.kill(os.getpid(), signal.SIGTERM)
    os.kill(os.getpid(), signal.SIGTERM)
    assert stop.requested


def test_where_nothing_is_to_be_raised_loading_raises_nothing(stop: StopRequest) -> None:
    """It is noted all the same."""
    with stop.loading():
        os.kill(os.getpid(), signal.SIGTERM)
    assert stop.requested
