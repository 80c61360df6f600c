"""Objects as files below a directory: the key is the path. They are their owner's alone, and so are the folders."""

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from paddock.adapters.object_keys import checked, is_key, page_of
from paddock.adapters.os_errors import os_errors
from paddock.core.errors import NotFound, Rejected
from paddock.core.ports.objects import Listed, Stored
from paddock.core.ports.records import Page
from paddock.core.ports.system import Clock

_CHUNK = 1 << 20
_PAGE = 100
_TRIES = 10
_PART = ".part-"  # no key has a part that begins with a dot


class FileObjects:
    """`Objects` as files of mode 0600. Safe for threads and processes; ``stored_at`` is the file's own time.

    A digest is computed when it is asked for: an altered file is not vouched for.
    """

    def __init__(self, root: Path, clock: Clock, *, page_size: int = _PAGE) -> None:
        """Args: the directory, made when it is needed; the clock for ``stored_at``; how many objects a page holds."""
        self._root = root
        self._clock = clock
        self._page_size = page_size

    def put(self, key: str, content: BinaryIO, sha256: str) -> Stored:
        """See `Objects.put`."""
        path = self._root / checked(key)
        with os_errors():
            descriptor, part = _part_in(path.parent)
            try:
                with os.fdopen(descriptor, "wb") as file:
                    digest, size = _copy(content, file)
                    if digest != sha256:
                        raise Rejected(f"{key}: its SHA-256 is {digest}, not {sha256}")
                    file.flush()
                    now = self._clock.now()
                    os.utime(file.fileno(), ns=(now * 1_000, now * 1_000))
                    os.fsync(file.fileno())  # whole on the disk before it bears its name
                Path(part).replace(path)
            finally:
                Path(part).unlink(missing_ok=True)
        return Stored(key, size, now, digest)

    def head(self, key: str) -> Stored | None:
        """See `Objects.head`."""
        try:
            with self.open(key) as content, os_errors():
                status = os.fstat(content.fileno())
                digest = hashlib.file_digest(content, "sha256").hexdigest()  # type: ignore[arg-type]  # a file, as it asks
        except NotFound:
            return None
        return Stored(key, status.st_size, status.st_mtime_ns // 1_000, digest)

    @contextmanager
    def open(self, key: str) -> Iterator[BinaryIO]:
        """See `Objects.open`."""
        path = self._root / checked(key)
        with os_errors():
            try:
                content = path.open("rb")
            except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
                raise NotFound(f"{key} is not there") from None
        with content:
            yield content

    def page(self, prefix: str, cursor: str | None = None) -> Page[Listed]:
        """See `Objects.page`."""
        with os_errors():
            return page_of(self._listed(prefix), cursor, self._page_size)

    def delete(self, key: str) -> None:
        """See `Objects.delete`."""
        path = self._root / checked(key)
        with os_errors():
            try:
                path.unlink()
            except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
                return
            for parent in path.parents:
                if parent == self._root:
                    break
                with contextlib.suppress(OSError):  # it holds something else, or somebody was faster
                    parent.rmdir()

    def _listed(self, prefix: str) -> Iterator[Listed]:
        for directory, _, names in os.walk(self._root):
            for name in names:
                path = Path(directory, name)
                key = str(path.relative_to(self._root))
                if not is_key(key) or not key.startswith(prefix):
                    continue
                try:
                    status = path.stat()
                except FileNotFoundError:
                    continue  # gone meanwhile
                yield Listed(key, status.st_size, status.st_mtime_ns // 1_000)


def _part_in(folder: Path) -> tuple[int, str]:
    for _ in range(_TRIES):
        with contextlib.suppress(FileNotFoundError):  # somebody deleted the last object in it
            _make(folder)
            return tempfile.mkstemp(prefix=_PART, dir=folder)
    return tempfile.mkstemp(prefix=_PART, dir=folder)


def _make(folder: Path) -> None:
    """Make the folder, and those above it: pathlib would make these for everybody to look into."""
    if not folder.parent.is_dir():
        _make(folder.parent)
    folder.mkdir(mode=0o700, exist_ok=True)


def _copy(content: BinaryIO, file: BinaryIO) -> tuple[str, int]:
    digest, size = hashlib.sha256(), 0
    while chunk := content.read(_CHUNK):
        digest.update(chunk)
        size += file.write(chunk)
    return digest.hexdigest(), size
