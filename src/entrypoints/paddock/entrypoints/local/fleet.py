"""The one-machine fleet: everything that AWS would run, as threads of one process.

::

    GitHub ──HTTP──> web server ──> [jobs] ──> dispatch loop ──> machines (processes) ──files──> mailbox loop
                          └───────> [events] <────────────────────────────────────────────────────────┘
                                        └──> completion loop          sweep, housekeeping, mirror: loops

Killed at any moment, it goes on where it was when it is started again: records, queues and machine directories are all
it knows, and its machines live on without it. Stopped in order, it ends the machines that pools keep for no job yet.
"""

import logging
from contextlib import suppress
from typing import IO
from wsgiref.types import WSGIApplication

from paddock.adapters.config import LocalConfig
from paddock.adapters.process import Mailbox
from paddock.adapters.sqlite import SqliteQueue
from paddock.adapters.web import WebServer
from paddock.core.errors import Conflict, NotFound, PaddockError
from paddock.core.fleet import Fleet
from paddock.core.job import JobChange, JobIs
from paddock.core.messages import EventMessage, JobMessage
from paddock.core.ports.stores import Table
from paddock.core.ports.system import Clock
from paddock.core.states import JobState
from paddock.core.task import TaskChange, TaskIs, TaskReport
from paddock.core.units import MILLISECOND, MINUTE, SECOND, Span
from paddock.core.usecases.house.housekeeping import Housekeeping
from paddock.core.usecases.listing import jobs_in
from paddock.entrypoints.local.loops import Loop
from paddock.entrypoints.local.places import Places
from paddock.entrypoints.webhook import MAX_BODY

_LOG = logging.getLogger(__name__)

_WAIT: Span = SECOND
_OFTEN: Span = 50 * MILLISECOND
_SWEEP: Span = 500 * MILLISECOND
_TICK: Span = SECOND
_KEPT: Span = 10 * MINUTE  # machine directories stay so long for people to look into


class LocalFleet:
    """Runs a fleet between `start` and `stop`."""

    def __init__(
        self,
        *,
        options: LocalConfig,
        places: Places,
        fleet: Fleet,
        table: Table,
        jobs: SqliteQueue[JobMessage],
        events: SqliteQueue[EventMessage],
        mailbox: Mailbox,
        keeping: Housekeeping,
        app: WSGIApplication,
        clock: Clock,
    ) -> None:
        """Put it together; nothing happens before `start`.

        Args:
            options: where to listen.
            places: where things are kept.
            fleet: the use-cases.
            table: the records.
            jobs: the queue of requests.
            events: the queue of what GitHub and the machines say.
            mailbox: where the machines' reports arrive.
            keeping: the tasks that keep the fleet clean.
            app: the web application.
            clock: what time it is.
        """
        self._places = places
        self._fleet = fleet
        self._table = table
        self._jobs = jobs
        self._events = events
        self._mailbox = mailbox
        self._lock: IO[str] | None = None
        self._web: WebServer | None = None
        self._app = app
        self._keeping = keeping
        self._address = (options.host, options.port)
        self._loops = (
            Loop("mailbox", self._collect, pause=_OFTEN),
            Loop("dispatch", lambda: fleet.dispatch_once(wait=_WAIT), pause=0),
            Loop("completion", lambda: fleet.complete_once(wait=_WAIT), pause=0),
            # No cloud's event tells of a machine's end here, so it is looked for all the time; in the record a minute.
            Loop("sweep", lambda: _told("sweep", fleet.house.sweep()), pause=_SWEEP),
            Loop("tidy", lambda: mailbox.sweep(_KEPT, clock.now()), pause=10 * SECOND),
            Loop("housekeeping", self._keep_house, pause=_TICK),
            Loop("mirror", lambda: self._keep("mirror"), pause=_TICK, brief=False),
        )

    @property
    def url(self) -> str:
        """Where GitHub is to send its webhooks. Known after `start`."""
        if self._web is None:
            raise RuntimeError("the fleet is not started")
        return f"{self._web.url}/webhook"

    def hold(self) -> None:
        """Take the state directory for this process. `start` does it, if it was not done before.

        Raises:
            Busy: another fleet runs on the same state directory.
        """
        if self._lock is None:
            self._places.make()
            self._lock = self._places.hold()

    def start(self) -> None:
        """Take the state directory, take up what an earlier process left, and begin.

        Raises:
            Busy: another fleet runs on the same state directory.
            InvalidInput: the address cannot be listened on.
        """
        self.hold()
        self._take_up()
        self._web = WebServer(self._app, host=self._address[0], port=self._address[1], max_body=2 * MAX_BODY)
        self._web.start()
        for loop in self._loops:
            loop.start()

    def stop(self) -> None:
        """End the threads, and the machines that pools keep for no job yet: nobody looks after them any more.

        Machines with jobs live on and are adopted by the next start.
        """
        if self._web is not None:
            self._web.stop()
        for loop in self._loops:
            loop.stop()
        for loop in self._loops:
            loop.join()
        if self._lock is not None:
            try:
                _told("dismissal", self._fleet.house.dismiss_spares("the fleet is stopped"))
            except PaddockError as error:
                _LOG.warning("spares may be left: %s", error)
            self._lock.close()
            self._lock = None

    def _collect(self) -> None:
        found = self._mailbox.collect()
        for path in found.bad:
            _LOG.warning("%s is no report; it was moved to outbox/bad", path)
        for path in found.impostors:
            _LOG.warning("%s spoke for another machine; it was taken as its own machine's word", path)

    def _keep_house(self) -> None:
        for name in self._keeping.names:
            if name != "mirror":  # it takes minutes, and has a thread of its own
                self._keep(name)

    def _keep(self, name: str) -> None:
        """Do the task if it is due. What a run could not do is logged; what it did is in the decisions."""
        run = self._keeping.when_due(name)
        if run is not None:
            _told(name, run.report)

    def _take_up(self) -> None:
        """The lock is ours, so every loan and lease is a dead process's: take them back at once."""
        loans = self._jobs.release_loans() + self._events.release_loans()
        held = jobs_in(self._table, JobState.DISPATCHING)
        for job in held:
            try:
                when = JobIs(state=JobState.DISPATCHING, lease_until=job.lease_until)
                self._table.jobs.update(job.key, when, JobChange(lease_until=0))
            except (Conflict, NotFound):
                continue
        for name in self._keeping.names:
            with suppress(NotFound):
                self._table.tasks.update(name, TaskIs(), TaskChange(until=0))
        if loans or held:
            _LOG.info("took up %d messages and %d half-dispatched jobs of an earlier process", loans, len(held))


def _told(name: str, report: TaskReport) -> None:
    for error in report.errors:
        _LOG.warning("%s: %s", name, error)
