"""EventBridge: what EC2 tells of its machines, in the shapes that it documents, and rules that fire every so often.

Source: "Amazon EC2 User Guide", the events of spot interruptions, rebalance recommendations and state changes;
"Amazon EventBridge User Guide", "Event patterns". A rule sends an event that it fits to its queue at least once.
"""

import json
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from paddock.adapters.aws.cloud_events import PATTERNS
from paddock.adapters.system import RandomIds
from paddock.core.ports.system import Chance, Clock
from paddock.core.units import SECOND, rfc3339
from tests.aws.judge import REGION
from tests.aws.machine import ACCOUNT
from tests.aws.pump import Function, FunctionError


def _event(kind: str, machine: str, resource: str, detail: Mapping[str, str], clock: Clock) -> dict[str, Any]:
    token = RandomIds().token()
    parts = (token[:8], token[8:12], token[12:16], token[16:20], token[20:])
    return {
        "version": "0",
        "id": "-".join(parts),
        "detail-type": kind,
        "source": "aws.ec2",
        "account": ACCOUNT,
        "time": rfc3339(clock.now() // SECOND * SECOND),
        "region": REGION,
        "resources": [resource],
        "detail": {"instance-id": machine, **detail},
    }


def state_change(machine: str, state: str, clock: Clock) -> dict[str, Any]:
    """A machine is in another state."""
    arn = f"arn:aws:ec2:{REGION}:{ACCOUNT}:instance/{machine}"
    return _event("EC2 Instance State-change Notification", machine, arn, {"state": state}, clock)


def spot_warning(machine: str, zone: str, clock: Clock) -> dict[str, Any]:
    """A spot machine is taken back in two minutes. Its ARN has the zone and no account: so EC2 writes it."""
    arn = f"arn:aws:ec2:{zone}:instance/{machine}"
    return _event("EC2 Spot Instance Interruption Warning", machine, arn, {"instance-action": "terminate"}, clock)


def fits(pattern: Mapping[str, Any], event: Mapping[str, Any]) -> bool:
    """True if every field of the pattern is in the event with one of its values; what ours use of EventBridge's."""
    for name, wanted in pattern.items():
        value = event.get(name)
        if isinstance(wanted, Mapping):
            if not isinstance(value, Mapping) or not fits(wanted, value):
                return False
        elif value not in wanted:
            return False
    return True


class EventBridge:
    """Puts the events that fit the stack's rules on a queue; about one in `twice` comes two times (None: none does).

    ``told`` is all that EC2 told, ``sent`` what went to the queue.
    """

    def __init__(
        self,
        sqs: Any,  # noqa: ANN401 - boto3
        queue_url: str,
        chance: Chance,
        twice: int | None = None,
        rules: Sequence[str] = tuple(PATTERNS),
    ) -> None:
        self.told: list[dict[str, Any]] = []
        self.sent: list[dict[str, Any]] = []
        self._sqs, self._queue_url, self._chance, self._twice = sqs, queue_url, chance, twice
        self._patterns = [PATTERNS[rule] for rule in rules]

    def send(self, event: dict[str, Any]) -> None:
        """Deliver it, once for each rule that it fits."""
        self.told.append(event)
        for pattern in self._patterns:
            if fits(pattern, event):
                self._deliver(event)

    def _deliver(self, event: dict[str, Any]) -> None:
        self.sent.append(event)
        times = 2 if self._twice is not None and not self._chance.below(self._twice) else 1
        for _ in range(times):
            self._sqs.send_message(QueueUrl=self._queue_url, MessageBody=json.dumps(event))


class Schedule:
    """Rules with constant inputs, each of which invokes a function every so many seconds, one after the other.

    ``done`` are the inputs with what came of them; an invocation that failed is not tried again: the next one is near.
    """

    def __init__(self, function: Function, rules: Sequence[tuple[float, Mapping[str, str]]]) -> None:
        self.done: list[tuple[Mapping[str, str], object]] = []
        self._function, self._rules = function, rules
        self._stopping = threading.Event()
        self._threads = [threading.Thread(target=self._work, args=rule, name=f"rule {rule[1]}") for rule in rules]

    def start(self) -> None:
        """Fire until `stop`."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Fire no more."""
        self._stopping.set()
        for thread in self._threads:
            thread.join()

    def fire(self, rule: Mapping[str, str]) -> object:
        """Invoke the function once; its answer, or the error."""
        answer: object
        try:
            answer = self._function.invoke(rule)
        except FunctionError as error:
            answer = error
        self.done.append((rule, answer))
        return answer

    def _work(self, seconds: float, rule: Mapping[str, str]) -> None:
        while not self._stopping.wait(seconds):
            self.fire(rule)


def called_by_url(function: Function) -> Callable[[dict[str, Any]], tuple[int, bytes, Mapping[str, str]]]:
    """What a function's URL does with an event of a request: status, body and headers; 502 if there is no answer."""

    def answer(event: dict[str, Any]) -> tuple[int, bytes, Mapping[str, str]]:
        try:
            told = function.invoke(event)
        except FunctionError as error:
            return 502, str(error).encode(), {}
        return told["statusCode"], told["body"].encode(), told["headers"]

    return answer
