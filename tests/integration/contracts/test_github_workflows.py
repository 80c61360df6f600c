"""What the port `Workflows` promises, held against each adapter."""

from collections.abc import Iterator

import pytest

from paddock.adapters.memory.github import JobScript
from paddock.core.errors import NotFound, Rejected
from paddock.core.ports.github import GitHubJob
from paddock.core.units import DAY
from tests.integration.contracts.github_adapters import (
    A_WHILE,
    ADAPTERS,
    OTHER,
    REPOSITORY,
    SCOPE,
    GitHubUnderTest,
)
from tests.strategies import NOON

BUILD = JobScript("build", ("paddock/cpu=4", "Extra"))
TEST = JobScript("test", ("paddock",))


@pytest.fixture(name="github", params=ADAPTERS)
def _github(request: pytest.FixtureRequest) -> Iterator[GitHubUnderTest]:
    with ADAPTERS[request.param]() as opened:
        yield opened


def serve(github: GitHubUnderTest, job_id: int, conclusion: str | None = "success", name: str = "worker") -> int:
    """A runner of its own takes the job, and ends it if there is a conclusion; the runner's id."""
    labels = github.model.state.jobs[job_id].labels
    runner = github.model.runners.register(SCOPE, f"{name}-{job_id}", labels)
    assert github.model.runners.connect(runner.id).job_id == job_id
    github.model.runs.acquire(runner.id, job_id)
    github.model.runs.started(runner.id, job_id)
    if conclusion is not None:
        github.clock.advance(A_WHILE)
        github.model.runs.complete(runner.id, job_id, conclusion)
    return runner.id


def test_reads_a_queued_job(github: GitHubUnderTest) -> None:
    """A queued job has its labels verbatim, GitHub's creation time, and no runner."""
    run = github.model.start_run(REPOSITORY, [BUILD], head_branch="topic", head_sha="a" * 40)
    job = github.workflows.job(REPOSITORY, run.jobs[0])
    facts = job.facts
    assert (facts.job_id, facts.run_id, facts.repository) == (run.jobs[0], run.id, REPOSITORY)
    assert (facts.labels, facts.name, facts.workflow) == (("paddock/cpu=4", "Extra"), "build", "ci")
    assert (facts.head_sha, facts.head_branch, facts.run_attempt) == ("a" * 40, "topic", 1)
    assert (facts.created_at, facts.private) == (NOON, False)
    assert (job.status, job.conclusion, job.started_at, job.completed_at) == ("queued", None, None, None)
    assert (job.runner_id, job.runner_name) == (None, None)


def test_reads_who_took_a_job_and_how_it_ended(github: GitHubUnderTest) -> None:
    """Once a runner started the job its id and name are shown; the end adds conclusion and times."""
    run = github.model.start_run(REPOSITORY, [BUILD])
    runner_id = serve(github, run.jobs[0], "failure")
    job = github.workflows.job(REPOSITORY, run.jobs[0])
    assert (job.status, job.conclusion) == ("completed", "failure")
    assert (job.runner_id, job.runner_name) == (runner_id, f"worker-{run.jobs[0]}")
    assert (job.started_at, job.completed_at) == (NOON, NOON + A_WHILE)


def test_a_job_cancelled_in_the_queue_never_had_a_runner(github: GitHubUnderTest) -> None:
    """It is completed and cancelled, and neither a runner nor a start is made up for it."""
    run = github.model.start_run(REPOSITORY, [BUILD])
    github.workflows.cancel_run(REPOSITORY, run.id)
    job = github.workflows.job(REPOSITORY, run.jobs[0])
    assert (job.status, job.conclusion, job.runner_id, job.runner_name) == ("completed", "cancelled", None, None)
    assert job.started_at is None


def test_reads_a_run_and_where_its_code_comes_from(github: GitHubUnderTest) -> None:
    """A run names its event and branch, and the fork that its code comes from."""
    run = github.model.start_run(
        REPOSITORY, [BUILD], event="pull_request", head_repository="stranger/app", head_branch="patch-1"
    )
    found = github.workflows.run(REPOSITORY, run.id)
    assert (found.run_id, found.repository, found.head_repository) == (run.id, REPOSITORY, "stranger/app")
    assert (found.event, found.head_branch, found.run_attempt) == ("pull_request", "patch-1", 1)
    assert (found.status, found.conclusion, found.workflow_id) == ("queued", None, run.workflow_id)


def test_a_run_ends_with_its_last_job(github: GitHubUnderTest) -> None:
    """One failed job makes the run a failure, but only once all its jobs have ended."""
    run = github.model.start_run(REPOSITORY, [BUILD, TEST])
    serve(github, run.jobs[0], "failure")
    assert github.workflows.run(REPOSITORY, run.id).status == "in_progress"
    serve(github, run.jobs[1], "success")
    found = github.workflows.run(REPOSITORY, run.id)
    assert (found.status, found.conclusion) == ("completed", "failure")


def test_lists_what_is_unfinished(github: GitHubUnderTest) -> None:
    """Queued and running jobs of all runs are listed once; finished, waiting and foreign ones are not."""
    first = github.model.start_run(REPOSITORY, [BUILD, TEST])
    second = github.model.start_run(REPOSITORY, [BUILD, JobScript("deploy", ("paddock",), environment="production")])
    github.model.start_run(OTHER, [TEST])
    serve(github, first.jobs[1], None)
    done = github.model.start_run(REPOSITORY, [JobScript("quick", ("quick",))])
    serve(github, done.jobs[0])
    found = {job.facts.job_id: job.status for job in github.workflows.unfinished_jobs(REPOSITORY)}
    assert found == {first.jobs[0]: "queued", first.jobs[1]: "in_progress", second.jobs[0]: "queued"}


def test_lists_the_unfinished_over_all_pages(github: GitHubUnderTest) -> None:
    """More runs, and more jobs in one run, than a page holds are all listed."""
    many = github.model.start_run(REPOSITORY, [JobScript(f"shard {n}", ("paddock",)) for n in range(130)])
    runs = [github.model.start_run(REPOSITORY, [TEST]) for _ in range(120)]
    found = [job.facts.job_id for job in github.workflows.unfinished_jobs(REPOSITORY)]
    assert sorted(found) == sorted([*many.jobs, *(run.jobs[0] for run in runs)])


def test_reruns_the_failed_jobs_as_new_ones(github: GitHubUnderTest) -> None:
    """The failed job comes back under a new id and the next attempt; the successful one does not."""
    run = github.model.start_run(REPOSITORY, [BUILD, TEST])
    serve(github, run.jobs[0], "failure")
    serve(github, run.jobs[1], "success")
    github.workflows.rerun_failed_jobs(REPOSITORY, run.id)
    assert github.workflows.run(REPOSITORY, run.id).run_attempt == 2
    unfinished: list[GitHubJob] = list(github.workflows.unfinished_jobs(REPOSITORY))
    assert [(job.facts.name, job.facts.run_attempt, job.status) for job in unfinished] == [("build", 2, "queued")]
    assert unfinished[0].facts.job_id not in run.jobs
    assert unfinished[0].facts.labels == BUILD.labels


def test_the_newest_run_of_a_workflow_and_branch(github: GitHubUnderTest) -> None:
    """Other branches, workflows and repositories do not count; of what never ran there is none."""
    first = github.model.start_run(REPOSITORY, [BUILD], workflow="ci", head_branch="topic/a b&c")
    second = github.model.start_run(REPOSITORY, [BUILD], workflow="ci", head_branch="topic/a b&c")
    github.model.start_run(REPOSITORY, [BUILD], workflow="ci", head_branch="main")
    nightly = github.model.start_run(REPOSITORY, [BUILD], workflow="nightly", head_branch="topic/a b&c")
    github.model.start_run(OTHER, [TEST], workflow="ci", head_branch="topic/a b&c")
    assert first.workflow_id != nightly.workflow_id
    newest = github.workflows.newest_run(REPOSITORY, first.workflow_id, "topic/a b&c")
    assert newest is not None
    assert (newest.run_id, newest.head_branch) == (second.id, "topic/a b&c")
    assert github.workflows.newest_run(REPOSITORY, first.workflow_id, "gone") is None


def test_a_run_that_still_runs_cannot_be_rerun(github: GitHubUnderTest) -> None:
    """While one job is unfinished, the re-run is refused and changes nothing."""
    run = github.model.start_run(REPOSITORY, [BUILD, TEST])
    serve(github, run.jobs[0], "failure")
    with pytest.raises(Rejected):
        github.workflows.rerun_failed_jobs(REPOSITORY, run.id)
    assert github.workflows.run(REPOSITORY, run.id).run_attempt == 1


def test_an_old_run_cannot_be_rerun(github: GitHubUnderTest) -> None:
    """After a month GitHub refuses."""
    run = github.model.start_run(REPOSITORY, [BUILD])
    serve(github, run.jobs[0], "failure")
    github.clock.advance(31 * DAY)
    with pytest.raises(Rejected):
        github.workflows.rerun_failed_jobs(REPOSITORY, run.id)


def test_cancel_asks_running_jobs_and_ends_waiting_ones(github: GitHubUnderTest) -> None:
    """A cancel ends what is queued at once, and leaves what runs to its runner."""
    run = github.model.start_run(REPOSITORY, [BUILD, TEST])
    serve(github, run.jobs[0], None)
    github.workflows.cancel_run(REPOSITORY, run.id)
    assert github.workflows.job(REPOSITORY, run.jobs[0]).status == "in_progress"
    assert github.workflows.job(REPOSITORY, run.jobs[1]).conclusion == "cancelled"


def test_cancelling_what_has_ended_is_no_error(github: GitHubUnderTest) -> None:
    """A run that has ended stays as it is."""
    run = github.model.start_run(REPOSITORY, [BUILD])
    serve(github, run.jobs[0], "success")
    github.workflows.cancel_run(REPOSITORY, run.id)
    assert github.workflows.run(REPOSITORY, run.id).conclusion == "success"


def test_reports_a_rejection_as_a_failed_check(github: GitHubUnderTest) -> None:
    """The author gets a failed check run named paddock, with the title and summary given."""
    github.workflows.report_rejection(REPOSITORY, "c" * 40, "Unknown key", "did you mean cpu?")
    check = github.model.checks()[-1]
    assert (check.repository, check.head_sha, check.name) == (REPOSITORY, "c" * 40, "paddock")
    assert (check.status, check.conclusion) == ("completed", "failure")
    assert (check.title, check.summary) == ("Unknown key", "did you mean cpu?")


def test_what_is_not_there_is_not_found(github: GitHubUnderTest) -> None:
    """An unknown repository, run or job, or one of another repository, is `NotFound` for every call."""
    run = github.model.start_run(OTHER, [TEST])
    for repository, run_id, job_id in (("acme/nowhere", 1, 1), (REPOSITORY, 1, 1), (REPOSITORY, run.id, run.jobs[0])):
        with pytest.raises(NotFound):
            github.workflows.job(repository, job_id)
        with pytest.raises(NotFound):
            github.workflows.run(repository, run_id)
        with pytest.raises(NotFound):
            github.workflows.cancel_run(repository, run_id)
        with pytest.raises(NotFound):
            github.workflows.rerun_failed_jobs(repository, run_id)
    with pytest.raises(NotFound):
        list(github.workflows.unfinished_jobs("acme/nowhere"))
    with pytest.raises(NotFound):
        github.workflows.report_rejection("acme/nowhere", "c" * 40, "t", "s")
