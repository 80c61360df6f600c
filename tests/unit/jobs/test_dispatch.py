"""Requests become machines: what becomes of each request, and of what goes wrong on the way."""

import attrs
import pytest

from paddock.adapters.memory import Shortage
from paddock.adapters.simulation.wires import Call, Wired
from paddock.adapters.telemetry.catalogue import catalogue
from paddock.core.errors import AccessDenied, Rejected, Throttled, TokenReused, Unavailable
from paddock.core.job import Job, JobFacts
from paddock.core.messages import JobRequested
from paddock.core.ports.machines import LaunchOutcome, LaunchRequest, MachineState, Shortfall
from paddock.core.settings import Deadlines, FleetSettings, Limits, ScopeKind
from paddock.core.spec import Market, Offer, RunnerSpec
from paddock.core.states import JobState, RunnerState
from paddock.core.units import HOUR, MINUTE, SECOND
from paddock.core.usecases.handled import Again, Done, Handled
from tests.faults import Failing, Fuse, Repeated
from tests.strategies import NOON
from tests.world.asked import requests
from tests.world.invariants import check, everything_in
from tests.world.world import REPOSITORY, SETTINGS, World


def ask(world: World, *jobs: int) -> list[Handled]:
    """Dispatch these jobs by hand."""
    return list(world.fleet.dispatch(requests(world, *jobs)))


def test_a_batch_of_alike_jobs_is_one_launch_and_each_job_gets_a_machine() -> None:
    """One request to the cloud per kind of machine, not per job."""
    world = World()
    alike, other = world.push_jobs(3), world.push_job(labels="paddock/arch=arm64")
    assert ask(world, *alike, other) == [Done()] * 4
    assert sorted(request.count for request in world.cloud.launches) == [1, 3]
    machines = [world.record(job).machine for job in (*alike, other)]
    assert len(set(machines)) == 4
    for job, machine in zip((*alike, other), machines, strict=True):
        assert world.record(job).state is JobState.LAUNCHED
        assert world.runner(machine).assigned_job == job
        assert world.runner(machine).labels == world.record(job).facts.labels
        assert world.runner(machine).state is RunnerState.BOOTING


def test_runners_are_registered_with_the_jobs_labels_verbatim() -> None:
    """364 of 376 runners of one fleet had a label that no job asked for."""
    world = World()
    job = world.push_job(labels=("self-hosted", "PADDOCK=7/cpu=4"))
    ask(world, job)
    assert [runner.labels for runner in world.github.all_runners()] == [("self-hosted", "PADDOCK=7/cpu=4")]


def test_a_request_that_comes_twice_launches_once_and_is_told() -> None:
    """In one batch, in the next one, and when the job is over."""
    world = World()
    job = world.push_job()
    assert ask(world, job, job) == [Done(), Done()]
    again = [attrs.evolve(requests(world, job)[0], received_at=NOON + 1, delivery="another")]
    assert world.fleet.dispatch(again) == [Done()]
    assert len(world.cloud.lives) == 1
    assert "duplicate" in world.verdicts(job)


def test_a_job_in_another_dispatchers_hands_comes_back_when_its_lease_is_over() -> None:
    """Leased, never locked."""
    broken = Failing({"machines.launch": Unavailable("away")})
    world = World(around=broken.around)
    job = world.push_job()
    assert ask(world, job) == [Again(5 * SECOND, "Unavailable: away")]
    assert ask(world, job) == [Again(5 * SECOND, "another dispatcher holds it")]
    broken.errors.clear()
    world.clock.advance(5 * SECOND)
    assert ask(world, job) == [Done()]
    assert (world.record(job).state, world.record(job).launch) == (JobState.LAUNCHED, 1)


def test_a_job_is_held_although_the_answer_to_that_was_lost() -> None:
    """The write was repeated below us, and found that the job is held: by us."""
    world = World()
    job = world.push_job()
    asked = requests(world, job)
    world.table.jobs.add(Job(asked[0].job, received_at=NOON))
    lost = Repeated("table.jobs.update", lambda found: found.state is JobState.DISPATCHING)
    assert list(world.new_fleet(lost.around).dispatch(asked)) == [Done()]
    assert lost.done
    assert (world.record(job).state, world.record(job).launch) == (JobState.LAUNCHED, 1)


def test_a_throttled_cloud_is_left_alone_for_as_long_as_it_says() -> None:
    """The lease ends with the wait, so that no sweep wakes the job sooner."""
    broken = Failing({"machines.launch": Throttled("slow", HOUR)})
    world = World(around=broken.around)
    job = world.push_job()
    assert ask(world, job) == [Again(HOUR, "Throttled: slow")]
    assert world.record(job).lease_until == NOON + HOUR
    world.clock.advance(30 * MINUTE)
    world.fleet.house.sweep()
    assert "woken" not in world.verdicts(job)


def test_without_capacity_a_job_waits_ever_longer_and_loses_no_launch() -> None:
    """No machine was started, so nothing is held against it; spot and on demand are asked one after the other."""
    world = World()
    world.region.shortages.append(Shortage())
    job = world.push_job()
    world.run(HOUR)
    record = world.record(job)
    assert record.state is JobState.QUEUED
    assert record.reason.startswith("InsufficientInstanceCapacity")
    assert record.launch - record.displaced == 0
    told = [one for one in world.decisions.about(f"job:{job}") if one.verdict == "no_capacity"]
    waits = [wait for wait in (one.facts["delay_s"] for one in told) if wait]
    assert waits == sorted(waits)
    assert 10 < len(waits) < 40
    assert len(told) == record.launch
    assert waits[0] == 2
    assert waits[-1] == 300
    markets = [launch.market for launch in everything_in(world.table.launches)]
    assert markets[:4] == [Market.SPOT, Market.ON_DEMAND, Market.SPOT, Market.ON_DEMAND]
    world.region.shortages.clear()
    world.run_until_quiet()
    assert world.record(job).state is JobState.FINISHED
    check(world)


@pytest.mark.parametrize(
    ("shortfall", "verdict", "markets"),
    [
        (Shortfall.CAPACITY, "no_capacity", [Market.SPOT, Market.ON_DEMAND, Market.SPOT]),
        (Shortfall.REFUSED, "denied", [Market.SPOT, Market.ON_DEMAND, Market.SPOT]),
        (Shortfall.BUSY, "put_off", [Market.SPOT, Market.SPOT, Market.SPOT]),
    ],
)
def test_why_there_is_no_machine_is_told_apart(shortfall: Shortfall, verdict: str, markets: list[Market]) -> None:
    """Of a cloud that is busy the same is asked again; nothing of it is held against the job."""

    class Without:
        """A cloud that starts nothing for the time being."""

        def __init__(self, port: object) -> None:
            self._port = port

        def __getattr__(self, name: str) -> object:
            return getattr(self._port, name)

        def launch(self, _: LaunchRequest) -> LaunchOutcome:
            """Never."""
            return LaunchOutcome((), ("SomeCode: no",), shortfall=shortfall)

    world = World(around=lambda name, port: Without(port) if name == "machines" else port)
    job = world.push_job()
    world.run(MINUTE)
    record = world.record(job)
    assert (record.state, record.launch - record.displaced) == (JobState.QUEUED, 0)
    assert verdict in world.verdicts(job)
    assert [launch.market for launch in everything_in(world.table.launches)][:3] == markets


@pytest.mark.parametrize("dry", ["a", "b"])
def test_a_lack_of_both_kinds_is_counted_once_as_the_quota(dry: str) -> None:
    """Whichever of the two zones is named first: its pools fill up by themselves, a quota has to be raised."""
    world = World(zones=("a", "b"))
    world.region.shortages += [
        Shortage(zone=dry, market=Market.SPOT),
        Shortage("VcpuLimitExceeded", market=Market.SPOT),
    ]
    job = world.push_job()
    ask(world, job)
    told = world.decisions.about(f"job:{job}")
    counted = [metric for each in told for metric, _ in catalogue().counted_by(each)]
    assert [one.dimensions["Reason"] for one in counted if one.name == "LaunchFailures"] == ["quota"]


def test_with_half_the_capacity_half_the_jobs_are_served_at_once() -> None:
    """Fewer machines than asked for are handed out in the order of the launch."""
    world = World()
    world.region.shortages.append(Shortage(left=2))
    jobs = world.push_jobs(3)
    ask(world, *jobs)
    assert [world.record(job).state for job in jobs] == [JobState.LAUNCHED, JobState.LAUNCHED, JobState.QUEUED]
    world.region.shortages.clear()
    world.run_until_quiet()
    check(world)


@pytest.mark.parametrize("labels", ["paddock/cpu=banana", "paddock/cpu=700"])
def test_a_refused_job_ends_and_its_author_is_told_on_the_commit(labels: str) -> None:
    """GitHub would let it hang for a day."""
    world = World()
    job = world.push_job(labels=labels)
    world.run_until_quiet()
    check(world)
    assert world.record(job).state is JobState.REJECTED
    assert [(told.name, told.conclusion, told.summary) for told in world.github.checks()] == [
        ("paddock", "failure", world.record(job).reason)
    ]
    assert not world.cloud.lives


def test_a_refused_jobs_run_is_cancelled_if_so_configured() -> None:
    """Then nobody waits for a day."""
    world = World(settings=attrs.evolve(SETTINGS, cancel_run_on_reject=True))
    job = world.push_job(labels="paddock/cpu=0")
    world.run_until_quiet()
    assert world.github.state.jobs[job].conclusion == "cancelled"
    assert world.record(job).state is JobState.REJECTED


def test_a_job_of_a_foreign_repository_is_refused_silently() -> None:
    """Nothing is written to a repository that is not ours."""
    world = World()
    world.github.add_repository("other/thing")
    job = world.push_job(repository="other/thing")
    world.run_until_quiet()
    assert (world.record(job).state, world.verdicts(job)[-1]) == (JobState.REJECTED, "outside_allow_list")
    assert world.github.checks() == ()


def test_an_author_who_cannot_be_told_is_written_down() -> None:
    """The App may lack the permission; the refusal stands."""
    broken = Failing({"github.workflows.report_rejection": AccessDenied("checks: write")})
    world = World(around=broken.around)
    job = world.push_job(labels="paddock/cpu=0")
    ask(world, job)
    assert world.record(job).state is JobState.REJECTED
    assert world.verdicts(job) == ["queued", "bad_labels", "author_not_told"]


@pytest.mark.parametrize(
    ("fails", "verdict", "done"),
    [("report_rejection", "author_not_told", "cancel_run"), ("cancel_run", "run_not_cancelled", "report_rejection")],
)
def test_an_author_is_told_and_the_run_is_cancelled_whichever_of_it_fails(fails: str, verdict: str, done: str) -> None:
    """Of one limit's use nothing follows for the other: else the job would hang in GitHub's queue for a day."""
    broken = Failing({f"github.workflows.{fails}": Throttled("no more of it for now")})
    world = World(settings=attrs.evolve(SETTINGS, cancel_run_on_reject=True), around=broken.around)
    job = world.push_job(labels="paddock/cpu=0")
    ask(world, job)
    assert world.verdicts(job) == ["queued", "bad_labels", verdict]
    assert broken.calls.count(f"github.workflows.{done}") == 1


@pytest.mark.parametrize(("head", "state"), [("mallory/app", JobState.REJECTED), ("acme/site", JobState.FINISHED)])
def test_in_a_public_repository_githubs_word_on_the_run_decides(head: str, state: JobState) -> None:
    """A fork's code does not run here; and the run is asked for once."""
    broken = Failing()
    world = World(settings=FleetSettings(repositories=("acme/site",)), around=broken.around)
    world.github.add_repository("acme/site", private=False)
    jobs = world.push_jobs(3, repository="acme/site", head_repository=head)
    world.run_until_quiet()
    assert {world.record(job).state for job in jobs} == {state}
    assert broken.calls.count("github.workflows.run") == 1
    check(world)


def test_a_job_of_a_run_that_github_does_not_know_is_given_up() -> None:
    """It was deleted: nobody will ever run it."""
    world = World(settings=FleetSettings(repositories=("acme/site",)))
    world.github.add_repository("acme/site", private=False)
    facts = JobFacts(77, 78, "acme/site", ("paddock",), private=False, created_at=NOON)
    asked = [JobRequested(facts, NOON)]
    assert world.fleet.dispatch(asked) == [Again(15 * SECOND, "GitHub does not know it, or not its run")]
    world.clock.advance(MINUTE)
    assert world.fleet.dispatch(asked) == [Again(15 * SECOND, "GitHub does not know it, or not its run")]
    world.clock.advance(MINUTE)
    assert world.fleet.dispatch(asked) == [Done()]
    assert (world.record(77).state, world.record(77).reason) == (
        JobState.ABANDONED,
        "GitHub no longer knows the job",
    )


def test_a_job_that_must_wait_keeps_its_place_and_says_for_what() -> None:
    """Its message is used up; nothing fails in order to wait."""
    world = World(settings=attrs.evolve(SETTINGS, limits=Limits(machines=1)))
    first, second, third = (world.push_job(labels=f"paddock={salt}") for salt in "abc")
    assert ask(world, first, second, third) == [Done()] * 3
    assert world.record(second).reason == "all 1 machines are in use"
    assert world.verdicts(second) == ["queued", "machine_limit"]
    world.run_until_quiet()
    check(world)
    starts = [world.record(job).started_at or 0 for job in (first, second, third)]
    assert starts == sorted(starts)
    assert world.verdicts(second).count("machine_limit") == 1  # told once, not at every look
    assert [world.record(job).reason for job in (second, third)] == ["", ""]  # what they waited for is over


def test_a_registration_that_github_refuses_ends_the_machine_and_counts() -> None:
    """A machine without a registration would idle; three such launches, or two alike, are enough."""
    broken = Failing({"github.runners.jit_config": Rejected("no such group")})
    world = World(around=broken.around)
    job = world.push_job()
    world.run_until_quiet()
    record = world.record(job)
    assert (record.state, record.launch) == (JobState.ABANDONED, 2)
    assert record.reason.startswith("quarantined: two launches in a row failed in the same way")
    assert len(world.cloud.lives) == 2
    check(world)


def test_a_name_that_github_has_seen_is_not_a_refusal() -> None:
    """It usually means that our own answer was lost: another name is tried."""
    world = World()
    broken = Failing()
    job = world.push_job()
    first = Rejected("Already exists")

    def around(name: str, port: object) -> Wired:
        wired = broken.around(name, port)

        def intercept(what: str, call: object) -> object:
            if what == "github.runners.jit_config" and broken.calls.count(what) == 0:
                broken.calls.append(what)
                raise first
            assert callable(call)
            return call()

        return Wired(name, wired, intercept)

    world.around = around
    world.fleet = world.new_fleet()
    assert ask(world, job) == [Done()]
    assert world.record(job).state is JobState.LAUNCHED


def test_a_registration_that_fails_concerns_its_own_machine_alone() -> None:
    """Whichever of the launch's machines it is for: the others get their orders, and its job's message comes back."""
    asked: list[Call] = []

    def second_fails(what: str, call: Call) -> object:
        if what == "github.runners.jit_config":
            asked.append(call)
            if len(asked) in {2, 4}:  # the long way asks once more, at once
                raise Unavailable("away")
        return call()

    world = World(around=lambda name, port: Wired(name, port, second_fails))
    first, second, third = world.push_jobs(3)
    ask(world, first, second, third)
    states = [world.record(job).state for job in (first, second, third)]
    assert states == [JobState.LAUNCHED, JobState.DISPATCHING, JobState.LAUNCHED]
    assert len(asked) == 4
    world.run_until_quiet()
    assert len({world.record(job).machine for job in (first, second, third)}) == 3
    assert len(world.cloud.launches) == 1
    check(world)


def test_a_token_that_was_used_for_something_else_fails_the_launch() -> None:
    """It cannot be resumed; the next launch has a token of its own."""
    broken = Failing({"machines.launch": TokenReused("other parameters")})
    world = World(around=broken.around)
    job = world.push_job()
    assert ask(world, job) == [Done()]
    assert (world.record(job).state, world.verdicts(job)[-1]) == (JobState.QUEUED, "relaunch")
    broken.errors.clear()
    world.run_until_quiet()
    check(world)


def test_what_the_cloud_can_never_give_is_refused() -> None:
    """A fleet on one box cannot run arm64; its author reads the words, not the code before them."""

    class Never:
        """A cloud that has no such machine."""

        def offers(self, _: RunnerSpec) -> tuple[Offer, ...]:
            """None."""
            return ()

        def launch(self, _: LaunchRequest) -> LaunchOutcome:
            """Never."""
            return LaunchOutcome((), ("Unsupported: no arm64 here",), permanent=True)

    world = World(around=lambda name, port: Never() if name == "machines" else port)
    job = world.push_job()
    assert ask(world, job) == [Done()]
    assert (world.record(job).state, world.record(job).reason) == (JobState.REJECTED, "no arm64 here")
    assert len(world.github.checks()) == 1


def test_one_jobs_trouble_does_not_keep_the_others_of_its_batch() -> None:
    """Neither in looking it up, nor in refusing it."""
    broken = Failing({"github.workflows.run": Unavailable("away")})
    world = World(settings=FleetSettings(repositories=("acme/*",)), around=broken.around)
    world.github.add_repository("acme/site", private=False)
    good, public = world.push_job(), world.push_job(repository="acme/site")
    asked = requests(world, good, public)
    asked[1] = attrs.evolve(asked[1], job=attrs.evolve(asked[1].job, private=False))
    assert world.fleet.dispatch(asked) == [Done(), Again(5 * SECOND, "Unavailable: away")]
    assert world.record(good).state is JobState.LAUNCHED


@pytest.mark.parametrize("call", ["github.workflows.run", "table.switches.get", "machines.offers"])
def test_a_job_that_cannot_be_judged_yet_is_written_down_before_its_request_comes_back(call: str) -> None:
    """The queue gives the request up after some tries; from then on the sweep looks after the record."""
    broken = Failing({call: Unavailable("away")})
    world = World(settings=FleetSettings(repositories=("acme/*",)), around=broken.around)
    world.github.add_repository("acme/site", private=False)
    job = world.push_job(repository="acme/site")
    asked = requests(world, job)
    asked[0] = attrs.evolve(asked[0], job=attrs.evolve(asked[0].job, private=False))
    world.fleet.dispatch(asked)
    assert world.record(job).state is JobState.QUEUED


@pytest.mark.parametrize("call", ["table.switches.get", "table.together.write"])
def test_a_table_that_is_away_lets_the_request_come_back(call: str) -> None:
    """And when it is back, the job is served, by one machine."""
    broken = Failing({call: Unavailable("away")})
    world = World(around=broken.around)
    job = world.push_job()
    assert ask(world, job) == [Again(5 * SECOND, "Unavailable: away")]
    broken.errors.clear()
    world.run_until_quiet()
    check(world)
    assert (world.record(job).state, len(world.cloud.lives)) == (JobState.FINISHED, 1)


def test_runners_are_registered_where_the_settings_say() -> None:
    """With the repository, or with its organisation in the configured group."""
    settings = attrs.evolve(SETTINGS, scope=ScopeKind.ORGANIZATION, runner_group=5)
    world = World(settings=settings)
    world.github.add_runner_group("acme", 5, "ci")
    job = world.push_job()
    ask(world, job)
    assert [(str(runner.scope), runner.group) for runner in world.github.all_runners()] == [("acme", 5)]
    world.run_until_quiet()
    check(world)
    world = World()
    ask(world, world.push_job())
    assert [str(runner.scope) for runner in world.github.all_runners()] == [REPOSITORY]


def test_a_dispatcher_that_was_too_slow_fails_nothing_that_another_one_holds() -> None:
    """The lease is part of every condition."""
    world = World(around=Failing({"machines.launch": Unavailable("away")}).around)
    job = world.push_job()
    ask(world, job)
    stale = world.record(job)
    world.table.jobs.update(stale.key, {"state": JobState.DISPATCHING}, {"lease_until": NOON + HOUR})
    life = world.fleet.operate._life
    assert (life.launch_failed(stale, "x"), life.short(stale, "x"), life.never_asked(stale)) == (None,) * 3
    assert world.record(job).state is JobState.DISPATCHING


def test_a_resumed_launch_mints_no_second_registration() -> None:
    """The machine has its orders: only the job's record is missing."""
    calls = Fuse()
    world = World(around=calls.around)
    world.push_job()
    world.run(SECOND)
    number = calls.calls.index("assignments.put") + 1
    fuse = Fuse(number, after=True)
    world = World(around=fuse.around)
    job = world.push_job()
    world.run(SECOND)
    assert world.crashes == [f"dispatch: after call {number}, assignments.put"]
    for machine in world.cloud.alive:
        world.silence(machine)  # it takes its time
    world.run(4 * MINUTE)
    assert "resumed" in world.verdicts(job)
    assert world.record(job).state is JobState.LAUNCHED
    assert fuse.calls.count("github.runners.jit_config") == 1


def test_a_machine_that_ended_before_its_launch_was_resumed_gets_no_orders() -> None:
    """EC2 repeats its first answer word for word: whoever resumes looks, and the job has another machine soon."""
    failing = Failing({"github.runners.jit_config": Unavailable("away")})

    def repeated(what: str, call: Call) -> object:
        found = call()
        if what != "machines.launch" or not isinstance(found, LaunchOutcome):
            return found
        pending = (attrs.evolve(one, state=MachineState.PENDING, ended_at=None, ended_by="") for one in found.machines)
        return attrs.evolve(found, machines=tuple(pending))

    world = World(around=lambda name, port: failing.around(name, Wired(name, port, repeated)))
    job = world.push_job()
    world.run(2 * SECOND)
    (first,) = world.cloud.alive
    assert world.record(job).state is JobState.DISPATCHING
    world.courier.fate = lambda _: ()  # and nobody tells of its end
    world.take_back(first)
    failing.errors.clear()
    world.run(30 * SECOND)
    assert world.verdicts(job).count("launched") == 1
    assert world.record(job).machine not in {first, None}
    world.courier.fate = lambda _: (0,)
    world.run_until_quiet()
    check(world)


def test_a_launch_is_resumed_with_the_disk_it_was_begun_with() -> None:
    """The settings changed between the two processes; the token was used with the old ones."""
    calls = Fuse()
    undisturbed = World(around=calls.around)
    undisturbed.push_job()
    undisturbed.run(SECOND)
    world = World(around=Fuse(calls.calls.index("machines.launch") + 1, after=True).around)
    job = world.push_job()
    world.run(SECOND)
    world.settings = attrs.evolve(SETTINGS, default_disk=80)
    world.fleet = world.new_fleet()
    world.run_until_quiet()
    check(world)
    assert (len(world.cloud.lives), world.record(job).launch) == (1, 1)
    assert [request.disk for request in world.cloud.launches] == [SETTINGS.default_disk]
    assert world.runner(world.record(job).machine).disk == SETTINGS.default_disk


def test_a_job_that_lacks_a_machine_is_not_hurried_by_those_behind_it() -> None:
    """Its next try is due when it is due; only jobs that wait for a limit are looked at with a newcomer."""
    world = World(settings=attrs.evolve(SETTINGS, limits=Limits(machines=10)))
    world.region.shortages.append(Shortage())
    first = world.push_job()
    ask(world, first)
    tried = world.record(first)
    assert tried.launch == 2
    ask(world, world.push_job(labels="paddock/arch=arm64"))
    assert world.record(first) == tried


@pytest.mark.parametrize("known", [True, False])
def test_a_request_older_than_githubs_patience_starts_no_machine(*, known: bool) -> None:
    """It comes back from the dead letters, a day and more later: GitHub is asked before anything is launched."""
    world = World(webhooks=lambda _: ())
    job = world.push_job()
    asked = requests(world, job)
    if known:
        world.fleet.operate.pause("")
        world.fleet.dispatch(asked)
        world.table.switches.remove("paused")
    world.cancel(job)
    world.clock.advance(25 * HOUR)
    assert world.fleet.dispatch(asked) == [Done()]
    assert (world.record(job).state, len(world.cloud.lives)) == (JobState.CANCELLED, 0)


def test_a_launch_that_was_begun_a_day_ago_is_not_gone_on_with_for_a_job_that_is_over() -> None:
    """The fleet was switched off in the midst of it: the cloud would have forgotten its token by now."""
    broken = Failing({"machines.launch": Unavailable("away")})
    world = World(around=broken.around, webhooks=lambda _: ())
    job = world.push_job()
    ask(world, job)
    assert world.record(job).state is JobState.DISPATCHING
    broken.errors.clear()
    world.cancel(job)
    world.clock.advance(25 * HOUR)
    world.run(HOUR)
    assert (world.record(job).state, len(world.cloud.lives)) == (JobState.CANCELLED, 0)


def test_a_job_that_github_still_has_in_its_queue_after_a_day_gets_a_machine() -> None:
    """Old, and wanted all the same."""
    world = World(settings=attrs.evolve(SETTINGS, deadlines=Deadlines(queue=23 * HOUR)), webhooks=lambda _: ())
    job = world.push_job()
    asked = requests(world, job)
    world.clock.advance(23 * HOUR + 1)
    assert world.fleet.dispatch(asked) == [Done()]
    assert world.record(job).state is JobState.LAUNCHED


def test_a_request_older_than_all_that_github_knows_is_given_up() -> None:
    """Its repository is gone: two answers, some minutes apart, and no machine."""
    world = World()
    facts = JobFacts(5, 6, REPOSITORY, ("paddock",), private=True, created_at=NOON)
    world.clock.advance(25 * HOUR)
    assert isinstance(world.fleet.dispatch([JobRequested(facts, NOON)])[0], Again)
    world.clock.advance(3 * MINUTE)
    assert world.fleet.dispatch([JobRequested(facts, NOON)]) == [Done()]
    assert (world.record(5).state, len(world.cloud.lives)) == (JobState.ABANDONED, 0)
