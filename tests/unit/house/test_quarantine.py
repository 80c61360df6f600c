"""Jobs that were given up because their launches failed: looked after by a task, and released by people alone."""

from collections.abc import Sequence

import attrs
import pytest

from paddock.adapters.memory.bundles import memory_github
from paddock.adapters.memory.github.values import Status
from paddock.adapters.simulation.wires import Crash, wired
from paddock.core.errors import InvalidInput, NotFound, Rejected, Unavailable
from paddock.core.job import Job, JobFacts
from paddock.core.states import JobState
from paddock.core.task import TaskReport
from paddock.core.units import DAY, HOUR, MINUTE
from paddock.core.usecases.house.quarantine import MOST_ASKED, Quarantine
from tests.faults import Failing, Fuse
from tests.strategies import NOON
from tests.world.invariants import check
from tests.world.world import REPOSITORY, World

REFUSED = Rejected("no such group")


class House:
    """A fleet whose runner group is wrong, so that its jobs are quarantined, and the task."""

    def __init__(self, jobs: int = 1) -> None:
        self.broken = Failing({"github.runners.jit_config": REFUSED})
        self.world = World(around=self.broken.around)
        self.jobs = self.world.push_jobs(jobs)
        self.world.run(10 * MINUTE)
        assert {self.world.record(job).state for job in self.jobs} == {JobState.ABANDONED}
        self.github = Failing()

    def __call__(self, *, dry_run: bool = False, cursor: str = "") -> TaskReport:
        """One run of the task."""
        self.github.calls.clear()
        task = Quarantine(
            table=self.world.table,
            github=wired("github", memory_github(self.world.github), self.github.around),
            decisions=self.world.decisions,
            clock=self.world.clock,
        )
        return task(dry_run=dry_run, cursor=cursor)

    @property
    def asked(self) -> int:
        """How often the last run asked GitHub."""
        return self.github.calls.count("github.workflows.job")


def launches(house: House) -> Sequence[int]:
    """How many launches each job has had."""
    return [house.world.record(job).launch for job in house.jobs]


def test_a_released_job_has_a_fresh_budget_and_is_served() -> None:
    """The cause is mended. What failed before, alike or not, does not count any more."""
    house = House()
    job = house.jobs[0]
    assert [one.id for one in house.world.fleet.operate.quarantined()] == [job]
    house.broken.errors.clear()
    released = house.world.fleet.operate.release(job)
    assert (released.state, released.displaced, released.failure) == (JobState.QUEUED, released.launch, "")
    house.world.run_until_quiet()
    assert (house.world.record(job).state, launches(house)) == (JobState.FINISHED, [3])
    assert house.world.record(job).conclusion == "success"
    assert [told.actor for told in house.world.decisions.about(f"job:{job}") if told.verdict == "released"] == ["life"]
    assert house.world.fleet.operate.quarantined() == []
    check(house.world)


def test_a_job_that_is_released_too_early_is_quarantined_again() -> None:
    """Two launches more, and no third: the budget is fresh, and a budget."""
    house = House()
    house.world.fleet.operate.release(house.jobs[0])
    house.world.run_until_quiet()
    record = house.world.record(house.jobs[0])
    assert (record.state, record.launch) == (JobState.ABANDONED, 4)
    assert record.reason.startswith("quarantined: ")
    check(house.world)


@pytest.mark.parametrize("after", [False, True])
def test_a_release_that_dies_before_its_message_is_sent_is_made_good_by_the_sweep(*, after: bool) -> None:
    """The record is flipped first, as everywhere."""
    house = House()
    house.broken.errors.clear()
    for number in range(1, 6):
        fuse = Fuse(number, after=after)
        with pytest.raises(Crash):
            house.world.new_fleet(fuse.around).operate.release(house.jobs[0])
        if house.world.record(house.jobs[0]).state is JobState.QUEUED:
            break
    house.world.run_until_quiet()
    assert house.world.record(house.jobs[0]).state is JobState.FINISHED
    check(house.world)


@pytest.mark.parametrize(("how", "why"), [
    ("finished", "it is finished, and only a job that was given up can be released"),
    ("concluded", r"GitHub does not wait for it any more \(cancelled\): re-run it there"),
    ("old", "it is older than a day, and GitHub lets no job wait for longer"),
    ("ran", "it ran: GitHub runs such a job again only when its run is re-run there"),
])  # fmt: skip
def test_what_nobody_waits_for_is_not_released(how: str, why: str) -> None:
    """A machine for it would idle. The error says what to do instead."""
    state = JobState.FINISHED if how == "finished" else JobState.ABANDONED
    facts = JobFacts(7, 7, REPOSITORY, ("paddock",), created_at=NOON - 2 * DAY * (how == "old"))
    world = World()
    world.table.jobs.add(
        Job(
            facts,
            state=state,
            conclusion="cancelled" if how == "concluded" else None,
            started_at=NOON if how == "ran" else None,
        )
    )
    with pytest.raises(InvalidInput, match=why):
        world.fleet.operate.release(7)
    assert world.fleet.operate.quarantined() == []
    assert world.jobs.depth().waiting == 0


def test_a_job_that_was_never_seen_cannot_be_released() -> None:
    """As it cannot be explained."""
    with pytest.raises(NotFound, match="job 7 is unknown here"):
        World().fleet.operate.release(7)


def test_the_task_tells_of_what_waits_and_launches_nothing() -> None:
    """It is left, so that it stands in `paddock housekeeping status` for as long as it waits."""
    house = House(2)
    report = house()
    assert (report.left, report.by_kind, report.failed) == (2, {"waiting": 2}, 0)
    assert f"job {house.jobs[0]} of {REPOSITORY} waits to be released: quarantined: " in report.acts[0]
    house.world.run(HOUR)
    assert launches(house) == [2, 2]


def test_what_is_over_at_github_is_settled_once() -> None:
    """GitHub's word on its end was lost, or it was deleted: from then on nobody asks about it, or releases it."""
    house = House(2)
    concluded, gone = house.jobs
    house.world.cancel(concluded)
    del house.world.github.state.jobs[gone]
    tried = house(dry_run=True)
    assert (len(tried.acts), len(house.world.fleet.operate.quarantined())) == (2, 2)
    report = house()
    assert (report.by_kind, report.left) == ({"settled": 1, "unanswered": 1}, 1)
    assert house.world.record(concluded).conclusion == "cancelled"
    assert [one.id for one in house.world.fleet.operate.quarantined()] == [gone], "GitHub said so once"
    house.world.clock.advance(HOUR)
    assert house(cursor=report.cursor).by_kind == {"settled": 1}
    assert house.world.fleet.operate.quarantined() == []
    assert (house().attempted, house.asked) == (0, 0)


def test_a_job_that_github_did_not_know_for_a_while_is_released_all_the_same() -> None:
    """The App had lost access to the repository, which is what an operator mends: one such answer is no evidence."""
    house = House()
    (job,) = house.jobs
    house.github.errors["github.workflows.job"] = NotFound("no such job")
    assert house().by_kind == {"unanswered": 1}
    house.github.errors.clear()
    house.world.clock.advance(HOUR)
    assert house().by_kind == {"waiting": 1}
    house.github.errors["github.workflows.job"] = NotFound("no such job")
    assert house().by_kind == {"unanswered": 1}, "what it said before does not count any more"
    house.broken.errors.clear()
    house.world.fleet.operate.release(job)
    house.world.run(10 * MINUTE)
    assert house.world.record(job).state is JobState.FINISHED


@pytest.mark.parametrize("heard", [True, False])
def test_a_job_that_runs_on_another_runner_is_not_released(*, heard: bool) -> None:
    """A runner is label capacity: whoever took it, GitHub waits no more. Its webhook tells it, or GitHub when asked."""
    house = House()
    (job,) = house.jobs
    jobs = house.world.github.state.jobs
    jobs[job] = attrs.evolve(jobs[job], status=Status.IN_PROGRESS, started_at=house.world.clock.now())
    if heard:
        seen = memory_github(house.world.github).workflows.job(REPOSITORY, job)
        house.world.fleet.house.sweep._completion.seen(seen)
    else:
        assert house().by_kind == {"settled": 1}
    with pytest.raises(InvalidInput, match="it ran"):
        house.world.fleet.operate.release(job)


def test_githubs_word_on_its_end_settles_it_too() -> None:
    """Usually the webhook comes, and the task has nothing to ask."""
    house = House()
    house.world.cancel(house.jobs[0])
    house.world.run(MINUTE)
    assert house.world.record(house.jobs[0]).conclusion == "cancelled"
    assert (house().attempted, house.asked) == (0, 0)


def test_a_run_asks_about_so_many_and_the_next_goes_on_there() -> None:
    """Also when GitHub does not answer about some."""
    house = House(MOST_ASKED + 10)
    first = house()
    assert (house.asked, first.left) == (MOST_ASKED, MOST_ASKED + 10)
    second = house(cursor=first.cursor)
    named = [act.split()[1] for act in (*first.acts, *second.acts)]
    assert set(named) == {str(job) for job in house.jobs}
    assert named[MOST_ASKED : MOST_ASKED + 10] == [str(job) for job in house.jobs[MOST_ASKED:]]
    house.github.errors["github.workflows.job"] = Unavailable("away")
    third = house(cursor=second.cursor)
    assert (third.failed, third.by_kind) == (MOST_ASKED, {"unanswered": MOST_ASKED})


def test_what_is_old_is_passed_for_good() -> None:
    """Records are kept for months: the listing is read from where the last run saw a page that was not."""
    house = House()
    for number in range(1_000, 1_250):
        facts = JobFacts(number, 7, REPOSITORY, ("paddock",), created_at=NOON - 3 * DAY)
        house.world.table.jobs.add(Job(facts, state=JobState.ABANDONED))
    report = house()
    assert (report.by_kind, '"base":null' in report.cursor) == ({"waiting": 1}, False)
    again = house(cursor=report.cursor)
    assert (again.by_kind, again.left) == ({"waiting": 1}, 1)
    assert house(cursor="?").left == 1
