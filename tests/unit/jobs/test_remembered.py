"""What is remembered of records that hardly ever change."""

from collections.abc import Callable, Mapping
from threading import Event, Thread
from typing import Any, TypeVar

import attrs
import pytest

from paddock.adapters.memory.records import MemoryRecords
from paddock.adapters.memory.system import ManualClock
from paddock.adapters.remembered import RememberedListings, RememberedRecords
from paddock.core.errors import AccessDenied, PaddockError, Throttled, Unavailable
from paddock.core.ports.records import Page
from paddock.core.records import SHORTAGES
from paddock.core.shortage import Shortage
from paddock.core.spec import Market
from paddock.core.switch import Advised
from paddock.core.units import MINUTE, SECOND, Moment

A = TypeVar("A")

NONE = Shortage("us-east-1a", "m7g.large", Market.SPOT, "InsufficientInstanceCapacity", until=5)
OTHER = attrs.evolve(NONE, zone="us-east-1b")
NOON: Moment = 1_795_348_800 * SECOND


class Counting(MemoryRecords[Shortage]):
    """A store that counts how often it is read, fails when it is told to, and is slow if somebody wants that.

    ``meanwhile`` is what happens before an answer that was read comes back, ``before`` before something is written.
    """

    reads = 0
    away = False
    meanwhile: Callable[[], object] | None = None
    before: Callable[[], object] | None = None

    def update(self, key: str, when: Mapping[str, object], change: Mapping[str, object]) -> Shortage:
        """See the port."""
        if self.before is not None:
            self.before()
        return super().update(key, when, change)

    def get(self, key: str) -> Shortage | None:
        """See the port."""
        return self._read(super().get(key))

    def page(self, index: str, value: str, *, limit: int = 100, cursor: str | None = None) -> Page[Shortage]:
        """See the port."""
        return self._read(super().page(index, value, limit=limit, cursor=cursor))

    def _read(self, answer: A) -> A:
        self.reads += 1
        if self.away:
            raise Unavailable("away")
        if self.meanwhile is not None:
            self.meanwhile()
        return answer


@attrs.define
class World:
    """A store, what is remembered of it, the time, and what was told."""

    store: Counting = attrs.field(factory=lambda: Counting(SHORTAGES))
    clock: ManualClock = attrs.field(factory=lambda: ManualClock(NOON))
    told: Advised | None = None
    silent: PaddockError | None = None

    def records(self) -> RememberedRecords[Shortage]:
        """For ten seconds."""
        return RememberedRecords(self.store, self.clock, 10 * SECOND)

    def listings(self) -> RememberedListings[Shortage]:
        """As long as nothing else is told."""
        return RememberedListings(self.store, self.clock, self._last)

    def tell(self, by: str) -> None:
        """Somebody says that he changed something."""
        self.told = Advised(self.clock.now(), by)

    def _last(self) -> Advised | None:
        if self.silent is not None:
            raise self.silent
        return self.told


def listed(records: RememberedListings[Shortage]) -> tuple[Shortage, ...]:
    """All of them."""
    return records.page("all", "all").items


# -- one by one --------------------------------------------------------------------------------------------------


def test_a_record_is_asked_for_once_in_its_time() -> None:
    """What others write is seen when the time is over, not before. None is an answer, too."""
    world = World()
    records = world.records()
    assert records.get(NONE.key) is None
    world.store.add(NONE)
    world.clock.advance(10 * SECOND - 1)
    assert (records.get(NONE.key), world.store.reads) == (None, 1)
    world.clock.advance(1)
    assert (records.get(NONE.key), world.store.reads) == (NONE, 2)


def test_what_is_fleeting_is_asked_for_each_time() -> None:
    """And what was known before it is not taken for it, should the clock be set back."""
    world = World()
    records = RememberedRecords(world.store, world.clock, 10 * SECOND, lambda record: record == NONE)
    assert records.get(NONE.key) is None
    world.store.add(NONE)
    world.clock.advance(10 * SECOND)
    assert (records.get(NONE.key), records.get(NONE.key), world.store.reads) == (NONE, NONE, 3)
    world.clock.advance(-5 * SECOND)
    assert records.get(NONE.key) == NONE


def test_whoever_remembers_records_does_not_remember_listings_nor_the_other_way_round() -> None:
    """Whoever decides on one what to write must see it as it is."""
    world = World()
    records, listings = world.records(), world.listings()
    assert (records.page("all", "all").items, listings.get(NONE.key)) == ((), None)
    world.store.add(NONE)
    assert (records.page("all", "all").items, listings.get(NONE.key)) == ((NONE,), NONE)


# -- listings ----------------------------------------------------------------------------------------------------


def test_a_listing_is_asked_for_anew_when_something_is_told_and_not_before() -> None:
    """For some minutes, for he who changed something may have died before he told."""
    world = World()
    listings = world.listings()
    assert listed(listings) == ()
    world.store.add(NONE)
    world.clock.advance(5 * MINUTE - 1)
    assert (listed(listings), world.store.reads) == ((), 1)
    world.tell("a")
    assert (listed(listings), world.store.reads) == ((NONE,), 2)
    world.store.remove(NONE.key)
    world.clock.advance(5 * MINUTE)
    assert (listed(listings), world.store.reads) == ((), 3)


def test_a_change_at_the_very_moment_of_another_is_another() -> None:
    """Clocks differ, and are set back: the word tells them apart."""
    world = World()
    world.tell("a")
    world.clock.advance(MINUTE)
    listings = world.listings()
    listed(listings)
    world.store.add(NONE)
    world.told = Advised(NOON, "b")
    assert listed(listings) == (NONE,)


def test_what_is_listed_soon_after_a_change_is_soon_listed_again() -> None:
    """The index may lack it for a while; half a minute later it does not."""
    world = World()
    world.tell("a")
    listings = world.listings()
    assert listed(listings) == ()
    world.store.add(NONE)  # now the index has it
    world.clock.advance(10 * SECOND - 1)
    assert (listed(listings), world.store.reads) == ((), 1)
    world.clock.advance(1)
    assert (listed(listings), world.store.reads) == ((NONE,), 2)
    world.clock.advance(20 * SECOND - 1)
    assert (listed(listings), world.store.reads) == ((NONE,), 3)
    world.clock.advance(10 * SECOND)
    assert (listed(listings), world.store.reads) == ((NONE,), 4)
    world.clock.advance(5 * MINUTE - 1)
    assert (listed(listings), world.store.reads) == ((NONE,), 4)


def test_a_change_that_is_to_come_by_the_clock_is_a_fresh_one() -> None:
    """Somebody's clock is fast: what he tells is heard, and costs a listing every ten seconds meanwhile."""
    world = World()
    world.told = Advised(NOON + 5 * MINUTE, "fast")
    listings = world.listings()
    listed(listings)
    world.clock.advance(10 * SECOND)
    listed(listings)
    assert world.store.reads == 2


@pytest.mark.parametrize("error", [Unavailable("away"), Throttled("slow down", SECOND), AccessDenied("no")], ids=str)
def test_where_nobody_can_say_whether_something_has_changed_it_is_listed_anew(error: PaddockError) -> None:
    """What was known before is good again once somebody can."""
    world = World()
    listings = world.listings()
    listed(listings)
    world.silent = error
    world.store.add(NONE)
    assert (listed(listings), listed(listings), world.store.reads) == ((NONE,), (NONE,), 3)
    world.silent = None
    assert (listed(listings), world.store.reads) == ((), 3)


def test_each_page_is_another_answer() -> None:
    """By its limit and its cursor."""
    world = World()
    world.store.add(NONE)
    world.store.add(OTHER)
    listings = world.listings()
    first = listings.page("all", "all", limit=1)
    assert listings.page("all", "all", limit=1, cursor=first.cursor).items == (OTHER,)
    assert listings.page("all", "all", limit=1) == first
    assert world.store.reads == 2


# -- both --------------------------------------------------------------------------------------------------------


def test_a_clock_that_is_set_back_makes_nothing_last() -> None:
    """Else a wrong minute would be believed until it comes round again."""
    world = World()
    records, listings = world.records(), world.listings()
    records.get(NONE.key)
    listed(listings)
    world.store.add(NONE)
    world.clock.advance(-SECOND)
    assert (records.get(NONE.key), listed(listings)) == (NONE, (NONE,))


WRITES: dict[str, Callable[[Any], object]] = {
    "add": lambda records: records.add(OTHER),
    "update": lambda records: records.update(NONE.key, {}, {"until": 9}),
    "remove": lambda records: records.remove(NONE.key),
}


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
def test_who_writes_sees_it_at_once(write: Callable[[Any], object]) -> None:
    """In listings and one by one, also if nobody was told."""
    world = World()
    world.store.add(NONE)
    records, listings = world.records(), world.listings()
    assert (listed(listings), records.get(NONE.key)) == ((NONE,), NONE)
    write(records)
    assert records.get(NONE.key) == MemoryRecords.get(world.store, NONE.key)
    write(listings)
    assert listed(listings) == MemoryRecords.page(world.store, "all", "all").items


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
def test_what_one_thread_read_before_another_wrote_is_not_kept(write: Callable[[Any], object]) -> None:
    """Its answer was on the way while the other one wrote, and comes when that is done."""
    world = World()
    world.store.add(NONE)
    for remembered in (world.records(), world.listings()):
        read, written = Event(), Event()

        def ask(one: Any = remembered) -> None:  # noqa: ANN401 - either
            one.get(NONE.key)
            one.page("all", "all")

        def wait(read: Event = read, written: Event = written) -> None:
            read.set()
            assert written.wait(10)

        world.store.meanwhile = wait
        thread = Thread(target=ask)
        thread.start()
        assert read.wait(10)
        world.store.meanwhile = None
        write(remembered)
        written.set()
        thread.join(10)
        assert remembered.get(NONE.key) == MemoryRecords.get(world.store, NONE.key)
        assert remembered.page("all", "all") == MemoryRecords.page(world.store, "all", "all")


def test_what_is_read_while_something_is_written_is_not_kept() -> None:
    """It may be from before."""
    world = World()
    world.store.add(NONE)
    records, listings = world.records(), world.listings()
    world.store.before = lambda: (records.get(NONE.key), listed(listings))
    after = records.update(NONE.key, {}, {"until": 9})
    assert records.get(NONE.key) == after
    after = listings.update(NONE.key, {}, {"until": 10})
    assert listed(listings) == (after,)


def test_what_failed_is_not_remembered() -> None:
    """And what was known before is not given for it: too old is too old."""
    world = World()
    records, listings = world.records(), world.listings()
    records.get(NONE.key)
    listed(listings)
    world.clock.advance(5 * MINUTE)
    world.store.away = True
    with pytest.raises(Unavailable):
        records.get(NONE.key)
    with pytest.raises(Unavailable):
        listed(listings)
    world.store.away = False
    world.store.add(NONE)
    assert (records.get(NONE.key), listed(listings)) == (NONE, (NONE,))


def test_what_is_remembered_has_a_bound() -> None:
    """Whatever is asked for."""
    world = World()
    records, listings = world.records(), world.listings()
    for number in range(250):
        records.get(f"{number}")
        listings.page("all", "all", limit=number + 1)
    assert len(records._known) <= 100
    assert len(listings._known) <= 100
