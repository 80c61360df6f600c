"""Lives of a real agent for measuring: its single file as a process, on either kind of machine, up to its job and on.

An EC2 machine's metadata, table, queue and log group are played by one server on loopback that knows their answers by
heart. Machines have ids of their own each time, for an agent ends whatever carries its machine's mark.
"""

import contextlib
import json
import os
import secrets
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import attrs

from paddock.agent.aws.imds import DOCUMENT, MARKET, REBALANCE, ROLE, SPOT
from paddock.agent.machine.users import own_user
from paddock.agent.package.baked import MANIFEST
from paddock.agent.package.copying import copy_tree
from paddock.agent.package.places import this_platform
from paddock.core.codec import message_to_data
from paddock.core.messages import Assignment, RunnerPackage
from tests.agent.runner_package import VERSION, assignment, put_assignment
from tests.agent.zipapp import build
from tests.bench.made_package import Made
from tests.http_stub import Answer, Seen, http_stub

PATIENCE, LOOK = 60.0, 1.0  # seconds
NOBODY = 65_534  # whom jobs run as where the agent is root and serves a box; no name is needed
ROLE_ID = "AROAEXAMPLEEXAMPLE123"
REGION = "eu-west-1"


@attrs.frozen
class Workshop:
    """Where all of it lies: the agent's file, the box's cache, and the pipe that Listeners tell their start by."""

    root: Path
    agent: Path
    cache: Path
    pipe: Path

    @property
    def trees(self) -> bool:
        """True if the box may keep packages unpacked: only where its jobs run as somebody else than the agent."""
        return os.geteuid() == 0


@contextmanager
def workshop(root: Path) -> Iterator[Workshop]:
    """Built afresh below `root`, an empty directory."""
    root.chmod(0o711)  # the job's user has to pass
    made = Workshop(root, root / "agent.pyz", root / "cache", root / "pipe")
    build(made.agent)
    made.cache.mkdir()
    os.mkfifo(made.pipe)
    made.pipe.chmod(0o666)
    yield made


@attrs.frozen
class Start:
    """From before the agent's process was started until its Listener ran: by the wall's clock, and the agent's CPU."""

    wall: int
    cpu: int


def cpu_of(pid: int) -> int:
    """Nanoseconds of CPU that a process used so far: user and system, all its threads, none of its children."""
    return time.clock_gettime_ns((~pid << 3) | 2)  # the number that clock_getcpuclockid(3) gives


def memory_of(pid: int) -> dict[str, float]:
    """``VmRSS`` and ``VmHWM`` of a process, in millions of bytes."""
    lines = (line.partition(":") for line in Path("/proc", str(pid), "status").read_text().splitlines())
    return {name: int(rest.split()[0]) * 1024 / 1e6 for name, _, rest in lines if name in ("VmRSS", "VmHWM")}


@attrs.define
class Life:
    """An agent that was started, and whose Listener ran."""

    process: subprocess.Popen[bytes]
    start: Start

    def wait(self) -> None:
        """Wait for its regular end.

        Raises:
            RuntimeError: it ended with an error.
        """
        code = self.process.wait(PATIENCE)
        if code:
            raise RuntimeError(f"the agent ended with {code}")


@contextmanager
def living(shop: Workshop, *words: str) -> Iterator[Life]:
    """Start the agent with these arguments and wait for its Listener; nothing of it is left afterwards.

    Raises:
        RuntimeError: no Listener was started.
    """
    command = [sys.executable, "-I", str(shop.agent), *words]
    with os.fdopen(os.open(shop.pipe, os.O_RDONLY | os.O_NONBLOCK), "rb", buffering=0) as pipe:
        before = time.time_ns()
        process = subprocess.Popen(
            command,
            env={"PATH": "/usr/bin:/bin"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            while not select.select([pipe], [], [], LOOK)[0]:
                if process.poll() is not None or time.time_ns() - before > PATIENCE * 1e9:
                    raise RuntimeError(f"no Listener was started: {' '.join(command)}")
            cpu = cpu_of(process.pid)
            yield Life(process, Start(int(pipe.read(64)) - before, cpu))
        finally:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.terminate()  # nothing happens if it has ended
                process.wait(PATIENCE)
            process.kill()
            process.wait()


@contextmanager
def on_box(shop: Workshop, made: Made) -> Iterator[Life]:
    """A life on a machine of the one-machine fleet, its package in the box's cache."""
    directory = shop.root / f"box-{secrets.token_hex(8)}"
    directory.mkdir()
    put_assignment(directory, orders(directory.name, made))
    words = ["local", "--machine-dir", str(directory), "--cache-dir", str(shop.cache)]
    words += ["--log-dir", str(shop.root / "logs"), *(["--user", str(NOBODY)] if shop.trees else [])]
    with living(shop, *words) as life:
        yield life


@contextmanager
def on_ec2(shop: Workshop, made: Made, tree: Path) -> Iterator[Life]:
    """A life on an EC2 machine whose image holds the runner: a copy of `tree`, the unpacked package."""
    machine = f"i-{secrets.token_hex(9)[:17]}"
    home = shop.root / machine
    image = home / "image"
    image.mkdir(parents=True)
    copy_tree(tree, image, lambda _: True)
    note = {"version": VERSION, "platform": this_platform(), "sha256": made.sha256}
    (image / MANIFEST).write_text(json.dumps(note))
    with cloud(machine, json.dumps(message_to_data(orders(machine, made)))) as url:
        settings = {
            "version": 1,
            "table": "paddock",
            "reports_queue_url": f"{url}/1/reports",
            "role_id": ROLE_ID,
            "log_group": "/paddock",
            "endpoints": dict.fromkeys(("dynamodb", "imds", "logs", "sqs"), url),
            "power_command": ["/bin/true"],
            # As ourselves and nobody else: what is another user's would be the job's, and end with it.
            "user": own_user().name if os.geteuid() == 0 else "",
            "directory": str(home / "machine"),
            "cache": str(home / "cache"),
            "baked": str(image),
        }
        (home / "agent.json").write_text(json.dumps(settings))
        with living(shop, "aws", "--config", str(home / "agent.json")) as life:
            yield life
            life.wait()  # before its cloud is gone


def orders(machine: str, made: Made) -> Assignment:
    """The assignment; nobody answers at the package's address, for it is there already."""
    said = {"downloads": made.sha256, "release digest": made.sha256}
    url, name = "http://127.0.0.1:9/runner.tar.gz", f"actions-runner-{VERSION}.tar.gz"
    return assignment(machine, url, b"", package=RunnerPackage(VERSION, url, made.sha256, name, said))


@contextmanager
def cloud(machine: str, body: str) -> Iterator[str]:
    """The address of a server that is one machine's metadata service, and AWS as far as it asks."""
    document = {"instanceId": machine, "instanceType": "m7g.large", "availabilityZone": f"{REGION}b", "region": REGION}
    keys = {"Code": "Success", "AccessKeyId": "ASIAEXAMPLE", "SecretAccessKey": "secret", "Token": "token"}
    item = {"pk": {"S": f"{ROLE_ID}:{machine}"}, "sk": {"S": "ASSIGNMENT"}, "body": {"S": body}}
    replies = {"GetItem": {"Item": item}, "UpdateItem": {"Attributes": item}, "SendMessage": {"MessageId": "1"}}

    def aws(seen: Seen) -> Answer:
        return Answer(200, replies.get(seen.headers.get("x-amz-target", "").rpartition(".")[2], {}))

    with http_stub() as stub:
        stub.on("PUT /latest/api/token", Answer(200, b"token", {"X-aws-ec2-metadata-token-ttl-seconds": "21600"}))
        stub.on(f"GET {DOCUMENT}", Answer(200, document))
        stub.on(f"GET {MARKET}", Answer(200, b"spot"))
        stub.on(f"GET {ROLE}", Answer(200, b"machine"))
        stub.on(f"GET {ROLE}machine", Answer(200, {**keys, "Expiration": "2099-01-01T00:00:00Z"}))
        for path in (SPOT, REBALANCE):
            stub.on(f"GET {path}", Answer(404))
        stub.on("POST /", aws)
        yield stub.url
