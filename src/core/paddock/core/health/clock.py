"""How far this machine's clock is from others'."""

from typing import Final

from paddock.core.health.finding import Finding, failure, fine, warning
from paddock.core.units import MINUTE, SECOND, Moment, Span, span_text

NOTABLE: Final[Span] = 30 * SECOND
TOO_FAR: Final[Span] = MINUTE
"""GitHub refuses an App's word from the future, and ours is dated back by a minute; AWS refuses at five."""

_FIX: Final = "set this machine's clock by the network: `timedatectl set-ntp true`, or start chrony"


def judge_clock(check: str, ours: Moment, theirs: Moment | None, whose: str) -> Finding:
    """Whether two clocks agree. ``Date`` headers are whole seconds, and answers take some of one.

    Args:
        check: its name.
        ours: when the answer came, by this machine's clock.
        theirs: when it was sent, by the other's; None if that was not told.
        whose: the other's name.
    """
    if theirs is None:
        return warning(check, f"{whose} does not tell its time", f"compare this machine's clock by hand: {_FIX}")
    off = abs(ours - theirs)
    way = "ahead of" if ours > theirs else "behind"
    said = f"this machine's clock is {span_text(off)} {way} {whose}'s"
    if off >= TOO_FAR:
        return failure(check, f"{said}: signatures will be refused", _FIX)
    if off >= NOTABLE:
        return warning(check, said, _FIX)
    return fine(check, f"within {span_text(max(SECOND, off))} of {whose}'s")
