"""What jobs cost at DynamoDB: the requests of a fleet, each priced in units by the sizes of the items it touches.

A write is a unit for each begun kilobyte of the item, before or after it, whichever is larger, also where its condition
fails; and one for each entry that it puts into an index or takes out (a change of value is both). A consistent read is
a unit for each begun 4 KB, a listing of keys half of that. Source: "DynamoDB on-demand capacity mode" and "Read and
write operations" in Amazon's developer guide. A step of several is double in the table, and not in its indexes, which
come after it by themselves: the guide is silent on that, and others measured it on DynamoDB (nubo-db/dynoxide, pull
request 188).
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial
from typing import Any, Final

import attrs

from paddock.adapters.advice import remembering
from paddock.adapters.aws.dynamodb.assignments import DynamoAssignments
from paddock.adapters.aws.dynamodb.definition import INDEXES, PARTITION, PLACE, SORT
from paddock.adapters.aws.dynamodb.items import Items
from paddock.adapters.aws.dynamodb.values import Item
from paddock.adapters.memory import ManualClock
from paddock.adapters.memory.github import JobScript
from paddock.adapters.simulation.draws import always
from paddock.adapters.simulation.parameters import AT_ONCE
from paddock.adapters.simulation.small_cloud import SmallCloud
from paddock.adapters.simulation.world import Simulation
from paddock.adapters.tables import NAMES, stores_in
from paddock.core.errors import Conflict, NotFound
from paddock.core.messages import Assignment
from paddock.core.ports.assignments import AssignmentReceipt
from paddock.core.ports.handover import Handover
from paddock.core.ports.records import Page
from paddock.core.ports.together import Together, Write
from paddock.core.records import KINDS, Kind
from paddock.core.settings import FleetSettings
from paddock.core.states import RunnerState
from paddock.core.units import DAY, HOUR, MINUTE, SECOND
from tests.agent.jit_secret import jit_config

ROLE_ID: Final = "AROAEXAMPLEEXAMPLE123"
KB: Final = 1_024
REPOSITORY: Final = "octo-org/octo-repository"
LABEL: Final = "paddock/cpu=4/arch=arm64/family=m7g+c7g"
HOSTS: Final = attrs.evolve(
    AT_ONCE.hosts, prepare=always(SECOND // 2), handshake=always(3 * SECOND), leave=always(SECOND)
)
START: Final = 1_795_348_800 * SECOND

# Micro-dollars for a million units, on demand, us-east-1.
WRITE, READ = 625_000, 125_000


def size(item: Item) -> int:
    """Bytes of an item: names and values; a number is a byte for two digits, and one more."""
    return sum(len(name) + _value(value) for name, value in item.items())


def _value(value: Mapping[str, Any]) -> int:
    ((kind, content),) = value.items()
    if kind in {"S", "B"}:
        return len(content.encode() if kind == "S" else content)
    return (len(content.lstrip("-")) + 1) // 2 + 1 if kind == "N" else 1


def entries(item: Item) -> dict[str, tuple[Any, Any]]:
    """Where the item stands in the indexes."""
    return {name: (item[name], item[PLACE]) for name in INDEXES.values() if name in item}


def written(before: Item, after: Item) -> int:
    """The units of a write; an empty item is none."""
    return max(1, -(-max(size(before), size(after)) // KB)) + moved(before, after)


def moved(before: Item, after: Item) -> int:
    """Those of them in the indexes."""
    old, new = entries(before), entries(after)
    return sum((name in old) + (name in new) for name in {*old, *new} if old.get(name) != new.get(name))


def read(item: Item) -> int:
    """The units of a consistent read."""
    return max(1, -(-size(item) // (4 * KB)))


@attrs.frozen
class Line:
    """A write: in which step, of what, its item's bytes, and its units in the table and in the indexes."""

    step: str
    record: str
    size: int
    table: int
    index: int


@attrs.define
class Account:
    """By store and method: requests, units of writing, those of them in indexes, halves of units of reading.

    ``vain`` are the writes that came to nothing, ``lines`` all of them in their order.
    """

    calls: Counter[str] = attrs.field(factory=Counter)
    writes: Counter[str] = attrs.field(factory=Counter)
    moves: Counter[str] = attrs.field(factory=Counter)
    halves: Counter[str] = attrs.field(factory=Counter)
    vain: Counter[str] = attrs.field(factory=Counter)
    lines: list[Line] = attrs.field(factory=list)

    def wrote(self, what: str, before: Item, after: Item) -> None:
        """One write."""
        self.calls[what] += 1
        self.wrote_in(what, what, before, after, 1)

    def wrote_in(self, step: str, what: str, before: Item, after: Item, times: int) -> None:
        """A write in a step, which costs so many times its own price in the table."""
        index = moved(before, after)
        table = times * (written(before, after) - index)
        self.writes[what] += table + index
        self.moves[what] += index
        self.lines.append(Line(step, what.rpartition(".")[2], max(size(before), size(after)), table, index))

    def looked(self, what: str, item: Item) -> None:
        """One consistent read."""
        self.calls[what] += 1
        self.halves[what] += 2 * read(item)

    def listed(self, what: str, items: Sequence[Item]) -> None:
        """One listing: the keys, and the records in batches of a hundred."""
        keys = sum(size({name: item[name] for name in (PARTITION, SORT, PLACE)}) + 40 for item in items)
        self.calls[what] += 1 + -(-len(items) // 100)
        self.halves[what] += max(1, -(-keys // (4 * KB))) + sum(2 * read(item) for item in items)

    def clear(self) -> None:
        """Count from here on."""
        for counter in (self.calls, self.writes, self.moves, self.halves, self.vain, self.lines):
            counter.clear()

    def dollars(self, jobs: int) -> float:
        """What a million jobs cost, if these were so many; micro-dollars add up, dollars are shown."""
        return (sum(self.writes.values()) * WRITE + sum(self.halves.values()) * READ // 2) / jobs / 1e6


class PricedRecords:
    """The records of a kind, and DynamoDB's price of whatever is done with them."""

    def __init__(self, name: str, kind: Kind[Any], inner: Any, account: Account) -> None:  # noqa: ANN401 - any store
        self._name = name
        self._items: Items[Any] = Items(kind)
        self._inner = inner
        self._account = account

    def _item(self, key: str) -> Item:
        record = self._inner.get(key)
        return {} if record is None else self._items.item(record, START, "0" * 12)

    def add(self, record: Any) -> bool:  # noqa: ANN401 - of any kind
        """See the port."""
        before = self._item(record.key)
        added: bool = self._inner.add(record)
        self._account.wrote(f"{self._name}.add", before, self._item(record.key))
        self._account.vain[f"{self._name}.add"] += not added
        return added

    def get(self, key: str) -> Any:  # noqa: ANN401 - of any kind
        """See the port."""
        self._account.looked(f"{self._name}.get", self._item(key))
        return self._inner.get(key)

    def update(self, key: str, when: Mapping[str, object], change: Mapping[str, object]) -> Any:  # noqa: ANN401 - of any kind
        """See the port."""
        before = self._item(key)
        try:
            return self._inner.update(key, when, change)
        except (Conflict, NotFound):
            self._account.vain[f"{self._name}.update"] += 1
            raise
        finally:
            self._account.wrote(f"{self._name}.update", before, self._item(key))

    def page(self, index: str, value: str, *, limit: int = 100, cursor: str | None = None) -> Page[Any]:
        """See the port."""
        page: Page[Any] = self._inner.page(index, value, limit=limit, cursor=cursor)
        self._account.listed(f"{self._name}.page", [self._item(record.key) for record in page.items])
        return page

    def remove(self, key: str) -> bool:
        """See the port. What ended is not removed: DynamoDB forgets it, and asks nothing for that."""
        removed: bool = self._inner.remove(key)
        return removed


class PricedTogether:
    """Several records in one step, and DynamoDB's price: double, if it is more than one."""

    def __init__(self, stores: Callable[[], Mapping[str, Any]], inner: Together, account: Account) -> None:
        self._stores = stores
        self._inner = inner
        self._account = account

    def _item(self, write: Write) -> Item:
        record = self._stores()[write.kind.prefix].get(write.key)
        return {} if record is None else Items(write.kind).item(record, START, "0" * 12)

    def write(self, writes: Sequence[Write]) -> bool:
        """See the port."""
        return self.priced("together" if len(writes) > 1 else "alone", writes, lambda: self._inner.write(writes))

    def priced(self, what: str, writes: Sequence[Write], carry_out: Callable[[], bool]) -> bool:
        """Carry them out in one request."""
        before = [self._item(write) for write in writes]
        done = carry_out()
        after = [self._item(write) for write in writes]
        step = ", ".join(dict.fromkeys(_named(*each) for each in zip(writes, after, strict=True)))
        for write, old, new in zip(writes, before, after, strict=True):
            self._account.wrote_in(step, f"{what}.{write.kind.prefix}", old, new, 1 if what == "alone" else 2)
        self._account.calls[what] += 1
        self._account.vain[what] += not done
        return done


def _named(write: Write, after: Item) -> str:
    state = after.get("state", {}).get("S")
    return f"{write.kind.prefix.lower()} {state or 'written'}"


class PricedHandover:
    """Machines handed over, and DynamoDB's price; what machines do with their orders is counted, too."""

    def __init__(self, records: PricedTogether, inner: Handover, account: Account) -> None:
        self._records = records
        self._inner = inner
        self._account = account

    def give(self, machines: Sequence[Write], orders: Sequence[Assignment], jobs: Sequence[Write]) -> bool:
        """See the port. Each machine takes its orders unread, when it has booted."""
        done = self._records.priced("give", [*machines, *jobs], lambda: self._inner.give(machines, orders, jobs))
        for one in orders:
            full = assigned(one)
            bare = {name: value for name, value in full.items() if name != "body"}
            self._account.wrote_in("orders put, in that same step", "give.ASSIGNMENT", {}, full, 2)
            self._account.calls["machine.take"] += 1
            self._account.wrote_in("machine takes its orders", "machine.ASSIGNMENT", full, bare, 1)
        return done

    def close(self, writes: Sequence[Write], machines: Sequence[str]) -> bool:
        """See the port."""
        return self._records.priced("close", writes, lambda: self._inner.close(writes, machines))


class PricedAssignments:
    """Assignments, and DynamoDB's price of what is asked of them one by one."""

    def __init__(self, inner: Any, account: Account) -> None:  # noqa: ANN401 - any store
        self._inner = inner
        self._account = account

    def put(self, assignment: Assignment) -> AssignmentReceipt:
        """See the port."""
        receipt: AssignmentReceipt = self._inner.put(assignment)
        self._account.wrote("assignments.put", {}, assigned(assignment))
        return receipt

    def get(self, machine: str) -> AssignmentReceipt | None:
        """See the port."""
        self._account.looked("assignments.get", {})
        found: AssignmentReceipt | None = self._inner.get(machine)
        return found

    def delete(self, machine: str) -> None:
        """See the port."""
        self._account.wrote("assignments.delete", {}, {})
        self._inner.delete(machine)


class Warm:
    """One of the stores of a process that lasts, which are made when all of the table is known."""

    def __init__(self, made: Callable[[], Any]) -> None:
        self._made = made

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever a store has
        return getattr(self._made(), name)


def assigned(assignment: Assignment) -> Item:
    """The item of an assignment, as the adapter makes it without asking a table, with a secret as real ones are."""
    secret = jit_config(assignment.runner_name, assignment.runner_id, seed=assignment.job_id)
    table: Any = None
    ours = DynamoAssignments(table, ROLE_ID, ManualClock(assignment.created_at))
    item: Item = ours.given(attrs.evolve(assignment, jit_config=secret))["Put"]["Item"]
    return item


def priced(jobs: int) -> Account:
    """The account of so many jobs of one run, from their webhooks to the bills of their machines.

    Nothing goes wrong. The functions are warm: another job was served some minutes before. The sweep closes the
    machines' records; what else it asks is by the minute, not by the job.

    Raises:
        RuntimeError: it did not go as planned.
    """
    account = Account()
    kinds: dict[str, Kind[Any]] = {NAMES[kind.prefix]: kind for kind in KINDS}
    stores: dict[str, Any] = {}

    @cache
    def warm() -> dict[str, Any]:
        return remembering(stores, sim.timeline, sim.ids)

    def around(name: str, port: Any) -> Any:  # noqa: ANN401 - any port
        if name == "assignments":
            return PricedAssignments(port, account)
        place, _, store = name.partition(".")
        if name == "table.together":
            return PricedTogether(lambda: stores_in(sim.table), port, account)
        if name == "handover":
            return PricedHandover(PricedTogether(lambda: stores_in(sim.table), port, account), port, account)
        if place != "table":
            return port
        prefix = kinds[store].prefix
        stores[prefix] = PricedRecords(store, kinds[store], port, account)
        return Warm(lambda: warm()[prefix])

    sim = Simulation(
        settings=FleetSettings(repositories=(REPOSITORY,)),
        parameters=attrs.evolve(AT_ONCE, hosts=HOSTS, keep=365 * DAY, one_table=True),
        notices=lambda _: (),
        cloud=partial(SmallCloud, start=always(10 * SECOND), boot=always(10 * SECOND)),
        start=START,
        around=around,
    )
    for schedule in sim.processes.schedules:
        schedule.on = False
    sim.github.add_repository(REPOSITORY)
    before = sim.github.start_run(REPOSITORY, [JobScript("build", (LABEL,))]).jobs
    sim.jobs.watch()
    sim.events.watch()
    sim.timeline.run(START + 2 * MINUTE)
    sim.fleet.house.sweep()
    sim.timeline.run(START + 3 * MINUTE)
    account.clear()
    scripts = [JobScript(f"build (ubuntu-24.04, 3.{number})", (LABEL,)) for number in range(jobs)]
    asked = [*before, *sim.github.start_run(REPOSITORY, scripts).jobs]
    sim.timeline.run(START + HOUR)
    by_then = attrs.evolve(account, calls=account.calls.copy(), halves=account.halves.copy())
    sim.fleet.house.sweep()
    by_then.calls["close"] = account.calls["close"]
    account = attrs.evolve(account, calls=by_then.calls, halves=by_then.halves)
    ended = [sim.table.jobs.get(str(job)) for job in asked]
    machines = [sim.table.runners.get(job.machine or "") for job in ended if job is not None]
    gone = [machine and machine.state for machine in machines]
    if [job and job.conclusion for job in ended] != ["success"] * (jobs + 1) or gone != [RunnerState.GONE] * (jobs + 1):
        raise RuntimeError(f"it did not go as planned: {ended}, {gone}")
    return account
