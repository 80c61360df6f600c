"""The GitHub client on manual time against a scripted server."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache

import attrs
import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from paddock.adapters.github.auth import AppCredentials, Credentials, TokenCredentials
from paddock.adapters.github.client import GitHub, connect
from paddock.adapters.github.deliveries import Hook
from paddock.adapters.github.endpoints import endpoints_of
from paddock.adapters.github.watched import Watch
from paddock.adapters.memory.system import ManualClock
from paddock.core.units import SECOND, Moment, Span, rfc3339
from tests.http_stub import Answer, HttpStub, Script, Seen, http_stub

API = "/api/v3"
NOON: Moment = 1_795_348_800 * SECOND
TOKEN = TokenCredentials("ghp_test")


@cache
def key_pair() -> tuple[str, str]:
    """An RSA key as PEM: private and public."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return private.decode(), public.decode()


def app(installation_id: int | None = None) -> AppCredentials:
    return AppCredentials("12345", key_pair()[0], installation_id)


def claims_of(bearer: str) -> Mapping[str, object]:
    """The claims of a JWT signed with the App's key; fails if it is signed with another. Its times are not judged."""
    claims: Mapping[str, object] = jwt.decode(
        bearer, key_pair()[1], algorithms=["RS256"], options={"verify_exp": False, "verify_iat": False}
    )
    return claims


class RecordingSleeper:
    """Remembers every wait and moves the clock instead of waiting."""

    def __init__(self, clock: ManualClock) -> None:
        self._clock = clock
        self.slept: list[Span] = []

    def sleep(self, span: Span) -> None:
        """Move the clock."""
        self.slept.append(span)
        self._clock.advance(span)


class Highest:
    """The dice that always show their highest number, so that a pause is as long as it may be."""

    def below(self, bound: int) -> int:
        """The highest number."""
        return bound - 1


class Lowest:
    """The dice that always show nought."""

    def below(self, bound: int) -> int:  # noqa: ARG002 - always nought
        """The lowest number."""
        return 0


@attrs.frozen
class World:
    """A client, the server it talks to, and the time both live in."""

    stub: HttpStub
    github: GitHub
    clock: ManualClock
    sleeper: RecordingSleeper

    def on(self, line: str, *answers: Answer | Script) -> None:
        """Script the replies to ``METHOD /path``, below the interface's base."""
        method, path = line.split(" ")
        self.stub.on(f"{method} {API}{path}", *answers)

    def to(self, line: str) -> Sequence[Seen]:
        """The requests made to ``METHOD /path``."""
        method, path = line.split(" ")
        return self.stub.to(f"{method} {API}{path}")

    @property
    def lines(self) -> list[str]:
        """The requests so far, without the base."""
        return [line.replace(API, "") for line in self.stub.lines()]


@contextmanager
def world(
    credentials: Credentials = TOKEN,
    *,
    hooks: Sequence[Hook] = (),
    pins: Mapping[str, str] | None = None,
    watch: Watch | None = None,
) -> Iterator[World]:
    """A client against a scripted server, at noon, with dice that show nought."""
    clock = ManualClock(NOON)
    sleeper = RecordingSleeper(clock)
    with http_stub() as stub:
        endpoints = endpoints_of(stub.url)
        github = connect(
            endpoints,
            credentials,
            clock=clock,
            sleeper=sleeper,
            chance=Lowest(),
            hooks=hooks,
            pins=pins,
            watch=watch,
        )
        with github:
            yield World(stub, github, clock, sleeper)


@attrs.define
class Minting:
    """A script for ``…/access_tokens``: a new token each time, good for `life`."""

    clock: ManualClock
    life: Span = 3600 * SECOND
    prefix: str = "ghs_"
    count: int = 0

    def __call__(self, _: Seen) -> Answer:
        """The next token."""
        self.count += 1
        return Answer(201, {"token": f"{self.prefix}{self.count}", "expires_at": rfc3339(self.clock.now() + self.life)})
