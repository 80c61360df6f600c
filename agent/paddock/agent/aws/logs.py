"""The machine's log in CloudWatch Logs: one stream per machine and job.

Limits of PutLogEvents (its API reference): 10,000 events and 1,048,576 bytes a call, each event counting its text in
UTF-8 and 26 bytes more; in the order of time; not more than 24 hours from the first to the last; no empty text. A 200
may still say that some events were too old, too new, or beyond the group's retention, and were thrown away.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence

from paddock.agent.aws.errors import AwsError, Kind
from paddock.agent.aws.service import Service

MAX_EVENTS = 10_000
MAX_BYTES = 1_048_576
OVERHEAD = 26
MAX_EVENT = 262_144 - OVERHEAD  # of one event's text; newer regions of the limit are larger
MAX_SPAN = 86_400_000 - 1  # milliseconds
_TARGET = "Logs_20140328."

Event = tuple[int, str]  # milliseconds, text


class CloudWatchLogs:
    """One stream; see `ports.LogStore`. A repetition after an error may store lines twice, never lose any."""

    def __init__(self, logs: Service, group: str, stream: str, rejected: Callable[[int, str], None]) -> None:
        """Args: the service; the group, which must exist; the stream, made when needed; told of lines thrown away."""
        self._logs = logs
        self._place = {"logGroupName": group, "logStreamName": stream}
        self._rejected = rejected

    def append(self, lines: Sequence[tuple[int, str]]) -> None:
        """See `ports.LogStore`. A refusal for good is an `OSError` too: then the file on the disk is the log."""
        for batch in batches(lines):
            self._put(batch)

    def _put(self, batch: Sequence[Event]) -> None:
        events = [{"timestamp": at, "message": text} for at, text in batch]
        body = {**self._place, "logEvents": events}
        try:
            answer = self._call("PutLogEvents", body)
        except AwsError as error:
            if error.kind is not Kind.MISSING:
                raise
            self._make()
            answer = self._call("PutLogEvents", body)
        self._look_at(answer.get("rejectedLogEventsInfo"), len(batch))

    def _make(self) -> None:
        try:
            self._call("CreateLogStream", self._place)
        except AwsError as error:
            if error.kind is not Kind.EXISTS:
                raise

    def _look_at(self, info: object, count: int) -> None:
        """Old ones end before an index, new ones begin at one."""
        if not isinstance(info, dict):
            return
        for name, why in (("expiredLogEventEndIndex", "expired"), ("tooOldLogEventEndIndex", "too old")):
            end = info.get(name)
            if type(end) is int and end > 0:
                self._rejected(end, why)
        start = info.get("tooNewLogEventStartIndex")
        if type(start) is int and 0 <= start < count:
            self._rejected(count - start, "too new")

    def _call(self, operation: str, body: Mapping[str, object]) -> dict[str, object]:
        return self._logs.call(_TARGET + operation, body, json_version="1.1")


def batches(lines: Sequence[tuple[int, str]]) -> Iterator[list[Event]]:
    """The lines (microseconds, text) as events in calls that keep every limit; nothing is lost, the order stays."""
    batch: list[Event] = []
    size = 0
    latest = 0
    for at, text in lines:
        latest = max(latest, at // 1_000)  # a clock that was set back must not put a line before its forerunner
        for piece in _pieces(text):
            weight = len(piece.encode()) + OVERHEAD
            full = len(batch) == MAX_EVENTS or size + weight > MAX_BYTES
            if batch and (full or latest - batch[0][0] > MAX_SPAN):
                yield batch
                batch, size = [], 0
            batch.append((latest, piece))
            size += weight
    if batch:
        yield batch


def _pieces(text: str) -> Iterator[str]:
    """The text in parts that one event can hold."""
    data = (text or " ").encode("utf-8", "replace")  # a lone surrogate is no character to anybody else
    while len(data) > MAX_EVENT:
        cut = MAX_EVENT
        while data[cut] & 0xC0 == 0x80:  # noqa: PLR2004 - UTF-8: not in the middle of a character
            cut -= 1
        yield data[:cut].decode()
        data = data[cut:]
    yield data.decode()
