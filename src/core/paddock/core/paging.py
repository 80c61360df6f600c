"""Walking a listing over all of its pages: whoever lists, lists to the end."""

from collections.abc import Callable, Iterator
from typing import TypeVar

from paddock.core.ports.records import Page

R = TypeVar("R")


def pages(fetch: Callable[[str | None], Page[R]]) -> Iterator[R]:
    """Every item of a paged listing; `fetch` gets a cursor (None: from the beginning) and returns that page."""
    cursor: str | None = None
    while True:
        page = fetch(cursor)
        yield from page.items
        cursor = page.cursor
        if cursor is None:
            return
