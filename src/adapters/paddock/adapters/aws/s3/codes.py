"""What S3's codes mean. HEAD has no body, and so no code but its status.

Source: "Error responses" in S3's API reference, for the operations that we call.
"""

from paddock.adapters.aws_codes import Codes
from paddock.core.errors import AccessDenied, NotFound, Rejected, Unavailable

CODES: Codes = {
    **dict.fromkeys(("NoSuchKey", "NoSuchUpload", "404"), NotFound),
    **dict.fromkeys(
        (
            *("BadDigest", "InvalidDigest", "XAmzContentSHA256Mismatch", "XAmzContentChecksumMismatch"),
            *("InvalidRequest", "InvalidArgument", "InvalidPart", "InvalidPartOrder", "InvalidWriteOffset"),
            *("EntityTooLarge", "EntityTooSmall", "TooManyParts", "EncryptionTypeMismatch", "KeyTooLongError"),
            *("InvalidObjectState", "MetadataTooLarge", "InvalidBucketName", "PermanentRedirect"),
        ),
        Rejected,
    ),
    **dict.fromkeys(("OperationAborted", "ConditionalRequestConflict", "IncompleteBody"), Unavailable),
    **dict.fromkeys(("KMS.DisabledException", "KMS.NotFoundException", "403"), AccessDenied),
}
