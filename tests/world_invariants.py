"""What must be true of a fleet at the end of any story, however badly it went."""

from collections import Counter
from itertools import pairwise
from typing import Any

from paddock.adapters.memory import MemoryRecords
from paddock.core.circuit import Interruption
from paddock.core.job import Job
from paddock.core.ledger import LedgerEntry
from paddock.core.rerun import Rerun
from paddock.core.spec import Market
from paddock.core.states import ENDED_JOBS, JobState
from paddock.core.units import MINUTE, Span
from tests.world import World

UNSEEN: Span = 4 * MINUTE  # a machine that dies sooner, before anybody wrote it down, is never billed
NOTICED: Span = 5 * MINUTE  # how long after its end a machine may still be billed: a lease, and the sweeps after it


def everything_in(store: Any) -> list[Any]:  # noqa: ANN401 - whichever kind of record
    """All records of an in-memory store."""
    assert isinstance(store, MemoryRecords)
    return list(store._records.values())


def check(world: World, *, registrations_left: int = 0, noticed: Span = NOTICED) -> None:
    """All of it.

    `registrations_left`: how many may stay at GitHub that no runner ever used (GitHub removes them after a day).
    `noticed`: how long after its end a machine may still be billed.
    """
    jobs_ended_as_github_says(world)
    nothing_is_left(world, registrations_left)
    every_second_is_billed_once(world, noticed)
    launches_are_within_the_budget(world)
    every_decision_has_a_reason(world)
    what_was_lost_is_run_again(world)
    interruptions_count_once(world)
    nothing_of_ours_went_wrong(world)


def jobs_ended_as_github_says(world: World) -> None:
    """Every job of ours has ended: as GitHub concluded it, or refused or given up with a reason."""
    for told in world.github.jobs():
        known: Job | None = world.table.jobs.get(str(told.id))
        if known is None:
            # Every word of it was lost, and it ended before a sweep looked: nobody could know, and nothing was missed.
            assert told.conclusion is not None or not world.ours(told), f"{told.id} was never seen"
            continue
        assert known.state in ENDED_JOBS, f"{known} is open, GitHub says {told.status} {told.conclusion}"
        if known.state in {JobState.REJECTED, JobState.ABANDONED}:
            assert known.reason, f"{known} was given up without a reason"
        elif known.state is JobState.CANCELLED:
            assert told.conclusion == "cancelled", f"{known}, GitHub says {told.conclusion}"
        else:
            assert known.conclusion == told.conclusion, f"{known}, GitHub says {told.conclusion}"
        assert known.finished_at is not None, f"{known} has no end"


def nothing_is_left(world: World, registrations_left: int) -> None:
    """No machine, no open record, no assignment, and no registration but the few that no runner ever used."""
    assert not world.cloud.alive, f"alive: {world.cloud.alive}"
    assert not world.table.runners.page("live", "live").items
    assert not world.assignments._slots, f"assignments left: {list(world.assignments._slots)}"
    left = world.github.all_runners()
    assert all(runner.connected_at is None for runner in left), f"registrations left: {left}"
    assert len(left) <= registrations_left, f"registrations left: {left}"
    assert world.jobs.depth().dead == 0, world.jobs.dead_letters()
    assert world.events.depth().dead == 0, world.events.dead_letters()


def every_second_is_billed_once(world: World, noticed: Span) -> None:
    """A machine's ledger entries follow on each other without a gap, from its launch to its end."""
    bills: dict[str, list[LedgerEntry]] = {}
    for entry in everything_in(world.table.ledger):
        bills.setdefault(entry.machine, []).append(entry)
    assert set(bills) <= set(world.cloud.lives)
    for name, life in world.cloud.lives.items():
        assert life.ended_at is not None
        bill = sorted(bills.get(name, []), key=lambda entry: (entry.start, entry.end))
        if not bill:
            assert life.ended_at - life.machine.launched_at < max(UNSEEN, noticed), f"{name} was never billed: {life}"
            continue
        assert bill[0].start == life.machine.launched_at
        assert all(one.end == next_.start for one, next_ in pairwise(bill)), bill
        assert life.ended_at <= bill[-1].end <= max(life.ended_at + noticed, life.machine.launched_at + MINUTE), (
            name,
            life,
            bill[-1],
        )


def launches_are_within_the_budget(world: World) -> None:
    """No job has more failed launches than the budget allows, and no machine was started beyond what records say."""
    asked: Counter[int] = Counter()
    for job in everything_in(world.table.jobs):
        assert job.launch - job.displaced <= world.settings.retry.max_launches, job
        asked[job.id] = job.launch
    for launch in everything_in(world.table.launches):
        assert len(launch.machines or ()) <= len(launch.jobs)
    assert len(world.cloud.launches) == len({request.token for request in world.cloud.launches})
    assert len(world.cloud.launches) <= asked.total()


def what_was_lost_is_run_again(world: World) -> None:
    """A run is re-run at most once, because the cloud took one of its jobs' machines; one that is not says why.

    The jobs of the re-run are launched on demand, whatever machines GitHub then gives them to.
    """
    lost = {job for machine in world.cloud.taken if (job := world.cloud.agents[machine].lost) is not None}
    # One that is warned and stops its job may die of something else before it is taken.
    stopped = {agent.lost for agent in world.cloud.agents.values() if agent.lost is not None and agent.notice}
    runs = {run.id: run for run in world.github.state.runs.values()}
    lost_runs = {world.github.state.jobs[job].run_id for job in lost | stopped}
    for run in runs.values():
        assert run.attempt <= 1 + (run.id in lost_runs), f"{run} was re-run, and nothing of it was lost"
    for number in sorted(lost):
        told, known = world.github.state.jobs[number], world.table.jobs.get(str(number))
        seen = known is not None and known.machine is not None and world.table.runners.get(known.machine) is not None
        if told.attempt > 1 or told.conclusion == "success" or not seen:
            continue  # a second loss is not run again; and nobody can know what no record tells
        rerun: Rerun | None = world.table.reruns.get(str(told.run_id))
        assert rerun is not None, f"{known} was lost, and nobody has noticed"
        assert number in rerun.suspects or rerun.attempt > 1, f"{known} was lost, and {rerun} does not know"
        assert runs[told.run_id].attempt > 1 or rerun.reason, f"{rerun} is left without a reason"
        excused = ("retry=false", "is newer", "would not re-run", "no longer knows")
        assert runs[told.run_id].attempt > 1 or any(word in rerun.reason for word in excused), f"{known}: {rerun}"
    for rerun in everything_in(world.table.reruns):
        assert not rerun.open, f"{rerun} was never decided"
    asked = {rerun.run_id for rerun in everything_in(world.table.reruns) if rerun.times}
    for launch in everything_in(world.table.launches):
        for record in (world.github.state.jobs[number] for number in launch.jobs):
            again = record.attempt > 1 and record.run_id in asked
            assert launch.market is Market.ON_DEMAND or not again, f"{launch} is of a re-run"


def interruptions_count_once(world: World) -> None:
    """Every spot machine that was taken and that anybody wrote down is an interruption, and was weighed."""
    hits: list[Interruption] = everything_in(world.table.interruptions)
    assert all(hit.weighed for hit in hits), hits
    counted = {hit.machine for hit in hits}
    for machine in world.cloud.taken:
        runner = world.table.runners.get(machine)
        if runner is not None and runner.market is Market.SPOT and (runner.taken or runner.interrupted_at is not None):
            assert machine in counted, f"{runner} was taken, and counts for no circuit"


def every_decision_has_a_reason(world: World) -> None:
    """Nothing was decided without saying why, every job that was seen has a story, and no fault of ours is told."""
    for decisions in world.decisions._about.values():
        assert all(decision.verdict != "fault" for decision in decisions), decisions
        assert all(decision.reason and decision.verdict for decision in decisions), decisions
    for job in everything_in(world.table.jobs):
        assert job.reason or world.decisions.about(job.subject), job


def nothing_of_ours_went_wrong(world: World) -> None:
    """No illegal change of state was tried, and no error came from us."""
    foreign = {"Unavailable", "Throttled", "AccessDenied", "Rejected", "NotFound", "TokenReused", "NoCapacity", "Busy"}
    for error in world.errors:
        assert any(f"{name}:" in error for name in foreign) or any(f": {name}" in error for name in foreign), error
