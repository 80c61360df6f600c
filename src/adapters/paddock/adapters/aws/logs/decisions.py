"""`Decisions` in CloudWatch Logs: lines that the functions wrote to their standard output, looked up where they went.

Why ``FilterLogEvents`` and not a query of Logs Insights (which looks through the same lines):

* It costs nothing beside what the log costs anyway. A query costs $0.005 per GB that it looks through (list price,
  us-east-1), and that is all of the log groups within the time asked for.
* It answers at once, page by page, so the way can be told. A query is started, asked for until it is done, and gives
  10,000 lines at most; an account may run a few dozen at once, its dashboards' included.
* What a query would be better at, joining and counting, nobody asks here.

The price is time: AWS looks through everything within the window, and gives empty pages meanwhile. So the window is
the subject's own (`windows`), and the groups are asked side by side. Nobody has measured yet how long a page takes on
real AWS. It grants a few requests a second for an account and region; a page that it throttles is asked for again.

Requests: `about` makes one for each page of each log group, at least one for each; `append` one for each batch within
AWS's limits, and one more at the first call.

* **Order** is by the event's time, then by its id, which grows within a stream. Times of two functions are two clocks'.
* **Lag**: a line can be found some seconds after it was written, and AWS promises no bound.
* **Retention**: what the log group has forgotten is not found, and nobody can tell that from "never decided".
* AWS filters by a pattern on the subject, and its answer is filtered again: a pattern may be wider than the subject.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from operator import itemgetter
from threading import Event, Lock
from typing import Any, Final, TypeAlias

from paddock.adapters.aws.clients import Clients
from paddock.adapters.aws.errors import Asking
from paddock.adapters.aws.logs.errors import CODES
from paddock.adapters.aws.logs.windows import Windows
from paddock.adapters.telemetry.catalogue import Catalogue
from paddock.adapters.telemetry.lines import SUBJECT, decision_in, decision_line
from paddock.core.decision import Decision
from paddock.core.errors import Conflict, InvalidInput, PaddockError, Rejected, Throttled, Unavailable
from paddock.core.ports.system import Clock, Ids, Sleeper
from paddock.core.units import MILLISECOND, SECOND

STREAM: Final = "paddock-operator-"
"""How streams of decisions made by hand begin; a function's streams are Lambda's."""

PAGE: Final = 10_000  # events of one answer, and of one batch: CloudWatch Logs' limits
BATCH_BYTES, EVENT_BYTES = 1_048_576, 26  # of a batch, and what each event counts besides its message
PAUSES: Final = (SECOND, 2 * SECOND, 4 * SECOND)
"""Before a page is asked for again that AWS throttled; they start anew when it gave one."""

_THREADS: Final = 5
_PLAIN: Final = re.compile(r"[A-Za-z0-9:_./@+-]{0,256}")

_Place: TypeAlias = tuple[int, int, str]


class CloudWatchDecisions:
    """Decisions as lines of log groups. Safe for threads. Methods may also raise `AccessDenied` and `Rejected`."""

    def __init__(
        self,
        clients: Clients,
        groups: Sequence[str],
        metrics: Catalogue,
        stack: str,
        clock: Clock,
        sleeper: Sleeper,
        ids: Ids,
        *,
        windows: Windows,
        progress: Callable[[str, int], None] = lambda _group, _found: None,
        page_size: int = PAGE,
    ) -> None:
        """Args: the clients; the functions' log groups, of which the first takes what is appended here.

        ``metrics`` and ``stack`` are for lines as the functions write them. ``progress`` is told after each page, by
        the thread that got it: the log group, and how many decisions it has given so far.

        Raises:
            InvalidInput: no log group is named.
        """
        if not groups:
            raise InvalidInput("groups", groups, "must be at least one log group")
        self._clients = clients
        self._groups = tuple(groups)
        self._line = partial(decision_line, metrics=metrics, stack=stack)
        self._clock = clock
        self._sleeper = sleeper
        self._ids = ids
        self._windows = windows
        self._progress = progress
        self._page_size = page_size
        self._ask = Asking(CODES)
        self._lock = Lock()
        self._stream = ""

    def append(self, decisions: Sequence[Decision]) -> None:
        """Keep the decisions, in this order; after an error some may have been kept."""
        if not decisions:
            return
        with self._lock:  # one after the other, so that ids grow in the order in which they came
            self._stream = self._stream or self._new_stream()
            for messages in batches([self._line(decision) for decision in decisions]):
                self._put(messages)

    def about(self, subject: str, *, limit: int = 200) -> Sequence[Decision]:
        """The newest `limit` decisions about the subject that the log groups have within its window, oldest first."""
        asked: dict[str, Any] = {"filterPattern": pattern_of(subject), "limit": self._page_size}
        window = self._windows(subject)
        asked["startTime"] = max(0, window.start // MILLISECOND)
        if window.end is not None:
            asked["endTime"] = window.end // MILLISECOND + 1
        _ = self._clients.logs  # made by one thread, then used by all
        stop = Event()
        with ThreadPoolExecutor(max_workers=min(_THREADS, len(self._groups))) as threads:
            try:
                each = threads.map(lambda group: self._all_of(group, subject, asked, stop), self._groups)
                found = sorted((one for group in each for one in group), key=itemgetter(0))
            finally:
                stop.set()  # a person who waited long enough
        return tuple(decision for _, decision in found[max(0, len(found) - max(0, limit)) :])

    def _all_of(self, group: str, subject: str, asked: Mapping[str, Any], stop: Event) -> list[tuple[_Place, Decision]]:
        """What a log group has. Its error ends the search in all of them: their answer is that error already."""
        try:
            return list(self._of(group, subject, asked, stop))
        except BaseException:
            stop.set()
            raise

    def _of(self, group: str, subject: str, asked: Mapping[str, Any], stop: Event) -> Iterator[tuple[_Place, Decision]]:
        """What a log group has, each with its place in the order."""
        count = 0
        for events in self._pages({"logGroupName": group, **asked}, stop):
            for event in events:
                decision = decision_in(event["message"])
                if decision is not None and decision.subject == subject:
                    count += 1
                    # Ids are numbers of up to 56 digits.
                    yield (event["timestamp"], len(event["eventId"]), event["eventId"]), decision
            self._progress(group, count)

    def _pages(self, asked: dict[str, Any], stop: Event) -> Iterator[Sequence[Mapping[str, Any]]]:
        while not stop.is_set():
            answer = self._page(asked, stop)
            yield answer.get("events", [])
            token = answer.get("nextToken")
            if not token:  # an empty page alone is not the last one
                return
            if token == asked.get("nextToken"):
                raise Unavailable(f"FilterLogEvents: {asked['logGroupName']} gave the same page again")
            asked["nextToken"] = token

    def _page(self, asked: Mapping[str, Any], stop: Event) -> Mapping[str, Any]:
        for pause in (*PAUSES, None):
            try:
                answer: Mapping[str, Any] = self._ask(self._clients.logs.filter_log_events, **asked)
            except PaddockError as error:
                if isinstance(error, Throttled) and stop.is_set():
                    return {}  # whatever it has: the answer is another group's error
                if isinstance(error, Throttled) and pause is not None:
                    self._sleeper.sleep(pause)
                    continue
                error.add_note(f"log group: {asked['logGroupName']}")
                raise
            return answer
        raise AssertionError("the last try returns or raises")

    def _new_stream(self) -> str:
        """A stream of one's own: within one, ids grow."""
        name = f"{STREAM}{self._ids.token()}"
        with suppress(Conflict):  # the answer to a first try got lost
            self._ask(self._clients.logs.create_log_stream, logGroupName=self._groups[0], logStreamName=name)
        return name

    def _put(self, messages: Sequence[str]) -> None:
        now = self._clock.now() // MILLISECOND
        answer: Mapping[str, Any] = self._ask(
            self._clients.logs.put_log_events,
            logGroupName=self._groups[0],
            logStreamName=self._stream,
            logEvents=[{"timestamp": now, "message": message} for message in messages],
        )
        refused = answer.get("rejectedLogEventsInfo")
        if refused:
            raise Rejected(f"PutLogEvents: {self._groups[0]} took not all: {refused}; is this machine's clock right?")


def pattern_of(subject: str) -> str:
    """CloudWatch Logs' filter pattern for lines about the subject.

    A subject that may mean something within a pattern is cut before that, and what follows is left open.
    """
    plain = _PLAIN.match(subject)
    known = plain[0] if plain else ""
    return f'{{ $.{SUBJECT} = "{known}{"" if known == subject else "*"}" }}'


def batches(messages: Sequence[str]) -> Iterator[Sequence[str]]:
    """The messages, in order, in batches of which PutLogEvents takes each."""
    batch: list[str] = []
    room = BATCH_BYTES
    for message in messages:
        size = len(message.encode()) + EVENT_BYTES
        if batch and (size > room or len(batch) == PAGE):
            yield batch
            batch, room = [], BATCH_BYTES
        batch.append(message)
        room -= size
    if batch:
        yield batch
