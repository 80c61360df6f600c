"""A whole EC2 machine for tests: its unit as systemd would run it, its agent as a single file, its AWS over HTTP.

AWS is moto behind a front, the metadata service a strict stand-in (`aws_machine`); the switch is a command that only
notes that it was pressed (`system_commands`). So a machine can be started, tortured and judged as often as one likes.
"""

import json
import os
import re
import secrets
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from paddock.adapters.aws.dynamodb.body import packed
from paddock.adapters.bootstrap import machine_file
from paddock.agent.machine.service import RENEWAL
from paddock.agent.telling.state import TOLD
from paddock.core.codec import message_from_data
from paddock.core.messages import Assignment, ReportEvent, RunnerReported
from tests.agent.machine import PackageServer, carriers, package_server
from tests.agent.runner_package import assignment
from tests.agent.service_rehearsal import Life, Unit, live
from tests.agent.system_commands import SystemCommands
from tests.aws.machine import SECOND, World, moto, world
from tests.contracts import breaches

FINAL = {ReportEvent.FINISHED, ReportEvent.FAILED_TO_START}
SCRIPTS = Path(__file__).parents[2] / "src/adapters/paddock/adapters/bootstrap/machine"
FAST: dict[str, object] = {
    "assignment_deadline": 5 * SECOND,
    "stop_grace": SECOND,
    "retry_delay": SECOND // 100,
    "spot_wait": SECOND // 10,
    "min_free": 1 << 20,
    "low_disk": 1 << 20,
}


class Ec2Machine:
    """One machine from its unit's start to its switch. Everything of the agent's is quick unless told otherwise."""

    def __init__(self, aws: World, server: PackageServer, home: Path, agent: Path, **settings: object) -> None:
        self.aws, self.server, self.home = aws, server, home
        self.name = aws.machine
        self.directory, self.cache = home / "machine", home / "cache"
        self.system = SystemCommands(home / "commands")
        self._heard = False  # the end of a success
        places: dict[str, object] = {"directory": str(self.directory), "cache": str(self.cache)}
        power: dict[str, object] = {"power_command": ["systemctl", "poweroff"]}
        told = aws.settings(**{**places, **power, **FAST, **settings})
        (home / "agent.json").write_text(json.dumps(told))
        here = {
            "/usr/bin/python3": sys.executable,
            "/usr/bin/timeout": str(self.system.folder / "timeout"),
            "/opt/paddock/agent.pyz": str(agent),
            "/opt/paddock/libexec": str(SCRIPTS),
            "/etc/paddock/agent.json": str(home / "agent.json"),
        }
        self.unit = Unit(machine_file("paddock-agent.service").decode(), here)

    def assign(self, **fields: object) -> Assignment:
        """Give the machine its orders, as the control plane does."""
        orders = assignment(self.name, self.server.url, self.server.data, **fields)
        self.aws.put_item(packed(orders))
        return orders

    def live(self, act: Callable[[int], None] | None = None, **bounds: float) -> Life:
        """One life of the unit; `act` gets the agent's process id when it is ready."""
        return live(self.unit, self.system.environment, self.home, act=act, **bounds)

    def reports(self) -> list[RunnerReported]:
        """What has been told since the last call, read as the core reads it and held to the contract.

        It has arrived at the queue, or it is the end of a success, for which no message is needed: then it is what the
        machine noted as told, and has on its disk nowhere else.
        """
        found = []
        while messages := self.aws.messages():
            found += messages
        found += self._noted()
        for data in found:
            assert breaches("runner_reported", data) == []
        reports = [message_from_data(data) for data in found]
        assert all(isinstance(report, RunnerReported) for report in reports)
        return reports

    def _noted(self) -> list[dict[str, Any]]:
        """The end of a success, once."""
        note = self.directory / TOLD
        final = json.loads(note.read_text())["final"] if note.exists() and not self._heard else None
        if final is None or (final["result"], final["conclusion"], final["reason"]) != ("served", "success", ""):
            return []
        self._heard = not any((self.directory / "spool").rglob("*-finished.json"))
        return [final] * self._heard

    def log(self) -> list[dict[str, Any]]:
        """The lines of its log on the disk, from where they have not been given back."""
        path = self.directory / "agent.log"
        raw = path.read_bytes() if path.exists() else b""
        if raw.startswith(b"\0"):  # given back in blocks: what comes first is the end of a line
            raw = raw.lstrip(b"\0").partition(b"\n")[2]
        return [json.loads(line) for line in raw.splitlines()]

    def shipped(self, job_id: int = 12345) -> list[str]:
        """The lines in its log stream."""
        group, stream = f"/paddock/{self.aws.name}", f"{self.name}/{job_id}"
        found = self.aws.logs.get_log_events(logGroupName=group, logStreamName=stream, startFromHead=True)
        return [str(event["message"]) for event in found["events"]]

    def archived(self) -> list[str]:
        """The names of the files that outlived it."""
        listed = self.aws.s3.list_objects_v2(Bucket=self.aws.name)
        return sorted(str(item["Key"]) for item in listed.get("Contents", ()))

    @property
    def is_off(self) -> bool:
        """The switch was pressed, in the mildest way, and once."""
        pressed = [call for call in self.system.calls if call != " ".join(RENEWAL)]
        return pressed == ["systemctl poweroff"] and (self.system.folder / "off").exists()

    def left(self) -> list[str]:
        """What is left of it that should not be: processes, files of the job, secrets in files."""
        found = [f"process {pid}" for pid in carriers(self.name)]
        found += [f"{name} is there" for name in ("work", "scratch") if (self.directory / name).exists()]
        for path in self.directory.rglob("*"):
            if path.is_file() and re.search(rb"private-key|ACTIONS_RUNNER_INPUT", path.read_bytes()):
                found.append(f"a secret in {path.name}")
        item = self.aws.item()
        return [*found, *(["a secret in its item"] if item is not None and "body" in item else [])]

    def close(self) -> None:
        """End what a failed test left."""
        for pid in carriers(self.name):
            os.kill(pid, 9)


def one_end(reports: list[RunnerReported]) -> RunnerReported:
    """The one end that the reports tell; a report may have come twice, word for word."""
    ends = [report for report in reports if report.event in FINAL]
    assert len(set(map(repr, ends))) == 1, ends
    return ends[0]


class Ec2:
    """Makes machines, each with an AWS of its own on one moto."""

    def __init__(self, behind: str, root: Path, agent: Path) -> None:
        self._behind, self._root, self._agent = behind, root, agent

    @contextmanager
    def machine(self, data: bytes, **settings: object) -> Iterator[Ec2Machine]:
        """A machine whose jobs are served by this runner package."""
        name = f"i-{secrets.token_hex(8)}1"
        home = self._root / name
        home.mkdir()
        with ExitStack() as stack:
            aws = stack.enter_context(world(self._behind, home, f"paddock-{name}", name))
            server = stack.enter_context(package_server(data))
            made = Ec2Machine(aws, server, home, self._agent, **settings)
            stack.callback(made.close)
            yield made


@contextmanager
def ec2(root: Path, agent: Path) -> Iterator[Ec2]:
    """A moto, and machines on it with this agent."""
    with moto() as behind:
        yield Ec2(behind, root, agent)
