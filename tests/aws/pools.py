"""A pool of a whole fleet on AWS: one machine hot and one asleep, and how it is brought to that.

Housekeeping is asked for as its rule does it. The minutes for which a machine must be ready before a pool does anything
to it are not waited for: they are taken off its record.
"""

import time
from collections.abc import Callable
from typing import Final

from paddock.adapters.process.machines import box_arch
from paddock.core.pools.plan import READY_FOR
from paddock.core.runner import Runner, RunnerChange, RunnerIs
from paddock.core.states import RunnerState
from paddock.core.usecases.listing import live_runners
from tests.aws.whole import Whole

LABEL: Final = "paddock/pool=web"
POOL: Final = f"""
pools: {{web: {{machine: {{cpu: 2, arch: {box_arch()}}}, hot: 1, stopped: 1}}}}
housekeeping: {{pools: 1s}}
"""
"""Lines of paddock.yml."""

HOT, ASLEEP = RunnerState.READY, RunnerState.STOPPED
PATIENCE: Final = 60.0  # seconds, at the usual pace
_HOUSEKEEPING: Final = {"task": "housekeeping"}


def spares(fleet: Whole) -> list[Runner]:
    """The machines that wait for any job."""
    return [runner for runner in live_runners(fleet.profile.table()) if runner.spare]


def keeps(fleet: Whole, *states: RunnerState) -> Callable[[], bool]:
    """Whether the spares are in these states, and no other is there."""
    return lambda: sorted(one.state for one in spares(fleet)) == sorted(states)


def keep_house(fleet: Whole, done: Callable[[], bool], what: str) -> None:
    """Have all tasks done that are due, again and again, until it has come to that; else an AssertionError."""
    end = time.monotonic() + PATIENCE * fleet.pace
    while not done():
        if time.monotonic() > end:
            said = "\n".join(map(str, live_runners(fleet.profile.table())))
            raise AssertionError(f"still not: {what}\n{said}\n{fleet.log('schedules')[-4_000:]}")
        answer = fleet.schedule.fire(_HOUSEKEEPING)
        assert isinstance(answer, dict), answer
        time.sleep(0.4)
        fleet.hypervisor.look_for_errors()


def rest(fleet: Whole) -> None:
    """Let the spares have been what they are for long enough."""
    for runner in spares(fleet):
        change = RunnerChange(since=(runner.since or 0) - READY_FOR)
        fleet.profile.table().runners.update(runner.key, RunnerIs(state=runner.state, since=runner.since), change)


def stocked(fleet: Whole) -> tuple[Runner, Runner]:
    """The machines of the pool, once one is hot and one asleep."""
    keep_house(fleet, keeps(fleet, HOT, HOT), "two spares are ready")
    rest(fleet)
    keep_house(fleet, keeps(fleet, HOT, ASLEEP), "one is put to sleep")
    hot, asleep = sorted(spares(fleet), key=lambda one: one.state is ASLEEP)
    return hot, asleep
