"""How long, as it is said on the command line."""

from paddock.adapters.config.amounts import span
from paddock.core.errors import InvalidInput
from paddock.core.units import Span


def lasting(option: str, text: str, such: str) -> Span:
    """The span that the option names, above nothing; `such` are examples of what would be right.

    Raises:
        InvalidInput: it is none, or nothing.
    """
    length = span(text)
    if length is None:
        raise InvalidInput(option, text, f"must be a duration with its unit, such as {such}")
    if not length:
        raise InvalidInput(option, text, f"must be above nothing, such as {such}")
    return length
