"""Fetching the agent at boot, as a real process against a metadata service and a bucket on loopback.

Whatever is wrong, the program ends with 1 within its bound, says why in one line, and leaves nothing behind: then the
unit switches the machine off.
"""

import contextlib
import datetime as dt
import hashlib
import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from paddock.adapters.bootstrap.machine import bootstrap
from paddock.agent.aws import addresses

pytestmark = pytest.mark.slow

PROGRAM = Path(bootstrap.__file__)
AGENT = b"#!/usr/bin/env python3\nprint('paddock-agent 0.0.1')\n"
ROLE = {"AccessKeyId": "ASIAEXAMPLE", "SecretAccessKey": "a-secret-key", "Token": "a-session-token"}
SECRETS = (ROLE["SecretAccessKey"], ROLE["Token"], "metadata-token")
PATIENCE = 60


class Cloud:
    """A metadata service (version 2 only) and a bucket, on one port.

    ``agent`` is the object; ``answers`` may hold what the bucket says first: a status, or ``cut`` (half of the object);
    ``role`` and ``metadata_answers`` are for faults of the metadata service.
    """

    def __init__(self) -> None:  # noqa: C901 - two small services in one place
        self.agent = AGENT
        self.answers: list[int | str] = []
        self.metadata_answers: list[int] = []
        self.role = ROLE
        self.ahead = dt.timedelta(0)
        self.seen: list[tuple[str, str, dict[str, str]]] = []
        cloud = self

        class Handler(BaseHTTPRequestHandler):
            def do_PUT(self) -> None:
                cloud.seen.append(("PUT", self.path, {}))
                self.say(cloud.metadata_answers.pop(0) if cloud.metadata_answers else 200, b"metadata-token")

            def do_GET(self) -> None:
                headers = {name.lower(): value for name, value in self.headers.items()}
                cloud.seen.append(("GET", self.path, headers))
                if self.path.startswith("/latest/"):
                    self.metadata(headers)
                    return
                answer = cloud.answers.pop(0) if cloud.answers else 200
                if answer == "cut":
                    self.say(200, cloud.agent[: len(cloud.agent) // 2], announced=len(cloud.agent))
                elif answer == 200:
                    self.say(200, cloud.agent)
                else:
                    self.say(int(answer), b"<Error><Code>SlowDown</Code><Message>a-session-token</Message></Error>")

            def metadata(self, headers: dict[str, str]) -> None:
                place = "/latest/meta-data/iam/security-credentials/"
                if headers.get("x-aws-ec2-metadata-token") != "metadata-token":
                    self.say(401, b"")
                elif self.path == place:
                    self.say(200 if cloud.role else 404, b"machine-role")
                else:
                    assert self.path == place + "machine-role"
                    self.say(200, json.dumps(cloud.role).encode())

            def say(self, status: int, body: bytes, announced: int | None = None) -> None:
                self.send_response_only(status)
                self.send_header("Date", format_datetime(dt.datetime.now(dt.UTC) + cloud.ahead, usegmt=True))
                self.send_header("Content-Length", str(len(body) if announced is None else announced))
                self.end_headers()
                with contextlib.suppress(ConnectionError):
                    self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
                """Tests print enough."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def objects(self) -> list[dict[str, str]]:
        """The headers of each request for the object."""
        return [headers for _, path, headers in self.seen if not path.startswith("/latest/")]


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    """A cloud that is gone afterwards."""
    found = Cloud()
    yield found
    found.close()


class Machine:
    """A machine that boots."""

    def __init__(self, home: Path, cloud: Cloud) -> None:
        self.agent = home / "opt" / "agent.pyz"
        self.agent.parent.mkdir()
        self.boot = home / "boot.json"
        self.cloud = cloud
        self.told = {
            "region": "eu-central-1",
            "bucket": "cache",
            "key": "agent/0.0.1/paddock-agent.pyz",
            "sha256": hashlib.sha256(AGENT).hexdigest(),
            "endpoint": cloud.address,
        }

    def start(self, patience: float = 20) -> subprocess.CompletedProcess[str]:
        """Run the program as the unit does; no secret is ever in what it says."""
        if not self.boot.exists():
            self.boot.write_text(json.dumps(self.told))
        command = [sys.executable, "-I", str(PROGRAM), "--boot", str(self.boot), "--agent", str(self.agent)]
        command += ["--metadata", self.cloud.address, "--patience", str(patience)]
        done = subprocess.run(command, env={}, capture_output=True, text=True, timeout=PATIENCE, check=False)
        assert not [secret for secret in SECRETS if secret in done.stdout + done.stderr]
        return done

    @property
    def files(self) -> list[str]:
        """What lies where the agent belongs."""
        return sorted(path.name for path in self.agent.parent.iterdir())


@pytest.fixture
def machine(tmp_path: Path, cloud: Cloud) -> Machine:
    """A machine of that cloud."""
    return Machine(tmp_path, cloud)


def test_the_agent_is_fetched_verified_and_put_in_place(machine: Machine) -> None:
    """Whole, readable for all, writable for its owner alone; it answers, and that is the last line."""
    done = machine.start()
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == ["paddock: agent fetched and verified", "paddock: paddock-agent 0.0.1"]
    assert machine.agent.read_bytes() == AGENT
    assert machine.agent.stat().st_mode & 0o777 == 0o644
    assert machine.files == ["agent.pyz"]


def test_an_image_that_has_the_right_agent_asks_nobody(machine: Machine) -> None:
    """Its digest is the one asked for: no request at all."""
    machine.agent.write_bytes(AGENT)
    assert machine.start().returncode == 0
    assert machine.cloud.seen == []


def test_an_image_that_has_another_agent_gets_the_right_one(machine: Machine) -> None:
    """A stale or altered agent is replaced, never run."""
    machine.agent.write_bytes(b"raise SystemExit('never run')\n")
    assert machine.start().returncode == 0
    assert machine.agent.read_bytes() == AGENT


def test_what_goes_wrong_once_is_tried_again(machine: Machine) -> None:
    """A metadata service that stumbles, a busy bucket, a cut connection: none of them costs the machine."""
    machine.cloud.metadata_answers = [503]
    machine.cloud.answers = [503, "cut"]
    done = machine.start()
    assert done.returncode == 0
    assert len([line for line in done.stdout.splitlines() if "trying again" in line]) == 3
    assert "answers 503 SlowDown" in done.stdout


def spoil_agent(machine: Machine) -> None:
    """Another file lies in the bucket."""
    machine.cloud.agent = AGENT + b"import os\n"


def deny(machine: Machine) -> None:
    """The role may not read the bucket."""
    machine.cloud.answers = [403] * 100


def lose(machine: Machine) -> None:
    """There is no such object."""
    machine.cloud.answers = [404] * 100


def redirect(machine: Machine) -> None:
    """The bucket is elsewhere."""
    machine.cloud.answers = [301] * 100


def no_role(machine: Machine) -> None:
    """The machine has no role."""
    machine.cloud.role = {}


def dead_agent(machine: Machine) -> None:
    """The right file, which does not run on this machine."""
    broken = b"import sys; sys.exit('built for another machine')\n"
    machine.cloud.agent = broken
    machine.told["sha256"] = hashlib.sha256(broken).hexdigest()


def no_settings(machine: Machine) -> None:
    """The user data wrote something else."""
    machine.boot.write_text("#!/bin/sh\n")


@pytest.mark.parametrize(
    ("fault", "said", "left"),
    [
        (spoil_agent, "the file's SHA-256 is", []),
        (deny, "answers 403", []),
        (lose, "answers 404", []),
        (redirect, "answers 301", []),
        (no_role, "the name of the machine's role", []),
        (dead_agent, "the agent ends with 1: built for another machine", ["agent.pyz"]),
        (no_settings, "wanted a file of JSON", []),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_a_machine_that_cannot_start_says_why_within_its_bound(
    fault: Callable[[Machine], None], said: str, left: list[str], machine: Machine
) -> None:
    """It ends with 1, its reason is the last line, and nothing that failed its check was kept."""
    fault(machine)
    done = machine.start(patience=2)
    last = done.stdout.splitlines()[-1]
    assert (done.returncode, last.startswith("paddock: CANNOT START: ")) == (1, True)
    assert said in last
    assert machine.files == left


def test_a_machine_without_a_network_ends_too(tmp_path: Path) -> None:
    """Nothing listens: tried until the bound, and no longer."""
    cloud = Cloud()
    cloud.close()
    done = Machine(tmp_path, cloud).start(patience=1)
    assert done.returncode == 1
    assert "ConnectionRefusedError" in done.stdout.splitlines()[-1]


@pytest.mark.slow
def test_a_refusal_is_not_tried_for_ever(machine: Machine) -> None:
    """With all the time in the world it gives up after some tries: each costs money."""
    machine.cloud.answers = [403] * 100
    assert machine.start(patience=50).returncode == 1
    assert len(machine.cloud.objects) == bootstrap.TRIES_REFUSED


@pytest.mark.parametrize("field", list(bootstrap.CHECKS))
def test_a_field_of_the_wrong_shape_is_named(field: str, machine: Machine) -> None:
    """The user data's renderer checks the same; this is the other end, and trusts nobody."""
    machine.told[field] = "bad value; $(reboot)"
    done = machine.start()
    assert done.returncode == 1
    assert f"boot.json: {field}: found 'bad value; $(reboot)'" in done.stdout
    assert machine.cloud.seen == []


def test_the_request_is_signed_as_botocore_would(machine: Machine) -> None:
    """The very headers that went over the wire, held to another signer: same moment, same signature."""
    machine.start()
    (sent,) = machine.cloud.objects
    stamp = sent["x-amz-date"]
    address = f"{machine.cloud.address}/cache/agent/0.0.1/paddock-agent.pyz"
    request = AWSRequest("GET", address, headers={"X-Amz-Content-SHA256": sent["x-amz-content-sha256"]})
    credentials = Credentials(ROLE["AccessKeyId"], ROLE["SecretAccessKey"], ROLE["Token"])
    oracle = S3SigV4Auth(credentials, "s3", "eu-central-1")
    request.context["timestamp"] = stamp
    request.headers["X-Amz-Date"] = stamp
    request.headers["X-Amz-Security-Token"] = ROLE["Token"]
    canonical = oracle.canonical_request(request)
    signature = oracle.signature(oracle.string_to_sign(request, canonical), request)
    assert sent["authorization"].endswith(f"Signature={signature}")
    assert sent["host"] == machine.cloud.address.removeprefix("http://")


def test_the_signature_of_amazons_published_example() -> None:
    """GET Object of the S3 reference, "Authenticating Requests": its keys, its moment, its signature."""
    role = {
        "AccessKeyId": "AKIAIOSFODNN7EXAMPLE",
        "SecretAccessKey": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        "Token": "",
    }
    headers = bootstrap.signed(
        "https://examplebucket.s3.amazonaws.com/test.txt",
        "us-east-1",
        role,
        dt.datetime(2013, 5, 24, tzinfo=dt.UTC),
        {"range": "bytes=0-9"},
    )
    assert headers["Authorization"].endswith(
        "Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"
    )


def test_a_clock_that_is_wrong_is_put_right_by_the_answer(machine: Machine) -> None:
    """S3 refuses a request that is a quarter of an hour off; its own Date says by how much."""
    machine.cloud.ahead = dt.timedelta(hours=5)
    machine.cloud.answers = [403]
    assert machine.start().returncode == 0
    first, second = (
        dt.datetime.strptime(headers["x-amz-date"], "%Y%m%dT%H%M%S%z") for headers in machine.cloud.objects
    )
    assert dt.timedelta(hours=4, minutes=59) < second - first < dt.timedelta(hours=5, minutes=1)


@pytest.mark.parametrize(
    ("region", "bucket", "address"),
    [
        ("eu-central-1", "cache", "https://cache.s3.eu-central-1.amazonaws.com/k"),
        ("eu-central-1", "my.cache", "https://s3.eu-central-1.amazonaws.com/my.cache/k"),
        ("cn-north-1", "cache", "https://cache.s3.cn-north-1.amazonaws.com.cn/k"),
        ("us-gov-west-1", "cache", "https://cache.s3.us-gov-west-1.amazonaws.com/k"),
    ],
)
def test_where_the_bucket_is(region: str, bucket: str, address: str) -> None:
    """By host name where a certificate covers it, by path where a dot in the name would break that."""
    told = {"region": region, "bucket": bucket, "key": "k", "endpoint": ""}
    assert bootstrap.endpoint(told) + bootstrap.path_of(told) == address


def test_the_domains_are_the_agents() -> None:
    """The program that fetches the agent knows as many corners of the world as the agent does."""
    assert bootstrap.DOMAINS == addresses._SUFFIXES
