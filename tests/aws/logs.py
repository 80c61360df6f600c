"""Log groups of CloudWatch Logs on a moto server.

moto takes a pattern on JSON for none, and gives every line within the time; it looks from the oldest on whatever is
asked. It counts its events in two steps, with nothing to keep others out in between: so its requests are handled one at
a time.
"""

import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from threading import Lock
from typing import Any

import attrs

from paddock.adapters.aws.clients import Clients
from paddock.adapters.aws.logs import CloudWatchDecisions, Window, Windows
from paddock.adapters.memory import ManualSleeper
from paddock.adapters.memory.system import ManualClock
from paddock.adapters.system import RandomIds, SystemClock
from paddock.adapters.telemetry.catalogue import catalogue
from tests.aws.judge import REGION
from tests.aws.machine import moto
from tests.aws.time import session

STACK = "paddock-ci"
_NUMBERS = itertools.count()
_ALONE = Lock()


def always(_subject: str) -> Window:
    """All that a log has."""
    return Window(0)


@attrs.frozen
class LogsUnderTest:
    """Two log groups, empty at first. Pauses move the clock. ``calls`` are the operations asked for."""

    clients: Clients
    groups: tuple[str, str]
    clock: ManualClock = attrs.field(factory=ManualClock)
    calls: list[tuple[str, dict[str, Any]]] = attrs.field(factory=list)

    def decisions(
        self,
        *,
        windows: Windows = always,
        progress: Callable[[str, int], None] = lambda _group, _found: None,
        page_size: int = 50,
    ) -> CloudWatchDecisions:
        """The adapter, with small pages."""
        return CloudWatchDecisions(
            self.clients,
            self.groups,
            catalogue(),
            STACK,
            SystemClock(),  # moto takes no event that is older than a fortnight
            ManualSleeper(self.clock),
            RandomIds(),
            windows=windows,
            progress=progress,
            page_size=page_size,
        )

    def write(self, group: str, *lines: str, at: int | None = None) -> None:
        """Write lines as a function does, all at once; `at` are milliseconds since 1970."""
        write(self.clients, group, lines, at=at)

    def asked(self, operation: str) -> list[dict[str, Any]]:
        """What was asked for with this operation."""
        return [params for name, params in self.calls if name == operation]

    def on(self, event: str, handler: Callable[..., Any]) -> None:
        """Call the handler at an event of botocore's."""
        self.clients.logs.meta.events.register_first(event, handler)

    def note(self) -> None:
        """Write down what is asked."""
        self.on(
            "provide-client-params.cloudwatch-logs",
            lambda model, params, **_: self.calls.append((model.name, dict(params))),
        )


def write(clients: Clients, group: str, lines: Sequence[str], *, at: int | None = None) -> None:
    """Write lines into a log group, as a function does."""
    clients.logs.put_log_events(
        logGroupName=group,
        logStreamName="function",
        logEvents=[{"timestamp": at or time.time_ns() // 1_000_000, "message": line} for line in lines],
    )


def create(clients: Clients, group: str) -> None:
    """Make a log group with one stream, in which a function writes."""
    clients.logs.create_log_group(logGroupName=group)
    clients.logs.create_log_stream(logGroupName=group, logStreamName="function")


@contextmanager
def logs_on_moto() -> Iterator[LogsUnderTest]:
    """Two log groups of a stack."""
    with ExitStack() as stack:
        url = stack.enter_context(moto(_ALONE))
        clients = Clients(REGION, {"logs": url}, session=session())
        stack.callback(clients.logs.close)
        number = next(_NUMBERS)  # the server is a new one, what is behind it is not
        groups = (f"/aws/lambda/{STACK}-{number}-webhook", f"/aws/lambda/{STACK}-{number}-dispatch")
        for group in groups:
            create(clients, group)
        made = LogsUnderTest(clients, groups)
        made.note()
        yield made
