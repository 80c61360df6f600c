# ruff: noqa: PTH103, PTH118, PTH120, PTH123 - pathlib slows the start
"""The stand-in for ``bin/Runner.Worker``: really runs the steps of one job, and reports how they went.

::

    Set up job ─> [Set up runner: hook] ─> steps ... ─> [Complete runner: hook] ─> Complete job
                                             │
       cancelled by GitHub: SIGINT, SIGTERM, kill; ``always()`` steps and hooks still run; result Canceled
       runner shut down:    SIGINT, SIGTERM, kill; nothing else runs;                     result Failed
"""

import contextlib
import errno
import json
import os
import resource
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import IO

from paddock.adapters.standin.runner.common import (
    CANCELED,
    FAILED,
    RESULT_BASE,
    ROOT,
    SKIPPED,
    SUCCEEDED,
    UNREACHABLE,
    WITH_ISSUES,
    Diag,
    Json,
    Service,
    say,
)
from paddock.adapters.standin.runner.files import adopt
from paddock.adapters.standin.runner.processes import carriers_of, tree_of

CONCLUSIONS = {
    SUCCEEDED: "success",
    WITH_ISSUES: "success_with_issues",
    FAILED: "failure",
    CANCELED: "cancelled",
    SKIPPED: "skipped",
}
SHUTDOWN_NOTE = (
    "The runner has received a shutdown signal. This can happen when the runner service is stopped, "
    "or a manually started runner is canceled."
)
TAIL = 65536
TRACKING = "RUNNER_TRACKING_ID"


class Worker:
    """One job."""

    def __init__(self, job: Json, diag: Diag, token: str) -> None:
        self.job, self.diag = job, diag
        settings = job["service"]
        self.service = Service(str(settings["ServerUrlV2"]), str(settings["AgentId"]), token)
        self.result = SUCCEEDED
        self.cancelled = self.shutdown = False
        self.steps: list[Json] = []
        self.environment: dict[str, str] = dict(os.environ)
        self.tail = bytearray()
        self._inbox = b""
        self._page: IO[bytes] | None = None

    def run(self) -> int:
        """Everything from "Set up job" to "Complete job"; the job's result."""
        self.service.call("POST", "/started", {"jobId": self.job["jobId"]})
        begun = time.time()
        page = os.path.join(ROOT, "_diag", "pages", f"{self.job['jobId']}_{self.job['jobId']}_1.log")
        with open(page, "wb", buffering=0) as self._page:  # whoever looks sees each line at once
            self.set_up()
            self.note("Set up job", "success", begun)
            self.hear(0)
            if self.shutdown:
                self.result = CANCELED
            hook = os.environ.get("ACTIONS_RUNNER_HOOK_JOB_STARTED")
            if hook:
                self.step({"name": "Set up runner", "file": hook})
            for step in self.job["steps"]:
                self.step(step)
            hook = os.environ.get("ACTIONS_RUNNER_HOOK_JOB_COMPLETED")
            if hook:
                self.step({"name": "Complete runner", "file": hook, "always": True})
            self.note("Complete job", "skipped" if self.shutdown else "success", time.time())
            self.clean_up()
            return self.report()

    def set_up(self) -> None:
        """Make the directories and the environment of the steps."""
        work = os.path.join(ROOT, str(self.job["service"].get("WorkFolder", "_work")))
        name = str(self.job["repository"]).rpartition("/")[2]
        workspace, temp = os.path.join(work, name, name), os.path.join(work, "_temp")
        for directory in (workspace, os.path.join(temp, "_runner_file_commands"), os.path.join(work, "_tool")):
            os.makedirs(directory, exist_ok=True)
        event = os.path.join(temp, "event.json")
        with open(event, "w", encoding="utf-8") as file:
            json.dump(self.job["event"], file)
        self.environment.update({str(key): str(value) for key, value in self.job["environment"].items()})
        self.environment.update(
            CI="true",
            GITHUB_ACTIONS="true",
            GITHUB_WORKSPACE=workspace,
            GITHUB_EVENT_PATH=event,
            RUNNER_OS="Linux",
            RUNNER_ARCH="ARM64" if os.uname().machine == "aarch64" else "X64",
            RUNNER_ENVIRONMENT="self-hosted",
            RUNNER_TEMP=temp,
            RUNNER_WORKSPACE=os.path.dirname(workspace),
            RUNNER_TOOL_CACHE=os.environ.get("RUNNER_TOOL_CACHE") or os.path.join(work, "_tool"),
        )
        self.environment[TRACKING] = f"github_{os.urandom(16).hex()}"  # never twice, as the real one's GUID
        with contextlib.suppress(OSError, ValueError), open(os.path.join(ROOT, ".setup_info"), "rb") as info:
            for one in json.load(info):
                self.output(f"##[group]{one['Group']}\n{one['Detail']}\n##[endgroup]\n".encode())

    def step(self, step: Json) -> None:
        """Run one step, if its turn comes."""
        self.hear(0)
        wanted = bool(step.get("always")) or (self.result == SUCCEEDED and not self.cancelled)
        begun = time.time()
        if self.shutdown or not wanted:
            self.note(step["name"], "skipped", begun)
            return
        self.diag.write("INFO", "StepsRunner", f"Processing step: DisplayName='{step['name']}'")
        number = len(self.steps) + 1
        commands = os.path.join(self.environment["RUNNER_TEMP"], "_runner_file_commands")
        files = {
            kind: os.path.join(commands, f"{kind.lower()}_{number}")
            for kind in ("ENV", "PATH", "OUTPUT", "STEP_SUMMARY")
        }
        for path in files.values():
            with open(path, "w", encoding="utf-8"):
                pass
        script = os.path.join(self.environment["RUNNER_TEMP"], f"step_{number}.sh")
        with open(script, "w", encoding="utf-8") as file:
            file.write(step.get("run", "") + "\n")
        environment = {
            **self.environment,
            **{f"GITHUB_{kind}": path for kind, path in files.items()},
            **step.get("env", {}),
        }
        code = self.execute(["bash", "-e", str(step.get("file", script))], environment)
        adopt(files, self.environment)
        stopped = self.stopped(step)
        conclusion = "cancelled" if stopped else ("failure" if code else "success")
        self.note(step["name"], conclusion, begun)
        if code != 0 and not stopped and self.result == SUCCEEDED:
            self.result = FAILED
            self.output(f"##[error]Process completed with exit code {code}.\n".encode())

    def stopped(self, step: Json) -> bool:
        """True if the step was told to stop while it ran."""
        return self.shutdown or (self.cancelled and not step.get("always"))

    def execute(self, command: list[str], environment: dict[str, str]) -> int:
        """Run the step's process, with an ear to the Listener; its exit code."""
        process = subprocess.Popen(  # noqa: S603 - what it is for
            command,
            cwd=environment["GITHUB_WORKSPACE"],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        assert process.stdout is not None
        if self.job.get("disk_full"):
            raise OSError(errno.ENOSPC, "No space left on device", self._page and self._page.name)
        pid = os.pidfd_open(process.pid)
        output, ladder, deadline = process.stdout.fileno(), self.ladder(process), float("inf")
        watched = [0, pid, output]
        before = self.cancelled
        while True:
            readable = select.select(watched, [], [], min(60.0, max(0.0, deadline - time.monotonic())))[0]
            if output in readable and not self.output(os.read(output, 65536)):
                watched.remove(output)
            if 0 in readable and not self.hear(None):
                watched.remove(0)
            if pid in readable:
                break
            started = deadline != float("inf")
            if (not started and (self.shutdown or self.cancelled != before)) or time.monotonic() >= deadline:
                deadline = time.monotonic() + next(ladder)
        os.close(pid)
        os.set_blocking(output, False)
        with contextlib.suppress(BlockingIOError):
            while self.output(os.read(output, 65536)):
                pass
        process.stdout.close()
        return process.wait()

    def ladder(self, process: subprocess.Popen[bytes]) -> Iterator[float]:
        """Ask the process to stop, ever less politely; yields the seconds to wait after each."""
        for number, seconds in zip((signal.SIGINT, signal.SIGTERM), self.job["ladder"], strict=True):
            self.diag.write("INFO", "ProcessInvoker", f"Sending {number.name} to process {process.pid}.")
            process.send_signal(number)
            yield seconds
        for pid in tree_of(process.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        yield float("inf")

    def hear(self, timeout: float | None) -> bool:
        """Read what the Listener sent within the time (None: something is there); False once it is gone."""
        if timeout is not None and not select.select([0], [], [], timeout)[0]:
            return True
        said = os.read(0, 65536)
        self._inbox += said
        *lines, self._inbox = self._inbox.split(b"\n")
        for line in lines:
            kind = json.loads(line)["type"]
            self.cancelled = self.cancelled or kind == "cancel"
            self.shutdown = self.shutdown or kind == "shutdown"
        return bool(said)

    def output(self, text: bytes) -> bool:
        """Keep a step's output; False if there was none."""
        if self._page is not None:
            self._page.write(text)
        self.tail += text
        del self.tail[:-TAIL]
        return bool(text)

    def note(self, name: str, conclusion: str, begun: float) -> None:
        """Remember how a step went; times are microseconds."""
        self.steps.append(
            {
                "name": name,
                "conclusion": conclusion,
                "started_at": int(begun * 1_000_000),
                "completed_at": int(time.time() * 1_000_000),
            }
        )

    def clean_up(self) -> None:
        """End the processes that the steps left behind: they carry the job's mark in their environment."""
        for pid in carriers_of(f"{TRACKING}={self.environment[TRACKING]}"):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)

    def report(self) -> int:
        """Tell the service; the result."""
        if self.shutdown and self.result != CANCELED:
            self.result = FAILED
            self.output(f"##[error]{SHUTDOWN_NOTE}\n".encode())
        elif self.cancelled:
            self.result = CANCELED
        conclusion = self.job.get("result") or CONCLUSIONS[self.result]
        if self.job.get("result"):
            self.result = {text: code for code, text in CONCLUSIONS.items()}.get(conclusion, FAILED)
        body = {
            "jobId": self.job["jobId"],
            "conclusion": conclusion.removesuffix("_with_issues"),
            "steps": self.steps,
            "log": self.tail.decode("utf-8", "replace"),
        }
        for pause in (0.5, 0.5, 0.5, 0.5, 0.0):
            with contextlib.suppress(OSError):
                status, _ = self.service.call("POST", "/complete", body)
                self.diag.write("INFO", "JobRunner", f"completejob answered {status}")
                if status < UNREACHABLE:
                    return self.result
            time.sleep(pause)
        self.diag.write("ERR ", "JobRunner", "completejob failed.")
        return self.result


def main() -> int:
    """Run the job that comes on stdin; the exit code."""
    # The terminal's Ctrl-C reaches the whole group; only the Listener decides what it means. (A handler, because the
    # steps would inherit it if the signal were ignored.)
    signal.signal(signal.SIGINT, lambda *_: None)
    diag = Diag("Worker")
    text = b""
    while not text.endswith(b"\n"):
        chunk = os.read(0, 65536)
        if not chunk:
            return 1
        text += chunk
    message = json.loads(text)
    if message["job"].get("worker_hang"):
        while os.read(0, 65536):
            pass
        return 1
    say("ready")
    diag.write("INFO", "Worker", f"Job message: {message['job']['jobId']}")
    try:
        return RESULT_BASE + Worker(message["job"], diag, str(message["token"])).run()
    except OSError as error:
        say(f"Unhandled exception. System.IO.IOException: {error.strerror} : '{error.filename}'")
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        os.abort()


if __name__ == "__main__":
    sys.exit(main())
