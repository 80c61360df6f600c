"""What a pool's machines are, where record, cloud and clock disagree: a pure function of what was seen.

Records are flipped before the cloud is asked, so whoever dies in between leaves a record that is ahead; and somebody
may stop or start a machine by hand. Levels heal both: what is seen for long enough is believed.
"""

from collections.abc import Iterable, Mapping
from typing import TypeAlias

import attrs

from paddock.core.pools.naps import BELIEVED
from paddock.core.pools.plan import Member
from paddock.core.pools.pool import Stock
from paddock.core.ports.machines import Machine, MachineState
from paddock.core.runner import Runner
from paddock.core.settings import Deadlines
from paddock.core.spec import Market
from paddock.core.states import RunnerState
from paddock.core.units import Moment, span_text

_UP = frozenset({MachineState.PENDING, MachineState.RUNNING})
_AGREES: Mapping[RunnerState, frozenset[MachineState]] = {
    RunnerState.BOOTING: _UP,
    RunnerState.READY: _UP,
    RunnerState.STOPPING: frozenset({MachineState.RUNNING, MachineState.STOPPING, MachineState.STOPPED}),
    RunnerState.STOPPED: frozenset({MachineState.STOPPED}),
}
"""What the cloud may say of a spare in each state of its record."""


@attrs.frozen
class Note:
    """Its record is to be brought to this state: the cloud says so."""

    machine: str
    state: RunnerState
    reason: str


@attrs.frozen
class StopAgain:
    """The cloud was not told to stop it, or did not."""

    machine: str
    reason: str


@attrs.frozen
class EndBroken:
    """It will never be of use."""

    machine: str
    reason: str


Mending: TypeAlias = Note | StopAgain | EndBroken


def mend(
    spares: Iterable[Runner], machines: Mapping[str, Machine], now: Moment, deadlines: Deadlines
) -> tuple[Mending, ...]:
    """What is to be mended about the spares, in their order. `machines` is what the cloud tells of them."""
    found = (_mended(runner, machines.get(runner.machine), now, deadlines) for runner in spares)
    return tuple(one for one in found if one is not None)


def _mended(runner: Runner, machine: Machine | None, now: Moment, deadlines: Deadlines) -> Mending | None:
    if machine is None or not machine.alive:
        return None  # the sweep closes its record
    state, name, seen = runner.state, runner.machine, machine.state
    long = now - (runner.since or runner.launched_at)
    if state is RunnerState.STOPPING and seen is MachineState.STOPPED:
        return Note(name, RunnerState.STOPPED, "it sleeps")
    if state is RunnerState.BOOTING and long > deadlines.orphan and seen is not MachineState.STOPPED:
        return EndBroken(name, f"it boots for {span_text(long)}, and its agent has not said that it is up")
    if state is RunnerState.READY and seen in _UP:
        silence = now - runner.heard_at
        return EndBroken(name, f"its agent is silent for {span_text(silence)}") if silence > deadlines.silence else None
    if long <= BELIEVED or seen in _AGREES.get(state, frozenset()) - {MachineState.RUNNING}:
        return None
    return _disagreed(runner, seen)


def _disagreed(runner: Runner, seen: MachineState) -> Mending | None:
    """Record and cloud have said different things for longer than anybody takes to do both."""
    name, says = runner.machine, f"the cloud says that it is {seen}, and its record {runner.state}"
    match runner.state:
        case RunnerState.STOPPING if seen is MachineState.RUNNING:
            return StopAgain(name, "it was to be stopped, and runs")
        case RunnerState.STOPPING if seen is MachineState.PENDING:
            return Note(name, RunnerState.BOOTING, says)
        case RunnerState.STOPPED if seen in _UP:
            return Note(name, RunnerState.BOOTING, says)
        case RunnerState.READY if seen in {MachineState.STOPPING, MachineState.STOPPED}:
            return Note(name, RunnerState.STOPPING, says)
        case RunnerState.BOOTING if seen is MachineState.STOPPED:
            return Note(name, RunnerState.STOPPED, says)
        case _:
            return None


def member_of(runner: Runner, machine: Machine | None) -> Member:
    """The machine of a pool as its plan sees it."""
    alive = machine is not None and machine.alive
    agrees = machine is not None and machine.state in _AGREES.get(runner.state, frozenset())
    return Member(
        id=runner.machine,
        state=runner.state if machine is None or alive else RunnerState.DRAINING,
        since=runner.since or runner.ready_at or runner.launched_at,
        launched_at=runner.launched_at,
        stock=runner.stock or Stock.HOT,
        assigned=not runner.spare,
        market=runner.market,
        digest=runner.digest,
        complete=agrees and runner.market is Market.ON_DEMAND,
    )
