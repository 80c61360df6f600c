"""Writing decisions down: every use-case says what it decided, about what, and why."""

from contextlib import suppress

import attrs

from paddock.core.decision import Decision, Fact
from paddock.core.errors import PaddockError
from paddock.core.job import Job, job_subject
from paddock.core.ports.decisions import Decisions
from paddock.core.ports.system import Clock


def machine_subject(machine: str) -> str:
    """What decisions about a machine are filed under."""
    return f"machine:{machine}"


def delivery_subject(guid: str) -> str:
    """What decisions about a webhook delivery are filed under."""
    return f"delivery:{guid}"


def circuit_subject(key: str) -> str:
    """What decisions about a circuit are filed under."""
    return f"circuit:{key}"


def task_subject(name: str) -> str:
    """What decisions about a task of housekeeping are filed under."""
    return f"task:{name}"


def letter_subject(digest: str) -> str:
    """What decisions about a dead letter are filed under that is about no job and no machine."""
    return f"letter:{digest}"


@attrs.frozen
class Recorder:
    """The pen of one use-case."""

    decisions: Decisions
    clock: Clock
    actor: str

    def job(self, job_id: int, verdict: str, reason: str, **facts: Fact) -> None:
        """Write down a decision about a job."""
        self._write(job_subject(job_id), verdict, reason, facts)

    def queued(self, job: Job) -> None:
        """Write down that a job is news."""
        self.job(job.id, "queued", f"GitHub queued it with {', '.join(job.facts.labels)}")

    def machine(self, machine: str, verdict: str, reason: str, **facts: Fact) -> None:
        """Write down a decision about a machine."""
        self._write(machine_subject(machine), verdict, reason, facts)

    def delivery(self, guid: str, verdict: str, reason: str, **facts: Fact) -> None:
        """Write down a decision about a webhook delivery."""
        self._write(delivery_subject(guid), verdict, reason, facts)

    def circuit(self, key: str, verdict: str, reason: str, **facts: Fact) -> None:
        """Write down a decision about a circuit."""
        self._write(circuit_subject(key), verdict, reason, facts)

    def task(self, name: str, verdict: str, reason: str, **facts: Fact) -> None:
        """Write down a decision about a task of housekeeping."""
        self._write(task_subject(name), verdict, reason, facts)

    def letter(self, digest: str, verdict: str, reason: str, **facts: Fact) -> None:
        """Write down a decision about a dead letter."""
        self._write(letter_subject(digest), verdict, reason, facts)

    def fault(self, job_id: int, error: Exception) -> None:
        """Write down an error that nobody foresaw; of others nothing. If it cannot be written, the message tells."""
        if not isinstance(error, PaddockError):
            with suppress(Exception):
                self.job(job_id, "fault", f"a fault of ours: {type(error).__name__}: {error}")

    def _write(self, subject: str, verdict: str, reason: str, facts: dict[str, Fact]) -> None:
        self.decisions.append([Decision(subject, self.clock.now(), self.actor, verdict, reason, facts)])
