"""The page of a simulation: one file, well-formed, safe against hostile names, true to the outcomes, usable by ear."""

import base64
import hashlib
import math
import re
from collections.abc import Sequence

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paddock.adapters.simulation.outcome import Calls, Outcome
from paddock.adapters.simulation.render.background import Assumption, Background
from paddock.adapters.simulation.render.charts import log_axis
from paddock.adapters.simulation.render.page import render
from paddock.core.units import HOUR, MINUTE, SECOND
from tests.page_reader import Element, read_page
from tests.unit.simulation.outcomes import broken, outcome_a, outcome_b, outcomes, waits
from tests.world.made_up_fleet import HOSTILE

BACKGROUND = Background(
    command="paddock simulate --config a.yml --config b.yml --seed 7",
    replays={"A": "paddock simulate --config a.yml --seed 7", "B": "paddock simulate --config b.yml --seed 7"},
    assumptions=(Assumption("boot, cold", "p50 8 s", "RunsOn's page on warm pools"),),
)


@pytest.fixture(scope="module")
def html() -> str:
    """The page of two policies."""
    return render([outcome_a(), outcome_b()], BACKGROUND)


@pytest.fixture(scope="module")
def page(html: str) -> Element:
    """It, read back."""
    return read_page(html)


def page_of(several: Sequence[Outcome], background: Background = BACKGROUND) -> Element:
    """The page of these, read back."""
    return read_page(render(several, background))


def section(page: Element, name: str) -> Element:
    """The section whose heading has this id."""
    (found,) = page.find("section", **{"aria-labelledby": name})
    return found


def cells(page: Element, name: str) -> dict[str, list[str]]:
    """The rows of a section's tables by their headings."""
    rows = section(page, name).find("tr")
    return {
        row.find("th")[0].text: [cell.text for cell in row.find("td")]
        for row in rows
        if row.find("th") and row.find("td")
    }


def test_the_page_asks_nothing_of_the_network(html: str, page: Element) -> None:
    """No address outside, no script, no embedded thing, no style attribute, no link that leads away."""
    assert not re.search(r"https?:|//[a-z]", html)
    assert "@import" not in html
    assert "url(" not in html
    forbidden = {"script", "img", "iframe", "object", "embed", "link", "base", "form", "audio", "video", "source", "a"}
    assert not {element.tag for element in page.walk()} & forbidden
    for element in page.walk():
        assert not {"src", "srcset", "action", "data", "style", "href"} & set(element.attributes)
        assert not [name for name in element.attributes if name.startswith("on")]


def test_the_policy_allows_the_pages_own_style_and_nothing_else(page: Element) -> None:
    """The one style sheet is allowed by its digest; everything else is refused by the browser."""
    (policy,) = page.find("meta", **{"http-equiv": "Content-Security-Policy"})
    (style,) = page.find("style")
    text = "".join(map(str, style.children))
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    rules = policy.attributes["content"].split("; ")
    assert rules == ["default-src 'none'", f"style-src 'sha256-{digest}'", "base-uri 'none'", "form-action 'none'"]
    assert "prefers-color-scheme: dark" in text


def test_every_class_that_is_drawn_has_a_style(page: Element) -> None:
    """A class without a rule would be drawn black on whatever."""
    (style,) = page.find("style")
    text = "".join(map(str, style.children))
    drawn = {"rect", "path", "circle", "line"}
    names = {name for one in page.walk() if one.tag in drawn for name in one.attributes.get("class", "").split()}
    assert names
    assert [name for name in sorted(names) if f".{name}" not in text] == []


def test_the_headline_is_the_first_thing_said(page: Element) -> None:
    """The sentence that a manager takes home, then the figures behind it."""
    (headline,) = page.find("p", class_="headline")
    assert headline.text == (
        "With B, the median job waits 31 s instead of 52 s, and the day costs $12.40 instead of $9.80."
    )
    told = [card.text for card in page.find("article", class_="card")]
    assert told[0] == "Median wait A 52.0 s B 31.0 s better: 21.0 s shorter (40 %) against A"
    assert told[2] == "Cost A $9.80 B $12.40 worse: $2.60 dearer (27 %) against A"


def test_the_tables_state_the_outcomes_figures(page: Element) -> None:
    """Each figure stands in its section, with the difference in words."""
    assert cells(page, "cost")["machines idle"] == ["$0.50", "$2.90", "$2.40 more (480 %)"]
    assert cells(page, "jobs")["interrupted"] == ["20", "5", "better: 15 fewer (75 %)"]
    assert cells(page, "calls")["GitHub generate-jitconfig"] == ["2,460", "2,410", "50 fewer (2 %)"]
    assert cells(page, "fleet")["taken back"] == ["24", "6", "better: 18 fewer (75 %)"]
    assert cells(page, "waits")["boot, p50"] == ["17.3 s", "10.3 s", "better: 7.0 s shorter (40 %)"]
    assert cells(page, "assumed")["boot, cold"] == ["p50 8 s", "RunsOn's page on warm pools"]
    assert "paddock simulate --config a.yml --config b.yml --seed 7" in section(page, "repeat").text


def test_every_drawing_can_be_heard(page: Element) -> None:
    """A drawing has a title and a description of its own, by ids that are there once; what is mere scale is hidden."""
    ids = [element.attributes["id"] for element in page.walk() if "id" in element.attributes]
    assert len(ids) == len(set(ids))
    drawings = [svg for svg in page.find("svg") if svg.attributes.get("role") == "img"]
    assert len(drawings) == 2 * 3 + 2 + 2 + 2 + 2 * 2  # waits, their parts, cost, fleets, calls
    for svg in drawings:
        title, desc = svg.attributes["aria-labelledby"].split()
        assert {title, desc} <= set(ids)
        assert svg.find("title", id=title)[0].text
        assert svg.find("desc", id=desc)[0].text
    for table in page.find("table"):
        heads = [cell for cell in table.find("th") if cell.attributes.get("scope") in {"col", "row"}]
        assert len(heads) == len(table.find("th"))


def test_the_fleets_drawings_say_how_high_they_are(page: Element) -> None:
    """Each has the most machines and the most waiting jobs of all policies at the top of its two scales."""
    tops = [one.text for one in section(page, "fleet").find("text", class_="top")]
    assert tops == ["43 machines", "24 waiting"] * 2


def test_what_was_not_simulated_is_not_called_unpublished(page: Element) -> None:
    """Our own lines say where stopped and hot waits are to be had; only the others' parts are not published."""
    rows = [row.text for row in section(page, "others").find("tr")]
    assert "stopped Paddock told by simulate --waits" in rows
    assert any(row.startswith("stopped RunsOn under 15 s not published") for row in rows)


def test_every_drawing_has_its_figures_as_a_table(page: Element) -> None:
    """Waits by label set and the fleet over time are there as numbers too."""
    captions = [caption.text for caption in section(page, "waits").find("caption")]
    assert captions == ["Wait, from queueing to start", "Wait of paddock/cpu=4", "Wait of paddock/cpu=8/arch=arm64"]
    over_time = cells(page, "fleet")
    assert over_time["12:00:00"] == ["39", "29", "24", "43", "32", "11"]


def test_a_violation_stands_above_everything_with_its_story() -> None:
    """Rule, what happened, what led to it, and the command that shows it again, before the first figure."""
    bad = page_of([outcome_a(), broken(outcome_b())])
    (main,) = bad.find("main")
    first = next(one for one in main.children if isinstance(one, Element))
    assert "alarm" in first.attributes["class"]
    assert first.find("h3")[0].text == "B, 2 h 31 min after the start: no machine outlives its purpose"
    assert [line.text for line in first.find("li")][1] == "00:04 i-1 launched"
    assert first.find("code")[0].text == "paddock simulate --config b.yml --seed 7"
    assert not page_of([outcome_a()]).find("section", class_="alarm")


def test_colour_is_not_the_only_sign(page: Element) -> None:
    """Better and worse are written out wherever they are coloured."""
    judged = [one for one in page.walk() if {"better", "worse"} & set(one.attributes.get("class", "").split())]
    assert judged
    for one in judged:
        assert re.match("(better|worse): ", one.text)


def test_waits_are_drawn_in_the_order_of_their_length(page: Element) -> None:
    """On the scale, the median lies left of p95 and p99, and the shorter wait left of the longer one."""
    lanes = [svg for svg in section(page, "waits").find("svg") if svg.find("circle")]
    middles = []
    for svg in lanes:
        (whisker,) = svg.find("line", class_="whisker")
        (body,) = svg.find("line", class_="body")
        p50, p95, p99 = (
            float(x.removesuffix("%")) for x in (body.attributes["x1"], body.attributes["x2"], whisker.attributes["x2"])
        )
        assert 0 <= p50 < p95 < p99 <= 100
        middles.append(p50)
    assert middles[1] < middles[0]


def test_cost_bars_share_one_scale(page: Element) -> None:
    """The dearest policy fills the width, the other its share of it."""
    widths = [
        sum(float(rect.attributes["width"].removesuffix("%")) for rect in svg.find("rect"))
        for svg in section(page, "cost").find("svg")
        if svg.find("rect")
    ]
    assert widths == [pytest.approx(980 / 12.4, abs=0.1), pytest.approx(100, abs=0.1)]


def test_hostile_names_stay_text() -> None:
    """A policy, label set, API, rule, story or assumption with markup in it is shown as written, and is no element."""
    plain = {element.tag for element in page_of([broken(outcome_a())]).walk()}
    hostile = attrs.evolve(
        broken(outcome_a(), HOSTILE, HOSTILE),
        policy=HOSTILE,
        workload=HOSTILE,
        waits={HOSTILE: waits(1, 2, 3)},
        calls=(Calls(HOSTILE, 1, 1, 2, SECOND),),
    )
    background = Background(HOSTILE, {HOSTILE: HOSTILE}, HOSTILE, assumptions=(Assumption(HOSTILE, HOSTILE, HOSTILE),))
    bad = page_of([hostile], background)
    assert {element.tag for element in bad.walk()} <= plain
    assert bad.find("h1")[0].text.startswith("Simulation of </title><script>alert")
    everything = "".join(element.text + "".join(element.attributes.values()) for element in bad.walk())
    assert "\x1b" not in everything
    assert "\u202e" not in everything


def assert_drawn_inside(page: Element) -> None:
    """Every coordinate is a finite number, none in per cent leaves the drawing, and paths stay on their canvas."""
    for element in page.walk():
        for name in ("x", "x1", "x2", "cx", "width", "y", "y1", "y2", "cy", "height", "r", "rx"):
            value = element.attributes.get(name)
            if value is not None:
                number = float(value.removesuffix("%"))
                assert math.isfinite(number), (element.tag, name, value)
                assert 0 <= number <= (100.001 if value.endswith("%") else 1_000), (element.tag, name, value)
        x, width = element.attributes.get("x", ""), element.attributes.get("width", "")
        if x.endswith("%") and width.endswith("%"):
            assert float(x[:-1]) + float(width[:-1]) <= 100.01, (element.tag, x, width)
        if element.tag == "path" and element.attributes.get("class", "").startswith("area"):
            drawn = element.attributes["d"]
            assert all(0 <= int(x) <= 1_000 for x in re.findall(r"[MH](-?\d+)", drawn))
            assert all(0 <= int(y) <= 100 for y in re.findall(r"V(-?\d+)", drawn))


@settings(max_examples=60)
@given(st.lists(outcomes(), min_size=1, max_size=4))
def test_any_outcomes_have_a_page(several: list[Outcome]) -> None:
    """Whatever a simulation comes to, the page is well-formed, drawn inside its bounds, and the same every time."""
    html = render(several)
    assert_drawn_inside(read_page(html))
    assert render(several) == html


@given(st.lists(st.integers(0, 40 * 24 * HOUR), max_size=8))
def test_the_axis_of_waits_holds_every_wait(spans: list[int]) -> None:
    """Positions keep the order, stay inside, and there are some ticks but not too many."""
    axis = log_axis(spans)
    places = [axis.x(span) for span in sorted(spans)]
    assert places == sorted(places)
    assert all(0 <= place <= 100 for place in places)
    assert 1 <= len(axis.ticks) <= 8
    assert axis.x(MINUTE * 10**9) == 100


def test_one_policy_is_shown_without_comparison() -> None:
    """No column of differences, no "against"."""
    alone = page_of([outcome_a()])
    assert cells(alone, "cost")["total"] == ["$9.80"]
    assert "against A" not in alone.text


def test_the_width_of_a_path_is_that_of_its_time() -> None:
    """Half of the time is half of the width; a peak reaches the top, and the path ends on the ground."""
    (path, *_) = section(page_of([outcome_a()]), "fleet").find("path", class_="area")
    drawn = path.attributes["d"]
    assert drawn.startswith("M0 100V")
    assert drawn.endswith("H1000V100Z")
    peak = [int(x) for x, y in re.findall(r"H(\d+)V(\d+)", drawn) if int(y) == 0]
    assert all(470 <= x <= 510 for x in peak)
    assert peak
