"""Limits of EC2 and GitHub that all processes of a fleet share: as a toll on requests, and around ports."""

from paddock.adapters.pacing.ceilings import DISPATCHERS, SCHEDULES, WATCHERS, Ceiling, ec2_ceilings, github_ceilings
from paddock.adapters.pacing.ports import PacedMachines, PacedRunners, PacedStarts, paced_github
from paddock.adapters.pacing.purse import Purse
from paddock.adapters.pacing.toll import PurseToll

__all__ = [
    "DISPATCHERS",
    "SCHEDULES",
    "WATCHERS",
    "Ceiling",
    "PacedMachines",
    "PacedRunners",
    "PacedStarts",
    "Purse",
    "PurseToll",
    "ec2_ceilings",
    "github_ceilings",
    "paced_github",
]
