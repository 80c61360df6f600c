"""Bring the agent to this machine: see that the right file is there, or fetch it from the fleet's bucket.

Runs once at boot, as root, from Ubuntu's own Python, before anything else of ours is on the machine: one file, standard
library only. It may execute the agent only if the file has the digest that the machine's user data names. Whatever
fails is said in one line on the console, ends this with 1, and systemd then switches the machine off.
"""

import argparse
import datetime as dt
import email.utils
import hashlib
import hmac
import http.client
import json
import os
import random
import re
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.parse
from pathlib import Path
from typing import Any

PATIENCE = 240.0  # seconds for everything; the unit's own limit is a little longer
TRIES_REFUSED = 6  # for answers that another try seldom changes: a role that is minutes old may still be refused
REQUEST = 10.0  # seconds for a connection, and for each read
LARGEST = 64 << 20
EMPTY = hashlib.sha256(b"").hexdigest()
REFUSED = (301, 307, 400, 403, 404)
DOMAINS = (  # the first whose prefix the region has, as in paddock.agent.aws.addresses; a test holds the two together
    ("cn-", "amazonaws.com.cn"),
    ("us-isob-", "sc2s.sgov.gov"),
    ("us-isof-", "csp.hci.ic.gov"),
    ("us-iso-", "c2s.ic.gov"),
    ("eu-isoe-", "cloud.adc-e.uk"),
    ("eusc-", "amazonaws.eu"),
)
CHECKS = {
    "region": r"[a-z]{2,5}(-[a-z]+)+-\d{1,2}",
    "bucket": r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]",
    "key": r"[A-Za-z0-9][A-Za-z0-9._/=+-]{0,511}",
    "sha256": r"[0-9a-f]{64}",
    "endpoint": r"(https://[a-z0-9][a-z0-9.-]*(:\d+)?|http://(127\.0\.0\.1|localhost)(:\d+)?)?",
}


class Failed(Exception):  # noqa: N818 - named for what it means to the machine
    """The machine cannot be used; the text says why and never holds a secret."""


def main(argv: "list[str] | None" = None) -> int:
    """0 once the agent is in place and answers."""
    parser = argparse.ArgumentParser(description="fetch and verify the agent")
    parser.add_argument("--boot", default="/etc/paddock/boot.json")
    parser.add_argument("--agent", default="/opt/paddock/agent.pyz")
    parser.add_argument("--metadata", default="http://169.254.169.254")
    parser.add_argument("--patience", type=float, default=PATIENCE)
    options = parser.parse_args(argv)
    deadline = time.monotonic() + options.patience
    try:
        check_python()
        boot = read(options.boot)
        if digest(options.agent) == boot["sha256"]:
            say("the image's own agent is the one asked for")
        else:
            put(options.agent, fetch(boot, options.metadata, deadline))
            say("agent fetched and verified")
        say(answer(options.agent))
    except Exception as error:  # noqa: BLE001 - a machine that fails here must say why, whatever it was
        words = str(error) if isinstance(error, Failed) else f"{type(error).__name__}: {error}"
        say(f"CANNOT START: {words}"[:1000])
        return 1
    return 0


def check_python() -> None:
    """Say so if the system's Python is too old for the agent; this file can be read by an older one."""
    if sys.version_info < (3, 11):  # noqa: UP036 - as above
        raise Failed(f"python3 is {sys.version.split()[0]}, wanted 3.11 or newer")


def say(text: str) -> None:
    """One line to the console and the journal."""
    sys.stdout.write(f"paddock: {text}\n")
    sys.stdout.flush()


def read(path: str) -> dict[str, str]:
    """What the user data says; every field is checked."""
    try:
        with Path(path).open(encoding="utf-8") as file:
            data = json.loads(file.read(100_000))
    except (OSError, ValueError) as error:
        raise Failed(f"{path}: {type(error).__name__}, wanted a file of JSON") from None
    found: dict[str, str] = {}
    for name, pattern in CHECKS.items():
        value = data.get(name, "" if name == "endpoint" else None) if isinstance(data, dict) else None
        if not isinstance(value, str) or not re.fullmatch(pattern, value):
            raise Failed(f"{path}: {name}: found {str(value)[:100]!r}, wanted {pattern}")
        found[name] = value
    return found


def digest(path: str) -> str:
    """The file's SHA-256; nothing if there is none."""
    try:
        with Path(path).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        return ""


def fetch(boot: dict[str, str], metadata: str, deadline: float) -> bytes:
    """The agent's bytes, verified; tries again until the deadline, seldom if the answer is a refusal."""
    address = endpoint(boot) + urllib.parse.quote(path_of(boot), safe="/-._~")
    refused, delay, skew = 0, 0.5, 0.0
    while True:
        try:
            role = credentials(metadata)
            moment = dt.datetime.now(dt.timezone.utc) + dt.timedelta(seconds=skew)  # noqa: UP017
            status, headers, body = get(address, signed(address, boot["region"], role, moment), deadline)
            if status == 200 and hashlib.sha256(body).hexdigest() == boot["sha256"]:  # noqa: PLR2004
                return body
            why = f"the file's SHA-256 is {hashlib.sha256(body).hexdigest()}, wanted {boot['sha256']}"
            if status != 200:  # noqa: PLR2004
                why = f"{address} answers {status} {code(body)}".rstrip()
                skew = behind(headers) if status == 403 else skew  # noqa: PLR2004
            refused += status in REFUSED or status == 200  # noqa: PLR2004
        except (OSError, ValueError, http.client.HTTPException) as error:
            why = f"{type(error).__name__}: {error}"
        if refused >= TRIES_REFUSED or time.monotonic() + delay >= deadline:
            raise Failed(f"the agent cannot be fetched: {why}")
        say(f"trying again: {why}")
        time.sleep(delay * (0.5 + random.random() / 2))  # noqa: S311 - keeps a hundred machines out of step
        delay = min(delay * 2, 8.0)


def endpoint(boot: dict[str, str]) -> str:
    """Scheme and host. A bucket with a dot in its name has no certificate as a host name, so it stands in the path."""
    if boot["endpoint"]:
        return boot["endpoint"]
    region = boot["region"]
    domain = next((domain for prefix, domain in DOMAINS if region.startswith(prefix)), "amazonaws.com")
    host = f"s3.{region}.{domain}"
    return f"https://{host}" if "." in boot["bucket"] else f"https://{boot['bucket']}.{host}"


def path_of(boot: dict[str, str]) -> str:
    """The object's path, with the bucket where the host does not name it."""
    in_path = boot["endpoint"] or "." in boot["bucket"]
    return f"/{boot['bucket']}/{boot['key']}" if in_path else f"/{boot['key']}"


def credentials(metadata: str) -> dict[str, str]:
    """The machine role's key, secret and token, from the instance's metadata (version 2 only)."""
    base = metadata + "/latest"
    ttl = {"X-aws-ec2-metadata-token-ttl-seconds": "300"}
    end = time.monotonic() + REQUEST
    token = {"X-aws-ec2-metadata-token": text(get(f"{base}/api/token", ttl, end, method="PUT"), "a token")}
    place = f"{base}/meta-data/iam/security-credentials/"
    role = text(get(place, token, end), "the name of the machine's role").split()[0]
    found: Any = json.loads(text(get(place + urllib.parse.quote(role), token, end), "the role's credentials"))
    try:
        return {name: str(found[name]) for name in ("AccessKeyId", "SecretAccessKey", "Token")}
    except (KeyError, TypeError):
        raise OSError("the instance's metadata gives no credentials for the machine's role") from None


def text(reply: tuple[int, Any, bytes], what: str) -> str:
    """The body of a good answer."""
    if reply[0] != 200 or not reply[2].strip():  # noqa: PLR2004
        raise OSError(f"the instance's metadata answers {reply[0]}, wanted {what}")
    return reply[2].decode("utf-8", "replace")


def get(
    address: str, headers: dict[str, str], deadline: float, method: str = "GET"
) -> tuple[int, http.client.HTTPMessage, bytes]:
    """Status, headers and body. No redirect is followed, no proxy asked; ends soon after the deadline."""
    parts = urllib.parse.urlsplit(address)
    host = parts.hostname or ""
    connection = (
        http.client.HTTPSConnection(host, parts.port, timeout=REQUEST, context=ssl.create_default_context())
        if parts.scheme == "https"
        else http.client.HTTPConnection(host, parts.port, timeout=REQUEST)
    )
    try:
        connection.request(method, parts.path, headers=headers)
        reply = connection.getresponse()
        body = bytearray()
        while chunk := reply.read1(1 << 16):
            body += chunk
            if len(body) > LARGEST:
                raise OSError(f"more than {LARGEST} bytes")
            if time.monotonic() > deadline:
                raise TimeoutError("too slow")
        expected = reply.getheader("Content-Length", "")
        if expected.isdecimal() and int(expected) != len(body):
            raise OSError(f"{len(body)} bytes came, {expected} were announced")
        return reply.status, reply.headers, bytes(body)
    finally:
        connection.close()


def signed(
    address: str, region: str, role: dict[str, str], moment: dt.datetime, more: "dict[str, str] | None" = None
) -> dict[str, str]:
    """The headers of a signed GET (AWS Signature Version 4, header form, empty body)."""
    parts = urllib.parse.urlsplit(address)
    stamp = moment.strftime("%Y%m%dT%H%M%SZ")
    headers = {"host": parts.netloc, "x-amz-content-sha256": EMPTY, "x-amz-date": stamp, **(more or {})}
    if role["Token"]:
        headers["x-amz-security-token"] = role["Token"]
    names = ";".join(sorted(headers))
    lines = "".join(f"{name}:{headers[name]}\n" for name in sorted(headers))
    request = f"GET\n{parts.path}\n\n{lines}\n{names}\n{EMPTY}"
    scope = f"{stamp[:8]}/{region}/s3/aws4_request"
    to_sign = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
    key = f"AWS4{role['SecretAccessKey']}".encode()
    for word in scope.split("/"):
        key = hmac.digest(key, word.encode(), "sha256")
    signature = hmac.digest(key, to_sign.encode(), "sha256").hex()
    credential = f"{role['AccessKeyId']}/{scope}"
    headers["Authorization"] = f"AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders={names}, Signature={signature}"
    return headers


def code(body: bytes) -> str:
    """S3's word for an error, if it is one."""
    found = re.search(rb"<Code>(\w{1,60})</Code>", body[:4096])
    return found[1].decode() if found else ""


def behind(headers: http.client.HTTPMessage) -> float:
    """By how many seconds this machine's clock is behind that of whoever answered."""
    try:
        there = email.utils.parsedate_to_datetime(headers["Date"])
    except (TypeError, ValueError):
        return 0.0
    return (there - dt.datetime.now(dt.timezone.utc)).total_seconds()  # noqa: UP017


def put(path: str, data: bytes) -> None:
    """Write the file whole or not at all; everybody may read it, only root may write it."""
    with tempfile.NamedTemporaryFile(dir=Path(path).parent, prefix=".agent-", delete=False) as part:
        try:
            part.write(data)
            part.flush()
            os.fsync(part.fileno())
            os.fchmod(part.fileno(), 0o644)
            Path(part.name).replace(path)
        except BaseException:
            Path(part.name).unlink(missing_ok=True)
            raise


def answer(path: str) -> str:
    """What the agent says of itself; it must be able to say something."""
    command = [sys.executable, "-I", path, "--version"]
    try:
        done = subprocess.run(  # noqa: S603 - its digest was checked
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Failed(f"the agent does not start: {type(error).__name__}") from None
    if done.returncode != 0:
        raise Failed(f"the agent ends with {done.returncode}: {done.stderr[-500:].strip()}")
    return done.stdout.strip()[:200]


if __name__ == "__main__":
    sys.exit(main())
