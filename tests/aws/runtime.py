"""Functions as Lambda runs them: each environment is a process with its own module state, environment and keys.

Run as a program it is the nursery of these processes: it imports all functions once, and forks for each environment, so
that a cold start costs what is built at the first event and nothing more. Environment and events are lines of JSON on
a socket; a process that is killed, or takes too long, is gone, and so is whatever it had in hand.
"""

import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import attrs

from paddock.adapters.system import SystemClock
from paddock.core.units import Moment, Span
from tests.aws.pump import FunctionError
from tests.aws.recorded import Caller, Recorded, kinds_of

ROOT = Path(__file__).parents[2]
NAMES = ("webhook", "dispatch", "events", "reports", "schedules")
READY = 120.0  # seconds


AHEAD: list[Span] = [0]
"""In an environment's process: by how much the clock of what it remembers is ahead."""


class MemoryClock(SystemClock):
    """The clock by which it is judged how old is what a function remembers, and which tokens it has of its own."""

    def now(self) -> Moment:
        """See the port."""
        return super().now() + AHEAD[0]


@attrs.frozen
class Context:
    """What Lambda tells of an invocation."""

    aws_request_id: str


class Environment:
    """One execution environment: one process. Not for two threads at once, but `kill` is for any."""

    def __init__(self, runtime: Path, instance: str, function: str, variables: Mapping[str, str], log: Path) -> None:
        self.instance, self.turns = instance, 0
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.connect(str(runtime))
        self._file = self._socket.makefile("rwb")
        self._tell({"function": function, "environment": dict(variables), "log": str(log)})
        self.pid = int(self._hear(READY)["pid"])
        self._handle = os.pidfd_open(self.pid)
        self._ending = threading.Lock()
        self.dead = self._closed = False

    def invoke(self, event: Mapping[str, Any], request: str, timeout: float, ahead: Span = 0) -> Any:  # noqa: ANN401 - any answer
        """The handler's answer. After an error without one the environment is dead. `ahead`: see `ProcessFunction`.

        Raises:
            FunctionError: it raised, was killed, or took longer than so many seconds.
        """
        try:
            self._tell({"request": request, "event": dict(event), "ahead": ahead})
            told = self._hear(timeout)
        except (OSError, ValueError) as error:
            self.kill()
            raise FunctionError(f"{self.instance}: {type(error).__name__} {error}") from error
        if "error" in told:
            raise FunctionError(f"{self.instance}: {told['error']}")
        return told["answer"]

    def kill(self) -> None:
        """End it by SIGKILL; it is gone when this returns."""
        with self._ending:
            self.dead = True
            if self._closed:
                return
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._handle, signal.SIGKILL)
            select.select([self._handle], [], [], READY)

    def close(self) -> None:
        """End it, and let go of it."""
        self.kill()
        with self._ending:
            if self._closed:
                return
            self._closed = True
            os.close(self._handle)
        self._file.close()
        self._socket.close()

    def _tell(self, data: object) -> None:
        self._file.write(json.dumps(data).encode() + b"\n")
        self._file.flush()

    def _hear(self, timeout: float) -> Any:  # noqa: ANN401 - plain data
        if not select.select([self._socket], [], [], timeout)[0]:
            raise TimeoutError(f"no answer within {timeout} s")
        line = self._file.readline()
        if not line:
            raise ConnectionError("the process is gone")
        return json.loads(line)


class ProcessFunction:
    """A function and its environments, each with access keys of its own, by which the wire knows it.

    An environment is kept for the next event, and a new one started where all are busy, as Lambda does it. ``alive``
    are the environments by their instance's name. ``ahead`` is by how much the clock is that tells how old is what they
    remember: whoever sets it need not wait until they have forgotten.

    ``doom`` is asked at each invocation when its environment is to be killed: so many seconds after it began, or when
    it would answer, if that is sooner; the answer is lost. None: it lives.
    """

    def __init__(
        self,
        runtime: Path,
        name: str,
        variables: Mapping[str, str],
        recorded: Recorded,
        log: Path,
        *,
        timeout: float = 30.0,
        doom: Callable[[], float | None] = lambda: None,
    ) -> None:
        self.name, self.timeout, self.doom = name, timeout, doom
        self.alive: dict[str, Environment] = {}
        self.starts = self.deaths = self.invocations = 0
        self.ahead: Span = 0
        self._runtime, self._variables, self._recorded, self._log = runtime, variables, recorded, log
        self._idle: list[Environment] = []
        self._old: set[str] = set()
        self._lock = threading.Lock()

    def invoke(self, event: Mapping[str, Any]) -> Any:  # noqa: ANN401 - any answer
        """See `tests.aws.pump.Function`."""
        environment = self._environment()
        environment.turns += 1
        caller = Caller(self.name, environment.instance, environment.turns, kinds_of(event))
        self._recorded.know(self._keys(environment.instance), caller)
        try:
            request = f"{environment.instance}-{time.monotonic_ns()}"
            doom = self.doom()
            answer = environment.invoke(event, request, self.timeout if doom is None else doom, self.ahead)
            if doom is not None:
                environment.kill()
                raise FunctionError(f"{environment.instance}: killed as it was to answer")
            return answer
        finally:
            with self._lock:
                if environment.dead or environment.instance in self._old:
                    self.deaths += environment.dead
                    self.alive.pop(environment.instance, None)
                    environment.close()
                else:
                    self._idle.append(environment)

    def kill(self, instance: str) -> bool:
        """Kill an environment, wherever it is in its work; False if there is none of this name."""
        environment = self.alive.get(instance)
        if environment is None:
            return False
        environment.kill()
        return True

    def caller_at(self, port: int, to: int) -> str | None:
        """The environment that has a connection from this port of its own to that of a server; None if none has."""
        wanted = connection(port, to)
        for environment in list(self.alive.values()):
            if wanted and wanted in sockets_of(environment.pid):
                return environment.instance
        return None

    def start_anew(self) -> None:
        """What Lambda does when the function's settings were changed: no environment of before gets another event."""
        with self._lock:
            idle, self._idle = self._idle, []
            self._old = set(self.alive) - {environment.instance for environment in idle}
            for environment in idle:
                self.alive.pop(environment.instance, None)
                environment.close()

    def close(self) -> None:
        """End all environments."""
        for environment in list(self.alive.values()):
            environment.close()
        self.alive.clear()

    def _environment(self) -> Environment:
        with self._lock:
            self.invocations += 1
            if self._idle:
                return self._idle.pop()
            self.starts += 1
            instance = f"{self.name}-{self.starts}"
        keys = {"AWS_ACCESS_KEY_ID": self._keys(instance), "AWS_SECRET_ACCESS_KEY": "secret"}
        variables = {**self._variables, **keys}
        made = Environment(self._runtime, instance, self.name, variables, self._log)
        with self._lock:
            self.alive[instance] = made
        return made

    @staticmethod
    def _keys(instance: str) -> str:
        """The id of the access key of an environment."""
        name, _, number = instance.rpartition("-")
        return f"AKIA{name.upper()}{int(number):06}"


def connection(port: int, to: int) -> str:
    """What a process has open that has a connection between these ports, by Linux's name for it; "" if nobody has."""
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        ends = [int(address.rpartition(":")[2], 16) for address in fields[1:3]]
        if ends == [port, to] and fields[9] != "0":  # else it is nobody's any more
            return f"socket:[{fields[9]}]"
    return ""


def sockets_of(pid: int) -> set[str]:
    """What a process has open, by Linux's names; nothing if it is gone."""
    found = set()
    with contextlib.suppress(OSError):
        for entry in Path("/proc", str(pid), "fd").iterdir():
            with contextlib.suppress(OSError):
                found.add(str(entry.readlink()))
    return found


@contextmanager
def runtime(root: Path) -> Iterator[Path]:
    """The nursery: its socket's address. Its processes are gone afterwards."""
    address = root / "runtime.sock"
    with (root / "runtime.log").open("ab") as log:
        nursery = subprocess.Popen(
            [sys.executable, "-m", "tests.aws.runtime", str(address)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        end = time.monotonic() + READY
        while not address.exists():
            if nursery.poll() is not None or time.monotonic() > end:
                raise RuntimeError((root / "runtime.log").read_text())
            time.sleep(0.02)
        yield address
    finally:
        assert nursery.stdin is not None
        nursery.stdin.close()
        nursery.wait(READY)


def _nurse(address: Path) -> None:
    """Fork a process for each connection, until the starter has gone."""
    handlers = _handlers()
    born: set[int] = set()
    signal.signal(signal.SIGCHLD, lambda *_: _reap(born))
    with socket.socket(socket.AF_UNIX) as listening:
        hidden = address.with_suffix(".new")
        listening.bind(str(hidden))
        listening.listen(64)
        hidden.rename(address)
        while True:
            ready, _, _ = select.select([listening, sys.stdin], [], [])
            if sys.stdin in ready:
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                for pid in born:
                    with contextlib.suppress(ChildProcessError):  # it is ours no more
                        if os.waitpid(pid, os.WNOHANG)[0] == 0:
                            os.kill(pid, signal.SIGKILL)
                            os.waitpid(pid, 0)
                return
            connection, _ = listening.accept()
            pid = os.fork()
            born.add(pid)
            if pid == 0:
                listening.close()
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                _serve(connection, handlers)
                os._exit(0)
            connection.close()


def _reap(born: set[int]) -> None:
    with contextlib.suppress(ChildProcessError):
        while pid := os.waitpid(-1, os.WNOHANG)[0]:
            born.discard(pid)


def _serve(connection: socket.socket, handlers: Mapping[str, Any]) -> None:
    file = connection.makefile("rwb")
    start = json.loads(file.readline())
    os.environ.clear()
    os.environ.update({"PATH": "/usr/bin:/bin", **start["environment"]})
    log = os.open(start["log"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    os.dup2(log, 1)
    os.dup2(log, 2)
    handler = handlers[start["function"]]
    answer: dict[str, object] = {"pid": os.getpid()}
    while True:
        file.write(json.dumps(answer).encode() + b"\n")
        file.flush()
        line = file.readline()
        if not line:
            return
        asked = json.loads(line)
        AHEAD[0] = asked["ahead"]
        try:
            answer = {"answer": handler(asked["event"], Context(asked["request"]))}
        except Exception as error:  # noqa: BLE001 - as Lambda's runtime tells it
            answer = {"error": f"{type(error).__name__}: {error}"}


def _handlers() -> dict[str, Any]:
    from importlib import import_module  # noqa: PLC0415 - the starter needs none of this

    import botocore.loaders  # noqa: PLC0415
    from boto3.session import Session  # noqa: PLC0415

    one = botocore.loaders.create_loader()  # what AWS's services look like is read once, before anybody is forked
    patch.object(botocore.loaders, "create_loader", lambda *_: one).start()
    make: Any = Session(aws_access_key_id="test", aws_secret_access_key="test", region_name="eu-west-1").client
    for service in ("dynamodb", "ec2", "s3", "sqs"):
        make(service).close()
    handlers = {name: import_module(f"paddock.entrypoints.aws_lambda.{name}").handler for name in (*NAMES, "slack")}
    profile: Any = import_module("paddock.entrypoints.aws_lambda.profile").AwsProfile
    for part in (profile.table, profile.purse):  # they go by the clock in what they remember, and in nothing else
        part.set_args(*(MemoryClock() if one is profile.clock else one for one in part.args))
    return handlers


if __name__ == "__main__":
    _nurse(Path(sys.argv[1]))
