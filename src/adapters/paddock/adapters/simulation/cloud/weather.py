"""When capacity is lacking: dry spells, and the waves in which spot machines are taken back while they last.

::

    ───────────────┬──────────────────────────┬──────────────────────────────┬─────
    usual capacity │ scarce                   │ usual capacity               │ scarce
                   └ wave     └ wave  └ wave                                 └ wave

A weather hangs on its own stream of chance and on time alone, never on what anybody launches: policies that are
compared meet the same spells.
"""

from bisect import bisect_right

from paddock.adapters.simulation.cloud.draws import Stream, exponential
from paddock.adapters.simulation.cloud.parameters import Episodes
from paddock.core.units import MINUTE, Moment, Span

FOREVER: Moment = 1 << 62


class Weather:
    """The spells of a pool, of a type or of a zone: the one from ``begins`` to ``ends`` is on, or is the next."""

    __slots__ = ("_mean", "_stream", "begins", "ends", "episodes", "waves")

    def __init__(self, episodes: Episodes, stream: Stream, origin: Moment) -> None:
        """Args: how often and how; its own chance; the moment from which on there may be spells."""
        self.episodes = episodes
        self._stream = stream
        self._mean = episodes.every * 100 // episodes.moods[stream.below(len(episodes.moods))]
        self.begins = self.ends = origin
        self.waves: tuple[Moment, ...] = ()
        self._next(origin)

    def roll(self, now: Moment) -> None:
        """Go on to the spell that is on at `now`, or is the next."""
        while self.ends <= now:
            self._next(self.ends)

    def dry(self, now: Moment) -> bool:
        """True if there is a spell at `now`, to which it was rolled."""
        return self.begins <= now < self.ends

    def wave_after(self, now: Moment) -> Moment:
        """The next wave after `now`, or the spell's end if it has no more: then look again. FOREVER: none comes."""
        self.roll(now)
        at = bisect_right(self.waves, now)
        return self.waves[at] if at < len(self.waves) else self.ends

    def force(self, now: Moment, lasts: Span) -> None:
        """Let a spell begin now, whatever was to come."""
        self.roll(now)
        self._spell(now, lasts)

    def _next(self, after: Moment) -> None:
        if self._mean == 0:
            self.begins = self.ends = FOREVER
            self.waves = ()
            return
        begins = after + exponential(self._stream, self._mean)
        self._spell(begins, max(MINUTE, self.episodes.lasts.draw(self._stream)))

    def _spell(self, begins: Moment, lasts: Span) -> None:
        self.begins, self.ends = begins, begins + lasts
        waves = [begins]
        if self.episodes.again:
            while (wave := waves[-1] + max(1, exponential(self._stream, self.episodes.again))) < self.ends:
                waves.append(wave)
        self.waves = tuple(waves)
