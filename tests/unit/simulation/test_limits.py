"""The judge of recorded calls finds every kind of excess, and judges nothing that was not tried."""

import attrs
import pytest

from paddock.core.units import HOUR, MILLISECOND, MINUTE, SECOND, Moment
from tests.limits import (
    CONTENT,
    EC2,
    FILTERED,
    GITHUB,
    PHASES,
    RUNNER,
    SLEEP,
    Asked,
    Limit,
    Tokens,
    VacuousError,
    Window,
    exceeded,
    judge,
)
from tests.strategies import NOON

LIMITS = {limit.name: limit for limit in (*EC2, *SLEEP, *GITHUB, *CONTENT)}
JIT = "github POST /orgs/{owner}/actions/runners/generate-jitconfig"
JOB = "github GET /repos/{repo}/actions/jobs/{id}"
RUNNER_PATH = "/orgs/{owner}/actions/runners/{id}"
CHECK = "github POST /repos/{repo}/check-runs"


def ec2(name: str, *, variant: str = "", count: int = 1) -> Asked:
    return Asked(NOON, f"ec2 {name}", count, variant)


def github(operation: str, who: str = "acme") -> Asked:
    return Asked(NOON, operation, who=who, going=(NOON, NOON + SECOND))


def each(call: Asked, times: int, every: int = 0, start: Moment = NOON) -> list[Asked]:
    """So many such calls, one every so often."""
    return [attrs.evolve(call, at=start + number * every) for number in range(times)]


def above(limit: Limit, calls: list[Asked]) -> int:
    """How many calls were above it."""
    return len(judge(calls, [limit])[limit.name].excess)


# Name, one call, and how many of such the bucket has, and gets back in a second, by AWS's own table.
REQUESTS = [
    ("CreateFleet requests", ec2("CreateFleet"), 50, 5),
    ("DescribeInstances by ids", ec2("DescribeInstances"), 50, 10),
    ("DescribeInstances filtered", ec2("DescribeInstances", variant=FILTERED), 100, 20),
    ("DescribeInstanceTypeOfferings", ec2("DescribeInstanceTypeOfferings", variant=FILTERED), 100, 20),
    ("TerminateInstances requests", ec2("TerminateInstances"), 100, 5),
    ("StartInstances requests", ec2("StartInstances"), 5, 2),
    ("StopInstances requests", ec2("StopInstances"), 50, 5),
]
MACHINES = [
    ("launched machines", "CreateFleet", 2),
    ("launched machines", "RunInstances", 2),
    ("terminated machines", "TerminateInstances", 20),
    ("started machines", "StartInstances", 2),
    ("stopped machines", "StopInstances", 20),
]


@pytest.mark.parametrize(("name", "call", "capacity", "refill"), REQUESTS)
def test_a_bucket_of_requests_gives_what_it_holds_and_no_more(
    name: str, call: Asked, capacity: int, refill: int
) -> None:
    """All at once as many as it holds; a second later as many as come back in one; and one more is found."""
    limit = LIMITS[name]
    full = each(call, capacity)
    assert above(limit, full) == 0
    assert judge(full, [limit])[name].least == 0
    assert above(limit, each(call, capacity + 1)) == 1
    later = each(call, refill, start=NOON + SECOND)
    assert above(limit, [*full, *later]) == 0
    assert above(limit, [*full, *later, later[-1]]) == 1


@pytest.mark.parametrize(("name", "operation", "refill"), MACHINES)
def test_a_bucket_of_machines_counts_machines_and_not_requests(name: str, operation: str, refill: int) -> None:
    """A thousand in one request or in five; the next ones as they come back."""
    limit = LIMITS[name]
    assert above(limit, [ec2(operation, count=1_000)]) == 0
    assert above(limit, [ec2(operation, count=1_001)]) == 1
    fifths = each(ec2(operation, count=200), 5)
    assert above(limit, fifths) == 0
    late = attrs.evolve(ec2(operation, count=refill), at=NOON + SECOND)
    assert above(limit, [*fifths, late]) == 0
    assert above(limit, [*fifths, attrs.evolve(late, count=refill + 1)]) == 1


def test_what_is_launched_one_way_or_the_other_comes_out_of_one_bucket() -> None:
    """CreateFleet's machines are RunInstances' machines."""
    calls = [ec2("CreateFleet", count=600), ec2("RunInstances", count=600)]
    (excess,) = judge(calls, [LIMITS["launched machines"]])["launched machines"].excess
    assert (excess.operation, excess.needed, excess.left) == ("ec2 RunInstances", 600, 400)


def test_tokens_come_back_by_the_second_whenever_that_begins() -> None:
    """Of three seconds less a millisecond two begin for certain: whoever counts on more is found."""
    limit = Tokens("two", frozenset({("ec2 CreateFleet", "")}), 6, 2)
    call = ec2("CreateFleet")
    at = NOON + 3 * SECOND - MILLISECOND
    assert above(limit, [*each(call, 6), *each(call, 4, start=at)]) == 0
    assert above(limit, [*each(call, 6), *each(call, 5, start=at)]) == 1
    assert PHASES > 1


def test_a_refused_call_takes_nothing() -> None:
    """So one launch that is far too large does not make the next one an excess, too."""
    limit = LIMITS["launched machines"]
    assert above(limit, [ec2("CreateFleet", count=5_000), ec2("CreateFleet", count=1_000)]) == 1


def test_descriptions_by_ids_and_by_filters_have_buckets_of_their_own() -> None:
    """Fifty of the one and a hundred of the other are no excess."""
    by_ids, filtered = each(ec2("DescribeInstances"), 50), each(ec2("DescribeInstances", variant=FILTERED), 100)
    names = ["DescribeInstances by ids", "DescribeInstances filtered"]
    assert not list(exceeded(judge([*by_ids, *filtered], [LIMITS[name] for name in names])))


@pytest.mark.parametrize(
    ("name", "call", "most", "span"),
    [
        ("GitHub calls", github(JOB), 5_000, HOUR),
        ("GitHub points for one endpoint", github(JIT), 180, MINUTE),
        ("GitHub points for one endpoint", github(f"github DELETE {RUNNER_PATH}"), 180, MINUTE),
        ("GitHub points for one endpoint", github(JOB), 900, MINUTE),
        ("GitHub content in a minute", github(CHECK), 80, MINUTE),
        ("GitHub content in an hour", github(CHECK), 500, HOUR),
        ("runners registered", Asked(NOON, RUNNER, who="acme"), 1_500, 5 * MINUTE),
    ],
)
def test_a_window_of_github_holds_in_every_stretch_of_time(name: str, call: Asked, most: int, span: int) -> None:
    """Not only in those that begin on the clock; each owner has his own."""
    limit = LIMITS[name]
    half = each(call, most // 2, start=NOON + span // 2)
    rest = each(call, most - most // 2, start=NOON + span)
    assert above(limit, [*half, *rest]) == 0
    one_more = attrs.evolve(call, at=NOON + span + span // 2 - 1)
    assert above(limit, [*half, *rest, one_more]) == 1
    assert above(limit, [*half, *rest, attrs.evolve(one_more, at=one_more.at + 1)]) == 0
    assert above(limit, [*half, *rest, attrs.evolve(one_more, who="umbra")]) == 0


def test_reads_and_writes_of_one_endpoint_are_counted_together_and_other_endpoints_apart() -> None:
    """A hundred deletions and four hundred looks are all of it; a job is another endpoint."""
    limit = LIMITS["GitHub points for one endpoint"]
    full = [*each(github(f"github DELETE {RUNNER_PATH}"), 100), *each(github(f"github GET {RUNNER_PATH}"), 400)]
    assert above(limit, full) == 0
    assert above(limit, [*full, github(JOB), github(JIT)]) == 0
    assert above(limit, [*full, github(f"github GET {RUNNER_PATH}")]) == 1


def test_an_answer_that_nothing_has_changed_is_free_of_the_hours_limit_alone() -> None:
    """It costs its point all the same."""
    free = attrs.evolve(github(JOB), free=True)
    limits = [LIMITS["GitHub calls"], LIMITS["GitHub points for one endpoint"]]
    judged = judge([*each(free, 6_000), github(JOB)], limits)
    assert judged["GitHub calls"].calls == 1
    assert judged["GitHub points for one endpoint"].excess


def test_the_hundred_and_first_call_at_once_is_found() -> None:
    """One that begins as another ends is not at once with it, and another owner's never is."""
    limit = LIMITS["GitHub calls at once"]
    full = [github(JOB)] * 100
    after = attrs.evolve(github(JOB), going=(NOON + SECOND, NOON + 2 * SECOND))
    assert above(limit, [*full, after]) == 0
    assert above(limit, [*full, attrs.evolve(after, going=(NOON + SECOND - 1, NOON + 2 * SECOND))]) == 1
    assert above(limit, [*full, github(JOB, "umbra")]) == 0


@pytest.mark.parametrize("name", sorted(LIMITS))
def test_a_limit_that_no_call_is_about_is_not_judged(name: str) -> None:
    """Whatever else was asked."""
    others = [call for call in _SAMPLES if not LIMITS[name].judge([call]).calls]
    assert others
    with pytest.raises(VacuousError, match=name):
        judge(others, LIMITS.values())
    assert judge(_SAMPLES, LIMITS.values())[name].calls


def test_calls_are_judged_in_the_order_of_time_and_reported_in_words() -> None:
    """However they were recorded; the report says how often, and the first."""
    limit = Window("few", 2, MINUTE, lambda _: 1, lambda call: call.who)
    late, soon = each(github(JOB), 2, start=NOON + 2 * MINUTE), each(github(JOB), 2)
    assert not list(exceeded(judge([*late, *soon], [limit])))
    (line,) = exceeded(judge([*late, *soon, *each(github(JIT), 2, start=NOON + MINUTE - 1)], [limit]))
    assert line.startswith("few: 2 of 6 calls were above it, at first Excess(limit='few'")


_SAMPLES = [
    *(call for _, call, _, _ in REQUESTS),
    *(github(operation) for operation in (JIT, JOB, CHECK)),
    Asked(NOON, RUNNER, who="acme"),
]
