"""How EC2 takes spot machines back: one alone, or many at once in the waves of a spell; with its warnings, or without.

::

    EC2 made up its mind                           warning              taken
       │── lead (of a wave: one for all), its spread ──│──── two minutes ───│
       ├ "rebalance", maybe            or here, maybe ─┤                    │
       └──────────────── and now and then there is no word at all ──────────┘
"""

from collections.abc import Callable
from functools import partial

from paddock.adapters.simulation.cloud.draws import Stream, exponential, happens
from paddock.adapters.simulation.cloud.lives import Instance
from paddock.adapters.simulation.cloud.parameters import CloudParameters
from paddock.adapters.simulation.cloud.pools import Pool
from paddock.adapters.simulation.cloud.weather import FOREVER, Weather
from paddock.adapters.simulation.protocols import CloudListener
from paddock.adapters.simulation.timeline import Act, Handle, Timeline
from paddock.core.messages import WarningKind
from paddock.core.units import Moment, Span


class _Watch:
    """The spot machines under a weather, by number, and the next look at it (only while there are any)."""

    __slots__ = ("handle", "machines", "weather")

    def __init__(self, weather: Weather) -> None:
        self.weather = weather
        self.machines: dict[int, Instance] = {}
        self.handle: Handle | None = None


class Reclaims:
    """Everything that takes spot machines back."""

    def __init__(
        self,
        parameters: CloudParameters,
        *,
        timeline: Timeline,
        stream: Stream,
        listener: CloudListener,
        end: Callable[[Instance], None],
    ) -> None:
        """Args: how often and how; virtual time; its chance; who is warned; what ends a machine as EC2's own act."""
        self._mean = parameters.reclaim_every
        self._notices = parameters.notices
        self._timeline = timeline
        self._stream = stream
        self._listener = listener
        self._end = end
        self._watches: dict[Weather, _Watch] = {}
        self._by_pool: dict[Pool, tuple[_Watch, ...]] = {}

    def launched(self, instance: Instance) -> None:
        """A spot machine that may be taken back from now on."""
        now = self._timeline.now()
        for watch in self._over(instance.pool):
            watch.machines[instance.number] = instance
            if watch.handle is None:
                self._look_later(watch, now)
        if self._mean:
            instance.taking = self._timeline.at(
                now + exponential(self._stream, self._mean), partial(self._alone, instance)
            )

    def ended(self, instance: Instance) -> None:
        """It has ended: nothing more is done to it."""
        for watch in self._over(instance.pool):
            watch.machines.pop(instance.number, None)
            if not watch.machines and watch.handle is not None:
                watch.handle.cancel()
                watch.handle = None
        if instance.taking is not None:
            instance.taking.cancel()
            instance.taking = None

    def take(self, instance: Instance, *, warning: bool) -> None:
        """Begin to take the machine back, unless it is warned already: warn of it now, or end it without a word."""
        if instance.warned_at is None:
            act = partial(self._warn, instance, rebalance=False) if warning else partial(self._end, instance)
            self._set_out(instance, act, 0)

    def storm(self, weather: Weather) -> None:
        """The weather has just been changed by hand: look at it now."""
        watch = self._watch(weather)
        if watch.handle is not None:
            watch.handle.cancel()
        self._look(watch, wave=True)

    def _over(self, pool: Pool) -> tuple[_Watch, ...]:
        watches = self._by_pool.get(pool)
        if watches is None:
            watches = self._by_pool[pool] = tuple(self._watch(weather) for weather in pool.weathers)
        return watches

    def _watch(self, weather: Weather) -> _Watch:
        watch = self._watches.get(weather)
        if watch is None:
            watch = self._watches[weather] = _Watch(weather)
        return watch

    def _look_later(self, watch: _Watch, now: Moment) -> None:
        moment = watch.weather.wave_after(now)
        watch.handle = (
            None
            if moment == FOREVER
            else self._timeline.at(moment, partial(self._look, watch, wave=moment < watch.weather.ends))
        )

    def _look(self, watch: _Watch, *, wave: bool) -> None:
        """A wave, or the end of a spell's waves. The next look is due as long as there are machines to look at."""
        watch.handle = None
        if wave:
            self._wave(watch)
        if watch.machines and watch.handle is None:
            self._look_later(watch, self._timeline.now())

    def _wave(self, watch: _Watch) -> None:
        lead = self._notices.lead.draw(self._stream)
        share = watch.weather.episodes.share
        for instance in list(watch.machines.values()):
            # Whoever is warned may end machines at once, its own and others.
            if not instance.taken and instance.ended_at is None and happens(self._stream, share):
                self._announce(instance, lead + self._stream.below(self._notices.spread + 1))

    def _alone(self, instance: Instance) -> None:
        self._announce(instance, self._notices.lead.draw(self._stream))

    def _announce(self, instance: Instance, wait: Span) -> None:
        """EC2 has made up its mind, and warns after `wait`; a recommendation to rebalance may say so before."""
        notices = self._notices
        if happens(self._stream, notices.missing):
            self._set_out(instance, partial(self._end, instance), wait + notices.ahead)
            return
        at = self._stream.below(1_000) - notices.rebalance
        self._set_out(instance, partial(self._warn, instance, rebalance=0 <= at < notices.with_warning), wait)
        if at < 0:
            self._listener.warned(instance.machine, WarningKind.REBALANCE, self._timeline.now())

    def _set_out(self, instance: Instance, act: Act, wait: Span) -> None:
        """Let this be the next step of its being taken, in place of any that was to come."""
        instance.taken = True
        if instance.taking is not None:
            instance.taking.cancel()
        if wait:
            instance.taking = self._timeline.at(self._timeline.now() + wait, act)
        else:
            act()

    def _warn(self, instance: Instance, *, rebalance: bool) -> None:
        now = self._timeline.now()
        at = now + self._notices.ahead
        instance.warned_at = now
        instance.taking = self._timeline.at(at, partial(self._end, instance))
        if rebalance:
            self._listener.warned(instance.machine, WarningKind.REBALANCE, now)
        if instance.ended_at is None:
            self._listener.warned(instance.machine, WarningKind.SPOT, at)
