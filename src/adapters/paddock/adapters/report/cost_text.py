"""Costs in words and figures for people: the same on a terminal, in Markdown and on a page."""

from collections.abc import Mapping
from typing import Final

from paddock.adapters.report.text import clean
from paddock.core.costs.report import CostLine
from paddock.core.costs.sums import By
from paddock.core.units import DOLLAR, HOUR, MicroDollars, Span

_FORMULA: Final = ("=", "+", "-", "@")
_NO_JOB: Final = "(no job's)"
_NOBODY: Final[Mapping[By, str]] = {
    By.REPO: _NO_JOB,
    By.WORKFLOW: _NO_JOB,
    By.POOL: "(no pool's)",
}


def no_name(by: By, line: CostLine) -> str:
    """What stands for an empty name. Without a machine it is what services cost where no job began."""
    return _NOBODY.get(by, "(unknown)") if line.cost.machines else _NO_JOB


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


def each_text(amount: MicroDollars, number: int) -> str:
    """What one of so many costs, to a micro-dollar, half of one up: ``$0.000037``; less: ``< $0.000001``."""
    each = (2 * amount + number) // (2 * number)
    if amount and not each:
        return "< $0.000001"
    return f"${each // DOLLAR:,}.{each % DOLLAR:06}"


def cell(text: str) -> str:
    """Text of strangers as a cell of a spreadsheet, which must not take it for a formula."""
    text = clean(text)
    return f"'{text}" if text.startswith(_FORMULA) else text
