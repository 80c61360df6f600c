"""The API's limits: two kinds of buckets, refusals that cost nothing else, and counts of all of it."""

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from paddock.adapters.simulation.cloud import ApiLimits, Limit
from paddock.adapters.simulation.cloud.api import Bucket
from paddock.adapters.simulation.outcome import Calls
from paddock.core.errors import Throttled
from paddock.core.ports.machines import LaunchRequest
from paddock.core.spec import Market, RunnerSpec
from paddock.core.units import MINUTE, SECOND
from tests.world.cloud import Bench, steady


def limited(**limits: Limit) -> Bench:
    return Bench(steady(limits=attrs.evolve(ApiLimits(), **limits)))


def calls(bench: Bench, name: str) -> Calls:
    (found,) = [calls for calls in bench.cloud.calls() if calls.name == name]
    return found


def test_launches_beyond_the_bucket_are_throttled_until_tokens_come_back() -> None:
    """EC2's code, a time to come back, nothing started; after that time the next one goes through."""
    bench = limited(launch=Limit(2, 1))
    bench.launch()
    bench.launch()
    with pytest.raises(Throttled, match=r"^RequestLimitExceeded: ") as refused:
        bench.launch()
    assert len(bench.cloud.alive) == 2
    bench.after(refused.value.retry_after)
    bench.launch()
    assert len(bench.cloud.alive) == 3


def test_a_throttled_launch_leaves_its_token_unused() -> None:
    """The same request goes through later, and starts machines then."""
    bench = limited(launch=Limit(1, 1))
    request = LaunchRequest("t", 1, RunnerSpec(), Market.SPOT, 40)
    bench.launch()
    with pytest.raises(Throttled):
        bench.cloud.launch(request)
    bench.after(SECOND)
    assert len(bench.cloud.launch(request).machines) == 1


def test_machines_beyond_their_bucket_are_left_out_of_the_fleet() -> None:
    """A launch that goes half through says so among its errors, and with an empty bucket it is refused whole."""
    bench = limited(launched_machines=Limit(3, 1))
    outcome = bench.ask(5)
    assert len(outcome.machines) == 3
    assert outcome.errors == ("RequestLimitExceeded: 2 of 5 machines were too many at once",)
    assert (outcome.lacks, outcome.permanent) == ((), False)
    with pytest.raises(Throttled):
        bench.launch()
    bench.after(2 * SECOND)
    assert len(bench.launch(2)) == 2


def test_repeating_a_launch_costs_a_request_and_no_machines() -> None:
    """The bucket of machines is as full as before."""
    bench = limited(launched_machines=Limit(1, 1))
    request = LaunchRequest("t", 1, RunnerSpec(), Market.SPOT, 40)
    first = bench.cloud.launch(request)
    assert bench.cloud.launch(request) == first
    assert calls(bench, "CreateFleet").count == 2


def test_a_throttled_termination_ends_nothing() -> None:
    """By requests or by machines: all or none."""
    bench = limited(terminate=Limit(2, 1), terminated_machines=Limit(3, 1))
    first, second, third, fourth = bench.launch(4)
    bench.cloud.terminate([first, second])
    with pytest.raises(Throttled):
        bench.cloud.terminate([third, fourth])
    with pytest.raises(Throttled):
        bench.cloud.terminate([third])
    assert bench.cloud.alive == [third, fourth]
    bench.after(MINUTE)
    bench.cloud.terminate([third, fourth])
    assert bench.cloud.alive == []


def test_more_terminations_than_the_bucket_holds_go_through_when_it_is_full() -> None:
    """Otherwise they never would."""
    bench = limited(terminated_machines=Limit(2, 1))
    bench.cloud.terminate(bench.launch(5))
    assert bench.cloud.alive == []


def test_descriptions_and_pages_have_buckets_of_their_own() -> None:
    """One that is empty leaves the other alone."""
    bench = limited(describe=Limit(1, 1), page=Limit(1, 1))
    (machine,) = bench.launch()
    bench.cloud.describe([machine])
    with pytest.raises(Throttled):
        bench.cloud.describe([machine])
    bench.cloud.page()
    with pytest.raises(Throttled):
        bench.cloud.page()
    bench.after(SECOND)
    assert list(bench.cloud.describe([machine])) == [machine]


def test_what_asks_for_nothing_is_no_call() -> None:
    """No machines to describe or to end: no request."""
    bench = limited()
    bench.cloud.describe([])
    bench.cloud.terminate([])
    assert {call.count for call in bench.cloud.calls()} == {0}


def test_calls_are_counted_with_their_peaks_and_refusals() -> None:
    """By action, per calendar minute, against what a full bucket allows in one."""
    bench = limited(launch=Limit(3, 1))
    for _ in range(3):
        bench.launch()
    for _ in range(2):
        with pytest.raises(Throttled):
            bench.launch()
    bench.after(MINUTE)
    bench.launch()
    assert calls(bench, "CreateFleet") == Calls("CreateFleet", 6, peak=5, limit=63, window=MINUTE, throttled=2)
    assert calls(bench, "TerminateInstances").count == 0


@given(
    capacity=st.integers(1, 50),
    refill=st.integers(1, 20),
    requests=st.lists(st.tuples(st.integers(0, 3 * SECOND), st.integers(1, 60)), max_size=60),
)
def test_no_bucket_gives_more_than_it_held_and_got(capacity: int, refill: int, requests: list[tuple[int, int]]) -> None:
    """Whenever and however much is asked for: over any time, its capacity and its refill are the most."""
    bucket = Bucket(Limit(capacity, refill), 0)
    now = given_ = 0
    for wait, count in requests:
        now += wait
        before = bucket.tokens(now)
        assert before <= capacity
        taken = bucket.take(count, now)
        assert taken == (count <= before)
        given_ += count if taken else 0
        assert given_ * SECOND <= capacity * SECOND + refill * now
