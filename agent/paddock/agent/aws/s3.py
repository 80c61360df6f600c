"""Buckets: the fleet's copies of runner packages, read-only, and the place where diagnoses are kept, write-only."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

from paddock.agent.aws.errors import AwsError, Kind
from paddock.agent.aws.service import Service
from paddock.agent.aws.sigv4 import Request, encode_path

MAX_OBJECT = 5 << 30  # bytes; what one PUT may bring
PUT_TIMEOUT = 60.0  # seconds; what the agent gives to all of its diagnoses


class S3Mirror:
    """``runners/{version}/{platform}/{filename}`` in a bucket; see `ports.PackageMirror`."""

    def __init__(self, s3: Service, prefix: str) -> None:
        """Args: the service at the bucket's address; the path its keys begin with."""
        self._s3 = s3
        self._prefix = prefix

    def request(self, version: str, platform: str, filename: str) -> tuple[str, Mapping[str, str]] | None:
        """See `ports.PackageMirror`. The signature serves for 15 minutes and covers no Range: ask anew for each try.

        None also if there are no credentials to sign with.
        """
        path = f"{self._prefix}runners/{version}/{platform}/{filename}"
        request = Request(method="GET", path=path, headers={"Host": self._s3.authority})
        try:
            headers, _ = self._s3.signer.sign(request, self._s3.name)
        except AwsError:
            return None
        del headers["Host"]  # whoever asks the address says it by itself
        return self._s3.base + encode_path(path), headers


class S3Archive:
    """``diag/{aws:userid}/{name}`` in a bucket; see `ports.Archive`."""

    def __init__(self, s3: Service, prefix: str, user_id: str) -> None:
        """Args: the service at the bucket's address; the path its keys begin with; whose place it is."""
        self._s3 = s3
        self._prefix = f"{prefix}diag/{user_id}/"

    def put(self, name: str, file: Path) -> None:
        """See `ports.Archive`. One PUT, streamed; S3 itself compares the SHA-256."""
        with file.open("rb") as content:
            digest = hashlib.file_digest(content, "sha256").hexdigest()
            size = content.tell()
            if size > MAX_OBJECT:
                raise AwsError(Kind.INVALID, "s3", "PutObject", "TooLarge", f"{size} bytes, at most {MAX_OBJECT}")
            self._s3.send(
                "PUT",
                self._prefix + name,
                {"Content-Length": str(size), "Content-Type": "application/octet-stream"},
                content,
                operation="PutObject",
                digest=digest,
                timeout=PUT_TIMEOUT,
            )
