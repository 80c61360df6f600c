"""TransactWriteItems as DynamoDB does it and moto does not, and what goes wrong with it, as layers of the wire."""

import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from threading import Lock

from tests.aws.recorded import Call, Reply, Request
from tests.aws.weather import cancelled, refusal
from tests.aws.wire import Behind, LostError, wire

OPERATION = "TransactWriteItems"
KEPT = 600.0  # seconds: "valid for 10 minutes after the first request that uses it is completed"


class Tokens:
    """Keeps in mind what was carried out under which ClientRequestToken; moto takes no notice of them.

    An equal request with the same token is a success again, and nothing is written; one that is not equal is refused,
    and so is any as long as the first is on its way. What was refused is not kept: it may be tried again.
    Source: ``ClientRequestToken`` and "Errors" of TransactWriteItems in the API reference. `now` is in seconds.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._done: dict[object, tuple[float, dict[str, object], Reply]] = {}
        self._on_their_way: set[object] = set()
        self._one = Lock()

    def __call__(self, call: Call, request: Request, behind: Behind) -> Reply:
        """Answer a repetition; let all else pass."""
        token = request.data.get("ClientRequestToken") if request.operation == OPERATION else None
        if token is None:
            return behind(request)
        with self._one:
            until, asked, answer = self._done.get(token, (self._now(), {}, Reply(0, b"")))
            if self._now() < until:
                if asked == request.data:
                    return answer
                return refusal(call.service, 400, "IdempotentParameterMismatchException")
            if token in self._on_their_way:
                return refusal(call.service, 400, "TransactionInProgressException")
            self._on_their_way.add(token)
        reply = Reply(0, b"")
        try:
            reply = behind(request)
        finally:
            with self._one:
                self._on_their_way.discard(token)
                if reply.status == 200:
                    self._done[token] = self._now() + KEPT, request.data, reply
        return reply


class Way:
    """What happens to the transactions on their way: they get these replies first, or so many answers are lost.

    ``seen`` are their parameters; ``counted`` how often each operation was asked for.
    """

    def __init__(self) -> None:
        self.replies: deque[Reply] = deque()
        self.lose = 0
        self.seen: list[dict[str, object]] = []
        self.counted: Counter[str] = Counter()

    def cancels(self, *reasons: str | None) -> None:
        """The next one is cancelled: a reason for each item, "None" for one that has none, None for none at all."""
        self.replies.append(cancelled(reasons))

    def refuses(self, code: str, status: int = 400, times: int = 1) -> None:
        """The next ones are refused."""
        self.replies += [refusal("dynamodb", status, code)] * times

    def __call__(self, _: Call, request: Request, behind: Behind) -> Reply:
        """Give the fault that is next, or lose the answer."""
        self.counted[request.operation] += 1
        if request.operation != OPERATION:
            return behind(request)
        self.seen.append(request.data)
        if self.replies:
            return self.replies.popleft()
        reply = behind(request)
        if self.lose:
            self.lose -= 1
            raise LostError("the answer is lost")
        return reply


@contextmanager
def way_to(*behind: Tokens) -> Iterator[tuple[Way, str]]:
    """A way to moto, behind which are these, and its address."""
    made = Way()
    with wire([made, *behind]) as server:
        yield made, server.url


def tokens_of(seen: Sequence[dict[str, object]]) -> list[object]:
    """Under which tokens was asked."""
    return [one.get("ClientRequestToken") for one in seen]
