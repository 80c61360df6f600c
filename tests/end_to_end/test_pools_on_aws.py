"""Pools on AWS, from a launch for nobody to a bill with naps: real agents on standby, put to sleep and woken.

Housekeeping is asked for as its rule does it, and when a test says so. The minutes for which a machine must be ready
before a pool does anything to it are not waited for: they are taken off its record.
"""

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from paddock.adapters.memory.system import SeededChance
from paddock.adapters.process.machines import box_arch
from paddock.core.ledger import Phase
from paddock.core.pool import Stock
from paddock.core.pool_plan import READY_FOR
from paddock.core.runner import Runner, RunnerChange, RunnerIs
from paddock.core.spec import Market
from paddock.core.states import RunnerState
from paddock.core.usecases.listing import live_runners
from tests.aws_rights import unused
from tests.aws_story import Books, Story, check
from tests.aws_whole import Weather, Whole, whole_fleet
from tests.end_to_end.rights import OF_POOLS, allowed, calls_of

pytestmark = pytest.mark.slow

LABEL = "paddock/pool=web"
PATIENCE = 60.0  # seconds, at the usual pace
HOUSEKEEPING = {"task": "housekeeping"}
POOL = """
pools: {web: {machine: {cpu: 2, arch: %s}, hot: 1, stopped: 1}}
housekeeping: {pools: 1s}
"""

OFF = (Phase.SLEEP, Phase.MINIMUM)
"""What is on the bill of a machine for the time that it slept: EC2's minute for each start, and then sleep."""

HOT, ASLEEP = RunnerState.READY, RunnerState.STOPPED


def spares(fleet: Whole) -> list[Runner]:
    """The machines that wait for any job."""
    return [runner for runner in live_runners(fleet.profile.table()) if runner.spare]


def keep_house(fleet: Whole, done: Callable[[], bool], what: str) -> None:
    """Have all tasks done that are due, again and again, until it has come to that; else an AssertionError."""
    end = time.monotonic() + PATIENCE * fleet.pace
    while not done():
        if time.monotonic() > end:
            said = "\n".join(map(str, live_runners(fleet.profile.table())))
            raise AssertionError(f"still not: {what}\n{said}\n{fleet.log('schedules')[-4_000:]}")
        answer = fleet.schedule.fire(HOUSEKEEPING)
        assert isinstance(answer, dict), answer
        time.sleep(0.4)
        fleet.hypervisor.look_for_errors()


def keeps(fleet: Whole, *states: RunnerState) -> Callable[[], bool]:
    """Whether the spares are in these states, and no other is there."""
    return lambda: sorted(one.state for one in spares(fleet)) == sorted(states)


def rest(fleet: Whole) -> None:
    """Let the spares have been what they are for long enough."""
    for runner in spares(fleet):
        change = RunnerChange(since=(runner.since or 0) - READY_FOR)
        fleet.profile.table().runners.update(runner.key, RunnerIs(state=runner.state, since=runner.since), change)


def stocked(fleet: Whole) -> tuple[Runner, Runner]:
    """The machines of a pool that has one hot and one asleep."""
    keep_house(fleet, keeps(fleet, HOT, HOT), "two spares are ready")
    rest(fleet)
    keep_house(fleet, keeps(fleet, HOT, ASLEEP), "one is put to sleep")
    hot, asleep = sorted(spares(fleet), key=lambda one: one.state is ASLEEP)
    return hot, asleep


def cleared(story: Story) -> Books:
    """The books once the pool is taken out of the configuration, and all of it has ended."""
    story.fleet.configure("")
    story.until_settled(PATIENCE)
    return check(story)


def test_a_pool_from_its_first_machine_to_its_last(tmp_path: Path, agent: Path) -> None:
    """Spares come up and one falls asleep; of three jobs one takes each, one starts cold; successors, and an end."""
    with whole_fleet(tmp_path, agent, 3, Weather(), more=POOL % box_arch()) as fleet:
        story = Story(fleet, tmp_path / "marks", SeededChance(3))
        hot, asleep = stocked(fleet)
        assert (hot.stock, asleep.stock) == (Stock.HOT, Stock.STOPPED)
        assert (list(fleet.hypervisor.hosts), list(fleet.hypervisor.asleep)) == ([hot.machine], [asleep.machine])
        assert not fleet.github.runners()
        story.start(3, "build", (1.0,), LABEL)
        story.until(lambda: story.waiting() == 0, PATIENCE)
        keep_house(fleet, keeps(fleet, HOT, HOT), "both have successors")
        assert not {one.machine for one in spares(fleet)} & {hot.machine, asleep.machine}
        books = cleared(story)
        # Who served whom.
        served = {one.machine: one for one in books.runners.values() if one.served_job is not None}
        assert {hot.machine, asleep.machine} < set(served)
        (cold,) = set(served) - {hot.machine, asleep.machine}
        assert (served[cold].stock, served[cold].pool, served[cold].market) == (None, "web", Market.SPOT)
        assert len(books.runners) == 5
        boots = {one.id: one.boots for one in fleet.hypervisor.past}
        assert {machine: count for machine, count in boots.items() if count > 1} == {asleep.machine: 2}
        # The one that slept woke by its claim, and its sleep is on its bill.
        (nap,) = served[asleep.machine].naps
        assert nap.woken_at is not None
        assert nap.stopped_at < nap.woken_at == served[asleep.machine].claimed_at
        phases = [one.phase for one in books.bills[asleep.machine].entries if one.phase not in OFF]
        assert phases[:3] == [Phase.BOOT, Phase.IDLE, Phase.BOOT], phases
        assert phases.count(Phase.JOB) == 1
        for machine, bill in books.bills.items():
            off = [one for one in bill.entries if one.phase in OFF and one.start < books.runners[machine].gone_at]
            slept = nap.woken_at - nap.stopped_at if machine == asleep.machine else 0
            assert sum(one.end - one.start for one in off) == slept, bill
        allowed(fleet)
        assert unused(calls_of(fleet)) & OF_POOLS == {("schedules", "ec2:StartInstances")}


def test_a_pool_wakes_its_own(tmp_path: Path, agent: Path) -> None:
    """The hot one is taken: the pool does not wait for a new machine, but wakes the one that sleeps."""
    with whole_fleet(tmp_path, agent, 4, Weather(), more=POOL % box_arch()) as fleet:
        story = Story(fleet, tmp_path / "marks", SeededChance(4))
        hot, asleep = stocked(fleet)
        story.start(1, "build", label=LABEL)
        story.until(lambda: story.waiting() == 0, PATIENCE)
        keep_house(fleet, keeps(fleet, HOT, HOT), "the sleeper is awake, and a new one has come")
        assert asleep.machine in {one.machine for one in spares(fleet)}
        assert fleet.hypervisor.hosts[asleep.machine].boots == 2
        books = cleared(story)
        assert [one.machine for one in books.runners.values() if one.served_job is not None] == [hot.machine]
        woken = books.runners[asleep.machine]
        (nap,) = woken.naps
        assert nap.woken_at is not None
        assert nap.up_at is not None
        assert (woken.ready_at or 0) < nap.stopped_at < nap.woken_at < nap.up_at  # its own word, each time
        phases = [one.phase for one in books.bills[asleep.machine].entries if one.phase not in OFF]
        assert phases[:4] == [Phase.BOOT, Phase.IDLE, Phase.BOOT, Phase.IDLE], phases
        allowed(fleet)
        assert ("schedules", "ec2:StartInstances") not in unused(calls_of(fleet))
