"""What GitHub knows of a machine's runner: the second witness before a machine is ended, besides our own clock."""

from paddock.core.errors import Busy, NotFound, PaddockError
from paddock.core.ports.assignments import AssignmentReceipt, Assignments
from paddock.core.ports.decisions import Decisions
from paddock.core.ports.github import GitHub, RegisteredRunner
from paddock.core.ports.system import Clock
from paddock.core.runner import Runner, machine_of
from paddock.core.settings import FleetSettings
from paddock.core.usecases.assign import scope_of
from paddock.core.usecases.record import Recorder
from paddock.core.usecases.registrations import own, take_back


class Registered:
    """Asks GitHub about machines' runners, and has it forget them."""

    def __init__(
        self,
        *,
        settings: FleetSettings,
        github: GitHub,
        assignments: Assignments,
        decisions: Decisions,
        clock: Clock,
    ) -> None:
        self._settings = settings
        self._registrations = github.runners
        self._assignments = assignments
        self._clock = clock
        self._record = Recorder(decisions, clock, "retire")

    def listens(self, runner: Runner) -> bool:
        """True if the machine's runner is in touch with GitHub: then its agent is well, whatever we heard of it.

        Raises:
            PaddockError: GitHub could not be asked. Unknown means keep.
        """
        return any(one.status == "online" for one in self._seen(runner))

    def works(self, runner: Runner) -> bool:
        """True if GitHub says that the machine's runner runs a job.

        Raises:
            PaddockError: GitHub could not be asked.
        """
        return any(one.busy for one in self._seen(runner))

    def _seen(self, runner: Runner) -> list[RegisteredRunner]:
        scope = scope_of(runner.repository, self._settings)
        number = self._number(runner, self._assignments.get(runner.machine))
        seen = (self._registrations.get(scope, one) for one in _each(number, runner.runner_id))
        return [one for one in seen if one is not None]

    def unregister(self, runner: Runner, *, insist: bool = False) -> bool:
        """Delete the registration; False if GitHub keeps it because it runs a job, or could not be asked.

        Raises:
            Unavailable, Throttled: GitHub could not be asked, and the caller insists.
        """
        receipt = self._assignments.get(runner.machine)
        try:
            number = self._number(runner, receipt)
            for one in _each(number, runner.runner_id):
                take_back(self._registrations, scope_of(runner.repository, self._settings), one)
        except Busy:
            return False
        except PaddockError as error:
            if insist and error.retryable:
                raise
            self._record.machine(runner.machine, "registration_left", f"its registration stays at GitHub: {error}")
            return False
        # One that is about to register itself cannot be kept from it: for as long as it may take, GitHub has the word.
        itself = receipt is not None and number is None
        return not itself or self._clock.now() - runner.launched_at > self._settings.deadlines.boot

    def _number(self, runner: Runner, receipt: AssignmentReceipt | None) -> int | None:
        """By which GitHub knows the runner. Its orders know best; its record may have missed them, or name an earlier.

        Whoever would end the machine must ask about the very runner that may have a job by now. The number of one that
        registered itself may be GitHub's knowledge alone, and then it is found by its name; None if it is not there.

        The machine may write what it likes into its orders' receipt, so no name and no number is taken from there
        that GitHub knows as somebody else's: it would be deleted.

        Raises:
            PaddockError: GitHub could not be asked.
        """
        name, number = runner.runner_name, runner.runner_id
        if receipt is not None:
            name = receipt.runner_name if machine_of(receipt.runner_name) == runner.machine else name
            if receipt.runner_id != number:
                number = receipt.runner_id if receipt.runner_id and self._is_own(runner, receipt.runner_id) else None
        return self._number_of(runner, name) if number is None and name else number

    def _is_own(self, runner: Runner, number: int) -> bool:
        """True if GitHub knows the runner of that number by the machine's name."""
        scope = scope_of(runner.repository, self._settings)
        return own(self._registrations, scope, number, runner.machine) is not None

    def _number_of(self, runner: Runner, name: str) -> int | None:
        try:
            found = self._registrations.named(scope_of(runner.repository, self._settings), name)
        except NotFound:
            return None
        return None if found is None else found.id


def _each(*numbers: int | None) -> list[int]:
    return [number for number in dict.fromkeys(numbers) if number]
