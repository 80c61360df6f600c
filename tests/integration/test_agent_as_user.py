"""The whole agent with ``--user``: the runner and its job are somebody else, and find nothing of the fleet's.

Only root can start jobs as somebody else. Where the tests do not run as root, all that is seen is that it says so.
"""

import json
import shlex
import stat
from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest

from paddock.adapters.standin import JobScript, Step, build
from paddock.agent.machine.processes import owned
from paddock.core.codec import message_to_data
from paddock.core.messages import ReportEvent, RunnerReported
from paddock.core.states import OperationalResult
from tests.agent.conformance_standin import REPOSITORY, StandInWorld
from tests.agent.isolated_job import ROOT, Box, box, for_everybody, found_in, search_in, secret
from tests.agent.machine import PATIENCE, AgentMachine, alive, carriers, eventually, package_server
from tests.agent.runner_package import assignment, jit_config, put_assignment, runner_package, script

SERVED = OperationalResult.SERVED


@attrs.frozen
class Stage:
    """A box with a machine of the fleet's, whose jobs are to run as the box's own user."""

    box: Box
    machine: AgentMachine
    logs: Path

    @property
    def options(self) -> tuple[str, ...]:
        """For its agent."""
        return ("--user", str(self.box.uid), "--log-dir", str(self.logs))

    def serve(self, data: bytes, **fields: object) -> list[RunnerReported]:
        """The machine's whole life with this package, its programs for everybody to start; its reports."""
        return self.machine.serve(for_everybody(data, self.box.interpreter()), *self.options, **fields)

    def said(self) -> list[str]:
        """What the Listener and its job printed."""
        (shipped,) = (self.logs / self.machine.name).glob("*.log")
        return [line.split(" stdout ", 1)[1] for line in shipped.read_text().splitlines() if " stdout " in line]

    def nothing_left(self) -> None:
        """No process of the user's, and nothing of the job's on the disk."""
        assert owned(self.box.uid) == []
        assert carriers(self.machine.name) == []
        assert not (self.machine.directory / "work").exists()


@pytest.fixture(name="here")
def _here() -> Iterator[Stage]:
    with box() as made:
        for directory in (made.path, made.path / "machines"):
            directory.chmod(0o755)  # a job may see that there are machines
        machine = AgentMachine(made.path, f"m-user-{made.path.name}")
        machine.directory.chmod(0o700)
        yield Stage(made, machine, made.path / "logs")
        machine.close()


def refused(here: Stage, capfd: pytest.CaptureFixture[str], name: str = "54321") -> None:
    """The agent does not start, and says what is wrong with the user that it was given; it made nothing."""
    assert here.machine.start("--user", name).wait(PATIENCE) == 2
    told = capfd.readouterr().err
    wanted = "wanted the name of a user of this machine" if ROOT else "only root can start jobs as somebody else"
    assert told.startswith(f"paddock-agent: --user: found '{name}'")
    assert wanted in told
    assert list(here.machine.directory.iterdir()) == []


def test_a_user_that_cannot_be_is_a_usage_error(here: Stage, capfd: pytest.CaptureFixture[str]) -> None:
    """Before anything is done: a name that nobody has, or, without root, anybody else."""
    refused(here, capfd, "nobody-has-this-name")


def test_the_runner_is_the_user(here: Stage, capfd: pytest.CaptureFixture[str]) -> None:
    """Listener and job have its ids alone, their directories are its own, and the machine's own files are closed."""
    if not ROOT:
        refused(here, capfd)
        return
    machine, uid = here.machine.directory, here.box.uid
    commands = [
        "echo ids $(id -u) $(id -g) $(id -G)",
        "echo listener $(grep ^Uid /proc/$PPID/status)",
        "stat -c 'own %u' .setup_info bin bin/Runner.Listener _diag ../home ../tmp ../facts",
        'touch bin/more ../home/more ../tmp/more "$HOME/mine" "$TMPDIR/mine" && echo written',
        f"cd {machine}; for x in agent.log assignment.taken.json process.json; do cat $x || echo closed $x; done",
        f"ls {machine}/outbox || echo closed outbox",
        f"ls {machine} || echo closed machine; ls {here.logs} || echo closed logs",
        "touch ../hooks/started.sh || echo closed hook",
        "echo told > _diag/Worker_1.log; chmod 0 _diag/Worker_1.log",
    ]
    *_, last = here.serve(runner_package(script(job="build", shell=[f"( {command} ) 2>&1" for command in commands])))
    assert (last.result, last.conclusion) == (SERVED, "success")
    said = here.said()
    assert f"ids {uid} {uid} {uid}" in said
    assert f"listener Uid: {uid} {uid} {uid} {uid}" in said
    assert [line for line in said if line.startswith("own ")] == [f"own {uid}"] * 7
    assert "written" in said
    closed = {line.removeprefix("closed ") for line in said if line.startswith("closed ")}
    assert closed == {"agent.log", "assignment.taken.json", "process.json", "outbox", "machine", "logs", "hook"}
    kept = machine / "diag"
    assert (kept.stat().st_uid, stat.S_IMODE(kept.stat().st_mode)) == (0, 0o700)
    assert (kept / "Worker_1.log").read_text() == "told\n"
    assert {path.name for path in (here.logs / here.machine.name).glob("*.gz")} == {
        "Runner_1.log.gz",
        "Worker_1.log.gz",
    }
    here.nothing_left()


def test_a_hostile_job_finds_nothing_of_the_fleets(here: Stage, capfd: pytest.CaptureFixture[str]) -> None:
    """It searches all files, memories, environments, command lines and descriptors that it can open.

    What it finds is what lies open to everybody, and what was given to its own runner.
    """
    if not ROOT:
        refused(here, capfd)
        return
    other = here.box.path / "machines" / "m-other"
    for directory in (other, here.machine.directory / "outbox", here.machine.directory / "outbox" / "bad", here.logs):
        directory.mkdir(mode=0o700)
    planted = {
        other / "assignment.json": "other-machine",
        here.machine.directory / "outbox" / "bad" / "1.json": "report",
        here.machine.directory / "agent.log": "log",
        here.logs / "1.log": "shipped-log",
    }
    for path, kind in planted.items():
        path.touch(mode=0o600)
        path.write_text(secret(kind) + "\n")
    (here.box.path / "public").write_text(secret("public-file"))
    python = here.box.interpreter()
    search = f"{shlex.quote(python)} -c {shlex.quote(search_in(here.box.path))}"
    data = for_everybody(runner_package(script(job="build", shell=[search])), python)
    with package_server(data) as server:
        agent = here.machine.start(*here.options, environment={"AGENT_TOKEN": secret("agent-environment")})
        given = message_to_data(assignment(here.machine.name, server.url, data, setup_info=secret("own-setup-info")))
        orders = here.machine.directory / "assignment.json"
        orders.touch(mode=0o600)
        orders.write_text(json.dumps({**given, "more": secret("agent-memory")}))
        assert agent.wait(PATIENCE) == 0
    assert here.machine.reports()[-1].result is SERVED
    assert found_in(here.said()) == {"public-file", "own-setup-info"}
    here.nothing_left()


@pytest.mark.parametrize("stopped", [False, True], ids=["served", "stopped"])
def test_what_ran_away_is_ended(here: Stage, capfd: pytest.CaptureFixture[str], *, stopped: bool) -> None:
    """A daemon in its own session without a trace in its environment, deaf to everything, dies with the job."""
    if not ROOT:
        refused(here, capfd)
        return
    note = here.box.places / "daemon"
    daemon = f"trap '' TERM INT HUP; echo $$ > {note}.part; mv {note}.part {note}; while :; do sleep 1; done"
    child = {"command": ["/bin/sh", "-c", f"setsid /bin/sh -c {shlex.quote(daemon)} &"], "hides": True}
    job = script(job="build", children=[child], shell=[f"while ! test -e {note}; do sleep 0.01; done"], hang=stopped)
    data = for_everybody(runner_package(job), here.box.interpreter())
    with package_server(data) as server:
        agent = here.machine.start(*here.options)
        here.machine.assign(server)
        eventually(note.exists, "the daemon")
        daemon_pid = int(note.read_text())
        if stopped:
            assert daemon_pid in owned(here.box.uid)
            agent.terminate()
        assert agent.wait(PATIENCE) == 0
    last = here.machine.reports()[-1]
    assert (last.result, last.reason) == (OperationalResult.INTERRUPTED, "sigterm") if stopped else (SERVED, "")
    assert last.exit_code == 0  # the Listener obeyed the signal of another user
    assert not alive(daemon_pid)
    here.nothing_left()


def test_a_whole_runner_and_its_hooks_as_the_user(here: Stage, capfd: pytest.CaptureFixture[str]) -> None:
    """The hook's note is written by the user and read by the agent; the step runs as the user; GitHub says success."""
    if not ROOT:
        refused(here, capfd)
        return
    world = StandInWorld()
    data = for_everybody(build().content, here.box.interpreter())
    try:
        with package_server(data) as server:
            jit = world.mint(f"paddock--{here.machine.name}", "only-here")
            run = world.standin.start_run(REPOSITORY, [JobScript("build", ("only-here",), (Step("Who", "id -u"),))])
            assigned = assignment(here.machine.name, server.url, data)
            package = attrs.evolve(assigned.package, version=build().version)
            agent = here.machine.start(*here.options)
            assigned = attrs.evolve(assigned, package=package, runner_name=jit.runner_name, runner_id=jit.runner_id)
            put_assignment(here.machine.directory, attrs.evolve(assigned, jit_config=jit.encoded))
            assert agent.wait(PATIENCE) == 0
        last = here.machine.reports()[-1]
        assert (last.result, last.conclusion, last.repository, last.run_id) == (
            SERVED,
            "success",
            REPOSITORY,
            run.run_id,
        )
        (job,) = world.standin.jobs(run.run_id)
        assert f"{here.box.uid}\n" in job.log
        assert job.conclusion == "success"
        assert here.machine.name in job.log  # out of .setup_info
        here.nothing_left()
    finally:
        world.close()


def test_a_way_that_is_closed_to_the_user(here: Stage, capfd: pytest.CaptureFixture[str]) -> None:
    """The report names the directory that the user cannot pass, before anything is fetched for it."""
    if not ROOT:
        refused(here, capfd)
        return
    here.box.path.chmod(0o700)
    with package_server(runner_package()) as server:
        agent = here.machine.start(*here.options)
        here.machine.assign(server, jit_config=jit_config())
        assert agent.wait(PATIENCE) == 0
        assert server.requests == 0
    (failed,) = here.machine.reports()
    assert (failed.event, failed.reason) == (ReportEvent.FAILED_TO_START, "user_unusable")
    assert f"{here.box.path}: found mode 0700" in failed.detail
    here.nothing_left()
