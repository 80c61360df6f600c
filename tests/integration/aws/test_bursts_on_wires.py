"""Two thousand jobs within a minute, and every call of EC2 and GitHub as it is on the wire: none is above a limit.

The use-cases, the purse and the adapters are the real ones; EC2 and GitHub answer in virtual time, and refuse nobody:
what was asked is judged afterwards, by their documented limits (see `tests.limits`).
"""

from collections.abc import Iterable

import attrs
import pytest

from paddock.core.pools.pool import Pool
from paddock.core.spec import RunnerSpec
from paddock.core.units import MINUTE
from tests.limits import CONTENT, EC2, GITHUB, SLEEP, Limit, exceeded, judge
from tests.strategies import NOON
from tests.world.bursts import SETTINGS, Started, WiredWorld, most_before_the_oldest, most_overtaken
from tests.world.workloads import Burst

pytestmark = pytest.mark.slow

JOBS = 2_000
BEFORE = JOBS // 60 * 2 + 5 * 10
"""While a job is the oldest that waits, no more younger ones start than come within the two seconds by which webhooks
overtake each other, and than five dispatchers have in hand, a batch each."""

OVERTAKEN = JOBS // 60 * 8
"""No job is overtaken by more younger ones than come within eight seconds: webhooks overtake each other by two, turns
are at every fifth second, and one second is a function's start."""

IN_WHOLE_SECONDS = {"the ledger equals the bill"}
"""EC2 tells when a machine ended to the second, the simulated bill is exact."""

JUST_IN_TIME = attrs.evolve(SETTINGS, registration_tokens=False)
DENIED = "paddock/cpu=3/unheard=1"


def checked(world: WiredWorld, limits: Iterable[Limit]) -> None:
    """Let the burst be served; each of these limits was tried and kept, and the fleet has done what it should."""
    outcome = world.run()
    assert not list(exceeded(judge(world.asked, limits)))
    assert {one.rule for one in outcome.violations} <= IN_WHOLE_SECONDS
    assert not world.jobs.dead_letters()
    assert not world.events.dead_letters()


def test_a_burst_to_its_end_keeps_every_limit_and_serves_the_oldest_first() -> None:
    """Of ten machines one never comes up: those the fleet ends by itself, and launches others in their place."""
    world = WiredWorld(Burst(JOBS), dead_boots=100)
    checked(world, (*EC2, *GITHUB))
    assert len(world.launched) == JOBS
    assert most_before_the_oldest(world.launched.values()) <= BEFORE
    assert most_overtaken(world.launched.values()) <= OVERTAKEN


def test_a_thousand_machines_that_never_come_up_are_ended_within_every_limit() -> None:
    """The fleet ends each by a call of its own, and asks GitHub what became of its job."""
    retry = attrs.evolve(SETTINGS.retry, max_launches=1)
    world = WiredWorld(Burst(1_000), dead_boots=1_000, settings=attrs.evolve(SETTINGS, retry=retry))
    checked(world, (*EC2, *GITHUB))
    assert sum(call.operation == "ec2 TerminateInstances" for call in world.asked) == 1_000


def test_a_burst_without_tokens_keeps_every_limit_and_serves_the_oldest_first() -> None:
    """Each runner has a just-in-time configuration, of which GitHub takes 180 in a minute."""
    world = WiredWorld(Burst(1_000), settings=JUST_IN_TIME, dead_boots=50)
    checked(world, (*EC2, *GITHUB))
    assert len(world.launched) == 1_000
    assert most_before_the_oldest(world.launched.values()) <= BEFORE
    assert most_overtaken(world.launched.values()) <= OVERTAKEN


def test_a_burst_that_wakes_a_pool_keeps_every_limit() -> None:
    """Before it comes, sixty machines are launched, come up and are stopped; then they are woken."""
    spec = RunnerSpec(pool="warm", spot=False)
    pools = {"warm": Pool("warm", spec, stopped=60)}
    settings = attrs.evolve(SETTINGS, specs={"warm": RunnerSpec(pool="warm")}, pools=pools)
    burst = Burst(200, salted=False, label="paddock/runner=warm", first=NOON + 15 * MINUTE)
    world = WiredWorld(burst, settings=settings)
    checked(world, SLEEP)
    woken = [call for call in world.asked if call.operation == "ec2 StartInstances"]
    assert sum(call.count for call in woken) >= 50


def test_two_thousand_jobs_that_are_refused_write_no_more_than_github_takes() -> None:
    """Eighty authors are told in a minute, and no more than five hundred in an hour; every job has its reason."""
    world = WiredWorld(Burst(JOBS, label=DENIED, within=10 * MINUTE))
    checked(world, CONTENT)
    assert world.outcome().jobs.rejected == JOBS
    told = [call for call in world.asked if call.operation.endswith("/check-runs")]
    assert len(told) == 500


def test_runs_of_strangers_are_cancelled_no_faster_than_github_takes() -> None:
    """Each job's run is cancelled before it is refused, if that takes minutes; none is left in GitHub's queue."""
    world = WiredWorld(Burst(400, forks=True))
    checked(world, [limit for limit in GITHUB if "runners" not in limit.name])
    jobs = world.outcome().jobs
    assert jobs.rejected + jobs.cancelled == jobs.queued == 400
    assert not world.cloud.log


def test_the_same_burst_without_the_purse_is_found_to_be_above_limits() -> None:
    """What is judged is what is asked: without ceilings the judge finds what the fleet would have done."""
    world = WiredWorld(Burst(400), ceilings=None, settings=JUST_IN_TIME)
    world.run()
    found = judge(world.asked, GITHUB)
    assert {name for name, one in found.items() if one.excess} == {"GitHub points for one endpoint"}


@pytest.mark.parametrize(
    ("started", "overtaken", "before"),
    [
        ([Started(0, 10), Started(1, 10), Started(2, 11)], 0, 0),
        ([Started(0, 30), Started(1, 10), Started(2, 25)], 2, 2),
        ([Started(5, 9), Started(5, 90)], 0, 0),
        ([Started(0, 50), Started(1, 60), Started(2, 40), Started(3, 55)], 2, 1),
        ([Started(0, 10), Started(1, 90), Started(2, 10), Started(3, 20), Started(4, 30)], 3, 2),
    ],
)
def test_how_often_a_job_is_overtaken(started: list[Started], overtaken: int, before: int) -> None:
    """By whoever is younger and is started earlier; and by how many of these while it was the oldest that waited."""
    assert most_overtaken(started) == overtaken
    assert most_before_the_oldest(started) == before
