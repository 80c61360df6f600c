"""The time axis of the page: where a moment lies, in per cent of the width, and which ticks to draw."""

from collections.abc import Iterable

import attrs

from paddock.core.units import DAY, HOUR, MILLISECOND, MINUTE, SECOND, Moment, Span

MOST_TICKS = 10
_STEPS: tuple[Span, ...] = (
    *(100 * MILLISECOND, 200 * MILLISECOND, 500 * MILLISECOND),
    *(SECOND, 2 * SECOND, 5 * SECOND, 10 * SECOND, 15 * SECOND, 30 * SECOND),
    *(MINUTE, 2 * MINUTE, 5 * MINUTE, 10 * MINUTE, 15 * MINUTE, 30 * MINUTE),
    *(HOUR, 2 * HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR),
)


@attrs.frozen
class Tick:
    """A line of the grid: its place in per cent, its text, and whether a narrow screen may leave the text out."""

    x: float
    text: str
    minor: bool


@attrs.frozen
class Axis:
    """The stretch of time that the page shows."""

    start: Moment
    end: Moment

    @property
    def span(self) -> Span:
        """Its length, at least a second."""
        return max(self.end - self.start, SECOND)

    def x(self, moment: Moment) -> float:
        """Where the moment lies: 0 to 100, to a thousandth."""
        return min(max(round((moment - self.start) * 100 / self.span, 3), 0.0), 100.0)

    @property
    def step(self) -> Span:
        """The distance of two ticks: the least round one that leaves at most `MOST_TICKS` of them."""
        step = next((step for step in _STEPS if self.span // step <= MOST_TICKS), DAY)
        while self.span // step > MOST_TICKS:
            step *= 2
        return step

    @property
    def ticks(self) -> tuple[Tick, ...]:
        """The ticks, the first at the start."""
        step = self.step
        # A text too near to the right edge would be cut off: its line stays, its text goes.
        return tuple(
            Tick(
                x := self.x(self.start + index * step),
                tick_text(index * step, step) if x <= 95 else "",  # noqa: PLR2004 - per cent
                minor=index % 2 == 1,
            )
            for index in range(self.span // step + 1)
        )


def axis_over(moments: Iterable[Moment], now: Moment) -> Axis:
    """The axis that holds all the moments; an empty one begins now."""
    known = list(moments)
    return Axis(min(known, default=now), max(known, default=now))


def tick_text(offset: Span, step: Span) -> str:
    """The offset as a stop-watch shows it: ``0:30``, ``1:30:00``, ``2 d 6 h``; tenths for steps below a second."""
    if offset >= 2 * DAY or step >= DAY:
        days, rest = divmod(offset, DAY)
        return f"{days} d {rest // HOUR} h" if rest else f"{days} d"
    hours, rest = divmod(offset, HOUR)
    minutes, rest = divmod(rest, MINUTE)
    seconds = f"{rest // SECOND:02}"
    if step < SECOND:
        seconds += f".{rest % SECOND // (100 * MILLISECOND)}"
    return f"{hours}:{minutes:02}:{seconds}" if hours else f"{minutes}:{seconds}"
