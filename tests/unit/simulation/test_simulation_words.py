"""Figures and differences in words: what the report says is what the figures are."""

import shlex

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from paddock.adapters.simulation.outcome import Jobs, Outcome, Spread
from paddock.adapters.simulation.render.command import command_lines
from paddock.adapters.simulation.render.headline import alarm, headline, more
from paddock.adapters.simulation.render.tables import Row, calls, cost, cost_per_job, jobs, label_sets, sections
from paddock.adapters.simulation.render.words import (
    BAD,
    COUNT,
    GOOD,
    MONEY,
    PRICE,
    WAIT,
    Scale,
    about,
    count_text,
    dollars_text,
    length_text,
    per_cent,
)
from paddock.core.units import DAY, DOLLAR, HOUR, MINUTE, SECOND, span_text
from tests.unit.simulation.outcomes import broken, outcome_a, outcome_b, outcomes, waits


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        (0, "$0"),
        (50, "$0.0001"),
        (4_100, "$0.0041"),
        (50_000, "$0.05"),
        (99_999, "$0.1000"),
        (100_000, "$0.10"),
        (12_400_000, "$12.40"),
        (12_405_000, "$12.41"),
        (1_204_500_000, "$1,204.50"),
        (-2_600_000, "-$2.60"),
    ],
)
def test_money_is_told_in_cents_where_they_say_enough(amount: int, text: str) -> None:
    """Cents for what people pay, hundredths of a cent for what a job costs."""
    assert dollars_text(amount) == text


@pytest.mark.parametrize(
    ("span", "text"),
    [
        (0, "0 ms"),
        (4_250_000, "4.2 s"),
        (31 * SECOND, "31 s"),
        (31_500_000, "32 s"),
        (59_700_000, "1 min 00 s"),
        (3 * MINUTE + 5_400_000, "3 min 05 s"),
        (MINUTE + 2_700_000, "1 min 02 s"),
        (-12 * SECOND, "-12 s"),
    ],
)
def test_a_span_in_a_sentence_is_rounded(span: int, text: str) -> None:
    """Whole seconds from ten seconds on, nobody reads tenths there; from a minute on as in the tables."""
    assert about(span) == text


def test_long_spans_are_told_in_days() -> None:
    """A month is not 744 hours."""
    assert [length_text(span) for span in (HOUR, DAY, 2 * DAY, 31 * DAY + 5 * HOUR)] == [
        *("1 h 00 min", "24 h 00 min", "2 d", "31 d 5 h")
    ]


@given(st.integers(0, 10**12), st.integers(0, 10**12))
def test_a_share_is_never_rounded_to_nothing(part: int, whole: int) -> None:
    """``0 %`` means nothing at all, a dash means that there is nothing to compare with."""
    told = per_cent(part, whole)
    assert (told == "0 %") == (part == 0 and whole > 0)
    assert (told == "\u2013") == (whole == 0)
    if told.removesuffix(" %").isdecimal():
        assert abs(int(told.removesuffix(" %")) * whole - part * 100) * 2 <= whole


@pytest.mark.parametrize(
    ("scale", "first", "other", "told", "judged"),
    [
        (WAIT, 52 * SECOND, 31 * SECOND, "21.0 s shorter (40 %)", 1),
        (WAIT, 31 * SECOND, 52 * SECOND, "21.0 s longer (68 %)", -1),
        (PRICE, 9_800_000, 12_400_000, "$2.60 dearer (27 %)", -1),
        (PRICE, 12_400_000, 9_800_000, "$2.60 cheaper (21 %)", 1),
        (MONEY, 500_000, 100_000, "$0.40 less (80 %)", 0),
        (COUNT, 0, 3, "3 more", 0),
        (COUNT, 1, 1_000, "999 more", 0),
        (GOOD, 2_390, 2_396, "6 more (under 1 %)", 1),
        (BAD, 4, 0, "4 fewer (100 %)", 1),
        (BAD, 7, 7, "same", 0),
        (WAIT, None, 5, "", 0),
    ],
)
def test_a_difference_is_a_word(scale: Scale, first: int | None, other: int | None, told: str, judged: int) -> None:
    """How much, which way, and what share of the first; and whether that is good news."""
    assert scale.difference(first, other) == told
    assert scale.judged(first, other) == judged


def test_of_several_the_best_is_named() -> None:
    """With more than two policies a row says who stands out, all of them if several do."""
    row = Row("median", (3, 1, 1, None), WAIT)
    assert row.difference(["A", "B", "C", "D"]) == "shortest: B, C"
    assert Row("served", (3, 1, 3), GOOD).difference(["A", "B", "C"]) == "most: A, C"
    assert Row("served", (3, 3, 3), GOOD).difference(["A", "B", "C"]) == "same"
    assert Row("median", (None, None, None), WAIT).difference(["A", "B", "C"]) == ""
    assert Row("median", (1,), WAIT).difference(["A"]) == ""


def test_the_headline_of_two_says_what_changes() -> None:
    """The second policy is told against the first, in the figures of the outcomes."""
    assert headline([outcome_a(), outcome_b()]) == (
        "With B, the median job waits 31 s instead of 52 s, and the day costs $12.40 instead of $9.80."
    )


def test_the_headline_claims_no_difference_that_rounds_away() -> None:
    """What reads the same is not told as a change."""
    near = attrs.evolve(outcome_a(), policy="B", wait=waits(52.2, 130, 310))
    assert (
        headline([outcome_a(), near])
        == "With B, the median job waits 52 s, as with A, and the day costs $9.80 as before."
    )


def test_the_headline_of_one_and_of_several() -> None:
    """One policy is told as it is; of several, who waits least and who costs least."""
    assert headline([outcome_a()]) == (
        "With A, the median job waits 52 s, 95 of 100 at most 2 min 10 s, and the day costs $9.80."
    )
    third = attrs.evolve(outcome_a(), policy="C", cost=attrs.evolve(outcome_a().cost, spot=DOLLAR))
    assert headline([outcome_a(), outcome_b(), third]) == (
        "Of 3 policies B has the shortest median wait, 31 s, and the day costs least with C: $4.80."
    )


def test_the_headline_does_without_waits() -> None:
    """Where no job started, no wait is made up."""
    none = attrs.evolve(outcome_b(), wait=attrs.evolve(outcome_b().wait, total=Spread()))
    assert headline([none]) == "With B, no job started, and the day costs $12.40."
    assert headline([outcome_a(), none]).startswith("With B, no job started, and")
    assert headline([none, outcome_a()]).startswith("With A, the median job waits 52 s, where with B none started, and")
    assert headline([none, none, none]).startswith("With none of 3 policies a job started;")


@pytest.mark.parametrize(
    ("length", "told"),
    [
        (DAY, "the day"),
        (DAY + 5 * HOUR, "the day"),
        (7 * DAY + HOUR, "the week"),
        (30 * DAY, "the month"),
        (3 * HOUR, "the 3 h 00 min"),
    ],
)
def test_the_headline_names_the_stretch_of_time(length: int, told: str) -> None:
    """A day is called a day also when its last job ran on for a while."""
    assert f"and {told} costs $9.80" in headline([attrs.evolve(outcome_a(), ended=outcome_a().began + length)])


@given(st.lists(outcomes(), min_size=1, max_size=4))
def test_the_headline_is_true(several: list[Outcome]) -> None:
    """Whatever the outcomes, every figure in the sentence is one of theirs, and who is praised deserves it."""
    named = [attrs.evolve(one, policy=f"P{place}") for place, one in enumerate(several)]
    told = headline(named)
    assert told.endswith(".")
    if len(named) == 1:
        assert dollars_text(named[0].cost.total) in told
    elif len(named) == 2:
        first, other = named
        assert dollars_text(other.cost.total) in told
        assert ("instead of " + dollars_text(first.cost.total) in told) == (
            dollars_text(first.cost.total) != dollars_text(other.cost.total)
        )
        if other.wait.total.count:
            assert f"waits {about(other.wait.total.p50)}" in told
    else:
        cheapest = min(one.cost.total for one in named)
        assert f": {dollars_text(cheapest)}" in told
        waited = [one.wait.total.p50 for one in named if one.wait.total.count]
        assert not waited or f"shortest median wait, {about(min(waited))}," in told


def test_each_policy_is_told_in_a_sentence() -> None:
    """Below the headline stands what became of the jobs; what did not happen is not told."""
    told = list(more([outcome_a(), attrs.evolve(outcome_b(), jobs=attrs.evolve(outcome_b().jobs, failed=0))]))
    assert told[0] == (
        "A: of 2,412 jobs 2,390 were served, 8 failed, 10 cancelled, 3 rejected, 1 abandoned, 20 interrupted by the "
        "cloud; $0.0041 for each served."
    )
    assert "failed" not in told[1]
    assert "try other seeds" in told[2]
    assert len(list(more([outcome_a()]))) == 1


def test_jobs_of_others_are_told_apart() -> None:
    """They are no failure, and the way to have them is told; a load of nothing else has no other sentence."""
    hint = "not the fleet's, by the labels; aliases in paddock.yml give such jobs machines."
    some = attrs.evolve(outcome_a(), jobs=attrs.evolve(outcome_a().jobs, others=1_200))
    assert list(more([some])) == [f"A: 1,200 jobs are {hint}", *more([outcome_a()])]
    assert list(more([attrs.evolve(outcome_a(), jobs=Jobs(others=1))])) == [f"A: 1 job is {hint}"]
    assert figures(jobs([some, outcome_a()]).rows)["not the fleet's"] == ("1,200", "0")
    assert "not the fleet's" not in figures(jobs([outcome_a()]).rows)


def test_violations_are_counted_by_policy() -> None:
    """Silence if there are none; else how many, and with whom."""
    assert alarm([outcome_a(), outcome_b()]) == ""
    assert alarm([outcome_a(), broken(outcome_b())]) == (
        "A rule was broken that must never be: 1 with B. Do not rely on the figures below."
    )
    twice = broken(outcome_a())
    twice = attrs.evolve(twice, violations=twice.violations * 2)
    assert alarm([twice, broken(outcome_b())]).startswith("Rules were broken that must never be: 2 with A, 1 with B.")


def figures(rows: tuple[Row, ...]) -> dict[str, tuple[str, ...]]:
    """The rows' cells by name."""
    return {row.name: row.cells for row in rows}


def test_the_tables_state_the_outcomes_figures() -> None:
    """Waits, jobs, money and calls, policy by policy."""
    both = [outcome_a(), outcome_b()]
    told = figures(jobs(both).rows)
    assert told["served"] == ("2,390", "2,396")
    assert told["interrupted again"] == ("4", "0")
    assert told["machine time in vain"] == ("3 h 00 min", "40 min 00 s")
    money = figures(cost(both).rows)
    assert money["total"] == ("$9.80", "$12.40")
    assert money["per served job"] == ("$0.0041", "$0.0052")
    assert money["machines idle"] == ("$0.50", "$2.90")
    assert money["free of charge"] == ("$0.25", "$0")
    asked = figures(calls(both).rows)
    assert asked["GitHub generate-jitconfig"] == ("2,460", "2,410")
    assert asked["most in 1 min"] == ("61 of 180 (34 %)", "64 of 180 (36 %)")
    assert asked["refused as too many"] == ("3", "0")
    first, *_ = sections(both)
    assert figures(first.rows)["99 of 100 within"] == ("5 min 10 s", "3 min 10 s")


def test_label_sets_with_the_most_jobs_come_first_and_the_rest_is_counted() -> None:
    """A workload of a hundred label sets does not bury the report, and says what it leaves out."""
    many = {f"set-{n:02}": waits(30, 60, 90, count=n) for n in range(1, 21)}
    crowded = attrs.evolve(outcome_a(), waits=many)
    assert label_sets([crowded])[:2] == ["set-20", "set-19"]
    shown = [section for section in sections([crowded], most_label_sets=5) if section.title.startswith("Wait of")]
    assert len(shown) == 5
    assert shown[-1].note == "15 more label sets with fewer jobs are in the JSON"


def test_a_label_set_that_one_policy_never_served_has_no_figures_there() -> None:
    """A dash, not a wait of nothing."""
    without = attrs.evolve(outcome_b(), waits={})
    section = next(one for one in sections([outcome_a(), without]) if one.title == "Wait of paddock/cpu=4")
    assert figures(section.rows)["median"] == ("50.0 s", "\u2013")
    assert section.rows[1].difference(["A", "B"]) == ""


@given(outcomes())
def test_a_jobs_cost_is_its_share_of_the_total(outcome: Outcome) -> None:
    """Rounded to the micro-dollar; nothing is said where nothing was served."""
    each = cost_per_job(outcome)
    served = outcome.jobs.served
    assert (each is None) == (served == 0)
    if each is not None:
        assert abs(each * served - outcome.cost.total) * 2 <= served


@given(st.integers(0, 10**9))
def test_counts_are_grouped(count: int) -> None:
    """Thousands are told apart, and nothing is lost."""
    assert int(count_text(count).replace(",", "")) == count
    assert span_text(MINUTE) == "1 min 00 s"


@given(st.lists(st.text("ab -'\"\\\\/", min_size=1, max_size=8), min_size=1, max_size=20), st.integers(60, 120))
def test_a_long_command_can_still_be_copied(words: list[str], width: int) -> None:
    """Where it does not fit on a line it goes on as a shell lets it; a shell reads the same words."""
    lines = command_lines(shlex.join(["paddock", *words]), width)
    assert all(len(line) <= width for line in lines)
    assert all(line.endswith(" \\") for line in lines[:-1])
    together = " ".join([*(line.removesuffix("\\") for line in lines[:-1]), lines[-1]])
    assert shlex.split(together) == ["paddock", *words]


def test_an_option_keeps_its_value() -> None:
    """A line is broken between options, not within them; a word longer than the line stays whole."""
    long = "x" * 70
    command = f"paddock simulate {long} --config a.yml --config bbbbbbbb.yml --seed 7"
    assert command_lines(command, 40) == [
        "paddock simulate \\",
        f"    {long} \\",
        "    --config a.yml \\",
        "    --config bbbbbbbb.yml --seed 7",
    ]
    assert command_lines("paddock simulate", 40) == ["paddock simulate"]
