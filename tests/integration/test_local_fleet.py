"""The one-machine fleet from end to end: webhooks over HTTP, real agents, a runner that runs real steps."""

import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import attrs
import httpx
import pytest

from paddock.adapters.config import SecretRef
from paddock.adapters.memory.github import DeliveryFaults, JobRecord, RunnerFaults
from paddock.adapters.process.machines import box_arch
from paddock.adapters.standin import GitHubStandIn
from paddock.adapters.standin.package import Flaw
from paddock.core.costs.ledger import day_of
from paddock.core.errors import Busy
from paddock.core.job import Job
from paddock.core.settings import ScopeKind
from paddock.core.states import JobState, OperationalResult
from paddock.core.units import SECOND
from paddock.entrypoints.containers import State
from tests.local_fleet import (
    LABEL,
    QUICK,
    REPOSITORY,
    config_of,
    decisions_of,
    jobs_of,
    living_machines,
    looking_at,
    nothing_left,
    processes_of,
    runners_of,
    running,
    script,
    told_of,
    until,
    verdicts_of,
)


@attrs.frozen
class Stage:
    """A GitHub with a repository, and a place for a fleet's state."""

    github: GitHubStandIn
    state: Path

    def start(self, *jobs: object, repository: str = REPOSITORY, **more: str) -> tuple[int, ...]:
        """Start a run; its jobs' ids."""
        return self.github.start_run(repository, jobs, **more).job_ids  # type: ignore[arg-type]

    def ended(self, state: State, *job_ids: int) -> list[Job]:
        """The jobs' records once all have ended, and every machine with them."""
        until(
            lambda: (
                all(job in jobs_of(state) and not jobs_of(state)[job].live for job in job_ids)
                and not any(runner.live for runner in runners_of(state).values())
            ),
            "every job has ended and no machine is left",
            tell=lambda: told_of(state, job_ids),
        )
        return [jobs_of(state)[job] for job in job_ids]

    def at_github(self, job_id: int) -> JobRecord:
        """GitHub's word on the job."""
        return next(job for job in self.github.jobs() if job.id == job_id)


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    """Afterwards, of everything that was started nothing runs any more, and nothing is registered at GitHub."""
    with GitHubStandIn() as github, nothing_left(tmp_path / "state"):
        github.add_repository(REPOSITORY)
        yield Stage(github, tmp_path / "state")
        until(lambda: not processes_of(tmp_path / "state"), "no process is left", 5)
        assert not github.runners()


def test_a_job_from_its_webhook_to_its_bill(stage: Stage, tmp_path: Path) -> None:
    """A push starts a job; a machine runs its steps, the record closes, GitHub agrees, and it is on the bill."""
    with running(config_of(stage.state, stage.github), stage.github), looking_at(stage.state) as state:
        # A job of milliseconds may be heard of as over before it is heard of as running; this one waits until it was.
        proof, heard = tmp_path / "proof", tmp_path / "heard"
        steps = f'echo "$GITHUB_JOB $PWD" > {proof}', f"until [ -e {heard} ]; do sleep 0.05; done"
        (job_id,) = stage.start(script("build", *steps))
        until(lambda: "running" in verdicts_of(state, job_id), "the job is heard of as running")
        heard.touch()
        (job,) = stage.ended(state, job_id)
        told = told_of(state, [job_id])
        assert (job.state, job.conclusion, job.result) == (JobState.FINISHED, "success", OperationalResult.SERVED), told
        assert (job.launch, job.displaced) == (1, 0)
        assert stage.at_github(job_id).conclusion == "success"
        name, place = proof.read_text(encoding="utf-8").split()
        assert name == "build"
        assert place.startswith(str(stage.state / "machines" / str(job.machine)))
        runner = runners_of(state)[str(job.machine)]
        assert runner.served_job == job_id
        assert runner.launched_at < (runner.ready_at or 0) <= (runner.gone_at or 0)
        # The job's end may be GitHub's word, which has whole seconds: before the machine's own moment by less than one.
        assert (runner.ready_at or 0) - SECOND < (runner.idle_at or 0) <= (runner.gone_at or 0)
        bill = state.table.ledger.get(runner.machine)
        assert bill is not None
        assert bill.job_id == job_id
        assert state.table.ledger.page("day", day_of(bill.entries[-1].end)).items == (bill,)
        story = {"queued", "launched", "running", "finished"}  # told once the record says so
        until(lambda: story <= set(verdicts_of(state, job_id)), "the job's whole story")


def test_a_job_that_fails_is_no_failure_of_ours(stage: Stage) -> None:
    """Red steps: GitHub says failure, and the machine served."""
    with running(config_of(stage.state, stage.github), stage.github), looking_at(stage.state) as state:
        (job,) = stage.ended(state, *stage.start(script("test", "exit 3")))
        assert (job.state, job.conclusion, job.result) == (JobState.FINISHED, "failure", OperationalResult.SERVED)
        assert job.launch == 1


def test_more_jobs_than_slots_wait_their_turn(stage: Stage, tmp_path: Path) -> None:
    """Two slots, five jobs: never more than two machines at once, every job runs once, those that wait say for what."""
    most = 0

    def counted() -> bool:
        nonlocal most
        most = max(most, len(living_machines(stage.state)))
        return all(job.conclusion for job in stage.github.jobs())

    of = config_of(stage.state, stage.github, slots=2)
    with running(of, stage.github), looking_at(stage.state) as state:
        jobs = stage.start(*(script(f"j{n}", f"echo {n} >> {tmp_path}/marks", "sleep 0.2") for n in range(5)))
        until(counted, "all concluded", tell=lambda: told_of(state, jobs))
        assert {job.conclusion for job in stage.ended(state, *jobs)} == {"success"}
        assert most == 2
        assert sorted((tmp_path / "marks").read_text(encoding="utf-8").split()) == list("01234")
        waited = [job for job in jobs if "machine_limit" in verdicts_of(state, job)]
        assert len(waited) >= 3
        assert any("all 2 machines are in use" in decision.reason for decision in decisions_of(state, waited[-1]))


def test_a_second_fleet_on_the_same_state(stage: Stage) -> None:
    """It is refused, with the other's process; once the first has stopped it may start."""
    of = config_of(stage.state, stage.github)
    with running(of, stage.github), pytest.raises(Busy, match=r"process \d+"), running(of, stage.github):
        pass
    with running(of, stage.github) as again:
        assert again.fleet.url.endswith("/webhook")


def loopbacks() -> list[str]:
    """This machine's numbers for itself; in some containers there is none of IPv6."""
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return ["127.0.0.1"]
    return ["127.0.0.1", "::1"]


@pytest.mark.parametrize("host", loopbacks())
def test_it_is_found_where_it_says(stage: Stage, host: str) -> None:
    """GitHub's webhooks can be sent there, by IPv6 too; what has no signature is refused."""
    of = config_of(stage.state, stage.github)
    assert of.local is not None
    with running(attrs.evolve(of, local=attrs.evolve(of.local, host=host)), stage.github) as found:
        assert httpx.post(found.fleet.url, content=b"{}").status_code == 401
        assert urlsplit(found.fleet.url).hostname == host


def test_two_fleets_on_one_box(stage: Stage, tmp_path: Path) -> None:
    """Two GitHubs whose jobs have the same ids: what ends one's job leaves the other's alone."""
    other, go = tmp_path / "other", tmp_path / "go"
    with GitHubStandIn() as github, nothing_left(other):
        github.add_repository(REPOSITORY)
        with (
            running(config_of(stage.state, stage.github), stage.github),
            running(config_of(other, github), github),
            looking_at(stage.state) as state,
        ):
            (long,) = stage.start(script("long", f"touch {tmp_path}/runs; until test -e {go}; do sleep 0.05; done"))
            until((tmp_path / "runs").exists, "the one runs")
            short = github.start_run(REPOSITORY, [script("short")])
            assert short.job_ids == (long,)
            assert github.wait_for_run(short.run_id, 20).conclusion == "success"
            until(lambda: not living_machines(other), "the other's machine is gone")
            assert stage.at_github(long).conclusion is None
            go.touch()
            (job,) = stage.ended(state, long)
            assert job.conclusion == "success"


def test_machines_outlive_a_stop_and_are_adopted(stage: Stage, tmp_path: Path) -> None:
    """A fleet that stops leaves its machine at work; the next one finds the same process, and hears of its end."""
    of, go = config_of(stage.state, stage.github), tmp_path / "go"
    with running(of, stage.github), looking_at(stage.state) as state:
        (job_id,) = stage.start(script("long", f"until test -e {go}; do sleep 0.05; done"))
        until(lambda: any(job.state is JobState.RUNNING for job in jobs_of(state).values()), "it runs")
        before = living_machines(stage.state)
    assert len(before) == 1
    assert living_machines(stage.state) == before
    stage.github.webhooks.url = None  # nobody listens meanwhile
    go.touch()
    until(lambda: stage.at_github(job_id).conclusion == "success", "the job ends without its fleet")
    with running(of, stage.github), looking_at(stage.state) as state:
        (job,) = stage.ended(state, job_id)
        told = told_of(state, [job_id])
        assert (job.state, job.conclusion, job.machine) == (JobState.FINISHED, "success", next(iter(before))), told
        assert verdicts_of(state, job_id).count("launched") == 1


def test_an_adopted_machine_keeps_its_process(stage: Stage, tmp_path: Path) -> None:
    """Stop and start while the job runs on: the machine's process is the very same before, between and after."""
    of, go = config_of(stage.state, stage.github), tmp_path / "go"
    with running(of, stage.github), looking_at(stage.state) as state:
        (job_id,) = stage.start(script("long", f"until test -e {go}; do sleep 0.05; done"))
        until(lambda: any(job.state is JobState.RUNNING for job in jobs_of(state).values()), "it runs")
        before = living_machines(stage.state)
    with running(of, stage.github), looking_at(stage.state) as state:
        assert living_machines(stage.state) == before
        go.touch()
        (job,) = stage.ended(state, job_id)
        assert (job.conclusion, job.launch) == ("success", 1)
        assert len(runners_of(state)) == 1


def test_pause_and_resume(stage: Stage) -> None:
    """A paused fleet launches nothing and says why; resumed, the job that waited runs."""
    with running(config_of(stage.state, stage.github), stage.github) as fleet, looking_at(stage.state) as state:
        fleet.profile.fleet().operate.pause("an experiment")
        (job_id,) = stage.start(script("later"))
        until(lambda: "paused" in (verdicts_of(state, job_id) if job_id in jobs_of(state) else []), "it says so")
        assert "an experiment" in jobs_of(state)[job_id].reason
        assert not living_machines(stage.state)
        state.operate.resume()  # from beside it, as the command does
        (job,) = stage.ended(state, job_id)
        assert job.conclusion == "success"


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (("paddock/cpus=4",), "did you mean cpu=4"),
        ((f"{LABEL}/spot=perhaps",), "spot = 'perhaps'"),
        ((f"paddock/arch={'arm64' if box_arch() == 'x64' else 'x64'}",), "no machine of this fleet is"),
    ],
)
def test_a_job_that_can_never_run_here_is_told_to_its_author(stage: Stage, labels: tuple[str, ...], words: str) -> None:
    """Rejected with the reason, and a check run at GitHub says the same on the commit."""
    with running(config_of(stage.state, stage.github), stage.github), looking_at(stage.state) as state:
        (job_id,) = stage.start(script("typo", labels=labels))
        (job,) = stage.ended(state, job_id)
        assert job.state is JobState.REJECTED
        assert words in job.reason
        checks = stage.github.model.state.checks
        until(lambda: len(checks) == 1, "the author is told")
        assert words in checks[0].summary
        assert checks[0].head_sha == stage.at_github(job_id).head_sha
        assert not runners_of(state)


@pytest.mark.parametrize(
    "faults",
    [
        DeliveryFaults(lost=frozenset({"queued"})),
        DeliveryFaults(lost=frozenset({"queued", "in_progress", "completed"})),
    ],
)
def test_a_lost_webhook_is_found(stage: Stage, faults: DeliveryFaults) -> None:
    """GitHub never told of the job, or of anything about it: the sweep of GitHub finds it, and it runs."""
    with running(config_of(stage.state, stage.github), stage.github), looking_at(stage.state) as state:
        (job,) = stage.ended(state, *stage.start(script("quiet", deliveries=faults)))
        assert (job.conclusion, job.launch) == ("success", 1)
        assert "adopted" in verdicts_of(state, job.id)


def test_runners_of_the_organisation(stage: Stage) -> None:
    """With ``scope: organization`` two repositories' jobs are served by runners that belong to their owner."""
    stage.github.add_repository("acme/docs")
    settings = attrs.evolve(QUICK, scope=ScopeKind.ORGANIZATION)
    of = config_of(stage.state, stage.github, settings=settings)
    seen: set[str] = set()
    with running(of, stage.github), looking_at(stage.state) as state:
        jobs = (*stage.start(script("a", "sleep 0.2")), *stage.start(script("b", "sleep 0.2"), repository="acme/docs"))

        def watched() -> bool:
            seen.update(str(runner.scope) for runner in stage.github.runners())
            return all(job.conclusion for job in stage.github.jobs())

        until(watched, "both are concluded", tell=lambda: told_of(state, jobs))
        assert {job.conclusion for job in stage.ended(state, *jobs)} == {"success"}
    assert seen == {"acme"}


def test_a_token_instead_of_an_app(stage: Stage) -> None:
    """A personal token will do; the author of a rejected job cannot be told by a check run, and that is on record."""
    of = config_of(stage.state, stage.github)
    token = SecretRef("github.token", file=stage.state / "token")
    of = attrs.evolve(of, github=attrs.evolve(of.github, app=None, token=token))
    with running(of, stage.github), looking_at(stage.state) as state:
        (job,) = stage.ended(state, *stage.start(script("build")))
        assert (job.state, job.conclusion) == (JobState.FINISHED, "success")


@pytest.mark.parametrize("flaw", [Flaw.WRONG_DIGEST, Flaw.MISSING_LISTENER, Flaw.PATH_TRAVERSAL])
def test_a_package_that_is_not_what_it_should_be(stage: Stage, flaw: Flaw) -> None:
    """No job runs on it: after the launch budget the job is given up with the reason, and that is the end."""
    stage.github.publish_package(box_arch(), flaw=flaw)
    with running(config_of(stage.state, stage.github), stage.github), looking_at(stage.state) as state:
        (job_id,) = stage.start(script("unlucky"))
        (job,) = stage.ended(state, job_id)
        told = told_of(state, [job_id])
        assert job.state is JobState.ABANDONED, told
        assert job.launch <= QUICK.retry.max_launches, told
        assert "package" in job.reason or "digest" in job.reason, told
        assert not (stage.state / "machines" / "escaped").exists()
        launches = verdicts_of(state, job_id).count("launched")
        stage.github.cancel_run(REPOSITORY, stage.at_github(job_id).run_id)
        until(lambda: stage.at_github(job_id).conclusion is not None, "cancelled at GitHub")
        assert verdicts_of(state, job_id).count("launched") == launches


def test_the_fleet_has_the_runner_before_a_job_comes(stage: Stage) -> None:
    """Its own copy, verified, in the place that machines ask first; the job's machine takes it from there."""
    config = config_of(stage.state, stage.github, settings=attrs.evolve(QUICK, repositories=(REPOSITORY,)))
    with running(config, stage.github), looking_at(stage.state) as state:
        mirror = stage.state / "mirror" / "runners"
        until(lambda: bool(list(mirror.glob(f"*/linux-{box_arch()}/*.tar.gz"))), "the mirror has a runner")
        (job,) = stage.ended(state, *stage.start(script("build")))
    assert job.conclusion == "success"
    (log,) = [path.read_text() for path in (stage.state / "machines").glob("*/agent.log")]
    assert '"place": "mirror"' in log


def test_a_machine_that_never_comes_up_is_replaced(stage: Stage) -> None:
    """Its runner crashes before it listens: the job gets another machine, and both are on record."""
    with running(config_of(stage.state, stage.github), stage.github), looking_at(stage.state) as state:
        (job,) = stage.ended(state, *stage.start(script("flaky", faults=RunnerFaults(crash_before_session=True))))
        assert (job.conclusion, job.launch, job.displaced) == ("success", 2, 0)
        assert "relaunch" in verdicts_of(state, job.id)


def test_a_job_that_is_cancelled_while_it_runs(stage: Stage, tmp_path: Path) -> None:
    """Its steps are interrupted, GitHub's word is kept, and the machine ends."""
    with running(config_of(stage.state, stage.github), stage.github), looking_at(stage.state) as state:
        run = stage.github.start_run(REPOSITORY, [script("endless", f"touch {tmp_path}/runs; sleep 600")])
        until((tmp_path / "runs").exists, "its step runs")
        assert stage.github.cancel_run(REPOSITORY, run.run_id)
        (job,) = stage.ended(state, *run.job_ids)
        assert (job.state, job.conclusion) == (JobState.FINISHED, "cancelled")
        assert stage.at_github(job.id).conclusion == "cancelled"


def test_a_job_that_is_cancelled_before_its_machine_is_there(stage: Stage) -> None:
    """Cancelled while it waits for a slot: no machine is ever started for it."""
    of = config_of(stage.state, stage.github, slots=1)
    with running(of, stage.github), looking_at(stage.state) as state:
        first = stage.github.start_run(REPOSITORY, [script("first", "sleep 1.5")])
        until(lambda: bool(living_machines(stage.state)), "the slot is taken")
        second = stage.github.start_run(REPOSITORY, [script("second", labels=(f"{LABEL}/x-n=2",))])
        until(lambda: second.job_ids[0] in jobs_of(state), "it is known")
        assert stage.github.cancel_run(REPOSITORY, second.run_id)
        one, two = stage.ended(state, *first.job_ids, *second.job_ids)
        assert one.conclusion == "success"
        assert (two.state, two.conclusion, two.launch) == (JobState.CANCELLED, "cancelled", 0)
