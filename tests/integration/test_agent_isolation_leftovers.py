"""A hostile job that will not end and will not be removed: afterwards nothing of it runs, and nothing of it is left.

Each job says `ready` when it has done its worst. As root the jobs are root (as by sudo), or a user of their own where
the test says so; elsewhere they are the tests' own user, and what only root can do does no harm because it fails.
"""

import ctypes
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from paddock.agent.machine.processes import LinuxProcesses, owned
from paddock.agent.machine.users import own_user
from tests.agent.isolated_job import ROOT, Box, Outcome, box
from tests.agent.machine import carriers, eventually

pytestmark = pytest.mark.slow

READY = "\nimport sys\nprint('ready', flush=True)\nimport time\ntime.sleep(600)\n"
NOTE = """
import os, signal, sys, time
def note():
    open(BOX + "/pids", "a").write("%d\\n" % os.getpid())
def deaf():
    for number in signal.valid_signals():
        try:
            signal.signal(number, signal.SIG_IGN)
        except (OSError, ValueError, RuntimeError):
            pass
def shell(command):
    os.system(command + " 2>/dev/null")
"""


@pytest.fixture
def here() -> Iterator[Box]:
    """A box of machines, with a place for notes outside of the machine."""
    with box() as made:
        (made.path / "pids").touch()
        (made.path / "pids").chmod(0o666)
        made.path.chmod(0o755)
        (made.path / "machines").chmod(0o755)
        yield made


def job(here: Box, text: str) -> str:
    return f"BOX = {str(here.path)!r}{NOTE}{text}{READY}"


def noted(here: Box) -> list[int]:
    """The processes that the job said it started."""
    return [int(line) for line in (here.path / "pids").read_text().split()]


def running(pid: int) -> bool:
    try:
        return Path("/proc", str(pid), "stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def assert_nothing_left(here: Box, outcome: Outcome) -> None:
    assert "ready" in outcome.told, outcome.told
    assert (outcome.alive, outcome.left) == (0, [])
    assert not os.path.lexists(here.work)
    assert [pid for pid in noted(here) if running(pid)] == []
    assert carriers(here.machine.name) == []
    mounts = Path("/proc/self/mountinfo").read_text()
    assert str(here.path) not in mounts


DAEMON = """
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        deaf()
        note()
        os.execve("/bin/sh", ["sh", "-c", "trap '' HUP INT TERM; while :; do sleep 60; done"], {})
    os._exit(0)
os.wait()
while not open(BOX + "/pids").read():
    time.sleep(0.01)
"""
HOPPERS = """
for _ in range(10):
    if os.fork() == 0:
        deaf()
        while True:  # each lives for a moment only, in a session of its own, and leaves one behind
            if os.fork():
                os._exit(0)
            os.setsid()
time.sleep(0.2)
"""
BOMB = """
ends = time.time() + 60
if os.fork() == 0:
    deaf()
    for _ in range(7):  # 128 of them ...
        os.fork()
    while time.time() < ends:  # ... each of which always has a child, and another one when that is gone
        if os.fork() == 0:
            time.sleep(0.05)
            os._exit(0)
        os.wait()
    os._exit(0)
time.sleep(0.3)
"""


@pytest.mark.parametrize("group", [False, True], ids=["", "in a control group"])
@pytest.mark.parametrize("alone", [False, True], ids=["", "of a user of its own"])
@pytest.mark.parametrize("worst", [DAEMON, HOPPERS, BOMB], ids=["a deaf daemon", "hoppers", "a fork bomb"])
def test_processes_that_will_not_end(here: Box, worst: str, *, alone: bool, group: bool) -> None:
    """Sessions, double forks, deaf ears, a cleared environment and forking without end save nobody."""
    user = str(here.uid) if alone and ROOT else ""
    outcome = here.run(job(here, worst), user=user, alone=alone, group=group, interpreter=here.interpreter())
    assert_nothing_left(here, outcome)
    assert not user or owned(here.uid) == []


def test_a_process_of_the_dedicated_user_that_is_nobodys_child_is_found(here: Box) -> None:
    """Started by a service of the machine, without our mark: known by its user, if that is this machine's alone."""
    command = ["/bin/sh", "-c", "trap '' TERM INT HUP; echo up; while :; do sleep 60; done"]
    become = {"user": here.uid, "group": here.uid, "extra_groups": []} if ROOT else {}
    stranger = subprocess.Popen(command, env={}, stdout=subprocess.PIPE, start_new_session=True, **become)  # type: ignore[call-overload] # a table of keywords
    assert stranger.stdout is not None
    try:
        assert stranger.stdout.readline() == b"up\n"
        user = str(here.uid) if ROOT else ""
        assert here.run(job(here, ""), user=user, interpreter=here.interpreter()).alive == 0
        assert stranger.poll() is None, "without the setting it is none of ours"
        (here.machine).rename(here.path / "machines" / "old")
        here.machine.mkdir(mode=0o700)
        assert here.run(job(here, ""), user=user, alone=True, interpreter=here.interpreter()).alive == 0
        if ROOT:
            assert stranger.wait(30) == -9
        else:  # the agent's own user is never the job's alone
            assert stranger.poll() is None
    finally:
        subprocess.run(["/bin/sh", "-c", f"kill -9 -{stranger.pid}"], check=False, stderr=subprocess.DEVNULL)
        stranger.wait(30)
        stranger.stdout.close()


def test_the_agents_own_user_is_never_the_jobs_alone() -> None:
    """Whatever the settings say, an agent that shares its user with the job does not kill by user."""
    assert LinuxProcesses(own_user(), alone=True)._alone is None
    assert LinuxProcesses(None, alone=True)._alone is None


LOCKED = """
os.makedirs("../tmp/a/b/c")
for name in ("a/file", "a/b/file", "a/b/c/file"):
    open("../tmp/" + name, "w").write("x")
shell("chattr +i ../tmp/a/file ../tmp/a/b/c; chattr +a ../tmp/a/b/file ../tmp/a/b ../tmp/a; chattr +i ..")
shell("chmod 000 ../tmp/a/b/c ../tmp/a/b ../tmp/a ../tmp ..")
"""
DEEP = """
os.chdir("../tmp")
for number in range(10_000):  # far deeper than a path may be long
    os.mkdir("d")
    os.chdir("d")
    open("f", "w").close()
os.chdir("/")
"""
MANY = """
for number in range(100):
    os.mkdir("../tmp/%d" % number)
    for name in range(100):
        open("../tmp/%d/%d" % (number, name), "w").close()
os.mkfifo("../tmp/pipe")
os.symlink("/", "../tmp/link")
os.symlink("../tmp", "../tmp/loop")
open(b"../tmp/\\xff\\n\\x1b[31m", "w").close()
"""


@pytest.mark.parametrize("worst", [LOCKED, DEEP, MANY], ids=["locked", "deep", "many"])
@pytest.mark.parametrize("dedicated", [False, True], ids=["", "of a user of its own"])
def test_files_that_will_not_go(here: Box, worst: str, *, dedicated: bool) -> None:
    """Immutable, append-only, closed, deeper than any path, many, and with names that are none: all removed."""
    user = str(here.uid) if dedicated and ROOT else ""
    assert_nothing_left(here, here.run(job(here, worst), user=user, interpreter=here.interpreter()))


MOUNTS = """
precious = BOX + "/precious"
os.mkdir("../tmp/bound"); os.mkdir("../tmp/with blank"); os.mkdir("../tmp/memory")
shell("mount --bind %s ../tmp/bound" % precious)
shell("mount --bind %s '../tmp/with blank'" % precious)
shell("mount -t tmpfs none ../tmp/memory && mkdir ../tmp/memory/deep && mount --bind %s ../tmp/memory/deep" % precious)
shell("mount --bind %s _diag" % precious)
shell("mount --bind %s .." % precious)  # over everything
"""


def test_mounts_are_taken_off_and_what_was_mounted_is_not_touched(here: Box) -> None:
    """A directory of the machine's that the job mounted into its own is not emptied with it."""
    precious = here.path / "precious"
    precious.mkdir()
    (precious / "file").write_text("keep me")
    outcome = here.run(job(here, "os.mkdir('_diag')\n" + MOUNTS))
    assert_nothing_left(here, outcome)
    assert [path.name for path in precious.iterdir()] == ["file"]
    assert (precious / "file").read_text() == "keep me"


def test_a_disk_that_the_job_filled_is_empty_again(here: Box) -> None:
    """Removing needs no room: a disk without a single free block or inode is emptied like any other."""
    libc = ctypes.CDLL(None, use_errno=True)
    small = (
        ROOT and libc.mount(b"none", os.fsencode(here.machine), b"tmpfs", 0, b"size=2m,nr_inodes=400,mode=0700") == 0
    )
    fill = """
try:
    for number in range(1000):
        os.makedirs("../tmp/x/%d" % number)
except OSError:
    pass
try:
    with open("big", "wb") as file:
        for _ in range(64):
            file.write(bytes(1 << 16))
except OSError as error:
    pass
"""
    try:
        outcome = here.run(job(here, fill))
        assert (outcome.alive, outcome.left) == (0, [])
        assert not here.work.exists()
        room = os.statvfs(here.machine)
        assert not small or room.f_ffree > 380
    finally:
        if small:
            assert libc.umount2(os.fsencode(here.machine), 2) == 0


def test_what_the_dedicated_user_left_elsewhere_goes_too(here: Box) -> None:
    """Files in shared places, by their owner; what is somebody else's stays."""
    (here.places / "stays").write_text("not the job's")
    if not ROOT:
        (here.places / "stays").unlink()
    left = f"""
os.makedirs({str(here.places)!r} + "/dir/deep")
open({str(here.places)!r} + "/file", "w").close()
os.symlink("/", {str(here.places)!r} + "/link")
os.mkfifo({str(here.places)!r} + "/pipe")
"""
    user = str(here.uid) if ROOT else ""
    outcome = here.run(job(here, left), user=user, alone=True, interpreter=here.interpreter())
    assert_nothing_left(here, outcome)
    expected = ["stays"] if ROOT else ["dir", "file", "link", "pipe"]  # the agent's own user's places are not searched
    assert sorted(path.name for path in here.places.iterdir()) == expected


def test_an_end_of_time_is_kept_and_what_is_left_is_told(here: Box) -> None:
    """Without time for it nothing is removed, and the answer says so; the machine goes off all the same."""
    outcome = here.run(job(here, MANY), patience=0.0)
    assert outcome.alive == 0
    assert outcome.left
    assert all(line.isascii() and line.endswith("the time was up") for line in outcome.left)
    assert here.work.exists()


def test_the_job_leaves_its_control_group_and_the_group_goes(here: Box) -> None:
    """No empty groups pile up on a box that serves many machines; where there are none, nothing is missed."""
    outcome = here.run(job(here, DAEMON), group=True)
    assert_nothing_left(here, outcome)
    found = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines() if " - cgroup2 " in line]
    names = (path for mount in found for path in Path(mount).rglob(f"paddock-{here.machine.name}"))
    eventually(lambda: not list(names), "the group to be gone")
