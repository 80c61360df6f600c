"""boto3 clients: made on first use, with time-outs that fit a function, and few tries: the queue is our retry."""

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

import attrs
from boto3.session import Session
from botocore.client import BaseClient
from botocore.config import Config

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_ec2 import EC2Client
    from types_boto3_s3 import S3Client
    from types_boto3_sqs import SQSClient

TRIES = 3  # the first included; a longer outage is for the message's next delivery
CONNECT, READ = 2, 20  # seconds; CreateFleet may think for some, and a long poll waits up to twenty
LONG_POLL = 25  # seconds: SQS answers an empty long poll after twenty


@attrs.frozen(slots=False)
class Clients:
    """One client per service of a region, shared by threads (botocore's clients may be).

    ``endpoints`` replaces addresses by service name, for VPC endpoints and tests. ``pool`` is how many connections a
    client keeps: at least as many as there are threads that use it.
    """

    region: str
    endpoints: Mapping[str, str] = attrs.field(factory=dict)
    pool: int = 10
    session: Session = attrs.field(factory=Session)

    @cached_property
    def dynamodb(self) -> "DynamoDBClient":
        """DynamoDB."""
        return self.session.client("dynamodb", self.region, endpoint_url=self._at("dynamodb"), config=self._config())

    @cached_property
    def ec2(self) -> "EC2Client":
        """EC2."""
        return self.session.client("ec2", self.region, endpoint_url=self._at("ec2"), config=self._config())

    @cached_property
    def logs(self) -> Any:  # noqa: ANN401 - its types are no dependency
        """CloudWatch Logs."""
        return self.session.client("logs", self.region, endpoint_url=self._at("logs"), config=self._config())

    @cached_property
    def s3(self) -> "S3Client":
        """S3."""
        return self.session.client("s3", self.region, endpoint_url=self._at("s3"), config=self._config())

    @cached_property
    def sqs(self) -> "SQSClient":
        """SQS."""
        return self.session.client("sqs", self.region, endpoint_url=self._at("sqs"), config=self._config(LONG_POLL))

    def close(self) -> None:
        """Let go of the connections of the clients that were made."""
        for made in vars(self).values():
            if isinstance(made, BaseClient):
                made.close()

    def _at(self, service: str) -> str | None:
        return self.endpoints.get(service)

    def _config(self, read: int = READ) -> Config:
        return Config(
            connect_timeout=CONNECT,
            read_timeout=read,
            retries={"mode": "standard", "total_max_attempts": TRIES},
            max_pool_connections=self.pool,
            tcp_keepalive=True,
            parameter_validation=True,
        )
