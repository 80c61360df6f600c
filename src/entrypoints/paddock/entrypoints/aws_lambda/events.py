"""The events function: what GitHub told, what EC2 tells of its machines, and an alarm that has the circuits looked at.

An event that could not be handled is kept: it comes back until the queue gives it up as a dead letter.
"""

from paddock.entrypoints.aws_lambda.starting import started  # isort: skip

import logging
from collections.abc import Mapping
from functools import partial
from typing import Any, Final

import attrs

from paddock.adapters.aws.alarm_events import AlarmChanged
from paddock.adapters.aws.cloud_events import event_in
from paddock.adapters.telemetry.logs import FACTS, about, subjects
from paddock.core.errors import PaddockError
from paddock.core.fleet import Fleet
from paddock.core.messages import EventMessage, JobObserved, MachineChanged, MachineWarned, RunCompleted
from paddock.core.ports.queues import Received
from paddock.core.ports.system import Clock
from paddock.core.units import Moment
from paddock.core.usecases.handled import Again, Done, Handled, Left, delay_after
from paddock.entrypoints.aws_lambda.batch import Answer, Batch, Lender, Lent, carried, records_of
from paddock.entrypoints.aws_lambda.logs import invocation
from paddock.entrypoints.aws_lambda.once import Once
from paddock.entrypoints.aws_lambda.profile import profile

_LOG = logging.getLogger(__name__)

# No reports: those come by the reports queue, where SQS says who sent them.
_CARRIED: Final = (JobObserved, RunCompleted, MachineWarned, MachineChanged, AlarmChanged)


def _event(received_at: Moment, text: str) -> EventMessage | AlarmChanged:
    event: EventMessage | AlarmChanged = carried(event_in(text, received_at), *_CARRIED)
    return event


@attrs.frozen
class EventsFunction:
    """Answers batches of the events queue."""

    fleet: Fleet
    queue: Lender
    clock: Clock

    def __call__(self, event: Mapping[str, Any]) -> Answer:
        """Handle the batch's events one by one."""
        batch = Batch(self.queue, records_of(event))
        for each in batch.read(partial(_event, self.clock.now())):
            with about(**subjects(each.message)):
                batch.settle(each.record, self._handled(each))
        return batch.answer()

    def _handled(self, lent: Lent[EventMessage | AlarmChanged]) -> Handled | Left:
        message = lent.message
        if isinstance(message, AlarmChanged):
            return self._checked(message, lent.record.receives)
        return self.fleet.complete_lent(Received(message, lent.record.receipt, lent.record.receives))

    def _checked(self, alarm: AlarmChanged, receives: int) -> Handled | Left:
        """Have the circuits looked at if much is taken back; other alarms are none of this fleet's affair."""
        if not alarm.storm:
            _LOG.info("nothing follows from %s of the alarm %s", alarm.state, alarm.name)
            return Done()
        try:
            opened = self.fleet.circuits.check()
        except Exception as error:  # noqa: BLE001 - as with any event: it concerns this one alone
            reason = f"{type(error).__name__}: {error}"
            if isinstance(error, PaddockError) and error.retryable:
                return Again(delay_after(error, receives), reason)
            return Left(reason)
        _LOG.info("the alarm %s had the circuits looked at", alarm.name, extra={FACTS: {"opened": ", ".join(opened)}})
        return Done()


def build() -> EventsFunction:
    """The function of this environment."""
    parts = profile()
    return EventsFunction(parts.fleet(), parts.events(), parts.clock())


FUNCTION: Final = Once(build)


def handler(event: Mapping[str, Any], context: object) -> Answer:
    """What Lambda calls.

    Raises:
        PaddockError: the function cannot be built, or the event is none of SQS's: the whole batch comes back.
    """
    with invocation(context):
        return FUNCTION()(event)


started()
