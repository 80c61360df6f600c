"""The parts of AWS with which a stack is made: clients, the account, zones and subnets, and the deployment bucket."""

from collections.abc import Iterable, Mapping
from functools import cached_property
from os import environ
from typing import Any, Final

import attrs
from boto3.session import Session
from botocore.exceptions import BotoCoreError, NoCredentialsError

from paddock.adapters.aws.cloudformation import Stacks
from paddock.adapters.aws.codes import STS
from paddock.adapters.aws.ec2.errors import CODES as EC2
from paddock.adapters.aws.errors import NOBODY_THERE, Asking, translated
from paddock.adapters.aws.stack import Zone
from paddock.adapters.aws_codes import Codes
from paddock.core.errors import InvalidInput, NotFound, PaddockError
from paddock.entrypoints.aws_lambda.settings import InvalidEnvironment
from paddock.entrypoints.aws_stack.settings import REGION

ZONES: Final = 3
"""Of how many zones a network is made where nobody names any: more zones have more spot capacity."""

_CODES: Final[Codes] = {**EC2, **dict.fromkeys(("InvalidSubnetID.NotFound", "InvalidSubnetID.Malformed"), NotFound)}
_ec2: Final = Asking(_CODES, unreached=NOBODY_THERE)
_sts: Final = Asking(STS, unreached=NOBODY_THERE)


@attrs.frozen(slots=False)
class Places:
    """One account and region. ``session`` makes clients, ``endpoints`` replaces addresses, for tests."""

    session: Any
    region: str
    endpoints: Mapping[str, str] = attrs.field(factory=dict)

    def client(self, service: str) -> Any:  # noqa: ANN401 - botocore makes the classes of clients as it runs
        """A client of a service in this region."""
        return self.session.client(service, region_name=self.region, endpoint_url=self.endpoints.get(service))

    @cached_property
    def stacks(self) -> Stacks:
        """CloudFormation."""
        return Stacks(self.client("cloudformation"))

    @cached_property
    def s3(self) -> Any:  # noqa: ANN401 - as above
        """S3."""
        return self.client("s3")

    @cached_property
    def ec2(self) -> Any:  # noqa: ANN401 - as above
        """EC2."""
        return self.client("ec2")

    @cached_property
    def functions(self) -> Any:  # noqa: ANN401 - as above
        """Lambda."""
        return self.client("lambda")

    @cached_property
    def secrets(self) -> Any:  # noqa: ANN401 - as above
        """Secrets Manager."""
        return self.client("secretsmanager")

    @cached_property
    def account(self) -> str:
        """The account's number."""
        found: str = _sts(self.client("sts").get_caller_identity)["Account"]
        return found

    def deploy_bucket(self, stack: str) -> str:
        """The name of a stack's deployment bucket."""
        return self.bucket(stack, "deploy")

    def bucket(self, stack: str, word: str) -> str:
        """The name of a stack's bucket for this."""
        return f"{stack}-{word}-{self.account}-{self.region}"

    def zones(self, wanted: Iterable[str]) -> tuple[Zone, ...]:
        """The zones of these names, or, of none, the region's first ones.

        Raises:
            InvalidInput: the region has no such zone.
        """
        answer = _ec2(
            self.ec2.describe_availability_zones,
            Filters=[
                {"Name": "zone-type", "Values": ["availability-zone"]},
                {"Name": "state", "Values": ["available"]},
            ],
        )
        there = sorted(zone["ZoneName"] for zone in answer["AvailabilityZones"])
        named = tuple(wanted)
        missing = [zone for zone in named if zone not in there]
        if missing:
            raise InvalidInput("zones", missing[0], f"must be one of {', '.join(there)}")
        return tuple(Zone(name=name) for name in named or there[:ZONES])

    def subnets(self, vpc: str, ids: Iterable[str]) -> tuple[Zone, ...]:
        """The zones in which these subnets of a network are.

        Raises:
            InvalidInput: a subnet is not there, is of another network, or two are in one zone.
        """
        named = list(ids)
        try:
            answer = _ec2(self.ec2.describe_subnets, SubnetIds=named)
        except NotFound as error:
            raise InvalidInput("subnets", named, f"must be there in {self.region}: {error}") from error
        found: dict[str, Zone] = {}
        for subnet in answer["Subnets"]:
            name, zone = subnet["SubnetId"], subnet["AvailabilityZone"]
            if subnet["VpcId"] != vpc:
                raise InvalidInput("subnets", name, f"must be of {vpc}, and is of {subnet['VpcId']}")
            if zone in found:
                raise InvalidInput(
                    "subnets", name, f"must be another zone's: {found[zone].subnet} is in {zone} already"
                )
            arn = subnet.get("SubnetArn") or (
                f"arn:{self.partition}:ec2:{self.region}:{subnet['OwnerId']}:subnet/{name}"
            )
            found[zone] = Zone(name=zone, subnet=name, arn=arn)
        return tuple(found[zone] for zone in sorted(found))

    @property
    def partition(self) -> str:
        """The region's partition, as ARNs have it."""
        found: str = self.session.get_partition_for_region(self.region)
        return found


def signed_in(region: str, endpoints: Mapping[str, str] | None = None) -> Places:
    """Where AWS's own configuration leads: its profile, its credentials, and its region if none is named.

    ``AWS_REGION`` goes before its configuration, as the variables that `paddock stack status` prints mean it.

    Raises:
        AccessDenied: nobody is signed in.
        InvalidInput: no region is named anywhere, or what is named is none.
    """
    try:
        session = Session()
        if session.get_credentials() is None:
            raise NoCredentialsError
    except BotoCoreError as error:
        refused: PaddockError = translated(error, "AWS's credentials", {})
        refused.add_note("sign in to AWS: AWS_PROFILE, `aws sso login`, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")
        raise refused from error
    where = region or environ.get("AWS_REGION") or session.region_name
    if not where:
        right = "must be named in stack.yml, or by AWS_REGION or AWS's own configuration"
        raise InvalidEnvironment([InvalidInput("region", None, right)])
    if not REGION.fullmatch(where):
        raise InvalidInput("region", where, "must be a region such as eu-west-1")
    return Places(session, where, endpoints or {})
