"""A server on loopback that takes requests and does not answer them: all that a client can do is to give up."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event

import attrs

from tests.http_stub import LOST, Answer, HttpStub, Seen, http_stub

_LONGEST = 60.0  # seconds; no test waits for so long, and none hangs for ever


@attrs.define
class Stalling:
    """A stub that asks a ``script`` for its answer to any request; without one it stalls until the test is over."""

    stub: HttpStub
    script: Callable[[Seen], Answer] | None = None
    over: Event = attrs.field(factory=Event)

    def answer(self, seen: Seen) -> Answer:
        """What the stub says."""
        self.stub.seen.append(seen)
        return self.stall(seen) if self.script is None else self.script(seen)

    def stall(self, _seen: Seen) -> Answer:
        """The answer that does not come."""
        self.over.wait(_LONGEST)
        return LOST

    def connections(self) -> int:
        """By how many connections requests have come."""
        return len({seen.peer for seen in self.stub.seen})


@contextmanager
def stalling() -> Iterator[Stalling]:
    """One that stalls, whatever it is asked."""
    with http_stub() as stub:
        made = Stalling(stub)
        stub.answer = made.answer  # type: ignore[method-assign]  # any method, any path
        try:
            yield made
        finally:
            made.over.set()
