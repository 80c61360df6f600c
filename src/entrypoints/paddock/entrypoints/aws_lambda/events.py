"""The events function: what GitHub told, and what EC2 tells of its machines.

An event that could not be handled is kept: it comes back until the queue gives it up as a dead letter.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any, Final

import attrs

from paddock.adapters.aws.cloud_events import event_in
from paddock.adapters.telemetry.logs import about, subjects
from paddock.core.fleet import Fleet
from paddock.core.messages import EventMessage, JobObserved, MachineChanged, MachineWarned, RunCompleted
from paddock.core.ports.system import Clock
from paddock.core.units import Moment
from paddock.entrypoints.aws_lambda.batch import Answer, Batch, Lender, carried, records_of
from paddock.entrypoints.aws_lambda.logs import invocation
from paddock.entrypoints.aws_lambda.once import Once
from paddock.entrypoints.aws_lambda.profile import profile

# No reports: those come by the reports queue, where SQS says who sent them.
_CARRIED: Final = (JobObserved, RunCompleted, MachineWarned, MachineChanged)


def _event(received_at: Moment, text: str) -> EventMessage:
    event: EventMessage = carried(event_in(text, received_at), *_CARRIED)
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
                batch.settle(each.record, self.fleet.complete_lent(each.received))
        return batch.answer()


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
