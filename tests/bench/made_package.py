"""A runner package made for measuring: about as many files as the official one, and a third as large.

Its Listener is a shell script, so that what is measured is the agent and not another program's start: it says at once
which version it is; started, it first writes the time into a pipe, then has one job that does nothing for a while.
"""

import hashlib
import io
import random
import tarfile
from pathlib import Path

import attrs

from tests.agent.runner_package import VERSION

FILES = 8_000
LARGE, LARGE_SIZE, SMALL_SIZE = 100, 1_600_000, 8_000  # bytes; the others are small
_POOL = 8 << 20
_TEXT = b"What an archive can make smaller: names, messages, code. "
_LISTENER = """#!/bin/sh
if [ "$1" = --version ]; then echo @VERSION@; exit 0; fi
date +%s%N >@PIPE@
now() { date -u '+%Y-%m-%d %H:%M:%SZ'; }
echo "$(now): Listening for Jobs"
echo "$(now): Running job: quiet"
"${0%/*}/Runner.Worker"
echo "$(now): Job quiet completed with result: Succeeded"
"""
_WORKER = """#!/bin/sh
mkdir -p "${0%/*}/../_diag" && : >"${0%/*}/../_diag/Worker_1.log"
sleep @SECONDS@
"""


@attrs.frozen
class Made:
    """A package: its archive in a cache of the agent's, and how much it is. Sizes are bytes."""

    archive: Path
    sha256: str
    packed: int
    unpacked: int
    files: int

    @property
    def words(self) -> str:
        """How large it is, for people."""
        return f"{self.files:,} files, {self.unpacked / 1e6:.0f} MB, {self.packed / 1e6:.0f} MB packed"


def make(cache: Path, pipe: Path, *, seconds: int = 0, fillers: int = 0) -> Made:
    """Make a package and put it into `cache`.

    Args:
        cache: an existing directory.
        pipe: a named pipe that the Listener writes the time into, in nanoseconds since the epoch.
        seconds: how long its job takes.
        fillers: how many files it has besides its two programs.
    """
    part, chance = cache / "made.part", random.Random(fillers)  # the same bytes each time
    pool = chance.randbytes(_POOL) if fillers else b""
    unpacked = 0
    with tarfile.open(part, "w:gz", compresslevel=1) as archive:
        for name, text in (("Listener", _LISTENER), ("Worker", _WORKER)):
            told = {"@VERSION@": VERSION, "@PIPE@": str(pipe), "@SECONDS@": str(seconds)}
            for word, value in told.items():
                text = text.replace(word, value)  # noqa: PLW2901 - filled in
            unpacked += _add(archive, f"bin/Runner.{name}", text.encode(), 0o755)
        for number in range(fillers):
            size = LARGE_SIZE if number < LARGE else SMALL_SIZE
            start = chance.randrange(_POOL - size // 3)
            data = pool[start : start + size // 3] + _TEXT * (size * 2 // 3 // len(_TEXT))
            unpacked += _add(archive, f"externals/{number % 80}/{number}.js", data, 0o644)
    with part.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    path = part.rename(cache / f"{sha256}.tar.gz")
    return Made(path, sha256, path.stat().st_size, unpacked, fillers + 2)


def _add(archive: tarfile.TarFile, name: str, data: bytes, mode: int) -> int:
    entry = tarfile.TarInfo(f"./{name}")
    entry.size, entry.mode = len(data), mode
    archive.addfile(entry, io.BytesIO(data))
    return len(data)
