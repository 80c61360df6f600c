"""Machines that are gone: whom they served, when they ended, and that a whole fleet's books are closed at once."""

from collections import Counter

import attrs
import pytest

from paddock.core.messages import MachineChanged
from paddock.core.ports.github import Scope
from paddock.core.units import HOUR, MINUTE, SECOND
from paddock.core.usecases.assign import scope_of
from paddock.core.usecases.listing import live_runners
from tests.strategies import NOON
from tests.world.invariants import check
from tests.world.world import REPOSITORY, World


@pytest.mark.parametrize("one_table", [True, False], ids=["as on AWS", "on one machine"])
def test_a_job_whose_machines_are_all_taken_by_jobs_nobody_tells_of_is_never_given_up(*, one_table: bool) -> None:
    """Another repository's, say, with the same labels: they succeed, so on AWS their machines report nothing at all."""
    known: list[int] = []
    hidden = [True]

    def webhooks(word: object) -> tuple[int, ...]:
        job = getattr(word, "job", None)
        return () if hidden[0] or (job is not None and job.id not in known) else (0,)

    world = World(webhooks=webhooks, one_table=one_table)
    for _ in range(8):
        world.push_job(lasts=30 * SECOND)
    world.run(SECOND)
    hidden[0] = False
    known.append(max(job.id for job in world.github.jobs()) + 1)
    job = world.push_job(lasts=30 * SECOND)
    world.run(4 * MINUTE)
    verdicts = Counter(one.verdict for one in world.decisions.about(f"job:{job}"))
    assert verdicts["displaced"] >= 2
    assert verdicts["abandoned"] == verdicts["relaunch"] == 0
    assert known == [job]


def test_hundreds_of_machines_that_end_together_are_closed_by_one_sweep() -> None:
    """Without a limit on machines nobody closes them before; their places must not be counted for long."""
    world = World()
    for _ in range(3):
        world.push_jobs(120, labels="paddock")
    world.run(2 * MINUTE)
    assert live_runners(world.table) == []
    check(world)


def forge(world: World, machine: str, **fields: object) -> None:
    """What a job with its machine's rights writes into its machine's item."""
    slot = world.assignments._slots[machine]
    receipt = attrs.evolve(slot.receipt, **fields)  # type: ignore[arg-type]  # its fields
    world.assignments._slots[machine] = attrs.evolve(slot, receipt=receipt)


@pytest.mark.parametrize("how", ["by its number", "by its name"])
def test_a_job_cannot_have_somebody_elses_runner_deleted(how: str) -> None:
    """It owns its machine's item, and what stands there decides which registration ends with the machine."""
    world = World()
    scope: Scope = scope_of(REPOSITORY, world.settings)
    other = world.github.runners.register(scope, "build-mac-1", ("macos",))
    job = world.push_job(lasts=HOUR)
    world.run(2 * MINUTE)
    machine = str(world.record(job).machine)
    forged = {"runner_id": other.id} if how == "by its number" else {"runner_id": 0, "runner_name": "build-mac-1"}
    forge(world, machine, **forged)
    world.cloud.kill(machine)
    world.run(5 * MINUTE)
    assert not world.runner(machine).live
    assert other.id in {one.id for one in world.github.all_runners()}


def test_a_machine_that_lost_its_record_does_not_say_which_runner_it_has() -> None:
    """It is adopted by what the cloud says of it; a name that is not its own is not believed."""
    world = World()
    scope: Scope = scope_of(REPOSITORY, world.settings)
    other = world.github.runners.register(scope, "build-mac-1", ("macos",))
    job = world.push_job(lasts=HOUR)
    world.run(2 * MINUTE)
    machine = str(world.record(job).machine)
    forge(world, machine, runner_id=other.id, runner_name="build-mac-1")
    world.table.runners.remove(machine)
    world.run(10 * MINUTE)
    adopted = world.runner(machine)
    assert (adopted.runner_id, adopted.runner_name) == (None, None)
    assert other.id in {one.id for one in world.github.all_runners()}


def test_word_of_an_end_that_comes_while_the_machine_still_works_changes_nothing() -> None:
    """EC2 says it of the wrong one, or too early: the machine is looked at, and it lives."""
    world = World()
    job = world.push_job(lasts=HOUR)
    world.run(2 * MINUTE)
    machine = str(world.record(job).machine)
    for state in ("shutting-down", "terminated"):
        world.fleet.events(MachineChanged(machine, state, NOON, NOON))
    assert world.runner(machine).gone_at is None


def test_a_machine_that_another_job_took_is_held_against_nobody_whatever_it_told() -> None:
    """Of that job GitHub told us after the machine was gone: its record says whom it served, and not since when."""
    world = World()
    job = world.push_job(lasts=HOUR)
    world.run(SECOND)
    machine = str(world.record(job).machine)
    world.table.runners.update(machine, {}, {"served_job": job + 1})
    world.cloud.kill(machine)
    world.run(3 * MINUTE)
    verdicts = Counter(one.verdict for one in world.decisions.about(f"job:{job}"))
    assert verdicts["relaunch"] == 0
    assert verdicts["displaced"] >= 1
