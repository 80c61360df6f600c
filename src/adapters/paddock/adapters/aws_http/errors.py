"""What the services that speak JSON call an error, as one of ours: by code, and where it is unknown by status.

The tests hold this table to the one that the adapters on boto3 use.
"""

import json
from http import HTTPStatus

from paddock.adapters.aws_codes import COMMON, RETRY_AFTER, SIGNATURE, STATUSES, Codes
from paddock.adapters.aws_http.connection import Answer
from paddock.core.errors import PaddockError, Rejected, Throttled, Unavailable


def error_of(operation: str, answer: Answer, codes: Codes) -> PaddockError:
    """One of our errors for an answer that is no success.

    Args:
        operation: what was asked, for the message.
        answer: what came.
        codes: the service's own table; it goes before the common one.
    """
    try:
        data = json.loads(answer.body)
    except (ValueError, RecursionError):
        data = None
    fields = data if isinstance(data, dict) else {}
    code = str(fields.get("__type") or fields.get("code") or answer.headers.get("x-amzn-errortype") or "")
    code = code.rpartition("#")[2].partition(":")[0]  # com.amazonaws.sqs#Code, and Code:http://…
    kind = codes.get(code) or COMMON.get(code) or _by_status(answer.status)
    said = "" if code in SIGNATURE else str(fields.get("message") or fields.get("Message") or "")
    words = f"{operation}: {code or f'HTTP {answer.status}'}: {said}"
    return Throttled(words, RETRY_AFTER) if kind is Throttled else kind(words)


def _by_status(status: int) -> type[PaddockError]:
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return Unavailable
    return STATUSES.get(status, Rejected)
