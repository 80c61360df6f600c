"""What is built at the first use, and kept. A building that fails leaves nothing behind and is tried again."""

from collections.abc import Callable
from threading import Lock
from typing import Generic, TypeVar

T = TypeVar("T")


class Once(Generic[T]):
    """Safe for threads; one of them builds and the others wait."""

    def __init__(self, build: Callable[[], T]) -> None:
        """Args: builds it; may raise."""
        self._build = build
        self._lock = Lock()
        self._made: list[T] = []

    def __call__(self) -> T:
        """What was built. Raises whatever the building raises."""
        with self._lock:
            if not self._made:
                self._made.append(self._build())
            return self._made[0]
