"""What the fleet's GitHub App needs: permissions and events, each with what it is for.

All of it follows from the table of requests (`permissions`). The names are GitHub's own, as ``GET /app`` tells them;
``words`` are those of its settings pages.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import attrs

from paddock.adapters.github.permissions import EVENTS, PURPOSES, permissions_of
from paddock.core.settings import ScopeKind

_LEVELS: Final = ("read", "write", "admin")


@attrs.frozen
class Permission:
    """One permission. ``why`` is what the fleet does with it. Without a ``vital`` one it serves nobody."""

    name: str
    level: str
    words: str
    why: str
    vital: bool

    @property
    def told(self) -> str:
        """As the settings page has it: Actions: read and write."""
        return f"{self.words}: {'read-only' if self.level == 'read' else 'read and write'}"

    def granted(self, permissions: Mapping[str, str]) -> bool:
        """Whether it is among these."""
        has = permissions.get(self.name)
        return has in _LEVELS and _LEVELS.index(has) >= _LEVELS.index(self.level)


@attrs.frozen
class Event:
    """One event that the App subscribes to. ``why`` is what it tells."""

    name: str
    words: str
    why: str


_HELPFUL: Final = frozenset({"checks"})  # the fleet serves jobs without it


def needed(scope: ScopeKind) -> Sequence[Permission]:
    """All that is needed where runners are registered like this, but for what GitHub gives to every App."""
    return [
        Permission(name, level, *PURPOSES[name], vital=name not in _HELPFUL)
        for name, level in permissions_of(scope).items()
        if name != "metadata"
    ]


def lacking(permissions: Mapping[str, str], scope: ScopeKind) -> Iterator[Permission]:
    """What is needed and not among these."""
    return (one for one in needed(scope) if not one.granted(permissions))


def unheard(events: Sequence[str]) -> Iterator[Event]:
    """The events that are needed and not among these."""
    return (Event(name, name.replace("_", " ").capitalize(), why) for name, why in EVENTS.items() if name not in events)
