"""Listings that lag, where a port's contract allows it: DynamoDB's secondary indexes are eventually consistent."""

from collections.abc import Mapping, Sequence
from typing import Any, Generic, TypeVar

import attrs

from paddock.adapters.listings import index_values
from paddock.adapters.simulation.draws import hit
from paddock.adapters.tables import AnyRecords, stores_in, table_of, witnessed
from paddock.core.ports.records import Page, Records
from paddock.core.ports.stores import Table
from paddock.core.ports.system import Chance, Clock
from paddock.core.ports.together import Together, Write
from paddock.core.records import KINDS, Keyed, Kind
from paddock.core.units import SECOND, Moment, Span

R = TypeVar("R", bound=Keyed)

BEHIND: Span = 10 * SECOND  # how far a listing may be behind [assumed: AWS says "usually a fraction of a second"]
_MANY = 1_000


class Lag:
    """What was put into an index of late, and may not be listed there yet. Outlives the processes that read it."""

    def __init__(self, clock: Clock, chance: Chance, odds: int) -> None:
        """Args: the clock; in how many of ten thousand cases a listing is behind, and its chance."""
        self._clock = clock
        self._chance = chance
        self.odds = odds
        self._since: dict[tuple[str, str, str, str], Moment] = {}

    def around(self, table: Table, stores: Table) -> Table:
        """The table, whose listings may lag. `stores` is where its records are."""
        raw, kinds = stores_in(stores), {kind.record: kind for kind in KINDS}
        lagging = {
            prefix: LaggingRecords(store, raw[prefix], self, kinds) for prefix, store in stores_in(table).items()
        }
        return table_of(lagging, LaggingTogether(table.together, raw, self))

    def moved(self, kind: Kind[Any], before: Keyed | None, after: Keyed) -> None:
        """The record was written just now: into which places of its kind's indexes it came by that."""
        places = set(index_values(kind, after))
        if before is not None:
            places -= set(index_values(kind, before))
        if places:
            self.entered(kind, after.key, places)

    def entered(self, kind: Kind[Any], key: str, entries: set[tuple[str, str]]) -> None:
        """The record was put into these places of its kind's indexes, just now."""
        now = self._clock.now()
        self._since.update({(kind.prefix, *entry, key): now for entry in entries})
        if len(self._since) > _MANY:
            self._since = {entry: since for entry, since in self._since.items() if now - since < BEHIND}

    def behind(self) -> bool:
        """True if the listing that is looked at now is behind."""
        return hit(self._chance, self.odds)

    def unseen(self, prefix: str, index: str, value: str, key: str) -> bool:
        """True if the record was put there so lately that a listing which is behind lacks it."""
        since = self._since.get((prefix, index, value, key))
        return since is not None and self._clock.now() - since < BEHIND


class LaggingRecords(Generic[R]):
    """Records of which a listing may miss what changed in the last seconds. What it lists is as it is now."""

    def __init__(
        self, inner: Records[R, Any, Any], store: Records[R, Any, Any], lag: Lag, kinds: Mapping[type, Kind[Any]]
    ) -> None:
        """Args: the store as its user sees it; the store itself; what may be unseen; the kinds by class."""
        self._inner = inner
        self._store = store
        self._lag = lag
        self._kinds = kinds

    def add(self, record: R) -> bool:
        """Write a record whose key is free."""
        added = self._inner.add(record)
        if added:
            self._lag.moved(self._kinds[type(record)], None, record)
        return added

    def get(self, key: str) -> R | None:
        """The record; consistent."""
        return self._inner.get(key)

    def update(self, key: str, when: Mapping[str, object], change: Mapping[str, object]) -> R:
        """Set the fields of `change` if the record matches `when`."""
        before = self._store.get(key)
        after = self._inner.update(key, when, change)
        self._lag.moved(self._kinds[type(after)], before, after)
        return after

    def page(self, index: str, value: str, *, limit: int = 100, cursor: str | None = None) -> Page[R]:
        """A page, which may lack what was put there in the last seconds."""
        page = self._inner.page(index, value, limit=limit, cursor=cursor)
        if not page.items or not self._lag.behind():
            return page
        prefix = self._kinds[type(page.items[0])].prefix
        seen = (record for record in page.items if not self._lag.unseen(prefix, index, value, record.key))
        return attrs.evolve(page, items=tuple(seen))

    def remove(self, key: str) -> bool:
        """Delete the record."""
        return self._inner.remove(key)


class LaggingTogether:
    """Several writes in one step, into indexes that may be behind."""

    def __init__(self, inner: Together, stores: Mapping[str, AnyRecords], lag: Lag) -> None:
        """Args: who writes; the stores themselves, by prefix; what may be unseen."""
        self._inner = inner
        self._stores = stores
        self._lag = lag

    def write(self, writes: Sequence[Write]) -> bool:
        """Carry out every write, or none."""
        done = witnessed(self._inner, self._stores, writes)
        for write, before, after in done or ():
            if after is not None:
                self._lag.moved(write.kind, before, after)
        return done is not None
