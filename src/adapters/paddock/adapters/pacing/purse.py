"""What one process may still ask of others: its own tokens, and those it took from what all share.

::

    call ──> in hand? ──> own? ──> shared: one conditional update ──> room: some more for the next calls, too
                                                                └──> none: Throttled, with a place in the line
"""

from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from threading import RLock

import attrs

from paddock.adapters.pacing.ceilings import Ceiling
from paddock.core.errors import Conflict, NotFound, Throttled
from paddock.core.pace import PACE, Pace, PaceChange, PaceIs, State, turn_at
from paddock.core.ports.stores import PaceStore
from paddock.core.ports.system import Clock
from paddock.core.units import SECOND, Moment, Span

Needs = Mapping[str, int]
"""How many tokens of which limit. A limit of each installation is named ``limit/owner``."""

NOTHING: Needs = {}


@attrs.frozen
class Wish:
    """What somebody asks for. ``told``: he was told his turn before.

    Of what is ``welcome`` he gets what there is, and nobody waits for that. All of a ``kind`` who ask together need
    ``once`` what is so called; if there is too little of it they come again together, and have one place in its line.
    """

    needs: Needs
    told: bool = False
    welcome: Needs = NOTHING
    kind: Hashable = None
    once: Needs = NOTHING


_TRIES = 8
_CONTENDED: Span = SECOND
_SOONEST: Span = 5 * SECOND  # whoever is refused would meet those who come meanwhile, and is given up after five tries


class Purse:
    """Tokens of one process. Safe for threads.

    Requests: none while its own tokens last; then one update for each `ask`, and one for a block of `spend`s, however
    many limits they are of; a read besides at first, and an update more each time another process was faster.
    """

    def __init__(self, store: PaceStore, ceilings: Mapping[str, Ceiling], clock: Clock) -> None:
        """Args: where the shared state is; the limits by name; the time."""
        self._store = store
        self._ceilings = ceilings
        self._clock = clock
        self._own: dict[str, State] = {}
        self._hand: dict[str, list[tuple[Moment, int]]] = {}
        self._seen: Pace | None = None
        self._lock = RLock()

    def spend(self, what: str, count: int = 1, *, line: bool = True) -> None:
        """Take tokens of one limit; see `spend_all`."""
        self.spend_all({what: count}, line=line)

    def spend_all(self, needs: Needs, *, line: bool = True) -> None:
        """Take tokens that are used now: all of them, or none if one limit has too few.

        Raises:
            Throttled: there are too few; it says when there will be, for whoever comes next in the `line`. Without a
                line nobody has a place in it, and nothing is written.
            Unavailable: the table does not answer.
        """
        with self._lock:
            now = self._clock.now()
            hand, own = dict(self._hand), self._own
            try:
                lacking = {what: count for what, count in needs.items() if not self._from_here(what, count, now)}
                more = self._from_shared(lacking, now, line=line) if lacking else NOTHING
            except Exception:
                self._hand, self._own = hand, own
                raise
            self._keep(more, now)

    def ask(self, wishes: Sequence[Wish]) -> Sequence[Moment | None]:
        """For each, in order: None if all it needs is in hand now, or else its turn.

        Raises:
            Throttled: too many processes ask at once.
            Unavailable: the table does not answer.
        """
        with self._lock:
            now = self._clock.now()
            total = _total(wishes)
            if not self._lined_up(total, now) and self._from_own(total, now):
                self._keep(total, now)
                return [None] * len(wishes)
            turns, taken = self._book(wishes, now)
            for needs in taken:
                self._keep(needs, now)
            return turns

    def waited(self, limits: Collection[str]) -> bool:
        """True if somebody was told his turn for one of these, as far as this process has seen, and it is yet to come.

        A limit's name stands for those of all owners.
        """
        seen, now = self._seen, self._clock.now()
        return seen is not None and any(_limit(what) in limits and seen.waited_for(what, now) for what in seen.lines)

    # -- one's own ----------------------------------------------------------------------------------------------

    def _ceiling(self, what: str) -> Ceiling:
        return self._ceilings[_limit(what)]

    def _lined_up(self, needs: Needs, now: Moment) -> bool:
        """True if others are known to wait: then nobody goes before them."""
        seen = self._seen
        return seen is not None and any(seen.waited_for(what, now) for what in needs)

    def _from_here(self, what: str, count: int, now: Moment) -> bool:
        return self._from_hand(what, count, now) or self._from_own({what: count}, now)

    def _from_own(self, needs: Needs, now: Moment) -> bool:
        """Take all of it from the own tokens, or nothing."""
        states = dict(self._own)
        for what, count in needs.items():
            own = self._ceiling(what).own
            if count > own.capacity:
                return False
            states[what], wait = own.take(states.get(what, ()), count, now)
            if wait:
                return False
        self._own = states
        return True

    def _from_hand(self, what: str, count: int, now: Moment) -> bool:
        """Take it from what was taken a moment ago, the oldest first."""
        fresh = [(until, left) for until, left in self._hand.get(what, ()) if until > now]
        if sum(left for _, left in fresh) < count:
            self._hand[what] = fresh
            return False
        rest: list[tuple[Moment, int]] = []
        for until, left in fresh:
            used = min(left, count)
            count -= used
            rest.extend([(until, left - used)] if left > used else [])
        self._hand[what] = rest
        return True

    def _keep(self, needs: Needs, now: Moment) -> None:
        for what, count in needs.items():
            if count:
                self._hand.setdefault(what, []).append((now + self._ceiling(what).keep, count))

    # -- what is shared -----------------------------------------------------------------------------------------

    def _from_shared(self, needs: Needs, now: Moment, *, line: bool) -> Needs:
        """Take all of it, or nothing; what was taken besides, as the rests of blocks.

        Raises:
            Throttled: see `spend_all`.
        """
        more: dict[str, int] = {}
        waits: dict[str, Span] = {}
        turn = now

        def alter(pace: Pace) -> Pace:
            nonlocal turn
            more.clear()
            waits.clear()
            turn, after = now, pace
            for what, count in needs.items():
                for block in (max(count, self._ceiling(what).block), count):
                    after, wait = after.take(what, self._ceiling(what).shared, block, now)
                    if not wait:
                        more[what] = block - count
                        break
                else:
                    waits[what] = wait
            for what, wait in waits.items():
                place = now + wait
                if line:
                    pace, place = pace.queue(what, self._ceiling(what).shared, wait, now)
                turn = max(turn, place)
            return pace if waits else after

        self._change(alter)
        if waits:
            raise Throttled(f"{', '.join(waits)}: no more of it for now", max(_SOONEST, turn - now))
        return more

    def _book(self, wishes: Sequence[Wish], now: Moment) -> tuple[Sequence[Moment | None], Sequence[Needs]]:
        """Take for each what it needs, or give it a turn; and what was taken."""
        turns: list[Moment | None] = []
        taken: list[Needs] = []

        def alter(pace: Pace) -> Pace:
            turns.clear()
            taken.clear()
            early = 0
            kinds: dict[Hashable, Moment | None] = {}  # None: what it needs once is paid; or else its turn for that
            for wish in wishes:
                turn = kinds.get(wish.kind)
                if turn is None:
                    once = NOTHING if wish.kind in kinds else wish.once
                    short = self._short(pace, once, now, told=wish.told)
                    needs = {**wish.needs, **once}
                    pace, turn = self._again(pace, needs, now, early) if wish.told else self._first(pace, needs, now)
                    early += wish.told and turn is not None
                    if turn is None:
                        pace, waits = self._take(pace, wish.welcome, now)
                        taken.extend((needs, {what: wish.welcome[what] for what, wait in waits.items() if not wait}))
                    if turn is None or short:
                        kinds[wish.kind] = turn
                turns.append(turn)
            return pace

        self._change(alter)
        return turns, taken

    def _short(self, pace: Pace, needs: Needs, now: Moment, *, told: bool) -> bool:
        """True if there is too little of it, or others wait for it."""
        waits = self._take(pace, needs, now)[1]
        return any(wait or (not told and pace.waited_for(what, now)) for what, wait in waits.items())

    def _first(self, pace: Pace, needs: Needs, now: Moment) -> tuple[Pace, Moment | None]:
        """It stands in the line of whatever it lacks, or others wait for."""
        for what in needs:
            pace = pace.roused(what, self._ceiling(what).shared, now)
        taken, waits = self._take(pace, needs, now)
        waits = {what: wait for what, wait in waits.items() if wait or pace.waited_for(what, now)}
        if not waits:
            return taken, None
        turn = now
        for what, wait in waits.items():
            pace, mine = pace.queue(what, self._ceiling(what).shared, wait, now)
            turn = max(turn, mine)
        return pace, turn

    def _again(self, pace: Pace, needs: Needs, now: Moment, early: int) -> tuple[Pace, Moment | None]:
        """It has stood in the line. If it is a little early all the same, it comes as soon as there is something."""
        taken, waits = self._take(pace, needs, now)
        if not any(waits.values()):
            return taken, None
        steps = {what: early * self._ceiling(what).shared.step for what in needs}
        return pace, turn_at(max(now + wait + steps[what] for what, wait in waits.items() if wait))

    def _take(self, pace: Pace, needs: Needs, now: Moment) -> tuple[Pace, dict[str, Span]]:
        """The pace once all was taken for which there is room, and how long to wait for each."""
        waits: dict[str, Span] = {}
        for what, count in needs.items():
            pace, waits[what] = pace.take(what, self._ceiling(what).shared, count, now)
        return pace, waits

    def _change(self, alter: Callable[[Pace], Pace]) -> None:
        """Change the shared state by one conditional update; anew from what stands there if another was faster."""
        for _ in range(_TRIES):
            seen = self._seen or self._read()
            after = alter(seen)
            if after == seen:
                return
            change = PaceChange(version=seen.version + 1, used=after.used, lines=after.lines)
            try:
                self._seen = self._store.update(PACE, PaceIs(version=seen.version), change)
            except Conflict as conflict:
                self._seen = conflict.current if isinstance(conflict.current, Pace) else None
            except NotFound:
                self._seen = None
            else:
                return
        raise Throttled(f"pace: {_TRIES} times another process was faster; again in", _CONTENDED)

    def _read(self) -> Pace:
        found = self._store.get(PACE)
        if found is None:
            self._store.add(Pace())  # if another was faster, the update tells what stands there
        return found or Pace()


def _limit(what: str) -> str:
    """The limit's name without its owner."""
    return what.partition("/")[0]


def _total(wishes: Sequence[Wish]) -> Needs:
    total: dict[str, int] = {}
    once = {wish.kind: wish.once for wish in wishes}
    for needs in (*(wish.needs for wish in wishes), *(wish.welcome for wish in wishes), *once.values()):
        total = {what: total.get(what, 0) + needs.get(what, 0) for what in {**total, **needs}}
    return total
