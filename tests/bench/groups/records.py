"""How large and how dear the records are."""

import json
from collections.abc import Iterator

from paddock.core.codec import from_data, to_data
from paddock.core.job import Job, JobFacts
from paddock.core.spec import RunnerSpec
from paddock.core.states import JobState, OperationalResult
from paddock.core.units import MINUTE, SECOND
from tests.bench.harness import Figure, cpu_nanoseconds, microseconds

START = 1_795_348_800 * SECOND


def a_finished_job() -> Job:
    """A job with every field set, as long as they commonly are."""
    facts = JobFacts(
        job_id=47_852_396_113,
        run_id=17_012_345_678,
        repository="octo-org/octo-repository",
        labels=("paddock/cpu=4/arch=arm64/family=m7g+c7g",),
        run_attempt=1,
        name="build (ubuntu-24.04, 3.12)",
        workflow="Continuous integration",
        head_sha="9c1b5a2f0c6a3f4f5d9b1e0f7b6f2a9d8c7e6b5a",
        head_branch="feature/a-branch-of-usual-length",
        installation_id=5_550_123,
        created_at=START,
    )
    return Job(
        facts=facts,
        state=JobState.FINISHED,
        received_at=START + SECOND,
        spec=RunnerSpec(families=("m7g", "c7g")),
        launch=1,
        launch_id="5f2b8c3e9a7d4f1b8c6e2a9d7f3b1c5e",
        machine="i-0123456789abcdef0",
        runner_name="paddock--47852396113-1-0a1b2c3d",
        lease_until=START + 2 * MINUTE,
        launched_at=START + 2 * SECOND,
        started_at=START + 31 * SECOND,
        finished_at=START + 7 * MINUTE,
        conclusion="success",
        result=OperationalResult.SERVED,
    )


def figures() -> Iterator[Figure]:
    """A job's record: its bytes, and the way there and back."""
    job = a_finished_job()
    text = json.dumps(to_data(job), separators=(",", ":"))
    yield Figure("job_record.bytes", len(text.encode()), "B", "a finished job's record as compact JSON")
    write = cpu_nanoseconds(lambda: json.dumps(to_data(job)), 500)
    yield microseconds("job_record.write_cpu_us", write, "CPU to turn it into JSON")
    read = cpu_nanoseconds(lambda: from_data(json.loads(text), Job), 500)
    yield microseconds("job_record.read_cpu_us", read, "CPU to turn JSON into it")
