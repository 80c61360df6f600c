"""Figures in words: spans, money, counts, and how one figure differs from another.

A difference is always told in a word (``shorter``, ``dearer``), never by colour or sign alone.
"""

from collections.abc import Callable, Sequence

import attrs

from paddock.core.units import DAY, DOLLAR, HOUR, MINUTE, SECOND, MicroDollars, Span, money_text, span_text

NOTHING = "–"  # noqa: RUF001 - a dash stands for: nothing measured
SAME = "same"
_CENT: MicroDollars = DOLLAR // 100
_MOST_PER_CENT = 1_000


def count_text(count: int) -> str:
    """A count for people: ``12,345``."""
    return f"{count:,}"


def dollars_text(amount: MicroDollars) -> str:
    """Money for people: cents where they say enough (``$1,204.50``), hundredths of a cent below (``$0.0031``)."""
    if abs(amount) < DOLLAR // 10 and amount % _CENT:
        return money_text(amount)
    if not amount:
        return "$0"
    sign, amount = ("-", -amount) if amount < 0 else ("", amount)
    cents = (amount + _CENT // 2) // _CENT
    return f"{sign}${count_text(cents // 100)}.{cents % 100:02}"


def about(span: Span) -> str:
    """A span for a sentence: whole seconds from ten seconds on (``31 s``), rounded; from a minute on as in tables."""
    if not 10 * SECOND <= abs(span) < MINUTE:
        return span_text(span)
    seconds = (abs(span) + SECOND // 2) // SECOND
    sign = "-" if span < 0 else ""
    return f"{sign}{seconds} s" if seconds < MINUTE // SECOND else sign + span_text(MINUTE)


def length_text(span: Span) -> str:
    """A long span for people: ``2 d 3 h``; as `span_text` below two days."""
    if span < 2 * DAY:
        return span_text(span)
    days, rest = divmod(span, DAY)
    return f"{days} d {rest // HOUR} h" if rest >= HOUR else f"{days} d"


def per_cent(part: int, whole: int) -> str:
    """A share in whole per cent, rounded; ``under 1 %`` for a little, ``0 %`` for nothing alone."""
    if not whole:
        return NOTHING
    share = (abs(part) * 200 + abs(whole)) // (2 * abs(whole))
    return "under 1 %" if part and not share else f"{share} %"


@attrs.frozen
class Scale:
    """How figures of one kind are told and compared.

    ``less`` and ``more`` say how another figure differs, ``least`` and ``greatest`` name the extremes of several.
    ``wanted`` is -1 where less is better, 1 where more is, 0 where neither is.
    """

    text: Callable[[int], str]
    less: str
    more: str
    least: str
    greatest: str
    wanted: int = 0

    def difference(self, first: int | None, other: int | None) -> str:
        """How `other` differs from `first`: ``21.0 s shorter (40 %)``, ``same``; empty if one is not known."""
        if first is None or other is None:
            return ""
        if first == other:
            return SAME
        share = per_cent(other - first, first)
        known = first > 0 and abs(other - first) * 100 < _MOST_PER_CENT * first
        word = self.less if other < first else self.more
        return f"{self.text(abs(other - first))} {word}" + (f" ({share})" if known else "")

    def best(self, names: Sequence[str], figures: Sequence[int | None]) -> str:
        """Which of several stand out, by name: ``shortest: B``; ``same`` if none does, empty if none is known."""
        known = [figure for figure in figures if figure is not None]
        if not known:
            return ""
        if len(known) == len(figures) and len(set(known)) == 1:
            return SAME
        top = max(known) if self.wanted > 0 else min(known)
        word = self.greatest if self.wanted > 0 else self.least
        return f"{word}: {', '.join(name for name, figure in zip(names, figures, strict=True) if figure == top)}"

    def judged(self, first: int | None, other: int | None) -> int:
        """1 if `other` is better than `first`, -1 if it is worse, 0 if neither can be said."""
        if first is None or other is None or first == other:
            return 0
        return self.wanted if other > first else -self.wanted


WAIT = Scale(span_text, "shorter", "longer", "shortest", "longest", -1)
TIME = Scale(span_text, "less", "more", "least", "most", -1)
PRICE = Scale(dollars_text, "cheaper", "dearer", "cheapest", "dearest", -1)
MONEY = Scale(dollars_text, "less", "more", "least", "most")
COUNT = Scale(count_text, "fewer", "more", "fewest", "most")
GOOD = attrs.evolve(COUNT, wanted=1)
BAD = attrs.evolve(COUNT, wanted=-1)
