"""The gates of an acceptance: a good one passes all of them, and each fails on a bad one of its own kind."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from paddock.core.costs.ledger import Bill, Interval, Phase
from paddock.core.job import Job, JobFacts
from paddock.core.ports.github import GitHubJob
from paddock.core.runner import Runner
from paddock.core.spec import Market
from paddock.core.states import JobState, OperationalResult, RunnerState
from paddock.core.units import HOUR, MINUTE, SECOND
from paddock.entrypoints.acceptance.gates import Thresholds, Verdict, judge
from paddock.entrypoints.acceptance.report import data, page, summary
from paddock.entrypoints.acceptance.scenarios import SCENARIOS, Expected, Scenario
from paddock.entrypoints.acceptance.values import Books, Instance, Interruption, Observed, Played, RunSeen

NOON = 1_795_348_800 * SECOND
PRICE = 90_000
TOLD = ("queued", "launched", "running", "finished", "served", "gone")
Change = Callable[[Observed], Observed]


def machine(number: int) -> str:
    """A machine's id."""
    return f"i-{number:017x}"


def good() -> Observed:
    """All scenarios as they should go: a job each 20 s after its queueing, its machine gone a minute after its end."""
    played, number = [], 0
    jobs: dict[int, Job] = {}
    runners: dict[str, Runner] = {}
    bills: dict[str, Bill] = {}
    for scenario in SCENARIOS:
        shown = []
        for expected in scenario.jobs:
            number += 1
            seen = seen_job(scenario, expected, number)
            shown.append(seen)
            jobs[number] = Job(
                seen.facts,
                JobState.FINISHED,
                machine=machine(number),
                started_at=seen.started_at,
                conclusion=seen.conclusion,
                result=OperationalResult.SERVED,
            )
            runners[machine(number)] = runner_of(
                seen, taken="failure" in expected.conclusions and expected.name == "taken"
            )
            bills[machine(number)] = bill_of(runners[machine(number)])
        attempt = scenario.attempts
        run = RunSeen(status="completed", conclusion=shown[-1].conclusion, attempt=attempt, jobs=tuple(shown))
        order = Interruption(machine=machine(number - 1), asked_at=NOON + 30 * SECOND) if attempt > 1 else None
        played.append(Played(scenario=scenario, run_id=900 + number, run=run, cued=True, interruption=order))
    books = Books(
        jobs=jobs,
        runners=runners,
        bills=bills,
        verdicts=dict.fromkeys(jobs, TOLD),
        instances=tuple(Instance(id=one, state="terminated") for one in runners),
        dead={"jobs-dead": 0, "events-dead": 0, "reports-dead": 0},
        calls=96,
    )
    return Observed(
        environment="acceptance-1",
        region="eu-west-1",
        repository="acme/shop",
        began=NOON,
        ended=NOON + HOUR,
        played=tuple(played),
        books=books,
        left=(),
        versions={"paddock": "0.1.0"},
    )


def seen_job(scenario: Scenario, expected: Expected, number: int) -> GitHubJob:
    """A job as GitHub tells of it."""
    facts = JobFacts(
        number, 900, "acme/shop", ("paddock",), expected.attempt, expected.name, scenario.name, created_at=NOON
    )
    started = NOON + 20 * SECOND
    name = f"paddock--{machine(number)}--abcdef"
    return GitHubJob(facts, "completed", expected.conclusions[0], number, name, started, started + 10 * SECOND)


def runner_of(job: GitHubJob, *, taken: bool) -> Runner:
    """Its machine's record."""
    second = job.facts.run_attempt > 1
    return Runner(
        machine(job.facts.job_id),
        "acme/shop",
        ("paddock",),
        "launch",
        RunnerState.GONE,
        served_job=job.facts.job_id,
        instance_type="c7i.large",
        market=Market.ON_DEMAND if second else Market.SPOT,
        price=PRICE,
        launched_at=NOON + 2 * SECOND,
        gone_at=NOON + 90 * SECOND,
        interrupted_at=NOON + 31 * SECOND if taken else None,
        taken=taken,
    )


def bill_of(runner: Runner) -> Bill:
    """Its closed bill."""
    end = runner.gone_at or 0
    span = end - runner.launched_at
    whole = Interval(Phase.JOB, end, PRICE * span // HOUR, 70, 80)
    return Bill(runner.machine, runner.launched_at, (whole,), "c7i.large", runner.market, "acme/shop")


def books(**more: Any) -> Change:  # noqa: ANN401 - any field
    """Another field of the books."""
    return lambda seen: attrs.evolve(seen, books=attrs.evolve(seen.books, **more))


def runner(number: int, **more: Any) -> Change:  # noqa: ANN401 - as above
    """Another field of a machine's record."""

    def change(seen: Observed) -> Observed:
        changed = {**seen.books.runners, machine(number): attrs.evolve(seen.books.runners[machine(number)], **more)}
        return books(runners=changed)(seen)

    return change


def github(number: int, **more: Any) -> Change:  # noqa: ANN401 - as above
    """Another field of a job as GitHub tells of it."""

    def change(seen: Observed) -> Observed:
        played = []
        for one in seen.played:
            assert one.run is not None
            jobs = tuple(attrs.evolve(job, **more) if job.facts.job_id == number else job for job in one.run.jobs)
            played.append(attrs.evolve(one, run=attrs.evolve(one.run, jobs=jobs)))
        return attrs.evolve(seen, played=tuple(played))

    return change


def without_bill(seen: Observed) -> Observed:
    """One machine has no bill."""
    return books(bills={one: bill for one, bill in seen.books.bills.items() if one != machine(1)})(seen)


def other_bill(change: Callable[[Bill], Bill]) -> Change:
    """The first machine has another bill."""
    return lambda seen: books(bills={**seen.books.bills, machine(1): change(seen.books.bills[machine(1)])})(seen)


def compute(amount: int | None) -> Change:
    """The first bill has another amount of compute."""
    return other_bill(lambda bill: attrs.evolve(bill, intervals=(attrs.evolve(bill.intervals[0], compute=amount),)))


def untold(verdict: str) -> Change:
    """`explain` says nothing of one thing of one job."""
    short = tuple(one for one in TOLD if one != verdict)
    return lambda seen: books(verdicts={**seen.books.verdicts, 1: short})(seen)


def not_ordered(seen: Observed) -> Observed:
    """AWS did not let us."""
    refused = Interruption(machine=machine(7), why="skipped for want of rights: no")
    return attrs.evolve(seen, played=(*seen.played[:-1], attrs.evolve(seen.played[-1], interruption=refused)))


ENDED, MACHINES, GONE, STARTS = (
    "every job ended as it should",
    "one machine per job",
    "machines end with their jobs",
    "jobs start soon",
)
AGAIN, BILLS, ORPHANS = (
    "an interrupted job is run again on demand",
    "every machine's bill is closed",
    "no machine is orphaned",
)
STALE, DEAD, TELLS, LEFT = (
    "no registration is stale",
    "no message was given up",
    "explain tells each story",
    "nothing is left",
)

BAD: Mapping[str, tuple[str, Change, str]] = {
    "another conclusion": (ENDED, github(1, conclusion="failure"), "should be success, and is failure"),
    "a job that nobody knows": (ENDED, books(jobs={}), "unknown to the fleet"),
    "a scenario that was not over": (
        ENDED,
        lambda seen: attrs.evolve(
            seen, played=(attrs.evolve(seen.played[0], problem="it was not over"), *seen.played[1:])
        ),
        "hello: it was not over",
    ),
    "no run at all": (
        ENDED,
        lambda seen: attrs.evolve(seen, played=(attrs.evolve(seen.played[0], run=None), *seen.played[1:])),
        "hello, attempt 1, is not there",
    ),
    "a fault on the way": (ENDED, lambda seen: attrs.evolve(seen, problems=("no deployment",)), "no deployment"),
    "two machines": (MACHINES, runner(2, served_job=1), "had 2 machines"),
    "a machine too many": (
        MACHINES,
        lambda seen: books(
            runners={
                **seen.books.runners,
                "i-more": attrs.evolve(
                    seen.books.runners[machine(1)], machine="i-more", served_job=None, assigned_job=1
                ),
            }
        )(seen),
        "i-more served nobody; it was launched for job 1",
    ),
    "a job to interrupt that never ran": (
        ENDED,
        lambda seen: attrs.evolve(
            seen, played=(*seen.played[:-1], attrs.evolve(seen.played[-1], run=None, interruption=None))
        ),
        "interrupted: taken, attempt 1, is not there",
    ),
    "a machine with two jobs": (MACHINES, github(2, runner_name=f"paddock--{machine(1)}--x"), "served 2 jobs"),
    "a machine without a record": (
        MACHINES,
        lambda seen: books(instances=(*seen.books.instances, Instance(id="i-other", state="terminated")))(seen),
        "i-other has no record",
    ),
    "a machine that lingers": (GONE, runner(1, gone_at=NOON + 10 * MINUTE), "9 min"),
    "a machine whose end is unknown": (GONE, runner(1, gone_at=None), "has not ended"),
    "a slow start": (STARTS, github(1, started_at=NOON + 4 * MINUTE), "queueing to start, p95"),
    "a slow machine": (STARTS, github(1, started_at=NOON + 70 * SECOND), "launch to start, p95"),
    "an interruption that nobody saw": (AGAIN, runner(7, interrupted_at=None), "does not say that it was taken back"),
    "one that was seen late": (AGAIN, runner(7, interrupted_at=NOON + 9 * MINUTE), "noticed only after"),
    "a re-run on spot": (AGAIN, runner(8, market=Market.SPOT), "its machine is spot"),
    "a re-run that failed": (AGAIN, github(8, conclusion="failure"), "not run again to success"),
    "no bill": (BILLS, without_bill, "has no bill"),
    "a bill without a price": (BILLS, compute(None), "price of c7i.large is unknown"),
    "a bill that is too high": (BILLS, compute(PRICE), "its rate and its time make"),
    "a bill that is too low": (BILLS, compute(0), "its rate and its time make"),
    "a bill that begins late": (
        BILLS,
        other_bill(lambda bill: attrs.evolve(bill, start=bill.start + 1)),
        "cover its life",
    ),
    "a machine that lives": (
        ORPHANS,
        books(instances=(Instance(id=machine(1), state="running"),)),
        "is running",
    ),
    "a record that lives": (ORPHANS, runner(1, state=RunnerState.BUSY), "still says busy"),
    "a stale registration": (STALE, books(registrations=(f"paddock--{machine(1)}--x",)), "still has the runner"),
    "a dead letter": (DEAD, books(dead={"events-dead": 1}), "events-dead has 1 message"),
    "no word of the launch": (TELLS, untold("launched"), "'launched'"),
    "no word of the end": (TELLS, untold("gone"), "'gone'"),
    "a bucket that stays": (LEFT, lambda seen: attrs.evolve(seen, left=("bucket x",)), "bucket x is still there"),
}
"""By what is wrong: the gate that must fail, the change that makes it so, and what it must say."""

UNSEEN: Mapping[str, tuple[str, Change]] = {
    "no right to interrupt": (AGAIN, not_ordered),
    "a scenario that was not played": (AGAIN, lambda seen: attrs.evolve(seen, played=seen.played[:-1])),
    "a removal that was cut off": (LEFT, lambda seen: attrs.evolve(seen, left=None)),
    "queues that nobody asked": (DEAD, books(dead={})),
}
"""What could not be looked at, and the gate that must not pass then."""


def verdicts(seen: Observed) -> dict[str, Verdict]:
    """By gate."""
    return {one.gate: one.verdict for one in judge(seen, Thresholds())}


def test_a_good_acceptance_passes() -> None:
    """Every gate, and the report says so."""
    seen = good()
    judged = judge(seen, Thresholds())
    assert {one.gate: one.findings for one in judged if one.verdict is not Verdict.PASSED} == {}
    assert summary(judged) == f"accepted: of {len(judged)} gates {len(judged)} passed"
    assert {gate for gate, *_ in BAD.values()} == {one.gate for one in judged}


@pytest.mark.parametrize("what", BAD)
def test_a_gate_fails_on_what_is_wrong(what: str) -> None:
    """The one that is there for it, with a finding that names it."""
    gate, change, words = BAD[what]
    (judged,) = (one for one in judge(change(good()), Thresholds()) if one.gate == gate)
    assert judged.verdict is Verdict.FAILED
    assert any(words in finding for finding in judged.findings), judged.findings


@pytest.mark.parametrize("what", UNSEEN)
def test_what_was_not_looked_at_is_not_passed(what: str) -> None:
    """It is not verified: neither passed nor failed, and the whole is not accepted."""
    gate, change = UNSEEN[what]
    seen = change(good())
    found = verdicts(seen)
    assert found[gate] is Verdict.NOT_VERIFIED
    assert Verdict.FAILED not in found.values()
    assert summary(judge(seen, Thresholds())).startswith("not accepted")


def test_what_was_not_wished_for_is_left_out_and_said() -> None:
    """Whoever keeps the environment, or chooses no interruption, can have it accepted; the report names the gates."""
    seen = attrs.evolve(good(), played=good().played[:-1], chosen=SCENARIOS[:-1], left=None, kept=True)
    judged = judge(seen, Thresholds())
    assert summary(judged).startswith("accepted")
    assert {AGAIN, LEFT}.isdisjoint(verdicts(seen))
    text = page(seen, judged)
    assert f"Not judged: {AGAIN}; its scenario was not chosen (--only)." in text
    assert f"Not judged: {LEFT}; the environment is kept (--keep)." in text
    assert [one["gate"] for one in data(seen, judged)["left_out"]] == [AGAIN, LEFT]


def test_nothing_at_all_passes_nothing_but_orphans_it_cannot_have() -> None:
    """An acceptance that never began accepts nothing."""
    seen = attrs.evolve(good(), played=(), books=Books(), left=None, problems=("no rights",))
    found = verdicts(seen)
    assert found[ENDED] is Verdict.FAILED
    assert Verdict.PASSED not in found.values()


@given(name=st.text(min_size=1), finding=st.text(min_size=1))
def test_names_in_the_report_are_plain_text(name: str, finding: str) -> None:
    """Whatever jobs are called: no cell is broken, no markup comes of it; the JSON has it as it is."""
    seen = attrs.evolve(good(), problems=(finding,))
    (first, *_), run = seen.played[0].jobs, seen.played[0].run
    assert run is not None
    named = attrs.evolve(first, facts=attrs.evolve(first.facts, name=name))
    played = attrs.evolve(seen.played[0], run=attrs.evolve(run, jobs=(named,)))
    seen = attrs.evolve(seen, played=(played, *seen.played[1:]))
    judged = judge(seen, Thresholds())
    lines = page(seen, judged).split("\n")
    rows = [line for line in lines if line.startswith("| hello |")]
    assert len(rows) == 1
    assert rows[0].replace("\\|", "").count("|") == 8
    assert not any("<" in line.replace("\\<", "") for line in lines)
    told = json.loads(json.dumps(data(seen, judged)))
    assert (told["version"], told["jobs"][0]["name"], told["problems"]) == (1, name, [finding])
