"""What is remembered of records that hardly ever change."""

from collections.abc import Callable
from typing import Any, cast

import attrs
import pytest

from paddock.adapters.memory.bundles import memory_table
from paddock.adapters.memory.records import MemoryRecords
from paddock.adapters.memory.system import ManualClock
from paddock.adapters.remembered import RememberedRecords
from paddock.adapters.tables import stores_of
from paddock.core.errors import Unavailable
from paddock.core.ports.records import Page
from paddock.core.records import SHORTAGES
from paddock.core.shortage import Shortage
from paddock.core.spec import Market
from paddock.core.switch import PAUSED, Switch
from paddock.core.units import SECOND
from paddock.entrypoints.aws_lambda.factories import make_records

NONE = Shortage("us-east-1a", "m7g.large", Market.SPOT, "InsufficientInstanceCapacity", until=5)
OTHER = attrs.evolve(NONE, zone="us-east-1b")


class Counting(MemoryRecords[Shortage]):
    """A store that counts how often it is read, and fails when it is told to."""

    reads = 0
    away = False

    def get(self, key: str) -> Shortage | None:
        """See the port."""
        self._read()
        return super().get(key)

    def page(self, index: str, value: str, *, limit: int = 100, cursor: str | None = None) -> Page[Shortage]:
        """See the port."""
        self._read()
        return super().page(index, value, limit=limit, cursor=cursor)

    def _read(self) -> None:
        self.reads += 1
        if self.away:
            raise Unavailable("away")


@attrs.define
class World:
    """A store, what is remembered of it, and the time."""

    store: Counting = attrs.field(factory=lambda: Counting(SHORTAGES))
    clock: ManualClock = attrs.field(factory=ManualClock)

    def remembered(self, *, single: bool = False) -> RememberedRecords[Shortage]:
        """For ten seconds."""
        return RememberedRecords(self.store, self.clock, 10 * SECOND, single=single)


def listed(records: RememberedRecords[Shortage]) -> tuple[Shortage, ...]:
    """All of them."""
    return records.page("all", "all").items


def test_a_listing_is_asked_for_once_in_its_time() -> None:
    """What others write is seen when the time is over, not before."""
    world = World()
    records = world.remembered()
    assert listed(records) == ()
    world.store.add(NONE)
    world.clock.advance(10 * SECOND - 1)
    assert (listed(records), world.store.reads) == ((), 1)
    world.clock.advance(1)
    assert (listed(records), world.store.reads) == ((NONE,), 2)


def test_a_clock_that_is_set_back_makes_nothing_last() -> None:
    """Else a wrong minute would be believed until it comes round again."""
    world = World()
    records = world.remembered()
    listed(records)
    world.store.add(NONE)
    world.clock.advance(-SECOND)
    assert listed(records) == (NONE,)


@pytest.mark.parametrize(
    "write",
    [
        lambda records: records.add(OTHER),
        lambda records: records.update(NONE.key, {}, {"until": 9}),
        lambda records: records.remove(NONE.key),
    ],
    ids=["add", "update", "remove"],
)
def test_who_writes_sees_it_at_once(write: Callable[[Any], object]) -> None:
    """In listings and one by one."""
    world = World()
    world.store.add(NONE)
    records = world.remembered(single=True)
    assert (listed(records), records.get(NONE.key)) == ((NONE,), NONE)
    write(records)
    assert listed(records) == MemoryRecords.page(world.store, "all", "all").items
    assert records.get(NONE.key) == MemoryRecords.get(world.store, NONE.key)


def test_one_record_is_remembered_only_where_that_was_asked_for() -> None:
    """Whoever decides on it what to write must see it as it is. None is an answer, too."""
    world = World()
    fresh, remembered = world.remembered(), world.remembered(single=True)
    assert (fresh.get(NONE.key), remembered.get(NONE.key)) == (None, None)
    world.store.add(NONE)
    assert (fresh.get(NONE.key), remembered.get(NONE.key)) == (NONE, None)
    world.clock.advance(10 * SECOND)
    assert remembered.get(NONE.key) == NONE


def test_each_page_is_another_answer() -> None:
    """By its limit and its cursor."""
    world = World()
    world.store.add(NONE)
    world.store.add(OTHER)
    records = world.remembered()
    first = records.page("all", "all", limit=1)
    assert records.page("all", "all", limit=1, cursor=first.cursor).items == (OTHER,)
    assert records.page("all", "all", limit=1) == first
    assert world.store.reads == 2


def test_what_failed_is_not_remembered() -> None:
    """And what was known before is not given for it: too old is too old."""
    world = World()
    records = world.remembered()
    listed(records)
    world.clock.advance(10 * SECOND)
    world.store.away = True
    with pytest.raises(Unavailable):
        listed(records)
    world.store.away = False
    assert listed(records) == ()


def test_what_is_remembered_has_a_bound() -> None:
    """Whatever is asked for."""
    world = World()
    records = world.remembered(single=True)
    for number in range(250):
        records.get(f"{number}")
        records.page("all", "all", limit=number + 1)
    assert len(records._pages) <= 100
    assert len(records._records) <= 100


def test_a_pause_is_remembered_by_nobody() -> None:
    """Who resumes the fleet wakes its jobs at once, and a dispatcher that remembered would put them off once more."""
    stores: Any = stores_of(MemoryRecords)
    table, clock = memory_table(), ManualClock(0)
    switches = make_records(stores, cast("Any", table.together), clock).switches
    assert switches.get(PAUSED) is None
    stores["CONFIG"].add(Switch(PAUSED, on=True, at=0))
    clock.advance(10 * SECOND)
    assert switches.get(PAUSED) == Switch(PAUSED, on=True, at=0)
    stores["CONFIG"].update(PAUSED, {}, {"on": False})
    assert switches.get(PAUSED) == Switch(PAUSED, on=False, at=0)
