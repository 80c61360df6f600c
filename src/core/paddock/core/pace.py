"""Pace: how fast others may be asked, for all processes together.

What was taken of each limit stands in one record of the table, and is changed on the condition that nobody else has
changed it. A limit is a pure value that reads and writes a short state of whole numbers:

* a `Bucket` gives tokens at once, and gets them back one by one with time: EC2's limits are such;
* a `Window` gives so many in any span of time: GitHub's limits are such.

Whoever finds nothing left gets a place in the limit's line, behind all who were told to come later.
"""

from collections.abc import Mapping
from typing import Protocol, TypeAlias, TypedDict

import attrs

from paddock.core.units import MINUTE, SECOND, Moment, Span

State: TypeAlias = tuple[int, ...]
PACE = "pace"
"""The key of the one record."""

TOGETHER: Span = 5 * SECOND
"""Turns are whole multiples of it, so that those whose turn has come share a launch."""


_SKEW: Span = MINUTE
"""A state from further ahead than this was written by a clock that was wrong: all of it counts as taken just now, but
for what is asked for, so that there is a new state."""


class Limit(Protocol):
    """What may be taken, and how fast. Its state is empty before anything was taken."""

    def rests(self, state: State, now: Moment) -> bool:
        """True if nothing that was taken counts any more."""

    @property
    def step(self) -> Span:
        """How long one token takes to come back where tokens are taken all the time."""

    def take(self, state: State, count: int, now: Moment) -> tuple[State, Span]:
        """Take so many tokens: the state after it and 0, or the state as it was and how long to wait for them.

        Raises:
            ValueError: so many can never be taken at once.
        """


@attrs.frozen
class Bucket:
    """At most `capacity` tokens, of which one comes back `every` span. Its state is the moment at which it is full.

    So in any span of time no more than ``capacity + span // every`` are taken.
    """

    capacity: int
    every: Span

    @staticmethod
    def refilled(capacity: int, refill: int) -> "Bucket":
        """So many tokens, and so many back each second."""
        return Bucket(capacity, -(-SECOND // refill))

    @property
    def step(self) -> Span:
        """See `Limit.step`."""
        return self.every

    def rests(self, state: State, now: Moment) -> bool:
        """See `Limit.rests`."""
        return max(now, *state) == now if state else True

    def take(self, state: State, count: int, now: Moment) -> tuple[State, Span]:
        """See `Limit.take`."""
        _possible(count, self.capacity)
        empty = now + self.capacity * self.every
        there = max(now, *state) if state else now
        full = empty if there > empty + _SKEW else there + count * self.every
        wait = full - empty
        return (state, wait) if wait > 0 else ((full,), 0)


@attrs.frozen
class Window:
    """At most `most` tokens in any `span`. Its state are numbers of slices of time, each with what was taken in it.

    A span may begin in the midst of a slice, so it touches one slice more than fit into it: all of them count.
    """

    most: int
    span: Span
    slice: Span

    @property
    def step(self) -> Span:
        """See `Limit.step`."""
        return -(-(self._reach + 1) * self.slice // self.most)

    @property
    def _reach(self) -> int:
        """How many slices back a span may begin."""
        return -(-self.span // self.slice)

    def rests(self, state: State, now: Moment) -> bool:
        """See `Limit.rests`."""
        return all(number < now // self.slice - self._reach for number in state[::2])

    def take(self, state: State, count: int, now: Moment) -> tuple[State, Span]:
        """See `Limit.take`. Where the clock was set back, the newest slice goes on."""
        _possible(count, self.most)
        slices = dict(zip(state[::2], state[1::2], strict=True))
        if any(number * self.slice > now + _SKEW for number in slices):
            slices = {now // self.slice: min(sum(slices.values()), self.most - count)}
        here = max(now // self.slice, *slices) if slices else now // self.slice
        kept = {number: taken for number, taken in slices.items() if number >= here - self._reach}
        used = sum(kept.values())
        if used + count <= self.most:
            kept[here] = kept.get(here, 0) + count
            return tuple(part for pair in kept.items() for part in pair), 0
        for number, taken in kept.items():
            used -= taken
            if used + count <= self.most:
                return state, (number + self._reach + 1) * self.slice - now
        raise AssertionError("an empty window has room")


@attrs.frozen
class Pace:
    """What all processes together have taken. ``used`` are the states of limits by name.

    ``lines`` are the places of the last in each limit's line, as moments; ``version`` counts changes.
    """

    name: str = PACE
    version: int = 0
    used: Mapping[str, State] = attrs.field(factory=dict)
    lines: Mapping[str, Moment] = attrs.field(factory=dict)

    @property
    def key(self) -> str:
        """The record's key: its name."""
        return self.name

    def waited_for(self, what: str, now: Moment) -> bool:
        """True if somebody was told to come later for it."""
        return turn_at(self.lines.get(what, 0)) > now

    def take(self, what: str, limit: Limit, count: int, now: Moment) -> tuple["Pace", Span]:
        """The pace once so many were taken, and 0; or as it is, and how long to wait."""
        state, wait = limit.take(tuple(self.used.get(what, ())), count, now)
        return (self, wait) if wait else (attrs.evolve(self, used={**self.used, what: state}), 0)

    def roused(self, what: str, limit: Limit, now: Moment) -> "Pace":
        """The pace without the limit's line, if those who stand in it were to have come by now and none of them did.

        Their jobs were cancelled, say: as long as anybody comes in his turn, the limit does not rest.
        """
        if what not in self.lines or not limit.rests(tuple(self.used.get(what, ())), now):
            return self
        return attrs.evolve(self, lines={name: place for name, place in self.lines.items() if name != what})

    def queue(self, what: str, limit: Limit, wait: Span, now: Moment) -> tuple["Pace", Moment]:
        """The pace once somebody stands at the end of the line, and when he may come: in `wait` at the soonest."""
        place = max(self.lines.get(what, 0) + limit.step, now + wait)
        return attrs.evolve(self, lines={**self.lines, what: place}), turn_at(place)


class PaceIs(TypedDict, total=False):
    """A condition on the record."""

    version: int


class PaceChange(TypedDict, total=False):
    """The fields to set; all others stay."""

    version: int
    used: Mapping[str, State]
    lines: Mapping[str, Moment]


def turn_at(place: Moment) -> Moment:
    """The turn of a place in a line: this moment or the next one at which turns are."""
    return -(-place // TOGETHER) * TOGETHER


def _possible(count: int, most: int) -> None:
    if not 0 < count <= most:
        raise ValueError(f"count = {count}: must be 1 to {most}, for no more can ever be had at once")
