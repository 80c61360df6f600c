"""The play: an environment is made, scenarios are run on it, the fleet settles, all is removed, whatever happens."""

import contextlib
from collections.abc import Callable, Sequence
from typing import Final

import attrs

from paddock.core.errors import PaddockError
from paddock.core.ports.system import Clock, Sleeper
from paddock.core.runner import machine_of
from paddock.core.units import MINUTE, SECOND, Moment, Span, span_text
from paddock.entrypoints.acceptance.gates import MACHINE_TOLD
from paddock.entrypoints.acceptance.ports import Environment, Interrupter, Observer, Tell, Workflows
from paddock.entrypoints.acceptance.scenarios import Cue, Scenario
from paddock.entrypoints.acceptance.values import Books, Interruption, Played

INTERRUPTED: Final = "it was interrupted by hand"


@attrs.frozen(kw_only=True)
class Patience:
    """How often to look, and how long to wait: for the scenarios, and then for the fleet to settle."""

    look: Span = 5 * SECOND
    scenarios: Span = 30 * MINUTE
    settle: Span = 12 * MINUTE


@attrs.frozen(kw_only=True)
class Parts:
    """Whoever does what."""

    environment: Environment
    workflows: Workflows
    interrupter: Interrupter
    observer: Observer
    clock: Clock
    sleeper: Sleeper
    tell: Tell
    patience: Patience = Patience()


@attrs.define
class Playing:
    """One play. What was seen so far stays here whatever happens, so that it can be reported.

    ``left`` is what remained after the removal; None: it was not removed, or nobody looked.
    """

    parts: Parts
    scenarios: Sequence[Scenario]
    keep: bool = False
    played: dict[str, Played] = attrs.field(factory=dict)
    books: Books = attrs.field(factory=Books)
    left: tuple[str, ...] | None = None
    problems: list[str] = attrs.field(factory=list)

    def run(self) -> None:
        """Do all of it. What goes wrong becomes one of ``problems``.

        Raises:
            KeyboardInterrupt: the removal was cut off, too: something is left.
        """
        try:
            self._perform()
        except KeyboardInterrupt:
            self.problems.append(INTERRUPTED)
            if not self.keep:
                self.parts.tell("interrupted: everything is removed now; interrupt again to leave it")
        except PaddockError as error:
            self.note(error)
        finally:  # whatever else is raised, too
            if self.keep:
                self.parts.tell("the environment is kept, as you wish")
            else:
                self.remove()

    def _perform(self) -> None:
        parts = self.parts
        webhook = parts.environment.deploy(parts.tell)
        parts.workflows.prepare(webhook)
        for scenario in self.scenarios:
            self.played[scenario.name] = Played(scenario=scenario)  # first: its run may be there if the answer is lost
            parts.workflows.start(scenario)
            parts.tell(f"{scenario.name} is started: {scenario.about}")
        try:
            self._follow()
        except PaddockError as error:  # what was played by then is judged all the same
            self.note(error)
        self._settle()

    def remove(self) -> None:
        """Remove each part, even if another's removal fails, and look for what is left.

        What is no `PaddockError` (a fault of ours, or the exit on a terminal that is gone) is raised after all steps.

        Raises:
            KeyboardInterrupt: it was cut off.
        """
        parts, others = self.parts, list[BaseException]()
        steps: tuple[Callable[[], object], ...] = (
            self._cancel,
            lambda: parts.workflows.clean(parts.tell),
            lambda: parts.interrupter.clean(parts.tell),
            lambda: parts.environment.destroy(parts.tell),
            self._look_for_left,
        )
        for step in steps:
            try:
                step()
            except PaddockError as error:
                self.note(error)
            except (Exception, SystemExit) as error:  # noqa: BLE001 - nothing of the rest may stay
                self.note(error)
                others.append(error)
        if others:
            raise others[0]

    def _look_for_left(self) -> None:
        parts = self.parts
        self.left = (*parts.environment.left(), *parts.workflows.left(), *parts.interrupter.left())

    def _cancel(self) -> None:
        """Have no run left that waits for a runner which will never come."""
        for name, one in self.played.items():
            try:
                run_id = one.run_id or self.parts.workflows.find(one.scenario)
                if run_id is not None and not (one.run is not None and one.run.over):
                    self.parts.workflows.cancel(run_id)
                    self.parts.tell(f"{name} is cancelled")
            except PaddockError as error:
                self.note(error)

    def note(self, error: BaseException) -> None:
        """Have it among the ``problems``, and tell it."""
        said = str(error) if isinstance(error, PaddockError) else f"{type(error).__name__}: {error}"
        words = "; ".join(" ".join(line.split()) for line in (said, *getattr(error, "__notes__", ())))
        self.problems.append(words)
        with contextlib.suppress(Exception, SystemExit):  # who is told may be gone; it is in the report
            self.parts.tell(f"went wrong: {words}")

    # -- while they run ------------------------------------------------------------------------------------------------

    def _follow(self) -> None:
        """Look at all runs in turn until each is over, or nobody should wait any longer."""
        until = self.parts.clock.now() + self.parts.patience.scenarios
        while pending := [name for name, one in self.played.items() if not self._over(one)]:
            if self.parts.clock.now() >= until:
                for name in pending:
                    self._give_up(name)
                return
            for name in pending:
                self._step(name)
            self.parts.sleeper.sleep(self.parts.patience.look)

    def _give_up(self, name: str) -> None:
        one = self.played[name]
        waited = span_text(self.parts.patience.scenarios)
        where = (
            "GitHub lists no run of it" if one.run_id is None else f"it is {one.run.status if one.run else 'unseen'}"
        )
        self.played[name] = attrs.evolve(one, problem=f"it was not over after {waited}: {where}")
        self.parts.tell(f"{name} was not over after {waited}")
        if one.run_id is not None:
            self.parts.workflows.cancel(one.run_id)

    @staticmethod
    def _over(one: Played) -> bool:
        if one.run is None or not one.run.over:
            return False
        order = one.interruption
        return order is None or not order.done or one.run.attempt >= one.scenario.attempts

    def _step(self, name: str) -> None:
        one, workflows = self.played[name], self.parts.workflows
        try:
            if one.run_id is None:
                one = attrs.evolve(one, run_id=workflows.find(one.scenario))
            if one.run_id is not None:
                one = attrs.evolve(one, run=workflows.look(one.run_id))
                one = self._cued(one)
        except PaddockError as error:
            if not error.retryable:
                raise
            self.parts.tell(f"{name}: {error}")
        self.played[name] = one
        if self._over(one) and one.run is not None:
            self.parts.tell(f"{name} is over: {one.run.conclusion}")

    def _cued(self, one: Played) -> Played:
        """Do what is to be done to a run whose job runs."""
        running = next((job for job in one.jobs if job.status == "in_progress" and job.runner_name), None)
        if one.cued or one.run_id is None or running is None or one.scenario.cue is Cue.NONE:
            return one
        if one.scenario.cue is Cue.CANCEL:
            self.parts.workflows.cancel(one.run_id)
            self.parts.tell(f"{one.scenario.name} is cancelled while it runs")
            return attrs.evolve(one, cued=True)
        machine = machine_of(running.runner_name)
        order = (
            Interruption(why=f"its runner {running.runner_name} is not of ours")
            if machine is None
            else self.parts.interrupter.interrupt(machine)
        )
        if order.done:
            self.parts.tell(f"AWS is told to take {order.machine} back, which runs {one.scenario.name}")
        else:
            self.parts.tell(f"{one.scenario.name} cannot be verified: {order.why}")
            self.parts.workflows.cancel(one.run_id)
        return attrs.evolve(one, cued=True, interruption=order)

    # -- when they are over --------------------------------------------------------------------------------------------

    def _settle(self) -> None:
        """Look until every machine has ended and is billed, or nobody should wait any longer."""
        until = self.parts.clock.now() + self.parts.patience.settle
        if not any(one.run_id for one in self.played.values()):
            return
        self.parts.tell("all is over; waiting until machines have ended and bills are closed")
        self._looked(until, lambda: self._books(stories=False), self._settled)
        self._looked(until, lambda: self._books(stories=True), self._told)

    def _looked(self, until: Moment, look: Callable[[], Books], enough: Callable[[], bool]) -> None:
        """Look until it is enough, or nobody should wait any longer; at least once. Passing faults are passed over."""
        while True:
            late = self.parts.clock.now() >= until
            try:
                self.books = look()
                if enough() or late:
                    return
            except PaddockError as error:
                if late or not error.retryable:
                    raise
                self.parts.tell(f"looked in vain: {error}")
            self.parts.sleeper.sleep(self.parts.patience.look)

    def _books(self, *, stories: bool) -> Books:
        jobs = [job.facts.job_id for one in self.played.values() for job in one.jobs]
        books = self.parts.observer.books(jobs, stories=stories)
        return attrs.evolve(books, registrations=self.parts.workflows.registrations())

    def _settled(self) -> bool:
        books = self.books
        machines = {*books.runners, *(one.id for one in books.instances)}
        return (
            not any(one.live for one in books.instances)
            and not any(job.live for job in books.jobs.values())
            and machines == set(books.bills)
            and not any(machine_of(name) in machines for name in books.registrations)
        )

    def _told(self) -> bool:
        """Decisions come to the log some seconds after they are made."""
        told, jobs = self.books.verdicts, self.books.jobs
        return all(MACHINE_TOLD in told.get(number, ()) for number, job in jobs.items() if job.started_at is not None)
