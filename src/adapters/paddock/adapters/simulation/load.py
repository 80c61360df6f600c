"""What is asked of a simulated fleet: pushes that start workflow runs, in the order of time."""

from collections.abc import Iterator
from typing import Protocol

import attrs

from paddock.core.units import Moment, Span


@attrs.frozen
class JobLoad:
    """One job of a run: its labels as the workflow writes them, and how long its steps take on a machine."""

    name: str
    labels: tuple[str, ...]
    duration: Span
    conclusion: str = "success"


@attrs.frozen
class RunLoad:
    """One push: at that moment a run of the workflow starts with these jobs.

    ``cancelled_after`` is how long after that somebody cancels the run; None: nobody does.
    """

    at: Moment
    repository: str
    workflow: str
    jobs: tuple[JobLoad, ...]
    branch: str = "main"
    cancelled_after: Span | None = None


class Workload(Protocol):
    """A load that can be gone through as often as policies are to be compared on it: each time the same."""

    @property
    def name(self) -> str:
        """What people call it: a file's name, or ``built-in day``."""

    @property
    def repositories(self) -> tuple[str, ...]:
        """Every repository (``owner/name``) that occurs in it, sorted."""

    def runs(self) -> Iterator[RunLoad]:
        """The runs, in the order of time. Nothing is held in memory that need not be."""
