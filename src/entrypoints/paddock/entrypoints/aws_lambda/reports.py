"""The reports function: what machines say of themselves.

Any machine may send to the queue, and jobs have their machines in hand. So a report is believed if SQS says that the
machine of which it speaks has sent it; what is not is refused, told, and does not come back.
"""

from paddock.entrypoints.aws_lambda.starting import started  # isort: skip

import logging
from collections.abc import Mapping
from typing import Any, Final

import attrs

from paddock.adapters.aws.senders import machine_of
from paddock.adapters.telemetry.logs import about, subjects
from paddock.adapters.wire import message_in
from paddock.core.errors import PaddockError
from paddock.core.fleet import Fleet
from paddock.core.ports.queues import Received
from paddock.core.usecases.handled import Done, Handled, Left, again, longer
from paddock.entrypoints.aws_lambda.batch import Answer, Batch, Lender, Lent, records_of
from paddock.entrypoints.aws_lambda.logs import invocation
from paddock.entrypoints.aws_lambda.once import Once
from paddock.entrypoints.aws_lambda.profile import profile

_LOG = logging.getLogger(__name__)


@attrs.frozen
class ReportsFunction:
    """Answers batches of the reports queue. ``role_id`` is the machines' role's."""

    fleet: Fleet
    queue: Lender
    role_id: str

    def __call__(self, event: Mapping[str, Any]) -> Answer:
        """Handle the batch's reports one by one."""
        batch = Batch(self.queue, records_of(event))
        for each in batch.read(message_in):
            machine = machine_of(each.record.sender, self.role_id)
            with about(**{**subjects(each.message), "machine": machine or each.record.sender}):
                batch.settle(each.record, self._handled(each, machine))
        return batch.answer()

    def _handled(self, lent: Lent[Any], machine: str | None) -> Handled | Left:
        try:
            report = self.fleet.reports.genuine(lent.message, machine, lent.record.sender)
        except PaddockError as error:  # it could not be written down
            fate = again(error)
            return attrs.evolve(fate, delay=longer(fate.delay, lent.record.receives))
        if report is None:
            _LOG.warning("a forged report of %s was refused", lent.record.sender)
            return Done()
        return self.fleet.complete_lent(Received(report, lent.record.receipt, lent.record.receives))


def build() -> ReportsFunction:
    """The function of this environment."""
    parts = profile()
    return ReportsFunction(parts.fleet(), parts.reports(), parts.environment().role_id)


FUNCTION: Final = Once(build)


def handler(event: Mapping[str, Any], context: object) -> Answer:
    """What Lambda calls.

    Raises:
        PaddockError: the function cannot be built, or the event is none of SQS's: the whole batch comes back.
    """
    with invocation(context):
        return FUNCTION()(event)


started()
