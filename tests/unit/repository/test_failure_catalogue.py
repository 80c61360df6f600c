"""The catalogue of failures (docs/failure-modes.md) is whole, counts right, and names tests that exist."""

import ast
import re
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

from tests.mutants import HOUSE_MUTANTS, MUTANTS, POOL_MUTANTS

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "failure-modes.md").read_text(encoding="utf-8")
SECTIONS = {"A": 14, "B": 25, "C": 19, "D": 26, "E": 18, "F": 17, "G": 7, "H": 18, "I": 16, "J": 5}
ANSWERS = ("tested", "by design", "n/a", "later")
OWNERS = ("pools", "AWS adapters", "housekeeping", "cost reports", "retry and breaker", "deployment")
ROW = re.compile(r"\| ([A-Z]\d+) \| ([^|]+) \| ([^|]+) \| ([^|]+) \|")
TEST = re.compile(r"`(tests/[a-z0-9_/]+\.py)::(test_[a-z0-9_]+)`")

Row = tuple[str, str, str, str]


def rows(page: str = PAGE) -> list[Row]:
    """Every line that looks like a row: its id, the failure, the kind of answer, the answer."""
    found = []
    for line in page.splitlines():
        if re.match(r"\| [A-Z]\d", line):
            row = ROW.fullmatch(line)
            assert row is not None, f"this row has not four cells: {line}"
            found.append((row[1], row[2].strip(), row[3].strip(), row[4].strip()))
    return found


@cache
def defined_in(file: str) -> frozenset[str]:
    """The tests that a file defines, by the names of their functions; none if there is no such file."""
    if not (ROOT / file).is_file():
        return frozenset()
    module = ast.parse((ROOT / file).read_text(encoding="utf-8"), file)
    return frozenset(node.name for node in module.body if isinstance(node, ast.FunctionDef))


def faults_of(row: Row) -> list[str]:
    """What is wrong with a row."""
    name, failure, kind, answer = row
    named = TEST.findall(answer)
    faults = [f"{name}: there is no {file}::{test}" for file, test in named if test not in defined_in(file)]
    if len(failure.split()) < 3:
        faults.append(f"{name}: the failure is not told")
    if kind not in ANSWERS:
        faults.append(f"{name}: {kind!r} is no kind of answer")
    elif kind == "tested":
        if answer != "<br>".join(f"`{file}::{test}`" for file, test in named) or not named:
            faults.append(f"{name}: a tested row names tests, and nothing else")
    elif len(answer.split()) < 3:
        faults.append(f"{name}: {kind} needs a few words why")
    if kind == "later" and not answer.startswith(tuple(f"{owner}: " for owner in OWNERS)):
        faults.append(f"{name}: later needs the part that will own it: {', '.join(OWNERS)}")
    return faults


def test_every_row_is_there_once_and_in_its_place() -> None:
    """None was forgotten and none is told twice: each section counts from one, without gaps."""
    assert [row[0] for row in rows()] == [
        f"{letter}{n}" for letter, most in SECTIONS.items() for n in range(1, most + 1)
    ]
    letters = re.findall(r"^## ([A-Z])\. ", PAGE, re.MULTILINE)
    assert letters == list(SECTIONS)


def test_every_row_has_a_good_answer() -> None:
    """Tests that exist, or a few words why there are none, or the part that will own it."""
    assert [fault for row in rows() for fault in faults_of(row)] == []


def test_the_counts_at_the_top_are_those_of_the_rows() -> None:
    """In all, and for each kind of answer."""
    told = dict(re.findall(r"^\| ([a-z/ ]+) \| (\d+) \|", PAGE, re.MULTILINE))
    counted = Counter(row[2] for row in rows())
    assert {kind: int(number) for kind, number in told.items()} == {kind: counted[kind] for kind in ANSWERS}
    total = re.search(r"(\d+) failures", PAGE)
    assert total is not None
    assert int(total[1]) == sum(counted.values()) == sum(SECTIONS.values())


GOOD = "`tests/unit/repository/test_failure_catalogue.py::test_every_row_has_a_good_answer`"


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        (("A1", "All goes wrong", "tested", GOOD.replace("good", "bad")), "there is no"),
        (("A1", "All goes wrong", "tested", "`tests/unit/test_nowhere.py::test_it`"), "there is no"),
        (("A1", "All goes wrong", "tested", f"{GOOD} mostly"), "and nothing else"),
        (("A1", "All goes wrong", "tested", "believe me, please"), "and nothing else"),
        (("A1", "All goes wrong", "by design", "no"), "a few words why"),
        (("A1", "All goes wrong", "later", "some day, perhaps"), "the part that will own it"),
        (("A1", "All goes wrong", "maybe", "who can say"), "no kind of answer"),
        (("A1", "Bad", "tested", GOOD), "is not told"),
    ],
)
def test_a_bad_row_would_be_found(row: Row, fault: str) -> None:
    """The judge above can say no: each kind of fault is found, and a good row has none."""
    assert [fault in found for found in faults_of(row)] == [True]
    assert faults_of(("A1", "All goes wrong", "tested", GOOD)) == []


def test_every_row_of_pools_and_housekeeping_has_a_planted_bug_or_a_reason() -> None:
    """And no row has both."""
    planted = {row for mutant in (*MUTANTS, *POOL_MUTANTS, *HOUSE_MUTANTS) for row in mutant.rows.split(", ")}
    excused = re.findall(r"^\* ((?:[A-Z]\d+(?:, )?)+): ", PAGE.split("## Planted bugs\n", 1)[1], re.MULTILINE)
    without = [row for several in excused for row in several.split(", ")]
    wanted = {f"{letter}{n}" for letter in "DH" for n in range(1, SECTIONS[letter] + 1)}
    assert len(set(without)) == len(without)
    assert wanted - planted == set(without)
    assert planted <= {row[0] for row in rows()}
