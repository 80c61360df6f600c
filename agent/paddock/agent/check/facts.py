"""What was seen of a machine, as plain values: what the probes gather and what is judged."""

from dataclasses import dataclass, field
from pathlib import Path

from paddock.agent.settings import GIB


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A directory: whether the agent can write there, and the free bytes; ``trouble`` says why not."""

    path: Path
    writable: bool
    free: int = 0
    trouble: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Baked:
    """The runner in the image. ``verified_at`` is microseconds; ``listener`` what the Listener says its version is."""

    path: Path
    version: str = ""
    verified_at: int | None = None
    listener: str = ""
    trouble: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came of asking somebody: ``ok`` and what was said, in words."""

    ok: bool
    said: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What was seen of a machine. None: it was not asked for, or cannot be known."""

    does: str
    python: tuple[int, int]
    system: str
    processor: str
    root: bool
    jobs_run_as: Answer
    jobs_as_root: bool = False
    now: int
    synchronised: bool | None = None
    memory: int | None = None
    work: Place | None = None
    cache: Place | None = None
    min_free: int = GIB
    subreaper: bool = True
    unshare: bool = True
    systemd: bool = True
    poweroff: bool = True
    is_machine: bool = False  # it ends by power-off, as on EC2
    docker: Answer | None = None
    libraries: frozenset[str] | None = None
    baked: Baked | None = None
    settings: Answer | None = None
    metadata: Answer | None = None
    assignment: Answer | None = None
    github: Answer | None = None
    github_clock: int | None = field(default=None)
