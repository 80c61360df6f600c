"""The stores, counted: what the table and the queues would be asked at AWS, for the control plane's bill."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Generic, TypeVar

from paddock.adapters.memory import MemoryDecisions
from paddock.adapters.simulation.protocols import SimulatedCloud
from paddock.adapters.tables import NAMES, stores_in, table_of, witnessed
from paddock.core.decision import Decision
from paddock.core.ports.machines import LaunchOutcome, LaunchRequest, Machine, StartOutcome
from paddock.core.ports.records import Page, Records
from paddock.core.ports.stores import Table
from paddock.core.ports.together import Write
from paddock.core.records import Keyed
from paddock.core.spec import Offer, RunnerSpec
from paddock.core.units import SECOND, MicroDollars, Span

R = TypeVar("R", bound=Keyed)

_MILLION = 1_000_000
WRITE: MicroDollars = 625_000  # DynamoDB, on demand, us-east-1: $0.625 per million writes of up to 1 KB ...
READ: MicroDollars = 125_000  # ... and $0.125 per million reads of up to 4 KB, eventually consistent
MESSAGE: MicroDollars = 400_000  # SQS: $0.40 per million requests
INVOCATION: MicroDollars = 200_000  # Lambda: $0.20 per million requests ...
GB_SECOND: MicroDollars = 13_333_300  # ... and $13.3333 per million GB-seconds on arm64


class Tally:
    """How often the table was asked. An update counts as one write, also one whose condition failed, as at DynamoDB."""

    __slots__ = ("reads", "writes")

    def __init__(self) -> None:
        """Nothing yet."""
        self.reads = 0
        self.writes = 0


class MeteredRecords(Generic[R]):
    """Records, counted."""

    __slots__ = ("_added", "_changed", "_get", "_inner", "_tally", "_update")

    def __init__(
        self,
        inner: Records[R, Any, Any],
        tally: Tally,
        added: Callable[[R], object] | None = None,
        changed: Callable[[R, R], object] | None = None,
    ) -> None:
        """Args: the store; the count; who is told of records that were added, or changed (before and after)."""
        self._inner = inner
        self._tally = tally
        self._added = added
        self._changed = changed
        self._get = inner.get
        self._update = inner.update

    def add(self, record: R) -> bool:
        """One write."""
        self._tally.writes += 1
        new = self._inner.add(record)
        if new and self._added is not None:
            self._added(record)
        return new

    def get(self, key: str) -> R | None:
        """One read; consistent, so it counts twice."""
        self._tally.reads += 2
        return self._get(key)

    def update(self, key: str, when: Mapping[str, object], change: Mapping[str, object]) -> R:
        """One write."""
        self._tally.writes += 1
        if self._changed is None:
            return self._update(key, when, change)
        before = self._get(key)
        after = self._update(key, when, change)
        if before is not None:
            self._changed(before, after)
        return after

    def written(self, before: R | None, after: R) -> None:
        """Another way of writing has done this, which is counted elsewhere: tell who is to be told."""
        if before is None and self._added is not None:
            self._added(after)
        elif before is not None and self._changed is not None:
            self._changed(before, after)

    def page(self, index: str, value: str, *, limit: int = 100, cursor: str | None = None) -> Page[R]:
        """A read for every four records, which are about a kilobyte each."""
        page = self._inner.page(index, value, limit=limit, cursor=cursor)
        self._tally.reads += 1 + len(page.items) // 4
        return page

    def remove(self, key: str) -> bool:
        """One write."""
        self._tally.writes += 1
        return self._inner.remove(key)


class MeteredTogether:
    """Several writes in one step, counted twice each, as DynamoDB's transactions are."""

    def __init__(self, table: Table, metered: Mapping[str, MeteredRecords[Any]], tally: Tally) -> None:
        """Args: the table itself; its counted stores; the count."""
        self._inner = table.together
        self._stores = stores_in(table)
        self._metered = metered
        self._tally = tally

    def write(self, writes: Sequence[Write]) -> bool:
        """Carry out every write, or none. It is the table's own step, for dispatchers may be threads."""
        self._tally.writes += 2 * len(writes)
        done = witnessed(self._inner, self._stores, writes)
        for write, before, after in done or ():
            if after is not None:
                self._metered[write.kind.prefix].written(before, after)
        return done is not None


def metered(
    table: Table,
    tally: Tally,
    added: Mapping[str, Callable[[Any], object]],
    changed: Mapping[str, Callable[[Any, Any], object]],
) -> Table:
    """The whole table, counted. `added` names by kind who is told of new records, `changed` of those that changed."""
    stores = {
        prefix: MeteredRecords(store, tally, added.get(NAMES[prefix]), changed.get(NAMES[prefix]))
        for prefix, store in stores_in(table).items()
    }
    return table_of(stores, MeteredTogether(table, stores, tally))


class WatchedMachines:
    """The cloud as the fleet sees it, with somebody who is told of machines that are started."""

    def __init__(
        self,
        cloud: SimulatedCloud,
        launched: Callable[[LaunchRequest, Sequence[Machine]], object],
        refused: Callable[[LaunchRequest], object],
        started: Callable[[Mapping[str, StartOutcome]], object],
    ) -> None:
        """Args: the cloud; who is told of new machines, with the request, in the order in which the cloud named them.

        `refused` is told of requests that gave none, `started` what came of waking machines.
        """
        self._cloud = cloud
        self._launched = launched
        self._refused = refused
        self._started = started

    def offers(self, spec: RunnerSpec) -> Sequence[Offer]:
        """As the cloud says."""
        return self._cloud.offers(spec)

    def launch(self, request: LaunchRequest) -> LaunchOutcome:
        """Start machines; a repetition starts none."""
        before = len(self._cloud.log)
        outcome = self._cloud.launch(request)
        if len(self._cloud.log) > before:
            self._launched(request, outcome.machines)
        elif not outcome.machines:
            self._refused(request)
        return outcome

    def describe(self, ids: Sequence[str]) -> Mapping[str, Machine]:
        """As the cloud says."""
        return self._cloud.describe(ids)

    def page(self, *, cursor: str | None = None) -> Page[Machine]:
        """As the cloud says."""
        return self._cloud.page(cursor=cursor)

    def terminate(self, ids: Sequence[str]) -> None:
        """End machines."""
        self._cloud.terminate(ids)

    def stop(self, ids: Sequence[str]) -> None:
        """Let machines sleep."""
        self._cloud.stop(ids)

    def start(self, ids: Sequence[str]) -> Mapping[str, StartOutcome]:
        """Wake machines."""
        outcomes = self._cloud.start(ids)
        self._started(outcomes)
        return outcomes


class KeptDecisions(MemoryDecisions):
    """Decisions of a simulation: each is looked at as it is made. ``count`` is how many there were.

    ``wrong`` is told of a decision that has no reason, or tells of a fault of ours; ``delivered`` of each subject that
    is a delivery.
    """

    def __init__(self) -> None:
        """Empty at first."""
        super().__init__()
        self.wrong: Callable[[Decision], object] = id
        self.delivered: Callable[[str], object] = id
        self.count = 0

    def append(self, decisions: Sequence[Decision]) -> None:
        """Keep the decisions, in this order. One thread."""
        about = self._about
        for decision in decisions:
            self.count += 1
            known = about.get(decision.subject)
            if known is None:
                known = about[decision.subject] = []
                if decision.subject.startswith("delivery:"):
                    self.delivered(decision.subject)
            known.append(decision)
            if not decision.reason or not decision.verdict or decision.verdict == "fault":
                self.wrong(decision)


def control_cost(tally: Tally, messages: int, invocations: int, billed: Span, memory: int) -> MicroDollars:
    """What the control plane costs at list prices: table, queues, functions of `memory` MiB that ran for `billed`."""
    counted = ((tally.writes, WRITE), (tally.reads, READ), (messages, MESSAGE), (invocations, INVOCATION))
    ran = billed * memory * GB_SECOND // (1024 * SECOND)
    return (sum(count * price for count, price in counted) + ran) // _MILLION
