"""The schedules function: what must be done every now and then, started by a rule of EventBridge with a constant input.

``{"task": "housekeeping"}``, once a minute, does every task that is due (docs/operating.md) and whatever an operator
asked for. ``{"task": "sweep"}``, or another task's name, does that one now. An event that is passed on has it as its
detail.
"""

from paddock.entrypoints.aws_lambda.starting import started  # isort: skip

import logging
from collections.abc import Mapping
from typing import Any, Final

import attrs

from paddock.adapters.aws.ce.explorer import ExplorerCosts
from paddock.adapters.aws.s3.objects import S3Objects
from paddock.adapters.aws.sns.topic import SnsNotifier
from paddock.adapters.prices import CataloguePrices
from paddock.adapters.report.costs import RENDERINGS
from paddock.adapters.telemetry.logs import FACTS, about
from paddock.core.catalogue import CATALOGUE
from paddock.core.decision import Fact
from paddock.core.errors import InvalidInput
from paddock.core.task import TaskRun
from paddock.core.usecases.costs.keep_prices import KeepPrices
from paddock.core.usecases.costs.reconciling import Reconciling
from paddock.core.usecases.house.chores import Reporting, chores
from paddock.core.usecases.house.housekeeping import Housekeeping, Work
from paddock.entrypoints.aws_lambda.logs import invocation
from paddock.entrypoints.aws_lambda.mirroring import make_mirror
from paddock.entrypoints.aws_lambda.once import Once
from paddock.entrypoints.aws_lambda.profile import profile

_LOG = logging.getLogger(__name__)

Facts = dict[str, Fact]

ALL: Final = "housekeeping"
MIRROR: Final = "mirror"
BUCKETS: Final = {
    MIRROR: "PADDOCK_CACHE_BUCKET",
    **dict.fromkeys(("old_jobs", "cost_report"), "PADDOCK_ARCHIVE_BUCKET"),
}


@attrs.frozen
class SchedulesFunction:
    """Does the task that an event names, or all that are due."""

    keeping: Housekeeping

    def __call__(self, event: Mapping[str, Any]) -> dict[str, Facts]:
        """What came of each task: how much was attempted, how much of that succeeded and failed. It is logged, too.

        Raises:
            InvalidInput: there is no such task here.
            Exception: what stopped a task; it is its next run's then. The other tasks were done.
        """
        name = self._name(event)
        done: dict[str, Facts] = {}
        stopped: Exception | None = None
        for task in self.keeping.names if name == ALL else (name,):
            with about(task=task):
                try:
                    ended = self.keeping.when_due(task) if name == ALL else self.keeping.run(task)
                except Exception as error:  # noqa: BLE001 - it is raised when the others are done
                    _LOG.exception("%s failed", task, extra={FACTS: {"attempted": 1, "succeeded": 0, "failed": 1}})
                    stopped = stopped or error
                    continue
                if ended is not None:
                    done[task] = _told(ended)
                elif name != ALL:
                    _LOG.warning("%s is begun by another run at this very moment", task)
        if stopped is not None:
            raise stopped
        return done

    def _name(self, event: Mapping[str, Any]) -> str:
        detail = event.get("detail")
        name = event.get("task") or (detail.get("task") if isinstance(detail, Mapping) else None)
        wanted = (ALL, *self.keeping.names)
        if isinstance(name, str) and name in BUCKETS and name not in wanted:
            raise InvalidInput(BUCKETS[name], None, f"must name a bucket: without one there is no task {name}")
        if name not in wanted:
            raise InvalidInput("task", name, f"must be one of {', '.join(wanted)}, in the rule's constant input")
        return str(name)


def _told(run: TaskRun) -> Facts:
    """What came of it, in the log too."""
    report = run.report
    counts: Facts = {"attempted": report.attempted, "succeeded": report.succeeded, "failed": report.failed}
    facts: Facts = {**counts, "left": report.left, **report.by_kind}
    for error in report.errors:
        _LOG.warning("%s: %s", run.name, error)
    _LOG.info("%s is done", f"a dry run of {run.name}" if run.dry_run else run.name, extra={FACTS: facts})
    return facts


def build() -> SchedulesFunction:
    """The function of this environment."""
    made = profile()
    environment = made.environment()
    mirror = make_mirror(environment, made.settings(), made.clients(), made.client(), made.clock(), made.gauges())
    live, bill = made.settings().costs.live, made.settings().costs.bill
    archive = S3Objects(made.clients(), environment.archive, made.clock()) if environment.archive else None
    keeping = None
    if archive is not None:
        keeping = KeepPrices(
            prices=made.prices(),
            table=made.table(),
            objects=archive,
            clock=made.clock(),
            types=[kind.name for kind in CATALOGUE],
            zones=sorted(environment.ec2.subnets),
        )
    others = chores(
        settings=made.settings(),
        table=made.table(),
        github=made.github(),
        # Not the reports: SQS names who put a message on a queue, and that must be the machine it speaks for.
        queues={"events": made.events(), "jobs": made.jobs()},
        archive=archive,
        decisions=made.decisions(),
        clock=made.clock(),
        several=made.several(),
        reporting=Reporting(
            stack=environment.ec2.fleet,
            renderings=RENDERINGS,
            prices=made.prices() if live else CataloguePrices(),
            notifier=SnsNotifier(made.clients(), environment.reports_topic) if environment.reports_topic else None,
            check=Reconciling(ExplorerCosts(made.clients(), environment.ec2.fleet), made.clock()) if bill else None,
            count=made.usage() if live else None,
            keeping=keeping if live else None,
        ),
    )
    more: dict[str, Work] = {} if mirror is None else {MIRROR: mirror}
    return SchedulesFunction(made.fleet().house.tasks({**others, **more}))


FUNCTION: Final = Once(build)


def handler(event: Mapping[str, Any], context: object) -> dict[str, Facts]:
    """What Lambda calls.

    Raises:
        PaddockError: the function cannot be built, there is no such task here, or it could not even be begun.
    """
    with invocation(context):
        return FUNCTION()(event)


started()
