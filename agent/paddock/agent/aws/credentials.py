"""Who signs: the role's keys, renewed before they end, and a clock that AWS agrees with."""

import threading
from collections.abc import Callable

from paddock.agent.aws.errors import AwsError
from paddock.agent.aws.sigv4 import Credentials, Request, sign
from paddock.agent.machine.clock import SECOND
from paddock.agent.ports import Clock

EARLY = 300 * SECOND  # AWS puts new keys out at least five minutes before the old ones end
PAUSE = 30 * SECOND  # between two tries to get new ones while the old ones still serve
LEAST_SKEW = 30 * SECOND  # a signature may be minutes off: less than this was not the reason


class RoleCredentials:
    """The keys now. Threads may share it."""

    def __init__(self, fetch: Callable[[], Credentials], clock: Clock) -> None:
        """Args: asks for the keys that are in force, raising `AwsError`; the time."""
        self._fetch = fetch
        self._clock = clock
        self._lock = threading.Lock()
        self._held: Credentials | None = None
        self._next = 0  # not asked again before

    def get(self) -> Credentials:
        """The keys to sign with.

        Raises:
            AwsError: there are none, and none can be got.
        """
        with self._lock:
            now = self._clock.now()
            held = self._held
            if held is not None and (held.expires == 0 or now < held.expires - EARLY or now < self._next):
                return held
            self._next = now + PAUSE
            try:
                self._held = self._fetch()
            except AwsError:
                if held is None or now >= held.expires:
                    self._next = 0
                    raise
            assert self._held is not None
            return self._held

    def renew(self, refused: Credentials) -> None:
        """AWS did not take these: ask again before the next signature, unless somebody has done so already."""
        with self._lock:
            if self._held is refused:
                self._held = None


class Signer:
    """Signs for one role and region, by AWS's time. Threads may share it."""

    def __init__(self, credentials: RoleCredentials, clock: Clock, region: str) -> None:
        """Args: whose signature; the machine's time; such as eu-west-1."""
        self.credentials = credentials
        self.region = region
        self._clock = clock
        self._skew = 0

    def sign(self, request: Request, service: str) -> tuple[dict[str, str], Credentials]:
        """The headers with the signature, and whose it is.

        Raises:
            AwsError: there are no credentials.
        """
        held = self.credentials.get()
        return sign(request, held, region=self.region, service=service, at=self._clock.now() + self._skew), held

    def correct(self, date: str) -> bool:
        """Believe the Date of an answer that refused our time; True if that changes anything."""
        from email.utils import parsedate_to_datetime  # noqa: PLC0415 - needed by machines with a wrong clock alone

        try:
            there = int(parsedate_to_datetime(date).timestamp()) * SECOND
        except (ValueError, TypeError):
            return False
        skew = there - self._clock.now()
        if abs(skew - self._skew) < LEAST_SKEW:
            return False
        self._skew = skew
        return True
