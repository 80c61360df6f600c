"""How many calls a job costs, counted on the wire: ``python -m tests.bench.calls``. It needs moto, as no group does.

A whole fleet on moto is cold: no function runs, nothing is remembered. It gets one job, or ten equal ones of one push,
and is watched until the machines are gone and every bill is closed. No sweep runs meanwhile, for it costs the same
whatever there is. What Lambda does at a queue is counted with the job, as it is paid for: the receives that brought
something, and the deletes. Receives that brought nothing are the idle polling of Lambda's pollers (at AWS some
hundreds of thousands a month for each queue, with or without jobs): they are shown apart and in no figure.
"""

import json
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

import attrs
from rich.console import Console
from rich.table import Table

from paddock.adapters.memory.system import SeededChance
from tests.agent_zipapp import build
from tests.aws_recorded import MACHINE
from tests.aws_story import Story, check
from tests.aws_weather import FUNCTIONS
from tests.aws_whole import Weather, whole_fleet
from tests.bench.__main__ import OUTPUT, report
from tests.bench.harness import Figure

BATCH = 10
PATIENCE = 120.0  # seconds
SLOW = 6  # so that no loan of a message ends while a cold function starts on a machine that is busy
LASTS = 8.0  # seconds: longer than a cold function takes to start, as most jobs are; else words overtake each other
RECEIVE = "sqs:ReceiveMessage"
OF_THE_RUNNER = ("runner-", "download", "release-")
"""What begins the names of the stand-in's routes that GitHub's own runner asks, or whoever fetches its package."""


@attrs.frozen(kw_only=True)
class Counted:
    """Calls of so many jobs, by who called and what; GitHub's by the stand-in's name of the route."""

    jobs: int
    aws: Mapping[tuple[str, str], int]
    github: Mapping[str, int]
    idle: int

    def per_job(self, calls: Mapping[tuple[str, str], int] | Mapping[str, int]) -> float:
        """The calls of one job."""
        return round(sum(calls.values()) / self.jobs, 2)


def counted(root: Path, jobs: int) -> Counted:
    """Play so many jobs of one push in a cold fleet, and count.

    Raises:
        AssertionError: the fleet did not come to rest, or left something; then the figures would be none.
    """
    agent = root / "agent.pyz"
    build(agent)
    with whole_fleet(root, agent, jobs, Weather(), SLOW) as fleet:
        fleet.schedule.stop()
        story = Story(fleet, root / "marks", SeededChance(jobs))
        story.start(jobs, "build", (LASTS,))
        story.until_settled(PATIENCE)
        check(story)
        recorded = fleet.wire.recorded
        calls = recorded.counts([*sorted(FUNCTIONS - {"schedules"}), "webhook", MACHINE])
        polls = recorded.counts(["pump"])
        brought = sum(len(pump.turns) for pump in fleet.pumps.values())
        idle = polls.pop(("pump", RECEIVE)) - brought
        calls.update({("Lambda's poller", RECEIVE): brought})
        calls.update({("Lambda's poller", action): count for (_, action), count in polls.items()})
        github = Counter({name: n for name, n in fleet.github.calls.items() if not name.startswith(OF_THE_RUNNER)})
    return Counted(jobs=jobs, aws=calls, github=github, idle=idle)


def figures(single: Counted, batch: Counted) -> Iterator[Figure]:
    """What is written down."""
    how = f"{batch.jobs} equal jobs of one push"
    yield Figure("calls.aws.single", single.per_job(single.aws), "1", "AWS calls of one job alone in a cold fleet")
    yield Figure("calls.aws.batch10", batch.per_job(batch.aws), "1", f"AWS calls per job of {how} in a cold fleet")
    yield Figure("calls.github.single", single.per_job(single.github), "1", "calls of GitHub's API of one job alone")
    yield Figure("calls.github.batch10", batch.per_job(batch.github), "1", f"calls of GitHub's API per job of {how}")


def shown(single: Counted, batch: Counted) -> Table:
    """The calls by service and operation, and by who made them."""
    table = Table(title="calls per job")
    for title, side in (("call", "left"), ("by", "left"), ("alone", "right"), (f"one of {batch.jobs}", "right")):
        table.add_column(title, justify=side, no_wrap=True)  # type: ignore[arg-type]
    for caller, action in sorted({*single.aws, *batch.aws}, key=lambda key: (key[1], key[0])):
        key = (caller, action)
        table.add_row(action, caller, str(single.aws.get(key, 0)), f"{batch.aws.get(key, 0) / batch.jobs:g}")
    services = sorted({action.partition(":")[0] for _, action in (*single.aws, *batch.aws)})
    for service in services:
        one, many = (
            sum(count for (_, action), count in each.aws.items() if action.startswith(f"{service}:")) / each.jobs
            for each in (single, batch)
        )
        table.add_row(service, "all", f"{one:g}", f"{many:g}", style="bold")
    for name in sorted({*single.github, *batch.github}):
        count = batch.github.get(name, 0) / batch.jobs
        table.add_row(f"github:{name}", "functions", str(single.github.get(name, 0)), f"{count:g}")
    table.add_row("idle receives, in no figure", "Lambda's poller", str(single.idle), f"{batch.idle / batch.jobs:g}")
    return table


def main() -> int:
    """Count, print, and put the figures beside the others in ``build/bench.json``."""
    found: list[Counted] = []
    for jobs in (1, BATCH):
        with tempfile.TemporaryDirectory() as root:
            found.append(counted(Path(root), jobs))
    console = Console()
    console.print(shown(*found))
    told = list(figures(*found))
    for figure in told:
        console.print(f"{figure.name} = {figure.value:g}: {figure.what}")
    OUTPUT.parent.mkdir(exist_ok=True)
    others = json.loads(OUTPUT.read_text("utf-8")) if OUTPUT.exists() else {}
    OUTPUT.write_text(json.dumps({**others, **report(told)}, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
