"""The circuit breaker at work: counts what the cloud takes back, opens and closes circuits, and lends out probes.

Every interruption is a record of its own, put if absent: a hundred at once are a hundred, and one told twice is one.
A circuit changes by conditional writes, so of many who see the third interruption one opens it.
"""

from collections.abc import Iterable

from paddock.core.circuit import (
    ANY,
    NOTICE,
    Circuit,
    CircuitChange,
    CircuitIs,
    CircuitPolicy,
    Interruption,
    InterruptionChange,
    InterruptionIs,
    Opening,
    circuit_key,
    opening,
)
from paddock.core.errors import Conflict, NotFound, Unavailable
from paddock.core.paging import pages
from paddock.core.ports.decisions import Decisions
from paddock.core.ports.stores import Table
from paddock.core.ports.system import Clock
from paddock.core.records import hour_of
from paddock.core.runner import Runner
from paddock.core.states import CircuitState, OperationalResult
from paddock.core.units import HOUR, Moment, Span, span_text
from paddock.core.usecases.avoidance import Avoidance
from paddock.core.usecases.record import Recorder

_ATTEMPTS = 4


class Circuits:
    """Every circuit of the fleet."""

    def __init__(self, *, policy: CircuitPolicy, table: Table, decisions: Decisions, clock: Clock) -> None:
        self._policy = policy
        self._circuits = table.circuits
        self._interruptions = table.interruptions
        self._launches = table.launches
        self._runners = table.runners
        self._clock = clock
        self._record = Recorder(decisions, clock, "circuits")
        self.avoidance = Avoidance(policy=policy, table=table, decisions=decisions, clock=clock)

    def all(self) -> list[Circuit]:
        """Every circuit that was ever opened."""
        return list(pages(lambda cursor: self._circuits.page("all", "all", cursor=cursor)))

    def interrupted(self, runner: Runner, at: Moment) -> None:
        """The cloud takes this spot machine back at that moment. Repeating it counts once.

        ::

            written down ──> weighed: which circuit opens ──> noted as weighed
                         └─ crash: told again, it is weighed again; but never once it was
        """
        if not (runner.zone and runner.instance_type):
            return
        hit = Interruption(runner.machine, runner.zone, runner.instance_type, at, told_at=self._clock.now())
        if not self._interruptions.add(hit):
            known = self._interruptions.get(hit.key)
            if known is None or known.weighed:
                return
            hit = known
        self.avoidance.hit(runner, hit.at, f"{runner.machine} is taken back")
        self._weigh(hit, runner)
        self._interruptions.update(hit.key, InterruptionIs(), InterruptionChange(weighed=True))

    def _weigh(self, hit: Interruption, runner: Runner) -> None:
        circuits = self.all()
        for circuit in circuits:
            if circuit.state is CircuitState.HALF_OPEN and circuit.probe == runner.launch_id:
                self._open(Opening(circuit.zone, circuit.instance_type, f"its probe {runner.machine} was interrupted"))
                return
        self._judge(hit, circuits)

    def _judge(self, hit: Interruption, circuits: list[Circuit]) -> str | None:
        """Open the circuit that the interruption opens, if any; its key if that was done."""
        recent = self._since(hit.at - self._policy.window, hit.at)
        found = opening(
            hit,
            [one for one in recent if one.zone == hit.zone],
            [one for one in recent if one.instance_type == hit.instance_type],
            self._policy,
            circuits,
        )
        done = found is not None and self._open(found)
        opened = {(one.zone, one.instance_type) for one in circuits if one.state is CircuitState.OPEN}
        if (hit.zone, ANY) in opened or (found is not None and found.instance_type == ANY):
            self._cover(hit.zone, circuits)
        return circuit_key(found.zone, found.instance_type) if found is not None and done else None

    def check(self) -> list[str]:
        """Judge anew what was taken back within the window; the keys of the circuits that this opened.

        For whoever hears that much is taken back: those who weighed interruptions of the same moment may not have seen
        one another's. What a circuit was opened or closed for already has no effect again, so repeating it changes
        nothing.
        """
        now = self._clock.now()
        newest: dict[tuple[str, str], Interruption] = {}
        for one in self._since(now - self._policy.window, now):
            place = (one.zone, one.instance_type)
            if one.at > now - self._policy.window and (place not in newest or one.at > newest[place].at):
                newest[place] = one
        judged = [self._judge(newest[place], self.all()) for place in sorted(newest)]
        return [key for key in judged if key is not None]

    def lend(self, circuit: Circuit, launch: str) -> bool:
        """The launch wants to be the circuit's probe; False if another one is faster."""
        now = self._clock.now()
        when = CircuitIs(state=circuit.state, opened_at=circuit.opened_at, probed_at=circuit.probed_at)
        change = CircuitChange(
            state=CircuitState.HALF_OPEN, probe=launch, probed_at=now, changed_at=now, reason="one launch tries"
        )
        try:
            self._circuits.update(circuit.key, when, change)
        except (Conflict, NotFound):
            return False
        self._record.circuit(circuit.key, "half_open", f"its cool-down is over, so launch {launch} tries it")
        return True

    def settle(self, circuits: Iterable[Circuit]) -> list[Circuit]:
        """Look at the probes of those that are half open; the circuits that were closed because theirs did well."""
        return [one for one in circuits if one.state is CircuitState.HALF_OPEN and self._settled(one)]

    def open(self, zone: str, instance_type: str, reason: str, span: Span | None = None) -> Circuit:
        """An operator opens a circuit, for a while or for the policy's cool-down; the circuit as it then is.

        Raises:
            Unavailable: its record did not keep still. Nothing was done.
        """
        now = self._clock.now()
        until = now + (self._policy.cool_down if span is None else span)
        fresh = Circuit(
            zone,
            instance_type,
            CircuitState.OPEN,
            now,
            openings=1,
            until=until,
            manual=True,
            changed_at=now,
            reason=reason,
        )
        for _ in range(_ATTEMPTS):
            if self._circuits.add(fresh):
                break
            known = self._circuits.get(fresh.key) or fresh
            # Half open and closed alike may open; one that is open gets the operator's end.
            when = CircuitIs(state=known.state, opened_at=known.opened_at)
            change = CircuitChange(
                state=CircuitState.OPEN,
                opened_at=now,
                openings=max(1, known.openings),
                until=until,
                probe=None,
                manual=True,
                changed_at=now,
                reason=reason,
            )
            try:
                fresh = self._circuits.update(fresh.key, when, change)
                break
            except Conflict:
                continue
        else:
            raise _restless(fresh.key)
        length = span_text(until - now)
        self._record.circuit(fresh.key, "opened", f"an operator opened it for {length}: {reason or 'no reason given'}")
        return fresh

    def close(self, zone: str, instance_type: str, reason: str) -> Circuit | None:
        """An operator closes a circuit, and its offer is no longer avoided; None if it was not open nor avoided.

        Raises:
            Unavailable: its record did not keep still. Nothing was done.
        """
        key = circuit_key(zone, instance_type)
        for _ in range(_ATTEMPTS):
            circuit = self._circuits.get(key)
            if circuit is None or (
                circuit.state is CircuitState.CLOSED and self._clock.now() >= circuit.wary_until(self._policy)
            ):
                return None
            closed = self._close(circuit, f"an operator closed it: {reason or 'no reason given'}", trusted=True)
            if closed is not None:
                return closed
        raise _restless(key)

    def _since(self, moment: Moment, until: Moment) -> list[Interruption]:
        """Those of the hours from the moment on; what is told now lies ahead by the cloud's notice at most."""
        last = max(self._clock.now(), until) + NOTICE
        hours = range(moment // HOUR, last // HOUR + 1)
        return [one for hour in hours for one in self._in_hour(hour * HOUR)]

    def _in_hour(self, moment: Moment) -> Iterable[Interruption]:
        return pages(lambda cursor: self._interruptions.page("hour", hour_of(moment), cursor=cursor))

    def _open(self, found: Opening) -> bool:
        """Open the circuit, unless it is; True if that was done."""
        now = self._clock.now()
        until = now + self._policy.cools(1)
        fresh = Circuit(
            found.zone,
            found.instance_type,
            CircuitState.OPEN,
            now,
            openings=1,
            until=until,
            changed_at=now,
            reason=found.reason,
        )
        for _ in range(_ATTEMPTS):
            if self._circuits.add(fresh):
                break
            known = self._circuits.get(fresh.key)
            if known is None or known.state is CircuitState.OPEN:
                return False
            when = CircuitIs(state=known.state, openings=known.openings, probed_at=known.probed_at)
            change = CircuitChange(
                state=CircuitState.OPEN,
                opened_at=now,
                openings=known.openings + 1,
                until=now + self._policy.cools(known.openings + 1),
                probe=None,
                manual=False,
                changed_at=now,
                reason=found.reason,
            )
            try:
                fresh = self._circuits.update(fresh.key, when, change)
                break
            except Conflict:
                continue
        else:
            return False
        length = span_text(max(0, (fresh.until or now) - now))
        self._record.circuit(fresh.key, "opened", f"{found.reason}: no spot machines of it for {length}")
        return True

    def _cover(self, zone: str, circuits: Iterable[Circuit]) -> None:
        """The zone's own circuit is open: what the same storm opened for single types says nothing of its own."""
        since = self._clock.now() - self._policy.window
        for one in circuits:
            by_itself = not one.manual and one.opened_at is not None and one.opened_at > since
            if one.zone == zone and one.instance_type != ANY and one.state is CircuitState.OPEN and by_itself:
                self._close(one, "the whole zone's circuit is open instead")

    def _close(self, circuit: Circuit, reason: str, *, trusted: bool = False) -> Circuit | None:
        when = CircuitIs(state=circuit.state, opened_at=circuit.opened_at, probed_at=circuit.probed_at)
        change = CircuitChange(
            state=CircuitState.CLOSED,
            opened_at=None,
            openings=0,
            until=None,
            probe=None,
            probed_at=None,
            manual=False,
            changed_at=self._clock.now(),
            reason=reason,
        )
        if trusted:
            change["avoided_until"] = change["avoidances"] = 0
        try:
            closed = self._circuits.update(circuit.key, when, change)
        except (Conflict, NotFound):
            return None
        self._record.circuit(circuit.key, "closed", reason)
        return closed

    def _settled(self, circuit: Circuit) -> bool:
        launch = None if circuit.probe is None else self._launches.get(circuit.probe)
        runners = [self._runners.get(machine) for machine in (() if launch is None else launch.machines or ())]
        done = next((one for one in runners if one is not None and self._did_well(one)), None)
        if done is None:
            return False
        how = "served its job" if done.result is OperationalResult.SERVED else "is not taken back"
        return self._close(circuit, f"its probe {done.machine} {how}") is not None

    def _did_well(self, runner: Runner) -> bool:
        if runner.interrupted_at is not None:
            return False
        lived = self._clock.now() - runner.launched_at
        return runner.result is OperationalResult.SERVED or (runner.gone_at is None and lived >= self._policy.window)


def _restless(key: str) -> Unavailable:
    return Unavailable(f"the record of circuit {key} does not keep still")
