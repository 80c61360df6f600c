"""What a role needs on a bucket, as statements of IAM.

``{bucket_arn}`` is to be filled in, in `IN_FOLDER` and `MIRROR` ``{folder}`` too.

Without the right to list, S3 answers 403 for an object that is not there, and nobody could tell it from a refusal. The
bucket should have a lifecycle rule that ends unfinished uploads after a day: one of a process that died stays, unseen
and paid for.
"""

from collections.abc import Mapping, Sequence
from typing import TypeAlias

Statement: TypeAlias = Mapping[str, str | Sequence[str]]

READER: Sequence[Statement] = (
    {"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": ["{bucket_arn}/*"]},
    {"Effect": "Allow", "Action": ["s3:ListBucket"], "Resource": ["{bucket_arn}"]},
)

WRITER: Sequence[Statement] = (
    *READER,
    {
        "Effect": "Allow",
        # The steps of an upload in parts are covered by the right to put, its end without success is not.
        "Action": ["s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload"],
        "Resource": ["{bucket_arn}/*"],
    },
)

IN_FOLDER: Sequence[Statement] = (
    {"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": ["{bucket_arn}/{folder}*"]},
    {"Effect": "Allow", "Action": ["s3:ListBucket"], "Resource": ["{bucket_arn}"]},
)
"""To read the objects of one folder of a bucket, and to be told that one is not there."""

MIRROR: Sequence[Statement] = (
    # To list is not held to the folder: whoever looks for a missing object would then be refused, for he lists nothing.
    {"Effect": "Allow", "Action": ["s3:ListBucket"], "Resource": ["{bucket_arn}"]},
    {
        "Effect": "Allow",
        "Action": ["s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload"],
        "Resource": ["{bucket_arn}/{folder}*"],
    },
)
"""To keep the objects of one folder of a bucket, in which other things lie that machines execute."""
