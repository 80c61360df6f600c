"""S3 as the adapter asks it: large objects in parts, answers that get lost, others' objects, codes and rights."""

import hashlib
import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from botocore.exceptions import ConnectionClosedError, FlexibleChecksumError
from botocore.response import StreamingBody

from paddock.adapters.aws.s3.codes import CODES
from paddock.adapters.aws.s3.objects import S3Objects
from paddock.adapters.aws.s3.policy import READER, WRITER
from paddock.adapters.aws.s3.upload import PART
from paddock.adapters.memory.system import ManualClock
from paddock.core.errors import AccessDenied, NotFound, PaddockError, Rejected, Throttled, Unavailable
from paddock.core.ports.objects import Stored
from tests.aws.bucket import MotoBucket, bucket_on_moto
from tests.aws.judge import model
from tests.strategies import NOON

KEY = "runners/2.336.0/linux-x64.tar.gz"
LARGE = bytes(range(256)) * (2 * PART // 256) + b"the end"
OPERATIONS = (
    *("PutObject", "HeadObject", "GetObject", "ListObjectsV2", "DeleteObject", "CreateMultipartUpload", "UploadPart"),
    *("CompleteMultipartUpload", "AbortMultipartUpload"),
)
ACTIONS = {
    "HeadObject": "GetObject",
    "ListObjectsV2": "ListBucket",
    **dict.fromkeys(("CreateMultipartUpload", "UploadPart", "CompleteMultipartUpload"), "PutObject"),
}


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


class Wire:
    """Listens to AWS's own client, and meddles: by its hooks, before a request goes out or after its answer came."""

    def __init__(self, made: MotoBucket) -> None:
        self.operations: list[str] = []
        self._events = made.clients.s3.meta.events
        self._handlers: list[tuple[str, Any]] = []
        self.on("before-call.s3", lambda model, **_: self.operations.append(model.name))

    def on(self, event: str, handler: Callable[..., Any]) -> None:
        """Call the handler at the event."""
        self._events.register_first(event, handler)
        self._handlers.append((event, handler))

    def lose(self, operation: str, when: str = "after") -> None:
        """No answer comes to it: the deed is done, or it is not (``before``)."""

        def gone(**_: object) -> None:
            raise ConnectionClosedError(endpoint_url="http://s3.example")

        self.on(f"{when}-call.s3.{operation}", gone)

    def refuse(self, operation: str, status: int, code: str) -> None:
        """It is answered with an error; HEAD has no body for the code."""
        text = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>so it is</Message></Error>".encode()
        body = b"" if operation == "HeadObject" else text

        class Raw(io.BytesIO):
            def stream(self, **_: object) -> Iterator[bytes]:
                yield self.read()

        self.on(
            f"before-send.s3.{operation}",
            lambda **_: AWSResponse("http://s3.example", status, HTTPHeaders(), Raw(body)),
        )

    def close(self) -> None:
        """Listen no more."""
        for event, handler in self._handlers:
            self._events.unregister(event, handler)


@pytest.fixture(scope="module")
def made() -> Iterator[MotoBucket]:
    """A bucket for all tests of this file; each leaves it empty."""
    with bucket_on_moto(ManualClock(NOON)) as opened:
        yield opened


@pytest.fixture
def wire(made: MotoBucket) -> Iterator[Wire]:
    """The way to S3; afterwards the bucket is empty, and nobody meddles any more."""
    opened = Wire(made)
    yield opened
    opened.close()
    s3 = made.clients.s3
    for each in s3.list_objects_v2(Bucket=made.name).get("Contents", []):
        s3.delete_object(Bucket=made.name, Key=each["Key"])
    for begun in s3.list_multipart_uploads(Bucket=made.name).get("Uploads", []):
        s3.abort_multipart_upload(Bucket=made.name, Key=begun["Key"], UploadId=begun["UploadId"])


@pytest.fixture
def objects(made: MotoBucket, wire: Wire) -> S3Objects:
    """The store, over that way."""
    assert wire.operations == []
    return S3Objects(made.clients, made.name, ManualClock(NOON))


def put(objects: S3Objects, data: bytes, announced: bytes | None = None) -> Stored:
    return objects.put(KEY, io.BytesIO(data), sha256(data if announced is None else announced))


def content(objects: S3Objects) -> bytes:
    with objects.open(KEY) as file:
        return file.read()


def unfinished(made: MotoBucket) -> int:
    """How many uploads in parts wait for their end."""
    return len(made.clients.s3.list_multipart_uploads(Bucket=made.name).get("Uploads", []))


@contextmanager
def nothing_changes(objects: S3Objects, made: MotoBucket) -> Iterator[None]:
    """What was there is there afterwards, and nothing half-done lies about."""
    put(objects, b"before")
    yield
    assert content(objects) == b"before"
    assert unfinished(made) == 0


def test_up_to_a_part_is_one_request(objects: S3Objects, wire: Wire) -> None:
    """And one more to learn when it was stored."""
    put(objects, LARGE[:PART])
    assert wire.operations == ["PutObject", "HeadObject"]


def test_more_goes_in_parts(objects: S3Objects, wire: Wire, made: MotoBucket) -> None:
    """They are put together by S3; size, digest and bytes are those of the whole."""
    stored = put(objects, LARGE)
    assert wire.operations == [
        "CreateMultipartUpload",
        *["UploadPart"] * 3,
        "CompleteMultipartUpload",
        "HeadObject",
    ]
    assert (stored.size, stored.sha256) == (len(LARGE), sha256(LARGE))
    assert objects.head(KEY) == stored
    assert content(objects) == LARGE
    assert unfinished(made) == 0


class Dripping(io.RawIOBase):
    """A source that gives less than it is asked for, and may fail after some of it."""

    def __init__(self, data: bytes, fails: bool = False) -> None:  # noqa: FBT001, FBT002 - a test's own switch
        self.rest = memoryview(data)
        self.fails = fails

    def read(self, size: int = -1) -> bytes:
        """At most a mebibyte."""
        if not self.rest and self.fails:
            raise RuntimeError("the source failed")
        given, self.rest = self.rest[: min(size, 1 << 20)], self.rest[min(size, 1 << 20) :]
        return bytes(given)


def test_parts_are_full_whatever_a_read_brings(objects: S3Objects, wire: Wire) -> None:
    """S3 refuses small parts, except for the last."""
    objects.put(KEY, Dripping(LARGE), sha256(LARGE))  # type: ignore[arg-type]  # all of a file that is needed
    assert wire.operations.count("UploadPart") == 3
    assert content(objects) == LARGE


def test_parts_that_are_not_what_was_announced_are_thrown_away(objects: S3Objects, made: MotoBucket) -> None:
    """The digest is known at the end, and only then would anybody see the object."""
    with nothing_changes(objects, made), pytest.raises(Rejected, match=sha256(LARGE)):
        put(objects, LARGE, announced=b"another")


def test_a_source_that_fails_in_the_middle_leaves_nothing(objects: S3Objects, made: MotoBucket) -> None:
    """Parts that had been stored are gone."""
    with nothing_changes(objects, made), pytest.raises(RuntimeError, match="the source failed"):
        objects.put(KEY, Dripping(LARGE, fails=True), sha256(LARGE))  # type: ignore[arg-type]  # as above


def test_a_part_that_is_refused_ends_the_upload(objects: S3Objects, wire: Wire, made: MotoBucket) -> None:
    """With the error of that part."""
    with nothing_changes(objects, made):
        wire.refuse("UploadPart", 400, "BadDigest")
        with pytest.raises(Rejected, match="BadDigest"):
            put(objects, LARGE)
    assert wire.operations.count("AbortMultipartUpload") == 1


def test_an_upload_that_cannot_be_ended_still_tells_its_own_error(objects: S3Objects, wire: Wire) -> None:
    """What is left of it is the bucket's rule's affair."""
    wire.refuse("UploadPart", 403, "AccessDenied")
    wire.refuse("AbortMultipartUpload", 404, "NoSuchUpload")
    with pytest.raises(AccessDenied):
        put(objects, LARGE)


@pytest.mark.parametrize(
    ("data", "operation"),
    [(b"small", "PutObject"), (LARGE, "CompleteMultipartUpload")],
    ids=["at once", "in parts"],
)
def test_an_answer_that_was_lost_is_no_failure(objects: S3Objects, wire: Wire, data: bytes, operation: str) -> None:
    """What stands there is what was to be put."""
    wire.lose(operation)
    assert put(objects, data).sha256 == sha256(data)
    assert content(objects) == data


@pytest.mark.parametrize("data", [b"small", LARGE], ids=["at once", "in parts"])
def test_what_never_arrived_is_a_failure(objects: S3Objects, wire: Wire, made: MotoBucket, data: bytes) -> None:
    """What stands there is something else."""
    with nothing_changes(objects, made):
        wire.lose("PutObject", "before")
        wire.lose("CompleteMultipartUpload", "before")
        with pytest.raises(Unavailable):
            put(objects, data)


def test_an_object_that_was_replaced_at_once_was_stored(objects: S3Objects, wire: Wire, made: MotoBucket) -> None:
    """Between the put and the look at it somebody else was there."""
    other = made.clients.session.client("s3", "eu-west-1", endpoint_url=made.url)

    def replace(**_: object) -> None:
        other.put_object(Bucket=made.name, Key=KEY, Body=b"theirs")

    wire.on("before-call.s3.HeadObject", replace)
    assert put(objects, b"ours") == Stored(KEY, 4, NOON, sha256(b"ours"))
    other.close()


def test_an_object_of_others_is_read_for_its_digest(objects: S3Objects, wire: Wire, made: MotoBucket) -> None:
    """Without one of ours, and without one of S3's."""
    made.clients.s3.put_object(Bucket=made.name, Key=KEY, Body=b"theirs")
    wire.operations.clear()
    found = objects.head(KEY)
    assert found is not None
    assert (found.size, found.sha256) == (6, sha256(b"theirs"))
    assert wire.operations == ["HeadObject", "GetObject"]


def test_a_digest_that_s3_keeps_is_good_enough(objects: S3Objects, wire: Wire, made: MotoBucket) -> None:
    """One of the whole object, that is; a digest of digests of parts is none."""
    made.clients.s3.put_object(Bucket=made.name, Key=KEY, Body=b"theirs")
    checksum = {"ChecksumSHA256": "7FkeoRAbBiH2TKbaJbd5SqX7H1RqbTzy5s3ZS6OGwOM=", "ChecksumType": "FULL_OBJECT"}
    wire.on("after-call.s3.HeadObject", lambda parsed, **_: parsed.update(checksum))
    found = objects.head(KEY)
    assert found is not None
    assert found.sha256 == sha256(b"kept by S3")
    wire.close()
    wire.on("after-call.s3.HeadObject", lambda parsed, **_: parsed.update(checksum, ChecksumType="COMPOSITE"))
    found = objects.head(KEY)
    assert found is not None
    assert found.sha256 == sha256(b"theirs")


def test_keys_that_are_none_are_not_listed(objects: S3Objects, made: MotoBucket) -> None:
    """Other programs make folders and whatnot; the walk goes on behind them."""
    for key in ("a/", "a/b//c", "a/b/d", "a/é", "a/x"):
        made.clients.s3.put_object(Bucket=made.name, Key=key, Body=b"")
    paged = S3Objects(made.clients, made.name, ManualClock(NOON), page_size=2)
    first = paged.page("a")
    second = paged.page("a", first.cursor)
    assert [item.key for item in (*first.items, *second.items)] == ["a/b/d", "a/x"]
    assert [item.key for item in objects.page("a/").items] == ["a/b/d", "a/x"]


@pytest.mark.parametrize("size", [3, 100], ids=["too much", "too little"])
def test_bytes_that_break_off_are_a_passing_fault(objects: S3Objects, wire: Wire, size: int) -> None:
    """Nobody gets half an object."""
    put(objects, b"package")
    wire.on("after-call.s3.GetObject", lambda parsed, **_: parsed.update(Body=StreamingBody(io.BytesIO(b"half"), size)))
    with pytest.raises(Unavailable), objects.open(KEY):
        raise AssertionError("it was opened")


def test_damaged_bytes_are_a_passing_fault(objects: S3Objects, wire: Wire) -> None:
    """What AWS's client finds out by S3's checksum while it reads."""

    class Damaged(io.BytesIO):
        def iter_chunks(self, _size: int) -> Iterator[bytes]:
            yield b"some"
            raise FlexibleChecksumError(error_msg="another checksum")

    put(objects, b"package")
    wire.on("after-call.s3.GetObject", lambda parsed, **_: parsed.update(Body=Damaged()))
    with pytest.raises(Unavailable, match="damaged"), objects.open(KEY):
        raise AssertionError("it was opened")


def every_code() -> Sequence[str]:
    """What the model of S3 documents for the operations that the adapter calls."""
    shapes = [shape for operation in OPERATIONS for shape in model("s3").operation_model(operation).error_shapes]
    return sorted({shape.name for shape in shapes})


def test_every_documented_code_has_a_meaning() -> None:
    """In S3's table, or for a bucket that is not there in the common one."""
    documented = every_code()
    assert len(documented) > 5
    assert [code for code in documented if code not in CODES] == ["NoSuchBucket"]


@pytest.mark.parametrize(
    ("operation", "status", "code", "kind"),
    [
        *[("DeleteObject", 400, code, CODES.get(code, NotFound)) for code in every_code()],
        ("DeleteObject", 403, "AccessDenied", AccessDenied),
        ("HeadObject", 403, "", AccessDenied),
        ("DeleteObject", 400, "BadDigest", Rejected),
        ("DeleteObject", 301, "PermanentRedirect", Rejected),
        ("DeleteObject", 409, "OperationAborted", Unavailable),
    ],
)
def test_a_code_becomes_its_error(
    objects: S3Objects, wire: Wire, operation: str, status: int, code: str, kind: type[PaddockError]
) -> None:
    """Through AWS's own client; HEAD has nothing but its status."""
    wire.refuse(operation, status, code)
    with pytest.raises(kind):
        objects.delete(KEY) if operation == "DeleteObject" else objects.head(KEY)


def test_a_bucket_that_is_too_busy_throttles(objects: S3Objects, wire: Wire) -> None:
    """AWS's client has tried again by then."""
    wire.refuse("DeleteObject", 503, "SlowDown")
    with pytest.raises(Throttled):
        objects.delete(KEY)


def actions(statements: Sequence[object]) -> set[str]:
    """What is allowed."""
    return {
        action.removeprefix("s3:")
        for statement in statements
        if isinstance(statement, dict)
        for action in statement["Action"]
    }


def used(wire: Wire) -> set[str]:
    """The rights that the requests so far needed."""
    return {ACTIONS.get(operation, operation) for operation in wire.operations}


def test_each_role_has_the_rights_that_it_uses_and_no_others(objects: S3Objects, wire: Wire) -> None:
    """The statements beside the adapter against the requests that were made."""
    put(objects, b"package")
    wire.operations.clear()
    content(objects)
    objects.page("")
    objects.head(KEY)
    assert used(wire) == actions(READER)
    put(objects, LARGE)
    with pytest.raises(Rejected):
        put(objects, LARGE, announced=b"another")
    objects.delete(KEY)
    assert used(wire) == actions(WRITER)
