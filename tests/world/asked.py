"""Requests as GitHub's webhooks would bring them, for a dispatcher that is called by hand."""

from paddock.core.job import JobFacts
from paddock.core.messages import JobRequested
from tests.strategies import NOON
from tests.world.world import World


def requests(world: World, *jobs: int) -> list[JobRequested]:
    """What GitHub's webhooks would ask for."""
    found = []
    for job in jobs:
        record = world.github.state.jobs[job]
        facts = JobFacts(job, record.run_id, record.repository, record.labels, private=True, created_at=NOON)
        found.append(JobRequested(facts, NOON, f"guid-{job}"))
    return found
