"""Outcomes for tests: two made by hand, whose figures tests may state, and a strategy for any."""

import attrs
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from paddock.adapters.simulation.outcome import Calls, Cost, Jobs, Level, Outcome, PoolUse, Spread, Violation, Waits
from paddock.core.units import DAY, DOLLAR, HOUR, MINUTE, SECOND, Moment, Span

BEGAN: Moment = 1_795_305_600 * SECOND
"""2026-11-22T00:00:00Z."""


def spread(p50: float, p95: float, p99: float, count: int = 2_400, most: float | None = None) -> Spread:
    """A spread of these seconds; the mean lies between the median and p95."""
    mean = int((p50 * 4 + p95) / 5 * SECOND)
    whole = (int(seconds * SECOND) for seconds in (p50, p95, p99, p99 * 2 if most is None else most))
    return Spread(count, mean, *whole)


def waits(p50: float, p95: float, p99: float, count: int = 2_400) -> Waits:
    """Waits of these seconds, in parts of 2 s, 0.3 s, a fifth, a third and 3.7 s."""
    return Waits(
        total=spread(p50, p95, p99, count),
        webhook=spread(2, 3, 150, count),
        decision=spread(0.3, 0.8, 1.1, count),
        cloud=spread(p50 / 5, p95 / 5, p99 / 5, count),
        boot=spread(p50 / 3, p95 / 3, p99 / 3, count),
        handshake=spread(3.7, 9, 39, count),
    )


def levels(machines: int, waiting: int, every: Span = 5 * MINUTE, length: Span = DAY) -> tuple[Level, ...]:
    """A day that rises to noon and falls again, to these peaks."""
    count = length // every
    tops = [min(index, count - 1 - index) * 2 for index in range(count)]
    return tuple(
        Level(
            BEGAN + index * every,
            waiting=waiting * top // (count - 1),
            machines=machines * top // (count - 1),
            busy=machines * top * 3 // (count - 1) // 4,
        )
        for index, top in enumerate(tops)
    )


def outcome_a() -> Outcome:
    """A day without a pool: cheap, slow, with some interruptions."""
    return Outcome(
        policy="A",
        workload="built-in day",
        seed=7,
        began=BEGAN,
        ended=BEGAN + DAY + 20 * MINUTE,
        jobs=Jobs(
            *(2_412, 2_390, 8, 10, 3, 1),
            retried=41,
            rerun=12,
            interrupted=20,
            again=4,
            wasted=3 * HOUR,
        ),
        wait=waits(52, 130, 310),
        waits={"paddock/cpu=4": waits(50, 120, 300, 1_600), "paddock/cpu=8/arch=arm64": waits(58, 150, 330, 800)},
        cost=Cost(
            spot=6 * DOLLAR,
            on_demand=2 * DOLLAR,
            boot=1_200_000,
            job=6_300_000,
            idle=500_000,
            disk=1_400_000,
            address=390_000,
            control=10_000,
            free=250_000,
        ),
        levels=levels(40, 25),
        calls=(
            Calls("EC2 CreateFleet", 2_450, peak=1, limit=2, window=SECOND, throttled=3),
            Calls("GitHub generate-jitconfig", 2_460, peak=61, limit=180, window=MINUTE),
            Calls("DynamoDB writes", 24_100),
        ),
        machines=2_470,
        reclaimed=24,
        events=120_000,
    )


def outcome_b() -> Outcome:
    """The same day with something kept ready: dearer, faster."""
    first = outcome_a()
    return attrs.evolve(
        first,
        policy="B",
        jobs=attrs.evolve(first.jobs, served=2_396, failed=2, retried=30, interrupted=5, again=0, wasted=40 * MINUTE),
        wait=waits(31, 84, 190),
        waits={"paddock/cpu=4": waits(29, 80, 180, 1_600), "paddock/cpu=8/arch=arm64": waits(35, 92, 205, 800)},
        cost=Cost(
            spot=4 * DOLLAR,
            on_demand=6_300_000,
            boot=1 * DOLLAR,
            job=6_400_000,
            idle=2_900_000,
            disk=1_650_000,
            address=440_000,
            control=10_000,
        ),
        levels=levels(44, 12),
        calls=(
            Calls("EC2 CreateFleet", 2_300, peak=1, limit=2, window=SECOND),
            Calls("GitHub generate-jitconfig", 2_410, peak=64, limit=180, window=MINUTE),
            Calls("DynamoDB writes", 25_000),
        ),
        machines=2_405,
        reclaimed=6,
    )


def broken(outcome: Outcome, rule: str = "no machine outlives its purpose", what: str = "i-1 lived on") -> Outcome:
    """The outcome with a violation in it."""
    story = ("00:00 acme/shop queued lint", "00:04 i-1 launched", "02:31 i-1 still there, its job ended at 00:40")
    return attrs.evolve(outcome, violations=(Violation(BEGAN + 9_060 * SECOND, rule, what, story),))


_spans: SearchStrategy[Span] = st.integers(0, 40 * DAY)
_money: SearchStrategy[int] = st.integers(0, 10_000 * DOLLAR)
_counts: SearchStrategy[int] = st.integers(0, 3_000_000)
_texts: SearchStrategy[str] = st.text(max_size=40)


@st.composite
def spreads(draw: st.DrawFn) -> Spread:
    """Any spread whose percentiles are in order, the empty one included."""
    count = draw(_counts)
    if not count:
        return Spread()
    p50, p95, p99, most = sorted(draw(st.lists(_spans, min_size=4, max_size=4)))
    return Spread(count, draw(st.integers(0, most)), p50, p95, p99, most)


any_waits: SearchStrategy[Waits] = st.builds(Waits, *[spreads()] * 6)


@st.composite
def costs(draw: st.DrawFn) -> Cost:
    """Any bill whose two cuts have one sum."""
    boot, job, idle, disk, address, control, free = draw(st.tuples(*[_money] * 7))
    spot = draw(st.integers(0, boot + job + idle))
    return Cost(spot, boot + job + idle - spot, boot, job, idle, disk, address, control, free)


@st.composite
def outcomes(draw: st.DrawFn) -> Outcome:
    """Any outcome that a world could come to, and some more."""
    began = draw(st.integers(0, BEGAN))
    ended = began + draw(_spans)
    moments = sorted(draw(st.lists(st.integers(began, ended), max_size=6, unique=True)))
    return Outcome(
        policy=draw(_texts),
        workload=draw(_texts),
        seed=draw(st.integers(0, 2**63)),
        began=began,
        ended=ended,
        jobs=draw(st.builds(Jobs, *[_counts] * 10, _spans)),
        wait=draw(any_waits),
        waits=draw(st.dictionaries(_texts, any_waits, max_size=3)),
        cost=draw(costs()),
        levels=tuple(Level(at, *draw(st.tuples(_counts, _counts, _counts))) for at in moments),
        calls=tuple(
            draw(
                st.lists(
                    st.builds(Calls, _texts, _counts, _counts, st.none() | st.integers(1, 10_000), _spans, _counts),
                    max_size=3,
                    unique_by=lambda one: one.name,
                )
            )
        ),
        machines=draw(_counts),
        reclaimed=draw(_counts),
        pools=draw(st.dictionaries(_texts, st.builds(PoolUse, *[_counts] * 5, _spans, _counts, _counts), max_size=2)),
        violations=tuple(
            draw(
                st.lists(
                    st.builds(
                        Violation, st.integers(began, ended), _texts, _texts, st.lists(_texts, max_size=3).map(tuple)
                    ),
                    max_size=2,
                )
            )
        ),
        events=draw(_counts),
    )
