"""What to do about what AWS says no to, and what to know of an answer that AWS's log gave."""

from collections.abc import Sequence
from typing import Final

from botocore import exceptions as botocore

from paddock.adapters.aws.errors import code_of
from paddock.core.errors import AccessDenied, InvalidInput, PaddockError, Throttled
from paddock.core.units import MINUTE, Moment, span_text
from paddock.core.usecases.explain import Explanation
from paddock.entrypoints.aws_operator.settings import GROUPS, OperatorSettings

PAGE: Final = "docs/aws.md"
_SIGN_IN: Final = (
    "sign in to AWS: set AWS_PROFILE to a profile of ~/.aws/config (`aws sso login` if it is one of IAM Identity "
    "Center), or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
)
_WHO: Final = "`aws sts get-caller-identity` says who you are"
_EXPIRED: Final = frozenset({"ExpiredToken", "ExpiredTokenException", "RequestExpired"})
_UNKNOWN_KEY: Final = frozenset({"UnrecognizedClientException", "InvalidClientTokenId", "InvalidSignatureException"})
_MISSING: Final = "ResourceNotFoundException"
_NO_QUEUE: Final = frozenset({"QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue"})
_IN_LOGS: Final = frozenset({"FilterLogEvents", "CreateLogStream", "PutLogEvents"})
_AWAY: Final = (botocore.HTTPClientError, botocore.ConnectionError)
_FRESH: Final = 2 * MINUTE


def advice(error: PaddockError, settings: OperatorSettings | None) -> str:
    """The next step, empty if the error says it itself. By code, as everywhere; `settings` as far as they were read."""
    cause = error.__cause__
    if isinstance(error, InvalidInput):
        known = "`paddock stack status --env NAME` prints the variables"
        return f"{known}; {PAGE} describes them" if settings is None else ""
    if isinstance(error, Throttled):
        return f"AWS asks for patience: try again in {span_text(error.retry_after)}"
    if isinstance(cause, botocore.ClientError):
        return _refused(cause, error, settings)
    if isinstance(error, AccessDenied):
        return _SIGN_IN
    if isinstance(cause, _AWAY) and settings is not None:
        return f"can this machine reach AWS, and is AWS_REGION = {settings.region} a region that there is?"
    return ""


def _refused(cause: botocore.ClientError, error: PaddockError, settings: OperatorSettings | None) -> str:
    code = code_of(cause)
    if code in _EXPIRED:
        return f"your session is over: {_SIGN_IN}"
    if code in _UNKNOWN_KEY:
        return f"AWS does not know this key, or not in this region: {_SIGN_IN}; {_WHO}"
    if isinstance(error, AccessDenied):
        return f"{PAGE} lists the rights that an operator needs; {_WHO}"
    return "" if settings is None else _missing(code, cause.operation_name, settings)


def _missing(code: str, operation: str, settings: OperatorSettings) -> str:
    if code in _NO_QUEUE:
        return f"there is no queue {settings.jobs.url}: check PADDOCK_JOBS_URL and AWS_REGION = {settings.region}"
    if code != _MISSING:
        return ""
    if operation in _IN_LOGS:
        return f"{GROUPS} must name log groups of the stack's functions in {settings.region} (AWS_REGION)"
    return f"there is no table {settings.table} in {settings.region}: check PADDOCK_TABLE and AWS_REGION"


def remark(told: Explanation, now: Moment, *, groups: Sequence[str]) -> str:
    """What may be missing from a story that a log tells; empty if nothing should be."""
    if not told.decisions and now - told.job.received_at >= _FRESH:
        return (
            f"no decision was found in {', '.join(groups)}: a log group keeps them as long as its retention says, and "
            f"{GROUPS} must name those of all functions"
        )
    ended = told.job.finished_at
    if told.job.live or (ended is not None and now - ended < _FRESH):
        return "decisions come to the log some seconds after they are made: if the last one is missing, ask again"
    return ""
