"""Where everything of a one-machine fleet lies, and how its small files are written and read.

::

    ROOT/
      fleet.lock                 held while machines are launched
      launches/<hash>.json       what was granted for a token, before anything was started
      machines/<id>/
        machine.json             what was launched                                (fleet)
        process.json             which process is its agent                       (agent)
        machine.lock             held by the agent as long as it lives            (agent)
        ended.json               the fleet has terminated it                      (fleet)
        assignment.json          put by the fleet, renamed to assignment.taken.json by the agent
        outbox/<n>-<event>.json  reports, until they are collected                (agent)
        agent.log  diag/         what is kept                                     (agent)
        work/                    the runner and its job
      logs/<id>.log              logs of machines that were swept
      cache/                     runner packages, by digest
      mirror/runners/...         the fleet's own copies of them, which machines ask first
"""

import contextlib
import json
import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs

_MACHINE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}")
_PART = re.compile(r"\..+\.part")  # see `write_json`
MAX_FILE_BYTES = 1_000_000


@attrs.frozen
class Layout:
    """The paths below a fleet's root."""

    root: Path = attrs.field(converter=Path)

    @property
    def machines(self) -> Path:
        """One directory per machine."""
        return self.root / "machines"

    @property
    def launches(self) -> Path:
        """One file per launch token."""
        return self.root / "launches"

    @property
    def logs(self) -> Path:
        """Logs of machines that were swept."""
        return self.root / "logs"

    def kept_log(self, id_: str) -> Path:
        """The log of a machine that was swept; that it is there says that the machine has been."""
        return self.logs / f"{id_}.log"

    @property
    def cache(self) -> Path:
        """Runner packages, shared by all machines."""
        return self.root / "cache"

    @property
    def mirror(self) -> Path:
        """The fleet's own copies of runner packages, read by all machines."""
        return self.root / "mirror"

    @property
    def lock(self) -> Path:
        """Held while machines are launched."""
        return self.root / "fleet.lock"

    def machine(self, id_: str) -> "MachineFiles | None":
        """The files of a machine, which need not exist; None if the id can be no machine's here."""
        if _MACHINE_ID.fullmatch(id_) is None:
            return None
        return MachineFiles(self.machines / id_)

    def all(self) -> Iterator["MachineFiles"]:
        """Every machine directory, in the order of the ids."""
        try:
            names = sorted(os.listdir(self.machines))  # noqa: PTH208 - names alone, and they are sorted
        except FileNotFoundError:
            return
        for name in names:
            files = self.machine(name)
            if files is not None and is_directory(files.directory):
                yield files


@attrs.frozen
class MachineFiles:
    """The paths of one machine."""

    directory: Path

    @property
    def id(self) -> str:
        """The machine's id."""
        return self.directory.name

    @property
    def is_ours(self) -> bool:
        """True if a machine was launched here, or was about to be: nothing is in it yet but what is being written."""
        signs = (self.machine, self.process, self.assignment, self.taken)
        names = os.listdir(self.directory)  # noqa: PTH208 - names alone
        return any(sign.exists() for sign in signs) or all(_PART.fullmatch(name) for name in names)

    @property
    def machine(self) -> Path:
        """What was launched."""
        return self.directory / "machine.json"

    @property
    def process(self) -> Path:
        """Which process is its agent."""
        return self.directory / "process.json"

    @property
    def ended(self) -> Path:
        """There once the fleet has terminated it."""
        return self.directory / "ended.json"

    @property
    def assignment(self) -> Path:
        """The assignment, with its secret, until the agent takes it."""
        return self.directory / "assignment.json"

    @property
    def taken(self) -> Path:
        """What remains of it: a receipt."""
        return self.directory / "assignment.taken.json"

    @property
    def outbox(self) -> Path:
        """Reports that wait to be collected."""
        return self.directory / "outbox"

    @property
    def bad(self) -> Path:
        """Reports that could not be read."""
        return self.outbox / "bad"

    @property
    def log(self) -> Path:
        """The agent's log."""
        return self.directory / "agent.log"

    @property
    def work(self) -> Path:
        """The runner and its job."""
        return self.directory / "work"


def is_directory(path: Path) -> bool:
    """True for a directory itself, False for a link to one: a job may have put it there."""
    try:
        return stat.S_ISDIR(path.lstat().st_mode)
    except OSError:
        return False


def write_json(path: Path, data: object) -> None:
    """Write a file as a whole, mode 0600: readers see the old one or the new one, also after a crash.

    Raises:
        OSError: the disk is full or failing.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(data, file)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def read_json(path: Path) -> Any:  # noqa: ANN401 - whatever was written
    """The file's data; None if it is not there or is not JSON. Links and pipes are never followed.

    Raises:
        OSError: it is there and cannot be read.
    """
    try:
        return json.loads(read_bytes(path))
    except (FileNotFoundError, ValueError, RecursionError):
        return None


def read_bytes(path: Path) -> bytes:
    """The bytes of a plain file of moderate size. What lies in a machine's directory may have been made by its job.

    Raises:
        ValueError: it is a link, a pipe, a device, or larger than any file of ours.
        OSError: it is not there or cannot be read.
    """
    if not stat.S_ISREG(path.lstat().st_mode):
        raise ValueError(f"{path.name} is not a plain file")
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        about = os.fstat(descriptor)
        if not stat.S_ISREG(about.st_mode) or about.st_size > MAX_FILE_BYTES:
            raise ValueError(f"{path.name} is not a plain file of at most {MAX_FILE_BYTES} bytes")
        return file.read(MAX_FILE_BYTES)


def remove_file(path: Path) -> None:
    """Delete the file, if it is there."""
    with contextlib.suppress(FileNotFoundError):
        path.unlink()
