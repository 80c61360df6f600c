# ruff: noqa: PTH103, PTH118 - pathlib slows the start
"""The stand-in for ``bin/Runner.Listener``: connects, listens, and starts a Worker for its one job.

It prints the lines, writes the logs and ends with the codes of the real one; what it does not do is real work for the
real GitHub. What goes wrong is decided by the service, never by anything the agent can see.
"""

import contextlib
import io
import os
import resource
import select
import signal
import socket
import sys
import time

from paddock.adapters.standin.runner.common import (
    CONFIGURATION,
    FOREVER,
    ROOT,
    UNAUTHORIZED,
    UNREACHABLE,
    VERSION,
    Diag,
    Json,
    Service,
    complain,
    receive,
    say,
    stamp,
    truthy,
)
from paddock.adapters.standin.runner.configure import configure, unconfigure
from paddock.adapters.standin.runner.dispatch import JobDispatcher
from paddock.adapters.standin.runner.local import configured, forget, load_env, options_of, read, unpack
from paddock.adapters.standin.runner.update import update

EXIT_ZERO, EXIT_ONE, EXIT_RETRY, EXIT_UPDATING, EXIT_UPDATING_ONCE, EXIT_CONFLICT, EXIT_DEPRECATED = 0, 1, 2, 3, 4, 5, 7
EXIT_SIGTERM = 143
MAX_ERRORS = 10
OK, BAD_REQUEST, FORBIDDEN, NOT_FOUND, CONFLICT, SKEWED = 200, 400, 403, 404, 409, 428
CRASH, UNHANDLED = 500, 501
SKEW = (
    "The local machine's clock may be out of sync with the server time by more than five minutes. "
    "Please sync your clock with your domain or internet time and try again."
)
DELETED = (
    "Failed to create a session. The runner registration has been deleted from the server, please re-configure. "
    "Runner registrations are automatically deleted for runners that have not connected to the service recently."
)


class Listener:
    """One run of the program."""

    def __init__(self, diag: Diag) -> None:
        self.diag = diag
        self.stopped_by: int | None = None
        self.job: JobDispatcher | None = None
        self.timings: Json = {"conflict_retry": 30.0, "conflict_limit": 240.0, "unload": 30.0, "reconnect": 1.0}
        self.poll: socket.socket | None = None
        self.last = self.errors = 0
        self.gone = False
        self.wake, wake_in = os.pipe()
        for end in (self.wake, wake_in):
            os.set_blocking(end, False)
        signal.set_wakeup_fd(wake_in)
        for number in (signal.SIGINT, signal.SIGTERM):
            # A shell that starts us in the background ignores SIGINT for us, and so it stays, as under .NET.
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, self._on_signal)
        self.settings, credentials, rsa = (read(name) for name in CONFIGURATION)
        self.service = Service(str(self.settings["ServerUrlV2"]), str(self.settings["AgentId"]), str(rsa["d"])[:32])
        self.diag.write("INFO", "Listener", f"client id {credentials['data']['clientId']}")

    def _on_signal(self, number: int, _: object) -> None:
        self.stopped_by = self.stopped_by or number

    def _woken(self) -> None:
        with contextlib.suppress(BlockingIOError):
            os.read(self.wake, 512)

    def nap(self, seconds: float) -> bool:
        """Wait; True if the program is to stop."""
        if self.stopped_by is None and select.select([self.wake], [], [], seconds)[0]:
            self._woken()
        return self.stopped_by is not None

    def run(self) -> int:
        """The whole run; its exit code."""
        code = self.connect()
        while code is None:
            code = self.turn()
        self.diag.write("INFO", "Listener", f"Runner execution has finished with return code {code}")
        return code

    def connect(self) -> int | None:
        """Open the session; an exit code if that cannot be."""
        give_up: float | None = None
        said = 0
        while True:
            status, reply = self.ask_for_session()
            if status == OK:
                say("\n√ Connected to GitHub\n")
                say(f"Current runner version: '{VERSION}'")
                say(f"{stamp()}: Listening for Jobs")
                return None
            pause: float = self.timings["reconnect"]
            if status == CONFLICT:
                complain("A session for this runner already exists.")
                give_up = give_up or time.monotonic() + self.timings["conflict_limit"]
                pause = self.timings["conflict_retry"]
                if time.monotonic() >= give_up:
                    complain("Stop retry on SessionConflictException after retried for 240 seconds.")
                    return EXIT_CONFLICT
            elif status == SKEWED:
                if said != SKEWED:
                    complain(SKEW)
                give_up = give_up or time.monotonic() + self.timings["skew_limit"]
                pause = self.timings["conflict_retry"]
                if time.monotonic() >= give_up:
                    complain("An error occurred: the session could not be created.")
                    return EXIT_ONE
            elif status:
                return self.refused(status, reply)
            said = status
            if self.nap(pause):
                return self.leave()

    def ask_for_session(self) -> tuple[int, Json]:
        """One attempt; status 0 if the service was not reached."""
        try:
            status, reply = self.service.call("POST", "/session", {"version": VERSION})
        except OSError as error:
            self.lost(error)
            return 0, {}
        self.timings.update(reply.get("timings", {}))
        return status, reply

    def lost(self, error: OSError) -> None:
        """Say once per outage that the service cannot be reached."""
        self.errors += 1
        if self.errors == 1:
            complain(f"{stamp()}: Runner connect error: {error}. Retrying until reconnected.")

    def refused(self, status: int, reply: Json) -> int:
        """There will be no session."""
        if status == CRASH:
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            complain("Process terminated. Couldn't find a valid ICU package installed on the system.")
            os.abort()
        if status == FORBIDDEN:
            complain(f"An error occurred: {reply.get('message', 'Access denied.')}")
            opted = reply.get("kind") == "RunnerVersionTooOld"
            opted = opted and truthy("ACTIONS_RUNNER_RETURN_VERSION_DEPRECATED_EXIT_CODE")
            return EXIT_DEPRECATED if opted else EXIT_ONE
        if status == UNHANDLED:
            complain(f"An error occurred: {reply.get('message')}")
            return EXIT_RETRY
        complain(DELETED)
        return EXIT_ONE

    def turn(self) -> int | None:
        """Wait for whatever comes first, and act on it; an exit code if that ends the run."""
        if self.stopped_by is not None:
            return self.leave()
        if self.errors >= MAX_ERRORS and self.job is None:
            complain("An error occurred: the service cannot be reached.")
            self.end_session()
            return EXIT_RETRY
        if self.poll is None and not self.gone:
            try:
                self.poll = self.service.send("GET", f"/message?last={self.last}")
            except OSError as error:
                self.lost(error)
                self.nap(self.timings["reconnect"])
        output = None if self.job is None else self.job.output
        patience = (FOREVER if self.job is None else self.job.patience()) if self.poll or self.gone else 0.0
        watched = [one for one in (self.poll, self.wake, output) if one is not None]
        readable = select.select(watched, [], [], min(60.0, patience))[0]
        if self.wake in readable:
            self._woken()
        if self.job is not None and output in readable and self.job.ended():
            return self.job.finish()
        code = None if self.job is None else self.job.overdue()
        if code is not None:
            return code
        if self.poll in readable:
            poll, self.poll = self.poll, None
            return self.heard(poll)
        return None

    def heard(self, poll: socket.socket | None) -> int | None:
        """The service answered the poll."""
        assert poll is not None
        try:
            status, message = receive(poll, unreachable=UNREACHABLE)
        except OSError as error:
            self.lost(error)
            self.nap(self.timings["reconnect"])
            return None
        if self.errors:
            self.errors = 0
            say(f"{stamp()}: Runner reconnected.")
        # With a job at hand, it is the job's end that removed the registration.
        self.gone = status == NOT_FOUND
        if status != OK:
            return self.dismissed(status, message) if self.job is None else None
        self.last = message["messageId"]
        self.diag.write("INFO", "MessageListener", f"Message '{self.last}' of type '{message['type']}'")
        if message["type"] == "update":
            update(str(message["version"]))
            self.end_session()
            return EXIT_UPDATING_ONCE if self.settings["Ephemeral"] == "True" else EXIT_UPDATING
        if message["type"] == "cancel" and self.job is not None:
            self.job.cancel()
        if message["type"] == "job" and self.job is None:
            return self.take(message["jobId"])
        return None

    def dismissed(self, status: int, reply: Json) -> int | None:
        """The service has no message for an idle runner: the exit code, if it never will have one."""
        if status == NOT_FOUND:
            complain("The runner no longer exists on the server. Cleaning up local configuration.")
            forget()
            return EXIT_ZERO
        if status == UNAUTHORIZED:
            self.diag.write("INFO", "Runner", "The runner's token has been revoked. Shutting down.")
            return EXIT_ZERO
        if status == BAD_REQUEST:
            complain(f"An error occurred: {reply.get('message')}")
            return EXIT_ONE
        return None

    def take(self, job_id: int) -> int | None:
        """Acknowledge and acquire a job, and start it."""
        try:
            status, _ = self.service.call("POST", "/acknowledge", {"jobId": job_id})
            if status == NOT_FOUND:
                self.diag.write("INFO", "Runner", "The job is gone, and an ephemeral runner waits for no other.")
                self.end_session()
                return EXIT_ZERO
            status, job = self.service.call("POST", "/acquire", {"jobId": job_id})
        except OSError as error:
            self.lost(error)
            return None
        if status == OK:
            self.job = JobDispatcher({**job, "timings": self.timings}, self.settings, self.service, self.diag)
        else:
            self.diag.write("WARN", "Runner", f"Skipping message Job. Job message not found '{job_id}'.")
        return None

    def end_session(self) -> None:
        """Close the session, if the service still listens."""
        with contextlib.suppress(OSError):
            self.service.call("DELETE", "/session")

    def leave(self) -> int:
        """End because a signal asked for it. SIGTERM has patience with the job for so long only."""
        terminated = self.stopped_by == signal.SIGTERM
        say("Exiting...")
        if self.job is None or self.job.shut_down(self.timings["unload"] if terminated else None):
            self.end_session()
        return EXIT_SIGTERM if terminated else EXIT_ZERO


def main(arguments: list[str]) -> int:
    """Args: the command line without the program; the exit code."""
    for stream in (sys.stdout, sys.stderr):
        assert isinstance(stream, io.TextIOWrapper)
        stream.reconfigure(encoding="utf-8", errors="replace")
    if "--version" in arguments:
        say(VERSION)
        return EXIT_ZERO
    command, options = options_of(arguments)
    if command == "warmup":
        return EXIT_ZERO
    load_env()
    if command in {"configure", "remove"}:
        return configure(options) if command == "configure" else unconfigure(options)
    return run(options)


def run(options: dict[str, str]) -> int:
    """``run``: the exit code."""
    diag = Diag("Runner")
    try:
        if options.get("jitconfig"):
            unpack(options["jitconfig"])
        if not configured():
            complain("Runner is not configured.")
            return EXIT_ONE
        os.makedirs(os.path.join(ROOT, str(read(".runner").get("WorkFolder", "_work"))), exist_ok=True)
        listener = Listener(diag)
    except (ValueError, KeyError, AttributeError, OSError) as error:
        complain(f"An error occurred: {error!r}")
        return EXIT_ONE
    return listener.run()


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
