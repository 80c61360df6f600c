"""The Pricing API's error codes, as far as the common table does not name them. Source: its API reference."""

from typing import Final

from paddock.adapters.aws_codes import Codes
from paddock.core.errors import NotFound, Rejected, Unavailable

CODES: Final[Codes] = {
    "NotFoundException": NotFound,
    "InternalErrorException": Unavailable,
    "InvalidParameterException": Rejected,
    "InvalidNextTokenException": Rejected,
    "ExpiredNextTokenException": Unavailable,  # the pages took too long: from the beginning they may not
}
