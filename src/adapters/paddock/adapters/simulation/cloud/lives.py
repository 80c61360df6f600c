"""The machines of a region: those that live, those that are listed still, and the log of all that nobody forgot yet."""

from bisect import bisect_right
from collections import deque
from collections.abc import Mapping

import attrs

from paddock.adapters.simulation.cloud.pools import Pool
from paddock.adapters.simulation.protocols import Life
from paddock.adapters.simulation.small_cloud import CODES
from paddock.adapters.simulation.timeline import Handle
from paddock.core.ports.machines import Machine, MachineState
from paddock.core.units import Moment, Span


@attrs.define(eq=False)
class Instance(Life):
    """A life in the log, and what only the cloud knows of it.

    ``number`` counts launches. ``seen_at`` is when descriptions begin to show it, ``boot`` how long from ``running`` to
    its agent (None: it never comes up). ``next`` is the next step of its start, ``taking`` that of its being taken
    back; ``taken`` is True from the moment at which EC2 has made up its mind. ``stopped`` is True once it has stopped.
    """

    pool: Pool = attrs.field(kw_only=True)
    number: int = attrs.field(kw_only=True)
    seen_at: Moment = attrs.field(kw_only=True)
    boot: Span | None = attrs.field(kw_only=True)
    next: Handle | None = None
    taking: Handle | None = None
    taken: bool = False
    stopped: bool = False
    running: Machine | None = None

    def as_seen(self) -> Machine:
        """The machine with its state of now; of one that has ended also when and by whom."""
        if self.ended_at is not None and self.ended_by is not None:
            return attrs.evolve(
                self._last, state=MachineState.TERMINATED, ended_at=self.ended_at, ended_by=CODES[self.ended_by]
            )
        if self.stopping_at is not None:
            return attrs.evolve(self._last, state=MachineState.STOPPED if self.stopped else MachineState.STOPPING)
        if self.running_at is None:
            return self._last
        if self.running is None:
            self.running = attrs.evolve(self._last, state=MachineState.RUNNING)
        return self.running

    @property
    def _last(self) -> Machine:
        """As it was last launched or started."""
        return self.machine if self.started_at is None else attrs.evolve(self.machine, launched_at=self.started_at)


class Register:
    """Machines by id and by number. Nothing here goes through all machines, except what asks for all of them."""

    def __init__(self, listed_after_end: Span) -> None:
        """Args: how long EC2 still describes what has ended."""
        self._listed_after_end = listed_after_end
        self._log: dict[str, Life] = {}
        self._known: dict[str, Instance] = {}
        self._live: dict[int, Instance] = {}
        self._numbers: list[int] = []  # of those that live, ascending, with gaps that are swept out now and then
        self._ended: deque[Instance] = deque()
        self._count = 0

    @property
    def log(self) -> Mapping[str, Life]:
        """Every life that was not forgotten, in the order of launch."""
        return self._log

    @property
    def alive(self) -> list[str]:
        """The ids of those that live, in the order of launch."""
        return [instance.machine.id for instance in self._live.values()]

    def number(self) -> int:
        """The number of the next machine."""
        self._count += 1
        return self._count

    def add(self, instance: Instance) -> None:
        """A machine begins."""
        self._log[instance.machine.id] = self._known[instance.machine.id] = instance
        self._live[instance.number] = instance
        self._numbers.append(instance.number)

    def end(self, instance: Instance) -> None:
        """It has ended."""
        del self._live[instance.number]
        self._ended.append(instance)
        if len(self._numbers) > 2 * len(self._live) + 64:
            self._numbers = list(self._live)

    def find(self, machine: str) -> Instance | None:
        """The machine, if it lives or is listed still."""
        return self._known.get(machine)

    def life(self, machine: str) -> Life:
        """Its life. KeyError if it is unknown or forgotten."""
        return self._log[machine]

    def forget(self, machine: str) -> None:
        """Drop an ended machine's life from the log."""
        life = self._log.get(machine)
        if life is not None and life.ended_at is not None:
            del self._log[machine]

    def drop(self, now: Moment) -> None:
        """Let go of what EC2 no longer lists."""
        while self._ended and (self._ended[0].ended_at or 0) + self._listed_after_end <= now:
            del self._known[self._ended.popleft().machine.id]

    def page(self, after: int, size: int, now: Moment) -> tuple[tuple[Machine, ...], int | None]:
        """Up to `size` machines that are alive and seen, numbered above `after`; the last number if there are more."""
        found: list[Instance] = []
        for at in range(bisect_right(self._numbers, after), len(self._numbers)):
            instance = self._live.get(self._numbers[at])
            if instance is not None and instance.seen_at <= now:
                found.append(instance)
                if len(found) > size:
                    break
        more = len(found) > size
        return tuple(instance.as_seen() for instance in found[:size]), found[size - 1].number if more else None
