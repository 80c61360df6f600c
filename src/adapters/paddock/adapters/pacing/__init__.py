"""Limits of EC2 and GitHub that all processes of a fleet share, as decorators around its ports."""

from paddock.adapters.pacing.ceilings import DISPATCHERS, SCHEDULES, WATCHERS, Ceiling, ec2_ceilings, github_ceilings
from paddock.adapters.pacing.ports import PacedMachines, PacedRunners, PacedStarts, paced_github
from paddock.adapters.pacing.purse import Purse

__all__ = [
    "DISPATCHERS",
    "SCHEDULES",
    "WATCHERS",
    "Ceiling",
    "PacedMachines",
    "PacedRunners",
    "PacedStarts",
    "Purse",
    "ec2_ceilings",
    "github_ceilings",
    "paced_github",
]
