# ruff: noqa: PTH118 - pathlib slows the start
"""The Listener's side of a job: the Worker process and the pipe to it."""

import contextlib
import json
import os
import subprocess
import time
from typing import IO

from paddock.adapters.standin.runner.common import (
    ABANDONED,
    CANCELED,
    FAILED,
    FOREVER,
    RESULT_BASE,
    RESULTS,
    ROOT,
    Diag,
    Json,
    Service,
    complain,
    say,
    stamp,
    truthy,
)
from paddock.adapters.standin.runner.local import forget

EXIT_DONE, EXIT_UNHANDLED = 0, 2
RENEWED = 200
MAX_RENEWALS = 5  # that fail, one after the other
TAIL = 4096


class JobDispatcher:
    """The one job of this Listener, from the message to the Worker's end."""

    def __init__(self, job: Json, settings: Json, service: Service, diag: Diag) -> None:
        self._job, self._settings, self._service, self._diag = job, settings, service, diag
        self._cancelled = self._answered = False
        self._failures = 0
        self._said = bytearray()
        diag.write("INFO", "JobDispatcher", f"job is valid till {job['lockedUntil']}")
        say(f"{stamp()}: Running job: {job['displayName']}")
        self._worker = subprocess.Popen(  # noqa: S603 - what it is for
            [os.path.join(ROOT, "bin", "Runner.Worker"), "spawnclient"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert self._worker.stdout is not None
        self.output: IO[bytes] = self._worker.stdout
        self._renew_at: float = time.monotonic() + job["timings"]["renew"]
        self._hang_at: float = time.monotonic() + job["timings"]["hang"]
        self._tell("job", job={**job, "service": settings}, token=service.token)

    def _tell(self, kind: str, **details: object) -> None:
        assert self._worker.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._worker.stdin.write(json.dumps({"type": kind, **details}).encode() + b"\n")
            self._worker.stdin.flush()

    def patience(self) -> float:
        """Seconds until `overdue` is to be asked."""
        return max(0.0, min(self._renew_at, self._hang_at) - time.monotonic())

    def overdue(self) -> int | None:
        """Renew the lease if it is time. An exit code if it was lost, or if the Worker never answered."""
        now = time.monotonic()
        if self._answered:
            self._hang_at = FOREVER
        if now >= self._renew_at:
            renewed = self._renew()
            self._renew_at = time.monotonic() + self._job["timings"]["renew" if renewed else "renew_pause"]
        if self._failures >= MAX_RENEWALS:
            return self._lose()
        return self._abandon() if now >= self._hang_at else None

    def _renew(self) -> bool:
        try:
            status, _ = self._service.call("POST", "/renew", {"jobId": self._job["jobId"]})
        except OSError:
            status = 0
        self._failures = 0 if status == RENEWED else self._failures + 1
        if self._failures:
            self._diag.write("ERR ", "JobDispatcher", f"Renewal {self._failures} of the job's lease failed: {status}")
        return not self._failures

    def ended(self) -> bool:
        """Read what the Worker says; True if it has ended."""
        said = os.read(self.output.fileno(), TAIL)
        self._answered = self._answered or bool(said)
        self._said += said
        del self._said[:-TAIL]
        return not said

    def cancel(self) -> None:
        """GitHub cancelled the job."""
        if not self._cancelled:
            self._cancelled = True
            self._tell("cancel")

    def shut_down(self, limit: float | None) -> bool:
        """The runner stops: tell the Worker, and wait for it; False if it took longer than the limit (seconds)."""
        self._tell("shutdown")
        try:
            self._worker.wait(limit)
        except subprocess.TimeoutExpired:
            return False
        self._conclude(shown=CANCELED)
        return True

    def finish(self) -> int:
        """The Worker ended by itself: say how; the Listener's exit code."""
        result = self._conclude()
        if result == CANCELED and self._job.get("exit_2_on_cancel"):
            complain("An error occurred: the session could not be deleted.")
            return EXIT_UNHANDLED
        if self._settings.get("Ephemeral") == "True":
            forget()
        return RESULT_BASE + result if truthy("ACTIONS_RUNNER_RETURN_JOB_RESULT_FOR_HOSTED") else EXIT_DONE

    def _conclude(self, shown: int | None = None) -> int:
        code = self._worker.wait()
        known = RESULT_BASE <= code < RESULT_BASE + len(RESULTS)
        result = code - RESULT_BASE if known else FAILED
        self._diag.write("INFO", "JobDispatcher", f"Worker finished for job {self._job['jobId']}. Code: {code}")
        if not known:
            crash = "WORKER_CRASH " + self._said.decode("utf-8", "replace").removeprefix("ready").strip()
            self._diag.write("ERR ", "JobDispatcher", crash)
            body = {"jobId": self._job["jobId"], "conclusion": "failure", "steps": [], "log": crash}
            with contextlib.suppress(OSError):
                self._service.call("POST", "/complete", body)
        text = RESULTS[result if shown is None else shown]
        say(f"{stamp()}: Job {self._job['displayName']} completed with result: {text}")
        return result

    def _lose(self) -> int:
        """The lease is lost, so the job is no longer ours: stop the Worker, which can tell nobody either."""
        self._tell("shutdown")
        self._worker.wait()
        self._conclude(shown=ABANDONED)
        forget()
        return EXIT_DONE

    def _abandon(self) -> int:
        """The Worker never answered: end as if all were well, which is what the real Listener does."""
        self._diag.write("ERR ", "JobDispatcher", "The Worker did not answer within the channel's time-out.")
        self._worker.kill()
        self._worker.wait()
        forget()
        return EXIT_DONE
