"""Where machines stand: free addresses, and the way to the internet, which GitHub lies behind."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import attrs

from paddock.adapters.aws.ec2.errors import CODES
from paddock.adapters.aws.errors import Asking
from paddock.core.health.finding import Finding, failure, fine, warning

SUBNETS: Final = "subnets"
ROUTES: Final = "way to the internet"
FEW: Final = 16
_EVERYWHERE: Final = "0.0.0.0/0"
_ask: Final = Asking(CODES)


@attrs.frozen(kw_only=True)
class Subnet:
    """A subnet. ``way`` is what its route to everywhere leads to (``igw-…``, ``nat-…``), empty: it has none.

    ``public``: machines get addresses of their own there; ``dead``: what the route leads to is gone.
    """

    id: str
    zone: str
    free: int
    public: bool
    way: str = ""
    dead: bool = False


def subnets(ec2: Any, ids: Sequence[str]) -> tuple[Subnet, ...]:  # noqa: ANN401 - botocore makes the classes of clients as it runs
    """Those of these subnets that are there, with their ways out.

    One that is not associated with a route table has its network's main one.
    """
    found = _ask(ec2.describe_subnets, Filters=[{"Name": "subnet-id", "Values": list(ids)}])["Subnets"]
    if not found:
        return ()
    networks = sorted({one["VpcId"] for one in found})
    tables = _tables(ec2, networks)
    own = {
        link["SubnetId"]: table for table in tables for link in table.get("Associations", []) if link.get("SubnetId")
    }
    main = {
        table["VpcId"]: table for table in tables for link in table.get("Associations", []) if link.get("Main") is True
    }
    return tuple(_subnet(one, own.get(one["SubnetId"]) or main.get(one["VpcId"]) or {}) for one in found)


def _tables(ec2: Any, networks: Sequence[str]) -> list[Mapping[str, Any]]:  # noqa: ANN401 - as above
    pages = _ask.pages(ec2.describe_route_tables, Filters=[{"Name": "vpc-id", "Values": list(networks)}])
    return [table for page in pages for table in page["RouteTables"]]


def _subnet(found: Mapping[str, Any], table: Mapping[str, Any]) -> Subnet:
    route = next((one for one in table.get("Routes", []) if one.get("DestinationCidrBlock") == _EVERYWHERE), None)
    targets = ("GatewayId", "NatGatewayId", "TransitGatewayId", "NetworkInterfaceId", "InstanceId")
    return Subnet(
        id=found["SubnetId"],
        zone=found["AvailabilityZone"],
        free=found["AvailableIpAddressCount"],
        public=found.get("MapPublicIpOnLaunch", False),
        way="" if route is None else next((route[name] for name in targets if route.get(name)), "something"),
        dead=route is not None and route.get("State") == "blackhole",
    )


def judge_subnets(
    wanted: Iterable[str], found: Sequence[Subnet], machines: int | None, deploy: str
) -> Iterator[Finding]:
    """Whether machines find a subnet, and an address there.

    Args:
        wanted: the ids of those in which they are to stand.
        found: those of them that are there.
        machines: how many there may be at once; None: nobody has said.
        deploy: the command that deploys the stack.
    """
    there = {one.id for one in found}
    for name in sorted(set(wanted) - there):
        fix = f"name one that there is in stack.yml (subnets), then {deploy}"
        yield failure(SUBNETS, f"{name} is not there: nothing starts in its zone", fix)
    if found:
        yield from _addresses(found, machines)


def _addresses(found: Sequence[Subnet], machines: int | None) -> Iterator[Finding]:
    full = [one for one in found if one.free == 0]
    free = sum(one.free for one in found)
    more = "name larger subnets in stack.yml, or end what else stands in these"
    for one in full:
        yield (failure if len(full) == len(found) else warning)(
            SUBNETS, f"{one.id} in {one.zone} has no free address", more
        )
    if machines is not None and free < machines:
        yield warning(SUBNETS, f"{free} addresses are free, and paddock.yml lets {machines} machines be", more)
    elif machines is None and 0 < free < FEW:
        yield warning(SUBNETS, f"{free} addresses are free in all subnets", more)
    elif not full:
        told = ", ".join(f"{one.zone} {one.free:,}" for one in found)
        yield fine(SUBNETS, f"free addresses: {told}")


def judge_routes(found: Iterable[Subnet]) -> Iterator[Finding]:
    """Whether machines reach GitHub. By an internet gateway that takes an address of their own."""
    ways: list[str] = []
    for one in found:
        name = f"{one.id} in {one.zone}"
        if not one.way:
            fix = "give its route table a route 0.0.0.0/0 to an internet gateway or a NAT gateway"
            yield failure(ROUTES, f"{name} has no route to the internet: machines there never reach GitHub", fix)
        elif one.dead:
            fix = f"{one.way} is gone: have the route 0.0.0.0/0 of its route table lead elsewhere"
            yield failure(ROUTES, f"{name}: its route to the internet leads nowhere", fix)
        elif one.way.startswith("igw-") and not one.public:
            fix = (
                f"`aws ec2 modify-subnet-attribute --subnet-id {one.id} --map-public-ip-on-launch`, or have the route "
                "lead to a NAT gateway"
            )
            said = f"{name} has an internet gateway, and machines get no public address: they never reach GitHub"
            yield failure(ROUTES, said, fix)
        else:
            ways.append(f"{one.zone} by {one.way}")
    if ways:
        yield fine(ROUTES, ", ".join(ways))
