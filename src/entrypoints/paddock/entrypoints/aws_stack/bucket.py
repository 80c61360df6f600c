"""A bucket of the operator's making, and how any bucket of a stack is emptied."""

from collections.abc import Mapping
from typing import Any, Final

from paddock.adapters.aws.errors import Asking
from paddock.adapters.aws.s3.codes import CODES
from paddock.adapters.aws_codes import Codes
from paddock.core.errors import AccessDenied, NotFound, Rejected

_CODES: Final[Codes] = {**CODES, "BucketAlreadyOwnedByYou": Rejected, "BucketAlreadyExists": Rejected}
_ask: Final = Asking(_CODES)
_MOST: Final = 1_000  # objects that S3 deletes at once


def there(s3: Any, bucket: str, owner: str) -> bool:  # noqa: ANN401 - a client of boto3's
    """Whether there is such a bucket, of ours. All accounts share the names, and anybody can work ours out.

    Args:
        s3: the client.
        bucket: its name.
        owner: our account.

    Raises:
        AccessDenied: it is another account's, or we may not look.
    """
    try:
        _ask(s3.head_bucket, Bucket=bucket, ExpectedBucketOwner=owner)
    except NotFound:
        return False
    except AccessDenied as error:
        error.add_note(
            f"either you have no rights on the bucket {bucket}, or it is not of the account {owner}: whoever has it "
            "could change what the fleet runs. Then take another name for the environment, or another region"
        )
        raise
    return True


def made(s3: Any, bucket: str, region: str, tags: Mapping[str, str], *, owner: str) -> None:  # noqa: ANN401 - as above
    """Make the bucket if it is not there: closed, encrypted; uploads that died end after a day.

    Raises:
        AccessDenied: see `there`; nothing is put into it then.
    """
    if not there(s3, bucket, owner):
        place = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
        _ask(s3.create_bucket, Bucket=bucket, ObjectOwnership="BucketOwnerEnforced", **place)
    blocks = dict.fromkeys(("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), True)
    _ask(s3.put_public_access_block, Bucket=bucket, PublicAccessBlockConfiguration=blocks)
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
    _ask(s3.put_bucket_encryption, Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": [rule]})
    day = {"DaysAfterInitiation": 1}
    uploads = {
        "ID": "uploads",
        "Status": "Enabled",
        "Filter": {"Prefix": ""},
        "AbortIncompleteMultipartUpload": day,
    }
    _ask(s3.put_bucket_lifecycle_configuration, Bucket=bucket, LifecycleConfiguration={"Rules": [uploads]})
    named = [{"Key": key, "Value": value} for key, value in sorted(tags.items())]
    _ask(s3.put_bucket_tagging, Bucket=bucket, Tagging={"TagSet": named})


def put(s3: Any, bucket: str, key: str, content: bytes) -> bool:  # noqa: ANN401 - as above
    """Put an object whose key names its content; False if it was there already."""
    try:
        _ask(s3.head_object, Bucket=bucket, Key=key)
    except NotFound:
        _ask(s3.put_object, Bucket=bucket, Key=key, Body=content)
        return True
    return False


def emptied(s3: Any, bucket: str) -> int:  # noqa: ANN401 - as above
    """Delete every object, and every version of one; how many there were. Of a bucket that is gone none."""
    count = 0
    while True:
        try:
            page = _ask(s3.list_object_versions, Bucket=bucket, MaxKeys=_MOST)
        except NotFound:
            return count
        found = [
            {"Key": one["Key"], "VersionId": one["VersionId"]}
            for one in (*page.get("Versions", []), *page.get("DeleteMarkers", []))
        ]
        if not found:
            return count
        answer = _ask(s3.delete_objects, Bucket=bucket, Delete={"Objects": found, "Quiet": True})
        if answer.get("Errors"):
            first = answer["Errors"][0]
            raise Rejected(f"DeleteObjects: {first.get('Code')}: {first.get('Key')} in {bucket} cannot be deleted")
        count += len(found)


def removed(s3: Any, bucket: str, owner: str) -> int:  # noqa: ANN401 - as above
    """Empty a bucket of ours and delete it; how many objects there were."""
    if not there(s3, bucket, owner):
        return 0
    count = emptied(s3, bucket)
    _ask(s3.delete_bucket, Bucket=bucket)
    return count
