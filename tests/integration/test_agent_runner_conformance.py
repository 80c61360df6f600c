"""The agent as a real process with a whole runner package: what it reports, row by row.

The GitHub behind it is the stand-in, or a genuine one if ``PADDOCK_GENUINE_RUNNER`` names its settings; rows that a
genuine one cannot be made to produce are then left out, as `tests/agent/conformance_cases.py` says of each.
"""

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest
from _pytest.mark import ParameterSet

from paddock.core.messages import Assignment, RunnerReported
from paddock.core.units import SECOND
from tests.agent.conformance import RunnerWorld, chosen
from tests.agent.conformance_cases import ALL, EXIT_CODES, FORGERIES, SIGNALS, Case, Stage
from tests.agent.conformance_genuine import GenuineWorld
from tests.agent.conformance_standin import StandInWorld
from tests.agent.machine import AgentMachine, carriers
from tests.agent.runner_package import put_assignment

pytestmark = pytest.mark.slow

GENUINE = chosen()


def rows(table: dict[str, Case]) -> list[ParameterSet]:
    """The rows that this world can produce; a Listener tries a wrong clock for half an hour, and be it a scaled one."""
    found = [name for name, case in table.items() if GENUINE is None or not case.only_standin]
    return [pytest.param(name, marks=[pytest.mark.slow] * ("clock" in name)) for name in found]


@pytest.fixture(name="world")
def _world() -> Iterator[RunnerWorld]:
    world: RunnerWorld = StandInWorld() if GENUINE is None else GenuineWorld(GENUINE)
    try:
        yield world
    finally:
        world.close()


@pytest.fixture(name="machine")
def _machine(tmp_path: Path) -> Iterator[AgentMachine]:
    machine = AgentMachine(tmp_path, f"box-{secrets.token_hex(4)}")
    try:
        yield machine
    finally:
        machine.close()


def play(case: Case, world: RunnerWorld, machine: AgentMachine) -> tuple[Stage, list[RunnerReported]]:
    """Let the row happen; the stage and the reports once the agent has ended."""
    if isinstance(world, StandInWorld):
        world.faults = case.faults
    label = f"paddock-{machine.name}"
    jit = world.mint(f"paddock--{machine.name}--{secrets.token_hex(3)}", label)
    assigned = Assignment(
        machine=machine.name,
        job_id=1,
        launch=1,
        repository="acme/app",
        labels=(label,),
        runner_name=jit.runner_name,
        runner_id=jit.runner_id,
        package=world.package(),
        jit_config=jit.encoded,
        max_runtime=case.runtime,
        idle_timeout=case.idle if isinstance(world, StandInWorld) else max(case.idle, 120 * SECOND),
    )
    run_id = None if case.scenario is None else world.queue(case.scenario, label, case.title)
    stage = Stage(world, machine, assigned, run_id)
    case.first(stage)
    agent = machine.start()
    put_assignment(machine.directory, assigned)
    case.act(stage)
    assert agent.wait(world.patience) == 0, machine.log_text()
    assert jit.encoded not in machine.log_text()
    return stage, machine.reports()


def judge(case: Case, stage: Stage, reports: list[RunnerReported]) -> None:
    """The last report, GitHub's word, and what is left behind."""
    last = reports[-1]
    found = (last.event, last.result, last.reason, last.conclusion, last.exit_code, last.interrupted_by)
    wanted = (case.event, case.result, case.reason, case.conclusion, case.exit_code, case.interrupted_by)
    assert found == wanted, stage.machine.log_text()[-3000:]
    assert case.said in stage.machine.log_text()
    assert [report.event for report in reports[:-1] if report.event == "started"] == ["started"] * (
        case.scenario is not None
    )
    if stage.run_id is not None:
        outcome = stage.world.outcome(stage.run_id)
        assert outcome.conclusion == case.github
    assert carriers(stage.machine.name) == []
    assert not (stage.machine.directory / "work").exists()


@pytest.mark.parametrize("name", rows(EXIT_CODES))
def test_exit_codes(name: str, world: RunnerWorld, machine: AgentMachine) -> None:
    """However the Listener ends, the report says what it means: the exit code never speaks alone."""
    case = EXIT_CODES[name]
    judge(case, *play(case, world, machine))


@pytest.mark.parametrize("name", rows(SIGNALS))
def test_signals(name: str, world: RunnerWorld, machine: AgentMachine) -> None:
    """However the machine ends, the job is stopped the runner's own way, GitHub hears failure, the report says why."""
    case = SIGNALS[name]
    judge(case, *play(case, world, machine))


@pytest.mark.parametrize("name", rows(FORGERIES))
def test_forgeries(name: str, world: RunnerWorld, machine: AgentMachine) -> None:
    """Whatever a job's author writes where the Listener speaks, the report agrees with GitHub's own word."""
    case = FORGERIES[name]
    stage, reports = play(case, world, machine)
    judge(case, stage, reports)
    assert reports[-1].conclusion == stage.world.outcome(stage.run_id or 0).conclusion
    assert all(character.isprintable() for report in reports for character in report.job_name)
    assert all(len(report.job_name) <= 500 for report in reports)


LINES = {
    "ready": "ready_at",
    "started": "started_at",
    "finished": "finished_at",
}


def test_lines(world: RunnerWorld, machine: AgentMachine) -> None:
    """The three lines become three moments, in order; the display name is told, and the runner's own number."""
    case = ALL["0 success"]
    stage, reports = play(case, world, machine)
    started, last = reports[0], reports[-1]
    moments = [getattr(last, field) for field in LINES.values()]
    assert None not in moments
    assert moments == sorted(moments)
    assert (started.ready_at, started.started_at, started.finished_at) == (*moments[:2], None)
    assert (last.job_name, last.runner_name) == (case.title, stage.assigned.runner_name)
    assert world.outcome(stage.run_id or 0).runner_name == stage.assigned.runner_name
    assert not world.registered(stage.assigned.runner_id)


def test_the_rows_left_out_say_why() -> None:
    """Every row is produced by a genuine GitHub too, or there is a sentence about why not; faults need one."""
    for name, case in ALL.items():
        faulty = case.faults != Case(case.event, case.result).faults
        assert not faulty or case.only_standin, name
    assert sum(not case.only_standin for case in ALL.values()) >= 15
