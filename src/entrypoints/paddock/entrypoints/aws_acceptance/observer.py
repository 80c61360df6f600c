"""What the fleet itself and AWS say of an acceptance's jobs: records, decisions, machines, dead letters."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack
from typing import Final

import attrs

from paddock.adapters.aws.ec2.errors import CODES as EC2
from paddock.adapters.aws.errors import Asking
from paddock.adapters.sqs_wire import CODES as SQS
from paddock.entrypoints.acceptance.values import Books, Instance
from paddock.entrypoints.aws_stack.deploy import FLEET
from paddock.entrypoints.aws_stack.places import Places
from paddock.entrypoints.containers import State

QUEUES: Final = ("jobs", "events", "reports")
_DEPTHS: Final = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible")
_ec2: Final = Asking(EC2)
_sqs: Final = Asking(SQS)


@attrs.define(kw_only=True)
class FleetObserver:
    """See `paddock.entrypoints.acceptance.ports.Observer`.

    ``opened`` opens the fleet's state once the stack is there, as `paddock explain --profile aws` does. ``calls`` tells
    how many calls of AWS the fleet made, where somebody counts them.
    """

    places: Places
    stack: str
    opened: Callable[[], AbstractContextManager[State]]
    calls: Callable[[], int | None] = lambda: None
    _open: ExitStack = attrs.field(factory=ExitStack, init=False)
    _state: State | None = attrs.field(default=None, init=False)

    def close(self) -> None:
        """Let go of the fleet's state."""
        self._state = None
        self._open.close()

    def books(self, jobs: Iterable[int], *, stories: bool) -> Books:
        """See the port."""
        if self._state is None:
            self._state = self._open.enter_context(self.opened())
        table = self._state.table
        numbers = tuple(jobs)
        found = {number: table.jobs.get(str(number)) for number in numbers}
        records = {number: job for number, job in found.items() if job is not None}
        verdicts, earlier = self._told(self._state, records) if stories else ({}, ())
        instances = tuple(self._instances())
        machines = sorted(
            {*(job.machine for job in records.values() if job.machine), *(one.id for one in instances), *earlier}
        )
        runners = {machine: table.runners.get(machine) for machine in machines}
        bills = {machine: table.ledger.get(machine) for machine in machines}
        return Books(
            jobs=records,
            runners={machine: runner for machine, runner in runners.items() if runner is not None},
            bills={machine: bill for machine, bill in bills.items() if bill is not None},
            verdicts=verdicts,
            instances=instances,
            dead=self._dead(),
            calls=self.calls(),
        )

    @staticmethod
    def _told(state: State, jobs: Iterable[int]) -> tuple[dict[int, tuple[str, ...]], tuple[str, ...]]:
        """The verdicts that `explain` tells of each job, and the machines that it names."""
        stories = {number: state.explain(number) for number in jobs}
        verdicts = {number: tuple(one.verdict for one in told.decisions) for number, told in stories.items()}
        return verdicts, tuple(runner.machine for told in stories.values() for runner in told.runners)

    def _instances(self) -> Iterator[Instance]:
        """All of the fleet's; EC2 tells of those that are gone for about an hour."""
        filters = [{"Name": f"tag:{FLEET}", "Values": [self.stack]}]
        for page in _ec2.pages(self.places.ec2.describe_instances, Filters=filters):
            for reservation in page["Reservations"]:
                for one in reservation["Instances"]:
                    yield Instance(id=one["InstanceId"], state=one["State"]["Name"])

    def _dead(self) -> dict[str, int]:
        sqs = self.places.client("sqs")
        try:
            found = {}
            for word in QUEUES:
                name = f"{self.stack}-{word}-dead"
                url = _sqs(sqs.get_queue_url, QueueName=name)["QueueUrl"]
                told = _sqs(sqs.get_queue_attributes, QueueUrl=url, AttributeNames=list(_DEPTHS))["Attributes"]
                found[name] = sum(int(told[depth]) for depth in _DEPTHS)
            return found
        finally:
            sqs.close()
