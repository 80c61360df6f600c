"""What a role needs on a bucket, as statements of IAM.

``{bucket_arn}`` is to be filled in, in `IN_FOLDER`, `KEEPER` and `MIRROR` ``{folder}`` too.

Without the right to list, S3 answers 403 for an object that is not there, and nobody could tell it from a refusal. The
bucket should have a lifecycle rule that ends unfinished uploads after a day: one of a process that died stays, unseen
and paid for.
"""

from collections.abc import Mapping, Sequence
from typing import TypeAlias

Statement: TypeAlias = Mapping[str, str | Sequence[str]]

# To list is not held to a folder: whoever looks for a missing object would then be refused, for he lists nothing.
LISTER: Sequence[Statement] = ({"Effect": "Allow", "Action": ["s3:ListBucket"], "Resource": ["{bucket_arn}"]},)
"""To be told that an object is not there, and what there is."""

READER: Sequence[Statement] = (
    {"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": ["{bucket_arn}/*"]},
    *LISTER,
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
    *LISTER,
)
"""To read the objects of one folder of a bucket, and to be told that one is not there."""

KEEPER: Sequence[Statement] = (
    # An upload in parts that fails is ended by the bucket's rule: what is kept so goes in one request.
    {"Effect": "Allow", "Action": ["s3:GetObject", "s3:PutObject"], "Resource": ["{bucket_arn}/{folder}*"]},
)
"""To add to one folder of a bucket, and to look at what is there; whoever does needs `LISTER` besides."""

MIRROR: Sequence[Statement] = (
    *LISTER,
    {
        "Effect": "Allow",
        "Action": ["s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload"],
        "Resource": ["{bucket_arn}/{folder}*"],
    },
)
"""To keep the objects of one folder of a bucket, in which other things lie that machines execute."""
