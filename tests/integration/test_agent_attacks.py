"""The whole agent against hostile packages, hostile servers and full disks: one report, nothing left or harmed."""

import hashlib
import os
import tarfile
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from random import Random
from typing import Any

import attrs
import pytest

from paddock.core.messages import ReportEvent, RunnerPackage
from paddock.core.states import OperationalResult
from tests.agent.hostile_server import ETAG, Reply, announcing, dripping, endless, redirecting, silent
from tests.agent.machine import PATIENCE, AgentMachine, PackageServer, carriers, package_server
from tests.agent.runner_package import VERSION, archive, assignment, put_assignment, runner_package, script
from tests.agent.small_disk import MIB, ROOT, free, small_disk

GOOD = runner_package(script(job="build"))
LISTENER = {"bin/Runner.Listener": b"#!/bin/sh\necho escaped\n"}
OTHER = hashlib.sha256(b"other bytes").hexdigest()
NO_ROOM = ("--min-free-gib", "1000000")
WATCHED = ("--download-window", "0.2")
LIMITED = ("--download-deadline", "0.3", "--download-window", "10")
Answer = Callable[[PackageServer], Reply]


@attrs.frozen
class Attack:
    """What is wrong, and what the agent must say of it. ``package`` changes what the assignment says of the package."""

    reason: str
    said: str
    data: bytes = GOOD
    package: Mapping[str, Any] = {}
    reply: Answer | None = None
    options: tuple[str, ...] = ()
    requests: int | None = 1  # None: how often depends on how fast this machine is just now


def entry(name: str, kind: bytes = tarfile.REGTYPE, link: str = "", content: bytes = b"") -> bytes:
    """A package with a Listener and one hostile entry more."""
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.size = kind, link, len(content)
    return archive(LISTENER, [(info, content)])


def through_a_link() -> bytes:
    """A package that makes a link to a directory and then writes through it."""
    link, file = tarfile.TarInfo("bin/way"), tarfile.TarInfo("bin/way/escaped")
    link.type, link.linkname, file.size = tarfile.SYMTYPE, "../bin", 1
    return archive(LISTENER, [(link, b""), (file, b"x")])


def a_link_for_a_listener() -> bytes:
    """A package whose Listener is something else's name."""
    link = tarfile.TarInfo("bin/Runner.Listener")
    link.type, link.linkname = tarfile.SYMTYPE, "other"
    return archive({"bin/other": b"#!/bin/sh\n"}, [(link, b"")])


def published(**digests: str) -> Mapping[str, Any]:
    """What the places say of the good package's digest."""
    return {"digests": digests}


def loop(server: PackageServer) -> Reply:
    """Sent on to itself, for ever."""
    return redirecting(lambda _: server.url)


def to(address: str) -> Answer:
    """Sent on to an address."""
    return lambda _: redirecting(lambda _: address)


def fixed(reply: Reply) -> Answer:
    """The same answer to everybody."""
    return lambda _: reply


RIGHT = hashlib.sha256(GOOD).hexdigest()
ATTACKS = {
    "wrong digest": Attack("digest_mismatch", OTHER, package={"sha256": OTHER, **published(a=OTHER, b=OTHER)}),
    "sources that disagree": Attack("digest_disagreement", OTHER, package=published(a=RIGHT, b=OTHER), requests=0),
    "one source": Attack("digest_unconfirmed", "2 places must vouch", package=published(a=RIGHT), requests=0),
    "no source": Attack("digest_unconfirmed", "found none", package=published(), requests=0),
    "another version": Attack("version_mismatch", f"says '{VERSION}'", package={"version": "2.0.1"}),
    "truncated": Attack("download_failed", "bytes came", reply=fixed(announcing(len(GOOD), GOOD[:-9])), requests=3),
    "dripping headers": Attack(
        "download_failed", "too slow", reply=fixed(dripping("headers")), options=WATCHED, requests=3
    ),
    "dripping body": Attack(
        "download_failed", "too slow", reply=fixed(dripping("body")), options=WATCHED, requests=None
    ),
    "silent": Attack("download_failed", "gave up", reply=fixed(silent), options=LIMITED),
    "endless": Attack("download_failed", "gave up", reply=fixed(endless), options=LIMITED),
    "redirected in a circle": Attack("download_failed", "more than 5 redirects", reply=loop, requests=6),
    "redirected to a file": Attack("download_failed", "file://…, which is not", reply=to("file:///etc/passwd")),
    "redirected to another scheme": Attack("download_failed", "ftp://…, which is not", reply=to("ftp://127.0.0.1/x")),
    "no archive": Attack("bad_package", "not a readable .tar.gz", b"no archive"),
    "half an archive": Attack("bad_package", "not a readable .tar.gz", GOOD[: len(GOOD) // 2]),
    "a name with dots": Attack("bad_package", "must not contain '..'", entry("bin/../../escaped", content=b"x")),
    "a name from the root": Attack("bad_package", "must be relative", entry("/tmp/escaped", content=b"x")),
    "a symbolic link out": Attack("bad_package", "reaches outside", entry("way", tarfile.SYMTYPE, "../../escaped")),
    "a symbolic link to the root": Attack("bad_package", "must be relative", entry("way", tarfile.SYMTYPE, "/etc")),
    "a file through a link": Attack("bad_package", "already there as something else", through_a_link()),
    "a hard link out": Attack("bad_package", "'..'", entry("way", tarfile.LNKTYPE, "../../../../precious")),
    "a device": Attack("bad_package", "only plain files", entry("null", tarfile.CHRTYPE)),
    "a pipe": Attack("bad_package", "only plain files", entry("pipe", tarfile.FIFOTYPE)),
    "a bomb": Attack("bad_package", "times as many", archive({"bin/zeros": bytes(80 * MIB)})),
    "no Listener": Attack("bad_package", "Runner.Listener is not in it", archive({"bin/other": b"x"})),
    "a Listener that is a link": Attack("bad_package", "Runner.Listener is not in it", a_link_for_a_listener()),
}


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Path]:
    """A directory with something precious outside every machine."""
    (tmp_path / "precious").write_text("keep me")
    yield tmp_path
    assert (tmp_path / "precious").read_text() == "keep me"
    assert (tmp_path / "precious").stat().st_nlink == 1


@pytest.fixture
def machine(root: Path) -> Iterator[AgentMachine]:
    """A machine's directory; whatever a failed test leaves running is ended."""
    made = AgentMachine(root, f"m-{root.name}"[:60])
    yield made
    made.close()


def attack(machine: AgentMachine, attacked: Attack) -> None:
    """Play it on this machine to the agent's end, and judge."""
    with package_server(attacked.data) as server:
        server.reply = None if attacked.reply is None else attacked.reply(server)
        right = assignment(machine.name, server.url, server.data)
        package: RunnerPackage = attrs.evolve(right.package, **attacked.package)
        put_assignment(machine.directory, attrs.evolve(right, package=package))
        assert machine.start(*attacked.options).wait(PATIENCE) == 0, machine.log_text()
        assert attacked.requests in (None, server.requests)
    judge(machine, attacked.reason, attacked.said)


def judge(machine: AgentMachine, reason: str, said: str) -> None:
    """One report with the reason; no work, no half download, no process, nothing where nothing should be."""
    (report,) = machine.reports()
    assert (report.event, report.result) == (ReportEvent.FAILED_TO_START, OperationalResult.FAILED_TO_START)
    assert (report.reason, report.exit_code, report.started_at) == (reason, None, None), report.detail
    assert said in report.detail
    assert (report.machine, report.job_id, report.launch) == (machine.name, 12345, 1)
    assert machine.log()[-1]["event"] == "off"
    kept = {path.name for path in machine.directory.iterdir()}
    assert kept == {"agent.log", "outbox", "assignment.taken.json", "machine.lock", "process.json"}
    half = [path.name for path in machine.cache.glob("*") if path.suffix not in (".lock", ".gz")]
    assert half == []
    top = machine.cache.parent
    assert {path.name for path in top.iterdir()} <= {"machines", "cache", "precious"}
    assert [path for path in (*top.rglob("escaped"), Path("/tmp/escaped")) if os.path.lexists(path)] == []
    assert carriers(machine.name) == []
    assert inside(machine.directory) == []


def inside(directory: Path) -> list[int]:
    """The processes that stand in the directory, or below it."""
    found = []
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            try:
                stands = (process / "cwd").readlink()
            except OSError:
                continue
            if stands.is_relative_to(directory):
                found.append(int(process.name))
    return found


@pytest.mark.parametrize("name", ATTACKS)
def test_a_hostile_package(name: str, machine: AgentMachine) -> None:
    """Whatever is wrong with the package or the way to it: told once with its reason, and the machine is left clean."""
    attack(machine, ATTACKS[name])


NOISE = Random(7).randbytes(12 * MIB)
LARGE = archive({"bin/Runner.Listener": b"#!/bin/sh\n", "bin/noise": NOISE})
WIDE = archive({"bin/Runner.Listener": b"#!/bin/sh\n", "bin/zeros": bytes(40 * MIB)})


def unannounced(handler: BaseHTTPRequestHandler, *, etag: str = "") -> None:
    """All of the large package, its size not told."""
    handler.send_response(200)
    if etag:
        handler.send_header("ETag", etag)
    handler.end_headers()
    handler.wfile.write(LARGE)


DISKS = {
    "before the download": Attack("low_disk", "MiB are needed", options=NO_ROOM, requests=0),
    "by what is announced": Attack("low_disk", "MiB are needed", LARGE),
    "during the download": Attack("low_disk", "while the package was downloaded", LARGE, reply=fixed(unannounced)),
    "during a download that could be continued": Attack(
        "low_disk",
        "while the package was downloaded",
        LARGE,
        reply=fixed(lambda handler: unannounced(handler, etag=ETAG)),
    ),
    "while it is unpacked": Attack("low_disk", "while the package was unpacked", WIDE),
}


@pytest.mark.parametrize("name", DISKS)
def test_a_full_disk(name: str, root: Path) -> None:
    """Whenever the disk turns out to be too small: it is told, and what was in the way of the report is gone.

    Where the tests do not run as root, no small disk can be had, and all that is seen is the room asked for before.
    """
    with small_disk(root / "small") as disk:
        machine = AgentMachine(disk, f"m-{root.name}"[:60])
        try:
            attack(machine, DISKS[name if ROOT else "before the download"])
            assert free(disk) > 7 * MIB
        finally:
            machine.close()
