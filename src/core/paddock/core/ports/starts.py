"""The port to whoever knows how many jobs may be started now, all dispatchers together."""

from collections.abc import Sequence
from typing import Protocol

from paddock.core.job import Job
from paddock.core.spec import RunnerSpec
from paddock.core.units import Moment


class Starts(Protocol):
    """Turns of jobs. Every method may raise `Unavailable` or `Throttled`."""

    def ask(self, jobs: Sequence[tuple[Job, RunnerSpec]]) -> Sequence[Moment | None]:
        """For each job, in order: None if its machine may be launched and its runner registered now, or else its turn.

        Whoever comes when it is his turn goes before those who come for the first time. The turn is in the future. A
        job whose `not_before` is set has been told before.
        """

    def waited(self) -> bool:
        """True if some jobs have been told their turn, and it has not come yet. Asks nobody."""


class AtOnce:
    """All of them now: where others set no limit, or are not many."""

    def ask(self, jobs: Sequence[tuple[Job, RunnerSpec]]) -> Sequence[Moment | None]:
        """See `Starts.ask`."""
        return [None] * len(jobs)

    def waited(self) -> bool:
        """See `Starts.waited`."""
        return False


AT_ONCE: Starts = AtOnce()
