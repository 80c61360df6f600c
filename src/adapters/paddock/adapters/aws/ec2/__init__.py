"""Machines on EC2: instant fleets from launch templates, one call per launch."""

from paddock.adapters.aws.ec2.machines import Ec2Machines
from paddock.adapters.aws.ec2.settings import Ec2Settings, Template

__all__ = ["Ec2Machines", "Ec2Settings", "Template"]
