"""A machine as EC2 describes it."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from paddock.adapters.aws.ec2.request import DISK, FLEET, LAUNCH
from paddock.adapters.prices import listed_in_catalogue
from paddock.core.catalogue import InstanceType
from paddock.core.costs.price import Quoting
from paddock.core.ports.machines import Machine, MachineState
from paddock.core.spec import Arch, Market, Offer
from paddock.core.units import Moment, moment_of

if TYPE_CHECKING:
    from types_boto3_ec2.type_defs import InstanceTypeDef

_ENDED = re.compile(r"\((\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) (?:GMT|UTC)\)")
# Nothing brings a machine back that is shutting down, and it is no longer billed.
_STATES = {**{state.value: state for state in MachineState}, "shutting-down": MachineState.TERMINATED}


def tags_of(instance: "InstanceTypeDef") -> dict[str, str]:
    """Its tags."""
    return {tag.get("Key", ""): tag.get("Value", "") for tag in instance.get("Tags", ())}


def machine_of(
    instance: "InstanceTypeDef", kinds: Mapping[str, InstanceType], fleet: str, quoting: Quoting = listed_in_catalogue
) -> Machine:
    """The port's view of it. Type and market are EC2's word, the price is what is quoted now, the disk is by our tag.

    `fleet` is the name of ours: whose machine it is, its tag says. An ended one may have lost its tags.
    """
    name = instance.get("InstanceType", "")
    kind = kinds.get(name)
    market = Market.SPOT if instance.get("InstanceLifecycle") == "spot" else Market.ON_DEMAND
    state = _STATES[instance.get("State", {}).get("Name", "pending")]
    tags = tags_of(instance)
    disk = tags.get(DISK, "")
    cores = instance.get("CpuOptions", {})
    ended = state is MachineState.TERMINATED
    zone = instance.get("Placement", {}).get("AvailabilityZone", "")
    quote = quoting(Offer(zone, name), market)
    return Machine(
        id=instance.get("InstanceId", ""),
        state=state,
        launched_at=moment_of(instance["LaunchTime"]),
        token=tags.get(LAUNCH, ""),
        instance_type=name,
        vcpu=cores.get("CoreCount", 0) * cores.get("ThreadsPerCore", 0) if kind is None else kind.vcpu,
        arch=kind.arch if kind is not None else _arch(instance),
        market=market,
        zone=zone,
        price=None if quote is None else quote.price,
        priced=None if quote is None else quote.source,
        disk=int(disk) if disk.isascii() and disk.isdigit() else 0,
        ours=tags.get(FLEET) == fleet,
        ended_at=_ended_at(instance.get("StateTransitionReason", "")) if ended else None,
        ended_by=instance.get("StateReason", {}).get("Code", "") if ended else "",
    )


def _arch(instance: "InstanceTypeDef") -> Arch:
    return Arch.ARM64 if instance.get("Architecture", "").startswith("arm64") else Arch.X64


def _ended_at(reason: str) -> Moment | None:
    """The time in ``User initiated (2026-11-28 23:01:02 GMT)``; EC2 gives none where it ended the machine itself."""
    found = _ENDED.search(reason)
    return None if found is None else moment_of(datetime.fromisoformat(found[1]).replace(tzinfo=UTC))
