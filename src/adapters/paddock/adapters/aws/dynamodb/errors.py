"""DynamoDB's error codes, as ours."""

from typing import Final

from paddock.adapters.aws_codes import Codes
from paddock.core.errors import Conflict, Rejected, Unavailable

# Source: the "Errors" of each operation in DynamoDB's API reference, and "Error handling with DynamoDB".
CODES: Final[Codes] = {
    "ConditionalCheckFailedException": Conflict,  # caught in this package: the caller hears what stands there
    # No table is no missing record: whoever is told that a machine is unknown may act upon it.
    "ResourceNotFoundException": Unavailable,
    "TransactionConflictException": Unavailable,  # somebody else's transaction holds the item
    "ReplicatedWriteConflictException": Unavailable,
    "ItemCollectionSizeLimitExceededException": Rejected,
    "ValidationException": Rejected,  # an item over 400 KB, among much else
    "SerializationException": Rejected,
}
