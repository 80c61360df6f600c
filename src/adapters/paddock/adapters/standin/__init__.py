"""Stand-ins for GitHub and its runner: a real HTTP server around the model, and a package that runs real steps."""

from paddock.adapters.memory.github import DeliveryFaults, JobScript, RunnerFaults, Step
from paddock.adapters.standin.app import Failure
from paddock.adapters.standin.package import BuiltPackage, Flaw, build, build_windows
from paddock.adapters.standin.standin import GitHubStandIn, StartedRun

__all__ = [
    "BuiltPackage",
    "DeliveryFaults",
    "Failure",
    "Flaw",
    "GitHubStandIn",
    "JobScript",
    "RunnerFaults",
    "StartedRun",
    "Step",
    "build",
    "build_windows",
]
