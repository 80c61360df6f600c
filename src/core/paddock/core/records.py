"""How each kind of record is kept: its class, key prefix, indexes and life. Stores are driven by this table.

Keys are typed (``JOB#123``), an index is sparse (a record without a value for it is not in it, so an empty string
never becomes an index key), and a change of state is checked against the state table before anything is written.
"""

from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from typing import Any, Generic, Protocol, TypeVar

import attrs

from paddock.core.circuit import Circuit, Interruption
from paddock.core.errors import IllegalTransition
from paddock.core.job import Job
from paddock.core.launch import Launch
from paddock.core.ledger import LedgerEntry
from paddock.core.pool import Pool
from paddock.core.rerun import Rerun
from paddock.core.run import Run
from paddock.core.runner import Runner
from paddock.core.shortage import Shortage
from paddock.core.states import CIRCUIT_LIFE, JOB_LIFE, RUNNER_LIFE, StateTable
from paddock.core.switch import Switch
from paddock.core.units import HOUR, MINUTE, Moment


class Keyed(Protocol):
    """Anything with a key of its own."""

    @property
    def key(self) -> str:
        """The key within its kind."""


R = TypeVar("R", bound=Keyed)


@attrs.frozen
class Kind(Generic[R]):
    """One kind of record.

    ``indexes`` maps an index's name to the function that gives a record's value in it (None: not in the index).
    ``order`` gives the number by which an index is sorted, oldest first. ``placed_by`` are the fields that those and
    the key are made of, so that a change of others moves nothing (None: it may be any).
    """

    prefix: str
    record: type[R]
    order: Callable[[R], int]
    indexes: Mapping[str, Callable[[R], str | None]] = attrs.field(factory=dict)
    life: StateTable[Any] | None = None
    placed_by: frozenset[str] | None = None

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


def _live_job(job: Job) -> str | None:
    return job.state.value if job.live else None


def _live_runner(runner: Runner) -> str | None:
    return "live" if runner.live else None


JOBS: Kind[Job] = Kind(
    prefix="JOB",
    record=Job,
    order=lambda job: job.facts.created_at,
    indexes={"state": _live_job, "all": lambda _: "all"},
    life=JOB_LIFE,
    placed_by=frozenset({"facts", "state"}),
)
RUNNERS: Kind[Runner] = Kind(
    prefix="RUNNER",
    record=Runner,
    order=lambda runner: runner.launched_at,
    indexes={
        "live": _live_runner,
        "minute": lambda runner: str(runner.launched_at // MINUTE),
        "all": lambda _: "all",
    },
    life=RUNNER_LIFE,
    placed_by=frozenset({"machine", "launched_at", "state"}),
)
LAUNCHES: Kind[Launch] = Kind(prefix="LAUNCH", record=Launch, order=lambda launch: launch.created_at)
RUNS: Kind[Run] = Kind(prefix="RUN", record=Run, order=lambda run: run.run_id)
POOLS: Kind[Pool] = Kind(prefix="POOL", record=Pool, order=lambda _: 0, indexes={"all": lambda _: "all"})
CIRCUITS: Kind[Circuit] = Kind(
    prefix="CIRCUIT",
    record=Circuit,
    order=lambda circuit: circuit.opened_at or 0,
    indexes={"all": lambda _: "all"},
    life=CIRCUIT_LIFE,
)
INTERRUPTIONS: Kind[Interruption] = Kind(
    prefix="INTERRUPTION",
    record=Interruption,
    order=lambda interruption: interruption.at,
    indexes={"hour": lambda interruption: hour_of(interruption.at)},
)
SHORTAGES: Kind[Shortage] = Kind(
    prefix="SHORTAGE", record=Shortage, order=lambda shortage: shortage.until, indexes={"all": lambda _: "all"}
)
RERUNS: Kind[Rerun] = Kind(
    prefix="RERUN",
    record=Rerun,
    order=lambda rerun: rerun.run_id,
    indexes={"open": lambda rerun: "open" if rerun.open else None},
)
LEDGER: Kind[LedgerEntry] = Kind(
    prefix="LEDGER", record=LedgerEntry, order=lambda entry: entry.start, indexes={"day": lambda entry: entry.day}
)
SWITCHES: Kind[Switch] = Kind(prefix="CONFIG", record=Switch, order=lambda switch: switch.at)

KINDS: tuple[Kind[Any], ...] = (
    *(JOBS, RUNNERS, LAUNCHES, RUNS, POOLS, CIRCUITS, INTERRUPTIONS, SHORTAGES, RERUNS, LEDGER, SWITCHES),
)
