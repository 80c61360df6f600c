"""One machine of the chaos: its life, what is done to it meanwhile, and what is left of it for the oracle."""

import contextlib
import hashlib
import json
import os
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from email.utils import formatdate
from pathlib import Path

from paddock.agent.job.environment import marker
from paddock.agent.machine.processes import descendants, marked
from paddock.agent.package.baked import MANIFEST
from paddock.agent.package.extraction import extract
from paddock.agent.package.places import this_platform
from tests.agent.ec2_faults import EVER, Cuts, Victim, program, spooled
from tests.agent.ec2_machine import Ec2, Ec2Machine
from tests.agent.ec2_oracle import BOUND, Outcome
from tests.agent.ec2_scenarios import Fault, Scenario, draw
from tests.agent.machine import alive
from tests.agent.runner_package import VERSION, runner_package
from tests.aws.machine import SECOND, fault, xml_fault
from tests.http_stub import Answer

MARKS = {
    "assigned": b'"event": "assigned"',
    "listening": b"Listening for Jobs",
    "job": b"Running job",
    "after the job": b"completed with result",
    "leaving": b'"event": "listener_exited"',
}
"""By which line of its log a phase is known; the others show in its requests."""
TURN = 0.02  # seconds between two looks at a machine
MANY = 99
TRIES = 3  # of a package's place
TABLE = ("*", "GetItem", "UpdateItem")


class Mischief:
    """Does the faults to a machine, each when its moment has come, in a thread of its own."""

    def __init__(self, machine: Ec2Machine, faults: Sequence[Fault]) -> None:
        self.machine = machine
        self.cuts = Cuts(machine)
        self.agent: Victim | None = None
        self._pid = 0
        self._faults = list(faults)
        self._reached: dict[str, float] = {"": 0.0}
        self._later: list[tuple[float, Callable[[], object]]] = []
        self._read = 0
        self._give_up = time.monotonic() + BOUND + 20
        self._over = threading.Event()
        self._errors: list[Exception] = []
        self._thread = threading.Thread(target=self._run, name="mischief")
        self._do_what_is_due()

    def begin(self, pid: int) -> None:
        """The agent is ready, and this is its process."""
        self.agent, self._pid = Victim(pid), pid
        self._thread.start()

    def end(self) -> None:
        """The life is over."""
        self._over.set()
        if self._thread.ident is not None:
            self._thread.join()
        for _, deed in self._later:
            deed()
        if self.agent is not None:
            self.agent.close()
        for error in self._errors:
            raise error

    def _run(self) -> None:
        try:
            while not self._over.wait(TURN):
                self._look()
                self._do_what_is_due()
                if time.monotonic() > self._give_up and self.agent is not None:
                    self.agent.strike(signal.SIGKILL)  # the oracle will say that it took too long
        except Exception as error:  # noqa: BLE001 - the test's thread raises it
            self._errors.append(error)

    def _look(self) -> None:
        """Note which phases have been reached."""
        now, new = time.monotonic(), b""
        with contextlib.suppress(FileNotFoundError), (self.machine.directory / "agent.log").open("rb") as file:
            file.seek(self._read)
            new = file.read()
            self._read = max(0, file.tell() - 100)  # a mark may be cut in two
        found = [phase for phase, mark in MARKS.items() if mark in new]
        found += ["assignment"] * bool(self.machine.aws.front.seen) + ["download"] * bool(self.machine.server.requests)
        for phase in found:
            self._reached.setdefault(phase, now)

    def _do_what_is_due(self) -> None:
        now = time.monotonic()
        for one in [one for one in self._faults if now >= self._reached.get(one.phase, EVER) + one.after]:
            self._faults.remove(one)
            DEEDS[one.kind](self, one)
        for due in [due for due in self._later if now >= due[0]]:
            self._later.remove(due)
            due[1]()

    def strike(self, number: signal.Signals) -> bool:
        """Send the agent a signal; False if it is gone."""
        return self.agent is not None and self.agent.strike(number)

    def rest(self, seconds: float) -> None:
        """Stop the agent for so long."""
        if self.strike(signal.SIGSTOP):
            self._later.append((time.monotonic() + seconds, lambda: self.strike(signal.SIGCONT)))

    def kill_agent(self) -> None:
        """And what its control group has without the machine's mark: that is systemd's to end."""
        if self.strike(signal.SIGSTOP):
            hidden = set(descendants(self._pid)) - set(marked(marker(self.machine.name)))
            self.strike(signal.SIGKILL)
            for pid in hidden:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)

    def kill(self, words: str) -> None:
        """End the program of the runner with this command line, if there is one."""
        pid = program(self.machine, words)
        if pid:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def answer(self, operation: str, *answers: Answer) -> None:
        """Let these be the next answers to the operation."""
        self.machine.aws.front.faults.setdefault(operation, []).extend(answers)


def _spoil(mischief: Mischief) -> None:
    mischief.machine.server.data = mischief.machine.server.data[:-9] + b"x" * 9


def _throttle(mischief: Mischief, of: Fault) -> None:
    slow = xml_fault(503, "SlowDown") if of.operation in {"PUT", "GET"} else fault(400, "ThrottlingException")
    mischief.answer(of.operation, *[slow] * of.count)


def _late(of: Fault) -> Answer:
    date = formatdate(time.time() + 3_600 * of.count, usegmt=True)
    return fault(400, "RequestTimeTooSkewed", headers={"Date": date})


def _no_log(mischief: Mischief) -> None:
    mischief.machine.aws.logs.delete_log_group(logGroupName=f"/paddock/{mischief.machine.aws.name}")


DEEDS: Mapping[str, Callable[[Mischief, Fault], object]] = {
    "kill agent": lambda m, _: m.kill_agent(),
    "kill Listener": lambda m, _: m.kill("bin/Runner.Listener run"),
    "kill Worker": lambda m, _: m.kill("bin/Runner.Worker"),
    "terminate": lambda m, _: m.strike(signal.SIGTERM),
    "rest": lambda m, of: m.rest(of.span),
    "spot": lambda m, of: m.machine.aws.imds.warn(of.span),
    "rebalance": lambda m, _: m.machine.aws.imds.warn(0, kind="/latest/meta-data/events/recommendations/rebalance"),
    "cut": lambda m, of: m.cuts.cut([of.operation], of.span),
    "lose": lambda m, of: m.machine.aws.front.lose.update({of.operation: of.count}),
    "throttle": _throttle,
    "break": lambda m, of: m.answer(of.operation, *[fault(500, "InternalServerError")] * of.count),
    "keys expired": lambda m, of: m.answer("GetItem", *[fault(400, "ExpiredTokenException")] * of.count),
    "clock wrong": lambda m, of: m.answer("GetItem", _late(of)),
    "package away": lambda m, of: m.machine.server.answers.extend([503] * of.count),
    "package cut short": lambda m, _: setattr(m.machine.server, "missing", 10),
    "package wrong": lambda m, _: _spoil(m),
    "bucket away": lambda m, _: m.cuts.cut(["PUT", "GET"]),
    "log group away": lambda m, _: _no_log(m),
    "queue denied": lambda m, _: m.answer("SendMessage", *[fault(403, "AccessDenied")] * MANY),
    "queue away": lambda m, _: m.cuts.cut(["SendMessage"]),
    "low disk": lambda _m, _f: None,  # these three are settings
    "full disk": lambda _m, _f: None,
    "baked": lambda _m, _f: None,
}


@dataclass(frozen=True)
class Tried:
    """One run."""

    number: int
    scenario: Scenario
    faults: Sequence[Fault]
    outcome: Outcome
    log: str

    def __str__(self) -> str:
        """For whoever has to find out what went wrong."""
        return f"run {self.number}: {self.scenario.name}, {self.faults}\n{self.outcome}\n{self.log}"


def attempt(cloud: Ec2, seed: int, number: int, making: threading.Lock) -> Tried:
    """Live the life of this number."""
    with tempfile.TemporaryDirectory(prefix="paddock-notes-") as directory:
        notes = Path(directory)
        scenario, faults = draw(seed, number, notes)
        kinds = {one.kind for one in faults}
        data = runner_package(*scenario.runs)
        settings: dict[str, object] = dict.fromkeys(("assignment_deadline", "download_deadline"), 20 * SECOND)
        settings["report_patience"] = 4 * SECOND  # it is used three times, and no outage that passes is as long
        settings |= {"min_free": 1 << 60} if "low disk" in kinds else {}
        settings |= {"low_disk": 1 << 60} if "full disk" in kinds else {}
        settings |= {"baked": str(_bake(notes / "baked", data))} if "baked" in kinds else {}
        with contextlib.ExitStack() as stack:
            with making:  # botocore makes its classes as it runs, and not in two threads at once
                machine = stack.enter_context(cloud.machine(data, **{**settings, **scenario.settings}))
            return _live(machine, number, scenario, faults, notes)


def _live(machine: Ec2Machine, number: int, scenario: Scenario, faults: Sequence[Fault], notes: Path) -> Tried:
    kinds = {one.kind for one in faults}
    if scenario.assigned:
        machine.assign(**scenario.fields)
    stopped = scenario.end is None and "terminate" in kinds
    if stopped:
        machine.system.tell("off")
    mischief = Mischief(machine, faults)
    begun = time.monotonic()
    try:
        machine.live(mischief.begin)
    finally:
        mischief.end()
    seconds = time.monotonic() - begun
    touched = any(one.operation in TABLE for one in faults)
    left = [what for what in machine.left() if not (touched and what == "a secret in its item")]
    if _daemon_lives(notes) and "kill agent" not in kinds:
        left.append("a daemon")
    causes = {reason for one in faults for reason in one.causes} | {scenario.end.reason if scenario.end else ""}
    unsure = any(one.causes for one in faults)
    if touched and not scenario.assigned:  # it may have been just then that it looked for the last time
        causes.add("assignment_unreadable")
        unsure = True
    if sum(one.count for one in faults if one.kind == "package away") >= TRIES:
        causes.add("download_failed")
        unsure = True
    outcome = Outcome(
        machine=machine.name,
        delivered=machine.reports(),
        spooled=spooled(machine),
        aside=spooled(machine, "spool/bad"),
        began=(notes / "began").exists(),
        said=(notes / "said").exists(),
        start=None if touched else "heartbeat_at" in (machine.aws.item() or {}),
        succeeded=(notes / "succeeded").exists(),
        left=left,
        pressed=machine.system.calls,
        stopped=stopped,
        seconds=seconds,
        undisturbed=scenario.end,
        causes=frozenset(causes),
        sure=not unsure,
        deliverable=not kinds & {"queue denied", "queue away"},
    )
    lines = [line for line in machine.log() if line.get("line") != "x" * 999]
    return Tried(number, scenario, faults, outcome, "\n".join(map(str, lines)))


def _bake(directory: Path, data: bytes) -> Path:
    """The runner as an image holds it."""
    directory.mkdir(mode=0o755)
    with tempfile.TemporaryFile() as file:
        file.write(data)
        file.seek(0)
        extract(file, directory)
    manifest = {"version": VERSION, "platform": this_platform(), "sha256": hashlib.sha256(data).hexdigest()}
    (directory / MANIFEST).write_text(json.dumps({**manifest, "verified_at": ""}))
    return directory


def _daemon_lives(notes: Path) -> bool:
    """Whether the job's daemon outlived it all; now it does not any more."""
    try:
        pid = int((notes / "daemon").read_text())
        is_it = Path(f"/proc/{pid}/cmdline").read_bytes() == b"sleep\x0045\0"
    except (OSError, ValueError):
        return False
    if is_it and alive(pid):
        os.kill(pid, signal.SIGKILL)
        return True
    return False
