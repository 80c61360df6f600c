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


_RUNNERS: Final[Mapping[ScopeKind, Permission]] = {
    ScopeKind.REPOSITORY: Permission(
        "administration", "write", "Administration", "register and remove runners of repositories", vital=True
    ),
    ScopeKind.ORGANIZATION: Permission(
        "organization_self_hosted_runners",
        "write",
        "Self-hosted runners",
        "register and remove the organisation's runners",
        vital=True,
    ),
}
_EVENTS: Final[Sequence[Event]] = (
    Event("workflow_job", "Workflow job", "a job is queued, begins, ends; without it jobs are found minutes later"),
    Event("workflow_run", "Workflow run", "a run has ended, so that its lost jobs may be re-run"),
)


def needed(scope: ScopeKind) -> Sequence[Permission]:
    """All that is needed where runners are registered like this."""
    return (
        Permission("actions", "write", "Actions", "read jobs and runs, re-run and cancel them", vital=True),
        _RUNNERS[scope],
        Permission("checks", "write", "Checks", "tell authors what is wrong with their labels", vital=False),
    )


def lacking(permissions: Mapping[str, str], scope: ScopeKind) -> Iterator[Permission]:
    """What is needed and not among these."""
    return (one for one in needed(scope) if not one.granted(permissions))


def unheard(events: Sequence[str]) -> Iterator[Event]:
    """The events that are needed and not among these."""
    return (one for one in _EVENTS if one.name not in events)
