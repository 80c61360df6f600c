"""What a pool's machines are made of, in a few digits; and what is wrong with a pool."""

import attrs
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from paddock.core.errors import InvalidInput
from paddock.core.pools.check import impossible, problems
from paddock.core.pools.pool import Bounds, Pool, digest_of
from paddock.core.pools.schedule import Schedule, Targets, Window
from paddock.core.spec import Arch, Range, RetryMode, RunnerSpec
from paddock.core.units import HOUR, MINUTE
from tests.strategies import slugs, specs, texts

SPEC = RunnerSpec(pool="web", spot=False)
POOL = Pool("web", SPEC, hot=2, stopped=3)
ELSEWHERE = {"spot": True, "retry": RetryMode.WHEN_INTERRUPTED, "pool": None}
"""What is the same for all machines once it is taken out: it does not make another machine."""


def made_of(spec: RunnerSpec) -> RunnerSpec:
    """The spec without what no machine is made of."""
    return attrs.evolve(spec, families=tuple(sorted(set(spec.families))), **ELSEWHERE)  # type: ignore[arg-type]  # attrs checks the names


@given(specs, specs, texts, texts)
def test_a_digest_stands_for_what_a_machine_is_made_of(one: RunnerSpec, two: RunnerSpec, a: str, b: str) -> None:
    """Two are equal exactly where the machines are. The market, the pool and the order of families do not count."""
    assert (digest_of(one, a) == digest_of(two, b)) == ((made_of(one), a) == (made_of(two), b))
    assert len(digest_of(one, a)) == 12
    assert int(digest_of(one, a), 16) >= 0


CHANGES: dict[str, st.SearchStrategy[object]] = {
    "cpu": st.builds(Range, st.integers(1, 9), st.none() | st.integers(9, 20)),
    "ram": st.none() | st.builds(Range, st.integers(1, 9), st.none() | st.integers(9, 20)),
    "families": st.lists(st.sampled_from(["m7i", "c7*"]), unique=True).map(sorted).map(tuple),
    "arch": st.sampled_from(Arch),
    "image": st.none() | slugs,
    "disk": st.none() | st.integers(8, 99),
}


@given(specs, st.sampled_from(sorted(CHANGES)), st.data())
def test_any_change_of_the_machine_changes_the_digest(spec: RunnerSpec, key: str, data: st.DataObject) -> None:
    """One key alone is enough, whichever it is."""
    spec = made_of(spec)
    changed = attrs.evolve(spec, **{key: data.draw(CHANGES[key])})  # type: ignore[arg-type]  # as above
    assume(changed != spec)
    assert digest_of(changed) != digest_of(spec)


def test_a_digest_is_the_same_tomorrow() -> None:
    """It is kept with machines for as long as they live: a version that counts otherwise replaces all of them."""
    assert digest_of(RunnerSpec()) == "906e45fc32a6"
    whole = RunnerSpec(Range(4, 8), Range(16), ("m7i", "c7*"), Arch.ARM64, "jammy", 80, pool="web")
    assert digest_of(whole, "ami-1") == "c406d40e2d88"


def said(pool: Pool) -> list[tuple[str, object, str]]:
    """What is wrong with it."""
    return [(found.field, found.value, found.remedy) for found in problems(pool)]


@pytest.mark.parametrize(
    "pool",
    [
        POOL,
        Pool("web", SPEC, hot=1),
        Pool("web", SPEC, stopped=1, max_age=HOUR),
        Pool("web", SPEC, hot=5000, most=5001),
        Pool("web", SPEC, schedule=Schedule(windows=(Window("day", 480, 1080, hot=2),)), most=3),
        Pool("web", SPEC, auto=True, bounds=Bounds(most=Targets(3, 0)), most=4),
        Pool("web", SPEC, auto=True, bounds=Bounds(Targets(0, 2), Targets(0, 2))),
    ],
)
def test_a_good_pool_has_no_problems(pool: Pool) -> None:
    """Up to each limit."""
    assert problems(pool) == ()


ABOVE = "a hot one is ended only when its successor is there; write"
WRONG = [
    (
        attrs.evolve(POOL, spec=attrs.evolve(SPEC, cpu=Range(800, 801))),
        ("machine", "800 to 801 vCPU, x64, pool web, on-demand", "fits no instance type: widen cpu, ram or family"),
    ),
    (attrs.evolve(POOL, hot=-1), ("hot", -1, "must be 0 to 5000 machines")),
    (attrs.evolve(POOL, stopped=5001), ("stopped", 5001, "must be 0 to 5000 machines")),
    (attrs.evolve(POOL, idle_timeout=0), ("idle_timeout", 0, "must be longer than nothing")),
    (
        attrs.evolve(POOL, max_age=HOUR - 1),
        ("max_age", HOUR - 1, "must be 1h or more: else all machines would be replaced all the time"),
    ),
    (
        attrs.evolve(POOL, bounds=Bounds(most=Targets(1, 1))),
        ("bounds", "", "are for auto alone: write auto: true, or leave them out"),
    ),
    (
        attrs.evolve(POOL, auto=True),
        (
            "bounds",
            "",
            "leave auto no machine: write how many it may ask for, as in {most: {hot: 4, stopped: 4}}",
        ),
    ),
    (
        attrs.evolve(POOL, auto=True, bounds=Bounds(Targets(3, 0), Targets(2, 4))),
        ("bounds.least.hot", 3, "must be no more than bounds.most.hot, 2"),
    ),
    (
        attrs.evolve(POOL, auto=True, bounds=Bounds(Targets(0, 5), Targets(2, 4))),
        ("bounds.least.stopped", 5, "must be no more than bounds.most.stopped, 4"),
    ),
    (
        attrs.evolve(POOL, auto=True, bounds=Bounds(most=Targets(5001, 0))),
        ("bounds.most.hot", 5001, "must be 0 to 5000 machines"),
    ),
    (attrs.evolve(POOL, most=2), ("most", 2, f"must be more than hot, 2: {ABOVE} 3 or more")),
    (
        attrs.evolve(POOL, most=4, schedule=Schedule(windows=(Window("a", 0, 9, 1), Window("b", 9, 12, 4)))),
        ("most", 4, f"must be more than windows[1].hot, 4: {ABOVE} 5 or more"),
    ),
    (
        attrs.evolve(POOL, most=7, auto=True, bounds=Bounds(most=Targets(8, 0))),
        ("most", 7, f"must be more than bounds.most.hot, 8: {ABOVE} 9 or more"),
    ),
    (
        attrs.evolve(POOL, schedule=Schedule(zone="Europe/Berln")),
        ("zone", "Europe/Berln", "is no time zone that this system knows: did you mean Europe/Berlin?"),
    ),
    (
        attrs.evolve(POOL, schedule=Schedule(windows=(Window("day", 0, 9, hot=5001),))),
        ("windows[0].hot", 5001, "of window 'day' must be 0 to 5000 machines"),
    ),
    (
        Pool("web", SPEC, schedule=Schedule(windows=(Window("day", 0, 9),))),
        ("", "", "keeps no machine at any hour: write hot or stopped, here or in a window, or remove the pool"),
    ),
]


@pytest.mark.parametrize(("pool", "problem"), WRONG, ids=range(len(WRONG)))
def test_each_mistake_is_told_once(pool: Pool, problem: tuple[str, object, str]) -> None:
    """With its field, its value, and what would be right."""
    assert said(pool) == [problem]


def test_all_mistakes_are_told_together() -> None:
    """Whoever mends a file does it once."""
    pool = attrs.evolve(POOL, most=1, max_age=MINUTE, schedule=Schedule(zone="nowhere"))
    assert [field for field, _, _ in said(pool)] == ["max_age", "zone", "most"]


@given(st.integers(0, 9), st.lists(st.integers(0, 9), max_size=3), st.integers(0, 9), st.integers(1, 12))
def test_most_is_more_than_the_largest_hot_of_anything(hot: int, hours: list[int], auto: int, most: int) -> None:
    """Wherever that stands."""
    windows = tuple(Window(f"w{at}", 60 * at, 60 * at + 60, count, 1) for at, count in enumerate(hours))
    bounds = Bounds(most=Targets(auto, 1))
    pool = Pool("web", SPEC, hot, 1, schedule=Schedule(windows=windows), most=most, auto=True, bounds=bounds)
    assert (not problems(pool)) == (most > max([hot, *hours, auto]))


def impossible_here(*pools: Pool) -> list[str]:
    """What a box without images and sleep cannot give them."""
    found = impossible(pools, arches=(Arch.X64,), images=False, sleeps=False)
    assert all(type(one) is InvalidInput for one in found)
    return [str(one) for one in found]


def test_a_fleet_says_what_it_can_never_give_its_pools() -> None:
    """Another architecture, an image, sleep: wherever a pool asks for it."""
    sleep = "machines of this fleet cannot sleep: leave it out, and keep hot ones instead"
    day = Schedule(windows=(Window("day", 0, 9, 1), Window("late", 9, 12, 1, 4)))
    wide = Bounds(Targets(0, 1), Targets(2, 5))
    assert impossible_here(
        Pool("a", SPEC, hot=2),
        Pool("b", attrs.evolve(SPEC, arch=Arch.ARM64, image="jammy"), hot=2),
        Pool("c", SPEC, stopped=3, schedule=day),
        Pool("d", SPEC, auto=True, bounds=wide),
    ) == [
        "pools.b.machine.arch = 'arm64': no machine of this fleet is that: write arch: x64",
        "pools.b.machine.image = 'jammy': machines of this fleet have no images: leave it out",
        f"pools.c.stopped = 3: {sleep}",
        f"pools.c.windows[1].stopped = 4: {sleep}",
        f"pools.d.bounds.least.stopped = 1: {sleep}",
        f"pools.d.bounds.most.stopped = 5: {sleep}",
    ]
    able = impossible([Pool("c", SPEC, stopped=3, schedule=day)], arches=tuple(Arch), images=True, sleeps=True)
    assert able == ()


def test_pools_leave_a_place() -> None:
    """Hot ones of all pools together, at their most, are fewer than the machines that there can be: by one at least."""
    office = Schedule(windows=(Window("office", 0, 9, 3),))
    pools = [Pool("a", SPEC, hot=1, schedule=office), Pool("b", SPEC, hot=2), Pool("c", SPEC)]

    def told(places: int | None) -> list[str]:
        found = impossible(pools, arches=tuple(Arch), images=True, sleeps=True, places=places)
        return [str(one) for one in found]

    assert [told(places) for places in (None, 6, 7)] == [[], [], []]
    here = "leaves no place for another machine: pools keep up to 5 hot, and this fleet has 5 in all"
    assert told(5) == [f"pools.a.windows[0].hot = 3: {here}; keep 4 or fewer, or have 6 places or more"]
    assert impossible([], arches=tuple(Arch), images=True, sleeps=True, places=1) == ()
