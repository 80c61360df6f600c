"""The processes of a Linux machine: started in sessions of their own, found again whatever they do, and ended.

The agent is the reaper of its descendants (``PR_SET_CHILD_SUBREAPER``): a process whose parent dies comes to the agent
instead of getting away, so "everything below us" stays true until the end. What is not below us (a job's sudo may have
asked a service of the machine to start something) is known by its environment or, on a machine of its own, by its user.
"""

import contextlib
import ctypes
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from paddock.agent.machine.cgroup import ControlGroup
from paddock.agent.machine.harden import as_a_child_starts, set_oom_score
from paddock.agent.machine.users import User, becoming
from paddock.agent.ports import Child

_PR_SET_CHILD_SUBREAPER = 36
_KILL_PATIENCE = 10.0  # seconds
_FREEZES = 50  # looks at the process table until nothing new is in it
_CHASES = 2_000  # of those that fork and end faster than the table can be read
_PROC = Path("/proc")


class PipedChild:
    """A started process and its two pipes."""

    def __init__(self, pid: int, stdout: int, stderr: int) -> None:
        """Args: the process's id; the descriptors, which become non-blocking and ours to close."""
        self.pid = pid
        self.stdout = stdout
        self.stderr = stderr
        self._open = True
        os.set_blocking(stdout, False)
        os.set_blocking(stderr, False)

    def close(self) -> None:
        """Close both descriptors. Idempotent."""
        if self._open:
            self._open = False
            os.close(self.stdout)
            os.close(self.stderr)


class LinuxProcesses:
    """Starts and ends processes; must be the only one in this program that waits for children while it is in use."""

    def __init__(self, user: User | None = None, *, alone: bool = False, group: ControlGroup | None = None) -> None:
        """Set who processes run as and how they are found again.

        Args:
            user: whom everything is started as; None: as ourselves.
            alone: the user serves this machine and nothing else, so that whatever is the user's is the job's.
            group: a control group for everything that is started.
        """
        self._user = user
        self._alone = user.uid if user is not None and alone and user.uid not in (0, os.getuid()) else None
        self._group = group
        self._exits: dict[int, int] = {}

    def adopt_orphans(self) -> bool:
        """Become the reaper of all descendants; False if the kernel will not have it."""
        return bool(ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0)

    def spawn(self, command: Sequence[str], *, directory: Path, environment: Mapping[str, str]) -> Child:
        """See `ports.Processes`. Limits, scores and mask are not the agent's own, but those that a program expects."""
        with as_a_child_starts(), contextlib.nullcontext() if self._group is None else self._group.inside():
            process = subprocess.Popen(  # noqa: S603 - the program comes from a package whose digest was checked
                command,
                cwd=directory,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
                **becoming(self._user),
            )
        set_oom_score(process.pid, 0)
        assert process.stdout is not None
        assert process.stderr is not None
        child = PipedChild(process.pid, os.dup(process.stdout.fileno()), os.dup(process.stderr.fileno()))
        process.stdout.close()
        process.stderr.close()
        self._exits.pop(process.pid, None)  # of an orphan that had this id before
        process.returncode = 0  # its end is learnt from `_reap`, together with that of the orphans
        return child

    def exit_code(self, pid: int) -> int | None:
        """See `ports.Processes`."""
        self._reap()
        return self._exits.get(pid)

    def interrupt(self, pid: int) -> None:
        """See `ports.Processes`."""
        if self.exit_code(pid) is None:  # not reaped, so the id is still this process's own
            os.kill(pid, signal.SIGINT)

    def kill_all(self, marker: str) -> int:
        """See `ports.Processes`. Also everything of the job's user, if that is the machine's alone.

        Whoever forks faster than it is killed is stopped first, until a look at all processes finds nobody new.
        """
        deadline = time.monotonic() + _KILL_PATIENCE
        while True:
            if self._group is not None:
                self._group.kill()
            if self._alone is not None:
                _kill_everything_of(self._alone)
            self._chase(deadline)
            left = self._left(marker)
            if not left or time.monotonic() > deadline:
                return len(left)
            for pid in self._freeze(left, marker):
                _send(pid, signal.SIGKILL)
            time.sleep(0.005)

    def _left(self, marker: str) -> set[int]:
        self._reap()
        left = {*descendants(os.getpid()), *marked(marker)}
        if self._group is not None:
            left.update(self._group.members())
        if self._alone is not None:
            left.update(owned(self._alone))
        return left - {os.getpid()}

    def _freeze(self, found: set[int], marker: str) -> set[int]:
        """Stop them all, and those they started meanwhile; everybody who was stopped."""
        frozen: set[int] = set()
        for _ in range(_FREEZES):
            new = found - frozen
            if not new:
                break
            for pid in new:
                _send(pid, signal.SIGSTOP)
            frozen |= new
            found = self._left(marker)
        return frozen

    def _chase(self, deadline: float) -> None:
        """End our children, and the orphans that come to us, without a look at all processes in between."""
        children = _PROC / "self" / "task" / str(os.getpid()) / "children"
        for _ in range(_CHASES):
            self._reap()
            try:
                pids = children.read_text(encoding="utf-8").split()
            except OSError:  # a kernel without this list: the looks at everything must do
                return
            if not pids or time.monotonic() > deadline:
                return
            for pid in pids:
                _send(int(pid), signal.SIGKILL)

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            self._exits[pid] = os.waitstatus_to_exitcode(status)


def descendants(root: int) -> list[int]:
    """The living descendants of a process, itself left out; zombies do not count."""
    children: dict[int, list[int]] = {}
    zombies = set()
    for pid, state, parent in _processes():
        children.setdefault(parent, []).append(pid)
        if state in "ZX":
            zombies.add(pid)
    found: list[int] = []
    waiting = [root]
    while waiting:
        below = children.get(waiting.pop(), [])
        waiting += below
        found += [pid for pid in below if pid not in zombies]
    return found


def marked(marker: str) -> list[int]:
    """The living processes, ourselves left out, that carry `marker` (``NAME=value``) in their environment."""
    entry = marker.encode()
    found = []
    for pid, state, _ in _processes():
        if pid == os.getpid() or state in "ZX":
            continue
        try:
            environment = (_PROC / str(pid) / "environ").read_bytes()
        except OSError:  # gone meanwhile, or somebody else's
            continue
        if entry in environment.split(b"\0"):
            found.append(pid)
    return found


def owned(uid: int) -> list[int]:
    """The living processes that run as this user, or could become it again without asking anybody."""
    found = []
    for pid, state, _ in _processes():
        if state in "ZX":
            continue
        try:
            status = (_PROC / str(pid) / "status").read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue
        uids = next((line.split()[1:] for line in status.splitlines() if line.startswith("Uid:")), [])
        if str(uid) in uids[:3]:  # real, effective and saved
            found.append(pid)
    return found


def start_ticks(pid: int | str = "self") -> int:
    """When the process started, in clock ticks since boot: with its id, what tells it from all others.

    Raises:
        OSError: there is no such process.
    """
    return int(_stat(str(pid))[19])


def _processes() -> Iterator[tuple[int, str, int]]:
    """Every process as (id, state, parent's id)."""
    for entry in os.listdir(_PROC):  # noqa: PTH208 - names alone; this runs over every process of the machine
        if entry.isdigit():
            try:
                fields = _stat(entry)
            except OSError:
                continue
            yield int(entry), fields[0], int(fields[1])


def _stat(pid: str) -> list[str]:
    """The fields of ``/proc/<pid>/stat`` from the state on. The name before them may hold blanks and brackets."""
    text = (_PROC / pid / "stat").read_text(encoding="utf-8", errors="replace")
    fields = text.rpartition(")")[2].split()
    if not fields:
        raise ProcessLookupError(pid)
    return fields


def _send(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)


def _kill_everything_of(uid: int) -> None:
    """As this user, SIGKILL to all that it may signal: one stroke, during which nobody can fork away."""
    command = ["/bin/sh", "-c", "kill -KILL -1"]
    with contextlib.suppress(OSError, subprocess.SubprocessError):  # no process may be left for it: then one by one
        subprocess.run(  # noqa: S603 - no text of anybody's in it
            command,
            cwd="/",
            env={},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=_KILL_PATIENCE,
            check=False,
            user=uid,
            group=uid,
            extra_groups=[],
        )
