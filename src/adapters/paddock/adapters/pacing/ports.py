"""Ports behind a `Purse`: every call takes what it costs first, and is not made if there is nothing left."""

from collections.abc import Iterator, Mapping, Sequence

import attrs

from paddock.adapters.pacing.ceilings import (
    CANCELS,
    DESCRIBES,
    ENDED,
    ENDS,
    FLEETS,
    MACHINES,
    PAGES,
    REGISTRATIONS,
    RUNNERS,
    STARTED,
    STARTS,
    STOPPED,
    STOPS,
    TOLD,
    TOLD_HOURLY,
)
from paddock.adapters.pacing.purse import NOTHING, Purse, Wish
from paddock.core.errors import Throttled, Unavailable
from paddock.core.job import Job
from paddock.core.messages import Registration
from paddock.core.ports.github import (
    GitHub,
    GitHubJob,
    JitConfig,
    RegisteredRunner,
    Runners,
    Scope,
    WorkflowRun,
    Workflows,
)
from paddock.core.ports.machines import LaunchOutcome, LaunchRequest, Machine, Machines, StartOutcome
from paddock.core.ports.records import Page
from paddock.core.spec import Offer, RunnerSpec
from paddock.core.units import Moment

CHUNK = 200
"""Ids in a request, as EC2's adapter sends them ..."""

TOGETHER = 50
"""... and where it stops or starts machines."""

_OF_STARTS = frozenset({MACHINES, FLEETS, REGISTRATIONS, RUNNERS})


class PacedStarts:
    """`Starts`: a job is started once there is a machine for it in EC2's limits, and a registration in GitHub's.

    With `tokens` nobody waits for a just-in-time configuration: who gets none has his machine register its runner.
    """

    def __init__(self, purse: Purse, *, tokens: bool = False) -> None:
        """Args: what this process may ask for; whether machines may register their runners themselves."""
        self._purse = purse
        self._tokens = tokens

    def ask(self, jobs: Sequence[tuple[Job, RunnerSpec]]) -> Sequence[Moment | None]:
        """See `Starts.ask`. Jobs of one kind share a request."""
        return self._purse.ask([self._wish(job, spec) for job, spec in jobs])

    def _wish(self, job: Job, spec: RunnerSpec) -> Wish:
        owner = _owner(job.facts.repository)
        needs, just_in_time = {MACHINES: 1}, {_limit(REGISTRATIONS, owner): 1}
        if self._tokens:
            needs |= {_limit(RUNNERS, owner): 1}
        else:
            needs |= just_in_time
        welcome = just_in_time if self._tokens else NOTHING
        return Wish(needs, bool(job.not_before), welcome, kind=spec, once={FLEETS: 1})

    def waited(self) -> bool:
        """See `Starts.waited`. Who waits to cancel, to stop or to end something is nobody's concern here."""
        return self._purse.waited(_OF_STARTS)


class PacedMachines:
    """`Machines` within EC2's limits, for a cloud whose requests nobody sees: a simulated one.

    What EC2's own adapter sends is paid for as it goes out, see `PurseToll`.
    """

    def __init__(self, inner: Machines, purse: Purse) -> None:
        """Args: the cloud; what this process may ask of it."""
        self._inner = inner
        self._purse = purse

    def offers(self, spec: RunnerSpec) -> Sequence[Offer]:
        """Remembered: costs nothing."""
        return self._inner.offers(spec)

    def launch(self, request: LaunchRequest) -> LaunchOutcome:
        """One request, and so many machines."""
        self._purse.spend_all({MACHINES: request.count, FLEETS: 1})
        return self._inner.launch(request)

    def describe(self, ids: Sequence[str]) -> Mapping[str, Machine]:
        """One request for each chunk."""
        self._purse.spend(DESCRIBES, _chunks(ids))
        return self._inner.describe(ids)

    def page(self, *, cursor: str | None = None) -> Page[Machine]:
        """One request."""
        self._purse.spend(PAGES)
        return self._inner.page(cursor=cursor)

    def terminate(self, ids: Sequence[str]) -> None:
        """One request for each chunk, and so many machines."""
        if ids:
            self._purse.spend_all({ENDED: len(ids), ENDS: _chunks(ids)})
        self._inner.terminate(ids)

    def stop(self, ids: Sequence[str]) -> None:
        """One request for each chunk, and so many machines."""
        if ids:
            self._purse.spend_all({STOPPED: len(ids), STOPS: _chunks(ids, TOGETHER)})
        self._inner.stop(ids)

    def start(self, ids: Sequence[str]) -> Mapping[str, StartOutcome]:
        """One request for each chunk, and so many machines. Where capacity lacks it may be some requests more."""
        outcomes: dict[str, StartOutcome] = {}
        left = list(dict.fromkeys(ids))
        while left:
            part, left = left[:TOGETHER], left[TOGETHER:]
            try:
                self._purse.spend_all({STARTED: len(part), STARTS: 1})
                outcomes |= self._inner.start(part)
            except (Throttled, Unavailable):
                if not outcomes:
                    raise
                break
        return outcomes


class PacedRunners:
    """`Runners` within GitHub's limits on registrations."""

    def __init__(self, inner: Runners, purse: Purse, *, tokens: bool = False) -> None:
        """Args: GitHub's runners; what this process may ask of them; whether machines may register their own."""
        self._inner = inner
        self._purse = purse
        self._tokens = tokens

    def jit_config(self, scope: Scope, name: str, labels: Sequence[str], group: int) -> JitConfig:
        """One registration. Whoever may have a token instead does not stand in the line."""
        self._purse.spend(_limit(REGISTRATIONS, scope.owner), line=not self._tokens)
        if self._tokens:
            self._purse.spend(_limit(RUNNERS, scope.owner))
        return self._inner.jit_config(scope, name, labels, group)

    def registration(self, scope: Scope, group: int) -> Registration:
        """One runner, which a machine will register."""
        self._purse.spend(_limit(RUNNERS, scope.owner))
        return self._inner.registration(scope, group)

    def named(self, scope: Scope, name: str) -> RegisteredRunner | None:
        """Not limited for itself."""
        return self._inner.named(scope, name)

    def get(self, scope: Scope, runner_id: int) -> RegisteredRunner | None:
        """Not limited for itself."""
        return self._inner.get(scope, runner_id)

    def registered(self, scope: Scope) -> Iterator[RegisteredRunner]:
        """Not limited for itself."""
        return self._inner.registered(scope)

    def delete(self, scope: Scope, runner_id: int) -> bool:
        """Not limited for itself."""
        return self._inner.delete(scope, runner_id)


class PacedWorkflows:
    """`Workflows` within GitHub's limits on what is written."""

    def __init__(self, inner: Workflows, purse: Purse) -> None:
        """Args: GitHub's workflows; what this process may ask of them."""
        self._inner = inner
        self._purse = purse

    def job(self, repository: str, job_id: int) -> GitHubJob:
        """Not limited for itself."""
        return self._inner.job(repository, job_id)

    def run(self, repository: str, run_id: int) -> WorkflowRun:
        """Not limited for itself."""
        return self._inner.run(repository, run_id)

    def newest_run(self, repository: str, workflow_id: int, branch: str) -> WorkflowRun | None:
        """Not limited for itself."""
        return self._inner.newest_run(repository, workflow_id, branch)

    def unfinished_jobs(self, repository: str) -> Iterator[GitHubJob]:
        """Not limited for itself."""
        return self._inner.unfinished_jobs(repository)

    def rerun_failed_jobs(self, repository: str, run_id: int) -> None:
        """Not limited for itself."""
        self._inner.rerun_failed_jobs(repository, run_id)

    def cancel_run(self, repository: str, run_id: int) -> None:
        """One cancellation."""
        self._purse.spend(_limit(CANCELS, _owner(repository)))
        self._inner.cancel_run(repository, run_id)

    def report_rejection(self, repository: str, head_sha: str, title: str, summary: str) -> None:
        """One thing that people are told. Nobody stands in a line for it: it is told now or never."""
        owner = _owner(repository)
        self._purse.spend_all({_limit(TOLD, owner): 1, _limit(TOLD_HOURLY, owner): 1}, line=False)
        self._inner.report_rejection(repository, head_sha, title, summary)


def paced_github(github: GitHub, purse: Purse, *, tokens: bool = False) -> GitHub:
    """GitHub, whose registrations, and what is written there besides, are within its limits."""
    return attrs.evolve(
        github,
        runners=PacedRunners(github.runners, purse, tokens=tokens),
        workflows=PacedWorkflows(github.workflows, purse),
    )


def _owner(repository: str) -> str:
    return repository.partition("/")[0]


def _limit(name: str, owner: str) -> str:
    return f"{name}/{owner.casefold()}"


def _chunks(ids: Sequence[str], most: int = CHUNK) -> int:
    return max(1, -(-len(ids) // most))
