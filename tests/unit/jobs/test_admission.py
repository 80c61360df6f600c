"""Who may have a machine now: every verdict, in the order in which they are given."""

import attrs
import pytest

from paddock.core.job import Job, JobFacts
from paddock.core.run import Run
from paddock.core.settings import Deadlines, FleetSettings, ForkPolicy, Limits
from paddock.core.spec import Arch, Range
from paddock.core.switch import PAUSED, Switch
from paddock.core.units import DOLLAR, MINUTE, SECOND
from paddock.core.usecases.admission import Admit, Refuse, Usage, Verdict, Wait, admit, needs_run
from tests.strategies import NOON

JOB = Job(JobFacts(1, 2, "acme/app", ("paddock",), private=True, created_at=NOON))
PUBLIC = attrs.evolve(JOB, facts=attrs.evolve(JOB.facts, private=False))
OWN = Run(2, "acme/app", fork=False)
FORK = Run(2, "acme/app", fork=True, head_repository="mallory/app")
SETTINGS = FleetSettings(repositories=("acme/*",), deadlines=Deadlines(retry_admission=10 * SECOND))


def decide(
    job: Job = JOB,
    *,
    run: Run | None = None,
    limits: Limits = Limits(),
    usage: Usage = Usage(),  # noqa: B008 - a frozen value
    paused: Switch | None = None,
    settings: FleetSettings = SETTINGS,
) -> Verdict:
    """The verdict, at noon."""
    return admit(job, run=run, settings=attrs.evolve(settings, limits=limits), usage=usage, paused=paused, now=NOON)


def with_labels(*labels: str) -> Job:
    """The job with these labels."""
    return attrs.evolve(JOB, facts=attrs.evolve(JOB.facts, labels=labels))


def test_a_job_that_fits_is_admitted_with_its_machine_and_its_size() -> None:
    """What it counts against the vCPU limit is the cheapest machine that fits."""
    verdict = decide(with_labels("paddock/cpu=4"))
    assert isinstance(verdict, Admit)
    assert verdict.spec.cpu == Range(4, 8)
    assert verdict.vcpu == 4


@pytest.mark.parametrize(
    ("job", "verdict", "reason"),
    [
        (attrs.evolve(JOB, facts=attrs.evolve(JOB.facts, repository="other/app")), "outside_allow_list", "acme/*"),
        (with_labels("paddock/cpu=banana"), "bad_labels", "cpu = 'banana'"),
        (with_labels("paddock/cpu=700"), "no_instance_type", "widen cpu, ram or family"),
        (with_labels("paddock/family=zz9"), "no_instance_type", "there are the families c7i"),
    ],
)
def test_a_job_that_can_never_run_here_is_refused_with_its_reason(job: Job, verdict: str, reason: str) -> None:
    """The reason is what the author reads."""
    answer = decide(job)
    assert isinstance(answer, Refuse)
    assert answer.verdict == verdict
    assert reason in answer.reason


@pytest.mark.parametrize(
    ("label", "reason"),
    [
        ("paddock/arch=arm64", "no machine of this fleet is arm64: write arch=x64"),
        ("paddock/image=jammy", "machines of this fleet have no images: leave image=jammy out"),
    ],
)
def test_what_a_fleet_can_never_give_is_refused_at_once(label: str, reason: str) -> None:
    """Before any limit is looked at and anything is launched, with what to write instead; another fleet has it."""
    box = attrs.evolve(SETTINGS, arches=(Arch.X64,), images=False)
    full = Usage(machines=4)
    verdict = decide(with_labels(label), settings=box, limits=Limits(machines=4), usage=full)
    assert verdict == Refuse("unsupported", reason)
    assert isinstance(decide(with_labels("paddock/arch=x64"), settings=box), Admit)
    assert isinstance(decide(with_labels(label)), Admit)


def test_the_allow_list_folds_case() -> None:
    """GitHub's names do."""
    assert isinstance(decide(attrs.evolve(JOB, facts=attrs.evolve(JOB.facts, repository="ACME/App"))), Admit)


@pytest.mark.parametrize("run", [FORK, attrs.evolve(FORK, head_repository=""), None])
def test_code_of_a_fork_is_refused_and_so_is_code_of_unknown_origin(run: Run | None) -> None:
    """In a public repository a stranger's pull request would run on our machine."""
    verdict = decide(PUBLIC, run=run)
    assert isinstance(verdict, Refuse)
    assert verdict.verdict == "fork"
    assert ("mallory/app" if run is FORK else "an unknown repository") in verdict.reason


def test_a_private_repository_and_a_policy_that_allows_need_no_question() -> None:
    """Only then is the run not asked for: a call per run."""
    allow = attrs.evolve(SETTINGS, forks=ForkPolicy.ALLOW)
    assert (needs_run(PUBLIC, SETTINGS), needs_run(JOB, SETTINGS), needs_run(PUBLIC, allow)) == (True, False, False)
    assert isinstance(decide(PUBLIC, run=OWN), Admit)
    assert isinstance(decide(PUBLIC, settings=allow), Admit)


USED = Usage(machines=3, vcpu=6, per_repository={"acme/app": 2}, launches_last_minute=5, spent_today=7 * DOLLAR)


@pytest.mark.parametrize(
    ("limits", "verdict", "reason"),
    [
        (Limits(machines=3), "machine_limit", "all 3 machines are in use"),
        (Limits(vcpu=7), "vcpu_limit", "6 of 7 vCPUs are in use and it needs 2"),
        (Limits(machines_per_repository=2), "repository_limit", "acme/app has 2 machines, which is its limit"),
        (Limits(launches_per_minute=5), "launch_rate", "5 launches a minute is the limit"),
        (Limits(spend_per_day=7 * DOLLAR), "spend_limit", "$7.0000 spent today, the limit is $7.0000"),
    ],
)
def test_a_full_fleet_lets_the_job_wait_and_says_for_what(limits: Limits, verdict: str, reason: str) -> None:
    """One more machine would be one too many; one less in use, and it goes."""
    answer = decide(limits=limits, usage=USED)
    later = 10 * MINUTE if verdict == "spend_limit" else 10 * SECOND
    assert answer == Wait(verdict, reason, NOON + later)
    less = Usage(machines=2, vcpu=5, per_repository={"acme/app": 1}, launches_last_minute=4, spent_today=7 * DOLLAR - 1)
    assert isinstance(decide(limits=limits, usage=less), Admit)


def test_a_paused_fleet_lets_everything_wait_but_what_it_refuses() -> None:
    """A bad label is bad also while the fleet is paused."""
    paused = Switch(PAUSED, on=True, at=NOON, reason="rollout")
    answer = decide(paused=paused)
    assert answer == Wait("paused", "the fleet is paused (rollout)", NOON + 10 * SECOND)
    assert isinstance(decide(paused=attrs.evolve(paused, on=False)), Admit)
    assert isinstance(decide(with_labels("paddock/cpu=0"), paused=paused), Refuse)


def test_usage_grows_with_each_admitted_job() -> None:
    """A batch is admitted job by job, so that it cannot overshoot a limit."""
    usage = USED.plus("acme/app", 4).plus("acme/new", 2)
    assert (usage.machines, usage.vcpu, usage.launches_last_minute) == (5, 12, 7)
    assert usage.per_repository == {"acme/app": 3, "acme/new": 1}
