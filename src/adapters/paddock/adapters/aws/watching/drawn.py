"""What the dashboard shows of a stretch of time: each widget's lines, computed as CloudWatch does."""

import attrs

from paddock.adapters.aws.watching.maths import Series, evaluate
from paddock.adapters.aws.watching.names import Names
from paddock.adapters.aws.watching.samples import Samples
from paddock.adapters.aws.watching.widgets import Widget
from paddock.core.units import Moment


@attrs.frozen
class Drawn:
    """A line with its label. ``points`` has None where there was nothing."""

    label: str
    points: Series

    @property
    def last(self) -> float | None:
        """The newest point; None if there is none."""
        return next((point for point in reversed(self.points) if point is not None), None)


def drawn(widget: Widget, names: Names, samples: Samples, since: Moment, until: Moment) -> tuple[Drawn, ...]:
    """The widget's lines over that time, each point a period of the widget long; the last period ends at `until`."""
    points = max(1, (until - since) // widget.period)
    series = {
        query.id: samples.series(
            query.key(names), query.stat, period=widget.period, points=points, now=until, latency=0
        )
        for query in widget.queries
    }
    if widget.lines:
        return tuple(Drawn(line.label, evaluate(line.expression, series)) for line in widget.lines)
    return tuple(Drawn(query.label or query.name, series[query.id]) for query in widget.queries)
