"""Unpacking a runner package so that no entry of it can reach outside its directory.

The rules: entries have relative names without ``..``; every directory above an entry is a real one, never a link; a
link goes up only at its beginning and never above the root; nothing is written twice; only files, directories and
links. With real directories above it, a link's way up is the way its text says, so checking the text is enough.
"""

import errno
import os
import stat
import tarfile
import zlib
from pathlib import Path, PurePosixPath
from typing import BinaryIO, cast

from paddock.agent.package.inflating import MAX_BYTES, Inflated
from paddock.agent.package.room import is_full, no_room, write_all
from paddock.agent.reasons import AgentFailure, Reason
from paddock.agent.settings import LISTENER

MAX_ENTRIES = 100_000  # an official package has about 8,000
MAX_NAME = 1_024  # bytes
_CHUNK = 1 << 20
_UNNAMEABLE = frozenset({errno.ENAMETOOLONG, errno.EILSEQ, errno.EINVAL, errno.ELOOP, errno.ENOTDIR, errno.EMLINK})


def extract(archive: BinaryIO, root: Path, *, max_bytes: int = MAX_BYTES, max_entries: int = MAX_ENTRIES) -> None:
    """Unpack the ``.tar.gz`` into `root`, an existing empty directory.

    Args:
        archive: the compressed archive, open at its beginning.
        root: where it goes.
        max_bytes: what it may inflate to.
        max_entries: how many files, directories and links it may have.

    Raises:
        AgentFailure: `bad_package`, naming the entry, or `low_disk`. What was unpacked until then is still there.
        OSError: the disk is failing.
    """
    inflated = Inflated(archive, max_bytes=max_bytes)
    try:
        _unpack(inflated, root, max_entries)
    except (tarfile.TarError, EOFError, ValueError, OverflowError, RecursionError, zlib.error) as error:
        # OverflowError and RecursionError: numbers beyond sense, and headers that announce headers.
        raise AgentFailure(Reason.BAD_PACKAGE, f"not a readable .tar.gz: {type(error).__name__}") from error
    except OSError as error:
        if error.errno in _UNNAMEABLE:
            raise AgentFailure(Reason.BAD_PACKAGE, f"an entry cannot be made: {error.strerror}") from error
        if is_full(error):
            raise no_room("the package was unpacked", error) from error
        raise
    finally:
        inflated.close()
    _check_listener(root)


def _unpack(inflated: Inflated, root: Path, max_entries: int) -> None:
    # Inflated is all of a file that tarfile needs to read one forwards.
    with tarfile.TarFile(fileobj=cast("BinaryIO", inflated), errorlevel=2) as package:
        count = 0
        while (entry := package.next()) is not None:
            package.members.clear()  # type: ignore[attr-defined]  # it would keep every entry; typeshed hides it
            inflated.next_entry()
            count += 1
            if count > max_entries:
                raise _bad(entry.name, f"the package has more than {max_entries} entries")
            _place(inflated, entry, root)


def _check_listener(root: Path) -> None:
    try:
        mode = (root / LISTENER).lstat().st_mode
    except OSError:
        mode = 0
    if not stat.S_ISREG(mode) or not mode & stat.S_IXUSR:
        raise AgentFailure(Reason.BAD_PACKAGE, f"{LISTENER} is not in it as an executable file")


def _place(inflated: Inflated, entry: tarfile.TarInfo, root: Path) -> None:
    parts = _parts(entry.name, entry.name)
    if not parts:
        if not entry.isdir():
            raise _bad(entry.name, "the root of the package must be a directory")
        return
    _make_parents(root, parts[:-1], entry.name)
    target = root.joinpath(*parts)
    if entry.isdir():
        if not _is_directory(target):
            _refuse_existing(target, entry.name)
            target.mkdir(mode=0o755)
        return
    _refuse_existing(target, entry.name)
    if entry.isreg() and not entry.issparse():
        _write(inflated, entry, target)
    elif entry.issym():
        _check_link(entry, depth=len(parts) - 1)
        target.symlink_to(entry.linkname)
    elif entry.islnk():
        os.link(_hard_target(root, entry), target, follow_symlinks=False)
    else:
        raise _bad(entry.name, "only plain files, directories and links may be in a runner package")


def _parts(name: str, shown: str) -> tuple[str, ...]:
    if not name or name.startswith("/") or "\0" in name or "\\" in name:
        raise _bad(shown, "names must be relative, without '\\' and NUL")
    if len(os.fsencode(name)) > MAX_NAME:
        raise _bad(shown, f"names must not be longer than {MAX_NAME} bytes")
    parts = PurePosixPath(name).parts
    if ".." in parts:
        raise _bad(shown, "names must not contain '..'")
    return parts


def _make_parents(root: Path, parents: tuple[str, ...], shown: str) -> None:
    directory = root
    for part in parents:
        directory /= part
        if not _is_directory(directory):
            _refuse_existing(directory, shown)
            directory.mkdir(mode=0o755)


def _is_directory(path: Path) -> bool:
    try:
        return stat.S_ISDIR(path.lstat().st_mode)
    except FileNotFoundError:
        return False


def _refuse_existing(path: Path, shown: str) -> None:
    if os.path.lexists(path):
        raise _bad(shown, f"{path.name!r} is already there as something else")


def _write(inflated: Inflated, entry: tarfile.TarInfo, target: Path) -> None:
    mode = 0o755 if entry.mode & 0o111 else 0o644  # never setuid, never writable by others
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, mode)
    with os.fdopen(descriptor, "wb", buffering=0) as file:
        left = entry.size
        while left > 0:
            chunk = inflated.content(min(left, _CHUNK))
            if not chunk:
                raise _bad(entry.name, "the package ends in the middle of it")
            left -= len(chunk)
            write_all(file, chunk)


def _check_link(entry: tarfile.TarInfo, *, depth: int) -> None:
    link = entry.linkname
    if not link or link.startswith("/") or "\0" in link or "\\" in link:
        raise _bad(entry.name, f"its link {link[:80]!r} must be relative")
    parts = PurePosixPath(link).parts
    ups = next((index for index, part in enumerate(parts) if part != ".."), len(parts))
    if ups > depth or ".." in parts[ups:]:
        raise _bad(entry.name, f"its link {link[:80]!r} reaches outside the package, or might")


def _hard_target(root: Path, entry: tarfile.TarInfo) -> Path:
    parts = _parts(entry.linkname, entry.name)
    path = root
    for part in parts[:-1]:
        path /= part
        if not _is_directory(path):
            raise _bad(entry.name, f"its link {entry.linkname[:80]!r} leads nowhere")
    path = root.joinpath(*parts)
    try:
        regular = bool(parts) and stat.S_ISREG(path.lstat().st_mode)
    except FileNotFoundError:
        regular = False
    if not regular:
        raise _bad(entry.name, f"its link {entry.linkname[:80]!r} is not a file of the package")
    return path


def _bad(name: str, why: str) -> AgentFailure:
    return AgentFailure(Reason.BAD_PACKAGE, f"entry {name[:80]!r}: {why}")
