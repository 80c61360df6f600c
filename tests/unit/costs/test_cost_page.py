"""The page of the daily cost report: one file, well-formed, safe against hostile names, true to the report."""

import json
from itertools import pairwise

import pytest

from paddock.adapters.report.cost_page import bars, page
from paddock.adapters.report.cost_text import cell, cents_text
from paddock.core.codec import from_data
from paddock.core.costs.report import CostReport, DaySpent
from paddock.core.units import DAY, HOUR
from tests.page_reader import Element, read_page
from tests.strategies import NOON
from tests.world.days import House, served, spare
from tests.world.made_up_fleet import HOSTILE

MIDNIGHT = NOON // DAY * DAY


def made(house: House) -> tuple[CostReport, Element]:
    """The report of the 22nd as it is stored, and its page."""
    assert house.task()(cursor="2026-11-21").failed == 0
    report = from_data(json.loads(house.text("cost/2026/11/22.json")), CostReport)
    return report, read_page(house.text("cost/2026/11/22.html"))


@pytest.fixture
def house() -> House:
    """A fleet with a day's machines, some of them with hostile names."""
    made_up = House(MIDNIGHT + DAY + 10 * HOUR)
    made_up.book(
        served(1, MIDNIGHT + HOUR),
        served(2, MIDNIGHT + 2 * HOUR, workflow=HOSTILE, repository=f"acme/{HOSTILE}"),
        spare(3, MIDNIGHT, 9),
    )
    return made_up


def test_the_page_shows_what_the_report_says(house: House) -> None:
    """Its sum, a table for each kind, with every repository and pool."""
    report, found = made(house)
    assert cents_text(report.spent) in found.find("main")[0].text
    titles = {one.text for one in found.find("h2")}
    assert titles >= {"Repositories", "Types", "Pools", "Phases", "What would save money", "Where the prices are from"}
    (table,) = found.find("section", **{"aria-labelledby": "table-repo"})
    assert len(table.find("tr")) == 1 + len(report.repositories)


def test_the_page_loads_nothing_and_runs_nothing(house: House) -> None:
    """No script, no address, no handler, whatever names say."""
    _, found = made(house)
    tags = {element.tag for element in found.walk()}
    assert tags.isdisjoint({"script", "iframe", "img", "link", "object", "form", "a"})
    names = {name for element in found.walk() for name in element.attributes}
    assert not [name for name in names if name.startswith("on") or name in {"href", "src", "style"}]


def test_parts_fill_the_whole_width_and_every_drawing_has_words(house: House) -> None:
    """Shares of the bars add up; who cannot see them hears them."""
    _, found = made(house)
    for drawing in found.find("svg", class_="shares"):
        widths = [float(part.attributes["width"].rstrip("%")) for part in drawing.find("rect")]
        assert 99.9 < sum(widths) < 100.1
        assert drawing.attributes["aria-label"]


def test_a_quiet_day_is_a_page_too() -> None:
    """Without drawings, for there is nothing to draw."""
    report, found = made(House(MIDNIGHT + DAY + 10 * HOUR))
    assert report.quiet
    assert "A quiet day" in found.text
    assert found.find("svg", class_="shares") == []


def test_equal_reports_are_equal_pages(house: House) -> None:
    """No clock is read."""
    report, _ = made(house)
    assert page(report) == page(report) == house.text("cost/2026/11/22.html")


def test_the_dearest_day_is_the_highest_column_and_a_free_one_has_none() -> None:
    """All lie within the drawing, side by side."""
    found = list(bars((DaySpent("2026-11-20", 0), DaySpent("2026-11-21", 500), DaySpent("2026-11-22", 1_000))))
    assert [bar.height for bar in found] == [0, 59, 118]
    assert all(one.x + one.width <= other.x for one, other in pairwise(found))
    assert [bar.height for bar in bars((DaySpent("2026-11-22", 0),))] == [0]


@pytest.mark.parametrize(
    ("amount", "text"),
    [(0, "$0.00"), (4_999, "< $0.01"), (5_000, "$0.01"), (1_234_567_890_000, "$1,234,567.89"), (-20_000, "-$0.02")],
)
def test_money_is_told_to_the_cent(amount: int, text: str) -> None:
    """What is little is not told as nothing."""
    assert cents_text(amount) == text


@pytest.mark.parametrize("start", ["=", "+", "-", "@"])
def test_a_spreadsheet_takes_no_name_for_a_formula(start: str) -> None:
    """An apostrophe makes it text."""
    assert cell(f"{start}A1") == f"'{start}A1"
    assert cell(f"a{start}") == f"a{start}"
