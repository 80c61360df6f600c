"""The account: who asks, its clock, its quotas of virtual CPUs, and the role that spot machines need."""

from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any, Final

import attrs

from paddock.adapters.aws import codes
from paddock.adapters.aws.errors import Asking
from paddock.core.errors import NotFound
from paddock.core.health.finding import Finding, failure, fine
from paddock.core.spec import Market
from paddock.core.units import Moment, moment_of

CREDENTIALS: Final = "AWS credentials"
SPOT_ROLE: Final = "spot role"
SPOT_ROLE_NAME: Final = "AWSServiceRoleForEC2Spot"
QUOTAS: Final[Mapping[Market, tuple[str, str]]] = {
    Market.ON_DEMAND: ("L-1216C47A", "Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances"),
    Market.SPOT: ("L-34B43A08", "All Standard (A, C, D, H, I, M, R, T, Z) Spot Instance Requests"),
}
"""The quotas of the families that the catalogue has, by market: Service Quotas' code and name. Both count vCPUs.

Source: "Amazon EC2 User Guide", On-Demand Instance quotas and Spot Instance quotas.
"""
STANDARD: Final = frozenset("acdhimrtz")
"""The first letters of families that these quotas are of."""

_iam: Final = Asking(codes.IAM)
_quotas: Final = Asking(codes.QUOTAS)
_sts: Final = Asking(codes.STS)


@attrs.frozen
class Caller:
    """Who asks AWS, and what time it has there."""

    account: str
    arn: str
    date: Moment | None


def caller(sts: Any) -> Caller:  # noqa: ANN401 - botocore makes the classes of clients as it runs
    """Who we are for AWS."""
    answer = _sts(sts.get_caller_identity)
    date = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date", "")
    try:
        when = moment_of(parsedate_to_datetime(date))
    except (ValueError, OverflowError):
        when = None
    return Caller(answer["Account"], answer["Arn"], when)


def judge_caller(found: Caller, region: str) -> Finding:
    """Who asks; that it is answered at all is what is judged."""
    return fine(CREDENTIALS, f"{found.arn} in {region}")


def quota(quotas: Any, market: Market) -> int:  # noqa: ANN401 - as above
    """The vCPUs that the account may have of a market at once."""
    code, _ = QUOTAS[market]
    return int(_quotas(quotas.get_service_quota, ServiceCode="ec2", QuotaCode=code)["Quota"]["Value"])


def more_of(market: Market, region: str) -> str:
    """How to have more, with ``{wanted}`` for how many."""
    code, name = QUOTAS[market]
    return (
        f"ask AWS for more of {name!r}: `aws service-quotas request-service-quota-increase --service-code ec2 "
        f"--quota-code {code} --desired-value {{wanted}} --region {region}`"
    )


def judge_spot_role(iam: Any) -> Finding:  # noqa: ANN401 - as above
    """Whether the account has the role without which EC2 starts no spot machine."""
    try:
        _iam(iam.get_role, RoleName=SPOT_ROLE_NAME)
    except NotFound:
        fix = "make it, once: `aws iam create-service-linked-role --aws-service-name spot.amazonaws.com`"
        return failure(SPOT_ROLE, f"the account has no role {SPOT_ROLE_NAME}: EC2 starts no spot machine", fix)
    return fine(SPOT_ROLE, f"{SPOT_ROLE_NAME} is there")
