"""What the stack's template makes of queues and functions, in a scaled time, so that tests need not wait for minutes.

Whatever is waited for by SQS's clock is `FASTER` times as fast as on AWS: queues' loans, the batching window, and the
loans and delays that the functions ask for themselves. What is a number and no time, such as how often a message is
received until it is given up, is the stack's own, and so are the functions' time-outs: they work no faster here.
"""

import json
import math
from collections.abc import Mapping
from functools import cache
from typing import Any, Final

import attrs

from tests.aws.recorded import Call, Reply, Request
from tests.aws.shapes import template
from tests.aws.wire import Behind

FASTER: Final = 20
"""A second in these tests stands for so many on AWS."""

SHAPE: Final = "private"
"""A stack that has every function; queues are the same in all."""

SPANS: Final = ("VisibilityTimeout", "DelaySeconds")
"""The parameters of SQS that are spans of time; a receive's wait is none that anything depends on."""


@attrs.frozen(kw_only=True)
class Queue:
    """A queue and its mapping, as the template has them. Spans are seconds on AWS."""

    function: str
    visibility: int
    receives: int
    batch_size: int
    window: int
    at_once: int


@cache
def queues() -> Mapping[str, Queue]:
    """The template's queues, by the names that their addresses have in the functions' environment."""
    made = _of_type("AWS::Lambda::EventSourceMapping")
    return {logical.removesuffix("Mapping").lower(): _queue(mapping) for logical, mapping in made.items()}


@cache
def timeouts() -> Mapping[str, int]:
    """Seconds on AWS, by function."""
    made = _of_type("AWS::Lambda::Function")
    return {logical.removesuffix("Function").lower(): int(one["Timeout"]) for logical, one in made.items()}


def seconds(span: float, slow: int) -> int:
    """Whole seconds in a test that is `slow` times as slow as usual, for a span on AWS; only nothing stays nothing."""
    return math.ceil(span * slow / FASTER)


class Sooner:
    """A layer of the wire: what is asked of SQS for so many seconds is had for so many in the test."""

    def __init__(self, slow: int) -> None:
        self._slow = slow

    def __call__(self, call: Call, request: Request, behind: Behind) -> Reply:
        """Shorten the spans of a request."""
        if call.service != "sqs" or not any(name.encode() in request.body for name in SPANS):
            return behind(request)
        return behind(attrs.evolve(request, body=json.dumps(self._shortened(request.data)).encode()))

    def _shortened(self, data: Mapping[str, object]) -> dict[str, object]:
        found: dict[str, object] = {}
        for name, value in data.items():
            if name in SPANS and isinstance(value, int):
                found[name] = seconds(value, self._slow)
            elif name == "Entries" and isinstance(value, list):
                found[name] = [self._shortened(entry) for entry in value]
            else:
                found[name] = value
        return found


def memory_of(function: str) -> int:
    """What the stack gives this function, in MB."""
    functions = _of_type("AWS::Lambda::Function")
    return int(functions[f"{function.title()}Function"]["MemorySize"])


def _of_type(kind: str) -> dict[str, Any]:
    resources: dict[str, Any] = template(SHAPE)["Resources"]
    return {logical: one["Properties"] for logical, one in resources.items() if one["Type"] == kind}


def _queue(mapping: Mapping[str, Any]) -> Queue:
    logical, _ = mapping["EventSourceArn"]["Fn::GetAtt"]
    queue = template(SHAPE)["Resources"][logical]["Properties"]
    return Queue(
        function=str(mapping["FunctionName"]["Ref"]).removesuffix("Function").lower(),
        visibility=int(queue["VisibilityTimeout"]),
        receives=int(queue["RedrivePolicy"]["maxReceiveCount"]),
        batch_size=int(mapping["BatchSize"]),
        window=int(mapping["MaximumBatchingWindowInSeconds"]),
        at_once=int(mapping["ScalingConfig"]["MaximumConcurrency"]),
    )
