"""The stack's template: what its functions need is there, nothing is open that need not be, and nothing idles."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from cfnlint.api import ManualArgs, lint  # type: ignore[import-untyped]

from paddock.adapters.aws.alarm_events import SPOT, pattern
from paddock.adapters.aws.cloud_events import PATTERNS
from paddock.adapters.aws.dynamodb.definition import TABLE
from paddock.adapters.aws.stack import RUNTIME, Image, Names, Shape, Zone, body, rendered
from paddock.adapters.aws.stack.fragments import fragment, merged
from paddock.agent.aws.config import parse_config
from paddock.core.errors import InvalidInput
from paddock.core.spec import Arch
from paddock.entrypoints.aws_lambda.fleet_settings import fleet_environment
from paddock.entrypoints.aws_lambda.settings import webhook_settings
from paddock.entrypoints.aws_lambda.slack import slack_settings
from tests.aws.cloudformation import Made
from tests.aws.judge import REGION
from tests.aws.shapes import SHAPES, made, template

ROOT = Path(__file__).parents[3]
EVERY_SHAPE = pytest.mark.parametrize("shape", SHAPES)
FUNCTIONS = ("webhook", "dispatch", "events", "reports", "schedules")


def functions_of(shape: str) -> tuple[str, ...]:
    """The functions that a stack of this shape has."""
    return (*FUNCTIONS, "slack") if SHAPES[shape].slack else FUNCTIONS


@pytest.mark.slow
@EVERY_SHAPE
def test_the_linter_of_cloudformation_has_nothing_to_say(shape: str) -> None:
    """Neither an error nor a warning, in whatever shape."""
    assert complaints(body(template(shape))) == []


@pytest.mark.slow
def test_the_linter_does_find_what_is_wrong() -> None:
    """A word that Lambda does not know is complained of."""
    wrong = json.loads(body(template("one-zone")))
    wrong["Resources"]["WebhookUrl"]["Properties"]["AuthType"] = "SOMETIMES"
    assert [one for one in complaints(json.dumps(wrong)) if "SOMETIMES" in one]


def complaints(text: str) -> list[str]:
    """What cfn-lint says of a template, by all of its rules that are no mere advice."""
    return [str(found) for found in lint(text, config=ManualArgs(regions=[REGION]))]


def test_the_same_shape_gives_the_same_bytes() -> None:
    """So a change set shows what changed, and nothing else."""
    assert body(rendered(SHAPES["new"])) == body(rendered(SHAPES["new"]))


@EVERY_SHAPE
def test_every_function_has_the_variables_that_it_reads(shape: str) -> None:
    """Its own settings are read from what the template gives it, and mean what the stack made."""
    stack = made(shape, Aliases='[{"match": "linux-*", "runs_on": "paddock/cpu=4"}]')
    functions = stack.of("AWS::Lambda::Function")
    assert set(functions) == {f"{word.title()}Function" for word in functions_of(shape)}
    webhook = webhook_settings(variables(functions["WebhookFunction"]))
    assert webhook.stack == "paddock-dev"
    assert [alias.match for alias in webhook.aliases] == ["linux-*"]
    for word in FUNCTIONS[1:]:
        found = fleet_environment(variables(functions[f"{word.title()}Function"]))
        assert found.jobs.url == webhook.jobs_url
        assert found.events.url == webhook.events_url
        assert found.ec2.fleet == "paddock-dev"
        assert list(found.ec2.subnets) == [zone.name for zone in SHAPES[shape].zones]
        assert [(each.arch, each.image) for each in found.ec2.templates] == [
            (each.arch, each.name) for each in SHAPES[shape].images
        ]
        assert found.role_id == stack.worked_out({"Fn::GetAtt": ["MachineRole", "RoleId"]})
        assert {found.cache, found.archive} == {one["BucketName"] for one in stack.of("AWS::S3::Bucket").values()}
        assert (found.config.bucket, found.config.key) == (stack.parameter("DeployBucket"), "config/3/paddock.yml")


def variables(function: dict[str, Any]) -> dict[str, str]:
    """The environment of a function, with what Lambda adds."""
    own: dict[str, str] = function["Environment"]["Variables"]
    assert sum(len(name) + len(value) for name, value in own.items()) < 4096, "Lambda takes 4 KB"
    return {**own, "AWS_REGION": REGION}


def test_functions_run_what_their_bundles_are_made_for() -> None:
    """The runtime is that of the bytecode, the processor that of the compiled parts, the handler that of the module."""
    built = dict(re.findall(r'^(LAMBDA_PYTHON) = "(.+)"$', (ROOT / "noxfile.py").read_text("utf-8"), re.MULTILINE))
    assert f"python{built['LAMBDA_PYTHON']}" == RUNTIME
    for name, function in made().of("AWS::Lambda::Function").items():
        word = name.removesuffix("Function").lower()
        assert function["Runtime"] == RUNTIME
        assert function["Architectures"] == ["arm64"]
        assert function["Handler"] == f"paddock.entrypoints.aws_lambda.{word}.handler"
        assert (ROOT / f"src/entrypoints/{function['Handler'].removesuffix('.handler').replace('.', '/')}.py").is_file()
        bundle = "WebhookBundle" if word == "webhook" else "FunctionsBundle"
        assert function["Code"]["S3Key"] == made().parameter(bundle)


@EVERY_SHAPE
def test_every_queue_has_its_dead_letters_and_its_time(shape: str) -> None:
    """Five receives, fourteen days, six times the function's time-out; and the function says what must come back."""
    stack = made(shape)
    queues = stack.of("AWS::SQS::Queue")
    arns = {stack.worked_out({"Fn::GetAtt": [name, "Arn"]}): name for name in queues}
    dead = {name for name in queues if name.endswith("DeadQueue")}
    assert {name.removesuffix("Queue") for name in set(queues) - dead} == {"Jobs", "Events", "Reports"}
    for name, queue in queues.items():
        assert queue["MessageRetentionPeriod"] == 14 * 24 * 3600
        assert queue["SqsManagedSseEnabled"] is True
        assert "FifoQueue" not in queue, "adapters speak to standard queues"
        if name in dead:
            assert "RedrivePolicy" not in queue
            continue
        assert arns[queue["RedrivePolicy"]["deadLetterTargetArn"]] == name.replace("Queue", "DeadQueue")
        assert queue["RedrivePolicy"]["maxReceiveCount"] == 5
    mappings = stack.of("AWS::Lambda::EventSourceMapping")
    assert {arns[one["EventSourceArn"]] for one in mappings.values()} == set(queues) - dead
    functions = {one["FunctionName"]: one for one in stack.of("AWS::Lambda::Function").values()}
    for one in mappings.values():
        timeout = functions[one["FunctionName"]]["Timeout"]
        assert queues[arns[one["EventSourceArn"]]]["VisibilityTimeout"] == 6 * timeout
        assert one["FunctionResponseTypes"] == ["ReportBatchItemFailures"]


@EVERY_SHAPE
def test_nothing_is_public_but_the_webhook(shape: str) -> None:
    """Whom everybody may call is one function, by its URL; buckets are closed; no machine can be reached."""
    stack = made(shape)
    rights = stack.of("AWS::Lambda::Permission")
    public = {name: one for name, one in rights.items() if one["Principal"] == "*"}
    assert {one["FunctionName"] for one in public.values()} == {"paddock-dev-webhook"}
    assert sorted(one["Action"] for one in public.values()) == ["lambda:InvokeFunction", "lambda:InvokeFunctionUrl"]
    for one in public.values():
        assert one.get("FunctionUrlAuthType") == "NONE" or one.get("InvokedViaFunctionUrl") is True
    assert all(one["SourceArn"] for name, one in rights.items() if name not in public)
    (url,) = stack.of("AWS::Lambda::Url").values()
    assert url["TargetFunctionArn"].endswith(":function:paddock-dev-webhook")
    for bucket in stack.of("AWS::S3::Bucket").values():
        assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    for group in stack.of("AWS::EC2::SecurityGroup").values():
        assert "SecurityGroupIngress" not in group
    for kind in ("AWS::SQS::QueuePolicy", "AWS::SNS::TopicPolicy", "AWS::S3::BucketPolicy"):
        for policy in stack.of(kind).values():
            for one in policy["PolicyDocument"]["Statement"]:
                assert one["Effect"] == "Deny" or (set(one["Principal"]) == {"Service"} and one["Condition"])


@EVERY_SHAPE
def test_what_is_kept_is_encrypted_and_forgotten_in_time(shape: str) -> None:
    """Buckets and queues by keys that cost nothing; logs have a retention, buckets a lifecycle; uploads end."""
    stack = made(shape, LogDays=7, DiagnosisDays=3, ArchiveDays=90)
    groups = stack.of("AWS::Logs::LogGroup")
    assert len(groups) == len(functions_of(shape)) + 1
    assert {group["RetentionInDays"] for group in groups.values()} == {7}
    named = {group["LogGroupName"] for group in groups.values()}
    assert {one["LoggingConfig"]["LogGroup"] for one in stack.of("AWS::Lambda::Function").values()} < named
    days: dict[str, int] = {}
    for name, bucket in stack.of("AWS::S3::Bucket").items():
        (rule,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        assert rule == {"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
        rules = {one["Id"]: one for one in bucket["LifecycleConfiguration"]["Rules"]}
        assert rules["uploads"]["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 1}
        days |= {f"{name}/{one['Prefix']}": one["ExpirationInDays"] for one in rules.values() if "Prefix" in one}
    kept = {"ArchiveBucket/jobs/": 90, "ArchiveBucket/pools/": 90, "ArchiveBucket/diag/": 3}
    assert days == {"CacheBucket/runners/": 60, **kept}
    assert stack.of("AWS::DynamoDB::Table") == {"Table": {"TableName": "paddock-dev", **TABLE}}
    assert stack.of("AWS::KMS::Key") == {}


@EVERY_SHAPE
def test_machines_are_launched_as_they_must_be(shape: str) -> None:
    """Metadata with tokens and tags, one hop, disks encrypted and gone with the machine, and off means terminated."""
    stack = made(shape)
    templates = stack.of("AWS::EC2::LaunchTemplate")
    assert len(templates) == len(SHAPES[shape].images)
    for image in SHAPES[shape].images:
        data = templates[f"LaunchTemplate{image.logical}"]["LaunchTemplateData"]
        assert data["MetadataOptions"] == {
            "HttpEndpoint": "enabled",
            "HttpTokens": "required",
            "HttpPutResponseHopLimit": 1,
            "InstanceMetadataTags": "enabled",
        }
        assert data["InstanceInitiatedShutdownBehavior"] == "terminate"
        (disk,) = data["BlockDeviceMappings"]
        assert disk["DeviceName"] == image.root_device
        assert disk["Ebs"] == {"VolumeType": "gp3", "Encrypted": True, "DeleteOnTermination": True}
        assert data["ImageId"].startswith("ami-")
        tags = [{one["Key"]: one["Value"] for one in spec["Tags"]} for spec in data.get("TagSpecifications", [])]
        assert tags == ([dict(SHAPES[shape].tags)] * 2 if SHAPES[shape].tags else [])


@EVERY_SHAPE
def test_each_architecture_has_images_of_its_own(shape: str) -> None:
    """Where Ubuntu is looked up names the processor; the functions are told which template is whose."""
    stack = made(shape)
    processors = {Arch.X64: "amd64", Arch.ARM64: "arm64"}
    found = fleet_environment(variables(stack.properties("DispatchFunction")))
    for image, told in zip(SHAPES[shape].images, found.ec2.templates, strict=True):
        assert (told.arch, told.image) == (image.arch, image.name)
        assert told.id == stack.worked_out({"Ref": f"LaunchTemplate{image.logical}"})
        template = stack.properties(f"LaunchTemplate{image.logical}")["LaunchTemplateData"]
        assert template["ImageId"] == stack.parameter(f"Image{image.logical}")
        where = stack.template["Parameters"][f"Image{image.logical}"]["Default"]
        assert where == image.source or f"/{processors[image.arch]}/" in where


@EVERY_SHAPE
def test_the_agent_understands_what_its_machine_is_told(shape: str) -> None:
    """The user data's settings are read by the agent's own reader and name the stack's parts."""
    stack = made(shape, MachineLifetime=7200, JobsMaySudo="no")
    for image in SHAPES[shape].images:
        data = stack.of("AWS::EC2::LaunchTemplate")[f"LaunchTemplate{image.logical}"]["LaunchTemplateData"]
        text = data["UserData"]
        assert "${" not in text
        assert len(text) < 16_384
        document = yaml.safe_load(text)
        told = {one["path"]: one["content"] for one in document["write_files"] if "encoding" not in one}
        config = parse_config(json.loads(told["/etc/paddock/agent.json"]))
        assert config.unknown == ()
        functions = fleet_environment(variables(stack.of("AWS::Lambda::Function")["ReportsFunction"]))
        assert (config.table, config.reports_queue_url) == (functions.table, functions.reports.url)
        assert (config.region, config.role_id) == (REGION, functions.role_id)
        assert (config.cache_bucket, config.archive_bucket) == (functions.cache, functions.archive)
        assert config.log_group == stack.properties("MachineLogs")["LogGroupName"]
        assert (config.settings.baked is not None) == image.baked
        boot = json.loads(told["/etc/paddock/boot.json"])
        digest = stack.parameter("AgentSha256")
        assert boot["key"] == f"agent/{digest}/paddock-agent.pyz"
        assert (boot["bucket"], boot["sha256"], boot["region"]) == (functions.cache, digest, REGION)
        assert "Sec=7200s\n" in told["/etc/systemd/system/paddock-deadline.timer.d/lifetime.conf"]
        assert "--sudo no" in document["runcmd"][0]


def test_rules_ask_for_what_the_functions_understand() -> None:
    """EC2's events go to the events queue, which takes them from these rules alone; the clock calls housekeeping."""
    stack = made(MachineEndings="ENABLED")
    rules = stack.of("AWS::Events::Rule")
    patterns = {
        name.removeprefix("paddock-dev-"): rule["EventPattern"]
        for rule in rules.values()
        if (name := rule["Name"]) and "EventPattern" in rule
    }
    storm = pattern(f"paddock-dev-{SPOT}")
    assert patterns == {**{name: dict(one) for name, one in PATTERNS.items()}, "storm": storm}
    assert f"paddock-dev-{SPOT}" in {one["AlarmName"] for one in stack.of("AWS::CloudWatch::Alarm").values()}
    events = stack.worked_out({"Fn::GetAtt": ["EventsQueue", "Arn"]})
    (policy,) = stack.of("AWS::SQS::QueuePolicy").values()
    (statement,) = policy["PolicyDocument"]["Statement"]
    told = [name for name, rule in rules.items() if rule["Targets"][0]["Arn"] == events]
    assert told[-1] == "StormRule"
    assert statement["Resource"] == events
    assert statement["Condition"]["ArnEquals"]["aws:SourceArn"] == [
        stack.worked_out({"Fn::GetAtt": [name, "Arn"]}) for name in told
    ]
    assert rules["MachineChangedRule"]["State"] == "ENABLED"
    assert made().of("AWS::Events::Rule")["MachineChangedRule"]["State"] == "DISABLED"
    (target,) = rules["HousekeepingRule"]["Targets"]
    assert rules["HousekeepingRule"]["ScheduleExpression"] == "rate(1 minute)"
    assert json.loads(target["Input"]) == {"task": "housekeeping"}
    assert target["Arn"].endswith(":function:paddock-dev-schedules")


def test_somebody_is_told_only_if_somebody_is_named() -> None:
    """Without an address or an amount there is neither a subscription nor a budget."""
    silent = made()
    assert silent.of("AWS::SNS::Subscription") == silent.of("AWS::Budgets::Budget") == {}
    told = made(Email="ci@example.com", ReportEmail="money@example.com", BudgetUsd="50")
    topics = {word: told.worked_out({"Ref": word}) for word in ("Topic", "ReportsTopic")}
    assert sorted(told.of("AWS::SNS::Subscription").values(), key=lambda one: str(one["Endpoint"])) == [
        {"TopicArn": topics["Topic"], "Protocol": "email", "Endpoint": "ci@example.com"},
        {"TopicArn": topics["ReportsTopic"], "Protocol": "email", "Endpoint": "money@example.com"},
    ]
    assert topics["Topic"] != topics["ReportsTopic"]
    for alarm in told.of("AWS::CloudWatch::Alarm").values():
        assert alarm["AlarmActions"] == alarm["OKActions"] == [topics["Topic"]]
    schedules = told.of("AWS::Lambda::Function")["SchedulesFunction"]
    assert fleet_environment(variables(schedules)).reports_topic == topics["ReportsTopic"]
    (budget,) = told.of("AWS::Budgets::Budget").values()
    assert budget["Budget"]["BudgetLimit"] == {"Amount": "50", "Unit": "USD"}
    assert budget["Budget"]["CostFilters"] == {"TagKeyValue": ["user:paddock:fleet$paddock-dev"]}
    topic = told.worked_out({"Ref": "Topic"})
    for one in budget["NotificationsWithSubscribers"]:
        assert one["Subscribers"] == [{"SubscriptionType": "SNS", "Address": topic}]


def test_a_channel_of_slack_hears_both_topics_where_there_is_one() -> None:
    """By a function that reads one secret and that the topics alone may call; elsewhere there is nothing of it."""
    assert "slack" not in body(template("new")).lower()
    stack = made("private", SlackBase="https://chat.example.com/hooks/")
    function = stack.of("AWS::Lambda::Function")["SlackFunction"]
    found = slack_settings(variables(function))
    assert (found.secret, found.base) == (stack.worked_out({"Ref": "SlackSecret"}), "https://chat.example.com/hooks/")
    topics = {stack.worked_out({"Ref": word}) for word in ("Topic", "ReportsTopic")}
    own = stack.worked_out({"Fn::GetAtt": ["SlackFunction", "Arn"]})
    heard = [one for one in stack.of("AWS::SNS::Subscription").values() if one["Endpoint"] == own]
    assert {(one["Protocol"], one["TopicArn"]) for one in heard} == {("lambda", topic) for topic in topics}
    rights = [one for one in stack.of("AWS::Lambda::Permission").values() if one["Principal"] == "sns.amazonaws.com"]
    assert {(one["FunctionName"], one["SourceArn"]) for one in rights} == {("paddock-dev-slack", one) for one in topics}
    assert "SecretString" not in stack.properties("SlackSecret")


def test_a_network_is_made_only_where_there_is_none() -> None:
    """One with a NAT gateway only if machines are to be private; the endpoints are those that cost nothing."""
    assert made("existing").of("AWS::EC2::VPC") == {}
    assert made("existing").of("AWS::EC2::SecurityGroup")["MachineGroup"]["VpcId"] == SHAPES["existing"].vpc
    assert made("new").of("AWS::EC2::NatGateway") == {}
    assert len(made("private").of("AWS::EC2::NatGateway")) == 1
    for shape, public in (("new", True), ("private", False)):
        subnets = made(shape).of("AWS::EC2::Subnet")
        machines = [one for name, one in subnets.items() if name != "NatSubnet"]
        assert {one["MapPublicIpOnLaunch"] for one in machines} == {public}
        assert len({one["CidrBlock"] for one in subnets.values()}) == len(subnets)
        assert {one["VpcEndpointType"] for one in made(shape).of("AWS::EC2::VPCEndpoint").values()} == {"Gateway"}
    ports = [
        (one["FromPort"], one["ToPort"]) for one in made("private").properties("MachineGroup")["SecurityGroupEgress"]
    ]
    assert set(ports) == {(443, 443), (80, 80)}


def test_whoever_watches_is_given_names_and_gives_resources() -> None:
    """The seam for alarms: its resources are in the template, its names are the stack's; a name twice is refused."""
    seen: list[Names] = []

    def watch(names: Names) -> dict[str, dict[str, Any]]:
        seen.append(names)
        dimension = {"Name": "QueueName", "Value": {"Fn::Sub": names.dead["jobs"]}}
        return {"DeadJobs": {"Type": "AWS::CloudWatch::Alarm", "Properties": {"Dimensions": [dimension]}}}

    whole = rendered(SHAPES["new"], [watch])
    stack = Made(whole, "paddock-dev", made().parameters)
    (alarm,) = stack.of("AWS::CloudWatch::Alarm").values()
    assert alarm["Dimensions"] == [{"Name": "QueueName", "Value": "paddock-dev-jobs-dead"}]
    (names,) = seen
    named = {
        **{f"paddock-dev-{word}": name for word, name in (*names.queues.items(), *names.functions.items())},
        **{f"/aws/lambda/paddock-dev-{word}": name for word, name in names.logs.items()},
        "paddock-dev": names.table,
    }
    assert {stack.worked_out({"Fn::Sub": name}) for name in named.values()} == set(named)
    assert stack.worked_out({"Fn::Sub": names.topic}).endswith(":paddock-dev-notices")
    with pytest.raises(ValueError, match="DeadJobs"):
        rendered(SHAPES["new"], [watch, watch])


def test_fragments_must_fit_together() -> None:
    """A word that is not given, and a section that templates do not have, are faults that are told."""
    with pytest.raises(KeyError, match="Word"):
        fragment("queue", {"word": "jobs"})
    with pytest.raises(ValueError, match="Mappings"):
        merged({"Mappings": {}})


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"zones": ()}, "zones"),
        ({"zones": (Zone(name="eu-west-1a"), Zone(name="eu-west-1a"))}, "zones"),
        ({"vpc": "vpc-0123456789abcdef0"}, "vpc"),
        ({"vpc": "mine"}, "vpc"),
        ({"images": ()}, "images"),
        ({"images": (Image(arch=Arch.X64), Image(arch=Arch.X64))}, "images"),
        ({"egress": (0,)}, "egress"),
        ({"tags": {"aws:mine": "x"}}, "tags.aws:mine"),
        ({"tags": {"paddock:fleet": "other"}}, "tags.paddock:fleet"),
        ({"tags": {"a tag": "x"}}, "tags.a tag"),
        ({"machine_policies": ("AdministratorAccess",)}, "machine_policies"),
    ],
)
def test_a_shape_that_cannot_be_is_refused(values: dict[str, Any], field: str) -> None:
    """By the field, the value and what would be right."""
    with pytest.raises(InvalidInput) as refused:
        Shape(**{"zones": (Zone(name="eu-west-1a"),), **values})
    assert refused.value.field == field
