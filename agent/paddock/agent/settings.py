"""How one machine's agent is set up; whoever starts it (a command line, a machine's settings file) says so."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from paddock.agent.machine.clock import SECOND

LISTENER = "bin/Runner.Listener"
MIB = 1 << 20
GIB = 1 << 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Spans are microseconds, room is bytes.

    ``assignment_deadline``: how long to wait for orders; the fleet's own deadline for that (``orphan``) is shorter.
    ``standby``: it is a pool's machine, and waits as long as it lives, whatever that deadline; it says so every
    ``heartbeat``. ``download_deadline``: how long a package may take in all; ``download_window``: over which span one
    is judged too slow. ``low_disk`` and ``low_memory`` are what must be left while a job runs. ``spot_wait``: how long
    after the moment of a spot notice the machine waits for being taken. ``alone``: the machine serves one job, and its
    jobs' user nothing else, so whatever is that user's is the job's. ``hooks_started`` and ``hooks_completed`` are the
    image's own hooks, ``image_os`` its name as setup actions know it, ``proxies`` what the runner and all steps get to
    see (``https_proxy``: address).
    ``report_patience``: how long the last reports are offered at the end.
    """

    directory: Path
    cache: Path
    baked: Path | None = None
    tool_cache: Path | None = None
    user: str = ""
    alone: bool = False
    hooks_started: Path | None = None
    hooks_completed: Path | None = None
    image_os: str = ""
    proxies: Mapping[str, str] = field(default_factory=dict, repr=False)
    assignment_deadline: int = 600 * SECOND
    download_deadline: int = 900 * SECOND
    download_window: int = 60 * SECOND
    standby: bool = False
    min_free: int = GIB
    low_disk: int = 500 * MIB
    low_memory: int = 200 * MIB
    stop_grace: int = 90 * SECOND
    heartbeat: int = 300 * SECOND
    retry_delay: int = 5 * SECOND
    spot_wait: int = 300 * SECOND
    report_patience: int = 30 * SECOND

    @property
    def work(self) -> Path:
        """Everything that the job may write to."""
        return self.directory / "work"

    @property
    def runner(self) -> Path:
        """The official runner, unpacked."""
        return self.work / "runner"

    @property
    def home(self) -> Path:
        """The job's home directory."""
        return self.work / "home"

    @property
    def tmp(self) -> Path:
        """The job's directory for temporary files."""
        return self.work / "tmp"
