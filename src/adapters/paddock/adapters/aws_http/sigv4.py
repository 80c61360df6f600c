"""Signature Version 4, by header, as every service but S3 wants it.

Source: "Signature Version 4 signing process" in AWS's General Reference. The steps::

    canonical request   method, path, query, headers, their names, hash of the body
    string to sign      algorithm, time, scope (day/region/service/aws4_request), hash of the canonical request
    signing key         HMAC of day, region, service and aws4_request, one under the other, from the secret key

The key is good for a day, and made once for it: most of a signature's cost.
"""

import hmac
from collections.abc import Callable, Iterable, Mapping
from hashlib import sha256
from urllib.parse import quote

import attrs

from paddock.adapters.aws_http.credentials import Credentials
from paddock.core.units import Moment, datetime_of

_ALGORITHM = "AWS4-HMAC-SHA256"
_SAFE = "-_.~"


@attrs.frozen(kw_only=True)
class Request:
    """What is signed. ``path`` and ``query`` are not yet encoded.

    ``headers`` must have Host. Names may be in any case, but each only once.
    """

    method: str
    path: str
    headers: Mapping[str, str]
    query: Iterable[tuple[str, str]] = ()
    body: bytes = b""


class Signer:
    """Signs for one service of one region. Safe for threads."""

    def __init__(self, credentials: Callable[[], Credentials], region: str, service: str) -> None:
        """Args: who signs, asked each time; the region, such as eu-west-1; the name it is signed by, such as sqs."""
        self._credentials = credentials
        self._scope = f"{region}/{service}/aws4_request"
        self._made: tuple[str, str, bytes] = ("", "", b"")  # the secret, the day, the key

    def sign(self, request: Request, at: Moment) -> dict[str, str]:
        """The request's headers with the time, the session token and the signature added.

        Raises:
            AccessDenied: there is nobody to sign as.
        """
        credentials = self._credentials()
        stamp = datetime_of(at).strftime("%Y%m%dT%H%M%SZ")
        scope = f"{stamp[:8]}/{self._scope}"
        headers = {**request.headers, "X-Amz-Date": stamp}
        if credentials.token:
            headers["X-Amz-Security-Token"] = credentials.token
        canonical, names = canonical_request(request, headers)
        to_sign = "\n".join((_ALGORITHM, stamp, scope, sha256(canonical.encode()).hexdigest()))
        signature = hmac.digest(self._key(credentials.secret_key, scope), to_sign.encode(), "sha256").hex()
        headers["Authorization"] = (
            f"{_ALGORITHM} Credential={credentials.access_key}/{scope}, SignedHeaders={names}, Signature={signature}"
        )
        return headers

    def _key(self, secret: str, scope: str) -> bytes:
        made = self._made
        if made[0] == secret and made[1] == scope:
            return made[2]
        key = f"AWS4{secret}".encode()
        for part in scope.split("/"):
            key = hmac.digest(key, part.encode(), "sha256")
        self._made = (secret, scope, key)
        return key


def canonical_request(request: Request, headers: Mapping[str, str]) -> tuple[str, str]:
    """The text that is hashed, and the names of the headers in it."""
    path = quote(quote(request.path or "/", safe=f"/{_SAFE}"), safe=f"/{_SAFE}")  # once as sent, once more as signed
    query = "&".join(
        f"{name}={value}"
        for name, value in sorted((quote(name, safe=_SAFE), quote(value, safe=_SAFE)) for name, value in request.query)
    )
    clean = sorted((name.lower(), " ".join(value.split())) for name, value in headers.items())
    names = ";".join(name for name, _ in clean)
    lines = "".join(f"{name}:{value}\n" for name, value in clean)
    return "\n".join((request.method, path, query, lines, names, sha256(request.body).hexdigest())), names
