"""Typed factories of the parts of a fleet on AWS. The container only names them and wires their results."""

import shutil
from functools import partial
from os import environ
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import attrs

from paddock.adapters.advice import remembering
from paddock.adapters.aws.clients import Clients
from paddock.adapters.aws.dynamodb.assignments import DynamoAssignments
from paddock.adapters.aws.dynamodb.definition import INDEXES
from paddock.adapters.aws.dynamodb.records import DynamoRecords
from paddock.adapters.aws.dynamodb.table import Table as DynamoTable
from paddock.adapters.aws.dynamodb.together import DynamoTogether
from paddock.adapters.aws.ec2.machines import Ec2Machines
from paddock.adapters.aws.ec2.settings import Ec2Settings
from paddock.adapters.aws.failures import watched
from paddock.adapters.aws.s3.objects import S3Objects
from paddock.adapters.aws.sqs.queue import SqsQueue
from paddock.adapters.aws_http import JsonService, environment_credentials
from paddock.adapters.aws_http.connection import Connection
from paddock.adapters.aws_http.secrets import SECRETS, Secrets
from paddock.adapters.config import Config, load
from paddock.adapters.github.auth import AppCredentials, Credentials, TokenCredentials
from paddock.adapters.github.client import GitHub as GitHubClient
from paddock.adapters.github.client import connect
from paddock.adapters.github.deliveries import Hook
from paddock.adapters.github.endpoints import endpoints_of
from paddock.adapters.github.no_deliveries import NoDeliveries
from paddock.adapters.github.watched import Watch
from paddock.adapters.pacing import PacedStarts, Purse, PurseToll, ec2_ceilings, github_ceilings, paced_github
from paddock.adapters.prices import KeptPrices, listed_in_catalogue
from paddock.adapters.tables import stores_of, table_of
from paddock.adapters.telemetry.catalogue import catalogue
from paddock.adapters.telemetry.decisions import LoggedDecisions
from paddock.adapters.telemetry.gauges import LoggedGauges, Sparing
from paddock.core.catalogue import CATALOGUE
from paddock.core.costs.price import Quoting
from paddock.core.environment import environment_of
from paddock.core.messages import EventMessage, JobMessage
from paddock.core.pools.pool import Pool, digest_of
from paddock.core.ports.github import GitHub, Scope
from paddock.core.ports.objects import Objects
from paddock.core.ports.stores import Table
from paddock.core.ports.system import Chance, Clock, Ids, Sleeper
from paddock.core.settings import FleetSettings
from paddock.entrypoints.aws_lambda.addresses import base_of
from paddock.entrypoints.aws_lambda.fleet_settings import FleetEnvironment, fleet_environment
from paddock.entrypoints.aws_lambda.logs import write_line

if TYPE_CHECKING:
    from paddock.adapters.aws.cloudwatch.usage import StackUsage
    from paddock.adapters.aws.pricing.prices import AwsPrices


def make_environment() -> FleetEnvironment:
    """The settings in this process's environment.

    Raises:
        InvalidEnvironment: something is wrong with it.
    """
    return fleet_environment(environ)


def make_gauges(environment: FleetEnvironment, clock: Clock) -> LoggedGauges:
    """Levels and failures as lines of the log."""
    return LoggedGauges(write_line, catalogue(), environment.ec2.fleet, clock)


def make_clients(environment: FleetEnvironment, gauges: LoggedGauges) -> Clients:
    """boto3's clients; an address that the environment sets is found by boto3 itself."""
    return Clients(environment.region, watch=partial(watched, failed=gauges.failed))


def make_objects(environment: FleetEnvironment, clients: Clients, clock: Clock) -> S3Objects:
    """The bucket in which paddock.yml lies."""
    return S3Objects(clients, environment.config.bucket, clock)


def make_config(environment: FleetEnvironment, objects: Objects) -> Config:
    """The configuration file.

    Raises:
        InvalidConfig: it cannot be used; the error carries every problem.
        NotFound: it is not there.
    """
    key = environment.config.key
    with TemporaryDirectory() as folder:
        file = Path(folder) / Path(key).name
        with objects.open(key) as content, file.open("wb") as copy:
            shutil.copyfileobj(content, copy)
        return load(file, environment.config_seal)


def make_settings(config: Config, environment: FleetEnvironment) -> FleetSettings:
    """The operator's settings, and what this stack has launch templates for.

    So a job that asks for another architecture, or for an image where there is none, is refused at once. What a pool's
    machine must be made of is its spec and its launch template: another version of that outdates what is kept.
    """
    templates = environment.ec2.templates
    return attrs.evolve(
        config.settings,
        environment=environment_of(environment.ec2.fleet),
        arches=tuple(sorted({template.arch for template in templates})),
        images=any(template.image for template in templates),
        pools={name: _of_template(pool, environment.ec2) for name, pool in config.settings.pools.items()},
    )


def _of_template(pool: Pool, ec2: Ec2Settings) -> Pool:
    template = ec2.template(pool.spec)
    return pool if template is None else attrs.evolve(pool, digest=digest_of(pool.spec, template.name))


def make_table(environment: FleetEnvironment, clients: Clients, sleeper: Sleeper) -> DynamoTable:
    """The table as DynamoDB has it."""
    return DynamoTable(clients, environment.table, sleeper)


def make_stores(table: DynamoTable, clock: Clock, ids: Ids) -> dict[str, DynamoRecords[Any]]:
    """A store for every kind of record, in the one table."""
    return stores_of(partial(DynamoRecords[Any], table=table, clock=clock, ids=ids))


def make_records(stores: dict[str, DynamoRecords[Any]], together: DynamoTogether, clock: Clock, ids: Ids) -> Table:
    """Every store. What is asked for with each job and hardly ever changes is remembered by a function that is warm."""
    return table_of(remembering(stores, clock, ids), together)


def make_jobs_queue(environment: FleetEnvironment, clients: Clients, sleeper: Sleeper) -> SqsQueue[JobMessage]:
    """The queue of requests."""
    return SqsQueue(clients, environment.jobs.url, environment.jobs.dead_letter_url, sleeper)


def make_events_queue(
    environment: FleetEnvironment, clients: Clients, sleeper: Sleeper, clock: Clock
) -> SqsQueue[EventMessage]:
    """The queue of what GitHub and EC2 say; EC2's word stands on it as EventBridge writes it."""

    def read(text: str) -> Any:  # noqa: ANN401 - the kind is in the text
        from paddock.adapters.aws.cloud_events import event_in  # noqa: PLC0415 - whoever only dispatches does not load it

        return event_in(text, clock.now())

    urls = environment.events
    return SqsQueue(clients, urls.url, urls.dead_letter_url, sleeper, read=read)


def make_reports_queue(environment: FleetEnvironment, clients: Clients, sleeper: Sleeper) -> SqsQueue[EventMessage]:
    """The queue of what the machines say."""
    return SqsQueue(clients, environment.reports.url, environment.reports.dead_letter_url, sleeper)


def make_machines(
    environment: FleetEnvironment, settings: FleetSettings, clients: Clients, clock: Clock, purse: Purse
) -> Ec2Machines:
    """The fleet's machines, within EC2's limits; what one costs is by AWS's word, where the fleet wrote it down."""
    quoting: Quoting = listed_in_catalogue
    if environment.archive and settings.costs.live:
        quoting = KeptPrices(S3Objects(clients, environment.archive, clock), clock)
    return Ec2Machines(clients, environment.ec2, clock, quoting=quoting, toll=PurseToll(purse))


def make_prices(clients: Clients, clock: Clock) -> "AwsPrices":
    """What the catalogue's machines cost in this region, by AWS's word."""
    from paddock.adapters.aws.pricing.prices import AwsPrices  # noqa: PLC0415 - for the cost report alone

    return AwsPrices(clients, clock, types=[kind.name for kind in CATALOGUE])


def make_usage(environment: FleetEnvironment, clients: Clients) -> "StackUsage":
    """What this stack uses of AWS's services, its parts being called as its template calls them."""
    from paddock.adapters.aws.cloudwatch.usage import StackUsage, used_by  # noqa: PLC0415 - for the cost report alone

    stack = environment.ec2.fleet
    queues = environment.jobs, environment.events, environment.reports
    used = used_by(
        stack=stack,
        table=environment.table,
        indexes=tuple(INDEXES),
        queues=[url for queue in queues for url in (queue.url, queue.dead_letter_url)],
        buckets=(environment.cache, environment.archive),
        machines=f"/paddock/{stack}/machines",
    )
    return StackUsage(clients, used)


def make_purse(table: Table, clock: Clock) -> Purse:
    """What this process may ask of EC2 and of GitHub, of all that the fleet's processes may ask together."""
    return Purse(table.paces, {**ec2_ceilings(), **github_ceilings()}, clock)


def make_starts(purse: Purse, settings: FleetSettings) -> PacedStarts:
    """Who may be started now."""
    return PacedStarts(purse, tokens=settings.registration_tokens)


def make_assignments(environment: FleetEnvironment, table: DynamoTable, clock: Clock) -> DynamoAssignments:
    """Assignments, each under its machine's own key."""
    return DynamoAssignments(table, environment.role_id, clock)


def make_decisions(environment: FleetEnvironment) -> LoggedDecisions:
    """Decisions as lines of the log."""
    return LoggedDecisions(write_line, catalogue(), environment.ec2.fleet)


def make_secrets(environment: FleetEnvironment, clock: Clock, sleeper: Sleeper) -> Secrets:
    """Secrets Manager, without boto3, whose description of it is large."""
    base = base_of("secretsmanager", environment.region, environment.endpoints)
    return Secrets(
        JsonService(
            SECRETS,
            Connection(base),
            region=environment.region,
            credentials=lambda: environment_credentials(environ),
            clock=clock,
            sleeper=sleeper,
        )
    )


def make_credentials(config: Config, environment: FleetEnvironment, secrets: Secrets) -> Credentials:
    """By what right GitHub is asked. The secret is read now, and from nowhere else than the environment says.

    Raises:
        InvalidInput: it is empty.
        NotFound: there is no such secret.
    """
    secret = secrets.read(environment.github_secret)
    app = config.github.app
    return TokenCredentials(secret) if app is None else AppCredentials(app.id, secret, app.installation_id)


def make_client(
    config: Config,
    credentials: Credentials,
    clock: Clock,
    sleeper: Sleeper,
    chance: Chance,
    gauges: LoggedGauges,
) -> GitHubClient:
    """The client of the configured GitHub. Nothing is sent yet."""
    return connect(
        endpoints_of(config.github.url),
        credentials,
        clock=clock,
        sleeper=sleeper,
        chance=chance,
        hooks=[Hook(_scope(hook.target), hook.id) for hook in config.github.hooks],
        watch=Watch(partial(Sparing(gauges.tell, clock), "github_budget_left"), partial(gauges.failed, "GitHub")),
    )


def make_github(client: GitHubClient, purse: Purse, settings: FleetSettings) -> GitHub:
    """The client as the core's ports, within GitHub's limits."""
    ports = GitHub(client.runners, client.workflows, client.deliveries or NoDeliveries(), client.releases)
    return paced_github(ports, purse, tokens=settings.registration_tokens)


def _scope(target: str) -> Scope:
    owner, _, name = target.partition("/")
    return Scope(owner, name)
