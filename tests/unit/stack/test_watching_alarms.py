"""The alarms: each goes off within five minutes of its incident, resolves after it, and is silent in a quiet week."""

from collections.abc import Callable
from typing import Any

import botocore.session
import pytest
from botocore.validate import ParamValidator

from paddock.adapters.aws.watching.alarms import alarms, definitions
from paddock.adapters.aws.watching.definition import Alarm, Missing
from paddock.adapters.aws.watching.evaluation import State
from paddock.adapters.aws.watching.maths import evaluate
from paddock.adapters.aws.watching.names import Names, Query
from paddock.adapters.aws.watching.samples import LATENCY
from paddock.adapters.aws.watching.targets import Targets
from paddock.adapters.memory.machines import Shortage
from paddock.core.errors import InvalidInput
from paddock.core.spec import Market
from paddock.core.units import DAY, HOUR, MINUTE, SECOND, Moment
from tests.strategies import NOON
from tests.world.watched import LATEST, NAMES, TARGETS, Metrics, Watched, names_of, rung, states

pytestmark = pytest.mark.slow

ALL = definitions(TARGETS)
BEGINS = NOON + HOUR + 7 * SECOND

Incident = Callable[[Metrics], tuple[Moment, Moment]]
"""Tells metrics of something that goes wrong; the moment at which the threshold is crossed, and the incident's end."""


def told(name: str, *offsets: int, value: float = 1, of: str = "", **dimensions: str) -> Incident:
    """The metric has this value so many seconds after the beginning; with the last of them it is too much."""

    def happens(metrics: Metrics) -> tuple[Moment, Moment]:
        for offset in offsets:
            metrics.tell(BEGINS + offset * SECOND, name, value, of=of, **dimensions)
        last = BEGINS + offsets[-1] * SECOND
        return last, last

    return happens


def standing(name: str, value: float, minutes: int = 20, of: str = "") -> Incident:
    """The metric stands so high, told once a minute."""

    def happens(metrics: Metrics) -> tuple[Moment, Moment]:
        for minute in range(minutes):
            metrics.tell(BEGINS + minute * MINUTE, name, value, of=of)
        return BEGINS, BEGINS + minutes * MINUTE

    return happens


def storm(metrics: Metrics) -> tuple[Moment, Moment]:
    """One spot machine a minute is launched, and every third is taken back: with the fourth it is more than a fifth.

    Seventeen launches are in the window: three interruptions are less than a fifth of them.
    """
    for minute in range(0, 30, 3):
        metrics.tell(BEGINS + minute * MINUTE, "SpotInterruptions")
    return BEGINS + 9 * MINUTE, BEGINS + 27 * MINUTE


INCIDENTS: dict[str, Incident] = {
    "jobs-waiting": standing("OldestWait", 301_000),
    "queue-age": standing("ApproximateAgeOfOldestMessage", 301, of="jobs"),
    "fleet-errors": told("APIErrors", *range(0, 300, 50), Service="EC2"),
    "spot-interruptions": storm,
    "dead-boots": told("MachinesDead", 0, 400, 800),
    "quarantined": told("JobsQuarantined", 0),
    "dead-letters": standing("ApproximateNumberOfMessagesVisible", 11, of="events_dead"),
    "pool-exhausted": standing("PoolUtilization", 96),
    "github-budget": standing("GitHubBudgetLeft", 499),
    "runner-behind": told("RunnerBehind", 0, value=7 * 86_400 + 1),
    "budget": told("JobsHeldBack", 0, Reason="spend_limit"),
    "faults": told("OwnFaults", 0),
    "forged-reports": told("ReportsForged", 0),
}


@pytest.mark.parametrize("name", INCIDENTS)
def test_an_incident_rings_its_alarm_within_five_minutes_and_no_other(name: str) -> None:
    """From the moment its threshold is crossed; and the alarm is over some time after the incident."""
    metrics = Metrics()
    until = BEGINS + 12 * HOUR
    metrics.well(NOON, until)
    crossed, ended = INCIDENTS[name](metrics)
    changes = metrics.changes(NOON, until)
    assert names_of(rung(changes)) == {name}
    (rings,) = rung(changes)
    assert crossed <= rings[1] <= crossed + LATEST
    assert set(states(changes).values()) == {State.OK}
    assert max(change.at for change in changes) >= ended


@pytest.mark.parametrize(
    ("name", "incident"),
    [
        ("dead-boots", told("MachinesFailedToStart", 0, 60, 120)),
        ("quarantined", told("LettersQuarantined", 0)),
        ("budget", standing("CostPerHour", 5_000_001)),
    ],
    ids=["failed to start", "a message", "costs too much"],
)
def test_an_alarm_on_two_things_rings_for_either(name: str, incident: Incident) -> None:
    """Each by itself is enough."""
    metrics = Metrics()
    metrics.well(NOON, BEGINS + 2 * HOUR)
    crossed, _ = incident(metrics)
    ((alarm, at),) = rung(metrics.changes(NOON, BEGINS + 2 * HOUR))
    assert alarm == name
    assert crossed <= at <= crossed + LATEST


def test_a_silent_sweep_is_told() -> None:
    """Three minutes without one are too many; one that comes a minute late is not."""
    metrics = Metrics()
    metrics.well(NOON, NOON + HOUR)
    metrics.well(NOON + HOUR + MINUTE, NOON + 2 * HOUR)  # one is missing
    metrics.well(NOON + 2 * HOUR + 20 * MINUTE, NOON + 3 * HOUR)
    changes = metrics.changes(NOON, NOON + 3 * HOUR)
    ((alarm, at),) = rung(changes)
    assert alarm == "reconciler-silent"
    assert NOON + 2 * HOUR + 3 * MINUTE <= at <= NOON + 2 * HOUR + LATEST
    assert set(states(changes).values()) == {State.OK}


def test_webhooks_that_stay_away_are_told_when_there_are_jobs_without_them() -> None:
    """That nobody pushes is no incident; that jobs are found which no webhook told of is one."""
    metrics = Metrics()
    metrics.well(NOON, NOON + HOUR)
    quiet = Metrics(metrics.samples)
    for minute in range(NOON + HOUR, NOON + 8 * HOUR, MINUTE):
        quiet.tell(minute, "Sweeps")
    assert rung(metrics.changes(NOON, NOON + 5 * HOUR)) == []
    found = NOON + 5 * HOUR + 3 * SECOND
    metrics.tell(found, "JobsAdopted")
    changes = metrics.changes(NOON, NOON + 7 * HOUR)
    ((alarm, at),) = rung(changes)
    assert alarm == "webhooks-silent"
    assert found <= at <= found + LATEST
    assert set(states(changes).values()) == {State.OK}


@pytest.mark.parametrize("every", [3, 10])
def test_a_storm_is_told_whatever_the_fleets_size(every: int) -> None:
    """Three of three machines are a storm, three of thirty are none."""
    metrics = Metrics()
    for minute in range(60):
        metrics.tell(NOON + minute * MINUTE, "Sweeps")
    for number in range(every):
        metrics.tell(NOON + 20 * MINUTE + number * SECOND, "SpotLaunches")
    for _ in range(3):
        metrics.tell(NOON + 21 * MINUTE, "SpotInterruptions")
    for _ in range(every * (every - 3)):
        metrics.tell(NOON + 21 * MINUTE, "SpotLaunches")
    assert names_of(rung(metrics.changes(NOON, NOON + HOUR))) == ({"spot-interruptions"} if every == 3 else set())


# -- simulated ---------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_no_alarm_in_a_quiet_week() -> None:
    """A few jobs on each working day, a red one among them, one interruption, a weekend: the fleet's own lines."""
    world = Watched()
    for day in range(7):
        for number in range(0 if day in {5, 6} else 5):
            world.push_job(lasts=(number + 1) * 7 * MINUTE, ends="failure" if number == 3 else "success")
            world.run(HOUR)
        if day == 2:
            job = world.push_job(lasts=HOUR)
            world.run(10 * MINUTE)
            world.reclaim(world.record(job).machine or "")
        world.run(NOON + (day + 1) * DAY - world.clock.now())
    changes = world.changes()
    assert rung(changes) == []
    assert set(states(changes).values()) == {State.OK}
    assert sum(metric == "Sweeps" for _, metric, _ in world.metrics.samples.keys) == 1


def test_a_cloud_without_capacity_rings_for_the_jobs_that_wait() -> None:
    """And is quiet again when there is capacity."""
    world = Watched()
    world.run(30 * MINUTE)
    world.region.shortages.append(Shortage())
    asked = world.clock.now()
    world.push_job()
    world.run(HOUR)
    world.region.shortages.clear()
    world.run(HOUR)
    changes = world.changes()
    ((alarm, at),) = rung(changes)
    assert alarm == "jobs-waiting"
    assert asked + TARGETS.wait <= at <= asked + TARGETS.wait + LATEST
    assert set(states(changes).values()) == {State.OK}


def test_machines_that_never_come_up_are_told() -> None:
    """An image that does not boot: as dead boots, and as jobs that wait; and nothing of it lasts."""
    world = Watched()
    world.run(20 * MINUTE)
    jobs = [world.push_job() for _ in range(3)]
    for _ in range(60 * 12):
        for machine in world.cloud.alive:
            world.silence(machine)
        world.run(5 * SECOND)
    assert {world.record(job).state for job in jobs} == {"abandoned"}
    world.run(3 * HOUR)
    changes = world.changes()
    assert names_of(rung(changes)) == {"dead-boots", "jobs-waiting"}
    assert set(states(changes).values()) == {State.OK}


def test_spot_machines_that_are_all_taken_back_are_told() -> None:
    """Each interruption is one, however often it is told."""
    world = Watched()
    world.run(20 * MINUTE)
    jobs = [world.push_job(lasts=HOUR) for _ in range(4)]
    world.run(5 * MINUTE)
    taken = world.clock.now()
    for job in jobs:
        machine = world.runner(world.record(job).machine)
        assert machine.market is Market.SPOT
        world.reclaim(machine.machine)
    world.run(5 * HOUR)
    changes = world.changes()
    assert names_of(rung(changes)) == {"spot-interruptions"}
    assert rung(changes)[0][1] <= taken + LATEST
    assert set(states(changes).values()) == {State.OK}


def test_a_fleet_whose_sweeps_stop_is_told() -> None:
    """Whoever sweeps no more says nothing any more."""
    world = Watched()
    world.run(20 * MINUTE)
    stopped = world.clock.now()
    world.sweeps(on=False)
    world.run(HOUR)
    world.sweeps(on=True)
    world.run(30 * MINUTE)
    changes = world.changes()
    ((alarm, at),) = rung(changes)
    assert alarm == "reconciler-silent"
    assert stopped + 3 * MINUTE <= at <= stopped + 3 * MINUTE + LATEST
    assert set(states(changes).values()) == {State.OK}


# -- as data -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("alarm", ALL, ids=lambda alarm: alarm.name)
def test_an_alarm_refers_to_what_there_is_and_says_what_to_do(alarm: Alarm) -> None:
    """Its metrics are in the catalogue, its maths is known, and whoever is woken by it reads on."""
    count = alarm.of
    series = {query.id: (None,) * count for query in alarm.queries}
    assert len({query.id for query in alarm.queries}) == len(alarm.queries)
    for query in alarm.queries:
        assert query.key(NAMES)[0] in {"Paddock", query.metric().namespace}
    if alarm.expression:
        assert len(evaluate(alarm.expression, series)) == count
    assert 1 <= alarm.needed <= alarm.of
    assert alarm.means.endswith((".", "bug."))
    assert alarm.then.endswith((".", "?"))
    assert alarm.missing is (Missing.BREACHING if alarm.name == "reconciler-silent" else Missing.NOT_BREACHING)


def test_every_alarm_has_an_incident_here() -> None:
    """One that nobody has ever heard ring is none."""
    assert {alarm.name for alarm in ALL} == {*INCIDENTS, "reconciler-silent", "webhooks-silent"}
    assert len({alarm.name for alarm in ALL}) == len(ALL)


def validated(properties: dict[str, Any]) -> str:
    """What is wrong with the properties as parameters of PutMetricAlarm, as botocore's description of it says."""
    model = botocore.session.get_session().get_service_model("cloudwatch").operation_model("PutMetricAlarm")
    assert model.input_shape is not None
    report: str = ParamValidator().validate(properties, model.input_shape).generate_report()
    return report


@pytest.mark.parametrize("targets", [Targets(), TARGETS], ids=["usual", "with a bound of cost"])
def test_the_properties_are_those_of_cloudwatchs_alarms(targets: Targets) -> None:
    """CloudFormation's properties bear the names of the API's parameters, whose shapes botocore knows."""
    topic = "arn:aws:sns:eu-west-1:123456789012:paddock"
    for properties in alarms(NAMES, targets, [topic]):
        assert validated(properties) == ""
        assert properties["AlarmActions"] == properties["OKActions"] == [topic]
        assert len(properties["AlarmDescription"]) <= 1024
        metrics = properties.get("Metrics", [])
        assert sum(one["ReturnData"] for one in metrics) == (1 if metrics else 0)
        assert len(metrics) <= 10
        periods = [one["MetricStat"]["Period"] for one in metrics if "MetricStat" in one] or [properties["Period"]]
        assert all(period % 60 == 0 for period in periods)
        assert max(periods) * properties["EvaluationPeriods"] <= 86_400


def test_without_a_topic_nobody_is_told() -> None:
    """And there is no empty list of actions."""
    assert all("AlarmActions" not in properties for properties in alarms(NAMES))


def test_names_that_cloudformation_fills_in_are_substituted() -> None:
    """Each by itself; others stay texts."""
    names = Names(
        stack="${AWS::StackName}",
        queues=dict.fromkeys(("jobs", "events", "reports"), "${Queue.QueueName}"),
        dead=dict.fromkeys(("jobs", "events", "reports"), "${Dead.QueueName}"),
        functions=dict.fromkeys(("webhook", "dispatch", "events", "reports", "schedules"), "hook"),
        table="t",
    )
    first = {properties["AlarmDescription"]: properties for properties in alarms(names)}
    age = next(one for one in first.values() if one.get("MetricName") == "ApproximateAgeOfOldestMessage")
    assert age["AlarmName"] == {"Fn::Sub": "${AWS::StackName}-queue-age"}
    assert age["Dimensions"] == [{"Name": "QueueName", "Value": {"Fn::Sub": "${Queue.QueueName}"}}]
    assert any('"hook"' in str(one).replace("'", '"') for one in first.values())


@pytest.mark.parametrize(
    ("field", "make"),
    [
        ("queues", lambda: Names("s", {"jobs": "j"}, NAMES.dead, NAMES.functions, "t")),
        ("functions", lambda: Names("s", NAMES.queues, NAMES.dead, {**NAMES.functions, "webhook": ""}, "t")),
        ("table", lambda: Names("s", NAMES.queues, NAMES.dead, NAMES.functions, "")),
        ("of", lambda: Query("m", "Errors", "Sum", of="jobs").key(NAMES)),
        ("of", lambda: Query("m", "JobsQueued", "Sum", of="jobs").key(NAMES)),
        ("wait", lambda: Targets(wait=0)),
        ("cost_per_hour", lambda: Targets(cost_per_hour=-1)),
    ],
    ids=["a queue is missing", "a function has no name", "no table", "no such function", "not AWS's", "wait", "cost"],
)
def test_what_is_wrong_is_named(field: str, make: Callable[[], object]) -> None:
    """With the field, and what would be right."""
    with pytest.raises(InvalidInput, match=f"^{field} = "):
        make()


def test_a_metric_that_is_not_in_the_catalogue_is_refused() -> None:
    """An alarm on it would be silent for ever."""
    with pytest.raises(KeyError, match="FleetSizeIncrement"):
        Query("m", "FleetSizeIncrement", "Sum").key(NAMES)
    with pytest.raises(KeyError, match="LaunchFailures"):
        Query("m", "LaunchFailures", "Sum", dimensions={"Reason": "bad luck"}).key(NAMES)


def test_what_an_idle_stack_pays_for_being_watched() -> None:
    """At list prices: a dashboard $3, a metric in an alarm $0.10, a metric that is published $0.30 a month.

    An idle fleet publishes what its sweeps always tell, and nothing else. With $2 for all else it is within $8.
    """
    idle = Watched()
    idle.run(10 * MINUTE)
    idle.changes()
    own = [key for key in idle.metrics.samples.keys if key[0] == "Paddock"]
    asked = sum(len(alarm.queries) for alarm in definitions(Targets()))
    assert {name for _, name, _ in own} == {"Sweeps", "JobsWaiting"}
    assert 300 + 10 * asked + 30 * len(own) <= 600


def test_what_is_seen_late_is_seen_in_time() -> None:
    """The windows of rates are longer by the time that a metric takes to be seen."""
    rates = [alarm for alarm in ALL if alarm.period > MINUTE and alarm.name != "runner-behind"]
    assert {alarm.period - LATENCY for alarm in rates} == {5 * MINUTE, 15 * MINUTE}
