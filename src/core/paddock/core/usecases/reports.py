"""Reports: a machine may speak of itself alone.

Whoever runs a job has the machine in hand, and with it the machine's right to send. What it says is taken for no more
than what the transport vouches for: that this machine said it.
"""

from paddock.core.messages import RunnerReported
from paddock.core.ports.decisions import Decisions
from paddock.core.ports.system import Clock
from paddock.core.usecases.record import Recorder

_SHOWN = 80


class Reports:
    """Tells reports from forgeries."""

    def __init__(self, *, decisions: Decisions, clock: Clock) -> None:
        self._record = Recorder(decisions, clock, "reports")

    def genuine(self, message: object, machine: str | None, sender: str) -> RunnerReported | None:
        """The message, if it is a report of its sender's own; None if it is a forgery, which is then written down.

        Args:
            message: what came by the machines' way, of whatever kind.
            machine: the machine that sent it, by the transport's word; None if it was no machine of ours.
            sender: the sender in the transport's own words.
        """
        if not isinstance(message, RunnerReported):
            claim = f"it sent a {type(message).__name__}, which no machine may"
        elif machine is None:
            claim = f"it is no machine, and spoke for {message.machine[:_SHOWN]!r}"
        elif message.machine != machine:
            claim = f"it spoke for {message.machine[:_SHOWN]!r}, about job {message.job_id}"
        else:
            return message
        self._record.machine(machine or sender, "forged_report", f"{claim}: refused", sender=sender)
        return None
