"""A whole stack on a moto server, with a GitHub stand-in: its functions are driven as Lambda drives them.

What moto does otherwise than AWS is made up for here: it puts one made-up sender on every message (SQS: who signed the
request), and EC2's events go nowhere (EventBridge: to the events queue).
"""

import itertools
import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

import attrs
from boto3.session import Session

from paddock.adapters.aws.clients import Clients
from paddock.adapters.aws.ec2.settings import Ec2Settings
from paddock.adapters.memory.github import RunnerRecord
from paddock.adapters.standin import GitHubStandIn
from paddock.adapters.wire import message_text
from paddock.core.job import Job
from paddock.core.messages import ReportEvent, RunnerReported
from paddock.core.units import SECOND, rfc3339
from paddock.entrypoints.aws_lambda import dispatch, events, reports, schedules, webhook
from paddock.entrypoints.aws_lambda.batch import Answer
from paddock.entrypoints.aws_lambda.profile import AwsProfile, profile
from tests.aws.ec2 import ec2_on_moto
from tests.aws.invocations import ROLE_ID, Context, logging_kept, url_event
from tests.aws.judge import REGION
from tests.aws.table import create
from tests.http_stub import Answer as Reply
from tests.http_stub import Seen, http_stub

_NUMBERS = itertools.count()
_STARTED = (dispatch.FUNCTION, events.FUNCTION, reports.FUNCTION, schedules.FUNCTION, webhook.FUNCTION, profile)
HANDLERS: Mapping[str, Callable[[Mapping[str, Any], object], Answer]] = {
    "jobs": dispatch.handler,
    "events": events.handler,
    "reports": reports.handler,
}
REPOSITORY = "acme/shop"


@attrs.frozen
class Stack:
    """A stack with nothing in it. ``clients`` are the test's own; ``queues`` are addresses by name."""

    clients: Clients
    github: GitHubStandIn
    queues: Mapping[str, str]
    bucket: str

    @property
    def profile(self) -> AwsProfile:
        """What the functions are built of."""
        return profile()

    def pump(self, name: str, sender: str = "AIDAEXAMPLE") -> int:
        """Hand up to ten messages of a queue to its function, and delete what its answer does not name.

        Returns how many were handed over.
        """
        sqs: Any = self.clients.sqs
        found = sqs.receive_message(
            QueueUrl=self.queues[name], MaxNumberOfMessages=10, MessageSystemAttributeNames=["All"]
        ).get("Messages", [])
        if not found:
            return 0
        answer = HANDLERS[name]({"Records": [_record(message, sender) for message in found]}, Context())
        back = {each["itemIdentifier"] for each in answer["batchItemFailures"]}
        for message in found:
            if message["MessageId"] not in back:
                sqs.delete_message(QueueUrl=self.queues[name], ReceiptHandle=message["ReceiptHandle"])
        return len(found)

    def drain(self, name: str, sender: str = "AIDAEXAMPLE") -> None:
        """Pump until the queue is empty, after GitHub has told what it has to tell."""
        assert self.github.drain()
        while self.pump(name, sender):
            pass

    def sweep(self) -> None:
        """What EventBridge asks for every minute."""
        schedules.handler({"task": "sweep"}, Context())

    def start_anew(self) -> None:
        """Let the next event of each function be a cold start: what a warm one remembers is forgotten."""
        _forget()

    def report(self, report: RunnerReported) -> None:
        """Put a report on its queue, as an agent does."""
        self.send("reports", message_text(report))

    def send(self, name: str, body: str) -> None:
        """Put a text on a queue."""
        self.clients.sqs.send_message(QueueUrl=self.queues[name], MessageBody=body)

    def dead(self, name: str) -> list[str]:
        """What was given up of a queue."""
        found = self.clients.sqs.receive_message(QueueUrl=self.queues[f"{name}-dead"], MaxNumberOfMessages=10)
        return [message.get("Body", "") for message in found.get("Messages", [])]

    def machines(self) -> dict[str, str]:
        """The states of all instances of the stack, by id."""
        name = self.profile.environment().ec2.fleet
        pages = self.clients.ec2.describe_instances(Filters=[{"Name": "tag:paddock:fleet", "Values": [name]}])
        instances = [instance for one in pages["Reservations"] for instance in one.get("Instances", [])]
        return {each.get("InstanceId", ""): each.get("State", {}).get("Name", "") for each in instances}

    def job(self, number: int) -> Job:
        """The record of a job."""
        found = self.profile.table().jobs.get(str(number))
        assert found is not None
        return found

    def runner(self, machine: str) -> RunnerRecord:
        """The registration that was made for a machine."""
        (found,) = (runner for runner in self.github.runners() if machine in runner.name)
        return found

    def take_orders(self, machine: str) -> None:
        """What an agent does first, in one step."""
        self.clients.dynamodb.update_item(
            TableName=self.profile.environment().table,
            Key={"pk": {"S": f"{ROLE_ID}:{machine}"}, "sk": {"S": "ASSIGNMENT"}},
            UpdateExpression="SET taken_at = :at REMOVE body",
            ConditionExpression="attribute_exists(body)",
            ExpressionAttributeValues={":at": {"N": str(self.profile.clock().now())}},
        )

    def switch_off(self, machine: str) -> None:
        """What an agent does in the end, and what EventBridge then tells."""
        self.clients.ec2.terminate_instances(InstanceIds=[machine])
        told = {
            "version": "0",
            "detail-type": "EC2 Instance State-change Notification",
            "source": "aws.ec2",
            "time": rfc3339(self.profile.clock().now()),
            "detail": {"instance-id": machine, "state": "shutting-down"},
        }
        self.send("events", json.dumps(told))


def report_of(machine: str, job: int, runner: RunnerRecord, event: ReportEvent, **more: Any) -> RunnerReported:  # noqa: ANN401 - its other fields
    """What the agent of a machine tells."""
    now = profile().clock().now()
    return RunnerReported(event, machine, job, 1, runner.name, now, ready_at=now - SECOND, **more)


@contextmanager
def stack_on_moto() -> Iterator[Stack]:
    """A stack whose functions have not been called yet; GitHub's webhooks arrive at the webhook function."""
    with ExitStack() as cleanup:
        cleanup.enter_context(logging_kept())
        stub = cleanup.enter_context(http_stub())
        stub.answer = _webhook  # type: ignore[method-assign]  # any path
        github = cleanup.enter_context(GitHubStandIn(webhook_url=f"{stub.url}/"))
        github.add_repository(REPOSITORY)
        ec2 = cleanup.enter_context(ec2_on_moto())
        url = ec2.clients.endpoints["ec2"]
        stack = _made(cleanup, url, github, ec2.settings)
        cleanup.callback(_forget)
        _forget()
        yield stack


def _made(cleanup: ExitStack, url: str, github: GitHubStandIn, ec2: Ec2Settings) -> Stack:
    number = next(_NUMBERS)  # the server is a new one, what is behind it is not
    session = Session(aws_access_key_id="test", aws_secret_access_key="test", region_name=REGION)
    services = ("dynamodb", "ec2", "s3", "sqs")
    clients = Clients(REGION, dict.fromkeys(services, url), session=session)
    cleanup.callback(clients.close)
    secretsmanager: Any = session.client("secretsmanager", endpoint_url=url)
    cleanup.callback(secretsmanager.close)
    queues = {}
    for name in HANDLERS:
        for word in (name, f"{name}-dead"):
            queues[word] = clients.sqs.create_queue(QueueName=f"stack-{number}-{word}")["QueueUrl"]
            cleanup.callback(clients.sqs.delete_queue, QueueUrl=queues[word])
    table, bucket = f"stack-{number}", f"stack-{number}-config"
    create(clients, table)
    s3: Any = clients.s3
    for name in (bucket, f"stack-{number}-cache", f"stack-{number}-archive"):
        s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
    s3.put_object(Bucket=bucket, Key="config/paddock.yml", Body=_config(github).encode())
    secrets = {"github": github.credentials.private_key, "webhook": github.webhook_secret}
    for word, text in secrets.items():
        secretsmanager.create_secret(Name=f"stack-{number}/{word}", SecretString=text)
    templates = [attrs.asdict(template) for template in ec2.templates]
    variables = {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_ENDPOINT_URL": url,
        "AWS_REGION": REGION,
        "PADDOCK_STACK": ec2.fleet,
        "PADDOCK_TABLE": table,
        "PADDOCK_CONFIG": f"s3://{bucket}/config/paddock.yml",
        "PADDOCK_ARCHIVE_BUCKET": f"stack-{number}-archive",
        "PADDOCK_CACHE_BUCKET": f"stack-{number}-cache",
        "PADDOCK_ROLE_ID": ROLE_ID,
        "PADDOCK_SUBNETS": json.dumps(dict(ec2.subnets)),
        "PADDOCK_TEMPLATES": json.dumps(templates),
        "PADDOCK_GITHUB_SECRET": f"stack-{number}/github",
        "PADDOCK_WEBHOOK_SECRET": f"stack-{number}/webhook",
    }
    for name in HANDLERS:
        variables[f"PADDOCK_{name.upper()}_URL"] = queues[name]
        variables[f"PADDOCK_{name.upper()}_DEAD_URL"] = queues[f"{name}-dead"]
    cleanup.enter_context(patch.dict(os.environ, variables))
    return Stack(clients, github, queues, bucket)


def _config(github: GitHubStandIn) -> str:
    return "\n".join(
        (
            "version: 1",
            "github:",
            f"  url: {github.url}",
            "  webhook_secret: {env: NOT_FOLLOWED_ON_AWS}",
            f"  app: {{id: {github.credentials.app_id}, private_key: {{env: NOT_FOLLOWED_ON_AWS}}}}",
            f"  repositories: [{REPOSITORY}]",
            "costs: {live: false}",  # moto has no prices
        )
    )


def _webhook(seen: Seen) -> Reply:
    """What the function's URL does: the request as an event, the answer as a reply."""
    answer: Any = webhook.handler(url_event(seen.body.decode(), seen.headers, method=seen.method), Context())
    return Reply(answer["statusCode"], answer["body"].encode(), answer["headers"])


def _record(message: Mapping[str, Any], sender: str) -> dict[str, Any]:
    return {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": {**message["Attributes"], "SenderId": sender},
    }


def _forget() -> None:
    """Let go of what the functions have built, and of their connections: the next event is a cold start."""
    for made in profile._made:
        made.clients().close()
        made.client().close()
        made.secrets()._service._connection.close()
    for function in webhook.FUNCTION._made:
        intake: Any = function.endpoint._intake
        intake._jobs._sqs._connection.close()
        read: Any = function.secrets._read
        for cell in read.__closure__:
            if hasattr(cell.cell_contents, "_service"):
                cell.cell_contents._service._connection.close()
    for one in _STARTED:
        one._made.clear()
