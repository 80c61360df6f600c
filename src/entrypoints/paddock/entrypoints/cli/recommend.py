"""What demand says of the pools' targets, for people, for scripts, and to be pasted into paddock.yml."""

from collections.abc import Iterator, Sequence
from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from paddock.adapters.config.amounts import span
from paddock.adapters.system import SystemClock
from paddock.adapters.threads import Threads
from paddock.core.errors import InvalidInput
from paddock.core.pools.schedule import Schedule, Targets, Window
from paddock.core.ports.several import IN_TURN
from paddock.core.sizing.advice import Sizing, in_words
from paddock.core.sizing.replay import Expected
from paddock.core.sizing.targets import Recommendation
from paddock.core.units import DAY, SECOND, Span, rfc3339, span_text
from paddock.core.usecases.pools.advice import AdvisePools, PoolAdvice
from paddock.core.wallclock import clock_text
from paddock.entrypoints.cli.styles import told
from paddock.entrypoints.cli.where import Profile, Where, opened

VERSION = 1  # of what scripts get

_AT_ONCE = 10  # requests to a table on AWS

USUAL = "28d"
"""So much is looked at if nothing is said."""


def advised(where: Where, pool: str | None, since: str) -> Sequence[PoolAdvice]:
    """What the demand of the fleet's pools says, or that of this one.

    Raises:
        InvalidInput: `since` is no duration, or less than a day.
        NotFound: there is no such pool.
    """
    length = span(since)
    if length is None or length < DAY:
        remedy = "must be a duration of a day or more, such as 7d or 28d: each hour of the day is sized by itself"
        raise InvalidInput("--since", since, remedy)
    several = Threads(_AT_ONCE) if where.profile is Profile.AWS else IN_TURN  # a file is read by one at a time
    with opened(where) as here:
        return AdvisePools(table=here.table, clock=SystemClock(), several=several)(length, pool)


# -- for people ---------------------------------------------------------------------------------------------------


def shown(advice: PoolAdvice) -> RenderableType:
    """One pool's part of the answer."""
    return Group(told(advice.standing.name, "bold"), Padding(Group(*_parts(advice)), (0, 0, 1, 2), expand=False))


def _parts(advice: PoolAdvice) -> Iterator[RenderableType]:
    if advice.pool is None:
        yield told("no fleet has looked at it yet")
        return
    sizing = advice.sizing
    if sizing is None:
        yield told(f"nothing can be said yet: {'; '.join(advice.looked.remarks)}", "yellow")
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="dim")
    for title in ("", "TARGETS", "HOT", "ASLEEP", "COLD", "IDLE"):
        table.add_column(title, justify="left" if title in {"", "TARGETS"} else "right")
    table.add_row(*_row("now", sizing.present, sizing.before))
    table.add_row(*_row("recommended", sizing.proposed, sizing.after))
    yield table
    yield from (told(f"* {reason}") for reason in sizing.settled.evidence)
    yield ""
    yield from _next_step(advice, sizing)


def _row(name: str, one: Recommendation, found: Expected) -> list[str | Text]:
    counts = [str(count) for count in (found.hits_hot, found.hits_stopped, found.cold)]
    return [name, Text("\n").join(told(words) for words in in_words(one)), *counts, span_text(found.idle_machine_time)]


def _next_step(advice: PoolAdvice, sizing: Sizing) -> Iterator[RenderableType]:
    standing = advice.standing
    if advice.pool is not None and advice.pool.auto:
        when = "not yet" if standing.sized_at is None else f"last at {rfc3339(standing.sized_at)}"
        yield told(f"auto: the fleet's task pool_sizing sets its targets itself, {when}", "green")
    elif not sizing.changes:
        yield told("The difference is not worth a change.", "green")
    elif _nothing(sizing.proposed):
        yield told("No job needs it: remove the pool, or leave it as it is for what is to come.", "yellow")
    else:
        yield told("To have that, put these keys in place of its own in paddock.yml:", "green")
        yield Text(snippet(standing.name, sizing.proposed))


# -- for paddock.yml ----------------------------------------------------------------------------------------------


def snippet(pool: str, one: Recommendation) -> str:
    """The pool's targets and windows as paddock.yml has them."""
    lines = ["pools:", f"  {pool}:", f"    hot: {one.targets.hot}", f"    stopped: {one.targets.stopped}"]
    if one.schedule.windows:
        lines += [f"    zone: {one.schedule.zone}", "    windows:"]
        lines += [line for window in one.schedule.windows for line in _window(window)]
    return "\n".join(lines)


def _window(window: Window) -> list[str]:
    name = "".join(letter for letter in window.name if letter not in ":,")  # a file's names have no such
    lines = [f"      - name: {name}"]
    if window.days:
        lines.append(f"        days: [{', '.join(window.days)}]")
    return [
        *lines,
        f'        from: "{clock_text(window.begins)}"',
        f'        to: "{clock_text(window.ends)}"',
        f"        hot: {window.hot}",
        f"        stopped: {window.stopped}",
    ]


def _nothing(one: Recommendation) -> bool:
    return all(targets == Targets() for targets in (one.targets, *(each.targets for each in one.schedule.windows)))


# -- for scripts --------------------------------------------------------------------------------------------------


def data(advice: PoolAdvice) -> dict[str, Any]:
    """One pool for scripts."""
    sizing, demand = advice.sizing, advice.looked.demand
    nothing_to_paste = sizing is None or not sizing.changes or _nothing(sizing.proposed)
    return {
        "pool": advice.standing.name,
        "auto": advice.pool is not None and advice.pool.auto,
        "since": None if demand is None else rfc3339(demand.since),
        "until": None if demand is None else rfc3339(demand.until),
        "jobs": None if demand is None else len(demand.jobs),
        "changes": None if sizing is None else sizing.changes,
        "now": None if sizing is None else _one_data(sizing.present, sizing.before),
        "recommended": None if sizing is None else _one_data(sizing.proposed, sizing.after),
        "evidence": list(advice.looked.remarks if sizing is None else sizing.settled.evidence),
        "yaml": None if sizing is None or nothing_to_paste else snippet(advice.standing.name, sizing.proposed),
    }


def _one_data(one: Recommendation, found: Expected) -> dict[str, Any]:
    return {
        "hot": one.targets.hot,
        "stopped": one.targets.stopped,
        **_schedule_data(one.schedule),
        "expected": {
            "hot": found.hits_hot,
            "stopped": found.hits_stopped,
            "cold": found.cold,
            "idle_s": _seconds(found.idle_machine_time),
        },
    }


def _schedule_data(schedule: Schedule) -> dict[str, Any]:
    windows = [
        {
            "name": window.name,
            "days": list(window.days),
            "from": clock_text(window.begins),
            "to": clock_text(window.ends),
            "zone": schedule.zone_name(window),
            "hot": window.hot,
            "stopped": window.stopped,
        }
        for window in schedule.windows
    ]
    return {"zone": schedule.zone, "windows": windows}


def _seconds(length: Span) -> int:
    return length // SECOND
