"""One hostile job beside a real agent process: hardened, started, killed and cleaned up as on a machine.

As a program it is that agent, with the secrets of a fleet in its memory, its environment, its files and descriptors.
"""

import ctypes
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from paddock.agent.job.environment import base_environment, marker
from paddock.agent.machine.cgroup import control_group
from paddock.agent.machine.cleanup import clean
from paddock.agent.machine.harden import harden
from paddock.agent.machine.place import claim
from paddock.agent.machine.processes import LinuxProcesses, owned
from paddock.agent.machine.users import choose_user, make_for, open_way
from paddock.agent.ports import Child

NAME = "fleet-secret"
MINE = f"{os.getppid() if __name__ == '__main__' else os.getpid():016x}"
"""Tells the secrets of one test process, and of the agent it starts, from those of another that searches beside it."""

PATIENCE = 60.0
ROOT = os.geteuid() == 0
SEARCH = r"""
import os, re, stat, sys
pattern = re.compile(b"fleet" + b"-secret:([a-z-]+):MINE;")
mine = {os.getpid()}
seen = set()
place = "its own"

def search(data):
    for match in pattern.finditer(data):
        seen.add((match[1].decode(), place))

def look(path, limit=1 << 20):
    global place
    place = path
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except OSError:
        return
    try:
        search(os.read(descriptor, limit))
    except OSError:
        pass
    finally:
        os.close(descriptor)

def memory(pid):
    global place
    try:
        place = "memory of %d: %r" % (pid, open("/proc/%d/cmdline" % pid, "rb").read()[:200])
    except OSError:
        return
    try:
        maps = open("/proc/%d/maps" % pid).read().splitlines()
        mem = open("/proc/%d/mem" % pid, "rb", 0)
    except OSError:
        return
    for line in maps:
        first, last = (int(part, 16) for part in line.split(" ")[0].split("-"))
        if " r" not in line or last - first > 1 << 26:
            continue
        try:
            mem.seek(first)
            search(mem.read(last - first))
        except (OSError, ValueError, OverflowError):
            pass
    mem.close()

def searches(pid):
    # A search of another test beside this one holds what it has read of everybody, also of this test itself.
    try:
        return b"fleet" + b'" + b"-secret' in open("/proc/%d/cmdline" % pid, "rb").read()
    except OSError:
        return True

for entry in os.listdir("/proc"):
    if not entry.isdigit() or int(entry) in mine or searches(int(entry)):
        continue
    for name in ("environ", "cmdline"):
        look("/proc/%s/%s" % (entry, name))
    try:
        for number in os.listdir("/proc/%s/fd" % entry):
            path = "/proc/%s/fd/%s" % (entry, number)
            if stat.S_ISREG(os.stat(path).st_mode):
                look(path)
    except OSError:
        pass
    memory(int(entry))
# A directory that shows no names may still open what is asked for by name.
known = "agent.log assignment.json assignment.taken.json process.json outbox/000001-started.json outbox/bad/1.json"
for top in (sys.argv[1] if len(sys.argv) > 1 else ROOT_OF_BOX, "."):
    for directory, below, files in os.walk(top):
        for name in files + [os.path.join(one, other) for one in below for other in known.split()]:
            look(os.path.join(directory, name))
for name, value in os.environ.items():
    search(value.encode())
for number in range(3, 256):
    try:
        search(os.pread(number, 1 << 16, 0))
    except OSError:
        pass
for kind in sorted({kind for kind, _ in seen}):
    print("found " + kind)
for kind, where in sorted(seen):
    print("where %s: %s" % (kind, where))
""".replace("MINE", MINE)
"""A job that looks for our secrets everywhere, and prints the kinds of those it found."""


def secret(kind: str) -> str:
    """A secret that can be recognised wherever it turns up."""
    return f"{NAME}:{kind}:{MINE};"


def search_in(path: Path) -> str:
    """The searching job, which looks through the files below `path` as well; not through us, who know all secrets."""
    return SEARCH.replace("ROOT_OF_BOX", repr(str(path))).replace("mine = {", f"mine = {{{os.getpid()}, ")


def found_in(lines: Iterable[str]) -> set[str]:
    """The kinds of secrets that a searching job says it found."""
    return {line.split(" ", 1)[1] for line in lines if line.startswith("found ")}


def for_everybody(package: bytes, interpreter: str) -> bytes:
    """The runner package with programs that start this Python, which other users may execute."""
    data = io.BytesIO()
    with (
        tarfile.open(fileobj=io.BytesIO(package)) as source,
        tarfile.open(fileobj=data, mode="w:gz", compresslevel=1) as target,
    ):
        for entry in source:
            file = source.extractfile(entry)
            content = b"" if file is None else file.read()
            content = content.replace(sys.executable.encode(), interpreter.encode())
            entry.size = len(content)
            target.addfile(entry, io.BytesIO(content))
    return data.getvalue()


@dataclass(frozen=True)
class Outcome:
    """What became of the job. ``found`` are the kinds of secrets it found, ``told`` what it printed."""

    code: int | None
    alive: int
    left: list[str]
    told: str
    hardened: Mapping[str, Any]

    @property
    def found(self) -> set[str]:
        """The kinds of secrets that a searching job says it found."""
        return found_in(self.told.splitlines())


class Box:
    """A directory that other users may pass, with machines in it, and a user of its own if there can be one."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.uid = 300_000 + os.getpid() if ROOT else os.getuid()
        assert not ROOT or owned(self.uid) == []
        self.machine = path / "machines" / f"m-{path.name}"
        self.work = self.machine / "work"
        self.places = path / "places"
        for directory in (path / "machines", self.places):
            directory.mkdir()
            directory.chmod(0o711)
        self.places.chmod(0o1777)
        self.machine.mkdir(mode=0o700)

    def run(self, job: str, *, user: str = "", become: int | None = None, alone: bool = False, group: bool = False,
            interpreter: str = "", patience: float = 60.0) -> Outcome:  # fmt: skip
        """Run the Python program `job` to its end (or until it prints `ready` and closes its output), then end all.

        user: whom the agent starts it as. become: whom the agent itself becomes first.
        """
        plan = {
            "machine": str(self.machine), "job": job, "user": user, "become": become, "alone": alone, "group": group,
            "places": str(self.places), "interpreter": interpreter or sys.executable, "patience": patience,
        }  # fmt: skip
        measured = {name: value for name, value in os.environ.items() if name.startswith("COVERAGE_")}
        done = subprocess.run(
            [sys.executable, "-P", __file__],
            input=json.dumps(plan).encode(),
            env={"PATH": os.environ["PATH"], "AGENT_TOKEN": secret("agent-environment"), **measured},
            capture_output=True,
            timeout=PATIENCE * 2,
            check=False,
        )
        assert done.returncode == 0, done.stderr.decode()
        return Outcome(**json.loads(done.stdout))

    def interpreter(self) -> str:
        """A Python that the box's own user can execute; it runs only the job."""
        for python in (sys.executable, "/usr/bin/python3", "/usr/local/bin/python3"):
            with suppress(OSError):
                become: dict[str, Any] = {"user": self.uid, "group": self.uid, "extra_groups": []} if ROOT else {}
                if (
                    subprocess.run([python, "-c", ""], cwd="/", check=False, capture_output=True, **become).returncode
                    == 0
                ):
                    return python
        raise AssertionError("no Python here that another user may execute")


@contextmanager
def box() -> Iterator[Box]:
    """A box that is gone afterwards, with everything that a failed test left in it."""
    path = Path(tempfile.mkdtemp(prefix="paddock-"))
    path.chmod(0o711)
    made = Box(path)
    try:
        yield made
    finally:
        for pid in owned(made.uid) if ROOT else ():
            with suppress(ProcessLookupError):
                os.kill(pid, 9)
        claim(made.machine)
        clean(made.machine, path / "unused", patience=PATIENCE)
        shutil.rmtree(path, ignore_errors=True)


def main() -> None:
    """Be the agent: everything in the order in which an agent does it."""
    plan = json.load(sys.stdin)
    machine = Path(plan["machine"])
    if plan["become"] is not None and os.geteuid() == 0:
        _become(plan["become"], machine)
    hardened = harden()
    memory = bytearray(secret("agent-memory"), "ascii")
    user = choose_user(plan["user"]).user
    open_way(machine, user)
    for kind in ("assignment", "log", "spool"):
        (machine / kind).write_text(secret(kind))
    held = tempfile.TemporaryFile(dir=machine)  # noqa: SIM115 - held open while the job runs
    held.write(secret("agent-descriptor").encode())
    held.flush()
    work = machine / "work"
    make_for(user, work, *(work / name for name in ("runner", "home", "tmp")))
    claim(work)
    group = control_group(f"paddock-{machine.name}") if plan["group"] else None
    processes = LinuxProcesses(user, alone=plan["alone"], group=group)
    assert processes.adopt_orphans()
    mark = marker(machine.name)
    child = processes.spawn(
        [plan["interpreter"], "-c", plan["job"]],
        directory=work / "runner",
        environment={**base_environment(work / "home", work / "tmp"), "PADDOCK_MACHINE": machine.name},
    )
    told, code = _listen(processes, child)
    alive = processes.kill_all(mark)
    left = clean(work, machine / "diag", user=user, alone=plan["alone"], places=[Path(plan["places"])],
                 patience=plan["patience"])  # fmt: skip
    assert memory.decode() == secret("agent-memory")
    print(json.dumps({"code": code, "alive": alive, "left": left, "told": told, "hardened": hardened}))  # noqa: T201 - its answer


def _become(uid: int, machine: Path) -> None:
    os.chown(machine, uid, uid)
    os.setgroups([])
    os.setgid(uid)
    os.setuid(uid)
    # The kernel has closed us because of that; open again, as a program that was started by this user is.
    assert ctypes.CDLL(None).prctl(4, 1, 0, 0, 0) == 0


def _listen(processes: LinuxProcesses, child: Child) -> tuple[str, int | None]:
    """What the job prints, until it has ended or says that it is ready; how it ended, None if it goes on."""
    told = b""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        code = processes.exit_code(child.pid)
        for stream in (child.stdout, child.stderr):
            with suppress(BlockingIOError):
                while data := os.read(stream, 65_536):
                    told += data
        if code is not None or b"ready\n" in told:
            return told.decode(errors="replace"), code
        time.sleep(0.01)
    return told.decode(errors="replace") + "\nthe job took too long", None


if __name__ == "__main__":
    main()
