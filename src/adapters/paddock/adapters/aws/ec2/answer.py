"""What EC2 answers to a fleet request, machine by machine, and what it says of those that it did not start."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from paddock.adapters.aws.ec2.errors import LACKING, rank, shortfall
from paddock.adapters.aws.ec2.settings import Ec2Settings
from paddock.adapters.prices import listed_in_catalogue
from paddock.core.catalogue import InstanceType
from paddock.core.costs.price import Quoting
from paddock.core.ports.machines import Lack, LaunchOutcome, LaunchRequest, Machine, MachineState
from paddock.core.spec import Market, Offer
from paddock.core.units import Moment

if TYPE_CHECKING:
    from types_boto3_ec2.type_defs import CreateFleetErrorTypeDef, CreateFleetInstanceTypeDef, CreateFleetResultTypeDef

MOST_ERRORS = 10  # a fleet names every pool that failed; the record keeps the first
LONGEST = 300  # characters of one


class Reader:
    """Reads answers with what is known of types and zones."""

    def __init__(
        self, settings: Ec2Settings, kinds: Mapping[str, InstanceType], quoting: Quoting = listed_in_catalogue
    ) -> None:
        """Args: the fleet's settings; the catalogue by type; what machines cost."""
        self._settings = settings
        self._kinds = kinds
        self._quoting = quoting

    def outcome(self, answer: "CreateFleetResultTypeDef", request: LaunchRequest, now: Moment) -> LaunchOutcome:
        """The machines that were started, as EC2 names them, and why there are no more: what decides comes first.

        An error in an answer is never raised, not even a throttle: the token brings the same answer for ever, so
        whoever wants more needs a launch of its own.
        """
        errors = answer.get("Errors", ())
        worst_first = sorted(errors, key=lambda one: rank(one.get("ErrorCode", "")))
        return LaunchOutcome(
            tuple(machine for one in answer.get("Instances", ()) for machine in self._machines(one, request, now)),
            _texts([told(one.get("ErrorCode", ""), one.get("ErrorMessage", "")) for one in worst_first]),
            lacks=tuple(dict.fromkeys(lack for one in errors for lack in self._lacks(one, request))),
            shortfall=shortfall(one.get("ErrorCode", "") for one in errors),
        )

    def _machines(
        self, started: "CreateFleetInstanceTypeDef", request: LaunchRequest, now: Moment
    ) -> Iterator[Machine]:
        name = started.get("InstanceType", "")
        kind = self._kinds.get(name)
        market = _market(started.get("Lifecycle"), request.market)
        zone = self._zone(started)
        quote = self._quoting(Offer(zone, name), market)
        for id_ in started.get("InstanceIds", ()):
            yield Machine(
                id=id_,
                state=MachineState.PENDING,
                launched_at=now,
                token=request.token,
                instance_type=name,
                vcpu=0 if kind is None else kind.vcpu,
                arch=request.spec.arch,
                market=market,
                zone=zone,
                price=None if quote is None else quote.price,
                priced=None if quote is None else quote.source,
                disk=request.disk,
                ours=True,
            )

    def _lacks(self, error: "CreateFleetErrorTypeDef", request: LaunchRequest) -> Iterator[Lack]:
        code = error.get("ErrorCode", "")
        name = error.get("LaunchTemplateAndOverrides", {}).get("Overrides", {}).get("InstanceType", "")
        zone = self._zone(error)
        if code in LACKING and name and zone:
            yield Lack(Offer(zone, name), _market(error.get("Lifecycle"), request.market), code)

    def _zone(self, one: "CreateFleetInstanceTypeDef | CreateFleetErrorTypeDef") -> str:
        """Where it is: by our own subnet, which is what was asked for, or else by the zone's name."""
        chosen = one.get("LaunchTemplateAndOverrides", {}).get("Overrides", {})
        subnet = str(one.get("SubnetId") or chosen.get("SubnetId", ""))
        return self._settings.zone(subnet) or str(one.get("AvailabilityZone") or chosen.get("AvailabilityZone", ""))


def told(code: str, message: str) -> str:
    """An error as the port words it, in bounds: ``code: text``."""
    text = " ".join(message.split()) or "EC2 gives no reason"
    return f"{code or 'NoCode'}: {text if len(text) <= LONGEST else text[: LONGEST - 1] + '…'}"


def _texts(errors: list[str]) -> tuple[str, ...]:
    """Each text once, in order; what is too much is counted."""
    distinct = list(dict.fromkeys(errors))
    more = len(distinct) - MOST_ERRORS
    return (*distinct[:MOST_ERRORS], *([f"More: {more} other errors of this fleet are left out"] if more > 0 else []))


def _market(lifecycle: str | None, asked: Market) -> Market:
    return {"spot": Market.SPOT, "on-demand": Market.ON_DEMAND}.get(lifecycle or "", asked)
