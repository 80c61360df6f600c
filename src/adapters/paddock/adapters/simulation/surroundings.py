"""What an agent in a simulated world has around it."""

from typing import Protocol

from paddock.adapters.memory.github.values import JobRecord
from paddock.adapters.simulation.parameters import Hosts
from paddock.adapters.simulation.protocols import Ending
from paddock.adapters.simulation.timeline import Timeline
from paddock.core.messages import Assignment, RunnerReported
from paddock.core.ports.system import Chance
from paddock.core.states import OperationalResult
from paddock.core.units import Span


class Surroundings(Protocol):
    """What the agent has around it."""

    timeline: Timeline
    chance: Chance
    hosts: Hosts

    def take_orders(self, machine: str) -> Assignment | None:
        """The machine's assignment, once."""

    def register(self, orders: Assignment) -> int:
        """The number of the runner, which registers itself if its orders say so."""

    def connect(self, runner_id: int) -> None:
        """Open the runner's session. NotFound: the registration was deleted."""

    def disconnect(self, runner_id: int) -> None:
        """Close it."""

    def begin(self, runner_id: int, job_id: int) -> JobRecord:
        """Acquire the job and start it. NotFound: it is no longer this runner's to take."""

    def job_of(self, job: JobRecord) -> tuple[Span, str]:
        """How long the job takes, and how it ends by itself."""

    def complete(self, runner_id: int, job_id: int, conclusion: str, result: OperationalResult) -> None:
        """Tell GitHub how the job ended. NotFound: GitHub had concluded it already."""

    def lose(self, runner_id: int, job_id: int | None, by: Ending | None) -> None:
        """The runner fell silent in the midst of its job; `by` is who ended its machine, None: it lives."""

    def report(self, report: RunnerReported) -> None:
        """Send it to the fleet."""

    def power_off(self, machine: str) -> None:
        """Switch the machine off from within."""
