"""A fleet for `paddock doctor` to look at: a stack on moto that is well, and a GitHub that knows its App."""

import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from email.utils import formatdate
from pathlib import Path
from time import time
from typing import Any
from unittest.mock import patch

import attrs

from paddock.adapters.aws.cloudformation import Stacks
from paddock.adapters.aws.health.account import SPOT_ROLE_NAME
from paddock.adapters.system import SystemClock
from paddock.core.task import EVERY, Task, TaskReport
from paddock.core.units import DAY, HOUR, MINUTE, Moment, rfc3339
from paddock.entrypoints.aws_operator import open_stack
from paddock.entrypoints.aws_stack.exported import variables_of
from paddock.entrypoints.containers import State
from tests.aws.desk import Desk, operators_desk
from tests.aws.judge import REGION
from tests.aws.machine import ACCOUNT, Front
from tests.aws.moto_types import TYPES
from tests.github_client import API, key_pair
from tests.http_stub import Answer, HttpStub, Seen, http_stub

PAGE = Path(__file__).parents[2] / "docs/operating.md"
HOOK = "/hook"
INSTALLATION = f"{API}/repos/acme/shop/installation"
ALL = {
    "actions": "write",
    "administration": "write",
    "checks": "write",
    "metadata": "read",
    "organization_self_hosted_runners": "write",
}
EVENTS = ["workflow_job", "workflow_run"]
RUNNER = "2.336.0"
SHA256 = "ab" * 32
CHANNEL = "slack: {webhook: {env: SLACK_HOOK}}"


def config(github: str, key: Path, more: str = "") -> str:
    """A paddock.yml of that GitHub's App."""
    return f"""
version: 1
github:
  url: {github}
  webhook_secret: {{env: HOOK_SECRET}}
  app: {{id: 12345, private_key: {{file: {key}}}}}
  repositories: [acme/shop]
limits: {{machines: 20}}
{more}
"""


class Known:
    """What GitHub answers, all well at first. ``ahead`` is how far its clock is ahead, in seconds."""

    def __init__(self, stub: HttpStub) -> None:
        self.stub = stub
        self.now: Moment = SystemClock().now()
        self.ahead = 0
        self._app: dict[str, Any] = {}
        self.well()

    @property
    def url(self) -> str:
        """Where webhooks go."""
        return f"{self.stub.url}{HOOK}"

    def say(self, line: str, body: object, status: int = 200) -> None:
        """Answer this to ``METHOD /path`` below the interface."""
        method, _, path = line.partition(" ")

        def answer(_: Seen) -> Answer:
            return Answer(status, body, {"Date": formatdate(time() + self.ahead, usegmt=True)})

        self.stub.on(f"{method} {API}{path}", answer)

    def well(self) -> None:
        """All is as it should be."""
        self.ahead = 0
        self.app()
        self.hook()
        self.installation()
        self.deliveries([(1, 202), (2, 202)])
        self.say("GET /rate_limit", {"rate": {"limit": 5000, "remaining": 4998}})
        minted = {"token": "ghs_1", "expires_at": rfc3339(self.now + HOUR)}
        self.say("POST /app/installations/7/access_tokens", minted, 201)
        self.releases((RUNNER, self.now - DAY))
        name = f"actions-runner-linux-x64-{RUNNER}.tar.gz"
        download = {
            "os": "linux",
            "architecture": "x64",
            "download_url": f"https://github.com/actions/runner/{name}",
            "filename": name,
            "sha256_checksum": SHA256,
        }
        self.say("GET /repos/acme/shop/actions/runners/downloads", [download])
        digest = {"assets": [{"name": name, "digest": f"sha256:{SHA256}"}], "body": ""}
        self.say(f"GET /repos/actions/runner/releases/tags/v{RUNNER}", digest)
        self.stub.on(f"POST {HOOK}", Answer(401, b"the signature is missing"))

    def app(self, **changes: Any) -> None:  # noqa: ANN401 - any field
        """``GET /app``, with these changes besides those before; without any: as it should be."""
        owner = {"login": "acme", "type": "Organization"}
        well = {"slug": "paddock", "owner": owner, "permissions": ALL, "events": EVENTS}
        self._app = {**(self._app if changes else well), **changes}
        self.say("GET /app", self._app)

    def hook(self, **changes: Any) -> None:  # noqa: ANN401 - as above
        """``GET /app/hook/config``."""
        settings = {"url": self.url, "content_type": "json", "insecure_ssl": "0", "secret": "********"}
        self.say("GET /app/hook/config", {**settings, **changes})

    def installation(self, **changes: Any) -> None:  # noqa: ANN401 - as above
        """``GET …/installation``."""
        body = {
            "id": 7,
            "account": {"login": "acme"},
            "permissions": ALL,
            "events": EVENTS,
            "suspended_at": None,
            "html_url": f"{self.stub.url}/organizations/acme/settings/installations/7",
        }
        self.say("GET /repos/acme/shop/installation", {**body, **changes})

    def deliveries(self, given: Sequence[tuple[int, int]]) -> None:
        """GitHub's log: events by number, with the status that each attempt had, newest first."""
        log = [
            {"guid": f"g-{number}", "delivered_at": rfc3339(self.now - ago * MINUTE), "status_code": status}
            for ago, (number, status) in enumerate(given, 1)
        ]
        self.say("GET /app/hook/deliveries", log)

    def releases(self, *found: tuple[str, Moment]) -> None:
        """The runner's, with when each came out; a draft and one before its time count for nothing."""
        told: list[dict[str, object]] = [
            {"tag_name": "v9.0.0", "draft": True, "published_at": None},
            {"tag_name": "v8.0.0", "prerelease": True, "published_at": rfc3339(self.now - 300 * DAY)},
        ]
        told += [{"tag_name": f"v{version}", "published_at": rfc3339(published)} for version, published in found]
        self.say("GET /repos/actions/runner/releases", told)


class Account(Front):
    """AWS: moto, but for what it lacks. ``quotas`` are by their codes, ``edits`` are made to answers, by operation."""

    def __init__(self, stub: HttpStub, behind: str) -> None:
        super().__init__(stub, behind)
        self.quotas = {"L-1216C47A": 640.0, "L-34B43A08": 640.0}
        self.edits: dict[str, Callable[[bytes], bytes]] = {}
        self.ahead = 0  # seconds that AWS's clock is

    def actions(self) -> set[str]:
        """What was asked for, as IAM calls it, without the service."""
        return {self._action(seen) for seen in self.seen}

    def _action(self, seen: Seen) -> str:
        if seen.method != "GET":
            return self.operation(seen)
        ends = {"configuration": "GetFunctionConfiguration", "concurrency": "GetFunctionConcurrency"}
        if "event-source-mappings" in seen.path:
            return "ListEventSourceMappings"
        return ends.get(seen.path.rpartition("/")[2], "GetObject")

    def answer(self, seen: Seen) -> Answer:
        """See `Front`."""
        operation = self.operation(seen)
        if operation == "GetServiceQuota":
            self.seen.append(seen)
            body: object = {"Quota": {"Value": self.quotas[seen.json["QuotaCode"]]}}
            return Answer(200, body, {"Content-Type": "application/x-amz-json-1.1"})
        found = super().answer(seen)
        edit = self.edits.get(operation)
        if edit is not None and isinstance(found.body, bytes):
            found = attrs.evolve(found, body=edit(found.body))
        date = formatdate(time() + self.ahead, usegmt=True)
        return attrs.evolve(found, headers={**found.headers, "Date": date})


@attrs.frozen
class Clinic:
    """A fleet that is well, and what there is to make it ill."""

    desk: Desk
    account: Account
    github: Known
    _clients: dict[str, Any] = attrs.field(factory=dict)

    def client(self, service: str) -> Any:  # noqa: ANN401 - botocore makes the classes of clients as it runs
        """A client of the account, past what stands before it; the same one each time."""
        if service not in self._clients:
            self._clients[service] = self.desk.client(service)
        return self._clients[service]

    def doctor(self, *words: str) -> tuple[int, str, str]:
        """Ask about the stack."""
        with patch.dict(os.environ, {"AWS_ENDPOINT_URL": self.account.url}):
            return self.desk.called("doctor", "--env", "dev", *words)

    def outputs(self) -> Mapping[str, str]:
        """The stack's."""
        (stack,) = self.client("cloudformation").describe_stacks(StackName="paddock-dev")["Stacks"]
        return {one["OutputKey"]: one["OutputValue"] for one in stack["Outputs"]}

    @contextmanager
    def state(self) -> Iterator[State]:
        """The stack's records."""
        standing = Stacks(self.client("cloudformation")).find("paddock-dev")
        assert standing is not None
        with open_stack({**os.environ, **variables_of(standing, REGION)}, lambda _group, _found: None) as state:
            yield state

    def listened(self, topic: str) -> str:
        """Have somebody listen to a topic; the subscription's ARN."""
        endpoint = f"arn:aws:sqs:{REGION}:{ACCOUNT}:x"
        made = self.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=endpoint)
        return str(made["SubscriptionArn"])


@contextmanager
def clinic(home: Path) -> Iterator[Clinic]:
    """A stack that is deployed and looked after, and a GitHub."""
    with http_stub() as stub, operators_desk(home) as desk, http_stub() as front:
        (home / "app.pem").write_text(key_pair()[0], encoding="utf-8")
        (home / "paddock.yml").write_text(config(stub.url, home / "app.pem", CHANNEL), encoding="utf-8")
        github = Known(stub)
        (url,) = (one for one in TYPES if one.kind == "AWS::Lambda::Url")  # type: ignore[attr-defined]
        told = patch.dict(os.environ, {"SLACK_HOOK": "https://hooks.slack.com/services/T0/B0/hush"})
        with told, patch.dict(url.attributes, {"FunctionUrl": github.url}):  # type: ignore[attr-defined]
            desk.deploy("dev")
        made = Clinic(desk, Account(front, desk.url), github)
        settle(made)
        yield made


def settle(made: Clinic) -> None:
    """What there is of a stack some minutes after it was made, and moto does not do."""
    made.client("iam").create_role(RoleName=SPOT_ROLE_NAME, AssumeRolePolicyDocument="{}")
    for word in ("jobs-waiting", "dead-boots"):
        ring(made, word, "OK")
    for topic in ("Topic", "ReportsTopic"):
        made.listened(made.outputs()[topic])
    ec2 = made.client("ec2")
    (table,) = (one for one in ec2.describe_route_tables()["RouteTables"] if len(one["Routes"]) > 1)
    for subnet in ec2.describe_subnets(Filters=[{"Name": "vpc-id", "Values": [table["VpcId"]]}])["Subnets"]:
        ec2.associate_route_table(RouteTableId=table["RouteTableId"], SubnetId=subnet["SubnetId"])
        ec2.modify_subnet_attribute(SubnetId=subnet["SubnetId"], MapPublicIpOnLaunch={"Value": True})
    arches = {one["ImageId"]: one["Name"] for one in ec2.describe_images(Owners=["self"])["Images"]}
    made.account.edits["DescribeImages"] = lambda body: with_arches(body, arches)
    now = SystemClock().now()
    with made.state() as state:
        for name, every in EVERY.items():
            ran = Task(name, every, began_at=now, ended_at=now, first_at=now, achieved_at=now, report=TaskReport())
            state.table.tasks.add(ran)


def with_arches(body: bytes, arches: Mapping[str, str]) -> bytes:
    """A description of images with their processors, which moto does not keep."""
    for image, arch in arches.items():
        tag = f"<imageId>{image}</imageId>".encode()
        body = body.replace(tag, tag + f"<architecture>{arch}</architecture>".encode())
    return body


def documented_checks() -> set[str]:
    """The checks that the page has in its table."""
    section = PAGE.read_text(encoding="utf-8").partition("## Is it well?")[2].partition("\n## ")[0]
    first = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    return {name for cell in first for name in re.findall("`([^`]+)`", cell)}


def ring(made: Clinic, word: str, state: str) -> None:
    """Have an alarm be in this state."""
    cloudwatch, name = made.client("cloudwatch"), f"paddock-dev-{word}"
    cloudwatch.put_metric_alarm(
        AlarmName=name,
        AlarmDescription=f"What to do about {word}.",
        AlarmActions=[made.outputs()["Topic"]],
        MetricName="x",
        Namespace="Paddock",
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="GreaterThanThreshold",
    )
    cloudwatch.set_alarm_state(AlarmName=name, StateValue=state, StateReason="a test")
