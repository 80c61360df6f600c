"""What was seen of an acceptance: nothing in here judges it."""

from collections.abc import Mapping

import attrs

from paddock.core.costs.ledger import Bill
from paddock.core.job import Job
from paddock.core.ports.github import GitHubJob
from paddock.core.runner import Runner
from paddock.core.units import Moment
from paddock.entrypoints.acceptance.scenarios import SCENARIOS, Scenario


@attrs.frozen(kw_only=True)
class RunSeen:
    """A run as GitHub has it now, with the jobs of all its attempts."""

    status: str
    conclusion: str | None
    attempt: int
    jobs: tuple[GitHubJob, ...] = ()

    @property
    def over(self) -> bool:
        """True if GitHub has concluded its newest attempt."""
        return self.status == "completed"


@attrs.frozen(kw_only=True)
class Interruption:
    """What came of the wish to have a machine taken back. ``why`` says why not, if it was not done."""

    machine: str = ""
    asked_at: Moment | None = None
    why: str = ""

    @property
    def done(self) -> bool:
        """True if AWS took the order."""
        return self.asked_at is not None


@attrs.frozen(kw_only=True)
class Played:
    """One scenario as it went. ``problem`` says what kept it from being played to its end."""

    scenario: Scenario
    run_id: int | None = None
    run: RunSeen | None = None
    cued: bool = False
    interruption: Interruption | None = None
    problem: str = ""

    @property
    def jobs(self) -> tuple[GitHubJob, ...]:
        """GitHub's jobs, of all attempts."""
        return () if self.run is None else self.run.jobs


@attrs.frozen(kw_only=True)
class Instance:
    """A machine as EC2 has it, gone or not. ``state`` is EC2's word."""

    id: str
    state: str

    @property
    def live(self) -> bool:
        """True if it can still cost something for its time."""
        return self.state not in {"terminated", "shutting-down"}


@attrs.frozen(kw_only=True)
class Books:
    """The fleet's own records of the jobs that were played, and what AWS and GitHub have besides.

    ``verdicts`` are those of the decisions that `explain` tells of each job and its machines. ``registrations`` are
    names of runners that GitHub still has. ``dead`` counts messages by dead-letter queue. ``calls`` are calls of
    AWS's interfaces by the fleet, None where nobody counts them.
    """

    jobs: Mapping[int, Job] = attrs.field(factory=dict)
    runners: Mapping[str, Runner] = attrs.field(factory=dict)
    bills: Mapping[str, Bill] = attrs.field(factory=dict)
    verdicts: Mapping[int, tuple[str, ...]] = attrs.field(factory=dict)
    instances: tuple[Instance, ...] = ()
    registrations: tuple[str, ...] = ()
    dead: Mapping[str, int] = attrs.field(factory=dict)
    calls: int | None = None


@attrs.frozen(kw_only=True)
class Observed:
    """All that was seen. ``left`` is what remained after the removal, None if it was not removed or not looked for.

    ``chosen`` are the scenarios that were to be played; ``kept``: nothing was to be removed.
    """

    environment: str
    region: str
    repository: str
    began: Moment
    ended: Moment
    played: tuple[Played, ...]
    books: Books
    left: tuple[str, ...] | None
    chosen: tuple[Scenario, ...] = SCENARIOS
    kept: bool = False
    problems: tuple[str, ...] = ()
    versions: Mapping[str, str] = attrs.field(factory=dict)
