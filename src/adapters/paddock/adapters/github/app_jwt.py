"""The JSON Web Token with which an App speaks for itself: RS256 (RFC 7518, 3.3) in compact form (RFC 7515, 3.1).

PyJWT could make it, and the stand-in reads it with that. But PyJWT loads whatever any algorithm needs, X.509
certificates and their grammar too, and so was a fifteenth of what a function of ours imports at each cold start. The
cryptography is that of the library beneath it in both cases; of our own is only how two JSON objects are written.
"""

import json
from base64 import urlsafe_b64encode
from collections.abc import Mapping

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from paddock.core.errors import InvalidInput

_REMEDY = "must be the App's RSA private key in PEM (-----BEGIN RSA PRIVATE KEY----- …)"
_SHORTEST = 2048  # bits (RFC 7518, 3.3)
_HEADER = {"alg": "RS256", "typ": "JWT"}


def private_key_of(pem: str) -> RSAPrivateKey:
    """The key, read once: its numbers are proved when it is read, which takes a hundred times as long as to sign.

    Raises:
        InvalidInput: it is no RSA key in PEM, has a password, or is too short for RS256.
    """
    try:
        key = load_pem_private_key(pem.encode(), password=None)
    except TypeError:
        raise _unfit("it has a password: take it off") from None
    except (ValueError, UnsupportedAlgorithm):
        raise _unfit("this cannot be read as one") from None  # the error's text might tell of the key
    if not isinstance(key, RSAPrivateKey):
        raise _unfit("it is a key of another kind")
    if key.key_size < _SHORTEST:
        raise _unfit(f"it has {key.key_size} bits, and RS256 needs {_SHORTEST}")
    return key


def signed(claims: Mapping[str, str | int], key: RSAPrivateKey) -> str:
    """The claims as a token that the key has signed."""
    text = b".".join(_encoded(json.dumps(part, separators=(",", ":")).encode()) for part in (_HEADER, dict(claims)))
    return b".".join((text, _encoded(key.sign(text, PKCS1v15(), SHA256())))).decode()


def _encoded(data: bytes) -> bytes:
    return urlsafe_b64encode(data).rstrip(b"=")


def _unfit(why: str) -> InvalidInput:
    return InvalidInput("github.private_key", "(hidden)", f"{_REMEDY}: {why}")
