"""Where things lie in the drawings of the page: per cent of a width, or paths on a canvas of fixed size.

Spreads of waits lie on a logarithmic axis, because a median of half a minute and a tail of half an hour must both be
seen. Bars and levels begin at nothing.
"""

import math
from collections.abc import Iterable, Sequence

import attrs

from paddock.adapters.report.axis import Axis, Tick
from paddock.adapters.report.page import Share, shares
from paddock.adapters.simulation.outcome import Level, Outcome, Spread
from paddock.adapters.simulation.render.tables import COST_PARTS, PARTS
from paddock.adapters.simulation.render.words import dollars_text
from paddock.core.units import DAY, HOUR, MILLISECOND, MINUTE, SECOND, Moment, Span, span_text

CANVAS_WIDTH, CANVAS_HEIGHT = 1_000, 100
_COLUMNS = 500  # more steps than that nobody can tell apart
_TICKS: Sequence[tuple[Span, str]] = (
    *((100 * MILLISECOND, "0.1 s"), (SECOND, "1 s"), (2 * SECOND, "2 s"), (5 * SECOND, "5 s"), (10 * SECOND, "10 s")),
    *((20 * SECOND, "20 s"), (MINUTE, "1 min"), (2 * MINUTE, "2 min"), (5 * MINUTE, "5 min"), (10 * MINUTE, "10 min")),
    *(
        (20 * MINUTE, "20 min"),
        (HOUR, "1 h"),
        (3 * HOUR, "3 h"),
        (12 * HOUR, "12 h"),
        (2 * DAY, "2 d"),
        (10 * DAY, "10 d"),
    ),
)
_MOST_TICKS = 8


@attrs.frozen
class LogAxis:
    """A logarithmic axis of spans. What is shorter than ``least`` lies at its left edge."""

    least: Span
    most: Span

    def x(self, span: Span) -> float:
        """Where the span lies: 0 to 100, to a hundredth."""
        if span <= self.least:
            return 0.0
        return min(round(math.log(span / self.least) * 100 / math.log(self.most / self.least), 2), 100.0)

    @property
    def ticks(self) -> tuple[Tick, ...]:
        """Round spans, with every second one's text dispensable on a narrow screen."""
        inside = [(span, text) for span, text in _TICKS if self.least <= span <= self.most]
        every = -(-len(inside) // _MOST_TICKS)
        return tuple(
            # A text too near to the right edge would be cut off: its line stays, its text goes.
            Tick(x := self.x(span), text if x <= 95 else "", minor=index % 2 == 1)  # noqa: PLR2004 - per cent
            for index, (span, text) in enumerate(inside[::every])
        )


def log_axis(spans: Iterable[Span]) -> LogAxis:
    """The axis that holds all these spans, from a round one below to the greatest."""
    known = [span for span in spans if span > 0] or [SECOND]
    least = max((span for span, _ in _TICKS if span <= min(known)), default=_TICKS[0][0])
    return LogAxis(least, max(*known, 2 * least))


@attrs.frozen
class Range:
    """A spread, drawn: a line from the median to p99, marks at p50, p95, p99. All in per cent."""

    p50: float
    p95: float
    p99: float
    title: str


def range_of(spread: Spread, axis: LogAxis) -> Range | None:
    """The spread on the axis; None if nobody had the span."""
    if not spread.count:
        return None
    told = f"p50 {span_text(spread.p50)}, p95 {span_text(spread.p95)}, p99 {span_text(spread.p99)}"
    return Range(
        axis.x(spread.p50), axis.x(spread.p95), axis.x(spread.p99), f"{told}, longest {span_text(spread.most)}"
    )


def cost_bars(outcomes: Sequence[Outcome]) -> list[list[Share]]:
    """Each policy's cost by purpose, on one scale: the dearest fills the width."""
    scale = max(sum(getattr(one.cost, field) for field, _ in COST_PARTS) for one in outcomes)
    return [
        list(
            shares(
                [(name, field, amount := getattr(one.cost, field), dollars_text(amount)) for field, name in COST_PARTS],
                scale,
            )
        )
        for one in outcomes
    ]


def wait_bars(outcomes: Sequence[Outcome]) -> list[list[Share]]:
    """Each policy's mean wait by part, on one scale: the longest fills the width. Means add up, percentiles do not."""
    scale = max(sum(getattr(one.wait, field).mean for field, _ in PARTS) for one in outcomes)
    return [
        list(
            shares(
                [(name, field, mean := getattr(one.wait, field).mean, span_text(mean)) for field, name in PARTS], scale
            )
        )
        for one in outcomes
    ]


@attrs.frozen
class Course:
    """The fleet over time, drawn on the canvas: filled paths of steps. ``top`` is what its height stands for."""

    path: str
    top: int


def courses(outcome: Outcome, axis: Axis, tops: Sequence[int], fields: Sequence[str]) -> list[Course]:
    """A path for each field of the levels, each with its own top."""
    return [
        Course(_path(outcome.levels, outcome.ended, axis, field, top), top)
        for field, top in zip(fields, tops, strict=True)
    ]


def time_axis(outcomes: Sequence[Outcome]) -> Axis:
    """The stretch of time that all the outcomes cover."""
    return Axis(min(one.began for one in outcomes), max(one.ended for one in outcomes))


def sampled(outcome: Outcome, axis: Axis) -> list[tuple[Moment, Level | None]]:
    """The most of each between the axis's ticks: the drawing as a table; None where nothing was told."""
    edges = [axis.start + index * axis.step for index in range(axis.span // axis.step + 1)]
    rows: list[tuple[Moment, Level | None]] = []
    for edge in edges:
        inside = [level for level in outcome.levels if edge <= level.at < edge + axis.step]
        rows.append((edge, _most(edge, inside) if inside else None))
    return rows


def _most(at: Moment, levels: Sequence[Level]) -> Level:
    return Level(
        at,
        max(level.waiting for level in levels),
        max(level.machines for level in levels),
        max(level.busy for level in levels),
    )


def _path(levels: Sequence[Level], ended: Moment, axis: Axis, field: str, top: int) -> str:
    """Steps from each level to the next, closed along the bottom. Columns hold the most of what falls into them."""
    if not levels or not top:
        return ""
    columns: dict[int, int] = {}
    for level in levels:
        column = (level.at - axis.start) * _COLUMNS // axis.span
        columns[column] = max(columns.get(column, 0), getattr(level, field))
    step = CANVAS_WIDTH // _COLUMNS
    parts: list[str] = []
    last = 0
    for column, value in sorted(columns.items()):
        x = min(column * step, CANVAS_WIDTH)
        y = CANVAS_HEIGHT - (value * CANVAS_HEIGHT * 2 + top) // (2 * top)
        parts.append(f"M{x} {CANVAS_HEIGHT}V{y}" if not parts else f"H{x}V{y}")
        last = x
    end = max(last, min((ended - axis.start) * CANVAS_WIDTH // axis.span, CANVAS_WIDTH))
    return "".join(parts) + f"H{end}V{CANVAS_HEIGHT}Z"
