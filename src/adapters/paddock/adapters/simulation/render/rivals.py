"""Our simulated waits next to what others publish of theirs.

A published figure is its author's own word: mostly one number without a percentile, a load or a definition. It is told
as it was published, with its place, and nothing is computed from it.
"""

from collections.abc import Mapping, Sequence

import attrs

from paddock.adapters.simulation.outcome import Outcome, Spread, Start, Waits
from paddock.adapters.simulation.render.background import Background
from paddock.adapters.simulation.render.tables import PARTS, policies
from paddock.adapters.simulation.render.words import NOTHING
from paddock.core.units import span_text

NOTE = (
    "Published figures are their authors' own, mostly without a percentile or a load, and often counted from a later "
    "moment than GitHub's queueing; ours are simulated, and count the webhook's way and the runner's handshake too."
)

ELSEWHERE = "told by simulate --waits"
"""In place of a start that was not simulated."""


@attrs.frozen
class Published:
    """What somebody says of the time from a job to its machine."""

    who: str
    start: Start
    text: str
    source: str


_TAGR = "terraform-aws-github-runner"
_RUNS_ON = "runs-on.com/docs/performance/warm-pools"
_RUNS_FLEET = "Shatille/runs-fleet, README"
PUBLISHED: Sequence[Published] = (
    Published("RunsOn", Start.COLD, "under 25 s", _RUNS_ON),
    Published("runs-fleet", Start.COLD, "about 60 s", _RUNS_FLEET),
    Published(_TAGR, Start.COLD, "2 to 5 min", "reports in its issues, e.g. 1766"),
    Published(_TAGR, Start.COLD, "86 s, image prepared", "its issue 1766"),
    Published("RunsOn", Start.STOPPED, "under 15 s", _RUNS_ON),
    Published("runs-fleet", Start.STOPPED, "about 13 s to boot", "Shatille/runs-fleet, docs/CONFIGURATION.md"),
    Published("WarpBuild BYOC", Start.STOPPED, "about 15 s", "docs.warpbuild.com/byoc/standby-disks"),
    Published("RunsOn", Start.HOT, "under 6 s", _RUNS_ON),
    Published("runs-fleet", Start.HOT, "about 10 s", _RUNS_FLEET),
    Published(_TAGR, Start.HOT, "10 to 30 s, warm pool", "its pull request 5204"),
)
"""As read in autumn 2026, Linux, in the order of the starts."""


@attrs.frozen
class Line:
    """One line of the table. ``parts`` are those of our own waits, p50 and p95 each; empty for published figures."""

    start: Start
    who: str
    figure: str
    source: str
    ours: bool
    parts: tuple[tuple[str, str], ...] = ()


def beside(outcomes: Sequence[Outcome], background: Background) -> tuple[Line, ...]:
    """Ours first, then the others', for each kind of start. What was not simulated says so."""
    published = {start: [one for one in PUBLISHED if one.start is start] for start in Start}
    lines: list[Line] = []
    for start in Start:
        ours = _ours(outcomes, background.starts, start)
        lines += ours or [Line(start, "Paddock", ELSEWHERE, "", ours=True)]
        lines += [Line(start, one.who, one.text, one.source, ours=False) for one in published[start]]
    return tuple(lines)


def _ours(outcomes: Sequence[Outcome], starts: Mapping[Start, Waits], start: Start) -> list[Line]:
    if starts:
        waits = starts.get(start)
        return [] if waits is None else [_line(start, "Paddock", waits)]
    if start is not Start.COLD:
        return []
    names = policies(outcomes)
    return [_line(start, f"Paddock, {name}", one.wait) for name, one in zip(names, outcomes, strict=True)]


def _line(start: Start, who: str, waits: Waits) -> Line:
    total = waits.total
    if not total.count:
        return Line(start, who, NOTHING, "simulated: no job started", ours=True)
    figure = f"p50 {span_text(total.p50)}, p95 {span_text(total.p95)}"
    parts = tuple((name, _part(getattr(waits, field))) for field, name in PARTS)
    return Line(start, who, figure, "simulated", ours=True, parts=parts)


def _part(spread: Spread) -> str:
    return f"p50 {span_text(spread.p50)}, p95 {span_text(spread.p95)}" if spread.count else NOTHING
