"""Whether the runner that machines get is young enough for GitHub."""

from typing import Final

from paddock.core.health.finding import Finding, failure, fine, warning
from paddock.core.units import DAY, Moment, Span

RUNNER: Final = "runner version"
REFUSED_AFTER: Final[Span] = 30 * DAY
"""GitHub queues no job to a runner that was not updated within thirty days of a newer release."""


def judge_runner(installed: str, latest: str, published: Moment, now: Moment, fix: str) -> Finding:
    """How far the fleet is behind.

    Args:
        installed: the version that machines get now.
        latest: the newest release.
        published: when that came out.
        now: the time.
        fix: how the fleet gets the newest one.
    """
    if _parts(installed) >= _parts(latest):
        return fine(RUNNER, f"machines get {installed}, the newest there is")
    days = (now - published) // DAY
    said = f"machines get {installed}; {latest} is out for {days} days"
    if now - published >= REFUSED_AFTER:
        return failure(RUNNER, f"{said}, and GitHub refuses runners that are thirty days behind", fix)
    return warning(RUNNER, f"{said}; GitHub refuses runners that are thirty days behind", fix)


def _parts(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdecimal())
