"""Machines that sleep. Meanwhile their pools and the quota have room for others, and may have none when they wake."""

from collections.abc import Callable, MutableMapping, Sequence
from functools import partial

from paddock.adapters.memory.sleep import STARTS, refuse_stops
from paddock.adapters.simulation.cloud.allocation import Code
from paddock.adapters.simulation.cloud.draws import Stream
from paddock.adapters.simulation.cloud.lives import Instance
from paddock.adapters.simulation.cloud.parameters import CloudParameters
from paddock.adapters.simulation.cloud.pools import Pool
from paddock.adapters.simulation.protocols import CloudListener
from paddock.adapters.simulation.timeline import Timeline
from paddock.core.ports.machines import MachineState, StartOutcome, StartResult
from paddock.core.spec import Market


class Sleep:
    """Stops and starts machines, and keeps count of what those that are awake take of pools and quotas."""

    def __init__(
        self,
        parameters: CloudParameters,
        *,
        timeline: Timeline,
        stream: Stream,
        listener: CloudListener,
        vcpu: MutableMapping[Market, int],
        runs: Callable[[Instance], None],
    ) -> None:
        """Args: what starts are like; virtual time; its chance; who is told; what is awake; what makes one run."""
        self._parameters = parameters
        self._timeline = timeline
        self._stream = stream
        self._listener = listener
        self._quota = dict(parameters.quota)
        self._vcpu = vcpu
        self._runs = runs

    def hold(self, pool: Pool) -> None:
        """One more machine of the pool is awake."""
        pool.used += 1
        self._vcpu[pool.market] += pool.kind.vcpu

    def free(self, pool: Pool) -> None:
        """One less is."""
        pool.used -= 1
        self._vcpu[pool.market] -= pool.kind.vcpu

    def stop(self, instances: Sequence[Instance]) -> None:
        """Tell them to stop. Raises Rejected or Unavailable as the port does."""
        states = [(instance, instance.as_seen().state) for instance in instances]
        awake = [(one, state) for one, state in states if state in {MachineState.PENDING, MachineState.RUNNING}]
        own = [(one, state) for one, state in awake if one.pool.market is not Market.SPOT]
        for instance, state in own:
            if state is MachineState.RUNNING:
                self._lie_down(instance)
                self._listener.stopping(instance.machine)
        refuse_stops(
            [one.machine.id for one, _ in awake if one.pool.market is Market.SPOT],
            [one.machine.id for one, state in own if state is MachineState.PENDING],
        )

    def start(self, instance: Instance | None) -> StartOutcome:
        """Wake it, if it is stopped and there is room."""
        state = MachineState.TERMINATED if instance is None else instance.as_seen().state
        if instance is None or state is not MachineState.STOPPED:
            return StartOutcome(STARTS[state])
        pool, now = instance.pool, self._timeline.now()
        if now >= pool.until:
            pool.look(now)
        quota = self._quota.get(pool.market)
        if quota is not None and self._vcpu[pool.market] + pool.kind.vcpu > quota:
            return StartOutcome(StartResult.NO_CAPACITY, Code.QUOTA.value)
        if not pool.free:
            return StartOutcome(StartResult.NO_CAPACITY, Code.CAPACITY.value)
        self.hold(pool)
        instance.wakes(now)
        instance.stopped, instance.running = False, None
        self._boot(instance)
        return StartOutcome(StartResult.STARTING)

    def _boot(self, instance: Instance) -> None:
        """As a launch boots; but one that fails falls back to sleep."""
        times, stream, parameters = self._parameters.stopped, self._stream, self._parameters
        pending = times.call.draw(stream) + times.pending.draw(stream)
        boot = times.boot.draw(stream)
        fate = stream.below(1_000) - parameters.failed_starts
        instance.boot = None if 0 <= fate < parameters.dead_boots else boot
        step = partial(self._lie_down if fate < 0 else self._runs, instance)
        instance.next = self._timeline.at(self._timeline.now() + pending, step)

    def _lie_down(self, instance: Instance) -> None:
        now = self._timeline.now()
        if instance.next is not None:
            instance.next.cancel()
        self.free(instance.pool)
        began = instance.started_at
        instance.sleeps(instance.machine.launched_at if began is None else began, now)
        halted = now + self._parameters.halt.draw(self._stream)
        instance.next = self._timeline.at(halted, partial(self._sleeps, instance))

    def _sleeps(self, instance: Instance) -> None:
        instance.next, instance.stopped = None, True
