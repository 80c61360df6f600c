"""Being wary: an offer that was hit once is left out for a while if another is left, and is then tried now and then."""

from paddock.core.circuit import Circuit, CircuitChange, CircuitIs, CircuitPolicy
from paddock.core.errors import Conflict, NotFound, PaddockError
from paddock.core.ports.decisions import Decisions
from paddock.core.ports.stores import Table
from paddock.core.ports.system import Clock
from paddock.core.runner import Runner
from paddock.core.units import Moment, span_text
from paddock.core.usecases.record import Recorder

_ATTEMPTS = 4


class Avoidance:
    """What was hit, in the records of the offers' circuits, which every launch reads anyway."""

    def __init__(self, *, policy: CircuitPolicy, table: Table, decisions: Decisions, clock: Clock) -> None:
        self._policy = policy
        self._circuits = table.circuits
        self._clock = clock
        self._record = Recorder(decisions, clock, "circuits")

    def hit(self, runner: Runner, at: Moment, why: str) -> None:
        """The cloud takes this spot machine back at that moment, or says that it may. Repeating it changes nothing."""
        if not (self._policy.avoid and runner.zone and runner.instance_type):
            return
        fresh = Circuit(runner.zone, runner.instance_type).hit(at, self._policy)
        for _ in range(_ATTEMPTS):
            if self._circuits.add(fresh):
                self._tell(fresh, why)
                return
            known = self._circuits.get(fresh.key)
            after = None if known is None else known.hit(at, self._policy)
            if known is None or after is None:
                continue
            if after == known:
                return
            when = CircuitIs(avoided_until=known.avoided_until, avoidances=known.avoidances)
            change = CircuitChange(avoided_until=after.avoided_until, avoidances=after.avoidances)
            try:
                self._circuits.update(fresh.key, when, change)
            except (Conflict, NotFound):
                continue
            if after.avoidances != known.avoidances or known.avoided_until <= at:
                self._tell(after, why)
            return

    def tries(self, circuit: Circuit) -> bool:
        """A launch wants to ask for what was avoided; False if another one is faster, or nobody can say."""
        when = CircuitIs(avoided_until=circuit.avoided_until, tried_at=circuit.tried_at)
        try:
            self._circuits.update(circuit.key, when, CircuitChange(tried_at=self._clock.now()))
        except PaddockError:
            return False
        return True

    def _tell(self, circuit: Circuit, why: str) -> None:
        length = span_text(max(0, circuit.avoided_until - self._clock.now()))
        self._record.circuit(circuit.key, "avoided", f"{why}: others are asked for first for {length}")
