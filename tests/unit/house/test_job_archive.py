"""The archive of old jobs: what is written keeps to the contract, is the same bytes each time, and can be read."""

import gzip
import io
import json
import re
from fnmatch import fnmatchcase
from functools import reduce
from hashlib import sha256
from pathlib import Path
from typing import Any, cast

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paddock.adapters.memory.objects import MemoryObjects
from paddock.adapters.memory.system import ManualClock
from paddock.adapters.object_keys import is_key
from paddock.core.archive import ArchivedJob, archive_key, put_archive, read_archive
from paddock.core.codec import to_data
from paddock.core.costs.ledger import Bill, Interval, Phase
from paddock.core.errors import InvalidInput
from paddock.core.job import Job, JobFacts
from paddock.core.ports.objects import Objects
from paddock.core.spec import Market, Range, RunnerSpec
from paddock.core.states import JobState, OperationalResult
from paddock.core.units import DAY, MINUTE, SECOND
from tests.contracts import breaches, schema
from tests.faults import Failing
from tests.strategies import NOON, bills, jobs

GOLDEN = Path(__file__).parents[2] / "golden" / "archived_jobs.jsonl"
FACTS = JobFacts(
    job_id=17, run_id=7, repository="acme/api", labels=("paddock", "cpu=4"), name="caf\u00e9", created_at=NOON
)
SERVED = ArchivedJob(
    Job(
        FACTS,
        JobState.FINISHED,
        received_at=NOON + SECOND,
        spec=RunnerSpec(cpu=Range(4, 4)),
        launch=1,
        launch_id="l-1",
        machine="i-1",
        launched_at=NOON + 2 * SECOND,
        started_at=NOON + 30 * SECOND,
        finished_at=NOON + 90 * SECOND,
        conclusion="success",
        result=OperationalResult.SERVED,
    ),
    Bill(
        "i-1",
        NOON + 2 * SECOND,
        (Interval(Phase.BOOT, NOON + 30 * SECOND, 40, 2, 1), Interval(Phase.JOB, NOON + 90 * SECOND, None, 4, 2)),
        "m7i.xlarge",
        Market.SPOT,
        "acme/api",
        "CI",
        17,
    ),
)
REFUSED = ArchivedJob(
    Job(attrs.evolve(FACTS, job_id=18, created_at=NOON + MINUTE), JobState.REJECTED, reason="cpu = 0"), None
)
archived = st.builds(ArchivedJob, job=jobs, bill=st.none() | bills)


def store() -> MemoryObjects:
    """An empty one, with small pages."""
    return MemoryObjects(ManualClock(NOON), page_size=2)


def lines(objects: MemoryObjects, key: str) -> list[str]:
    """The lines of an object."""
    with objects.open(key) as content:
        return gzip.decompress(content.read()).decode("ascii").splitlines()


@settings(max_examples=30)
@given(st.lists(archived, max_size=3))
def test_what_is_archived_fits_the_contract_and_is_read_as_it_was(several: list[ArchivedJob]) -> None:
    """Each line is what the schema promises, in plain ASCII with its keys sorted; reading gives equal records."""
    objects = store()
    put_archive(objects, "jobs/x.jsonl.gz", several)
    for line in lines(objects, "jobs/x.jsonl.gz"):
        data = json.loads(line)
        assert breaches("archived_job", data) == []
        assert line == json.dumps(data, sort_keys=True, separators=(",", ":"))
    assert list(map(repr, read_archive(objects))) == list(map(repr, several))


def only_as_in(old: object, new: object) -> object:
    """`new`, without the keys that `old` does not have."""
    if isinstance(old, dict) and isinstance(new, dict):
        return {key: only_as_in(old[key], value) for key, value in new.items() if key in old}
    return new


def test_lines_that_were_once_written_are_written_and_read_for_ever() -> None:
    """Fixed records are known to the letter, but for fields that were added since: those have their defaults."""
    objects = store()
    put_archive(objects, "jobs/now.jsonl.gz", [SERVED, REFUSED])
    golden = GOLDEN.read_text(encoding="ascii")
    before, now = map(json.loads, golden.splitlines()), map(json.loads, lines(objects, "jobs/now.jsonl.gz"))
    for old, new in zip(before, now, strict=True):
        assert breaches("archived_job", old) == []
        assert only_as_in(old, new) == old
    packed = gzip.compress(golden.encode())
    objects.put("then/a.jsonl.gz", io.BytesIO(packed), sha256(packed).hexdigest())
    assert list(read_archive(objects, "then/")) == [SERVED, REFUSED]


def test_the_same_jobs_are_the_same_bytes() -> None:
    """So a repetition stores what is there already: no time and no name is in the bytes."""
    objects = store()
    for key in ("jobs/a.jsonl.gz", "jobs/b.jsonl.gz"):
        put_archive(objects, key, [SERVED, REFUSED])
    first, second = objects.head("jobs/a.jsonl.gz"), objects.head("jobs/b.jsonl.gz")
    assert first is not None
    assert second is not None
    assert first.sha256 == second.sha256
    with objects.open("jobs/a.jsonl.gz") as content:
        assert content.read(8)[3:] == bytes(5)  # gzip's flags and its time


def test_the_pages_line_reads_what_is_written() -> None:
    """Its pattern of files is that of the keys, and there are texts where its filter of jq looks for them."""
    page = (Path(__file__).parents[3] / "docs" / "operating.md").read_text(encoding="utf-8")
    (shown,) = re.findall(r"^ *zcat jobs/2026/11/22/(\S+) \| jq -r '\[(.+)\] \| @tsv'$", page, re.MULTILINE)
    pattern, paths = shown
    objects = store()
    key = archive_key(SERVED.job)
    assert fnmatchcase(key, f"jobs/????/??/??/{pattern}")
    put_archive(objects, key, [SERVED])
    (line,) = lines(objects, key)
    read = [
        reduce(lambda data, name: data[name], path.strip(" .").split("."), json.loads(line))
        for path in paths.split(",")
    ]
    assert read == ["acme/api", "finished", "success"]


@given(jobs, jobs)
def test_keys_are_in_the_order_of_time(one: Job, other: Job) -> None:
    """They are keys that stores of objects take, by day, and sort as the jobs were created."""
    keys = [archive_key(job, alone=alone) for job in (one, other) for alone in (False, True)]
    assert all(map(is_key, keys))
    if one.facts.created_at < other.facts.created_at:
        assert max(keys[:2]) < min(keys[2:])


def test_a_key_says_day_moment_and_job() -> None:
    """People find an object by looking."""
    assert archive_key(SERVED.job) == "jobs/2026/11/22/20261122T120000.000000Z-17.jsonl.gz"
    assert archive_key(SERVED.job, alone=True) == "jobs/2026/11/22/20261122T120000.000000Z-17-late.jsonl.gz"


def test_a_day_is_read_by_its_prefix_over_all_pages() -> None:
    """In the order of time, and nothing of other days."""
    objects = store()
    found = [Job(attrs.evolve(FACTS, job_id=number, created_at=NOON + number * MINUTE)) for number in range(5)]
    later = Job(attrs.evolve(FACTS, job_id=9, created_at=NOON + DAY))
    for job in (later, *reversed(found)):
        put_archive(objects, archive_key(job), [ArchivedJob(job, None)])
    assert [one.job.id for one in read_archive(objects, "jobs/2026/11/22/")] == [0, 1, 2, 3, 4]
    assert [one.job.id for one in read_archive(objects)] == [0, 1, 2, 3, 4, 9]
    assert list(read_archive(objects, "jobs/2025/")) == []


def test_reading_holds_a_line_at_a_time() -> None:
    """Whoever stops has opened no more than what he read."""
    objects, watch = store(), Failing()
    for number in (1, 2, 3):
        put_archive(objects, f"jobs/{number}.jsonl.gz", [SERVED, REFUSED])
    reading = read_archive(cast("Objects", watch.around("objects", objects)))
    assert [next(reading).job.id for _ in range(3)] == [17, 18, 17]
    assert watch.calls == ["objects.page", "objects.open", "objects.open"]


@pytest.mark.parametrize(
    "content",
    [
        b"no gzip",
        gzip.compress(b"no JSON\n"),
        gzip.compress(b"[]\n"),
        gzip.compress(b'{"job": {"facts": {}}, "bill": null}\n'),
        gzip.compress(b'{"job": 1}\n')[:-9],
        gzip.compress(bytes(range(256)))[:20],
    ],
    ids=["no gzip", "no JSON", "no object", "no job", "cut off", "cut off within"],
)
def test_what_is_no_archive_is_refused_by_its_name(content: bytes) -> None:
    """A damaged object is neither passed over nor guessed at, and what stands before it is given."""
    objects = store()
    put_archive(objects, "jobs/a.jsonl.gz", [SERVED])
    objects.put("jobs/b.jsonl.gz", io.BytesIO(content), sha256(content).hexdigest())
    reading = read_archive(objects)
    assert next(reading) == SERVED
    with pytest.raises(InvalidInput, match=r"jobs/b\.jsonl\.gz"):
        next(reading)


def test_a_line_of_tomorrow_is_read() -> None:
    """Fields that are added later are passed over, and fields that were added since have their defaults."""
    least = {"job": {"facts": {"job_id": 1, "run_id": 2, "repository": "a/b", "labels": []}, "mood": 1}, "bill": None}
    assert breaches("archived_job", least) == []
    packed = gzip.compress(json.dumps(least).encode())
    objects = store()
    objects.put("jobs/a.jsonl.gz", io.BytesIO(packed), sha256(packed).hexdigest())
    assert list(read_archive(objects)) == [ArchivedJob(Job(JobFacts(1, 2, "a/b", ())), None)]


@pytest.mark.parametrize(
    ("part", "record"),
    [
        ("", ArchivedJob),
        ("job", Job),
        ("facts", JobFacts),
        ("spec", RunnerSpec),
        ("range", Range),
        ("bill", Bill),
        ("interval", Interval),
    ],
)
def test_contract_and_records_have_the_same_fields(part: str, record: type) -> None:
    """A field that a record gets is described in the contract, with its default; none is there that no record has."""
    node = schema("archived_job")["$defs"][part] if part else schema("archived_job")
    known = attrs.fields_dict(record)
    assert list(node["properties"]) == list(known)
    assert node["required"] == [name for name, field in known.items() if field.default is attrs.NOTHING]
    for name, field in known.items():
        of: dict[str, Any] = node["properties"][name]
        assert "$ref" in of or of["description"].endswith("."), name
        if name.endswith(("_at", "_until", "_before", "start", "end")):
            assert "icroseconds" in of["description"], name
        if field.default is attrs.NOTHING:
            assert "default" not in of
        else:
            default = json.loads(json.dumps(to_data({"": field.default})))[""]
            assert {**default, **of["default"]} == default if isinstance(default, dict) else of["default"] == default


def test_facts_are_described_as_in_messages() -> None:
    """They are the same facts."""
    assert schema("archived_job")["$defs"]["facts"] == schema("job_observed")["$defs"]["job"]
