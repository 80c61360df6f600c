"""Costs in words and figures for people: the same on a terminal, in Markdown and on a page."""

from collections.abc import Mapping
from typing import Final

from paddock.adapters.report.text import clean
from paddock.core.costs.sums import By
from paddock.core.units import HOUR, MicroDollars, Span

_FORMULA: Final = ("=", "+", "-", "@")
_NOBODY: Final[Mapping[By, str]] = {
    By.REPO: "(no job's)",
    By.WORKFLOW: "(no job's)",
    By.POOL: "(no pool's)",
}


def no_name(by: By) -> str:
    """What stands for an empty name."""
    return _NOBODY.get(by, "(unknown)")


def hours_text(span: Span) -> str:
    """Hours to a tenth, rounded down: ``12.3``."""
    tenths = span * 10 // HOUR
    return f"{tenths // 10}.{tenths % 10}"


def cents_text(amount: MicroDollars) -> str:
    """Money to the cent, half a cent up: ``$1,234.50``; what is less than half a cent, and not nothing: ``< $0.01``."""
    sign, amount = ("-", -amount) if amount < 0 else ("", amount)
    cents = (amount + 5_000) // 10_000
    if amount and not cents:
        return f"{sign}< $0.01" if not sign else "> -$0.01"
    return f"{sign}${cents // 100:,}.{cents % 100:02}"


def cell(text: str) -> str:
    """Text of strangers as a cell of a spreadsheet, which must not take it for a formula."""
    text = clean(text)
    return f"'{text}" if text.startswith(_FORMULA) else text
