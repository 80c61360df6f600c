"""Switching the machine off: every way is tried, none can hang or raise, and a spot machine waits for AWS first."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from paddock.agent.machine.power import COMMANDS, Command, SystemPower, command_steps, linux_steps, wait_until
from paddock.agent.ports import Power

SECOND = 1_000_000


class ManualClock:
    """A clock that stands until it is moved."""

    def __init__(self, at: int) -> None:
        self.at = at

    def now(self) -> int:
        """Microseconds."""
        return self.at


def step(name: str, tried: list[str], *, ends: Callable[[], bool]) -> tuple[str, Callable[[], bool]]:
    """A step that notes that it was tried."""

    def act() -> bool:
        tried.append(name)
        return ends()

    return name, act


def fail() -> bool:
    """A step that breaks."""
    raise OSError(5, "broken")


def test_the_first_step_that_is_accepted_is_the_last() -> None:
    """Refused and broken steps are passed over; nothing is done after one was accepted."""
    tried: list[str] = []
    told: list[tuple[str, bool]] = []
    steps = [
        step("refuses", tried, ends=lambda: False),
        step("breaks", tried, ends=fail),
        step("accepts", tried, ends=lambda: True),
        step("never", tried, ends=lambda: True),
    ]
    power: Power = SystemPower(steps, tell=lambda name, accepted: told.append((name, accepted)))
    power.off()
    assert tried == ["refuses", "breaks", "accepts"]
    assert told == [("refuses", False), ("breaks", False), ("accepts", True)]


def test_a_log_that_cannot_be_written_keeps_nothing_on() -> None:
    """Telling may fail (a full disk): the next step is tried all the same."""
    tried: list[str] = []

    def tell(_name: str, _accepted: bool) -> None:  # noqa: FBT001 - the shape of the callback
        raise OSError(28, "No space left on device")

    steps = [step("one", tried, ends=lambda: False), step("two", tried, ends=lambda: True)]
    SystemPower(steps, tell=tell).off()
    assert tried == ["one", "two"]


def test_with_nothing_left_it_returns() -> None:
    """No step was accepted: there is nothing to raise for, whoever watches over the agent goes on from here."""
    tried: list[str] = []
    SystemPower([step("one", tried, ends=fail)]).off()
    assert tried == ["one"]


@pytest.mark.parametrize(("code", "accepted"), [(0, True), (1, False), (77, False)])
def test_a_command_is_accepted_if_it_ends_well(code: int, accepted: bool, tmp_path: Path) -> None:  # noqa: FBT001 - a table
    """The exit code decides; what it prints is nobody's."""
    mark = tmp_path / "ran"
    program = f"import sys; print('x' * 100_000); open({str(mark)!r}, 'w'); sys.exit({code})"
    assert Command((sys.executable, "-c", program))() is accepted
    assert mark.exists()


def test_a_command_that_is_not_there_is_refused() -> None:
    """A machine without systemctl goes on to the next step."""
    assert Command(("/nowhere/systemctl", "poweroff"))() is False


def test_a_command_that_hangs_is_ended() -> None:
    """It gets its time and no more, and is not left running."""
    program = "import os, time; print(os.getpid(), flush=True); time.sleep(600)"
    assert Command((sys.executable, "-c", program), patience=0.2)() is False
    left = subprocess.run(["pgrep", "-f", program], capture_output=True, text=True, check=False)
    assert left.stdout == ""


def test_the_machine_is_switched_off_and_never_halted() -> None:
    """A halted instance is not ended by EC2 and goes on costing; so does one that only restarts."""
    assert all("poweroff" in words for words in COMMANDS)
    assert not {"halt", "reboot", "-H"} & {word for words in COMMANDS for word in words}


def test_the_orderly_way_comes_first() -> None:
    """Force only after systemd refused, the kernel only after force."""
    names = [name for name, _ in linux_steps()]
    assert names == ["systemctl poweroff", "systemctl poweroff --force", "reboot(2)", "sysrq"]
    assert [name for name, _ in command_steps([("a", "b")])] == ["a b"]


def test_the_wait_for_aws_gives_signs_of_life_and_ends_at_the_moment() -> None:
    """Each turn is at most 5 s, so that the watchdog hears often enough; the last is as short as what is left."""
    clock = ManualClock(1_000 * SECOND)
    turns: list[float] = []
    signs: list[int] = []

    def pause(seconds: float) -> bool:
        turns.append(seconds)
        clock.at += int(seconds * SECOND)
        return False

    assert wait_until(1_012 * SECOND, clock=clock, pause=pause, alive=lambda: signs.append(clock.at)) is True
    assert turns == [5.0, 5.0, 2.0]
    assert signs == [1_000 * SECOND, 1_005 * SECOND, 1_010 * SECOND]


def test_a_moment_that_has_passed_is_not_waited_for() -> None:
    """Nothing to wait for: no pause at all."""

    def pause(_seconds: float) -> bool:
        raise AssertionError

    assert wait_until(5, clock=ManualClock(5), pause=pause) is True


def test_the_wait_ends_when_the_machine_is_told_to_stop() -> None:
    """AWS has come: the system is going down, and the agent must not hold it up."""
    answers = iter([False, True])
    assert wait_until(10**12, clock=ManualClock(0), pause=lambda _seconds: next(answers)) is False
    assert list(answers) == []
