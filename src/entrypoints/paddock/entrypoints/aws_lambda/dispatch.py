"""The dispatch function: requests of the jobs queue become machines."""

from paddock.entrypoints.aws_lambda.starting import started  # isort: skip

from collections.abc import Mapping
from typing import Any, Final

import attrs

from paddock.adapters.telemetry.logs import about, about_each, subjects
from paddock.adapters.wire import message_in
from paddock.core.fleet import Fleet
from paddock.core.messages import JobRequested
from paddock.entrypoints.aws_lambda.batch import Answer, Batch, Lender, carried, records_of
from paddock.entrypoints.aws_lambda.logs import invocation
from paddock.entrypoints.aws_lambda.once import Once
from paddock.entrypoints.aws_lambda.profile import profile


def _request(text: str) -> JobRequested:
    request: JobRequested = carried(message_in(text), JobRequested)
    return request


@attrs.frozen
class DispatchFunction:
    """Answers batches of the jobs queue."""

    fleet: Fleet
    queue: Lender

    def __call__(self, event: Mapping[str, Any]) -> Answer:
        """Dispatch the batch as one, so that jobs of one kind share a launch."""
        batch = Batch(self.queue, records_of(event))
        lent = list(batch.read(_request))
        told = [subjects(each.message) for each in lent]
        with about(**told[0]) if len(told) == 1 else about_each(told):
            handled = self.fleet.dispatch_lent([each.received for each in lent]) if lent else ()
        for each, fate in zip(lent, handled, strict=True):
            with about(**subjects(each.message)):
                batch.settle(each.record, fate)
        return batch.answer()


def build() -> DispatchFunction:
    """The function of this environment."""
    parts = profile()
    return DispatchFunction(parts.fleet(), parts.jobs())


FUNCTION: Final = Once(build)


def handler(event: Mapping[str, Any], context: object) -> Answer:
    """What Lambda calls.

    Raises:
        PaddockError: the function cannot be built, or the event is none of SQS's: the whole batch comes back.
    """
    with invocation(context):
        return FUNCTION()(event)


started()
