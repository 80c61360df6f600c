"""Waiting for the machine's assignment, and taking it once."""

import contextlib
from collections.abc import Callable

from paddock.agent.aws.body import unpacked
from paddock.agent.aws.errors import AwsError, Kind
from paddock.agent.aws.item import OwnItem
from paddock.agent.machine.clock import SECOND
from paddock.agent.ports import Clock
from paddock.agent.reasons import AgentFailure, Reason, Stopped
from paddock.agent.telling.log import Log

Body = str | bytes
QUICK_LOOKS = 15  # a machine that was started for a job is assigned within half a minute
QUICK, SLOW = 2 * SECOND, 5 * SECOND
READY = SECOND  # of a pool's machine, which may wait for hours: when a job comes, somebody waits for it
REFUSALS = 6  # so often in a row it may be refused: a role that is minutes old is not known everywhere
JITTER = 0.2  # of a pause, up or down: a hundred machines do not look in step


class ItemAssignmentSource:
    """The body of the machine's own item; see `ports.AssignmentSource`."""

    def __init__(
        self,
        item: OwnItem,
        *,
        clock: Clock,
        log: Log,
        hand: str,
        chance: Callable[[], float],
        sleep: Callable[[float], None],
        at_once: bool = False,
        standby: bool = False,
    ) -> None:
        """Args: the item; the time; told of outages; a text that no other process has; chance in [0, 1); how to wait.

        ``sleep`` takes seconds. ``at_once``: the first look is to take, unread, what was surely put while the machine
        booted: one request instead of two. Should the answer be lost, the assignment is, and the machine ends for it.
        ``standby``: it is a pool's machine, and looks every second, unless the table is away.
        """
        self._item = item
        self._clock = clock
        self._log = log
        self._hand = hand
        self._chance = chance
        self._sleep = sleep
        self._at_once = at_once
        self._standby = standby
        self._taken = False
        self.before_taking: Callable[[], object] = lambda: None  # from then on somebody must answer for it
        self._read: Body | None = None
        self.looks = 0

    def take(self, patience: int) -> object | None:
        """See `ports.AssignmentSource`. The last look is at the deadline, not before.

        Raises:
            AgentFailure: `assignment_unreadable`, `assignment_taken` or `bad_assignment`.
        """
        deadline = self._clock.now() + patience
        outage: AwsError | None = None
        refused = 0
        while True:
            last = self._clock.now() >= deadline
            try:
                body = self._look()
            except AwsError as error:
                refused += not error.again
                if refused >= REFUSALS:
                    raise self._unreadable(error) from None
                if outage is None:
                    self._log.write("assignment_outage", error=str(error))
                outage = error
            else:
                if body is not None:
                    return unpacked(body)
                outage, refused = None, 0
            if last:
                if outage is not None:
                    raise self._unreadable(outage)
                return None
            self._sleep(min(self._pause(away=outage is not None), max(0, deadline - self._clock.now())) / SECOND)

    def discard(self) -> None:
        """See `ports.AssignmentSource`. Nothing is asked if this very process took it."""
        if self._taken:
            return
        with contextlib.suppress(AwsError):
            self._item.discard(at=self._clock.now())

    def _look(self) -> Body | None:
        """One look; the body if it was there and is ours now."""
        self.looks += 1
        if self._at_once and self.looks == 1:
            return self._grasp()
        found = self._item.read()
        body = None if found is None else found.get("body")
        if found is not None and body is None:
            if self._read is not None and found.get("taken_by") == self._hand:  # by us, and no answer came through
                self._taken = True
                return self._read
            raise _gone(found)
        if not isinstance(body, Body):
            return None
        self._read = body
        self.before_taking()
        try:
            before = self._item.take(by=self._hand, at=self._clock.now())
        except Stopped:  # it may be taken by now, so it must be answered for
            return body
        except AwsError as error:
            if error.kind is Kind.CONDITION:
                raise _gone({}) from None
            raise
        self._taken = True
        # None: our first request did it and its answer was lost. What was read is what was taken: the control plane
        # never puts a second one.
        taken = body if before is None else before.get("body")
        return taken if isinstance(taken, Body) else body

    def _grasp(self) -> Body | None:
        """Take the body unread; None if there is no item yet."""
        self.before_taking()
        try:
            before = self._item.take(by=self._hand, at=self._clock.now())
        except AwsError as error:
            if error.kind is not Kind.CONDITION:
                raise
            if error.item is None:
                return None
            raise _gone(self._item.plain(error.item)) from None
        self._taken = True
        body = None if before is None else before.get("body")
        if not isinstance(body, Body):
            raise AgentFailure(Reason.ASSIGNMENT_TAKEN, "assignment: taken by us, and no answer came through")
        return body

    def _pause(self, *, away: bool) -> float:
        pause = QUICK if self.looks <= QUICK_LOOKS else SLOW
        if self._standby:
            pause = SLOW if away else READY
        return pause * (1 - JITTER + 2 * JITTER * self._chance())

    def _unreadable(self, error: AwsError) -> AgentFailure:
        detail = str(error)
        if error.kind is Kind.DENIED:
            detail += (
                f". The machine's role must be allowed dynamodb:GetItem and dynamodb:UpdateItem on the item whose"
                f" partition key is {self._item.user_id}"
            )
        return AgentFailure(Reason.ASSIGNMENT_UNREADABLE, detail)


def _gone(found: dict[str, object]) -> AgentFailure:
    """The item stands without a body: this machine had its assignment, and lost it with an earlier agent."""
    when = found.get("taken_at") or found.get("discarded_at")
    detail = f"assignment: taken or discarded before, at {when}" if when else "assignment: taken by another process"
    return AgentFailure(Reason.ASSIGNMENT_TAKEN, detail)
