"""How many functions run at once is what the limits of EC2 and GitHub are parted for; how long, what leases outlast."""

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import pytest

from paddock.adapters.aws.clients import Clients
from paddock.adapters.aws.stack.fragments import fragment
from paddock.adapters.pacing import DISPATCHERS, SCHEDULES, WATCHERS, ec2_ceilings, github_ceilings
from paddock.adapters.pacing.ceilings import (
    DESCRIBES,
    ENDED,
    ENDS,
    FLEETS,
    MACHINES,
    PAGES,
    STARTED,
    STARTS,
    STOPPED,
    STOPS,
)
from paddock.core.pace import Bucket, Window
from paddock.core.settings import Deadlines
from paddock.core.units import MINUTE, SECOND
from tests.aws.judge import REGION
from tests.aws.shapes import made
from tests.limits import EC2, SLEEP, Tokens

PARTED: Mapping[str, str | None] = {
    "CreateFleet requests": FLEETS,
    "launched machines": MACHINES,
    "DescribeInstances by ids": DESCRIBES,
    "DescribeInstances filtered": PAGES,
    "DescribeInstanceTypeOfferings": None,  # asked for a few times a day: nobody counts it
    "TerminateInstances requests": ENDS,
    "terminated machines": ENDED,
    "StartInstances requests": STARTS,
    "started machines": STARTED,
    "StopInstances requests": STOPS,
    "stopped machines": STOPPED,
}
"""EC2's buckets, and what we call them."""


def test_no_more_processes_run_at_once_than_have_a_part_of_the_limits() -> None:
    """Each may call a little by itself, which is taken off what all share."""
    at_once = {name: about["at_once"] for name, about in fragment("functions").items() if "at_once" in about}
    assert set(at_once) == {"dispatch", "events", "reports"}
    assert at_once["dispatch"] + 1 <= DISPATCHERS, "one has the pools' lease and launches, too"
    assert sum(at_once.values()) + SCHEDULES <= WATCHERS
    assert min(at_once.values()) >= 2, "Lambda takes no smaller maximum"


@pytest.mark.parametrize("limit", [*EC2, *SLEEP], ids=lambda limit: limit.name)
def test_all_parts_of_a_bucket_together_are_no_more_than_ec2_has(limit: Tokens) -> None:
    """At once and in the long run: what is shared, what was kept a moment, and what all who live and come have.

    By EC2's own figures, which are not those of the product.
    """
    name = PARTED[limit.name]
    if name is None:
        return
    part = ec2_ceilings()[name]
    assert isinstance(part.shared, Bucket)
    processes = DISPATCHERS if name in {FLEETS, MACHINES} else WATCHERS
    kept = -(-part.keep // part.shared.every)
    assert part.shared.capacity + kept + 2 * processes * part.own.capacity <= limit.capacity
    each = Fraction(SECOND * part.own.capacity, MINUTE) + (Fraction(SECOND, part.own.every) if part.own.capacity else 0)
    assert Fraction(SECOND, part.shared.every) + processes * each <= limit.refill


def test_something_is_left_to_be_shared() -> None:
    """Of every limit, as it is parted for the stack, a block at least."""
    for name, part in {**ec2_ceilings(), **github_ceilings()}.items():
        assert isinstance(part.shared, Bucket | Window)
        most = part.shared.capacity if isinstance(part.shared, Bucket) else part.shared.most
        assert most >= part.block, name


def test_a_dispatcher_is_over_before_another_one_may_have_its_jobs() -> None:
    """No launch is cut off while EC2 thinks, and nobody takes up what is still worked on.

    ::

        an answer of EC2's < the function < its lease on a job < the message's loan
    """
    stack = made()
    functions = {one["FunctionName"]: one for one in stack.of("AWS::Lambda::Function").values()}
    over = functions["paddock-dev-dispatch"]["Timeout"] * SECOND
    loan = stack.properties("JobsQueue")["VisibilityTimeout"] * SECOND
    asked: Any = Clients(REGION).ec2.meta.config  # botocore makes its attributes as it runs
    answer = round((asked.connect_timeout + asked.read_timeout) * SECOND)
    assert answer < over < Deadlines().lease < loan
