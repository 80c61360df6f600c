"""The runner that the machine's image brings unpacked: used if it is the wanted one, at the price of a copy or less.

Its directory holds the runner and ``paddock-runner.json``: version, platform, the archive's digest, and when that was
verified. A runner writes into its directory, so each machine needs its own:

* a machine that serves one job ever (`once`) takes the directory itself, by a rename: nothing ran here before, nothing
  will after;
* any other copies it. Never by hard links: the job could write through them into the image's files.
"""

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path

from paddock.agent.package.copying import Unsound, copy_tree
from paddock.agent.package.evidence import Manifest
from paddock.agent.package.guarded import is_guarded, may_be_trusted
from paddock.agent.package.tree import empty
from paddock.agent.telling.log import Log

MANIFEST = "paddock-runner.json"
_LARGEST = 65_536
_NOBODY = -1  # runs no jobs, so whatever is root's or ours, and no other's to write, may be trusted


@dataclass(frozen=True, slots=True)
class Baked:
    """A runner in the image: where it is, and whether this machine may use it up."""

    directory: Path
    once: bool = False

    def manifest(self, *, jobs_uid: int, log: Log) -> Manifest | None:
        """What is there; None if there is nothing, or nothing that may be trusted."""
        if not self.directory.is_dir():
            return None
        if not is_guarded(self.directory, self._changed_by(jobs_uid), owner=self._owner(jobs_uid)):
            log.write("baked_ignored", detail="its directory, or one above it, can be written to by jobs")
            return None
        try:
            with (self.directory / MANIFEST).open("rb") as file:
                return parse_manifest(json.loads(file.read(_LARGEST)))
        except (OSError, ValueError) as error:
            log.write("baked_ignored", detail=f"{MANIFEST}: {type(error).__name__}: {error}"[:300])
            return None

    def place(self, target: Path, *, jobs_uid: int, log: Log) -> bool:
        """Fill `target`, an existing empty directory; False if that could not be done, and `target` is empty.

        Raises:
            OSError: the disk is full or failing.
        """
        if self.once and self._move(target):
            return True
        changed_by, owner = self._changed_by(jobs_uid), self._owner(jobs_uid)
        try:
            copy_tree(self.directory, target, lambda status: may_be_trusted(status, changed_by, owner=owner))
        except Unsound as error:
            log.write("baked_ignored", detail=str(error))
            empty(target)
            return False
        (target / MANIFEST).unlink(missing_ok=True)
        return True

    def _changed_by(self, jobs_uid: int) -> int:
        """Before the first job of a machine's life there was nobody who could have changed it."""
        return _NOBODY if self.once else jobs_uid

    def _owner(self, jobs_uid: int) -> int | None:
        """For the same reason an image may give it to the job's user: that saves changing thousands of owners."""
        return jobs_uid if self.once else None

    def _move(self, target: Path) -> bool:
        """By a rename, where both are on one file system."""
        try:
            # POSIX: a directory may take an empty one's place.
            os.rename(self.directory, target)  # noqa: PTH104 - the same call, and its rule is the operating system's
        except OSError:
            return False
        target.chmod(0o700)  # as the directory was whose place it took
        (target / MANIFEST).unlink(missing_ok=True)
        return True


def parse_manifest(data: object) -> Manifest:
    """The manifest in plain data; fields it does not know are ignored.

    Raises:
        ValueError: naming the field, what stands there, and what would be right.
    """
    if not isinstance(data, dict):
        raise ValueError(f"found {type(data).__name__}, wanted an object")  # noqa: TRY004 - a wrong value in a file
    return Manifest(
        version=_text(data, "version", r"[0-9A-Za-z.+-]{1,60}", "a version such as 2.336.0"),
        platform=_text(data, "platform", r"linux-(x64|arm64)", "linux-x64 or linux-arm64"),
        sha256=_text(data, "sha256", r"[0-9a-fA-F]{64}", "64 hexadecimal digits").lower(),
        verified_at=_text(data, "verified_at", r"[0-9TZtz:.+ -]{0,40}", "a time such as 2026-11-22T13:00:00Z"),
    )


def _text(data: dict[str, object], name: str, pattern: str, right: str) -> str:
    value = data.get(name, "" if name == "verified_at" else None)
    if not isinstance(value, str) or re.fullmatch(pattern, value) is None:
        raise ValueError(f"{name}: found {str(value)[:80]!r}, wanted {right}")
    return value
