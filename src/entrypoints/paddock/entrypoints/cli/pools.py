"""Warm pools: what each is to be, what is there, and what it did for its money."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Parameter
from rich import box
from rich.table import Table
from rich.text import Text

from paddock.adapters.system import SystemClock
from paddock.core.errors import InvalidInput, NotFound
from paddock.core.pools.schedule import Targets
from paddock.core.pools.standing import PoolAim
from paddock.core.states import RunnerState
from paddock.core.units import SECOND, Moment, money_text, rfc3339, span_text
from paddock.core.usecases.pools.look import PoolLook, PoolView
from paddock.entrypoints.cli.durations import lasting
from paddock.entrypoints.cli.housekeeping import run
from paddock.entrypoints.cli.recommend import USUAL, advised, data, shown
from paddock.entrypoints.cli.recommend import VERSION as ADVICE_VERSION
from paddock.entrypoints.cli.styles import WIDE, console, show, told
from paddock.entrypoints.cli.where import ProfileName, StateDir, Where, opened

VERSION = 1  # of what scripts get

_NONE = "–"  # noqa: RUF001 - a dash stands for: nothing is known
_NO_POOLS = "no fleet here has looked at a pool yet: paddock.yml says under pools which there are"
_DAY = "24h"
_TASK = "pools"
_COLUMNS = ("POOL", "WANTED", "READY", "BOOTING", "ASLEEP", "BUSY", "JOBS", "HITS", "IDLE", "IDLE COST", "NEXT", "")
_COUNTED = frozenset({"READY", "BOOTING", "ASLEEP", "BUSY", "JOBS", "HITS", "IDLE", "IDLE COST"})


def pools(
    what: Literal["show", "plan", "recommend"] = "show",
    pool: str | None = None,
    /,
    *,
    since: Annotated[str | None, Parameter(name="--since")] = None,
    wait: Annotated[str, Parameter(name="--wait")] = "2m",
    simulate: Annotated[bool, Parameter(name="--simulate", negative="")] = False,
    workload: Annotated[Path | None, Parameter(name="--workload")] = None,
    seed: int = 1,
    state: StateDir = None,
    profile: ProfileName = None,
    json_: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> int:
    """Show the warm pools, what the fleet would do about them now, or how many machines their jobs ask for.

    Parameters
    ----------
    what
        show: what each pool is to be, what is there, and what it did; plan: what the next run would start, launch,
        stop and end, without doing it; recommend: what their jobs of the last weeks ask for, what that would have
        meant for those, and what to write into paddock.yml.
    pool
        With recommend: one pool. Without it: all.
    since
        Over how long jobs, hits and costs are counted, such as 24h or 7d: 24h, and 28d with recommend.
    wait
        How long to wait for the fleet's plan, such as 30s.
    simulate
        With recommend: also run those jobs in the simulator, with the pools as they are and as recommended, and tell
        what jobs would wait and what all would cost. A day of a pool takes some seconds.
    workload
        With simulate: run this trace instead, as `paddock simulate` takes; its jobs ask by label, pool=NAME.
    seed
        With simulate: where chance begins.
    state
        The state directory of a fleet on this machine (paddock.yml: local.state); paddock-state if none is named.
    profile
        Which fleet: local, on this machine, or aws, on AWS (docs/aws.md); what PADDOCK_PROFILE says if not named.
    json_
        Print them as JSON instead, for scripts; docs/operating.md describes the keys.
    """
    _checked(what, pool, workload, simulate=simulate)
    if what == "plan":
        return _plan(wait, state, profile)
    if what == "recommend":
        load = (workload, seed) if simulate else None
        return _recommend(Where.chosen(state, profile), pool, since, as_json=json_, load=load)
    since = _DAY if since is None else since
    length = lasting("--since", since, "24h or 7d")
    clock = SystemClock()
    with opened(Where.chosen(state, profile)) as here:
        views = PoolLook(table=here.table, clock=clock).all(length)
    if json_:
        print(json.dumps({"version": VERSION, "pools": [_data(view) for view in views]}, indent=2))
        return 0
    if not views:
        print(_NO_POOLS)
        return 0
    out = console()
    rows = [_row(view, clock.now()) for view in views]
    show(out, _across(rows) if out.width >= WIDE else _down(rows))
    counted = max(view.account.since for view in views)
    if counted > clock.now() - length:
        out.print(told(f"counted since {rfc3339(counted)} only: before that too many machines ended", "yellow"))
    return 0


def _across(rows: Sequence[Sequence[str | Text]]) -> Table:
    """A line for each pool."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="dim")
    for title in _COLUMNS:
        table.add_column(title, justify="right" if title in _COUNTED else "left", no_wrap=bool(title))
    for row in rows:
        table.add_row(*row)
    return table


def _down(rows: Sequence[Sequence[str | Text]]) -> Table:
    """A column for each pool: a narrow terminal has room for few, but not for all that there is to say of one."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="dim")
    for cell in (_COLUMNS[0], *(row[0] for row in rows)):
        table.add_column(cell)
    for number, title in enumerate(_COLUMNS[1:], start=1):
        if title or any(str(row[number]) for row in rows):
            table.add_row(title, *(row[number] for row in rows))
    return table


def _checked(what: str, pool: str | None, workload: Path | None, *, simulate: bool) -> None:
    """See that nothing is asked for that would be passed over."""
    if pool is not None and what != "recommend":
        raise InvalidInput("POOL", pool, f"only recommend is for one pool: write `paddock pools {what}`")
    if simulate and what != "recommend":
        raise InvalidInput("--simulate", what, "is for `paddock pools recommend`: leave it out")
    if workload is not None and not simulate:
        remedy = "is for `paddock pools recommend --simulate`: leave it out, or write that"
        raise InvalidInput("--workload", str(workload), remedy)


def _plan(wait: str, state: Path | None, profile: str | None) -> int:
    """Have the fleet tell its plan; one that has never looked at a pool has none, and is not waited for."""
    with opened(Where.chosen(state, profile)) as here:
        looked = here.tasks.get(_TASK).began_at is not None or here.table.pools.page("all", "all").items
    if not looked:
        raise NotFound(_NO_POOLS)
    return run(_TASK, dry_run=True, wait=wait, state=state, profile=profile)


def _recommend(
    where: Where, pool: str | None, since: str | None, *, as_json: bool, load: tuple[Path | None, int] | None = None
) -> int:
    """Tell what is recommended; with `load`, a trace or None and a seed, what the simulator says of it, too."""
    found = advised(where, pool, USUAL if since is None else since)
    ran, code = None, 0
    if load is not None:
        # The simulator is half of Paddock: whoever does not ask for it does not wait for it.
        from paddock.entrypoints.cli import recommend_simulated as simulator  # noqa: PLC0415

        ran = simulator.tried(found, *load)
        code = simulator.judged(ran)
    if as_json:
        told_of = {} if load is None else {"simulated": simulator.simulated_data(ran)}
        print(json.dumps({"version": ADVICE_VERSION, "pools": [data(one) for one in found], **told_of}, indent=2))
        return code
    if not found:
        print(_NO_POOLS)
        return code
    out = console()
    for one in found:
        show(out, shown(one))
    if load is not None:
        show(out, "nothing to simulate: no pool had a job" if ran is None else simulator.simulated_table(ran))
    return code


def _row(view: PoolView, now: Moment) -> list[str | Text]:
    aim, account = view.standing.aim, view.account
    booting, asleep = _asleep_and_not(view)
    return [
        told(view.standing.name),
        _NONE if aim is None else _targets(aim.targets),
        str(view.spares.get(RunnerState.READY, 0)),
        str(booting),
        str(asleep),
        str(view.taken),
        str(account.jobs),
        _NONE if account.hits is None else f"{account.hits} %",
        _NONE if account.utilisation is None else f"{100 - account.utilisation} %",
        money_text(account.idle_cost) + ("?" if account.unpriced else ""),
        _NONE if aim is None else _next(aim, now),
        _note(view),
    ]


def _asleep_and_not(view: PoolView) -> tuple[int, int]:
    """How many are on their way up, and how many asleep or on their way there."""
    booting = view.spares.get(RunnerState.BOOTING, 0) + view.spares.get(RunnerState.REQUESTED, 0)
    return booting, view.spares.get(RunnerState.STOPPED, 0) + view.spares.get(RunnerState.STOPPING, 0)


def _targets(targets: Targets) -> str:
    return f"{targets.hot} hot, {targets.stopped} stopped"


def _next(aim: PoolAim, now: Moment) -> str:
    if aim.next_at is None:
        return "no change"
    name = f" ({aim.next_window})" if aim.next_window else ""
    return f"{_targets(aim.next_targets)} in {span_text(max(0, aim.next_at - now))}{name}"


def _note(view: PoolView) -> Text:
    aim, standing = view.standing.aim, view.standing
    if aim is not None and aim.barred:
        return told(aim.barred, "yellow")
    if standing.failures:
        return told(f"{standing.failures} in a row never came up", "red")
    if standing.launching is not None:
        return told("a launch is under way", "dim")
    return told(f"{aim.window}" if aim is not None and aim.window else "", "dim")


def _data(view: PoolView) -> dict[str, Any]:
    """One pool for scripts."""
    aim, account, standing = view.standing.aim, view.account, view.standing
    return {
        "pool": standing.name,
        "spec": None if aim is None else str(aim.machine),
        "wanted": None if aim is None else {"hot": aim.targets.hot, "stopped": aim.targets.stopped},
        "window": None if aim is None else aim.window,
        "next": None
        if aim is None or aim.next_at is None
        else {
            "at": rfc3339(aim.next_at),
            "hot": aim.next_targets.hot,
            "stopped": aim.next_targets.stopped,
            "window": aim.next_window,
        },
        "most": None if aim is None else aim.most,
        "auto": aim is not None and aim.auto,
        "barred": "" if aim is None else aim.barred,
        "failures": standing.failures,
        "evidence": list(standing.evidence),
        "spares": {state.value: view.spares[state] for state in sorted(view.spares)},
        "busy": view.taken,
        "since": rfc3339(account.since),
        "jobs": {"hot": account.hot, "stopped": account.stopped, "overflow": account.overflow},
        "hits_percent": account.hits,
        "utilisation_percent": account.utilisation,
        "busy_s": account.busy / SECOND,
        "idle_s": account.idle / SECOND,
        "asleep_s": account.asleep / SECOND,
        "idle_cost_micro_usd": account.idle_cost,
        "compute_cost_micro_usd": account.compute,
        "cost_micro_usd": account.cost,
        "unpriced": account.unpriced,
    }
