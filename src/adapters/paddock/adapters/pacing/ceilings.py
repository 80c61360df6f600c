"""How the limits of EC2 and GitHub are parted: what each process may take by itself, and what all take together.

A process has a few tokens of its own, so that a job alone costs the table no request. The rest stands in the table's
`Pace`. What a process has taken there it must use within `keep`. That the parts never come to more than the whole is
arithmetic:

* at most `processes` live at once, and at most as many new ones begin in a minute;
* a process's own tokens are a `Bucket` that is full when it begins;
* so what is shared is the limit, less the own tokens of all who live and of as many newcomers, less what may have
  been taken up to `keep` earlier and is used only now.
"""

from collections.abc import Mapping

import attrs

from paddock.core.pace import Bucket, Limit, Window
from paddock.core.units import DAY, HOUR, MINUTE, SECOND, Span


@attrs.frozen
class Ceiling:
    """One limit, parted. `block`: so many are taken at once from what is shared, if there are so many."""

    shared: Limit
    own: Bucket
    keep: Span
    block: int = 1


def part_bucket(whole: Bucket, own: Bucket, *, processes: int, keep: Span, block: int = 1) -> Ceiling:
    """Part a bucket.

    Raises:
        ValueError: nothing is left to share.
    """
    # In parts of a millionth of a token per second, rounded against us.
    each = -(-_MILLION * SECOND // own.every) + -(-_MILLION * SECOND * own.capacity // MINUTE)
    rate = _MILLION * SECOND // whole.every - processes * each
    every = -(-_MILLION * SECOND // rate) if rate > 0 else 0
    capacity = whole.capacity - 2 * processes * own.capacity - (-(-keep // every) if every else 0)
    return Ceiling(Bucket(_some(capacity, processes), every), own, keep, block)


def part_window(whole: Window, own: Bucket, *, processes: int, keep: Span, block: int = 1) -> Ceiling:
    """Part a window.

    Raises:
        ValueError: nothing is left to share.
    """
    each = own.capacity + whole.span // own.every + own.capacity * (1 + -(-whole.span // MINUTE))
    most = whole.most - processes * each
    return Ceiling(Window(_some(most, processes), whole.span + keep, whole.slice), own, keep, block)


SCHEDULES = 2
"""So many of the function that goes by the clock run at once: a task is leased, and its next run is a minute away."""
DISPATCHERS = 5 + 1
"""All processes that launch: as many as the stack lets dispatch at once, and the one that has the pools' lease."""
WATCHERS = 5 + 7 + SCHEDULES
"""All that look at machines and end them: those that dispatch, keep the books, hear reports, and go by the clock."""


def ec2_ceilings(*, dispatchers: int = DISPATCHERS, watchers: int = WATCHERS) -> Mapping[str, Ceiling]:
    """EC2's limits, per account and region. Source: "Request throttling for the Amazon EC2 API".

    CreateFleet falls under "other mutating calls" there; that its machines are drawn from RunInstances' bucket is
    assumed. Only `dispatchers` launch; `watchers` are all processes there are. StartInstances has buckets of its own,
    as small as those of RunInstances, and StopInstances is one of the other mutating calls. Of these nobody has tokens
    of his own: there are too few, and only pools ask.
    """
    rare, often, never = Bucket(1, 30 * SECOND), Bucket(2, 30 * SECOND), Bucket(0, DAY)
    return {
        FLEETS: part_bucket(Bucket.refilled(50, 5), rare, processes=dispatchers, keep=3 * SECOND),
        MACHINES: part_bucket(Bucket.refilled(1_000, 2), rare, processes=dispatchers, keep=_KEPT),
        DESCRIBES: part_bucket(
            Bucket.refilled(50, 10), Bucket(1, 5 * SECOND), processes=watchers, keep=2 * SECOND, block=5
        ),
        PAGES: part_bucket(Bucket.refilled(100, 20), often, processes=watchers, keep=SECOND, block=5),
        ENDS: part_bucket(Bucket.refilled(100, 5), often, processes=watchers, keep=SECOND, block=5),
        ENDED: part_bucket(Bucket.refilled(1_000, 20), often, processes=watchers, keep=SECOND, block=5),
        STARTS: part_bucket(Bucket.refilled(5, 2), never, processes=watchers, keep=SECOND),
        STARTED: part_bucket(Bucket.refilled(1_000, 2), never, processes=watchers, keep=SECOND),
        STOPS: part_bucket(Bucket.refilled(50, 5), never, processes=watchers, keep=SECOND),
        STOPPED: part_bucket(Bucket.refilled(1_000, 20), never, processes=watchers, keep=SECOND),
    }


def github_ceilings(
    *, dispatchers: int = DISPATCHERS, registrations: int = 180, runners: int = 1_500
) -> Mapping[str, Ceiling]:
    """GitHub's limits, per installation of the App. Only dispatchers register, or have machines register themselves.

    ``registrations``: just-in-time ones in a minute. 900 points for one endpoint, 5 for each write. Source: "Rate
    limits for the REST API". ``runners``: in five minutes, however they are registered; for each repository or
    organisation, but counted here for all of an owner's. Source: "Limits in GitHub Actions". A machine registers its
    runner a while after it was told to.

    Content, which is what people are told, has limits of its own, 80 requests in a minute and 500 in an hour, and runs
    are cancelled as rarely as anything is written: of these nobody has tokens of his own, for they are rare.
    """
    never = Bucket(0, DAY)
    own = Bucket(1, 30 * SECOND)
    whole, all_of_them = Window(registrations, MINUTE, 5 * SECOND), Window(runners, 5 * MINUTE, 30 * SECOND)
    later = part_window(all_of_them, own, processes=dispatchers, keep=_KEPT + _COMES_UP)
    return {
        REGISTRATIONS: part_window(whole, own, processes=dispatchers, keep=_KEPT),
        RUNNERS: attrs.evolve(later, keep=_KEPT),
        TOLD: part_window(Window(80, MINUTE, 5 * SECOND), never, processes=dispatchers, keep=SECOND),
        TOLD_HOURLY: part_window(Window(500, HOUR, MINUTE), never, processes=dispatchers, keep=SECOND),
        CANCELS: part_window(Window(180, MINUTE, 5 * SECOND), never, processes=dispatchers, keep=SECOND),
    }


FLEETS = "ec2.CreateFleet"
MACHINES = "ec2.machines"
DESCRIBES = "ec2.DescribeInstances"
PAGES = "ec2.DescribeInstances.page"
ENDS = "ec2.TerminateInstances"
ENDED = "ec2.terminated"
STARTS = "ec2.StartInstances"
STARTED = "ec2.started"
STOPS = "ec2.StopInstances"
STOPPED = "ec2.stopped"
REGISTRATIONS = "github.registrations"
RUNNERS = "github.runners"
TOLD = "github.told"
TOLD_HOURLY = "github.told_hourly"
CANCELS = "github.cancels"

_MILLION = 1_000_000
_KEPT: Span = 10 * SECOND
_COMES_UP: Span = 2 * MINUTE  # a machine


def _some(left: int, processes: int) -> int:
    if left < 1:
        raise ValueError(f"processes = {processes}: with so many, nothing of the limit is left to be shared")
    return left
