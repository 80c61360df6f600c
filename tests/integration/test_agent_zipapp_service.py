"""The agent's unit, rehearsed: its own command lines, started and ended as systemd would, and the switch pressed once.

In place of the agent's own life stands a short one in the same archive, which uses the agent's own switch and its own
word to systemd; so this shows what the unit and these two promise, whatever the life between them is.
"""

import json
import os
import signal
import stat
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from paddock.adapters.bootstrap import machine_file
from tests.agent.service_rehearsal import Life, Unit, live
from tests.agent.system_commands import SystemCommands
from tests.agent.zipapp import build

MACHINE = Path(__file__).parents[2] / "src/adapters/paddock/adapters/bootstrap/machine"
MAIN = """
import json, os, sys, time
from pathlib import Path
from paddock.agent.machine.power import SystemPower, command_steps
from paddock.agent.machine.service import SystemdService

command, option, config = sys.argv[1:]
assert option == "--config"
told = json.loads(Path(config).read_text())
if command == "stop-post":
    names = ("SERVICE_RESULT", "EXIT_CODE", "EXIT_STATUS")
    Path(told["words"]).write_text(" ".join(os.environ[name] for name in names))
    sys.exit(told["words_end"])
assert command == "aws"
service = SystemdService()
way = told["way"]
if way == "never ready":
    time.sleep(600)
try:
    service.ready()
    if way == "exception":
        raise RuntimeError("a fault of ours")
    if way == "hangs":
        time.sleep(600)
    while way == "lives":
        service.alive()
        time.sleep(0.05)
finally:
    service.stopping(90_000_000)
    SystemPower(command_steps()).off()
"""


class Rehearsal:
    """A machine's unit, its archive and its settings in a folder, and a switch that only notes that it was pressed."""

    def __init__(self, home: Path, agent: Path) -> None:
        self.system = SystemCommands(home / "commands")
        self.home = home
        self.words = home / "words"
        places = {
            "/usr/bin/python3": sys.executable,
            "/usr/bin/timeout": str(self.system.folder / "timeout"),
            "/opt/paddock/agent.pyz": str(agent),
            "/opt/paddock/libexec": str(MACHINE),
            "/etc/paddock/agent.json": str(home / "agent.json"),
        }
        self.unit = Unit(machine_file("paddock-agent.service").decode(), places)

    def live(self, way: str, act: Callable[[int], None] | None = None, *, words_end: int = 0) -> Life:
        """One life of the service."""
        told = {"way": way, "words": str(self.words), "words_end": words_end}
        (self.home / "agent.json").write_text(json.dumps(told))
        bounds = {"never ready": {"start": 1.0}, "hangs": {"silence": 1.0}}.get(way, {})
        return live(self.unit, self.system.environment, self.home, act=act, **bounds)

    def went_off_once(self) -> bool:
        """The switch was pressed, in the mildest way, and once."""
        return self.system.calls == ["systemctl poweroff"] and (self.system.folder / "off").exists()


@pytest.fixture(scope="module")
def agent(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The archive with another beginning."""
    home = tmp_path_factory.mktemp("agent")
    build(home / "real.pyz", "--no-bytecode")
    with zipfile.ZipFile(home / "real.pyz") as real, zipfile.ZipFile(home / "agent.pyz", "w") as archive:
        for name in real.namelist():
            archive.writestr(name, MAIN if name == "__main__.py" else real.read(name))
    return home / "agent.pyz"


@pytest.fixture
def rehearsal(tmp_path: Path, agent: Path) -> Rehearsal:
    """A rehearsal."""
    return Rehearsal(tmp_path, agent)


def kill(pid: int) -> None:
    """The out-of-memory killer, or a job with sudo."""
    os.kill(pid, signal.SIGKILL)


def terminate(pid: int) -> None:
    """The system is going down."""
    os.kill(pid, signal.SIGTERM)


@pytest.mark.parametrize(
    ("way", "act", "words"),
    [
        ("normal", None, "success exited 0"),
        ("exception", None, "exit-code exited 1"),
        ("lives", kill, "signal killed KILL"),
        ("lives", terminate, "signal killed TERM"),
        ("hangs", None, "watchdog dumped ABRT"),
        ("never ready", None, "timeout killed TERM"),
    ],
    ids=["normal end", "exception", "kill -9", "terminated", "hung", "never ready"],
)
def test_however_the_agent_ends_the_switch_is_pressed_once(
    way: str, act: Callable[[int], None] | None, words: str, rehearsal: Rehearsal
) -> None:
    """By the agent or by what comes after it, never by both; the last words are asked for with what had happened."""
    life = rehearsal.live(way, act)
    assert f"{life.result} {life.exit_code} {life.exit_status}" == words
    assert rehearsal.words.read_text() == words
    assert life.after == [0, 0]
    assert rehearsal.went_off_once()


def test_an_agent_that_cannot_be_started_switches_the_machine_off(tmp_path: Path) -> None:
    """No archive, or one that is broken: Python ends at once, has no last words, and the machine goes off."""
    broken = tmp_path / "broken.pyz"
    broken.write_bytes(b"#!/usr/bin/env python3\nnot an archive")
    for agent in (tmp_path / "missing.pyz", broken):
        home = tmp_path / agent.stem
        home.mkdir()
        other = Rehearsal(home, agent)
        life = other.live("normal")
        assert (life.result, life.after[0] != 0, life.after[1]) == ("exit-code", True, 0)
        assert other.went_off_once()


def test_a_machine_without_python_goes_off(rehearsal: Rehearsal) -> None:
    """Nothing of the agent can run, not even its last words; the script needs none of it."""
    rehearsal.unit = Unit(
        machine_file("paddock-agent.service").decode(),
        {
            "/usr/bin/python3": "/nowhere/python3",
            "/usr/bin/timeout": str(rehearsal.system.folder / "timeout"),
            "/opt/paddock/libexec": str(MACHINE),
        },
    )
    life = rehearsal.live("normal")
    assert (life.exit_status, life.refused) == ("203", False)
    assert rehearsal.went_off_once()


def test_last_words_that_fail_do_not_keep_the_machine_on(rehearsal: Rehearsal) -> None:
    """The queue cannot be reached: the switch is pressed all the same."""
    life = rehearsal.live("lives", kill, words_end=1)
    assert (life.after, life.refused) == ([1, 0], False)
    assert rehearsal.went_off_once()


def test_a_system_that_is_stopping_is_not_told_to(rehearsal: Rehearsal) -> None:
    """A pool's stop: the system ends the agent, and nobody presses the switch."""
    rehearsal.system.tell("off")
    life = rehearsal.live("lives", terminate)
    assert life.after == [0, 0]
    assert rehearsal.system.calls == []


def test_a_switch_that_refuses_is_pressed_harder(rehearsal: Rehearsal) -> None:
    """The agent tries both of its ways, and the script after it goes further."""
    rehearsal.system.tell("refuses", "mild --force")
    rehearsal.live("normal")
    ways = ["systemctl poweroff", "systemctl poweroff --force"]
    assert rehearsal.system.calls == [*ways, *ways, "systemctl poweroff --force --force"]


def test_systemd_hears_the_agents_words(rehearsal: Rehearsal) -> None:
    """Ready first; on the way out, that it ends and how long that may take."""
    told = rehearsal.live("normal").told
    assert told == ["READY=1", "STOPPING=1", "EXTEND_TIMEOUT_USEC=90000000", "WATCHDOG=1"]


def test_what_the_unit_runs_can_be_executed() -> None:
    """The repository keeps the mode that the machine's copy needs."""
    for name in ("power-off", "guard-metadata", "install.sh"):
        assert (MACHINE / name).stat().st_mode & stat.S_IXUSR, name
