"""What is asked of EC2 for a launch: one instant fleet, every pool an override of the same launch template."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Final

import attrs

from paddock.adapters.aws.ec2.settings import Ec2Settings, Template
from paddock.core.ports.machines import LaunchRequest
from paddock.core.spec import Market, Offer

if TYPE_CHECKING:
    from types_boto3_ec2.type_defs import (
        CreateFleetRequestTypeDef,
        FleetLaunchTemplateOverridesRequestTypeDef,
        TagTypeDef,
    )

FLEET: Final = "paddock:fleet"  # whose machine it is; the policy's conditions name it too
LAUNCH: Final = "paddock:launch"  # the launch's token
REQUEST: Final = "paddock:request"  # what the token stands for, in short
DISK: Final = "paddock:disk"  # GiB: a machine's description does not tell the size of its volumes
STOCK: Final = "paddock:stock"  # what a pool's machine is kept as; its agent reads it, so none may have it by chance


def digest(request: LaunchRequest) -> str:
    """The request in short: equal for equal requests, whatever the fleet's settings are by now.

    What a request for a job does not have is left out: a launch that is repeated across an upgrade is still the same.
    """
    told = attrs.asdict(attrs.evolve(request, tags=dict(sorted(request.tags.items()))))
    if request.stock is None:
        del told["stock"]
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:16]


def fleet_request(
    request: LaunchRequest, offers: Iterable[Offer], settings: Ec2Settings, template: Template
) -> "CreateFleetRequestTypeDef":
    """CreateFleet's parameters; the same for the same arguments, or its client token would be taken as reused.

    A disk's size can stand in an override of an instant fleet (and of no other type of fleet); so a launch template
    needs no version per size. Tags go onto machines and volumes alone: an instant fleet takes no more. That it is a
    pool's is told to the machine alone.
    """
    spot, stock = request.market is Market.SPOT, request.stock
    asked: CreateFleetRequestTypeDef = {
        "ClientToken": request.token,
        "Type": "instant",
        "TargetCapacitySpecification": {
            "TotalTargetCapacity": request.count,
            "DefaultTargetCapacityType": "spot" if spot else "on-demand",
        },
        "LaunchTemplateConfigs": [
            {
                "LaunchTemplateSpecification": {"LaunchTemplateId": template.id, "Version": template.version},
                "Overrides": [_override(offer, request.disk, settings, template) for offer in offers],
            }
        ],
        "TagSpecifications": [
            {
                "ResourceType": "instance",
                "Tags": _tags(request, settings, {} if stock is None else {STOCK: stock.value}),
            },
            {"ResourceType": "volume", "Tags": _tags(request, settings, {})},
        ],
    }
    if spot:
        asked["SpotOptions"] = {
            "AllocationStrategy": "price-capacity-optimized",
            "InstanceInterruptionBehavior": "terminate",
        }
    else:
        asked["OnDemandOptions"] = {"AllocationStrategy": "lowest-price"}
    return asked


def _override(
    offer: Offer, disk: int, settings: Ec2Settings, template: Template
) -> "FleetLaunchTemplateOverridesRequestTypeDef":
    return {
        "InstanceType": offer.instance_type,  # type: ignore[typeddict-item]  # newer types than the stubs know
        "SubnetId": settings.subnets[offer.zone],
        "BlockDeviceMappings": [
            {
                "DeviceName": template.root_device,
                "Ebs": {
                    "VolumeSize": disk,
                    "VolumeType": "gp3",
                    "DeleteOnTermination": True,
                    "Encrypted": settings.encrypted,
                },
            }
        ],
    }


def _tags(request: LaunchRequest, settings: Ec2Settings, more: Mapping[str, str]) -> "list[TagTypeDef]":
    ours = {FLEET: settings.fleet, LAUNCH: request.token, REQUEST: digest(request), DISK: str(request.disk), **more}
    asked = {key: value for key, value in request.tags.items() if key != STOCK}
    return [{"Key": key, "Value": value} for key, value in sorted({**asked, **ours}.items())]
