"""What a report tells besides the outcomes: how to repeat it, and what it takes for granted."""

from collections.abc import Mapping

import attrs

from paddock.adapters.simulation.outcome import Start, Waits


@attrs.frozen
class Assumption:
    """A parameter of the simulated world: its value as people read it, and where it is from."""

    name: str
    value: str
    source: str


@attrs.frozen
class Background:
    """The circumstances of a simulation.

    ``command`` repeats all of it; ``replays`` maps a policy to the command that repeats that policy alone. ``faults``
    names the faults that were on, empty if none was. ``starts`` has waits by how machines were started, for the
    comparison with published figures: without it, the outcomes' own waits stand for cold starts.
    """

    command: str = ""
    replays: Mapping[str, str] = attrs.field(factory=dict)
    faults: str = ""
    starts: Mapping[Start, Waits] = attrs.field(factory=dict)
    assumptions: tuple[Assumption, ...] = ()
