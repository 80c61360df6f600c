"""What EC2 answers to a fleet request, machine by machine, and what it says of those that it did not start."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from paddock.adapters.aws.ec2.errors import rank, shortfall
from paddock.adapters.aws.ec2.settings import Ec2Settings
from paddock.adapters.prices import listed_in_catalogue
from paddock.core.catalogue import InstanceType
from paddock.core.costs.price import Quoting
from paddock.core.ports.machines import Lack, LaunchOutcome, LaunchRequest, Machine, MachineState, Shortfall
from paddock.core.spec import Market, Offer
from paddock.core.units import Moment

if TYPE_CHECKING:
    from types_boto3_ec2.type_defs import CreateFleetErrorTypeDef, CreateFleetInstanceTypeDef, CreateFleetResultTypeDef

MOST_ERRORS = 10  # a fleet names every pool that failed; the record keeps the first
LONGEST = 300  # characters of one
_NO_CODE = "NoCode"


class Reader:
    """Reads answers with what is known of types and zones."""

    def __init__(
        self, settings: Ec2Settings, kinds: Mapping[str, InstanceType], quoting: Quoting = listed_in_catalogue
    ) -> None:
        """Args: the fleet's settings; the catalogue by type; what machines cost."""
        self._settings = settings
        self._kinds = kinds
        self._quoting = quoting

    def outcome(
        self, answer: "CreateFleetResultTypeDef", request: LaunchRequest, asked: Sequence[Offer], now: Moment
    ) -> LaunchOutcome:
        """The machines that were started, as EC2 names them, and why there are no more: what decides comes first.

        Whatever another pool or market may have is a lack of the offer that EC2 names beside it, and of all that were
        `asked` for if it names none and starts nothing. Throttles and faults of ours say nothing of an offer.

        An error in an answer is never raised, not even a throttle: the token brings the same answer for ever, so
        whoever wants more needs a launch of its own.
        """
        errors = answer.get("Errors", ())
        worst_first = sorted(errors, key=lambda one: rank(one.get("ErrorCode", "")))
        started = tuple(machine for one in answer.get("Instances", ()) for machine in self._machines(one, request, now))
        lacks = tuple(dict.fromkeys(lack for one in errors for lack in self._lacks(one, request)))
        kind = shortfall(one.get("ErrorCode", "") for one in errors)
        if worst_first and not started and not lacks and kind is Shortfall.CAPACITY:
            lacks = all_of(asked, request, worst_first[0].get("ErrorCode", ""))
        return LaunchOutcome(
            started,
            _texts([told(one.get("ErrorCode", ""), one.get("ErrorMessage", "")) for one in worst_first]),
            lacks=lacks,
            shortfall=kind,
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
        if shortfall([code]) is Shortfall.CAPACITY and name and zone:
            yield Lack(Offer(zone, name), _market(error.get("Lifecycle"), request.market), code or _NO_CODE)

    def _zone(self, one: "CreateFleetInstanceTypeDef | CreateFleetErrorTypeDef") -> str:
        """Where it is: by our own subnet, which is what was asked for, or else by the zone's name."""
        chosen = one.get("LaunchTemplateAndOverrides", {}).get("Overrides", {})
        subnet = str(one.get("SubnetId") or chosen.get("SubnetId", ""))
        return self._settings.zone(subnet) or str(one.get("AvailabilityZone") or chosen.get("AvailabilityZone", ""))


def all_of(asked: Sequence[Offer], request: LaunchRequest, code: str) -> tuple[Lack, ...]:
    """None of what was asked for is to be had at the moment."""
    return tuple(Lack(offer, request.market, code or _NO_CODE) for offer in asked)


def told(code: str, message: str) -> str:
    """An error as the port words it, in bounds: ``code: text``."""
    text = " ".join(message.split()) or "EC2 gives no reason"
    return f"{code or _NO_CODE}: {text if len(text) <= LONGEST else text[: LONGEST - 1] + '…'}"


def _texts(errors: list[str]) -> tuple[str, ...]:
    """Each text once, in order; what is too much is counted."""
    distinct = list(dict.fromkeys(errors))
    more = len(distinct) - MOST_ERRORS
    return (*distinct[:MOST_ERRORS], *([f"More: {more} other errors of this fleet are left out"] if more > 0 else []))


def _market(lifecycle: str | None, asked: Market) -> Market:
    return {"spot": Market.SPOT, "on-demand": Market.ON_DEMAND}.get(lifecycle or "", asked)
