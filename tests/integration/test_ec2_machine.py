"""A whole EC2 machine: unit, single-file agent, metadata, table, queue, log group and bucket; its life and its ends."""

import json
import os
import shlex
import signal
import sys
from collections.abc import Iterator
from random import choices
from string import ascii_lowercase

import pytest

from paddock.agent.aws.imds import STOCK
from paddock.core.messages import Registration, ReportEvent
from paddock.core.states import OperationalResult
from tests.agent.ec2_faults import reach
from tests.agent.ec2_machine import Ec2, Ec2Machine, ec2, one_end
from tests.agent.isolated_job import search_in, secret
from tests.agent.machine import eventually
from tests.agent.runner_package import RUNNER_ID, runner_package, script
from tests.agent.zipapp import build
from tests.aws.machine import ROLE_ID, SECOND

HEARTBEAT, FINISHED, READY = ReportEvent.HEARTBEAT, ReportEvent.FINISHED, ReportEvent.READY


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ec2]:
    """A cloud with the agent as a single file."""
    root = tmp_path_factory.mktemp("ec2")
    build(root / "agent.pyz")
    with ec2(root, root / "agent.pyz") as made:
        yield made


def terminate(pid: int) -> None:
    """The system is going down."""
    os.kill(pid, signal.SIGTERM)


def test_a_machine_serves_its_job_and_goes(cloud: Ec2) -> None:
    """A sign of life, no message, the job's lines, the diagnosis; the switch pressed once, nothing left."""
    with cloud.machine(runner_package(script(job="build"))) as machine:
        machine.assign()
        life = machine.live()
        assert (life.result, life.after) == ("success", [0, 0])
        assert machine.aws.messages() == []
        (finished,) = machine.reports()
        assert finished.event is FINISHED
        item = machine.aws.item() or {}
        assert int(item["heartbeat_at"]["N"]) >= int(item["ready_at"]["N"]) == finished.ready_at
        assert (finished.result, finished.conclusion, finished.job_id) == (OperationalResult.SERVED, "success", 12345)
        assert finished.runner_id == 4711
        lines = machine.shipped()
        assert any("Running job: build" in line for line in lines)
        assert any(" agent off " in line for line in lines)
        assert machine.archived() == [f"diag/{machine.aws.user_id}/Runner_1.log.gz"]
        assert machine.is_off
        assert machine.left() == []
    assert life.told[0] == "READY=1"


def test_the_call_budget_of_a_machine(cloud: Ec2) -> None:
    """Beside heartbeats, logs, package and diagnosis two requests: the orders taken, and the start."""
    with cloud.machine(runner_package(script(job="build"))) as machine:
        machine.assign()
        machine.live()
        made = machine.aws.front.operations()
        assert made.count("AssumeRole") == 1  # for the log
        asked = [name for name in made if name not in {"AssumeRole", "PutLogEvents", "CreateLogStream"}]
        assert asked == ["UpdateItem", "GET", "UpdateItem", "PUT"]


def test_a_pools_machine_that_is_stopped_is_no_failure(cloud: Ec2) -> None:
    """No end is told, nobody presses the switch while the system goes down, and it can live again: then it serves."""
    with cloud.machine(runner_package(script(job="build")), standby=True, assignment_deadline=SECOND // 10) as machine:
        machine.system.tell("off")  # the system is stopping

        def sleep(pid: int) -> None:
            reach(machine, "standby")
            terminate(pid)

        life = machine.live(sleep)
        assert life.after == [0, 0]
        assert {report.event for report in machine.reports()} <= {READY}
        assert machine.system.calls == []
        (machine.system.folder / "off").unlink()
        machine.assign()
        machine.live()
        assert one_end(machine.reports()).result is OperationalResult.SERVED
        assert machine.is_off
        assert machine.left() == []


@pytest.mark.parametrize("stock", ["hot", "stopped"])
def test_a_spare_learns_from_its_tag_that_it_is_one(cloud: Ec2, stock: str) -> None:
    """Its settings are those of every machine: it says that it is ready, looks again and again, and serves."""
    with cloud.machine(runner_package(script(job="build")), assignment_deadline=SECOND // 10) as machine:
        machine.aws.imds.data[STOCK] = stock

        def want(_pid: int) -> None:
            eventually(lambda: machine.aws.front.operations().count("GetItem") > 2, "a few looks")
            (ready,) = eventually(machine.reports, "its word")
            assert ready.event is READY
            assert (ready.machine, ready.job_id, ready.launch, ready.runner_name) == (machine.name, 0, 0, "")
            machine.assign()

        life = machine.live(want)
        assert life.after == [0, 0]
        assert one_end(machine.reports()).result is OperationalResult.SERVED
        assert machine.is_off
        assert machine.left() == []


def test_a_spare_whose_agent_dies_and_is_started_again_waits_again(cloud: Ec2) -> None:
    """It had no orders, so nothing is lost and no end is told: it is as good as a new one."""
    with cloud.machine(runner_package(script(job="build"))) as machine:
        machine.aws.imds.data[STOCK] = "hot"

        def die(pid: int) -> None:
            reach(machine, "standby")
            os.kill(pid, signal.SIGKILL)

        machine.live(die)
        assert {report.event for report in machine.reports()} <= {READY}
        (machine.system.folder / "off").unlink()

        def want(_pid: int) -> None:
            eventually(lambda: [report.event for report in machine.reports()] == [READY], "the word of the second")
            machine.assign()

        machine.live(want)
        assert one_end(machine.reports()).result is OperationalResult.SERVED


def test_a_spare_that_could_serve_nobody_does_not_pass_for_one(cloud: Ec2) -> None:
    """Its settings are wrong: that is told at once, before any job counts on it, and the machine goes."""
    with cloud.machine(runner_package(), stop_grace=0) as machine:
        machine.aws.imds.data[STOCK] = "hot"

        def refuse(_pid: int) -> None:
            eventually(lambda: said(machine, '"event": "failed"'), "the refusal")

        machine.live(refuse)
        (end,) = machine.reports()
        assert (end.event, end.reason, end.job_id) == (ReportEvent.FAILED_TO_START, "bad_settings", 0)
        assert machine.is_off


def test_nobody_wants_the_machine(cloud: Ec2) -> None:
    """No orders come in time: that is told, and the machine goes."""
    with cloud.machine(runner_package(), assignment_deadline=SECOND // 10) as machine:
        machine.live()
        end = one_end(machine.reports())
        assert (end.reason, end.machine, end.job_id) == ("assignment_deadline", machine.name, 0)
        assert machine.is_off


@pytest.mark.parametrize("phase", ["waiting", "preparing", "listening", "job"])
def test_told_to_stop(cloud: Ec2, phase: str) -> None:
    """In each phase the end is told with its reason, and the machine goes."""
    package = runner_package(script(idle=True) if phase == "listening" else script(job="build", hang=True))
    with cloud.machine(package) as machine:
        if phase == "preparing":
            machine.server.hold.clear()
        if phase != "waiting":
            machine.assign()

        def stop(pid: int) -> None:
            marks = {
                "waiting": machine.aws.front.operations,
                "preparing": lambda: machine.server.requests,
                "listening": lambda: said(machine, "Listening"),
            }
            eventually(marks.get(phase, lambda: said(machine, "Running job")), phase)
            terminate(pid)

        machine.live(stop)
        end = one_end(machine.reports())
        assert (end.reason, end.interrupted_by) == ("sigterm", "sigterm")
        assert end.result is (OperationalResult.INTERRUPTED if phase == "job" else OperationalResult.FAILED_TO_START)
        assert machine.is_off
        assert machine.left() == []


def said(machine: Ec2Machine, text: str) -> bool:
    """True once the log has it."""
    path = machine.directory / "agent.log"
    return path.exists() and text.encode() in path.read_bytes()


def test_a_spot_notice_during_a_job(cloud: Ec2) -> None:
    """The control plane hears of it first; the job is stopped in time; then the machine waits for AWS, and goes."""
    with cloud.machine(runner_package(script(job="build", hang=True))) as machine:
        machine.assign()

        def warn(_pid: int) -> None:
            eventually(lambda: said(machine, "Running job"), "the job")
            machine.aws.imds.warn(4)

        machine.live(warn)
        reports = machine.reports()
        assert [(report.event, report.reason) for report in reports] == [
            (HEARTBEAT, "spot_notice"),
            (FINISHED, "spot_notice"),
        ]
        assert (reports[-1].interrupted_by, reports[-1].result) == ("spot", OperationalResult.INTERRUPTED)
        assert machine.is_off
        assert any(" agent off " in line for line in machine.shipped())
        assert machine.left() == []


def test_a_machine_lives_once(cloud: Ec2) -> None:
    """An agent that starts after one that was cut off by a lost supply says that one's end, and serves nobody.

    Orders that lie there are taken from the table: they hold a secret, and nobody is to come for them.
    """
    with cloud.machine(runner_package(script(job="build"))) as machine:
        machine.directory.mkdir()
        facts = {"machine": machine.name, "job_id": 12345, "launch": 1, "runner_name": "paddock--x--1", "started_at": 5}
        state = {"phase": "listening", "facts": facts, "final": None}
        (machine.directory / "state.json").write_text(json.dumps(state))
        machine.assign()
        machine.live()
        end = one_end(machine.reports())
        assert (end.event, end.reason, end.job_id) == (FINISHED, "agent_died", 12345)
        assert machine.server.requests == 0
        assert machine.is_off
        assert machine.left() == []


def test_settings_that_make_no_sense_switch_the_machine_off(cloud: Ec2) -> None:
    """Nobody can be told, so the console is, and the unit presses the switch."""
    with cloud.machine(runner_package()) as machine:
        (machine.home / "agent.json").write_text('{"version": 9}')
        life = machine.live()
        assert (life.result, life.exit_status) == ("exit-code", "1")
        assert machine.is_off


def test_metadata_that_is_away_switches_the_machine_off(cloud: Ec2) -> None:
    """A machine that cannot learn who it is does nothing and goes."""
    with cloud.machine(runner_package(), endpoints={"imds": "http://127.0.0.1:9"}) as machine:
        life = machine.live()
        assert life.exit_status == "1"
        assert machine.is_off
        assert any(line["event"] == "not_connected" for line in machine.log())


def test_a_boot_after_the_end_was_told_serves_nobody(cloud: Ec2) -> None:
    """A machine that comes up again after its job (a reset in the midst of leaving) says nothing new and goes."""
    with cloud.machine(runner_package(script(job="build"))) as machine:
        machine.assign()
        machine.live()
        assert one_end(machine.reports()).result is OperationalResult.SERVED
        (machine.system.folder / "off").unlink()
        machine.live()
        assert machine.reports() == []
        assert machine.system.calls == ["systemctl poweroff"] * 2


def test_a_field_that_is_wrong_is_reported(cloud: Ec2) -> None:
    """Whom to tell can be read, so the control plane hears which field it was, and for which job."""
    with cloud.machine(runner_package(), stop_grace=0) as machine:
        machine.assign()
        machine.live()
        end = one_end(machine.reports())
        assert (end.reason, end.job_id) == ("bad_settings", 12345)
        assert end.detail.startswith("stop_grace: found 0, wanted")
        assert machine.server.requests == 0
        assert machine.is_off


def test_orders_that_were_about_to_be_taken_are_answered_for(cloud: Ec2) -> None:
    """A pool's machine dies between the table's answer and everything else: its last words say that it had orders."""
    with cloud.machine(runner_package(), standby=True) as machine:
        machine.directory.mkdir()
        state = {"phase": "taking", "facts": {"machine": machine.name}, "final": None}
        (machine.directory / "state.json").write_text(json.dumps(state))
        machine.live()
        end = one_end(machine.reports())
        assert (end.reason, end.machine) == ("agent_died", machine.name)
        assert "taking" in end.detail


@pytest.mark.parametrize("standby", [True, False], ids=["read before", "taken unread"])
def test_the_phase_before_orders_are_taken_is_on_the_disk(cloud: Ec2, standby: bool) -> None:  # noqa: FBT001 - a parameter
    """When the table is asked to give the orders away, the machine has written down that it will answer for them."""
    with cloud.machine(runner_package(script(job="build")), standby=standby) as machine:
        phases: list[str] = []

        def look(operation: str) -> bool:
            if operation == "UpdateItem":
                phases.append(json.loads((machine.directory / "state.json").read_text())["phase"])
            return False

        machine.aws.front.cut = look
        machine.assign()
        machine.live()
        assert phases[0] == "taking"


def test_a_machine_that_is_taken_while_it_prepares(cloud: Ec2) -> None:
    """The cloud stops it in the midst of a download: the notice that stands says why, not the signal."""
    with cloud.machine(runner_package()) as machine:
        machine.server.hold.clear()
        machine.assign()
        machine.aws.imds.warn(60)

        def taken(pid: int) -> None:
            eventually(lambda: machine.server.requests, "the download")
            terminate(pid)

        machine.live(taken)
        end = one_end(machine.reports())
        assert (end.event.value, end.reason, end.interrupted_by) == ("failed_to_start", "spot_notice", "spot")


@pytest.mark.parametrize("registered", ["just in time", "by token"])
def test_a_job_with_all_rights_finds_nothing_good_for_others(cloud: Ec2, registered: str) -> None:
    """As whoever the agent is, root on a machine: its memory, files and processes hold its own orders and no others.

    A registration token, which would register any runner, is gone before the job comes. What its role may ask the
    table for is IAM's affair, which moto does not play; the machine asks for its own item.
    """
    own, other, token = (f"{kind}-{''.join(choices(ascii_lowercase, k=8))}" for kind in ("own", "neighbour", "token"))
    by_token = {
        "jit_config": "",
        "runner_id": 0,
        "registration": Registration("https://github.com/acme/shop", secret(token)),
    }
    with cloud.machine(runner_package()) as machine:
        search = f"{shlex.quote(sys.executable)} -c {shlex.quote(search_in(machine.home))}"
        machine.server.data = runner_package(script(job="build", shell=[search]), token=secret(token))
        body = {"body": {"S": f"orders with {secret(other)}"}}
        key = {"pk": {"S": f"{ROLE_ID}:i-00000000000000000"}, "sk": {"S": "ASSIGNMENT"}}
        machine.aws.dynamodb.put_item(TableName=machine.aws.name, Item={**key, **body})
        machine.assign(setup_info=f"Why: {secret(own)}", **(by_token if registered == "by token" else {}))
        machine.live()
        end = one_end(machine.reports())
        assert (end.result, end.runner_id) == (OperationalResult.SERVED, RUNNER_ID)
        found = {line.rpartition(" ")[2] for line in machine.shipped() if " stdout found " in line}
        assert own in found
        where = [line for line in machine.shipped() if " stdout where " in line]
        assert not {other, token} & found, where
        front = machine.aws.front
        keys = [asked["Key"]["pk"]["S"] for name in ("GetItem", "UpdateItem") for asked in front.bodies(name)]
        assert set(keys) == {machine.aws.user_id}
