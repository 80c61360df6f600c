"""Where a region's services are, and under which name a machine's role sees it."""

import re
from collections.abc import Mapping

from paddock.agent.aws.errors import AwsError, Kind
from paddock.agent.aws.service import Service

# The first matching prefix. Source: AWS's own table of partitions, which the tests compare with.
_SUFFIXES = (
    ("cn-", "amazonaws.com.cn"),
    ("us-isob-", "sc2s.sgov.gov"),
    ("us-isof-", "csp.hci.ic.gov"),
    ("us-iso-", "c2s.ic.gov"),
    ("eu-isoe-", "cloud.adc-e.uk"),
    ("eusc-", "amazonaws.eu"),
)
_USER_ID = re.compile(r"<UserId>([A-Z0-9]{16,128}):(i-[0-9a-f]{8,17})</UserId>")


def suffix(region: str) -> str:
    """The domain below which the region's services are."""
    return next((domain for prefix, domain in _SUFFIXES if region.startswith(prefix)), "amazonaws.com")


def endpoint(service: str, region: str, replaced: Mapping[str, str]) -> str:
    """``https://…`` of a service, unless the settings replace it."""
    return replaced.get(service) or f"https://{service}.{region}.{suffix(region)}"


def bucket_address(bucket: str, region: str, replaced: Mapping[str, str]) -> tuple[str, str]:
    """A bucket's base address and the path its keys begin with.

    The bucket is in the host's name, except where that cannot be: a name with dots has no certificate, and a replaced
    address has one host for all.
    """
    if "s3" in replaced or "." in bucket:
        return endpoint("s3", region, replaced), f"/{bucket}/"
    return f"https://{bucket}.s3.{region}.{suffix(region)}", "/"


def user_id(machine: str, role_id: str, sts: Service) -> str:
    """The machine's ``aws:userid``, ``<role id>:<instance id>``: under it its role is seen, and its item stands.

    Args:
        machine: the instance's id.
        role_id: from the settings; empty: STS is asked, once.
        sts: the service; nothing is sent if the role's id is known.

    Raises:
        AwsError: STS could not be asked, or speaks of another machine.
    """
    if role_id:
        return f"{role_id}:{machine}"
    operation = "GetCallerIdentity"
    form = f"Action={operation}&Version=2011-06-15".encode()
    headers = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
    reply = sts.send("POST", "/", headers, form, operation=operation)
    found = _USER_ID.search(reply.body.decode("utf-8", "replace"))
    if found is None or found[2] != machine:
        raise AwsError(Kind.INVALID, sts.name, operation, "NotThisMachine", f"wanted the session of {machine}")
    return f"{found[1]}:{machine}"
