"""The parts of a fleet on AWS that answer its operators: the table, the log of decisions, the jobs queue."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, Final

from boto3.session import Session
from botocore.exceptions import BotoCoreError, NoCredentialsError

from paddock.adapters.advice import telling
from paddock.adapters.aws.clients import Clients
from paddock.adapters.aws.cloudwatch.usage import StackUsage, used_by
from paddock.adapters.aws.dynamodb.definition import INDEXES
from paddock.adapters.aws.dynamodb.records import DynamoRecords
from paddock.adapters.aws.dynamodb.table import Table as DynamoTable
from paddock.adapters.aws.dynamodb.together import DynamoTogether
from paddock.adapters.aws.errors import translated
from paddock.adapters.aws.logs import CloudWatchDecisions, RecordWindows
from paddock.adapters.aws.sqs.queue import SqsQueue
from paddock.adapters.system import RandomIds, SystemClock, SystemSleeper
from paddock.adapters.tables import stores_of, table_of
from paddock.adapters.telemetry.catalogue import catalogue
from paddock.core.circuit import CircuitPolicy
from paddock.core.decision import Decision
from paddock.core.environment import environment_of
from paddock.core.errors import InvalidInput, PaddockError
from paddock.core.messages import JobMessage
from paddock.core.retry import RetryPolicy
from paddock.core.usecases.circuits import Circuits
from paddock.core.usecases.explain import Explain
from paddock.core.usecases.house.tasks import Tasks
from paddock.core.usecases.life import Life
from paddock.core.usecases.operate import Operate
from paddock.entrypoints.aws_operator.advice import advice, remark
from paddock.entrypoints.aws_operator.settings import OperatorSettings, operator_settings
from paddock.entrypoints.containers import State

UNWRITTEN: Final = "the table was changed before that, but the log does not say so: once it can be written, repeat it"


@contextmanager
def open_stack(variables: Mapping[str, str], progress: Callable[[str, int], None]) -> Iterator[State]:
    """The fleet that the environment names, while inside; nothing is asked of it yet.

    Errors that leave the block bear what to do about them as a note.

    Args:
        variables: the environment. AWS's own part of it is read by boto3.
        progress: is told of each page of a log: whose it is, and how many decisions were in it so far.

    Raises:
        InvalidEnvironment: the environment cannot be used.
        AccessDenied: nobody is signed in.
    """
    clients = None
    settings = None
    try:
        session = _session()
        settings = operator_settings(variables, session.region_name)
        clients = _clients(session, settings)
        yield _state(clients, settings, progress)
    except PaddockError as error:
        step = advice(error, settings)
        if step:
            error.add_note(step)
        raise
    finally:
        if clients is not None:
            clients.close()


def _session() -> Session:
    """AWS's own configuration: a profile that is not there is told now."""
    try:
        return Session()
    except BotoCoreError as error:
        raise translated(error, "AWS's configuration", {}) from error


def _clients(session: Session, settings: OperatorSettings) -> Clients:
    """The clients that every command needs, made now, so that what is wrong with credentials is told as such."""
    clients = Clients(settings.region, session=session)
    try:
        if session.get_credentials() is None:
            raise NoCredentialsError
        _ = clients.dynamodb, clients.logs
    except BotoCoreError as error:
        raise translated(error, "AWS's credentials", {}) from error
    except ValueError as error:  # which botocore raises of addresses alone
        raise InvalidInput("AWS_ENDPOINT_URL", str(error), "must be scheme://host[:port], or not be set") from error
    return clients


class _Decisions(CloudWatchDecisions):
    """Its errors tell besides what was done all the same: the use-cases write down what they did, and not before."""

    def append(self, decisions: Sequence[Decision]) -> None:
        """See `CloudWatchDecisions`."""
        try:
            super().append(decisions)
        except PaddockError as error:
            error.add_note(UNWRITTEN)
            raise


def _state(clients: Clients, settings: OperatorSettings, progress: Callable[[str, int], None]) -> State:
    clock, sleeper, ids = SystemClock(), SystemSleeper(), RandomIds()
    dynamo = DynamoTable(clients, settings.table, sleeper)
    stores: dict[str, DynamoRecords[Any]] = stores_of(partial(DynamoRecords, table=dynamo, clock=clock, ids=ids))
    table = table_of(telling(stores, clock, ids), DynamoTogether(stores, dynamo, ids))
    decisions = _Decisions(
        clients,
        settings.groups,
        catalogue(),
        settings.stack,
        clock,
        sleeper,
        ids,
        windows=RecordWindows(table, clock),
        progress=progress,
    )
    queue: SqsQueue[JobMessage] = SqsQueue(clients, settings.jobs.url, settings.jobs.dead_letter_url, sleeper)
    life = Life(table=table, queue=queue, decisions=decisions, clock=clock, retry=RetryPolicy())
    operate = Operate(table=table, life=life, decisions=decisions, clock=clock)
    circuits = Circuits(policy=CircuitPolicy(), table=table, decisions=decisions, clock=clock)
    tasks = Tasks(tasks=table.tasks, decisions=decisions, clock=clock, ids=ids)
    said = partial(remark, groups=settings.groups)
    return State(
        table,
        Explain(table, decisions),
        operate,
        circuits,
        tasks,
        remark=said,
        environment=environment_of(settings.stack),
        services=_usage(clients, settings),
    )


def _usage(clients: Clients, settings: OperatorSettings) -> StackUsage:
    """What the stack uses of AWS's services, its parts being called as its template calls them.

    What is called otherwise is not found; what it cost is unknown then.
    """
    stack, account = settings.stack, settings.jobs.url.split("/")[-2]
    used = used_by(
        stack=stack,
        table=settings.table,
        indexes=tuple(INDEXES),
        queues=[f"{stack}-{word}{dead}" for word in ("jobs", "events", "reports") for dead in ("", "-dead")],
        buckets=[f"{stack}-{word}-{account}-{settings.region}" for word in ("cache", "archive")],
        machines=f"/paddock/{stack}/machines",
    )
    return StackUsage(clients, used)
