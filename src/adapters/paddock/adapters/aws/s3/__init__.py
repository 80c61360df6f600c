"""`Objects` on S3: one bucket."""

from paddock.adapters.aws.s3.objects import S3Objects
from paddock.adapters.aws.s3.policy import READER, WRITER

__all__ = ["READER", "WRITER", "S3Objects"]
