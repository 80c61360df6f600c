"""What AWS and botocore call an error, as one of ours: by code, never by text.

A code that a service's own table does not name falls to the common one; one that nobody names, to its HTTP status.
The tests enumerate the codes that the services document for the operations we call.
"""

from collections.abc import Callable, Iterator, Mapping
from http import HTTPStatus
from typing import ParamSpec, TypeVar

from botocore import exceptions as botocore
from botocore.parsers import ResponseParserError

from paddock.adapters.aws_codes import COMMON, RETRY_AFTER, SIGNATURE, STATUSES, Codes
from paddock.core.errors import AccessDenied, PaddockError, Rejected, Throttled, Unavailable

P = ParamSpec("P")
T = TypeVar("T")
PageT = TypeVar("PageT", bound=Mapping[str, object])

# botocore's own failures: no answer came, or none that can be read; or there is nobody to sign as.
_AWAY = (
    *(botocore.HTTPClientError, botocore.ConnectionError, botocore.IncompleteReadError),
    *(botocore.ResponseStreamingError, botocore.MetadataRetrievalError),
)
_NOBODY = (
    *(botocore.NoCredentialsError, botocore.PartialCredentialsError, botocore.CredentialRetrievalError),
    *(botocore.TokenRetrievalError, botocore.SSOError, botocore.ProfileNotFound),
)


NOBODY_THERE = (
    "can this machine reach AWS, and is there such a region? AWS_REGION, stack.yml or AWS's own configuration names it"
)
"""The next step of whoever asks a region that somebody named just now: one that there is not has no address."""

_SAID = 600  # characters: AWS's own words fit, the web page of whatever stands before AWS does not


def code_of(error: botocore.ClientError) -> str:
    """The service's code, empty if it gave none."""
    return str(error.response.get("Error", {}).get("Code", ""))


def translated(error: Exception, operation: str, codes: Codes) -> PaddockError:
    """One of our errors for one of botocore's.

    Args:
        error: a ``ClientError``, any other ``BotoCoreError``, or what the reading of an answer raises.
        operation: what was asked, as AWS calls it, for the message.
        codes: the service's own table; it goes before the common one.
    """
    if isinstance(error, botocore.ClientError):
        return _refusal(error, operation, codes)
    if isinstance(error, _NOBODY):
        return AccessDenied(f"{operation}: {error}")
    if isinstance(error, _AWAY):
        return Unavailable(f"{operation}: {error}")
    if isinstance(error, ResponseParserError):
        # The web page of a proxy, which botocore quotes whole.
        said = " ".join(str(error).split())[:_SAID]
        return Unavailable(f"{operation}: not AWS answered; is a proxy in between? {said}")
    # Parameters that botocore refuses, no region ... : repeating it is useless.
    return Rejected(f"{operation}: {type(error).__name__}: {error}")


def _refusal(error: botocore.ClientError, operation: str, codes: Codes) -> PaddockError:
    code = code_of(error)
    kind = codes.get(code) or COMMON.get(code) or _by_status(error)
    said = "" if code in SIGNATURE else " ".join(str(error.response.get("Error", {}).get("Message", "")).split())
    words = f"{operation}: {code or 'no code'}: {said[:_SAID]}"
    return Throttled(words, RETRY_AFTER) if kind is Throttled else kind(words)


def _by_status(error: botocore.ClientError) -> type[PaddockError]:
    """The class of a code that nobody documents; an answer that is no error document has its status as its code."""
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == 0:
        return Unavailable
    return STATUSES.get(status, Rejected)


class Asking:
    """Calls a client's operations; what goes wrong comes as one of our errors."""

    def __init__(self, codes: Codes, *, unreached: str = "") -> None:
        """Args: the service's own codes; the next step, as a note, where nobody is at the service's address."""
        self._codes = codes
        self._unreached = unreached

    def __call__(self, operation: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Make the call.

        Raises:
            PaddockError: by the code of the answer, or because none came.
        """
        try:
            return operation(*args, **kwargs)
        except (botocore.ClientError, botocore.BotoCoreError, ResponseParserError) as error:
            told = translated(error, getattr(operation, "__name__", "call"), self._codes)
            if self._unreached and isinstance(error, botocore.EndpointConnectionError):
                told.add_note(self._unreached)
            raise told from error

    def pages(self, operation: Callable[..., PageT], **asked: object) -> Iterator[PageT]:
        """Make the call for each page of its answer, as long as a ``NextToken`` leads on.

        Raises:
            PaddockError: as for one call, when the page is asked for.
        """
        more: dict[str, object] = {}
        while True:
            page = self(operation, **asked, **more)
            yield page
            if not page.get("NextToken"):
                return
            more = {"NextToken": page["NextToken"]}
