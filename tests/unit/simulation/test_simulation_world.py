"""A whole simulated load: what comes of it, that it repeats itself, and that nothing of it is left in memory."""

import json
from collections.abc import Iterator, Sized
from functools import partial

import attrs
import msgspec
import pytest

from paddock.adapters.simulation.cloud import CloudParameters, SimulatedEc2, quiet
from paddock.adapters.simulation.faults import PLANS
from paddock.adapters.simulation.load import JobLoad, RunLoad
from paddock.adapters.simulation.outcome import Outcome
from paddock.adapters.simulation.outside import START
from paddock.adapters.simulation.parameters import Parameters, Rates
from paddock.adapters.simulation.protocols import CloudMaker
from paddock.adapters.simulation.small_cloud import SmallCloud
from paddock.adapters.simulation.world import Simulation
from paddock.adapters.tables import stores_in
from paddock.core.records import TASKS
from paddock.core.settings import FleetSettings, Limits
from paddock.core.units import HOUR, MINUTE, SECOND
from tests.world.workloads import Given

REPOSITORIES = ("acme/app", "acme/lib")
SETTINGS = FleetSettings(repositories=REPOSITORIES)
LABELS = (("paddock",), ("paddock/cpu=4",), ("paddock=salt-7/cpu=4",), ("paddock/spot=false",))


def morning(runs: int, *, every: int = MINUTE) -> Given:
    """A run a minute, of one to four jobs that take one to nine minutes; every tenth is cancelled."""
    return Given([*_runs(runs, every)], "morning")


def _runs(count: int, every: int) -> Iterator[RunLoad]:
    for number in range(count):
        labels = LABELS[number % len(LABELS)]
        jobs = tuple(
            JobLoad(
                f"job {one}", labels, (1 + (number + one) % 9) * MINUTE, "failure" if number % 7 == 6 else "success"
            )
            for one in range(1 + number % 4)
        )
        cancelled = 20 * SECOND if number % 10 == 9 else None
        at, repository = START + number * every, REPOSITORIES[number % 2]
        yield RunLoad(at, repository, "ci", jobs, branch=f"b{number}", cancelled_after=cancelled)


def test_jobs_that_are_not_the_fleets_are_in_no_other_figure() -> None:
    """GitHub ends them in its own way: nobody lost them, and the fleet's own jobs are counted as ever."""
    job = JobLoad("build", ("ubuntu-latest",), MINUTE)
    foreign = RunLoad(START, REPOSITORIES[0], "ci", (job, job))
    own = Simulation(morning(3), settings=SETTINGS, seed=1, cloud=quiet()).run().jobs
    both = Simulation(Given([foreign, *morning(3).found]), settings=SETTINGS, seed=1, cloud=quiet()).run().jobs
    assert (both.queued, both.served, both.failed, both.others) == (own.queued, own.served, 0, 2)
    assert (both.ended, own.others) == (own.ended + 2, 0)


def test_a_load_without_faults_is_served_and_nothing_is_wrong() -> None:
    """Every number of the outcome adds up."""
    load = morning(60)
    outcome = Simulation(load, settings=SETTINGS, seed=1, cloud=quiet()).run()
    jobs = sum(len(run.jobs) for run in load.found)
    assert outcome.violations == ()
    assert outcome.jobs.queued == jobs
    assert outcome.jobs.served + outcome.jobs.cancelled == jobs
    assert outcome.jobs.cancelled > 0
    assert (outcome.jobs.failed, outcome.jobs.abandoned, outcome.jobs.rejected, outcome.jobs.interrupted) == (0,) * 4
    assert outcome.machines >= outcome.jobs.served
    assert outcome.cost.spot + outcome.cost.on_demand == outcome.cost.boot + outcome.cost.job + outcome.cost.idle
    assert min(outcome.cost.spot, outcome.cost.on_demand, outcome.cost.disk, outcome.cost.address) > 0
    assert outcome.cost.control > 0
    assert outcome.began == START < outcome.ended < START + 3 * HOUR


def test_waits_are_split_into_parts_that_add_up() -> None:
    """Webhook, our own decision, cloud, boot, handshake; by label set, whose salt is left out."""
    outcome = Simulation(morning(60), settings=SETTINGS, seed=2, cloud=quiet()).run()
    wait = outcome.wait
    parts = (wait.webhook, wait.decision, wait.cloud, wait.boot, wait.handshake)
    assert sum(part.mean for part in parts) == pytest.approx(wait.total.mean, abs=len(parts))
    assert {part.count for part in parts} == {wait.total.count}
    assert wait.decision.p95 <= SECOND
    assert 15 * SECOND < wait.total.p50 < 30 * SECOND
    assert set(outcome.waits) == {"paddock", "paddock/cpu=4", "paddock/spot=false"}
    assert sum(waits.total.count for waits in outcome.waits.values()) == wait.total.count
    assert wait.total.p50 <= wait.total.p95 <= wait.total.p99 <= wait.total.most


def test_levels_are_the_most_of_each_within_every_five_minutes() -> None:
    """They end at nothing, and no more jobs run than there are machines."""
    world = Simulation(morning(60), settings=SETTINGS, seed=3, cloud=quiet())
    outcome = world.run()
    assert [level.at for level in outcome.levels] == [
        START + number * 5 * MINUTE for number in range(len(outcome.levels))
    ]
    assert all(level.busy <= level.machines for level in outcome.levels)
    now = world.measure.levels
    assert (now.waiting, now.machines, now.busy) == (0, 0, 0)
    assert max(level.busy for level in outcome.levels) > 5


def told(outcome: Outcome) -> str:
    """The outcome as JSON."""
    return json.dumps(msgspec.to_builtins(outcome), sort_keys=True)


@pytest.mark.parametrize("plan", ["none", "everything"])
def test_two_runs_with_one_seed_are_equal_and_another_seed_is_another_run(plan: str) -> None:
    """To the last digit, faults included."""

    def play(seed: int) -> str:
        return told(Simulation(morning(25), settings=SETTINGS, seed=seed, faults=PLANS[plan]).run())

    assert play(5) == play(5)
    assert play(5) != play(6)


@pytest.mark.parametrize("cloud", [SmallCloud, quiet()], ids=["small", "EC2"])
def test_what_has_ended_is_written_out_with_all_its_decisions_and_leaves_nothing(
    cloud: CloudMaker | CloudParameters,
) -> None:
    """A line for every job and every machine, in any cloud; the stores are empty when all is over."""
    lines: list[bytes] = []
    load = morning(60)
    world = Simulation(load, settings=SETTINGS, seed=4, cloud=cloud, sink=lines.append)
    outcome = world.run()
    assert outcome.violations == ()
    documents = [json.loads(line) for line in lines]
    jobs = [one for one in documents if "job" in one]
    machines = [one for one in documents if "machine" in one]
    assert len(jobs) == outcome.jobs.queued
    assert len(machines) == outcome.machines
    assert all(one["decisions"][0]["verdict"] in {"adopted", "early", "queued"} for one in jobs)
    assert all(decision["reason"] for one in documents for decision in one["decisions"])
    assert sum(len(one["decisions"]) for one in documents) == world.decisions.count
    assert all(one["ledger"] for one in machines)
    stores = {kind: len(store) for kind, store in stores_in(world.table).items() if isinstance(store, Sized)}
    assert {kind: count for kind, count in stores.items() if count} == {TASKS.prefix: 2}  # they run for ever
    state = world.github.state
    kept: list[Sized] = [state.jobs, state.runs, state.runners, world.decisions._about, world.cloud.log]
    kept += [world.agents.by_machine, world.agents.services, world.assignments._slots]
    assert [len(one) for one in kept] == [0] * len(kept)
    assert world.archive.open == 0


def test_meanwhile_no_more_is_kept_than_of_the_last_quarter_of_an_hour() -> None:
    """So that a million jobs need no more memory than a thousand."""
    world = Simulation(morning(200), settings=SETTINGS, seed=4, cloud=SmallCloud)
    most = 0
    for minute in range(200):
        world.timeline.run(START + minute * MINUTE)
        most = max(most, len(world.github.state.jobs))
    assert most < 110
    assert sum(len(run.jobs) for run in morning(200).found) == 500
    assert len(world.github.deliveries.newest_first()) < 1_500
    assert world.run().violations == ()


def test_a_spend_limit_keeps_the_ledger_of_its_day() -> None:
    """What was spent today must not be forgotten today."""
    settings = attrs.evolve(SETTINGS, limits=Limits(spend_per_day=10_000_000))
    world = Simulation(morning(60), settings=settings, seed=4, cloud=SmallCloud)
    world.run(START + 2 * HOUR)
    assert len(world.table.ledger) > 50  # type: ignore[arg-type]  # in memory
    assert world.outcome().violations == ()


def test_time_can_be_stepped_through_and_questions_asked_on_the_way() -> None:
    """The library's face: build a world, let it run, look at it, let it run on."""
    world = Simulation(morning(10), settings=SETTINGS, seed=1, cloud=SmallCloud)
    early = world.run(START + 5 * MINUTE)
    assert early.jobs.queued > 0
    assert world.cloud.alive
    assert not world.quiet
    assert world.fleet.explain is not None
    late = world.run()
    assert late.jobs.queued == sum(len(run.jobs) for run in morning(10).found)
    assert world.quiet
    assert world.check() == []


@pytest.mark.parametrize("plan", sorted(PLANS))
def test_named_faults_break_nothing(plan: str) -> None:
    """Each of them alone, on a morning of some 75 jobs."""
    outcome = Simulation(morning(30), settings=SETTINGS, seed=8, faults=PLANS[plan]).run()
    assert outcome.violations == ()
    assert outcome.jobs.queued >= 70


def test_githubs_rates_hold_a_burst_back_and_lose_nobody() -> None:
    """Three hundred jobs at one moment, 180 registrations a minute."""
    burst = Given(
        [RunLoad(START, REPOSITORIES[0], "ci", tuple(JobLoad(f"job {n}", ("paddock",), MINUTE) for n in range(300)))]
    )
    waiting = attrs.evolve(SETTINGS, registration_tokens=False)
    outcome = Simulation(burst, settings=waiting, seed=1, cloud=partial(SimulatedEc2, quiet())).run()
    assert outcome.violations == ()
    assert outcome.jobs.served == 300
    (registrations,) = [one for one in outcome.calls if one.name == "GitHub generate-jitconfig"]
    assert (registrations.limit, registrations.peak) == (180, 180)
    assert registrations.throttled > 0
    free = Simulation(
        burst, settings=SETTINGS, seed=1, cloud=SmallCloud, parameters=Parameters(rates=Rates(None, None))
    )
    assert free.run().wait.total.p95 < outcome.wait.total.p95


def test_jobs_that_wait_at_github_for_nobody_do_not_keep_a_simulation_going() -> None:
    """A label that nobody can serve is refused; GitHub would let the job wait for a day."""
    never, other = JobLoad("never", ("paddock/cpu=banana",), MINUTE), JobLoad("other", ("ubuntu-latest",), MINUTE)
    load = Given([RunLoad(START, REPOSITORIES[0], "ci", (never, other))])
    outcome = Simulation(load, settings=SETTINGS, seed=1, cloud=SmallCloud).run()
    assert (outcome.jobs.queued, outcome.jobs.rejected) == (1, 1)
    assert outcome.ended < START + HOUR
    assert outcome.violations == ()
