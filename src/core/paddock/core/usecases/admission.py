"""Admission: may this job have a machine now? A pure function of what was observed.

A job that may never run here is refused with a reason its author can act on. A job that must wait stays queued, keeps
its place and says what it waits for; nothing is failed in order to wait.
"""

from collections.abc import Mapping
from typing import TypeAlias

import attrs

from paddock.core.catalogue import fitting, widening
from paddock.core.job import Job
from paddock.core.label_values import InvalidLabel
from paddock.core.labels import parse_labels
from paddock.core.routing import check_environment
from paddock.core.run import Run
from paddock.core.settings import FleetSettings, ForkPolicy
from paddock.core.spec import RunnerSpec
from paddock.core.switch import Switch
from paddock.core.units import MINUTE, MicroDollars, Moment, money_text


@attrs.frozen
class Usage:
    """What the fleet uses now: live machines (and those being asked for), their vCPUs, launches, money."""

    machines: int = 0
    vcpu: int = 0
    per_repository: Mapping[str, int] = attrs.field(factory=dict)
    launches_last_minute: int = 0
    spent_today: MicroDollars = 0

    def plus(self, repository: str, vcpu: int) -> "Usage":
        """The usage once one more machine was launched for the repository."""
        count = self.per_repository.get(repository, 0) + 1
        return attrs.evolve(
            self,
            machines=self.machines + 1,
            vcpu=self.vcpu + vcpu,
            per_repository={**self.per_repository, repository: count},
            launches_last_minute=self.launches_last_minute + 1,
        )


@attrs.frozen
class Admit:
    """It may have a machine of this spec. ``vcpu`` is what it will count against the limit."""

    spec: RunnerSpec
    vcpu: int


@attrs.frozen
class Wait:
    """It waits, at least until `until`."""

    verdict: str
    reason: str
    until: Moment


@attrs.frozen
class Refuse:
    """It will never run here.

    ``unsafe``: its code must not run here, and refusing it does not keep it away: it stays in GitHub's queue, and the
    runner of the next good job with its labels may be given it. So its run is cancelled.
    """

    verdict: str
    reason: str
    unsafe: bool = False


Verdict: TypeAlias = Admit | Wait | Refuse


def needs_run(job: Job, settings: FleetSettings) -> bool:
    """True if admission must know whose code the job's run carries.

    A private repository's forks belong to people who can read it, and GitHub runs their pull requests only if its owner
    chose so; asking GitHub about every private run would cost a call per run for nothing.
    """
    return settings.forks is ForkPolicy.REFUSE and not job.facts.private


def admit(
    job: Job, *, run: Run | None, settings: FleetSettings, usage: Usage, paused: Switch | None, now: Moment
) -> Verdict:
    """Decide about one queued job. `run` is needed where `needs_run` says so."""
    repository = job.facts.repository
    if not settings.allows(repository):
        allowed = ", ".join(settings.repositories)
        reason = f"repository {repository} is not allowed here (allowed: {allowed})"
        return Refuse("outside_allow_list", reason, unsafe=settings.reachable(repository))
    # Before the labels: ones that nobody here can serve alone may be among those of a runner that serves another job.
    if needs_run(job, settings) and (run is None or run.fork):
        head = run.head_repository if run is not None and run.head_repository else "an unknown repository"
        reason = f"its code comes from a fork ({head}), and the fleet's fork policy is to refuse"
        return Refuse("fork", reason, unsafe=True)
    try:
        spec = parse_labels(job.facts.labels, settings.specs, settings.aliases, settings.pools)
        check_environment(job.facts.labels, settings)
    except InvalidLabel as error:
        return Refuse("bad_labels", str(error))
    never = _never_here(spec, settings)
    if never:
        return Refuse("unsupported", never)
    types = fitting(spec)
    if not types:
        return Refuse("no_instance_type", f"no instance type fits {spec}: {widening(spec)}")
    wait = _wait(repository, types[0].vcpu, settings=settings, usage=usage, paused=paused, now=now)
    return wait if wait is not None else Admit(spec, types[0].vcpu)


def _never_here(spec: RunnerSpec, settings: FleetSettings) -> str:
    """Why this fleet can never give the machine, and what to write instead; empty if it can."""
    if spec.arch not in settings.arches:
        instead = " or ".join(f"arch={arch}" for arch in settings.arches)
        return f"no machine of this fleet is {spec.arch}: write {instead}"
    if spec.image is not None and not settings.images:
        return f"machines of this fleet have no images: leave image={spec.image} out"
    return ""


def _wait(  # noqa: PLR0911 - one return per limit reads best
    repository: str, vcpu: int, *, settings: FleetSettings, usage: Usage, paused: Switch | None, now: Moment
) -> Wait | None:
    limits, soon = settings.limits, now + settings.deadlines.retry_admission
    if paused is not None and paused.on:
        return Wait("paused", paused.why, soon)
    if limits.machines is not None and usage.machines >= limits.machines:
        return Wait("machine_limit", f"all {limits.machines} machines are in use", soon)
    if limits.vcpu is not None and usage.vcpu + vcpu > limits.vcpu:
        return Wait("vcpu_limit", f"{usage.vcpu} of {limits.vcpu} vCPUs are in use and it needs {vcpu}", soon)
    used = usage.per_repository.get(repository, 0)
    if limits.machines_per_repository is not None and used >= limits.machines_per_repository:
        return Wait("repository_limit", f"{repository} has {used} machines, which is its limit", soon)
    if limits.launches_per_minute is not None and usage.launches_last_minute >= limits.launches_per_minute:
        return Wait("launch_rate", f"{limits.launches_per_minute} launches a minute is the limit", soon)
    if limits.spend_per_day is not None and usage.spent_today >= limits.spend_per_day:
        spent, most = money_text(usage.spent_today), money_text(limits.spend_per_day)
        return Wait("spend_limit", f"{spent} spent today, the limit is {most}", now + 10 * MINUTE)
    return None
