"""The ports to GitHub: runners, jobs and runs, hook deliveries, runner releases.

Every method may raise `Unavailable`, `Throttled`, `AccessDenied` or `NotFound`; nothing else but what it names.
"""

from collections.abc import Iterator, Sequence
from typing import Protocol

import attrs

from paddock.core.job import JobFacts
from paddock.core.messages import Registration, RunnerPackage
from paddock.core.spec import Arch
from paddock.core.units import Moment


@attrs.frozen
class Scope:
    """Where a runner is registered: one repository (``owner/name``), or the whole organisation if `name` is empty."""

    owner: str
    name: str = ""

    def __str__(self) -> str:
        return f"{self.owner}/{self.name}" if self.name else self.owner


@attrs.frozen
class JitConfig:
    """A registration for one runner and one job. ``encoded`` is a secret and left out of `repr`."""

    runner_id: int
    runner_name: str
    encoded: str = attrs.field(repr=False)


@attrs.frozen
class RegisteredRunner:
    """A runner as GitHub lists it. ``status`` is ``online`` or ``offline``."""

    id: int
    name: str
    status: str
    busy: bool
    labels: tuple[str, ...] = ()


@attrs.frozen
class GitHubJob:
    """A job as GitHub knows it now.

    ``status`` is queued, in_progress, completed, waiting or a newer word; the runner fields are None until it is taken.
    GitHub does not say here whether the repository is private, so ``facts.private`` is False.
    """

    facts: JobFacts
    status: str
    conclusion: str | None = None
    runner_id: int | None = None
    runner_name: str | None = None
    started_at: Moment | None = None
    completed_at: Moment | None = None


@attrs.frozen
class WorkflowRun:
    """A workflow run. ``head_repository`` differs from ``repository`` if the code comes from a fork ("" if deleted)."""

    run_id: int
    repository: str
    head_repository: str
    event: str
    status: str
    conclusion: str | None = None
    run_attempt: int = 1
    head_branch: str = ""
    workflow_id: int | None = None


@attrs.frozen
class HookDelivery:
    """One webhook delivery in GitHub's log. ``guid`` is shared by an original and its redeliveries."""

    id: int
    guid: str
    event: str
    action: str | None
    delivered_at: Moment
    ok: bool
    redelivery: bool


class Runners(Protocol):
    """Runner registrations."""

    def jit_config(self, scope: Scope, name: str, labels: Sequence[str], group: int) -> JitConfig:
        """Register an ephemeral runner with exactly these labels. Not idempotent: use a fresh name for each call.

        Raises:
            Rejected: bad labels or group, or the name is taken.
        """

    def registration(self, scope: Scope, group: int) -> Registration:
        """What any number of runners can register themselves with, for half an hour at least: it holds a secret.

        Whoever has it can register runners of his own. The same one may be given more than once.

        Raises:
            Rejected: there is no such group.
        """

    def get(self, scope: Scope, runner_id: int) -> RegisteredRunner | None:
        """The runner, or None if GitHub has no such registration (it deletes them after their job)."""

    def named(self, scope: Scope, name: str) -> RegisteredRunner | None:
        """The runner of this very name, or None if GitHub has none: for one that registered itself."""

    def registered(self, scope: Scope) -> Iterator[RegisteredRunner]:
        """All runners of the scope, over all pages."""

    def delete(self, scope: Scope, runner_id: int) -> bool:
        """Remove the registration; False if it was gone already.

        Raises:
            Busy: the runner runs a job, so GitHub keeps it.
        """


class Workflows(Protocol):
    """Jobs and runs of a repository (``owner/name``)."""

    def job(self, repository: str, job_id: int) -> GitHubJob:
        """The job as it is now."""

    def run(self, repository: str, run_id: int) -> WorkflowRun:
        """The run as it is now."""

    def newest_run(self, repository: str, workflow_id: int, branch: str) -> WorkflowRun | None:
        """The newest run of the workflow on the branch; None if GitHub knows none."""

    def unfinished_jobs(self, repository: str) -> Iterator[GitHubJob]:
        """Jobs that are queued or in progress, over all runs that are not completed."""

    def rerun_failed_jobs(self, repository: str, run_id: int) -> None:
        """Re-run a completed run's failed jobs as a new attempt.

        Raises:
            Rejected: the run still runs, or is too old.
        """

    def cancel_run(self, repository: str, run_id: int) -> None:
        """Ask GitHub to cancel the run. A run that has ended already is no error."""

    def report_rejection(self, repository: str, head_sha: str, title: str, summary: str) -> None:
        """Tell the author, by a failed check run named ``paddock`` on the commit."""


class Deliveries(Protocol):
    """GitHub's log of webhook deliveries."""

    def since(self, moment: Moment) -> Iterator[HookDelivery]:
        """Deliveries after the moment, newest first, over all pages."""

    def redeliver(self, delivery_id: int) -> None:
        """Ask GitHub to send it again."""


class Releases(Protocol):
    """Where the official runner comes from."""

    def package(self, scope: Scope, arch: Arch) -> RunnerPackage:
        """The package GitHub expects runners of this scope to run (Linux), with a digest that two sources agree on.

        Raises:
            Rejected: the sources disagree, or fewer than two publish a digest.
        """


@attrs.frozen
class GitHub:
    """Every port to one GitHub."""

    runners: Runners
    workflows: Workflows
    deliveries: Deliveries
    releases: Releases
