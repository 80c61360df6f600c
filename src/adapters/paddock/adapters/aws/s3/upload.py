"""Bringing bytes into a bucket, in one request or in parts: until it is done, nothing is to be seen of them."""

import base64
import contextlib
import hashlib
from collections.abc import Iterator
from itertools import chain
from typing import TYPE_CHECKING, BinaryIO

from paddock.adapters.aws.errors import Asking
from paddock.core.errors import PaddockError, Rejected

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client
    from types_boto3_s3.type_defs import CompletedPartTypeDef

PART = 8 << 20  # bytes; S3 takes parts from 5 MiB on, and ten thousand of them
SHA256 = "sha256"  # the metadata's name for it: S3's own checksum of parts is none of the whole


class Upload:
    """One object on its way."""

    def __init__(self, client: "S3Client", ask: Asking, bucket: str, key: str, sha256: str) -> None:
        """Args: the client, and how it is asked; where to; the digest that the bytes must have."""
        self._client = client
        self._ask = ask
        self._bucket = bucket
        self._key = key
        self._sha256 = sha256
        self._digest = hashlib.sha256()
        self.size = 0

    def send(self, content: BinaryIO) -> None:
        """Store what `content` holds from where it stands.

        Raises:
            Rejected: the bytes have another digest; nothing was stored.
            PaddockError: by S3's code. After `Unavailable` the object may have been stored.
        """
        parts = self._read(content)
        first, second = next(parts, b""), next(parts, None)
        if second is None:
            self._check()
            self._ask(
                self._client.put_object,
                Bucket=self._bucket,
                Key=self._key,
                Body=first,
                ChecksumSHA256=_base64(hashlib.sha256(first)),
                Metadata={SHA256: self._sha256},
            )
        else:
            self._send_parts(chain((first, second), parts))

    def _send_parts(self, parts: Iterator[bytes]) -> None:
        created = self._ask(
            self._client.create_multipart_upload,
            Bucket=self._bucket,
            Key=self._key,
            ChecksumAlgorithm="SHA256",
            Metadata={SHA256: self._sha256},
        )
        upload = created["UploadId"]
        try:
            done = [self._send_part(upload, number, part) for number, part in enumerate(parts, 1)]
            self._check()
            self._ask(
                self._client.complete_multipart_upload,
                Bucket=self._bucket,
                Key=self._key,
                UploadId=upload,
                MultipartUpload={"Parts": done},
            )
        except BaseException:
            # Parts that nobody puts together are paid for; what cannot be ended now, the bucket's rule ends.
            with contextlib.suppress(PaddockError):
                self._ask(self._client.abort_multipart_upload, Bucket=self._bucket, Key=self._key, UploadId=upload)
            raise

    def _send_part(self, upload: str, number: int, part: bytes) -> "CompletedPartTypeDef":
        checksum = _base64(hashlib.sha256(part))
        answer = self._ask(
            self._client.upload_part,
            Bucket=self._bucket,
            Key=self._key,
            UploadId=upload,
            PartNumber=number,
            Body=part,
            ChecksumSHA256=checksum,
        )
        return {"ETag": answer["ETag"], "PartNumber": number, "ChecksumSHA256": checksum}

    def _read(self, content: BinaryIO) -> Iterator[bytes]:
        """The bytes in parts, each full but the last; they are counted and digested on the way."""
        while part := _full(content, PART):
            self._digest.update(part)
            self.size += len(part)
            yield part

    def _check(self) -> None:
        found = self._digest.hexdigest()
        if found != self._sha256:
            raise Rejected(f"{self._key}: its SHA-256 is {found}, not {self._sha256}")


def _full(content: BinaryIO, size: int) -> bytes:
    """So many bytes, fewer only at the end: one read may bring fewer than there are."""
    pieces, missing = [], size
    while missing and (piece := content.read(missing)):
        pieces.append(piece)
        missing -= len(piece)
    return b"".join(pieces)


def _base64(digest: "hashlib._Hash") -> str:
    return base64.b64encode(digest.digest()).decode()
