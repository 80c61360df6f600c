"""A machine of the one-machine fleet for tests: its directory, its agent as a real process, its package over HTTP."""

import contextlib
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, TypeVar

from paddock.core.codec import message_from_data
from paddock.core.messages import Assignment, RunnerReported
from paddock.core.ports.machines import Machine, Machines
from tests.agent.runner_package import assignment, put_assignment
from tests.contracts import breaches

T = TypeVar("T")
PATIENCE = 30.0
FAST = ("--stop-grace", "2", "--retry-delay", "0.01", "--min-free-gib", "0.001")


def eventually(condition: Callable[[], T], what: str) -> T:
    """What the condition gives once it is true; an AssertionError when patience ends."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        found = condition()
        if found:
            return found
        time.sleep(0.01)
    raise AssertionError(f"waited {PATIENCE} s for {what}")


def carriers(machine: str) -> list[int]:
    """The living processes that carry the machine's mark in their environment."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                environment = (entry / "environ").read_bytes()
            except OSError:
                continue
            if f"PADDOCK_MACHINE={machine}".encode() in environment.split(b"\0"):
                found.append(int(entry.name))
    return found


def alive(pid: int) -> bool:
    """True while the process runs; a zombie does not."""
    try:
        return Path("/proc", str(pid), "stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def all_machines(machines: Machines) -> list[Machine]:
    """The machines on all pages."""
    page = machines.page()
    found = list(page.items)
    while page.cursor is not None:
        page = machines.page(cursor=page.cursor)
        found += page.items
    return found


class PackageServer:
    """Serves one package on loopback, over and over, and counts.

    `answers` may hold status codes to give first; while `hold` is not set no answer is given; `missing` bytes of the
    package are announced and not sent. With `reply` set, that function answers instead. `asked` keeps each request's
    path and headers.
    """

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.answers: list[int] = []
        self.requests = 0
        self.missing = 0
        self.reply: Callable[[BaseHTTPRequestHandler], None] | None = None
        self.asked: list[tuple[str, Mapping[str, str]]] = []
        self.hold = threading.Event()
        self.hold.set()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.requests += 1
                outer.asked.append((self.path, dict(self.headers.items())))
                outer.hold.wait(PATIENCE)
                if outer.reply is not None:
                    with contextlib.suppress(ConnectionError):  # as below
                        outer.reply(self)
                    return
                status = outer.answers.pop(0) if outer.answers else 200
                self.send_response(status)
                body = outer.data if status == 200 else b""
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                with contextlib.suppress(ConnectionError):  # the agent may have left
                    self.wfile.write(body[: len(body) - outer.missing])

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
                """Tests print enough."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/actions-runner.tar.gz"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop serving, and let go whoever is held."""
        self.hold.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@contextmanager
def package_server(data: bytes) -> Iterator[PackageServer]:
    """A server that is gone afterwards."""
    server = PackageServer(data)
    try:
        yield server
    finally:
        server.close()


class AgentMachine:
    """One machine directory and the agents started on it."""

    def __init__(self, root: Path, name: str) -> None:
        self.name = name
        self.directory = root / "machines" / name
        self.cache = root / "cache"
        self.directory.mkdir(parents=True)
        self.agents: list[subprocess.Popen[bytes]] = []

    def start(self, *options: str, environment: dict[str, str] | None = None) -> subprocess.Popen[bytes]:
        """Start an agent, quick in its ways unless told otherwise."""
        command = [sys.executable, "-P", "-m", "paddock.agent", "local", "--machine-dir", str(self.directory)]
        command += ["--cache-dir", str(self.cache), *FAST, *options]
        measured = {name: value for name, value in os.environ.items() if name.startswith("COVERAGE_")}
        agent = subprocess.Popen(
            command,
            env={"PATH": "/usr/bin:/bin", **measured, **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )
        self.agents.append(agent)
        return agent

    def assign(self, server: PackageServer, **fields: object) -> Assignment:
        """Give the machine its assignment."""
        assigned = assignment(self.name, server.url, server.data, **fields)
        put_assignment(self.directory, assigned)
        return assigned

    def serve(self, data: bytes, *options: str, **fields: object) -> list[RunnerReported]:
        """Run the machine's whole life with this package; its reports."""
        with package_server(data) as server:
            agent = self.start(*options)
            self.assign(server, **fields)
            assert agent.wait(PATIENCE) == 0, self.log_text()
        return self.reports()

    def reports(self) -> list[RunnerReported]:
        """What it reported, read as the core reads it and held to the published schema."""
        found = []
        for path in sorted((self.directory / "outbox").glob("*.json")):
            data = json.loads(path.read_text())
            assert breaches("runner_reported", data) == []
            report = message_from_data(data)
            assert isinstance(report, RunnerReported)
            found.append(report)
        return found

    def log(self) -> list[dict[str, Any]]:
        """The lines of its log."""
        return [json.loads(line) for line in self.log_text().splitlines()]

    def log_text(self) -> str:
        """Its log as it stands."""
        path = self.directory / "agent.log"
        return path.read_text() if path.exists() else ""

    def close(self) -> None:
        """End what a failed test left: our own agents, and what carries our machine's mark."""
        for agent in self.agents:
            agent.kill()
            agent.wait(PATIENCE)
        for pid in carriers(self.name):
            os.kill(pid, 9)
