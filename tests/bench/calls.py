"""How many calls a job costs, counted on the wire: ``python -m tests.bench.calls``. It needs moto, as no group does.

A whole fleet on moto serves a job that counts for nothing, so that its functions are warm. Then it gets a job alone,
and then ten equal ones of one push, which come to the dispatcher as one batch; each time it is watched until the
machines are gone and every bill is closed. In between what the functions remember grows old: the clock by which they
judge that is set forward, and no other, so that they ask again as they would of jobs that come now and then.
Environments that have to be started all the same, because the others are busy, are counted with the job, but what
only a start asks for is in a table of its own.

Another fleet has a pool with one machine hot and one asleep. A job takes each, alone; what it is to have the pool in
order is housekeeping's work, and not counted.

What goes by time or is others' work is shown apart and in no sum: signs of life, log shipping, sweeps, EventBridge's
messages, a spare's looks for orders but the one that finds them, and the receives and deletes of Lambda's pollers.
Receives that brought nothing are their idle polling.
"""

import json
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console

from paddock.adapters.memory.system import SeededChance
from paddock.core.runner import Runner
from paddock.core.units import SECOND
from tests.agent.zipapp import build
from tests.aws.pools import LABEL, POOL, stocked
from tests.aws.story import Story, check, depth_of
from tests.aws.table_units import priced
from tests.aws.whole import LABEL as COLD_LABEL
from tests.aws.whole import Weather, whole_fleet
from tests.bench.__main__ import OUTPUT, report
from tests.bench.call_tables import apart, cold_starts, figures, others, per_job, pool_figures, price
from tests.bench.job_calls import Counted, Since
from tests.bench.job_costs import ASSUMED, LEFT_OUT, costs
from tests.bench.rivals import RIVALS

BATCH = 10
PATIENCE = 120.0  # seconds
HELD = 2.0  # seconds until no poller waits for a message any more
UNCLOSED = 0.5  # seconds that only machines' records are open, until the sweep sees to them
RULES = ("machine-warned",)  # the fleet has no limit on machines, so nobody waits for a place
SLOW = 6  # so that no loan of a message ends while a cold function starts on a machine that is busy
LASTS = 8.0  # seconds: longer than a cold function takes to start, as most jobs are; else words overtake each other
STALE = 50 * SECOND  # longer than a function remembers what it asks for with jobs: see `aws_lambda.factories`
SILENT = 120 * SECOND  # between a spare's words: longer than one waits here, for they are no job's
SWEEP = {"task": "sweep"}


def counted(root: Path, slow: int = SLOW) -> tuple[Counted, Counted]:
    """Play in a warm fleet: a job alone, and ten of one push; all spans are `slow` times as long as usual.

    Raises:
        AssertionError: the fleet did not come to rest, or left something; then the figures would be none.
    """
    agent = root / "agent.pyz"
    build(agent)
    with whole_fleet(root, agent, 1, Weather(), slow, RULES) as fleet:
        fleet.schedule.stop()
        story = Story(fleet, root / "marks", SeededChance(1))
        found: list[Counted] = []
        for name, jobs in (("warm", 1), ("alone", 1), ("ten", BATCH)):
            since = Since(fleet)
            start_together(story, jobs, name)
            until_closed(story)
            found.append(since.counted(jobs))
            for function in fleet.functions.values():
                function.ahead += STALE
        check(story)
    _, single, batch = found
    return single, batch


def counted_of_pool(root: Path) -> tuple[Counted, Counted]:
    """Play in a warm fleet with a pool: a job that takes its hot machine, and one that wakes its stopped one.

    Raises:
        AssertionError: as `counted`.
    """
    agent = root / "agent.pyz"
    build(agent)
    with whole_fleet(root, agent, 1, Weather(), SLOW, RULES, POOL, {"heartbeat": SILENT}) as fleet:
        fleet.schedule.stop()
        story = Story(fleet, root / "marks", SeededChance(1))
        start_together(story, 1, "warm")
        until_closed(story)
        hot, asleep = stocked(fleet)
        found: list[Counted] = []
        for name, kept in (("hot", (asleep.machine,)), ("stopped", ())):
            for function in fleet.functions.values():
                function.ahead += STALE
            story.kept = kept
            since = Since(fleet)
            start_together(story, 1, name, LABEL)
            until_closed(story)
            found.append(since.counted(1).without_looks())
        served = {one.served_job for machine, one in check(story).runners.items() if machine in _ids(hot, asleep)}
        assert None not in served
        assert len(served) == 2
    first, second = found
    return first, second


def _ids(*runners: Runner) -> frozenset[str]:
    return frozenset(runner.machine for runner in runners)


def start_together(story: Story, jobs: int, name: str, label: str = COLD_LABEL) -> None:
    """Start so many jobs of the label, and let the dispatcher have all of them as one batch."""
    pump = story.fleet.pumps["jobs"]
    pump.hold()
    time.sleep(HELD)
    story.start(jobs, name, (LASTS,), label)
    end = time.monotonic() + PATIENCE * story.fleet.pace
    while depth_of(story.fleet, "jobs")[0] < jobs:
        if time.monotonic() > end:
            raise AssertionError(f"fewer than {jobs} jobs have come")
        story.tick()
    pump.release()


def until_closed(story: Story) -> None:
    """Wait until nothing is left to do; the sweep comes when only machines' records are open."""
    pace = story.fleet.pace
    end, since = time.monotonic() + PATIENCE * pace, 0.0
    while left := story.left():
        now = time.monotonic()
        if now > end:
            raise AssertionError(f"after {PATIENCE} s still: " + "\n".join(left))
        if any(not one.startswith("Runner(") for one in left):
            since = 0.0
        elif not since:
            since = now
        elif now - since > UNCLOSED * pace:
            story.fleet.schedule.fire(SWEEP)
            since = 0.0
        story.tick()


def main() -> int:
    """Count, print, and put the figures beside the others in ``build/bench.json``."""
    with tempfile.TemporaryDirectory() as root:
        single, batch = counted(Path(root))
    with tempfile.TemporaryDirectory() as root:
        hot, stopped = counted_of_pool(Path(root))
    alone, each = (costs(one, priced(one.jobs).dollars(one.jobs)) for one in (single, batch))
    console = Console()
    for table in (
        per_job(single, batch),
        per_job(hot, stopped, "calls of a job that takes a machine of a pool", "hot", "stopped"),
        apart(single, batch),
        cold_starts(single, batch),
        others(single, batch),
        price(alone, each, batch.jobs),
    ):
        console.print(table)
    for one in RIVALS:
        console.print(f"{one.name}: {one.source}.")
    console.print(f"Assumed: {ASSUMED}.")
    console.print(f"Not in it: {LEFT_OUT}.")
    told = [*figures(single, batch, sum(alone.values()), sum(each.values())), *pool_figures(hot, stopped)]
    for figure in told:
        console.print(f"{figure.name} = {figure.value:g}: {figure.what}")
    OUTPUT.parent.mkdir(exist_ok=True)
    known = json.loads(OUTPUT.read_text("utf-8")) if OUTPUT.exists() else {}
    OUTPUT.write_text(json.dumps({**known, **report(told)}, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
