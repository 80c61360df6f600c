"""Typed factories of the one-machine fleet's parts. The container only names them and wires their results."""

from collections.abc import Callable, Sequence
from os import environ
from wsgiref.types import WSGIApplication

import attrs

from paddock.adapters.config import Config
from paddock.adapters.files import FileObjects, HttpDownloads
from paddock.adapters.github.auth import AppCredentials, Credentials, TokenCredentials
from paddock.adapters.github.client import GitHub as GitHubClient
from paddock.adapters.github.client import connect
from paddock.adapters.github.deliveries import Hook
from paddock.adapters.github.endpoints import endpoints_of
from paddock.adapters.github.no_deliveries import NoDeliveries
from paddock.adapters.prices import CataloguePrices
from paddock.adapters.process import FileAssignments, LocalMachines, Mailbox
from paddock.adapters.process.layout import Layout
from paddock.adapters.process.machines import box_arch
from paddock.adapters.report.costs import RENDERINGS
from paddock.adapters.slack import SlackNotifier
from paddock.adapters.sqlite import Access, Database, SqliteQueue, sqlite_table
from paddock.core.environment import LOCAL
from paddock.core.fleet import Fleet
from paddock.core.messages import EventMessage, JobMessage
from paddock.core.pools.check import impossible
from paddock.core.ports.decisions import Decisions
from paddock.core.ports.github import GitHub, Scope
from paddock.core.ports.notifier import Notifier
from paddock.core.ports.stores import Table
from paddock.core.ports.system import Chance, Clock, Sleeper
from paddock.core.settings import FleetSettings
from paddock.core.units import MINUTE
from paddock.core.usecases.assign import scopes_of
from paddock.core.usecases.house.chores import Reporting, chores
from paddock.core.usecases.house.housekeeping import Housekeeping
from paddock.core.usecases.house.mirror import Mirror
from paddock.entrypoints.local.fleet import LocalFleet
from paddock.entrypoints.local.places import Places
from paddock.entrypoints.webhook import WebhookEndpoint

_VISIBILITY = 2 * MINUTE


def make_places(config: Config) -> Places:
    """The state directory, made if it is not there."""
    places = Places(config.local.state)
    places.make()
    return places


def make_database(places: Places, access: Access = Access.MAKE) -> Database:
    """The database file, made if it is not there and `access` says so."""
    return Database(places.database, access=access)


def make_table(database: Database) -> Table:
    """Every store, in one SQLite file."""
    return sqlite_table(database)


def make_jobs_queue(database: Database, clock: Clock, sleeper: Sleeper) -> SqliteQueue[JobMessage]:
    """The queue of requests."""
    return SqliteQueue(database, "jobs", clock, sleeper, visibility=_VISIBILITY)


def make_events_queue(database: Database, clock: Clock, sleeper: Sleeper) -> SqliteQueue[EventMessage]:
    """The queue of what GitHub and the machines say."""
    return SqliteQueue(database, "events", clock, sleeper, visibility=_VISIBILITY)


def make_credentials(config: Config) -> Credentials:
    """By what right GitHub is asked. The secret is read now.

    Raises:
        InvalidInput: it is not where the configuration says.
    """
    github = config.github
    if github.app is not None:
        key = github.app.private_key.read(environ)
        return AppCredentials(github.app.id, key, github.app.installation_id)
    if github.token is not None:
        return TokenCredentials(github.token.read(environ))
    raise AssertionError("the configuration has neither an App nor a token")


def make_client(config: Config, clock: Clock, sleeper: Sleeper, chance: Chance) -> GitHubClient:
    """The client of the configured GitHub. Its secrets are read now; nothing is sent yet."""
    github, pin = config.github, config.local.runner
    credentials = make_credentials(config)
    name = None if pin is None else f"actions-runner-linux-{box_arch()}-{pin.version}.tar.gz"
    return connect(
        endpoints_of(github.url),
        credentials,
        clock=clock,
        sleeper=sleeper,
        chance=chance,
        hooks=[Hook(_scope(hook.target), hook.id) for hook in github.hooks],
        pins=None if pin is None or name is None else {name: pin.sha256},
    )


def make_github(client: GitHubClient) -> GitHub:
    """The client as the core's ports."""
    return GitHub(client.runners, client.workflows, client.deliveries or NoDeliveries(), client.releases)


def make_settings(config: Config) -> FleetSettings:
    """The operator's settings, and what this box is.

    Its slots are a limit on machines like any other, so that jobs wait for one; its architecture and its want of images
    are known before anything is launched, so that a job that asks for others is refused at once. So is a pool that can
    never have its machines: those of this box cannot sleep, and its hot ones must leave a slot to others.

    Raises:
        InvalidInput: a pool is for another kind of fleet.
    """
    arches, images = (box_arch(),), False
    limits, slots = config.settings.limits, config.local.slots
    pools = [*config.settings.pools.values()]
    wrong = impossible(pools, arches=arches, images=images, sleeps=False, places=slots)
    if wrong:
        raise wrong[0]
    machines = slots if limits.machines is None else min(slots, limits.machines)
    return attrs.evolve(
        config.settings,
        environment=LOCAL,
        limits=attrs.evolve(limits, machines=machines),
        housekeeping={"sweep_github": config.local.reconcile, **config.settings.housekeeping},
        arches=arches,
        images=images,
    )


def make_machines(config: Config, places: Places, clock: Clock) -> LocalMachines:
    """Machines that are processes of this box."""
    return LocalMachines(places.root, clock, slots=config.local.slots)


def make_assignments(places: Places) -> FileAssignments:
    """Assignments as files in the machines' directories."""
    return FileAssignments(places.root)


def make_mailbox(places: Places, events: SqliteQueue[EventMessage]) -> Mailbox:
    """Where the machines' reports are collected."""
    return Mailbox(places.root, events)


def make_mirror(settings: FleetSettings, places: Places, client: GitHubClient, clock: Clock) -> Mirror:
    """The fleet's own copies of the runner for this box, where it is known before a job comes whom it is asked of."""
    return Mirror(
        releases=client.releases,
        objects=FileObjects(Layout(places.root).mirror, clock),
        downloads=HttpDownloads(),
        clock=clock,
        wanted=[(scope, box_arch()) for scope in scopes_of(settings)],
    )


def make_secrets(config: Config) -> Callable[[], Sequence[str]]:
    """The webhook secrets. They are read anew for each delivery, so that a rotation needs no restart."""
    references = config.github.webhook_secrets
    return lambda: [reference.read(environ) for reference in references]


def make_webhook(secrets: Callable[[], Sequence[str]], fleet: Fleet, clock: Clock) -> WebhookEndpoint:
    """The endpoint that GitHub calls."""
    return WebhookEndpoint(secrets=secrets, intake=fleet.intake, clock=clock)


def make_notifier(config: Config) -> Notifier | None:
    """Who is told of reports. The address is read when it is needed, so that it can be rotated."""
    slack = config.slack
    return None if slack is None else SlackNotifier(lambda: slack.webhook.read(environ), slack.base)


def make_housekeeping(  # noqa: PLR0913, PLR0917 - the container gives each by its place
    config: Config,
    settings: FleetSettings,
    places: Places,
    fleet: Fleet,
    table: Table,
    jobs: SqliteQueue[JobMessage],
    events: SqliteQueue[EventMessage],
    github: GitHub,
    mirror: Mirror,
    decisions: Decisions,
    clock: Clock,
) -> Housekeeping:
    """Every task; old jobs are archived in the state directory, and costs are reported there."""
    others = chores(
        settings=settings,
        table=table,
        github=github,
        queues={"events": events, "jobs": jobs},
        archive=FileObjects(places.archive, clock),
        decisions=decisions,
        clock=clock,
        reporting=Reporting(
            stack=LOCAL, renderings=RENDERINGS, prices=CataloguePrices(), notifier=make_notifier(config)
        ),
    )
    return fleet.house.tasks({**others, "mirror": mirror})


def make_local_fleet(
    config: Config,
    places: Places,
    fleet: Fleet,
    table: Table,
    jobs: SqliteQueue[JobMessage],
    events: SqliteQueue[EventMessage],
    mailbox: Mailbox,
    keeping: Housekeeping,
    app: WSGIApplication,
    clock: Clock,
) -> LocalFleet:
    """The fleet as it runs here."""
    return LocalFleet(
        options=config.local,
        places=places,
        fleet=fleet,
        table=table,
        jobs=jobs,
        events=events,
        mailbox=mailbox,
        keeping=keeping,
        app=app,
        clock=clock,
    )


def _scope(target: str) -> Scope:
    owner, _, name = target.partition("/")
    return Scope(owner, name)
