"""The lives of jobs, machines and circuits: one table each, as data. Every predicate is derived from its table.

An edge that is not in a table cannot be written: every store checks a change against them (see `records`).
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Generic, TypeVar

import attrs


class JobState(StrEnum):
    """Where a job stands, in our words. GitHub's own words for it are ``status`` and ``conclusion``."""

    QUEUED = "queued"
    DISPATCHING = "dispatching"
    LAUNCHED = "launched"
    RUNNING = "running"
    FINISHED = "finished"
    CANCELLED = "cancelled"
    REJECTED = "rejected"
    ABANDONED = "abandoned"


class RunnerState(StrEnum):
    """Where a machine stands. Whether it is assigned is a separate fact: a cold one is assigned while it boots."""

    REQUESTED = "requested"
    BOOTING = "booting"
    READY = "ready"
    BUSY = "busy"
    DRAINING = "draining"
    STOPPING = "stopping"
    STOPPED = "stopped"
    GONE = "gone"


class CircuitState(StrEnum):
    """Whether spot machines of one type in one zone may be asked for."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class OperationalResult(StrEnum):
    """How *we* did, apart from how the job's own steps did: a red test is not our failure."""

    SERVED = "served"
    INTERRUPTED = "interrupted"
    TIMED_OUT = "timed_out"
    FAILED_TO_START = "failed_to_start"


S = TypeVar("S", bound=StrEnum)


@attrs.frozen
class StateTable(Generic[S]):
    """A life as edges with their reasons.

    ``states`` are all that the table names, ``ends`` those that nothing leaves, ``live`` all others: asked for so often
    that they are worked out once. ``reopened`` are ways out of an end, which a person alone takes: nothing that goes
    by itself counts on them.
    """

    edges: Mapping[tuple[S, S], str]
    reopened: Mapping[tuple[S, S], str] = attrs.field(factory=dict)
    states: frozenset[S] = attrs.field(init=False, eq=False, repr=False)
    ends: frozenset[S] = attrs.field(init=False, eq=False, repr=False)
    live: frozenset[S] = attrs.field(init=False, eq=False, repr=False)

    @states.default
    def _named(self) -> frozenset[S]:
        return frozenset(state for edge in self.edges for state in edge)

    @ends.default
    def _left_by_none(self) -> frozenset[S]:
        return self.states - {a for a, _ in self.edges}

    @live.default
    def _left_by_some(self) -> frozenset[S]:
        return self.states - self.ends

    def allows(self, source: S, target: S) -> bool:
        """True if the edge exists. Staying where one is, is no transition and always allowed."""
        return source == target or (source, target) in self.edges or (source, target) in self.reopened

    def sources(self, target: S) -> frozenset[S]:
        """The states from which `target` is reached in one step."""
        return frozenset(a for a, b in self.edges if b == target)

    def targets(self, source: S) -> frozenset[S]:
        """The states reached from `source` in one step."""
        return frozenset(b for a, b in self.edges if a == source)


_Q, _D, _L, _R = JobState.QUEUED, JobState.DISPATCHING, JobState.LAUNCHED, JobState.RUNNING

JOB_LIFE: StateTable[JobState] = StateTable(
    {
        (_Q, _D): "a dispatcher took the job and holds a lease on it",
        (_Q, _R): "GitHub gave it to a machine launched for another job of the same labels",
        (_Q, JobState.FINISHED): "GitHub concluded it, and we saw neither its start nor its runner's report",
        (_Q, JobState.CANCELLED): "GitHub cancelled it before any machine was asked for",
        (_Q, JobState.REJECTED): "its labels, repository or origin are not allowed here",
        (_Q, JobState.ABANDONED): "it waited longer than GitHub lets a job wait, or its launch budget is spent",
        (_D, _Q): "no machine could be had, or the dispatcher died before asking for one",
        (_D, _L): "a machine exists and holds the assignment",
        (_D, _R): "another machine of the same labels was faster than ours",
        (_D, JobState.FINISHED): "as from queued",
        (_D, JobState.CANCELLED): "GitHub cancelled it while its machine was being asked for",
        (_D, JobState.REJECTED): "the launch showed that this fleet can never serve it",
        (_D, JobState.ABANDONED): "the launch budget is spent",
        (_L, _Q): "the machine died before the job started, or served another job",
        (_L, _R): "the runner or GitHub said that it started",
        (_L, JobState.FINISHED): "it ended before word of its start arrived",
        (_L, JobState.CANCELLED): "GitHub cancelled it before it started",
        (_L, JobState.ABANDONED): "the launch budget is spent",
        (_R, JobState.FINISHED): "the runner or GitHub said that it ended",
        (_R, JobState.ABANDONED): "its machine is gone, and GitHub no longer knows the job",
    },
    reopened={
        (JobState.ABANDONED, _Q): "its launches failed, and an operator released it: it never ran",
    },
)

RUNNER_LIFE: StateTable[RunnerState] = StateTable(
    {
        (RunnerState.REQUESTED, RunnerState.BOOTING): "the cloud gave the machine an id",
        (RunnerState.REQUESTED, RunnerState.GONE): "the cloud gave nothing",
        (RunnerState.BOOTING, RunnerState.READY): "its agent listens for a job",
        (RunnerState.BOOTING, RunnerState.BUSY): "word of the job's start arrived first",
        (RunnerState.BOOTING, RunnerState.DRAINING): "its job is gone before it was ready",
        (RunnerState.BOOTING, RunnerState.STOPPED): "the cloud had no capacity to wake it",
        (RunnerState.BOOTING, RunnerState.GONE): "it died while booting",
        (RunnerState.READY, RunnerState.BUSY): "it runs a job",
        (RunnerState.READY, RunnerState.DRAINING): "it is to end without a job",
        (RunnerState.READY, RunnerState.STOPPING): "a pool puts it to sleep",
        (RunnerState.READY, RunnerState.GONE): "it died idle",
        (RunnerState.STOPPING, RunnerState.STOPPED): "it sleeps",
        (RunnerState.STOPPING, RunnerState.BOOTING): "somebody started it again",
        (RunnerState.STOPPING, RunnerState.DRAINING): "its pool is no more",
        (RunnerState.STOPPING, RunnerState.GONE): "it died on the way to sleep",
        (RunnerState.STOPPED, RunnerState.BOOTING): "a pool or a job woke it",
        (RunnerState.STOPPED, RunnerState.DRAINING): "its pool ends it",
        (RunnerState.STOPPED, RunnerState.GONE): "it was terminated asleep",
        (RunnerState.BUSY, RunnerState.DRAINING): "its one job ended",
        (RunnerState.BUSY, RunnerState.GONE): "it died with its job, or word of the end never came",
        (RunnerState.DRAINING, RunnerState.GONE): "it powered off",
    }
)

CIRCUIT_LIFE: StateTable[CircuitState] = StateTable(
    {
        (CircuitState.CLOSED, CircuitState.OPEN): "too many interruptions within the window, or an operator",
        (CircuitState.OPEN, CircuitState.HALF_OPEN): "the cool-down is over: one launch may probe",
        (CircuitState.OPEN, CircuitState.CLOSED): "an operator closed it",
        (CircuitState.HALF_OPEN, CircuitState.CLOSED): "the probe was served",
        (CircuitState.HALF_OPEN, CircuitState.OPEN): "the probe was interrupted: a longer cool-down",
    }
)

LIVE_JOBS: frozenset[JobState] = JOB_LIFE.live
ENDED_JOBS: frozenset[JobState] = JOB_LIFE.ends
LIVE_RUNNERS: frozenset[RunnerState] = RUNNER_LIFE.live
RISING: frozenset[RunnerState] = frozenset({RunnerState.REQUESTED, RunnerState.BOOTING})
SPARE: frozenset[RunnerState] = RISING | {RunnerState.READY, RunnerState.STOPPING, RunnerState.STOPPED}
"""The states in which a pool's machine is, or will be, there for any job, as long as none has claimed it."""
