"""What every stack is watched by: the dashboard and the alarms of `adapters.aws.watching`, as resources."""

import json
from collections.abc import Sequence
from typing import Any, Final

from paddock.adapters.aws.alarm_events import SPOT, pattern
from paddock.adapters.aws.stack.fragments import fragment
from paddock.adapters.aws.stack.watched import Names, Resources, Watched
from paddock.adapters.aws.watching.alarms import alarms
from paddock.adapters.aws.watching.dashboard import dashboard_body
from paddock.adapters.aws.watching.names import Names as WatchedNames

_STACK: Final = "${AWS::StackName}-"


def watching(names: Names) -> Resources:
    """An alarm for each that there is, which tell the stack's topic, and the dashboard, which shows their states."""
    called = WatchedNames(
        stack=names.stack, queues=names.queues, dead=names.dead, functions=names.functions, table=names.table
    )
    found: dict[str, dict[str, Any]] = {}
    for properties in alarms(called, names.targets, actions=[{"Fn::Sub": names.topic}], runbook=names.runbook):
        name = properties["AlarmName"]["Fn::Sub"].removeprefix(_STACK)
        logical = "".join(word.capitalize() for word in name.split("-"))
        found[f"{logical}Alarm"] = {"Type": "AWS::CloudWatch::Alarm", "Properties": properties}
    body = dashboard_body(called, names.region, [f"${{{logical}.Arn}}" for logical in found])
    # Dashboards have one name space for all regions of an account.
    called_so = {"Fn::Sub": f"{names.stack}-{names.region}"}
    properties = {"DashboardName": called_so, "DashboardBody": {"Fn::Sub": json.dumps(body)}}
    return {**found, "Dashboard": {"Type": "AWS::CloudWatch::Dashboard", "Properties": properties}}


def storm(names: Names) -> Resources:
    """The rule by which the alarm on interruptions has the circuits looked at."""
    rule = fragment("storm", {"storm": pattern({"Fn::Sub": f"{names.stack}-{SPOT}"})})
    found: Resources = rule["Resources"]
    return found


WATCHED: Final[Sequence[Watched]] = (watching, storm)
"""Whoever watches a stack: functions that give resources."""
