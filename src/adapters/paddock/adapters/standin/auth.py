"""Who may call: the App with its key, its installation with a token, a person with a token of their own."""

import threading
from functools import cache

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from werkzeug.exceptions import Forbidden, Unauthorized

from paddock.core.ports.system import Clock, Ids
from paddock.core.units import HOUR, MINUTE, SECOND, Moment

MAX_JWT_LIFE = 10 * MINUTE
TOKEN_LIFE = HOUR
CLOCK_TOLERANCE = MINUTE


class Credentials:
    """The Apps' keys, and the tokens given out. ``private_key``, the first App's, and ``personal_token`` are secret."""

    def __init__(self, clock: Clock, ids: Ids, *, app_id: int = 654_321) -> None:
        """Args: the ports, and the App's id: not that of the shipped example, with which no fleet starts."""
        self._clock, self._ids, self.app_id = clock, ids, app_id
        key = _key_pair()
        self.private_key = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ).decode()
        self._public_keys = {app_id: key.public_key()}
        self.personal_token = f"ghp_{ids.token()}"
        self._tokens: dict[str, tuple[int, Moment]] = {}
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"Credentials(app_id={self.app_id})"

    def add_app(self, app_id: int) -> str:
        """Let another App in; its private key (PEM, as GitHub writes it)."""
        key = rsa.generate_private_key(public_exponent=65_537, key_size=2048)
        self._public_keys[app_id] = key.public_key()
        return key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
        ).decode()

    def new_token(self, app_id: int | None = None) -> tuple[str, Moment]:
        """A fresh token of an installation of this App (by default the first) and when it expires."""
        with self._lock:
            token, expires = f"ghs_{self._ids.token()}", self._clock.now() + TOKEN_LIFE
            self._tokens[token] = app_id or self.app_id, expires
            return token, expires

    def app_of_token(self, header: str) -> int | None:
        """The App of an installation's token; None of any other."""
        with self._lock:
            return self._tokens.get(_bearer(header), (None, 0))[0] if header else None

    def revoke_all(self) -> None:
        """Make every installation token invalid, as when the App is reinstalled."""
        with self._lock:
            self._tokens.clear()

    def require_app(self, header: str) -> None:
        """The caller must be an App itself.

        Raises:
            Unauthorized: no token, no App's, or one that lives too long.
        """
        self.app_of(header)

    def app_of(self, header: str) -> int:
        """The App that calls, by its id.

        Raises:
            Unauthorized: as `require_app`.
        """
        token = _bearer(header)
        try:
            issuer = str(jwt.decode(token, options={"verify_signature": False})["iss"])
            key = next((key for app, key in self._public_keys.items() if str(app) == issuer), None)
            if key is None:
                raise Unauthorized("'Issuer' claim ('iss') must be the App's id")
            # The stand-in's clock may not be the machine's, so the times are checked below.
            claims = jwt.decode(token, key, algorithms=["RS256"], options={"verify_exp": False, "verify_iat": False})
            issued, expires = int(claims["iat"]) * SECOND, int(claims["exp"]) * SECOND
        except (jwt.InvalidTokenError, KeyError, ValueError) as error:
            raise Unauthorized("A JSON web token could not be decoded") from error
        now = self._clock.now()
        if issued > now + CLOCK_TOLERANCE:
            raise Unauthorized(
                "'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued"
            )
        if expires <= now:
            raise Unauthorized("'Expiration time' claim ('exp') must be a numeric value representing the future time")
        if expires - now > MAX_JWT_LIFE:
            raise Unauthorized("'Expiration time' claim ('exp') is too far in the future")
        return int(issuer)

    def require_token(self, header: str) -> None:
        """The caller must hold an installation token that lives, or the personal one.

        Raises:
            Unauthorized: it does not.
        """
        token = _bearer(header)
        with self._lock:
            _, expires = self._tokens.get(token, (0, None))
        if token != self.personal_token and (expires is None or expires <= self._clock.now()):
            raise Unauthorized("Bad credentials")

    def require_person(self, header: str) -> None:
        """The caller must hold the personal token: the App has no right to contents, workflows or webhooks.

        Raises:
            Unauthorized: nobody is known by this token.
            Forbidden: it is the App's installation.
        """
        self.require_token(header)
        if _bearer(header) != self.personal_token:
            raise Forbidden("Resource not accessible by integration")


@cache
def _key_pair() -> rsa.RSAPrivateKey:
    # One per process: making it takes longer than all the rest of a stand-in's start.
    return rsa.generate_private_key(public_exponent=65_537, key_size=2048)


def _bearer(header: str) -> str:
    scheme, _, token = header.partition(" ")
    if scheme.lower() not in {"bearer", "token"} or not token:
        raise Unauthorized("Requires authentication")
    return token.strip()
