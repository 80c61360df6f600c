"""Virtual time: what is to happen, in the order of its time. It is the clock of everything that is simulated.

::

    at(moment, act) ──> heap by (moment, priority, sequence) ──run──> act(), act(), ...
                                                                      the clock stands at each one's moment
"""

from collections.abc import Callable
from heapq import heapify, heappop, heappush
from typing import Any

from paddock.core.units import Moment, Span

Act = Callable[[], Any]

_MANY = 4_096  # acts called off, from which on it pays to sweep them out


class Handle:
    """Something that is to happen, and may still be called off."""

    __slots__ = ("_timeline", "act")

    def __init__(self, timeline: "Timeline", act: Act) -> None:
        """Args: where it stands; what is to happen (None once it has happened, or was called off)."""
        self._timeline = timeline
        self.act: Act | None = act

    def cancel(self) -> None:
        """It does not happen. Calling it off twice, or after it has happened, changes nothing."""
        if self.act is not None:
            self.act = None
            self._timeline.called_off()


class Timeline:
    """Acts in the order of (moment, priority, sequence): those of one moment in the order in which they were asked for.

    An act may ask for others, also for this very moment. ``events`` counts those that happened. One thread.
    """

    def __init__(self, start: Moment = 0) -> None:
        """Args: where the clock stands at first."""
        self._now = start
        self._heap: list[tuple[Moment, int, int, Handle]] = []
        self._sequence = 0
        self._idle = 0
        self.events = 0

    def now(self) -> Moment:
        """Where the clock stands: at the moment of the act that happens now, or of the last one that did."""
        return self._now

    def at(self, moment: Moment, act: Act, priority: int = 0) -> Handle:
        """Let `act` happen at `moment`, or now if that is past. Of one moment's acts a lower `priority` goes first."""
        self._sequence = sequence = self._sequence + 1
        now, handle = self._now, Handle(self, act)
        due = moment if moment > now else now  # noqa: FURB136 - a call of max takes three times as long
        heappush(self._heap, (due, priority, sequence, handle))
        return handle

    def next_moment(self) -> Moment | None:
        """When the next act is due; None if nothing is."""
        heap = self._heap
        while heap and heap[0][3].act is None:
            heappop(heap)
            self._idle -= 1
        return heap[0][0] if heap else None

    def step(self, until: Moment | None = None) -> bool:
        """Let the next act happen, unless it is due later than `until`; False if there was none."""
        moment = self.next_moment()
        if moment is None or (until is not None and moment > until):
            return False
        handle = heappop(self._heap)[3]
        act, handle.act = handle.act, None
        if moment > self._now:  # noqa: PLR1730 - as above
            self._now = moment
        self.events += 1
        if act is not None:
            act()
        return True

    def run(self, until: Moment) -> None:
        """Let everything happen up to and including `until`, where the clock then stands, unless it was past that."""
        while True:
            heap = self._heap  # an act may have swept it
            if not heap or heap[0][0] > until:
                break
            moment, _, _, handle = heappop(heap)
            act, handle.act = handle.act, None
            if act is None:
                self._idle -= 1
                continue
            if moment > self._now:  # noqa: PLR1730 - as above
                self._now = moment
            self.events += 1
            act()
        self._now = max(self._now, until)

    def advance(self, span: Span) -> Moment:
        """Move the clock on with nothing happening meanwhile, as if somebody were held up; where it then stands."""
        self._now += span
        return self._now

    def called_off(self) -> None:
        """Note that one more act in the heap is void: deadlines are called off far more often than they are reached."""
        self._idle += 1
        if self._idle > _MANY and self._idle * 2 > len(self._heap):
            self._heap = [entry for entry in self._heap if entry[3].act is not None]
            heapify(self._heap)
            self._idle = 0
