"""Our books beside AWS's own bill: by how much they differ. Pure."""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Final

from paddock.core.costs.report import CostReport, RealBill
from paddock.core.units import HOUR, MicroDollars, money_text

CLOSE: Final = 5  # per cent


def reconciled(reports: Iterable[CostReport], billed: Mapping[date, MicroDollars]) -> RealBill | None:
    """The days that both know, together; None if there are none.

    Reports whose days are not UTC's are off by some hours at both ends, which the sentence says.
    """
    known = [(one, billed[day]) for one in reports if (day := date.fromisoformat(one.day)) in billed]
    if not known:
        return None
    ours, theirs = sum(one.spent for one, _ in known), sum(amount for _, amount in known)
    within = abs(theirs - ours) * 100 <= CLOSE * max(theirs, ours)
    last = max(one.day for one, _ in known)
    return RealBill(
        day=last,
        days=len(known),
        billed=theirs,
        booked=ours,
        within=within,
        text=_told([one for one, _ in known], theirs, ours, last, within=within),
    )


def _told(known: list[CostReport], theirs: MicroDollars, ours: MicroDollars, last: str, *, within: bool) -> str:
    days = f"{len(known)} days up to {last}" if len(known) > 1 else last
    if not theirs and ours:
        return (
            f"nothing under the fleet's tag for {days}, where the books have {money_text(ours)}: "
            "activate paddock:fleet as a cost allocation tag in the billing console; it works from then on, a day later"
        )
    told = f"{money_text(theirs)} for {days}, where the books have {money_text(ours)}"
    if theirs == ours:
        told += ": equal"
    else:
        tenths = abs(theirs - ours) * 1_000 // max(theirs, ours)
        side = "more" if theirs > ours else "less"
        told += f": {tenths // 10}.{tenths % 10} % {side}, {'within' if within else 'NOT within'} {CLOSE} %"
    unpriced = sum(one.unpriced for one in known)
    if unpriced:
        told += f"; {unpriced // HOUR} machine hours have no price in the books"
    if any(one.services is None for one in known):
        told += "; AWS's services are not in the books"
    if any(one.zone != "UTC" for one in known):
        told += "; the bill's days are UTC's, the books' are not"
    return told
