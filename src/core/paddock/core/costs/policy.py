"""When a day's costs are reported, and whom AWS is asked for it."""

import attrs


@attrs.frozen
class CostPolicy:
    """When a day is reported: so many minutes after midnight of the next one, by the clocks of ``zone``.

    ``live``: on AWS, prices and use are asked of AWS; else prices are the catalogue's, and services are not counted.
    ``bill``: on AWS, Cost Explorer is asked what was charged, which costs a cent a day.
    """

    at: int = 9 * 60
    zone: str = "UTC"
    live: bool = True
    bill: bool = False
