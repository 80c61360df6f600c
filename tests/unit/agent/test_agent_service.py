"""What the agent tells systemd, over a real datagram socket."""

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

from paddock.agent.machine import service as module
from paddock.agent.machine.service import SystemdService
from paddock.agent.ports import ServiceManager

SECOND = 1_000_000


def alive() -> set[threading.Thread]:
    """The threads that give signs of life now."""
    return {thread for thread in threading.enumerate() if thread.name == "alive"}


@pytest.fixture(params=["path", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[socket.socket, str]]:
    """The other end, and what NOTIFY_SOCKET would be: a file, or a name that only the kernel knows."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as there:
        if request.param == "path":
            name = str(tmp_path / "notify")
            there.bind(name)
        else:
            there.bind("")  # the kernel finds a free abstract name
            name = "@" + there.getsockname()[1:].decode()
        there.settimeout(10)
        yield there, name


def test_each_word_is_one_datagram(manager: tuple[socket.socket, str]) -> None:
    """Ready, alive, status, and stopping say what sd_notify(3) has for them."""
    there, name = manager
    with closing(SystemdService({"NOTIFY_SOCKET": name})) as service:
        _: ServiceManager = service
        service.ready()
        service.alive()
        service.status("waiting for\norders")
        service.stopping(100 * SECOND)
        told = [there.recv(4096).decode() for _ in range(4)]
    assert told == [
        "READY=1",
        "WATCHDOG=1",
        "STATUS=waiting for orders",
        "STOPPING=1\nEXTEND_TIMEOUT_USEC=100000000\nWATCHDOG=1",
    ]


@pytest.mark.parametrize(
    "name", ["", "vsock:2:1234", "relative/name", "/nowhere/at/all", "@nobody-listens", "/" + "x" * 300]
)
def test_without_anybody_there_nothing_happens(name: str) -> None:
    """No socket, one that this cannot speak to, none listening, a name too long: every call returns in peace."""
    service = SystemdService({"NOTIFY_SOCKET": name} if name else {})
    for _ in range(2):
        service.ready()
        service.alive()
        service.status("on")
        service.stopping(1)
        with service.busy(SECOND):
            pass
        service.close()
    assert not service.watched


def test_a_full_socket_does_not_hold_the_agent(manager: tuple[socket.socket, str]) -> None:
    """Nobody reads: signs of life are lost, none of them waits."""
    there, name = manager
    sent = 20_000
    with closing(SystemdService({"NOTIFY_SOCKET": name})) as service:
        for _ in range(sent):
            service.alive()
        there.settimeout(0)
        arrived = 0
        with suppress(BlockingIOError):
            while there.recv(4096):
                arrived += 1
        service.ready()  # and there is room again
        assert there.recv(4096) == b"READY=1"
    assert 0 < arrived < sent


def test_signs_of_life_are_given_while_busy_and_not_after(manager: tuple[socket.socket, str]) -> None:
    """The thread says the first word at once and is gone when the block is left, also by an error."""
    there, name = manager
    with closing(SystemdService({"NOTIFY_SOCKET": name})) as service:
        with suppress(ZeroDivisionError), service.busy(60 * SECOND):
            assert there.recv(4096) == b"WATCHDOG=1"
            assert len(alive()) == 1
            raise ZeroDivisionError
        assert alive() == set()


def test_signs_of_life_end_with_the_limit(manager: tuple[socket.socket, str]) -> None:
    """Whoever hangs longer than it may is not called alive for ever: by its clock the limit is over."""
    there, name = manager
    moments = iter([0.0, 0.5, 1.5])  # the start, and then one look after each wait
    looked = threading.Event()

    def now() -> float:
        moment = next(moments, None)
        if moment is None:
            looked.set()
            return 99.0
        return moment

    with closing(SystemdService({"NOTIFY_SOCKET": name}, pulse=0.001)) as service, service.busy(SECOND, now=now):
        assert [there.recv(4096) for _ in range(2)] == [b"WATCHDOG=1"] * 2
        for thread in alive():
            thread.join(10)
            assert not thread.is_alive()
        there.settimeout(0)
        with pytest.raises(BlockingIOError):
            there.recv(4096)
    assert not looked.is_set()


def test_signs_of_life_come_twice_in_what_is_promised() -> None:
    """The port promises one per 10 s; a late thread still keeps that."""
    assert module.PULSE <= 5


def test_without_a_thread_to_have_the_work_goes_on() -> None:
    """A job that took all threads leaves none for signs of life: what is inside is done all the same."""
    program = """
import os, resource, sys
from paddock.agent.machine.service import SystemdService
service = SystemdService({"NOTIFY_SOCKET": "@nobody-listens"})
resource.setrlimit(resource.RLIMIT_NPROC, (1, 1))
if os.geteuid() == 0:
    os.setuid(int(sys.argv[1]))
with service.busy(1_000_000):
    print("done")
"""
    words = [sys.executable, "-c", program, str(300_000 + os.getpid())]
    ran = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    assert ran.stdout == "done\n", ran.stderr


def test_the_machines_span_of_life_is_begun_anew(manager: tuple[socket.socket, str], tmp_path: Path) -> None:
    """By the command that restarts the timer; where nobody watches, or it cannot be run, nothing happens."""
    mark = tmp_path / "renewed"
    watched = {"NOTIFY_SOCKET": manager[1]}
    for environment, command in ((watched, ("touch", str(mark))), (watched, (str(tmp_path / "none"),))):
        with closing(SystemdService(environment, renewal=command)) as service:
            service.renew()
        assert mark.exists()
    mark.unlink()
    SystemdService({}, renewal=("touch", str(mark))).renew()
    assert not mark.exists()
