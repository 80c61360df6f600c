"""Pools on AWS, from a launch for nobody to a bill with naps: real agents on standby, put to sleep and woken."""

from pathlib import Path

import pytest

from paddock.adapters.memory.system import SeededChance
from paddock.core.costs.ledger import Phase
from paddock.core.pools.pool import Stock
from paddock.core.spec import Market
from tests.aws.pools import HOT, LABEL, PATIENCE, POOL, keep_house, keeps, spares, stocked
from tests.aws.story import Books, Story, check
from tests.aws.whole import Weather, whole_fleet
from tests.end_to_end.rights import allowed

pytestmark = pytest.mark.slow

OF_POOLS = frozenset(
    {
        ("dispatch", "ec2:StartInstances"),
        *(("schedules", f"ec2:{word}Instances") for word in ("Run", "Start", "Stop", "Terminate")),
        *(("schedules", f"ec2:{word}") for word in ("CreateFleet", "CreateTags", "DescribeInstanceTypeOfferings")),
        ("schedules", "iam:PassRole"),
    }
)
"""What roles allow for the sake of pools, (function, action)."""

OFF = (Phase.SLEEP, Phase.MINIMUM)
"""What is on the bill of a machine for the time that it slept: EC2's minute for each start, and then sleep."""


def cleared(story: Story) -> Books:
    """The books once the pool is taken out of the configuration, and all of it has ended."""
    story.fleet.configure("")
    story.until_settled(PATIENCE)
    return check(story)


def test_a_pool_from_its_first_machine_to_its_last(tmp_path: Path, agent: Path) -> None:
    """Spares come up and one falls asleep; of three jobs one takes each, one starts cold; successors; and the end.

    The pool is taken out of the configuration: what was hot and what sleeps is ended, and billed.
    """
    with whole_fleet(tmp_path, agent, 3, Weather(), more=POOL) as fleet:
        story = Story(fleet, tmp_path / "marks", SeededChance(3))
        hot, asleep = stocked(fleet)
        assert (hot.stock, asleep.stock) == (Stock.HOT, Stock.STOPPED)
        assert (list(fleet.hypervisor.hosts), list(fleet.hypervisor.asleep)) == ([hot.machine], [asleep.machine])
        assert not fleet.github.runners()
        story.start(3, "build", (1.0,), LABEL)
        story.until(lambda: story.waiting() == 0, PATIENCE)
        successors = {one.machine for one in stocked(fleet)}
        assert not successors & {hot.machine, asleep.machine}
        books = cleared(story)
        # Who served whom.
        served = {one.machine: one for one in books.runners.values() if one.served_job is not None}
        assert {hot.machine, asleep.machine} < set(served)
        (cold,) = set(served) - {hot.machine, asleep.machine}
        assert (served[cold].stock, served[cold].pool, served[cold].market) == (None, "web", Market.SPOT)
        assert set(books.runners) == {*served, *successors}
        boots = {one.id: one.boots for one in fleet.hypervisor.past}
        assert {machine: count for machine, count in boots.items() if count > 1} == {asleep.machine: 2}
        # The one that slept woke by its claim, and its sleep is on its bill.
        (nap,) = served[asleep.machine].naps
        assert nap.woken_at is not None
        assert nap.stopped_at < nap.woken_at == served[asleep.machine].claimed_at
        phases = [one.phase for one in books.bills[asleep.machine].entries if one.phase not in OFF]
        assert phases[:3] == [Phase.BOOT, Phase.IDLE, Phase.BOOT], phases
        assert phases.count(Phase.JOB) == 1
        assert sorted(len(runner.naps) for runner in books.runners.values()) == [0, 0, 0, 1, 1]
        for machine, bill in books.bills.items():
            runner = books.runners[machine]
            gone = runner.gone_at or 0  # the minute of a start may end later
            naps = sum((one.woken_at or gone) - one.stopped_at for one in runner.naps)
            assert sum(max(0, min(one.end, gone) - one.start) for one in bill.entries if one.phase in OFF) == naps, bill
        used = {(one.function, one.action) for one in allowed(fleet)}
        assert used & OF_POOLS == OF_POOLS - {("schedules", "ec2:StartInstances")}


def test_a_pool_wakes_its_own(tmp_path: Path, agent: Path) -> None:
    """The hot one is taken: the pool does not wait for a new machine, but wakes the one that sleeps."""
    with whole_fleet(tmp_path, agent, 4, Weather(), more=POOL) as fleet:
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
        assert ("schedules", "ec2:StartInstances") in {(one.function, one.action) for one in allowed(fleet)}
