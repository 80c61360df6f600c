"""Events: whatever GitHub, the machines and the cloud say, each to whom it concerns."""

from paddock.core.circuit import NOTICE
from paddock.core.messages import (
    EventMessage,
    JobObserved,
    MachineChanged,
    MachineWarned,
    ReportEvent,
    RunCompleted,
    RunnerReported,
    WarningKind,
)
from paddock.core.usecases.adopt import Adopt
from paddock.core.usecases.completion import Completion
from paddock.core.usecases.departure import Departure
from paddock.core.usecases.interruption import Interruptions
from paddock.core.usecases.machine_word import MachineWord
from paddock.core.usecases.reruns import Reruns

# How the agent reports what it found in its metadata.
_WARNINGS = {"spot_notice": WarningKind.SPOT, "rebalance": WarningKind.REBALANCE}


class Events:
    """Handles messages of the events queue."""

    def __init__(
        self,
        *,
        adopt: Adopt,
        completion: Completion,
        machine_word: MachineWord,
        interruptions: Interruptions,
        departure: Departure,
        reruns: Reruns,
    ) -> None:
        self._adopt = adopt
        self._completion = completion
        self._machine_word = machine_word
        self._interruptions = interruptions
        self._departure = departure
        self._reruns = reruns

    def __call__(self, message: EventMessage) -> None:
        """Handle one message. Repeating it changes nothing.

        Raises:
            PaddockError: a store, GitHub or the cloud did not answer; the message must come back.
        """
        match message:
            case JobObserved():
                self._completion(message)
            case RunCompleted():
                self._reruns.completed(message)
            case MachineWarned():
                self._interruptions.warned(message)
            case MachineChanged():
                self._departure.changed(message)
            case RunnerReported(event=ReportEvent.FINISHED):
                # Whom it served is learnt first: that job is the one which is interrupted.
                self._machine_word(message)
                self._heeded(message)
            case RunnerReported():
                # One that did its work had orders, and with them a record; any other may have none yet.
                self._adopt.heard_of(message.machine, f"it has no record, and says {message.event}")
                # That it is taken back comes first: else its failure to start would be held against its job.
                self._heeded(message)
                if message.event is ReportEvent.FAILED_TO_START:
                    self._interruptions.resumed(message.machine)
                self._machine_word(message)

    def _heeded(self, report: RunnerReported) -> None:
        """A machine that is taken back says so itself; its word may be first, or the only one."""
        ended_by_it = report.event is ReportEvent.FINISHED and report.interrupted_by == WarningKind.SPOT
        warning = WarningKind.SPOT if ended_by_it else _WARNINGS.get(report.reason)
        if warning is not None:
            at = report.at + (0 if ended_by_it else NOTICE)
            self._interruptions.warned(MachineWarned(report.machine, warning, at, report.at))
