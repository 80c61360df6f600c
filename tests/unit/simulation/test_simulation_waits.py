"""Waits of cold, stopped and hot machines: the table, the sentences, and the JSON with its contract."""

import io
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from paddock.adapters.simulation.outcome import Outcome, Start, Waits
from paddock.adapters.simulation.render.background import Assumption, Background
from paddock.adapters.simulation.render.rivals import ELSEWHERE, PUBLISHED, beside
from paddock.adapters.simulation.render.waits import AT_HAND, Starts, headline, rows, waits_to_json
from paddock.adapters.simulation.render.waits_terminal import waits_report
from tests.contracts import breaches, schema
from tests.unit.simulation.outcomes import any_waits, broken, outcome_a, spread, waits
from tests.world.made_up_fleet import HOSTILE

GOLDEN = Path(__file__).parents[2] / "golden" / "waits.v1.json"
WAITS = {Start.COLD: waits(24, 30, 60), Start.STOPPED: waits(15, 20, 50), Start.HOT: waits(6, 9, 41)}


def started(waits_of: Mapping[Start, Waits], **changes: Any) -> Starts:  # noqa: ANN401 - fields of an outcome
    """A policy with these waits."""
    outcomes = {
        start: attrs.evolve(outcome_a(), policy=start.value, wait=wait, **changes) for start, wait in waits_of.items()
    }
    background = Background(
        command="paddock simulate --seed 7 --waits",
        starts=waits_of,
        assumptions=(Assumption("running to the agent", "8 s", "a page"),),
    )
    return Starts("defaults", outcomes, background)


def printed(starts: Starts, width: int = 80) -> str:
    """What a terminal of this width gets, without colour."""
    out = io.StringIO()
    Console(file=out, width=width, color_system=None).print(waits_report(starts))
    return out.getvalue()


def lines_of(text: str) -> list[str]:
    """The lines, their blanks put together."""
    return [" ".join(line.split()) for line in text.splitlines()]


def test_each_start_has_its_parts_and_their_sum_side_by_side() -> None:
    """In 80 columns: p50, p95 and mean of each part, and which of them are put in and which come out."""
    lines = lines_of(printed(started(WAITS)))
    assert "start webhook decisions EC2 boot handshake total" in lines
    assert "input computed input input input" in lines
    assert "cold p50 2.0 s 300 ms 4.8 s 8.0 s 3.7 s 24.0 s" in lines
    assert "p95 3.0 s 800 ms 6.0 s 10.0 s 9.0 s 30.0 s" in lines
    assert "stopped p50 2.0 s 300 ms 3.0 s 5.0 s 3.7 s 15.0 s" in lines
    assert "hot p50 2.0 s 300 ms 1.2 s 2.0 s 3.7 s 6.0 s" in lines


def test_a_long_wait_is_broken_nowhere() -> None:
    """Neither in the sentence nor in a table: where a column for each part has no room, each part has a line."""
    long = {start: waits(189, 700, 5_000) for start in Start}
    for width in (80, 100, 118):
        lines = lines_of(printed(started(long), width))
        assert "cold webhook input 2.0 s 3.0 s 2.2 s" in lines or width > 80
        assert sum(line.count("11 min 40 s") for line in lines) == 6, "a total and a rival's neighbour for each start"
        text = "\n".join(lines)
        assert text.count("3 min 09 s") == len(re.findall(r"3\s+min\s+09\s+s\b", text)) > 6
    assert "cold p50 2.0 s 300 ms" in "\n".join(lines_of(printed(started(long), 118)))


def test_the_others_published_figures_stand_below_with_their_source() -> None:
    """Ours of every start, and each rival's own words."""
    starts = started(WAITS)
    lines = beside(list(starts.outcomes.values()), starts.background)
    assert [(line.start, line.figure) for line in lines if line.ours] == [
        (Start.COLD, "p50 24.0 s, p95 30.0 s"),
        (Start.STOPPED, "p50 15.0 s, p95 20.0 s"),
        (Start.HOT, "p50 6.0 s, p95 9.0 s"),
    ]
    assert dict(lines[0].parts)["our decisions"] == "p50 300 ms, p95 800 ms"
    text = printed(started(WAITS), 200)
    for one in PUBLISHED:
        assert f"{one.who} {one.text} {one.source}" in " ".join(text.split())
    assert ELSEWHERE not in text


def test_what_the_figures_rest_on_is_said() -> None:
    """That a stopped and a hot machine are at hand for every job, what is put in, and how to repeat it."""
    text = printed(started(WAITS), 4_000)
    assert AT_HAND in text
    assert "not what a pool of some size gives" in AT_HAND
    assert "running to the agent 8 s a page" in lines_of(text)
    assert "Of 2,412 jobs there are waits of 2,400 cold, 2,400 stopped, 2,400 hot." in text
    assert text.rstrip().endswith("paddock simulate --seed 7 --waits")
    assert "$" not in text, "a cost would leave out what keeps machines ready"


def test_the_first_sentence_is_the_result() -> None:
    """Medians of each start, and whether our own decisions keep their budget."""
    assert headline(started(WAITS)) == (
        "The median job waits 24 s from a cold start, 15 s with a stopped machine, 6.0 s with a hot machine. "
        "Of our own decisions 95 of 100 take at most 800 ms."
    )
    slow = {**WAITS, Start.STOPPED: attrs.evolve(WAITS[Start.STOPPED], decision=spread(0.3, 1.2, 2))}
    assert headline(started(slow)).endswith("95 of 100 take at most 1.2 s, above our budget of 1.0 s.")
    nothing = dict.fromkeys(Start, waits(0, 0, 0, 0))
    assert headline(started(nothing)) == "No job started."
    assert {cell for row in rows(started(nothing)) for cell in row.cells} == {"–"}  # noqa: RUF001 - nothing measured


def test_a_broken_rule_stands_above_everything() -> None:
    """With the start under which it was broken, and what led to it."""
    starts = started(WAITS)
    wrong = {**starts.outcomes, Start.HOT: broken(starts.outcomes[Start.HOT])}
    text = printed(attrs.evolve(starts, outcomes=wrong))
    assert text.index("VIOLATION") < text.index("The median job waits")
    assert "with hot" in text
    assert "i-1 lived on" in text


@settings(max_examples=25)
@given(st.fixed_dictionaries(dict.fromkeys(Start, any_waits)), st.sampled_from([60, 80, 118]))
def test_it_never_leaves_the_screen(waits_of: Mapping[Start, Waits], width: int) -> None:
    """Whatever the figures and names, no line is wider than the terminal, and nothing moves it."""
    text = printed(attrs.evolve(started(waits_of, workload=HOSTILE), policy=HOSTILE), width)
    assert all(Console().render_str(line, markup=False).cell_len <= width for line in text.splitlines())
    assert "\x1b" not in text


@given(st.fixed_dictionaries(dict.fromkeys(Start, any_waits)), st.booleans())
def test_the_json_fits_its_schema_and_names_no_other_key(waits_of: Mapping[Start, Waits], violated: bool) -> None:  # noqa: FBT001 - hypothesis
    """The contract describes what is printed, every key of it."""
    starts = started(waits_of)
    if violated:
        outcomes: dict[Start, Outcome] = {start: broken(one) for start, one in starts.outcomes.items()}
        starts = attrs.evolve(starts, outcomes=outcomes)
    text = waits_to_json(starts)
    assert text.isascii()
    data = json.loads(text)
    assert breaches("waits", data) == []
    unnamed(data, schema("waits"))


def unnamed(value: object, of: Mapping[str, Any]) -> None:
    """Fail at a key that the schema does not describe."""
    of = schema("waits")["$defs"][of["$ref"].rpartition("/")[2]] if "$ref" in of else of
    if isinstance(value, list):
        for inner in value:
            unnamed(inner, of["items"])
    elif isinstance(value, dict):
        for key, inner in value.items():
            assert "description" in of["properties"][key], key
            unnamed(inner, of["properties"][key])


def test_the_bytes_are_those_of_every_python_and_every_day() -> None:
    """The text of fixed waits is known to the byte, but for what others publish, which they may change."""
    text = waits_to_json(started({Start.COLD: WAITS[Start.COLD]}))
    (cold,) = json.loads(text)["starts"]
    indented = json.dumps(cold["published"], indent=2, sort_keys=True).replace("\n", "\n      ")
    assert text.replace(indented, "[]") == GOLDEN.read_text(encoding="utf-8")


@pytest.mark.parametrize("shared", ["waits", "spread", "violation"])
def test_both_contracts_of_simulations_mean_the_same_by_a_word(shared: str) -> None:
    """A script that reads one reads the other."""
    assert schema("waits")["$defs"][shared] == schema("simulation")["$defs"][shared]
