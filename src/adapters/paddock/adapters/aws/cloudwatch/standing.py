"""What of a stack stands in CloudWatch and is paid by the month, as it stands when it is asked about.

An answer that names none is a count: none is there. AWS's lists go by the beginning of a name, and another stack's name
may begin as this one's does; so what is listed is held against what is this stack's alone.
"""

from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final

import attrs

from paddock.adapters.aws.clients import Clients
from paddock.adapters.aws.cloudwatch.codes import CODES
from paddock.adapters.aws.errors import Asking
from paddock.adapters.telemetry.catalogue import catalogue
from paddock.adapters.telemetry.lines import DIMENSION
from paddock.core.costs.services import Meter

Dimension = tuple[str, str]
"""A dimension of a metric, its name and its value."""

_MINUTE: Final = 60  # seconds: what looks more often is dearer
_ask: Final = Asking(CODES)


@attrs.frozen
class Standing:
    """Counts it. ``parts`` are the dimensions that metrics of this stack's parts have, and no other stack's.

    Each method makes one request for each page, and raises Unavailable, Throttled, AccessDenied or Rejected if
    CloudWatch does not say.
    """

    clients: Clients
    stack: str
    parts: Collection[Dimension]

    def alarms(self) -> Mapping[Meter, int]:
        """The metrics in alarms on parts of this stack: each is paid, however many an alarm has."""
        periods: list[int] = []
        named: dict[str, Any] = {"AlarmNamePrefix": f"{self.stack}-", "AlarmTypes": ["MetricAlarm"]}
        for page in _ask.pages(self.clients.cloudwatch.describe_alarms, **named):
            for alarm in page.get("MetricAlarms", ()):
                metrics = list(_metrics(alarm))
                if any(self._is_ours(dimension) for dimensions, _ in metrics for dimension in dimensions):
                    periods += (period for _, period in metrics)
        fast = sum(period < _MINUTE for period in periods)
        return {Meter.ALARMS: len(periods) - fast, Meter.FAST_ALARMS: fast}

    def dashboards(self) -> Mapping[Meter, int]:
        """The dashboard that the stack's template makes; dashboards have one name space for all regions."""
        name = f"{self.stack}-{self.clients.region}"
        pages = _ask.pages(self.clients.cloudwatch.list_dashboards, DashboardNamePrefix=name)
        found = (one["DashboardName"] for page in pages for one in page.get("DashboardEntries", ()))
        return {Meter.DASHBOARDS: sum(one == name for one in found)}

    def metrics(self) -> Mapping[Meter, int]:
        """The metrics that the fleet publishes, each with its dimensions one, as CloudWatch lists them.

        It lists those that had a value in the last two weeks, and bills each for the hours in which it had one: so no
        more is billed than these.
        """
        asked = {"Namespace": catalogue().namespace, "Dimensions": [{"Name": DIMENSION, "Value": self.stack}]}
        pages = _ask.pages(self.clients.cloudwatch.list_metrics, **asked)
        return {Meter.METRICS: sum(len(page.get("Metrics", ())) for page in pages)}

    def _is_ours(self, dimension: Mapping[str, str]) -> bool:
        found = dimension["Name"], dimension["Value"]
        return found == (DIMENSION, self.stack) or found in self.parts


def _metrics(alarm: Mapping[str, Any]) -> Iterator[tuple[Collection[Mapping[str, str]], int]]:
    """The metrics of an alarm: their dimensions, and how often each is looked at, in seconds."""
    if "MetricName" in alarm:
        yield alarm.get("Dimensions", ()), alarm["Period"]
    for query in alarm.get("Metrics", ()):
        if "MetricStat" in query:
            yield query["MetricStat"]["Metric"].get("Dimensions", ()), query["MetricStat"]["Period"]
