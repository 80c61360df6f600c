"""The instance metadata service, version 2 only: who this machine is, its role's keys, and what EC2 warns of.

Source: "Use the Instance Metadata Service" in the EC2 user guide. A session token comes by PUT and lives six hours; a
401 says that it is not taken any more. The answers to the PUT have an IP hop limit: 1 is enough for the agent, which
runs on the machine itself; a container of a job needs 2. Single shots at this service fail now and then, above all in
the first seconds of a machine: everything but a look for notices is tried again.
"""

import json
import re
import threading
from datetime import UTC, datetime, timedelta

from paddock.agent.aws.errors import AwsError, Kind
from paddock.agent.aws.http import Http, Reply, Unreachable
from paddock.agent.aws.service import Patience
from paddock.agent.aws.sigv4 import Credentials
from paddock.agent.machine.clock import SECOND
from paddock.agent.ports import Clock, Identity, Notice, NoticeKind

ADDRESS = "http://169.254.169.254"
TOKEN_LIFE = 21_600  # seconds, the most there is
LIMIT = 1 << 16

ROLE = "/latest/meta-data/iam/security-credentials/"
DOCUMENT = "/latest/dynamic/instance-identity/document"
MARKET = "/latest/meta-data/instance-life-cycle"
SPOT = "/latest/meta-data/spot/instance-action"
REBALANCE = "/latest/meta-data/events/recommendations/rebalance"
STOCK = "/latest/meta-data/tags/instance/paddock:stock"

OK, UNAUTHORIZED, FORBIDDEN, NOT_FOUND = 200, 401, 403, 404
_TOKEN = re.compile(r"[!-~]{1,1024}")
_ROLE_NAME = re.compile(r"[\w+=,.@-]{1,128}", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Imds:
    """The service of this machine. Threads may share it."""

    def __init__(self, clock: Clock, patience: Patience | None = None, address: str = ADDRESS) -> None:
        """Args: the time; how often and how long it is tried; ``scheme://host[:port]``."""
        self._clock = clock
        self._patience = patience or Patience(timeout=1.0, attempts=5, cap=2.0)
        self._http = Http(address)
        self._lock = threading.Lock()
        self._token = ""
        self._token_ends = 0
        self._role = ""
        self.requests = 0  # made so far

    def get(self, path: str) -> str | None:
        """What stands at the path; None if nothing does.

        Raises:
            AwsError: it could not be asked, or says no.
        """
        attempt = 1
        while True:
            try:
                return self.get_once(path, self._patience.timeout)
            except AwsError as error:
                if not error.again or attempt >= self._patience.attempts:
                    raise
            self._patience.rest(attempt)
            attempt += 1

    def get_once(self, path: str, timeout: float) -> str | None:
        """As `get`, in one try: at most two requests for the token and two for the thing, of `timeout` seconds each."""
        reply = self._ask(path, self._session(timeout), timeout)
        if reply.status == UNAUTHORIZED:
            self._token_ends = 0
            reply = self._ask(path, self._session(timeout), timeout)
        if reply.status == NOT_FOUND:
            return None
        if reply.status != OK:
            raise self._failure(path, reply)
        return reply.body.decode("utf-8", "replace")

    def identity(self) -> Identity:
        """Who and what this machine is. It does not change while the machine runs.

        Raises:
            AwsError: it could not be asked.
        """
        document = self._object(DOCUMENT)
        machine = _text(document, "instanceId")
        if not machine:
            raise AwsError(Kind.SERVER, "imds", DOCUMENT, "NoInstanceId")
        return Identity(
            machine=machine,
            instance_type=_text(document, "instanceType"),
            zone=_text(document, "availabilityZone"),
            region=_text(document, "region"),
            market=(self.get(MARKET) or "").strip(),
            image=_text(document, "imageId"),
        )

    def stock(self) -> str:
        """What a pool keeps this machine as, by its tag; empty if none does, or if its metadata has no tags.

        Raises:
            AwsError: it could not be asked.
        """
        return (self.get(STOCK) or "").strip()

    def credentials(self) -> Credentials:
        """The keys of the machine's role that are in force.

        Raises:
            AwsError: it could not be asked, or the machine has no role.
        """
        role = self._role or self._role_name()
        found = self._object(ROLE + role)
        code = _text(found, "Code") or "NoCode"
        if code != "Success":
            raise AwsError(Kind.SERVER, "imds", "credentials", code if code.isalnum() else "NoCode")
        key, secret, token = (_text(found, name) for name in ("AccessKeyId", "SecretAccessKey", "Token"))
        expires = moment(found.get("Expiration"))
        if not (key and secret and token and expires):
            raise AwsError(Kind.SERVER, "imds", "credentials", "Incomplete")
        self._role = role
        return Credentials(key, secret, token, expires)

    def _role_name(self) -> str:
        role = (self.get(ROLE) or "").strip()
        if _ROLE_NAME.fullmatch(role) is None:
            raise AwsError(Kind.SERVER, "imds", "credentials", "NoRole", "the machine has no instance profile")
        return role

    def _object(self, path: str) -> dict[str, object]:
        try:
            found = json.loads(self.get(path) or "null")
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict):
            raise AwsError(Kind.SERVER, "imds", path, "NoObject")
        return found

    def _ask(self, path: str, token: str, timeout: float) -> Reply:
        return self._exchange("GET", path, {"X-aws-ec2-metadata-token": token}, timeout)

    def _session(self, timeout: float) -> str:
        """The token; a new one a minute before the old one ends."""
        with self._lock:
            if self._clock.now() < self._token_ends - 60 * SECOND:
                return self._token
            path = "/latest/api/token"
            asked = self._clock.now()
            headers = {"X-aws-ec2-metadata-token-ttl-seconds": str(TOKEN_LIFE), "Content-Length": "0"}
            reply = self._exchange("PUT", path, headers, timeout)
            token = reply.body.decode("ascii", "replace").strip()
            if reply.status != OK or _TOKEN.fullmatch(token) is None:
                raise self._failure(path, reply)
            life = reply.headers.get("x-aws-ec2-metadata-token-ttl-seconds", "")
            self._token = token
            self._token_ends = asked + SECOND * (int(life) if life.isascii() and life.isdigit() else TOKEN_LIFE)
            return token

    def _exchange(self, method: str, path: str, headers: dict[str, str], timeout: float) -> Reply:
        self.requests += 1
        try:
            return self._http.exchange(
                method, path, {"Host": self._http.authority, **headers}, timeout=timeout, limit=LIMIT
            )
        except Unreachable as error:
            raise AwsError(Kind.UNREACHABLE, "imds", path, "Unreachable", str(error)) from error

    def _failure(self, path: str, reply: Reply) -> AwsError:
        """403 says that metadata is switched off: that will not change. All else may."""
        kind = Kind.DENIED if reply.status == FORBIDDEN else Kind.SERVER
        return AwsError(kind, "imds", path, f"HTTP {reply.status}")

    def close(self) -> None:
        """Let the connection go."""
        self._http.close()


class ImdsNotices:
    """What EC2 warns of; see `ports.Notices`.

    A notice to stop or to hibernate takes the machine as well as one to terminate. On-demand machines get no such
    notices and are not asked for.
    """

    def __init__(self, imds: Imds, market: str = "spot", *, timeout: float = 0.45) -> None:
        """Args: the service; how the machine was bought; seconds for each of at most four requests."""
        self._imds = imds
        self._silent = market == "on-demand"
        self._timeout = timeout

    def look(self) -> Notice | None:
        """See `ports.Notices`."""
        if self._silent:
            return None
        try:
            for kind, path, name in ((NoticeKind.SPOT, SPOT, "time"), (NoticeKind.REBALANCE, REBALANCE, "noticeTime")):
                at = self._moment(path, name)
                if at:
                    return Notice(kind, at)
        except AwsError:
            return None
        return None

    def _moment(self, path: str, name: str) -> int:
        try:
            found = json.loads(self._imds.get_once(path, self._timeout) or "null")
        except (ValueError, RecursionError):
            return 0
        return moment(found.get(name)) if isinstance(found, dict) else 0


def moment(value: object) -> int:
    """Microseconds since the epoch of a time such as 2026-11-22T08:22:00Z; 0 if it is none."""
    if not isinstance(value, str):
        return 0
    try:
        found = datetime.fromisoformat(value)
        return (found - _EPOCH) // timedelta(microseconds=1)
    except (ValueError, TypeError, OverflowError):  # TypeError: a time without a zone
        return 0


def _text(data: dict[str, object], name: str) -> str:
    value = data.get(name)
    return value if isinstance(value, str) else ""
