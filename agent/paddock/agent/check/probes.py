"""What `check` looks at on this machine. Nothing here changes anything but one file that is written and removed."""

import contextlib
import ctypes
import json
import os
import shutil
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import TYPE_CHECKING

from paddock.agent.check.facts import Answer, Baked, Facts, Place
from paddock.agent.machine.clock import SECOND, SteadyClock
from paddock.agent.machine.users import choose_user
from paddock.agent.reasons import AgentFailure
from paddock.agent.settings import LISTENER, Settings

if TYPE_CHECKING:
    from paddock.agent.aws.config import Config

MANIFEST = "paddock-runner.json"
GITHUB = "github.com"
_PATIENCE = 10.0  # seconds, for each program or host that is asked
_GET_CHILD_SUBREAPER = 37  # linux/prctl.h


def gather(config: Path | None, machine: Path | None, cache: Path | None, *, network: bool) -> Facts:
    """The facts about this machine as an EC2 machine (`config`), a machine of a box (`machine`), or in general."""
    settings: Settings | None = None
    told: Answer | None = None
    metadata = assignment = None
    does = "As it is, an agent here would run one job of GitHub Actions and end:"
    if config is not None:
        does = f"With {config}, an agent here is to read its orders from the fleet's table, run one job and power off:"
        loaded, told = _config(config)
        if loaded is not None:
            settings = loaded.settings
            metadata, assignment = _ec2(loaded)
    elif machine is not None:
        does = f"In {machine}, an agent would wait for assignment.json, run one job and end:"
        assignment = _orders(machine)
    work = settings.directory if settings is not None else machine
    if machine is not None and not machine.is_dir():
        work = None  # the check of the assignment says so
    cache = settings.cache if settings is not None else cache
    wanted_user = settings.user if settings is not None else ""
    github, github_clock = _github() if network else (None, None)
    return Facts(
        does=does,
        python=sys.version_info[:2],
        system=os.uname().sysname,
        processor=os.uname().machine,
        root=os.geteuid() == 0,
        jobs_run_as=_user(wanted_user),
        jobs_as_root=_as_root(wanted_user),
        now=time.time_ns() // 1_000,
        synchronised=_synchronised(),
        memory=_memory(),
        work=None if work is None else place(work),
        cache=None if cache is None else place(cache),
        min_free=Settings(directory=Path(), cache=Path()).min_free if settings is None else settings.min_free,
        subreaper=_subreaper(),
        unshare=shutil.which("unshare") is not None,
        systemd=Path("/run/systemd/system").is_dir(),
        poweroff=any(shutil.which(command) for command in ("systemctl", "poweroff")),
        is_machine=config is not None,
        docker=_docker(),
        libraries=libraries(),
        baked=None if settings is None or settings.baked is None else baked(settings.baked),
        settings=told,
        metadata=metadata,
        assignment=assignment,
        github=github,
        github_clock=github_clock,
    )


def place(path: Path) -> Place:
    """The directory, or the nearest one above it if it will only be made; a file is written there and removed."""
    there = path
    while not there.exists() and there != there.parent:
        there = there.parent
    probe = there / f".paddock-check-{os.getpid()}"
    try:
        descriptor = os.open(probe, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        os.close(descriptor)
        free = shutil.disk_usage(there).free
    except OSError as error:
        return Place(path=path, writable=False, trouble=f"{there}: {error.strerror}")
    finally:
        with contextlib.suppress(OSError):
            probe.unlink()
    return Place(path=path, writable=True, free=free)


def baked(directory: Path) -> Baked:
    """The runner in the image: its manifest, and what its Listener says of itself."""
    try:
        data = json.loads((directory / MANIFEST).read_bytes()[:100_000])
    except OSError as error:
        return Baked(path=directory, trouble=f"{MANIFEST}: {error.strerror}")
    except ValueError:
        return Baked(path=directory, trouble=f"{MANIFEST} is no JSON")
    version = data.get("version") if isinstance(data, dict) else None
    if not isinstance(version, str):
        return Baked(path=directory, trouble=f"{MANIFEST} names no version")
    listener = _output([str(directory / LISTENER), "--version"])
    if not listener.ok:
        return Baked(path=directory, version=version, trouble=f"{LISTENER} --version: {listener.said}")
    verified_at = None
    with contextlib.suppress(ValueError, TypeError, KeyError):
        stamp = datetime.fromisoformat(data["verified_at"])
        verified_at = int(stamp.timestamp()) * SECOND
    return Baked(path=directory, version=version, verified_at=verified_at, listener=listener.said)


def libraries() -> frozenset[str] | None:
    """The names of the shared libraries that the loader knows; None if it cannot be asked."""
    command = shutil.which("ldconfig") or next(filter(os.path.exists, ("/sbin/ldconfig", "/usr/sbin/ldconfig")), None)
    listed = None if command is None else _output([command, "-p"], whole=True)
    if listed is None or not listed.ok:
        return None
    return frozenset(line.split()[0] for line in listed.said.splitlines()[1:] if line.split())


def tls(host: str, port: int, context: ssl.SSLContext | None = None) -> tuple[Answer, int | None]:
    """Whether the host can be reached by TCP and TLS, and its clock (microseconds) if it tells."""
    context = context or ssl.create_default_context()
    try:
        with (
            socket.create_connection((host, port), timeout=_PATIENCE) as plain,
            context.wrap_socket(plain, server_hostname=host) as line,
        ):
            line.sendall(f"HEAD / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
            head = line.recv(16_384).decode("latin-1")
    except ssl.SSLError as error:
        return Answer(ok=False, said=f"{host}:{port}: TLS: {error.reason or error}"), None
    except OSError as error:
        return Answer(ok=False, said=f"{host}:{port}: {error.strerror or error}"), None
    clock = None
    with contextlib.suppress(ValueError, TypeError):
        found = next((line for line in head.split("\r\n") if line.lower().startswith("date:")), "")
        clock = int(parsedate_to_datetime(found.partition(":")[2].strip()).timestamp()) * SECOND
    return Answer(ok=True, said=f"{host}:{port} answers"), clock


def _github() -> tuple[Answer, int | None]:
    return tls(GITHUB, 443)


def _config(path: Path) -> "tuple[Config | None, Answer]":
    from paddock.agent.aws.config import load_config  # noqa: PLC0415 - of EC2 machines alone

    try:
        loaded = load_config(path)
    except AgentFailure as failure:
        return None, Answer(ok=False, said=failure.detail)
    return loaded, Answer(ok=True, said=str(path))


def _ec2(config: "Config") -> tuple[Answer, Answer | None]:
    """The metadata service, then the machine's own item; the item is read and stays as it is."""
    from paddock.agent.aws.addresses import endpoint, user_id  # noqa: PLC0415 - of EC2 machines alone
    from paddock.agent.aws.credentials import RoleCredentials, Signer  # noqa: PLC0415 - as above
    from paddock.agent.aws.errors import AwsError  # noqa: PLC0415 - as above
    from paddock.agent.aws.imds import ADDRESS, Imds  # noqa: PLC0415 - as above
    from paddock.agent.aws.item import OwnItem  # noqa: PLC0415 - as above
    from paddock.agent.aws.service import Patience, Service  # noqa: PLC0415 - as above

    clock, once = SteadyClock(), Patience(attempts=1, timeout=2.0)
    with contextlib.ExitStack() as cleanup:
        imds = Imds(clock, once, config.endpoints.get("imds", ADDRESS))
        cleanup.callback(imds.close)
        try:
            identity = imds.identity()
        except AwsError as error:
            return Answer(ok=False, said=str(error)), None
        known = Answer(ok=True, said=f"this is {identity.machine}, {identity.instance_type} in {identity.zone}")
        region = config.region or identity.region
        signer = Signer(RoleCredentials(imds.credentials, clock), clock, region)

        def service(name: str) -> Service:
            made = Service(name, endpoint(name, region, config.endpoints), signer, once)
            cleanup.callback(made.close)
            return made

        try:
            own = user_id(identity.machine, config.role_id, service("sts"))
            item = OwnItem(service("dynamodb"), config.table, own).read()
        except AwsError as error:
            return known, Answer(ok=False, said=f"{config.table}: {error}")
    there = "its item is there" if item is not None else "it may read its item, and none is there yet"
    return known, Answer(ok=True, said=f"{config.table}: {there}")


def _orders(machine: Path) -> Answer:
    if not machine.is_dir():
        return Answer(ok=False, said=f"{machine} is no directory")
    if (machine / "process.json").exists():
        return Answer(ok=False, said=f"{machine} has, or had, an agent already: a machine lives once")
    there = (machine / "assignment.json").exists()
    return Answer(
        ok=True, said="assignment.json is there" if there else "none yet: the fleet puts assignment.json there"
    )


def _user(name: str) -> Answer:
    try:
        return Answer(ok=True, said=choose_user(name).why)
    except ValueError as error:
        return Answer(ok=False, said=str(error))


def _as_root(name: str) -> bool:
    try:
        return os.geteuid() == 0 and choose_user(name).user is None
    except ValueError:
        return False


def _docker() -> Answer:
    if shutil.which("docker") is None:
        return Answer(ok=False, said="not there")
    running = Path("/var/run/docker.sock").exists()
    return Answer(ok=running, said="there, and its daemon runs" if running else "there, but its daemon does not run")


def _synchronised() -> bool | None:
    """What systemd-timesyncd or chrony say; None if neither is there to say anything."""
    if Path("/run/systemd/timesync/synchronized").exists():
        return True
    asked = _output(["timedatectl", "show", "--property=NTPSynchronized", "--value"])
    return {"yes": True, "no": False}.get(asked.said) if asked.ok else None


def _memory() -> int | None:
    with contextlib.suppress(OSError, ValueError, IndexError):
        for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) << 10
    return None


def _subreaper() -> bool:
    flag = ctypes.c_int(0)
    prctl: Callable[..., int] = ctypes.CDLL(None, use_errno=True).prctl
    return prctl(_GET_CHILD_SUBREAPER, ctypes.byref(flag), 0, 0, 0) == 0


def _output(command: list[str], *, whole: bool = False) -> Answer:
    """What the program prints: its first line, or all of it."""
    try:
        run = subprocess.run(  # noqa: S603 - programs of the system and of the image, never a job's
            command,
            env={"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_PATIENCE,
            check=False,
        )
    except OSError as error:
        return Answer(ok=False, said=error.strerror or str(error))
    except subprocess.TimeoutExpired:
        return Answer(ok=False, said=f"no answer within {_PATIENCE:.0f} s")
    text = (run.stdout if run.returncode == 0 else run.stderr or run.stdout).decode(errors="replace").strip()
    first = text if whole else text.partition("\n")[0][:200]
    return Answer(ok=run.returncode == 0, said=first or f"exit code {run.returncode}")
