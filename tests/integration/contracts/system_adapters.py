"""The adapters of time, identity and chance. To add one: a line in ``ADAPTERS``."""

from collections.abc import Callable

import attrs

from paddock.adapters.memory import ManualClock, ManualSleeper, SeededChance, SequentialIds
from paddock.adapters.system import RandomIds, SystemChance, SystemClock, SystemSleeper
from paddock.core.ports.system import Chance, Clock, Ids, Sleeper
from tests.strategies import NOON


@attrs.frozen
class SystemUnderTest:
    """One of each; the sleeper and the clock belong together."""

    clock: Clock
    sleeper: Sleeper
    ids: Ids
    chance: Chance


def memory() -> SystemUnderTest:
    clock = ManualClock(NOON)
    return SystemUnderTest(clock, ManualSleeper(clock), SequentialIds(), SeededChance(1))


def system() -> SystemUnderTest:
    return SystemUnderTest(SystemClock(), SystemSleeper(), RandomIds(), SystemChance())


ADAPTERS: dict[str, Callable[[], SystemUnderTest]] = {"memory": memory, "system": system}
