"""What every clock, sleeper, source of identities and source of chance promises, held against each adapter."""

import re
from collections import Counter
from time import monotonic_ns

import pytest

from paddock.core.units import HOUR, MILLISECOND, datetime_of
from tests.integration.contracts.system_adapters import ADAPTERS, SystemUnderTest
from tests.threads import race


@pytest.fixture(params=ADAPTERS.values(), ids=list(ADAPTERS))
def system(request: pytest.FixtureRequest) -> SystemUnderTest:
    """One of each."""
    built: SystemUnderTest = request.param()
    return built


def test_the_clock_counts_microseconds_since_1970(system: SystemUnderTest) -> None:
    """Its reading is a date of our days: neither seconds nor nanoseconds."""
    assert 2025 <= datetime_of(system.clock.now()).year < 2200


def test_a_sleep_takes_its_time_on_one_clock_or_the_other(system: SystemUnderTest) -> None:
    """After it the sleeper's own clock, or the real one, has moved by at least the span."""
    before, real = system.clock.now(), monotonic_ns() // 1_000
    system.sleeper.sleep(3 * MILLISECOND)
    passed = max(system.clock.now() - before, monotonic_ns() // 1_000 - real)
    assert passed >= 3 * MILLISECOND


def test_no_sleep_is_no_error(system: SystemUnderTest) -> None:
    """A span that has gone by already, however long ago, is not waited for."""
    before = system.clock.now()
    system.sleeper.sleep(0)
    system.sleeper.sleep(-HOUR)
    assert abs(system.clock.now() - before) < HOUR


def test_every_identity_is_fresh(system: SystemUnderTest) -> None:
    """32 lower-case hexadecimal digits, never the same twice, in any number of threads."""
    tokens = [token for mine in race(4, lambda _: [system.ids.token() for _ in range(250)]) for token in mine]
    assert len(set(tokens)) == 1_000
    assert all(re.fullmatch("[0-9a-f]{32}", token) for token in tokens)


def test_chance_gives_every_number_below_the_bound_and_no_other(system: SystemUnderTest) -> None:
    """In 6,000 throws of a die each face comes up, and none of them rarely (a fair one fails once in 10^20 runs)."""
    faces = Counter(system.chance.below(6) for _ in range(6_000))
    assert sorted(faces) == [0, 1, 2, 3, 4, 5]
    assert min(faces.values()) > 700


def test_below_one_there_is_only_zero(system: SystemUnderTest) -> None:
    """The smallest bound leaves no choice, and a smaller one has no answer."""
    assert {system.chance.below(1) for _ in range(20)} == {0}
    with pytest.raises(ValueError, match=r".+"):
        system.chance.below(0)
