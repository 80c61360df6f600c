"""The counting of calls: each is counted in one place, and what is in no sum is in no sum."""

from collections import Counter

import attrs
import pytest

from paddock.adapters.aws.cloud_events import STATE
from tests.aws.recorded import Call, Caller, kinds_of
from tests.bench.call_tables import figures, pool_figures
from tests.bench.job_calls import COLD, LOOKS, PHASES, Counted, kind_of, sorted_out, split
from tests.bench.job_costs import VCPU, billed_ms, costs
from tests.bench.rivals import RIVALS

QUIET = Counted(jobs=1, calls=Counter(), github={}, github_cold={}, idle=0, starts={}, invocations={}, log_bytes={})


def call(function: str, action: str, *, turn: int = 2, handed: tuple[str, ...] = (), change: str = "") -> Call:
    service, _, operation = action.partition(":")
    caller = Caller(function, f"{function}-1", turn, handed)
    return Call(number=1, caller=caller, service=service, operation=operation, resources=(), change=change)


@pytest.mark.parametrize(
    ("made", "kind"),
    [
        (call("webhook", "sqs:SendMessage"), "webhook"),
        (call("dispatch", "ec2:CreateFleet", turn=1), "dispatch"),
        (call("dispatch", "s3:GetObject", turn=1), COLD),
        (call("dispatch", "s3:GetObject"), "dispatch"),
        (call("events", "dynamodb:UpdateItem", handed=("job_observed",)), "events"),
        (call("events", "dynamodb:TransactWriteItems", handed=(STATE,)), "closing"),
        (call("events", "dynamodb:TransactWriteItems", handed=(STATE, "job_observed")), "events"),
        (call("reports", "dynamodb:UpdateItem"), "reports"),
        (call("machine", "dynamodb:UpdateItem", change="SET taken_at = :at, taken_by = :by REMOVE body"), "machine"),
        (call("machine", "dynamodb:UpdateItem", change="SET heartbeat_at = :at, runner_id = :runner"), "heartbeats"),
        (call("machine", "sqs:SendMessage"), "machine"),
        (call("machine", "logs:PutLogEvents"), "log shipping"),
        (call("machine", "s3:PutObject"), "log shipping"),
        (call("machine", "sts:AssumeRole"), "log shipping"),
        (call("machine", "sts:GetCallerIdentity"), "machine"),
        (call("shipper", "logs:PutLogEvents"), "log shipping"),
        (call("pump", "sqs:DeleteMessageBatch"), "Lambda's pollers"),
        (call("eventbridge", "sqs:SendMessage"), "EventBridge"),
        (call("schedules", "dynamodb:Query"), "sweeps"),
        (call("test", "dynamodb:Scan"), None),
    ],
)
def test_each_call_is_counted_in_one_place(made: Call, kind: str | None) -> None:
    """By who made it and what for; what only a start asks for is the start's, but not if it is asked for again."""
    assert kind_of(made) == kind


def test_the_sums_are_of_the_phases_alone() -> None:
    """Per job; others' calls and the test's own are in none of them."""
    made = [call("webhook", "sqs:SendMessage")] * 6 + [call("pump", "sqs:ReceiveMessage"), call("test", "ec2:Other")]
    counted = attrs.evolve(QUIET, jobs=2, calls=sorted_out(made), github=Counter({"repo-runner": 3}))
    assert (counted.aws, counted.asked_github, counted.of("Lambda's pollers")) == (3, 1.5, 1)
    assert counted.of(*PHASES) == 6


def test_a_start_asks_github_for_its_token_once() -> None:
    """One more is the job's; what the runner itself asks is nobody's here."""
    github = {"access-tokens": 3, "repo-generate-jitconfig": 2, "repo-installation": 1, "runner-session": 9}
    asked, cold = split(github, 2)
    assert asked == {"access-tokens": 1, "repo-generate-jitconfig": 2}
    assert cold == {"access-tokens": 2, "repo-installation": 1}
    assert split(github, 0)[1] == {}


def test_an_environment_has_kinds_of_messages_in_hand() -> None:
    """Ours and EventBridge's; a text that nobody can read has none."""
    bodies = ['{"kind": "job_observed"}', '{"detail-type": "x", "kind": "y"}', '{"kind": "job_observed"}', "no", "[]"]
    assert kinds_of({"Records": [{"body": body} for body in bodies]}) == ("job_observed", "x")
    assert kinds_of({"rawPath": "/"}) == ()


def test_prices_are_of_a_million_jobs() -> None:
    """One request of each kind and a kilobyte of log for each of two jobs."""
    calls = sorted_out(
        [call("webhook", "sqs:SendMessage"), call("pump", "sqs:ReceiveMessage"), call("eventbridge", "sqs:SendMessage")]
        * 2
    )
    lines = {"webhook": 2_000 - 2 * 350, "schedules": 10_000}
    counted = attrs.evolve(QUIET, jobs=2, calls=calls, invocations={"webhook": 2, "schedules": 5}, log_bytes=lines)
    found = costs(counted, 1.25)
    assert found["DynamoDB: units"] == 1.25
    assert [found[name] for name in found if name.startswith("SQS")] == [0.4, 0.4, 0.4]
    assert found["Lambda: requests"] == 0.2
    assert found["CloudWatch Logs: the functions' lines"] == 0.5
    assert billed_ms(counted) == pytest.approx(2 * (1 + 1) * VCPU / 256 + 2 * 8)
    assert found["Lambda: time, assumed"] == pytest.approx(billed_ms(counted) / 2 / 1_000 / 4 * 13.3333)


def test_the_figures_have_the_names_that_are_asked_for() -> None:
    """And every rival's figure has its source."""
    assert [figure.name for figure in figures(QUIET, attrs.evolve(QUIET, jobs=10), 1.0, 2.0)] == [
        "calls.aws.single",
        "calls.aws.batch10",
        "calls.github.single",
        "calls.github.batch10",
        "cost.usd_per_million_jobs",
        "cost.usd_per_million_jobs.batch10",
    ]
    assert [figure.name for figure in pool_figures(QUIET, QUIET)] == [
        "calls.aws.pool_hot",
        "calls.github.pool_hot",
        "calls.aws.pool_stopped",
    ]
    assert all(one.source for one in RIVALS)


def test_of_a_spares_looks_one_is_the_jobs() -> None:
    """It finds the orders; all before it went by time."""
    looks = [call("machine", "dynamodb:GetItem")] * 7 + [call("machine", "dynamodb:UpdateItem")]
    counted = attrs.evolve(QUIET, calls=sorted_out(looks)).without_looks()
    assert (counted.of("machine"), counted.aws, counted.of(LOOKS)) == (2, 2, 6)
    assert attrs.evolve(QUIET, calls=sorted_out(looks[-1:])).without_looks().calls == sorted_out(looks[-1:])


def test_what_a_sweep_does_for_machines_that_ended_is_the_jobs() -> None:
    """Closing their books, and asking for them by id; the list of all machines is asked for every minute."""
    asked = call("schedules", "ec2:DescribeInstances")
    assert kind_of(asked) == "sweeps"
    assert kind_of(attrs.evolve(asked, machines=("i-0123456789abcdef0",))) == "closing"
    assert kind_of(call("schedules", "dynamodb:TransactWriteItems")) == "closing"
