"""Where a machine of the one-machine fleet keeps its log and its diagnosis: in plain files."""

import errno
import os
import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}")


class FileLogStore:
    """The log of one job on one machine: ``{directory}/{machine}/{job}.log``, lines as people read them."""

    def __init__(self, directory: Path, machine: str, job_id: int) -> None:
        """Args: the directory of all logs, made if need be; whose log it is.

        Raises:
            ValueError: the machine's id cannot be a file's name.
        """
        if _NAME.fullmatch(machine) is None:
            raise ValueError(f"machine: {machine!r} cannot be a directory's name")
        self.path = directory / machine / f"{job_id}.log"
        self._file = -1

    def append(self, lines: Sequence[tuple[int, str]]) -> None:
        """See `ports.LogStore`. The moment is not written: the line begins with it."""
        data = "".join([f"{text}\n" for _, text in lines]).encode(errors="replace")
        if self._file < 0:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
            self._file = os.open(self.path, flags, 0o600)
        before = os.fstat(self._file).st_size
        written = os.write(self._file, data)
        if written < len(data):
            os.ftruncate(self._file, before)  # all of them or none
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def close(self) -> None:
        """Close the file. Idempotent."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


class DirectoryArchive:
    """Keeps files in a directory of the machine, made with mode 0700 when the first comes."""

    def __init__(self, directory: Path) -> None:
        """Args: the directory."""
        self._directory = directory

    def put(self, name: str, file: Path) -> None:
        """See `ports.Archive`. A name with a directory in it is refused as an OSError."""
        if _NAME.fullmatch(name) is None:
            raise OSError(errno.EINVAL, f"{name!r} cannot be a file's name")
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        part = self._directory / f".{name}.part"
        try:
            with file.open("rb") as source, _created(part) as target:
                shutil.copyfileobj(source, target, 1 << 20)
            part.replace(self._directory / name)
        finally:
            part.unlink(missing_ok=True)


def _created(path: Path) -> BinaryIO:
    path.unlink(missing_ok=True)  # of an agent that died
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600), "wb")
