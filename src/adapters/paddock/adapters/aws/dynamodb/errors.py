"""DynamoDB's error codes, as ours."""

from typing import Final

from paddock.adapters.aws_codes import Codes
from paddock.core.errors import Conflict, Rejected, Throttled, Unavailable


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
    "IdempotentParameterMismatchException": Rejected,
    "ValidationException": Rejected,  # an item over 400 KB, among much else
    "SerializationException": Rejected,
}
