"""CloudWatch's error codes, as far as the common table does not name them. Source: its reference."""

from typing import Final

from paddock.adapters.aws_codes import Codes
from paddock.core.errors import Rejected, Throttled, Unavailable

CODES: Final[Codes] = {
    "InternalServiceFault": Unavailable,
    "InternalServiceError": Unavailable,
    "LimitExceededFault": Throttled,
    "InvalidNextToken": Rejected,
    **dict.fromkeys(
        (
            *("InvalidParameterValue", "InvalidParameterValueException", "InvalidParameterCombination"),
            *("InvalidParameterCombinationException", "MissingParameter", "MissingRequiredParameterException"),
        ),
        Rejected,
    ),
}
