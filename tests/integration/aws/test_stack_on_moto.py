"""`paddock stack` against a moto server: an environment is made, found, changed, and removed beside another."""

import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from paddock.adapters.aws.cloudformation import Standing
from paddock.adapters.aws.dynamodb.definition import INDEXES
from paddock.adapters.config import load
from paddock.entrypoints.aws_lambda.fleet_settings import fleet_environment
from paddock.entrypoints.aws_lambda.settings import webhook_settings
from paddock.entrypoints.aws_lambda.slack import slack_settings
from paddock.entrypoints.aws_operator.settings import operator_settings
from paddock.entrypoints.cli.stack_view import exports
from tests.aws import cli
from tests.aws.desk import CONFIG, SECRETS, Desk, operators_desk
from tests.aws.judge import REGION
from tests.aws.machine import ACCOUNT
from tests.aws.moto_types import MADE, URL
from tests.integration.test_documented_commands import ON_STACKS, commands, evaluated

pytestmark = pytest.mark.slow


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """One where nothing is deployed yet."""
    with operators_desk(tmp_path) as made:
        yield made


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Desk, str]]:
    """One where dev is, and what was said as it was deployed. Nothing of it may be changed."""
    with operators_desk(tmp_path_factory.mktemp("desk")) as made:
        yield made, made.deploy("dev")


def test_an_environment_is_made_and_everything_is_there(deployed: tuple[Desk, str]) -> None:
    """The functions read their variables and find what they name; secrets, agent, bundles and paddock.yml lie there."""
    desk, said = deployed
    assert "+ Table  AWS::DynamoDB::Table" in said
    assert "without a job it costs about $7." in said
    assert f"GitHub's webhooks go to {URL}" in said
    found = fleet_environment(desk.variables("dev", "dispatch"))
    webhook = webhook_settings(desk.variables("dev", "webhook"))
    sqs, s3 = desk.client("sqs"), desk.client("s3")
    for queue in (found.jobs, found.events, found.reports):
        arn = sqs.get_queue_attributes(QueueUrl=queue.url, AttributeNames=["All"])["Attributes"]
        dead = sqs.get_queue_attributes(QueueUrl=queue.dead_letter_url, AttributeNames=["QueueArn"])["Attributes"]
        policy = json.loads(arn["RedrivePolicy"])
        assert (policy["deadLetterTargetArn"], int(policy["maxReceiveCount"])) == (dead["QueueArn"], 5)
        assert (arn["VisibilityTimeout"], arn["MessageRetentionPeriod"]) == ("360", "1209600")
    table = desk.client("dynamodb").describe_table(TableName=found.table)["Table"]
    assert table["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
    assert {index["IndexName"] for index in table["GlobalSecondaryIndexes"]} == set(INDEXES)
    role = desk.client("iam").get_role(RoleName=f"paddock-dev-{REGION}-machine")["Role"]
    assert role["RoleId"] == found.role_id
    secrets = desk.client("secretsmanager")
    assert secrets.get_secret_value(SecretId=found.github_secret)["SecretString"] == SECRETS["GITHUB_TOKEN"]
    assert secrets.get_secret_value(SecretId=webhook.webhook_secret)["SecretString"] == SECRETS["HOOK_SECRET"]
    assert s3.get_object(Bucket=found.config.bucket, Key=found.config.key)["Body"].read() == CONFIG.encode()
    (agent,) = s3.list_objects_v2(Bucket=found.cache)["Contents"]
    assert s3.get_object(Bucket=found.cache, Key=agent["Key"])["Body"].read() == b"the agent"
    assert [alias.match for alias in webhook.aliases] == ["linux-*"]


def test_machines_can_be_launched_from_what_was_made(deployed: tuple[Desk, str]) -> None:
    """The templates' data, their tags, the subnets' zones, and a group that lets nobody in."""
    desk, _ = deployed
    found = fleet_environment(desk.variables("dev", "dispatch"))
    ec2 = desk.client("ec2")
    for template in found.ec2.templates:
        (version,) = ec2.describe_launch_template_versions(LaunchTemplateId=template.id)["LaunchTemplateVersions"]
        assert str(version["VersionNumber"]) == template.version
        data = version["LaunchTemplateData"]
        assert data["MetadataOptions"]["HttpTokens"] == "required"
        assert data["InstanceInitiatedShutdownBehavior"] == "terminate"
        (group,) = ec2.describe_security_groups(GroupIds=data["SecurityGroupIds"])["SecurityGroups"]
        assert group["IpPermissions"] == []
        assert [spec["Tags"] for spec in data["TagSpecifications"]] == [[{"Key": "team", "Value": "ci"}]] * 2
    subnets = ec2.describe_subnets(SubnetIds=list(found.ec2.subnets.values()))["Subnets"]
    assert {one["AvailabilityZone"]: one["SubnetId"] for one in subnets} == dict(found.ec2.subnets)
    assert len(subnets) == 3


def test_rules_logs_and_mappings_are_there(deployed: tuple[Desk, str]) -> None:
    """The clock calls housekeeping, ends are told because paddock.yml has a limit, each queue has its function."""
    desk, _ = deployed
    events = desk.client("events")
    rules = {rule["Name"].removeprefix("paddock-dev-"): rule for rule in events.list_rules()["Rules"]}
    assert set(rules) == {"housekeeping", "machine-warned", "machine-changed", "storm"}
    assert {rule["State"] for rule in rules.values()} == {"ENABLED"}
    (target,) = events.list_targets_by_rule(Rule="paddock-dev-housekeeping")["Targets"]
    assert json.loads(target["Input"]) == {"task": "housekeeping"}
    groups = {
        one["logGroupName"]: one["retentionInDays"] for one in desk.client("logs").describe_log_groups()["logGroups"]
    }
    assert len(groups) == 6
    assert set(groups.values()) == {30}
    mappings = desk.client("lambda").list_event_source_mappings()["EventSourceMappings"]
    served = {one["EventSourceArn"].rpartition("-")[2]: one["FunctionArn"].rpartition("-")[2] for one in mappings}
    assert served == {"jobs": "dispatch", "events": "events", "reports": "reports"}
    assert MADE["AWS::Lambda::Url"]["AuthType"] == "NONE"


def test_the_status_is_what_the_other_commands_need(deployed: tuple[Desk, str]) -> None:
    """Its exports are the settings of `--profile aws`, and name what there is."""
    desk, _ = deployed
    code, out, err = desk.paddock("status", "--env", "dev")
    assert (code, err) == (0, "")
    assert out.startswith(f"paddock-dev in {REGION}: CREATE_COMPLETE\n")
    told = dict(line.removeprefix("export ").split("=", 1) for line in out.splitlines() if line.startswith("export "))
    assert desk.called("stack", "status", "--env", "dev", columns=80)[1] == out  # a shell takes them, so none is broken
    settings = operator_settings(told)
    found = fleet_environment(desk.variables("dev", "dispatch"))
    assert (settings.table, settings.jobs) == (found.table, found.jobs)
    there = {one["logGroupName"] for one in desk.client("logs").describe_log_groups()["logGroups"]}
    assert set(settings.groups) < there
    code, out, err = desk.paddock("status", "--env", "prod")
    assert (code, out) == (1, "")
    assert "`paddock stack deploy --env prod` makes it" in err


def test_a_shell_takes_the_variables_as_the_pages_say(deployed: tuple[Desk, str]) -> None:
    """In bash, in colours and a narrow window, too: they name what there is, and the next command speaks of it."""
    desk, _ = deployed
    bash = shutil.which("bash")
    assert bash, "the pages' line is for a shell"
    (line,) = evaluated()
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "PADDOCK_"))}
    account = {name: os.environ[name] for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_ENDPOINT_URL")}
    none = {"AWS_CONFIG_FILE": "none", "AWS_SHARED_CREDENTIALS_FILE": "none", "AWS_EC2_METADATA_DISABLED": "true"}
    done = subprocess.run(
        [bash, "-euc", f"export FORCE_COLOR=1 COLUMNS=40\n{line}\nunset FORCE_COLOR\nenv -0\npaddock jobs --json"],
        cwd=desk.home,
        env={**clean, **account, **none, "PATH": path},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    *variables, jobs = done.stdout.split("\0")
    assert (done.returncode, done.stderr, json.loads(jobs)["jobs"]) == (0, "", [])
    found = dict(each.split("=", 1) for each in variables)
    told = {name: value for name, value in found.items() if name == "AWS_REGION" or name.startswith("PADDOCK_")}
    outputs = desk.outputs("dev")
    groups = {one["logGroupName"] for one in desk.client("logs").describe_log_groups()["logGroups"]}
    assert set(told.pop("PADDOCK_LOG_GROUPS").split(",")) == groups - {"/paddock/paddock-dev/machines"}
    assert told == {
        "AWS_REGION": REGION,
        "PADDOCK_STACK": "paddock-dev",
        "PADDOCK_TABLE": outputs["Table"],
        "PADDOCK_JOBS_URL": outputs["JobsUrl"],
        "PADDOCK_JOBS_DEAD_URL": outputs["JobsDeadUrl"],
        "PADDOCK_PROFILE": "aws",
    }
    assert operator_settings(found).table == outputs["Table"]


def test_what_is_exported_is_quoted() -> None:
    """Whatever stands in an output is one value for a shell, and nothing that it does."""
    hostile = "a b'c\n$(id); #"
    outputs = {"Table": hostile, "JobsUrl": "https://sqs/x", "JobsDeadUrl": "https://sqs/x-dead"}
    lines = exports(Standing(id="x", name="paddock-dev", status="CREATE_COMPLETE", outputs=outputs), REGION)
    assert shlex.split("\n".join(lines))[::2] == ["export"] * len(lines)
    assert f"PADDOCK_TABLE={hostile}" in shlex.split("\n".join(lines))


def test_the_runbooks_commands_are_taken(deployed: tuple[Desk, str]) -> None:
    """Those of AWS's own command line: each is a call that the service takes, of something that is there."""
    desk, _ = deployed
    events = desk.client("events")
    events.disable_rule(Name="paddock-dev-housekeeping")
    machine = launch(desk, desk.client("ec2").describe_subnets()["Subnets"][0]["SubnetId"], "paddock-dev")
    client = cache(desk.client)  # each has its service's description read anew
    role = "paddock-acceptance-7f3a-acceptance-fis"
    desk.client("iam").create_role(RoleName=role, AssumeRolePolicyDocument="{}")
    statement = {"Effect": "Allow", "Action": "ec2:SendSpotInstanceInterruptions", "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    desk.client("iam").put_role_policy(RoleName=role, PolicyName="interrupt", PolicyDocument=policy)
    elsewhere = (" create-service-linked-role ", "aws fis ")  # moto has neither; FIS is in test_acceptance_fis
    shown = dict.fromkeys(one for one in cli.commands() if not any(words in one for words in elsewhere))
    assert len(shown) >= 15
    for command in shown:
        answer = cli.call(command.replace("i-0123456789abcdef0", machine), client)
        assert answer["ResponseMetadata"]["HTTPStatusCode"] == 200, command
    assert events.describe_rule(Name="paddock-dev-housekeeping")["State"] == "ENABLED"
    (ended,) = desk.client("ec2").describe_instances(InstanceIds=[machine])["Reservations"][0]["Instances"]
    assert ended["State"]["Name"] == "terminated"


def test_a_stack_without_a_table_exports_nothing(desk: Desk) -> None:
    """A shell is given no half of the variables: why there are none, and what tells more, is on stderr."""
    desk.client("cloudformation").create_stack(StackName="paddock-dev", TemplateBody=json.dumps({"Resources": {}}))
    code, out, err = desk.paddock("status", "--env", "dev", "--export")
    assert (code, out) == (1, "")
    assert "paddock-dev is CREATE_COMPLETE and has no table yet: `paddock stack status --env dev` says why" in err


def test_a_second_deployment_changes_what_changed(desk: Desk) -> None:
    """Nothing at first; then another paddock.yml, the right that it asks for, and a secret if it is another one."""
    desk.deploy("dev")
    before = desk.parameters("dev")
    assert "nothing of the stack changes" in desk.deploy("dev")
    assert desk.parameters("dev") == before
    changed = CONFIG.replace("machines: 20", "machines: 30") + "\ncosts: {bill: true}\n"
    (desk.home / "paddock.yml").write_text(changed, encoding="utf-8")
    os.environ["HOOK_SECRET"] = "another"
    said = desk.deploy("dev")
    assert "WebhookSecret is new" in said
    # A version more would push out the one before, which is valid while a secret is being rotated.
    assert "GithubSecret is new" not in said
    assert "another" not in said
    after = desk.parameters("dev")
    assert {name for name in after if after[name] != before[name]} == {"ConfigKey", "ConfigSeal", "AwsBill"}
    assert (before["AwsBill"], after["AwsBill"]) == ("no", "yes")
    seal = load(desk.home / "paddock.yml").seal
    assert seal == after["ConfigSeal"] == desk.variables("dev", "dispatch")["PADDOCK_CONFIG_SEAL"]
    lying = {key: desk.content(after["DeployBucket"], key) for key in (before["ConfigKey"], after["ConfigKey"])}
    assert list(lying.values()) == [CONFIG.encode(), changed.encode()]
    secrets, arn = desk.client("secretsmanager"), desk.outputs("dev")["WebhookSecret"]
    assert secrets.get_secret_value(SecretId=arn)["SecretString"] == "another"
    del os.environ["HOOK_SECRET"]
    code, _, err = desk.paddock("deploy", "--env", "dev", "--yes")
    assert code == 1
    assert "HOOK_SECRET" in err
    assert desk.deploy("dev", "--no-secrets")
    assert secrets.get_secret_value(SecretId=arn)["SecretString"] == "another"


def test_a_difference_is_shown_and_nothing_is_made(desk: Desk) -> None:
    """Neither a stack nor an empty one that was made for the proposal is there afterwards."""
    code, out, err = desk.paddock("diff", "--env", "dev")
    assert (code, err) == (0, "")
    assert "+ Table  AWS::DynamoDB::Table" in out
    assert (
        desk.client("cloudformation").list_stacks(StackStatusFilter=["CREATE_COMPLETE", "REVIEW_IN_PROGRESS"])[
            "StackSummaries"
        ]
        == []
    )
    assert desk.client("lambda").list_functions()["Functions"] == []


def test_without_somebody_to_ask_nothing_is_done(desk: Desk) -> None:
    """A deployment in a script has to say --yes, and leaves no half of one; so has a removal."""
    code, _, err = desk.paddock("deploy", "--env", "dev")
    assert code == 1
    assert "add --yes" in err
    stacks = desk.client("cloudformation").list_stacks(StackStatusFilter=["CREATE_COMPLETE", "REVIEW_IN_PROGRESS"])
    assert stacks["StackSummaries"] == []
    desk.deploy("dev")
    code, _, err = desk.paddock("destroy", "--env", "dev")
    assert code == 1
    assert "add --yes" in err
    assert desk.client("lambda").list_functions()["Functions"]


def test_a_removal_that_was_cut_off_is_undone_by_a_deployment(desk: Desk) -> None:
    """It may have stopped what launches machines: that runs again, and is told."""
    desk.deploy("dev")
    functions = desk.client("lambda")
    for word in ("dispatch", "schedules"):
        functions.put_function_concurrency(FunctionName=f"paddock-dev-{word}", ReservedConcurrentExecutions=0)
    functions.put_function_concurrency(FunctionName="paddock-dev-events", ReservedConcurrentExecutions=5)
    said = desk.deploy("dev")
    assert "paddock-dev-dispatch runs again" in said
    assert "paddock-dev-schedules runs again" in said
    left = {
        word: functions.get_function_concurrency(FunctionName=f"paddock-dev-{word}").get("ReservedConcurrentExecutions")
        for word in ("dispatch", "schedules", "events")
    }
    assert left == {"dispatch": None, "schedules": None, "events": 5}


def test_two_environments_stand_side_by_side_and_one_goes(desk: Desk) -> None:
    """In one network, each with its own settings; one is removed with its machines and objects, the other stays."""
    desk.share_network()
    desk.deploy("dev")
    desk.deploy("prod")
    dev, prod = (fleet_environment(desk.variables(env, "dispatch")) for env in ("dev", "prod"))
    assert not {dev.table, dev.jobs.url, dev.cache, dev.role_id} & {prod.table, prod.jobs.url, prod.cache, prod.role_id}
    assert MADE["AWS::Budgets::Budget"]["Budget"]["BudgetName"] == "paddock-prod"
    machines = {
        env: launch(desk, next(iter(found.ec2.subnets.values())), f"paddock-{env}")
        for env, found in (("dev", dev), ("prod", prod))
    }
    desk.client("s3").put_object(Bucket=dev.archive, Key="jobs/2026/11/29/x", Body=b"x")
    code, out, err = desk.paddock("destroy", "--env", "dev", "--yes")
    assert (code, err) == (0, "")
    assert "nothing more is launched" in out
    assert "1 machines are told to end" in out
    assert out.rstrip().endswith("paddock-dev is gone")
    states = {
        one["InstanceId"]: one["State"]["Name"]
        for reservation in desk.client("ec2").describe_instances()["Reservations"]
        for one in reservation["Instances"]
    }
    assert states == {machines["dev"]: "terminated", machines["prod"]: "running"}
    left = {bucket["Name"] for bucket in desk.client("s3").list_buckets()["Buckets"]}
    assert left == {f"paddock-prod-{word}-{ACCOUNT}-{REGION}" for word in ("cache", "archive", "deploy")}
    assert {one["FunctionName"] for one in desk.client("lambda").list_functions()["Functions"]} == {
        f"paddock-prod-{word}" for word in ("webhook", "dispatch", "events", "reports", "schedules")
    }
    code, _, err = desk.paddock("destroy", "--env", "dev", "--yes")
    assert code == 1
    assert "there is no stack paddock-dev" in err


def launch(desk: Desk, subnet: str, fleet: str) -> str:
    """A machine of a fleet, as EC2 has it."""
    ec2 = desk.client("ec2")
    made = ec2.run_instances(
        ImageId=ec2.describe_images(Owners=["self"])["Images"][0]["ImageId"],
        SubnetId=subnet,
        MinCount=1,
        MaxCount=1,
        TagSpecifications=[{"ResourceType": "instance", "Tags": [{"Key": "paddock:fleet", "Value": fleet}]}],
    )
    return str(made["Instances"][0]["InstanceId"])


def test_a_channel_of_slack_comes_with_paddock_yml(desk: Desk) -> None:
    """Its address is nowhere but in its secret; one that cannot be is refused before anything is done."""
    address = "https://hooks.slack.com/services/T0/B0/hush"
    (desk.home / "paddock.yml").write_text(f"{CONFIG}slack: {{webhook: {{env: SLACK_HOOK}}}}\n", encoding="utf-8")
    os.environ["SLACK_HOOK"] = "http://hooks.slack.com/services/T0/B0/hush"
    code, _, err = desk.paddock("deploy", "--env", "dev", "--yes")
    assert code == 1
    assert "slack.webhook" in err
    assert "hush" not in err
    os.environ["SLACK_HOOK"] = address
    said = desk.deploy("dev")
    assert "SlackSecret is new" in said
    found = slack_settings(desk.variables("dev", "slack"))
    secrets = desk.client("secretsmanager")
    assert secrets.get_secret_value(SecretId=found.secret)["SecretString"] == address
    cloudformation = desk.client("cloudformation")
    told = json.dumps(cloudformation.get_template(StackName="paddock-dev")["TemplateBody"])
    assert "hush" not in f"{said}{told}{desk.parameters('dev')}{desk.variables('dev', 'slack')}"


def test_what_is_not_there_is_named(desk: Desk) -> None:
    """A package that nobody has built, and a region that is not the environment's."""
    (desk.home / "build" / "paddock-agent.pyz").unlink()
    code, _, err = desk.paddock("deploy", "--env", "dev", "--yes")
    assert code == 1
    assert "`paddock stack package` builds it" in err
    code, out, _ = desk.paddock("package", "--no-make")
    assert (code, out) == (1, "")


def test_two_subnets_of_one_zone_are_refused(desk: Desk) -> None:
    """EC2 takes no launch that names a pool of machines twice: the second is named, and nothing is made."""
    ec2 = desk.client("ec2")
    first = ec2.describe_subnets()["Subnets"][0]
    network, zone = first["VpcId"], first["AvailabilityZone"]
    second = ec2.create_subnet(VpcId=network, CidrBlock="172.31.240.0/24", AvailabilityZone=zone)["Subnet"]
    settings = json.loads((desk.home / "stack.yml").read_text(encoding="utf-8"))
    settings["defaults"] |= {"vpc": network, "subnets": [first["SubnetId"], second["SubnetId"]]}
    (desk.home / "stack.yml").write_text(json.dumps(settings), encoding="utf-8")
    code, _, err = desk.paddock("deploy", "--env", "dev", "--yes")
    assert code == 1
    assert f"is in {zone} already" in err
    assert desk.client("cloudformation").describe_stacks()["Stacks"] == []


def test_the_pages_commands_do_what_they_say(desk: Desk) -> None:
    """Each as it stands, in the order of a stack's life; nothing is built here, and nobody is asked."""
    desk.share_network()
    told = {command for command in commands() if command.startswith(ON_STACKS)}
    more = {"package": ["--no-make"], "diff": [], "deploy": ["--yes"], "status": [], "destroy": ["--yes"]}
    assert {command.split()[2] for command in told} == set(more)
    for verb, words in more.items():
        for command in sorted(command for command in told if command.split()[2] == verb):
            code, out, err = desk.paddock(*command.split()[2:], *words)
            assert (code, err) == (0, ""), command
            assert out
