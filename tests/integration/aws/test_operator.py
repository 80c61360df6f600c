"""The command line against a stack on moto: the same story as on one machine, and errors that name the next step."""

import csv
import io
import json
import os
import re
import shlex
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, redirect_stdout
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import attrs
import pytest

from paddock.adapters.aws.cloudwatch.policy import METRICS
from paddock.adapters.memory.github import JobScript
from paddock.adapters.telemetry.lines import decision_in
from paddock.core.decision import Decision
from paddock.core.messages import ReportEvent
from paddock.core.states import CircuitState, JobState, OperationalResult
from paddock.core.switch import Advised
from paddock.core.units import HOUR
from paddock.entrypoints.aws_lambda.settings import InvalidEnvironment
from paddock.entrypoints.aws_operator.open import UNWRITTEN
from paddock.entrypoints.aws_operator.policy import LOOKER, OPERATOR
from paddock.entrypoints.aws_operator.settings import operator_settings
from paddock.entrypoints.containers import open_state
from paddock.entrypoints.local.places import Places
from tests.aws.invocations import ROLE_ID
from tests.aws.logs import create, write
from tests.aws.machine import Front, fault, front
from tests.aws.stack import REPOSITORY, Stack, report_of, stack_on_moto
from tests.calls import Caller
from tests.contracts import breaches
from tests.integration.test_documented_commands import ON_AWS, ROOT, commands

pytestmark = pytest.mark.slow

DISPATCH, OTHERS = "/aws/lambda/paddock-ci-dispatch", "/aws/lambda/paddock-ci-others"
LAG = "decisions come to the log some seconds after they are made: if the last one is missing, ask again"
NOISE = (
    "START RequestId: c6af9ac6-7b61-11e6-9a41-93e8deadbeef Version: $LATEST\n",
    '{"at":1795348800000000,"level":"WARNING","logger":"paddock","message":"the same job","job":4711}\n',
    "REPORT RequestId: c6af9ac6-7b61-11e6-9a41-93e8deadbeef Duration: 12.6 ms\n",
)


@attrs.frozen
class Told:
    """A stack in which one job was served, and the lines that its functions wrote meanwhile."""

    stack: Stack
    job: int
    lines: tuple[str, ...]

    @property
    def decisions(self) -> list[Decision]:
        """The decisions among the lines, in the order in which they were made."""
        found = (decision_in(line) for line in self.lines)
        return sorted((each for each in found if each is not None), key=lambda each: each.at)


def serve(stack: Stack) -> int:
    """One job from GitHub's webhook to a machine that is gone, through the functions."""
    (number,) = stack.github.start_run(REPOSITORY, [JobScript("build", ("paddock/cpu=2/arch=x64",))]).job_ids
    stack.drain("jobs")
    machine = str(stack.job(number).machine)
    runner = stack.github.model.runners.connect(stack.runner(machine).id)
    stack.report(report_of(machine, number, runner, ReportEvent.STARTED))
    stack.drain("reports", f"{ROLE_ID}:{machine}")
    stack.github.model.runs.acquire(runner.id, number)
    stack.github.model.runs.started(runner.id, number)
    stack.drain("events")
    stack.github.model.runs.complete(runner.id, number, "success")
    finished = {"conclusion": "success", "result": OperationalResult.SERVED, "exit_code": 0}
    stack.report(report_of(machine, number, runner, ReportEvent.FINISHED, **finished))
    stack.drain("reports", f"{ROLE_ID}:{machine}")
    stack.switch_off(machine)
    stack.drain("events")
    stack.sweep()
    assert stack.job(number).state is JobState.FINISHED
    return number


@pytest.fixture(scope="module")
def told() -> Iterator[Told]:
    """One stack for all; what its functions wrote is in their log groups, among other lines."""
    with stack_on_moto() as stack:
        written = io.StringIO()
        with redirect_stdout(written):
            number = serve(stack)
        lines = tuple(written.getvalue().splitlines(keepends=True))
        for group in (DISPATCH, OTHERS):
            create(stack.clients, group)
            write(stack.clients, group, NOISE)
        for line in lines:
            decision = decision_in(line)
            dispatched = decision is not None and decision.actor == "dispatch"
            at = None if decision is None else decision.at // 1_000
            write(stack.clients, DISPATCH if dispatched else OTHERS, [line], at=at)
        yield Told(stack, number, lines)
        stack.clients.logs.close()


@pytest.fixture
def environment(told: Told, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    """What an operator has set besides the functions' variables; nothing of this machine's own configuration."""
    assert told.job > 0
    monkeypatch.setenv("PADDOCK_LOG_GROUPS", f"{DISPATCH}, {OTHERS}")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    for name in ("AWS_PROFILE", "AWS_DEFAULT_REGION", "AWS_SESSION_TOKEN", "PADDOCK_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


@pytest.fixture
def call(environment: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Caller:
    assert environment is not None
    return Caller(capsys)


def local_state(told: Told, folder: Path) -> Path:
    """The same records and the same decisions, as a fleet on one machine keeps them."""
    places = Places(folder / "state")
    places.make()
    table = told.stack.profile.table()
    with closing(open_state(places)) as state:
        job = told.stack.job(told.job)
        runner = table.runners.get(str(job.machine))
        assert runner is not None
        state.table.jobs.add(job)
        state.table.runners.add(runner)
        state.explain.decisions.append(told.decisions)
    return places.root


def test_a_job_is_explained_as_on_one_machine(
    told: Told, call: Caller, environment: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """To the last character, but for a word, soon after its end, about lines that may be on their way."""
    environment.setenv("COLUMNS", "140")
    here = call("explain", str(told.job), "--state", str(local_state(told, tmp_path)))
    aws = call("explain", str(told.job), "--profile", "aws")
    assert (here.code, here.err) == (aws.code, aws.err) == (0, "")
    assert aws.out in (f"{here.out}\n{LAG}\n", here.out)
    served = [decision.reason for decision in told.decisions if decision.verdict == "served"]
    assert served
    assert all(reason in here.out for reason in served)


def test_the_data_is_the_same_too(told: Told, call: Caller, environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """For scripts: every decision of every function, in order; the word about the log, while it holds, is on stderr."""
    here = call("explain", str(told.job), "--json", "--state", str(local_state(told, tmp_path)))
    environment.setenv("PADDOCK_PROFILE", "aws")
    aws = call("explain", str(told.job), "--json")
    assert json.loads(aws.out) == json.loads(here.out)
    assert {each["actor"] for each in json.loads(aws.out)["decisions"]} >= {"dispatch", "completion", "retire"}
    assert aws.err in (f"paddock: {LAG}\n", "")


def test_a_terminal_sees_that_it_looks(told: Told, call: Caller, environment: pytest.MonkeyPatch) -> None:
    """Where the log is searched, and how much was found, on stderr; the story itself is not touched by it."""
    for name, value in {"TTY_COMPATIBLE": "1", "TERM": "xterm", "NO_COLOR": "1"}.items():
        environment.setenv(name, value)
    seen = call("explain", str(told.job), "--profile", "aws")
    assert seen.code == 0
    assert "looking decisions up in CloudWatch Logs: page" in seen.err
    assert "looking" not in seen.out


def test_jobs_are_listed_from_the_table(told: Told, call: Caller) -> None:
    """All of them with their states, or those alone that have not ended."""
    listed = json.loads(call("jobs", "--json", "--profile", "aws").out)
    assert [(job["id"], job["state"]) for job in listed["jobs"]] == [(told.job, "finished")]
    assert json.loads(call("jobs", "--json", "--live", "--profile", "aws").out)["jobs"] == []
    assert str(told.job) in call("jobs", "--profile", "aws").out


def test_costs_are_told_with_services_by_jobs_and_with_the_environment(
    told: Told, call: Caller, environment: pytest.MonkeyPatch
) -> None:
    """What CloudWatch counted is shared among the rows to the micro-dollar; where it is not to be had, that is said."""
    stack = told.stack.profile.environment().ec2.fleet
    environment.setenv("COLUMNS", "200")
    named = [{"Name": "FunctionName", "Value": f"{stack}-dispatch"}]
    at = datetime.now(tz=UTC) - timedelta(hours=1)
    counted = {"MetricName": "Invocations", "Dimensions": named, "Value": 5e9, "Timestamp": at}
    told.stack.clients.cloudwatch.put_metric_data(Namespace="AWS/Lambda", MetricData=[counted])
    data = json.loads(call("cost", "--json", "--profile", "aws").out)
    assert breaches("costs", data) == []
    assert data["environment"] == stack.removeprefix("paddock-") == data["costs"][0]["environment"]
    amounts = {f"{one['service']}: {one['what']}": one["amount_micro_usd"] for one in data["services"]}
    assert amounts["Lambda: invocations"] == data["services_micro_usd"] == 1_000_000_000
    assert amounts["SQS: messages and empty polls: no more requests than these"] is None
    machines = sum(one["total_micro_usd"] for one in data["costs"])
    assert data["spent_micro_usd"] == machines + data["services_micro_usd"] == machines + 1_000_000_000
    assert sum(one["services_micro_usd"] for one in data["costs"]) == data["services_micro_usd"]
    assert sum(one["spent_micro_usd"] for one in data["costs"]) == data["spent_micro_usd"]
    rows = list(csv.DictReader(io.StringIO(call("cost", "--csv", "--profile", "aws").out)))
    told_of = {kind: [row for row in rows if row["kind"] == kind] for kind in ("machines", "service")}
    assert sum(int(row["total_micro_usd"] or 0) for row in told_of["service"]) == data["services_micro_usd"]
    assert sum(int(row["services_micro_usd"]) for row in told_of["machines"]) == data["services_micro_usd"]
    assert sum(int(row["spent_micro_usd"] or 0) for row in rows) == sum(
        int(row["total_micro_usd"] or 0) for row in rows
    )
    assert len(told_of["machines"]) == len(data["costs"]) == len(rows) - len(amounts)
    assert {row["environment"] for row in rows} == {data["environment"]}
    shown = call("cost", "--profile", "aws").out
    heads, footer = (next(line.split() for line in shown.splitlines() if word in line) for word in ("REPO ", "all "))
    assert "$1000.0000 for services" in shown
    assert (heads[-2:], footer[-2]) == (["SERVICES", "TOTAL"], "$1000.0000")
    assert shown.rstrip().endswith(f" {footer[-1]}.")
    environment.setenv("COLUMNS", "80")
    narrow = call("cost", "--profile", "aws").out
    assert max(map(len, narrow.splitlines())) <= 80
    assert "…" not in narrow
    titles = {word for word in shown.split() if word.isupper()}
    assert {"SERVICES", "ADDRESS", "USED"} <= titles <= set(narrow.split())
    assert footer[-2] in narrow.split()  # not the total: the machine lives, and has become dearer since
    with front(os.environ["AWS_ENDPOINT_URL"]) as before:
        for action in METRICS[0]["Action"]:
            lay_out(before, action.partition(":")[2], [(403, "AccessDenied")])
        environment.setenv("AWS_ENDPOINT_URL", before.url)
        refused = call("cost", "--json", "--profile", "aws")
    without = json.loads(refused.out)
    assert (refused.code, without["services"], breaches("costs", without)) == (0, None, [])
    assert {one["services_micro_usd"] for one in without["costs"]} == {without["services_micro_usd"]} == {None}
    assert "AWS's services were not counted, and are in no sum" in refused.err


def test_what_stands_is_counted_and_what_is_refused_is_said(
    told: Told, call: Caller, environment: pytest.MonkeyPatch
) -> None:
    """Alarms, the dashboard and metrics of this fleet alone, as moto lists them; one that is refused is unknown."""
    stack, watched = told.stack.profile.environment().ec2.fleet, told.stack.clients.cloudwatch
    for name in (stack, f"{stack}-else"):
        of = [{"Name": "Stack", "Value": name}]
        watched.put_metric_data(
            Namespace="Paddock", MetricData=[{"MetricName": "JobsQueued", "Dimensions": of, "Value": 1.0}]
        )
        watched.put_metric_alarm(
            AlarmName=f"{name}-jobs",
            MetricName="JobsQueued",
            Namespace="Paddock",
            Dimensions=of,
            Period=60,
            Statistic="Sum",
            EvaluationPeriods=1,
            Threshold=1.0,
            ComparisonOperator="GreaterThanThreshold",
        )
        watched.put_dashboard(DashboardName=f"{name}-{told.stack.clients.region}", DashboardBody='{"widgets": []}')
    with front(os.environ["AWS_ENDPOINT_URL"]) as before:
        lay_out(before, "ListDashboards", [(403, "AccessDenied")])
        environment.setenv("AWS_ENDPOINT_URL", before.url)
        refused, answered = (call("cost", "--json", "--profile", "aws") for _ in range(2))
    for one, dashboards in ((refused, None), (answered, 1)):
        found = {each["what"]: each for each in json.loads(one.out)["services"]}
        assert breaches("costs", json.loads(one.out)) == []
        assert (found["alarms"]["quantity"], found["the fleet's metrics: no more than these"]["quantity"]) == (1, 1)
        assert found["dashboard"]["quantity"] == dashboards
        assert (found["dashboard"]["why"] is None) == (dashboards is not None)
    assert ("some of AWS's services were not counted" in refused.err, answered.err) == (True, "")


def test_an_operator_pauses_and_resumes(told: Told, call: Caller) -> None:
    """The functions see it when they start; a waiting job is woken through its queue; the decisions are in the log."""
    assert "`paddock resume --profile aws`" in call("pause", "prices are high", "--profile", "aws").out
    told.stack.start_anew()
    switch = told.stack.profile.table().switches.get("paused")
    assert switch is not None
    assert (switch.on, switch.reason) == (True, "prices are high")
    run_ = told.stack.github.start_run(REPOSITORY, [JobScript("build", ("paddock/cpu=2/arch=x64",))])
    told.stack.drain("jobs")
    assert told.stack.job(run_.job_ids[0]).state is JobState.QUEUED
    assert "1 waiting job woken" in call("resume", "--profile", "aws").out
    told.stack.start_anew()
    told.stack.drain("jobs")
    assert told.stack.job(run_.job_ids[0]).state is JobState.LAUNCHED
    told.stack.github.cancel_run(REPOSITORY, run_.run_id)
    told.stack.drain("events")
    written = told.stack.clients.logs.filter_log_events(logGroupName=DISPATCH)["events"]
    decisions = [decision_in(event["message"]) for event in written if "operator" in event["logStreamName"]]
    assert [each.verdict for each in decisions if each is not None and each.actor == "operate"] == ["paused", "resumed"]


def test_a_queue_that_is_not_there_has_a_next_step(told: Told, call: Caller, environment: pytest.MonkeyPatch) -> None:
    """A resumed fleet wakes through it what waits; once it is named rightly, the same command does."""
    call("pause", "--profile", "aws")
    told.stack.start_anew()
    run = told.stack.github.start_run(REPOSITORY, [JobScript("build", ("paddock/cpu=2/arch=x64",))])
    told.stack.drain("jobs")
    with environment.context() as wrong:
        wrong.setenv("PADDOCK_JOBS_URL", told.stack.queues["jobs"] + "-of-others")
        said = call("resume", "--profile", "aws")
    assert said.code == 1
    assert f"there is no queue {told.stack.queues['jobs']}-of-others: check PADDOCK_JOBS_URL" in said.err
    assert "1 waiting job woken" in call("resume", "--profile", "aws").out
    told.stack.start_anew()
    told.stack.drain("jobs")
    assert told.stack.job(run.job_ids[0]).state is JobState.LAUNCHED
    told.stack.github.cancel_run(REPOSITORY, run.run_id)
    told.stack.drain("events")


def test_a_switch_is_turned_though_the_log_cannot_be_written(call: Caller, environment: pytest.MonkeyPatch) -> None:
    """The error says so, and what to do in its last line; nobody takes the fleet for one that goes on."""
    with environment.context() as wrong:
        wrong.setenv("PADDOCK_LOG_GROUPS", "/x/y")
        said = call("pause", "prices are high", "--profile", "aws")
    assert (said.code, said.out) == (1, "")
    assert UNWRITTEN in said.err
    assert said.err.splitlines()[-1].startswith("PADDOCK_LOG_GROUPS must name log groups")
    assert "the fleet is paused (prices are high)" in call("jobs", "--profile", "aws").out
    assert call("resume", "--profile", "aws").code == 0


def actions(statements: Sequence[Any]) -> set[str]:
    """What is allowed."""
    return {action for statement in statements for action in statement["Action"]}


def items(before: Front, operation: str) -> set[str]:
    """The kinds of records that were written so, as the keys of a policy's condition."""
    keys = [(body.get("Key") or body["Item"])["pk"]["S"] for body in before.bodies(operation)]
    return {key.partition("#")[0] + "#*" for key in keys}


def test_an_operator_has_the_rights_that_are_used_and_no_others(
    told: Told, call: Caller, environment: pytest.MonkeyPatch
) -> None:
    """The statements beside the composition against all requests of all commands, and against what they wrote."""
    services = dict.fromkeys(("FilterLogEvents", "CreateLogStream", "PutLogEvents"), "logs")
    services |= dict.fromkeys(("GetMetricData", "DescribeAlarms", "ListDashboards", "ListMetrics"), "cloudwatch")
    services |= {"SendMessage": "sqs"}
    with front(os.environ["AWS_ENDPOINT_URL"]) as before:

        def ask(*lines: str, code: int = 0) -> None:
            with environment.context() as watched:  # the functions' requests do not pass the front
                watched.setenv("AWS_ENDPOINT_URL", before.url)
                for line in lines:
                    assert call(*line.split(), "--profile", "aws").code == code

        def used() -> set[str]:
            called = {operation.replace("SendMessageBatch", "SendMessage") for operation in before.operations()}
            return {f"{services.get(operation, 'dynamodb')}:{operation}" for operation in called}

        ask(f"explain {told.job}", "jobs", "jobs --live", "circuit list", "housekeeping status", "cost")
        assert used() == actions(LOOKER)
        ask("pause")
        told.stack.start_anew()
        run = told.stack.github.start_run(REPOSITORY, [JobScript("build", ("paddock/cpu=2/arch=x64",))])
        told.stack.drain("jobs")
        ask("resume", "circuit open c7i.large why", "circuit close c7i.large")
        ask(*["housekeeping run sweep --wait 0s"] * 2, code=1)  # nobody is there to do it
        assert used() == actions(OPERATOR)
        for statement in OPERATOR:
            for action in {"dynamodb:PutItem", "dynamodb:UpdateItem"} & actions([statement]):
                condition: Any = statement["Condition"]
                assert items(before, action.partition(":")[2]) == set(
                    condition["ForAllValues:StringLike"]["dynamodb:LeadingKeys"]
                )
    told.stack.github.cancel_run(REPOSITORY, run.run_id)
    told.stack.drain("events")


def test_a_circuit_is_opened_listed_and_closed(told: Told, call: Caller) -> None:
    """As on one machine, in the stack's table. Functions that remember circuits are told each time."""

    def news() -> Advised | None:
        switch = told.stack.profile.stores()["CONFIG"].get("paused")
        return None if switch is None else switch.advised

    aws = ("--profile", "aws")
    before = news()
    assert "open for" in call("circuit", "open", "m7i.large", "it is maintained", "--for", "2h", *aws).out
    circuit = told.stack.profile.table().circuits.get("any/m7i.large")
    assert circuit is not None
    assert (circuit.state, circuit.instance_type) == (CircuitState.OPEN, "m7i.large")
    opened = news()
    assert opened not in (before, None)
    assert call("circuit", "list", *aws).out.startswith("m7i.large in every zone: open for")
    assert news() == opened
    assert "closed" in call("circuit", "close", "m7i.large", "done", *aws).out
    assert news() not in (before, opened, None)
    again = call("circuit", "close", "m7i.large", *aws)
    assert (again.code, "`paddock circuit list --profile aws`" in again.err) == (1, True)


def test_a_circuit_is_switched_though_no_function_can_be_told(
    told: Told, call: Caller, environment: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """They learn of it some minutes later: whoever is at the terminal hears that, and need not do anything."""
    with front(os.environ["AWS_ENDPOINT_URL"]) as before:
        lay_out(before, "UpdateItem", [(400, "AccessDeniedException")])
        environment.setenv("AWS_ENDPOINT_URL", before.url)
        said = call("circuit", "open", "m7i.xlarge", "it is maintained", "--profile", "aws")
    assert (said.code, "open for" in said.out) == (0, True)
    assert told.stack.profile.table().circuits.get("any/m7i.xlarge") is not None
    assert "functions learn of it some minutes later: AccessDenied" in caplog.text


def test_without_any_decision_it_says_where_it_looked(
    told: Told, call: Caller, environment: pytest.MonkeyPatch
) -> None:
    """The record alone tells where the job stands; a log that forgot, or another one, is not taken for silence."""
    environment.setenv("PADDOCK_LOG_GROUPS", "/aws/lambda/paddock-ci-empty")
    create(told.stack.clients, "/aws/lambda/paddock-ci-empty")
    job, jobs = told.stack.job(told.job), told.stack.profile.table().jobs
    jobs.add(attrs.evolve(job, facts=attrs.evolve(job.facts, job_id=404), received_at=job.received_at - HOUR))
    said = call("explain", "404", "--profile", "aws")
    jobs.remove("404")
    assert said.code == 0
    told_ = " ".join(said.out.split())  # wherever the lines end
    assert "no decision was found in /aws/lambda/paddock-ci-empty" in told_
    assert "PADDOCK_LOG_GROUPS must name those of all functions" in told_


@pytest.mark.parametrize(
    ("variables", "told_", "step"),
    [
        ({"AWS_REGION": "us-east-1"}, "ResourceNotFoundException", "in us-east-1: check PADDOCK_TABLE and AWS_REGION"),
        ({"PADDOCK_TABLE": "another"}, "ResourceNotFoundException", "there is no table another in eu-west-1"),
        ({"PADDOCK_LOG_GROUPS": "/x/y"}, "log group: /x/y", "PADDOCK_LOG_GROUPS must name log groups of the stack's"),
        ({"AWS_PROFILE": "nobody"}, "(nobody) could not be found", "set AWS_PROFILE to a profile of ~/.aws/config"),
        ({"AWS_ACCESS_KEY_ID": ""}, "Unable to locate credentials", "sign in to AWS: set AWS_PROFILE"),
        ({"AWS_SECRET_ACCESS_KEY": ""}, "Partial credentials", "sign in to AWS: set AWS_PROFILE"),
        ({"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}, "Could not connect", "is AWS_REGION = eu-west-1 a region"),
        ({"PADDOCK_TABLE": "", "PADDOCK_LOG_GROUPS": ""}, "PADDOCK_TABLE = ''", "must be the functions' log groups"),
        ({"AWS_ENDPOINT_URL": "nowhere"}, "Invalid endpoint: nowhere", "must be scheme://host[:port]"),
        ({"AWS_REGION": "Ireland"}, "AWS_REGION = 'Ireland'", "must be the stack's region, such as eu-west-1"),
    ],
    ids=[
        "region",
        "table",
        "group",
        "profile",
        "nobody",
        "half a key",
        "unreachable",
        "unset",
        "no address",
        "no region",
    ],
)
def test_what_is_wrong_has_a_next_step(
    told: Told, call: Caller, environment: pytest.MonkeyPatch, variables: Mapping[str, str], told_: str, step: str
) -> None:
    """Whatever an operator has set wrongly: what AWS says, and what to do about it."""
    for name, value in variables.items():
        environment.setenv(name, value)
    if not variables.get("AWS_ACCESS_KEY_ID", "x"):
        environment.delenv("AWS_SECRET_ACCESS_KEY")
    said = call("explain", str(told.job), "--profile", "aws")
    assert (said.code, said.out) == (1, "")
    assert told_ in said.err
    assert step in said.err


@pytest.mark.parametrize(
    ("operation", "status", "code", "step"),
    [
        ("FilterLogEvents", 400, "AccessDeniedException", "lists the rights that an operator needs"),
        ("GetItem", 400, "AccessDeniedException", "lists the rights that an operator needs"),
        ("GetItem", 400, "ExpiredTokenException", "your session is over: sign in to AWS"),
        ("GetItem", 400, "UnrecognizedClientException", "AWS does not know this key"),
    ],
)
def test_what_aws_refuses_has_a_next_step(
    told: Told, call: Caller, environment: pytest.MonkeyPatch, operation: str, status: int, code: str, step: str
) -> None:
    """By the code of its answer."""
    with front(os.environ["AWS_ENDPOINT_URL"]) as before:
        lay_out(before, operation, [(status, code)] * 3)
        environment.setenv("AWS_ENDPOINT_URL", before.url)
        said = call("explain", str(told.job), "--profile", "aws")
    assert (said.code, said.out) == (1, "")
    assert code in said.err
    assert step in said.err


def lay_out(before: Front, operation: str, faults: Sequence[tuple[int, str]]) -> None:
    """What is answered first."""
    before.faults[operation] = [fault(status, code, "so it is") for status, code in faults]


def test_a_story_takes_as_many_requests_as_the_page_says(
    told: Told, call: Caller, environment: pytest.MonkeyPatch
) -> None:
    """Of a job with one machine: five reads, and one request to each log group for each of the two."""
    with front(os.environ["AWS_ENDPOINT_URL"]) as before:
        environment.setenv("AWS_ENDPOINT_URL", before.url)
        assert call("explain", str(told.job), "--profile", "aws").code == 0
        assert Counter(before.operations()) == {"GetItem": 5, "FilterLogEvents": 2 * 2}


def test_the_pages_commands_work_as_they_stand(told: Told, call: Caller) -> None:
    """Each once, what ends a pause last, with the pages' job in the table: exit code 0, and no complaint."""
    shown = sorted(
        dict.fromkeys(command for command in commands() if ON_AWS in command),
        key=lambda command: command.startswith("paddock resume"),
    )
    assert {command.split()[1] for command in shown} == {
        *("jobs", "explain", "pause", "resume", "release", "cost", "circuit", "housekeeping", "pools")
    }
    table = told.stack.profile.table()
    facts = attrs.evolve(told.stack.job(told.job).facts, job_id=29679449)
    table.jobs.add(attrs.evolve(told.stack.job(told.job), facts=facts))
    try:
        for command in shown:
            said = call(*shlex.split(command)[1:])
            complaints = [line for line in said.err.splitlines() if LAG not in line and "no decision" not in line]
            assert (said.code, complaints, bool(said.out)) == (0, [], True), command
    finally:
        table.jobs.remove("29679449")


def test_the_pages_block_of_variables_is_complete() -> None:
    """What it exports is what the settings ask for, and they take it; one more says which fleet is meant."""
    shown = dict(re.findall(r"^export ([A-Z_]+)=(\S+)$", (ROOT / "docs" / "aws.md").read_text("utf-8"), re.MULTILINE))
    assert shown.pop("PADDOCK_PROFILE") == "aws"
    with pytest.raises(InvalidEnvironment) as refused:
        operator_settings({})
    assert set(shown) == {problem.field for problem in refused.value.problems}
    assert len(operator_settings(shown).groups) == 5


def test_a_job_that_is_unknown(call: Caller) -> None:
    """Why it may be, and how to list those that are not."""
    said = call("explain", "1", "--profile", "aws")
    assert said.code == 1
    assert "job 1 is unknown here" in said.err
    assert "`paddock jobs --profile aws` lists those that are known" in said.err


def test_which_fleet_is_meant(call: Caller, environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Options go before the environment; what contradicts, or is a profile of AWS's own, is told."""
    said = call("jobs", "--profile", "prod")
    assert (said.code, "must be local or aws" in said.err, "AWS_PROFILE" in said.err) == (1, True, True)
    assert "is for a fleet on this machine" in call("jobs", "--profile", "aws", "--state", str(tmp_path)).err
    environment.setenv("PADDOCK_PROFILE", "AWS")
    assert "PADDOCK_PROFILE = 'AWS': must be local or aws" in call("jobs").err
    environment.setenv("PADDOCK_PROFILE", "aws")
    assert "holds no fleet" in call("jobs", "--state", str(tmp_path)).err
    environment.chdir(tmp_path)
    assert "paddock-state" in call("jobs", "--profile", "local").err


def test_the_region_may_come_from_aws_own_configuration(
    told: Told, call: Caller, environment: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A profile of ~/.aws/config that names its region is enough."""
    (tmp_path / "config").write_text("[profile ci]\nregion = eu-west-1\n", encoding="utf-8")
    environment.delenv("AWS_REGION")
    environment.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    environment.setenv("AWS_PROFILE", "ci")
    assert call("explain", str(told.job), "--profile", "aws").code == 0
