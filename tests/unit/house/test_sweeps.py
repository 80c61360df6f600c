"""The sweep of records and machines: levels heal what edges lost, and destroy nothing without a second look."""

from typing import Any

import attrs
import pytest

from paddock.adapters.memory import MemoryMachines
from paddock.adapters.simulation.wires import Call, Wired
from paddock.core.errors import AccessDenied, PaddockError, Throttled, Unavailable
from paddock.core.job import Job, JobFacts
from paddock.core.messages import JobRequested, ReportEvent, RunnerReported
from paddock.core.ports.machines import LaunchRequest, Machine
from paddock.core.ports.records import Page
from paddock.core.runner import Runner
from paddock.core.settings import FleetSettings
from paddock.core.spec import Market, RunnerSpec
from paddock.core.states import JobState, RunnerState
from paddock.core.task import TaskReport
from paddock.core.units import DAY, HOUR, MINUTE, SECOND, Moment
from paddock.core.usecases.house import sweep
from paddock.core.usecases.house.plan import AskGitHub, EndMachine, RelaunchJob, ReleaseMachine, plan
from tests.faults import Between, Failing, Fuse
from tests.strategies import NOON
from tests.world.invariants import check, every_second_is_billed_once, nothing_is_left
from tests.world.spot import running
from tests.world.world import SETTINGS, StoryCloud, World


def lost(*actions: str) -> object:
    """A fate: webhooks of these actions never come."""
    return lambda event: () if getattr(event, "action", "") in actions else (0,)


def stray(world: World) -> str:
    """A machine that somebody started with the fleet's tag, and nobody wrote down."""
    request = LaunchRequest("stray", 1, RunnerSpec(), Market.ON_DEMAND, 40)
    return world.cloud.launch(request).machines[0].id


def test_a_quiet_fleet_has_nothing_to_do() -> None:
    """And says so: "never ran" and "achieved nothing" are two things."""
    world = World()
    world.push_job()
    world.run_until_quiet()
    assert world.fleet.house.sweep() == TaskReport()


def test_a_machine_that_nobody_wrote_down_is_adopted_ended_and_billed() -> None:
    """Unused cold starts of one fleet were billed for six hours each: every sweep began with a job's record."""
    world = World()
    machine = stray(world)
    world.silence(machine)  # its agent hangs, so that it does not end itself
    world.run(2 * MINUTE)
    assert world.table.runners.get(machine) is None
    world.run(2 * MINUTE)
    assert world.runner(machine).assigned_job is None
    world.run_until_quiet()
    nothing_is_left(world, 0)
    every_second_is_billed_once(world, MINUTE)
    told = [decision.verdict for decision in world.decisions.about(f"machine:{machine}")]
    assert told == ["adopted", "ended", "gone"]


def test_an_adopted_machine_that_runs_a_job_is_left_alone() -> None:
    """GitHub does not let go of its registration: the second witness."""
    world = World()
    job = world.push_job(lasts=HOUR)
    world.run(MINUTE)
    machine = world.record(job).machine or ""
    world.table.runners.remove(machine)
    world.run(30 * MINUTE)
    assert world.cloud.alive == [machine]
    assert world.runner(machine).assigned_job == job
    world.run_until_quiet()
    assert (world.record(job).state, world.record(job).conclusion) == (JobState.FINISHED, "success")


def test_a_machine_whose_record_was_closed_too_soon_is_ended() -> None:
    """EC2 may not list what it just started; the record is closed then, and the machine must not live on for ever."""
    world = World()
    job = world.push_job()
    world.run(10 * SECOND)
    machine = world.record(job).machine or ""
    world.silence(machine)
    world.table.runners.update(machine, {"state": RunnerState.BOOTING}, {"state": RunnerState.GONE, "gone_at": NOON})
    world.run(5 * MINUTE)
    assert machine not in world.cloud.alive
    assert "ended" in [decision.verdict for decision in world.decisions.about(f"machine:{machine}")]


def test_a_cloud_that_lists_late_costs_nobody_a_machine() -> None:
    """Machines that are seen only after half a minute are asked about again before their records are closed."""
    world = World()
    world.cloud.region = MemoryMachines(world.clock, world.ids, unseen=8 * SECOND)
    jobs = world.push_jobs(2)
    for _ in range(8):
        world.run(SECOND)
        world.fleet.house.sweep()
    assert len(world.cloud.alive) == 2
    world.run_until_quiet()
    assert {world.record(job).launch for job in jobs} == {1}
    check(world)


def test_a_silent_machine_is_ended_only_if_github_lets_go_of_it() -> None:
    """It says nothing because its reports are lost: it works."""
    world = World(reports=lambda _: (), webhooks=lost("in_progress"))  # type: ignore[arg-type]  # a fate
    world.push_job(lasts=HOUR)
    world.run(30 * MINUTE)
    assert len(world.cloud.alive) == 1
    world.run_until_quiet()
    check(world)


def beat(world: World, job: int, at: Moment) -> None:
    """The job's machine gives a sign of life."""
    machine = world.record(job).machine or ""
    world.fleet.events(RunnerReported(ReportEvent.HEARTBEAT, machine, job, 1, "", at))


def test_a_late_sign_of_life_does_not_take_back_a_newer_one() -> None:
    """The queue keeps no order; what counts is the last moment at which the machine lived."""
    world = World()
    job = world.push_job(lasts=HOUR)
    world.run(30 * MINUTE)
    now = world.clock.now()
    for age in (3 * MINUTE, 0, 12 * MINUTE):
        beat(world, job, now - age)
    assert world.runner(world.record(job).machine).heartbeat_at == now


def test_of_two_signs_of_life_at_once_the_newer_one_stays() -> None:
    """Two processes hear one each, and the older one is written last."""
    world = World()
    job = world.push_job(lasts=HOUR)
    world.run(30 * MINUTE)
    now = world.clock.now()
    between = Between(2, lambda: beat(world, job, now))
    world.around = between.around
    late = RunnerReported(ReportEvent.HEARTBEAT, world.record(job).machine or "", job, 1, "", now - MINUTE)
    world.new_fleet().events(late)
    assert world.runner(world.record(job).machine).heartbeat_at == now


def test_a_sign_of_life_that_comes_while_the_sweep_acts_is_seen() -> None:
    """The second look is at everything that the plan looked at, and not at the state alone."""
    world = World()
    job = world.push_job(lasts=10 * HOUR)
    world.run(MINUTE)
    machine = world.record(job).machine or ""
    world.silence(machine)  # else it ends the job when its time is over
    for _ in range(75):
        world.run(5 * MINUTE)
        beat(world, job, world.clock.now())
    world.clock.advance(11 * MINUTE + SECOND)
    acts = plan(world.fleet.house.sweep.observe(), world.settings.deadlines)
    assert [type(act) for act in acts] == [EndMachine]
    beat(world, job, world.clock.now())
    world.fleet.house.sweep._act(acts[0])
    assert world.cloud.alive == [machine]


def test_a_machine_whose_record_names_another_registration_is_asked_about_by_its_orders() -> None:
    """Two of its dispatcher's writes failed; its runner works, and neither it nor GitHub is heard of."""
    world = World(reports=lambda _: (), webhooks=lost("in_progress"))  # type: ignore[arg-type]  # a fate
    job = world.push_job(lasts=20 * MINUTE)
    world.work()
    machine = world.record(job).machine or ""
    world.table.runners.update(machine, {}, {"runner_id": 424_242})
    world.sweeps(on=False)
    world.run(15 * MINUTE)
    world.fleet.house.sweep()
    assert world.cloud.alive == [machine]
    world.sweeps(on=True)
    world.run_until_quiet()
    assert (world.record(job).conclusion, world.record(job).launch) == ("success", 1)


def test_what_was_seen_of_a_machine_says_nothing_of_the_next() -> None:
    """The sweep saw a machine that had worked without its job, and that was launched anew before the sweep asked."""
    world = World()
    job = world.push_job()
    world.work()
    first = world.record(job)
    world.silence(first.machine or "")
    word = RunnerReported(ReportEvent.STARTED, first.machine or "", job, 1, "", world.clock.now())
    world.fleet.events(word)
    world.clock.advance(world.settings.deadlines.word + SECOND)
    (act,) = [
        act for act in plan(world.fleet.house.sweep.observe(), world.settings.deadlines) if isinstance(act, AskGitHub)
    ]
    world.fleet.events(attrs.evolve(word, event=ReportEvent.FAILED_TO_START))
    world.clock.advance(MINUTE)
    world.work()
    second = world.record(job)
    assert second.launch == first.launch + 1
    world.fleet.house.sweep._act(act)
    assert world.record(job) == second


def test_a_sign_of_life_that_lies_with_the_orders_is_looked_for_before_a_machine_is_ended() -> None:
    """Machines on AWS leave it there, which costs no message; nobody reads it until it matters."""
    world = World()
    job = world.push_job(lasts=10 * HOUR)
    world.run(MINUTE)
    machine = world.record(job).machine or ""
    world.silence(machine)  # else it ends the job when its time is over
    deadlines = world.settings.deadlines
    world.clock.advance(deadlines.runtime + deadlines.drain + HOUR)
    now = world.clock.now()
    world.assignments.beat(machine, now - MINUTE)
    world.fleet.house.sweep()
    assert world.cloud.alive == [machine]
    assert world.runner(machine).heartbeat_at == now - MINUTE
    world.clock.advance(deadlines.silence)
    world.assignments.beat(machine, now + 100 * DAY)  # its job owns its clock
    world.fleet.house.sweep()
    assert world.cloud.alive == []


def test_the_machine_of_a_job_that_was_given_up_is_not_kept_until_it_gives_up() -> None:
    """GitHub knows neither job nor run any more, and the machine would wait for minutes for what never comes."""
    world = World()
    job = world.push_job()
    world.run(5 * SECOND)
    machine = world.record(job).machine or ""
    world.silence(machine)
    world.table.jobs.update(str(job), {"state": JobState.LAUNCHED}, {"state": JobState.ABANDONED, "reason": "a test"})
    del world.github.state.jobs[job]
    world.run(MINUTE)
    assert world.runner(machine).state is RunnerState.DRAINING
    assert not world.github.all_runners()
    world.run(4 * MINUTE)
    assert machine not in world.cloud.alive


@pytest.mark.parametrize("change", [None, {"served_job": 9}, {"assigned_job": 9}])
def test_a_machine_is_released_only_if_its_job_has_still_ended_without_it(change: dict[str, int] | None) -> None:
    """What was seen in a listing is looked at again; and GitHub may have given it another job, or it the job."""
    world = World()
    job = world.push_job(lasts=HOUR)
    world.run(5 * SECOND)
    machine = world.record(job).machine or ""
    if change is not None:
        world.table.jobs.update(str(job), {"state": JobState.LAUNCHED}, {"state": JobState.ABANDONED})
        world.table.runners.update(machine, {}, change)  # type: ignore[arg-type]  # a change
    world.fleet.house.sweep._act(ReleaseMachine(machine, job))
    assert world.runner(machine).state is RunnerState.BOOTING


def test_a_machine_that_says_nothing_and_listens_keeps_its_time_to_idle() -> None:
    """GitHub gives it no job, and its agent has nothing to report: but GitHub sees its runner."""
    world = World()
    job = world.push_job()
    world.github.runs._dispatcher.job_withdrawn(world.github.state.jobs[job])
    world.run(5 * MINUTE + 10 * SECOND)
    machine = world.record(job).machine or ""
    assert world.runner(machine).state is RunnerState.READY
    assert world.cloud.alive == [machine]
    world.silence(machine)  # and now it hangs
    world.run(3 * MINUTE)
    assert world.cloud.alive == [machine]
    world.run(2 * MINUTE)
    assert machine not in world.cloud.alive
    told = [decision.verdict for decision in world.decisions.about(f"machine:{machine}")]
    assert told[:2] == ["ready", "ended"]


def test_a_machine_that_works_unheard_is_known_to_work() -> None:
    """Neither its own word nor GitHub's came through: when it has idled for too long, GitHub says that it does not."""
    world = World(reports=lambda _: ())
    job = world.push_job(lasts=HOUR)
    world.run(SECOND)
    world.courier.fate = lambda _: ()
    world.sweeps(on=False)
    machine, deadlines = world.record(job).machine or "", world.settings.deadlines
    world.run(deadlines.boot + MINUTE)
    world.fleet.house.sweep()
    assert world.runner(machine).state is RunnerState.READY
    world.run(deadlines.idle)
    world.fleet.house.sweep()
    assert world.runner(machine).state is RunnerState.BUSY
    told = [decision.verdict for decision in world.decisions.about(f"machine:{machine}")]
    assert (told, world.cloud.alive) == (["ready", "busy"], [machine])


def test_a_silent_machine_whose_job_nobody_knows_is_ended_once_github_has_no_work_on_it() -> None:
    """Its agent died, and no word of its job ever came through: it must not live as long as the longest job may."""
    world = World(reports=lambda _: ())
    job = world.push_job(lasts=10 * HOUR)
    world.run(MINUTE)
    machine, deadlines = world.record(job).machine or "", world.settings.deadlines
    world.sweeps(on=False)
    world.silence(machine)
    world.table.jobs.remove(str(job))
    world.table.runners.update(machine, {}, {"served_job": None})
    world.clock.advance(deadlines.silence - 2 * MINUTE)
    world.fleet.house.sweep()
    assert world.runner(machine).state is RunnerState.BUSY
    world.clock.advance(3 * MINUTE)
    world.fleet.house.sweep()
    assert world.runner(machine).state is RunnerState.BUSY, "GitHub still has its job on it"
    world.github.runs.complete(world.cloud.agents[machine].orders.runner_id, job, "failure")  # type: ignore[union-attr]
    world.fleet.house.sweep()
    assert (world.runner(machine).state, world.cloud.alive) == (RunnerState.DRAINING, [machine])
    world.clock.advance(deadlines.drain + MINUTE)
    world.fleet.house.sweep()
    assert world.cloud.alive == []


def test_a_machine_that_moved_on_while_github_was_asked_about_it_is_left_alone() -> None:
    """Word of its job came in that moment."""
    world = World()
    job = world.push_job(lasts=HOUR)
    world.run(30 * SECOND)
    machine = world.record(job).machine or ""
    world.table.runners.update(machine, {}, {"served_job": None})
    seen = attrs.evolve(world.runner(machine), state=RunnerState.BOOTING)
    assert world.fleet.house.sweep._is_ready(seen)
    assert world.runner(machine).state is RunnerState.BUSY


@pytest.mark.parametrize("call", ["github.runners.delete", "github.runners.get"])
def test_what_github_cannot_say_is_kept(call: str) -> None:
    """Unknown is no permission to destroy."""
    failing = Failing()
    world = World(around=failing.around)
    job = world.push_job()
    world.run(10 * SECOND)
    machine = world.record(job).machine or ""
    world.silence(machine)
    failing.errors[call] = Unavailable("away")
    world.run(30 * MINUTE)
    assert machine in world.cloud.alive
    failing.errors.clear()
    world.run(5 * MINUTE)
    assert machine not in world.cloud.alive


@pytest.mark.parametrize("error", [Unavailable("away"), AccessDenied("no")])
def test_a_gone_machines_registration_is_taken_back_as_soon_as_github_answers(error: PaddockError) -> None:
    """A passing fault keeps the record open; a lasting one is written down, and the books are closed."""
    failing = Failing({"github.runners.delete": error})
    world = World(around=failing.around)
    job = world.push_job()
    world.run(10 * SECOND)
    machine = world.record(job).machine or ""
    world.cloud.kill(machine)
    world.run(5 * MINUTE)
    assert world.runner(machine).live is error.retryable
    failing.errors.clear()
    world.run_until_quiet()
    left = [runner for runner in world.github.all_runners() if machine in runner.name]
    assert len(left) == (0 if error.retryable else 1)


def test_one_act_that_fails_does_not_stop_the_others() -> None:
    """Neither a port's error nor a fault of ours; both are counted and told."""
    failing = Failing({"machines.describe": AccessDenied("no")})
    world = World(around=failing.around)
    world.push_jobs(2)
    world.run(15 * SECOND)
    for machine in world.cloud.alive:
        world.cloud.kill(machine)
    report = world.fleet.house.sweep()
    assert (report.attempted, report.succeeded, report.failed, report.left) == (2, 0, 2, 0)
    assert report.by_kind == {"CloseMachine": 2}
    assert "AccessDenied: no" in report.errors[0]
    failing.errors["machines.describe"] = ValueError("a fault of ours")  # type: ignore[assignment]  # on purpose
    assert world.fleet.house.sweep().failed == 2


def test_a_run_is_bounded_per_kind_of_act() -> None:
    """Whatever keeps failing leaves room for everything else; what is left is counted."""
    world = World()
    for number in range(sweep.MOST_ACTS + 20):
        facts = JobFacts(number, 1, "acme/app", ("paddock",), private=True, created_at=NOON)
        world.table.jobs.add(_queued(facts))
        world.table.runners.add(Runner(f"i-{number}", "acme/app", (), "t", launched_at=NOON - HOUR))
    report = world.fleet.house.sweep()
    assert report.by_kind == {"CloseMachine": sweep.MOST_ACTS, "WakeJob": sweep.MOST_ACTS}
    assert (report.attempted, report.left) == (2 * sweep.MOST_ACTS, 40)


def test_who_is_throttled_again_and_again_leaves_that_kind_to_the_next_run() -> None:
    """Each act asks others first, and would not be let through; other kinds of acts are done all the same."""
    failing = Failing({"machines.describe": Throttled("no more of it")})
    world = World(around=failing.around)
    for number in range(20):
        facts = JobFacts(number, 1, "acme/app", ("paddock",), private=True, created_at=NOON)
        world.table.jobs.add(_queued(facts))
        world.table.runners.add(Runner(f"i-{number}", "acme/app", (), "t", launched_at=NOON - HOUR))
    report = world.fleet.house.sweep()
    assert report.by_kind == {"CloseMachine": sweep.IN_A_ROW, "WakeJob": 20}
    assert (report.failed, report.left) == (sweep.IN_A_ROW, 20 - sweep.IN_A_ROW)
    failing.errors["machines.describe"] = Unavailable("away")
    assert world.fleet.house.sweep().by_kind == {"CloseMachine": 20}


def _queued(facts: JobFacts) -> Job:
    return Job(facts, received_at=NOON)


def test_who_has_used_up_an_owners_limit_goes_on_with_the_other_owners() -> None:
    """GitHub counts each owner for himself."""
    world = World(settings=attrs.evolve(SETTINGS, repositories=("acme/*", "umbra/*")))
    world.github.add_repository("umbra/app")
    used_up = False

    def asked(what: str, call: Call) -> object:
        arguments: tuple[Any, ...] = getattr(call, "args", ())
        if used_up and what.startswith("github.runners.") and arguments[0].owner == "acme":
            raise Throttled("its budget is gone", HOUR)
        return call()

    world.around = lambda name, port: Wired(name, port, asked)
    world.fleet = world.new_fleet()
    others = world.push_jobs(6, repository="acme/app")
    world.run(SECOND)
    job = world.push_job(repository="umbra/app")
    world.run(SECOND)
    world.sweeps(on=False)
    machines = {each: world.record(each).machine or "" for each in (*others, job)}
    for machine in machines.values():
        world.silence(machine)
    world.run(12 * MINUTE)
    used_up = True
    world.fleet.house.sweep()
    ended = [each for each, machine in machines.items() if world.cloud.lives[machine].ended_at is not None]
    assert ended == [job]


def test_a_world_that_cannot_be_observed_is_left_as_it_is() -> None:
    """Half a picture is no picture."""
    world = World(around=Failing({"machines.page": Unavailable("away")}).around)
    world.push_job()
    world.run(MINUTE)
    with pytest.raises(Unavailable):
        world.fleet.house.sweep()


def test_a_job_whose_request_was_lost_on_the_queue_is_woken() -> None:
    """Its record stands, its message does not."""
    world = World()
    job = world.push_job()
    world.deliver()
    facts = world.jobs.receive(1)[0].message.job
    world.jobs.delete([str(turn) for turn in range(10)])
    world.table.jobs.add(_queued(facts))
    world.run_until_quiet()
    assert world.record(job).state is JobState.FINISHED
    check(world)


def test_a_job_that_github_forgot_to_end_is_asked_about_after_a_day() -> None:
    """The word that it was cancelled is lost, and no listing names its repository."""
    world = World(settings=FleetSettings())  # every repository, none by name
    facts = JobFacts(5, 6, "acme/app", ("paddock/cpu=2",), private=True, created_at=NOON)
    world.fleet.operate.pause("for a day")
    world.fleet.dispatch([JobRequested(facts, NOON)])
    world.clock.advance(DAY + HOUR)
    world.fleet.house.sweep()
    assert world.record(5).state is JobState.QUEUED
    world.clock.advance(2 * MINUTE)
    world.fleet.house.sweep()
    assert (world.record(5).state, world.record(5).reason) == (JobState.ABANDONED, "GitHub no longer knows the job")


def test_a_machine_that_is_missing_from_the_list_is_looked_at_by_its_name() -> None:
    """A listing may lag behind; the record is closed only if the machine is not there either."""

    class Blind(StoryCloud):
        """A cloud whose list is empty."""

        def page(self, *, cursor: str | None = None) -> Page[Machine]:
            """Nothing."""
            assert cursor is None
            return Page(())

    world = World()
    job = world.push_job()
    world.run(15 * SECOND)
    world.cloud.__class__ = Blind
    report = world.fleet.house.sweep()
    assert report.by_kind == {"CloseMachine": 1}
    assert world.runner(world.record(job).machine).state is RunnerState.BOOTING


def test_a_job_is_launched_again_only_if_its_machine_is_still_none() -> None:
    """The record may have been written after the sweep had looked."""
    world = World()
    job = world.push_job()
    world.run(15 * SECOND)
    machine = world.record(job).machine or ""
    world.fleet.house.sweep._act(RelaunchJob(job, machine, "it was not there"))
    assert world.record(job).state is JobState.LAUNCHED


def test_a_machine_whose_place_in_its_launch_is_not_settled_is_adopted_for_nobody() -> None:
    """The cloud named the machines, and the dispatcher died before it wrote down which came first."""
    calls = Fuse()
    undisturbed = World(around=calls.around)
    undisturbed.push_job()
    undisturbed.run(SECOND)
    number = calls.calls.index("machines.launch") + 1
    world = World(around=Fuse(number, after=True).around)
    job = world.push_job()
    world.run(SECOND)
    assert world.crashes == [f"dispatch: after call {number}, machines.launch"]
    machine = world.region.describe(world.cloud.alive)[world.cloud.alive[0]]
    adopted = world.fleet.house.sweep._adopt(machine, "for the test")
    assert (adopted.assigned_job, adopted.repository, adopted.launch_id) == (None, "acme/app", machine.token)
    world.run_until_quiet()
    assert world.runner(machine.id).assigned_job == world.runner(machine.id).served_job == job
    check(world)


def test_a_machine_that_was_adopted_too_early_is_asked_about_in_its_own_repository() -> None:
    """A launch for two repositories: before it was settled whose machine is whose, a sweep could only guess."""
    both = FleetSettings(repositories=("acme/app", "acme/site"))

    def two(world: World) -> list[int]:
        world.github.add_repository("acme/site")
        jobs = [world.push_job(repository=name, lasts=HOUR) for name in both.repositories]
        world.run(SECOND)
        return jobs

    calls = Fuse()
    two(World(settings=both, around=calls.around))
    world = World(settings=both, around=Fuse(calls.calls.index("machines.launch") + 1, after=True).around)
    jobs = two(world)
    for machine in world.cloud.alive:
        world.fleet.house.sweep._adopt(world.region.describe([machine])[machine], "for the test")
    running(world, *jobs)
    for job in jobs:
        runner = world.runner(world.record(job).machine)
        assert (runner.repository, runner.labels) == (
            world.record(job).facts.repository,
            world.record(job).facts.labels,
        )
    world.run_until_quiet()
    check(world)


def test_a_record_that_missed_its_orders_ends_no_machine_that_github_has_given_a_job() -> None:
    """It was made by a sweep, and the dispatcher died before it could add the runner: the orders know which it is."""
    world = World()
    job = world.push_job(lasts=HOUR)
    world.run(MINUTE)
    machine = world.record(job).machine or ""
    unaware = {"runner_id": None, "runner_name": None, "state": RunnerState.BOOTING, "served_job": None}
    world.table.runners.remove(machine)
    world.fleet.house.sweep._adopt(world.cloud.lives[machine].machine, "for the test")
    world.table.runners.update(machine, {"state": RunnerState.BOOTING}, unaware)  # type: ignore[arg-type]  # a change
    world.run(20 * MINUTE)
    assert world.cloud.alive == [machine]
    world.run_until_quiet()
    check(world)
