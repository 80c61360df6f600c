"""The agent as a single file: the same bytes every time, nothing needless in it, and it lives a machine's life."""

import hashlib
import json
import re
import shlex
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from paddock.core.messages import ReportEvent
from tests.agent.machine import FAST, PATIENCE, AgentMachine, package_server
from tests.agent.runner_package import runner_package, script
from tests.agent.zipapp import ROOT, build

VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]


@pytest.fixture(scope="module")
def agent(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file."""
    output = tmp_path_factory.mktemp("zipapp") / "paddock-agent.pyz"
    build(output)
    return output


def run(*command: str) -> subprocess.CompletedProcess[str]:
    """A command's outcome; nothing of this environment is there."""
    return subprocess.run(
        command, env={"PATH": "/usr/bin:/bin"}, capture_output=True, text=True, timeout=PATIENCE, check=False
    )


def test_the_same_sources_give_the_same_bytes(agent: Path, tmp_path: Path) -> None:
    """In another process, with other hashes, in another directory; and the builder names size and digest."""
    again = tmp_path / "again.pyz"
    printed = build(again, seed="4711")
    data = again.read_bytes()
    assert data == agent.read_bytes()
    assert f"{len(data)} bytes" in printed
    assert f"sha256 {hashlib.sha256(data).hexdigest()}" in printed


def test_nothing_but_the_agent_and_its_contracts_is_in_it(agent: Path) -> None:
    """All of their sources, sorted, with one fixed moment; no other part of the product, nothing of this machine."""
    with zipfile.ZipFile(agent) as archive:
        names = archive.namelist()
        assert {info.date_time for info in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        everything = b"".join(archive.read(name) for name in names)
    boxes = [ROOT / "agent", ROOT / "contracts"]
    sources = {path.relative_to(box).as_posix() for box in boxes for path in (box / "paddock").rglob("*.py")}
    assert {name for name in names if name.endswith(".py")} == {"__main__.py", *sources}
    ours = ("paddock/agent/", "paddock/contracts/")
    assert all(name.startswith(ours) for name in names if name not in ("__main__.py", "paddock/"))
    assert {name for name in names if name.endswith(".pyc")} == {f"{name}c" for name in sources}
    assert len(names) == len(set(names))
    assert str(ROOT).encode() not in everything


def test_it_says_its_version(agent: Path) -> None:
    """Started by its interpreter or by itself; isolated, so that nothing in the environment can get in."""
    assert agent.read_bytes().startswith(b"#!/usr/bin/env python3\n")
    assert agent.stat().st_mode & 0o777 == 0o755
    said = run(sys.executable, "-I", str(agent), "--version")
    assert (said.returncode, said.stdout, said.stderr) == (0, f"paddock-agent {VERSION}\n", "")


def test_its_namespace_package_is_found_in_the_archive(agent: Path) -> None:
    """`paddock` has no __init__.py: Python sees it in an archive only because its directory has an entry."""
    program = "import paddock.agent.agent, paddock; print(paddock.__path__, paddock.agent.agent.__file__)"
    done = run(sys.executable, "-I", "-c", f"import sys; sys.path.insert(0, {str(agent)!r}); {program}")
    assert done.returncode == 0, done.stderr
    assert f"{agent}/paddock" in done.stdout


def test_its_bytecode_is_used_by_the_python_that_built_it(agent: Path, tmp_path: Path) -> None:
    """Every module of ours is loaded without being compiled; without bytecode they are, and all works the same."""
    plain = tmp_path / "plain.pyz"
    build(plain, "--no-bytecode")
    program = (
        "import builtins, sys, zipimport; seen = []; inner = zipimport._compile_source; "
        "zipimport._compile_source = lambda path, source: (seen.append(path), inner(path, source))[1]; "
        "sys.path.insert(0, {!r}); import paddock.agent.agent, paddock.agent.job.supervise; print(len(seen))"
    )
    compiled = [int(run(sys.executable, "-I", "-c", program.format(str(path))).stdout) for path in (agent, plain)]
    assert compiled[0] == 0
    assert compiled[1] > 5


def test_its_start_is_measured_as_the_page_says(agent: Path, tmp_path: Path) -> None:
    """The page's block, by this Python and once instead of twenty times: each of the three is imported, and timed."""
    page = (ROOT / "docs" / "image.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"^```\n(python3\.12 .*?)^```$", page, re.DOTALL | re.MULTILINE)
    (tmp_path / "build").mkdir()
    (tmp_path / "build" / "paddock-agent.pyz").write_bytes(agent.read_bytes())
    for name in ("agent", "contracts"):
        (tmp_path / name).symlink_to(ROOT / name)
    script = block.replace("python3.12", shlex.quote(sys.executable)).replace("seq 20", "seq 1")
    said = run("bash", "-ec", f"cd {shlex.quote(str(tmp_path))}; {script}")
    assert (said.returncode, said.stderr) == (0, "")
    measured = re.findall(r"^\d+ ms from (\S+)$", said.stdout, re.MULTILINE)
    assert measured == ["build/paddock-agent.pyz", "build/plain.pyz", "agent:contracts"]


def test_a_python_that_is_too_old_is_told_so(agent: Path) -> None:
    """Before anything is imported that it could not read."""
    with zipfile.ZipFile(agent) as archive:
        main = archive.read("__main__.py").decode()
    assert main.index("version_info < (3, 11)") < main.index("from paddock.agent")
    old = main.replace("(3, 11)", "(99, 0)")
    done = run(sys.executable, "-I", "-c", old)
    assert done.returncode == 1
    assert re.search(r"needs Python 3\.11 or newer, and this is 3\.", done.stderr)


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[AgentMachine]:
    """A machine of the one-machine fleet."""
    with closing(AgentMachine(tmp_path, "m-zipped")) as found:
        yield found


def test_it_serves_a_job(agent: Path, machine: AgentMachine) -> None:
    """A whole life out of the archive, isolated as the unit starts it: every module that a life needs is in there."""
    command = [sys.executable, "-I", str(agent), "local", "--machine-dir", str(machine.directory)]
    command += ["--cache-dir", str(machine.cache), *FAST]
    with package_server(runner_package(script(job="build", result="Succeeded"))) as server:
        process = subprocess.Popen(command, env={"PATH": "/usr/bin:/bin"}, stdin=subprocess.DEVNULL)
        machine.agents.append(process)
        machine.assign(server)
        assert process.wait(PATIENCE) == 0, machine.log_text()
    reports = machine.reports()
    assert [report.event for report in reports] == [ReportEvent.STARTED, ReportEvent.FINISHED]
    assert json.loads(machine.log_text().splitlines()[0])["event"] == "on"
