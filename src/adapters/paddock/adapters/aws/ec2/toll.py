"""What EC2 counts is paid for as it goes out: each request, and the machines that it names.

A repetition is a request like any other: what botocore tries again, a call that is made again without those that EC2
does not know, a look by a filter, the next page. EC2 counts what it refuses, too.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from types_boto3_ec2 import EC2Client

_COUNT = "TargetCapacitySpecification.TotalTargetCapacity"
_LISTS = ("Filter.", "MaxResults", "NextToken")


class Toll(Protocol):
    """Pays for requests to EC2."""

    def __call__(self, operation: str, machines: int, *, listing: bool) -> None:
        """Pay for one that is about to go out. If that fails it does not.

        Args:
            operation: as EC2 calls it.
            machines: how many it is to start, or names.
            listing: it asks by filters or for a page, for which EC2 has a bucket of its own.

        Raises:
            Throttled: there is nothing left for it.
            Unavailable: nobody knows what is left.
        """


def levy(client: "EC2Client", toll: Toll) -> None:
    """Have the client pay the toll for every request. A client has one toll: the first."""

    def pay(request: Any, operation_name: str, **_: object) -> None:  # noqa: ANN401 - botocore's
        body: Mapping[str, str] = request.data
        machines = int(body.get(_COUNT, 0)) or sum(name.startswith("InstanceId.") for name in body)
        toll(operation_name, machines, listing=any(name.startswith(_LISTS) for name in body))

    events: Any = client.meta.events  # its stubs know of no hook
    # Before it is signed: the table may take a while.
    events.register_first("request-created.ec2", pay, unique_id="paddock-toll")
