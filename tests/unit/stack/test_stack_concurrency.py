"""How many functions run at once is what the limits of EC2 and GitHub are parted for; how long, what leases outlast."""

from typing import Any

from paddock.adapters.aws.clients import Clients
from paddock.adapters.aws.stack.fragments import fragment
from paddock.adapters.pacing import DISPATCHERS, SCHEDULES, WATCHERS, ec2_ceilings, github_ceilings
from paddock.core.pace import Bucket, Window
from paddock.core.settings import Deadlines
from paddock.core.units import SECOND
from tests.aws.judge import REGION
from tests.aws.shapes import made


def test_no_more_processes_run_at_once_than_have_a_part_of_the_limits() -> None:
    """Each may call a little by itself, which is taken off what all share."""
    at_once = {name: about["at_once"] for name, about in fragment("functions").items() if "at_once" in about}
    assert set(at_once) == {"dispatch", "events", "reports"}
    assert at_once["dispatch"] + 1 <= DISPATCHERS, "one has the pools' lease and launches, too"
    assert sum(at_once.values()) + SCHEDULES <= WATCHERS
    assert min(at_once.values()) >= 2, "Lambda takes no smaller maximum"


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
