"""The orders for all machines of a fresh launch, in as few requests as there can be.

::

    cloud's answer ──> a registration each ──> launch and machine records ──> orders each ──> all jobs launched
                              │                    (one step)        │                          (one step)
                           crash: as in `paddock.core.usecases.assign`, whose long way whoever resumes the launch goes

What does not go smoothly is left to that long way at once: it looks at what stands there, job by job.
"""

from collections.abc import Sequence

import attrs

from paddock.core.job import Job, JobIs
from paddock.core.launch import Launch, LaunchChange, LaunchIs
from paddock.core.ports.github import JitConfig
from paddock.core.ports.machines import LaunchOutcome, Machine
from paddock.core.ports.stores import Table
from paddock.core.ports.together import Add, Update, Write
from paddock.core.records import JOBS, LAUNCHES, RUNNERS
from paddock.core.states import JobState
from paddock.core.usecases.assign import Assign


@attrs.frozen
class _Pair:
    """A job, its machine, and the runner that is registered for it."""

    job: Job
    machine: Machine
    jit: JitConfig


class FirstOrders:
    """Gives the machines of a fresh launch to its jobs."""

    def __init__(self, *, table: Table, assign: Assign) -> None:
        self._together = table.together
        self._assign = assign

    def __call__(self, launch: Launch, held: Sequence[Job], outcome: LaunchOutcome) -> set[int]:
        """Which of the `held` jobs have their machine now. Of all others nothing is known here.

        Args:
            launch: as it was written before the cloud was asked.
            held: all of its jobs, in its order: their leases are ours.
            outcome: the cloud's answer.
        """
        pairs = self._registered(held, outcome.machines)
        if not pairs:
            return set()
        named = LaunchChange(machines=tuple(machine.id for machine in outcome.machines), errors=outcome.errors)
        writes: list[Write] = [Update(LAUNCHES, launch.key, LaunchIs(machines=None), named)]
        writes += [Add(RUNNERS, self._assign.record(pair.job, pair.machine, launch, pair.jit)) for pair in pairs]
        if not self._written(writes):
            for pair in pairs:
                self._assign.forget(pair.job, pair.machine.id, pair.jit.runner_id)
            return set()
        ordered = [pair for pair in pairs if self._ordered(pair, launch)]
        if not self._written([self._flip(pair, launch) for pair in ordered]):
            return set()
        for pair in ordered:
            self._assign.said(pair.job, pair.machine, launch)
        return {pair.job.id for pair in ordered}

    def _registered(self, held: Sequence[Job], machines: Sequence[Machine]) -> list[_Pair]:
        pairs: list[_Pair] = []
        for job, machine in zip(held, machines, strict=False):
            if machine.alive:
                try:
                    pairs.append(_Pair(job, machine, self._assign.mint(job, machine)))
                except Exception:  # noqa: BLE001, S112 - the long way asks again, and says what it means
                    continue
        return pairs

    def _written(self, writes: Sequence[Write]) -> bool:
        try:
            return self._together.write(writes)
        except Exception:  # noqa: BLE001 - or it was, and the answer was lost; or one of them is our own fault
            return False  # the long way looks, at each

    def _ordered(self, pair: _Pair, launch: Launch) -> bool:
        try:
            receipt = self._assign.order(pair.job, pair.machine, launch, pair.jit)
        except Exception:  # noqa: BLE001 - as above
            return False
        return receipt.runner_id == pair.jit.runner_id

    def _flip(self, pair: _Pair, launch: Launch) -> Update:
        when = JobIs(state=JobState.DISPATCHING, launch=pair.job.launch, launch_id=launch.id)
        return Update(JOBS, pair.job.key, when, self._assign.launched(pair.machine, pair.jit.runner_name))
