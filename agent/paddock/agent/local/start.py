"""Setting up the agent of one machine of the one-machine fleet."""

import argparse
import math
import random
import sys
from pathlib import Path

from paddock.agent.agent import Agent
from paddock.agent.local.machine import KNOWN, OUTBOX, FileAssignmentSource, MachineLock, NoPower
from paddock.agent.local.notices import NOTICE, FileNotices
from paddock.agent.local.stores import DirectoryArchive, FileLogStore
from paddock.agent.machine.clock import SECOND, SteadyClock
from paddock.agent.machine.harden import harden
from paddock.agent.machine.place import check_place
from paddock.agent.machine.processes import LinuxProcesses
from paddock.agent.machine.resources import LinuxResources
from paddock.agent.machine.signals import StopRequest
from paddock.agent.machine.users import Choice, choose_user
from paddock.agent.package.places import mirror_at
from paddock.agent.platform import Platform
from paddock.agent.ports import Identity, LogStore
from paddock.agent.reasons import AgentFailure
from paddock.agent.settings import GIB, MIB, Settings
from paddock.agent.telling.delivery import Delivery
from paddock.agent.telling.log import Log
from paddock.agent.version import VERSION

LONGEST = 10 * 366 * 86_400  # seconds


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of ``paddock-agent local``."""
    parser.add_argument("--machine-dir", type=Path, required=True, help="this machine's directory; its name is the id")
    parser.add_argument("--cache-dir", type=Path, required=True, help="where runner packages are kept for all machines")
    parser.add_argument("--tool-cache", type=Path, help="a directory of tools that jobs share")
    parser.add_argument("--assignment-deadline", type=_span, default="600", help="seconds to wait for an assignment")
    parser.add_argument("--standby", action="store_true", help="wait as a pool's machine does: as long as it lives")
    parser.add_argument("--user", default="", help="whom the job runs as, if the agent is root; else as the agent")
    parser.add_argument("--mirror", help="a mirror of runner packages, asked before GitHub: an address or a directory")
    parser.add_argument("--log-dir", type=Path, help="where the log and the runner's diagnosis are kept, live")
    parser.add_argument("--min-free-gib", type=_amount, default="1", help="GiB that must be free before a download")
    parser.add_argument("--low-disk-mib", type=_amount, default="500", help="MiB of free disk below which a job ends")
    parser.add_argument("--download-deadline", type=_span, default="900", help="seconds a package may take in all")
    parser.add_argument("--download-window", type=_span, default="60", help="seconds over which that is judged")
    parser.add_argument("--stop-grace", type=_span, default="90", help="seconds between SIGINT and kill")
    parser.add_argument("--heartbeat", type=_span, default="300", help="seconds between two signs of life")
    parser.add_argument(
        "--retry-delay",
        type=_span,
        default="5",
        help="seconds before the Listener is started again; a download is tried again after a fifth of it",
    )


def start(options: argparse.Namespace) -> int:
    """Live one machine's life; 0 also if the machine has, or had, an agent already."""
    directory: Path = options.machine_dir.absolute()
    try:
        _check_places(directory, options)
        choice = choose_user(options.user) if options.user else Choice(None, "jobs run as the agent itself")
        mirror = None if options.mirror is None else mirror_at(options.mirror)
    except ValueError as error:
        return _say(f"--{error}", 2)
    stop = StopRequest()
    stop.install()
    if not MachineLock(directory).acquire():
        return _say(f"{directory} has an agent, or had one: a machine lives once", 0)
    hardened = harden()
    clock = SteadyClock()
    log = Log(directory / "agent.log", clock)
    processes = LinuxProcesses(choice.user)
    adopting = processes.adopt_orphans()
    log.write("on", machine=directory.name, version=VERSION, jobs=choice.why, adopting=adopting, **hardened)
    settings = Settings(
        directory=directory,
        cache=options.cache_dir.absolute(),
        tool_cache=options.tool_cache,
        assignment_deadline=options.assignment_deadline,
        standby=options.standby,
        download_deadline=options.download_deadline,
        download_window=options.download_window,
        min_free=int(options.min_free_gib * GIB),
        low_disk=int(options.low_disk_mib * MIB),
        spot_wait=0,  # there is no cloud that would take the machine
        stop_grace=options.stop_grace,
        heartbeat=options.heartbeat,
        retry_delay=options.retry_delay,
    )
    platform = Platform(
        identity=Identity(machine=directory.name),
        source=FileAssignmentSource(directory, clock=clock, below=random.randrange),
        sink=Delivery(directory / OUTBOX, None, log),
        power=NoPower(),
        processes=processes,
        clock=clock,
        stop=stop,
        log=log,
        user=choice.user,
        resources=LinuxResources(directory),
        notices=FileNotices(directory / NOTICE),
        mirror=mirror,
        archive=None if options.log_dir is None else DirectoryArchive(options.log_dir / directory.name),
        log_store=lambda job_id: _log_store(options.log_dir, directory.name, job_id),
    )
    agent = Agent(settings, platform)
    agent.run()
    log.close()
    if agent.end is not None and agent.end.reason:
        _say(f"{directory.name}: {agent.end.event.value}: {agent.end.reason}: {agent.end.detail}; see {log.path}", 0)
    return 0


def _log_store(directory: Path | None, machine: str, job_id: int) -> LogStore | None:
    return None if directory is None else FileLogStore(directory, machine, job_id)


def _check_places(directory: Path, options: argparse.Namespace) -> None:
    """Refuse to live where something else lives.

    Raises:
        ValueError: naming the option, what was found, and what would be right.
    """
    if not directory.is_dir():
        raise ValueError(f"machine-dir: found '{directory}', wanted an existing directory for this machine: mkdir it")
    try:
        check_place(directory, KNOWN)
    except AgentFailure as failure:
        raise ValueError(failure.detail.replace("directory", "machine-dir", 1)) from None
    for name in ("cache_dir", "log_dir", "tool_cache"):
        place: Path | None = getattr(options, name)
        if place is not None and place.exists() and not place.is_dir():
            raise ValueError(f"{name.replace('_', '-')}: found '{place}', which is a file, wanted a directory")


def _span(text: str) -> int:
    """Microseconds, of seconds as a person writes them."""
    seconds = _amount(text)
    if not 0 < seconds <= LONGEST:
        raise argparse.ArgumentTypeError(f"found {text}, wanted seconds: more than 0, and at most {LONGEST:,}")
    return int(seconds * SECOND)


def _amount(text: str) -> float:
    try:
        amount = float(text)
    except ValueError:
        amount = math.nan
    if not 0 <= amount < math.inf:
        raise argparse.ArgumentTypeError(f"found {text!r}, wanted a number that is not below 0")
    return amount


def _say(text: str, code: int) -> int:
    print(f"paddock-agent: {text}", file=sys.stderr)  # noqa: T201 - a command line
    return code
