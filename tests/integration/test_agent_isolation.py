"""What a hostile job can find out beside the agent: real processes, real users where the tests run as root."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from paddock.agent.machine.users import choose_user
from tests.agent.isolated_job import MINE, ROOT, SEARCH, Box, box, search_in, secret

BYSTANDER = "import sys, time; held = open(sys.argv[1]); print('up', flush=True); time.sleep(600)"

OPEN = """
import sys
kept = bytearray("fleet" + "-secret:open-memory:MINE;", "ascii")
print(flush=True)
sys.stdin.read()
""".replace("MINE", MINE)


@pytest.fixture
def here() -> Iterator[Box]:
    """A box of machines."""
    with box() as made:
        (made.path / "machines" / "m-other").mkdir(mode=0o711)
        other = made.path / "machines" / "m-other" / "assignment.json"
        other.touch(mode=0o600)
        other.write_text(secret("other-machine"))
        (made.path / "public").write_text(secret("public-file"))
        (made.path / "public").chmod(0o644)
        if ROOT:
            made.path.chmod(0o755)
            (made.path / "machines").chmod(0o755)
        yield made


@contextmanager
def bystander(here: Box, python: str) -> Iterator[None]:
    """A process of the job's user that is not hardened: what the search must find, or it would prove nothing."""
    become = {"user": here.uid, "group": here.uid, "extra_groups": []} if ROOT else {}
    process = subprocess.Popen(  # type: ignore[call-overload] # a table of keywords
        [python, "-c", BYSTANDER, str(here.path / "public")],
        cwd="/",
        env={"TOKEN": secret("bystander-environment")},
        stdout=subprocess.PIPE,
        **become,
    )
    try:
        assert process.stdout.readline() == b"up\n"
        yield
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        process.wait(30)
        process.stdout.close()


CONTROL = {"public-file", "bystander-environment"}


def test_a_job_with_a_user_of_its_own_finds_nothing_of_the_fleet(here: Box) -> None:
    """Every environment, command line, descriptor, memory and file that it can open: no secret of ours is in any.

    Where the tests are not run by root there can be no such user, and the agent says so instead of going on.
    """
    if not ROOT:
        with pytest.raises(ValueError, match="only root can start jobs as somebody else"):
            choose_user("somebody-else")
        return
    python = here.interpreter()
    with bystander(here, python):
        outcome = here.run(search_in(here.path), user=str(here.uid), interpreter=python)
    assert (outcome.code, outcome.left) == (0, []), outcome.told
    assert outcome.found == CONTROL


def test_a_job_of_the_agents_own_user_finds_files_but_not_what_the_agent_holds(here: Box) -> None:
    """The files of one user are open to all its programs; the agent's memory, environment and descriptors are not."""
    python = here.interpreter()
    if ROOT:
        for path in (here.path / "machines" / "m-other", here.path / "machines" / "m-other" / "assignment.json"):
            os.chown(path, here.uid, here.uid)
    with bystander(here, python):
        outcome = here.run(search_in(here.path), become=here.uid, interpreter=python)
    assert (outcome.code, outcome.left) == (0, []), outcome.told
    assert outcome.hardened["closed"] is True
    assert outcome.found == CONTROL | {"assignment", "log", "spool", "other-machine"}


@pytest.fixture
def started_in_the_background() -> Iterator[None]:
    """As a shell without job control starts it: what it starts ignores two signals."""
    before = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGQUIT, signal.SIGHUP)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.usefixtures("started_in_the_background")
def test_the_job_starts_as_a_program_expects(here: Box) -> None:
    """Mask, limits, signals, descriptors and the out-of-memory score are not those of the agent or of its starter."""
    job = """
import os, resource, signal
print(oct(os.umask(0)), resource.getrlimit(resource.RLIMIT_CORE), sorted(os.listdir("/proc/self/fd"))[:3])
print(os.readlink("/proc/self/fd/0"), len(os.listdir("/proc/self/fd")), os.getsid(0) == os.getpid())
print(sorted(s.name for s in signal.valid_signals() if isinstance(s, signal.Signals)
      and signal.getsignal(s) is signal.SIG_IGN), open("/proc/self/oom_score_adj").read().strip())
new = [line for line in open("/proc/self/status") if "NoNewPrivs" in line]
print(os.getresuid(), os.getresgid(), os.getgroups(), new)
"""
    uid = here.uid
    outcome = here.run(job, user=str(uid) if ROOT else "", interpreter=here.interpreter())
    core = subprocess.run(
        [sys.executable, "-c", "import resource; print(resource.getrlimit(resource.RLIMIT_CORE))"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    groups = [uid] if ROOT else sorted(os.getgroups())
    lines = outcome.told.splitlines()
    assert lines[0] == f"0o22 {core} ['0', '1', '2']"
    assert lines[1] == "/dev/null 4 True"  # the fourth is the listing's own
    assert lines[2] == "['SIGPIPE', 'SIGXFSZ'] 0"  # as Python has them
    gid = uid if ROOT else os.getgid()
    assert lines[3].startswith(f"({uid}, {uid}, {uid}) ({gid}, {gid}, {gid}) {groups} ['NoNewPrivs:\\t0")


def test_the_agent_is_closed_and_what_it_writes_is_its_own(here: Box) -> None:
    """The work directory belongs to the job's user, the machine's own lets it through and shows it nothing."""
    user = str(here.uid) if ROOT else ""
    job = f"""
import os, stat
def told(path):
    found = os.stat(path)
    return oct(stat.S_IMODE(found.st_mode)), found.st_uid
print(told({str(here.work)!r}), told("."), told({str(here.machine)!r}))
try:
    print(os.listdir({str(here.machine)!r}))
except PermissionError:
    print("closed")
for name in ("assignment", "log", "spool"):
    print(name, *told(os.path.join({str(here.machine)!r}, name)))
"""
    outcome = here.run(job, user=user, interpreter=here.interpreter())
    own, agent = here.uid, os.geteuid()
    lines = outcome.told.splitlines()
    mode = "0o711" if ROOT else "0o700"
    assert lines[0] == f"('0o700', {own}) ('0o700', {own}) ('{mode}', {agent})"
    assert (lines[1] == "closed") is ROOT
    assert lines[2:] == [f"{name} 0o600 {agent}" for name in ("assignment", "log", "spool")]


def test_a_way_that_is_closed_to_the_user_is_named(here: Box) -> None:
    """A directory above that does not let the job's user pass ends the machine with the directory's name."""
    if not ROOT:
        assert here.run("print('served')").told == "served\n"
        return
    closed = here.path / "machines"
    closed.chmod(0o700)
    with pytest.raises(AssertionError, match=rf"{closed}: found mode 0700, wanted one that lets {here.uid} pass"):
        here.run("", user=str(here.uid))


def test_the_search_finds_what_lies_open(tmp_path: Path) -> None:
    """An open file, environment, command line and memory are found: so finding nothing means something."""
    (tmp_path / "file").write_text(secret("open-file"))
    process = subprocess.Popen(
        [sys.executable, "-c", OPEN, secret("open-command-line")],
        env={"X": secret("open-environment")},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        process.stdout.readline()
        narrow = SEARCH.replace('os.listdir("/proc")', repr([str(process.pid)]))
        found = subprocess.run(
            [sys.executable, "-c", narrow, str(tmp_path)], capture_output=True, text=True, check=True, timeout=60
        ).stdout.split()
    finally:
        process.stdin.close()
        process.wait(30)
        process.stdout.close()
    assert set(found) - {"found"} >= {"open-file", "open-memory", "open-environment", "open-command-line"}
