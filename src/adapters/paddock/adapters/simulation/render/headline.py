"""What came of a simulation in a few sentences, computed from the same figures that the tables show."""

from collections.abc import Iterator, Sequence

from paddock.adapters.simulation.outcome import Outcome
from paddock.adapters.simulation.render.tables import cost_per_job, policies
from paddock.adapters.simulation.render.words import about, count_text, dollars_text, length_text
from paddock.core.units import DAY, HOUR, Span

_PERIODS: Sequence[tuple[Span, Span, str]] = (
    (20 * HOUR, 31 * HOUR, "the day"),
    (6 * DAY + 12 * HOUR, 7 * DAY + 12 * HOUR, "the week"),
    (28 * DAY, 32 * DAY, "the month"),
)
"""What people call a stretch of about this length. The end is ragged: the last jobs run on, for six hours at most."""


def headline(outcomes: Sequence[Outcome]) -> str:
    """The sentence that a reader takes home: the median wait and the cost, and how they differ."""
    if len(outcomes) == 1:
        return _one(outcomes[0])
    return _two(*outcomes) if len(outcomes) == 2 else _several(outcomes)  # noqa: PLR2004 - two are a comparison


def more(outcomes: Sequence[Outcome]) -> Iterator[str]:
    """Sentences that belong right below it: one for each policy, and what the reader must not make of them."""
    for name, outcome in zip(policies(outcomes), outcomes, strict=True):
        ended = outcome.jobs
        if ended.others:
            what = "1 job is" if ended.others == 1 else f"{count_text(ended.others)} jobs are"
            yield f"{name}: {what} not the fleet's, by the labels; aliases in paddock.yml give such jobs machines."
            if not ended.queued:
                continue
        parts = [f"of {count_text(ended.queued)} jobs {count_text(ended.served)} were served"]
        parts += [
            f"{count_text(count)} {word}"
            for count, word in (
                (ended.failed, "failed"),
                (ended.cancelled, "cancelled"),
                (ended.rejected, "rejected"),
                (ended.abandoned, "abandoned"),
                (ended.interrupted, "interrupted by the cloud"),
            )
            if count
        ]
        each = cost_per_job(outcome)
        yield f"{name}: {', '.join(parts)}" + ("" if each is None else f"; {dollars_text(each)} for each served") + "."
    if len(outcomes) > 1:
        yield "All had the same load and the same chance; small differences may still be chance: try other seeds."


def alarm(outcomes: Sequence[Outcome]) -> str:
    """What stands above everything else if something happened that must never be; empty if nothing did."""
    broken = [(name, len(one.violations)) for name, one in zip(policies(outcomes), outcomes, strict=True)]
    told = [f"{count_text(count)} with {name}" for name, count in broken if count]
    if not told:
        return ""
    count = sum(number for _, number in broken)
    what = "a rule was broken" if count == 1 else "rules were broken"
    return f"{what[0].upper()}{what[1:]} that must never be: {', '.join(told)}. Do not rely on the figures below."


def period(outcome: Outcome) -> str:
    """What people call the simulated stretch of time: ``the day``, or its length."""
    length = outcome.ended - outcome.began
    return next((name for least, most, name in _PERIODS if least <= length <= most), f"the {length_text(length)}")


def _one(outcome: Outcome) -> str:
    (name,) = policies([outcome])
    cost = f"{period(outcome)} costs {dollars_text(outcome.cost.total)}"
    wait = outcome.wait.total
    if not wait.count:
        return f"With {name}, no job started, and {cost}."
    return f"With {name}, the median job waits {about(wait.p50)}, 95 of 100 at most {about(wait.p95)}, and {cost}."


def _two(first: Outcome, other: Outcome) -> str:
    one, two = policies([first, other])
    clauses = [_waits(one, first, other), _costs(first, other)]
    return f"With {two}, {', and '.join(clauses)}."


def _waits(one: str, first: Outcome, other: Outcome) -> str:
    before, after = first.wait.total, other.wait.total
    if not after.count:
        return f"no job started, as with {one}" if not before.count else "no job started"
    if not before.count:
        return f"the median job waits {about(after.p50)}, where with {one} none started"
    was, is_ = about(before.p50), about(after.p50)
    if was == is_:
        return f"the median job waits {is_}, as with {one}"
    return f"the median job waits {is_} instead of {was}"


def _costs(first: Outcome, other: Outcome) -> str:
    was, is_ = dollars_text(first.cost.total), dollars_text(other.cost.total)
    what = period(first)
    return f"{what} costs {is_} as before" if was == is_ else f"{what} costs {is_} instead of {was}"


def _several(outcomes: Sequence[Outcome]) -> str:
    """Who waits least and who costs least; the first of those that are equal."""
    named = list(zip(policies(outcomes), outcomes, strict=True))
    cheap = min(named, key=lambda pair: pair[1].cost.total)
    cost = f"{period(outcomes[0])} costs least with {cheap[0]}: {dollars_text(cheap[1].cost.total)}"
    started = [(name, one) for name, one in named if one.wait.total.count]
    if not started:
        return f"With none of {len(named)} policies a job started; {cost}."
    fast = min(started, key=lambda pair: pair[1].wait.total.p50)
    first = f"Of {len(named)} policies {fast[0]} has the shortest median wait, {about(fast[1].wait.total.p50)}"
    return f"{first}, and {cost}."
