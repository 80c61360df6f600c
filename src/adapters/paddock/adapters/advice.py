"""Circuits and shortages: what every launch asks for, hardly ever changes, and is heard of soon when it does.

::

    one process                            the switch record               another one
    ───────────                            ─────────────────               ───────────
                                                            <── asked for ── dispatch: paused? anything new? no:
    a circuit opens: written                                                 what it listed is still good
      then ── told ──────────────────────> advised: another
                                                            <── asked for ── 10 s later: new, so it lists again

So of three questions for each job one is left, and that is the one about the pause.
"""

import logging
from collections.abc import Callable, Mapping
from typing import Any, Final, Generic, TypeVar

from paddock.adapters.remembered import RememberedListings, RememberedRecords
from paddock.adapters.tables import AnyRecords
from paddock.core.errors import NotFound
from paddock.core.ports.records import Page, Records
from paddock.core.ports.stores import SwitchStore
from paddock.core.ports.system import Clock, Ids
from paddock.core.records import CIRCUITS, SHORTAGES, SWITCHES
from paddock.core.switch import PAUSED, Advised, Switch, SwitchChange, SwitchIs
from paddock.core.units import SECOND, Moment, Span

R = TypeVar("R")

SWITCH: Final[Span] = 10 * SECOND
"""How old the switch may be that a process goes by: `paddock pause` promises no more."""
QUIET: Final[Span] = 10 * SECOND
"""What is changed so soon after one has told need not be told: whoever heard of it lists again and again for longer."""

_LOG: Final = logging.getLogger(__name__)


class Advice:
    """News of circuits and shortages, in the fleet's one switch record. Safe for threads if the store is."""

    def __init__(self, switches: SwitchStore, clock: Clock, ids: Ids) -> None:
        """Args: where it is kept; the time; where words come from that are never the same."""
        self._switches = switches
        self._clock = clock
        self._ids = ids
        self._told_at: Moment | None = None

    def last(self) -> Advised | None:
        """The last change that was told.

        Raises:
            Unavailable, Throttled: nobody can say.
        """
        switch = self._switches.get(PAUSED)
        return None if switch is None else switch.advised

    def tell(self) -> None:
        """Say that something was changed just now: one request, or none so soon after the last one.

        It raises nothing, for the change is made. If it cannot be told, the log says so, and others learn of it when
        what they remember is too old.
        """
        now = self._clock.now()
        if self._told_at is not None and 0 <= now - self._told_at < QUIET:
            return
        try:
            self._write(Advised(now, self._ids.token()))
        except Exception as error:  # noqa: BLE001 - even a fault of ours does not undo the change
            _LOG.warning(
                "circuits or shortages were changed, and nobody can be told; functions learn of it some minutes later: "
                "%s: %s",
                type(error).__name__,
                error,
            )
        else:
            self._told_at = now

    def _write(self, advised: Advised) -> None:
        change = SwitchChange(advised=advised)
        try:
            self._switches.update(PAUSED, SwitchIs(), change)
        except NotFound:  # nobody has ever paused the fleet, nor told anything
            if not self._switches.add(Switch(PAUSED, on=False, at=advised.at, advised=advised)):
                self._switches.update(PAUSED, SwitchIs(), change)


class TellingRecords(Generic[R]):
    """Tells of each change after it was made. See the port `Records`.

    What raised is not told: it was not done, or whoever meant to do it comes again.
    """

    def __init__(self, store: Records[R, Any, Any], tell: Callable[[], None]) -> None:
        """Args: the store; what is called after a change."""
        self._store = store
        self._tell = tell

    def add(self, record: R) -> bool:
        """See the port."""
        return self._told(done=self._store.add(record))

    def get(self, key: str) -> R | None:
        """See the port."""
        return self._store.get(key)

    def update(self, key: str, when: Mapping[str, object], change: Mapping[str, object]) -> R:
        """See the port."""
        record = self._store.update(key, when, change)
        self._tell()
        return record

    def page(self, index: str, value: str, *, limit: int = 100, cursor: str | None = None) -> Page[R]:
        """See the port."""
        return self._store.page(index, value, limit=limit, cursor=cursor)

    def remove(self, key: str) -> bool:
        """See the port."""
        return self._told(done=self._store.remove(key))

    def _told(self, *, done: bool) -> bool:
        if done:
            self._tell()
        return done


def telling(stores: Mapping[str, AnyRecords], clock: Clock, ids: Ids) -> dict[str, AnyRecords]:
    """All stores, by their kind's prefix, of a process that changes something and ends: it remembers nothing."""
    return {**stores, **_told(stores, Advice(stores[SWITCHES.prefix], clock, ids))}


def remembering(stores: Mapping[str, AnyRecords], clock: Clock, ids: Ids) -> dict[str, AnyRecords]:
    """All stores, by their kind's prefix, of a process that lasts: it remembers the switch, and what it listed."""
    switches = RememberedRecords(stores[SWITCHES.prefix], clock, SWITCH, _is_on)
    advice = Advice(switches, clock, ids)
    listings = {
        prefix: RememberedListings(store, clock, advice.last) for prefix, store in _told(stores, advice).items()
    }
    return {**stores, **listings, SWITCHES.prefix: switches}


def _told(stores: Mapping[str, AnyRecords], advice: Advice) -> dict[str, AnyRecords]:
    return {kind.prefix: TellingRecords(stores[kind.prefix], advice.tell) for kind in (CIRCUITS, SHORTAGES)}


def _is_on(switch: Switch | None) -> bool:
    """A fleet that is resumed wakes its jobs at once: whoever remembers the pause would put all of them off again."""
    return switch is not None and switch.on
