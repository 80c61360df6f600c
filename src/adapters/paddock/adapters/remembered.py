"""Records that are read far more often than they change, remembered for a while by whoever read them.

For what is advice, and for what an operator says: a function that stays warm asks for it once in a while, and not for
each job. Whoever changes a record through the same store sees that at once; everybody else, when the time is over, or
when he hears of it.
"""

from collections.abc import Callable, Hashable, Iterator, Mapping
from contextlib import contextmanager
from threading import Lock
from typing import Any, Final, Generic, TypeVar

import attrs

from paddock.core.errors import PaddockError
from paddock.core.ports.records import Page, Records
from paddock.core.ports.system import Clock
from paddock.core.switch import Advised
from paddock.core.units import MINUTE, SECOND, Moment, Span

R = TypeVar("R")
A = TypeVar("A")

LISTED: Final[Span] = 5 * MINUTE
"""How long a listing is good if nobody tells of a change: whoever changes something may die before he tells."""
UNSETTLED: Final[Span] = 10 * SECOND
"""How long one is good that was made soon after a change."""
SETTLED: Final[Span] = 30 * SECOND
"""So long after a change a listing has it: indexes are behind for a second, and clocks differ by less than the rest."""
_MOST: Final = 100  # answers: far more than anybody asks for


@attrs.frozen
class _Known(Generic[A]):
    """An answer: when it was asked for, for how long it is good, and what was told by then."""

    asked: Moment
    answer: A
    span: Span
    told: Advised | None = None


class _Remembering(Generic[R, A]):
    """A store, and what it answered. Safe for threads if the store is. What raised is not remembered."""

    def __init__(self, store: Records[R, Any, Any], clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._lock = Lock()
        self._known: dict[Hashable, _Known[A]] = {}
        self._forgotten = 0

    def add(self, record: R) -> bool:
        """See the port."""
        with self._writing():
            return self._store.add(record)

    def get(self, key: str) -> R | None:
        """See the port."""
        return self._store.get(key)

    def update(self, key: str, when: Mapping[str, object], change: Mapping[str, object]) -> R:
        """See the port."""
        with self._writing():
            return self._store.update(key, when, change)

    def page(self, index: str, value: str, *, limit: int = 100, cursor: str | None = None) -> Page[R]:
        """See the port."""
        return self._store.page(index, value, limit=limit, cursor=cursor)

    def remove(self, key: str) -> bool:
        """See the port."""
        with self._writing():
            return self._store.remove(key)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        finally:
            with self._lock:  # afterwards: what was read meanwhile may be from before
                self._known.clear()
                self._forgotten += 1

    def _look(self, name: Hashable) -> tuple[_Known[A] | None, int]:
        """What is known and still good, and a number to keep the next answer with."""
        with self._lock:
            known, number = self._known.get(name), self._forgotten
        good = known is not None and 0 <= self._clock.now() - known.asked < known.span
        return known if good else None, number

    def _keep(self, name: Hashable, known: _Known[A], number: int) -> None:
        """Keep an answer, unless something was written here since it was asked for."""
        with self._lock:
            if number != self._forgotten:
                return
            if len(self._known) >= _MOST:
                self._known.clear()
            self._known[name] = known


class RememberedRecords(_Remembering[R, R | None]):
    """Remembers what `get` gave: only for those who decide nothing on it that they write. See the port `Records`."""

    def __init__(
        self,
        store: Records[R, Any, Any],
        clock: Clock,
        span: Span,
        fleeting: Callable[[R | None], bool] = lambda _: False,
    ) -> None:
        """Args: the store; the time; for how long; which records are asked for each time all the same."""
        super().__init__(store, clock)
        self._span = span
        self._fleeting = fleeting

    def get(self, key: str) -> R | None:
        """See the port."""
        known, number = self._look(key)
        if known is not None and not self._fleeting(known.answer):
            return known.answer
        asked = self._clock.now()
        record = self._store.get(key)
        self._keep(key, _Known(asked, record, self._span), number)
        return record


class RememberedListings(_Remembering[R, Page[R]]):
    """Remembers listings, for as long as nobody tells that something has changed. See the port `Records`."""

    def __init__(self, store: Records[R, Any, Any], clock: Clock, told: Callable[[], Advised | None]) -> None:
        """Args: the store; the time; what was told last, which may itself be some seconds old."""
        super().__init__(store, clock)
        self._told = told

    def page(self, index: str, value: str, *, limit: int = 100, cursor: str | None = None) -> Page[R]:
        """See the port. If nobody can say whether something has changed, it is listed anew."""
        try:
            told = self._told()  # before it is listed: what changes meanwhile is told later, and makes it old
        except PaddockError:
            return self._store.page(index, value, limit=limit, cursor=cursor)
        name = index, value, limit, cursor
        known, number = self._look(name)
        if known is not None and known.told == told:
            return known.answer
        asked = self._clock.now()
        page = self._store.page(index, value, limit=limit, cursor=cursor)
        settled = told is None or asked - told.at >= SETTLED
        self._keep(name, _Known(asked, page, LISTED if settled else UNSETTLED, told), number)
        return page
