"""The adapters that keep objects. To add one: a context manager that opens it, and a line in ``ADAPTERS``."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TypeAlias

from paddock.adapters.aws.s3.objects import S3Objects
from paddock.adapters.files import FileObjects, HttpDownloads
from paddock.adapters.memory.objects import MemoryDownloads, MemoryObjects
from paddock.adapters.memory.system import ManualClock
from paddock.core.ports.objects import Downloads, Objects
from tests.aws.bucket import bucket_on_moto

PAGE_SIZE = 3
OpenObjects: TypeAlias = Callable[[Path, ManualClock], AbstractContextManager[Objects]]
"""Opens an empty store with pages of `PAGE_SIZE`, that may keep its files in the folder and takes this clock's time."""


@contextmanager
def memory(_: Path, clock: ManualClock) -> Iterator[Objects]:
    yield MemoryObjects(clock, page_size=PAGE_SIZE)


@contextmanager
def files(folder: Path, clock: ManualClock) -> Iterator[Objects]:
    yield FileObjects(folder / "objects", clock, page_size=PAGE_SIZE)


@contextmanager
def s3(_: Path, clock: ManualClock) -> Iterator[Objects]:
    with bucket_on_moto(clock) as made:
        yield S3Objects(made.clients, made.name, clock, page_size=PAGE_SIZE)


ADAPTERS: dict[str, OpenObjects] = {"memory": memory, "files": files, "s3": s3}


def conformance() -> None:
    """Read by mypy only: the adapters are the downloads that the use-case asks for."""
    downloads: Downloads = MemoryDownloads()
    downloads = HttpDownloads()
    del downloads
