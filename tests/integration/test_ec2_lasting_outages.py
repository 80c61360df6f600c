"""What never comes back: every wait of a machine's has an end, its disk has the one report, and it goes off.

Each of these lives lasts a minute or more, for that is how patient the agent is. They are lived at the same time.
"""

import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import pytest

from paddock.core.messages import RunnerReported
from tests.agent.ec2_faults import Cuts, kill_program, reach, said, spooled
from tests.agent.ec2_machine import Ec2, Ec2Machine, ec2, one_end
from tests.agent.machine import eventually
from tests.agent.runner_package import runner_package, script
from tests.agent.zipapp import build
from tests.aws.machine import SECOND

pytestmark = pytest.mark.slow

BOUND = 110.0  # seconds for a whole life, of which some are this test's own
JOB = script(job="build", lasts=0.5, result="Failed")  # a success is nothing to tell


@dataclass(frozen=True)
class Lasting:
    """Something that goes away for good in a phase, or dies unnoticed. ``told``: whether the queue can be reached."""

    name: str
    phase: str
    cut: tuple[str, ...]
    reason: str
    conclusion: str | None = None
    does: Mapping[str, Any] = field(default_factory=lambda: JOB)
    told: bool = False


ALL = ("*",)
LIVES = (
    Lasting("all, before the orders", "", ALL, "assignment_unreadable"),
    Lasting("all, during the download", "download", ALL, "", "failure"),
    Lasting("all, while it listens", "listening", ALL, "no_job", does=script(idle=True)),
    Lasting("all, during the job", "job", ALL, "", "failure"),
    Lasting("all, at the end", "after the job", ALL, "", "failure"),
    Lasting("the queue, during the job", "job", ("SendMessage",), "", "failure"),
    Lasting("the log, during the job", "job", ("PutLogEvents",), "", "failure", told=True),
    Lasting("a Worker that nobody misses", "job", (), "worker_died", "cancelled", told=True,
            does=script(job="build", hang=True, worker=True, careless=True)),
)  # fmt: skip


@dataclass
class Lived:
    """What is left to look at."""

    reports: list[RunnerReported]
    spooled: list[RunnerReported]
    off: bool
    left: list[str]
    seconds: float
    log: list[dict[str, Any]]
    stream: list[str]


def lived(cloud: Ec2, row: Lasting, making: threading.Lock) -> Lived:
    """One whole life."""
    limits = {"idle_timeout": 3 * SECOND} if row.reason == "no_job" else {"max_runtime": 600 * SECOND}
    settings = {"report_patience": 3 * SECOND, "assignment_deadline": 30 * SECOND if row.phase else SECOND}
    with making:
        context = cloud.machine(runner_package(row.does), **settings)
        machine = context.__enter__()
    try:
        cuts = Cuts(machine)
        machine.assign(**limits)
        if not row.phase:
            cuts.cut(row.cut)
        if row.phase == "download":
            machine.server.hold.clear()

        def act(_pid: int) -> None:
            if row.phase:
                reach(machine, row.phase)
                cuts.cut(row.cut)
                machine.server.hold.set()
            if not row.cut:
                eventually(lambda: said(machine, '"event": "worker_seen"'), "the Worker's sign of life")
                kill_program(machine, "bin/Runner.Worker")

        start = time.monotonic()
        machine.live(act, silence=30.0)
        seconds = time.monotonic() - start
        return Lived(
            reports=machine.reports(),
            spooled=spooled(machine),
            off=machine.is_off,
            left=machine.left(),
            seconds=seconds,
            log=machine.log(),
            stream=shipped(machine),
        )
    finally:
        context.__exit__(None, None, None)


def shipped(machine: Ec2Machine) -> list[str]:
    """The lines in its stream; none if it never came to be."""
    streams = machine.aws.logs.describe_log_streams(logGroupName=f"/paddock/{machine.aws.name}")["logStreams"]
    return [line for stream in streams for line in machine.shipped(int(stream["logStreamName"].rpartition("/")[2]))]


@pytest.fixture(scope="module")
def lives(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Future[Lived]]]:
    """All lives, begun at the same time."""
    root = tmp_path_factory.mktemp("ec2")
    build(root / "agent.pyz")
    with ec2(root, root / "agent.pyz") as cloud, ThreadPoolExecutor(len(LIVES)) as pool:
        making = threading.Lock()
        yield {row.name: pool.submit(lived, cloud, row, making) for row in LIVES}


@pytest.mark.parametrize("row", LIVES, ids=lambda row: row.name)
def test_what_lasts_is_not_waited_for_without_end(lives: dict[str, Future[Lived]], row: Lasting) -> None:
    """The machine is off within its bounds, and its one end is true: with the control plane, or else on its disk."""
    life = lives[row.name].result(2 * BOUND)
    told, kept = (life.reports, life.spooled) if row.told else (life.spooled, life.reports)
    end = one_end(told)
    assert (end.reason, end.conclusion) == (row.reason, row.conclusion)
    assert [report for report in kept if report.event == end.event] == []
    assert life.off
    assert life.left == ([] if row.phase else ["a secret in its item"])  # which nobody could take out
    assert life.seconds < BOUND
    if row.cut:
        assert any(line["event"] == "off" and line["reported"] is row.told for line in life.log)
    else:
        assert any(" agent off " in line for line in life.stream)
