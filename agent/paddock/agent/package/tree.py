"""The package unpacked once for all machines of a box: kept beside the archive, copied for each machine.

::

    <sha256>.tar.gz     the archive, hashed each time it is used
    <sha256>.tree/      unpacked from it by us, and used only where nobody else could change it: see `guarded`
    <sha256>.seal       says that the tree is whole: how much is in it, and since which boot of this machine it is

A tree is never used after another boot: its files were not forced to the disk, and after a lost power supply some might
be empty. The seal is made last and taken away first, so what a dead agent left half done is never used.
"""

import json
import os
import shutil
from pathlib import Path
from typing import BinaryIO

from paddock.agent.package.copying import Size, Unsound, copy_tree
from paddock.agent.package.extraction import extract
from paddock.agent.package.guarded import is_guarded, may_be_trusted
from paddock.agent.telling.log import Log

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class Tree:
    """One package's tree in the cache. Its methods need the package's lock, but for `usable`."""

    def __init__(self, cache: Path, sha256: str, *, jobs_uid: int, log: Log) -> None:
        """Args: the cache, the archive's digest, whom jobs run as, and who is told."""
        self._cache = cache
        self._tree = cache / f"{sha256}.tree"
        self._seal = cache / f"{sha256}.seal"
        self._jobs_uid = jobs_uid
        self._log = log

    def usable(self) -> bool:
        """True if a tree in this cache would be safe from the jobs."""
        return is_guarded(self._cache, self._jobs_uid)

    def ready(self) -> bool:
        """True if there is a whole tree of this boot."""
        return self._size() is not None

    def make(self, archive: BinaryIO) -> None:
        """Unpack the verified archive into the cache.

        Raises:
            AgentFailure: `bad_package`.
            OSError: the disk is full or failing; nothing of the tree is left.
        """
        self.remove()
        made = False
        try:
            self._tree.mkdir(mode=0o755)
            extract(archive, self._tree)
            size = _measured(self._tree)
            part = self._seal.with_suffix(".seal.part")
            part.write_text(json.dumps({"boot": _boot(), "entries": size.entries, "bytes": size.bytes}))
            part.replace(self._seal)
            made = True
        finally:
            if not made:
                self.remove()

    def copy(self, target: Path) -> bool:
        """Fill `target`, an existing empty directory; False if the tree is not what was sealed, and `target` is empty.

        Raises:
            OSError: the disk is full or failing.
        """
        size = self._size()
        try:
            copied = copy_tree(self._tree, target, lambda status: may_be_trusted(status, self._jobs_uid))
        except Unsound as error:
            why = str(error)
        else:
            if copied == size:
                return True
            why = f"sealed with {size}, found {copied}"
        self._log.write("package_tree_bad", detail=why)
        self.remove()
        empty(target)
        return False

    def remove(self) -> None:
        """Take the tree away. Idempotent."""
        self._seal.unlink(missing_ok=True)
        self._seal.with_suffix(".seal.part").unlink(missing_ok=True)
        if self._tree.is_symlink():
            self._tree.unlink()
        else:
            shutil.rmtree(self._tree, ignore_errors=True)

    def _size(self) -> Size | None:
        try:
            if not may_be_trusted(self._seal.lstat(), self._jobs_uid):
                return None
            if not may_be_trusted(self._tree.lstat(), self._jobs_uid):
                return None
            data = json.loads(self._seal.read_text())
            return Size(data["entries"], data["bytes"]) if data["boot"] == _boot() else None
        except (OSError, ValueError, TypeError, KeyError):
            return None


def empty(directory: Path) -> None:
    """Remove what is in the directory, and leave the directory."""
    for entry in list(directory.iterdir()):
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry, ignore_errors=True)
        else:
            entry.unlink(missing_ok=True)


def _measured(root: Path) -> Size:
    entries = total = 0
    for directory, names, files in os.walk(root):
        entries += len(names) + len(files)
        for name in files:
            status = os.lstat(os.path.join(directory, name))  # noqa: PTH118 - thousands of names
            total += status.st_size if not os.path.islink(os.path.join(directory, name)) else 0  # noqa: PTH118, PTH114 - as above
    return Size(entries, total)


def _boot() -> str:
    return _BOOT_ID.read_text().strip()
