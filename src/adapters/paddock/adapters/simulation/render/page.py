"""The page: one self-contained HTML file that compares policies, to be shown around.

It depends on nothing but the outcomes and their background: no clock is read, so equal outcomes give the same page.
Every drawing has a title, a description and its figures as a table.
"""

from collections.abc import Mapping, Sequence
from functools import cache

import attrs
from jinja2 import Template

from paddock.adapters.report.axis import tick_text
from paddock.adapters.report.page import Share, Style, style, template
from paddock.adapters.report.text import clean, shortened
from paddock.adapters.simulation.outcome import Outcome, Violation
from paddock.adapters.simulation.render.background import Background
from paddock.adapters.simulation.render.charts import (
    Course,
    LogAxis,
    Range,
    cost_bars,
    courses,
    log_axis,
    range_of,
    sampled,
    time_axis,
    wait_bars,
)
from paddock.adapters.simulation.render.headline import alarm, headline, more
from paddock.adapters.simulation.render.rivals import NOTE, beside
from paddock.adapters.simulation.render.tables import (
    PARTS_NOTE,
    Row,
    api_names,
    call_of,
    calls,
    cost,
    jobs,
    label_sets,
    machines,
    overall_waits,
    peak_text,
    policies,
    wait_parts,
    waits_by_labels,
    window_text,
)
from paddock.adapters.simulation.render.words import about, count_text, length_text
from paddock.core.units import rfc3339

_PACKAGE = "paddock.adapters.simulation.render"
_MOST_LABEL_SETS = 40
_JUDGED: Mapping[int, str] = {1: "better", -1: "worse", 0: ""}


@attrs.frozen
class Line:
    """A row of figures, ready to be shown. ``judged`` is ``better``, ``worse`` or empty."""

    name: str
    cells: tuple[str, ...]
    difference: str
    judged: str
    main: bool


@attrs.frozen
class Sheet:
    """A table of figures."""

    title: str
    lines: tuple[Line, ...]
    note: str


@attrs.frozen
class WaitRow:
    """One policy's waits of one label set, drawn."""

    policy: str
    drawn: Range | None


@attrs.frozen
class Story:
    """Something that must never be, told with what led to it and how to see it again."""

    policy: str
    after: str
    violation: Violation
    replay: str


@attrs.frozen
class Gauge:
    """One policy's peak of an API against its limit. ``width`` in per cent, None without a limit."""

    policy: str
    text: str
    width: float | None
    over: bool


def render(outcomes: Sequence[Outcome], background: Background | None = None) -> str:
    """The page as HTML text, for policies that had the same workload and seed. There must be at least one."""
    background = background or Background()
    names = policies(outcomes)
    first = outcomes[0]
    axis = time_axis(outcomes)
    everywhere = [level for one in outcomes for level in one.levels]
    fleet_top = max((max(level.machines, level.busy) for level in everywhere), default=0)
    tops = (fleet_top, fleet_top, max((level.waiting for level in everywhere), default=0))
    log = _wait_axis(outcomes)

    def sheet(section_rows: Sequence[Row], title: str, note: str = "") -> Sheet:
        return Sheet(title, tuple(_line(row, names) for row in section_rows), note)

    parts = wait_parts(outcomes)
    by_labels = list(waits_by_labels(outcomes, _MOST_LABEL_SETS))
    return _template().render(
        style=_style(),
        title=f"Simulation of {shortened(clean(first.workload), 120) or 'a workload'}",
        seed=first.seed,
        began=rfc3339(first.began),
        length=length_text(first.ended - first.began),
        faults=background.faults,
        names=names,
        against=f"against {names[0]}" if len(names) == 2 else "difference",  # noqa: PLR2004 - a comparison
        headline=headline(outcomes),
        sentences=list(more(outcomes)),
        alarm=alarm(outcomes),
        stories=_stories(outcomes, names, background),
        cards=[
            sheet([overall_waits(outcomes).rows[1]], "Median wait"),
            sheet([overall_waits(outcomes).rows[2]], "95 of 100 wait at most"),
            sheet([cost(outcomes).rows[0]], "Cost"),
            sheet([cost(outcomes).rows[1]], "Cost of a served job"),
        ],
        wait_axis=log,
        wait_groups=_wait_groups(outcomes, names, log),
        waits=[sheet(section.rows, section.title, section.note) for section in (overall_waits(outcomes), *by_labels)],
        part_bars=list(zip(names, wait_bars(outcomes), strict=True)),
        parts=sheet(parts.rows, parts.title, PARTS_NOTE),
        cost_bars=_cost_bars(outcomes, names),
        cost=sheet(cost(outcomes).rows, "Cost", cost(outcomes).note),
        jobs=sheet(jobs(outcomes).rows, "Jobs"),
        machines=sheet(machines(outcomes).rows, "Machines", machines(outcomes).note),
        calls=sheet(calls(outcomes).rows, "API calls", calls(outcomes).note),
        gauges=_gauges(outcomes, names),
        time_axis=axis,
        fleets=[
            (name, _drawn(outcome, courses(outcome, axis, tops, _LEVELS)))
            for name, outcome in zip(names, outcomes, strict=True)
        ],
        fleet_top=count_text(fleet_top),
        waiting_top=count_text(tops[2]),
        levels=_levels(outcomes),
        rivals=beside(outcomes, background),
        rivals_note=NOTE,
        assumptions=background.assumptions,
        command=background.command,
        replays=[(name, background.replays.get(one.policy, "")) for name, one in zip(names, outcomes, strict=True)],
    )


_LEVELS = ("machines", "busy", "waiting")


def _line(row: Row, names: Sequence[str]) -> Line:
    return Line(row.name, row.cells, row.difference(names), _JUDGED[row.judged], row.main)


def _wait_axis(outcomes: Sequence[Outcome]) -> LogAxis:
    spreads = [waits.total for one in outcomes for waits in (one.wait, *one.waits.values())]
    return log_axis(span for one in spreads if one.count for span in (one.p50, one.p99))


def _wait_groups(outcomes: Sequence[Outcome], names: Sequence[str], axis: LogAxis) -> list[tuple[str, list[WaitRow]]]:
    """All jobs, then each label set, with a row for each policy."""
    named = list(zip(names, outcomes, strict=True))
    groups = [("all jobs", [WaitRow(name, range_of(one.wait.total, axis)) for name, one in named])]
    for labels in label_sets(outcomes)[:_MOST_LABEL_SETS]:
        rows = [
            WaitRow(name, range_of(one.waits[labels].total, axis) if labels in one.waits else None)
            for name, one in named
        ]
        groups.append((labels or "no label", rows))
    return groups


def _cost_bars(outcomes: Sequence[Outcome], names: Sequence[str]) -> list[tuple[str, list[Share], str]]:
    totals = cost(outcomes).rows[0].cells
    return list(zip(names, cost_bars(outcomes), totals, strict=True))


def _drawn(outcome: Outcome, paths: Sequence[Course]) -> tuple[Sequence[Course], str]:
    """The paths, and the drawing in a sentence."""
    if not outcome.levels:
        return paths, "Nothing was recorded."
    top = {field: max(getattr(level, field) for level in outcome.levels) for field in _LEVELS}
    busiest = max(outcome.levels, key=lambda level: (level.machines, -level.at))
    return paths, (
        f"At most {count_text(top['machines'])} machines at once, first {about(busiest.at - outcome.began)} after the "
        f"start; at most {count_text(top['busy'])} busy; at most {count_text(top['waiting'])} jobs waiting."
    )


def _levels(outcomes: Sequence[Outcome]) -> list[tuple[str, list[str]]]:
    axis = time_axis(outcomes)
    columns = [sampled(one, axis) for one in outcomes]
    rows = []
    for index, (edge, _) in enumerate(columns[0]):
        cells = []
        for column in columns:
            level = column[index][1]
            cells += ["–"] * 3 if level is None else [count_text(getattr(level, field)) for field in _LEVELS]  # noqa: RUF001
        rows.append((tick_text(edge - axis.start, axis.step), cells))
    return rows


def _gauges(outcomes: Sequence[Outcome], names: Sequence[str]) -> list[tuple[str, str, list[Gauge]]]:
    """Each API that has a limit, with its window, and each policy's peak against it."""
    found = []
    for api in api_names(outcomes):
        of_each = [(name, call_of(one, api)) for name, one in zip(names, outcomes, strict=True)]
        known = [(name, call) for name, call in of_each if call is not None and call.limit]
        if known:
            bars = [
                Gauge(name, peak_text(call), min(round(call.peak * 100 / call.limit, 2), 100.0), call.peak > call.limit)
                for name, call in known
                if call.limit
            ]
            found.append((api, window_text(known[0][1].window), bars))
    return found


def _stories(outcomes: Sequence[Outcome], names: Sequence[str], background: Background) -> list[Story]:
    return [
        Story(name, about(violation.at - one.began), violation, background.replays.get(one.policy, ""))
        for name, one in zip(names, outcomes, strict=True)
        for violation in one.violations
    ]


@cache
def _template() -> Template:
    return template(_PACKAGE, "simulation.html.j2")


@cache
def _style() -> Style:
    return style((_PACKAGE, "simulation.css"))
