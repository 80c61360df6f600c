"""The stand-in for ``bin/Runner.Listener``: connects, listens, and starts a Worker for its one job.

It prints the lines, writes the logs and ends with the codes of the real one; what it does not do is real work for the
real GitHub. What goes wrong is decided by the service, never by anything the agent can see.
"""

import base64
import contextlib
import io
import json
import os
import resource
import select
import signal
import subprocess
import sys
import time
from typing import IO, Any

from paddock.adapters.standin.runner.common import (
    CANCELED,
    CONFIGURATION,
    FAILED,
    RESULT_BASE,
    RESULTS,
    ROOT,
    VERSION,
    Diag,
    Json,
    Service,
    receive,
    stamp,
    truthy,
)

INPUT_PREFIX = "ACTIONS_RUNNER_INPUT_"
EXIT_OK, EXIT_TERMINATED, EXIT_RETRY, EXIT_UPDATING_ONCE, EXIT_CONFLICT, EXIT_DEPRECATED = 0, 1, 2, 4, 5, 7
EXIT_SIGTERM = 143
MAX_ERRORS = 10
OK, ACCEPTED, NO_CONTENT, FORBIDDEN, NOT_FOUND, CONFLICT = 200, 202, 204, 403, 404, 409
CRASH = 500


def say(text: str) -> None:
    """A line on stdout."""
    print(text, flush=True)


def complain(text: str) -> None:
    """A line on stderr."""
    print(text, file=sys.stderr, flush=True)


class Listener:
    """One run of the program."""

    def __init__(self, diag: Diag) -> None:
        self.diag = diag
        self.stopped_by: int | None = None
        self.worker: subprocess.Popen[bytes] | None = None
        self.job: Json = {}
        self.ready = False
        self.cancelled = False
        self.timings: Json = {
            "renew": 60.0,
            "conflict_retry": 30.0,
            "conflict_limit": 240.0,
            "unload": 30.0,
            "hang": 30.0,
        }
        self.wake, wake_in = os.pipe()
        for end in (self.wake, wake_in):
            os.set_blocking(end, False)
        signal.set_wakeup_fd(wake_in)
        for number in (signal.SIGINT, signal.SIGTERM):
            # A shell that starts us in the background ignores SIGINT for us, and so it stays, as under .NET.
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, self._on_signal)
        settings, credentials, rsa = (_read(name) for name in CONFIGURATION)
        self.settings = settings
        self.service = Service(str(settings["ServerUrlV2"]), str(settings["AgentId"]), str(rsa["d"])[:32])
        self.diag.write("INFO", "Listener", f"client id {credentials['data']['clientId']}")

    def _on_signal(self, number: int, _: object) -> None:
        self.stopped_by = self.stopped_by or number

    def nap(self, seconds: float) -> bool:
        """Wait; True if a signal ended the wait."""
        if self.stopped_by is None and select.select([self.wake], [], [], seconds)[0]:
            with contextlib.suppress(BlockingIOError):
                os.read(self.wake, 512)
        return self.stopped_by is not None

    def run(self) -> int:
        """The whole run; its exit code."""
        code = self.connect()
        if code is None:
            code = self.listen()
        self.diag.write("INFO", "Listener", f"Runner execution has finished with return code {code}")
        return code

    def connect(self) -> int | None:
        """Open the session; an exit code if that cannot be."""
        first_conflict = None
        lost = False
        while True:
            try:
                status, reply = self.service.call("POST", "/session", {"version": VERSION})
            except OSError as error:
                if not lost:
                    complain(f"{stamp()}: Runner connect error: {error}. Retrying until reconnected.")
                lost = True
                if self.nap(1.0):
                    return self.leave()
                continue
            self.timings.update(reply.get("timings", {}))
            if status == OK:
                break
            if status == CRASH:
                _crash()
            if status == FORBIDDEN:
                return self.refused(reply)
            if status != CONFLICT:
                complain(
                    "Failed to create a session. The runner registration has been deleted from the server, "
                    "please re-configure. Runner registrations are automatically deleted for runners that have not "
                    "connected to the service recently."
                )
                return EXIT_TERMINATED
            complain("A session for this runner already exists.")
            first_conflict = first_conflict or time.monotonic()
            if time.monotonic() - first_conflict >= self.timings["conflict_limit"]:
                complain("Stop retry on SessionConflictException after retried for 240 seconds.")
                return EXIT_CONFLICT
            if self.nap(self.timings["conflict_retry"]):
                return self.leave()
        say("\n√ Connected to GitHub\n")
        say(f"Current runner version: '{VERSION}'")
        say(f"{stamp()}: Listening for Jobs")
        return None

    def refused(self, reply: Json) -> int:
        """The service takes no runner of this version."""
        complain(f"An error occurred: {reply.get('message', 'Access denied.')}")
        return EXIT_DEPRECATED if truthy("ACTIONS_RUNNER_RETURN_VERSION_DEPRECATED_EXIT_CODE") else EXIT_TERMINATED

    def listen(self) -> int:
        """Poll until there is a reason to end."""
        poll, last, errors, gone = None, 0, 0, False
        renew_at = hang_at = float("inf")
        while True:
            if self.stopped_by is not None:
                return self.leave()
            if poll is None and not gone:
                try:
                    poll = self.service.send("GET", f"/message?last={last}")
                except OSError as error:
                    errors += 1
                    if errors == 1:
                        complain(f"{stamp()}: Runner connect error: {error}. Retrying until reconnected.")
                    if errors >= MAX_ERRORS:
                        complain(f"An error occurred: {error}")
                        return EXIT_RETRY
                    self.nap(0.5)
                    continue
            output = None if self.worker is None or self.worker.stdout is None else self.worker.stdout
            watched: list[Any] = [one for one in (poll, self.wake, output) if one is not None]
            pause = min(renew_at, hang_at) - time.monotonic()
            readable = select.select(watched, [], [], min(60.0, max(0.0, pause)))[0]
            if self.wake in readable:
                with contextlib.suppress(BlockingIOError):
                    os.read(self.wake, 512)
            if output is not None and output in readable and self.heard(output):
                return self.finish()
            now = time.monotonic()
            if self.ready:
                hang_at = float("inf")
            if now >= hang_at:
                return self.abandon()
            if now >= renew_at:
                renew_at = now + self.timings["renew"]
                with contextlib.suppress(OSError):
                    self.service.call("POST", "/renew", {"jobId": self.job["jobId"]})
            if poll is None or poll not in readable:
                continue
            try:
                status, message = receive(poll)
            except OSError:
                status, message = ACCEPTED, {}
                errors += 1
                self.nap(0.2)
            poll = None
            if errors and status in {OK, ACCEPTED}:
                errors = 0
                say(f"{stamp()}: Runner reconnected.")
            gone = status == NOT_FOUND  # with a job at hand it is the job's end that removed the registration
            if gone and self.worker is None:
                complain("The runner no longer exists on the server. Cleaning up local configuration.")
                _forget()
                return EXIT_OK
            if status != OK:
                continue
            last = message["messageId"]
            code = self.receive(message)
            if code is not None:
                return code
            if self.worker is not None and renew_at == float("inf"):
                renew_at = time.monotonic() + self.timings["renew"]
                hang_at = time.monotonic() + self.timings["hang"]

    def receive(self, message: Json) -> int | None:
        """Act on a message; an exit code if it ends the run."""
        self.diag.write("INFO", "MessageListener", f"Message '{message['messageId']}' of type '{message['type']}'")
        if message["type"] == "update":
            return self.update(str(message["version"]))
        if message["type"] == "cancel":
            if self.worker is not None and not self.cancelled:
                self.cancelled = True
                self.tell("cancel")
            return None
        if self.worker is not None:
            return None
        status, _ = self.service.call("POST", "/acknowledge", {"jobId": message["jobId"]})
        if status == NOT_FOUND:
            self.diag.write("INFO", "JobDispatcher", "The job is gone; an ephemeral runner has nothing else to do.")
            return self.leave(silent=True)
        status, job = self.service.call("POST", "/acquire", {"jobId": message["jobId"]})
        if status != OK:
            self.diag.write("WARN", "Runner", f"Skipping message Job. Job message not found '{message['jobId']}'.")
            return None
        self.job = job
        self.diag.write("INFO", "JobDispatcher", f"job is valid till {job['lockedUntil']}")
        say(f"{stamp()}: Running job: {job['displayName']}")
        self.worker = subprocess.Popen(
            [os.path.join(ROOT, "bin", "Runner.Worker"), "spawnclient"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=dict(os.environ),
        )
        job["service"] = self.settings
        self.tell("job", job=job, token=self.service._token)  # noqa: SLF001 - one program
        return None

    def tell(self, kind: str, **details: object) -> None:
        """Send the Worker a message."""
        if self.worker is not None and self.worker.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                self.worker.stdin.write(json.dumps({"type": kind, **details}).encode() + b"\n")
                self.worker.stdin.flush()

    def heard(self, output: IO[bytes]) -> bool:
        """Read what the Worker says; True if it has ended."""
        said = os.read(output.fileno(), 4096)
        self.ready = self.ready or bool(said)
        return not said

    def finish(self, *, shutdown: bool = False) -> int:
        """The Worker ended: say how."""
        assert self.worker is not None
        code = self.worker.wait()
        known = RESULT_BASE <= code < RESULT_BASE + len(RESULTS)
        result = code - RESULT_BASE if known else FAILED
        self.diag.write("INFO", "JobDispatcher", f"Worker finished for job {self.job['jobId']}. Code: {code}")
        if not known:
            with contextlib.suppress(OSError):
                body = {"jobId": self.job["jobId"], "conclusion": "failure", "steps": [], "log": "WORKER_CRASH"}
                self.service.call("POST", "/complete", body)
        shown = CANCELED if shutdown else result
        say(f"{stamp()}: Job {self.job['displayName']} completed with result: {RESULTS[shown]}")
        if shutdown:
            return EXIT_OK
        if result == CANCELED and self.job.get("exit_2_on_cancel"):
            complain("An error occurred: Unhandled exception while deleting the session.")
            return EXIT_RETRY
        if self.settings.get("Ephemeral") == "True":
            _forget()
        if truthy("ACTIONS_RUNNER_RETURN_JOB_RESULT_FOR_HOSTED"):
            return RESULT_BASE + result
        return EXIT_OK

    def abandon(self) -> int:
        """The Worker never answered: end as if all were well, which is what the real one does."""
        assert self.worker is not None
        self.diag.write("ERR ", "JobDispatcher", "Worker did not answer within the channel's time-out; killed.")
        self.worker.kill()
        self.worker.wait()
        _forget()
        return EXIT_OK

    def update(self, version: str) -> int:
        """Pretend to have updated: the caller is to start us again."""
        say("Runner update in progress, do not shutdown runner.")
        say(f"Downloading {version} runner")
        say("Waiting for current job finish running.")
        say("Generate and execute update script.")
        say("Runner will exit shortly for update, should be back online within 10 seconds.")
        with open(os.path.join(ROOT, "update.finished"), "w", encoding="utf-8") as marker:
            marker.write(version)
        self.end_session()
        say("Runner update process finished.")
        return EXIT_UPDATING_ONCE

    def end_session(self) -> None:
        """Close the session, if the service still listens."""
        with contextlib.suppress(OSError):
            self.service.call("DELETE", "/session")

    def leave(self, *, silent: bool = False) -> int:
        """End because somebody asked for it."""
        if not silent:
            say("Exiting...")
        if self.worker is not None:
            self.tell("shutdown")
            deadline = self.timings["unload"] if self.stopped_by == signal.SIGTERM else None
            try:
                self.worker.wait(deadline)
            except subprocess.TimeoutExpired:
                return EXIT_SIGTERM
            self.finish(shutdown=True)
        self.end_session()
        return EXIT_SIGTERM if self.stopped_by == signal.SIGTERM else EXIT_OK


def _crash() -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    complain("Process terminated. Couldn't find a valid ICU package installed on the system.")
    os.abort()


def _read(name: str) -> Json:
    with open(os.path.join(ROOT, name), encoding="utf-8") as file:
        content: Json = json.load(file)
        return content


def _forget() -> None:
    with contextlib.suppress(FileNotFoundError):
        os.remove(os.path.join(ROOT, ".credentials_rsaparams"))
    for name in (".credentials", ".runner"):
        with contextlib.suppress(FileNotFoundError):
            os.remove(os.path.join(ROOT, name))
            say(f"√ Removed {name}")


def _unpack(encoded: str) -> None:
    for name, content in json.loads(base64.b64decode(encoded, validate=True)).items():
        descriptor = os.open(os.path.join(ROOT, name), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(base64.b64decode(content, validate=True))


def _options(arguments: list[str]) -> tuple[str, dict[str, str]]:
    command, options, rest = "run", {}, iter(arguments)
    for argument in rest:
        if not argument.startswith("--"):
            command = argument
        elif argument in {"--jitconfig", "--url", "--token", "--name", "--labels", "--work", "--runnergroup"}:
            options[argument[2:]] = next(rest, "")
        elif argument in {
            "--unattended",
            "--ephemeral",
            "--disableupdate",
            "--replace",
            "--no-default-labels",
            "--once",
        }:
            options[argument[2:]] = "true"
        else:
            complain(
                f"Unrecognized command-line input arguments: '{argument[2:]}'. For usage refer to: .\\config.cmd --help"
            )
    for name in [name for name in os.environ if name.upper().startswith(INPUT_PREFIX)]:
        options.setdefault(name[len(INPUT_PREFIX) :].lower(), os.environ.pop(name))
    return command, options


def _load_env() -> None:
    with contextlib.suppress(FileNotFoundError), open(os.path.join(ROOT, ".env"), encoding="utf-8") as file:
        for line in file:
            name, separator, value = line.rstrip("\n").partition("=")
            if separator:
                os.environ[name] = value


def main(arguments: list[str]) -> int:
    """Args: the command line without the program; the exit code."""
    for stream in (sys.stdout, sys.stderr):
        assert isinstance(stream, io.TextIOWrapper)
        stream.reconfigure(encoding="utf-8", errors="replace")
    if "--version" in arguments:
        say(VERSION)
        return EXIT_OK
    command, options = _options(arguments)
    if command == "warmup":
        return EXIT_OK
    _load_env()
    diag = Diag("Runner")
    if command == "configure":
        return _configure(options)
    jit = options.get("jitconfig")
    if jit:
        try:
            _unpack(jit)
        except (ValueError, OSError) as error:
            complain(f"An error occurred: {error}")
            return EXIT_TERMINATED
    if not os.path.exists(os.path.join(ROOT, ".runner")):
        complain("Runner is not configured.")
        return EXIT_TERMINATED
    try:
        listener = Listener(diag)
    except (ValueError, KeyError, OSError) as error:
        complain(f"An error occurred: {error!r}")
        return EXIT_TERMINATED
    return listener.run()


def _configure(options: dict[str, str]) -> int:
    if os.path.exists(os.path.join(ROOT, ".runner")):
        complain("Cannot configure the runner because it is already configured.")
        return EXIT_TERMINATED
    url = options.get("url", "")
    scheme, _, rest = url.partition("://")
    host, _, scope = rest.partition("/")
    service = Service(f"{scheme}://{host}", "register", options.get("token", ""))
    labels = [label for label in options.get("labels", "").split(",") if label]
    if "no-default-labels" not in options:
        labels = ["self-hosted", "Linux", "X64", *labels]
    body = {"scope": scope, "name": options.get("name", ""), "labels": labels, "ephemeral": "ephemeral" in options}
    status, reply = service.call("POST", "", body)
    if status != OK:
        complain(f"An error occurred: {reply.get('message', status)}")
        return EXIT_TERMINATED
    _unpack(str(reply["configuration"]))
    say("√ Runner successfully added")
    say("√ Settings Saved.")
    return EXIT_OK


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
