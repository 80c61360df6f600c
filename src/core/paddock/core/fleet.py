"""A fleet: every use-case, wired to the ports it is given, and the two steps that its workers repeat.

::

    GitHub ──intake──> [jobs] ──dispatch_once──> machines        sweep, sweep_github: every minute or so
                       [events] <── reports, GitHub's word ──complete_once──> records closed

Nothing here loops, waits or knows what runs it: a function in the cloud, a thread, a simulation or a test calls the
steps. Each step may be repeated, run several times at once, and be cut off anywhere.
"""

from functools import cached_property
from typing import TYPE_CHECKING

from paddock.core.costs.ledger import Rates
from paddock.core.messages import (
    EventMessage,
    JobMessage,
)
from paddock.core.ports.assignments import Assignments
from paddock.core.ports.decisions import Decisions
from paddock.core.ports.gauges import UNTOLD, Gauges
from paddock.core.ports.github import GitHub
from paddock.core.ports.handover import Handover
from paddock.core.ports.machines import Machines
from paddock.core.ports.queues import Queue
from paddock.core.ports.several import IN_TURN, Several
from paddock.core.ports.starts import AT_ONCE, Starts
from paddock.core.ports.stores import Table
from paddock.core.ports.system import Clock, Ids
from paddock.core.settings import FleetSettings
from paddock.core.usecases.adopt import Adopt
from paddock.core.usecases.assign import Assign
from paddock.core.usecases.batches import Batches
from paddock.core.usecases.circuits import Circuits
from paddock.core.usecases.completion import Completion
from paddock.core.usecases.departure import Departure
from paddock.core.usecases.dispatch import Dispatch
from paddock.core.usecases.events import Events
from paddock.core.usecases.in_steps import InSteps
from paddock.core.usecases.intake import Intake
from paddock.core.usecases.interruption import Interruptions
from paddock.core.usecases.launching import Launching
from paddock.core.usecases.life import Life
from paddock.core.usecases.machine_word import MachineWord
from paddock.core.usecases.offers import Offers
from paddock.core.usecases.registered import Registered
from paddock.core.usecases.reject import Reject
from paddock.core.usecases.reports import Reports
from paddock.core.usecases.reruns import Reruns
from paddock.core.usecases.retire import Retire
from paddock.core.usecases.turns import Turns

if TYPE_CHECKING:
    from paddock.core.house import House
    from paddock.core.usecases.explain import Explain
    from paddock.core.usecases.operate import Operate


class Fleet:
    """The use-cases of one fleet, as its attributes.

    ``intake``, ``dispatch``, ``events``, ``reports``, ``circuits``, ``explain`` and ``operate``; ``house``, which goes
    by the clock; and what workers repeat, ``dispatch_once`` and ``complete_once``, or ``dispatch_lent`` and
    ``complete_lent`` for those who borrow messages themselves (`Batches`). The fleet keeps nothing itself, so any
    number may be built on the same stores, one after the other or at once.
    """

    def __init__(  # noqa: PLR0913 - a fleet touches every port there is, each by its name
        self,
        *,
        settings: FleetSettings,
        table: Table,
        jobs: Queue[JobMessage],
        events: Queue[EventMessage],
        github: GitHub,
        machines: Machines,
        assignments: Assignments,
        decisions: Decisions,
        clock: Clock,
        ids: Ids,
        rates: Rates = Rates(),
        handover: Handover | None = None,
        starts: Starts = AT_ONCE,
        several: Several = IN_TURN,
        gauges: Gauges = UNTOLD,
    ) -> None:
        """Args: what the operator decided, and the ports.

        `rates` price what comes with every machine. Without a `handover` there is one in steps. `starts` says how many
        jobs may be started now; by default all. `several` asks GitHub for the registrations of one launch. `gauges` are
        told by each sweep how high things stand.
        """
        handover = handover or InSteps(table.together, assignments)
        life = Life(table=table, queue=jobs, decisions=decisions, clock=clock, retry=settings.retry)
        registered = Registered(
            settings=settings, github=github, assignments=assignments, decisions=decisions, clock=clock
        )
        retire = Retire(
            settings=settings,
            table=table,
            machines=machines,
            registered=registered,
            assignments=assignments,
            handover=handover,
            decisions=decisions,
            clock=clock,
            rates=rates,
        )
        assign = Assign(
            settings=settings,
            table=table,
            github=github,
            assignments=assignments,
            decisions=decisions,
            clock=clock,
            ids=ids,
            several=several,
        )
        self.circuits = Circuits(policy=settings.circuit, table=table, decisions=decisions, clock=clock)
        reruns = Reruns(settings=settings, table=table, github=github, decisions=decisions, clock=clock)
        offers = Offers(
            settings=settings,
            table=table,
            machines=machines,
            circuits=self.circuits,
            reruns=reruns,
            decisions=decisions,
            clock=clock,
        )
        self.intake = Intake(settings=settings, jobs=jobs, events=events, decisions=decisions, clock=clock)
        adopt = Adopt(
            settings=settings,
            table=table,
            machines=machines,
            assignments=assignments,
            decisions=decisions,
            clock=clock,
        )
        reject = Reject(settings=settings, table=table, github=github, decisions=decisions, clock=clock)
        launching = Launching(
            settings=settings,
            table=table,
            machines=machines,
            assign=assign,
            handover=handover,
            adopt=adopt,
            retire=retire,
            reject=reject,
            life=life,
            offers=offers,
            decisions=decisions,
            clock=clock,
            ids=ids,
        )
        completion = Completion(table=table, github=github, life=life, retire=retire, decisions=decisions, clock=clock)
        turns = Turns(limits=settings.limits, table=table, queue=jobs, starts=starts, decisions=decisions, clock=clock)
        self.dispatch = Dispatch(
            settings=settings,
            table=table,
            github=github,
            launching=launching,
            reject=reject,
            completion=completion,
            life=life,
            decisions=decisions,
            clock=clock,
            turns=turns,
        )
        interruptions = Interruptions(
            table=table,
            circuits=self.circuits,
            reruns=reruns,
            completion=completion,
            retire=retire,
            adopt=adopt,
            life=life,
            decisions=decisions,
            clock=clock,
        )
        departure = Departure(
            settings=settings,
            table=table,
            machines=machines,
            retire=retire,
            adopt=adopt,
            completion=completion,
            interruptions=interruptions,
            clock=clock,
        )
        self.events = Events(
            adopt=adopt,
            completion=completion,
            machine_word=MachineWord(table=table, completion=completion, life=life, decisions=decisions, clock=clock),
            interruptions=interruptions,
            departure=departure,
            reruns=reruns,
        )
        batches = Batches(
            jobs=jobs, dispatch=self.dispatch, events=events, handle=self.events, decisions=decisions, clock=clock
        )
        self.dispatch_once, self.dispatch_lent = batches.dispatch_once, batches.dispatch_lent
        self.complete_once, self.complete_lent = batches.complete_once, batches.complete_lent
        self.reports = Reports(decisions=decisions, clock=clock)

        def house() -> "House":
            from paddock.core.house import House  # noqa: PLC0415 - whoever only dispatches does not load it

            return House(
                settings=settings,
                table=table,
                jobs=jobs,
                github=github,
                machines=machines,
                assignments=assignments,
                decisions=decisions,
                gauges=gauges,
                clock=clock,
                ids=ids,
                life=life,
                retire=retire,
                registered=registered,
                adopt=adopt,
                completion=completion,
                departure=departure,
                circuits=self.circuits,
                reruns=reruns,
                offers=offers,
            )

        def explain() -> "Explain":
            from paddock.core.usecases.explain import Explain  # noqa: PLC0415 - as above: people ask, not functions

            return Explain(table, decisions)

        def operate() -> "Operate":
            from paddock.core.usecases.operate import Operate  # noqa: PLC0415 - as above

            return Operate(table=table, life=life, decisions=decisions, clock=clock)

        self._make_house, self._make_explain, self._make_operate = house, explain, operate

    @cached_property
    def house(self) -> "House":
        """What goes by the clock."""
        return self._make_house()

    @cached_property
    def explain(self) -> "Explain":
        """What became of a job, and why."""
        return self._make_explain()

    @cached_property
    def operate(self) -> "Operate":
        """What people change while the fleet runs."""
        return self._make_operate()
