"""Whether the runner that machines get is young enough for GitHub."""

from collections.abc import Sequence
from typing import Final

import attrs

from paddock.core.health.finding import Finding, failure, fine, warning
from paddock.core.units import DAY, Moment, Span

RUNNER: Final = "runner version"
REFUSED_AFTER: Final[Span] = 30 * DAY
"""GitHub queues no job to a runner that was not updated within thirty days of a newer release."""


@attrs.frozen
class Release:
    """A release of the runner: its number, such as 2.336.0, and when it came out."""

    version: str
    published: Moment


def newest(releases: Sequence[Release]) -> Release:
    """The one of the highest number.

    Raises:
        ValueError: there is none.
    """
    return max(releases, key=lambda one: _parts(one.version))


def judge_runner(installed: str, releases: Sequence[Release], now: Moment, fix: str) -> Finding:
    """How far the fleet is behind. GitHub's clock runs from the first release that is newer than what machines get.

    Args:
        installed: the version that machines get now.
        releases: the newest ones, at least one, in any order. If `installed` is older than all, the clock runs for
            longer than they tell.
        now: the time.
        fix: how the fleet gets the newest one.
    """
    newer = [one for one in releases if _parts(one.version) > _parts(installed)]
    if not newer:
        return fine(RUNNER, f"machines get {installed}, the newest there is")
    first, last = min(newer, key=lambda one: one.published), newest(newer)
    since = now - first.published
    said = f"machines get {installed}; {first.version} is out for {since // DAY} days"
    if first is not last:
        said += f", and {last.version} is the newest"
    if since >= REFUSED_AFTER:
        return failure(RUNNER, f"{said}; GitHub refuses runners that are thirty days behind", fix)
    return warning(RUNNER, f"{said}; GitHub will refuse it thirty days after the first newer one", fix)


def _parts(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdecimal())
