"""Registrations that stand for nothing any more: their machines are gone, and GitHub still lists their runners.

Whoever ends a machine takes its registration back, and GitHub deletes that of a runner that did its work. What both
missed is found here: GitHub refused for a while, a second registration of one machine was forgotten, a process died.

::

    listed: offline, idle, a name of ours ──> its machine's record has ended, long enough ago
                                                        │
                            still offline and idle, just now ──> deleted, unless GitHub says that it works

A runner is offline while its machine boots, and a neighbour's fleet has names like ours: so whatever has no record here
stays, and so does whatever has a live one. After a day without its runner GitHub deletes a registration by itself.
"""

from collections import Counter

import attrs

from paddock.core.errors import Busy, PaddockError
from paddock.core.ports.decisions import Decisions
from paddock.core.ports.github import GitHub, RegisteredRunner, Scope
from paddock.core.ports.stores import Table
from paddock.core.ports.system import Clock
from paddock.core.runner import machine_of
from paddock.core.settings import GLOBS, FleetSettings
from paddock.core.task import TaskReport
from paddock.core.units import DAY, HOUR, Span, rfc3339
from paddock.core.usecases.assign import scope_of, scopes_of
from paddock.core.usecases.listing import launched_for, worth_asking
from paddock.core.usecases.record import Recorder
from paddock.core.usecases.registrations import own, take_back

MOST_SCOPES = 40  # an hour: each is one call for every hundred of its runners
MOST_LOOKED_AT = 1_000  # registrations that may be stale: each is a read of a record
MOST_DELETED = 200  # two calls each
_LOOK_BACK: Span = DAY  # what is older than that, GitHub deletes by itself


@attrs.define
class _Run:
    """What one run has seen and done so far. ``over``: GitHub or the table has had enough of it."""

    dry: bool
    kinds: Counter[str] = attrs.field(factory=Counter)
    errors: list[str] = attrs.field(factory=list)
    acts: list[str] = attrs.field(factory=list)
    succeeded: int = 0
    looked_at: int = 0
    left: int = 0
    over: bool = False

    @property
    def full(self) -> bool:
        """True if nothing more may be looked at."""
        return self.looked_at >= MOST_LOOKED_AT or self.kinds["deleted"] >= MOST_DELETED

    def failed(self, what: str, error: Exception) -> None:
        """Note what failed; a fault that passes, or a limit, ends the run: the next call would meet it too."""
        self.errors.append(f"{what}: {type(error).__name__}: {error}")
        self.over = self.over or (isinstance(error, PaddockError) and error.retryable)


class StaleRegistrations:
    """Deletes registrations of machines of ours that are gone."""

    def __init__(
        self,
        *,
        settings: FleetSettings,
        table: Table,
        github: GitHub,
        decisions: Decisions,
        clock: Clock,
        age: Span = HOUR,
    ) -> None:
        """Args: ``age`` is for how long a machine's record must have been closed until its registration is stale."""
        self._settings = settings
        self._table = table
        self._registrations = github.runners
        self._clock = clock
        self._age = age
        self._record = Recorder(decisions, clock, "stale_registrations")

    def __call__(self, *, dry_run: bool = False, cursor: str = "") -> TaskReport:
        """One run. ``by_kind`` counts the scopes asked and the registrations deleted, and by why they stay the others.

        Those stay whose machine is ``unrecorded``, ``live`` or gone only of late (``recent``), and those ``in_use``
        after all. A run ends at its limits, or when GitHub or the table does not answer; the next one goes on there,
        but with another scope if this one has failed, so that each has its turn.
        """
        run = _Run(dry_run)
        name, after = _place(cursor)
        scopes = self._scopes(run)
        first = next((number for number, scope in enumerate(scopes) if _key(scope) >= _key(name)), 0)
        turn = [*scopes[first:], *scopes[:first]]
        resume = ""
        for asked, scope in enumerate(turn):
            if asked == MOST_SCOPES or run.full or run.over:
                resume = scope
                break
            stopped = self._ask(run, scope, after if _key(scope) == _key(name) else 0)
            if stopped is not None:
                resume = f"{scope} {stopped}"
                break
        return TaskReport(
            attempted=run.succeeded + len(run.errors),
            succeeded=run.succeeded,
            failed=len(run.errors),
            left=run.left,  # not the scopes whose turn comes: there may always be some
            by_kind=dict(run.kinds),
            errors=tuple(run.errors),
            acts=tuple(run.acts),
            cursor=resume,
        )

    def _scopes(self, run: _Run) -> list[str]:
        """Where there may be registrations of ours: what is named, and whose machines were launched within a day."""
        names = [str(scope) for scope in scopes_of(self._settings)]
        everywhere = {str(scope_of(pattern, self._settings)) for pattern in self._settings.repositories}
        if any(set(scope) & GLOBS for scope in everywhere):
            now = self._clock.now()
            try:
                launched = launched_for(self._table, self._settings, now - _LOOK_BACK, now - self._age)
            except Exception as error:  # noqa: BLE001 - those that are named can be asked all the same
                run.errors.append(f"machines launched of late: {type(error).__name__}: {error}")
            else:
                names += [str(scope_of(repository, self._settings)) for repository in launched]
        return worth_asking(names)

    def _ask(self, run: _Run, name: str, after: int) -> int | None:
        """Look at a scope's registrations beyond that number; the last one looked at if the run's limits stopped it."""
        scope = _scope(name)
        run.kinds["scopes"] += 1
        try:
            found = [one for one in self._registrations.registered(scope) if _may_be_stale(one) and one.id > after]
        except Exception as error:  # noqa: BLE001 - one scope that is gone, or denied, must not stop the others
            run.failed(name, error)
            return None
        run.succeeded += 1
        for place, one in enumerate(sorted(found, key=lambda one: one.id)):
            if run.full or run.over:
                run.left += len(found) - place
                return None if run.over else after
            after = one.id
            run.looked_at += 1
            try:
                self._look(run, scope, one)
            except Exception as error:  # noqa: BLE001 - as above: one of them must not stop the others
                run.failed(f"{name}, registration {one.id}", error)
        return None

    def _look(self, run: _Run, scope: Scope, listed: RegisteredRunner) -> None:
        """Delete the registration if it is stale; count why it is not."""
        machine = machine_of(listed.name) or ""
        runner = self._table.runners.get(machine)
        if runner is None or runner.live or runner.gone_at is None:
            run.kinds["unrecorded" if runner is None else "live"] += 1
            return
        if self._clock.now() - runner.gone_at <= self._age:
            run.kinds["recent"] += 1
            return
        fresh = own(self._registrations, scope, listed.id, machine)
        if fresh is None:
            return  # somebody else deleted it
        if not _may_be_stale(fresh):
            run.kinds["in_use"] += 1
            return
        what = f"registration {listed.id} ({listed.name}) of {scope}"
        why = f"its machine is gone since {rfc3339(runner.gone_at)}"
        if run.dry:
            run.kinds["deleted"] += 1
            run.acts.append(f"delete {what}: {why}")
            return
        try:
            take_back(self._registrations, scope, listed.id)
        except Busy:
            run.kinds["in_use"] += 1
            return
        run.kinds["deleted"] += 1
        run.succeeded += 1
        run.acts.append(f"deleted {what}: {why}")
        self._record.machine(machine, "registration_deleted", f"{what} was left: {why}", registration=listed.id)


def _may_be_stale(one: RegisteredRunner) -> bool:
    """True if it bears a machine's name as ours do, and nothing is heard of it."""
    return one.status == "offline" and not one.busy and machine_of(one.name) is not None


def _key(name: str) -> str:
    return name.casefold()


def _scope(name: str) -> Scope:
    owner, _, repository = name.partition("/")
    return Scope(owner, repository)


def _place(cursor: str) -> tuple[str, int]:
    """The scope at which a run goes on, and the registration after which; from the beginning if it cannot be read."""
    name, _, number = cursor.partition(" ")
    return name, int(number) if number.isascii() and number.isdigit() else 0
