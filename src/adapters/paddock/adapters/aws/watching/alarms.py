"""The alarms of a stack.

Periods are a minute where that can be: CloudWatch hears of a metric some two minutes after it was told, and at most
five may go by from the moment something is wrong to the alarm.

Rates look back through a sliding window, which is by these two minutes longer than what it looks back on: the newest
part of it is always empty, and a slow trickle would be overlooked. They count what is missing as nothing (FILL): else
CloudWatch, which keeps looking at the last windows that had something, would let the alarm go off anew as these slide.

A metric that counts events is missing where nothing happens, which is well. Only of the sweeps is silence the very
thing to be told.
"""

from collections.abc import Sequence
from typing import Any, Final

from paddock.adapters.aws.alarm_events import SPOT
from paddock.adapters.aws.watching.definition import RUNBOOK, Alarm, Missing
from paddock.adapters.aws.watching.names import QUEUES, Names, Query
from paddock.adapters.aws.watching.samples import LATENCY
from paddock.adapters.aws.watching.targets import Targets
from paddock.core.units import HOUR, MILLISECOND, MINUTE, SECOND

QUARTER: Final = 15 * MINUTE + LATENCY
FIVE: Final = 5 * MINUTE + LATENCY
OLDEST: Final = 300  # seconds; of a message on the jobs queue
EC2_ERRORS: Final = 5
STORM: Final = 0.2  # interruptions by launches
LEAST: Final = 3  # interruptions: fewer are no rate
FULL: Final = 95  # per cent of a pool
OFTEN: Final = 20  # one machine of so many may be dead, in a fleet that starts hundreds in a quarter of an hour


def definitions(targets: Targets) -> tuple[Alarm, ...]:
    """Every alarm, in the order of what to look at first."""
    return (
        Alarm(
            "reconciler-silent",
            means="No sweep has looked at the fleet for three minutes: whatever was lost stays lost.",
            then="Look into the log of the schedules function, and whether its rule is enabled.",
            queries=(Query("sweeps", "Sweeps", "Sum"),),
            comparison="LessThanThreshold",
            threshold=1,
            of=3,
            needed=3,
            missing=Missing.BREACHING,
        ),
        Alarm(
            "jobs-waiting",
            means="A job waits for longer than it should.",
            then="'paddock jobs --live' names it, 'paddock explain' says for what it waits.",
            queries=(Query("wait", "OldestWait", "Maximum"),),
            threshold=targets.wait // MILLISECOND,
            of=2,
            needed=2,
        ),
        Alarm(
            "queue-age",
            means="A request lies on the jobs queue for more than five minutes.",
            then="Look into the log of the dispatch function; 'in_turn' in 'paddock explain' means EC2's or GitHub's"
            " limits.",
            queries=(Query("age", "ApproximateAgeOfOldestMessage", "Maximum", of="jobs"),),
            threshold=OLDEST,
            of=2,
            needed=2,
        ),
        Alarm(
            "webhooks-silent",
            means="Jobs are found at GitHub that no webhook told of, and no webhook has come for a quarter of an hour.",
            then="See 'Recent deliveries' of the App: its URL, its secret, and whether it is suspended.",
            queries=(Query("found", "JobsAdopted", "Sum"), Query("came", "Invocations", "Sum", of="webhook")),
            expression="IF(FILL(found, 0) > 0 AND FILL(came, 0) == 0, 1, 0)",
            threshold=0,
            period=QUARTER,
        ),
        Alarm(
            "fleet-errors",
            means="EC2 refuses requests, or does not answer.",
            then="The log lines 'EC2 answered …' name the code.",
            queries=(Query("errors", "APIErrors", "Sum", dimensions={"Service": "EC2"}),),
            expression="FILL(errors, 0)",
            threshold=EC2_ERRORS,
            period=FIVE,
        ),
        Alarm(
            SPOT,
            means="The cloud takes back more than a fifth of as many spot machines as were launched.",
            then="'paddock circuit list' shows what is avoided already; 'paddock circuit open' keeps more of it away.",
            queries=(Query("taken", "SpotInterruptions", "Sum"), Query("launched", "SpotLaunches", "Sum")),
            expression=f"IF(FILL(taken, 0) >= {LEAST},"
            " FILL(taken, 0) / (FILL(launched, 0) + (FILL(launched, 0) == 0)), 0)",
            threshold=STORM,
            period=QUARTER,
        ),
        Alarm(
            "dead-boots",
            means="Machines are started and never come up, or say that they cannot.",
            then="'paddock explain' of such a job has the reason, and the machine's log stream the details;"
            " was the image changed?",
            queries=(
                Query("dead_silent", "MachinesDead", "Sum"),
                Query("dead_told", "MachinesFailedToStart", "Sum"),
                Query("launched", "JobsLaunched", "Sum"),
            ),
            expression=f'IF({OFTEN} * SUM(FILL(METRICS("dead"), 0)) >= FILL(launched, 0),'
            ' SUM(FILL(METRICS("dead"), 0)), 0)',
            comparison="GreaterThanOrEqualToThreshold",
            threshold=targets.dead,
            period=QUARTER,
        ),
        Alarm(
            "quarantined",
            means="A job was given up because its launches fail in the same way, or a message because it dies each"
            " time.",
            then="The decision 'quarantined' says which, 'paddock explain' of the job why.",
            queries=(Query("jobs", "JobsQuarantined", "Sum"), Query("letters", "LettersQuarantined", "Sum")),
            expression="SUM(FILL(METRICS(), 0))",
            threshold=0,
            period=FIVE,
        ),
        Alarm(
            "dead-letters",
            means="Many messages have been given up.",
            then="'paddock housekeeping status' says what becomes of them; the functions' logs say why they died.",
            queries=tuple(
                Query(f"dead_{name}", "ApproximateNumberOfMessagesVisible", "Maximum", of=f"{name}_dead")
                for name in QUEUES
            ),
            expression="SUM(METRICS())",
            threshold=targets.letters,
        ),
        Alarm(
            "pool-exhausted",
            means="A pool is in use to the last machine.",
            then="Give it more machines, or expect cold starts.",
            queries=(Query("used", "PoolUtilization", "Maximum"),),
            threshold=FULL,
            of=2,
            needed=2,
        ),
        Alarm(
            "github-budget",
            means="Hardly any of GitHub's requests of this hour are left.",
            then="'paddock simulate' shows what the load takes. Does another program use the same credentials?",
            queries=(Query("left", "GitHubBudgetLeft", "Minimum"),),
            comparison="LessThanThreshold",
            threshold=targets.calls,
            period=FIVE,
        ),
        Alarm(
            "runner-behind",
            means="GitHub has had a newer runner for days, and the fleet has no copy of it: GitHub refuses runners that"
            " are thirty days behind.",
            then="'paddock housekeeping status' says what the mirror fails in.",
            queries=(Query("behind", "RunnerBehind", "Maximum"),),
            expression="FILL(behind, 0)",
            threshold=targets.behind // SECOND,
            period=2 * HOUR,
        ),
        _budget(targets),
        Alarm(
            "faults",
            means="Something happened that Paddock has no word for: a bug.",
            then="The decision 'fault' has the error. Please report it.",
            queries=(Query("faults", "OwnFaults", "Sum"),),
            expression="FILL(faults, 0)",
            threshold=0,
            period=FIVE,
        ),
        Alarm(
            "forged-reports",
            means="A machine spoke for another one: somebody has it in hand.",
            then="End it, and see what its job was; the decision 'forged_report' names it.",
            queries=(Query("forged", "ReportsForged", "Sum"),),
            expression="FILL(forged, 0)",
            threshold=0,
            period=FIVE,
        ),
    )


def _budget(targets: Targets) -> Alarm:
    """Money: the limit of the day that the fleet keeps by itself, and a bound for what it costs in an hour."""
    held = Query("held", "JobsHeldBack", "Maximum", dimensions={"Reason": "spend_limit"})
    spent = "IF(FILL(held, 0) > 0, 1, 0)"
    if targets.cost_per_hour is not None:
        spent = f"IF(FILL(held, 0) > 0 OR FILL(cost, 0) > {targets.cost_per_hour}, 1, 0)"
    cost = () if targets.cost_per_hour is None else (Query("cost", "CostPerHour", "Maximum"),)
    return Alarm(
        "budget",
        means="Jobs wait because the day's money is spent, or the fleet costs more than it should.",
        then="'limits.spend_per_day_usd' in paddock.yml is the first, the bound of this alarm the second.",
        queries=(held, *cost),
        expression=spent,
        threshold=0,
        period=QUARTER,
    )


def alarms(
    names: Names, targets: Targets | None = None, actions: Sequence[Any] = (), runbook: str = RUNBOOK
) -> list[dict[str, Any]]:
    """The properties of each ``AWS::CloudWatch::Alarm`` of a stack.

    Args:
        names: how its parts are called; `Names.of` for the usual.
        targets: the operator's bounds.
        actions: ARNs of SNS topics, or what CloudFormation makes ARNs of. Without any, nobody is told.
        runbook: where the alarms' pages can be read.
    """
    return [alarm.properties(names, actions, runbook) for alarm in definitions(targets or Targets())]
