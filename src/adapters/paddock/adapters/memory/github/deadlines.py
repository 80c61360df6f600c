"""What happens at GitHub by itself once its time has come, and what keeps it from happening."""

import heapq
from collections.abc import Callable
from typing import Protocol

from paddock.core.units import Moment

Deadline = Callable[[], object]


class CallOff(Protocol):
    """What `Agenda.at` returns."""

    def cancel(self) -> None:
        """It does not happen. Calling it off twice, or after it has happened, changes nothing."""


class Agenda(Protocol):
    """Where deadlines stand."""

    def at(self, moment: Moment, deadline: Deadline) -> CallOff:
        """Let it happen once the clock has reached the moment."""

    def settle(self, now: Moment) -> None:
        """Let everything happen whose time has come, in the order of the deadlines."""

    def next(self) -> Moment | None:
        """When something may happen by itself; None if nothing will."""


class _Entry:
    """A deadline that can be called off; what is called off stays in the heap for a while, empty."""

    __slots__ = ("deadline", "heap")

    def __init__(self, heap: "HeapAgenda", deadline: Deadline) -> None:
        self.heap = heap
        self.deadline: Deadline | None = deadline

    def cancel(self) -> None:
        if self.deadline is not None:
            self.deadline = None
            self.heap.empty += 1


class HeapAgenda:
    """Deadlines in a heap: whoever changes the model settles them first, by the clock."""

    def __init__(self) -> None:
        """Nothing stands in it at first."""
        self._heap: list[tuple[Moment, int, _Entry]] = []
        self._sequence = 0
        self.empty = 0

    def at(self, moment: Moment, deadline: Deadline) -> _Entry:
        """Keep it for the moment."""
        if self.empty * 2 > len(self._heap):
            self._heap = [one for one in self._heap if one[2].deadline is not None]
            heapq.heapify(self._heap)
            self.empty = 0
        self._sequence += 1
        entry = _Entry(self, deadline)
        heapq.heappush(self._heap, (moment, self._sequence, entry))
        return entry

    def settle(self, now: Moment) -> None:
        """Let everything happen whose time has come, in the order of the deadlines."""
        while self._heap and self._heap[0][0] <= now:
            entry = heapq.heappop(self._heap)[2]
            deadline, entry.deadline = entry.deadline, None
            if deadline is None:
                self.empty -= 1
            else:
                deadline()

    def next(self) -> Moment | None:
        """When something may happen by itself; None if nothing will."""
        while self._heap and self._heap[0][2].deadline is None:
            heapq.heappop(self._heap)
            self.empty -= 1
        return self._heap[0][0] if self._heap else None


class Deadlines:
    """The model's deadlines by what they are for: one of a kind for each job or registration."""

    def __init__(self, agenda: Agenda) -> None:
        """Args: where they stand."""
        self._agenda = agenda
        self._known: dict[tuple[str, int], CallOff] = {}

    def set(self, kind: str, of: int, moment: Moment, deadline: Deadline) -> None:
        """Let `deadline` happen at the moment, in place of the one of this kind that stands there."""
        key = (kind, of)
        self.drop(kind, of)

        def happen() -> None:
            self._known.pop(key, None)
            deadline()

        self._known[key] = self._agenda.at(moment, happen)

    def drop(self, kind: str, of: int) -> None:
        """Call off what stands there, if anything does."""
        known = self._known.pop((kind, of), None)
        if known is not None:
            known.cancel()

    def settle(self, now: Moment) -> None:
        """Let everything happen whose time has come."""
        self._agenda.settle(now)

    def next(self) -> Moment | None:
        """When something may happen by itself; None if nothing will."""
        return self._agenda.next()
