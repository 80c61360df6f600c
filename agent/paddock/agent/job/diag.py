"""What the runner's own diagnosis shows from outside: a job it let go by, and whether a Worker is at work.

``_diag`` can be written to by the job, so it is looked at as something hostile: each directory on the way to it is
opened without following links, only regular files are opened, and every look reads a bounded amount.
"""

import contextlib
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from paddock.agent.job.lines import Lines

MAX_ENTRIES = 2_000  # names read per look; who has more of them hides something, and then nobody can tell
MAX_READ = 1 << 18  # bytes per file and look; the rest comes at the next
MAX_FILES = 8  # files followed; the Listener begins a new one every 8 MB
MAX_LINE = 1 << 16

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC  # a pipe in its place must not hold us
_GHOST = re.compile(
    r"\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ (?:CRIT|ERR |WARN|INFO|VERB) [^\]]{1,200}\] Skipping message Job\.",
    re.ASCII,
)


def is_ghost_line(line: str) -> bool:
    """True if the Listener writes that it let a job go by: GitHub no longer knew it, or gave it to another runner."""
    return _GHOST.match(line) is not None


@dataclass(slots=True)
class _Followed:
    """A file that is read on and on, as long as its name stands for the same file."""

    inode: int
    offset: int
    lines: Lines


class Diagnosis:
    """The directory ``_diag`` of one runner."""

    def __init__(self, base: Path, *below: str) -> None:
        """Args: a directory that is ours alone; the names of those below it, down to ``_diag``, which are not."""
        self._base = base
        self._below = below
        self._followed: dict[str, _Followed] = {}

    def ghost(self) -> bool:
        """True if the Listener's logs say, in what was written since the last look, that it let a job go by.

        Raises:
            OSError: the directory cannot be read, or is none.
        """
        found = False
        with self._open() as directory:
            for name in self._names(directory, "Runner_")[0][-MAX_FILES:]:
                for line in self._read_on(directory, name):
                    found = found or is_ghost_line(line)
        return found

    def workers(self) -> object | None:
        """What changes whenever a Worker's log grows or a new one begins; None if nobody can tell.

        Raises:
            OSError: the directory cannot be read, or is none.
        """
        with self._open() as directory:
            names, complete = self._names(directory, "Worker_")
            if not complete:
                return None
            sizes = []
            for name in names:
                with contextlib.suppress(FileNotFoundError):
                    status = os.stat(name, dir_fd=directory, follow_symlinks=False)
                    if stat.S_ISREG(status.st_mode):
                        sizes.append((name, status.st_ino, status.st_size))
            return tuple(sizes)

    @contextmanager
    def _open(self) -> Iterator[int | None]:
        """A descriptor of the directory; None while it has not been made."""
        descriptor = os.open(self._base, _DIRECTORY)
        try:
            for name in self._below:
                deeper = os.open(name, _DIRECTORY, dir_fd=descriptor)
                os.close(descriptor)
                descriptor = deeper
        except FileNotFoundError:
            os.close(descriptor)
            yield None
            return
        except OSError:
            os.close(descriptor)
            raise
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    def _names(self, directory: int | None, prefix: str) -> tuple[list[str], bool]:
        """The names of logs, in order, and whether all entries were read."""
        if directory is None:
            return [], True
        names: list[str] = []
        with os.scandir(directory) as entries:
            for count, entry in enumerate(entries):
                if count >= MAX_ENTRIES:
                    return sorted(names), False
                if entry.name.startswith(prefix) and entry.name.endswith(".log"):
                    names.append(entry.name)
        return sorted(names), True

    def _read_on(self, directory: int | None, name: str) -> list[str]:
        try:
            file = os.open(name, _FILE, dir_fd=directory)
        except OSError:  # gone, or a link
            return []
        try:
            status = os.fstat(file)
            if not stat.S_ISREG(status.st_mode):
                return []
            followed = self._followed.get(name)
            if followed is None or followed.inode != status.st_ino:
                followed = self._followed[name] = _Followed(status.st_ino, 0, Lines(MAX_LINE))
            data = os.pread(file, MAX_READ, followed.offset)
        finally:
            os.close(file)
        followed.offset += len(data)
        return followed.lines.feed(data)
