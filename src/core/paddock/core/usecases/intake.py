"""Intake: GitHub's word becomes one durable message, or nothing with a reason.

It runs inside GitHub's ten seconds and GitHub never asks twice, so it does nothing else: no table, no GitHub, no cloud.
"""

from collections.abc import Callable
from functools import lru_cache

import attrs

from paddock.core.labels import claimed_by
from paddock.core.messages import EventMessage, JobMessage, JobObserved, JobRequested, RunCompleted
from paddock.core.ports.decisions import Decisions
from paddock.core.ports.queues import Sender
from paddock.core.ports.system import Clock
from paddock.core.routing import environment_named, is_ours
from paddock.core.settings import FleetSettings
from paddock.core.usecases.record import Recorder

_SUCCESS = "success"  # GitHub's word
_REMEMBERED_LABEL_SETS = 4096


@attrs.frozen
class Taken:
    """The delivery was ours: its message is on a queue."""


@attrs.frozen
class Ignored:
    """The delivery is nothing to us, and why."""

    reason: str


class Intake:
    """Takes in what GitHub tells."""

    def __init__(
        self,
        *,
        settings: FleetSettings,
        jobs: Sender[JobMessage],
        events: Sender[EventMessage],
        decisions: Decisions,
        clock: Clock,
    ) -> None:
        self._settings = settings
        self._jobs = jobs
        self._events = events
        self._record = Recorder(decisions, clock, "intake")

        # The same few label sets come again and again; the cost must not grow with the number of aliases.
        @lru_cache(maxsize=_REMEMBERED_LABEL_SETS)
        def ours(labels: tuple[str, ...]) -> bool:
            return is_ours(labels, settings)

        self._ours: Callable[[tuple[str, ...]], bool] = ours

    def __call__(self, message: JobRequested | JobObserved | RunCompleted) -> Taken | Ignored:
        """Put the message on its queue if it concerns a job of ours.

        Raises:
            Unavailable, Throttled: the queue did not take it; GitHub must see a failure, so that it can be redelivered.
        """
        if isinstance(message, RunCompleted):
            if message.conclusion == _SUCCESS:  # as most do; whether one that lost jobs is done with, the sweep asks
                return self.ignore(message.delivery, f"run {message.run_id} succeeded: nothing of it is run again")
            self._events.send([message])
            return Taken()
        if not self._ours(message.job.labels):
            return self.ignore(message.delivery, self._why_not(message.job.labels))
        if isinstance(message, JobRequested):
            self._jobs.send([message])
        else:
            self._events.send([message])
        return Taken()

    def _why_not(self, labels: tuple[str, ...]) -> str:
        if claimed_by(labels, self._settings.aliases) is None:
            return f"its labels are not ours: {', '.join(labels) or 'none'}"
        named = environment_named(labels, self._settings.aliases)
        return f"it is for {'another environment, as it names none' if named is None else f'the environment {named}'}"

    def ignore(self, delivery: str, reason: str) -> Ignored:
        """Write down why a delivery is ignored."""
        self._record.delivery(delivery or "unknown", "ignored", reason)
        return Ignored(reason)
