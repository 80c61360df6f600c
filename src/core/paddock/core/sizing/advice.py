"""What demand says of a pool's targets, beside those that it has: for the task that sets them, and for people. Pure."""

from collections.abc import Sequence

import attrs

from paddock.core.pools.pool import Pool
from paddock.core.pools.schedule import Targets
from paddock.core.sizing.demand import Demand
from paddock.core.sizing.replay import Expected, Waits, expected, present, settled
from paddock.core.sizing.targets import Recommendation, recommend
from paddock.core.units import Moment, Span


@attrs.frozen
class Sizing:
    """``present`` is what holds, ``proposed`` what the demand asks for, ``settled`` what should hold from now on.

    The latter is one of the two: the proposal only if the difference is worth a change. Its evidence says which, and
    why. ``before`` and ``after`` are what the present targets and the proposed ones would have meant for the demand.
    """

    present: Recommendation
    proposed: Recommendation
    settled: Recommendation
    before: Expected
    after: Expected

    @property
    def changes(self) -> bool:
        """True if other targets should hold than do now."""
        return same(self.settled) != same(self.present)


def same(one: Recommendation) -> Recommendation:
    """Without its evidence, to be compared."""
    return attrs.evolve(one, evidence=())


def sizing(pool: Pool, demand: Demand, boot: Span, interval: Span, now: Moment, remarks: Sequence[str] = ()) -> Sizing:
    """What this demand says of the pool. `pool` has the targets that hold.

    Args:
        pool: the pool, whose bounds and limit hold.
        demand: at least a day of it.
        boot: how long its machines take to come up.
        interval: how often its task looks.
        now: the present moment.
        remarks: sentences on the demand, which become evidence.

    Raises:
        InvalidInput: a schedule is in a zone that this system does not know.
    """
    # How long jobs wait in sum is not asked here: only a cold start's length matters, for a spare takes it, too.
    waits = Waits(hot=0, stopped=boot, cold=boot, interval=interval)
    found = recommend(demand, pool, now, waits.ahead)
    proposed = attrs.evolve(found, evidence=(*remarks, *found.evidence))
    return Sizing(
        present=present(pool),
        proposed=proposed,
        settled=settled(proposed, pool, demand, waits),
        before=expected(present(pool), demand, waits),
        after=expected(proposed, demand, waits),
    )


def in_words(one: Recommendation) -> tuple[str, ...]:
    """The targets of each window, and those at other times."""
    windows = one.schedule.windows
    said = [f"{window.describe(one.schedule.zone)}: {targets_text(window.targets)}" for window in windows]
    return (*said, f"{'at other times' if windows else 'at all times'}: {targets_text(one.targets)}")


def targets_text(targets: Targets) -> str:
    """For people: ``1 hot and 4 stopped``."""
    return f"{targets.hot} hot and {targets.stopped} stopped"
