"""The App's token, read by another's code; and keys that cannot sign one."""

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from paddock.adapters.github.app_jwt import private_key_of, signed
from paddock.core.errors import InvalidInput

CLAIMS: dict[str, str | int] = {"iat": 1_700_000_000, "exp": 1_700_000_540, "iss": "Iv23-ü"}
_RSA = rsa.generate_private_key(65537, 2048)


def pem(
    key: rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey,
    form: PrivateFormat = PrivateFormat.PKCS8,
    lock: KeySerializationEncryption | None = None,
) -> str:
    """The key as text."""
    return key.private_bytes(Encoding.PEM, form, lock or NoEncryption()).decode()


@pytest.mark.parametrize("form", [PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL])
def test_another_library_reads_what_was_signed(form: PrivateFormat) -> None:
    """PyJWT finds the claims, the algorithm, and the signature good, whichever form the key's PEM has."""
    token = signed(CLAIMS, private_key_of(pem(_RSA, form)))
    public = _RSA.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    options: jwt.types.Options = {"verify_exp": False}
    assert jwt.decode(token, public, algorithms=["RS256"], options=options) == CLAIMS
    assert jwt.get_unverified_header(token) == {"alg": "RS256", "typ": "JWT"}
    assert "=" not in token


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (pem(ed25519.Ed25519PrivateKey.generate()), "a key of another kind"),
        (pem(rsa.generate_private_key(65537, 1024)), "it has 1024 bits, and RS256 needs 2048"),
        (pem(_RSA, lock=BestAvailableEncryption(b"x")), "it has a password: take it off"),
        (
            _RSA.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode(),
            "cannot be read as one",
        ),
        ("\ud800", "cannot be read as one"),
    ],
    ids=["ed25519", "short", "password", "public", "no text"],
)
def test_a_key_that_cannot_sign_is_told(text: str, why: str) -> None:
    """What would be right is said, and nothing of the key."""
    with pytest.raises(InvalidInput, match=why) as caught:
        private_key_of(text)
    assert "must be the App's RSA private key in PEM" in str(caught.value)
    assert text[40:80] not in str(caught.value) or len(text) < 40
