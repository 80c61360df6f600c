"""The fleet's processes: each step is called as a function of its own, which may die and is followed by another."""

import re
import traceback
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeVar

from paddock.adapters.simulation.findings import Findings
from paddock.adapters.simulation.functions import Schedule
from paddock.adapters.simulation.invariants import Invariants
from paddock.adapters.simulation.parameters import Functions
from paddock.adapters.simulation.seen_to import SeenTo
from paddock.adapters.simulation.timeline import Timeline
from paddock.adapters.simulation.wires import Crash, Trouble
from paddock.adapters.simulation.words import GitHubWord
from paddock.core.errors import IllegalTransition, PaddockError
from paddock.core.fleet import Fleet
from paddock.core.task import TaskReport, TaskRun
from paddock.core.units import Span

T = TypeVar("T")

_REMEMBERED = 1_000  # errors, the newest
_OURS = {"IllegalTransition", "InvalidInput"}
_FAILURES = "|".join(kind.__name__ for kind in PaddockError.__subclasses__() if kind.__name__ not in _OURS)
_FORESEEN = re.compile(rf"\b({_FAILURES}):")  # a sweep tells of errors in words, each with its class


class Processes:
    """Calls the fleet's steps. ``errors`` and ``crashes`` are what they met, the newest thousand.

    ``schedules`` are those of the sweeps; ``invocations`` counts intakes and sweeps, ``billed`` is how long they ran.
    """

    def __init__(
        self,
        *,
        timeline: Timeline,
        functions: Functions,
        trouble: Trouble,
        invariants: Invariants,
        findings: Findings,
        seen_to: SeenTo,
        new_fleet: Callable[[], Fleet],
        pools: bool,
    ) -> None:
        """Args: `new_fleet` builds what a fresh process would, after each crash; `pools`: there are any to keep."""
        self._trouble = trouble
        self._timeline = timeline
        self._functions = functions
        self._invariants = invariants
        self._findings = findings
        self._seen_to = seen_to
        self._new_fleet = new_fleet
        self.errors: deque[str] = deque(maxlen=_REMEMBERED)
        self.crashes: deque[str] = deque(maxlen=_REMEMBERED)
        self.invocations = 0
        self.billed: Span = 0
        self.fleet = new_fleet()
        tasks = {"sweep": functions.sweep, "sweep_github": functions.sweep_github}
        if pools:
            tasks["pools"] = functions.pools
        self.schedules = tuple(
            Schedule(timeline, every, partial(self._keep, name, every)) for name, every in tasks.items()
        )

    def receive(self, word: GitHubWord) -> bool:
        """A webhook comes in; True if it was taken."""
        self.invocations += 1
        self.billed += self._functions.intake
        return self.guarded("intake", lambda: self.fleet.intake(word)) is not None

    def dispatch(self) -> int:
        """A batch of the jobs queue."""
        return self.guarded("dispatch", self.fleet.dispatch_once) or 0

    def complete(self) -> int:
        """A batch of the events queue."""
        return self.guarded("complete", self.fleet.complete_once) or 0

    def guarded(self, what: str, call: Callable[[], T]) -> T | None:
        """Call as a process would: if it crashes, a new one takes its place; if a port fails, it goes on later."""
        self._trouble.began = self._timeline.now()
        self._seen_to.begin()
        answer: T | None = None
        well = False
        try:
            answer = call()
            well = True
        except Crash as crash:
            self.crashes.append(f"{what}: {crash}")
            self._trouble.revive()
            self.fleet = self._new_fleet()
        except IllegalTransition as error:
            self._our_fault(what, error)
        except PaddockError as error:
            self.errors.append(f"{what}: {type(error).__name__}: {error}")
        except Exception as error:  # noqa: BLE001 - what nobody foresaw is a fault of ours: that is the finding
            self._our_fault(what, error)
        finally:
            self._seen_to.end(well=well)
        return answer

    def _our_fault(self, what: str, error: Exception) -> None:
        said = f"{what}: {type(error).__name__}: {error}"
        self.errors.append(said)
        self._findings.fault("no fault is ours", said, traceback.format_exception(error)[-4:])

    def _keep(self, name: str, every: Span) -> None:
        """A schedule starts the task."""
        self._swept(name, lambda: self._keep_house(name), every)

    def _keep_house(self, name: str) -> Sequence[str] | None:
        """The task as housekeeping does it, by its record; None if another run has it still, which died."""
        house = self.fleet.house.tasks()
        run = house.when_due(name) if name in house.names else TaskRun(name, TaskReport())
        return None if run is None else self._failures(run.report.errors)

    def _failures(self, errors: Sequence[str]) -> Sequence[str]:
        """What a sweep could not do, the next one will."""
        if errors:
            self._seen_to.failed()
        return errors

    def _swept(self, what: str, sweep: Callable[[], Sequence[str] | None], every: Span) -> None:
        self.invocations += 1
        self.billed += self._functions.sweeping
        errors = self.guarded(what, sweep)
        if errors is None or errors:
            self._invariants.hindered(every)
        for error in errors or ():
            self.errors.append(error)
            if not _FORESEEN.search(error):
                self._findings.fault("no fault is ours", f"{what}: {error}")
