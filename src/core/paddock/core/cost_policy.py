"""When a day's costs are reported."""

import attrs


@attrs.frozen
class CostPolicy:
    """When a day is reported: so many minutes after midnight of the next one, by the clocks of ``zone``."""

    at: int = 9 * 60
    zone: str = "UTC"
