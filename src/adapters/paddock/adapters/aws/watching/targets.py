"""What an operator may set of the alarms: how long is too long, and how much too much."""

from typing import Any, Final

import attrs

from paddock.core.errors import InvalidInput
from paddock.core.units import DAY, MINUTE, MicroDollars, Span


def _more_than(least: int) -> Any:  # noqa: ANN401 - attrs' validators have no type of their own
    def check(_: object, field: "attrs.Attribute[Any]", value: int | None) -> None:
        if value is not None and value <= least:
            raise InvalidInput(field.name, value, f"must be more than {least}")

    return check


@attrs.frozen
class Targets:
    """Bounds of alarms.

    ``wait``: for so long may a job wait for its start. ``behind``: so old may the fleet's newest runner be after GitHub
    has a newer one, which must not be thirty days. ``calls``: requests of GitHub's hourly limit that must be left.
    ``dead``: so many machines in a quarter of an hour are too many, if they are a twentieth of those that were
    launched. ``letters``: so many may have died, on all queues. ``cost_per_hour`` is what the machines may cost in an
    hour; None: there is no bound.
    """

    wait: Span = attrs.field(default=5 * MINUTE, validator=_more_than(0))
    behind: Span = attrs.field(default=7 * DAY, validator=_more_than(0))
    calls: int = attrs.field(default=500, validator=_more_than(0))
    dead: int = attrs.field(default=3, validator=_more_than(0))
    letters: int = attrs.field(default=10, validator=_more_than(0))
    cost_per_hour: MicroDollars | None = attrs.field(default=None, validator=_more_than(0))


USUAL: Final = Targets()
"""The bounds of whoever has set no others."""
