"""Orders are taken in a process of its own, so that a registration token never comes into the agent's memory.

Such a token registers any runner, for an hour, and the agent lives beside a job that may be root and read all memory.
So a child takes the orders, keeps the token, runs the programs that need it, and is gone before the Listener starts::

    agent                                         child
      take ──────────────────────────────────────> asks the source
      <─────────── orders; KEPT stands for the token (without a token it ends here)
      run a program, KEPT in its environment ────> runs it with the token
      <─────────── exit code; output without the token
      close ─────────────────────────────────────> killed
"""

import contextlib
import ctypes
import json
import os
import select
import signal
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from paddock.agent.assignment import MAX_SECRET
from paddock.agent.machine.clock import SECOND
from paddock.agent.machine.signals import StopRequest
from paddock.agent.ports import AssignmentSource
from paddock.agent.reasons import AgentFailure, Reason, Stopped
from paddock.agent.registration.program import Ran, Run
from paddock.agent.telling.redaction import BLOT, Redactor

KEPT = "(kept by the process that registers)"
_FINISH = 15.0  # seconds that the child has to say what it took, once the machine is told to stop
_CHUNK = 1 << 16
_PR_SET_PDEATHSIG = 1
_STOPS = frozenset({signal.SIGTERM, signal.SIGINT})


class TokenKeeper:
    """Takes the orders (`ports.AssignmentSource`) and runs programs (`program.Run`), both by way of the child."""

    def __init__(self, source: AssignmentSource, run: Run, stop: StopRequest) -> None:
        """Args: where orders come from and how programs are run, both used by the child alone; who tells us to stop."""
        self._source = source
        self._run = run
        self._stop = stop
        self._pid = 0
        self._line: socket.socket | None = None
        self._answer: dict[str, Any] | None = None
        self._taken = False

    def take(self, patience: int, meanwhile: Callable[[], int] | None = None) -> object | None:
        """See `ports.AssignmentSource`.

        ``meanwhile`` is called while it waits, first when the child is there, and says in how many microseconds it is
        to be called again. It is never told to stop.
        """
        try:
            with _stops_held_back():
                self._begin(patience)
            self._wait(meanwhile=meanwhile)
        except Stopped:
            if self._line is None:
                raise
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._pid, signal.SIGTERM)  # it may be in the midst of taking them: then they come
            self._wait(_FINISH)
        answer = self._answered()
        if not answer.get("keeps"):
            self.close()
        if answer.get("stopped"):
            raise Stopped
        data: object | None = answer["data"]
        self._taken = data is not None
        return data

    def discard(self) -> None:
        """See `ports.AssignmentSource`."""
        if not self._taken:
            self._source.discard()

    def __call__(
        self, command: Sequence[str], *, directory: Path, environment: Mapping[str, str], patience: int
    ) -> Ran:
        """See `program.Run`. What is KEPT in the environment becomes the token."""
        if self._line is None:
            raise AgentFailure(Reason.AGENT_ERROR, "nobody keeps a registration token here")
        asked = {
            "command": list(command),
            "directory": str(directory),
            "environment": dict(environment),
            "patience": patience,
        }
        self._line.sendall(_packed(asked))
        try:
            self._wait()
        except Stopped:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._pid, signal.SIGTERM)  # it ends when the program has noted what it did at GitHub
            self._wait(_FINISH)
            self._answer = None
            raise
        answer = self._answered()
        if answer.get("stopped"):
            raise Stopped
        return Ran(answer["exit_code"], answer["output"])

    def close(self) -> None:
        """End the child, and the token with it. Idempotent."""
        line, self._line = self._line, None
        if line is not None:
            line.close()
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._pid, signal.SIGKILL)
            with contextlib.suppress(ChildProcessError):  # whoever reaps all children was quicker
                os.waitpid(self._pid, 0)

    def _begin(self, patience: int) -> None:
        agent = os.getpid()
        self._line, theirs = socket.socketpair()
        self._pid = os.fork()
        if self._pid == 0:
            self._line.close()
            _live(theirs, agent, self._source, self._run, patience)
        theirs.close()

    def _wait(self, seconds: float | None = None, meanwhile: Callable[[], int] | None = None) -> None:
        """Wait for an answer, and take it whole: told to stop meanwhile, `Stopped` leaves it where it is."""
        if self._answer is not None:
            return
        line = self._line
        assert line is not None
        if meanwhile is not None:
            self._pass_the_time(line, meanwhile)
        if not self._spoken(line, seconds):
            self._answer = {"stopped": True}
            return
        with _stops_held_back():
            self._answer = _received(line)

    def _pass_the_time(self, line: socket.socket, meanwhile: Callable[[], int]) -> None:
        """Until there is an answer."""
        pause = 0
        while not self._spoken(line, pause / SECOND):
            with _stops_held_back():
                pause = meanwhile()

    def _spoken(self, line: socket.socket, seconds: float | None) -> bool:
        """Wait so long for an answer; a signal begins the time anew.

        A signal that comes in the instant before `select` does not end it, and its handler would wait as long as that
        does. So whatever signals write to is looked at, too.
        """
        while True:
            ready = select.select([line, self._stop.wake], [], [], seconds)[0]
            if self._stop.wake not in ready or line in ready:
                return line in ready
            self._stop.drain()

    def _answered(self) -> dict[str, Any]:
        answer, self._answer = self._answer, None
        if answer is None:
            raise AgentFailure(Reason.AGENT_ERROR, "the process that takes the orders is gone")
        if "failure" in answer:
            raise AgentFailure(Reason(answer["failure"]), answer["detail"])
        if "errno" in answer:
            raise OSError(answer["errno"], answer["strerror"])
        return answer


def _live(line: socket.socket, agent: int, source: AssignmentSource, run: Run, patience: int) -> NoReturn:
    """Be the child; stops are held back. It never returns into what the agent was at, and never outlives it."""
    try:
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        signal.set_wakeup_fd(-1)  # it is the agent's
        if os.getppid() == agent:
            _serve(line, source, run, patience)
    finally:
        os._exit(0)


def _serve(line: socket.socket, source: AssignmentSource, run: Run, patience: int) -> None:
    orders: list[object] = []
    answer = _answer(lambda: orders.append(source.take(patience)))
    data, token = _without_token(orders[0] if orders else None)
    line.sendall(_packed({"data": data, "keeps": bool(token)} if orders else answer))
    while token and (asked := _received(line)) is not None:
        line.sendall(_packed(_ran(asked, run, token)))


def _ran(asked: Mapping[str, Any], run: Run, token: str) -> dict[str, object]:
    ran: list[Ran] = []
    environment = {name: token if value == KEPT else value for name, value in asked["environment"].items()}
    command, directory, patience = asked["command"], Path(asked["directory"]), asked["patience"]
    answer = _answer(lambda: ran.append(run(command, directory=directory, environment=environment, patience=patience)))
    if not ran:
        return answer
    redactor = Redactor()
    redactor.hide(token)
    return {"exit_code": ran[0].exit_code, "output": redactor.blot(ran[0].output).replace(token, BLOT)}


def _answer(what: Callable[[], None]) -> dict[str, object]:
    """Do it, and only meanwhile be told to stop; what became of it if it failed."""
    try:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOPS)
        try:
            what()
        finally:
            signal.pthread_sigmask(signal.SIG_BLOCK, _STOPS)
    except Stopped:
        return {"stopped": True}
    except AgentFailure as failure:
        return {"failure": failure.reason.value, "detail": failure.detail}
    except OSError as error:
        return {"errno": error.errno, "strerror": error.strerror}
    except Exception as error:  # noqa: BLE001 - the agent has to know, whatever it is
        return {"failure": Reason.AGENT_ERROR.value, "detail": type(error).__name__}
    return {}


def _without_token(data: object) -> tuple[object, str]:
    """The orders with KEPT in the token's place, and the token; what cannot be one is left for the agent to refuse."""
    registration = data.get("registration") if isinstance(data, dict) else None
    if not isinstance(data, dict) or not isinstance(registration, dict):
        return data, ""
    token = registration.get("token")
    if not isinstance(token, str) or not 0 < len(token) <= MAX_SECRET:
        return data, ""
    return {**data, "registration": {**registration, "token": KEPT}}, token


def _packed(message: Mapping[str, object]) -> bytes:
    return json.dumps(message).encode() + b"\n"


def _received(line: socket.socket) -> dict[str, Any] | None:
    """One message; None if the other side is gone. Each side sends one whole and waits for its answer."""
    data = bytearray()
    while not data.endswith(b"\n"):
        try:
            chunk = line.recv(_CHUNK)
        except ConnectionError:
            return None
        if not chunk:
            return None
        data += chunk
    message: dict[str, Any] = json.loads(data)
    return message


@contextlib.contextmanager
def _stops_held_back() -> Iterator[None]:
    """While inside, nobody is told to stop; whoever was, is when it ends."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _STOPS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
