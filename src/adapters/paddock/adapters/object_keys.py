"""The keys of objects, and pages of them: what every store of files does alike."""

import re
from collections.abc import Iterable

from paddock.core.errors import InvalidInput
from paddock.core.ports.objects import Listed
from paddock.core.ports.records import Page

_LONGEST = 512
_KEY = re.compile(r"[A-Za-z0-9_+-][A-Za-z0-9._+-]*(/[A-Za-z0-9_+-][A-Za-z0-9._+-]*)*")


def is_key(text: str) -> bool:
    """True if objects may bear it."""
    return len(text) <= _LONGEST and _KEY.fullmatch(text) is not None


def checked(key: str) -> str:
    """The key.

    Raises:
        InvalidInput: it is none.
    """
    if not is_key(key):
        remedy = f"at most {_LONGEST} letters, digits and . _ - + /; no part empty or beginning with a dot"
        raise InvalidInput("key", key[:80], remedy)
    return key


def page_of(listed: Iterable[Listed], cursor: str | None, size: int) -> Page[Listed]:
    """The page after the cursor, which is the last key of the page before."""
    rest = sorted((item for item in listed if cursor is None or item.key > cursor), key=lambda item: item.key)
    items = tuple(rest[:size])
    return Page(items, items[-1].key if len(rest) > size else None)
