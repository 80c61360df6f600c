"""What the reports function does by itself with a batch: reads, checks who sent it, writes to the table by boto3."""

import time
from collections.abc import Iterator, Sequence

import attrs
from dependency_injector import providers

from paddock.adapters.memory.bundles import memory_table
from paddock.adapters.memory.github.values import PublishedPackage
from paddock.adapters.telemetry.catalogue import catalogue
from paddock.adapters.telemetry.decisions import LoggedDecisions
from paddock.adapters.wire import message_text
from paddock.core.errors import InvalidInput
from paddock.core.job import Job
from paddock.core.messages import JobRequested, Observed, RunnerReported
from paddock.core.spec import Arch
from paddock.core.states import OperationalResult
from paddock.core.units import SECOND, Span
from paddock.entrypoints.aws_lambda.reports import ReportsFunction
from paddock.entrypoints.containers import MemoryProfile
from tests.aws.deployed import memory_of
from tests.bench.by_boto3 import by_boto3
from tests.bench.groups.memory_path import REPOSITORY, finished, observed, one_run
from tests.bench.harness import Figure

ROLE = "AROAEXAMPLEEXAMPLE123"
TEN = 10
BATCHES = 200
WHOLE = 1_769
"""MB of memory with which a function has one processor; with less it has its share. Source: "AWS Lambda Developer
Guide", memory and computing power."""


class Nobody:
    """The queue that lent the messages: none of them comes back, or the figure would be none."""

    def defer(self, receipt: str, delay: Span) -> None:
        """Never."""
        raise AssertionError(receipt, delay)

    def bury(self, body: str, why: InvalidInput) -> None:
        """Never."""
        raise AssertionError(body, why)


def figures() -> Iterator[Figure]:
    """Two hundred batches of ten reports, each of a machine that was taken back: success is not told by reports."""
    took, requests = batches(BATCHES)
    slowest, median, memory = took[-(-len(took) * 99 // 100) - 1], took[len(took) // 2], memory_of("reports")
    what = f"CPU of the reports function for {TEN} genuine reports, boto3's {requests / BATCHES:g} requests included"
    share = max(1, WHOLE / memory)
    words = f"the 99th of a hundred with the {memory} MB that the stack gives it, 1/{share:.1f} of a processor; aim 500"
    yield Figure("reports.p99_ms", round(slowest * share / 1e6, 1), "ms", words, slowest)
    yield Figure("reports.p99_cpu_ms", round(slowest / 1e6, 2), "ms", f"{what}; the 99th of a hundred", slowest)
    yield Figure("reports.p50_cpu_ms", round(median / 1e6, 2), "ms", "the same; the median", median)


def batches(count: int) -> tuple[list[int], int]:
    """Nanoseconds of CPU for each of so many batches, the shortest first; and the requests of all."""
    profile = MemoryProfile()
    table, wire, clients = by_boto3(memory_table())
    profile.table.override(providers.Object(table))
    profile.decisions.override(providers.Object(LoggedDecisions(len, catalogue(), "paddock-ci")))
    profile.clock().set(1_795_348_800 * SECOND)
    profile.model().add_repository(REPOSITORY)
    digest = "ab" * 32
    package = PublishedPackage(Arch.X64, "2.330.0", "runner.tar.gz", "https://github.invalid/r", digest, digest)
    profile.model().packages[Arch.X64] = package
    function = ReportsFunction(profile.fleet(), Nobody(), ROLE)
    took = []
    try:
        for _ in range(count):
            event = {"Records": [record(profile, job) for job in running(profile, one_run(profile))]}
            wire.on = True
            before = time.process_time_ns()
            answer = function(event)
            took.append(time.process_time_ns() - before)
            wire.on = False
            if answer["batchItemFailures"]:
                raise AssertionError(answer)
    finally:
        clients.close()
    return sorted(took), wire.requests


def running(profile: MemoryProfile, requests: Sequence[JobRequested]) -> list[Job]:
    """These jobs, each on its machine by GitHub's word."""
    fleet, clock = profile.fleet(), profile.clock()
    for asked in requests:
        fleet.intake(asked)
    while fleet.dispatch_once():
        clock.advance(SECOND)
    found = [profile.table().jobs.get(str(asked.job.job_id)) for asked in requests]
    jobs = [job for job in found if job is not None]
    clock.advance(30 * SECOND)
    for job in jobs:
        fleet.intake(observed(job, Observed.IN_PROGRESS, clock.now(), profile))
    while fleet.complete_once():
        pass
    clock.advance(60 * SECOND)
    return jobs


def record(profile: MemoryProfile, job: Job) -> dict[str, object]:
    """The last report of the job's machine, as SQS hands it over."""
    return {
        "messageId": f"message-{job.id}",
        "receiptHandle": f"receipt-{job.id}",
        "body": message_text(taken_back(job, profile.clock().now())),
        "attributes": {"ApproximateReceiveCount": "1", "SenderId": f"{ROLE}:{job.machine}"},
    }


def taken_back(job: Job, now: int) -> RunnerReported:
    """The last report of a machine that the cloud took in the middle of the job."""
    return attrs.evolve(finished(job, now), result=OperationalResult.INTERRUPTED, conclusion=None, exit_code=None)
