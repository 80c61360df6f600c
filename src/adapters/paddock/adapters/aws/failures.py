"""Telling of requests to AWS that failed, whoever made them: by one hook of the client, after botocore's own tries.

What a service says of a thing (it is not there, it is in another state, there is no capacity) is an answer and no
failure; so is a condition of DynamoDB's that did not hold, which is how this fleet keeps its records. A step that was
cancelled for anything else is told by its reason.
"""

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, Final

from paddock.adapters.aws.dynamodb.errors import CODES as DYNAMODB
from paddock.adapters.aws.dynamodb.errors import Cancelled, cancelled_for, reasons_of
from paddock.adapters.aws.ec2.errors import CODES as EC2
from paddock.adapters.aws.ec2.errors import OF_ONE
from paddock.adapters.aws.s3.codes import CODES as S3
from paddock.core.errors import Conflict, NoCapacity, NotFound, PaddockError, TokenReused

Failed = Callable[[str, str], object]
"""Gets the service, as the catalogue of metrics calls it, and the code of its answer, or the error's name."""

SERVICES: Final[Mapping[str, str]] = {"dynamodb": "DynamoDB", "ec2": "EC2", "s3": "S3", "sqs": "SQS"}

_ANSWERS: Final = (Conflict, NoCapacity, NotFound, TokenReused)
EXPECTED: Final = frozenset(
    {code for codes in (DYNAMODB, EC2, S3) for code, kind in codes.items() if issubclass(kind, _ANSWERS)}
    | {*OF_ONE, "PreconditionFailed"}
)
"""Codes that are answers."""


def watched(client: Any, service: str, failed: Failed) -> None:  # noqa: ANN401 - botocore makes the classes of clients as it runs
    """Have the client tell of its failures; of a service that is not in the catalogue, nobody is told."""
    name = SERVICES.get(service)
    if name is None:
        return

    def answered(parsed: Mapping[str, Any], **_: object) -> None:
        status = parsed.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        code = str(parsed.get("Error", {}).get("Code", "")) or str(status)
        if DYNAMODB.get(code) is Cancelled:
            reasons = reasons_of(parsed)
            if cancelled_for(reasons) is not Conflict:
                failed(name, f"{code}: {', '.join(reasons) or 'no reason'}")
        elif status >= HTTPStatus.BAD_REQUEST and status != HTTPStatus.NOT_FOUND and code not in EXPECTED:
            failed(name, code)

    def unanswered(exception: BaseException, context: Mapping[str, Any], **_: object) -> None:
        if isinstance(exception, PaddockError) and context.get("retries", {}).get("attempt", 1) == 1:
            return  # nothing was sent: we keep within our own limits
        failed(name, type(exception).__name__)

    client.meta.events.register("after-call", answered)
    client.meta.events.register("after-call-error", unanswered)
