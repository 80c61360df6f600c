"""The fleet in a terminal: the live table, the summary and the plain lines."""

from collections.abc import Sequence

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console, RenderableType

from paddock.core.catalogue import DATED
from paddock.core.costs.ledger import CostLedger
from paddock.core.job import Job
from paddock.core.runner import Runner
from paddock.core.states import JobState
from paddock.core.units import money_text
from paddock.entrypoints.cli.live import fleet_table, summary
from paddock.entrypoints.cli.plain import transitions
from tests.strategies import jobs as any_job
from tests.strategies import runners as any_runner
from tests.world.made_up_fleet import HOSTILE, MORNING, NOW, a_job, a_runner, at, bills_of, morning, served


def shown(renderable: RenderableType, width: int = 150) -> list[str]:
    """The lines of a terminal of this width, without colour."""
    console = Console(width=width, color_system=None, force_terminal=False, _environ={})
    with console.capture() as capture:
        console.print(renderable)
    return [line.rstrip() for line in capture.get().splitlines()]


def line_of(lines: Sequence[str], job: Job) -> str:
    """The job's line."""
    (line,) = [line for line in lines if str(job.id) in line]
    return line


def test_a_running_job_shows_everything_about_it() -> None:
    """Id, name, repository, labels, state with symbol, both clocks, the machine's whole id, the reason."""
    job = a_job(
        7, "deploy", 0, state=JobState.RUNNING, started_at=at(18), machine="i-0123456789abcdef0", reason="2nd launch"
    )
    line = line_of(shown(fleet_table([job], [], at(100))), job)
    cells = line.split()
    assert cells[:5] == ["40000000007", "deploy", "acme/shop", "paddock/cpu=4", "▸"]
    assert "running   18.0 s   1 min 22 s   i-0123456789abcdef0" in line
    assert line.endswith("2nd launch")


def test_the_wait_of_a_waiting_job_grows_and_that_of_an_ended_one_does_not() -> None:
    """A waiting job's clock runs; a job that never started and has ended shows a dash."""
    waiting, refused = a_job(1, queued=40), a_job(2, queued=40, state=JobState.REJECTED)
    lines = shown(fleet_table([waiting, refused], [], at(100)))
    assert "1 min 00 s" in line_of(lines, waiting)
    assert "min" not in line_of(lines, refused)
    assert "–" in line_of(lines, refused)  # noqa: RUF001 - the dash that stands for nothing measured
    assert "2 min 00 s" in line_of(shown(fleet_table([waiting], [], at(160))), waiting)


@pytest.mark.parametrize("width", [80, 100, 112, 120, 130, 150, 180])
def test_the_table_keeps_within_the_terminal_and_always_names_the_essential(width: int) -> None:
    """A narrow terminal loses columns, never the id, the state or the wait; no line is wider than the terminal."""
    fleet = morning()
    lines = shown(fleet_table(fleet.jobs, fleet.runners, NOW), width)
    assert max(map(cell_len, lines)) <= width
    for job in fleet.jobs:
        assert str(job.id) in "\n".join(lines)
    assert {"Job", "Name", "State", "Waited", "Why"} <= set(lines[1].split())


@pytest.mark.parametrize("width", [30, 40, 59, 60, 79, 80, 111, 112, 120, 149, 150, 200])
@pytest.mark.parametrize("machine", ["i-0123456789abcdef0", "m-0123456789abcdef0123456789abcdef-0"])
def test_ids_are_never_cut(width: int, machine: str) -> None:
    """They are copied into other commands: a column that has no room for them is not there, or others give way."""
    job = a_job(7, "a name that is long " * 4, 0, state=JobState.RUNNING, started_at=at(1), machine=machine, reason="w")
    lines = shown(fleet_table([job], [], NOW), width)
    assert max(map(cell_len, lines)) <= width
    assert "40000000007" in line_of(lines, job).split()
    assert "running" in "\n".join(lines)
    room = width >= (112 if machine.startswith("i-") else 150)
    assert (machine in line_of(lines, job).split()) == ("Machine" in lines[1]) == room


def test_machines_and_totals_stand_below() -> None:
    """Machines are counted by state in the order of their life, jobs by outcome with symbols."""
    fleet = morning()
    lines = shown(fleet_table(fleet.jobs, fleet.runners, NOW))
    assert "machines  1 booting, 1 busy, 16 gone" in lines
    assert lines[-1].startswith("20 jobs  ◌ 1 waiting  ◔ 2 launching  ▸ 1 running  ✓ 10 success  ✗ 2 failure")


def test_ended_jobs_make_room_first() -> None:
    """When there are more jobs than rows, living ones stay, and the table says how many are not shown."""
    fleet = morning()
    lines = shown(fleet_table(fleet.jobs, fleet.runners, NOW, rows=6))
    text = "\n".join(lines)
    for job in fleet.jobs:
        if job.live:
            assert str(job.id) in text
    assert sum(str(job.id) in text for job in fleet.jobs) == 6
    assert "… and 14 more jobs that are not shown" in lines


def test_more_living_jobs_than_rows_are_cut_too() -> None:
    """The table never grows beyond its rows; the oldest are shown."""
    jobs = [a_job(number, queued=number) for number in range(1, 9)]
    text = "\n".join(shown(fleet_table(jobs, [], NOW, rows=3)))
    assert [job.id % 100 for job in jobs if str(job.id) in text] == [1, 2, 3]
    assert "… and 5 more jobs" in text


def test_an_empty_fleet_is_shown_as_such() -> None:
    """Nothing there yet is said, not left blank."""
    lines = shown(fleet_table([], [], NOW))
    assert "machines  none" in lines
    assert lines[-1] == "0 jobs"


def test_the_summary_tells_waits_machines_money_and_the_page() -> None:
    """The end of a demo: the figures of the ledger, what is estimated, what is unpriced, where the page lies."""
    fleet = morning()
    text = " ".join(
        " ".join(shown(summary(fleet.jobs, fleet.runners, fleet.ledger, page="out/fleet.html"), 300)).split()
    )
    assert "wait median 16.6 s, 95 of 100 within 52.6 s" in text
    assert "15 × c7i.xlarge spot, 2 × m8g.2xlarge spot, 1 × c7i.xlarge on-demand; 2 still alive" in text  # noqa: RUF001
    assert f"cost at least {money_text(fleet.ledger.total)} at EC2 list prices of {DATED}" in text
    assert "92 % of it is estimated (spot); 3 of 18 machines are unpriced and not in it" in text
    assert text.endswith("page out/fleet.html")


def test_a_cost_that_nobody_knows_is_called_unknown() -> None:
    """Without any price there is no sum, and no invented zero."""
    job, machine = served(1, "lint", 0, 10, 20, price=None)
    text = "\n".join(shown(summary([job], [machine], bills_of([job], [machine]))))
    assert "unknown: none of the 1 machines has a price" in text
    assert "$" not in text


def test_the_summary_of_nothing_claims_nothing() -> None:
    """No jobs: no waits, no machines, no page, a true zero of money."""
    text = "\n".join(shown(summary([], [], CostLedger(()))))
    assert text.count("nothing measured") == 2
    assert "machines  none" in text
    assert "$0.0000" in text
    assert "estimated" not in text
    assert "page" not in text


def test_plain_lines_tell_each_change_once() -> None:
    """A job is told when first seen and when its state changes; nothing is told twice."""
    queued = a_job(1, "lint", reason="")
    (line,) = transitions({}, [queued], MORNING, at(0.5))
    assert line == "     +500 ms  ◌ queued       lint (acme/shop 40000000001)"
    assert transitions({queued.id: queued}, [queued], MORNING, at(1)) == []
    launched = attrs.evolve(queued, state=JobState.LAUNCHED, machine="i-7", reason="spot")
    (line,) = transitions({queued.id: queued}, [launched], MORNING, at(2))
    assert line == "      +2.0 s  ◔ launched     lint (acme/shop 40000000001)  on i-7  spot"


def test_plain_lines_come_in_the_order_of_queueing() -> None:
    """Several changes at once are told oldest job first."""
    jobs = [a_job(2, "b", 5), a_job(1, "a", 9), a_job(3, "c", 1)]
    lines = transitions({}, jobs, MORNING, NOW)
    assert [line.split("queued")[1].split()[0] for line in lines] == ["c", "b", "a"]


def test_names_with_control_codes_stay_on_their_line() -> None:
    """A job cannot write lines of its own into the log, nor colour or clear the terminal."""
    job = a_job(1, f"a\nb\r\x1b[2J{HOSTILE}", reason="x\ny", machine="i-1\x07")
    (line,) = transitions({}, [job], MORNING, NOW)
    assert line.isprintable()
    assert all(text.isprintable() for text in shown(fleet_table([job], [a_runner(1)], NOW)))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(any_job, max_size=3, unique_by=lambda job: job.id),
    st.lists(any_runner, max_size=3, unique_by=lambda runner: runner.machine),
    st.integers(40, 200),
)
def test_any_fleet_can_be_shown(jobs: Sequence[Job], runners: Sequence[Runner], width: int) -> None:
    """Whatever stands in the records: table, summary and lines render, in printable characters only."""
    lines = [
        *shown(fleet_table(jobs, runners, NOW), width),
        *shown(summary(jobs, runners, bills_of(jobs, runners)), width),
        *transitions({}, jobs, MORNING, NOW),
    ]
    assert len(transitions({}, jobs, MORNING, NOW)) == len(jobs)
    assert all(character.isprintable() or character in "\u200c\u200d" for line in lines for character in line)
