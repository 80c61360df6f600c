"""Records that are read far more often than they change, remembered for some seconds by whoever read them.

For what is advice, and for what an operator says: a function that stays warm asks for it once in a while, and not for
each job. Whoever changes a record through the same store sees that at once; everybody else, when the time is over.
"""

from collections.abc import Callable, Mapping
from threading import Lock
from typing import Any, Generic, TypeVar

from paddock.core.ports.records import Page, Records
from paddock.core.ports.system import Clock
from paddock.core.units import Moment, Span

R = TypeVar("R")
_MOST = 100  # answers: far more than anybody asks for


class RememberedRecords(Generic[R]):
    """See the port `Records`. Safe for threads if the store is. What raised is not remembered."""

    def __init__(
        self,
        store: Records[R, Any, Any],
        clock: Clock,
        span: Span,
        *,
        single: bool = False,
        fleeting: Callable[[R | None], bool] = lambda _: False,
    ) -> None:
        """Args: the store; the time; for how long.

        Listings are remembered, and with ``single`` also what `get` gave, unless it is ``fleeting``: only where nobody
        decides on it what to write.
        """
        self._store = store
        self._clock = clock
        self._span = span
        self._single = single
        self._fleeting = fleeting
        self._lock = Lock()
        self._pages: dict[tuple[str, str, int, str | None], tuple[Moment, Page[R]]] = {}
        self._records: dict[str, tuple[Moment, R | None]] = {}

    def add(self, record: R) -> bool:
        """See the port."""
        self._forget()
        try:
            return self._store.add(record)
        finally:
            self._forget()  # what was read meanwhile may be from before

    def get(self, key: str) -> R | None:
        """See the port."""
        if not self._single:
            return self._store.get(key)
        with self._lock:
            known = self._records.get(key)
        if known is not None and self._is_fresh(known[0]):
            return known[1]
        asked = self._clock.now()
        record = self._store.get(key)
        if self._fleeting(record):
            return record
        with self._lock:
            if len(self._records) >= _MOST:
                self._records.clear()
            self._records[key] = asked, record
        return record

    def update(self, key: str, when: Mapping[str, object], change: Mapping[str, object]) -> R:
        """See the port."""
        self._forget()
        try:
            return self._store.update(key, when, change)
        finally:
            self._forget()

    def page(self, index: str, value: str, *, limit: int = 100, cursor: str | None = None) -> Page[R]:
        """See the port."""
        name = index, value, limit, cursor
        with self._lock:
            known = self._pages.get(name)
        if known is not None and self._is_fresh(known[0]):
            return known[1]
        asked = self._clock.now()
        page = self._store.page(index, value, limit=limit, cursor=cursor)
        with self._lock:
            if len(self._pages) >= _MOST:
                self._pages.clear()
            self._pages[name] = asked, page
        return page

    def remove(self, key: str) -> bool:
        """See the port."""
        self._forget()
        try:
            return self._store.remove(key)
        finally:
            self._forget()

    def _is_fresh(self, asked: Moment) -> bool:
        return 0 <= self._clock.now() - asked < self._span

    def _forget(self) -> None:
        with self._lock:
            self._pages.clear()
            self._records.clear()
