"""Runner registrations: made by a JIT call, connected, deleted after their one job."""

from collections.abc import Sequence

import attrs

from paddock.adapters.memory.github.dispatcher import Dispatcher, in_scope
from paddock.adapters.memory.github.scripts import NO_RUNNER_FAULTS, RunnerFaults
from paddock.adapters.memory.github.state import State
from paddock.adapters.memory.github.values import RunnerRecord
from paddock.core.errors import Busy, Conflict, NotFound, Rejected
from paddock.core.ports.github import Scope
from paddock.core.runner import MAX_RUNNER_NAME

MAX_LABELS, MAX_LABEL = 100, 256
DEFAULT_GROUP = 1


class Registry:
    """The registrations of all scopes."""

    def __init__(self, state: State, dispatcher: Dispatcher) -> None:
        self._state, self._dispatcher = state, dispatcher
        self._faults: list[RunnerFaults] = []
        self._names: set[tuple[str, str]] = set()  # scope and folded name

    def fault_next(self, faults: RunnerFaults) -> None:
        """Give these faults to the next registration, whatever its labels."""
        with self._state.change():
            self._faults.append(faults)

    def register(
        self, scope: Scope, name: str, labels: Sequence[str], *, group: int = DEFAULT_GROUP, ephemeral: bool = True
    ) -> RunnerRecord:
        """Make a registration with exactly these labels; it is offline until its runner connects.

        Raises:
            NotFound: no such scope.
            Rejected: a bad name, label or group, or the name is taken in this scope.
        """
        with self._state.change():
            scope = self._state.check_scope(scope)
            _check(name, labels)
            groups = {DEFAULT_GROUP: "Default"} if scope.name else self.groups(scope.owner)
            if group not in groups:
                raise Rejected(f"runner_group_id = {group}: {scope} has no such runner group")
            if (str(scope), name.casefold()) in self._names:
                raise Rejected(f"Already exists - A runner with the name {name} already exists.")
            runner = RunnerRecord(
                id=self._state.next_id("runner"),
                scope=scope,
                name=name,
                labels=tuple(labels),
                created_at=self._state.clock.now(),
                token=self._state.ids.token(),
                group=group,
                ephemeral=ephemeral,
                faults=self._faults_for(scope, labels),
            )
            self._state.runners[runner.id] = runner
            self._names.add((str(scope), name.casefold()))
            unused = runner.created_at + self._state.timings.unused
            self._state.deadlines.set("unused", runner.id, unused, lambda: self._unused(runner.id))
            return runner

    def groups(self, owner: str) -> dict[int, str]:
        """The organisation's runner groups, by id."""
        return {DEFAULT_GROUP: "Default", **self._state.groups.get(owner.casefold(), {})}

    def _faults_for(self, scope: Scope, labels: Sequence[str]) -> RunnerFaults:
        if self._faults:
            return self._faults.pop(0)
        offered = {label.casefold() for label in labels}
        for job_id in self._state.faulty:
            job = self._state.jobs[job_id]
            faults = job.script.faults
            if (
                job.dispatchable
                and faults.of_registration
                and job.wanted <= offered
                and in_scope(scope, job.repository)
            ):
                spent = attrs.evolve(faults, times=faults.times - 1)
                self._state.put_job(job, script=attrs.evolve(job.script, faults=spent))
                return faults
        return NO_RUNNER_FAULTS

    def connect(self, runner_id: int, *, version: str = "") -> RunnerRecord:
        """Open the runner's session: it is online, and a queued job may be handed to it at once.

        Raises:
            NotFound: the registration was deleted.
            Conflict: another process holds its session.
        """
        with self._state.change():
            runner = self._state.runner(runner_id)
            if runner.session is not None:
                raise Conflict(f"runner {runner.name}: a session exists already", runner)
            now = self._state.clock.now()
            runner = self._state.put_runner(runner, session=self._state.ids.token(), connected_at=now, version=version)
            self._state.deadlines.drop("unused", runner_id)
            self._dispatcher.runner_idle(runner)
            idle = runner.faults.delete_while_idle_after
            if idle is not None:
                self._state.deadlines.set("idle", runner_id, now + idle, lambda: self._idle_too_long(runner_id))
            return self._state.runner(runner_id)

    def disconnect(self, runner_id: int) -> None:
        """Close the session. A job handed over and not taken stays with the runner until the assignment's deadline."""
        with self._state.change():
            runner = self._state.runners.get(runner_id)
            if runner is not None:
                self._dispatcher.runner_withdrawn(runner)
                self._state.put_runner(runner, session=None)

    def beat(self, runner_id: int) -> RunnerRecord:
        """The runner polls. From its first poll on, one that stops polling counts as offline after a while.

        Raises:
            NotFound: the registration was deleted, or the session is over.
        """
        with self._state.change():
            runner = self._state.runner(runner_id)
            if runner.session is None:
                raise NotFound(f"runner {runner.name}: its session is over")
            now, first = self._state.clock.now(), runner.seen_at is None
            runner = self._state.put_runner(runner, seen_at=now)
            if first:
                over = now + self._state.timings.session
                self._state.deadlines.set("session", runner_id, over, lambda: self._silent(runner_id))
            return runner

    def delete(self, runner_id: int) -> bool:
        """Delete the registration; False if there is none. A job on its way to it waits until its deadline.

        Raises:
            Busy: it runs a job.
        """
        with self._state.change():
            runner = self._state.runners.get(runner_id)
            if runner is None:
                return False
            if runner.busy:
                raise Busy(f"Runner {runner.name} is currently running a job and cannot be deleted.")
            self.forget(runner)
            return True

    def forget(self, runner: RunnerRecord) -> None:
        """Remove the registration, whatever it does."""
        self._dispatcher.runner_withdrawn(runner)
        if self._state.runners.pop(runner.id, None) is not None:
            self._names.discard((str(runner.scope), runner.name.casefold()))
            for kind in ("unused", "idle", "session"):
                self._state.deadlines.drop(kind, runner.id)
            self._state.signal(lambda listener: listener.removed(runner.id))

    def _unused(self, runner_id: int) -> None:
        runner = self._state.runners.get(runner_id)
        if runner is not None and runner.connected_at is None:
            self.forget(runner)

    def _idle_too_long(self, runner_id: int) -> None:
        runner = self._state.runners.get(runner_id)
        if runner is not None and runner.job_id is None:
            self.forget(runner)

    def _silent(self, runner_id: int) -> None:
        runner = self._state.runners.get(runner_id)
        if runner is None or runner.session is None or runner.seen_at is None:
            return
        deadline = runner.seen_at + self._state.timings.session
        if deadline > self._state.clock.now():
            self._state.deadlines.set("session", runner_id, deadline, lambda: self._silent(runner_id))
        else:
            self.disconnect(runner_id)


def _check(name: str, labels: Sequence[str]) -> None:
    if not name or len(name) > MAX_RUNNER_NAME:
        raise Rejected(f"name = {name!r}: write 1 to {MAX_RUNNER_NAME} characters")
    if not 1 <= len(labels) <= MAX_LABELS:
        raise Rejected(f"labels: {len(labels)} given, write 1 to {MAX_LABELS}")
    for label in labels:
        if not label or len(label) > MAX_LABEL or "," in label:
            raise Rejected(f"labels: {label!r} must have 1 to {MAX_LABEL} characters and no comma")
