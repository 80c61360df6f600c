"""Webhooks and events on their way: lost, late, twice, failed and sent again."""

from collections import Counter
from functools import partial

import attrs
import pytest

from paddock.adapters.memory.github import JobScript
from paddock.adapters.simulation.cloud import quiet
from paddock.adapters.simulation.draws import always
from paddock.adapters.simulation.faults import FaultPlan, Outage
from paddock.adapters.simulation.load import JobLoad, RunLoad
from paddock.adapters.simulation.outside import START
from paddock.adapters.simulation.parameters import AT_ONCE, Parameters, Travel
from paddock.adapters.simulation.small_cloud import SmallCloud
from paddock.adapters.simulation.world import Simulation
from paddock.core.settings import FleetSettings
from paddock.core.states import JobState
from paddock.core.units import DAY, HOUR, MINUTE, SECOND, Span
from tests.world.workloads import Given

SETTINGS = FleetSettings(repositories=("acme/app",))
CERTAIN = 10_000


def world_with(plan: FaultPlan, parameters: Parameters = AT_ONCE) -> Simulation:
    """A world with these faults and one repository; nothing is forgotten."""
    kept = attrs.evolve(parameters, keep=DAY)
    cloud = partial(SmallCloud, start=always(SECOND), boot=always(SECOND))
    world = Simulation(settings=SETTINGS, faults=plan, parameters=kept, cloud=cloud)
    world.github.add_repository("acme/app")
    return world


def push(world: Simulation, count: int = 1) -> tuple[int, ...]:
    """A run of so many jobs."""
    return world.github.start_run("acme/app", [JobScript(f"job {n}", ("paddock",)) for n in range(count)]).jobs


def test_a_webhook_takes_as_long_as_is_published() -> None:
    """Median two seconds, and a tail of minutes. No job has a sibling's labels: its runner would tell of it sooner."""
    world = world_with(FaultPlan(), attrs.evolve(AT_ONCE, travel=Parameters().travel))
    scripts = [JobScript(f"job {n}", (f"paddock=salt-{n}/cpu=2",)) for n in range(200)]
    jobs = world.github.start_run("acme/app", scripts).jobs
    world.timeline.run(world.timeline.now() + HOUR)
    waits = sorted(world.table.jobs.get(str(job)).received_at - world.began for job in jobs)  # type: ignore[union-attr]
    assert SECOND < waits[100] < 3 * SECOND
    assert waits[199] > 30 * SECOND


def job_of(number: int, lasts: Span) -> JobLoad:
    """A job with labels of its own."""
    return JobLoad("job", (f"paddock=salt-{number}/cpu=2",), lasts)


def test_two_fleets_hear_of_a_job_equally_late() -> None:
    """However much else GitHub has to tell: a policy is compared with another on the same webhooks of its load."""
    heard = []
    for lasts in (SECOND, 20 * MINUTE):  # what is done is told of between what is queued, or after it
        load = Given([RunLoad(START + n * 10 * SECOND, "acme/app", "ci", (job_of(n, lasts),)) for n in range(30)])
        heard.append(Simulation(load, settings=SETTINGS, cloud=quiet()).run().wait.webhook)
    assert heard[0].count == 30
    assert heard[0] == heard[1]


def test_what_is_lost_is_in_no_log() -> None:
    """And is found by the comparison with GitHub all the same."""
    world = world_with(FaultPlan(webhook_lost=CERTAIN))
    (job,) = push(world)
    assert world.run_until_quiet()
    assert world.github.deliveries.newest_first() == []
    known = world.table.jobs.get(str(job))
    assert known is not None
    assert (known.state, known.conclusion) == (JobState.FINISHED, "success")
    assert world.check() == []


def test_what_failed_is_in_the_log_and_is_sent_again() -> None:
    """Under the same GUID, as a redelivery; the job waits no longer than the sweep takes."""
    world = world_with(FaultPlan(outages=(Outage("webhooks", 0, MINUTE),)))
    (job,) = push(world)
    world.timeline.run(world.timeline.now() + 6 * MINUTE)
    log = world.github.deliveries.newest_first()
    first = [one for one in log if one.event.action == "queued"]
    assert [one.ok for one in first] == [True, False]
    assert [one.redelivery for one in first] == [True, False]
    assert len({one.event.guid for one in first}) == 1
    assert world.run_until_quiet()
    assert world.table.jobs.get(str(job)).conclusion == "success"  # type: ignore[union-attr]
    assert world.check() == []


def test_a_redelivery_is_news_to_the_fleet_alone() -> None:
    """Nothing is counted twice, nothing closed twice."""
    world = world_with(FaultPlan(webhook_failed=5_000))
    push(world, 20)
    assert world.run_until_quiet()
    assert world.outcome().jobs.queued == 20
    levels = world.measure.levels
    assert (levels.waiting, levels.machines, levels.busy) == (0, 0, 0)


@pytest.mark.parametrize("what", ["report", "event"])
@pytest.mark.parametrize("fault", ["lost", "twice", "late"])
def test_reports_and_events_have_their_fates(what: str, fault: str) -> None:
    """Whatever becomes of all of them, every job is served and every machine is billed to its end."""
    world = world_with(FaultPlan(**{f"{what}_{fault}": CERTAIN}))  # type: ignore[arg-type]  # odds, by their names
    sent: Counter[str] = Counter()
    send = world.post._send

    def count(messages: object) -> None:
        sent.update(type(message).__name__ for message in messages)  # type: ignore[attr-defined]  # a sequence
        send(messages)  # type: ignore[arg-type]  # as above

    world.post._send = count
    jobs = push(world, 3)
    assert world.run_until_quiet()
    assert {world.table.jobs.get(str(job)).conclusion for job in jobs} == {"success"}  # type: ignore[union-attr]
    kind, once = ("RunnerReported", 6) if what == "report" else ("MachineChanged", 3)
    assert sent[kind] == {"lost": 0, "twice": 2 * once, "late": once}[fault]
    assert world.check() == []


def test_events_are_received_when_they_arrive() -> None:
    """Their own moment is that of the deed."""
    travel = Travel(webhook=always(0), event=always(7 * SECOND), report=always(0))
    world = world_with(FaultPlan(), attrs.evolve(AT_ONCE, travel=travel))
    seen: list[tuple[int, int]] = []
    send = world.post._send

    def note(messages: object) -> None:
        seen.extend((one.at, one.received_at) for one in messages if hasattr(one, "received_at"))  # type: ignore[attr-defined]
        send(messages)  # type: ignore[arg-type]  # a sequence

    world.post._send = note
    push(world)
    assert world.run_until_quiet()
    assert [received - at for at, received in seen] == [7 * SECOND]
