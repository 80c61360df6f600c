"""What the fleet's GitHub App needs: permissions and events, each with what it is for.

The names are GitHub's own, as ``GET /app`` tells them; ``words`` are those of its settings pages.
Source: docs.github.com, "Permissions required for GitHub Apps", for the endpoints that this adapter calls.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import attrs

from paddock.core.settings import ScopeKind

_LEVELS: Final = ("read", "write", "admin")


@attrs.frozen
class Permission:
    """One permission. ``scope`` None: needed wherever runners are registered. Without a ``vital`` one nothing works."""

    name: str
    level: str
    words: str
    why: str
    vital: bool = False
    scope: ScopeKind | None = None

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
    """One event that the App subscribes to."""

    name: str
    words: str
    why: str


PERMISSIONS: Final[Sequence[Permission]] = (
    Permission("actions", "write", "Actions", "jobs are read, re-run and cancelled", vital=True),
    Permission(
        "administration", "write", "Administration", "runners are registered", vital=True, scope=ScopeKind.REPOSITORY
    ),
    Permission(
        "organization_self_hosted_runners",
        "write",
        "Self-hosted runners",
        "runners are registered",
        vital=True,
        scope=ScopeKind.ORGANIZATION,
    ),
    Permission("checks", "write", "Checks", "authors are told what is wrong with their labels"),
)
EVENTS: Final[Sequence[Event]] = (
    Event("workflow_job", "Workflow job", "jobs are served at once; without it they are found some minutes later"),
    Event("workflow_run", "Workflow run", "a run that lost a machine is repeated at once when it is complete"),
)


def lacking(permissions: Mapping[str, str], scope: ScopeKind) -> Iterator[Permission]:
    """What is needed and not among these."""
    for one in PERMISSIONS:
        if one.scope in (None, scope) and not one.granted(permissions):
            yield one


def unheard(events: Sequence[str]) -> Iterator[Event]:
    """The events that are needed and not among these."""
    return (one for one in EVENTS if one.name not in events)
