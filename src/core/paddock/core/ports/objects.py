"""The ports to whole files: where the fleet keeps its own, and where it gets others' from."""

from contextlib import AbstractContextManager
from typing import BinaryIO, Protocol

import attrs

from paddock.core.ports.records import Page
from paddock.core.units import Moment


@attrs.frozen
class Listed:
    """An object as a listing shows it. ``size`` is bytes, ``stored_at`` the moment of the last `put`."""

    key: str
    size: int
    stored_at: Moment


@attrs.frozen
class Stored(Listed):
    """An object as it is looked at alone: with the lower-case hexadecimal SHA-256 of its bytes."""

    sha256: str


class Objects(Protocol):
    """Files by key.

    A key is 1 to 512 letters, digits and ``. _ - + /``; none of its parts between slashes is empty or begins with a
    dot. Another one is refused as `InvalidInput` by every method. Whoever names keys sees to it that none is another's
    folder (``a`` and ``a/b``). Every method may raise `Unavailable`, `Throttled` or `AccessDenied`. Reads are
    consistent: they see every write that returned before.
    """

    def put(self, key: str, content: BinaryIO, sha256: str) -> Stored:
        """Store what `content` holds from where it stands, in place of what was there.

        All or nothing: until it returns, and after an error, everybody sees what was there before. Idempotent.

        Raises:
            Rejected: the bytes have another SHA-256.
        """

    def head(self, key: str) -> Stored | None:
        """What is stored under the key, without its bytes; None if there is nothing."""

    def open(self, key: str) -> AbstractContextManager[BinaryIO]:
        """The bytes as they are now, whatever is put or deleted while they are read.

        Raises:
            NotFound: there is nothing under the key.
        """

    def page(self, prefix: str, cursor: str | None = None) -> Page[Listed]:
        """Objects whose key begins with `prefix` (a text, not a key: any will do), in the order of their keys.

        What is there during the whole walk is listed once; what comes or goes meanwhile may be.
        """

    def delete(self, key: str) -> None:
        """Remove it. Idempotent."""


class Downloads(Protocol):
    """Files of the open network."""

    def fetch(self, url: str, largest: int) -> AbstractContextManager[BinaryIO]:
        """What is at the address, complete, open at its beginning; gone when the context ends. At most `largest` bytes.

        Takes minutes at most, whatever the server does. The bytes are unverified.

        Raises:
            Rejected: it is larger, or the address is none that may be asked (http and https; never from https to http).
            NotFound: there is nothing.
            AccessDenied: the server says no.
            Throttled: too fast.
            Unavailable: the server, or the way to it, failed.
        """
