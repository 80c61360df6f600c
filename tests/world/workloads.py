"""A workload of runs that a test has written down."""

from collections.abc import Iterator, Sequence

import attrs

from paddock.adapters.simulation.load import RunLoad


@attrs.frozen
class Given:
    """A workload of these runs."""

    found: Sequence[RunLoad]
    name: str = "given"

    @property
    def repositories(self) -> tuple[str, ...]:
        """All of them."""
        return tuple(sorted({run.repository for run in self.found}))

    def runs(self) -> Iterator[RunLoad]:
        """As they were given."""
        return iter(self.found)
