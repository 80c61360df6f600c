"""CloudWatch Logs' error codes, as ours."""

from typing import Final

from paddock.adapters.aws_codes import Codes
from paddock.core.errors import Conflict, Rejected, Unavailable

# Source: the "Errors" of each operation in CloudWatch Logs' API reference.
CODES: Final[Codes] = {
    "InvalidParameterException": Rejected,
    # No log group is no missing decision: "nothing was ever decided" would be a lie.
    "ResourceNotFoundException": Unavailable,
    "ResourceAlreadyExistsException": Conflict,  # caught in this package: somebody was quicker
    # Documented still, though AWS has stopped to give them.
    **dict.fromkeys(("InvalidSequenceTokenException", "DataAlreadyAcceptedException"), Rejected),
}
