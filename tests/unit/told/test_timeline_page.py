"""The page: one file, well-formed, safe against hostile names, true to the data."""

import base64
import hashlib
import math
import re
from collections.abc import Mapping, Sequence

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paddock.adapters.report.timeline import render
from paddock.core import catalogue
from paddock.core.costs.ledger import CostLedger
from paddock.core.decision import Decision
from paddock.core.job import Job
from paddock.core.runner import Runner
from paddock.core.states import JobState
from paddock.core.units import money_text
from tests.page_reader import Element, read_page
from tests.strategies import jobs as any_job
from tests.strategies import moments
from tests.strategies import runners as any_runner
from tests.world.made_up_fleet import HOSTILE, NOW, Fleet, a_job, a_runner, at, bills_of, morning, served


def page_of(
    jobs: Sequence[Job],
    runners: Sequence[Runner] = (),
    ledger: CostLedger | None = None,
    decisions: Mapping[int, Sequence[Decision]] | None = None,
    title: str = "Fleet",
) -> Element:
    """The page of these, read back."""
    bill = bills_of(jobs, runners) if ledger is None else ledger
    return read_page(render(jobs, runners, bill, decisions or {}, title=title, now=NOW))


@pytest.fixture(scope="module")
def fleet() -> Fleet:
    """The made-up morning."""
    return morning()


@pytest.fixture(scope="module")
def html(fleet: Fleet) -> str:
    """Its page as text."""
    return render(fleet.jobs, fleet.runners, fleet.ledger, fleet.decisions, title="Demo", now=NOW)


@pytest.fixture(scope="module")
def page(html: str) -> Element:
    """Its page, read back."""
    return read_page(html)


def cards(page: Element) -> dict[str, str]:
    """The summary cards' texts by heading."""
    return {card.find("h2")[0].text: card.text for card in page.find("article", class_="card")}


def row_of(page: Element, job: Job) -> Element:
    """The job's part of the table."""
    (row,) = page.find("tbody", id=f"job-{job.id}")
    return row


def assert_drawn_inside(page: Element) -> int:
    """Every coordinate is a finite number, and none in per cent leaves the drawing; how many there were."""
    seen = 0
    for element in page.walk():
        for name in ("x", "x1", "x2", "cx", "width", "y", "y1", "y2", "cy", "height", "r", "rx"):
            value = element.attributes.get(name)
            if value is None:
                continue
            number = float(value.removesuffix("%"))
            assert math.isfinite(number), (element.tag, name, value)
            assert number >= 0, (element.tag, name, value)
            if value.endswith("%"):
                seen += 1
                assert number <= 100, (element.tag, name, value)
        x, width = element.attributes.get("x", ""), element.attributes.get("width", "")
        if x.endswith("%") and width.endswith("%"):
            assert float(x[:-1]) + float(width[:-1]) <= 100.001, (element.tag, x, width)
    return seen


def test_the_page_asks_nothing_of_the_network(html: str, page: Element) -> None:
    """No address outside, no script, no embedded thing, and links lead to places on the page only."""
    assert not re.search(r"https?:|//[a-z]", html)
    assert "@import" not in html
    assert set(re.findall(r"url\(([^)]*)\)", html)) == {"#stripes", "#dots", "#dashes"}
    forbidden = {"script", "img", "iframe", "object", "embed", "link", "base", "form", "audio", "video", "source"}
    assert not {element.tag for element in page.walk()} & forbidden
    places = {element.attributes["id"] for element in page.walk() if "id" in element.attributes}
    for element in page.walk():
        assert not {"src", "srcset", "action", "data", "style"} & set(element.attributes)
        assert not [name for name in element.attributes if name.startswith("on")]
        if "href" in element.attributes:
            assert element.attributes["href"].startswith("#")
            assert element.attributes["href"][1:] in places


def test_the_policy_allows_the_pages_own_style_and_nothing_else(page: Element) -> None:
    """The one style sheet is allowed by its digest; everything else is refused by the browser."""
    (policy,) = page.find("meta", **{"http-equiv": "Content-Security-Policy"})
    (style,) = page.find("style")
    digest = base64.b64encode(hashlib.sha256("".join(map(str, style.children)).encode()).digest()).decode()
    rules = policy.attributes["content"].split("; ")
    assert rules == ["default-src 'none'", f"style-src 'sha256-{digest}'", "base-uri 'none'", "form-action 'none'"]


def test_hostile_names_stay_text() -> None:
    """A job name, label, reason, decision or title with markup in it is shown as written, and is no element."""
    job = a_job(1, HOSTILE, labels=(HOSTILE,), repository=HOSTILE, reason=HOSTILE, machine=HOSTILE)
    machine = a_runner(1, machine=HOSTILE, instance_type=HOSTILE, zone=HOSTILE, assigned_job=job.id)
    said = Decision(job.subject, at(1), HOSTILE, HOSTILE, HOSTILE, {HOSTILE: HOSTILE})
    plain = {element.tag for element in page_of([a_job(1)], [a_runner(1)], decisions={}).walk()}
    page = page_of([job], [machine], decisions={job.id: [said]}, title=HOSTILE)
    assert not {"script", "img"} & {element.tag for element in page.walk()}
    assert {element.tag for element in page.walk()} - plain <= {"code", "b", "p", "line", "title"}
    assert page.find("h1")[0].text.startswith("</title><script>alert")
    assert row_of(page, job).find("th", class_="name")[0].text.startswith("</title><script>alert")
    everything = "".join(element.text + "".join(element.attributes.values()) for element in page.walk())
    assert "\x1b" not in everything
    assert "\u202e" not in everything


def test_every_job_and_machine_has_its_row(page: Element, fleet: Fleet) -> None:
    """Each job is on the timeline and in the table, each machine on the timeline, with a text for screen readers."""
    rows = page.find("li", class_="row")
    assert len(rows) == len(fleet.jobs) + len(fleet.runners)
    assert len(page.find("tbody")) == len(fleet.jobs)
    for row in rows:
        (drawing,) = row.find("svg", class_="track")
        assert drawing.attributes["role"] == "img"
        assert drawing.attributes["aria-label"]


def test_the_summary_agrees_with_the_data(page: Element, fleet: Fleet) -> None:
    """Jobs by outcome, waits, machines and money on the cards are those of the fleet."""
    told = cards(page)
    assert told["Jobs"].startswith("Jobs 20")
    for share in ("10 success", "2 failure", "2 cancelled", "2 refused", "1 running", "2 launching", "1 waiting"):
        assert share in told["Jobs"]
    assert "16.6 s median" in told["Wait for a machine"]
    assert "95 of 100 within 52.6 s" in told["Wait for a machine"]
    assert told["Machines"].startswith("Machines 18 2 still alive")
    money = told["Cost at EC2 prices"]
    priced = [entry for entry in fleet.ledger.entries if entry.compute is not None]
    assert f"at least {money_text(fleet.ledger.total)}" in money
    assert f"compute {money_text(sum(entry.compute or 0 for entry in priced))}" in money
    assert f"disk {money_text(sum(entry.storage for entry in priced))}" in money
    assert f"public IPv4 {money_text(sum(entry.network for entry in priced))}" in money
    assert "3 of 18 machines unpriced" in money
    assert f"List prices of {catalogue.DATED}" in money


def test_the_least_that_ec2_bills_is_explained_where_it_is_shown() -> None:
    """A share called "up to EC2's 60 s" is a riddle without the rule behind it; without such a share, no rule."""
    for run, there in ((5, True), (300, False)):
        job, machine = served(1, "lint", 0, 14, run)
        told = cards(page_of([job], [machine]))["Machines"]
        assert ("up to EC2's 60 s" in told) is there
        assert ("EC2 bills every start of a machine for at least 60 s" in told) is there


def test_a_job_is_told_with_its_state_reason_and_story(page: Element, fleet: Fleet) -> None:
    """The table has the waits, the reason and, folded away, each decision with its reason and facts."""
    job = next(job for job in fleet.jobs if job.facts.name == "backfill")
    row = row_of(page, job)
    assert "queued" in row.text
    assert row.find("p", class_="reason")[0].text == (
        f"Job {job.id} is waiting because acme/shop has 8 of its 8 machines; next try in 12.0 s."
    )
    (story,) = row.find("details")
    decided = [item.text for item in story.find("li", class_="decided")]
    assert decided[-1] == "+1.4 s wait the dispatcher acme/shop has 8 of its 8 machines machines: 8 limit: 8"
    assert "Next:" not in story.text


def test_a_jobs_life_is_drawn_to_scale() -> None:
    """Waiting, launching and running take their shares of the width, one after the other."""
    job = a_job(
        1,
        state=JobState.FINISHED,
        conclusion="success",
        launched_at=at(10),
        started_at=at(25),
        finished_at=at(100),
        reason="all well",
    )
    bars = page_of([job]).find("li", class_="row")[0].find("rect", class_="b")
    drawn = [(bar.attributes["class"], bar.attributes["x"], bar.attributes["width"]) for bar in bars]
    assert drawn == [
        ("b waiting", "0.0%", "10.0%"),
        ("b launching", "10.0%", "15.0%"),
        ("b success", "25.0%", "75.0%"),
    ]
    assert bars[-1].text == "running 1 min 15 s, success: all well"


def test_a_moment_at_the_right_edge_stays_visible_and_inside() -> None:
    """What has only just begun gets its least width, and is moved left for it."""
    page = page_of([a_job(1), a_job(2, queued=360)])
    bars = page.find("li", class_="row")[1].find("rect", class_="b")
    assert [(bar.attributes["x"], bar.attributes["width"]) for bar in bars] == [("99.65%", "0.35%")]


def test_a_machines_life_is_drawn_to_scale() -> None:
    """Boot, idle, job and drain take their shares, and the job it served is named on hover."""
    job, machine = served(1, "lint", 0, 10, 20)
    machine = attrs.evolve(machine, launched_at=at(0), ready_at=at(10), busy_at=at(20), idle_at=at(90), gone_at=at(100))
    job = attrs.evolve(job, launched_at=at(0), started_at=at(20), finished_at=at(90))
    (row,) = page_of([job], [machine]).find("li", class_="machine")
    drawn = [(bar.attributes["class"], bar.attributes["x"], bar.attributes["width"]) for bar in row.find("rect")]
    assert drawn == [
        ("b m-boot", "0.0%", "10.0%"),
        ("b m-idle", "10.0%", "10.0%"),
        ("b m-job", "20.0%", "70.0%"),
        ("b m-drain", "90.0%", "10.0%"),
    ]
    assert row.find("rect", class_="m-job")[0].text == "job 1 min 10 s, lint"


def test_a_failed_launch_stays_visible_on_its_job(page: Element, fleet: Fleet) -> None:
    """A job that needed two machines shows both launches, the failed one with what became of it."""
    job = next(job for job in fleet.jobs if job.facts.name == "e2e (chromium)")
    (row,) = [row for row in page.find("li", class_="row") if row.find("a", href=f"#job-{job.id}")]
    assert [mark.text for mark in row.find("line", class_="mark")] == [
        "launch of i-0000000000000005a, failed to start",
        "launch of i-0000000000000000a, served",
    ]


def test_colour_is_not_the_only_sign(page: Element) -> None:
    """Every state is written out beside its colour, with a symbol of its own."""
    pills = page.find("span", class_="pill")
    assert pills
    for pill in pills:
        (symbol,) = pill.find("span", class_="symbol")
        assert symbol.text
        assert len(pill.text) > len(symbol.text) + 2


def test_an_empty_fleet_has_a_page() -> None:
    """No job, no machine: the page says so, and shows no invented wait."""
    page = page_of([])
    assert "No job has come yet." in page.text
    assert "No machine has ended yet." in cards(page)["Machines"]
    assert "0 s" not in cards(page)["Wait for a machine"]
    assert_drawn_inside(page)


def test_machines_without_a_price_say_so() -> None:
    """A fleet of which no price is known has an unknown cost, not a cost of nothing."""
    job, machine = served(1, "lint", 0, 10, 20, price=None)
    page = page_of([job], [machine])
    money = cards(page)["Cost at EC2 prices"]
    assert money.startswith("Cost at EC2 prices unknown")
    assert "1 of 1 machines unpriced" in money
    assert "$0" not in money
    assert page.find("span", class_="money")[0].text == "unknown"


def test_a_fully_priced_fleet_claims_no_gap() -> None:
    """Where every price is known, the sum stands without 'at least'."""
    job, machine = served(1, "lint", 0, 10, 120)
    money = cards(page_of([job], [machine]))["Cost at EC2 prices"]
    assert "at least" not in money
    assert "unpriced" not in money


def test_the_morning_is_drawn_inside_its_frame(page: Element) -> None:
    """No coordinate leaves the drawing."""
    assert assert_drawn_inside(page) > 300


@settings(max_examples=60, deadline=None)
@given(
    st.lists(any_job, max_size=3, unique_by=lambda job: job.id),
    st.lists(any_runner, max_size=3, unique_by=lambda runner: runner.machine),
    moments,
)
def test_any_fleet_has_a_well_formed_page(jobs: Sequence[Job], runners: Sequence[Runner], now: int) -> None:
    """Whatever stands in the records, however the clocks disagree: well-formed, drawn inside, a row for everything."""
    said = {job.id: [Decision(job.subject, now, "x", job.reason, job.reason, {job.reason: None})] for job in jobs}
    page = read_page(render(jobs, runners, bills_of(jobs, runners), said, title="any", now=now))
    assert_drawn_inside(page)
    assert len(page.find("li", class_="row")) == len(jobs) + len(runners)


def test_the_same_records_make_the_same_page(html: str, fleet: Fleet) -> None:
    """The page depends on nothing but its arguments, and not on their order."""
    again = render(fleet.jobs[::-1], fleet.runners[::-1], fleet.ledger, fleet.decisions, title="Demo", now=NOW)
    assert again == html
    assert "2026-11-22 13:00:00 UTC" in html
