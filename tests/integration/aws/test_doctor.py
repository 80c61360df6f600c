"""`paddock doctor` of a stack on moto: one that is well has nothing to mend; each fault gives its finding and fix."""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import attrs
import pytest

from paddock.adapters.aws.health.account import SPOT_ROLE_NAME
from paddock.adapters.github.manifest import NO_URL
from paddock.core.health.finding import REPORT
from paddock.entrypoints.aws_operator.policy import DOCTOR
from tests.aws.clinic import Clinic, clinic, documented_checks, ring
from tests.aws.judge import REGION
from tests.aws.machine import fault as fault_of
from tests.aws.machine import xml_fault
from tests.contracts import breaches
from tests.http_stub import Answer

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def well(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clinic]:
    """A fleet that is well; whoever makes it ill mends it again."""
    with clinic(tmp_path_factory.mktemp("desk")) as made:
        yield made


def test_a_fleet_that_is_well_has_nothing_to_mend(well: Clinic) -> None:
    """Every check is content and on the page, the exit code 0, no secret told; the rights are those that are used.

    The alarms of another environment, whose name begins with this one's, are not its own.
    """
    ring(well, "eu-jobs-waiting", "ALARM")
    code, out, err = well.doctor()
    assert (code, err) == (0, "")
    assert out.endswith("paddock-dev: all is well\n")
    assert {line[0] for line in out.splitlines()[:-1]} == {"✓"}
    assert {line[2:].split("  ")[0] for line in out.splitlines()[:-1]} <= documented_checks()
    assert "BEGIN" not in out
    assert "hush" not in out
    assert "signs with" not in out
    allowed = {action for statement in DOCTOR for action in statement["Action"]}
    assert well.account.actions() == {action.partition(":")[2] for action in allowed}
    assert {name for name in well.account.actions() if not name.startswith(("Get", "Describe", "List"))} == set()


@attrs.frozen
class Fault:
    """Something that goes wrong. ``plant`` does it, and gives what undoes it; the rest is how it is found."""

    plant: Callable[[Clinic], Callable[[], object]]
    check: str
    verdict: str
    found: str
    fix: str


def edited(operation: str, old: str, new: str) -> Callable[[Clinic], Callable[[], object]]:
    """Have an answer of AWS's say something else."""

    def plant(well: Clinic) -> Callable[[], object]:
        before = well.account.edits.get(operation, bytes)
        well.account.edits[operation] = lambda body: before(body).replace(old.encode(), new.encode())
        return lambda: well.account.edits.__setitem__(operation, before)

    return plant


def told(name: str, value: Any) -> Callable[[Clinic], Callable[[], object]]:  # noqa: ANN401 - any setting
    """Set something of the account."""

    def plant(well: Clinic) -> Callable[[], object]:
        before = getattr(well.account, name)
        setattr(well.account, name, value)
        return lambda: setattr(well.account, name, before)

    return plant


def other_file(name: str) -> Callable[[Clinic], Callable[[], object]]:
    """Have a file here be another one than was deployed."""

    def plant(well: Clinic) -> Callable[[], object]:
        path = well.desk.home / name
        before = path.read_bytes()
        path.write_bytes(before + b"\n# another one")
        return lambda: path.write_bytes(before)

    return plant


def called(service: str, do: str, undo: str, more: str = "", **given: Any) -> Callable[[Clinic], Callable[[], object]]:  # noqa: ANN401 - parameters of AWS's
    """Call an operation; another one of the same parameters undoes it, with those that `more` names in JSON."""

    def plant(well: Clinic) -> Callable[[], object]:
        client = well.client(service)
        getattr(client, do)(**given)
        kept = {**given, **json.loads(more or "{}")}
        return lambda: getattr(client, undo)(**{name: value for name, value in kept.items() if value is not None})

    return plant


def no_public_address(well: Clinic) -> Callable[[], object]:
    ec2 = well.client("ec2")
    subnets = json.loads(well.desk.variables("dev", "dispatch")["PADDOCK_SUBNETS"])

    def public(*, value: bool) -> None:
        ec2.modify_subnet_attribute(SubnetId=subnets["eu-west-1a"], MapPublicIpOnLaunch={"Value": value})

    public(value=False)
    return lambda: public(value=True)


def mapping_off(well: Clinic) -> Callable[[], object]:
    functions = well.client("lambda")
    (one,) = functions.list_event_source_mappings(FunctionName="paddock-dev-events")["EventSourceMappings"]
    functions.update_event_source_mapping(UUID=one["UUID"], Enabled=False)
    return lambda: functions.update_event_source_mapping(UUID=one["UUID"], Enabled=True)


def dead_letter(well: Clinic) -> Callable[[], object]:
    sqs, url = well.client("sqs"), well.outputs()["JobsDeadUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="x")
    return lambda: sqs.purge_queue(QueueUrl=url)


def task_gone(well: Clinic) -> Callable[[], object]:
    with well.state() as state:
        (task,) = (one for one in state.tasks.all() if one.name == "mirror")
        state.table.tasks.remove("mirror")

    def undo() -> None:
        with well.state() as state:
            state.table.tasks.add(task)

    return undo


def paused(well: Clinic) -> Callable[[], object]:
    with well.state() as state:
        state.operate.pause("a new disk")

    def undo() -> None:
        with well.state() as state:
            state.operate.resume()

    return undo


def rings(well: Clinic) -> Callable[[], object]:
    ring(well, "jobs-waiting", "ALARM")
    return lambda: ring(well, "jobs-waiting", "OK")


def unheard(output: str) -> Callable[[Clinic], Callable[[], object]]:
    """Have nobody listen to a topic, not even the channel."""

    def plant(well: Clinic) -> Callable[[], object]:
        sns, topic = well.client("sns"), well.outputs()[output]
        for one in sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]:
            sns.unsubscribe(SubscriptionArn=one["SubscriptionArn"])
        return lambda: well.listened(topic)

    return plant


def no_rule(well: Clinic) -> Callable[[], object]:
    events, name = well.client("events"), "paddock-dev-storm"
    rule = events.describe_rule(Name=name)
    targets = events.list_targets_by_rule(Rule=name)["Targets"]
    events.remove_targets(Rule=name, Ids=[one["Id"] for one in targets])
    events.delete_rule(Name=name)

    def undo() -> None:
        events.put_rule(Name=name, EventPattern=rule["EventPattern"])
        events.put_targets(Rule=name, Targets=targets)

    return undo


def moved_hook(well: Clinic) -> Callable[[], object]:
    well.github.hook(url="https://elsewhere.example/hook")
    return well.github.well


def shut(well: Clinic) -> Callable[[], object]:
    well.github.stub.on("POST /hook", Answer(403, b'{"Message":"Forbidden"}'))
    return well.github.well


IN_ALL = (
    Fault(told("ahead", 90), "clock, by AWS", "fail", "behind AWS's", "timedatectl set-ntp true"),
    Fault(
        other_file("build/paddock-webhook.zip"), "version", "warn", "WebhookBundle", "paddock stack deploy --env dev"
    ),
    Fault(other_file("paddock.yml"), "paddock.yml", "warn", "another one than is deployed", "paddock stack deploy"),
    Fault(
        called("iam", "delete_role", "create_role", '{"AssumeRolePolicyDocument": "{}"}', RoleName=SPOT_ROLE_NAME),
        "spot role",
        "fail",
        "no role AWSServiceRoleForEC2Spot",
        "aws iam create-service-linked-role --aws-service-name spot.amazonaws.com",
    ),
    Fault(
        told("quotas", {"L-1216C47A": 5.0, "L-34B43A08": 0.0}),
        "quota, spot",
        "fail",
        "may have 0 vCPU, and one machine for paddock takes 2",
        "--quota-code L-34B43A08 --desired-value 40 --region eu-west-1",
    ),
    Fault(
        lambda _: lambda: None,  # with the one before
        "quota, on demand",
        "warn",
        "may have 5 vCPU, and paddock.yml lets 40 be asked for at once",
        "--quota-code L-1216C47A --desired-value 40",
    ),
    Fault(
        edited("DescribeImages", "<architecture>arm64<", "<architecture>x86_64<"),
        "images",
        "fail",
        "is for x86_64",
        "stack.yml (images), or leave it out for Ubuntu 24.04; then `paddock stack deploy --env dev`",
    ),
    Fault(
        edited("DescribeInstanceTypeOfferings", "eu-west-1b", "eu-west-1a"),
        "instance types",
        "warn",
        "nothing that serves it is offered in eu-west-1b",
        "allow more families",
    ),
    Fault(
        edited("DescribeSubnets", "IpAddressCount>8187<", "IpAddressCount>5<"),
        "subnets",
        "warn",
        "15 addresses are free, and paddock.yml lets 20 machines be",
        "name larger subnets",
    ),
    Fault(
        no_public_address, "way to the internet", "fail", "machines get no public address", "modify-subnet-attribute"
    ),
    Fault(
        called(
            "lambda",
            "put_function_concurrency",
            "delete_function_concurrency",
            '{"ReservedConcurrentExecutions": null}',
            FunctionName="paddock-dev-dispatch",
            ReservedConcurrentExecutions=0,
        ),
        "functions",
        "fail",
        "paddock-dev-dispatch may not run",
        "aws lambda delete-function-concurrency --function-name paddock-dev-dispatch",
    ),
    Fault(
        called(
            "lambda",
            "put_function_concurrency",
            "delete_function_concurrency",
            '{"ReservedConcurrentExecutions": null}',
            FunctionName="paddock-dev-slack",
            ReservedConcurrentExecutions=0,
        ),
        "functions",
        "fail",
        "paddock-dev-slack may not run",
        "--function-name paddock-dev-slack",
    ),
    Fault(mapping_off, "queues' functions", "fail", "paddock-dev-events is given nothing", "--enabled"),
    Fault(
        called("events", "disable_rule", "enable_rule", Name="paddock-dev-housekeeping"),
        "schedules and rules",
        "fail",
        "paddock-dev-housekeeping is disabled",
        "aws events enable-rule --name paddock-dev-housekeeping",
    ),
    Fault(
        no_rule,
        "schedules and rules",
        "fail",
        "paddock-dev-storm is not there",
        "`paddock stack deploy --env dev` puts",
    ),
    Fault(
        called("secretsmanager", "delete_secret", "restore_secret", SecretId="paddock-dev/webhook"),
        "secrets",
        "fail",
        "the secret paddock-dev/webhook is marked to be deleted",
        "`paddock stack deploy --env dev`, without --no-secrets",
    ),
    Fault(
        called("secretsmanager", "delete_secret", "restore_secret", SecretId="paddock-dev/slack"),
        "secrets",
        "fail",
        "the secret paddock-dev/slack is marked to be deleted",
        "without --no-secrets",
    ),
    Fault(dead_letter, "dead letters", "warn", "1 of jobs", "paddock housekeeping run dead_letters"),
    Fault(task_gone, "housekeeping", "fail", "never ran: mirror", "paddock-dev-housekeeping is enabled"),
    Fault(paused, "pause", "warn", "the fleet is paused (a new disk)", "paddock resume"),
    Fault(rings, "alarms", "fail", "paddock-dev-jobs-waiting rings", "What to do about jobs-waiting."),
    Fault(
        called("cloudwatch", "disable_alarm_actions", "enable_alarm_actions", AlarmNames=["paddock-dev-dead-boots"]),
        "alarms",
        "warn",
        "paddock-dev-dead-boots tells nobody",
        "aws cloudwatch enable-alarm-actions --alarm-names paddock-dev-dead-boots",
    ),
    Fault(
        unheard("Topic"),
        "who is told",
        "warn",
        "nobody listens to the stack's topic for alarms",
        "set `email` in stack.yml and `paddock stack deploy --env dev`",
    ),
    Fault(unheard("ReportsTopic"), "who is told", "warn", "topic for the daily report", "`report_email` in stack.yml"),
    Fault(
        moved_hook, "webhook settings", "fail", "sends to https://elsewhere.example/hook", "set the webhook's URL to"
    ),
    Fault(shut, "webhook endpoint", "fail", "answers 403 before", "(`paddock stack deploy --env dev` mends that)"),
)


def test_each_fault_is_found_and_nothing_else(well: Clinic) -> None:
    """All at once, one or two of a check: each is told with its fix, in the checks' order, and no other check minds."""
    undone: list[Callable[[], object]] = []
    try:
        undone.extend(fault.plant(well) for fault in IN_ALL)
        code, out, err = well.doctor("--json")
    finally:
        for undo in reversed(undone):
            undo()
    assert re.findall(r"paddock stack deploy(?! --env dev)", out) == []
    data = json.loads(out)
    assert (code, err, breaches("doctor", data)) == (1, "", [])
    found = [one for one in data["findings"] if one["verdict"] != "ok"]
    assert [(one["check"], one["verdict"]) for one in found] == [(fault.check, fault.verdict) for fault in IN_ALL]
    for one, fault in zip(found, IN_ALL, strict=True):
        assert fault.found in one["found"]
        assert fault.fix in one["fix"]
    assert data["counts"]["fail"] == sum(1 for fault in IN_ALL if fault.verdict == "fail")
    assert (data["well"], data["fleet"], data["counts"]["unknown"]) == (False, "paddock-dev", 0)


def test_what_may_not_be_looked_at_is_unknown_and_hides_nothing(well: Clinic) -> None:
    """Somebody without some rights, against a stack: each says which, and where they stand; the others are made."""
    well.account.faults["GetRole"] = [xml_fault(403, "AccessDenied", "not authorized to perform: iam:GetRole")]
    well.account.faults["DescribeRule"] = [fault_of(400, "AccessDeniedException", "events:DescribeRule")]
    code, out, _ = well.doctor()
    lines = out.splitlines()
    asked = [number for number, line in enumerate(lines) if line.startswith("?")]
    assert [lines[number].split("  ")[0] for number in asked] == ["? spot role", "? schedules and rules"]
    assert all("docs/aws.md lists the rights" in lines[number + 1] for number in asked)
    assert (code, lines[-1]) == (1, "paddock-dev: 2 could not be looked at")


def test_an_app_that_was_made_before_its_stack(well: Clinic) -> None:
    """Its webhook has no URL yet: the command that knows the stack's is named."""
    well.github.hook(url=NO_URL)
    try:
        code, out, _ = well.doctor()
    finally:
        well.github.well()
    bad = out.partition("✗ ")[2].splitlines()
    assert (code, bad[0].partition(": ")[0]) == (1, f"{'webhook settings':<20} the App was made without a URL")
    assert "→ `paddock github webhook --env dev`, then tick 'Active' at " in bad[1]


def test_a_stack_that_was_never_made_whole(well: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    """It says nothing of itself: what needs that is unknown, with the step; and nobody else's table is read."""
    made = edited("DescribeStacks", ">CREATE_COMPLETE<", ">ROLLBACK_COMPLETE<")(well)
    status = well.account.edits["DescribeStacks"]
    well.account.edits["DescribeStacks"] = lambda body: re.sub(
        rb"<Outputs>.*</Outputs>", b"", status(body), flags=re.DOTALL
    )
    monkeypatch.setenv("PADDOCK_TABLE", "another-stack")
    try:
        code, out, _ = well.doctor("--json")
    finally:
        made()
    found = {one["check"]: one for one in json.loads(out)["findings"]}
    assert (code, found["stack"]["verdict"]) == (1, "fail")
    for check, output in (("secrets", "GithubSecret"), ("housekeeping", "Table"), ("who is told", "Topic")):
        assert (found[check]["verdict"], found[check]["found"]) == ("unknown", f"the stack has no output {output}")
        assert "`paddock stack deploy --env dev`" in found[check]["fix"]
    assert REPORT not in {one["fix"] for one in found.values()}


def test_a_stack_that_is_not_there(well: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is told once what to do, and what needs the stack says so; the account is looked at all the same."""
    monkeypatch.setenv("PADDOCK_STACK", "paddock-other")
    monkeypatch.setenv("AWS_REGION", REGION)
    code, out, _ = well.desk.called("doctor", "--profile", "aws", "--json")
    found = json.loads(out)["findings"]
    assert code == 1
    (told_,) = [one for one in found if one["verdict"] == "fail"]
    assert (told_["check"], told_["fix"][:41]) == ("stack", "`paddock stack deploy --env other` makes ")
    assert {one["check"] for one in found if one["verdict"] == "ok"} >= {"AWS credentials", "spot role"}
    assert all("which could not be had" in one["found"] for one in found if one["verdict"] == "unknown")
