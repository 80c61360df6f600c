"""The table made of its stores; and several writes in one step, where everybody else can be kept out meanwhile."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, TypeAlias, TypeVar

from paddock.core.errors import InvalidInput
from paddock.core.ports.records import Records
from paddock.core.ports.stores import Table
from paddock.core.ports.together import MOST, Add, Together, Update, Write
from paddock.core.records import KINDS, Kind

S = TypeVar("S")
AnyRecords: TypeAlias = Records[Any, Any, Any]

# What the table calls the store of each kind.
NAMES = {
    "JOB": "jobs",
    "RUNNER": "runners",
    "LAUNCH": "launches",
    "RUN": "runs",
    "POOL": "pools",
    "CIRCUIT": "circuits",
    "INTERRUPTION": "interruptions",
    "SHORTAGE": "shortages",
    "RERUN": "reruns",
    "BILL": "ledger",
    "CONFIG": "switches",
    "PACE": "paces",
    "TASK": "tasks",
}


def stores_of(make: Callable[[Kind[Any]], S]) -> dict[str, S]:
    """A store for every kind, by the kind's prefix."""
    return {kind.prefix: make(kind) for kind in KINDS}


def table_of(stores: Mapping[str, AnyRecords], together: Together) -> Table:
    """The table of these stores."""
    return Table(together=together, **{NAMES[prefix]: store for prefix, store in stores.items()})


def stores_in(table: Table) -> dict[str, AnyRecords]:
    """The table's stores, by their kind's prefix."""
    return {prefix: getattr(table, name) for prefix, name in NAMES.items()}


def checked(writes: Sequence[Write]) -> None:
    """Refuse what no store can do in one step.

    Raises:
        IllegalTransition: a change of state that is in no life.
        ValueError: there are too many writes, or two of one record, or one that names what a key is made of.
    """
    if len(writes) > MOST:
        raise ValueError(str(InvalidInput("writes", len(writes), f"must be at most {MOST}")))
    if len({(write.kind.prefix, write.key) for write in writes}) < len(writes):
        raise ValueError(str(InvalidInput("writes", len(writes), "must be of records that differ")))
    for write in writes:
        if isinstance(write, Update):
            write.kind.check(write.when, write.change)
            if not write.kind.keyed_by.isdisjoint(write.change):
                raise ValueError(f"{write.kind.prefix}#{write.key}: a record keeps its key")


def hold(writes: Sequence[Write], stores: Mapping[str, AnyRecords]) -> bool:
    """True if the condition of every write holds."""
    return all(_holds(write, stores[write.kind.prefix]) for write in writes)


def carry_out(writes: Sequence[Write], stores: Mapping[str, AnyRecords]) -> None:
    """Write them, one after the other."""
    for write in writes:
        store = stores[write.kind.prefix]
        if isinstance(write, Add):
            store.add(write.record)
        else:
            store.update(write.key, write.when, write.change)


def witnessed(
    together: Together, stores: Mapping[str, AnyRecords], writes: Sequence[Write]
) -> list[tuple[Write, Any, Any]] | None:
    """Have them written in one step: each with its record before and after (None: there is none); None if refused."""
    before = [stores[write.kind.prefix].get(write.key) for write in writes]
    if not together.write(writes):
        return None
    return [(write, old, stores[write.kind.prefix].get(write.key)) for write, old in zip(writes, before, strict=True)]


def _holds(write: Write, store: AnyRecords) -> bool:
    there = store.get(write.key)
    if isinstance(write, Add):
        return there is None
    return there is not None and write.kind.matches(there, write.when)


class ExclusiveTogether:
    """Looks at all conditions, then writes, while nobody else may write."""

    def __init__(self, stores: Mapping[str, AnyRecords], alone: Callable[[], AbstractContextManager[object]]) -> None:
        """Args: the stores by their kind's prefix; keeps others out meanwhile."""
        self._stores = stores
        self._alone = alone

    def write(self, writes: Sequence[Write]) -> bool:
        """Carry out every write, or none: False if the condition of one does not hold.

        Raises:
            IllegalTransition: a change names a state that cannot be reached from a state of its `when`.
            ValueError: there are too many, or two of one record, or a change would give a record another key.
        """
        checked(writes)
        with self._alone():
            if not hold(writes, self._stores):
                return False
            carry_out(writes, self._stores)
        return True
