"""The machine's switch, and the wait before it is used.

On EC2 a power-off from inside ends the instance, because its shutdown behaviour is ``terminate``. It must be a
power-off: a halted machine keeps running, and billing.
"""

import contextlib
import ctypes
import os
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from paddock.agent.machine.clock import SECOND
from paddock.agent.ports import Clock

Step = tuple[str, Callable[[], bool]]
"""A way to switch off: its name for the log, and the act, which says whether it was accepted."""

COMMANDS = (("systemctl", "poweroff"), ("systemctl", "poweroff", "--force"))
"""First the orderly way, in which every service may end in peace; then the one that waits for none."""

PATIENCE = 30.0  # seconds for a command to say whether it accepts
SETTLE = 20.0  # seconds for the kernel's own power-off to happen
TURN = 5.0  # seconds between two signs of life while waiting

_RB_POWER_OFF = 0x4321FEDC  # linux/reboot.h


class SystemPower:
    """`ports.Power` for a real machine: tries one step after the other until one is accepted."""

    def __init__(self, steps: Sequence[Step], *, tell: Callable[[str, bool], None] = lambda _name, _ok: None) -> None:
        """Args: the steps, from the gentlest on (see `linux_steps`); told each step's name, and if it was accepted."""
        self._steps = steps
        self._tell = tell

    def off(self) -> None:
        """See `ports.Power`. Never raises; returns once a step was accepted, or when none was."""
        for name, act in self._steps:
            accepted = False
            with contextlib.suppress(Exception):  # whatever one step dies of, the next is tried
                accepted = act()
            with contextlib.suppress(Exception):  # a full disk must not keep the machine on
                self._tell(name, accepted)
            if accepted:
                return


@dataclass(frozen=True, slots=True)
class Command:
    """A command that switches the machine off; accepted if it ends with 0 within `patience` seconds."""

    words: Sequence[str]
    patience: float = PATIENCE

    def __call__(self) -> bool:
        """Run it."""
        try:
            done = subprocess.run(  # noqa: S603 - the words are ours
                self.words,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                timeout=self.patience,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired):
            return False
        return done.returncode == 0


def command_steps(commands: Sequence[Sequence[str]] = COMMANDS, *, patience: float = PATIENCE) -> list[Step]:
    """A step for each command."""
    return [(" ".join(words), Command(tuple(words), patience)) for words in commands]


def linux_steps() -> list[Step]:
    """All ways off a Linux machine, from the gentlest on. The last two end it at once, whatever is running."""
    return [*command_steps(), ("reboot(2)", _call_the_kernel), ("sysrq", _press_the_key)]


def wait_until(
    moment: int, *, clock: Clock, pause: Callable[[float], bool], alive: Callable[[], None] = lambda: None
) -> bool:
    """Wait for a moment (microseconds) to come, giving signs of life; False if told to stop before.

    After a spot notice the machine waits for AWS to take it: an instance that AWS reclaims in its first hour costs
    nothing, one that switches itself off is billed. ``pause`` waits up to so many seconds, and is True if the machine
    was told to stop meanwhile: then AWS has come.
    """
    while (left := moment - clock.now()) > 0:
        alive()
        if pause(min(left / SECOND, TURN)):
            return False
    return True


def _call_the_kernel() -> bool:  # pragma: no cover - ends the machine
    """What `systemctl --force --force` would do, also where that file has been broken."""
    os.sync()
    libc = ctypes.CDLL(None, use_errno=True)
    return bool(libc.reboot(ctypes.c_int(_RB_POWER_OFF)) == 0)


def _press_the_key() -> bool:  # pragma: no cover - ends the machine
    """The kernel's own key for "off"; the last resort."""
    Path("/proc/sysrq-trigger").write_text("o", encoding="ascii")
    time.sleep(SETTLE)
    return True
