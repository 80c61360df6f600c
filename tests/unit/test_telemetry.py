"""Decisions as log lines, and the metrics that are counted from them."""

import json
from collections import Counter
from pathlib import Path

import hypothesis.strategies as st
import pytest
from hypothesis import given

import paddock.core.usecases
from paddock.adapters.memory import MemoryDecisions
from paddock.adapters.telemetry.catalogue import Metric, catalogue
from paddock.adapters.telemetry.decisions import ToldDecisions
from paddock.adapters.telemetry.lines import decision_in, decision_line
from paddock.core.decision import Decision, Fact
from paddock.core.errors import Unavailable
from paddock.core.units import HOUR, MILLISECOND, MINUTE, SECOND
from tests import strategies
from tests.faults import Failing
from tests.world import World
from tests.world_spot import machine_of, running

NOON = 1_795_348_800 * SECOND
METRICS = catalogue()
USECASES = [
    path.read_text(encoding="utf-8") for folder in paddock.core.usecases.__path__ for path in Path(folder).glob("*.py")
]
# Of CloudWatch's words (PutMetricData, "Unit"), those that we use.
UNITS = {"Count", "Seconds"}


@pytest.mark.parametrize("metric", METRICS.metrics, ids=lambda metric: metric.name)
def test_every_metric_is_decided_somewhere(metric: Metric) -> None:
    """By the use-case that it names, or by any if it names none."""
    deciding = [text for text in USECASES if f'Recorder(decisions, clock, "{metric.actor}")' in text]
    assert any(f'"{metric.verdict}"' in text for text in (deciding if metric.actor else USECASES))
    assert metric.unit in UNITS
    assert metric.name.isascii()
    assert metric.name.isalnum()
    assert metric.help


def test_no_metric_is_counted_twice() -> None:
    """Names are unique, and so is what they count."""
    assert len({metric.name for metric in METRICS.metrics}) == len(METRICS.metrics)
    assert len({(metric.actor, metric.verdict) for metric in METRICS.metrics}) == len(METRICS.metrics)


def counts(lines: list[str]) -> Counter[str]:
    """What CloudWatch makes of the lines."""
    found: Counter[str] = Counter()
    for line in map(json.loads, lines):
        for directive in line.get("_aws", {}).get("CloudWatchMetrics", ()):
            assert directive["Namespace"] == "Paddock"
            assert directive["Dimensions"] == [["Stack"]]
            for metric in directive["Metrics"]:
                found[metric["Name"]] += line[metric["Name"]]
    return found


def told_world() -> tuple[World, list[str]]:
    """A world, and the lines that its fleet writes."""
    lines: list[str] = []

    def telling(name: str, port: object) -> object:
        if name != "decisions":
            return port
        assert isinstance(port, MemoryDecisions)
        return ToldDecisions(port, lines.append, METRICS, "ci")

    return World(around=telling), lines


def test_a_job_is_counted_from_its_queue_to_its_end() -> None:
    """Once at each step, and never by a repetition. That its run succeeded is of no use to anybody."""
    world, lines = told_world()
    job = world.push_job()
    world.run_until_quiet()
    assert counts(lines) == Counter(
        {"JobsQueued": 1, "JobsLaunched": 1, "JobsStarted": 1, "JobsServed": 1, "MachinesGone": 1, "WebhooksIgnored": 1}
    )
    assert [json.loads(line)["verdict"] for line in lines if json.loads(line)["subject"] == f"job:{job}"] == (
        world.verdicts(job)
    )


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
    ],
)
def test_a_line_that_is_no_decision(line: str) -> None:
    """What else stands in a log is no error, and nothing is made up of it."""
    assert decision_in(line) is None
