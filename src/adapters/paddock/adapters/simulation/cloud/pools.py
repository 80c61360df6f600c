"""What EC2 sells machines from: one pool per zone, type and market, whose capacity and price move in time."""

from paddock.adapters.simulation.cloud.draws import Stream, exponential
from paddock.adapters.simulation.cloud.parameters import CloudParameters, Episodes, Supply
from paddock.adapters.simulation.cloud.weather import Weather
from paddock.core.catalogue import InstanceType, fitting
from paddock.core.spec import Market, Offer, RunnerSpec
from paddock.core.units import MicroDollars, Moment, Span

_DEAR: MicroDollars = 40_000_000  # an hour of a machine that is dearer than any of the catalogue


class Pool:
    """One pool. After a `look`, ``capacity`` machines may be in use at once, at ``price`` per hour for a new one.

    ``pull`` is how much the price speaks for it; all three hold ``until`` then. ``used`` counts the machines that live.
    """

    __slots__ = (
        *("_full", "_level", "_ratio", "_step", "_stream", "_supply", "capacity", "kind", "market", "offer", "price"),
        *("pull", "until", "used", "weathers"),
    )

    def __init__(
        self,
        offer: Offer,
        kind: InstanceType,
        market: Market,
        supply: Supply,
        *,
        weathers: tuple[Weather, ...],
        stream: Stream,
        origin: Moment,
    ) -> None:
        """Args: what it sells and how; the weathers it is under; its own chance; the moment from which on it moves."""
        self.offer, self.kind, self.market, self.weathers = offer, kind, market, weathers
        self._supply, self._stream = supply, stream
        self._full = supply.vcpu.draw(stream) // kind.vcpu
        least, most = supply.price
        self._ratio = least + stream.below(most - least + 1)
        self._level = 1_000
        self._step = origin
        self.until = origin
        self.capacity = self.used = self.pull = 0
        self.price: MicroDollars = 0

    def look(self, now: Moment) -> None:
        """Bring capacity and price up to `now`."""
        while self._step <= now:
            self._move()
        scarce, until = 1_000, self._step
        for weather in self.weathers:
            weather.roll(now)
            if weather.dry(now):
                scarce = min(scarce, weather.episodes.scarce)
                until = min(until, weather.ends)
            else:
                until = min(until, weather.begins)
        self.capacity = self._full * self._level * scarce // 1_000_000
        self.price = self.kind.on_demand * self._ratio // 1_000
        self.pull = (_DEAR // max(1, self.price)) ** 4 + 1
        self.until = until

    @property
    def free(self) -> int:
        """How many more can be had, at the moment of the last look."""
        return max(0, self.capacity - self.used)

    def _move(self) -> None:
        """The next step of capacity and price."""
        supply, stream = self._supply, self._stream
        self._step += max(1, exponential(stream, supply.every))
        self._level = supply.least + stream.below(1_001 - supply.least)
        if supply.drift:
            least, most = supply.price
            moved = self._ratio + stream.below(2 * supply.drift + 1) - supply.drift
            self._ratio = min(max(moved, least), most)


class Pools:
    """A region's pools, made when they are first asked for: each is the same, whenever that is."""

    def __init__(self, parameters: CloudParameters, stream: Stream, origin: Moment) -> None:
        """Args: what they are like; the chance that all of theirs hangs on; since when there are any."""
        self._parameters = parameters
        self._stream = stream
        self._origin = origin
        self._pools: dict[tuple[Offer, Market], Pool] = {}
        self._weathers: dict[str, Weather] = {}
        self._offers: dict[RunnerSpec, tuple[tuple[Offer, InstanceType], ...]] = {}
        self._fitting: dict[tuple[RunnerSpec, Market], tuple[Pool, ...]] = {}

    def offers(self, spec: RunnerSpec) -> tuple[tuple[Offer, InstanceType], ...]:
        """Whatever fits the spec, in the order of zones and types."""
        found = self._offers.get(spec)
        if found is None:
            kinds = {kind.name: kind for kind in fitting(spec, self._parameters.types)}
            offers = sorted(Offer(zone, name) for name in kinds for zone in self._parameters.zones)
            found = self._offers[spec] = tuple((offer, kinds[offer.instance_type]) for offer in offers)
        return found

    def fitting(self, spec: RunnerSpec, market: Market) -> tuple[Pool, ...]:
        """The pools of the market that fit the spec, in the order of their offers."""
        key = (spec, market)
        found = self._fitting.get(key)
        if found is None:
            found = self._fitting[key] = tuple(self._pool(offer, kind, market) for offer, kind in self.offers(spec))
        return found

    def weather(self, *, zone: str | None, instance_type: str | None) -> Weather:
        """The spot weather of a zone, of a type, or of one pool if both are named."""
        if zone is None and instance_type is None:
            raise ValueError("a weather has a zone, an instance type, or both")
        if zone is None:
            return self._weather(f"type/{instance_type}", self._parameters.type_spells)
        if instance_type is None:
            return self._weather(f"zone/{zone}", self._parameters.zone_spells)
        return self._weather(f"pool/{zone}/{instance_type}", self._parameters.pool_spells)

    def storm(self, now: Moment, lasts: Span, *, zone: str | None, instance_type: str | None) -> Weather:
        """Let a spell begin now, on a spot weather chosen as in `weather`, which is returned."""
        weather = self.weather(zone=zone, instance_type=instance_type)
        weather.force(now, lasts)
        for pool in self._pools.values():
            pool.until = 0  # whatever was seen is void
        return weather

    def _weather(self, name: str, episodes: Episodes) -> Weather:
        weather = self._weathers.get(name)
        if weather is None:
            weather = self._weathers[name] = Weather(episodes, self._stream.child(f"weather/{name}"), self._origin)
        return weather

    def _pool(self, offer: Offer, kind: InstanceType, market: Market) -> Pool:
        pool = self._pools.get((offer, market))
        if pool is not None:
            return pool
        zone, name = offer.zone, offer.instance_type
        weathers: tuple[Weather, ...]
        if market is Market.SPOT:
            supply = self._parameters.spot
            weathers = (
                self.weather(zone=zone, instance_type=name),
                self.weather(zone=None, instance_type=name),
                self.weather(zone=zone, instance_type=None),
            )
        else:
            supply = self._parameters.on_demand
            weathers = (self._weather(f"on-demand/{zone}/{name}", self._parameters.on_demand_spells),)
        stream = self._stream.child(f"pool/{market}/{zone}/{name}")
        pool = Pool(offer, kind, market, supply, weathers=weathers, stream=stream, origin=self._origin)
        self._pools[offer, market] = pool
        return pool
