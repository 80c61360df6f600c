"""The daily report on pools: what each did for its money on a UTC day and in the seven days up to its end. Pure.

The same is written twice below ``pools/`` in the archive: as Markdown for people, and as JSON for scripts, whose keys
docs/operating.md describes.
"""

import json
from collections.abc import Sequence
from typing import Any, Final

import attrs

from paddock.core.pools.account import PoolAccount
from paddock.core.pools.schedule import Targets
from paddock.core.units import SECOND, Moment, datetime_of, money_text, rfc3339

FOLDER: Final = "pools/"
VERSION: Final = 1
"""Of the JSON: it grows when a key goes, or changes its meaning."""

_UNKNOWN: Final = "–"  # noqa: RUF001 - a dash stands for: nothing is known
_TITLES: Final = "pool | jobs | hits | hot | stopped | cold | utilisation | idle cost | compute | all costs"


@attrs.frozen
class AuditedPool:
    """One pool: what it is to be, how many machines it has as this is written, and its accounts.

    ``running`` are awake, booting ones included, and ``idle`` those of them without a job; ``stopped`` are asleep, or
    about to be. ``notes`` are what an operator should know besides.
    """

    name: str
    wanted: Targets | None
    running: int
    idle: int
    stopped: int
    day: PoolAccount
    week: PoolAccount
    notes: tuple[str, ...] = ()

    @property
    def sentence(self) -> str:
        """The day in a sentence."""
        day = self.day
        found = (
            f"pool {self.name}: {_count(day.jobs, 'job')}, {_per_cent(day.hits)} of them on a machine of the pool; "
            f"used {_per_cent(day.utilisation)} of its time awake; idle for {money_text(day.idle_cost)} of "
            f"{money_text(day.cost)}; now {self.running} running ({self.idle} idle), {self.stopped} stopped"
        )
        return "; ".join((found, *self.notes))


@attrs.frozen
class PoolAudit:
    """The report of the day that began at ``day``, written at ``at``."""

    day: Moment
    at: Moment
    pools: Sequence[AuditedPool]

    def key(self, ending: str) -> str:
        """Where it is kept: ``pools/2026/11/28.md``, or with another ending."""
        return f"{FOLDER}{datetime_of(self.day):%Y/%m/%d}.{ending}"

    @property
    def markdown(self) -> str:
        """For people."""
        lines = [
            f"# Pools on {self._day} (UTC)",
            "",
            f"Written {rfc3339(self.at)}. Costs are those of the pools' own machines: overflow costs what any job",
            "costs, and is not in here. A machine that slept was paid for by its disk alone.",
            "",
            "## That day",
            "",
            *_table([pool.day for pool in self.pools]),
            "",
            "## Seven days up to its end",
            "",
            *_table([pool.week for pool in self.pools]),
            "",
            "## As this was written",
            "",
            "| pool | wanted | running | of these idle | stopped |",
            "| --- | --- | ---: | ---: | ---: |",
            *(
                f"| {pool.name} | {_targets(pool.wanted)} | {pool.running} | {pool.idle} | {pool.stopped} |"
                for pool in self.pools
            ),
        ]
        notes = [f"* {pool.name}: {' '.join(note.split())}" for pool in self.pools for note in pool.notes]
        return "\n".join([*lines, *(["", "## To be looked at", "", *notes] if notes else []), ""])

    @property
    def json(self) -> str:
        """For scripts."""
        pools = [
            {
                "pool": pool.name,
                "wanted": None if pool.wanted is None else attrs.asdict(pool.wanted),
                "running": pool.running,
                "idle": pool.idle,
                "stopped": pool.stopped,
                "day": account_data(pool.day),
                "week": account_data(pool.week),
                "notes": list(pool.notes),
            }
            for pool in self.pools
        ]
        data = {"version": VERSION, "day": self._day, "written_at": rfc3339(self.at), "pools": pools}
        return json.dumps(data, indent=2, ensure_ascii=False) + "\n"

    @property
    def _day(self) -> str:
        return f"{datetime_of(self.day):%Y-%m-%d}"


def account_data(account: PoolAccount) -> dict[str, Any]:
    """An account for scripts: spans in seconds, money in micro-dollars, and None where nothing is known."""
    return {
        "since": rfc3339(account.since),
        "until": rfc3339(account.until),
        "jobs": {"hot": account.hot, "stopped": account.stopped, "overflow": account.overflow},
        "hits_percent": account.hits,
        "utilisation_percent": account.utilisation,
        "busy_s": account.busy // SECOND,
        "idle_s": account.idle // SECOND,
        "asleep_s": account.asleep // SECOND,
        "idle_cost_micro_usd": account.idle_cost,
        "compute_cost_micro_usd": account.compute,
        "cost_micro_usd": account.cost,
        "unpriced": account.unpriced,
    }


def _table(accounts: Sequence[PoolAccount]) -> list[str]:
    rows = [f"| {_TITLES} |", f"| --- {'| ---: ' * _TITLES.count('|')}|"]
    for one in accounts:
        more = "?" if one.unpriced else ""
        cells = (
            *(one.pool, str(one.jobs), _per_cent(one.hits), str(one.hot), str(one.stopped), str(one.overflow)),
            *(_per_cent(one.utilisation), *(f"{money_text(cost)}{more}" for cost in _costs(one))),
        )
        rows.append(f"| {' | '.join(cells)} |")
    return rows


def _costs(account: PoolAccount) -> tuple[int, int, int]:
    return account.idle_cost, account.compute, account.cost


def _per_cent(value: int | None) -> str:
    return _UNKNOWN if value is None else f"{value} %"


def _targets(targets: Targets | None) -> str:
    return _UNKNOWN if targets is None else f"{targets.hot} hot, {targets.stopped} stopped"


def _count(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"
