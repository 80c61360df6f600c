"""GitHub's limits around its ports, and the count of requests, for each installation of the App (each organisation).

A page holds a hundred things and is one request. An answer that nothing has changed (304) is free, so that looking at
a repository's unfinished runs costs its two lists alone.
"""

from collections.abc import Iterator, Sequence
from itertools import chain, islice
from typing import TypeVar

from paddock.adapters.simulation.outcome import Calls
from paddock.adapters.simulation.parameters import Rates
from paddock.core.errors import Throttled
from paddock.core.messages import Registration
from paddock.core.ports.github import (
    Deliveries,
    GitHub,
    GitHubJob,
    HookDelivery,
    JitConfig,
    RegisteredRunner,
    Runners,
    Scope,
    WorkflowRun,
    Workflows,
)
from paddock.core.ports.system import Clock
from paddock.core.units import HOUR, MINUTE, Moment, Span

T = TypeVar("T")

PAGE = 100
APP = "the App itself"  # whose deliveries are asked for by its own credentials


class Meter:
    """Counts calls in windows that begin on the clock, by whom they are made for; and refuses those above the limit.

    ``throttled`` counts the latter.
    """

    def __init__(self, name: str, clock: Clock, window: Span, limit: int | None) -> None:
        """Args: the API's name; what it allows per window (None: everything)."""
        self.name = name
        self._clock = clock
        self._window = window
        self._limit = limit
        self._now: dict[str, tuple[int, int]] = {}
        self._count = 0
        self._peak = 0
        self.throttled = 0

    def take(self, who: str, calls: int = 1) -> None:
        """Count calls.

        Raises:
            Throttled: they are above the limit; it says when the next window begins.
        """
        now = self._clock.now()
        window = now // self._window
        at, used = self._now.get(who, (window, 0))
        if at != window:
            used = 0
        if self._limit is not None and used + calls > self._limit:
            self.throttled += calls
            raise Throttled(f"{self.name}: over {self._limit} for {who}", (window + 1) * self._window - now)
        used += calls
        self._now[who] = (window, used)
        self._count += calls
        self._peak = max(self._peak, used)

    def calls(self) -> Calls:
        """The count."""
        return Calls(self.name, self._count, self._peak, self._limit, self._window, self.throttled)


class Gate:
    """The meters of one GitHub."""

    def __init__(self, clock: Clock, rates: Rates) -> None:
        """Args: the clock; the limits."""
        self.now = clock.now
        self.requests = Meter("GitHub", clock, HOUR, rates.per_hour)
        self.registrations = Meter("GitHub generate-jitconfig", clock, MINUTE, rates.jit_per_minute)

    def around(self, github: GitHub) -> GitHub:
        """The ports behind the gate."""
        return GitHub(
            GatedRunners(github.runners, self),
            GatedWorkflows(github.workflows, self),
            GatedDeliveries(github.deliveries, self),
            github.releases,
        )

    @property
    def refused(self) -> int:
        """How many requests were above a limit."""
        return self.requests.throttled + self.registrations.throttled

    def calls(self) -> tuple[Calls, ...]:
        """What was counted."""
        return (self.requests.calls(), self.registrations.calls())

    def paged(self, who: str, things: Iterator[T]) -> Iterator[T]:
        """Count a request for each page that is gone through."""
        return chain.from_iterable(self._pages(who, things))

    def _pages(self, who: str, things: Iterator[T]) -> Iterator[list[T]]:
        page: list[T] = []
        while len(page) in {0, PAGE}:
            self.requests.take(who)
            page = list(islice(things, PAGE))
            if not page:
                return
            yield page


class GatedRunners:
    """`Runners` behind the gate."""

    def __init__(self, inner: Runners, gate: Gate) -> None:
        """Args: the port; the gate."""
        self._inner = inner
        self._gate = gate
        self._tokens: dict[tuple[Scope, int], tuple[Registration, Moment]] = {}

    def jit_config(self, scope: Scope, name: str, labels: Sequence[str], group: int) -> JitConfig:
        """A write, with a limit of its own."""
        self._gate.registrations.take(scope.owner)
        self._gate.requests.take(scope.owner)
        return self._inner.jit_config(scope, name, labels, group)

    def registration(self, scope: Scope, group: int) -> Registration:
        """One request in half an hour: the token is kept as long."""
        kept, until = self._tokens.get((scope, group), (None, 0))
        if kept is None or self._gate.now() >= until:
            self._gate.requests.take(scope.owner)
            kept = self._inner.registration(scope, group)
            self._tokens[scope, group] = kept, self._gate.now() + HOUR // 2
        return kept

    def named(self, scope: Scope, name: str) -> RegisteredRunner | None:
        """One request."""
        self._gate.requests.take(scope.owner)
        return self._inner.named(scope, name)

    def get(self, scope: Scope, runner_id: int) -> RegisteredRunner | None:
        """One request."""
        self._gate.requests.take(scope.owner)
        return self._inner.get(scope, runner_id)

    def registered(self, scope: Scope) -> Iterator[RegisteredRunner]:
        """A request for each page."""
        return self._gate.paged(scope.owner, self._inner.registered(scope))

    def delete(self, scope: Scope, runner_id: int) -> bool:
        """One request."""
        self._gate.requests.take(scope.owner)
        return self._inner.delete(scope, runner_id)


class GatedWorkflows:
    """`Workflows` behind the gate."""

    def __init__(self, inner: Workflows, gate: Gate) -> None:
        """Args: the port; the gate."""
        self._inner = inner
        self._gate = gate

    def job(self, repository: str, job_id: int) -> GitHubJob:
        """One request."""
        self._take(repository)
        return self._inner.job(repository, job_id)

    def run(self, repository: str, run_id: int) -> WorkflowRun:
        """One request."""
        self._take(repository)
        return self._inner.run(repository, run_id)

    def newest_run(self, repository: str, workflow_id: int, branch: str) -> WorkflowRun | None:
        """One request."""
        self._take(repository)
        return self._inner.newest_run(repository, workflow_id, branch)

    def unfinished_jobs(self, repository: str) -> Iterator[GitHubJob]:
        """Two lists of runs; their jobs are mostly answered by 304."""
        self._take(repository, 2)
        return self._inner.unfinished_jobs(repository)

    def rerun_failed_jobs(self, repository: str, run_id: int) -> None:
        """One request."""
        self._take(repository)
        self._inner.rerun_failed_jobs(repository, run_id)

    def cancel_run(self, repository: str, run_id: int) -> None:
        """One request."""
        self._take(repository)
        self._inner.cancel_run(repository, run_id)

    def report_rejection(self, repository: str, head_sha: str, title: str, summary: str) -> None:
        """One request."""
        self._take(repository)
        self._inner.report_rejection(repository, head_sha, title, summary)

    def _take(self, repository: str, calls: int = 1) -> None:
        self._gate.requests.take(repository.partition("/")[0], calls)


class GatedDeliveries:
    """`Deliveries` behind the gate."""

    def __init__(self, inner: Deliveries, gate: Gate) -> None:
        """Args: the port; the gate."""
        self._inner = inner
        self._gate = gate

    def since(self, moment: Moment) -> Iterator[HookDelivery]:
        """A request for each page."""
        return self._gate.paged(APP, self._inner.since(moment))

    def redeliver(self, delivery_id: int) -> None:
        """One request."""
        self._gate.requests.take(APP)
        self._inner.redeliver(delivery_id)
