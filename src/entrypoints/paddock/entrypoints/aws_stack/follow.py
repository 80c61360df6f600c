"""Waiting for CloudFormation: until a proposal is worked out, and until what was begun has ended."""

from collections.abc import Callable
from typing import Final

import attrs

from paddock.adapters.aws.cloudformation import ChangeSet, Stacks, Step, causes
from paddock.adapters.aws.cloudformation.values import STACK
from paddock.core.errors import PaddockError, Rejected, Unavailable
from paddock.core.ports.system import Clock, Sleeper
from paddock.core.units import HOUR, MINUTE, SECOND, Span

LOOK: Final[Span] = 3 * SECOND
PATIENCE: Final[Span] = 5 * MINUTE  # for a proposal
LONGEST: Final[Span] = 2 * HOUR  # for an operation: a session of AWS's seldom lasts longer

Told = Callable[[Step], object]


@attrs.frozen
class Watch:
    """Looks again and again."""

    stacks: Stacks
    clock: Clock
    sleeper: Sleeper

    def worked_out(self, change_set: str) -> ChangeSet:
        """The proposal as soon as it is worked out, or cannot be.

        Raises:
            Unavailable: it takes too long.
        """
        deadline = self.clock.now() + PATIENCE
        while True:
            found = self.stacks.change_set(change_set)
            if not found.pending:
                return found
            if self.clock.now() >= deadline:
                raise Unavailable(f"CloudFormation still works {change_set} out: try again later")
            self.sleeper.sleep(LOOK)

    def last_event(self, stack: str) -> str:
        """The newest event of a stack, before something is begun."""
        steps = self.stacks.steps(stack)
        return steps[-1].event if steps else ""

    def ended(self, stack: str, after: str, told: Told) -> list[Step]:
        """What happened since an event, until the stack itself has come to an end; each step is told as it is seen.

        The end is an event of the stack's own: its status may still be the old one when the first look is taken.

        Args:
            stack: its id, by which it is found after its end, too.
            after: the newest event before; empty: there was none.
            told: is told of each step, in its order.

        Raises:
            Unavailable: it goes on for longer than anybody should wait.
        """
        deadline = self.clock.now() + LONGEST
        seen: list[Step] = []
        while True:
            new = self.stacks.steps(stack, after)
            for step in new:
                told(step)
            seen += new
            if new:
                after = new[-1].event
            if any(_is_end(step) for step in new):
                return seen
            if self.clock.now() >= deadline:
                raise Unavailable("CloudFormation goes on with it: `paddock stack status` tells how it went")
            self.sleeper.sleep(LOOK)


def _is_end(step: Step) -> bool:
    return step.kind == STACK and step.id.startswith("arn:") and not step.status.endswith("_IN_PROGRESS")


def failure(what: str, steps: list[Step]) -> PaddockError:
    """An error that says why: each cause in AWS's words, and what to do about it."""
    end = next((step for step in reversed(steps) if _is_end(step)), None)
    error = Rejected(f"{what}: it ended as {end.status if end else 'unknown'}")
    found = causes(steps)
    for cause in found:
        error.add_note(f"{cause.step.name} ({cause.step.kind}): {cause.said}\n  {cause.advice}")
    if not found and end is not None and end.reason:
        error.add_note(end.reason)
    return error
