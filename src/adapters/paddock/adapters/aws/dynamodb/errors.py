"""DynamoDB's error codes, as ours."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from paddock.adapters.aws_codes import COMMON, Codes
from paddock.core.errors import AccessDenied, Conflict, PaddockError, Rejected, Throttled, Unavailable


class Cancelled(Unavailable):
    """A transaction in which nothing was written. Caught in this package: its reasons say why."""


# Source: the "Errors" of each operation in DynamoDB's API reference, and "Error handling with DynamoDB".
CODES: Final[Codes] = {
    "ConditionalCheckFailedException": Conflict,  # caught in this package: the caller hears what stands there
    # No table is no missing record: whoever is told that a machine is unknown may act upon it.
    "ResourceNotFoundException": Unavailable,
    "TransactionConflictException": Unavailable,  # somebody else's transaction holds the item
    "ReplicatedWriteConflictException": Unavailable,
    "ItemCollectionSizeLimitExceededException": Rejected,
    "TransactionCanceledException": Cancelled,
    "TransactionInProgressException": Throttled,  # the same request is still on its way
    # Each write has a token of its own, so this is a fault of ours; `TokenReused` is what a launch's token may meet.
    "IdempotentParameterMismatchException": Rejected,
    "ValidationException": Rejected,  # an item over 400 KB, among much else
    "SerializationException": Rejected,
}

# Source: "Cancellation reason codes" of ``TransactionCanceledException`` in the API reference.
REASONS: Final[Codes] = {
    "ConditionalCheckFailed": Conflict,
    "ItemCollectionSizeLimitExceeded": Rejected,
    "ValidationError": Rejected,  # an item that would be over 400 KB, among much else
    "ProvisionedThroughputExceeded": Throttled,
    "ThrottlingError": Throttled,
    "TransactionConflict": Unavailable,  # somebody else's write holds the item
}
"""What one item of a cancelled transaction says."""

_FIRST: Final = (Conflict, AccessDenied, Rejected, Throttled, Unavailable)


def reasons_of(answer: Mapping[str, Any]) -> tuple[str, ...]:
    """The codes of a cancelled transaction's answer, each once, without those of the items that had none."""
    codes = (str(reason.get("Code") or "None") for reason in answer.get("CancellationReasons") or ())
    return tuple(sorted({code for code in codes if code != "None"}))


def cancelled_for(reasons: Iterable[str]) -> type[PaddockError]:
    """What the reasons of a transaction come to: `Conflict` if a condition did not hold.

    That is the answer whatever else stood in the way. What no repetition mends goes before what one may, and too much
    before somebody else's write, since it says how long to wait. Without any reason it is a passing fault; a reason
    that nobody documents is judged by the answer's status, which is that of a wrong request.
    """
    codes = tuple(reasons)
    if not codes:
        return Unavailable
    kinds = {REASONS.get(code) or COMMON.get(code) for code in codes}
    return next((kind for kind in _FIRST if kind in kinds), Rejected)
