"""The agent as a real process: where the package comes from, and what is done about one that is wrong."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest

from paddock.core.messages import ReportEvent, RunnerReported
from paddock.core.states import OperationalResult
from tests.agent.machine import AgentMachine, package_server
from tests.agent.runner_package import RUNNER_ID, assignment, jit_config, put_assignment, runner_package, script

GOOD = runner_package(script(job="build"))


@pytest.fixture
def machines(tmp_path: Path) -> Iterator[list[AgentMachine]]:
    """Three machines that share a cache; whatever a failed test leaves running is ended."""
    made = [AgentMachine(tmp_path, f"m-{tmp_path.name}"[:60] + f"-{index}") for index in range(3)]
    yield made
    for machine in made:
        machine.close()


@pytest.fixture
def machine(machines: list[AgentMachine]) -> AgentMachine:
    """One of them."""
    return machines[0]


def failure(reports: list[RunnerReported]) -> tuple[str, str]:
    """Reason and detail of a machine that could not start."""
    (failed,) = reports
    assert (failed.event, failed.result) == (ReportEvent.FAILED_TO_START, OperationalResult.FAILED_TO_START)
    return failed.reason, failed.detail


def test_the_cache_is_shared(machines: list[AgentMachine]) -> None:
    """One download serves all machines that come later."""
    with package_server(GOOD) as server:
        for machine in machines:
            machine.assign(server)
            assert machine.start().wait(30) == 0
            assert machine.reports()[-1].result is OperationalResult.SERVED
        assert server.requests == 1


def test_agents_that_start_together_download_once(machines: list[AgentMachine]) -> None:
    """The others wait for the one that downloads, and use what it got."""
    with package_server(GOOD) as server:
        server.hold.clear()
        for machine in machines:
            machine.assign(server)
            machine.start()
        server.hold.set()
        for machine in machines:
            assert machine.agents[0].wait(30) == 0
            assert machine.reports()[-1].result is OperationalResult.SERVED
        assert server.requests == 1


@pytest.mark.parametrize("damage", [b"damaged", b"", None], ids=["other bytes", "empty", "a link"])
def test_a_damaged_cache_is_not_trusted(machine: AgentMachine, tmp_path: Path, damage: bytes | None) -> None:
    """The cached file is checked each time; a bad one is removed and fetched anew."""
    with package_server(GOOD) as server:
        assigned = machine.assign(server)
        machine.cache.mkdir()
        cached = machine.cache / f"{assigned.package.sha256}.tar.gz"
        if damage is None:
            (tmp_path / "elsewhere").write_bytes(GOOD)
            cached.symlink_to(tmp_path / "elsewhere")
        else:
            cached.write_bytes(damage)
        assert machine.start().wait(30) == 0
        assert server.requests == 1
    assert machine.reports()[-1].result is OperationalResult.SERVED
    assert not cached.is_symlink()
    assert cached.read_bytes() == GOOD


def test_a_package_with_another_digest_is_refused(machine: AgentMachine) -> None:
    """Nothing of it is started or kept, and it is not asked for again: the bytes will not get better."""
    with package_server(GOOD) as server:
        wrong = attrs.evolve(assignment(machine.name, server.url, b"other bytes"))
        put_assignment(machine.directory, wrong)
        assert machine.start().wait(30) == 0
        assert server.requests == 1
    reason, detail = failure(machine.reports())
    assert reason == "digest_mismatch"
    assert wrong.package.sha256 in detail
    assert [path.suffix for path in machine.cache.iterdir()] == [".lock"]


def test_a_passing_trouble_of_the_server_is_overcome(machine: AgentMachine) -> None:
    """A 503 gets another try."""
    with package_server(GOOD) as server:
        server.answers = [503]
        machine.assign(server)
        assert machine.start().wait(30) == 0
        assert server.requests == 2
    assert machine.reports()[-1].result is OperationalResult.SERVED


@pytest.mark.parametrize(("status", "requests"), [(404, 1), (403, 1), (500, 3)])
def test_a_download_that_fails(machine: AgentMachine, status: int, requests: int) -> None:
    """A refusal is final, a server's trouble is tried three times; the status is in the report, the address is not."""
    with package_server(GOOD) as server:
        server.answers = [status] * 3
        machine.assign(server)
        assert machine.start().wait(30) == 0
        assert server.requests == requests
        reason, detail = failure(machine.reports())
        assert reason == "download_failed"
        assert f"HTTP {status}" in detail
        assert server.url not in machine.log_text() + detail


def test_a_server_that_is_not_there(machine: AgentMachine) -> None:
    """A refused connection is reported as such."""
    with package_server(GOOD) as server:
        machine.assign(server)
    assert machine.start().wait(30) == 0
    reason, detail = failure(machine.reports())
    assert (reason, "Connection refused" in detail) == ("download_failed", True)


def test_a_download_that_is_cut_short(machine: AgentMachine) -> None:
    """Fewer bytes than announced are a failed download, not a wrong package."""
    with package_server(GOOD) as server:
        server.missing = 100
        machine.assign(server)
        assert machine.start().wait(30) == 0
        assert server.requests == 3
    assert failure(machine.reports())[0] == "download_failed"


def test_too_little_room(machine: AgentMachine) -> None:
    """Before anything is downloaded, the free space is looked at."""
    with package_server(GOOD) as server:
        machine.assign(server)
        assert machine.start("--min-free-gib", "1000000").wait(30) == 0
        assert server.requests == 0
    reason, detail = failure(machine.reports())
    assert reason == "low_disk"
    assert "1024000000 MiB are needed" in detail


def test_a_package_that_is_no_runner(machine: AgentMachine) -> None:
    """A right digest does not make an archive of it."""
    assert failure(machine.serve(b"no archive"))[0] == "bad_package"


def test_a_listener_that_cannot_start(machine: AgentMachine) -> None:
    """The pre-flight tells a missing library from everything else, in the Listener's own words."""
    reason, detail = failure(machine.serve(runner_package(broken=True)))
    assert reason == "preflight_failed"
    assert "exit code 134: Couldn't find a valid ICU package" in detail


@pytest.mark.parametrize(
    "jit",
    [jit_config(RUNNER_ID + 1), jit_config(more={"run.sh": b"x"}), base64.b64encode(json.dumps([]).encode()).decode()],
    ids=["another runner's", "another file", "another shape"],
)
def test_a_bad_configuration_is_refused_before_the_download(machine: AgentMachine, jit: str) -> None:
    """What the Listener would write is looked at first."""
    with package_server(GOOD) as server:
        machine.assign(server, jit_config=jit)
        assert machine.start().wait(30) == 0
        assert server.requests == 0
    assert failure(machine.reports())[0] == "bad_jit_config"
