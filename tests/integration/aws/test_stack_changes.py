"""What CloudFormation may say while a stack is made or removed, put into its mouth by botocore's Stubber.

Requests are held to CloudFormation's own model, and so are the answers. All else that a deployment needs is moto's.
"""

import io
import json
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import attrs
import pytest
from boto3.session import Session
from botocore.stub import ANY, Stubber

from paddock.adapters.aws.cloudformation import Change, Stacks, Step, causes, last_operation
from paddock.adapters.aws.cloudformation.reasons import ADVICE
from paddock.adapters.config import load
from paddock.adapters.memory.system import ManualClock, ManualSleeper, SequentialIds
from paddock.core.errors import AccessDenied, Busy, NotFound, PaddockError, Rejected, Throttled, Unavailable
from paddock.core.units import HOUR, MINUTE
from paddock.entrypoints.aws_stack.deploy import Deployment, Proposal
from paddock.entrypoints.aws_stack.destroy import Removal
from paddock.entrypoints.aws_stack.packages import packages
from paddock.entrypoints.aws_stack.places import Places
from paddock.entrypoints.aws_stack.settings import stack_settings
from paddock.entrypoints.cli.stack_view import change_lines, last_failure, step_line
from tests.aws.judge import REGION
from tests.aws.machine import ACCOUNT, moto
from tests.aws.moto_types import forget

pytestmark = pytest.mark.slow

STACK = "paddock-dev"
STACK_ID = f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/{STACK}/0b1c2d3e"
CHANGE_SET = f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:changeSet/paddock-1/4f5a6b7c"
BEGAN = datetime(2026, 11, 29, 18, 0, tzinfo=UTC)
KIND = "AWS::CloudFormation::Stack"
CONFIG = """
version: 1
github: {webhook_secret: {env: HOOK_SECRET}, token: {env: GITHUB_TOKEN}, repositories: [acme/*]}
"""


@attrs.frozen
class Session_:  # noqa: N801 - a session of boto3's, but for one client
    """Gives the stubbed client for CloudFormation, and moto's for all else."""

    stubbed: Any
    inner: Session
    url: str

    def client(self, service: str, **_more: Any) -> Any:  # noqa: ANN401 - as boto3 has it
        """A client."""
        if service == "cloudformation":
            return self.stubbed
        made: Any = self.inner.client
        return made(service, region_name=REGION, endpoint_url=self.url)


@attrs.frozen
class Scene:
    """A deployment, and what CloudFormation will be asked and say, in this order."""

    work: Deployment
    removal: Removal
    script: Stubber
    clock: ManualClock

    def describes(self, status: str, **more: Any) -> None:  # noqa: ANN401 - CloudFormation's own fields
        """The stack is asked for, and stands so."""
        tags = [{"Key": "paddock:fleet", "Value": STACK}]
        stack = {"StackName": STACK, "StackId": STACK_ID, "StackStatus": status, "CreationTime": BEGAN, "Tags": tags}
        self.script.add_response("describe_stacks", {"Stacks": [{**stack, **more}]}, {"StackName": ANY})

    def lacks(self) -> None:
        """The stack is asked for, and is not there."""
        self.script.add_client_error("describe_stacks", "ValidationError", f"Stack with id {STACK} does not exist", 400)

    def proposes(self, kind: str = "CREATE") -> None:
        """A change set is asked for."""
        asked = {
            "StackName": STACK,
            "ChangeSetName": ANY,
            "ChangeSetType": kind,
            "TemplateURL": ANY,
            "Capabilities": ["CAPABILITY_NAMED_IAM"],
            "Parameters": ANY,
            "Tags": [
                {"Key": "paddock:environment", "Value": "dev"},
                {"Key": "paddock:fleet", "Value": STACK},
            ],
        }
        self.script.add_response("create_change_set", {"Id": CHANGE_SET, "StackId": STACK_ID}, asked)

    def works_out(self, status: str, *changes: Mapping[str, Any], more: str = "", **rest: Any) -> None:  # noqa: ANN401
        """The change set is asked for, and stands so."""
        answer = {
            "ChangeSetId": CHANGE_SET,
            "StackId": STACK_ID,
            "Status": status,
            "Changes": [{"Type": "Resource", "ResourceChange": change} for change in changes],
            **({"NextToken": more} if more else {}),
            **rest,
        }
        self.script.add_response("describe_change_set", answer, ANY_CHANGE_SET)

    def discards(self, *, stack: bool) -> None:
        """The change set is forgotten, and the stack with it if there was none before, and it still is an empty one."""
        self.script.add_response("delete_change_set", {}, {"ChangeSetName": CHANGE_SET})
        if stack:
            self.describes("REVIEW_IN_PROGRESS")
            self.script.add_response("delete_stack", {}, {"StackName": STACK_ID, "ClientRequestToken": ANY})

    def happens(self, *events: Mapping[str, Any]) -> None:
        """What happened is asked for: the newest first."""
        self.script.add_response("describe_stack_events", {"StackEvents": list(events)[::-1]}, {"StackName": STACK_ID})

    def executes(self) -> None:
        """The change set is carried out."""
        self.script.add_response("execute_change_set", {}, {"ChangeSetName": CHANGE_SET, "ClientRequestToken": ANY})


ANY_CHANGE_SET: Any = None  # its parameters differ by page, and are looked at where that matters


def event(number: int, name: str, status: str, reason: str = "", kind: str = "AWS::SQS::Queue") -> dict[str, Any]:
    """One event of the stack's; of the stack itself if it bears its name."""
    own = name == STACK
    return {
        "StackId": STACK_ID,
        "StackName": STACK,
        "EventId": f"event-{number}",
        "LogicalResourceId": name,
        "PhysicalResourceId": STACK_ID if own else f"{name}-id",
        "ResourceType": KIND if own else kind,
        "ResourceStatus": status,
        "Timestamp": BEGAN + timedelta(seconds=number),
        **({"ResourceStatusReason": reason} if reason else {}),
    }


def added(name: str, kind: str = "AWS::SQS::Queue") -> dict[str, Any]:
    """A resource that would be made."""
    return {"Action": "Add", "LogicalResourceId": name, "ResourceType": kind}


@contextmanager
def scene(home: Path) -> Iterator[Scene]:
    """Nothing is there yet but packages and paddock.yml."""
    (home / "build").mkdir()
    archive = io.BytesIO()
    zipfile.ZipFile(archive, "w").close()
    for name in ("paddock-webhook.zip", "paddock-functions.zip", "paddock-agent.pyz"):
        (home / "build" / name).write_bytes(archive.getvalue())
    (home / "paddock.yml").write_text(CONFIG, encoding="utf-8")
    with ExitStack() as cleanup:
        url = cleanup.enter_context(moto())
        forget(url)
        cleanup.callback(forget, url)
        inner = Session(aws_access_key_id="test", aws_secret_access_key="test", region_name=REGION)
        client: Any = inner.client("cloudformation")
        script = cleanup.enter_context(Stubber(client))
        clock = ManualClock()
        ids, sleeper = SequentialIds(), ManualSleeper(clock)
        places = Places(Session_(client, inner, url), REGION)
        work = Deployment(
            places=places,
            settings=stack_settings("dev", None),
            config=load(home / "paddock.yml"),
            packages=packages(home / "build"),
            clock=clock,
            sleeper=sleeper,
            ids=ids,
        )
        removal = Removal(places=places, stack=STACK, clock=clock, sleeper=sleeper, ids=ids)
        yield Scene(work, removal, script, clock)


def proposed(here: Scene) -> Proposal:
    """A proposal of a new stack with one queue."""
    here.lacks()
    here.proposes()
    here.works_out("CREATE_COMPLETE", added("JobsQueue"))
    return here.work.propose()


def test_a_proposal_is_waited_for_and_shown_whole(tmp_path: Path) -> None:
    """Until CloudFormation has worked it out, and every page of it; what is replaced is seen."""
    with scene(tmp_path) as here:
        here.describes("UPDATE_COMPLETE", Outputs=[{"OutputKey": "Zones", "OutputValue": f"{REGION}b"}])
        here.proposes("UPDATE")
        here.works_out("CREATE_PENDING")
        here.works_out("CREATE_IN_PROGRESS")
        details = [{"Target": {"Attribute": "Properties", "Name": name}} for name in ("Timeout", "Code")]
        changed = {
            **added("DispatchFunction", "AWS::Lambda::Function"),
            "Action": "Modify",
            "Replacement": "False",
            "Details": details,
        }
        replaced = {**added("Table", "AWS::DynamoDB::Table"), "Action": "Modify", "Replacement": "True"}
        here.works_out("CREATE_COMPLETE", changed, more="2")
        here.works_out("CREATE_COMPLETE", replaced, {**added("OldQueue"), "Action": "Remove"})
        proposal = here.work.propose()
        here.script.assert_no_pending_responses()
    assert here.clock.now() > 0
    assert proposal.change_set.changes[0] == Change(
        action="Modify", name="DispatchFunction", kind="AWS::Lambda::Function", because=("Code", "Timeout")
    )
    assert [line.plain for line in change_lines(proposal.change_set.changes)] == [
        "~ DispatchFunction  AWS::Lambda::Function  (Code, Timeout)",
        "~ Table  AWS::DynamoDB::Table  REPLACED",
        "- OldQueue  AWS::SQS::Queue",
        "0 to be made, 2 to be changed, 1 to be removed",
    ]
    # The zones of the stack that there is, not those that the region has by now.
    subnets = [name for name, one in proposal.template["Resources"].items() if one["Type"] == "AWS::EC2::Subnet"]
    assert subnets == ["Subnet1"]
    assert proposal.template["Parameters"]["Zone1"]["Default"] == f"{REGION}b"


def test_everything_that_the_template_names_is_uploaded_before(tmp_path: Path) -> None:
    """Bundles, paddock.yml and the template itself, in a closed and encrypted bucket that bears the stack's tags."""
    with scene(tmp_path) as here:
        proposed(here)
        s3: Any = here.work.places.s3
        bucket = here.work.places.deploy_bucket(STACK)
        keys = [one["Key"] for one in s3.list_objects_v2(Bucket=bucket)["Contents"]]
        assert sorted(key.partition("/")[0] for key in keys) == ["bundles", "bundles", "config", "template"]
        (template,) = (key for key in keys if key.startswith("template/"))
        uploaded = json.loads(s3.get_object(Bucket=bucket, Key=template)["Body"].read())
        assert uploaded["Resources"]["Table"]["Type"] == "AWS::DynamoDB::Table"
        blocks = s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]
        assert set(blocks.values()) == {True}
        assert {"Key": "paddock:fleet", "Value": STACK} in s3.get_bucket_tagging(Bucket=bucket)["TagSet"]


def test_what_is_not_wanted_leaves_nothing(tmp_path: Path) -> None:
    """The proposal is forgotten, and the empty stack that CloudFormation made for it."""
    with scene(tmp_path) as here:
        proposal = proposed(here)
        here.discards(stack=True)
        here.work.discard(proposal)
        here.describes("UPDATE_COMPLETE")
        here.proposes("UPDATE")
        here.works_out("CREATE_COMPLETE", added("JobsQueue"))
        kept = here.work.propose()
        here.discards(stack=False)
        here.work.discard(kept)
        here.script.assert_no_pending_responses()


@pytest.mark.parametrize(
    "reason",
    [
        "The submitted information didn't contain changes. Submit different information to create a change set.",
        "No updates are to be performed.",
    ],
)
def test_nothing_to_change_is_no_failure(tmp_path: Path, reason: str) -> None:
    """CloudFormation calls it one; here it is an empty proposal, which is forgotten."""
    with scene(tmp_path) as here:
        here.describes("CREATE_COMPLETE")
        here.proposes("UPDATE")
        here.works_out("FAILED", StatusReason=reason)
        here.discards(stack=False)
        assert here.work.propose().change_set.empty
        here.script.assert_no_pending_responses()


def test_a_template_that_is_refused_is_told_and_leaves_nothing(tmp_path: Path) -> None:
    """In CloudFormation's words; an empty stack does not stay behind."""
    with scene(tmp_path) as here:
        here.lacks()
        here.proposes()
        here.works_out("FAILED", StatusReason="Template error: instance of Fn::GetAtt references undefined resource X")
        here.discards(stack=True)
        with pytest.raises(Rejected, match="undefined resource X"):
            here.work.propose()
        here.script.assert_no_pending_responses()


def test_a_proposal_that_is_never_worked_out_is_given_up(tmp_path: Path) -> None:
    """After five minutes, by an error that may be tried again."""
    with scene(tmp_path) as here:
        here.lacks()
        here.proposes()
        for _ in range(102):
            here.works_out("CREATE_IN_PROGRESS")
        with pytest.raises(Unavailable, match="try again later"):
            here.work.propose()


@pytest.mark.parametrize(
    ("status", "kind", "words"),
    [
        ("UPDATE_IN_PROGRESS", Busy, "wait until that has ended"),
        ("ROLLBACK_COMPLETE", Rejected, "`paddock stack destroy`"),
        ("DELETE_FAILED", Rejected, "`paddock stack destroy`"),
        ("UPDATE_ROLLBACK_FAILED", Rejected, "continue-update-rollback --stack-name paddock-dev"),
    ],
)
def test_a_stack_that_cannot_be_deployed_now_says_what_to_do(
    tmp_path: Path, status: str, kind: type[PaddockError], words: str
) -> None:
    """Nothing is uploaded then, and nothing asked of CloudFormation."""
    with scene(tmp_path) as here:
        here.describes(status)
        with pytest.raises(kind, match=words):
            here.work.propose()
        here.script.assert_no_pending_responses()


def test_each_step_is_told_once_and_in_its_order(tmp_path: Path) -> None:
    """However many looks it takes, and whatever the stack's status was at the first of them."""
    told: list[Step] = []
    review = event(0, STACK, "REVIEW_IN_PROGRESS")
    first = [event(1, STACK, "CREATE_IN_PROGRESS"), event(2, "JobsQueue", "CREATE_IN_PROGRESS")]
    then = [event(3, "JobsQueue", "CREATE_COMPLETE"), event(4, STACK, "CREATE_COMPLETE")]
    with scene(tmp_path) as here:
        proposal = proposed(here)
        here.happens(review)
        here.executes()
        here.happens(review)
        here.happens(review, *first)
        here.happens(review, *first, *then)
        here.describes("CREATE_COMPLETE", Outputs=[{"OutputKey": "Table", "OutputValue": STACK}])
        standing = here.work.carry_out(proposal, told.append)
        here.script.assert_no_pending_responses()
    assert [step.event for step in told] == [f"event-{number}" for number in (1, 2, 3, 4)]
    assert step_line(told[2]).plain == "18:00:03  CREATE_COMPLETE       JobsQueue"
    assert dict(standing.outputs) == {"Table": STACK}


def rolled_back() -> list[dict[str, Any]]:
    """A queue that is there already; the others were cancelled, and all was taken back."""
    taken = (
        "Resource handler returned message: \"Resource of type 'AWS::SQS::Queue' with identifier 'paddock-dev-jobs' "
        'already exists." (RequestToken: 1b9a, HandlerErrorCode: AlreadyExists)'
    )
    return [
        event(1, STACK, "CREATE_IN_PROGRESS", "User Initiated"),
        event(2, "JobsQueue", "CREATE_FAILED", taken),
        event(3, "Table", "CREATE_FAILED", "Resource creation cancelled", "AWS::DynamoDB::Table"),
        event(4, STACK, "ROLLBACK_IN_PROGRESS", "The following resource(s) failed to create: [JobsQueue, Table]."),
        event(5, "JobsQueue", "DELETE_COMPLETE"),
        event(6, STACK, "ROLLBACK_COMPLETE"),
    ]


def test_a_rollback_says_what_caused_it_and_what_to_do(tmp_path: Path) -> None:
    """The one failure that was no consequence of another, in AWS's words without their frame, and advice."""
    with scene(tmp_path) as here:
        proposal = proposed(here)
        here.happens()
        here.executes()
        here.happens(*rolled_back())
        here.describes("ROLLBACK_COMPLETE")
        with pytest.raises(Rejected, match=f"{STACK} was not deployed: it ended as ROLLBACK_COMPLETE") as refused:
            here.work.carry_out(proposal, lambda _step: None)
    (note,) = refused.value.__notes__
    assert note == (
        "JobsQueue (AWS::SQS::Queue): Resource of type 'AWS::SQS::Queue' with identifier 'paddock-dev-jobs' already "
        f"exists.\n  {ADVICE['AlreadyExists']}"
    )


def test_the_last_failure_is_found_again_later(tmp_path: Path) -> None:
    """`status` tells why the newest operation failed, and not why an older one did."""
    with scene(tmp_path) as here:
        here.happens(*rolled_back())
        steps = here.work.places.stacks.steps(STACK_ID)
        assert [line.plain.partition(":")[0] for line in last_failure(steps)] == [
            "JobsQueue (AWS",
            f"  {ADVICE['AlreadyExists']}".partition(":")[0],
        ]
        here.happens(*rolled_back(), event(7, STACK, "DELETE_IN_PROGRESS"), event(8, STACK, "DELETE_COMPLETE"))
        later = here.work.places.stacks.steps(STACK_ID)
    assert last_failure(later) == []
    assert [step.event for step in last_operation(later)] == ["event-7", "event-8"]


@pytest.mark.parametrize("code", ADVICE)
def test_each_code_of_a_handler_has_its_advice(code: str) -> None:
    """And a reason without one is told as it is."""
    reason = f'Resource handler returned message: "no." (RequestToken: 1, HandlerErrorCode: {code})'
    step = Step(
        event="1", at=0, name="Table", kind="AWS::DynamoDB::Table", id="x", status="CREATE_FAILED", reason=reason
    )
    (found,) = causes([step])
    assert (found.said, found.advice) == ("no.", ADVICE[code])
    (bare,) = causes([attrs.evolve(step, reason="something else")])
    assert bare.said == "something else"


def test_if_everything_was_cancelled_the_first_is_told() -> None:
    """An operator who cancels an update is told that much."""
    steps = [
        Step(
            event=str(number),
            at=number,
            name=name,
            kind="AWS::SQS::Queue",
            id="x",
            status="UPDATE_FAILED",
            reason="Resource update cancelled",
        )
        for number, name in enumerate(("One", "Two"))
    ]
    assert [cause.step.name for cause in causes(steps)] == ["One"]


def test_an_operation_that_takes_too_long_is_left_alone(tmp_path: Path) -> None:
    """After two hours it is said where to look, and CloudFormation goes on."""
    with scene(tmp_path) as here:
        proposal = proposed(here)
        here.happens()
        here.executes()
        here.happens(event(1, STACK, "CREATE_IN_PROGRESS"))
        for _ in range(2):
            here.happens(event(1, STACK, "CREATE_IN_PROGRESS"))
        seen: list[Step] = []

        def told(step: Step) -> None:
            seen.append(step)
            here.clock.advance(3 * HOUR)

        with pytest.raises(Unavailable, match="`paddock stack status`"):
            here.work.carry_out(proposal, told)
    assert len(seen) == 1


def test_a_removal_is_refused_where_it_must_be(tmp_path: Path) -> None:
    """A stack that is protected, one that is being changed, and one that is not there."""
    with scene(tmp_path) as here:
        here.describes("CREATE_COMPLETE", EnableTerminationProtection=True)
        with pytest.raises(Rejected, match="protect: false"):
            here.removal.found()
        here.describes("UPDATE_IN_PROGRESS")
        with pytest.raises(Busy, match="wait until that has ended"):
            here.removal.found()
        here.lacks()
        with pytest.raises(NotFound, match="there is no stack paddock-dev"):
            here.removal.found()
        here.script.assert_no_pending_responses()


def test_a_removal_that_fails_says_what_is_left_and_keeps_the_bundles(tmp_path: Path) -> None:
    """The deployment bucket stays until the stack is gone, and the next try begins where this one ended."""
    said: list[str] = []
    words = "resource sg-1 has a dependent object"
    held = f'Resource handler returned message: "{words}" (RequestToken: 1, HandlerErrorCode: InvalidRequest)'
    failed = [
        event(1, STACK, "DELETE_IN_PROGRESS"),
        event(2, "MachineGroup", "DELETE_FAILED", held, "AWS::EC2::SecurityGroup"),
        event(3, STACK, "DELETE_FAILED"),
    ]
    with scene(tmp_path) as here:
        proposed(here)
        here.describes("CREATE_COMPLETE")
        standing = here.removal.found()
        here.happens()
        here.script.add_response("delete_stack", {}, {"StackName": STACK_ID, "ClientRequestToken": ANY})
        here.happens(*failed)
        here.describes("DELETE_FAILED")
        with pytest.raises(Rejected, match="was not removed: it ended as DELETE_FAILED") as refused:
            here.removal.carry_out(standing, said.append, lambda _step: None)
        assert words in refused.value.__notes__[0]
        s3: Any = here.work.places.s3
        bucket = here.work.places.deploy_bucket(STACK)
        assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 4
        here.describes("DELETE_FAILED")
        again = here.removal.found()
        here.happens(*failed)
        here.script.add_response("delete_stack", {}, {"StackName": STACK_ID, "ClientRequestToken": ANY})
        here.happens(*failed, event(4, STACK, "DELETE_IN_PROGRESS"), event(5, STACK, "DELETE_COMPLETE"))
        here.describes("DELETE_COMPLETE")
        here.removal.carry_out(again, said.append, lambda _step: None)
        here.script.assert_no_pending_responses()
        assert s3.list_buckets()["Buckets"] == []
    assert said[-1] == f"{bucket} is gone: 4 objects deleted"


@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [
        ("AccessDenied", 403, AccessDenied),
        ("ExpiredToken", 403, AccessDenied),
        ("Throttling", 400, Throttled),
        ("InternalFailure", 500, Unavailable),
    ],
)
def test_errors_of_cloudformation_are_ours(code: str, status: int, kind: type[PaddockError]) -> None:
    """By code; a stack is not taken for missing because nobody may look."""
    client: Any = Session(aws_access_key_id="test", aws_secret_access_key="test", region_name=REGION).client(
        "cloudformation"
    )
    with Stubber(client) as script:
        script.add_client_error("describe_stacks", code, "no", status)
        with pytest.raises(kind):
            Stacks(client).find(STACK)


def test_a_machine_that_a_running_call_still_launches_is_ended_too(tmp_path: Path) -> None:
    """EC2 tells of one more at the second look: it ends, and a minute passes without any before the stack goes."""
    with scene(tmp_path) as here:
        ec2, launched = here.work.places.ec2, list[str]()
        image = ec2.register_image(Name="ubuntu", Architecture="arm64")["ImageId"]
        tags = [{"ResourceType": "instance", "Tags": [{"Key": "paddock:fleet", "Value": STACK}]}]

        class Launching(ManualSleeper):
            def sleep(self, span: int) -> None:
                """The call in flight ends meanwhile."""
                if len(launched) < 2:
                    made = ec2.run_instances(ImageId=image, MinCount=1, MaxCount=1, TagSpecifications=tags)
                    launched.append(made["Instances"][0]["InstanceId"])
                super().sleep(span)

        sleeper = Launching(here.clock)
        sleeper.sleep(0)
        here.describes("UPDATE_COMPLETE", Outputs=[{"OutputKey": "DispatchFunction", "OutputValue": "dispatch"}])
        here.happens()
        here.script.add_response("delete_stack", {}, {"StackName": ANY, "ClientRequestToken": ANY})
        here.happens(event(1, STACK, "DELETE_COMPLETE"))
        here.lacks()
        removal, began = attrs.evolve(here.removal, sleeper=sleeper), here.clock.now()
        removal.carry_out(removal.found(), lambda _: None, lambda _: None)
        found = ec2.describe_instances(InstanceIds=launched)["Reservations"]
        assert [one["State"]["Name"] for each in found for one in each["Instances"]] == ["terminated"] * 2
        assert here.clock.now() - began >= MINUTE
