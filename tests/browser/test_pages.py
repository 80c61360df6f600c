"""Our pages, opened in headless Chromium at a laptop's, a tablet's and a phone's width, by day and by night.

``nox -s browser`` runs them and leaves pictures of all of them in ``build/screens``.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.browser import pages
from tests.browser.chromium import NARROW, WIDE, Browser, Look, Scheme

TIGHT = 920  # the narrowest window in which tables are tables, or a little more
EVERYWHERE: list[tuple[int, Scheme]] = [
    *((WIDE, scheme) for scheme in ("light", "dark")),
    *((NARROW, scheme) for scheme in ("light", "dark")),
    (TIGHT, "light"),
]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the pages are."""
    return tmp_path_factory.mktemp("pages")


@pytest.fixture(scope="module", autouse=True)
def demo(home: Path) -> Iterator[Callable[[], tuple[int, str]]]:
    """The demo, which takes a while and is looked at last."""
    with pages.begun(home, "demo", "--json", "--directory", "demo") as ended:
        yield ended


def looked_at(browser: Browser, page: Path, screen: str) -> Look:
    """The page at every width and in every scheme, with nothing wrong in any; how it is on a laptop, by day."""
    looks = [browser.look(page.as_uri(), width, scheme, screen=screen) for width, scheme in EVERYWHERE]
    for (width, scheme), look in zip(EVERYWHERE, looks, strict=True):
        assert look.wrong == (), f"{screen} at {width} px, {scheme}"
        assert look.asked == (page.as_uri(),)
        assert look.charts == looks[0].charts
    return looks[0]


def test_the_cost_report_of_a_day(browser: Browser, home: Path) -> None:
    """Shares of what was paid for and a column for each day, all of them to be seen."""
    look = looked_at(browser, pages.cost_page(home), "cost")
    assert look.title == "prod: costs of 2026-11-24"
    assert look.marks("What it was paid for") == [4]
    assert look.marks("What machines did for it")[0] >= 3
    assert look.marks("Cost of each day that is reported, 2026-11-12 to 2026-11-24") == [14]  # 13 days and the ground


def test_the_cost_report_of_a_quiet_day(browser: Browser, home: Path) -> None:
    """It has no drawing of nothing."""
    look = looked_at(browser, pages.quiet_cost_page(home), "cost-quiet")
    assert look.marks("What machines did for it") == []


@pytest.mark.parametrize(("make", "policies"), [(pages.simulated_page, 2), (pages.simulated_alone, 1)])
def test_the_page_of_a_simulation(browser: Browser, home: Path, make: Callable[[Path], Path], policies: int) -> None:
    """Waits, costs, the fleet over time, and calls against their limits, drawn for each policy."""
    page = make(home)
    look = looked_at(browser, page, page.stem)
    for said, marks in {
        "Wait of all jobs": 4,
        "Mean wait by part": 4,
        "Cost by purpose": 5,
        "Machines, busy machines and waiting jobs over time": 5,
        "GitHub with": 2,
    }.items():
        assert len(look.marks(said)) == policies
        assert min(look.marks(said)) >= marks


def test_the_drawing_of_the_dashboard(browser: Browser, home: Path) -> None:
    """It is as wide as a dashboard, and its curves, areas and texts are all within it."""
    drawing = pages.dashboard(home)
    look = browser.look(drawing.as_uri(), 1440, screen="dashboard")
    assert look.wrong == ()
    assert look.marks("Dashboard of simulated")[0] > 50


@pytest.mark.parametrize("make", [pages.strange_cost_page, pages.strange_simulated_page, pages.strange_timeline])
def test_names_that_strangers_chose_run_nothing_and_break_nothing(
    browser: Browser, home: Path, make: Callable[[Path], Path]
) -> None:
    """Markup, text from right to left and names without an end are shown within their places."""
    page = make(home)
    look = looked_at(browser, page, page.stem)
    assert look.charts


def test_a_timeline_without_a_job(browser: Browser, home: Path) -> None:
    """Before the first job there is a page, too."""
    looked_at(browser, pages.quiet_timeline(home), "timeline-quiet")


def test_the_timeline_of_the_demo(browser: Browser, home: Path, demo: Callable[[], tuple[int, str]]) -> None:
    """Every job and machine has a row in which something is drawn; how the demo goes is judged by its own tests."""
    code, said = demo()
    assert code in {0, 1}, said
    look = looked_at(browser, home / "demo" / "timeline.html", "timeline")
    assert look.marks("lint: success")[0] >= 3
    assert len(look.charts) > 40
    assert min(count for _, count in look.charts) >= 1


BAD = """<!doctype html><html><head><meta charset="utf-8"><style>
p { color: #bbb; background: #fff; } .wide { width: 2000px; } .two { margin-top: -1.5em; }
.torn { width: 1em; overflow-wrap: anywhere; } .cut { width: 3em; overflow: hidden; white-space: nowrap; }
</style></head><body><p>too pale</p><p class="torn">narrow</p><div class="wide">wide</div><b>one</b>
<div class="two">another</div><div class="cut">nobody can read the end of this</div>
<img src="http://example.com/a.png">
<svg width="100" height="50"><rect x="90" width="40" height="20" fill="red"/></svg></body></html>"""


def test_what_is_wrong_with_a_page_is_seen(browser: Browser, tmp_path: Path) -> None:
    """The look that finds nothing wrong with our pages finds it in one that is."""
    page = tmp_path / "bad.html"
    page.write_text(BAD, encoding="utf-8")
    wrong = "\n".join(browser.look(page.as_uri()).wrong)
    for said in (
        *("it has no title", "its language", "not one h1", "2008 px wide, the window 1280", "no alt", "not loaded"),
        *(
            "contrast of 1.9",
            "a drawing without a name",
            "30.0 px outside of its drawing",
            "cut off",
            "lies on",
            "torn apart",
        ),
        *("asks for http://example.com/a.png", "ERR_NAME_NOT_RESOLVED"),
    ):
        assert said in wrong
    page.write_text("<!doctype html><title>x</title><script>alert(1)</script>", encoding="utf-8")
    assert browser.look(page.as_uri()).wrong == ("an alert says '1'",)
