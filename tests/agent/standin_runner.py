"""The runner stand-in for tests: unpacked into a directory, started as a real process, and watched."""

import io
import json
import os
import select
import signal
import subprocess
import tarfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import attrs

from paddock.adapters.memory.github import JobRecord, MemoryRunners
from paddock.adapters.standin import GitHubStandIn, build
from paddock.core.ports.github import Scope

T = TypeVar("T")
PATIENCE = 30.0
REPOSITORY = "acme/app"
SCOPE = Scope("acme", "app")
LABELS = ("paddock",)
LISTENER = ("bin/Runner.Listener", "run")


def eventually(condition: Callable[[], T], what: str) -> T:
    """What the condition gives once it is true; an AssertionError when patience ends."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        found = condition()
        if found:
            return found
        select.select([], [], [], 0.01)
    raise AssertionError(f"waited {PATIENCE} s for {what}")


@attrs.define
class RunnerProcess:
    """A started program of the package. ``out`` and ``err`` are what it has said so far."""

    process: subprocess.Popen[bytes]
    folder: Path

    @property
    def out(self) -> str:
        """Its stdout so far."""
        return (self.folder / "stdout").read_text(encoding="utf-8")

    @property
    def err(self) -> str:
        """Its stderr so far."""
        return (self.folder / "stderr").read_text(encoding="utf-8")

    def says(self, text: str) -> None:
        """Wait until stdout has the text."""
        eventually(lambda: text in self.out, f"{text!r} on stdout; it says {self.out!r}, {self.err!r}")

    def ends(self) -> int:
        """Wait for its end; its exit code."""
        return self.process.wait(PATIENCE)

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self.process.send_signal(number)

    def diag(self, kind: str) -> str:
        """Its `_diag` logs of this kind."""
        return "".join(
            path.read_text(encoding="utf-8") for path in sorted((self.folder / "_diag").glob(f"{kind}_*.log"))
        )


def unpack(folder: Path) -> Path:
    """The package's files, in the folder."""
    with tarfile.open(fileobj=io.BytesIO(build().content)) as archive:
        archive.extractall(folder, filter="data")
    return folder


def token(standin: GitHubStandIn, path: str = f"repos/{REPOSITORY}", kind: str = "registration-token") -> str:
    """A fresh token of the kind, asked for as a person would."""
    headers = {"Authorization": f"Bearer {standin.credentials.personal_token}"}
    url = f"{standin.url}/api/v3/{path}/actions/runners/{kind}"
    with urllib.request.urlopen(urllib.request.Request(url, b"{}", headers, method="POST"), timeout=PATIENCE) as answer:
        return str(json.load(answer)["token"])


def token_registration(standin: GitHubStandIn, folder: Path, *, ephemeral: bool = True, name: str = "by-token") -> None:
    """Register the unpacked runner in `folder` by ``config.sh``."""
    options = ["--unattended", "--url", f"{standin.url}/{REPOSITORY}", "--token", token(standin), "--name", name]
    options += ["--labels", ",".join(LABELS), "--no-default-labels", *(["--ephemeral"] if ephemeral else [])]
    with runner(folder, command=("config.sh", *options)) as script:
        assert script.ends() == 0, script.err


def registration(standin: GitHubStandIn, name: str = "worker", labels: Sequence[str] = LABELS) -> str:
    """A fresh JIT configuration."""
    return MemoryRunners(standin.model).jit_config(SCOPE, name, labels, 1).encoded


@contextmanager
def runner(
    folder: Path,
    encoded: str | None = None,
    *,
    command: Sequence[str] = LISTENER,
    env: Mapping[str, str] | None = None,
) -> Iterator[RunnerProcess]:
    """A program of the package in `folder` (unpacked if need be), in a clean environment; killed at the end."""
    if not (folder / "bin").exists():
        unpack(folder)
    environment = {"PATH": os.environ["PATH"], "RUNNER_ALLOW_RUNASROOT": "1", **(env or {})}
    if encoded is not None:
        environment["ACTIONS_RUNNER_INPUT_JITCONFIG"] = encoded
    with (folder / "stdout").open("wb") as out, (folder / "stderr").open("wb") as err:
        process = subprocess.Popen(
            [folder / command[0], *command[1:]],
            cwd=folder,
            env=environment,
            stdout=out,
            stderr=err,
            start_new_session=True,
        )
    try:
        yield RunnerProcess(process, folder)
    finally:
        end_session(process.pid)
        process.wait(PATIENCE)


def session_members(leader: int) -> list[int]:
    """The living processes of the session that `leader` began."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[3]) == leader and fields[0] != "Z":
                found.append(int(entry.name))
    return found


def worker_of(listener: RunnerProcess) -> int:
    """The pid of the Listener's Worker."""

    def found() -> int | None:
        for pid in session_members(listener.process.pid):
            try:
                command = Path(f"/proc/{pid}/cmdline").read_bytes()
                parent = int(Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[1])
            except OSError:
                continue
            if b"Runner.Worker" in command and parent == listener.process.pid:
                return pid
        return None

    return eventually(found, "the Worker") or 0


def end_session(leader: int) -> None:
    """Kill what is left of a session that we began."""
    for pid in session_members(leader):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue


def the_job(standin: GitHubStandIn) -> JobRecord:
    """The newest job."""
    return standin.jobs()[-1]
