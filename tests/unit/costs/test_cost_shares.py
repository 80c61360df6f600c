"""What AWS's services cost is shared by the jobs that began: exactly, fairly, and never where it is not known."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paddock.core.codec import from_data, to_data
from paddock.core.costs.day import MOST_LINES, day_of_bills
from paddock.core.costs.ledger import Bill
from paddock.core.costs.report import CostReport, ServiceCost, known_of
from paddock.core.costs.shares import FLEET, shared_lines, shares
from paddock.core.costs.sums import By, costs
from paddock.core.errors import InvalidInput
from paddock.core.units import DAY, HOUR
from tests.contracts import breaches
from tests.strategies import NOON
from tests.world.days import House, served, spare

MIDNIGHT = NOON // DAY * DAY  # 2026-11-22
TEN = MIDNIGHT + DAY + 10 * HOUR
UNKNOWN = ServiceCost("S3", "requests", None, "requests", None)
AMOUNTS = st.integers(0, 10**12)
JOBS = st.dictionaries(st.text(max_size=3), st.integers(0, 10**6), max_size=12)


def bills() -> list[Bill]:
    """Three jobs of two repositories, one of them from a pool's spare, and a spare that no job took."""
    return [
        served(1, MIDNIGHT + HOUR),
        served(2, MIDNIGHT + 2 * HOUR, repository="acme/web", workflow="deploy"),
        served(3, MIDNIGHT + 3 * HOUR, pool="web"),
        spare(4, MIDNIGHT, 9),
    ]


def reported(services: list[ServiceCost], *booked: Bill) -> tuple[CostReport, House]:
    """The report of the 22nd as it is stored, and the house whose it is."""
    house = House(TEN)
    house.book(*booked)
    assert house.task(count=lambda _since, _until: services)(cursor="2026-11-21").failed == 0
    return from_data(json.loads(house.text("cost/2026/11/22.json")), CostReport), house


@given(AMOUNTS, JOBS)
def test_shares_add_up_and_are_never_negative(amount: int, jobs: dict[str, int]) -> None:
    """To the micro-dollar, whatever is divided; every name has one, and who had no job bears nothing."""
    found = shares(amount, jobs)
    assert sum(found.values()) == amount
    assert min(found.values()) >= 0
    assert jobs.keys() <= found.keys() <= jobs.keys() | {FLEET}
    if any(jobs.values()):
        assert {found[name] for name, count in jobs.items() if not count} <= {0}


@given(AMOUNTS, JOBS)
def test_more_jobs_never_get_less_and_equal_ones_the_same(amount: int, jobs: dict[str, int]) -> None:
    """But for a micro-dollar of what a division leaves; the order in which they are named changes nothing."""
    found = shares(amount, jobs)
    ranked = sorted((jobs[name], found[name]) for name in jobs if any(jobs.values()))
    assert [share for _, share in ranked] == sorted(share for _, share in ranked)
    for count in set(jobs.values()) if any(jobs.values()) else ():
        alike = [found[name] for name in jobs if jobs[name] == count]
        assert max(alike) - min(alike) <= 1
    assert shares(amount, dict(reversed(jobs.items()))) == found


def test_what_is_left_goes_to_the_largest_remainders_and_then_by_name() -> None:
    """Ten micro-dollars for 3, 3 and 1 jobs: 4.29, 4.29 and 1.43."""
    assert shares(10, {"b": 3, "a": 3, "c": 1}) == {"a": 4, "b": 4, "c": 2}
    assert shares(2, {"c": 1, "a": 1, "b": 1}) == {"a": 1, "b": 1, "c": 0}


def test_where_no_job_began_the_fleet_bears_it() -> None:
    """Whoever had a machine does not."""
    assert shares(7, {"acme/api": 0}) == {"acme/api": 0, FLEET: 7}
    (line,) = shared_lines({}, 7, By.TYPE)
    assert (line.name, line.services, line.cost.machines, line.spent) == (FLEET, 7, 0, 7)
    assert shared_lines({}, 0, By.TYPE) == ()


@pytest.mark.parametrize(("amount", "jobs"), [(-1, {"acme/api": 1}), (1, {"acme/api": -1, "acme/web": 2})])
def test_what_is_no_amount_and_no_count_is_refused(amount: int, jobs: dict[str, int]) -> None:
    """The error says what would be right."""
    with pytest.raises(InvalidInput, match="zero or more"):
        shares(amount, jobs)


@pytest.mark.parametrize("by", By)
@pytest.mark.parametrize("booked", [bills(), [spare(1, MIDNIGHT, 9)], []], ids=["jobs", "no job", "nothing"])
def test_lines_of_any_kind_come_to_machines_and_services(by: By, booked: list[Bill]) -> None:
    """Together, exactly; the dearest first."""
    found = costs(booked, MIDNIGHT, MIDNIGHT + DAY, [by])
    lines = shared_lines(found.groups[by], 1_000_003, by)
    assert sum(line.spent for line in lines) == found.total.total + 1_000_003
    assert by is By.DAY or [line.spent for line in lines] == sorted((line.spent for line in lines), reverse=True)


def test_unknown_is_no_share() -> None:
    """Not of none, not of services whose cost nobody knows; of those of which some is known, that is shared."""
    assert {
        line.services for line in shared_lines(costs(bills(), 0, TEN, [By.REPO]).groups[By.REPO], None, By.REPO)
    } == {None}
    assert (known_of(None), known_of([UNKNOWN]), known_of([])) == (None, None, 0)
    assert known_of([UNKNOWN, ServiceCost("SQS", "requests", 1, "requests", 9)]) == 9


def test_repositories_workflows_and_pools_show_their_shares() -> None:
    """In the report, by jobs; and one sentence says what that is for each job."""
    report, house = reported([ServiceCost("SQS", "requests", 9, "requests", 300_010), UNKNOWN], *bills())
    assert {line.name: line.services for line in report.repositories} == {
        "acme/api": 200_007,
        "acme/web": 100_003,
        "": 0,
    }
    assert {line.name: line.services for line in report.workflows if line.services} == {
        "acme/api: CI": 200_007,
        "acme/web: deploy": 100_003,
    }
    assert [(pool.pool, pool.services) for pool in report.pools] == [("web", 100_003)]
    assert sum(line.spent for line in report.repositories) == report.spent
    for suffix in ("md", "html"):
        text = house.text(f"cost/2026/11/22.{suffix}").replace("\\", "").replace("&#39;", "'")
        assert "AWS's services cost $0.30, as far as that is known: $0.100003 for each of 3 jobs that began." in text
    rows = [line for line in house.text("cost/2026/11/22.md").splitlines() if line.startswith("| acme/web ")]
    assert "| services | total |" in house.text("cost/2026/11/22.md")
    assert [row.split(" | ")[-2] for row in rows] == ["$0.10"]


def test_names_that_are_put_together_bear_their_shares_together() -> None:
    """No micro-dollar is lost by it."""
    many = [served(number, MIDNIGHT + HOUR, repository=f"acme/{number}") for number in range(MOST_LINES + 7)]
    lines = day_of_bills(many, MIDNIGHT, MIDNIGHT + DAY).lines(By.REPO, 1_000_003)
    assert lines[-1].others == 7
    assert sum(line.services or 0 for line in lines) == 1_000_003


def test_a_day_without_a_job_is_the_fleets_own() -> None:
    """It says so; and no repository's machines are looked for behind it."""
    report, house = reported([ServiceCost("SQS", "requests", 9, "requests", 300_000)])
    assert [(line.name, line.services) for line in report.repositories] == [(FLEET, 300_000)]
    assert "no job began, so the fleet bears it" in house.text("cost/2026/11/22.md")


def test_reports_of_before_it_was_shared_are_still_read() -> None:
    """Their lines bear nothing that is known, and are shown without it."""
    report, house = reported([ServiceCost("SQS", "requests", 9, "requests", 300_000)], *bills())
    old = json.loads(json.dumps(to_data(report)))
    for line in (*(line for kind in ("repositories", "workflows") for line in old[kind]), *old["pools"]):
        del line["services"]
    assert breaches("cost_report", old) == []
    read = from_data(old, CostReport)
    assert {line.services for line in (*read.repositories, *read.workflows)} == {None}
    assert [pool.services for pool in read.pools] == [None]
    text = house.task().renderings["md"](read)
    assert "| repo | machines | jobs | hours | cost |" in text
