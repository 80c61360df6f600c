"""The dashboard as a picture, to be looked at before there is a stack: one SVG that loads nothing."""

from collections.abc import Callable, Sequence
from html import escape
from typing import Final

import attrs

from paddock.adapters.aws.watching.dashboard import COLUMNS, placed
from paddock.adapters.aws.watching.drawn import Drawn, drawn
from paddock.adapters.aws.watching.maths import Point
from paddock.adapters.aws.watching.names import Names
from paddock.adapters.aws.watching.samples import Samples
from paddock.adapters.aws.watching.widgets import MORE, PLANNED, View, Widget
from paddock.core.units import HOUR, Moment, datetime_of

UNIT: Final = 60  # pixels for a column of the dashboard, and for a row
_EDGE: Final = 12
_HEAD: Final = 26
_LEGEND: Final = 15  # pixels for a line of the legend
_TEXT: Final = 'font-family="DejaVu Sans,sans-serif"'
_COLOURS: Final = (
    *("#2166ac", "#e08214", "#1b7837", "#b2182b", "#762a83", "#4d4d4d", "#01857a"),
    *("#c51b7d", "#8c6d31", "#67a9cf", "#f4a582"),
)


@attrs.frozen
class Frame:
    """Where a widget's curves lie, in pixels, and the values at its lower and upper edge."""

    left: float
    top: float
    width: float
    height: float
    least: float
    most: float

    def y(self, value: float) -> float:
        """Where the value lies, within the frame."""
        share = (min(max(value, self.least), self.most) - self.least) / (self.most - self.least)
        return round(self.top + self.height * (1 - share), 1)

    def x(self, at: int, points: int) -> float:
        """Where the middle of this of so many points lies."""
        return round(self.left + self.width * (at + 0.5) / points, 1)


def picture(names: Names, samples: Samples, since: Moment, until: Moment) -> str:
    """The dashboard with what was published in that time, as SVG."""
    cells = placed([*PLANNED, *MORE])
    rows = max(y for _, y, _ in cells) + 6
    cards = [
        _card(widget, drawn(widget, names, samples, since, until), x * UNIT, y * UNIT, (since, until))
        for x, y, widget in cells
    ]
    width, height = COLUMNS * UNIT, rows * UNIT
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
        f' lang="en" role="img" aria-label="Dashboard of {escape(names.stack)}">'
        f'<rect width="{width}" height="{height}" fill="#f2f3f3"/>{"".join(cards)}</svg>\n'
    )


def _card(widget: Widget, lines: Sequence[Drawn], x: int, y: int, span: tuple[Moment, Moment]) -> str:
    width, height = widget.width * UNIT, 6 * UNIT
    parts = [
        f'<rect x="{x + 4}" y="{y + 4}" width="{width - 8}" height="{height - 8}" rx="6" fill="#fff"/>',
        _text(x + _EDGE, y + _HEAD, widget.title, size=15, weight="bold"),
    ]
    told = [line for line in lines if line.last is not None]
    if not told:
        parts.append(_text(x + _EDGE, y + height // 2, "no data", colour="#687078"))
    elif widget.view is View.NUMBER:
        parts.append(_text(x + _EDGE, y + height // 2, _amount(told[0].last), size=44))
    else:
        rows = -(-len(lines) // 2)
        top, below = y + _HEAD + _EDGE, _LEGEND * rows + 2 * _EDGE + 8
        frame = _frame(widget, lines, (x + 52, top, width - 52 - _EDGE - 4, height - (top - y) - below))
        parts += [*_axes(frame, span), *_curves(widget, lines, frame), *_legend(lines, x, y + height - below, width)]
    return "".join(parts)


def _frame(widget: Widget, lines: Sequence[Drawn], place: tuple[float, float, float, float]) -> Frame:
    values = [point for line in lines for point in line.points if point is not None]
    highest = max(_stacks(lines)) if widget.stacked else max(values)
    least = min(0.0, *values) if widget.least is None else float(widget.least)
    most = float(widget.most) if widget.most is not None else max(highest, least + 1)
    return Frame(*place, least, most)


def _stacks(lines: Sequence[Drawn]) -> list[float]:
    return [sum(point or 0 for point in column) for column in zip(*(line.points for line in lines), strict=True)]


def _axes(frame: Frame, span: tuple[Moment, Moment]) -> list[str]:
    since, until = span
    right, parts = frame.left + frame.width, []
    for share in (0, 0.5, 1):
        value = frame.least + (frame.most - frame.least) * share
        y = frame.y(value)
        parts.append(f'<path d="M{frame.left} {y}H{right}" fill="none" stroke="#eaeded"/>')
        parts.append(_text(frame.left - 4, y + 4, _amount(value), size=10, colour="#687078", anchor="end"))
    hours = range(-(-since // (6 * HOUR)) * 6 * HOUR, until + 1, 6 * HOUR)
    for hour in hours:
        x = round(frame.left + frame.width * (hour - since) / (until - since), 1)
        words = datetime_of(hour).strftime("%H:%M")
        parts.append(_text(x, frame.top + frame.height + 12, words, size=10, colour="#687078", anchor="middle"))
    return parts


def _curves(widget: Widget, lines: Sequence[Drawn], frame: Frame) -> list[str]:
    parts: list[str] = []
    floor = [0.0] * len(lines[0].points)
    for line, colour in zip(lines, _COLOURS, strict=False):
        if widget.stacked:
            top = [low + (point or 0) for low, point in zip(floor, line.points, strict=True)]
            parts.append(f'<path d="{_area(frame, floor, top)}" fill="{colour}" fill-opacity=".75"/>')
            floor = top
        else:
            parts.append(f'<path d="{_line(frame, line.points)}" fill="none" stroke="{colour}" stroke-width="1.6"/>')
    if widget.mark is not None and frame.least <= widget.mark[0] <= frame.most:
        y = frame.y(widget.mark[0])
        parts.append(f'<path d="M{frame.left} {y}h{frame.width}" fill="none" stroke="#d13212" stroke-dasharray="5 4"/>')
        parts.append(_text(frame.left + 4, y - 4, widget.mark[1], size=10, colour="#d13212"))
    return parts


def _line(frame: Frame, points: Sequence[Point]) -> str:
    """The points; where there is none, the line is broken, and one that stands alone is a dash."""
    parts: list[str] = []
    pen = "M"
    for at, point in enumerate(points):
        if point is None:
            pen = "M"
            continue
        parts.append(f"{pen}{frame.x(at, len(points))} {frame.y(point)}" + ("h3" if pen == "M" else ""))
        pen = "L"
    return "".join(parts)


def _area(frame: Frame, floor: Sequence[float], top: Sequence[float]) -> str:
    count = len(top)
    there = [f"{frame.x(at, count)} {frame.y(value)}" for at, value in enumerate(top)]
    back = [f"{frame.x(at, count)} {frame.y(value)}" for at, value in enumerate(floor)]
    return f"M{' '.join(['L'.join(there)])}L{'L'.join(reversed(back))}Z"


def _legend(lines: Sequence[Drawn], x: float, y: float, width: float) -> list[str]:
    parts: list[str] = []
    for number, (line, colour) in enumerate(zip(lines, _COLOURS, strict=False)):
        left, top = x + _EDGE + (number % 2) * (width - 2 * _EDGE) / 2, y + 26 + number // 2 * _LEGEND
        parts.append(f'<rect x="{left}" y="{top - 8}" width="9" height="9" fill="{colour}"/>')
        words = f"{line.label}: {'no data' if line.last is None else _amount(max(_there(line)))}"
        parts.append(_text(left + 13, top, words, size=10))
    return parts


def _there(line: Drawn) -> list[float]:
    return [point for point in line.points if point is not None]


_SIZES: Sequence[tuple[float, Callable[[float], str]]] = (
    (10_000, lambda value: f"{value / 1000:.0f}k"),
    (100, lambda value: f"{value:.0f}"),
    (0.01, lambda value: f"{value:.2f}".rstrip("0").rstrip(".")),
)


def _amount(value: float | None) -> str:
    if not value:
        return "0"
    return next((said(value) for least, said in _SIZES if abs(value) >= least), f"{value:.1e}")


def _text(
    x: float, y: float, words: str, *, size: int = 12, colour: str = "#16191f", anchor: str = "start", weight: str = ""
) -> str:
    bold = f' font-weight="{weight}"' if weight else ""
    return (
        f'<text x="{x}" y="{y}" {_TEXT} font-size="{size}" fill="{colour}" text-anchor="{anchor}"{bold}>'
        f"{escape(words)}</text>"
    )
