"""The archive of old jobs: gzipped JSON lines in the object store. What a line holds is the contract ``archived_job``.

Keys are ``jobs/{year}/{month}/{day}/{created_at}-{job id}.jsonl.gz``, by the UTC day on which GitHub created the jobs,
so the order of keys is that of time. An object holds jobs of one day, oldest first.
"""

import gzip
import hashlib
import io
import json
import zlib
from collections.abc import Iterable, Iterator

import attrs

from paddock.core.codec import from_data, to_data
from paddock.core.costs.ledger import Bill
from paddock.core.errors import InvalidInput
from paddock.core.job import Job
from paddock.core.paging import pages
from paddock.core.ports.objects import Objects
from paddock.core.units import datetime_of

FOLDER = "jobs/"


@attrs.frozen
class ArchivedJob:
    """A job as its record was, and the bill of the machine that served it; None if none did, or it is not known."""

    job: Job
    bill: Bill | None


def archive_key(first: Job, *, alone: bool = False) -> str:
    """The key of the object that begins with this job. `alone`: of the one that holds it because it ended late."""
    at = datetime_of(first.facts.created_at)
    return f"{FOLDER}{at:%Y/%m/%d}/{at:%Y%m%dT%H%M%S.%fZ}-{first.id}{'-late' if alone else ''}.jsonl.gz"


def put_archive(objects: Objects, key: str, archived: Iterable[ArchivedJob]) -> None:
    """Store these as one object. The same jobs are the same bytes, whenever they are stored.

    Raises:
        PaddockError: what `Objects.put` raises; then nothing was stored.
    """
    packed = io.BytesIO()
    with gzip.GzipFile("", "wb", fileobj=packed, mtime=0) as lines:
        for one in archived:
            lines.write(json.dumps(to_data(one), sort_keys=True, separators=(",", ":")).encode() + b"\n")
    packed.seek(0)
    objects.put(key, packed, hashlib.sha256(packed.getbuffer()).hexdigest())


def read_archive(objects: Objects, prefix: str = FOLDER) -> Iterator[ArchivedJob]:
    """What is archived under keys that begin with the prefix, such as ``jobs/2026/11/20/``; a line at a time.

    In the order of keys, which is that of GitHub's ``created_at`` but for jobs that ended late.

    Raises:
        InvalidInput: an object is damaged, or is none of the archive; what stands before it was given.
        PaddockError: what `Objects` raises.
    """
    for listed in pages(lambda cursor: objects.page(prefix, cursor)):
        try:
            with objects.open(listed.key) as content, gzip.GzipFile(fileobj=content, mode="rb") as lines:
                for line in lines:
                    yield from_data(json.loads(line), ArchivedJob)
        except (EOFError, ValueError, zlib.error, gzip.BadGzipFile, InvalidInput) as error:
            raise InvalidInput("object", listed.key, f"must be gzipped JSON lines of archived jobs: {error}") from error
