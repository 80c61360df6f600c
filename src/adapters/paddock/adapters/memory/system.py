"""Time, identities and chance that a program controls: two runs with the same start are the same run."""

import random
from threading import Lock

from paddock.core.units import Moment, Span


class ManualClock:
    """A clock that stands still until it is told to move."""

    def __init__(self, start: Moment = 0) -> None:
        """Args: the moment at which it stands at first."""
        self._now = start
        self._lock = Lock()

    def now(self) -> Moment:
        """Where it stands."""
        return self._now

    def advance(self, span: Span) -> Moment:
        """Move it by `span` (backwards too, as clocks do that somebody sets); where it then stands."""
        with self._lock:
            self._now += span
            return self._now

    def set(self, moment: Moment) -> None:
        """Put it to the moment."""
        with self._lock:
            self._now = moment


class ManualSleeper:
    """Sleeping moves the clock, and takes no time."""

    def __init__(self, clock: ManualClock) -> None:
        """Args: the clock that a sleep moves."""
        self._clock = clock

    def sleep(self, span: Span) -> None:
        """Move the clock by `span`; not at all if it is not positive."""
        if span > 0:
            self._clock.advance(span)


class SequentialIds:
    """Identities in counting order. Anybody can guess them: for simulations and tests alone."""

    def __init__(self, start: int = 1) -> None:
        """Args: the number of the first identity."""
        self._next = start
        self._lock = Lock()

    def token(self) -> str:
        """The next number as 32 lower-case hexadecimal digits."""
        with self._lock:
            number, self._next = self._next, self._next + 1
        return f"{number:032x}"


class SeededChance:
    """Chance that repeats itself: the same seed gives the same numbers."""

    def __init__(self, seed: int) -> None:
        """Args: the seed."""
        self._draw = random.Random(seed).getrandbits  # noqa: S311 - repeatable on purpose, guards no secret

    def below(self, bound: int) -> int:
        """A whole number from 0 to `bound` - 1.

        Raises:
            ValueError: `bound` is below 1: there is no such number.
        """
        if bound < 1:
            raise ValueError(f"there is no whole number from 0 to {bound - 1}")
        # What `Random.randrange` does, without its questions: a simulation draws millions of times.
        bits = bound.bit_length()
        number = self._draw(bits)
        while number >= bound:
            number = self._draw(bits)
        return number
