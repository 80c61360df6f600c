"""Secrets that are rotated: read now and then, once more when they do not fit, and never so often that it hurts."""

import attrs
import pytest

from paddock.adapters.aws_http.secrets import AGAIN, KEPT, Remembered
from paddock.adapters.memory.system import ManualClock
from paddock.core.errors import PaddockError, Unavailable
from paddock.core.units import HOUR, SECOND
from tests.strategies import NOON


@attrs.define
class Manager:
    """What is read, and how often it was."""

    secrets: tuple[str, ...] = ("one",)
    error: PaddockError | None = None
    reads: int = 0

    def read(self) -> tuple[str, ...]:
        """The secrets, or the error."""
        self.reads += 1
        if self.error is not None:
            raise self.error
        return self.secrets


@pytest.fixture
def manager() -> Manager:
    """Whose secrets are read."""
    return Manager()


@pytest.fixture
def clock() -> ManualClock:
    """The time."""
    return ManualClock(NOON)


@pytest.fixture
def secrets(manager: Manager, clock: ManualClock) -> Remembered:
    """What is tested; nothing is read yet."""
    return Remembered(manager.read, clock)


def test_they_are_read_once_in_a_while(secrets: Remembered, manager: Manager, clock: ManualClock) -> None:
    """Every delivery asks for them; Secrets Manager is asked every few minutes."""
    assert manager.reads == 0
    for _ in range(3):
        assert secrets() == ("one",)
    clock.advance(KEPT - 1)
    assert (secrets(), manager.reads) == (("one",), 1)
    clock.advance(1)
    manager.secrets = ("two", "one")
    assert (secrets(), manager.reads) == (("two", "one"), 2)


def test_a_signature_that_does_not_fit_has_them_read_anew(
    secrets: Remembered, manager: Manager, clock: ManualClock
) -> None:
    """So a rotation is known with the first delivery that is signed with the new secret."""
    assert secrets() == ("one",)
    clock.advance(AGAIN)
    manager.secrets = ("two", "one")
    assert secrets.renewed()
    assert (secrets(), manager.reads) == (("two", "one"), 2)


def test_whoever_sends_wrong_signatures_causes_few_readings(
    secrets: Remembered, manager: Manager, clock: ManualClock
) -> None:
    """A hundred in a hundred seconds: one reading in thirty seconds, and every one of them is refused."""
    secrets()
    for _ in range(100):
        assert not secrets.renewed()
        clock.advance(SECOND)
    assert manager.reads == 1 + 3


def test_they_go_on_being_good_while_they_cannot_be_read(
    secrets: Remembered, manager: Manager, clock: ManualClock
) -> None:
    """Secrets Manager is away for an hour: no delivery is lost, and it is asked every thirty seconds at most."""
    secrets()
    manager.error = Unavailable("away")
    for _ in range(HOUR // SECOND):
        clock.advance(SECOND)
        assert secrets() == ("one",)
        assert not secrets.renewed()
    assert manager.reads <= 1 + HOUR // AGAIN
    manager.error, manager.secrets = None, ("two",)
    clock.advance(AGAIN)
    assert secrets() == ("two",)


def test_what_was_never_read_is_an_error_each_time(secrets: Remembered, manager: Manager, clock: ManualClock) -> None:
    """Nobody is believed without a secret; the next delivery tries again at once."""
    manager.error = Unavailable("away")
    for _ in range(2):
        with pytest.raises(Unavailable):
            secrets()
        assert not secrets.renewed()
    manager.error = None
    assert secrets() == ("one",)
    assert clock.now() == NOON


def test_a_clock_that_is_set_back_keeps_nothing_for_ever(
    secrets: Remembered, manager: Manager, clock: ManualClock
) -> None:
    """A secret that was read in what is now the future is read anew."""
    later = Remembered(manager.read, clock)
    clock.advance(HOUR)
    later()
    manager.secrets = ("two",)
    earlier = ManualClock(NOON)
    later._clock = earlier
    assert later() == ("two",)
    assert secrets() == ("two",)
