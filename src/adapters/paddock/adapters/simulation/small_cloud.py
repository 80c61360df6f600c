"""The small cloud: `MemoryMachines` in virtual time. Capacity is as scripted, nothing is reclaimed unless told.

For stories that are not about the cloud: it boots machines after some seconds, keeps their log and makes their bill.
"""

from collections.abc import Mapping, Sequence

from paddock.adapters.memory.machines import MemoryMachines, Shortage
from paddock.adapters.simulation.draws import Draw, between
from paddock.adapters.simulation.outcome import Calls
from paddock.adapters.simulation.protocols import Charge, CloudListener, Ending, Life
from paddock.adapters.simulation.timeline import Timeline
from paddock.core.costs.bill import EC2_MINIMUM
from paddock.core.costs.ledger import Rates
from paddock.core.messages import WarningKind
from paddock.core.ports.machines import LaunchOutcome, LaunchRequest, Machine, MachineState, StartOutcome
from paddock.core.ports.records import Page
from paddock.core.ports.system import Chance, Ids
from paddock.core.spec import Market, Offer, RunnerSpec
from paddock.core.units import HOUR, MINUTE, SECOND, Span

_MONTH: Span = 730 * HOUR
# EC2's codes of the reason for a state.
CODES = {
    Ending.FLEET: "Client.UserInitiatedShutdown",
    Ending.ITSELF: "Client.InstanceInitiatedShutdown",
    Ending.SPOT: "Server.SpotInstanceTermination",
    Ending.HARDWARE: "Server.InternalError",
}
NOTICE: Span = 2 * MINUTE  # [AWS] the spot notice comes two minutes ahead


class SmallCloud:
    """A region that gives what is asked for. ``region`` is the memory adapter below, whose shortages may be scripted.

    ``launches`` are the requests that started machines; ``dead`` are machines whose system will not come up.
    """

    def __init__(
        self,
        *,
        timeline: Timeline,
        ids: Ids,
        chance: Chance,
        listener: CloudListener,
        start: Draw = between(5 * SECOND, 10 * SECOND),
        boot: Draw = between(5 * SECOND, 12 * SECOND),
        rates: Rates = Rates(),
        zones: Sequence[str] = ("us-east-1a",),
    ) -> None:
        """Args: as `CloudMaker`; `start` is from the launch call to running, `boot` from there to the agent.

        Sources: launch API 1 to 2 s, pending to running 4 to 8 s, boot to agent 5 to 12 s (published boots of EC2).
        """
        self._timeline = timeline
        self._chance = chance
        self._listener = listener
        self._start = start
        self._boot = boot
        self._rates = rates
        longest = start.quantiles[-1][1]
        self.region = MemoryMachines(timeline, ids, boot=longest, page_size=1000, zones=zones)
        self.launches: list[LaunchRequest] = []
        self.dead: set[str] = set()
        self._log: dict[str, Life] = {}
        self._alive: dict[str, None] = {}
        self._calls = 0

    @property
    def shortages(self) -> list[Shortage]:
        """What cannot be had."""
        return self.region.shortages

    # -- the port -----------------------------------------------------------------------------------------------

    def offers(self, spec: RunnerSpec) -> Sequence[Offer]:
        """As the region says."""
        return self.region.offers(spec)

    def launch(self, request: LaunchRequest) -> LaunchOutcome:
        """Start machines."""
        self._calls += 1
        outcome = self.region.launch(request)
        new = [machine for machine in outcome.machines if machine.id not in self._log and machine.alive]
        if new and new[0].launched_at == self._timeline.now():
            self.launches.append(request)
            for machine in new:
                self._begin(machine)
        return outcome

    def describe(self, ids: Sequence[str]) -> Mapping[str, Machine]:
        """As the region says."""
        self._calls += 1
        return self.region.describe(ids)

    def page(self, *, cursor: str | None = None) -> Page[Machine]:
        """As the region says."""
        self._calls += 1
        return self.region.page(cursor=cursor)

    def terminate(self, ids: Sequence[str]) -> None:
        """End machines."""
        self._calls += 1
        for machine in ids:
            self._end(machine, Ending.FLEET)

    def stop(self, ids: Sequence[str]) -> None:
        """Let machines sleep."""
        self._calls += 1
        try:
            self.region.stop(ids)
        finally:
            for machine in self.region.describe(ids).values():
                life = self._log[machine.id]
                if machine.state is MachineState.STOPPING and life.stopping_at is None:
                    now = self._timeline.now()
                    life.sleeps(life.running_at or now, now)
                    self._listener.stopping(life.machine)

    def start(self, ids: Sequence[str]) -> Mapping[str, StartOutcome]:
        """Wake machines."""
        self._calls += 1
        outcomes = self.region.start(ids)
        for machine, outcome in outcomes.items():
            life = self._log[machine] if outcome.started else None
            if life is not None and life.stopping_at is not None:
                life.wakes(self._timeline.now())
                self._come_up(life)
        return outcomes

    # -- the world ----------------------------------------------------------------------------------------------

    @property
    def log(self) -> Mapping[str, Life]:
        """Every machine's life."""
        return self._log

    @property
    def alive(self) -> Sequence[str]:
        """The machines that have not ended, oldest first."""
        return list(self._alive)

    def power_off(self, machine: str) -> None:
        """The machine switches itself off."""
        self._end(machine, Ending.ITSELF)

    def fail(self, machine: str) -> None:
        """Its hardware fails."""
        life = self._log.get(machine)
        if life is not None and life.stopping_at is None:
            self._end(machine, Ending.HARDWARE)

    def reclaim(self, machine: str, *, warning: bool = True) -> None:
        """Take it back."""
        life = self._log.get(machine)
        if life is None or life.ended_at is not None:
            return
        if not warning:
            self._end(machine, Ending.SPOT)
            return
        now = self._timeline.now()
        life.warned_at = now
        self._listener.warned(life.machine, WarningKind.SPOT, now + NOTICE)
        self._timeline.at(now + NOTICE, lambda: self._end(machine, Ending.SPOT))

    def forget(self, machine: str) -> None:
        """Drop its life."""
        life = self._log.get(machine)
        if life is not None and life.ended_at is not None:
            del self._log[machine]

    def charge(self, machine: str) -> Charge:
        """By the second while it runs, at least sixty; the address likewise, and the disk from running to its end."""
        life = self._log[machine]
        ended = self._timeline.now() if life.ended_at is None else life.ended_at
        began = min(ended, ended if life.running_at is None else life.running_at)
        ran = bool(life.runs) or life.running_at is not None
        span = life.awake(began, ended, EC2_MINIMUM if life.running_at is not None else 0) if ran else 0
        kept = max(span, ended - (life.runs[0][0] if life.runs else began)) if ran else 0
        compute = (life.machine.price or 0) * span // HOUR
        free = life.ended_by is Ending.SPOT and span < HOUR and life.machine.market is Market.SPOT
        return Charge(
            compute=0 if free else compute,
            disk=self._rates.disk_per_gib_month * life.machine.disk * kept // _MONTH,
            address=self._rates.ipv4_per_hour * span // HOUR,
            free=compute if free else 0,
        )

    def calls(self) -> Sequence[Calls]:
        """All calls together."""
        return (Calls("ec2", self._calls),)

    def _begin(self, machine: Machine) -> None:
        life = self._log[machine.id] = Life(machine)
        self._alive[machine.id] = None
        self._come_up(life)

    def _come_up(self, life: Life) -> None:
        run = len(life.runs)
        running = self._timeline.now() + self._start(self._chance)
        self._timeline.at(running, lambda: self._running(life, run))

    def _running(self, life: Life, run: int) -> None:
        if life.ended_at is None and len(life.runs) == run:
            life.running_at = self._timeline.now()
            self._timeline.at(life.running_at + self._boot(self._chance), lambda: self._booted(life, run))

    def _booted(self, life: Life, run: int) -> None:
        if life.ended_at is None and len(life.runs) == run and life.machine.id not in self.dead:
            life.booted_at = self._timeline.now()
            self._listener.booted(life.machine)

    def _end(self, machine: str, by: Ending) -> None:
        life = self._log.get(machine)
        if life is None or life.ended_at is not None:
            return
        life.ended_at, life.ended_by = self._timeline.now(), by
        del self._alive[machine]
        self.region.kill(machine, CODES[by])
        self._listener.ended(life.machine, by)
