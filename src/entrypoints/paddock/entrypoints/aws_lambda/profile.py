"""The composition root of a fleet on AWS; the other profiles' is `paddock.entrypoints.containers`.

It stands apart so that they can be had without boto3. As there: providers that call typed factories, and no wiring.
"""

from typing import TYPE_CHECKING, Any, Final

from dependency_injector import containers, providers

from paddock.adapters.aws.clients import Clients
from paddock.adapters.aws.dynamodb.assignments import DynamoAssignments
from paddock.adapters.aws.dynamodb.handover import DynamoHandover
from paddock.adapters.aws.dynamodb.records import DynamoRecords
from paddock.adapters.aws.dynamodb.table import Table as DynamoTable
from paddock.adapters.aws.dynamodb.together import DynamoTogether
from paddock.adapters.aws.ec2.machines import Ec2Machines
from paddock.adapters.aws.s3.objects import S3Objects
from paddock.adapters.aws.sqs.queue import SqsQueue
from paddock.adapters.aws_http.secrets import Secrets
from paddock.adapters.config import Config
from paddock.adapters.github.auth import Credentials
from paddock.adapters.github.client import GitHub as GitHubClient
from paddock.adapters.pacing import PacedStarts, Purse
from paddock.adapters.system import RandomIds, SystemChance, SystemClock, SystemSleeper
from paddock.adapters.telemetry.decisions import LoggedDecisions
from paddock.adapters.telemetry.gauges import LoggedGauges
from paddock.adapters.threads import Threads
from paddock.core.fleet import Fleet
from paddock.core.messages import EventMessage, JobMessage
from paddock.core.ports.github import GitHub
from paddock.core.ports.handover import Handover
from paddock.core.ports.stores import Table
from paddock.core.ports.system import Chance, Clock, Ids, Sleeper
from paddock.core.settings import FleetSettings
from paddock.entrypoints.aws_lambda import factories as aws
from paddock.entrypoints.aws_lambda.fleet_settings import FleetEnvironment
from paddock.entrypoints.aws_lambda.logs import start_logging
from paddock.entrypoints.aws_lambda.once import Once

if TYPE_CHECKING:
    from paddock.adapters.aws.cloudwatch.usage import StackUsage
    from paddock.adapters.aws.pricing.prices import AwsPrices


class AwsProfile(containers.DeclarativeContainer):
    """A fleet on AWS, by its process's environment. A provider that fails is tried again when it is asked again."""

    environment: providers.Provider[FleetEnvironment] = providers.Singleton(aws.make_environment)
    clock: providers.Provider[Clock] = providers.Singleton(SystemClock)
    sleeper: providers.Provider[Sleeper] = providers.Singleton(SystemSleeper)
    ids: providers.Provider[Ids] = providers.Singleton(RandomIds)
    chance: providers.Provider[Chance] = providers.Singleton(SystemChance)
    gauges: providers.Provider[LoggedGauges] = providers.Singleton(aws.make_gauges, environment, clock)
    clients: providers.Provider[Clients] = providers.Singleton(aws.make_clients, environment, gauges)
    objects: providers.Provider[S3Objects] = providers.Singleton(aws.make_objects, environment, clients, clock)
    config: providers.Provider[Config] = providers.Singleton(aws.make_config, environment, objects)
    settings: providers.Provider[FleetSettings] = providers.Singleton(aws.make_settings, config, environment)
    dynamo: providers.Provider[DynamoTable] = providers.Singleton(aws.make_table, environment, clients, sleeper)
    stores: providers.Provider[dict[str, DynamoRecords[Any]]] = providers.Singleton(aws.make_stores, dynamo, clock, ids)
    together: providers.Provider[DynamoTogether] = providers.Singleton(DynamoTogether, stores, dynamo, ids)
    table: providers.Provider[Table] = providers.Singleton(aws.make_records, stores, together, clock, ids)
    jobs: providers.Provider[SqsQueue[JobMessage]] = providers.Singleton(
        aws.make_jobs_queue, environment, clients, sleeper
    )
    events: providers.Provider[SqsQueue[EventMessage]] = providers.Singleton(
        aws.make_events_queue, environment, clients, sleeper, clock
    )
    reports: providers.Provider[SqsQueue[EventMessage]] = providers.Singleton(
        aws.make_reports_queue, environment, clients, sleeper
    )
    decisions: providers.Provider[LoggedDecisions] = providers.Singleton(aws.make_decisions, environment)
    secrets: providers.Provider[Secrets] = providers.Singleton(aws.make_secrets, environment, clock, sleeper)
    credentials: providers.Provider[Credentials] = providers.Singleton(
        aws.make_credentials, config, environment, secrets
    )
    client: providers.Provider[GitHubClient] = providers.Singleton(
        aws.make_client, config, credentials, clock, sleeper, chance, gauges
    )
    purse: providers.Provider[Purse] = providers.Singleton(aws.make_purse, table, clock)
    starts: providers.Provider[PacedStarts] = providers.Singleton(aws.make_starts, purse, settings)
    several: providers.Provider[Threads] = providers.Singleton(Threads)
    github: providers.Provider[GitHub] = providers.Singleton(aws.make_github, client, purse, settings)
    machines: providers.Provider[Ec2Machines] = providers.Singleton(
        aws.make_machines, environment, settings, clients, clock, purse
    )
    prices: "providers.Provider[AwsPrices]" = providers.Singleton(aws.make_prices, clients, clock)
    usage: "providers.Provider[StackUsage]" = providers.Singleton(aws.make_usage, environment, clients)
    assignments: providers.Provider[DynamoAssignments] = providers.Singleton(
        aws.make_assignments, environment, dynamo, clock
    )
    handover: providers.Provider[Handover] = providers.Singleton(DynamoHandover, together, assignments)
    fleet: providers.Provider[Fleet] = providers.Singleton(
        Fleet,
        settings=settings,
        table=table,
        jobs=jobs,
        events=events,
        github=github,
        machines=machines,
        assignments=assignments,
        handover=handover,
        decisions=decisions,
        clock=clock,
        ids=ids,
        starts=starts,
        several=several,
        gauges=gauges,
    )


def _profile() -> AwsProfile:
    start_logging()
    return AwsProfile()


profile: Final = Once(_profile)
"""The one profile of this process, whose words are JSON lines from the first use on."""
