"""What a job waits for with a cold, a stopped and a hot machine, part by part: figures, sentences, and as JSON.

``paddock simulate --waits`` plays one workload once for each start. Waits are told alone, without cost: what it costs
to keep a machine ready depends on how many are kept, and nobody keeps any here.
"""

import json
from collections.abc import Iterator, Mapping, Sequence

import attrs

from paddock.adapters.simulation.outcome import Outcome, Spread, Start, Waits
from paddock.adapters.simulation.render.background import Background
from paddock.adapters.simulation.render.rivals import PUBLISHED
from paddock.adapters.simulation.render.tables import PARTS
from paddock.adapters.simulation.render.words import NOTHING, about, count_text
from paddock.core.codec import Data, to_data
from paddock.core.units import SECOND, Span, span_text

KIND = "waits"
VERSION = 1

BUDGET: Span = SECOND
"""How long 95 of 100 of our own decisions may take at most. Source: the fleet's own budget."""

COLUMNS: Sequence[tuple[str, str, str]] = (
    *((field, name, "computed" if field == "decision" else "input") for field, name in PARTS),
    ("total", "total", ""),
)
"""The parts and their sum: fields of `Waits`, their names for people, and whether a part is put in or comes out."""

MAIN = "p50"
FIGURES = (MAIN, "p95", "mean")

AT_HAND = (
    "Stopped and hot mean here that every job finds such a machine at hand. It is what a machine takes, not what a "
    "pool of some size gives, and what keeping machines ready costs is not in it: a simulation of a configuration "
    "with pools tells that. Asking for one counts against the limits of EC2's launches, hence the EC2 part of hot ones."
)
ORIGIN = (
    "Input is drawn from the figures below. Computed is what the fleet's own code does: it decides, waits for its "
    "limits, and asks EC2, on functions that are as quick as below. Parts are of jobs that their first launch served. "
    "Means add up to the total's mean, percentiles do not."
)


@attrs.frozen
class Starts:
    """One policy played on one workload with each start; every outcome's policy is called as its start."""

    policy: str
    outcomes: Mapping[Start, Outcome]
    background: Background

    @property
    def first(self) -> Outcome:
        """Any of them, for what they have in common."""
        return next(iter(self.outcomes.values()))


@attrs.frozen
class Row:
    """One figure (``p50``, ``p95``, ``mean``) of a start, for each of `COLUMNS`."""

    start: Start
    figure: str
    cells: tuple[str, ...]


def rows(starts: Starts) -> Iterator[Row]:
    """One of each of `FIGURES` for each start, in the order of the starts."""
    for start, outcome in starts.outcomes.items():
        spreads: list[Spread] = [getattr(outcome.wait, field) for field, _, _ in COLUMNS]
        for figure in FIGURES:
            yield Row(start, figure, tuple(_cell(spread, figure) for spread in spreads))


def headline(starts: Starts) -> str:
    """The sentence that a reader takes home."""
    waits = {start: outcome.wait for start, outcome in starts.outcomes.items() if outcome.wait.total.count}
    if not waits:
        return "No job started."
    told = [f"{about(wait.total.p50)} {_NAMES[start]}" for start, wait in waits.items()]
    return f"The median job waits {', '.join(told)}. {_decisions(waits)}"


def jobs(starts: Starts) -> str:
    """Of how many jobs the figures are, in the order of the starts."""
    told = (f"{count_text(one.wait.total.count)} {start}" for start, one in starts.outcomes.items())
    return f"Of {count_text(starts.first.jobs.queued)} jobs there are waits of {', '.join(told)}."


def waits_to_json(starts: Starts) -> str:
    """The document that the contract ``waits`` describes, with a line break at the end. Equal starts, equal bytes."""
    return json.dumps(_document(starts), indent=2, sort_keys=True) + "\n"


_NAMES: Mapping[Start, str] = {
    Start.COLD: "from a cold start",
    Start.STOPPED: "with a stopped machine",
    Start.HOT: "with a hot machine",
}


def _decisions(waits: Mapping[Start, Waits]) -> str:
    longest = max(wait.decision.p95 for wait in waits.values())
    told = f"Of our own decisions 95 of 100 take at most {span_text(longest)}"
    return f"{told}{f', above our budget of {span_text(BUDGET)}' if longest > BUDGET else ''}."


def _cell(spread: Spread, figure: str) -> str:
    return span_text(getattr(spread, figure)) if spread.count else NOTHING


def _document(starts: Starts) -> Data:
    first = starts.first
    return {
        "kind": KIND,
        "version": VERSION,
        "policy": starts.policy,
        "workload": first.workload,
        "seed": first.seed,
        "faults": starts.background.faults,
        "starts": [_start(start, outcome) for start, outcome in starts.outcomes.items()],
        "inputs": [to_data(one) for one in starts.background.assumptions],
    }


def _start(start: Start, outcome: Outcome) -> Data:
    published = [one for one in PUBLISHED if one.start is start]
    return {
        "start": start.value,
        "queued": outcome.jobs.queued,
        "wait": to_data(outcome.wait),
        "violations": [to_data(violation) for violation in outcome.violations],
        "published": [{"who": one.who, "text": one.text, "source": one.source} for one in published],
    }
