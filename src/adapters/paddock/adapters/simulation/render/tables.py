"""The figures of several policies side by side: rows that the terminal and the page both print.

The first policy is the one that the others are compared with.
"""

from collections.abc import Callable, Iterator, Sequence

import attrs

from paddock.adapters.report.text import clean, shortened
from paddock.adapters.simulation.outcome import Calls, Outcome, Spread, Waits
from paddock.adapters.simulation.render.words import (
    BAD,
    COUNT,
    GOOD,
    MONEY,
    NOTHING,
    PRICE,
    TIME,
    WAIT,
    Scale,
    count_text,
    per_cent,
)
from paddock.core.units import Span, span_text

_LONGEST_NAME = 80
PARTS: Sequence[tuple[str, str]] = (
    ("webhook", "webhook"),
    ("decision", "our decisions"),
    ("cloud", "EC2"),
    ("boot", "boot"),
    ("handshake", "runner handshake"),
)
"""The parts of a wait: their fields in `Waits`, and their names for people."""

PARTS_NOTE = (
    "of jobs that their first launch served: until we have the webhook, until EC2 is asked, until the machine exists, "
    "until its agent is up, until its runner has the job"
)


@attrs.frozen
class Row:
    """One figure of every policy. ``figures`` are None where nothing was measured.

    ``texts`` replace the figures' own texts where they say more. ``main`` rows are what a reader looks for first.
    """

    name: str
    figures: tuple[int | None, ...]
    scale: Scale
    main: bool = False
    texts: tuple[str, ...] = ()

    @property
    def cells(self) -> tuple[str, ...]:
        """The figures as text, a policy each."""
        return self.texts or tuple(NOTHING if one is None else self.scale.text(one) for one in self.figures)

    def difference(self, policies: Sequence[str]) -> str:
        """How the policies differ, in words; empty if there is one policy only."""
        if len(self.figures) == 1:
            return ""
        if len(self.figures) > 2:  # noqa: PLR2004 - two are a comparison, more are a contest
            return self.scale.best(policies, self.figures)
        return self.scale.difference(*self.figures)

    @property
    def judged(self) -> int:
        """1 if the second of two policies is better, -1 if it is worse, else 0."""
        return self.scale.judged(*self.figures) if len(self.figures) == 2 else 0  # noqa: PLR2004 - as above


@attrs.frozen
class Section:
    """Rows that belong together. ``note`` says what a reader must know to read them."""

    title: str
    rows: tuple[Row, ...]
    note: str = ""


def policies(outcomes: Sequence[Outcome]) -> tuple[str, ...]:
    """The policies' names, fit to be printed."""
    return tuple(shortened(clean(outcome.policy), _LONGEST_NAME) or "unnamed" for outcome in outcomes)


def sections(outcomes: Sequence[Outcome], *, most_label_sets: int = 12) -> tuple[Section, ...]:
    """Everything that is compared, in the order in which a reader asks for it. `outcomes` must not be empty."""
    return (
        overall_waits(outcomes),
        *waits_by_labels(outcomes, most_label_sets),
        wait_parts(outcomes),
        jobs(outcomes),
        cost(outcomes),
        machines(outcomes),
        *pools(outcomes),
        calls(outcomes),
    )


def overall_waits(outcomes: Sequence[Outcome]) -> Section:
    """How long jobs waited."""
    return Section("Wait, from queueing to start", tuple(_spread(outcomes, lambda one: one.wait.total, main=True)))


def waits_by_labels(outcomes: Sequence[Outcome], most: int) -> Iterator[Section]:
    """The same for each label set, those with the most jobs first; at most `most` of them."""
    names = label_sets(outcomes)
    for place, name in enumerate(names[:most]):
        left = len(names) - most
        note = f"{left} more label sets with fewer jobs are in the JSON" if left > 0 and place == most - 1 else ""
        yield Section(
            f"Wait of {shortened(clean(name), _LONGEST_NAME) or 'no label'}",
            tuple(_spread(outcomes, lambda one, name=name: _total(one.waits.get(name)))),  # type: ignore[misc]
            note,
        )


def label_sets(outcomes: Sequence[Outcome]) -> list[str]:
    """Every label set that any policy has waits of, those with the most jobs first."""
    known = {name for outcome in outcomes for name in outcome.waits}
    most = {name: max(_total(outcome.waits.get(name)).count for outcome in outcomes) for name in known}
    return sorted(known, key=lambda name: (-most[name], name))


def wait_parts(outcomes: Sequence[Outcome]) -> Section:
    """What the wait is made of."""
    rows = []
    for field, name in PARTS:
        spreads: list[Spread] = [getattr(outcome.wait, field) for outcome in outcomes]
        rows.append(Row(f"{name}, p50", tuple(one.p50 if one.count else None for one in spreads), WAIT))
        rows.append(Row(f"{name}, p95", tuple(one.p95 if one.count else None for one in spreads), WAIT))
    return Section("What the wait is made of", tuple(rows), PARTS_NOTE)


def jobs(outcomes: Sequence[Outcome]) -> Section:
    """How jobs ended."""
    fields: Sequence[tuple[str, str, Scale]] = (
        ("queued", "queued", COUNT),
        ("served", "served", GOOD),
        ("failed", "failed", BAD),
        ("cancelled", "cancelled", COUNT),
        ("rejected", "rejected", COUNT),
        ("abandoned", "abandoned", BAD),
        ("retried", "launched again", BAD),
        ("rerun", "re-runs asked for", COUNT),
        ("interrupted", "interrupted", BAD),
        ("again", "interrupted again", BAD),
        ("wasted", "machine time in vain", TIME),
        *((("others", "not the fleet's", COUNT),) if any(one.jobs.others for one in outcomes) else ()),
    )
    return Section(
        "Jobs",
        tuple(
            Row(name, tuple(getattr(one.jobs, field) for one in outcomes), scale, main=field == "served")
            for field, name, scale in fields
        ),
    )


COST_PARTS: Sequence[tuple[str, str]] = (
    ("job", "jobs running"),
    ("boot", "machines booting"),
    ("idle", "machines idle"),
    ("disk", "disks"),
    ("address", "public IPv4"),
    ("control", "control plane"),
)
"""What the money went for: fields of `Cost` whose sum is the total, and their names for people."""


def cost(outcomes: Sequence[Outcome]) -> Section:
    """What it cost, cut by purpose and by market."""
    markets = (
        ("spot", "of it spot"),
        ("on_demand", "of it on demand"),
        ("sleep", "of it disks asleep"),
        ("free", "free of charge"),
    )
    return Section(
        "Cost",
        (
            Row("total", tuple(one.cost.total for one in outcomes), PRICE, main=True),
            Row("per served job", tuple(map(cost_per_job, outcomes)), PRICE, main=True),
            *(Row(name, tuple(getattr(one.cost, field) for one in outcomes), MONEY) for field, name in COST_PARTS),
            *(Row(name, tuple(getattr(one.cost, field) for one in outcomes), MONEY) for field, name in markets),
        ),
        "free of charge, and in no sum, are machines that the cloud took back in their first hour",
    )


def cost_per_job(outcome: Outcome) -> int | None:
    """Micro-dollars per served job, rounded; None if none was served."""
    served = outcome.jobs.served
    return (outcome.cost.total * 2 + served) // (2 * served) if served else None


def machines(outcomes: Sequence[Outcome]) -> Section:
    """The fleet."""
    return Section(
        "Machines",
        (
            Row("launched", tuple(one.machines for one in outcomes), COUNT),
            Row("taken back", tuple(one.reclaimed for one in outcomes), BAD),
            Row("most at once", tuple(_most(one, "machines") for one in outcomes), COUNT),
            Row("most busy", tuple(_most(one, "busy") for one in outcomes), COUNT),
            Row("most jobs waiting", tuple(_most(one, "waiting") for one in outcomes), BAD),
        ),
        "taken back is what the cloud reclaimed",
    )


POOL_ROWS: Sequence[tuple[str, str, Scale]] = (
    ("hot", "jobs on a hot machine", GOOD),
    ("stopped", "jobs on a stopped one", GOOD),
    ("booting", "jobs on a booting one", COUNT),
    ("overflow", "jobs beyond the pool", BAD),
    ("machines", "machines launched", COUNT),
    ("idle", "machine time idle", TIME),
    ("idle_cost", "cost of that", MONEY),
    ("sleep_cost", "disks asleep", MONEY),
)


def pools(outcomes: Sequence[Outcome]) -> Iterator[Section]:
    """What jobs got of each pool that any policy has, and what it cost to keep."""
    names = sorted({name for outcome in outcomes for name in outcome.pools})
    for place, name in enumerate(names):
        used = [outcome.pools.get(name) for outcome in outcomes]
        rows = [
            Row(told, tuple(None if one is None else getattr(one, field) for one in used), scale)
            for field, told, scale in POOL_ROWS
        ]
        note = "idle are a pool's machines that are up and have no job" if place == len(names) - 1 else ""
        yield Section(f"Pool {shortened(clean(name), _LONGEST_NAME)}", tuple(rows), note)


def calls(outcomes: Sequence[Outcome]) -> Section:
    """Requests of each API, and how near they came to its limit."""
    rows = []
    for name in api_names(outcomes):
        of_each = [call_of(outcome, name) for outcome in outcomes]
        told = shortened(clean(name), _LONGEST_NAME)
        rows.append(Row(told, tuple(None if one is None else one.count for one in of_each), COUNT))
        if any(one is not None and one.limit is not None for one in of_each):
            windows = sorted({one.window for one in of_each if one is not None and one.limit is not None})
            rows.append(
                Row(
                    f"most in {' or '.join(map(window_text, windows))}",
                    tuple(None if one is None else one.peak for one in of_each),
                    BAD,
                    texts=tuple(NOTHING if one is None else peak_text(one) for one in of_each),
                )
            )
        if any(one is not None and one.throttled for one in of_each):
            rows.append(
                Row("refused as too many", tuple(None if one is None else one.throttled for one in of_each), BAD)
            )
    return Section("API calls", tuple(rows), "a limit counts per its window; what was refused was asked again")


def api_names(outcomes: Sequence[Outcome]) -> list[str]:
    """Every API that any policy called, in the order in which the outcomes name them."""
    return list(dict.fromkeys(one.name for outcome in outcomes for one in outcome.calls))


def call_of(outcome: Outcome, name: str) -> Calls | None:
    """The outcome's calls of this API."""
    return next((one for one in outcome.calls if one.name == name), None)


def peak_text(one: Calls) -> str:
    """The peak against the limit: ``40 of 180 (22 %)``."""
    if one.limit is None:
        return count_text(one.peak)
    return f"{count_text(one.peak)} of {count_text(one.limit)} ({per_cent(one.peak, one.limit)})"


def window_text(window: Span) -> str:
    """The window of a limit: ``1 min``, where `span_text` would say ``1 min 00 s``."""
    return span_text(window).removesuffix(" 00 s").removesuffix(" 00 min").replace(".0 s", " s")


def _spread(outcomes: Sequence[Outcome], of: Callable[[Outcome], Spread], *, main: bool = False) -> Iterator[Row]:
    spreads = [of(outcome) for outcome in outcomes]
    yield Row("jobs that started", tuple(one.count for one in spreads), COUNT)
    for field, name in (("p50", "median"), ("p95", "95 of 100 within"), ("p99", "99 of 100 within")):
        figures = tuple(getattr(one, field) if one.count else None for one in spreads)
        yield Row(name, figures, WAIT, main=main and field == "p50")


def _total(waits: Waits | None) -> Spread:
    return Spread() if waits is None else waits.total


def _most(outcome: Outcome, field: str) -> int | None:
    return max((getattr(level, field) for level in outcome.levels), default=None)
