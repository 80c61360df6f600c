"""The orders for all machines of a fresh launch, in as few requests as there can be.

::

    cloud's answer ──> a registration each ──> launch and machine records, orders, all jobs launched
                              │                         (one step, where that can be had)
                           crash: as in `paddock.core.usecases.assign`, whose long way whoever resumes the launch goes

What does not go smoothly is left to that long way at once: it looks at what stands there, job by job.
"""

from collections.abc import Sequence
from contextlib import suppress

import attrs

from paddock.core.errors import PaddockError
from paddock.core.job import Job, JobIs
from paddock.core.launch import Launch, LaunchChange, LaunchIs
from paddock.core.messages import Assignment
from paddock.core.ports.handover import Handover
from paddock.core.ports.machines import LaunchOutcome, Machine
from paddock.core.ports.together import Add, Update, Write
from paddock.core.records import JOBS, LAUNCHES, RUNNERS
from paddock.core.runner import RunnerChange, RunnerIs
from paddock.core.states import JobState
from paddock.core.usecases.assign import Assign


@attrs.frozen
class _Pair:
    """A job, its machine, and what the machine is told."""

    job: Job
    machine: Machine
    orders: Assignment


class FirstOrders:
    """Gives the machines of a fresh launch to its jobs."""

    def __init__(self, *, handover: Handover, assign: Assign) -> None:
        self._handover = handover
        self._assign = assign

    def __call__(self, launch: Launch, held: Sequence[Job], outcome: LaunchOutcome) -> set[int]:
        """Which of the `held` jobs have their machine now. Of all others nothing is known here.

        Args:
            launch: as it was written before the cloud was asked.
            held: all of its jobs, in its order: their leases are ours.
            outcome: the cloud's answer.
        """
        pairs = self._composed(launch, held, outcome.machines)
        if not pairs or not self._given(launch, pairs, outcome):
            for pair in pairs:
                with suppress(PaddockError):  # GitHub forgets it within a day
                    self._assign.unused(pair.job, pair.orders)
            return set()
        for pair in pairs:
            self._assign.said(pair.job, pair.machine, launch)
        return {pair.job.id for pair in pairs}

    def _composed(self, launch: Launch, held: Sequence[Job], machines: Sequence[Machine]) -> list[_Pair]:
        alive = [(job, machine) for job, machine in zip(held, machines, strict=False) if machine.alive]
        composed = zip(alive, self._assign.compose(launch, alive), strict=True)
        # Where there are none, the long way asks again, and says what it means.
        return [_Pair(*pair, orders) for pair, orders in composed if isinstance(orders, Assignment)]

    def _given(self, launch: Launch, pairs: Sequence[_Pair], outcome: LaunchOutcome) -> bool:
        named = LaunchChange(machines=tuple(machine.id for machine in outcome.machines), errors=outcome.errors)
        machines: list[Write] = [Update(LAUNCHES, launch.key, LaunchIs(machines=None), named)]
        machines += [Add(RUNNERS, self._assign.record(one.job, one.machine, launch, one.orders)) for one in pairs]
        if launch.claimed:  # its machines stand written, in the launch and by themselves
            machines = [self._named(one, launch) for one in pairs]
        try:
            return self._handover.give(
                machines, [one.orders for one in pairs], [self._flip(one, launch) for one in pairs]
            )
        except Exception:  # noqa: BLE001 - or it was, and the answer was lost; or one of them is our own fault
            return False  # the long way looks, at each

    def _named(self, pair: _Pair, launch: Launch) -> Update:
        when = RunnerIs(assigned_job=pair.job.id, claim=launch.id, runner_name=None, gone_at=None)
        orders = pair.orders
        change = RunnerChange(runner_name=orders.runner_name, runner_id=orders.runner_id or None)
        return Update(RUNNERS, pair.machine.id, when, change)

    def _flip(self, pair: _Pair, launch: Launch) -> Update:
        when = JobIs(state=JobState.DISPATCHING, launch=pair.job.launch, launch_id=launch.id)
        return Update(JOBS, pair.job.key, when, self._assign.launched(pair.machine, pair.orders.runner_name))
