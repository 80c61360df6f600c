"""What the parts of a stack used in a stretch of time, counted by AWS: one or two requests for all of it.

What stands and is paid by the month is asked for besides, by a request or so for each kind.

A part that did nothing has no metric in that time, and one whose name is wrong has none, either. So a meter of which
nothing at all was found is not known; it is not nothing.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import attrs

from paddock.adapters.aws.clients import Clients
from paddock.adapters.aws.cloudwatch.codes import CODES
from paddock.adapters.aws.cloudwatch.standing import Standing
from paddock.adapters.aws.errors import Asking
from paddock.core.costs.report import ServiceCost
from paddock.core.costs.services import MEMORY, RATES, STANDING, Meter, service_costs
from paddock.core.errors import PaddockError
from paddock.core.units import DAY, Moment, datetime_of

PERIOD: Final = 900  # seconds: midnight of every zone lies on a quarter of an hour
LONG: Final = 31 * DAY  # CloudWatch keeps quarters of an hour for 63 days, and hours for longer
HOURLY: Final = 3_600
LISTED: Final = 14 * DAY  # CloudWatch lists metrics for two weeks after their last value
MOST: Final = 500  # queries in a request
_MIB: Final = 1 << 20
_SQS: Final = (
    *("NumberOfMessagesSent", "NumberOfMessagesReceived", "NumberOfMessagesDeleted"),
    "NumberOfEmptyReceives",
)
_STORAGE: Final = "BucketSizeBytes"
_USED: Final = tuple(meter for meter, rate in RATES.items() if rate.micro_usd is not None and meter not in STANDING)


@attrs.frozen
class Used:
    """A stack's name and those of its parts, as AWS's metrics have them. ``indexes`` are those of the table."""

    stack: str
    functions: Mapping[str, str]
    queues: Sequence[str]
    table: str
    indexes: Sequence[str]
    groups: Sequence[str]
    buckets: Sequence[str]


@attrs.frozen
class _Query:
    """One metric: what it counts for, and how often each unit of it counts."""

    meter: Meter
    namespace: str
    name: str
    dimensions: Mapping[str, str]
    times: int = 1


class StackUsage:
    """Counts what a stack used. It is called as `paddock.core.costs.report.Counting` is."""

    def __init__(self, clients: Clients, used: Used) -> None:
        """Args: the names of the stack's parts."""
        self._clients = clients
        self._queries = list(_queries(used))
        parts = {part for query in self._queries for part in query.dimensions.items()}
        self._standing = Standing(clients, used.stack, frozenset(parts))
        self._ask = Asking(CODES)

    def __call__(self, since: Moment, until: Moment) -> Sequence[ServiceCost]:
        """What it used from `since` to `until` and what of it stands, and what that costs at list prices.

        If a part of it cannot be counted, that is not known, its lines say why, and the rest is told all the same.

        Raises:
            Unavailable, Throttled, AccessDenied, Rejected: CloudWatch said nothing at all.
        """
        found: dict[Meter, int] = {}
        why: dict[Meter, str] = {}
        failed: list[PaddockError] = []
        told = False
        for meters, count in self._parts(since, until):
            try:
                found |= count()
                told = True
            except PaddockError as error:
                failed.append(error)
                why |= dict.fromkeys(meters, str(error))
        if not told:
            raise failed[0]
        return service_costs(found, until - since, why)

    def _parts(
        self, since: Moment, until: Moment
    ) -> Iterator[tuple[Iterable[Meter], Callable[[], Mapping[Meter, int]]]]:
        """What is counted by requests of its own."""
        yield _USED, lambda: self.counts(since, until)
        yield (Meter.ALARMS, Meter.FAST_ALARMS), self._standing.alarms
        yield (Meter.DASHBOARDS,), self._standing.dashboards
        if until - since <= LISTED:  # of a longer time the list is no bound
            yield (Meter.METRICS,), self._standing.metrics

    def counts(self, since: Moment, until: Moment) -> Mapping[Meter, int]:
        """The meters of which anything was found."""
        found: dict[Meter, int] = {}
        for query, values in self._values(since, until):
            if values:
                # What is stored is a level, told once a day; everything else is counted.
                amount = -(-values[0] // _MIB) if query.meter is Meter.STORED else sum(values) * query.times
                found[query.meter] = found.get(query.meter, 0) + amount
        return found

    def _values(self, since: Moment, until: Moment) -> Iterator[tuple[_Query, list[int]]]:
        period = HOURLY if until - since > LONG else PERIOD
        for start in range(0, len(self._queries), MOST):
            queries = self._queries[start : start + MOST]
            values: dict[str, list[int]] = {}
            asked: dict[str, Any] = {
                "MetricDataQueries": [_asked(f"m{number}", query, period) for number, query in enumerate(queries)],
                # The day before, too: how much is stored is told at midnight, and late.
                "StartTime": datetime_of(since - DAY),
                "EndTime": datetime_of(until),
                "ScanBy": "TimestampDescending",
            }
            for page in self._ask.pages(self._clients.cloudwatch.get_metric_data, **asked):
                for result in page["MetricDataResults"]:
                    level = queries[int(result["Id"][1:])].meter is Meter.STORED
                    values.setdefault(result["Id"], []).extend(_within(result, since, until, level=level))
            yield from ((query, values.get(f"m{number}", [])) for number, query in enumerate(queries))


def _within(result: Mapping[str, Any], since: Moment, until: Moment, *, level: bool) -> Iterator[int]:
    """Whole numbers, of the day alone; a level may be of the day before."""
    first, last = datetime_of(since), datetime_of(until)
    for stamp, value in zip(result.get("Timestamps", ()), result.get("Values", ()), strict=True):
        if level or first <= stamp < last:
            yield round(value)


def _asked(name: str, query: _Query, period: int) -> dict[str, Any]:
    level = query.meter is Meter.STORED
    dimensions = [{"Name": key, "Value": value} for key, value in query.dimensions.items()]
    metric = {"Namespace": query.namespace, "MetricName": query.name, "Dimensions": dimensions}
    stat = {"Metric": metric, "Period": 86_400 if level else period, "Stat": "Average" if level else "Sum"}
    return {"Id": name, "MetricStat": stat}


def _queries(used: Used) -> Iterator[_Query]:
    for function, name in used.functions.items():
        of = {"FunctionName": name}
        yield _Query(Meter.INVOCATIONS, "AWS/Lambda", "Invocations", of)
        yield _Query(Meter.LAMBDA, "AWS/Lambda", "Duration", of, MEMORY[function])
    for queue in used.queues:
        yield from (_Query(Meter.SQS, "AWS/SQS", name, {"QueueName": queue}) for name in _SQS)
    table = {"TableName": used.table}
    for of in (table, *({**table, "GlobalSecondaryIndexName": index} for index in used.indexes)):
        yield _Query(Meter.READS, "AWS/DynamoDB", "ConsumedReadCapacityUnits", of)
        yield _Query(Meter.WRITES, "AWS/DynamoDB", "ConsumedWriteCapacityUnits", of)
    yield from (_Query(Meter.LOGS, "AWS/Logs", "IncomingBytes", {"LogGroupName": group}) for group in used.groups)
    yield from (_stored(bucket) for bucket in used.buckets)


def _stored(bucket: str) -> _Query:
    return _Query(Meter.STORED, "AWS/S3", _STORAGE, {"BucketName": bucket, "StorageType": "StandardStorage"})


def used_by(
    *, stack: str, table: str, indexes: Sequence[str], queues: Iterable[str], buckets: Iterable[str], machines: str
) -> Used:
    """The parts of a stack whose functions are called by it: ``<stack>-dispatch``, and so on.

    Args:
        stack: its name.
        table: the table's.
        indexes: the table's.
        queues: addresses; a queue's name is what stands behind the last slash.
        buckets: names, empty ones of none.
        machines: the log group of the machines.
    """
    functions = {name: f"{stack}-{name}" for name in MEMORY}
    return Used(
        stack=stack,
        functions=functions,
        queues=[url.rpartition("/")[2] for url in queues if url],
        table=table,
        indexes=indexes,
        groups=[*(f"/aws/lambda/{name}" for name in functions.values()), machines],
        buckets=[bucket for bucket in buckets if bucket],
    )
