"""How each kind of record is kept: its class, key prefix, indexes and life. Stores are driven by this table.

Keys are typed (``JOB#123``), an index is sparse (a record without a value for it is not in it, so an empty string
never becomes an index key), and a change of state is checked against the state table before anything is written.
"""

from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from typing import Any, Generic, Protocol, TypeVar

import attrs

from paddock.core.circuit import Circuit, Interruption
from paddock.core.costs.ledger import Bill, day_of, ended
from paddock.core.errors import IllegalTransition
from paddock.core.job import Job
from paddock.core.launch import Launch
from paddock.core.pace import Pace
from paddock.core.pools.standing import PoolStanding
from paddock.core.rerun import OPEN_RERUNS, Rerun
from paddock.core.run import Run
from paddock.core.runner import Runner
from paddock.core.shortage import Shortage
from paddock.core.states import CIRCUIT_LIFE, JOB_LIFE, LIVE_JOBS, LIVE_RUNNERS, RUNNER_LIFE, JobState, StateTable
from paddock.core.switch import Switch
from paddock.core.task import Task
from paddock.core.units import DAY, HOUR, MINUTE, Moment, Span


class Keyed(Protocol):
    """Anything with a key of its own."""

    @property
    def key(self) -> str:
        """The key within its kind."""


R = TypeVar("R", bound=Keyed)
V = TypeVar("V")


@attrs.frozen
class Made(Generic[V]):
    """A value that is made of one field alone (``field`` empty: of none, it is always the same).

    So a store that sets the field knows the new value without reading the record.
    """

    field: str
    of: Callable[[Any], V]

    def __call__(self, record: object) -> V:
        """The record's value."""
        return self.of(getattr(record, self.field) if self.field else None)


def always(value: V) -> Made[V]:
    """The same for every record."""
    return Made("", lambda _: value)


@attrs.frozen
class Kind(Generic[R]):
    """One kind of record.

    ``keyed_by`` are the fields that the key is made of. ``indexes`` maps an index's name to a record's value in it
    (None: not in the index). ``order`` is the number by which an index is sorted, oldest first. ``kept`` is for how
    long after the last write of it a record stays where a store forgets by itself, as DynamoDB does, and does so in its
    own time; None: for ever. Stores on one machine keep everything.
    """

    prefix: str
    record: type[R]
    keyed_by: frozenset[str]
    order: "Made[int]"
    indexes: Mapping[str, "Made[str | None]"] = attrs.field(factory=dict)
    life: StateTable[Any] | None = None
    kept: Span | None = None

    @property
    def placed_by(self) -> frozenset[str]:
        """The fields that key, order and indexes are made of: a change of others moves nothing."""
        made = {self.order.field, *(of.field for of in self.indexes.values())}
        return self.keyed_by | (made - {""})

    def check(self, when: Mapping[str, object], change: Mapping[str, object]) -> None:
        """Refuse a change of state that some state admitted by `when` may not make.

        Raises:
            IllegalTransition: the table lacks the edge, or the condition does not say from which states.
        """
        target = change.get("state")
        if target is None or self.life is None:
            return
        sources = when.get("state")
        if sources is None:
            raise IllegalTransition(f"{self.prefix}: a change to {target} must say from which states")
        for source in sources if isinstance(sources, AbstractSet) else (sources,):
            if not self.life.allows(source, target):
                raise IllegalTransition(f"{self.prefix}: {source} -> {target} is not in its life")

    def matches(self, record: R, when: Mapping[str, object]) -> bool:
        """True if every field that `when` names has the value given, or one of the set given."""
        for name, wanted in when.items():
            actual = getattr(record, name)
            if actual != wanted and not (isinstance(wanted, AbstractSet) and actual in wanted):
                return False
        return True


def hour_of(moment: Moment) -> str:
    """The value in the index ``hour`` of interruptions at this moment."""
    return str(moment // HOUR)


def _itself(number: int) -> int:
    return number


QUEUED, CLAIMED, PLACED, GIVEN_UP = "queued", "claimed", "placed", "given_up"
STAGES = (QUEUED, CLAIMED, PLACED)


def stage_of(state: JobState) -> str | None:
    """The value in the index ``live`` of a job in this state: it waits, is being dispatched, or has a machine.

    Those that were given up are few, and stand there too: GitHub may still have them in its queue.

    Fewer values than states, for each move from one to another is paid for: who wants one state looks at the records.
    But a queue may be long, and nobody who looks for what is being dispatched may have to read it.
    """
    if state is JobState.ABANDONED:
        return GIVEN_UP
    if state not in LIVE_JOBS:
        return None
    return {JobState.QUEUED: QUEUED, JobState.DISPATCHING: CLAIMED}.get(state, PLACED)


ALL: Made[str | None] = always("all")

# How long records are kept: longer than anybody asks for them again, and no longer, for what is kept costs.
_ASKED_FOR: Span = 90 * DAY  # "what became of my job, and what did it cost": a quarter's worth of answers
_REPEATED: Span = 30 * DAY  # GitHub lets a run be re-run for so long; what is known of it serves its later attempts

JOBS: Kind[Job] = Kind(
    prefix="JOB",
    record=Job,
    keyed_by=frozenset({"facts"}),
    order=Made("facts", lambda facts: facts.created_at),
    indexes={"live": Made("state", stage_of), "all": ALL},
    life=JOB_LIFE,
    kept=_ASKED_FOR,
)
RUNNERS: Kind[Runner] = Kind(
    prefix="RUNNER",
    record=Runner,
    keyed_by=frozenset({"machine"}),
    order=Made("launched_at", _itself),
    indexes={
        "live": Made("state", lambda state: "live" if state in LIVE_RUNNERS else None),
        "minute": Made("launched_at", lambda launched_at: str(launched_at // MINUTE)),
        "spare": Made("spare_of", lambda pool: pool),
    },
    life=RUNNER_LIFE,
    kept=_ASKED_FOR,
)
LAUNCHES: Kind[Launch] = Kind(
    prefix="LAUNCH",
    record=Launch,
    keyed_by=frozenset({"id"}),
    order=Made("created_at", _itself),
    kept=_REPEATED,
)
RUNS: Kind[Run] = Kind(
    prefix="RUN", record=Run, keyed_by=frozenset({"run_id"}), order=Made("run_id", _itself), kept=_REPEATED
)
POOLS: Kind[PoolStanding] = Kind(
    prefix="POOL", record=PoolStanding, keyed_by=frozenset({"name"}), order=always(0), indexes={"all": ALL}
)
CIRCUITS: Kind[Circuit] = Kind(
    prefix="CIRCUIT",
    record=Circuit,
    keyed_by=frozenset({"zone", "instance_type"}),
    order=Made("opened_at", lambda opened_at: opened_at or 0),
    indexes={"all": ALL},
    life=CIRCUIT_LIFE,
)
INTERRUPTIONS: Kind[Interruption] = Kind(
    prefix="INTERRUPTION",
    record=Interruption,
    keyed_by=frozenset({"machine"}),
    order=Made("at", _itself),
    indexes={"hour": Made("at", hour_of)},
    kept=2 * DAY,  # circuits count the last minutes, sweeps look at the last six hours
)
SHORTAGES: Kind[Shortage] = Kind(
    prefix="SHORTAGE",
    record=Shortage,
    keyed_by=frozenset({"zone", "instance_type", "market"}),
    order=Made("until", _itself),
    indexes={"all": ALL},
    kept=DAY,  # believed for minutes
)
RERUNS: Kind[Rerun] = Kind(
    prefix="RERUN",
    record=Rerun,
    keyed_by=frozenset({"run_id"}),
    order=Made("run_id", _itself),
    indexes={"open": Made("state", lambda state: "open" if state in OPEN_RERUNS else None)},
    kept=_REPEATED,
)
LEDGER: Kind[Bill] = Kind(
    prefix="BILL",
    record=Bill,
    keyed_by=frozenset({"machine"}),
    order=Made("intervals", ended),
    # Of the end: what was spent today stands in bills of today, and on machines that still live.
    indexes={"day": Made("intervals", lambda intervals: day_of(ended(intervals)))},
    kept=_ASKED_FOR,
)
SWITCHES: Kind[Switch] = Kind(prefix="CONFIG", record=Switch, keyed_by=frozenset({"name"}), order=Made("at", _itself))
PACES: Kind[Pace] = Kind(prefix="PACE", record=Pace, keyed_by=frozenset({"name"}), order=always(0), kept=DAY)
TASKS: Kind[Task] = Kind(prefix="TASK", record=Task, keyed_by=frozenset({"name"}), order=always(0))

KINDS: tuple[Kind[Any], ...] = (
    *(JOBS, RUNNERS, LAUNCHES, RUNS, POOLS, CIRCUITS, INTERRUPTIONS, SHORTAGES, RERUNS, LEDGER, SWITCHES, PACES, TASKS),
)
