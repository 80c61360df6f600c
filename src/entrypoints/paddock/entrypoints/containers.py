"""The composition root: which adapter stands behind each port, by profile.

* ``MemoryProfile``: everything in this process, under a clock that stands still until told to move
* ``LocalProfile``: the one-machine fleet

Those of a fleet on AWS stand in ``aws_lambda.profile``, for its functions, and ``aws_operator.open``, for its
operators: so these can be had without boto3.

Only providers that call typed factories, no wiring: a container checks no argument, so the factories do, and one test
resolves every provider of every profile.
"""

from collections.abc import Callable, Sequence
from wsgiref.types import WSGIApplication

import attrs
from dependency_injector import containers, providers

from paddock.adapters.config import Config
from paddock.adapters.github.client import GitHub as GitHubClient
from paddock.adapters.memory.assignments import MemoryAssignments
from paddock.adapters.memory.bundles import memory_github, memory_table
from paddock.adapters.memory.decisions import MemoryDecisions
from paddock.adapters.memory.github import MemoryGitHub
from paddock.adapters.memory.machines import MemoryMachines
from paddock.adapters.memory.queue import MemoryQueue
from paddock.adapters.memory.system import ManualClock, SeededChance, SequentialIds
from paddock.adapters.process import FileAssignments, LocalMachines, Mailbox
from paddock.adapters.sqlite import Access, Database, SqliteDecisions, SqliteQueue
from paddock.adapters.system import RandomIds, SystemChance, SystemClock, SystemSleeper
from paddock.adapters.threads import Threads
from paddock.core.circuit import CircuitPolicy
from paddock.core.costs.report import Counting
from paddock.core.environment import LOCAL
from paddock.core.fleet import Fleet
from paddock.core.messages import EventMessage, JobMessage
from paddock.core.ports.github import GitHub
from paddock.core.ports.stores import Table
from paddock.core.ports.system import Chance, Clock, Ids, Sleeper
from paddock.core.retry import RetryPolicy
from paddock.core.settings import FleetSettings
from paddock.core.units import Moment
from paddock.core.usecases.circuits import Circuits
from paddock.core.usecases.explain import Explain, Explanation
from paddock.core.usecases.house.housekeeping import Housekeeping
from paddock.core.usecases.house.mirror import Mirror
from paddock.core.usecases.house.tasks import Tasks
from paddock.core.usecases.life import Life
from paddock.core.usecases.operate import Operate
from paddock.entrypoints.local import factories as local
from paddock.entrypoints.local.fleet import LocalFleet
from paddock.entrypoints.local.places import Places
from paddock.entrypoints.local.web import web_app
from paddock.entrypoints.webhook import WebhookEndpoint


class MemoryProfile(containers.DeclarativeContainer):
    """A fleet in memory: for libraries, tests and simulations. Deterministic when one thread drives it."""

    settings: providers.Provider[FleetSettings] = providers.Singleton(FleetSettings)
    clock: providers.Provider[ManualClock] = providers.Singleton(ManualClock)
    ids: providers.Provider[SequentialIds] = providers.Singleton(SequentialIds)
    chance: providers.Provider[SeededChance] = providers.Singleton(SeededChance, 0)
    table: providers.Provider[Table] = providers.Singleton(memory_table)
    jobs: providers.Provider[MemoryQueue[JobMessage]] = providers.Singleton(MemoryQueue, clock)
    events: providers.Provider[MemoryQueue[EventMessage]] = providers.Singleton(MemoryQueue, clock)
    decisions: providers.Provider[MemoryDecisions] = providers.Singleton(MemoryDecisions)
    assignments: providers.Provider[MemoryAssignments] = providers.Singleton(MemoryAssignments)
    machines: providers.Provider[MemoryMachines] = providers.Singleton(MemoryMachines, clock, ids)
    model: providers.Provider[MemoryGitHub] = providers.Singleton(MemoryGitHub, clock=clock, ids=ids, chance=chance)
    github: providers.Provider[GitHub] = providers.Singleton(memory_github, model)
    fleet: providers.Provider[Fleet] = providers.Singleton(
        Fleet,
        settings=settings,
        table=table,
        jobs=jobs,
        events=events,
        github=github,
        machines=machines,
        assignments=assignments,
        decisions=decisions,
        clock=clock,
        ids=ids,
    )


class LocalProfile(containers.DeclarativeContainer):
    """The one-machine fleet. Give it a `Config`; close ``database`` and ``client`` when done."""

    config: providers.Provider[Config] = providers.Dependency(instance_of=Config)
    settings: providers.Provider[FleetSettings] = providers.Singleton(local.make_settings, config)
    clock: providers.Provider[Clock] = providers.Singleton(SystemClock)
    sleeper: providers.Provider[Sleeper] = providers.Singleton(SystemSleeper)
    ids: providers.Provider[Ids] = providers.Singleton(RandomIds)
    chance: providers.Provider[Chance] = providers.Singleton(SystemChance)
    places: providers.Provider[Places] = providers.Singleton(local.make_places, config)
    database: providers.Provider[Database] = providers.Singleton(local.make_database, places)
    table: providers.Provider[Table] = providers.Singleton(local.make_table, database)
    jobs: providers.Provider[SqliteQueue[JobMessage]] = providers.Singleton(
        local.make_jobs_queue, database, clock, sleeper
    )
    events: providers.Provider[SqliteQueue[EventMessage]] = providers.Singleton(
        local.make_events_queue, database, clock, sleeper
    )
    decisions: providers.Provider[SqliteDecisions] = providers.Singleton(SqliteDecisions, database)
    client: providers.Provider[GitHubClient] = providers.Singleton(local.make_client, config, clock, sleeper, chance)
    github: providers.Provider[GitHub] = providers.Singleton(local.make_github, client)
    machines: providers.Provider[LocalMachines] = providers.Singleton(local.make_machines, config, places, clock)
    several: providers.Provider[Threads] = providers.Singleton(Threads)
    assignments: providers.Provider[FileAssignments] = providers.Singleton(local.make_assignments, places)
    mailbox: providers.Provider[Mailbox] = providers.Singleton(local.make_mailbox, places, events)
    fleet: providers.Provider[Fleet] = providers.Singleton(
        Fleet,
        settings=settings,
        table=table,
        jobs=jobs,
        events=events,
        github=github,
        machines=machines,
        assignments=assignments,
        decisions=decisions,
        clock=clock,
        ids=ids,
        several=several,
    )
    secrets: providers.Provider[Callable[[], Sequence[str]]] = providers.Singleton(local.make_secrets, config)
    webhook: providers.Provider[WebhookEndpoint] = providers.Singleton(local.make_webhook, secrets, fleet, clock)
    app: providers.Provider[WSGIApplication] = providers.Singleton(web_app, webhook)
    mirror: providers.Provider[Mirror] = providers.Singleton(local.make_mirror, settings, places, client, clock)
    keeping: providers.Provider[Housekeeping] = providers.Singleton(
        local.make_housekeeping, config, settings, places, fleet, table, jobs, events, github, mirror, decisions, clock
    )
    local_fleet: providers.Provider[LocalFleet] = providers.Singleton(
        local.make_local_fleet, config, places, fleet, table, jobs, events, mailbox, keeping, app, clock
    )


@attrs.frozen
class State:
    """The state of a fleet, opened beside the fleet that may be running.

    ``remark`` says what may be missing from an explanation at this moment, empty if nothing. ``environment`` is what
    the fleet is called; ``services`` counts what it uses of AWS's services (None: it uses none). ``runs`` tells whether
    anybody is there to do what is asked for. ``close`` lets go of it.
    """

    table: Table
    explain: Explain
    operate: Operate
    circuits: Circuits
    tasks: Tasks
    remark: Callable[[Explanation, Moment], str] = attrs.field(kw_only=True, default=lambda _told, _now: "")
    environment: str = attrs.field(kw_only=True, default=LOCAL)
    services: Counting | None = attrs.field(kw_only=True, default=None)
    runs: Callable[[], bool] = attrs.field(kw_only=True, default=lambda: True)
    close: Callable[[], None] = attrs.field(kw_only=True, default=lambda: None)


def open_state(places: Places, access: Access = Access.MAKE) -> State:
    """Open the state below `places` for reading and, as far as `access` goes, for an operator's switches."""
    clock, sleeper = SystemClock(), SystemSleeper()
    database = local.make_database(places, access)
    table, decisions = local.make_table(database), SqliteDecisions(database)
    queue = local.make_jobs_queue(database, clock, sleeper)
    life = Life(table=table, queue=queue, decisions=decisions, clock=clock, retry=RetryPolicy())
    operate = Operate(table=table, life=life, decisions=decisions, clock=clock)
    circuits = Circuits(policy=CircuitPolicy(), table=table, decisions=decisions, clock=clock)
    tasks = Tasks(tasks=table.tasks, decisions=decisions, clock=clock, ids=RandomIds())
    return State(table, Explain(table, decisions), operate, circuits, tasks, runs=places.held, close=database.close)
