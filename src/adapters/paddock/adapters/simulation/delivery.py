"""Messages on their way to the fleet: GitHub's webhooks, the cloud's events, and machines' reports.

::

    GitHub ──event──> (lost? failed? late? twice?) ──> intake ──> GitHub's log of deliveries ──redeliver──> ...
    cloud ───event──> EventBridge ──(lost? late? twice?)──> events queue
    machine ─report─> (lost? late? twice?) ────────────────> events queue
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import attrs

from paddock.adapters.memory.github import Event, MemoryGitHub
from paddock.adapters.simulation.draws import Draw, between, hit
from paddock.adapters.simulation.faults import FaultPlan
from paddock.adapters.simulation.parameters import Travel
from paddock.adapters.simulation.timeline import Timeline
from paddock.adapters.simulation.words import GitHubWord, word_of
from paddock.core.messages import EventMessage, MachineChanged, MachineWarned, RunnerReported
from paddock.core.ports.system import Chance
from paddock.core.units import Span

Fate = Callable[[object], Sequence[Span]]
"""What becomes of a message: the delays of its copies; none if it is lost. In place of a plan's odds."""

_ACCEPTED, _FAILED = 200, 502


class Courier:
    """Carries GitHub's events to intake, and keeps its log of them. ``on_the_way`` counts deliveries not yet made."""

    def __init__(
        self,
        *,
        timeline: Timeline,
        chance: Chance,
        queued: Chance | None = None,
        travel: Travel,
        faults: FaultPlan,
        receive: Callable[[GitHubWord], bool],
        down: Callable[[], bool],
        fate: Fate | None = None,
    ) -> None:
        """Args: `receive` says whether intake took the word; `down`, whether webhooks are down at the moment.

        `queued` is the chance of what queues jobs: the load alone says how often it is asked, so that two policies on
        one load hear of each job equally late.
        """
        self._timeline = timeline
        self._chance = chance
        self._queued = queued or chance
        self._travel = travel
        self.faults = faults
        self.receive = receive
        self._down = down
        self.fate = fate
        self.github: MemoryGitHub | None = None
        self.on_the_way = 0

    def __call__(self, event: Event) -> None:
        """GitHub's listener: take the event along. What means nothing to a fleet is not even logged."""
        if event.event == "workflow_run" and event.action != "completed":
            return
        now = self._timeline.now()
        for delay in self._delays(event):
            self.on_the_way += 1
            self._timeline.at(now + delay, lambda: self._arrive(event))

    def _delays(self, event: Event) -> Iterator[Span]:
        if self.fate is not None:
            yield from self.fate(event)
            return
        chance, faults = self._queued if event.action == "queued" else self._chance, self.faults
        delay = self._travel.webhook(chance)
        if hit(chance, faults.webhook_lost):
            return
        if hit(chance, faults.webhook_late):
            delay += between(0, faults.late)(chance)
        yield delay
        if hit(chance, faults.webhook_twice):
            yield delay + between(0, faults.late)(chance)

    def _arrive(self, event: Event) -> None:
        self.on_the_way -= 1
        if self.github is None:
            return
        if self._down() or hit(self._chance, self.faults.webhook_failed):
            self.github.deliveries.record(event, 0)
            return
        word = word_of(event, self._timeline.now())
        taken = word is None or self.receive(word)
        self.github.deliveries.record(event, _ACCEPTED if taken else _FAILED)


class Post:
    """Carries what the cloud and the machines tell to the events queue. ``on_the_way`` counts what has not arrived."""

    def __init__(
        self,
        *,
        timeline: Timeline,
        chance: Chance,
        travel: Travel,
        faults: FaultPlan,
        send: Callable[[Sequence[EventMessage]], Any],
        reports: Fate | None = None,
        notices: Fate | None = None,
    ) -> None:
        """Args: `send` puts messages on the events queue; `reports` and `notices` decide in place of the odds."""
        self._timeline = timeline
        self._chance = chance
        self._travel = travel
        self.faults = faults
        self._send = send
        self._reports = reports
        self._notices = notices
        self.on_the_way = 0

    def event(self, event: MachineWarned | MachineChanged) -> None:
        """EventBridge carries the cloud's event; it is received when it arrives."""
        faults = self.faults
        if self._notices is not None:
            delays = self._notices(event)
        else:
            delays = self._delays(self._travel.event, faults.event_lost, faults.event_late, faults.event_twice)
        for delay in delays:
            self._carry(delay, event)

    def report(self, report: RunnerReported) -> None:
        """A machine's report goes to the queue."""
        faults = self.faults
        if self._reports is not None:
            delays = self._reports(report)
        else:
            delays = self._delays(self._travel.report, faults.report_lost, faults.report_late, faults.report_twice)
        for delay in delays:
            self._carry(delay, report)

    def _delays(self, travel: Draw, lost: int, late: int, twice: int) -> Sequence[Span]:
        chance = self._chance
        delay = travel(chance)
        if hit(chance, lost):
            return ()
        if hit(chance, late):
            delay += between(0, self.faults.late)(chance)
        return (delay, delay + between(0, self.faults.late)(chance)) if hit(chance, twice) else (delay,)

    def _carry(self, delay: Span, message: EventMessage) -> None:
        self.on_the_way += 1
        self._timeline.at(self._timeline.now() + delay, lambda: self._arrive(message))

    def _arrive(self, message: EventMessage) -> None:
        self.on_the_way -= 1
        if isinstance(message, MachineWarned | MachineChanged):
            message = attrs.evolve(message, received_at=self._timeline.now())
        self._send([message])
