"""Files in a dictionary, and a network that is one too."""

import hashlib
import io
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from threading import Lock
from typing import BinaryIO

import attrs

from paddock.adapters.object_keys import checked, page_of
from paddock.core.errors import NotFound, PaddockError, Rejected
from paddock.core.ports.objects import Listed, Stored
from paddock.core.ports.records import Page
from paddock.core.ports.system import Clock

_PAGE = 100


@attrs.frozen
class _Kept:
    stored: Stored
    content: bytes = attrs.field(repr=False)


class MemoryObjects:
    """`Objects` in memory. Safe for threads."""

    def __init__(self, clock: Clock, *, page_size: int = _PAGE) -> None:
        """Args: the clock for ``stored_at``, and how many objects a page holds."""
        self._clock = clock
        self._page_size = page_size
        self._kept: dict[str, _Kept] = {}
        self._lock = Lock()

    def put(self, key: str, content: BinaryIO, sha256: str) -> Stored:
        """See `Objects.put`."""
        checked(key)
        data = content.read()
        digest = hashlib.sha256(data).hexdigest()
        if digest != sha256:
            raise Rejected(f"{key}: its SHA-256 is {digest}, not {sha256}")
        stored = Stored(key, len(data), self._clock.now(), digest)
        with self._lock:
            self._kept[key] = _Kept(stored, data)
        return stored

    def head(self, key: str) -> Stored | None:
        """See `Objects.head`."""
        kept = self._kept.get(checked(key))
        return None if kept is None else kept.stored

    @contextmanager
    def open(self, key: str) -> Iterator[BinaryIO]:
        """See `Objects.open`."""
        kept = self._kept.get(checked(key))
        if kept is None:
            raise NotFound(f"{key} is not there")
        with io.BytesIO(kept.content) as content:
            yield content

    def page(self, prefix: str, cursor: str | None = None) -> Page[Listed]:
        """See `Objects.page`."""
        with self._lock:
            found = [kept.stored for key, kept in self._kept.items() if key.startswith(prefix)]
        listed = (Listed(stored.key, stored.size, stored.stored_at) for stored in found)
        return page_of(listed, cursor, self._page_size)

    def delete(self, key: str) -> None:
        """See `Objects.delete`."""
        with self._lock:
            self._kept.pop(checked(key), None)


class MemoryDownloads:
    """`Downloads` of a network that holds these addresses: bytes, or the error that asking them brings."""

    def __init__(self, network: Mapping[str, bytes | PaddockError | Callable[[], bytes]] | None = None) -> None:
        """Args: what is at each address; what is not named is not there."""
        self.network = dict(network or {})
        self.asked: list[str] = []

    @contextmanager
    def fetch(self, url: str, largest: int) -> Iterator[BinaryIO]:
        """See `Downloads.fetch`."""
        self.asked.append(url)
        found = self.network.get(url, NotFound("there is nothing"))
        if isinstance(found, PaddockError):
            raise found
        data = found if isinstance(found, bytes) else found()
        if len(data) > largest:
            raise Rejected(f"it is larger than {largest} bytes")
        with io.BytesIO(data) as content:
            yield content
