"""Durations and money as people write them, read into integers without a float in between."""

import re
from decimal import Decimal

from paddock.core.units import DAY, DOLLAR, HOUR, MINUTE, SECOND, MicroDollars, Span

_DURATION = re.compile(r"(?:([0-9]{1,6})d)?(?:([0-9]{1,6})h)?(?:([0-9]{1,6})m)?(?:([0-9]{1,6})s)?")
_UNITS = (DAY, HOUR, MINUTE, SECOND)


def span(text: str) -> Span | None:
    """The span of ``90s``, ``4m``, ``1h30m`` or ``2d``; None if it is no such text."""
    match = _DURATION.fullmatch(text)
    if match is None or not text:
        return None
    return sum(int(count) * unit for count, unit in zip(match.groups(), _UNITS, strict=True) if count is not None)


def dollars(amount: str | int | Decimal) -> MicroDollars | None:
    """The amount in micro-dollars, exactly; None if it is finer than that, or no plain decimal number."""
    text = str(amount)
    if re.fullmatch(r"[0-9]{1,12}(\.[0-9]{1,18})?", text) is None:
        return None
    micros = Decimal(text) * DOLLAR
    return int(micros) if micros == int(micros) else None
