"""Outages around an EC2 machine: what passes costs nothing but time, what stays ends it in order, and it is told."""

import json
from collections.abc import Callable, Iterator
from email.utils import formatdate
from pathlib import Path
from time import time
from typing import Any

import pytest

from paddock.core.codec import message_to_data
from paddock.core.messages import ReportEvent, RunnerReported
from paddock.core.states import OperationalResult
from tests.agent.ec2_faults import Cuts, reach, said, spooled
from tests.agent.ec2_machine import Ec2, Ec2Machine, ec2, one_end
from tests.agent.runner_package import assignment, runner_package, script
from tests.agent.zipapp import build
from tests.aws.machine import SECOND, fault, xml_fault
from tests.http_stub import Answer

pytestmark = pytest.mark.slow  # each is short; there are many of them

FINISHED, FAILED = ReportEvent.FINISHED, ReportEvent.FAILED_TO_START
MANY = 99


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ec2]:
    """A cloud with the agent as a single file."""
    root = tmp_path_factory.mktemp("ec2")
    build(root / "agent.pyz")
    with ec2(root, root / "agent.pyz") as made:
        yield made


def served(reports: list[RunnerReported], conclusion: str = "success") -> bool:
    """The job's end was told, and was this one; its start is a sign of life, and no report."""
    seen = list(dict.fromkeys(report.event for report in reports))
    return seen == [FINISHED] and one_end(reports).conclusion == conclusion


def gone(machine: Ec2Machine) -> None:
    """Off, by one press, and nothing is left of the job."""
    assert machine.is_off
    assert machine.left() == []


@pytest.mark.parametrize("phase", ["assignment", "download", "listening", "job", "after the job"])
def test_the_network_is_away_for_a_while(cloud: Ec2, tmp_path: Path, phase: str) -> None:
    """All of AWS, in any phase: the job is served, its reports arrive in order, and no line of its log is missing."""
    go = tmp_path / "go"
    does = script(job="build", comes=str(go), lasts=0.2) if phase == "listening" else script(job="build", lasts=0.2)
    with cloud.machine(runner_package(does)) as machine:
        machine.assign()
        cuts = Cuts(machine)
        if phase == "assignment":
            cuts.cut(["*"], 1.0)
        if phase == "download":
            machine.server.hold.clear()

        def act(_pid: int) -> None:
            if phase != "assignment":
                reach(machine, phase)
                cuts.cut(["*"], 1.0)
                machine.server.hold.set()
                go.touch()

        machine.live(act)
        assert served(machine.reports())
        lines = machine.shipped()
        for text in (
            " agent assigned ",
            "Listening for Jobs",
            "Running job: build",
            "result: Succeeded",
            " agent off ",
        ):
            assert sum(text in line for line in lines) >= 1, text
        gone(machine)


def throttled(times: int) -> list[Answer]:
    """So many refusals for haste."""
    return [fault(400, "ThrottlingException")] * times


def broken(times: int) -> list[Answer]:
    """So many faults of theirs."""
    return [fault(500, "InternalServerError")] * times


def wrong_clock(code: str) -> list[Answer]:
    """AWS is an hour ahead of us and says so."""
    return [fault(400, code, headers={"Date": formatdate(time() + 3_600, usegmt=True)})]


def missing_group(machine: Ec2Machine) -> None:
    """The log's group was never made."""
    machine.aws.logs.delete_log_group(logGroupName=f"/paddock/{machine.aws.name}")


TROUBLES: dict[str, Callable[[Ec2Machine], object]] = {
    "table throttled": lambda m: m.aws.front.faults.update(GetItem=throttled(3), UpdateItem=throttled(3)),
    "table broken": lambda m: m.aws.front.faults.update(GetItem=broken(2), UpdateItem=broken(2)),
    "queue throttled": lambda m: m.aws.front.faults.update(SendMessage=throttled(6)),
    "queue broken": lambda m: m.aws.front.faults.update(SendMessage=broken(6)),
    "log broken": lambda m: m.aws.front.faults.update(PutLogEvents=broken(5), CreateLogStream=broken(2)),
    "log group missing": missing_group,
    "log denied": lambda m: m.aws.front.faults.update(PutLogEvents=[fault(400, "AccessDeniedException")] * MANY),
    "log role denied": lambda m: m.aws.front.faults.update(AssumeRole=[xml_fault(403, "AccessDenied")] * MANY),
    "log role denied at first": lambda m: m.aws.front.faults.update(AssumeRole=[xml_fault(403, "AccessDenied")]),
    "log role away": lambda m: Cuts(m).cut(["AssumeRole"]),
    "archive denied": lambda m: m.aws.front.faults.update(PUT=[xml_fault(403, "AccessDenied")] * MANY),
    "archive away": lambda m: Cuts(m).cut(["PUT"]),
    "mirror denied": lambda m: m.aws.front.faults.update(GET=[xml_fault(403, "AccessDenied")] * MANY),
    "mirror away": lambda m: Cuts(m).cut(["GET"]),
    "metadata broken at first": lambda m: m.aws.imds.faults.extend([Answer(500)] * 3),
    "answers lost": lambda m: m.aws.front.lose.update(SendMessage=2, PutLogEvents=1, PUT=1),
    "skewed": lambda m: m.aws.front.faults.update(UpdateItem=wrong_clock("RequestTimeTooSkewed")),
    "signature expired": lambda m: m.aws.front.faults.update(UpdateItem=wrong_clock("RequestExpired")),
    "signature not yet": lambda m: m.aws.front.faults.update(UpdateItem=wrong_clock("InvalidSignatureException")),
    "keys expired": lambda m: m.aws.front.faults.update(UpdateItem=[fault(400, "ExpiredTokenException")]),
    "package away at first": lambda m: m.server.answers.extend([503, 500]),
}


TELLING = ("queue throttled", "queue broken", "answers lost")  # these need a report, and a success is none


@pytest.mark.parametrize("name", TROUBLES)
def test_the_job_is_served_in_spite_of(cloud: Ec2, name: str) -> None:
    """What passes is waited for; what the job does not need is done without: the log then stays on the disk."""
    result, conclusion = ("Failed", "failure") if name in TELLING else ("Succeeded", "success")
    with cloud.machine(runner_package(script(job="build", result=result))) as machine:
        machine.assign()
        TROUBLES[name](machine)
        machine.live()
        assert served(machine.reports(), conclusion)
        assert bool(machine.archived()) is not name.startswith("archive")
        if name in {"log group missing", "log denied", "log role denied", "log role away"}:
            assert said(machine, "log_waits", "Running job: build", '"event": "off"')
        else:
            assert any(" agent off " in line for line in machine.shipped())
        if name in {"skewed", "signature expired", "signature not yet"}:
            dates = [seen.headers["x-amz-date"] for seen in machine.aws.front.seen]
            assert min(dates[1:]) > dates[0][:-2], "signed by AWS's clock from then on"
        if name == "keys expired":
            assert machine.aws.imds.keys == 3, "twice by who takes the orders, once by the agent itself"
        gone(machine)


def test_orders_that_were_lost_on_their_way_are_told(cloud: Ec2) -> None:
    """They are taken in one request, unread. Should its answer be lost, nobody has them: the job goes elsewhere."""
    with cloud.machine(runner_package(script(job="build"))) as machine:
        machine.assign()
        machine.aws.front.lose.update(UpdateItem=1)
        machine.live()
        end = one_end(machine.reports())
        assert (end.event, end.reason) == (FAILED, "assignment_taken")
        gone(machine)


def test_metadata_is_away_while_the_job_runs(cloud: Ec2) -> None:
    """Unknown means keep: no warning is seen, and the job goes on to its end."""
    with cloud.machine(runner_package(script(job="build", lasts=1.5))) as machine:
        machine.assign()

        def act(_pid: int) -> None:
            reach(machine, "job")
            machine.aws.imds.hold.clear()

        machine.live(act)
        machine.aws.imds.hold.set()
        assert served(machine.reports())
        assert machine.is_off


@pytest.mark.parametrize("code", ["InvalidMessageContents", "AccessDenied", "QueueDoesNotExist"])
def test_a_queue_that_refuses(cloud: Ec2, code: str) -> None:
    """What it will never take is set aside, a right may still come for a while; the disk has it, the machine goes."""
    failing = script(job="build", result="Failed")
    with cloud.machine(runner_package(failing), report_patience=SECOND // 2) as machine:
        machine.assign()
        machine.aws.front.faults["SendMessage"] = [fault(400, code)] * MANY
        machine.live()
        assert machine.reports() == []
        assert served([*spooled(machine, "spool/bad"), *spooled(machine)], "failure")
        assert (spooled(machine) == []) is (code == "InvalidMessageContents")
        gone(machine)


PACKAGES: dict[str, tuple[str, Callable[[Ec2Machine], object]]] = {
    "away": ("download_failed", lambda m: m.server.answers.extend([503] * MANY)),
    "silent": ("download_failed", lambda m: m.server.hold.clear()),
    "cut short": ("download_failed", lambda m: setattr(m.server, "missing", 10)),
    "wrong bytes": ("digest_mismatch", lambda m: setattr(m.server, "data", m.server.data[:-9] + b"x" * 9)),
}


@pytest.mark.parametrize("name", PACKAGES)
def test_a_package_that_cannot_be_had(cloud: Ec2, name: str) -> None:
    """Within its time it is told that it did not come, and why; the machine goes."""
    reason, spoil = PACKAGES[name]
    with cloud.machine(runner_package(script(job="build")), download_deadline=2 * SECOND) as machine:
        machine.assign()
        spoil(machine)
        machine.live()
        end = one_end(machine.reports())
        assert (end.event, end.reason, end.job_id) == (FAILED, reason, 12345)
        gone(machine)


def put(to: Ec2Machine, **fields: Any) -> None:  # noqa: ANN401 - any field, right or wrong
    """Orders with these fields in place of the right ones."""
    orders = message_to_data(assignment(to.name, to.server.url, to.server.data))
    to.aws.put_item(json.dumps({**orders, **fields}))


ORDERS: dict[str, tuple[str, str, Callable[[Ec2Machine], object]]] = {
    "absent": ("assignment_deadline", "no assignment came", lambda _machine: None),
    "taken before": ("assignment_taken", "before, at 7", lambda m: m.aws.put_item(None, taken_at={"N": "7"})),
    "no JSON": ("bad_assignment", "wanted JSON", lambda m: m.aws.put_item('{"kind": "assi')),
    "no object": ("bad_assignment", "", lambda m: m.aws.put_item("[]")),
    "another machine's": ("bad_assignment", "machine: found 'i-0", lambda m: put(m, machine="i-0aaaaaaaaaaaaaaaa")),
    "bad field": ("bad_assignment", "max_runtime", lambda m: put(m, max_runtime="long")),
    "of a newer version": ("bad_assignment", "version", lambda m: put(m, version=99)),
    "denied": (
        "assignment_unreadable",
        "dynamodb:GetItem",
        lambda m: m.aws.front.faults.update(GetItem=[fault(400, "AccessDeniedException")] * MANY),
    ),
    "no table": (
        "assignment_unreadable",
        "ResourceNotFoundException",
        lambda m: m.aws.front.faults.update(GetItem=[fault(400, "ResourceNotFoundException")] * MANY),
    ),
    "keys expired for good": (
        "assignment_unreadable",
        "ExpiredTokenException",
        lambda m: m.aws.front.faults.update(GetItem=[fault(400, "ExpiredTokenException")] * MANY),
    ),
    "throttled for good": (
        "assignment_unreadable",
        "ThrottlingException",
        lambda m: m.aws.front.faults.update(GetItem=throttled(MANY)),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", ORDERS)
def test_orders_that_cannot_be_followed(cloud: Ec2, name: str) -> None:
    """The reason is told, with what was wrong; nothing is fetched, no secret stays, and the machine goes."""
    reason, detail, give = ORDERS[name]
    with cloud.machine(runner_package(script(job="build")), assignment_deadline=SECOND // 5) as machine:
        give(machine)
        machine.live()
        end = one_end(machine.reports())
        assert (end.event, end.result, end.reason) == (FAILED, OperationalResult.FAILED_TO_START, reason)
        assert detail in end.detail
        assert end.job_id == (12345 if name in {"another machine's", "bad field", "of a newer version"} else 0)
        assert machine.server.requests == 0
        gone(machine)
