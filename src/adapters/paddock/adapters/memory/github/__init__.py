"""GitHub Actions in memory: a model of its rules, and the GitHub ports on top of it."""

from paddock.adapters.memory.github.model import MemoryGitHub
from paddock.adapters.memory.github.ports import MemoryDeliveries, MemoryReleases, MemoryRunners, MemoryWorkflows
from paddock.adapters.memory.github.scripts import DeliveryFaults, JobScript, RunnerFaults, Step
from paddock.adapters.memory.github.values import (
    CheckRun,
    Delivery,
    Event,
    JobRecord,
    PublishedPackage,
    Repository,
    RunnerRecord,
    RunRecord,
    Status,
    StepRecord,
    Timings,
)

__all__ = [
    "CheckRun",
    "Delivery",
    "DeliveryFaults",
    "Event",
    "JobRecord",
    "JobScript",
    "MemoryDeliveries",
    "MemoryGitHub",
    "MemoryReleases",
    "MemoryRunners",
    "MemoryWorkflows",
    "PublishedPackage",
    "Repository",
    "RunRecord",
    "RunnerFaults",
    "RunnerRecord",
    "Status",
    "Step",
    "StepRecord",
    "Timings",
]
