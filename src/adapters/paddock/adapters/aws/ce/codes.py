"""Cost Explorer's error codes, as far as the common table does not name them. Source: its API reference."""

from typing import Final

from paddock.adapters.aws_codes import Codes
from paddock.core.errors import Rejected, Unavailable

CODES: Final[Codes] = {
    "DataUnavailableException": Unavailable,  # Cost Explorer was switched on less than a day ago
    "BillExpirationException": Rejected,
    "InvalidNextTokenException": Rejected,
    "RequestChangedException": Rejected,
    "BillingViewHealthStatusException": Unavailable,
}
