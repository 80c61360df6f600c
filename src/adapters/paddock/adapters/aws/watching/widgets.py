"""The widgets of the dashboard, as data. The first twelve are those that every fleet of this kind is asked for.

What each answers for a fleet that has no such queue or metric is decided in ADR 0031.
"""

from enum import StrEnum
from typing import Final

import attrs

from paddock.adapters.aws.watching.names import FUNCTIONS, QUEUES, Query, by
from paddock.core.units import DAY, HOUR, MINUTE, Span

HOLDS: Final = ("machine_limit", "vcpu_limit", "repository_limit", "launch_rate", "spend_limit", "paused", "in_turn")
FAILURES: Final = ("capacity", "quota", "machine", "interrupted", "fault")
SERVICES: Final = ("EC2", "DynamoDB", "SQS", "S3", "GitHub")
SPREAD: Final = ("p50", "p95", "p99")
DEPTH: Final = "ApproximateNumberOfMessagesVisible"


class View(StrEnum):
    """How a widget shows its metrics, in CloudWatch's words."""

    LINES = "timeSeries"
    NUMBER = "singleValue"


@attrs.frozen
class Line:
    """What an expression of metric maths shows."""

    expression: str
    label: str


@attrs.frozen
class Widget:
    """One widget. ``answers`` is the question that it answers.

    With ``lines`` the queries are only what their expressions are made of. ``mark`` is a level worth a line, with
    words. ``width`` is in the dashboard's 24 columns.
    """

    title: str
    answers: str
    queries: tuple[Query, ...]
    lines: tuple[Line, ...] = ()
    view: View = View.LINES
    stacked: bool = False
    period: Span = 5 * MINUTE
    mark: tuple[float, str] | None = None
    least: int | None = 0
    most: int | None = None
    width: int = 6


def _queue(name: str) -> tuple[Query, ...]:
    return (
        Query("m1", DEPTH, "Maximum", of=name, label="waiting"),
        Query("m2", "ApproximateAgeOfOldestMessage", "Maximum", of=name, label="age of the oldest, s"),
    )


def _spread(name: str) -> tuple[Query, ...]:
    return tuple(Query(stat, name, stat, label=stat) for stat in SPREAD)


def _spread_in_seconds() -> tuple[Line, ...]:
    return tuple(Line(f"{stat} / 1000", stat) for stat in SPREAD)


PLANNED: Final[tuple[Widget, ...]] = (
    Widget("Jobs queue", "Do requests for machines pile up?", _queue("jobs"), mark=(300, "alarm, s")),
    Widget(
        "Jobs that wait",
        "How many jobs have no machine yet, on the queue or in the table?",
        (Query("m1", "JobsWaiting", "Maximum", label="waiting"),),
    ),
    Widget("Events queue", "Does what GitHub and EC2 tell pile up?", _queue("events")),
    Widget(
        "Reports and housekeeping",
        "Are machines heard, and does the sweep run?",
        (
            Query("m1", DEPTH, "Maximum", of="reports", label="reports waiting"),
            Query("m2", "Sweeps", "Sum", label="sweeps"),
            Query("m3", "SweepFailures", "Sum", label="failed in sweeps"),
        ),
    ),
    Widget(
        "Machines",
        "How large is the fleet, and what does it do?",
        (
            Query("m1", "MachinesBusy", "Maximum", label="busy"),
            Query("m2", "MachinesStarting", "Maximum", label="starting"),
            Query("m3", "MachinesIdle", "Maximum", label="idle"),
            Query("m4", "MachinesEnding", "Maximum", label="ending"),
        ),
        stacked=True,
        period=MINUTE,  # one sweep: the most of each state within a longer time is more than there ever were
    ),
    Widget(
        "Spot interruptions an hour",
        "Does the cloud take machines back?",
        (Query("m1", "SpotInterruptions", "Sum", label="taken back"),),
        period=HOUR,
    ),
    Widget("Job duration, s", "How long do jobs run?", _spread("JobDuration"), _spread_in_seconds()),
    Widget(
        "Jobs served, %",
        "Of the jobs that ended, how many came to their own end? A red test did.",
        (
            Query("served", "JobsServed", "Sum"),
            Query("cut", "JobsInterrupted", "Sum"),
            Query("late", "JobsTimedOut", "Sum"),
            Query("lost", "JobsAbandoned", "Sum"),
        ),
        (Line("100 * FILL(served, 0) / SUM(METRICS())", "served"),),
        most=100,
    ),
    Widget(
        "Pools",
        "Are there spares, hot or stopped, and how full are the pools?",
        (
            Query("m1", "PoolHot", "Maximum", label="hot"),
            Query("m2", "PoolStopped", "Maximum", label="stopped"),
            Query("m3", "PoolUtilization", "Maximum", label="fullest, % in use"),
        ),
    ),
    Widget(
        "Runners out of the fleet's own copies, %",
        "How many machines started without a package being fetched for them?",
        (Query("launched", "JobsLaunched", "Sum"), Query("fetched", "RunnersFetched", "Sum")),
        (Line("100 * (launched - FILL(fetched, 0)) / launched", "own copies"),),
        period=HOUR,
        most=100,
    ),
    Widget(
        "Circuits",
        "What does the circuit breaker keep away?",
        (
            Query("m1", "CircuitsOpen", "Maximum", label="open or half open"),
            Query("m2", "CircuitsOpened", "Sum", label="opened"),
            Query("m3", "CircuitsClosed", "Sum", label="closed"),
        ),
    ),
    Widget(
        "Requests that failed",
        "Who refuses us, or does not answer?",
        (
            *by("APIErrors", "Sum", "Service", SERVICES),
            Query("m6", "ReadThrottleEvents", "Sum", of="table", label="table, reads throttled"),
            Query("m7", "WriteThrottleEvents", "Sum", of="table", label="table, writes throttled"),
        ),
        stacked=True,
    ),
)
"""The twelve of the plan, in its order: three rows of four."""

MORE: Final[tuple[Widget, ...]] = (
    Widget(
        "From queued to started, s",
        "How long do jobs wait?",
        _spread("JobWait"),
        _spread_in_seconds(),
        mark=(300, "alarm"),
        width=12,
    ),
    Widget(
        "Launches that failed",
        "Why do jobs not get their machine at once?",
        by("LaunchFailures", "Sum", "Reason", FAILURES),
        stacked=True,
        width=12,
    ),
    Widget(
        "Cost today, $",
        "What have the machines cost that are gone, since midnight UTC?",
        (Query("cost", "MachineCost", "Sum"),),
        (Line("cost / 1000000", "today"),),
        view=View.NUMBER,
        period=DAY,
        least=None,
    ),
    Widget(
        "Cost an hour, $",
        "What do the machines cost that run now, without disks and addresses?",
        (Query("cost", "CostPerHour", "Maximum"),),
        (Line("cost / 1000000", "an hour"),),
    ),
    Widget(
        "GitHub's budget",
        "How many requests does GitHub still allow?",
        (Query("m1", "GitHubBudgetLeft", "Minimum", label="left of this hour"),),
        mark=(500, "alarm"),
    ),
    Widget(
        "Jobs by result",
        "How did we do?",
        (
            Query("m1", "JobsServed", "Sum", label="served"),
            Query("m2", "JobsInterrupted", "Sum", label="interrupted"),
            Query("m3", "JobsTimedOut", "Sum", label="timed out"),
            Query("m4", "JobsAbandoned", "Sum", label="abandoned"),
        ),
        stacked=True,
    ),
    Widget(
        "Jobs held back",
        "Which limit do jobs wait for?",
        by("JobsHeldBack", "Sum", "Reason", HOLDS),
        stacked=True,
    ),
    Widget(
        "What nobody wants to see",
        "Is something broken that does not mend itself?",
        (
            Query("m1", "MachinesDead", "Sum", label="never came up"),
            Query("m2", "MachinesFailedToStart", "Sum", label="could not start"),
            Query("m3", "JobsQuarantined", "Sum", label="jobs quarantined"),
            Query("m4", "LettersQuarantined", "Sum", label="messages quarantined"),
            Query("m5", "OwnFaults", "Sum", label="our faults"),
        ),
        stacked=True,
    ),
    Widget(
        "Functions: errors and throttles",
        "Do the functions run?",
        (
            *(Query(f"e_{name}", "Errors", "Sum", of=name, label=f"{name}, errors") for name in FUNCTIONS),
            *(Query(f"t_{name}", "Throttles", "Sum", of=name, label=f"{name}, throttles") for name in FUNCTIONS),
        ),
        stacked=True,
    ),
    Widget(
        "Functions: p95 of a call, ms",
        "How long do the functions take?",
        tuple(Query(f"d_{name}", "Duration", "p95", of=name, label=name) for name in FUNCTIONS),
    ),
    Widget(
        "Webhooks",
        "Does GitHub reach us, and what was found without it?",
        (
            Query("m1", "Invocations", "Sum", of="webhook", label="calls"),
            Query("m2", "JobsAdopted", "Sum", label="jobs found without one"),
            Query("m3", "WebhooksRedelivered", "Sum", label="asked for again"),
        ),
    ),
    Widget(
        "Dead letters",
        "Have messages been given up?",
        tuple(Query(f"m_{name}", DEPTH, "Maximum", of=f"{name}_dead", label=name) for name in QUEUES),
        stacked=True,
        mark=(10, "alarm"),
    ),
)

BREAKER: Final = "Circuits by type and zone"
BREAKER_QUERY: Final = (
    'filter actor = "circuits" and verdict in ["opened", "half_open", "closed"]'
    " | stats latest(verdict) as state, latest(at) as changed, latest(reason) as why by subject"
    " | sort changed desc | limit 20"
)
"""A metric for each type and zone would be a dimension that grows with the fleet: the decisions say it for nothing."""
