"""Explain: everything that was decided about a job and its machines, in the order of time."""

import attrs

from paddock.core.decision import Decision
from paddock.core.errors import NotFound
from paddock.core.job import Job
from paddock.core.ports.decisions import Decisions
from paddock.core.ports.stores import Table
from paddock.core.runner import Runner
from paddock.core.usecases.record import machine_subject


@attrs.frozen
class Explanation:
    """A job's record, the record of the machine on it, and the decisions about both, oldest first.

    ``runners`` are the records of every machine that was ever the job's, in the order of their launch; ``decisions``
    are about all of them.
    """

    job: Job
    runner: Runner | None
    decisions: tuple[Decision, ...]
    runners: tuple[Runner, ...] = ()


@attrs.frozen
class Explain:
    """Tells a job's story."""

    table: Table
    decisions: Decisions

    def __call__(self, job_id: int) -> Explanation:
        """The explanation of the job.

        Raises:
            NotFound: no job of this id was ever seen here.
        """
        job = self.table.jobs.get(str(job_id))
        if job is None:
            raise NotFound(
                f"job {job_id} is unknown here: its webhook never came, its labels are not ours, or the id is of a run"
            )
        told = list(self.decisions.about(job.subject))
        # Earlier machines of the job are named by the decisions that gave it to them.
        named = {str(decision.facts["machine"]) for decision in told if decision.facts.get("machine")}
        machines = sorted(named | ({job.machine} if job.machine is not None else set()))
        for machine in machines:
            told.extend(self.decisions.about(machine_subject(machine)))
        found = {machine: self.table.runners.get(machine) for machine in machines}
        runners = sorted(
            (runner for runner in found.values() if runner is not None),
            key=lambda runner: (runner.launched_at, runner.machine),
        )
        return Explanation(
            job=job,
            runner=None if job.machine is None else found[job.machine],
            decisions=tuple(sorted(told, key=lambda decision: decision.at)),
            runners=tuple(runners),
        )
