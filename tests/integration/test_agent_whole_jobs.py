"""The whole agent with a whole runner package and a GitHub: what both sides know of one job afterwards."""

import base64
import gzip
import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs
import pytest

from paddock.adapters.memory.github import JobRecord
from paddock.adapters.standin import RunnerFaults
from paddock.agent.version import VERSION
from paddock.core.messages import Assignment, Registration, ReportEvent, RunnerReported
from paddock.core.ports.github import JitConfig
from paddock.core.states import OperationalResult
from paddock.core.units import SECOND
from tests.agent.conformance import Scenario
from tests.agent.conformance_standin import REPOSITORY, StandInWorld
from tests.agent.machine import PATIENCE, AgentMachine, carriers, eventually
from tests.agent.runner_package import put_assignment
from tests.agent.standin_runner import token

WHY = "the oldest of three waiting jobs"
MINUTE = 60 * SECOND


@attrs.frozen
class Stage:
    """A GitHub, and one machine with its shipped log."""

    world: StandInWorld
    machine: AgentMachine
    logs: Path

    @property
    def label(self) -> str:
        """What only this machine's runner answers to."""
        return f"paddock-{self.machine.name}"

    def mint(self) -> JitConfig:
        """A registration just in time."""
        return self.world.mint(f"paddock--{self.machine.name}--1a2b3c", self.label)

    def orders(self, **fields: object) -> Assignment:
        """The machine's assignment."""
        given: dict[str, Any] = {
            "machine": self.machine.name,
            "job_id": 77,
            "launch": 2,
            "repository": "acme/elsewhere",
            "labels": (self.label,),
            "runner_name": f"paddock--{self.machine.name}--1a2b3c",
            "package": self.world.package(),
            "max_runtime": MINUTE,
            "idle_timeout": MINUTE,
            "setup_info": f"Machine: {self.machine.name}\nWhy: {WHY}\n::error::not a command",
            **fields,
        }
        return Assignment(**given)

    def live(self, assigned: Assignment, *options: str) -> list[RunnerReported]:
        """The machine's whole life; its reports."""
        agent = self.machine.start("--log-dir", str(self.logs), *options)
        put_assignment(self.machine.directory, assigned)
        assert agent.wait(PATIENCE) == 0, self.machine.log_text()
        assert carriers(self.machine.name) == []
        assert not (self.machine.directory / "work").exists()
        return self.machine.reports()

    def by_jit(self, **fields: object) -> list[RunnerReported]:
        """A life with a registration just in time."""
        jit = self.mint()
        return self.live(self.orders(runner_id=jit.runner_id, jit_config=jit.encoded, **fields))

    def by_token(self, **fields: object) -> tuple[str, list[RunnerReported]]:
        """A life whose runner registers itself; the token, and the reports."""
        given = token(self.world.standin)
        registration = Registration(f"{self.world.standin.url}/{REPOSITORY}", given)
        return given, self.live(self.orders(runner_id=0, registration=registration, **fields))

    def kept(self) -> Iterator[tuple[Path, str]]:
        """Every file of the machine's, and of its shipped log and diagnosis, as a text."""
        for path in (*self.machine.directory.rglob("*"), *self.logs.rglob("*")):
            if path.is_file():
                data = path.read_bytes()
                yield path, (gzip.decompress(data) if path.suffix == ".gz" else data).decode(errors="replace")


@contextmanager
def stage(root: Path) -> Iterator[Stage]:
    """A world and a machine that are gone afterwards."""
    world, machine = StandInWorld(), AgentMachine(root, f"box-{secrets.token_hex(4)}")
    try:
        yield Stage(world, machine, root / "logs")
    finally:
        machine.close()
        world.close()


@pytest.fixture(name="here")
def _here(tmp_path: Path) -> Iterator[Stage]:
    with stage(tmp_path) as made:
        yield made


@attrs.frozen
class Served:
    """One served job: the stage, its runner's secret, its reports, GitHub's view."""

    stage: Stage
    jit: JitConfig
    started: RunnerReported
    finished: RunnerReported
    job: JobRecord
    run_id: int


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A job that was served to its end, by a runner registered just in time."""
    with stage(tmp_path_factory.mktemp("served")) as here:
        jit = here.mint()
        run_id = here.world.queue(Scenario.SUCCESS, here.label, "build (3.12)")
        started, finished = here.live(here.orders(runner_id=jit.runner_id, jit_config=jit.encoded))
        (job,) = here.world.standin.jobs(run_id)
        yield Served(here, jit, started, finished, job, run_id)


def test_the_job_that_was_really_served_is_told(served: Served) -> None:
    """The assignment was for another repository: the hook's word on repository, run and attempt is in the report."""
    last = served.finished
    assert (last.event, last.result, last.conclusion) == (
        ReportEvent.FINISHED,
        OperationalResult.SERVED,
        served.job.conclusion,
    )
    assert (last.repository, last.run_id, last.run_attempt) == (REPOSITORY, served.run_id, 1)
    assert (last.job_id, last.launch, last.job_name) == (77, 2, "build (3.12)")
    assert last.runner_name == served.job.runner_name
    assert {"memory_bytes", "disk_bytes"} <= set(last.peaks)
    assert (served.started.event, served.started.run_id) == (ReportEvent.STARTED, None)


def test_the_jobs_own_log_says_where_it_runs_and_why(served: Served) -> None:
    """Under "Set up job": the machine, the reason, the programs; and no command of the runner's."""
    assert served.job.steps[0].name == "Set up job"
    machine = served.stage.machine.name
    assert f"##[group]Machine\nMachine: {machine}\nWhy: {WHY}\n" in served.job.log
    assert f"Agent: paddock {VERSION}\n##[endgroup]" in served.job.log
    assert "::error" not in served.job.log


def test_log_and_diagnosis_are_kept_where_it_was_said(served: Served) -> None:
    """The shipped log has the Listener's lines and the agent's; each file of the diagnosis is there, compressed."""
    kept = served.stage.logs / served.stage.machine.name
    text = (kept / "77.log").read_text()
    for said in (" stdout ", "Listening for Jobs", "Running job: build (3.12)", " agent prepared ", " agent off "):
        assert said in text
    diagnosis = {path.name.partition("_")[0]: path for path in kept.glob("*.gz")}
    assert set(diagnosis) == {"Runner", "Worker"}
    assert "Processing step: DisplayName='Scenario'" in gzip.decompress(diagnosis["Worker"].read_bytes()).decode()


def test_the_configurations_secrets_are_in_no_file(served: Served) -> None:
    """Neither the configuration nor the files and the key in it; all that is kept was looked through."""
    files = json.loads(base64.b64decode(served.jit.encoded))
    key = json.loads(base64.b64decode(files[".credentials_rsaparams"]))["d"]
    texts = list(served.stage.kept())
    assert len(texts) > 8
    for path, text in texts:
        for secret in (served.jit.encoded, key, *files.values()):
            assert secret not in text, path


def test_a_runner_that_registers_itself(here: Stage) -> None:
    """GitHub gives the number, the reports tell it, the job is served; the token is in no file."""
    run_id = here.world.queue(Scenario.SUCCESS, here.label)
    given, (started, finished) = here.by_token()
    (job,) = here.world.standin.jobs(run_id)
    assert job.runner_id
    assert started.runner_id == finished.runner_id == job.runner_id
    assert (finished.result, finished.conclusion, finished.run_id) == (OperationalResult.SERVED, "success", run_id)
    assert "register" in finished.phases
    assert here.world.standin.runners() == ()
    assert [path for path, text in here.kept() if given in text] == []


def test_a_registration_that_no_job_used_is_told(here: Stage) -> None:
    """Once it listens the token is gone, so the machine cannot take it back: the report says what the fleet deletes."""
    _, (failed,) = here.by_token(idle_timeout=SECOND)
    assert (failed.event, failed.reason) == (ReportEvent.FAILED_TO_START, "no_job")
    assert [runner.id for runner in here.world.standin.runners()] == [failed.runner_id]


def test_a_machine_that_is_told_to_stop_leaves_no_registration_untold(here: Stage) -> None:
    """Not yet listening it takes the registration back; idle it says which one it was."""
    registration = Registration(f"{here.world.standin.url}/{REPOSITORY}", token(here.world.standin))
    agent = here.machine.start()
    put_assignment(here.machine.directory, here.orders(runner_id=0, registration=registration))
    eventually(here.world.standin.runners, "the registration")
    agent.terminate()
    assert agent.wait(PATIENCE) == 0
    (failed,) = here.machine.reports()
    assert (failed.event, failed.reason) == (ReportEvent.FAILED_TO_START, "sigterm")
    assert {runner.id for runner in here.world.standin.runners()} <= {failed.runner_id}


def test_a_token_that_github_refuses(here: Stage) -> None:
    """The reason is told, without the token; nothing was registered."""
    registration = Registration(f"{here.world.standin.url}/{REPOSITORY}", "A-TOKEN-OF-YESTERDAY")
    (failed,) = here.live(here.orders(runner_id=0, registration=registration))
    assert (failed.event, failed.reason) == (ReportEvent.FAILED_TO_START, "registration_refused")
    assert failed.runner_id is None
    assert here.world.standin.runners() == ()
    assert [path for path, text in here.kept() if "A-TOKEN-OF-YESTERDAY" in text] == []


def test_a_ghost(here: Stage) -> None:
    """The runner lets its job go by and would listen for ever: the machine ends, and the job is there for another."""
    here.world.faults = RunnerFaults(ghost=True)
    run_id = here.world.queue(Scenario.SUCCESS, here.label)
    (failed,) = here.by_jit()
    assert (failed.event, failed.reason, failed.conclusion) == (ReportEvent.FAILED_TO_START, "ghost", None)
    assert here.world.outcome(run_id).conclusion is None


def test_two_machines_side_by_side(here: Stage, tmp_path: Path) -> None:
    """Each with its own label and job, at the same time and from one cache: no word of one gets into the other's."""
    beside = Stage(here.world, AgentMachine(tmp_path, f"box-{secrets.token_hex(4)}"), here.logs)
    stages = (here, beside)
    try:
        runs = [one.world.queue(Scenario.SUCCESS, one.label, one.label) for one in stages]
        for one in stages:
            jit = one.mint()
            one.machine.start("--log-dir", str(one.logs))
            put_assignment(one.machine.directory, one.orders(runner_id=jit.runner_id, jit_config=jit.encoded))
        assert [one.machine.agents[0].wait(PATIENCE) for one in stages] == [0, 0]
        last = [one.machine.reports()[-1] for one in stages]
        assert [(report.run_id, report.job_name) for report in last] == [
            (run, one.label) for run, one in zip(runs, stages, strict=True)
        ]
        assert beside.machine.name not in here.machine.log_text()
        assert here.machine.name not in beside.machine.log_text()
    finally:
        beside.machine.close()
