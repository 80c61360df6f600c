"""The report in a terminal: it fits, it is plain text in a pipe, and it hides nothing that went wrong."""

import io
import re
from collections.abc import Sequence

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from paddock.adapters.simulation.outcome import Outcome, Start, Violation
from paddock.adapters.simulation.render.background import Assumption, Background
from paddock.adapters.simulation.render.rivals import PUBLISHED, beside
from paddock.adapters.simulation.render.terminal import report
from tests.unit.simulation.outcomes import broken, outcome_a, outcome_b, outcomes, waits
from tests.world.made_up_fleet import HOSTILE


def printed(
    several: Sequence[Outcome], background: Background | None = None, width: int = 80, *, terminal: bool = False
) -> str:
    """What a terminal of this width, or a pipe, gets."""
    out = io.StringIO()
    Console(file=out, width=width, force_terminal=terminal, color_system="standard" if terminal else None).print(
        report(several, background)
    )
    return out.getvalue()


def row(text: str, name: str) -> str:
    """The first line that begins with the name, its blanks put together."""
    return " ".join(next(line for line in text.splitlines() if line.startswith(name)).split())


def test_policies_stand_side_by_side_with_their_difference_in_words() -> None:
    """In 80 columns: a figure of each policy, and what changes."""
    text = printed([outcome_a(), outcome_b()])
    assert row(text, "median") == "median 52.0 s 31.0 s 21.0 s shorter (40 %)"
    assert row(text, "total") == "total $9.80 $12.40 $2.60 dearer (27 %)"
    assert row(text, "interrupted again") == "interrupted again 4 0 4 fewer (100 %)"
    assert row(text, "our decisions, p95") == "our decisions, p95 800 ms 800 ms same"
    assert "With B, the median job waits 31 s instead of 52 s" in text


@settings(max_examples=25)
@given(st.lists(outcomes(), min_size=1, max_size=5), st.sampled_from([60, 80, 120]))
def test_it_never_leaves_the_screen(several: list[Outcome], width: int) -> None:
    """Whatever the names and figures, no line is wider than the terminal, and no control character is in it."""
    text = printed(several, width=width)
    for line in text.splitlines():
        assert Console().render_str(line, markup=False).cell_len <= width
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f\u202e]", text)


def test_a_pipe_gets_plain_text() -> None:
    """No escape sequence, and every sentence on a line of its own, unwrapped."""
    text = printed([outcome_a(), broken(outcome_b())], width=4_000)
    assert "\x1b" not in text
    assert any(
        line.rstrip() == "With B, the median job waits 31 s instead of 52 s, and the day costs $12.40 instead of $9.80."
        for line in text.splitlines()
    )


def test_many_policies_are_shown_in_several_tables() -> None:
    """More policies than fit side by side are all there, each with its name and figures."""
    several = [attrs.evolve(outcome_a(), policy=f"policy-{n}", machines=1_000 + n) for n in range(7)]
    text = printed(several)
    for n in range(7):
        assert f"policy-{n}" in text
        assert f"1,00{n}" in text
    assert "fewest: policy-0" in text


def test_colour_says_nothing_that_words_do_not() -> None:
    """Without its escape sequences, a coloured report is the plain one."""
    both = [outcome_a(), outcome_b()]
    coloured = printed(both, terminal=True)
    assert "\x1b[" in coloured
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == printed(both)


def test_a_violation_is_loud_and_can_be_replayed() -> None:
    """It stands above the figures, with rule, story, and the command that shows it again."""
    replays = {"A": "paddock simulate --config a.yml --seed 7", "B": "paddock simulate --config b.yml --seed 7"}
    text = printed([outcome_a(), broken(outcome_b())], Background(replays=replays))
    lines = [line.strip("\u2503 ").strip() for line in text.splitlines()]
    assert "  paddock simulate --config b.yml --seed 7" in [line.rstrip() for line in text.splitlines()]
    assert text.index("VIOLATION") < text.index("With B, the median job")
    for said in (
        "\u2717 B, 2 h 31 min after the start: no machine outlives its purpose",
        "i-1 lived on",
        "02:31 i-1 still there, its job ended at 00:40",
        "paddock simulate --config b.yml --seed 7",
    ):
        assert said in lines
    assert "a.yml" not in text
    assert "VIOLATION" not in printed([outcome_a(), outcome_b()])


def test_a_long_story_is_cut_and_says_so() -> None:
    """A story of a thousand lines does not bury the rest; where it is whole is told."""
    long = attrs.evolve(
        outcome_a(), violations=(Violation(outcome_a().began, "r", "w", tuple(f"line {n}" for n in range(1_000))),)
    )
    text = printed([long])
    assert "line 39" in text
    assert "line 40" not in text
    assert "and 960 more lines, which are in the JSON" in text


def test_hostile_names_stay_text() -> None:
    """A name with markup or escape sequences is shown as written, without the escape."""
    hostile = attrs.evolve(
        broken(outcome_a(), HOSTILE, HOSTILE),
        policy="[red]x[/red]" + HOSTILE,
        workload=HOSTILE,
        waits={HOSTILE: waits(1, 2, 3)},
    )
    text = printed([hostile], width=200)
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "[red]x[/red]" in text


def test_published_figures_stand_next_to_ours_with_their_source() -> None:
    """Cold starts as simulated; what was not simulated says where it is; each rival's figure has its place."""
    lines = beside([outcome_a(), outcome_b()], Background())
    ours = [(line.start, line.who, line.figure) for line in lines if line.ours]
    assert ours == [
        (Start.COLD, "Paddock, A", "p50 52.0 s, p95 2 min 10 s"),
        (Start.COLD, "Paddock, B", "p50 31.0 s, p95 1 min 24 s"),
        (Start.STOPPED, "Paddock", "told by simulate --waits"),
        (Start.HOT, "Paddock", "told by simulate --waits"),
    ]
    assert [(line.who, line.figure, line.source) for line in lines if not line.ours] == [
        (one.who, one.text, one.source) for one in PUBLISHED
    ]
    assert all(one.source for one in PUBLISHED)
    text = printed([outcome_a()])
    assert "under 25 s" in text
    assert "Published figures are their authors' own" in text


@pytest.mark.parametrize("width", [80, 4_000])
def test_what_is_assumed_and_how_to_repeat_it_close_the_report(width: int) -> None:
    """Each parameter with its source, and the command line."""
    background = Background(
        command="paddock simulate --seed 7", assumptions=(Assumption("speed of boot", "8 s", "a page"),)
    )
    text = printed([outcome_a()], background, width)
    assert "a page" in row(text, "speed of boot")
    assert text.rstrip().endswith("paddock simulate --seed 7")
