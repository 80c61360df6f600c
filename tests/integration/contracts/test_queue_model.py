"""Queues against a simple model: any sequence of calls lends, hides, buries and revives what the model says.

The model is strict: a receipt is worth nothing once its loan is over, by time-out or by giving the message back. A
lenient queue, where it may be, is asked with good ones only.
"""

import json
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

import attrs
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    MultipleResults,
    RuleBasedStateMachine,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)

from paddock.core.messages import RunCompleted
from paddock.core.ports.queues import Depth
from paddock.core.units import SECOND, Moment, Span
from tests.integration.contracts.queue_adapters import ADAPTERS, MAX_RECEIVES, VISIBILITY, OpenQueue

spans = st.integers(0, 2 * VISIBILITY // SECOND).map(lambda seconds: seconds * SECOND)
SHARES = {"memory": 1, "sqlite": 4, "sqs": 15}  # one of so many examples: what is slow gets fewer


def number_in(body: str) -> int:
    """The run that a message's text is about."""
    return int(json.loads(body)["run_id"])


@attrs.define
class Modelled:
    """A message that is neither done nor forgotten."""

    due: Moment
    receives: int = 0
    receipt: str | None = None
    dead: bool = False


class QueueModel(RuleBasedStateMachine):
    """Messages on a queue and in a dictionary."""

    adapter: OpenQueue
    receipts: Bundle[str] = Bundle("receipts")

    def __init__(self) -> None:
        super().__init__()
        self.stack = ExitStack()
        folder = self.stack.enter_context(TemporaryDirectory())
        self.under_test = self.stack.enter_context(self.adapter(Path(folder)))
        self.queue = self.under_test.queue
        self.now: Moment = 0
        self.count = 0
        self.model: dict[int, Modelled] = {}

    def teardown(self) -> None:
        """Close the queue."""
        self.stack.close()

    def settle(self) -> None:
        """End the loans that are over, bury what was lent too often."""
        for modelled in self.model.values():
            if modelled.due <= self.now and not modelled.dead:
                modelled.receipt = None
                modelled.dead = modelled.receives >= MAX_RECEIVES

    def holder(self, receipt: str) -> int | None:
        """The message that this receipt is good for."""
        return next((number for number, modelled in self.model.items() if modelled.receipt == receipt), None)

    @rule(count=st.integers(1, 4), delay=spans)
    def send(self, count: int, delay: Span) -> None:
        """Some messages, seen at once or later."""
        fresh = range(self.count, self.count + count)
        self.count += count
        self.queue.send([RunCompleted(number, 1, "acme/api", None) for number in fresh], delay=delay)
        self.model.update({number: Modelled(self.now + delay) for number in fresh})
        self.settle()

    @rule(target=receipts, limit=st.integers(1, 5))
    def receive(self, limit: int) -> MultipleResults[str]:
        """As many as are due, up to the limit, each with its loans counted."""
        due = {number for number, each in self.model.items() if not each.dead and each.due <= self.now}
        received = self.queue.receive(limit)
        assert len(received) == min(limit, len(due))
        for item in received:
            assert isinstance(item.message, RunCompleted)
            number = item.message.run_id
            due.remove(number)  # KeyError: lent twice, or not to be seen yet
            modelled = self.model[number]
            modelled.receives += 1
            assert item.receives == modelled.receives
            modelled.receipt, modelled.due = item.receipt, self.now + VISIBILITY
        return multiple(*(item.receipt for item in received))

    @rule(receipt=receipts)
    def delete(self, receipt: str) -> None:
        """By any receipt that ever was."""
        number = self.holder(receipt)
        if number is None and self.under_test.lenient:
            return
        self.queue.delete([receipt])
        if number is not None:
            del self.model[number]

    @rule(receipt=receipts, delay=spans)
    def defer(self, receipt: str, delay: Span) -> None:
        """By any receipt that ever was."""
        number = self.holder(receipt)
        if number is None and self.under_test.lenient:
            return
        self.queue.defer(receipt, delay)
        if number is not None:
            self.model[number].receipt, self.model[number].due = None, self.now + delay
        self.settle()

    @rule(span=spans)
    def pass_time(self, span: Span) -> None:
        """Loans run out, delays end."""
        self.now += span
        self.under_test.pass_time(span)
        self.settle()

    @rule(parts=st.integers(1, 3), most=st.none() | st.integers(0, 3))
    def redrive(self, parts: int, most: int | None) -> None:
        """The dead ones that are wanted, or so many of them, live again."""
        self.under_test.settle()
        dead = {number for number, modelled in self.model.items() if modelled.dead and number % parts == 0}
        told: list[int] = []
        count = self.queue.redrive(
            lambda body: number_in(body) % parts == 0, most=most, told=lambda body: told.append(number_in(body))
        )
        assert count == len(told) == len(dead if most is None else list(dead)[:most])
        for number in told:
            dead.remove(number)  # KeyError: it was not dead, or not wanted, or is told twice
            modelled = self.model[number]
            modelled.dead, modelled.receives, modelled.due = False, 0, self.now

    @invariant()
    def same_depth(self) -> None:
        """The counts are the same, and so are the dead."""
        self.under_test.settle()
        dead = sum(modelled.dead for modelled in self.model.values())
        lent = sum(modelled.receipt is not None for modelled in self.model.values())
        depth = self.queue.depth()
        if self.under_test.lenient:
            assert (depth.waiting + depth.on_loan, depth.dead) == (len(self.model) - dead, dead)
        else:
            assert depth == Depth(len(self.model) - dead - lent, lent, dead)
        assert len(self.queue.dead_letters(1_000)) == dead


@pytest.mark.parametrize(
    ("adapter", "share"), [(adapter, SHARES[name]) for name, adapter in ADAPTERS.items()], ids=ADAPTERS
)
def test_any_sequence_of_calls_ends_as_in_the_model(adapter: OpenQueue, share: int) -> None:
    """Random sends, receives, deletions, deferrals, redrives and time: after each the counts and loans are the same."""
    model = type("Model", (QueueModel,), {"adapter": staticmethod(adapter)})
    examples = max(1, settings().max_examples // share)
    run_state_machine_as_test(model, settings=settings(max_examples=examples, stateful_step_count=40))
