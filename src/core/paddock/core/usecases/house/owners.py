"""Whose repository an act of the sweep is about: GitHub's limits are each owner's own."""

from collections.abc import Callable

from paddock.core.usecases.house.plan import Act, Snapshot


def owners_of(seen: Snapshot) -> Callable[[Act], str]:
    """Tells whose repository an act is about; empty if it is about none."""
    machines = {runner.machine: runner.repository for runner in seen.runners}
    jobs = {job.id: job.facts.repository for job in seen.jobs}

    def owner(act: Act) -> str:
        machine, job_id = getattr(act, "machine", None), getattr(act, "job_id", None)
        repository = jobs.get(job_id, "") if isinstance(job_id, int) else ""
        if not repository and isinstance(machine, str):
            repository = machines.get(machine, "")
        return repository.partition("/")[0].casefold()

    return owner
