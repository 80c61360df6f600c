"""Who may call: the App with its key, its installation with a token, a person with a token of their own."""

import threading
from functools import cache

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from werkzeug.exceptions import Unauthorized

from paddock.core.ports.system import Clock, Ids
from paddock.core.units import HOUR, MINUTE, SECOND, Moment

MAX_JWT_LIFE = 10 * MINUTE
TOKEN_LIFE = HOUR
CLOCK_TOLERANCE = MINUTE


class Credentials:
    """The App's key pair and the tokens given out. ``private_key`` (PEM) and ``personal_token`` are secrets."""

    def __init__(self, clock: Clock, ids: Ids, *, app_id: int = 123_456) -> None:
        """Args: the ports, and the App's id."""
        self._clock, self._ids, self.app_id = clock, ids, app_id
        key = _key_pair()
        self.private_key = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ).decode()
        self._public_key = key.public_key()
        self.personal_token = f"ghp_{ids.token()}"
        self._tokens: dict[str, Moment] = {}
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"Credentials(app_id={self.app_id})"

    def new_token(self) -> tuple[str, Moment]:
        """A fresh installation token and when it expires."""
        with self._lock:
            token, expires = f"ghs_{self._ids.token()}", self._clock.now() + TOKEN_LIFE
            self._tokens[token] = expires
            return token, expires

    def revoke_all(self) -> None:
        """Make every installation token invalid, as when the App is reinstalled."""
        with self._lock:
            self._tokens.clear()

    def require_app(self, header: str) -> None:
        """The caller must be the App itself.

        Raises:
            Unauthorized: no token, not this App's, or one that lives too long.
        """
        try:
            # The stand-in's clock may not be the machine's, so the times are checked below.
            claims = jwt.decode(
                _bearer(header),
                self._public_key,
                algorithms=["RS256"],
                options={"verify_exp": False, "verify_iat": False},
            )
            issued, expires, issuer = int(claims["iat"]) * SECOND, int(claims["exp"]) * SECOND, str(claims["iss"])
        except (jwt.InvalidTokenError, KeyError, ValueError) as error:
            raise Unauthorized("A JSON web token could not be decoded") from error
        now = self._clock.now()
        if issuer != str(self.app_id):
            raise Unauthorized("'Issuer' claim ('iss') must be the App's id")
        if issued > now + CLOCK_TOLERANCE:
            raise Unauthorized(
                "'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued"
            )
        if expires <= now:
            raise Unauthorized("'Expiration time' claim ('exp') must be a numeric value representing the future time")
        if expires - now > MAX_JWT_LIFE:
            raise Unauthorized("'Expiration time' claim ('exp') is too far in the future")

    def require_token(self, header: str) -> None:
        """The caller must hold an installation token that lives, or the personal one.

        Raises:
            Unauthorized: it does not.
        """
        token = _bearer(header)
        with self._lock:
            expires = self._tokens.get(token)
        if token != self.personal_token and (expires is None or expires <= self._clock.now()):
            raise Unauthorized("Bad credentials")


@cache
def _key_pair() -> rsa.RSAPrivateKey:
    # One per process: making it takes longer than all the rest of a stand-in's start.
    return rsa.generate_private_key(public_exponent=65_537, key_size=2048)


def _bearer(header: str) -> str:
    scheme, _, token = header.partition(" ")
    if scheme.lower() not in {"bearer", "token"} or not token:
        raise Unauthorized("Requires authentication")
    return token.strip()
