"""The record of a run that lost jobs to the cloud.

A job that GitHub has concluded can only be re-run, as a new attempt with new job ids, and only when its whole run is
complete. So a lost job marks its run, and when the run is complete its failed jobs are re-run once, on demand::

    machine taken ──> marked ──> run completed ──> asked ──> GitHub's next attempt: done, its jobs are forced on demand
                        │              │             └─ crash: GitHub's attempt has not grown, so it is asked again
                        │              └─ lost webhook: a sweep asks GitHub
                        └─ served in time after all: nothing was lost, left alone
"""

from enum import StrEnum
from typing import TypedDict

import attrs


class RerunState(StrEnum):
    """How far it is."""

    MARKED = "marked"
    ASKED = "asked"
    DONE = "done"
    LEFT = "left"


OPEN_RERUNS = frozenset({RerunState.MARKED, RerunState.ASKED})


@attrs.frozen
class Rerun:
    """A run in whose `attempt` machines of jobs were taken back. ``suspects`` are the jobs that may be lost by it.

    ``times`` counts our re-runs of it. While it is ``asked`` or ``done``, jobs of later attempts are forced on demand.
    """

    run_id: int
    repository: str
    attempt: int
    suspects: tuple[int, ...]
    state: RerunState = RerunState.MARKED
    times: int = 0
    reason: str = ""

    @property
    def key(self) -> str:
        """The record's key: the run's id as text."""
        return str(self.run_id)

    @property
    def open(self) -> bool:
        """True until it is decided and carried out."""
        return self.state in OPEN_RERUNS


@attrs.frozen
class RerunPolicy:
    """``most`` automatic re-runs of one run; jobs with a deployment environment are re-run only if it says so.

    ``on_demand``: jobs whose machine was taken back get on-demand machines from then on; else spot, as before.
    """

    most: int = 1
    deployments: bool = False
    on_demand: bool = True


class RerunIs(TypedDict, total=False):
    """A condition on the record."""

    state: RerunState
    attempt: int
    suspects: tuple[int, ...]
    times: int


class RerunChange(TypedDict, total=False):
    """The fields to set; all others stay."""

    state: RerunState
    attempt: int
    suspects: tuple[int, ...]
    times: int
    reason: str
