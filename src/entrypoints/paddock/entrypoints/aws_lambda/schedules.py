"""The schedules function: what must be done every now and then, each as a rule of EventBridge with a constant input.

The input is ``{"task": "sweep"}``, ``{"task": "sweep_github"}`` or ``{"task": "mirror"}``; an event that is passed on
has it as its detail.
"""

import logging
from collections.abc import Callable, Mapping
from typing import Any, Final

import attrs

from paddock.adapters.telemetry.logs import FACTS, about
from paddock.core.decision import Fact
from paddock.core.errors import InvalidInput
from paddock.core.fleet import Fleet
from paddock.core.usecases.mirror import MirrorReport
from paddock.core.usecases.sweep import SweepReport
from paddock.core.usecases.sweep_github import GitHubSweepReport
from paddock.entrypoints.aws_lambda.logs import invocation
from paddock.entrypoints.aws_lambda.mirroring import make_mirror
from paddock.entrypoints.aws_lambda.once import Once
from paddock.entrypoints.aws_lambda.profile import profile

_LOG = logging.getLogger(__name__)

Facts = dict[str, Fact]


@attrs.frozen
class SchedulesFunction:
    """Does the task that an event names. Without a ``mirror`` there is one task less."""

    fleet: Fleet
    mirror: Callable[[], MirrorReport] | None = None

    def __call__(self, event: Mapping[str, Any]) -> Facts:
        """What came of it: how much was attempted, how much of that succeeded and failed. It is logged, too.

        Raises:
            InvalidInput: there is no such task here.
            PaddockError: it could not even be begun; it is the next run's then.
        """
        task = _task(event)
        with about(task=task):
            try:
                facts, errors = self._tasks()[task]()
            except Exception:
                _LOG.exception("%s failed", task, extra={FACTS: {"attempted": 1, "succeeded": 0, "failed": 1}})
                raise
            for error in errors:
                _LOG.warning("%s: %s", task, error)
            _LOG.info("%s is done", task, extra={FACTS: facts})
        return facts

    def _tasks(self) -> Mapping[str, Callable[[], tuple[Facts, tuple[str, ...]]]]:
        return {
            "sweep": lambda: _swept(self.fleet.sweep()),
            "sweep_github": lambda: _compared(self.fleet.sweep_github()),
            "mirror": self._mirror,
        }

    def _mirror(self) -> tuple[Facts, tuple[str, ...]]:
        if self.mirror is None:
            raise InvalidInput("PADDOCK_CACHE_BUCKET", None, "must name the bucket that the mirror is kept in")
        return _swept(self.mirror())


TASKS: Final = ("sweep", "sweep_github", "mirror")


def _task(event: Mapping[str, Any]) -> str:
    detail = event.get("detail")
    task = event.get("task") or (detail.get("task") if isinstance(detail, Mapping) else None)
    if task not in TASKS:
        raise InvalidInput("task", task, f"must be one of {', '.join(TASKS)}, in the rule's constant input")
    return str(task)


def _swept(report: SweepReport | MirrorReport) -> tuple[Facts, tuple[str, ...]]:
    counts: Facts = {"attempted": report.attempted, "succeeded": report.succeeded, "failed": report.failed}
    return {**counts, "left": report.left, **report.by_kind}, report.errors


def _compared(report: GitHubSweepReport) -> tuple[Facts, tuple[str, ...]]:
    counts: Facts = {"attempted": report.attempted, "succeeded": report.succeeded, "failed": report.failed}
    return {
        **counts,
        "repositories": report.repositories,
        "redelivered": report.redelivered,
        "adopted": report.adopted,
        "asked": report.asked,
    }, report.errors


def build() -> SchedulesFunction:
    """The function of this environment."""
    made = profile()
    mirror = make_mirror(made.environment(), made.settings(), made.clients(), made.client(), made.clock())
    return SchedulesFunction(made.fleet(), mirror)


FUNCTION: Final = Once(build)


def handler(event: Mapping[str, Any], context: object) -> Facts:
    """What Lambda calls.

    Raises:
        PaddockError: the function cannot be built, there is no such task here, or it could not even be begun.
    """
    with invocation(context):
        return FUNCTION()(event)
