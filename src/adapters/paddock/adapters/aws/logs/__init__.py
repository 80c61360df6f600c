"""Decisions in CloudWatch Logs, where the functions' standard output goes."""

from paddock.adapters.aws.logs.decisions import CloudWatchDecisions
from paddock.adapters.aws.logs.policy import READER, WRITER
from paddock.adapters.aws.logs.windows import RecordWindows, Window, Windows

__all__ = ["READER", "WRITER", "CloudWatchDecisions", "RecordWindows", "Window", "Windows"]
