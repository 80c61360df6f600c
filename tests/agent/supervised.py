"""A supervisor as a real process: it watches a real Listener with a real clock, and writes down how that went.

The process is the whole of the agent between "the runner is unpacked" and "its end is reported". Beside its directory
lie what the tests play the outside world with: ``notice.json`` (the cloud) and ``reading.json`` (fields of a
`Reading` that take the place of the real ones).
"""

import io
import json
import os
import resource
import subprocess
import sys
import tarfile
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from paddock.agent.job.diag import Diagnosis
from paddock.agent.job.life import Deed, Life, Limits
from paddock.agent.job.supervise import Hands, Supervisor
from paddock.agent.job.watch import Rhythm, Watch
from paddock.agent.job.worker import WorkerProcess
from paddock.agent.local.notices import FileNotices
from paddock.agent.machine.clock import SteadyClock
from paddock.agent.machine.processes import LinuxProcesses
from paddock.agent.machine.resources import LinuxResources
from paddock.agent.machine.signals import StopRequest
from paddock.agent.ports import Child, Reading
from paddock.agent.telling.log import Log

S = 1_000_000
PATIENCE = 30
QUICK = {"notices": S // 50, "resources": S // 20, "resources_close": S // 20, "ghost": S // 50, "worker": S // 20}


class PlayedResources:
    """The machine's own readings, but for what the test or the job says otherwise."""

    def __init__(self, directory: Path) -> None:
        self._real = LinuxResources(directory)
        self._played = directory / "reading.json"

    def look(self) -> Reading:
        """See `ports.Resources`."""
        reading = self._real.look()
        return replace(reading, **json.loads(self._played.read_text())) if self._played.exists() else reading

    def largest(self, count: int) -> Sequence[str]:
        """See `ports.Resources`."""
        return self._real.largest(count)


class Service:
    """Counts how often it hears of us."""

    heard = 0

    def ready(self) -> None:
        """See `ports.ServiceManager`."""

    def alive(self) -> None:
        """See `ports.ServiceManager`."""
        self.heard += 1

    def busy(self, limit: int) -> AbstractContextManager[None]:  # noqa: ARG002 - the port names it
        """See `ports.ServiceManager`."""
        return nullcontext()

    def status(self, text: str) -> None:
        """See `ports.ServiceManager`."""

    def stopping(self, patience: int) -> None:
        """See `ports.ServiceManager`."""

    def renew(self) -> None:
        """See `ports.ServiceManager`."""


def open_descriptors() -> int:
    """How many this process has open."""
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def main(directory: Path) -> None:
    """Supervise one life; ``options.json`` says how, ``result.json`` how it went."""
    options = json.loads((directory / "options.json").read_text())
    runner = directory / "work" / "runner"
    stop, clock, processes, service = StopRequest(), SteadyClock(), LinuxProcesses(), Service()
    stop.install()
    processes.adopt_orphans()
    life = Life(Limits(**options["limits"]), clock.now())
    told: list[str] = []
    mark = f"PADDOCK_MACHINE={directory.name}"
    environment = {
        "PATH": "/usr/bin:/bin",
        "ACTIONS_RUNNER_INPUT_JITCONFIG": "x",
        **dict([mark.split("=", 1)]),
    }

    def start() -> Child:
        command = (str(runner / "bin" / "Runner.Listener"), "run")
        return processes.spawn(command, directory=runner, environment=environment)

    def tell(deed: Deed) -> None:
        told.append(deed.name)

    watch = Watch(
        clock,
        notices=FileNotices(directory / "notice.json"),
        resources=PlayedResources(directory),
        diagnosis=Diagnosis(directory, "work", "runner", "_diag"),
        worker_runs=WorkerProcess().runs,
        rhythm=Rhythm(**options["rhythm"]),
    )
    log = Log(directory / "agent.log", clock)
    supervisor = Supervisor(
        life, Hands(start, tell, lambda: False, mark), processes, clock, stop, log, watch=watch, service=service
    )
    descriptors = open_descriptors()
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    supervisor.run()
    assert life.end is not None
    result = {
        **asdict(life.end),
        "told": told,
        "wait_until": life.wait_until,
        "peaks": dict(supervisor.peaks),
        "threads": [thread.name for thread in threading.enumerate()],
        # Made with the supervisor and gone with it: its selector and the two ends of the mailbox's pipe.
        "descriptors": open_descriptors() - descriptors,
        "memory_kib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory,
        "heard": service.heard,
        "left": processes.kill_all(mark),
    }
    (directory / "result.json").write_text(json.dumps(result))


class Supervised:
    """One directory, and the supervisor that runs in it."""

    def __init__(self, root: Path) -> None:
        self.directory = root / f"s-{root.name}"[:60]
        self.runner = self.directory / "work" / "runner"
        self.runner.mkdir(parents=True)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, package: bytes, *, rhythm: dict[str, int] | None = None, **limits: int) -> None:
        """Unpack the runner and start; everything is quick unless told otherwise. Spans are microseconds."""
        with tarfile.open(fileobj=io.BytesIO(package)) as archive:
            archive.extractall(self.runner, filter="data")
        options = {
            "limits": {"stop_grace": 20 * S, "worker_patience": 600 * S, **limits},
            "rhythm": {**QUICK, **(rhythm or {})},
        }
        (self.directory / "options.json").write_text(json.dumps(options))
        measured = {name: value for name, value in os.environ.items() if name.startswith("COVERAGE_")}
        command = [sys.executable, "-P", __file__, str(self.directory)]
        self._process = subprocess.Popen(command, env=measured, stdin=subprocess.DEVNULL, start_new_session=True)

    @property
    def process(self) -> subprocess.Popen[bytes]:
        """The supervisor."""
        assert self._process is not None
        return self._process

    def wait(self) -> dict[str, Any]:
        """How it went."""
        assert self.process.wait(PATIENCE) == 0, self.log()
        result: dict[str, Any] = json.loads((self.directory / "result.json").read_text())
        return result

    def play(self, name: str, data: object) -> None:
        """Put one of the outside world's files there, whole."""
        part = self.directory / f".{name}.part"
        part.write_text(json.dumps(data))
        part.rename(self.directory / name)

    def notice(self, kind: str, ahead: float) -> int:
        """The cloud warns of a moment so many seconds ahead; the moment, in microseconds."""
        at = int((time.time() + ahead) * S)
        self.play("notice.json", {"kind": kind, "at": at})
        return at

    def log(self) -> str:
        """The supervisor's log as it stands."""
        path = self.directory / "agent.log"
        return path.read_text() if path.exists() else ""

    def events(self, event: str) -> list[dict[str, Any]]:
        """The lines of one kind in it."""
        lines = [json.loads(line) for line in self.log().splitlines()]
        return [line for line in lines if line["event"] == event]

    def close(self, carriers: Callable[[str], list[int]]) -> None:
        """End what a failed test left."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(PATIENCE)
        for pid in carriers(self.directory.name):
            os.kill(pid, 9)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
