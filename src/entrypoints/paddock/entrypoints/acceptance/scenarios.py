"""What is run: workflow files, what is done to them while they run, and how each of their jobs must end."""

import re
from collections.abc import Iterable
from enum import StrEnum
from importlib.resources import files
from typing import Final

import attrs

from paddock.core.errors import InvalidInput
from paddock.core.labels import MARK

PREFIX: Final = "paddock-acceptance-"
FOLDER: Final = ".github/workflows"
"""Where GitHub looks for workflows in a repository."""

_ON: Final = re.compile(r"^on:\n(?:  .*\n)+", re.MULTILINE)


class Cue(StrEnum):
    """What is done to a run once its job runs."""

    NONE = "none"
    CANCEL = "cancel"
    INTERRUPT = "interrupt"


@attrs.frozen
class Expected:
    """One job: its name, the attempt, and the conclusions of which GitHub must give one."""

    name: str
    conclusions: tuple[str, ...] = ("success",)
    attempt: int = 1


@attrs.frozen
class Scenario:
    """One workflow. ``minutes`` is the longest that each of its machines can live, by the workflow's own time-outs."""

    name: str
    about: str
    jobs: tuple[Expected, ...]
    minutes: int
    cue: Cue = Cue.NONE

    @property
    def file(self) -> str:
        """The workflow file's name."""
        return f"{PREFIX}{self.name}.yml"

    @property
    def path(self) -> str:
        """Where the file belongs in a repository."""
        return f"{FOLDER}/{self.file}"

    @property
    def text(self) -> str:
        """The file as it is shipped: a workflow that is started by hand, with two inputs."""
        return (files("paddock.entrypoints.acceptance") / "workflows" / self.file).read_text(encoding="utf-8")

    @property
    def attempts(self) -> int:
        """How many attempts its run must come to."""
        return max(job.attempt for job in self.jobs)

    def title(self, token: str) -> str:
        """What GitHub calls the run (``run-name``), by which it is found."""
        return f"paddock acceptance {self.name} {token}"

    def pushed(self, branch: str, label: str, token: str) -> str:
        """The file for a branch of its own: there the push itself starts it.

        GitHub dispatches only workflows that the default branch has.
        """
        trigger = f'on:\n  push:\n    branches: ["{branch}"]\n    paths: ["{self.path}"]\n'
        text = _ON.sub(lambda _: trigger, self.text, count=1)
        return text.replace("${{ inputs.label }}", label).replace("${{ inputs.token }}", token)


_LOST: Final = ("failure", "cancelled")
"""GitHub calls a job whose machine was taken back by either word."""

SCENARIOS: Final = (
    Scenario("hello", "one job that succeeds", (Expected("hello"),), 10),
    Scenario(
        "matrix",
        "three jobs of a matrix, at once",
        (Expected("shard 1"), Expected("shard 2"), Expected("shard 3")),
        10,
    ),
    Scenario("failing", "one job whose tests fail", (Expected("failing", ("failure",)),), 10),
    Scenario(
        "cancelled",
        "one job that is cancelled while it runs",
        (Expected("endless", ("cancelled",)),),
        15,
        Cue.CANCEL,
    ),
    Scenario(
        "interrupted",
        "one job whose spot machine AWS takes back, and its re-run",
        (Expected("taken", _LOST), Expected("taken", attempt=2)),
        20,
        Cue.INTERRUPT,
    ),
)


def chosen(names: Iterable[str]) -> tuple[Scenario, ...]:
    """The scenarios of these names, in their own order; all if there are none.

    Raises:
        InvalidInput: there is no such scenario.
    """
    wanted = tuple(names)
    known = {scenario.name: scenario for scenario in SCENARIOS}
    for name in wanted:
        if name not in known:
            raise InvalidInput("--only", name, f"must be one of {', '.join(known)}")
    return tuple(scenario for scenario in SCENARIOS if not wanted or scenario.name in wanted)


def label_of(environment: str, scenario: str, arch: str) -> str:
    """The label that a scenario's jobs bear: the environment's, so that no other fleet serves them."""
    return f"{MARK}/cpu=2/arch={arch}/env={environment}/x-scenario={scenario}"
