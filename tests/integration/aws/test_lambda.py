"""The functions as Lambda calls them, on moto: one job's whole way, and what may happen beside it."""

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import attrs
import httpx
import pytest
from botocore.exceptions import EndpointConnectionError
from moto.sqs.models import sqs_backends

from paddock.adapters.aws.clients import Clients
from paddock.adapters.aws.cloudwatch.usage import StackUsage
from paddock.adapters.aws.dynamodb.assignments import DynamoAssignments
from paddock.adapters.aws.dynamodb.handover import DynamoHandover
from paddock.adapters.aws.dynamodb.table import Table as DynamoTable
from paddock.adapters.aws.dynamodb.together import DynamoTogether
from paddock.adapters.aws.ec2.machines import Ec2Machines
from paddock.adapters.aws.pricing.prices import AwsPrices
from paddock.adapters.aws.s3.objects import S3Objects
from paddock.adapters.aws.sqs.queue import SqsQueue
from paddock.adapters.aws_http.secrets import Secrets
from paddock.adapters.config import Config, InvalidConfig
from paddock.adapters.github.auth import AppCredentials
from paddock.adapters.github.client import GitHub as GitHubClient
from paddock.adapters.memory.github import JobScript
from paddock.adapters.memory.system import ManualClock
from paddock.adapters.pacing import PacedStarts, Purse
from paddock.adapters.standin.app import Failure
from paddock.adapters.system import RandomIds, SystemChance, SystemClock, SystemSleeper
from paddock.adapters.telemetry.decisions import LoggedDecisions
from paddock.adapters.telemetry.gauges import LoggedGauges
from paddock.adapters.threads import Threads
from paddock.adapters.wire import message_text
from paddock.agent.aws.body import unpacked
from paddock.core.archive import read_archive
from paddock.core.fleet import Fleet
from paddock.core.job import Job, JobFacts
from paddock.core.messages import MachineChanged, ReportEvent, RunnerReported
from paddock.core.pace import PACE
from paddock.core.pools.standing import PoolStanding
from paddock.core.ports import github, stores
from paddock.core.ports.queues import Depth
from paddock.core.settings import FleetSettings
from paddock.core.spec import Arch
from paddock.core.states import JobState, OperationalResult, RunnerState
from paddock.core.task import EVERY
from paddock.core.units import DAY, moment_of
from paddock.core.usecases.house.chores import chores
from paddock.core.usecases.house.dead_letters import DeadLetters
from paddock.entrypoints.aws_lambda import schedules
from paddock.entrypoints.aws_lambda.fleet_settings import FleetEnvironment
from paddock.entrypoints.aws_lambda.profile import AwsProfile
from tests.aws.events import spot_warning, state_change
from tests.aws.invocations import ROLE_ID, Context, lines
from tests.aws.judge import REGION
from tests.aws.machine import ACCOUNT
from tests.aws.stack import REPOSITORY, Stack, report_of, stack_on_moto
from tests.world.pool_past import AUTO, NOW, Past

pytestmark = pytest.mark.slow

AWS: Mapping[str, Any] = {
    "environment": FleetEnvironment,
    "clock": SystemClock,
    "sleeper": SystemSleeper,
    "ids": RandomIds,
    "chance": SystemChance,
    "gauges": LoggedGauges,
    "clients": Clients,
    "objects": S3Objects,
    "config": Config,
    "settings": FleetSettings,
    "dynamo": DynamoTable,
    "stores": dict,
    "together": DynamoTogether,
    "table": stores.Table,
    "jobs": SqsQueue,
    "events": SqsQueue,
    "reports": SqsQueue,
    "decisions": LoggedDecisions,
    "secrets": Secrets,
    "credentials": AppCredentials,
    "client": GitHubClient,
    "github": github.GitHub,
    "prices": AwsPrices,
    "usage": StackUsage,
    "purse": Purse,
    "starts": PacedStarts,
    "several": Threads,
    "machines": Ec2Machines,
    "assignments": DynamoAssignments,
    "handover": DynamoHandover,
    "fleet": Fleet,
}


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    """One for all: it takes a second to make. Each test leaves its queues empty."""
    with stack_on_moto() as made:
        yield made


def test_every_provider_of_the_aws_profile(stack: Stack) -> None:
    """It gives an instance of the adapter, and the same one again; what no template serves, the settings refuse."""
    assert set(AwsProfile.providers) == set(AWS)
    for name, kind in AWS.items():
        made: Callable[[], object] = stack.profile.providers[name]
        assert isinstance(made(), kind), name
        assert made() is made(), name
    for field in attrs.fields(stores.Table):
        deeds = {"write"} if field.name == "together" else {"add", "get", "update", "page"}
        assert deeds <= set(dir(getattr(stack.profile.table(), field.name))), field.name
    settings = stack.profile.settings()
    assert settings.repositories == (REPOSITORY,)
    assert (settings.arches, settings.images) == ((Arch.ARM64, Arch.X64), False)
    stack.profile.table().jobs.page("live", "queued")


def test_requests_to_ec2_are_paid_for_out_of_the_table(stack: Stack) -> None:
    """Nobody has requests of his own to start machines with."""
    stack.profile.machines().start(["i-00000000000000404"])
    pace = stack.profile.table().paces.get(PACE)
    assert pace is not None
    assert {"ec2.StartInstances", "ec2.started"} <= set(pace.used)


def test_a_job_goes_its_whole_way(stack: Stack, capsys: pytest.CaptureFixture[str]) -> None:
    """From GitHub's signed webhook to a machine that is gone and a job that is finished."""
    run = stack.github.start_run(REPOSITORY, [JobScript("build", ("paddock/cpu=2/arch=x64",))])
    (number,) = run.job_ids
    stack.drain("jobs")
    job = stack.job(number)
    machine = str(job.machine)
    assert job.state is JobState.LAUNCHED
    assert stack.machines()[machine] == "running"
    receipt = stack.profile.assignments().get(machine)
    assert receipt is not None
    assert not receipt.taken
    stack.take_orders(machine)

    runner = stack.github.model.runners.connect(stack.runner(machine).id)
    assert runner.job_id == number
    stack.report(report_of(machine, number, runner, ReportEvent.STARTED))
    stack.drain("reports", f"{ROLE_ID}:{machine}")
    stack.github.model.runs.acquire(runner.id, number)
    stack.github.model.runs.started(runner.id, number)
    stack.drain("events")
    assert stack.job(number).state is JobState.RUNNING

    stack.github.model.runs.complete(runner.id, number, "success")
    finished = {"conclusion": "success", "result": OperationalResult.SERVED, "exit_code": 0}
    stack.report(report_of(machine, number, runner, ReportEvent.FINISHED, **finished))
    stack.drain("reports", f"{ROLE_ID}:{machine}")
    stack.switch_off(machine)
    stack.drain("events")
    job = stack.job(number)
    assert (job.state, job.conclusion, job.result) == (JobState.FINISHED, "success", OperationalResult.SERVED)
    for task in ("sweep", "sweep_github"):
        assert schedules.handler({"task": task}, Context())[task]["failed"] == 0
    known = stack.profile.table().runners.get(machine)
    assert known is not None
    assert known.state is RunnerState.GONE
    receipt = stack.profile.assignments().get(machine)
    assert receipt is not None  # what is left of the orders is forgotten by the table itself
    assert receipt.taken
    assert [stack.dead(name) for name in ("jobs", "events", "reports")] == [[], [], []]

    told = lines(capsys)
    verdicts = [line["verdict"] for line in told if line.get("subject") == f"job:{number}"]
    assert verdicts == ["queued", "launched", "running", "finished", "served"]
    counted = {metric for line in told for metric in line}
    assert counted >= {"JobsQueued", "JobsLaunched", "JobWait", "JobDuration", "JobsServed"}
    assert counted >= {"MachinesGone", "MachineCost"}
    assert counted >= {"Sweeps", "JobsWaiting"}
    assert "APIErrors" not in counted  # conditions that do not hold are answers


def test_what_machines_are_about_to_ask_for_is_mirrored(stack: Stack) -> None:
    """A package for each kind of machine that there is a template for, in the bucket that machines read; once."""
    s3: Any = stack.clients.s3
    bucket = stack.profile.environment().cache
    for kind in ("fetched", "present"):
        facts = schedules.handler({"task": "mirror"}, Context())["mirror"]
        assert facts == {"attempted": 2, "succeeded": 2, "failed": 0, "left": 0, kind: 2}
    kept = [each["Key"].split("/") for each in s3.list_objects_v2(Bucket=bucket)["Contents"]]
    assert [(folder, platform) for folder, _, platform, _ in kept] == [
        ("runners", "linux-arm64"),
        ("runners", "linux-x64"),
    ]


def test_once_a_minute_one_rule_keeps_the_house(stack: Stack) -> None:
    """Each task that is due: an old job is archived, and what was given up is put back. Others ran a moment ago."""
    facts = JobFacts(7, 1, REPOSITORY, ("paddock",), created_at=moment_of(datetime(2026, 11, 1, 12, tzinfo=UTC)))
    stack.profile.table().jobs.add(Job(facts, state=JobState.CANCELLED))
    stack.send("events-dead", message_text(MachineChanged("i-0123456789abcdef1", "stopped", 1, 1)))
    report = message_text(RunnerReported(ReportEvent.STARTED, "i-0123456789abcdef1", 1, 1, "paddock-1", 1))
    stack.send("reports-dead", report)
    done = schedules.handler({"task": "housekeeping"}, Context())
    assert {task: told["failed"] for task, told in done.items()} == dict.fromkeys(done, 0)
    assert {"dead_letters", "stale_registrations", "old_jobs"} <= set(done) <= set(EVERY)
    assert (done["old_jobs"]["cancelled"], done["dead_letters"]["put_back"]) == (1, 1)
    stored = S3Objects(stack.clients, stack.profile.environment().archive, stack.profile.clock())
    assert [one.job.id for one in read_archive(stored)] == [7]
    stack.drain("events")
    # SQS would say that we sent the report, and so it would be taken for a forgery.
    assert [stack.dead(name) for name in ("jobs", "events", "reports")] == [[], [], [report]]
    stack.clients.sqs.purge_queue(QueueUrl=stack.queues["reports-dead"])


def test_what_ec2_said_is_put_back_from_the_dead_as_our_own_messages_are(stack: Stack) -> None:
    """A dry run counts it, too, and what nobody can read is in neither; then it is handled, and nothing is left."""
    clock = stack.profile.clock()
    told = state_change("i-0123456789abcdef1", "terminated", clock)
    warned = spot_warning("i-0123456789abcdef2", "eu-west-1a", clock)
    for event in (told, warned):
        stack.send("events-dead", json.dumps(event))
    stack.send("events-dead", json.dumps({**told, "detail": {}}))
    letters = stack.profile.events().dead_letters()
    assert sorted(letter.readable for letter in letters) == [False, True, True]
    assert {letter.reason.partition(" ")[0] for letter in letters if letter.readable} == {"received"}
    dead = DeadLetters(
        queues={"events": stack.profile.events()}, decisions=stack.profile.decisions(), clock=stack.profile.clock()
    )
    assert dead(dry_run=True).by_kind == {"put_back": 2}
    assert schedules.handler({"task": "dead_letters"}, Context())["dead_letters"]["put_back"] == 2
    stack.drain("events")
    assert [json.loads(body)["detail"] for body in stack.dead("events")] == [{}]
    stack.clients.sqs.purge_queue(QueueUrl=stack.queues["events-dead"])


def test_pools_are_audited_into_the_archive_and_sized_on_the_table(stack: Stack) -> None:
    """Their day is two objects below ``pools/``; what their jobs ask for stands on their record. Twice does no harm."""
    table, clock = stack.profile.table(), ManualClock(NOW)
    past = Past(AUTO, table=table)
    past.office_hours(1)
    table.pools.remove(AUTO.name)
    table.pools.add(PoolStanding(AUTO.name, first_at=NOW - 2 * DAY))
    archive = S3Objects(stack.clients, stack.profile.environment().archive, clock)
    tasks = chores(
        settings=past.settings,
        table=table,
        github=stack.profile.github(),
        queues={},
        archive=archive,
        decisions=stack.profile.decisions(),
        clock=clock,
        several=stack.profile.several(),
    )
    for _ in range(2):
        assert tasks["pool_audit"]().by_kind == {"audited": 1, "written": 2}
    assert [each.key for each in archive.page("pools/").items] == ["pools/2026/12/20.json", "pools/2026/12/20.md"]
    assert [tasks["pool_sizing"]().by_kind for _ in range(2)] == [{"changed": 1}, {"unchanged": 1}]
    standing = table.pools.get(AUTO.name)
    assert standing is not None
    assert standing.schedule is not None
    assert standing.schedule.windows[0].name == "daily 09:00-17:00"
    assert standing.sized_at == NOW


def test_a_forged_report_is_refused_and_counted(stack: Stack, capsys: pytest.CaptureFixture[str]) -> None:
    """A machine speaks for another: it is told of under its own name, and the message is gone."""
    run = stack.github.start_run(REPOSITORY, [JobScript("build", ("paddock/cpu=2/arch=x64",))])
    stack.drain("jobs")
    (number,) = run.job_ids
    before = stack.job(number)
    victim, forger = str(before.machine), "i-0123456789abcdef0"
    finished = {"conclusion": "success", "result": OperationalResult.SERVED}
    stack.report(report_of(victim, number, stack.runner(victim), ReportEvent.FINISHED, **finished))
    capsys.readouterr()
    stack.drain("reports", f"{ROLE_ID}:{forger}")
    told = [line for line in lines(capsys) if line.get("verdict") == "forged_report"]
    assert [(line["subject"], line["ReportsForged"]) for line in told] == [(f"machine:{forger}", 1)]
    assert stack.job(number) == before
    assert before.state is JobState.LAUNCHED
    assert stack.pump("reports") == 0
    stack.github.cancel_run(REPOSITORY, run.run_id)
    stack.drain("events")


def test_beyond_githubs_limit_a_machine_registers_its_runner_itself(stack: Stack) -> None:
    """Its orders hold a token; nobody but GitHub knows the number of its runner, and it is found by its name."""
    refused = Failure(403, {"Retry-After": "60"}, "You have exceeded a secondary rate limit.")
    stack.github.fail_next("repo-generate-jitconfig", refused)
    run = stack.github.start_run(REPOSITORY, [JobScript("build", ("paddock/cpu=2/arch=x64",))])
    stack.drain("jobs")
    machine = str(stack.job(run.job_ids[0]).machine)
    key = {"pk": {"S": f"{ROLE_ID}:{machine}"}, "sk": {"S": "ASSIGNMENT"}}
    table: Any = stack.clients.dynamodb
    item = table.get_item(TableName=stack.profile.environment().table, Key=key)["Item"]
    orders: Any = unpacked(bytes(item["body"]["B"]))
    assert (orders["jit_config"], orders["runner_id"]) == ("", 0)
    assert orders["registration"]["url"] == f"{stack.github.url}/{REPOSITORY}"

    wanted = {"scope": REPOSITORY, "name": orders["runner_name"], "labels": orders["labels"], "ephemeral": True}
    bearer = {"Authorization": f"Bearer {orders['registration']['token']}"}
    assert httpx.post(f"{stack.github.url}/_runner/register", json=wanted, headers=bearer).status_code == 200
    assert stack.runner(machine).labels == ("paddock/cpu=2/arch=x64",)
    stack.github.cancel_run(REPOSITORY, run.run_id)
    stack.drain("events")
    assert [one for one in stack.github.runners() if machine in one.name] == []
    stack.switch_off(machine)
    stack.drain("events")


def test_a_request_that_must_come_back_is_deferred_and_kept(stack: Stack) -> None:
    """DynamoDB cannot be reached: the message is not deleted, and hidden for less than its loan; later it is done."""

    def away(**_: object) -> None:
        raise EndpointConnectionError(endpoint_url="https://dynamodb")

    hook = "before-call.dynamodb"
    hooks = stack.profile.clients().dynamodb.meta.events
    hooks.register(hook, away)
    run = stack.github.start_run(REPOSITORY, [JobScript("build", ("paddock/cpu=2/arch=x64",))])
    try:
        assert stack.github.drain()
        assert stack.pump("jobs") == 1
    finally:
        hooks.unregister(hook, away)
    assert stack.profile.jobs().depth() == Depth(waiting=0, on_loan=1, dead=0)
    message: Any
    (message,) = sqs_backends[ACCOUNT][REGION].get_queue(stack.queues["jobs"].rpartition("/")[2])._messages
    assert message.visible_at - message.sent_timestamp <= 20_000  # of a loan of 30,000 ms
    message.change_visibility(0)
    stack.drain("jobs")
    assert stack.job(run.job_ids[0]).state is JobState.LAUNCHED
    stack.github.cancel_run(REPOSITORY, run.run_id)
    stack.drain("events")


def test_a_text_that_cannot_be_read_is_a_dead_letter(stack: Stack) -> None:
    """At once, on every queue, and it is no longer on its own."""
    for name in ("jobs", "events", "reports"):
        stack.send(name, "no JSON")
        stack.drain(name)
        assert stack.dead(name) == ["no JSON"]


def test_a_configuration_that_cannot_be_used_names_what_is_wrong(stack: Stack) -> None:
    """Every problem with its line; mended, the same process goes on."""
    fresh = AwsProfile()
    good = stack.clients.s3.get_object(Bucket=stack.bucket, Key="config/paddock.yml")["Body"].read()
    stack.clients.s3.put_object(Bucket=stack.bucket, Key="config/paddock.yml", Body=b"version: 1\ngithub: {}\n")
    try:
        with pytest.raises(InvalidConfig, match=r"paddock\.yml:2"):
            fresh.config()
    finally:
        stack.clients.s3.put_object(Bucket=stack.bucket, Key="config/paddock.yml", Body=good)
    assert fresh.config().settings.repositories == (REPOSITORY,)
    fresh.clients().s3.close()
