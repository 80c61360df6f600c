"""What an operator has decided, as values. Files and their line numbers are an adapter's affair."""

from collections.abc import Mapping
from enum import StrEnum
from fnmatch import fnmatchcase

import attrs

from paddock.core.circuit import CircuitPolicy
from paddock.core.costs.policy import CostPolicy
from paddock.core.environment import Environments
from paddock.core.pools.pool import Pool
from paddock.core.rerun import RerunPolicy
from paddock.core.retry import RetryPolicy
from paddock.core.spec import Arch, RunnerSpec
from paddock.core.units import HOUR, MINUTE, SECOND, MicroDollars, Span

DEFAULT_GROUP = 1  # GitHub's own runner group, which every repository of an organisation may use
GLOBS = frozenset("*?[")  # what makes a name a pattern


class ForkPolicy(StrEnum):
    """What happens to jobs of runs whose code comes from a fork."""

    REFUSE = "refuse"
    ALLOW = "allow"


class ScopeKind(StrEnum):
    """Where runners are registered."""

    REPOSITORY = "repository"
    ORGANIZATION = "organization"


@attrs.frozen
class Alias:
    """A foreign label that stands for a Paddock label, so that a fleet can be moved without editing workflows.

    ``match`` may hold globs and is compared case-folded; ``runs_on`` is the label whose meaning it gets.
    """

    match: str
    runs_on: str


@attrs.frozen
class Limits:
    """Ceilings; None means none. ``spend_per_day`` is micro-dollars per UTC day, launches are per minute."""

    machines: int | None = None
    vcpu: int | None = None
    machines_per_repository: int | None = None
    launches_per_minute: int | None = None
    spend_per_day: MicroDollars | None = None


@attrs.frozen
class Deadlines:
    """How long things may take before somebody looks.

    ``lease``: a dispatcher's hold on a job. ``boot``: from its orders to a runner that listens. ``idle``: a runner
    without a job. ``runtime``: a job. ``silence``: a machine without a heartbeat (one signal of two). ``queue``: GitHub
    gives up on a queued job after a day. ``drain``: from the end of a machine's work to its power-off. ``orphan``: a
    machine without orders; its agent waits longer for them (``assignment_deadline``, ten minutes), by more than the
    time between two sweeps, so that a machine which nobody wrote down is found before it ends. ``retry_admission``: how
    often a waiting job is looked at. ``word``: how long GitHub's own word is awaited before it is asked for.
    """

    lease: Span = 2 * MINUTE
    boot: Span = 4 * MINUTE
    idle: Span = 5 * MINUTE
    runtime: Span = 6 * HOUR
    silence: Span = 11 * MINUTE
    queue: Span = 24 * HOUR
    drain: Span = 2 * MINUTE
    orphan: Span = 8 * MINUTE
    retry_admission: Span = 10 * SECOND
    word: Span = MINUTE


@attrs.frozen
class FleetSettings:
    """Everything that decides, apart from where things run.

    ``repositories`` are globs over ``owner/name``, compared case-folded; a job of any other repository is refused.
    ``specs`` are the named specs that ``runner=`` refers to. ``runner_group`` is the id of the organisation's runner
    group (1 is GitHub's default group). ``arches`` are those this fleet has machines of, ``images`` whether a job may
    ask for an image: what it can never have is refused before anything is launched. ``shortage`` is how long an offer
    without capacity is not asked for again. ``registration_tokens``: where GitHub's limit on just-in-time
    configurations leaves none, machines get a token instead, and register their runners themselves. ``housekeeping``:
    how often a task is due, where that is not to be as by default. ``costs``: when a day's costs are reported.
    ``pools`` are the warm pools by their names, which ``pool=`` refers to. ``environment`` is what this fleet is called
    among the operator's others, and ``env=`` refers to: its bills bear it. ``environments`` says which jobs are its own
    besides.
    """

    repositories: tuple[str, ...] = ("*",)
    forks: ForkPolicy = ForkPolicy.REFUSE
    scope: ScopeKind = ScopeKind.REPOSITORY
    runner_group: int = DEFAULT_GROUP
    specs: Mapping[str, RunnerSpec] = attrs.field(factory=dict)
    aliases: tuple[Alias, ...] = ()
    limits: Limits = Limits()
    deadlines: Deadlines = Deadlines()
    retry: RetryPolicy = RetryPolicy()
    circuit: CircuitPolicy = CircuitPolicy()
    rerun: RerunPolicy = RerunPolicy()
    shortage: Span = 3 * MINUTE
    default_disk: int = 40
    cancel_run_on_reject: bool = False
    registration_tokens: bool = True
    housekeeping: Mapping[str, Span] = attrs.field(factory=dict)
    arches: tuple[Arch, ...] = tuple(Arch)
    images: bool = True
    pools: Mapping[str, Pool] = attrs.field(factory=dict)
    costs: CostPolicy = CostPolicy()
    environment: str = ""
    environments: Environments = Environments()

    @property
    def named(self) -> tuple[str, ...]:
        """The repositories that are named without globs."""
        return tuple(name for name in self.repositories if not set(name) & GLOBS)

    def allows(self, repository: str) -> bool:
        """True if jobs of this repository (``owner/name``) may run here."""
        if repository in self.repositories:  # most are named as they are
            return True
        folded = repository.casefold()
        return any(fnmatchcase(folded, glob.casefold()) for glob in self.repositories)

    def reachable(self, repository: str) -> bool:
        """True if GitHub may give this repository's jobs to our runners, although it is not allowed here.

        It may where runners are its organisation's and in the group that every repository may use. Who may use any
        other group is for the group to say.
        """
        if self.scope is not ScopeKind.ORGANIZATION or self.runner_group != DEFAULT_GROUP:
            return False
        owner = repository.casefold().partition("/")[0]
        return any(fnmatchcase(owner, glob.casefold().partition("/")[0]) for glob in self.repositories)
