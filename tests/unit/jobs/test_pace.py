"""Limits as values, their parts, and purses that share them: no more is ever taken than the whole allows."""

import contextlib
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paddock.adapters.memory import ManualClock, MemoryRecords
from paddock.adapters.pacing import PacedStarts, Purse, ec2_ceilings, github_ceilings
from paddock.adapters.pacing.ceilings import (
    CANCELS,
    FLEETS,
    MACHINES,
    REGISTRATIONS,
    RUNNERS,
    TOLD,
    Ceiling,
    part_bucket,
    part_window,
)
from paddock.adapters.pacing.purse import Needs, Wish
from paddock.core.errors import Throttled, Unavailable
from paddock.core.pace import PACE, Bucket, Limit, Pace, State, Window
from paddock.core.records import PACES
from paddock.core.units import HOUR, MINUTE, SECOND, Moment, Span
from tests.strategies import NOON

MILLI: Span = SECOND // 1_000

buckets = st.builds(Bucket, capacity=st.integers(1, 50), every=st.integers(MILLI, 3 * SECOND))
windows = st.builds(
    Window, most=st.integers(1, 50), span=st.integers(SECOND, 2 * MINUTE), slice=st.integers(SECOND, 20 * SECOND)
)
takes = st.lists(st.tuples(st.integers(0, 20 * SECOND), st.integers(1, 8)), max_size=60)


def taken(limit: Limit, asked: Sequence[tuple[Span, int]], most: int) -> list[tuple[Moment, int]]:
    """What was had of what was asked for, after one span the next, and when."""
    state: State = ()
    now, had = NOON, list[tuple[Moment, int]]()
    for after, wanted in asked:
        now += after
        count = min(wanted, most)
        then, wait = limit.take(state, count, now)
        if wait == 0:
            had.append((now, count))
        else:
            assert then == state, "who gets nothing takes nothing"
        state = then
    return had


def heaviest(had: Sequence[tuple[Moment, int]], limit: Bucket | Window) -> int:
    """By how much the worst stretch of time is over the limit; 0 or less if none is."""
    worst = -1
    for first, (since, _) in enumerate(had):
        count = 0
        for at, number in had[first:]:
            if isinstance(limit, Window) and at - since > limit.span:
                break
            count += number
            most = limit.most if isinstance(limit, Window) else limit.capacity + (at - since) // limit.every
            worst = max(worst, count - most)
    return worst


def _most(limit: Bucket | Window) -> int:
    return limit.capacity if isinstance(limit, Bucket) else limit.most


@given(buckets, takes)
def test_a_bucket_never_gives_more_than_it_holds_and_gets_back(bucket: Bucket, asked: list[tuple[Span, int]]) -> None:
    """In any stretch of time no more is taken than the capacity and what came back meanwhile."""
    assert heaviest(taken(bucket, asked, bucket.capacity), bucket) <= 0


@given(windows, takes)
def test_a_window_never_gives_more_than_its_most(window: Window, asked: list[tuple[Span, int]]) -> None:
    """In any stretch of time as long as the window no more is taken than it allows, wherever the stretch begins."""
    assert heaviest(taken(window, asked, window.most), window) <= 0


@given(buckets | windows, takes, st.integers(1, 8))
def test_a_wait_is_long_enough_and_no_longer_than_a_full_turn(
    limit: Bucket | Window, asked: list[tuple[Span, int]], wanted: int
) -> None:
    """Whoever waits as long as told finds what he wanted, if nobody else came; a little sooner he does not."""
    most = limit.most if isinstance(limit, Window) else limit.capacity
    state: State = ()
    now = NOON
    for after, count in asked:
        now += after
        state, _ = limit.take(state, min(count, most), now)
    _, wait = limit.take(state, min(wanted, most), now)
    assert limit.take(state, min(wanted, most), now + wait)[1] == 0
    if wait:
        assert limit.take(state, min(wanted, most), now + wait - 1)[1] == 1
    assert wait <= most * limit.step


def test_a_clock_that_was_set_back_gives_nothing_twice() -> None:
    """Tokens that were taken in what is now the future stay taken."""
    for limit, most in ((Bucket(5, SECOND), 5), (Window(5, 10 * SECOND, SECOND), 5)):
        state, _ = limit.take((), most, NOON)
        assert limit.take(state, 1, NOON - MINUTE)[1] > 0


def test_more_than_there_can_ever_be_is_refused_with_a_word() -> None:
    """A count that is over the whole is a mistake of whoever asks, and so is none."""
    for limit in (Bucket(5, SECOND), Window(5, 10 * SECOND, SECOND)):
        for count in (0, 6):
            with pytest.raises(ValueError, match=f"count = {count}: must be 1 to 5"):
                limit.take((), count, NOON)


def test_everybody_in_a_line_gets_a_place_of_his_own() -> None:
    """Places follow each other by the limit's step, none sooner than there is room; turns are at every fifth second."""
    limit, pace, places, turns = Bucket(5, SECOND), Pace(), list[Moment](), list[Moment]()
    for _ in range(4):
        pace, turn = pace.queue("x", limit, 3 * SECOND, NOON)
        places.append(pace.lines["x"] - NOON)
        turns.append(turn - NOON)
    assert places == [3 * SECOND, 4 * SECOND, 5 * SECOND, 6 * SECOND]
    assert turns == [5 * SECOND, 5 * SECOND, 5 * SECOND, 10 * SECOND]
    assert pace.waited_for("x", NOON + 10 * SECOND - 1)
    assert not pace.waited_for("x", NOON + 10 * SECOND)


# -- purses -----------------------------------------------------------------------------------------------------------

PROCESSES = 3
WHOLE_BUCKET = Bucket(40, SECOND // 4)
WHOLE_WINDOW = Window(60, 20 * SECOND, SECOND)
OWN = Bucket(2, 10 * SECOND)
PARTS = {
    "bucket": part_bucket(WHOLE_BUCKET, OWN, processes=PROCESSES, keep=SECOND, block=3),
    "window": part_window(WHOLE_WINDOW, OWN, processes=PROCESSES, keep=SECOND, block=3),
}
WHOLES: dict[str, Bucket | Window] = {"bucket": WHOLE_BUCKET, "window": WHOLE_WINDOW}

deeds = st.lists(
    st.tuples(
        st.integers(0, PROCESSES - 1),  # whose
        st.integers(0, 2 * SECOND),  # how long after the deed before
        st.sampled_from(("spend", "ask", "new")),
        st.integers(1, 6),
    ),
    max_size=80,
)


@settings(max_examples=60)
@given(st.sampled_from(sorted(WHOLES)), deeds)
def test_processes_together_never_take_more_than_the_whole(what: str, deeds: list[tuple[int, Span, str, int]]) -> None:
    """Any interleaving: own tokens, shared ones, blocks kept for a while, and processes that are followed by others."""
    clock, store = ManualClock(NOON), MemoryRecords(PACES)
    purses = [Purse(store, PARTS, clock) for _ in range(PROCESSES)]
    used: list[tuple[Moment, int]] = []
    born: list[Moment] = []
    for whose, after, deed, count in deeds:
        clock.advance(after)
        if deed == "new":
            if sum(clock.now() - at <= MINUTE for at in born) < PROCESSES:
                born.append(clock.now())
                purses[whose] = Purse(store, PARTS, clock)
        elif deed == "ask":
            turns = purses[whose].ask([Wish({what: 1})] * count)
            clock.advance(SECOND // 2)  # what was asked for is used a little later
            for turn in turns:
                if turn is None:
                    purses[whose].spend(what)
                    used.append((clock.now(), 1))
                else:
                    assert turn > clock.now() - SECOND // 2
        else:
            try:
                purses[whose].spend(what, count)
            except Throttled:
                pass
            else:
                used.append((clock.now(), count))
    assert heaviest(used, WHOLES[what]) <= 0


@pytest.mark.parametrize("what", sorted(WHOLES))
def test_processes_that_take_whatever_they_get_stay_within_the_whole(what: str) -> None:
    """All of them ask all the time, for minutes, and as many new ones as may begin do so: the worst that may be."""
    clock, store = ManualClock(NOON), MemoryRecords(PACES)
    purses = [Purse(store, PARTS, clock) for _ in range(PROCESSES)]
    used: list[tuple[Moment, int]] = []
    for tick in range(1, 2_400):
        if tick % 601 < PROCESSES:  # as many as live, in every minute and a little more
            purses[tick % 601] = Purse(store, PARTS, clock)
        for purse in purses:
            try:
                purse.spend(what)
            except Throttled:
                continue
            used.append((clock.now(), 1))
        clock.advance(SECOND // 10)
    assert heaviest(used, WHOLES[what]) <= 0
    assert sum(count for _, count in used) > 400  # and they are not kept from what there is


@pytest.mark.parametrize("what", sorted(WHOLES))
def test_what_is_kept_for_a_moment_and_what_all_have_of_their_own_stay_within_the_whole(what: str) -> None:
    """All that is shared is taken, and used as late as may be: then by all who live and as many newcomers, together."""
    clock, store = ManualClock(NOON + SECOND - 1), MemoryRecords(PACES)  # at the end of a slice: it is soon forgotten
    part, first = PARTS[what], Purse(store, PARTS, clock)
    assert isinstance(part.shared, Bucket | Window)
    used: list[tuple[Moment, int]] = []

    def spend(purse: Purse) -> None:
        """Whatever it gets at this moment."""
        with contextlib.suppress(Throttled):
            while True:
                purse.spend(what)
                used.append((clock.now(), 1))

    assert first.ask([Wish({what: _most(part.shared)})]) == [None]
    clock.advance(part.keep - 1)
    for purse in (first, *(Purse(store, PARTS, clock) for _ in range(2 * PROCESSES - 1))):
        spend(purse)
    for _ in range(300):
        clock.advance(SECOND // 10)
        spend(first)
    assert -5 <= heaviest(used, WHOLES[what]) <= 0


def test_newcomers_of_every_minute_have_their_part_of_a_long_window() -> None:
    """Whoever begins is full: in two minutes as many do so three times as live, and all ask all the time."""
    clock, store, whole = ManualClock(NOON), MemoryRecords(PACES), Window(150, 2 * MINUTE, SECOND)
    parts = {"long": part_window(whole, OWN, processes=PROCESSES, keep=SECOND)}
    purses = [Purse(store, parts, clock) for _ in range(PROCESSES)]
    used: list[tuple[Moment, int]] = []
    for second in range(121):
        for begin in (False, True) if second % 60 == 0 else (False,):
            if begin:
                purses = [Purse(store, parts, clock) for _ in range(PROCESSES)]
            for purse in purses:
                with contextlib.suppress(Throttled):
                    while True:
                        purse.spend("long")
                        used.append((clock.now(), 1))
        clock.advance(SECOND)
    assert -5 <= heaviest(used, whole) <= 0


def test_what_is_not_used_soon_is_lost() -> None:
    """A block is kept for a second: who comes later takes a new one from what is shared."""
    clock, store = ManualClock(NOON), MemoryRecords(PACES)
    purse = Purse(store, PARTS, clock)
    versions = list[int]()
    for pause in (0, 0, 0, 0, SECOND, SECOND):
        clock.advance(pause)
        purse.spend("bucket")
        pace = store.get(PACE)
        versions.append(0 if pace is None else pace.version)
    assert versions == [0, 0, 1, 1, 2, 3]  # two of its own, then blocks of three


class Meddling:
    """A store in which another purse spends between any two calls."""

    def __init__(self, inner: MemoryRecords[Pace]) -> None:
        self._inner = inner
        self.other: Purse | None = None

    def _meddle(self) -> None:
        other, self.other = self.other, None
        if other is not None:
            other.spend("bucket", 3)
            self.other = other

    def add(self, record: Pace) -> bool:
        """See `Records.add`."""
        self._meddle()
        return self._inner.add(record)

    def get(self, key: str) -> Pace | None:
        """See `Records.get`."""
        found = self._inner.get(key)
        self._meddle()
        return found

    def __getattr__(self, name: str) -> object:
        return getattr(self._inner, name)


def test_whoever_was_faster_is_counted() -> None:
    """Another process changes the state between reading and writing: both have taken, and nothing is lost."""
    clock, records = ManualClock(NOON), MemoryRecords(PACES)
    store = Meddling(records)
    purse = Purse(store, PARTS, clock)  # type: ignore[arg-type]  # what it lacks it hands on
    store.other = Purse(records, PARTS, clock)
    purse.spend("bucket", 3)
    store.other = None
    pace = records.get(PACE)
    assert pace is not None
    full_at = pace.used["bucket"][0] - NOON
    taken_in_all, each = full_at // PARTS["bucket"].shared.step, 3
    assert taken_in_all == each * pace.version
    assert pace.version > 1


def test_one_call_costs_the_table_nothing() -> None:
    """A process's own tokens pay for a job alone, and no record is ever made."""
    clock, store = ManualClock(NOON), MemoryRecords(PACES)
    purse = Purse(store, PARTS, clock)
    for _ in range(10):
        assert purse.ask([Wish({"bucket": 1, "window": 1})]) == [None]
        purse.spend("bucket")
        purse.spend("window")
        clock.advance(10 * SECOND)
    assert store.get(PACE) is None


def test_nobody_goes_before_those_who_wait() -> None:
    """While others wait for their turn, a newcomer stands at the end of the line, though there may be room again."""
    clock, store = ManualClock(NOON), MemoryRecords(PACES)
    first, second = Purse(store, PARTS, clock), Purse(store, PARTS, clock)
    many = first.ask([Wish({"window": 1})] * 60)
    told = [turn for turn in many if turn is not None]
    assert told == sorted(told)
    assert many[: len(many) - len(told)] == [None] * (len(many) - len(told))
    second.ask([Wish({"window": 1})] * 3)
    for each in told:
        if each < max(told):
            clock.set(each)
            first.ask([Wish({"window": 1}, told=True)])
    clock.set(max(told) - 1)
    assert second.waited({"window"})
    (turn,) = second.ask([Wish({"window": 1})])
    assert turn is not None
    assert turn >= max(told)
    clock.set(max(told))
    assert second.ask([Wish({"window": 1}, told=True)]) == [None]


def test_a_runner_counts_from_when_it_may_register() -> None:
    """A machine registers minutes after it was told to: those that come next must not meet it within GitHub's five."""
    limits, clock, runners = github_ceilings(), ManualClock(NOON), f"{RUNNERS}/acme"
    shared, latest = limits[RUNNERS].shared, limits[RUNNERS].keep + 2 * MINUTE
    assert isinstance(shared, Window)
    purse = Purse(MemoryRecords(PACES), limits, clock)
    assert purse.ask([Wish({runners: shared.most})]) == [None]
    clock.set(NOON + latest + 5 * MINUTE - 1)
    (turn,) = purse.ask([Wish({runners: shared.most})])
    assert turn is not None
    assert turn > clock.now()


def test_the_parts_of_the_real_limits_leave_most_of_them_to_share() -> None:
    """What five dispatchers keep for themselves is a small part, and nothing is left of a limit with too many."""
    ceilings = {**ec2_ceilings(), **github_ceilings()}
    assert all(isinstance(one, Ceiling) for one in ceilings.values())
    registrations = ceilings["github.registrations"].shared
    assert isinstance(registrations, Window)
    assert registrations.most >= 150
    with pytest.raises(ValueError, match="processes = 100: with so many, nothing of the limit is left"):
        github_ceilings(dispatchers=100)


@pytest.mark.parametrize("limit", [Bucket(10, SECOND), Window(10, MINUTE, 5 * SECOND)])
def test_a_clock_that_was_an_hour_ahead_stops_nobody_for_an_hour(limit: Bucket | Window) -> None:
    """What was taken in a future that is none counts as taken just now: as much as there can be, and no more."""
    state: State = ()
    for _ in range(10):
        state, wait = limit.take(state, 1, NOON + HOUR)
        assert wait == 0
    now, had = NOON, 0
    while now < NOON + 5 * MINUTE:
        state, wait = limit.take(state, 1, now)
        had += not wait
        now += SECOND
    usual = 5 * 60 if isinstance(limit, Bucket) else 4 * 10
    assert had >= usual - 20


@pytest.mark.parametrize("what", sorted(WHOLES))
def test_a_line_in_which_nobody_stands_any_more_holds_nobody_up(what: str) -> None:
    """Hundreds of jobs were told their turn and cancelled before it came: their places are no other job's wait."""
    clock, store = ManualClock(NOON), MemoryRecords(PACES)
    purse = Purse(store, PARTS, clock)
    turns = purse.ask([Wish({what: 1})] * 500)
    assert max(turn or 0 for turn in turns) > NOON + 100 * SECOND
    clock.advance(30 * SECOND)  # by then all that was taken has come back
    assert purse.ask([Wish({what: 1})] * 3) == [None] * 3


# -- several limits at once -------------------------------------------------------------------------------------------

SEVERAL = {"many": Ceiling(Bucket(100, SECOND), OWN, SECOND), "few": Ceiling(Bucket(3, 10 * SECOND), OWN, SECOND)}


def test_what_lacks_one_thing_takes_nothing_of_another() -> None:
    """However often it is tried: neither what is shared, nor one's own, nor what is in hand."""
    clock, store = ManualClock(NOON), MemoryRecords(PACES)
    purse = Purse(store, SEVERAL, clock)
    purse.spend("few", 3)
    before = store.get(PACE)
    assert before is not None
    for needs in [{"many": 10, "few": 3}, {"many": 1, "few": 3}, {"few": 3, "many": 10}] * 5:
        with pytest.raises(Throttled, match=r"^few: no more of it") as refused:
            purse.spend_all(needs)
        assert refused.value.retry_after is not None
    after = store.get(PACE)
    assert after is not None
    assert after.used == before.used
    assert set(after.lines) == {"few"}
    purse.spend("many", 2)  # its own are still there
    assert (store.get(PACE) or Pace()).used == before.used


def test_what_is_in_hand_stays_there_if_the_rest_is_refused() -> None:
    """It was asked for, and is spent once there is the rest."""
    clock, store = ManualClock(NOON), MemoryRecords(PACES)
    purse = Purse(store, SEVERAL, clock)
    assert purse.ask([Wish({"many": 5})]) == [None]
    purse.spend("few", 3)
    used = (store.get(PACE) or Pace()).used
    with pytest.raises(Throttled):
        purse.spend_all({"many": 5, "few": 3})
    purse.spend("many", 5)
    assert (store.get(PACE) or Pace()).used == used


class Away:
    """A store that does not answer."""

    def __init__(self, inner: MemoryRecords[Pace]) -> None:
        self._inner = inner

    def get(self, key: str) -> Pace | None:
        """See `Records.get`."""
        raise Unavailable(key)


def test_a_table_that_is_away_takes_nothing_of_ones_own() -> None:
    """Who cannot know whether there is the rest keeps what he has."""
    clock, store = ManualClock(NOON), Away(MemoryRecords(PACES))
    purse = Purse(store, SEVERAL, clock)  # type: ignore[arg-type]  # what it lacks it hands on
    with pytest.raises(Unavailable):
        purse.spend_all({"many": 2, "few": 3})
    purse.spend("many", 2)


def test_several_limits_cost_one_update() -> None:
    """Both are taken by it, and the rest of a block is kept."""
    clock, store = ManualClock(NOON), MemoryRecords(PACES)
    purse = Purse(store, PARTS, clock)
    purse.spend_all({"bucket": 3, "window": 4})
    pace = store.get(PACE)
    assert pace is not None
    assert (pace.version, set(pace.used)) == (1, {"bucket", "window"})
    purse.spend_all({"bucket": 1, "window": 1})  # one's own
    assert store.get(PACE) == pace


@pytest.mark.parametrize("needs", [{"many": 20, "few": 3}, {"few": 3, "many": 20}])
def test_all_that_is_lacking_is_waited_for(needs: Needs) -> None:
    """There is a place in the line of each, and the wait is the longest of them."""
    clock, store = ManualClock(NOON), MemoryRecords(PACES)
    purse = Purse(store, SEVERAL, clock)
    purse.spend_all({"many": 100, "few": 3})
    with pytest.raises(Throttled, match=f"^{', '.join(needs)}: no more of it") as refused:
        purse.spend_all(needs)
    assert refused.value.retry_after == 30 * SECOND
    assert set((store.get(PACE) or Pace()).lines) == {"many", "few"}


def test_only_who_waits_for_a_start_keeps_starts_waiting() -> None:
    """Cancellations, descriptions, ends and stops have lines of their own; the limits of every owner count."""
    clock = ManualClock(NOON)
    ceilings = {**ec2_ceilings(), **github_ceilings()}
    ours = {MACHINES, FLEETS, f"{REGISTRATIONS}/acme", f"{RUNNERS}/umbra"}
    for what in [*sorted(set(ceilings) - {MACHINES, FLEETS}), *(f"{name}/acme" for name in (CANCELS, TOLD)), *ours]:
        purse = Purse(MemoryRecords(PACES), ceilings, clock)
        starts = PacedStarts(purse)
        limit = ceilings[what.partition("/")[0]].shared
        assert isinstance(limit, Bucket | Window)
        purse.spend(what, limit.most if isinstance(limit, Window) else limit.capacity)
        assert not starts.waited()
        with pytest.raises(Throttled):
            purse.spend(what, 3)
        assert starts.waited() == (what in {*ours, REGISTRATIONS, RUNNERS}), what
