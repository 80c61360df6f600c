"""The beginning of a workload, for whoever does not want to wait for all of it."""

from collections.abc import Iterator

import attrs

from paddock.adapters.simulation.load import RunLoad, Workload
from paddock.core.units import Span, span_text


@attrs.frozen
class Beginning:
    """The `Workload` of the runs of another that start less than ``span`` after its first one."""

    whole: Workload
    span: Span

    @property
    def name(self) -> str:
        """The whole one's name, and how much of it this is."""
        return f"{self.whole.name}, its first {span_text(self.span)}"

    @property
    def repositories(self) -> tuple[str, ...]:
        """Those of the whole one."""
        return self.whole.repositories

    def runs(self) -> Iterator[RunLoad]:
        """The runs until then; the rest is not even read."""
        first = None
        for run in self.whole.runs():
            first = run.at if first is None else first
            if run.at - first >= self.span:
                return
            yield run
