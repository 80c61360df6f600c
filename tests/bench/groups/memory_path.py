"""A job's whole way through the fleet, everything in memory: what the use-cases themselves cost."""

import time
from collections.abc import Iterator

from paddock.adapters.memory.github.scripts import JobScript
from paddock.adapters.memory.github.values import PublishedPackage
from paddock.core.job import Job
from paddock.core.messages import JobObserved, JobRequested, Observed, ReportEvent, RunnerReported
from paddock.core.spec import Arch
from paddock.core.states import JobState, OperationalResult
from paddock.core.units import SECOND
from paddock.entrypoints.containers import MemoryProfile
from tests.bench.harness import RUNS, Figure, per_second

REPOSITORY = "octo-org/octo-repo"
RUNS_OF_TEN = 20


def figures() -> Iterator[Figure]:
    """Jobs per second of CPU time, from their request to their closed record."""
    best = min(one_morning() for _ in range(RUNS))
    yield per_second(
        "memory_path.jobs_per_s",
        best,
        "jobs from request to closed record, all ports in memory, batches of ten, one core",
    )


def one_morning() -> float:
    """Nanoseconds of CPU per job for a fleet that serves 200 jobs in runs of ten."""
    profile = MemoryProfile()
    profile.clock().set(1_795_348_800 * SECOND)
    profile.model().add_repository(REPOSITORY)
    digest = "ab" * 32
    package = PublishedPackage(Arch.X64, "2.330.0", "runner.tar.gz", "https://github.invalid/r", digest, digest)
    profile.model().packages[Arch.X64] = package
    requests = [asked for _ in range(RUNS_OF_TEN) for asked in one_run(profile)]
    before = time.process_time_ns()
    for start in range(0, len(requests), 10):
        serve(profile, requests[start : start + 10])
    took = time.process_time_ns() - before
    for asked in requests:
        job = profile.table().jobs.get(str(asked.job.job_id))
        if job is None or job.state is not JobState.FINISHED:
            raise AssertionError(f"the morning did not go as planned: {job}")
    return took / len(requests)


def one_run(profile: MemoryProfile) -> list[JobRequested]:
    """A run of ten jobs on GitHub, as the requests that its webhooks bring."""
    run = profile.model().start_run(REPOSITORY, [JobScript(f"job {n}", ("paddock/cpu=4",)) for n in range(10)])
    workflows, now = profile.github().workflows, profile.clock().now()
    jobs = profile.model().jobs(run.id)
    return [JobRequested(workflows.job(REPOSITORY, job.id).facts, now, f"delivery-{job.id}") for job in jobs]


def serve(profile: MemoryProfile, requests: list[JobRequested]) -> None:
    """Ten jobs from request to end, with every word that GitHub and the machines say of them."""
    fleet, clock = profile.fleet(), profile.clock()
    for asked in requests:
        fleet.intake(asked)
    while fleet.dispatch_once():
        clock.advance(SECOND)
    clock.advance(30 * SECOND)
    launched = [profile.table().jobs.get(str(asked.job.job_id)) for asked in requests]
    jobs = [job for job in launched if job is not None]
    for job in jobs:
        fleet.intake(observed(job, Observed.IN_PROGRESS, clock.now(), profile))
    clock.advance(60 * SECOND)
    for job in jobs:
        profile.events().send([finished(job, clock.now())])
        fleet.intake(observed(job, Observed.COMPLETED, clock.now(), profile))
    while fleet.complete_once():
        pass


def observed(job: Job, status: Observed, now: int, profile: MemoryProfile) -> JobObserved:
    """GitHub's word on the job."""
    runner = profile.table().runners.get(job.machine or "")
    over = status is Observed.COMPLETED
    return JobObserved(
        job=job.facts,
        status=status,
        received_at=now,
        conclusion="success" if over else None,
        runner_id=None if runner is None else runner.runner_id,
        runner_name=None if runner is None else runner.runner_name,
        started_at=now - (60 * SECOND if over else 0),
        completed_at=now if over else None,
        delivery=f"{status}-{job.id}",
    )


def finished(job: Job, now: int) -> RunnerReported:
    """The machine's last report."""
    return RunnerReported(
        event=ReportEvent.FINISHED,
        machine=job.machine or "",
        job_id=job.id,
        launch=job.launch,
        runner_name=job.runner_name or "",
        at=now,
        job_name=job.facts.name,
        conclusion="success",
        result=OperationalResult.SERVED,
        exit_code=0,
        started_at=now - 60 * SECOND,
        finished_at=now,
    )
