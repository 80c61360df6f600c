"""Runs that lost jobs: asked of GitHub once, whenever GitHub can be asked, and never given up without a reason."""

from collections.abc import Callable, Sequence
from typing import Any

import attrs
import pytest

from paddock.adapters.memory.github import JobScript, RunnerFaults
from paddock.adapters.simulation.wires import Wired
from paddock.core.errors import AccessDenied, NotFound, PaddockError, Rejected, Throttled, Unavailable
from paddock.core.messages import RunCompleted
from paddock.core.rerun import Rerun, RerunChange, RerunIs, RerunPolicy, RerunState
from paddock.core.settings import FleetSettings
from paddock.core.spec import Arch, Market
from paddock.core.states import JobState, OperationalResult
from paddock.core.units import DAY, HOUR, MINUTE, SECOND
from tests.faults import Failing, Fuse
from tests.world.invariants import check, everything_in
from tests.world.spot import attempts, machine_of, market_of, rerun_of, running, take_back, without
from tests.world.world import REPOSITORY, SETTINGS, World

ASK = "github.workflows.rerun_failed_jobs"
NO_RUN_WORD = ("workflow_run", "completed")


def lost_job(world: World, labels: str = "paddock") -> int:
    """A job runs, and its machine is taken; GitHub has not concluded it yet."""
    job = world.push_job(labels=labels, lasts=20 * MINUTE)
    running(world, job)
    take_back(world, machine_of(world, job))
    assert world.record(job).result is OperationalResult.INTERRUPTED
    return job


def told_complete(world: World, job: int) -> None:
    """GitHub's word that the job's run is complete comes once more."""
    run = world.github.state.runs[world.github.state.jobs[job].run_id]
    world.events.send([RunCompleted(run.id, 1, run.repository, "failure", received_at=world.clock.now())])
    world.work()


def reruns_of(world: World, job: int) -> int:
    """The attempt that the job's run has reached, less one."""
    return world.github.state.runs[world.github.state.jobs[job].run_id].attempt - 1


@pytest.mark.parametrize(
    "labels", ["paddock/cpu=8/arch=arm64/disk=120", "PADDOCK=salt/cpu=4/family=c7i", "paddock/cpu=2/x-step=build"]
)
def test_the_forced_job_keeps_its_labels_disk_and_architecture(labels: str) -> None:
    """Only the market is another one: a rival's retries lost their disk."""
    world = World()
    job = lost_job(world, labels)
    first = world.cloud.launches[-1]
    world.run_until_quiet()
    again = world.record(world.github.jobs()[1].id)
    second = world.cloud.launches[-1]
    assert again.facts.labels == world.record(job).facts.labels == (labels,)
    assert (second.spec, second.disk) == (first.spec, first.disk)
    assert (first.market, second.market) == (Market.SPOT, Market.ON_DEMAND)
    assert world.runner(again.machine).arch is (Arch.ARM64 if "arm64" in labels else Arch.X64)
    assert again.conclusion == "success"
    check(world)


@pytest.mark.parametrize("labels", ["paddock/cpu=8/arch=arm64/disk=120", "PADDOCK=salt/cpu=4/family=c7i"])
def test_a_job_that_had_not_started_keeps_them_too(labels: str) -> None:
    """It is the very same job, launched again."""
    world = World()
    job = world.push_job(labels=labels)
    world.run(5 * SECOND)
    take_back(world, machine_of(world, job))
    first, second = world.cloud.launches
    assert (second.spec, second.disk, second.market) == (first.spec, first.disk, Market.ON_DEMAND)
    assert world.runner(machine_of(world, job)).labels == (labels,)
    world.run_until_quiet()
    check(world)


@pytest.mark.parametrize("times", [1, 3])
def test_word_that_the_run_is_complete_may_come_again(times: int) -> None:
    """Before and after the re-run: one is asked for."""
    world = World()
    job = lost_job(world)
    world.run(12 * MINUTE)
    for _ in range(times):
        told_complete(world, job)
    world.run_until_quiet()
    told_complete(world, job)
    world.run_until_quiet()
    assert attempts(world) == [1, 2]
    assert (rerun_of(world, job).state, rerun_of(world, job).times) == (RerunState.DONE, 1)
    assert world.verdicts(job).count("rerun") == 1
    check(world)


@pytest.mark.parametrize("error", [Unavailable("away"), Throttled("slow down", 3 * MINUTE)])
@pytest.mark.parametrize("call", [ASK, "github.workflows.run", "github.workflows.newest_run", "table.reruns.update"])
def test_github_may_be_away_when_it_is_to_be_asked(call: str, error: PaddockError) -> None:
    """Also just between the note that it is asked and the asking."""
    broken = Failing()
    world = World(around=broken.around)
    job = lost_job(world)
    broken.errors[call] = error
    world.run(30 * MINUTE)
    assert reruns_of(world, job) == 0
    assert rerun_of(world, job).open
    broken.errors.clear()
    world.run_until_quiet()
    assert attempts(world) == [1, 2]
    record = world.record(world.github.jobs()[1].id)
    assert market_of(world, record) is Market.ON_DEMAND
    assert rerun_of(world, job).times == 1
    world.events.inner._dead.clear()
    check(world)


@pytest.mark.slow
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("webhook", ["comes", "is lost"])
def test_wherever_the_process_dies_it_is_asked_once(webhook: str, *, after: bool) -> None:
    """And the story says that the run was re-run."""
    fate = without(NO_RUN_WORD) if webhook == "is lost" else without()

    def story(fuse: Fuse) -> tuple[World, int]:
        world = World(webhooks=fate)
        job = world.push_job(lasts=20 * MINUTE)
        running(world, job)
        world.around = fuse.around
        world.fleet = world.new_fleet()
        world.take_back(machine_of(world, job))
        world.run(20 * MINUTE)
        world.run_until_quiet()
        return world, job

    whole = Fuse()
    story(whole)
    assert whole.calls.count(ASK) == 1
    listings = ("page", "receive", "since", "unfinished_jobs")  # a death at one of many listings is like at any other
    for number, call in enumerate(whole.calls, 1):
        if call.endswith(listings):
            continue
        world, job = story(Fuse(number, after=after))
        try:
            assert attempts(world) == [1, 2]
            again = world.record(world.github.jobs()[1].id)
            assert world.table.launches.get(str(again.launch_id)).market is Market.ON_DEMAND  # type: ignore[union-attr]
            assert "no_rerun" not in world.verdicts(job)
            assert rerun_of(world, job).state is RerunState.DONE
            check(world, registrations_left=1)
        except AssertionError as error:
            error.add_note(f"the process died at call {number}: {world.crashes}")
            raise


def test_a_run_that_github_would_not_re_run_is_left_with_its_word() -> None:
    """It is over a month old; nobody asks again."""
    broken = Failing({ASK: Rejected("it was created over a month ago")})
    world = World(around=broken.around)
    job = lost_job(world)
    world.run_until_quiet()
    told_complete(world, job)
    world.run(HOUR)
    assert broken.calls.count(ASK) == 1
    assert attempts(world) == [1]
    assert "over a month ago" in rerun_of(world, job).reason
    assert world.verdicts(job)[-1] == "no_rerun"
    check(world)


def test_an_app_without_the_permission_is_told_of_once() -> None:
    """Asking every five minutes for ever helps nobody."""
    broken = Failing({ASK: AccessDenied("Resource not accessible by integration")})
    world = World(around=broken.around)
    job = lost_job(world)
    world.run(2 * HOUR)
    assert broken.calls.count(ASK) == 1
    assert "Resource not accessible" in rerun_of(world, job).reason
    assert world.events.depth().dead == 0
    world.run_until_quiet()
    check(world)


def test_somebody_may_re_run_it_just_before_we_do() -> None:
    """GitHub refuses ours (403: it runs), and theirs is the re-run that was wanted."""
    world = World()

    def intercept(what: str, call: Callable[[], Any]) -> Any:  # noqa: ANN401 - whatever the port returns
        if what == ASK and len(world.github.jobs()) == 1:
            world.github.runs.rerun_failed(REPOSITORY, world.github.jobs()[0].run_id)
        return call()

    world.around = lambda name, port: Wired(name, port, intercept)
    world.fleet = world.new_fleet()
    job = lost_job(world)
    world.run_until_quiet()
    assert attempts(world) == [1, 2]
    assert (rerun_of(world, job).state, world.verdicts(job)[-1]) == (RerunState.DONE, "rerun")
    assert market_of(world, world.record(world.github.jobs()[1].id)) is Market.ON_DEMAND
    check(world)


def test_a_run_that_github_still_calls_running_is_asked_for_later() -> None:
    """GitHub's parts do not always agree at once: a 403 for a run that runs is no final word."""
    world = World()
    refused: list[str] = []

    def intercept(what: str, call: Callable[[], Any]) -> Any:  # noqa: ANN401 - whatever the port returns
        if what == ASK and len(refused) < 3:
            refused.append(what)
            raise Rejected("This workflow is already running")
        found = call()
        if what == "github.workflows.run" and refused and refused[-1] == ASK:
            refused.append(what)
            return attrs.evolve(found, status="in_progress")
        return found

    world.around = lambda name, port: Wired(name, port, intercept)
    world.fleet = world.new_fleet()
    job = lost_job(world)
    world.run_until_quiet()
    assert refused[:2] == [ASK, "github.workflows.run"]
    assert attempts(world) == [1, 2]
    assert world.verdicts(job)[-1] == "rerun"
    check(world)


@pytest.mark.parametrize("call", ["github.workflows.run", ASK])
def test_a_run_that_github_has_forgotten_is_left(call: str) -> None:
    """Deleted, or its repository is."""
    broken = Failing()
    world = World(around=broken.around)
    job = lost_job(world)
    broken.errors[call] = NotFound("no such run")
    world.run_until_quiet()
    assert rerun_of(world, job).reason == "GitHub no longer knows the run"
    assert world.events.depth().dead == 0


def test_a_workflow_that_github_has_forgotten_has_no_newer_run() -> None:
    """Its file was deleted: the run is re-run all the same."""
    broken = Failing({"github.workflows.newest_run": NotFound("no such workflow")})
    world = World(around=broken.around)
    lost_job(world)
    world.run_until_quiet()
    assert attempts(world) == [1, 2]
    check(world)


def test_a_job_that_is_lost_between_asking_and_its_answer_does_not_undo_the_asking() -> None:
    """The process dies when it has noted that it asks, and just then another job of the run is found lost."""
    world = World(webhooks=without(NO_RUN_WORD))
    first, second = world.push_jobs(2)
    running(world, first, second)
    take_back(world, machine_of(world, first))
    world.cloud.take_back(machine_of(world, second))
    run = str(world.record(first).facts.run_id)
    world.table.reruns.update(run, RerunIs(state=RerunState.MARKED), RerunChange(state=RerunState.ASKED, times=1))
    world.run_until_quiet()
    assert sorted(rerun_of(world, first).suspects) == [first, second]
    assert attempts(world) == [1, 1, 2, 2]
    check(world)


def test_a_deployment_is_not_repeated_unless_the_configuration_says_so() -> None:
    """Half a deployment may have happened."""
    for allowed in (False, True):
        settings = attrs.evolve(SETTINGS, rerun=RerunPolicy(deployments=allowed))
        world = World(settings=settings)
        job = world.push_job(lasts=20 * MINUTE)
        running(world, job)
        stored = world.record(job)
        world.table.jobs.remove(stored.key)
        world.table.jobs.add(attrs.evolve(stored, facts=attrs.evolve(stored.facts, deployment=True)))
        take_back(world, machine_of(world, job))
        world.run_until_quiet()
        assert attempts(world) == ([1, 2] if allowed else [1])
        assert ("deploys to an environment" in rerun_of(world, job).reason) is not allowed


def test_a_re_run_that_is_taken_as_well_is_not_run_again() -> None:
    """It is on demand, so that cannot be; if a machine of it ends by the cloud's hand all the same, one is enough."""
    world = World()
    job = lost_job(world)
    while len(world.github.jobs()) == 1:
        world.run(MINUTE)
    again = world.github.jobs()[1].id
    running(world, again)
    take_back(world, machine_of(world, again))
    world.run_until_quiet()
    assert attempts(world) == [1, 2]
    assert "is the limit" in rerun_of(world, job).reason
    assert world.verdicts(again)[-1] == "no_rerun"
    check(world)


def test_what_people_re_run_afterwards_is_on_demand_too() -> None:
    """A later attempt of a run that lost jobs once is not put at risk again."""
    world = World()
    job = lost_job(world)
    world.run_until_quiet()
    run = world.github.state.runs[world.github.state.jobs[job].run_id]
    assert run.attempt == 2
    second = world.github.jobs()[1]
    world.github.state.put_job(second, conclusion="failure")
    world.github.runs.rerun_failed(REPOSITORY, run.id)
    world.run(10 * SECOND)
    third = world.record(world.github.jobs()[2].id)
    assert (third.facts.run_attempt, market_of(world, third)) == (3, Market.ON_DEMAND)


def test_what_people_re_run_first_is_theirs() -> None:
    """Somebody was faster: nothing is asked for, and the market is the labels'."""
    fuse = Fuse()
    world = World(around=fuse.around, webhooks=without(NO_RUN_WORD))
    job = lost_job(world)
    while world.github.state.jobs[job].conclusion is None:
        world.run(SECOND)
    world.github.runs.rerun_failed(REPOSITORY, world.github.state.jobs[job].run_id)
    world.run_until_quiet()
    assert attempts(world) == [1, 2]
    assert ASK not in fuse.calls
    assert "is there already" in rerun_of(world, job).reason
    assert market_of(world, world.record(world.github.jobs()[1].id)) is Market.SPOT
    check(world)


def test_a_run_cancelled_before_its_machine_was_taken_stays_cancelled() -> None:
    """The agent stopped the job because GitHub asked: it was served."""
    world = World()
    job = world.push_job(lasts=20 * MINUTE)
    running(world, job)
    machine = machine_of(world, job)
    world.reclaim(machine)
    world.cancel(job)
    world.run_until_quiet()
    assert (world.record(job).conclusion, world.record(job).result) == ("cancelled", OperationalResult.SERVED)
    assert attempts(world) == [1]
    check(world)


def test_a_run_cancelled_after_its_machine_was_taken_is_run_again() -> None:
    """GitHub names the end of a lost job either way, so the machine's evidence counts, and not the name."""
    world = World()
    job = lost_job(world)
    world.cancel(job)
    world.run_until_quiet()
    assert world.record(job).conclusion == "cancelled"
    assert attempts(world) == [1, 2]
    check(world)


def test_a_cancelled_run_whose_job_had_not_started_is_not_launched_again() -> None:
    """The warning comes, then the cancellation, or the other way round."""
    for order in ("cancel, warn", "warn, cancel"):
        world = World()
        job = world.push_job()
        world.run(5 * SECOND)
        machine = machine_of(world, job)
        for deed in order.split(", "):
            if deed == "cancel":
                world.cancel(job)
            else:
                world.reclaim(machine)
        world.run_until_quiet()
        assert world.record(job).state is JobState.CANCELLED
        assert attempts(world) == [1]
        check(world)


def marked(world: World, numbers: Sequence[int]) -> None:
    """So many runs that lost a job each, and still run at GitHub."""
    for number in numbers:
        world.table.reruns.add(Rerun(number, REPOSITORY, 1, (number,)))


def test_runs_that_cannot_be_decided_do_not_keep_the_others_from_it() -> None:
    """Sixty runs wait for somebody's approval for days; the one behind them is found within a few sweeps."""
    world = World(webhooks=without(NO_RUN_WORD))
    waiting = [world.push(JobScript("job", ("ubuntu-latest",)))[0] for _ in range(60)]
    marked(world, [world.github.state.jobs[job].run_id for job in waiting])
    job = lost_job(world)
    world.run(11 * MINUTE)
    assert world.record(job).state is JobState.FINISHED
    before = world.clock.now()
    while attempts(world).count(2) == 0:
        world.run(MINUTE)
        assert world.clock.now() < before + 30 * MINUTE, "never looked at"


def test_sweeps_of_open_runs_cost_github_a_bounded_number_of_calls() -> None:
    """However many there are."""
    fuse = Fuse()
    world = World(around=fuse.around)
    jobs = [world.push(JobScript("job", ("ubuntu-latest",)))[0] for _ in range(90)]
    marked(world, [world.github.state.jobs[job].run_id for job in jobs])
    before = fuse.calls.count("github.workflows.run")
    world.fleet.house.sweep_github()
    assert fuse.calls.count("github.workflows.run") - before <= 20


def test_nothing_is_asked_while_the_job_is_open_here() -> None:
    """A run that is marked and runs on costs no call."""
    fuse = Fuse()
    world = World(around=fuse.around)
    job = world.push(JobScript("job", ("paddock",), faults=RunnerFaults(duration=HOUR)))[0]
    running(world, job)
    world.table.reruns.add(Rerun(world.record(job).facts.run_id, REPOSITORY, 1, (job,)))
    before = fuse.calls.count("github.workflows.run")
    world.run(20 * MINUTE)
    assert fuse.calls.count("github.workflows.run") == before


def test_an_interruption_of_days_ago_is_not_looked_at_again() -> None:
    """The sweep looks at the last hours alone."""
    fuse = Fuse()
    world = World(around=fuse.around, settings=FleetSettings(repositories=(REPOSITORY,)))
    lost_job(world)
    world.run_until_quiet()
    world.clock.advance(2 * DAY)
    before = fuse.calls.count("table.runners.get")
    world.fleet.house.sweep_github()
    assert fuse.calls.count("table.runners.get") == before
    assert len(everything_in(world.table.interruptions)) == 1
