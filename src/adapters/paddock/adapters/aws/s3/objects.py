"""Objects in a bucket of S3. No versions are needed, and none are made use of.

Requests: `put` makes two, or one for every 8 MiB and three; `head`, `open`, `page` and `delete` one each. `head` of an
object that somebody else stored without a digest reads it.

Bytes are checked on their way in both directions: up by the SHA-256 of each request, down by the checksum that S3
keeps. The digest of the whole is kept as metadata, ``sha256``.
"""

import base64
import contextlib
import hashlib
from collections.abc import Iterator
from tempfile import SpooledTemporaryFile
from typing import IO, TYPE_CHECKING, BinaryIO, cast

from botocore.exceptions import FlexibleChecksumError

from paddock.adapters.aws.clients import Clients
from paddock.adapters.aws.errors import Asking
from paddock.adapters.aws.s3.codes import CODES
from paddock.adapters.aws.s3.upload import SHA256, Upload
from paddock.adapters.object_keys import checked, is_key
from paddock.core.errors import NotFound, Unavailable
from paddock.core.ports.objects import Listed, Stored
from paddock.core.ports.records import Page
from paddock.core.ports.system import Clock
from paddock.core.units import moment_of

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client
    from types_boto3_s3.type_defs import HeadObjectOutputTypeDef

_PAGE = 1_000  # S3's most
_IN_MEMORY = 8 << 20
_CHUNK = 1 << 20


class S3Objects:
    """`Objects` in a bucket. Safe for threads."""

    def __init__(self, clients: Clients, bucket: str, clock: Clock, *, page_size: int = _PAGE) -> None:
        """Args: the clients; the bucket; the clock; how many objects a page holds, at most a thousand."""
        self._clients = clients
        self._bucket = bucket
        self._clock = clock
        self._page_size = page_size
        self._ask = Asking(CODES)

    def put(self, key: str, content: BinaryIO, sha256: str) -> Stored:
        """See `Objects.put`; holds at most two parts of 8 MiB in memory.

        After `Unavailable` the object may be there all the same, whole, if S3's answer was lost.
        """
        upload = Upload(self._client, self._ask, self._bucket, checked(key), sha256)
        try:
            upload.send(content)
        except Unavailable:
            stored = self._ours(key, sha256)
            if stored is None:
                raise
            return stored
        # When S3 stored it, it says only to those who ask. If it was replaced meanwhile, the clock must do.
        return self._ours(key, sha256) or Stored(key, upload.size, self._clock.now(), sha256)

    def head(self, key: str) -> Stored | None:
        """See `Objects.head`."""
        checked(key)
        try:
            found = self._ask(self._client.head_object, Bucket=self._bucket, Key=key, ChecksumMode="ENABLED")
            digest = _digest(found) or self._read_digest(key)
        except NotFound:
            return None
        return Stored(key, found["ContentLength"], moment_of(found["LastModified"]), digest)

    @contextlib.contextmanager
    def open(self, key: str) -> Iterator[BinaryIO]:
        """See `Objects.open`; all of it is fetched first, to a temporary file if it is over 8 MiB."""
        checked(key)
        with SpooledTemporaryFile(_IN_MEMORY) as file:
            self._fetch(key, file)
            file.seek(0)
            yield cast("BinaryIO", file)

    def page(self, prefix: str, cursor: str | None = None) -> Page[Listed]:
        """See `Objects.page`; what others stored under keys that are none is left out."""
        answer = self._ask(
            self._client.list_objects_v2,
            Bucket=self._bucket,
            Prefix=prefix,
            MaxKeys=self._page_size,
            StartAfter=cursor or "",
        )
        found = answer.get("Contents", [])
        items = tuple(
            Listed(each["Key"], each["Size"], moment_of(each["LastModified"])) for each in found if is_key(each["Key"])
        )
        return Page(items, found[-1]["Key"] if answer["IsTruncated"] and found else None)

    def delete(self, key: str) -> None:
        """See `Objects.delete`."""
        self._ask(self._client.delete_object, Bucket=self._bucket, Key=checked(key))

    @property
    def _client(self) -> "S3Client":
        return self._clients.s3

    def _ours(self, key: str, sha256: str) -> Stored | None:
        """What is stored, if it has this digest."""
        stored = self.head(key)
        return stored if stored is not None and stored.sha256 == sha256 else None

    def _read_digest(self, key: str) -> str:
        with self.open(key) as content:
            return hashlib.file_digest(content, "sha256").hexdigest()  # type: ignore[arg-type]  # a file, as it asks

    def _fetch(self, key: str, file: IO[bytes]) -> None:
        def get_object() -> None:
            body = self._client.get_object(Bucket=self._bucket, Key=key)["Body"]
            with contextlib.closing(body):
                try:
                    for chunk in body.iter_chunks(_CHUNK):
                        file.write(chunk)
                except FlexibleChecksumError as error:
                    raise Unavailable(f"get_object: {key} was damaged on its way: {error}") from error

        self._ask(get_object)


def _digest(found: "HeadObjectOutputTypeDef") -> str:
    """The digest that was stored with it, by us or by S3 itself; empty if there is none of the whole."""
    kept = found.get("Metadata", {}).get(SHA256, "")
    if kept or found.get("ChecksumType") != "FULL_OBJECT":
        return kept
    return base64.b64decode(found.get("ChecksumSHA256", "")).hex()
