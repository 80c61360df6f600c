"""What a deployment and a removal take care not to do: to others' stacks, in others' buckets."""

from pathlib import Path
from typing import Any

import pytest
from botocore.stub import ANY, Stubber

from paddock.core.errors import AccessDenied, Rejected
from paddock.entrypoints.aws_stack import bucket
from tests.aws.machine import ACCOUNT
from tests.integration.aws.test_stack_changes import STACK, STACK_ID, event, proposed, scene

pytestmark = pytest.mark.slow


def test_a_no_removes_no_stack_that_somebody_else_has_made_meanwhile(tmp_path: Path) -> None:
    """Two people propose the same new environment; one carries it out while the other still thinks, and says no."""
    with scene(tmp_path) as here:
        proposal = proposed(here)
        here.script.add_client_error("delete_change_set", "ChangeSetNotFound", "gone with the others", 404)
        here.describes("CREATE_IN_PROGRESS")
        here.work.discard(proposal)
        here.script.assert_no_pending_responses()


def test_a_stack_of_another_kind_is_neither_changed_nor_removed(tmp_path: Path) -> None:
    """It bears the name that an environment's would have. One that is of the template has no tag, but parameters."""
    with scene(tmp_path) as here:
        for refused in (here.work.propose, here.removal.found):
            here.describes("CREATE_COMPLETE", Tags=[])
            with pytest.raises(Rejected, match="is no stack of Paddock's"):
                refused()
        here.describes("CREATE_COMPLETE", Tags=[], Parameters=[{"ParameterKey": "FunctionsBundle"}])
        assert here.removal.found() is not None
        here.script.assert_no_pending_responses()


def test_an_empty_stack_is_removed_without_an_end_to_wait_for(tmp_path: Path) -> None:
    """A proposal that was cut off left it: CloudFormation may tell no event of its end."""
    said: list[str] = []
    with scene(tmp_path) as here:
        proposed(here)
        here.describes("REVIEW_IN_PROGRESS", Tags=[])
        standing = here.removal.found()
        here.script.add_response("delete_stack", {}, {"StackName": STACK_ID, "ClientRequestToken": ANY})
        here.removal.carry_out(standing, said.append, lambda _step: None)
        here.script.assert_no_pending_responses()
        s3: Any = here.work.places.s3
        assert s3.list_buckets()["Buckets"] == []
    assert len(said) == 1


def test_nothing_is_put_into_a_bucket_of_another_account(tmp_path: Path) -> None:
    """Whoever made it before us, under the name that anybody can work out, would choose what our functions run."""
    with scene(tmp_path) as here:
        s3: Any = here.work.places.s3
        name = here.work.places.deploy_bucket(STACK)
        with Stubber(s3) as script:
            asked = {"Bucket": name, "ExpectedBucketOwner": ACCOUNT}
            script.add_client_error("head_bucket", "403", "Forbidden", 403, expected_params=asked)
            with pytest.raises(AccessDenied) as refused:
                bucket.made(s3, name, here.work.places.region, {}, owner=ACCOUNT)
            script.assert_no_pending_responses()
    assert f"not of the account {ACCOUNT}" in refused.value.__notes__[0]


def test_a_stack_that_was_never_made_whole_is_removed_with_what_is_in_its_buckets(tmp_path: Path) -> None:
    """It has no outputs that would name them; CloudFormation deletes no bucket that has something in it."""
    said: list[str] = []
    with scene(tmp_path) as here:
        s3: Any = here.work.places.s3
        name = f"{STACK}-cache-{ACCOUNT}-{here.work.places.region}"
        s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": here.work.places.region})
        s3.put_object(Bucket=name, Key="runners/x", Body=b"x")
        here.describes("ROLLBACK_FAILED")
        standing = here.removal.found()
        here.happens()
        here.script.add_response("delete_stack", {}, {"StackName": STACK_ID, "ClientRequestToken": ANY})
        here.happens(event(1, STACK, "DELETE_IN_PROGRESS"), event(2, STACK, "DELETE_COMPLETE"))
        here.describes("DELETE_COMPLETE")
        here.removal.carry_out(standing, said.append, lambda _step: None)
        assert s3.list_objects_v2(Bucket=name)["KeyCount"] == 0
    assert f"{name} is empty: 1 object deleted" in said
