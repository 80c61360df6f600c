"""Decisions as log lines, and the metrics that are counted from them."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given

import paddock.core.usecases
from paddock.adapters.aws.failures import SERVICES
from paddock.adapters.memory import MemoryDecisions
from paddock.adapters.memory.system import ManualClock
from paddock.adapters.telemetry.catalogue import Emitter, Metric, catalogue
from paddock.adapters.telemetry.decisions import ToldDecisions
from paddock.adapters.telemetry.gauges import LoggedGauges
from paddock.adapters.telemetry.lines import decision_in, decision_line
from paddock.adapters.telemetry.logs import about, about_each
from paddock.core.decision import Decision, Fact
from paddock.core.errors import Unavailable
from paddock.core.units import HOUR, MILLISECOND, MINUTE, SECOND
from tests import strategies
from tests.faults import Failing
from tests.world.spot import machine_of, running
from tests.world.world import World

NOON = 1_795_348_800 * SECOND
METRICS = catalogue()
USECASES = [
    path.read_text(encoding="utf-8") for folder in paddock.core.usecases.__path__ for path in Path(folder).rglob("*.py")
]
# Of CloudWatch's words (PutMetricData, "Unit"), those that we use.
UNITS = {"Count", "Seconds", "Milliseconds", "Percent", "None"}
ROOT = Path(__file__).parents[3] / "src"
SOURCES = [*ROOT.glob("core/**/*.py"), *ROOT.glob("adapters/**/*.py"), *ROOT.glob("entrypoints/**/aws_lambda/*.py")]
# Verdicts that a use-case is given by a policy of its own, which stands beside it.
VERDICTS = [path.read_text(encoding="utf-8") for path in SOURCES if path.name in {"admission.py", "states.py"}]


DECIDED = [metric for metric in METRICS.metrics if metric.emitted is Emitter.DECISION]


@pytest.mark.parametrize("metric", DECIDED, ids=lambda metric: f"{metric.series} {metric.actor} {metric.verdict}")
def test_every_metric_is_decided_somewhere(metric: Metric) -> None:
    """By the use-case that it names, or by any if it names none; with the facts that it looks at."""
    deciding = [text for text in USECASES if f'Recorder(decisions, clock, "{metric.actor}")' in text]
    texts = deciding if metric.actor else USECASES
    assert any(f'"{metric.verdict}"' in text for text in (*texts, *VERDICTS))
    for fact in {metric.value, *metric.where, *metric.unless} - {""}:
        assert any(f"{fact}=" in text for text in deciding)


@pytest.mark.parametrize(
    "metric", METRICS.metrics, ids=lambda metric: f"{metric.series} {metric.actor} {metric.verdict}"
)
def test_a_metric_is_what_cloudwatch_takes(metric: Metric) -> None:
    """Its unit is one of CloudWatch's words, its name is one in ASCII, and people are told what it is."""
    assert metric.unit in UNITS
    assert metric.name.isascii()
    assert metric.name.isalnum()
    assert metric.help
    assert (metric.namespace == "") is (metric.emitted is not Emitter.AWS)
    assert metric.namespace.startswith("AWS/") or not metric.namespace


def test_every_level_is_told_in_one_place() -> None:
    """By a use-case or an adapter, under the name that the catalogue knows: two would contradict one another."""
    known = {metric.level for metric in METRICS.metrics if metric.emitted is Emitter.LEVEL}
    texts = {path: path.read_text(encoding="utf-8") for path in SOURCES}
    telling = [
        text for path, text in texts.items() if path.name == "levels.py" or ".tell(" in text or "Sparing(" in text
    ]
    assert {level: sum(f'"{level}"' in text for text in telling) for level in known} == dict.fromkeys(known, 1)


def test_every_failure_that_is_told_has_its_metric() -> None:
    """The services that the hooks name, and no others."""
    services = {metric.dimensions["Service"] for metric in METRICS.metrics if metric.emitted is Emitter.FAILURE}
    assert services == {*SERVICES.values(), "GitHub"}
    assert all(METRICS.failure_of(service).dimensions == {"Service": service} for service in services)


def test_no_metric_is_counted_twice() -> None:
    """No verdict counts twice for one series. All series of a name have the same unit and the same dimensions.

    A series may be counted by several: whether a job was interrupted, its machine says, or else the cloud; a launch's
    fault is met at the call, or stands in its answer.
    """
    counted = [(metric.series, metric.actor, metric.verdict) for metric in METRICS.metrics]
    assert len(set(counted)) == len(METRICS.metrics)
    several = [series for series, times in Counter(one for one, *_ in counted).items() if times > 1]
    assert several == ["LaunchFailures{Reason=fault}", "JobsInterrupted"]
    shapes: dict[str, set[tuple[str, tuple[str, ...]]]] = {}
    for metric in METRICS.metrics:
        shapes.setdefault(metric.name, set()).add((metric.unit, tuple(metric.dimensions)))
    assert {name for name, shape in shapes.items() if len(shape) > 1} == set()


def test_dimensions_are_few_and_their_values_are_written_down() -> None:
    """No value comes from outside, so no id can be one; and the catalogue as a whole costs little."""
    own = [metric for metric in METRICS.metrics if metric.emitted is not Emitter.AWS]
    assert {name for metric in own for name in metric.dimensions} == {"Conclusion", "Reason", "Service"}
    assert all(value for metric in own for value in metric.dimensions.values())
    assert len(own) < 100


@given(
    st.sampled_from(sorted({(metric.actor, metric.verdict) for metric in DECIDED})),
    st.dictionaries(
        st.sampled_from(sorted({fact for one in DECIDED for fact in (one.value, *one.where, *one.unless) if fact})),
        st.none() | st.booleans() | st.integers() | st.sampled_from(["", "spot", "success", "VcpuLimitExceeded"]),
    ),
)
def test_a_line_has_room_for_all_that_its_decision_counts_for(what: tuple[str, str], facts: dict[str, Fact]) -> None:
    """No two metrics of one decision want the same field for different things."""
    decision = Decision("job:1", NOON, what[0] or "life", what[1], "why", facts)
    fields: dict[str, object] = {}
    for metric, amount in METRICS.counted_by(decision):
        for name, value in {**metric.dimensions, metric.name: amount}.items():
            assert fields.setdefault(name, value) == value
    read = json.loads(decision_line(decision, METRICS, "ci"))
    assert {name: read[name] for name in fields} == fields


def counts(lines: list[str]) -> Counter[str]:
    """What CloudWatch makes of the lines."""
    found: Counter[str] = Counter()
    for line in map(json.loads, lines):
        for directive in line.get("_aws", {}).get("CloudWatchMetrics", ()):
            assert directive["Namespace"] == "Paddock"
            ((stack, *dimensions),) = directive["Dimensions"]
            assert stack == "Stack"
            for metric in directive["Metrics"]:
                inside = ",".join(f"{name}={line[name]}" for name in dimensions)
                found[f"{metric['Name']}{{{inside}}}" if inside else metric["Name"]] += line[metric["Name"]]
    return found


def told_world(**more: Any) -> tuple[World, list[str]]:  # noqa: ANN401 - whatever a world takes
    """A world, and the lines that its fleet writes."""
    lines: list[str] = []

    def telling(name: str, port: object) -> object:
        if name != "decisions":
            return port
        assert isinstance(port, MemoryDecisions)
        return ToldDecisions(port, lines.append, METRICS, "ci")

    return World(around=telling, **more), lines


def test_a_job_is_counted_from_its_queue_to_its_end() -> None:
    """Once at each step, and never by a repetition. That its run succeeded is of no use to anybody."""
    world, lines = told_world()
    job = world.push_job()
    world.run_until_quiet()
    found = counts(lines)
    record, spent = world.record(job), world.table.ledger.get(world.record(job).machine or "")
    assert spent is not None
    assert found.pop("JobWait") * MILLISECOND == record.wait
    assert found.pop("JobDuration") * MILLISECOND == record.duration
    assert found.pop("MachineCost") == spent.total
    once = ("JobsQueued", "JobsLaunched", "SpotLaunches", "JobsStarted", "JobsConcluded{Conclusion=success}")
    assert found == Counter([*once, "JobsServed", "MachinesGone", "WebhooksIgnored"])
    assert [json.loads(line)["verdict"] for line in lines if json.loads(line)["subject"] == f"job:{job}"] == (
        world.verdicts(job)
    )


def test_a_duplicate_is_no_failure() -> None:
    """Every webhook comes again after a while: that it was dropped is told, and what is counted is the same."""
    told = []
    for fate in ((0,), (0, 20 * SECOND)):
        world, lines = told_world(webhooks=lambda _, fate=fate: fate)
        job = world.push_job()
        world.run_until_quiet()
        assert ("duplicate" in world.verdicts(job)) is (len(fate) == 2)
        told.append(counts(lines))
    once, twice = told
    assert twice.pop("WebhooksIgnored") == 2 * once.pop("WebhooksIgnored")
    assert twice == once


def test_a_circuit_is_counted_through_its_life() -> None:
    """Opened by three interruptions; half open after its cool-down; closed when its probe has done well."""
    world, lines = told_world()
    jobs = [world.push_job(lasts=HOUR) for _ in range(3)]
    for job in jobs:
        running(world, job)
    for job in jobs:
        world.take_back(machine_of(world, job))
    world.run(5 * MINUTE)
    assert counts(lines)["SpotInterruptions"] == 3
    assert counts(lines)["CircuitsOpened"] >= 1
    world.run(31 * MINUTE)
    for _ in range(8):
        world.push_job(lasts=10 * MINUTE)
        world.run(20 * MINUTE)
    assert counts(lines)["CircuitsHalfOpened"] >= 1
    assert counts(lines)["CircuitsClosed"] >= 1


def test_what_is_not_kept_is_not_told() -> None:
    """It will be decided again, and would count twice."""
    lines: list[str] = []
    broken = Failing({"decisions.append": Unavailable("away")}).around("decisions", MemoryDecisions())
    told = ToldDecisions(broken, lines.append, METRICS, "ci")
    with pytest.raises(Unavailable):
        told.append([Decision("job:1", NOON, "dispatch", "queued", "GitHub queued it")])
    assert lines == []


@given(reason=st.text(), fact=st.text() | st.integers() | st.booleans() | st.none())
def test_a_line_is_a_line_whatever_people_write(reason: str, fact: Fact) -> None:
    """Job names and error texts come from outside: they forge no second line and no other field."""
    facts: dict[str, Fact] = {"_aws": fact, "JobsServed": 7}
    decision = Decision("job:1", NOON + SECOND, "dispatch", "queued", reason, facts)
    line = decision_line(decision, METRICS, "ci")
    assert len(line.splitlines()) == 1
    read = json.loads(line)
    assert read["reason"] == reason
    assert read["facts"] == facts
    assert read["_aws"]["Timestamp"] == (NOON + SECOND) // MILLISECOND
    assert counts([line]) == Counter({"JobsQueued": 1})


def test_an_uncounted_decision_is_a_plain_line() -> None:
    """Without a directive."""
    read = json.loads(decision_line(Decision("job:1", NOON, "dispatch", "chosen", "spot"), METRICS, "ci"))
    assert "_aws" not in read
    assert read["verdict"] == "chosen"


def test_a_fault_of_ours_counts_whoever_meets_it() -> None:
    """Each is a bug."""
    lines = [
        decision_line(Decision("job:1", NOON, actor, "fault", "a fault"), METRICS, "ci") for actor in ("life", "x")
    ]
    assert counts(lines) == Counter({"OwnFaults": 2})


@given(strategies.decisions)
def test_a_line_is_read_as_it_was_written(decision: Decision) -> None:
    """Facts keep their types; whether the line has an end does not matter."""
    line = decision_line(decision, METRICS, "ci")
    assert repr(decision_in(line)) == repr(decision_in(f"{line}\n")) == repr(decision)


@pytest.mark.parametrize(
    "line",
    [
        "",
        "START RequestId: c6af9ac6 Version: $LATEST",
        "[" * 100_000,
        "null",
        '["subject"]',
        '{"at":1,"level":"INFO","logger":"paddock","message":"no decision","job":1}',
        '{"subject":"job:1","at":"1","actor":"a","verdict":"v","reason":"r","facts":{}}',
        '{"subject":"job:1","at":true,"actor":"a","verdict":"v","reason":"r","facts":{}}',
        '{"subject":"job:1","at":1,"actor":"a","verdict":"v","reason":"r"}',
        '{"subject":"job:1","at":1,"actor":"a","verdict":"v","reason":"r","facts":{"x":[1]}}',
        '{"subject":"job:1","at":1,"actor":"a","verdict":null,"reason":"r","facts":{}}',
        '{"subject":"job:1","at":1,"actor":"a","verdict":"v","reason":"r","facts":{},"lifted":{}}',
        '{"subject":"job:1","at":1,"actor":"a","verdict":"v","reason":"r","facts":{},"lifted":["machine"]}',
        '{"subject":"job:1","at":1,"actor":"a","verdict":"v","reason":"r","facts":{},"lifted":[["at"]],"at":1}',
        '{"subject":"job:1","at":1,"actor":"a","verdict":"v","reason":"r","facts":{},"lifted":["actor"]}',
        '{"subject":"job:1","at":1,"actor":"a","verdict":"v","reason":"r","facts":{},"lifted":["job"],"job":[1]}',
    ],
)
def test_a_line_that_is_no_decision(line: str) -> None:
    """What else stands in a log is no error, and nothing is made up of it."""
    assert decision_in(line) is None


TOKEN = "ghp_" + "a" * 36
IDS = ("job", "attempt", "machine", "delivery")


def names_in(line: str) -> Counter[str]:
    """How often each name stands in the line, at whatever depth."""
    found: Counter[str] = Counter()

    def noted(pairs: list[tuple[str, object]]) -> dict[str, object]:
        found.update(name for name, _ in pairs)
        return dict(pairs)

    json.loads(line, object_pairs_hook=noted)
    return found


@pytest.mark.parametrize(
    ("decision", "wanted"),
    [
        (Decision("job:7", NOON, "life", "running", "why", {"machine": "i-1", "waited": 5}), (7, 2, "i-1", "d-1")),
        (Decision("machine:i-1", NOON, "retire", "gone", "why", {"job": 7}), (7, 2, "i-1", "d-1")),
        (Decision("machine:i-2", NOON, "retire", "surplus", "why", {"job": 7}), (7, 2, "i-2", "d-1")),
        (Decision("delivery:d-1", NOON, "intake", "ignored", "why"), (7, 2, "i-1", "d-1")),
        (Decision("circuit:a/b", NOON, "circuits", "opened", "why"), (7, 2, "i-1", "d-1")),
        (Decision("job:8", NOON, "life", "woken", "why"), (8, None, "i-1", "d-1")),
        (Decision("job:8", NOON, "life", "woken", "why", {"attempt": 3}), (8, 3, "i-1", "d-1")),
    ],
)
def test_a_decisions_line_says_once_what_it_is_about(decision: Decision, wanted: tuple[object, ...]) -> None:
    """Who is decided about comes before what is handled meanwhile; another job's attempt is none of it."""
    with about(job=7, attempt=2, machine="i-1", delivery="d-1"):
        line = decision_line(decision, METRICS, "ci")
    assert tuple(json.loads(line).get(name) for name in IDS) == wanted
    assert max(names_in(line)[name] for name in IDS) == 1
    assert decision_in(line) == decision


def test_a_decisions_line_knows_its_job_and_machine_where_nothing_is_handled() -> None:
    """A sweep's, say: by its subject and its facts."""
    line = decision_line(Decision("job:7", NOON, "life", "running", "why", {"machine": "i-1"}), METRICS, "ci")
    assert [json.loads(line).get(name) for name in IDS] == [7, None, "i-1", None]


def test_of_jobs_that_are_handled_together_each_line_bears_its_own() -> None:
    """Attempt and delivery of the job that is decided about, and of no other."""
    handled: list[dict[str, Fact]] = [{"job": n, "attempt": n + 10, "delivery": f"d-{n}"} for n in (1, 2)]
    with about_each(handled):
        lines = [decision_line(Decision(f"job:{n}", NOON, "life", "x", "y"), METRICS, "ci") for n in (1, 2, 3)]
    after = decision_line(Decision("job:1", NOON, "life", "x", "y"), METRICS, "ci")
    found = [[json.loads(line).get(name) for name in ("job", "attempt", "delivery")] for line in (*lines, after)]
    assert found == [[1, 11, "d-1"], [2, 12, "d-2"], [3, None, None], [1, None, None]]


@given(
    st.sampled_from(["job:7", "job:", "job:x", "job:" + "9" * 5_000, "machine:i-1", "delivery:d-1", "letter:x"]),
    st.dictionaries(st.sampled_from([*IDS, "run", "lifted", "launch"]), strategies.facts),
)
def test_facts_that_have_the_names_of_ids_are_read_as_they_were(subject: str, facts: dict[str, Fact]) -> None:
    """Wherever in the line they stand, and whatever else it bears."""
    decision = Decision(subject, NOON, "life", "running", "why", facts)
    with about(job=7, attempt=2, machine="i-1", delivery="d-1"):
        read = decision_in(decision_line(decision, METRICS, "ci"))
    assert read == decision
    assert read is not None
    assert {name: type(fact) for name, fact in read.facts.items()} == {n: type(fact) for n, fact in facts.items()}


def test_a_decisions_line_hides_secrets_wherever_they_stand() -> None:
    """Who reads decisions finds this one as it was made, but for the secret."""
    facts: dict[str, Fact] = {"header": f"token {TOKEN}", TOKEN: 1, "machine": TOKEN}
    decision = Decision(f"delivery:{TOKEN}", NOON, f"a {TOKEN}", f"v {TOKEN}", f"said\n{TOKEN}", facts)
    with about(request=TOKEN):
        line = decision_line(decision, METRICS, f"ci {TOKEN}")
    assert TOKEN not in line
    kept: dict[str, Fact] = {"header": "token [secret]", "[secret]": 1, "machine": "[secret]"}
    hidden = Decision("delivery:[secret]", NOON, "a [secret]", "v [secret]", "said\n[secret]", kept)
    assert decision_in(line) == hidden


def test_a_line_of_metrics_says_what_it_is_about_and_hides_secrets() -> None:
    """As properties of the line, which cost nothing, and never as dimensions."""
    lines: list[str] = []
    gauges = LoggedGauges(lines.append, METRICS, "ci", ManualClock(NOON))
    with about(job=7, attempt=2, machine="i-1", delivery=TOKEN):
        gauges.failed("EC2", f"Bad {TOKEN}")
        gauges.tell({"sweeps": 1})
    for line in lines:
        read = json.loads(line)
        assert [read[name] for name in IDS] == [7, 2, "i-1", "[secret]"]
        assert max(names_in(line)[name] for name in IDS) == 1
        assert TOKEN not in line
        for directive in read["_aws"]["CloudWatchMetrics"]:
            assert not {*IDS, "request"} & {*directive["Dimensions"][0], *(one["Name"] for one in directive["Metrics"])}
    assert json.loads(lines[0])["message"] == "EC2 answered Bad [secret]"
    assert counts(lines) == Counter({"APIErrors{Service=EC2}": 1, "Sweeps": 1})
