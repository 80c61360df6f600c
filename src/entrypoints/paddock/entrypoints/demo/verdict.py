"""Did every job end as it should?"""

from collections.abc import Iterator

from paddock.core.job import Job
from paddock.core.states import JobState
from paddock.core.units import span_text
from paddock.entrypoints.demo.play import Played
from paddock.entrypoints.demo.scenario import ANY_LAUNCHES, Part


def deviations(played: Played) -> tuple[str, ...]:
    """Everything that did not go as the scenario says, a sentence each; empty if all went well."""
    return tuple(_deviations(played))


def _deviations(played: Played) -> Iterator[str]:
    jobs = {job.id: job for job in played.view.jobs}
    if played.timed_out:
        yield f"the play was not over after {span_text(played.view.now - played.began)}"
    for job_id, part in played.parts.items():
        job = jobs.get(job_id)
        if job is None:
            yield f"{part.script.name}: the fleet never heard of it"
        else:
            yield from _of_job(job, part, played)
    for job_id in sorted(jobs.keys() - played.parts.keys()):
        yield f"job {job_id} is nobody's: {jobs[job_id].facts.name}"
    served = [runner.served_job for runner in played.view.runners if runner.served_job is not None]
    for job_id in sorted({job_id for job_id in served if served.count(job_id) > 1}):
        yield f"job {job_id} ran on {served.count(job_id)} machines"
    for machine in played.left_behind:
        yield f"machine {machine} was left behind"


def _of_job(job: Job, part: Part, played: Played) -> Iterator[str]:
    name, ending = part.script.name, part.ending
    told = {decision.verdict for decision in played.decisions.get(job.id, ())}
    state, conclusion = job.state, job.conclusion
    if ending.state is JobState.REJECTED and state is JobState.CANCELLED and told.issuperset(ending.told):
        state, conclusion = ending.state, ending.conclusion  # GitHub's echo of our cancelling its run was faster
    wanted: dict[str, tuple[object, object]] = {
        "state": (ending.state, state),
        "conclusion": (ending.conclusion, conclusion),
        "result": (ending.result, job.result),
    }
    if ending.launches != ANY_LAUNCHES:
        wanted["launches"] = (ending.launches, job.launch - job.displaced)
    for what, (expected, found) in wanted.items():
        if expected != found:
            yield f"{name}: {what} should be {expected}, and is {found}"
    if ending.reason not in job.reason:
        yield f"{name}: its reason should say {ending.reason!r}, and is {job.reason!r}"
    for verdict in ending.told:
        if verdict not in told:
            yield f"{name}: the decision {verdict!r} should have been recorded, and was not"
    if job.state is not JobState.REJECTED and played.github.get(job.id) != job.conclusion:
        yield f"{name}: GitHub concluded {played.github.get(job.id)}, the record says {job.conclusion}"
