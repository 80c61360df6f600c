"""Processes that remember circuits and shortages, and hear of each other's changes through the switch record."""

from collections import Counter
from collections.abc import Callable, Mapping
from threading import Thread
from typing import Any, cast

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from paddock.adapters.advice import Advice, remembering, telling
from paddock.adapters.memory.bundles import memory_table
from paddock.adapters.memory.records import MemoryRecords
from paddock.adapters.memory.system import ManualClock, SequentialIds
from paddock.adapters.tables import AnyRecords, stores_of
from paddock.core.circuit import Circuit
from paddock.core.errors import AccessDenied, Conflict, NotFound, Throttled, Unavailable
from paddock.core.ports.records import Page
from paddock.core.records import CIRCUITS, SHORTAGES, SWITCHES, Kind
from paddock.core.shortage import Shortage
from paddock.core.spec import Market
from paddock.core.switch import PAUSED, Advised, Switch
from paddock.core.units import MINUTE, SECOND, Moment, Span
from paddock.entrypoints.aws_lambda.factories import make_records

NOON: Moment = 1_795_348_800 * SECOND
C, S, W = CIRCUITS.prefix, SHORTAGES.prefix, SWITCHES.prefix
RECORDS: Mapping[str, Any] = {
    C: Circuit("us-east-1a", "m7g.large"),
    S: Shortage("us-east-1a", "m7g.large", Market.SPOT, "InsufficientInstanceCapacity", until=5),
}
FIELD: Mapping[str, Mapping[str, object]] = {C: {"avoidances": 1}, S: {"until": 9}}


class Watched(MemoryRecords[Any]):
    """A store whose calls are written down, whose index is behind, and which may fail."""

    def __init__(self, kind: Kind[Any], calls: list[str], now: Callable[[], Moment], lag: Span) -> None:
        super().__init__(kind)
        self._name = kind.prefix
        self._calls = calls
        self._time = now
        self._lag = lag
        self._added: dict[str, Moment] = {}
        self.fails: Exception | None = None
        self.before_add: Callable[[], object] | None = None

    def add(self, record: Any) -> bool:  # noqa: ANN401 - of any kind
        """See the port."""
        self._called("add")
        if self.before_add is not None:
            self.before_add()
        self._added.setdefault(record.key, self._time())
        return super().add(record)

    def get(self, key: str) -> Any:  # noqa: ANN401 - of any kind
        """See the port."""
        self._called("get")
        return super().get(key)

    def update(self, key: str, when: Mapping[str, object], change: Mapping[str, object]) -> Any:  # noqa: ANN401 - of any kind
        """See the port."""
        self._called("update")
        return super().update(key, when, change)

    def page(self, index: str, value: str, *, limit: int = 100, cursor: str | None = None) -> Page[Any]:
        """See the port."""
        self._called("page")
        page = super().page(index, value, limit=limit, cursor=cursor)
        seen = self._time() - self._lag
        return attrs.evolve(page, items=tuple(one for one in page.items if self._added[one.key] <= seen))

    def remove(self, key: str) -> bool:
        """See the port."""
        self._called("remove")
        return super().remove(key)

    def _called(self, method: str) -> None:
        self._calls.append(f"{self._name}.{method}")
        if self.fails is not None:
            raise self.fails


@attrs.frozen
class Skewed:
    """A clock that is wrong by so much."""

    right: ManualClock
    by: Span

    def now(self) -> Moment:
        """What it shows."""
        return self.right.now() + self.by


class World:
    """One table, and processes on it. ``calls`` are those that reach the table."""

    def __init__(self, lag: Span = 0) -> None:
        self.clock = ManualClock(NOON)
        self.ids = SequentialIds()
        self.calls: list[str] = []
        self.stores = stores_of(lambda kind: Watched(kind, self.calls, self.clock.now, lag))

    def process(self, skew: Span = 0) -> dict[str, AnyRecords]:
        """One that lasts."""
        return remembering(self.stores, Skewed(self.clock, skew), self.ids)

    def operator(self) -> dict[str, AnyRecords]:
        """One that does one thing and ends."""
        return telling(self.stores, self.clock, self.ids)

    def asked(self) -> Counter[str]:
        """What the table was asked since the last question."""
        counted = Counter(self.calls)
        self.calls.clear()
        return counted

    @property
    def switch(self) -> Switch | None:
        """The record as it stands."""
        return MemoryRecords.get(self.stores[W], PAUSED)


def listed(process: Mapping[str, AnyRecords], kind: str) -> tuple[str, ...]:
    """The keys of all that the process knows of."""
    return tuple(one.key for one in process[kind].page("all", "all").items)


def dispatch(process: Mapping[str, AnyRecords]) -> None:
    """What is asked for with each job."""
    process[W].get(PAUSED)
    listed(process, S)
    listed(process, C)


# -- who reads ---------------------------------------------------------------------------------------------------


def test_a_warm_process_asks_one_thing_for_a_job() -> None:
    """About the pause; nothing if it did so less than ten seconds ago; and all of it every five minutes."""
    world = World()
    process = world.process()
    dispatch(process)
    assert world.asked() == {f"{W}.get": 1, f"{S}.page": 1, f"{C}.page": 1}
    for _ in range(9):
        world.clock.advance(30 * SECOND)
        dispatch(process)
        assert world.asked() == {f"{W}.get": 1}
    world.clock.advance(10 * SECOND - 1)
    dispatch(process)
    assert world.asked() == {}
    world.clock.advance(20 * SECOND + 1)
    dispatch(process)
    assert world.asked() == {f"{W}.get": 1, f"{S}.page": 1, f"{C}.page": 1}


def test_the_functions_of_a_stack_do() -> None:
    """Their table is made like that."""
    world = World()
    table = make_records(cast("Any", world.stores), cast("Any", memory_table().together), world.clock, world.ids)
    process: dict[str, AnyRecords] = {W: table.switches, S: table.shortages, C: table.circuits}
    dispatch(process)
    world.clock.advance(MINUTE)
    world.asked()
    dispatch(process)
    assert world.asked() == {f"{W}.get": 1}


@pytest.mark.parametrize("kind", [C, S])
@pytest.mark.parametrize("by", ["operator", "process"])
def test_a_change_is_heard_of_everywhere_within_ten_seconds(kind: str, by: str) -> None:
    """Whoever makes it. It sees it at once itself."""
    world = World()
    reader = world.process()
    writer = world.operator() if by == "operator" else world.process()
    dispatch(reader)
    world.clock.advance(MINUTE)
    dispatch(reader)
    assert writer[kind].add(RECORDS[kind])
    assert listed(writer, kind) == (RECORDS[kind].key,)
    world.clock.advance(10 * SECOND - 1)
    assert listed(reader, kind) == ()
    world.clock.advance(1)
    assert listed(reader, kind) == (RECORDS[kind].key,)


SPANS = st.sampled_from([0, 1, SECOND, 3 * SECOND, 10 * SECOND - 1, 10 * SECOND, 31 * SECOND, 4 * MINUTE])
ACTS = st.tuples(st.integers(0, 2), st.sampled_from(["write", "list"]), SPANS)


@given(st.lists(ACTS, max_size=40), st.lists(st.integers(-5, 5), min_size=3, max_size=3), st.integers(0, 5))
def test_nothing_stays_unheard_of(acts: list[tuple[int, str, Span]], skews: list[int], lag: int) -> None:
    """Whoever writes and lists when, with clocks that differ and an index that is behind by seconds."""
    world = World(lag * SECOND)
    processes = [world.process(skew * SECOND) for skew in skews]
    written: dict[str, Moment] = {}
    for number, act, span in acts:
        if act == "write":
            record = attrs.evolve(RECORDS[C], zone=f"z{len(written)}")
            processes[number][C].add(record)
            written[record.key] = world.clock.now()
        else:
            long_ago = world.clock.now() - (10 + lag) * SECOND
            assert {key for key, at in written.items() if at <= long_ago} <= set(listed(processes[number], C))
        world.clock.advance(span)


def test_threads_of_several_processes_lose_nothing() -> None:
    """They write and list as fast as they can; ten seconds later each process knows of all of it."""
    world = World()
    processes = [world.process() for _ in range(2)]

    def work(process: dict[str, AnyRecords], name: int) -> None:
        for number in range(25):
            process[C].add(attrs.evolve(RECORDS[C], zone=f"z{name}-{number}"))
            listed(process, C)

    threads = [Thread(target=work, args=(processes[name % 2], name)) for name in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    world.clock.advance(10 * SECOND)
    assert [len(listed(process, C)) for process in processes] == [100, 100]


def test_a_pause_is_remembered_by_nobody() -> None:
    """Who resumes the fleet wakes its jobs at once, and a dispatcher that remembered would put them off once more."""
    world = World()
    switches = world.process()[W]
    assert switches.get(PAUSED) is None
    paused = Switch(PAUSED, on=True, at=0)
    world.stores[W].add(paused)
    world.clock.advance(10 * SECOND)
    assert switches.get(PAUSED) == paused
    world.stores[W].update(PAUSED, {}, {"on": False})
    assert switches.get(PAUSED) == attrs.evolve(paused, on=False)


# -- who tells ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [C, S])
@pytest.mark.parametrize("last", ["add", "update", "remove"])
def test_each_change_is_told_when_it_is_made(kind: str, last: str) -> None:
    """Not before: whoever heard of it too early would list without it, and be content."""
    world = World()
    record = RECORDS[kind]
    world.stores[W].add(Switch(PAUSED, on=False, at=0))
    if last != "add":
        world.stores[kind].add(record)
    world.calls.clear()
    changes: Mapping[str, Callable[[AnyRecords], object]] = {
        "add": lambda store: store.add(record),
        "update": lambda store: store.update(record.key, {}, FIELD[kind]),
        "remove": lambda store: store.remove(record.key),
    }
    changes[last](world.process()[kind])
    assert world.calls == [f"{kind}.{last}", f"{W}.update"]
    assert world.switch == Switch(PAUSED, on=False, at=0, advised=Advised(NOON, f"{1:032x}"))


def test_what_was_not_done_is_not_told() -> None:
    """A key that was taken, a record that did not match or is not there, a table that did not answer."""
    world = World()
    store = world.process()[C]
    world.stores[C].add(RECORDS[C])
    assert not store.add(RECORDS[C])
    with pytest.raises(Conflict):
        store.update(RECORDS[C].key, {"avoidances": 7}, FIELD[C])
    with pytest.raises(NotFound):
        store.update("a/b", {}, FIELD[C])
    assert not store.remove("a/b")
    world.stores[C].fails = Unavailable("away")
    with pytest.raises(Unavailable):
        store.remove(RECORDS[C].key)
    assert (world.switch, world.asked()[f"{W}.update"]) == (None, 0)


def test_one_who_changes_much_tells_it_once() -> None:
    """In ten seconds. So a launch that finds twenty offers without capacity makes one request more, and not twenty."""
    world = World()
    process = world.process()
    for number in range(20):
        process[S].add(attrs.evolve(RECORDS[S], zone=f"z{number}"))
    process[C].add(RECORDS[C])
    assert world.asked() == {f"{S}.add": 20, f"{C}.add": 1, f"{W}.update": 1, f"{W}.add": 1}
    world.clock.advance(10 * SECOND)
    process[C].update(RECORDS[C].key, {}, FIELD[C])
    assert world.asked() == {f"{C}.update": 1, f"{W}.update": 1}


def test_a_clock_that_was_set_back_silences_nobody() -> None:
    """Else nothing would be told until it has caught up."""
    world = World()
    process = world.process()
    process[C].add(RECORDS[C])
    told = world.switch
    world.clock.advance(-MINUTE)
    process[C].update(RECORDS[C].key, {}, FIELD[C])
    assert told != world.switch


def test_two_who_tell_at_the_same_moment_are_told_apart() -> None:
    """By their words."""
    world = World()
    told = []
    for zone in "ab":
        world.operator()[C].add(attrs.evolve(RECORDS[C], zone=zone))
        assert world.switch is not None
        told.append(world.switch.advised)
    first, second = told
    assert first is not None
    assert second is not None
    assert (first.at == second.at, first == second) == (True, False)


@pytest.mark.parametrize("on", [True, False])
def test_telling_leaves_the_pause_as_it_is(on: bool) -> None:  # noqa: FBT001 - a case
    """Also if the record is made by another one in that moment."""
    world = World()
    switch = Switch(PAUSED, on=on, at=1, reason="new image")

    def faster() -> None:
        world.stores[W].before_add = None
        world.stores[W].add(switch)

    world.stores[W].before_add = faster
    world.operator()[C].add(RECORDS[C])
    assert world.switch == attrs.evolve(switch, advised=Advised(NOON, f"{1:032x}"))


def test_without_any_switch_the_fleet_is_not_paused() -> None:
    """The record is made to tell, and says no more."""
    world = World()
    world.operator()[C].add(RECORDS[C])
    assert world.switch == Switch(PAUSED, on=False, at=NOON, advised=Advised(NOON, f"{1:032x}"))


@pytest.mark.parametrize(
    "error", [Unavailable("away"), Throttled("slow down", SECOND), AccessDenied("no"), ValueError("a fault")], ids=str
)
def test_what_cannot_be_told_is_done_all_the_same(error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    """And logged. The next change is told, however soon it comes."""
    world = World()
    process = world.process()
    world.stores[W].fails = error
    assert process[C].add(RECORDS[C])
    (line,) = caplog.records
    assert line.levelname == "WARNING"
    assert f"{type(error).__name__}: {error}" in line.getMessage()
    world.stores[W].fails = None
    process[C].update(RECORDS[C].key, {}, FIELD[C])
    assert world.switch is not None
    assert len(caplog.records) == 1


def test_whoever_asks_and_cannot_hear_is_told_so() -> None:
    """`RememberedListings` knows what to do then."""
    world = World()
    world.stores[W].fails = Unavailable("away")
    with pytest.raises(Unavailable):
        Advice(cast("Any", world.stores[W]), world.clock, world.ids).last()
    assert listed(world.process(), C) == ()
