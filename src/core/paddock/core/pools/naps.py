"""How a machine's sleeps stand on its record: what each turn of a pool's machine changes. Pure.

::

    ready ──noted(stopping)──> stopping ──noted(stopped)──> stopped ──woken──> booting ──(its agent speaks)──> ready
             a nap begins                                      ^                  │      the nap ends
                                                               └──asleep_again────┘
                                                                it never woke: the nap goes on
"""

from typing import Final

import attrs

from paddock.core.ports.machines import Machine
from paddock.core.runner import Nap, Runner, RunnerChange
from paddock.core.states import RunnerState
from paddock.core.units import MINUTE, Moment, Span

BELIEVED: Final[Span] = 2 * MINUTE
"""For so long may record and cloud disagree: somebody may be between the one and the other."""


def woken(runner: Runner, now: Moment) -> RunnerChange:
    """What becomes of the record of one that sleeps and is started now."""
    nap = attrs.evolve(runner.naps[-1], woken_at=now) if runner.naps else None
    naps = runner.naps if nap is None else (*runner.naps[:-1], nap)
    return RunnerChange(state=RunnerState.BOOTING, since=now, naps=naps)


def asleep_again(runner: Runner, now: Moment) -> RunnerChange:
    """What becomes of the record of one that could not be started: it never woke."""
    nap = attrs.evolve(runner.naps[-1], woken_at=None, up_at=None) if runner.naps else None
    naps = runner.naps if nap is None else (*runner.naps[:-1], nap)
    return RunnerChange(state=RunnerState.STOPPED, since=now, naps=naps)


def waking(runner: Runner) -> bool:
    """True if it slept when it was claimed, and nothing was heard of it since."""
    nap = runner.naps[-1] if runner.naps else None
    return runner.state is RunnerState.BOOTING and nap is not None and nap.woken_at is not None and nap.up_at is None


def noted(runner: Runner, state: RunnerState, now: Moment, machine: Machine | None = None) -> RunnerChange:
    """What becomes of the record of a spare that is in this state now, with its nap begun or ended.

    `machine` is what the cloud tells of it: one that runs is as old as its last start. One that sleeps, and never came
    up since it was told to start, slept on: nothing was billed meanwhile.
    """
    if state is RunnerState.BOOTING:
        slept = runner.naps[-1].stopped_at if runner.naps else now
        return woken(runner, machine.launched_at if machine is not None and slept < machine.launched_at < now else now)
    if state is RunnerState.STOPPED and waking(runner):
        return asleep_again(runner, now)
    change = RunnerChange(state=state, since=now)
    open_nap = bool(runner.naps) and runner.naps[-1].woken_at is None
    if state is RunnerState.STOPPING or (state is RunnerState.STOPPED and not open_nap):
        change["naps"] = (*runner.naps, Nap(now))
    return change
