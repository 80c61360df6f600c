"""boto3's clients: made on first use, with time-outs that fit a function, and few tries: the queue is our retry.

They are botocore's, which makes them here by itself: what boto3 would add, such as uploads in its own threads, nobody
uses here, and a cold start would pay for it.
"""

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, Protocol

import attrs
import botocore.session
from botocore.client import BaseClient
from botocore.config import Config

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_ec2 import EC2Client
    from types_boto3_s3 import S3Client
    from types_boto3_sqs import SQSClient


@attrs.frozen
class Patience:
    """How long one try waits, in seconds: for a connection, and for the next bytes of an answer; and how many tries.

    ``tries`` counts the first one. A longer outage is for the message's next delivery.
    """

    read: float
    tries: int = 3
    connect: float = 2


POLLS: Final = "polls"
"""Not a service's name: SQS, for calls that wait until there is a message."""

_SOON: Final = Patience(read=5)  # what answers in milliseconds, and is asked again where it does not
_LATE: Final = Patience(read=20)  # what searches first: for reports and for people

PATIENCE: Final[Mapping[str, Patience]] = {
    **dict.fromkeys(("dynamodb", "s3", "sns", "sqs"), _SOON),
    **dict.fromkeys(("ce", "cloudwatch", "logs", "pricing"), _LATE),
    "ec2": Patience(read=10),  # CreateFleet looks for machines before it answers
    POLLS: Patience(read=25),  # SQS answers an empty long poll after twenty seconds
}
"""By service. A call that stalls at every try leaves each function that makes it a third of its time: the tests hold
these figures to the template's."""


class Session(Protocol):
    """Makes clients by a service's name, a region, ``endpoint_url`` and ``config``: boto3's session is one."""

    @property
    def client(self) -> Callable[..., Any]:
        """Makes one."""


@attrs.frozen
class ProcessSession:
    """The one of this process, by its environment, its files and its role."""

    _session: botocore.session.Session = attrs.field(factory=botocore.session.get_session)

    @property
    def client(self) -> Callable[..., Any]:
        """Makes one."""
        return self._session.create_client


@attrs.frozen(slots=False)
class Clients:
    """One client per service of a region, shared by threads (botocore's clients may be).

    ``endpoints`` replaces addresses by service name, for VPC endpoints and tests. ``pool`` is how many connections a
    client keeps: at least as many as there are threads that use it. ``watch`` gets each client that is made,
    and its service's name. ``patience`` is by service, and `POLLS`.
    """

    region: str
    endpoints: Mapping[str, str] = attrs.field(factory=dict)
    pool: int = 10
    session: Session = attrs.field(factory=ProcessSession)
    watch: Callable[[Any, str], object] | None = attrs.field(default=None, repr=False)
    patience: Mapping[str, Patience] = attrs.field(default=PATIENCE, repr=False)

    @cached_property
    def ce(self) -> Any:  # noqa: ANN401 - its types are no dependency
        """Cost Explorer, which answers in one region for all."""
        return self._made("ce", region=self._home)

    @cached_property
    def cloudwatch(self) -> Any:  # noqa: ANN401 - its types are no dependency
        """CloudWatch's metrics."""
        return self._made("cloudwatch")

    @cached_property
    def dynamodb(self) -> "DynamoDBClient":
        """DynamoDB."""
        made: DynamoDBClient = self._made("dynamodb")
        return made

    @cached_property
    def ec2(self) -> "EC2Client":
        """EC2."""
        made: EC2Client = self._made("ec2")
        return made

    @cached_property
    def logs(self) -> Any:  # noqa: ANN401 - its types are no dependency
        """CloudWatch Logs."""
        return self._made("logs")

    @cached_property
    def polls(self) -> "SQSClient":
        """SQS for calls that may wait until there is a message; no function of ours makes one."""
        made: SQSClient = self._made("sqs", patience=POLLS)
        return made

    @cached_property
    def pricing(self) -> Any:  # noqa: ANN401 - its types are no dependency
        """The Pricing API, which answers in one region for all."""
        return self._made("pricing", region=self._home)

    @cached_property
    def s3(self) -> "S3Client":
        """S3."""
        made: S3Client = self._made("s3")
        return made

    @cached_property
    def sns(self) -> Any:  # noqa: ANN401 - its types are no dependency
        """SNS."""
        return self._made("sns")

    @cached_property
    def sqs(self) -> "SQSClient":
        """SQS."""
        made: SQSClient = self._made("sqs")
        return made

    def close(self) -> None:
        """Let go of the connections of the clients that were made."""
        for made in vars(self).values():
            if isinstance(made, BaseClient):
                made.close()

    @property
    def _home(self) -> str:
        """The region in which a partition has what it has once."""
        return "cn-northwest-1" if self.region.startswith("cn-") else "us-east-1"

    def _made(self, service: str, *, region: str = "", patience: str = "") -> Any:  # noqa: ANN401 - botocore makes them
        made = self.session.client(
            service,
            region or self.region,
            endpoint_url=self.endpoints.get(service),
            config=self._config(self.patience[patience or service]),
        )
        if self.watch is not None:
            self.watch(made, service)
        return made

    def _config(self, patience: Patience) -> Config:
        return Config(
            connect_timeout=patience.connect,
            read_timeout=patience.read,
            retries={"mode": "standard", "total_max_attempts": patience.tries},
            max_pool_connections=self.pool,
            tcp_keepalive=True,
            parameter_validation=True,
        )
