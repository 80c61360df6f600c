"""Signature Version 4, by header.

Source: "Signature Version 4 signing process" in AWS's General Reference. The steps::

    canonical request   method, path, query, headers, their names, hash of the body
    string to sign      algorithm, time, scope (day/region/service/aws4_request), hash of the canonical request
    signing key         HMAC of day, region, service and aws4_request, one under the other, from the secret key
"""

import hashlib
import hmac
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import quote

ALGORITHM = "AWS4-HMAC-SHA256"
EMPTY = hashlib.sha256().hexdigest()
_SAFE = "-_.~"


@dataclass(frozen=True, slots=True)
class Credentials:
    """Keys of a role's session. ``expires`` is microseconds since the epoch; 0: never."""

    access_key: str
    secret_key: str = field(repr=False)
    token: str = field(default="", repr=False)
    expires: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What is signed. ``path`` and ``query`` are not yet encoded; ``digest`` is the body's SHA-256 in hexadecimal.

    ``headers`` must have Host. Names may be in any case, but each only once.
    """

    method: str
    path: str
    headers: Mapping[str, str]
    query: Iterable[tuple[str, str]] = ()
    digest: str = EMPTY


def encode_path(path: str) -> str:
    """The path as it goes over the wire."""
    return quote(path or "/", safe=f"/{_SAFE}")


def encode_query(query: Iterable[tuple[str, str]]) -> str:
    """The query as it goes over the wire and as it is signed: sorted, every reserved character encoded."""
    encoded = sorted((quote(name, safe=_SAFE), quote(value, safe=_SAFE)) for name, value in query)
    return "&".join(f"{name}={value}" for name, value in encoded)


def sign(request: Request, credentials: Credentials, *, region: str, service: str, at: int) -> dict[str, str]:
    """The request's headers with the time, the session token and the signature added.

    Args:
        request: what is to be sent.
        credentials: whose signature.
        region: of the service, such as eu-west-1.
        service: the name AWS signs it by, such as dynamodb.
        at: the moment, in microseconds since the epoch.
    """
    moment = datetime.fromtimestamp(at // 1_000_000, UTC).strftime("%Y%m%dT%H%M%SZ")
    headers = {**request.headers, "X-Amz-Date": moment}
    if credentials.token:
        headers["X-Amz-Security-Token"] = credentials.token
    if service == "s3":  # the others take the body's hash from the body
        headers["X-Amz-Content-SHA256"] = request.digest
    scope = f"{moment[:8]}/{region}/{service}/aws4_request"
    canonical, names = canonical_request(request, headers, twice=service != "s3")
    to_sign = "\n".join((ALGORITHM, moment, scope, hashlib.sha256(canonical.encode()).hexdigest()))
    key = f"AWS4{credentials.secret_key}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    signature = hmac.digest(key, to_sign.encode(), "sha256").hex()
    headers["Authorization"] = (
        f"{ALGORITHM} Credential={credentials.access_key}/{scope}, SignedHeaders={names}, Signature={signature}"
    )
    return headers


def canonical_request(request: Request, headers: Mapping[str, str], *, twice: bool) -> tuple[str, str]:
    """The text that is hashed, and the names of the headers in it. `twice`: the path is encoded once more than sent."""
    path = encode_path(request.path)
    if twice:
        path = encode_path(path)
    clean = sorted((name.lower(), " ".join(value.split())) for name, value in headers.items())
    names = ";".join(name for name, _ in clean)
    lines = "".join(f"{name}:{value}\n" for name, value in clean)
    return "\n".join((request.method, path, encode_query(request.query), lines, names, request.digest)), names
