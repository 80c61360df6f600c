"""Stale reads, where a port's contract allows them: EC2's answers are eventually consistent."""

from collections.abc import Callable, Mapping, Sequence

import attrs

from paddock.adapters.simulation.draws import hit
from paddock.core.ports.machines import LaunchOutcome, LaunchRequest, Machine, Machines, MachineState, StartOutcome
from paddock.core.ports.records import Page
from paddock.core.ports.system import Chance, Clock
from paddock.core.spec import Offer, RunnerSpec
from paddock.core.units import SECOND, Span

UNSEEN: Span = 10 * SECOND  # what was launched, or ended, less long ago than this may not be seen yet [assumed]


class StaleMachines:
    """A cloud that, now and then, does not know yet what has just happened.

    A machine that was just launched is missing; one that has just ended is said to run.
    """

    def __init__(self, inner: Machines, clock: Clock, chance: Chance, odds: Callable[[], int]) -> None:
        """Args: the cloud; in how many of ten thousand cases an answer is stale, for now."""
        self._inner = inner
        self._clock = clock
        self._chance = chance
        self._odds = odds
        self._woken: set[str] = set()

    def offers(self, spec: RunnerSpec) -> Sequence[Offer]:
        """As the cloud says."""
        return self._inner.offers(spec)

    def launch(self, request: LaunchRequest) -> LaunchOutcome:
        """As the cloud says: an answer to the launch itself is never stale."""
        return self._inner.launch(request)

    def describe(self, ids: Sequence[str]) -> Mapping[str, Machine]:
        """The machines by id, as they were some seconds ago."""
        found = self._inner.describe(ids)
        if not hit(self._chance, self._odds()):
            return found
        return {name: self._as_it_was(machine) for name, machine in found.items() if not self._newborn(machine)}

    def page(self, *, cursor: str | None = None) -> Page[Machine]:
        """All machines, as they were some seconds ago."""
        page = self._inner.page(cursor=cursor)
        if not hit(self._chance, self._odds()):
            return page
        return attrs.evolve(page, items=tuple(machine for machine in page.items if not self._newborn(machine)))

    def terminate(self, ids: Sequence[str]) -> None:
        """As the cloud does."""
        self._inner.terminate(ids)

    def stop(self, ids: Sequence[str]) -> None:
        """As the cloud does."""
        self._inner.stop(ids)

    def start(self, ids: Sequence[str]) -> Mapping[str, StartOutcome]:
        """As the cloud says: an answer to the start itself is never stale."""
        self._woken.update(ids)
        return self._inner.start(ids)

    def _newborn(self, machine: Machine) -> bool:
        """True if it was just launched. One that was just started has long been known."""
        return self._clock.now() - machine.launched_at < UNSEEN and machine.id not in self._woken

    def _as_it_was(self, machine: Machine) -> Machine:
        if machine.alive or machine.ended_at is None or self._clock.now() - machine.ended_at >= UNSEEN:
            return machine
        return attrs.evolve(machine, state=MachineState.RUNNING, ended_at=None, ended_by="")
