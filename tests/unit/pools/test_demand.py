"""Demand is counted from machines that ran jobs, within what was looked at; and its peaks are the true ones."""

from operator import mul
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from paddock.core.costs.bill import bill_of
from paddock.core.costs.ledger import Bill, Rates
from paddock.core.job import Job, JobFacts
from paddock.core.runner import Runner
from paddock.core.sizing.demand import UNKNOWN_END, Demand, Taken, demand_between, demand_of, occupied_until
from paddock.core.states import RunnerState
from paddock.core.units import DAY, HOUR, MINUTE, SECOND, Moment
from tests.world.demands import AHEAD, MONDAY, demand, job, takens

RUNNER = Runner(
    machine="i-1",
    repository="acme/api",
    labels=("paddock",),
    launch_id="l-1",
    pool="web",
    assigned_job=7,
    launched_at=MONDAY,
    ready_at=MONDAY + 20 * SECOND,
    busy_at=MONDAY + 30 * SECOND,
    state=RunnerState.BUSY,
)
UNTIL = MONDAY + 7 * DAY


def machine(name: str = "i-1", **other: Any) -> Runner:  # noqa: ANN401 - any fields
    """A machine of the pool that runs its job, but for these fields."""
    return attrs.evolve(RUNNER, machine=name, **other)


def bill(name: str = "i-1", served: int | None = 7, **other: Any) -> Bill:  # noqa: ANN401 - any fields
    """The bill of a machine that was gone five minutes after its launch, a minute after its job."""
    done = {"idle_at": MONDAY + 4 * MINUTE, "gone_at": MONDAY + 5 * MINUTE, "state": RunnerState.GONE}
    known = None if served is None else Job(JobFacts(served, 1, "acme/api", ("paddock",)))
    return bill_of(machine(name, **{**done, **other}), known, Rates())


def of(*bills: Bill, runners: tuple[Runner, ...] = (), queued: dict[int, Moment] | None = None) -> tuple[Taken, ...]:
    """The jobs of the pool in the week."""
    return demand_of("web", bills, MONDAY, UNTIL, runners, queued or {}).jobs


def test_a_machine_is_occupied_while_it_has_its_job() -> None:
    """Neither its boot nor its end count; the job was queued when GitHub says, if that is known."""
    occupied = MONDAY + 30 * SECOND, MONDAY + 4 * MINUTE
    assert of(bill(), queued={7: MONDAY + SECOND}) == (Taken(MONDAY + SECOND, *occupied),)
    assert of(bill()) == of(bill(), queued={7: 0, 8: MONDAY}) == (Taken(occupied[0], *occupied),)
    assert of(bill(), queued={7: MONDAY + HOUR}) == of(bill()), "no job begins before it is queued: a clock is off"


def test_what_ran_no_job_of_the_pool_does_not_count() -> None:
    """Machines of other pools and of none, and those that no job began on."""
    assert of(bill(pool="other"), bill("i-2", pool=None), bill("i-3", None, busy_at=None, idle_at=None)) == ()
    assert of(runners=(machine(pool="other"), machine("i-2", pool=None), machine("i-3", busy_at=None))) == ()


def test_a_job_that_nobody_knows_by_its_id_counts() -> None:
    """The machine was occupied all the same; when it was queued, nobody knows."""
    assert of(bill(served=None, assigned_job=None), queued={7: MONDAY}) == of(bill())


def test_of_a_machine_with_a_bill_the_bill_counts() -> None:
    """A job is there once, and with its end; also if its record was read before the bill was written."""
    assert of(bill(), runners=(machine(),)) == of(bill())
    assert of(bill(pool=None), runners=(machine(),)) == ()


def test_a_record_without_an_end_does_not_count_until_now() -> None:
    """Row 62: such rows made demand look twice its size. It counts for two hours, and for less at the end."""
    begun = MONDAY + 30 * SECOND
    assert of(runners=(machine(),)) == (Taken(begun, begun, begun + UNKNOWN_END),)
    assert of(runners=(machine(idle_at=begun + MINUTE, gone_at=begun + HOUR),))[0].machine_until == begun + MINUTE
    assert of(runners=(machine(gone_at=begun + HOUR),))[0].machine_until == begun + HOUR
    late = machine(busy_at=UNTIL - MINUTE)
    assert of(runners=(late,)) == (Taken(UNTIL - MINUTE, UNTIL - MINUTE, UNTIL),)
    assert occupied_until(begun, begun - HOUR) == begun, "a machine's clock may be off"


def test_the_job_of_a_machine_without_a_bill_is_the_one_that_it_serves() -> None:
    """The one it was launched for only as long as nobody knows better."""
    queued = {7: MONDAY + SECOND, 8: MONDAY + 2 * SECOND}
    assert of(runners=(machine(),), queued=queued)[0].queued_at == MONDAY + SECOND
    assert of(runners=(machine(served_job=8),), queued=queued)[0].queued_at == MONDAY + 2 * SECOND


@given(st.lists(takens(), max_size=8))
def test_only_what_was_queued_in_the_time_counts_and_nothing_after_its_end(jobs: list[Taken]) -> None:
    """Oldest first, in whatever order they are given."""
    found = demand_between(jobs, MONDAY, MONDAY + DAY)
    assert found == demand_between(reversed(jobs), MONDAY, MONDAY + DAY)
    assert [one.queued_at for one in found.jobs] == sorted(
        one.queued_at for one in jobs if MONDAY <= one.queued_at < MONDAY + DAY
    )
    for one in found.jobs:
        assert one.machine_from <= one.machine_until <= max(one.machine_from, found.until)


def test_a_job_is_in_flight_from_its_queueing_for_as_long_as_it_had_a_machine() -> None:
    """What it waited does not add to it; and until its spare is replaced at the least."""
    waited = job(MONDAY, lasts=10 * MINUTE, wait=HOUR)
    short = job(MONDAY + DAY, lasts=SECOND)
    last = job(UNTIL - MINUTE, lasts=HOUR, wait=0)
    found = demand([waited, short, last])
    begins = [one.queued_at for one in found.jobs]
    assert [ends - begin for begin, ends in found.claims(AHEAD)] == [10 * MINUTE, AHEAD, AHEAD]
    assert found.arrivals(AHEAD) == [(begin, begin + AHEAD) for begin in begins]


@given(
    st.lists(st.tuples(st.integers(0, 400), st.integers(0, 200)), max_size=12),
    st.integers(1, 400),
)
def test_the_peaks_of_minutes_are_those_of_their_seconds(drawn: list[tuple[int, int]], seconds: int) -> None:
    """Against somebody who counts at every second what holds it: on whole seconds nothing happens between."""
    found = Demand((), MONDAY, MONDAY + seconds * SECOND)
    spans = [(MONDAY + begins * SECOND, MONDAY + (begins + lasts) * SECOND) for begins, lasts in drawn]
    counts = [sum(begins <= at < begins + lasts for begins, lasts in drawn) for at in range(seconds)]
    starts = [any(begins == at and lasts for begins, lasts in drawn) for at in range(seconds)]
    assert found.peaks(spans) == [
        (max(counts[at : at + 60]), max(map(mul, counts[at : at + 60], starts[at : at + 60])))
        for at in range(0, seconds, 60)
    ]


@pytest.mark.parametrize("gap", [0, 1])
def test_of_two_spans_that_touch_one_is_over_as_the_other_begins(gap: int) -> None:
    """To the microsecond, within a minute and at its edge."""
    found = Demand((), MONDAY, MONDAY + 2 * MINUTE)
    for edge in (MONDAY + MINUTE, MONDAY + 90 * SECOND):
        spans = [(MONDAY, edge), (edge - gap, MONDAY + 2 * MINUTE)]
        assert max(found.peaks(spans)) == (1 + gap, 1 + gap)
