"""The fleet on AWS from GitHub's signed webhook to a machine that is gone, with real agents and a real runner's steps."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from paddock.adapters.memory.github import JobScript, Step
from paddock.core.states import JobState, OperationalResult
from tests.agent_zipapp import build
from tests.aws_hypervisor import cpu_of_children
from tests.aws_whole import LABEL, REPOSITORY, Weather, Whole, whole_fleet

pytestmark = pytest.mark.slow
PATIENCE = 25.0


@pytest.fixture(scope="module")
def agent(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("agent") / "agent.pyz"
    build(made)
    return made


def until(happened: Callable[[], bool], what: str, fleet: Whole, seconds: float = PATIENCE) -> None:
    end = time.monotonic() + seconds
    while not happened():
        fleet.hypervisor.look_for_errors()
        if time.monotonic() > end:
            raise AssertionError(f"after {seconds} s still not: {what}")
        time.sleep(0.05)


def test_one_job(tmp_path: Path, agent: Path) -> None:
    with whole_fleet(tmp_path, agent, 1, Weather()) as fleet:
        t = time.monotonic()
        run = fleet.github.start_run(REPOSITORY, [JobScript("build", (LABEL,), (Step("mark", f"echo x >> {tmp_path}/marks"),))])
        (number,) = run.job_ids
        try:
            until(lambda: fleet.github.jobs()[0].conclusion is not None, "concluded", fleet)
            until(lambda: not fleet.hypervisor.hosts, "gone", fleet)
            until(lambda: (j := fleet.profile.table().jobs.get(str(number))) is not None and j.state is JobState.FINISHED, "finished", fleet)
        finally:
            print(time.monotonic() - t, cpu_of_children())
            for n in fleet.functions: print(n, fleet.log(n))
            for k, v in fleet.wire.recorded.counts().items(): print(k, v)
            for m in (tmp_path/"machines").iterdir():
                print((m/"console").read_text(), (m/"machine/agent.log").read_text() if (m/"machine/agent.log").exists() else "")
            print(fleet.hypervisor.past)
            for p in fleet.pumps.values(): print([x for x in p.turns if x.left])
