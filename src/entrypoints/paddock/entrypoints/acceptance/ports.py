"""What an acceptance needs of the world: an environment, workflows, somebody who takes machines back, an observer.

Every method may raise a `PaddockError`.
"""

from collections.abc import Callable, Iterable
from typing import Protocol

from paddock.entrypoints.acceptance.scenarios import Scenario
from paddock.entrypoints.acceptance.values import Books, Interruption, RunSeen

Tell = Callable[[str], object]
"""Is told in words what is done."""


class Environment(Protocol):
    """A fleet on AWS that is made for this and removed afterwards."""

    def deploy(self, tell: Tell) -> str:
        """Make it, as `paddock stack deploy` does; where GitHub is to send its webhooks.

        Raises:
            Conflict: there is an environment of this name already: it is nobody's to throw away.
        """

    def destroy(self, tell: Tell) -> None:
        """Remove all of it. May be repeated, and does nothing if nothing was made."""

    def left(self) -> tuple[str, ...]:
        """What of it is still there, after a while's patience."""


class Workflows(Protocol):
    """The repository's side: with the rights of the person who owns the token."""

    def prepare(self, webhook: str) -> None:
        """Have the repository send its webhooks there."""

    def start(self, scenario: Scenario) -> None:
        """Start its workflow. It is the caller's to look for the run."""

    def find(self, scenario: Scenario) -> int | None:
        """The id of the run that `start` has started; None as long as GitHub does not list it, or none was."""

    def look(self, run_id: int) -> RunSeen:
        """The run as it is now."""

    def cancel(self, run_id: int) -> None:
        """Cancel the run. Nothing happens if it has ended."""

    def registrations(self) -> tuple[str, ...]:
        """The names of all runners that the repository has."""

    def clean(self, tell: Tell) -> None:
        """Take back all that was put into the repository. May be repeated."""

    def left(self) -> tuple[str, ...]:
        """What is still there of it."""


class Interrupter(Protocol):
    """Has AWS take a spot machine back."""

    def interrupt(self, machine: str) -> Interruption:
        """Order it. Where rights are lacking the answer says so: nothing is raised for that."""

    def clean(self, tell: Tell) -> None:
        """Remove what was made for it. May be repeated."""

    def left(self) -> tuple[str, ...]:
        """What is still there of it."""


class Observer(Protocol):
    """The fleet's own records, and what AWS has of it."""

    def books(self, jobs: Iterable[int], *, stories: bool) -> Books:
        """All that concerns these jobs, by GitHub's ids; without registrations, which GitHub knows.

        Without `stories` there are no verdicts: looking decisions up takes time, and AWS grants few such requests.
        """
