"""The runner stand-in behaves like actions/runner at every seam an agent sees: lines, logs, exit codes, signals."""

import json
import os
import re
import signal
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from paddock.adapters.standin import GitHubStandIn, JobScript, RunnerFaults, Step
from paddock.core.units import SECOND
from tests.agent.standin_runner import (
    LABELS,
    REPOSITORY,
    RunnerProcess,
    eventually,
    registration,
    runner,
    session_members,
    the_job,
    unpack,
    worker_of,
)

STAMP = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ"
LONG = Step("Sleep", "sleep 600")


@pytest.fixture(name="standin")
def _standin() -> Iterator[GitHubStandIn]:
    # A hundredth of the real deadlines: the steps of the ladders stay in order, and nobody waits for minutes.
    with GitHubStandIn(scale=0.01) as standin:
        standin.add_repository(REPOSITORY)
        yield standin


def start(standin: GitHubStandIn, *steps: Step, faults: RunnerFaults | None = None, name: str = "build") -> int:
    """Start a run of one job; the run's id."""
    return standin.start_run(REPOSITORY, [JobScript(name, LABELS, steps, faults=faults or RunnerFaults())]).run_id


def started(standin: GitHubStandIn) -> None:
    """Wait until the job's first step really runs."""
    eventually(lambda: the_job(standin).status == "in_progress", "the job's start")


def serve(standin: GitHubStandIn, folder: Path, env: dict[str, str] | None = None) -> RunnerProcess:
    """Run one Listener to its end."""
    with runner(folder, registration(standin), env=env) as listener:
        listener.ends()
    return listener


@pytest.mark.parametrize(
    ("script", "result", "conclusion"),
    [("true", "Succeeded", "success"), ("exit 3", "Failed", "failure")],
    ids=["success", "failure"],
)
def test_says_what_the_real_one_says(
    standin: GitHubStandIn, tmp_path: Path, script: str, result: str, conclusion: str
) -> None:
    """One job, from the connection to the removed files, line by line; the exit code is 0 however the job went."""
    run_id = start(standin, Step("a", script))
    listener = serve(standin, tmp_path)
    expected = [
        "",
        "√ Connected to GitHub",
        "",
        r"Current runner version: '2\.336\.0'",
        f"{STAMP}: Listening for Jobs",
        f"{STAMP}: Running job: build",
        f"{STAMP}: Job build completed with result: {result}",
        r"√ Removed \.credentials",
        r"√ Removed \.runner",
    ]
    lines = listener.out.splitlines()
    assert len(lines) == len(expected)
    assert [line for line, pattern in zip(lines, expected, strict=True) if not re.fullmatch(pattern, line)] == []
    assert (listener.process.returncode, listener.err) == (0, "")
    assert standin.run(run_id).conclusion == conclusion
    assert not [name for name in (".runner", ".credentials", ".credentials_rsaparams") if (tmp_path / name).exists()]
    assert standin.runners() == ()


def test_steps_really_run_with_githubs_environment(standin: GitHubStandIn, tmp_path: Path) -> None:
    """Steps are bash -e in the workspace; variables, paths and files pass from one to the next as on GitHub."""
    steps = (
        Step("write", 'mkdir bin; printf "echo tool" > bin/tool; chmod +x bin/tool; echo "$PWD/bin" >> "$GITHUB_PATH"'),
        Step("env", 'echo "ONE=1" >> "$GITHUB_ENV"; printf "TWO<<END\\na\\nb=c\\nEND\\n" >> "$GITHUB_ENV"'),
        Step("read", 'echo "[$ONE][$TWO]"; tool; pwd; echo "$GITHUB_REPOSITORY $GITHUB_JOB $RUNNER_NAME $CI"'),
        Step("own", 'echo "own=$OWN"', env={"OWN": "yes"}),
        Step("stops", "false; echo not reached"),
        Step("skipped", "echo not reached either"),
        Step("cleanup", "echo always", always=True),
    )
    start(standin, *steps)
    serve(standin, tmp_path)
    job = the_job(standin)
    for text in ("[1][a\nb=c]", "tool", f"{tmp_path}/_work/app/app", "acme/app build worker true", "own=yes", "always"):
        assert text in job.log
    assert "not reached" not in job.log
    assert {step.name: step.conclusion for step in job.steps} == {
        "Set up job": "success",
        "write": "success",
        "env": "success",
        "read": "success",
        "own": "success",
        "stops": "failure",
        "skipped": "skipped",
        "cleanup": "success",
        "Complete job": "success",
    }
    assert [step.number for step in job.steps] == list(range(1, 10))


def test_the_registration_does_not_reach_the_job(standin: GitHubStandIn, tmp_path: Path) -> None:
    """The JIT configuration leaves the environment before the Worker starts; everything else is inherited."""
    start(standin, Step("env", "env"))
    serve(standin, tmp_path, {"MY_OWN": "inherited"})
    assert "MY_OWN=inherited" in the_job(standin).log
    assert "JITCONFIG" not in the_job(standin).log.upper()


def test_the_env_file_is_loaded(standin: GitHubStandIn, tmp_path: Path) -> None:
    """Variables in `.env` reach the steps."""
    unpack(tmp_path)
    (tmp_path / ".env").write_text("FROM_FILE=yes\n", encoding="utf-8")
    start(standin, Step("env", "env"))
    serve(standin, tmp_path)
    assert "FROM_FILE=yes" in the_job(standin).log


def test_diag_logs_have_the_real_form(standin: GitHubStandIn, tmp_path: Path) -> None:
    """One Listener and one Worker log, each line stamped and levelled, and a page of the steps' output."""
    start(standin, Step("say", "echo to the page"))
    listener = serve(standin, tmp_path)
    names = sorted(path.name for path in (tmp_path / "_diag").glob("*.log"))
    assert [re.sub(r"\d{8}-\d{6}", "…", name) for name in names] == ["Runner_…-utc.log", "Worker_…-utc.log"]
    for line in (listener.diag("Runner") + listener.diag("Worker")).splitlines():
        assert re.match(rf"\[{STAMP} (CRIT|ERR |WARN|INFO|VERB) \w+\] ", line)
    assert "Worker finished for job" in listener.diag("Runner")
    assert "Code: 100" in listener.diag("Runner")
    assert "to the page" in "".join(p.read_text(encoding="utf-8") for p in (tmp_path / "_diag/pages").iterdir())


@pytest.mark.parametrize(
    ("arguments", "code", "out"), [(["--version"], 0, "2.336.0\n"), (["warmup"], 0, "")], ids=["version", "warmup"]
)
def test_answers_before_any_registration(tmp_path: Path, arguments: list[str], code: int, out: str) -> None:
    """The pre-flight and the image baker's warm-up need no registration."""
    with runner(tmp_path, command=("bin/Runner.Listener", *arguments)) as listener:
        assert listener.ends() == code
    assert listener.out == out


@pytest.mark.parametrize("blob", [None, "not base64!", "e30=", "W10="], ids=["none", "garbage", "no files", "a list"])
def test_without_a_usable_registration_it_ends_with_1(tmp_path: Path, blob: str | None) -> None:
    """No configuration, or one that cannot be read: a word on stderr, exit 1."""
    with runner(tmp_path, blob) as listener:
        assert listener.ends() == 1
    assert listener.err
    assert listener.out == ""


@pytest.mark.parametrize(
    ("faults", "env", "code", "err"),
    [
        (RunnerFaults(session_conflict=True), {}, 5, "Stop retry on SessionConflictException"),
        (RunnerFaults(version_too_old=True), {}, 1, "is deprecated and cannot receive messages."),
        (
            RunnerFaults(version_too_old=True),
            {"ACTIONS_RUNNER_RETURN_VERSION_DEPRECATED_EXIT_CODE": "true"},
            7,
            "is deprecated and cannot receive messages.",
        ),
        (RunnerFaults(crash_before_session=True), {}, -signal.SIGABRT, "Couldn't find a valid ICU package"),
        (
            RunnerFaults(delete_while_idle_after=SECOND // 10),
            {},
            0,
            "The runner no longer exists on the server. Cleaning up local configuration.",
        ),
        (RunnerFaults(update_requested=True), {}, 4, ""),
    ],
    ids=["conflict", "deprecated", "deprecated, opted in", "crash", "deleted while idle", "update"],
)
def test_ends_without_a_job(
    standin: GitHubStandIn, tmp_path: Path, faults: RunnerFaults, env: dict[str, str], code: int, err: str
) -> None:
    """The registration's faults, each with its own exit code and line on stderr; none of them ran a job."""
    standin.fault_next_registration(faults)
    listener = serve(standin, tmp_path, env)
    assert listener.process.returncode == code
    assert err in listener.err
    assert "Running job" not in listener.out


def test_an_update_can_be_followed(standin: GitHubStandIn, tmp_path: Path) -> None:
    """After an update it says so, leaves `update.finished`, and serves its job when it is started again."""
    standin.fault_next_registration(RunnerFaults(update_requested=True))
    encoded = registration(standin)
    with runner(tmp_path, encoded) as listener:
        assert listener.ends() == 4
    assert "Runner update process finished." in listener.out
    eventually((tmp_path / "update.finished").exists, "the swap of the directories")
    assert (tmp_path / "bin").readlink() == Path("bin.9.999.0")
    assert (tmp_path / "externals").readlink() == Path("externals.9.999.0")
    assert (tmp_path / "bin.2.336.0" / "Runner.Listener").is_file()
    assert [path.suffix for path in (tmp_path / "_diag").glob("SelfUpdate-*")] == [".succeed"]
    run_id = start(standin)
    with runner(tmp_path) as listener:
        assert listener.ends() == 0
    assert "Current runner version: '9.999.0'" in listener.out
    assert standin.run(run_id).conclusion == "success"


def test_a_deleted_registration_opens_no_session(standin: GitHubStandIn, tmp_path: Path) -> None:
    """Deleted before it connected: exit 1 and the words that an agent looks for."""
    encoded = registration(standin)
    standin.model.runners.delete(standin.runners()[0].id)
    with runner(tmp_path, encoded) as listener:
        assert listener.ends() == 1
    assert "The runner registration has been deleted from the server, please re-configure." in listener.err


def test_two_processes_never_share_a_registration(standin: GitHubStandIn, tmp_path: Path) -> None:
    """While the first holds the session, a second with the same configuration gives up with 5."""
    encoded = registration(standin)
    with runner(tmp_path / "one", encoded) as first:
        first.says("Listening for Jobs")
        with runner(tmp_path / "two", encoded) as second:
            assert second.ends() == 5
        assert first.process.poll() is None


def test_sigint_while_idle(standin: GitHubStandIn, tmp_path: Path) -> None:
    """It says so, closes its session, ends with 0; the registration stays, offline, and its files too."""
    with runner(tmp_path, registration(standin)) as listener:
        listener.says("Listening for Jobs")
        listener.signal(signal.SIGINT)
        assert listener.ends() == 0
    assert listener.out.endswith("Exiting...\n")
    assert [runner.online for runner in standin.runners()] == [False]
    assert (tmp_path / ".runner").exists()


def test_sigterm_while_idle(standin: GitHubStandIn, tmp_path: Path) -> None:
    """The same, with 143."""
    with runner(tmp_path, registration(standin)) as listener:
        listener.says("Listening for Jobs")
        listener.signal(signal.SIGTERM)
        assert listener.ends() == 143
    assert "Exiting..." in listener.out


@pytest.mark.parametrize("faults", [RunnerFaults(), RunnerFaults(ignore_sigint=True)], ids=["polite", "deaf to SIGINT"])
def test_sigint_during_a_job(standin: GitHubStandIn, tmp_path: Path, faults: RunnerFaults) -> None:
    """The step is stopped, everything after it skipped, always() too; it prints Canceled but GitHub hears failure."""
    run_id = start(standin, LONG, Step("later", "true"), Step("cleanup", "true", always=True), faults=faults)
    with runner(tmp_path, registration(standin)) as listener:
        eventually(lambda: "Processing step" in listener.diag("Worker"), "the step")
        listener.signal(signal.SIGINT)
        assert listener.ends() == 0
        assert session_members(listener.process.pid) == []
    assert "Exiting..." in listener.out
    assert "Job build completed with result: Canceled" in listener.out
    assert standin.run(run_id).conclusion == "failure"
    assert [step.conclusion for step in the_job(standin).steps] == [
        "success",
        "cancelled",
        "skipped",
        "skipped",
        "skipped",
    ]
    assert "The runner has received a shutdown signal." in the_job(standin).log


def test_the_cancel_ladder_ends_with_a_kill(standin: GitHubStandIn, tmp_path: Path) -> None:
    """A step that is deaf to SIGINT and SIGTERM is killed with all its children."""
    start(standin, Step("Deaf", "trap '' INT TERM\nsleep 600"))
    with runner(tmp_path, registration(standin)) as listener:
        eventually(lambda: "Processing step" in listener.diag("Worker"), "the step")
        eventually(lambda: len(session_members(listener.process.pid)) >= 4, "the sleep")
        listener.signal(signal.SIGINT)
        assert listener.ends() == 0
        assert session_members(listener.process.pid) == []
    log = listener.diag("Worker")
    assert log.index("Sending SIGINT") < log.index("Sending SIGTERM")


def test_sigterm_does_not_wait_for_ever(standin: GitHubStandIn, tmp_path: Path) -> None:
    """After its limit the Listener goes with 143, whatever its Worker still does."""
    # The Worker's ladder is 10 s and the limit 30 s in reality, so the Worker is stopped to be late.
    start(standin, LONG)
    with runner(tmp_path, registration(standin)) as listener:
        eventually(lambda: "Processing step" in listener.diag("Worker"), "the step")
        worker = worker_of(listener)
        os.kill(worker, signal.SIGSTOP)
        listener.signal(signal.SIGTERM)
        assert listener.ends() == 143
        assert worker in session_members(listener.process.pid)
    assert "completed with result" not in listener.out


def test_cancel_by_github(standin: GitHubStandIn, tmp_path: Path) -> None:
    """GitHub's cancel stops the step; always() steps still run; both sides say cancelled, exit 0."""
    run_id = start(standin, LONG, Step("later", "true"), Step("cleanup", "echo cleaned", always=True))
    with runner(tmp_path, registration(standin)) as listener:
        eventually(lambda: "Processing step" in listener.diag("Worker"), "the step")
        assert standin.cancel_run(REPOSITORY, run_id)
        assert listener.ends() == 0
    assert "Job build completed with result: Canceled" in listener.out
    job = the_job(standin)
    assert (job.conclusion, standin.run(run_id).conclusion) == ("cancelled", "cancelled")
    assert [step.conclusion for step in job.steps] == ["success", "cancelled", "skipped", "success", "success"]
    assert "cleaned" in job.log


def test_exit_2_on_cancel(standin: GitHubStandIn, tmp_path: Path) -> None:
    """The known trap: a cancelled job whose Listener ends as if it should be started again."""
    run_id = start(standin, LONG, faults=RunnerFaults(exit_2_on_cancel=True))
    with runner(tmp_path, registration(standin)) as listener:
        started(standin)
        standin.cancel_run(REPOSITORY, run_id)
        assert listener.ends() == 2
    assert "Job build completed with result: Canceled" in listener.out


def test_a_hanging_worker_looks_like_success(standin: GitHubStandIn, tmp_path: Path) -> None:
    """The Listener ends with 0 and no result, while GitHub still shows the job as queued and the runner as busy."""
    start(standin, faults=RunnerFaults(worker_hang=True))
    listener = serve(standin, tmp_path)
    assert listener.process.returncode == 0
    assert "Running job: build" in listener.out
    assert "completed with result" not in listener.out
    assert the_job(standin).status == "queued"
    assert [runner.busy for runner in standin.runners()] == [True]


def test_a_ghost_listens_for_ever(standin: GitHubStandIn, tmp_path: Path) -> None:
    """The assignment is lost: the registration is gone, one line in `_diag` tells, and the job goes to another."""
    run_id = start(standin, faults=RunnerFaults(ghost=True))
    with runner(tmp_path / "ghost", registration(standin, "ghost")) as ghost:
        eventually(lambda: "Skipping message Job." in ghost.diag("Runner"), "the lost assignment")
        assert standin.runners() == ()
        serve(standin, tmp_path / "other")
        assert standin.run(run_id).conclusion == "success"
        assert ghost.process.poll() is None
        assert ghost.out.endswith("Listening for Jobs\n")


def test_an_expired_session_is_opened_again(standin: GitHubStandIn, tmp_path: Path) -> None:
    """A machine that was frozen for so long that GitHub called its runner offline goes on and gets its job."""
    with runner(tmp_path, registration(standin)) as listener:
        listener.says("Listening for Jobs")
        standin.model.runners.disconnect(standin.runners()[0].id)
        run_id = start(standin)
        assert listener.ends() == 0
    assert standin.run(run_id).conclusion == "success"


def test_a_job_cancelled_on_its_way_ends_the_runner(standin: GitHubStandIn, tmp_path: Path) -> None:
    """A message for a job that was cancelled meanwhile: an ephemeral runner ends with 0 and ran nothing."""
    with runner(tmp_path, registration(standin)) as listener:
        # The poll that is held gets its answer while nobody reads it; then the job goes.
        eventually(lambda: standin.held_polls == 1, "the poll")
        listener.signal(signal.SIGSTOP)
        run_id = start(standin)
        eventually(lambda: standin.held_polls == 0, "the message on its way")
        standin.cancel_run(REPOSITORY, run_id)
        listener.signal(signal.SIGCONT)
        assert listener.ends() == 0
    assert "Running job" not in listener.out
    assert "The job is gone" in listener.diag("Runner")
    assert standin.run(run_id).conclusion == "cancelled"


def test_a_job_name_may_lie(standin: GitHubStandIn, tmp_path: Path) -> None:
    """A job's name may end like a result; the true result is the last one on the line."""
    start(standin, Step("a", "false"), faults=RunnerFaults(job_name_injection=True))
    listener = serve(standin, tmp_path)
    lie = "build completed with result: Succeeded"
    assert f"Running job: {lie}\n" in listener.out
    assert f"Job {lie} completed with result: Failed\n" in listener.out


@pytest.mark.parametrize(
    ("result", "shown"), [("failure", "Failed"), ("cancelled", "Canceled"), ("success", "Succeeded")]
)
def test_a_scenario_may_name_the_result(standin: GitHubStandIn, tmp_path: Path, result: str, shown: str) -> None:
    """Whatever its steps do, the job ends as the scenario says."""
    run_id = start(standin, Step("a", "true"), faults=RunnerFaults(result=result))
    listener = serve(standin, tmp_path)
    assert f"completed with result: {shown}" in listener.out
    assert standin.run(run_id).conclusion == result


def test_big_output_blocks_nobody(standin: GitHubStandIn, tmp_path: Path) -> None:
    """Megabytes of output are kept on disk, and GitHub gets the end of them."""
    run_id = start(standin, faults=RunnerFaults(big_output=3_000_000))
    serve(standin, tmp_path)
    assert standin.run(run_id).conclusion == "success"
    pages = list((tmp_path / "_diag/pages").iterdir())
    assert sum(page.stat().st_size for page in pages) >= 3_000_000
    assert 0 < len(the_job(standin).log) < 100_000


def test_a_scenario_may_name_the_duration(standin: GitHubStandIn, tmp_path: Path) -> None:
    """A job of a given duration sleeps for it, in a step that the others can see."""
    start(standin, faults=RunnerFaults(duration=SECOND // 5))
    serve(standin, tmp_path)
    step = next(step for step in the_job(standin).steps if step.name == "Take time")
    assert step.started_at is not None
    assert step.completed_at is not None
    assert step.completed_at - step.started_at >= SECOND // 5


def test_processes_left_behind_are_ended(standin: GitHubStandIn, tmp_path: Path) -> None:
    """What a step leaves running in the background does not outlive the job."""
    start(standin, Step("leave", "sleep 600 & disown"))
    with runner(tmp_path, registration(standin)) as listener:
        assert listener.ends() == 0
        eventually(lambda: not session_members(listener.process.pid), "the end of what was left behind")


def test_a_crashed_worker_fails_the_job(standin: GitHubStandIn, tmp_path: Path) -> None:
    """A Worker that dies is not waited for: the Listener reports the failure itself and ends with 0."""
    run_id = start(standin, LONG)
    with runner(tmp_path, registration(standin)) as listener:
        eventually(lambda: "Processing step" in listener.diag("Worker"), "the step")
        os.kill(worker_of(listener), signal.SIGKILL)
        assert listener.ends() == 0
    assert "completed with result: Failed" in listener.out
    assert standin.run(run_id).conclusion == "failure"


def test_hooks_run_around_the_steps(standin: GitHubStandIn, tmp_path: Path) -> None:
    """The two hooks are steps of their own, and one that fails, fails the job."""
    unpack(tmp_path)
    hooks = {}
    for name, text in (("STARTED", "echo before $GITHUB_REPOSITORY"), ("COMPLETED", "echo after; exit 1")):
        hook = tmp_path / f"{name.lower()}.sh"
        hook.write_text(text, encoding="utf-8")
        hooks[f"ACTIONS_RUNNER_HOOK_JOB_{name}"] = str(hook)
    run_id = start(standin, Step("middle", "echo middle"))
    serve(standin, tmp_path, hooks)
    assert [step.name for step in the_job(standin).steps] == [
        "Set up job",
        "Set up runner",
        "middle",
        "Complete runner",
        "Complete job",
    ]
    assert "before acme/app\nmiddle\nafter\n" in the_job(standin).log
    assert standin.run(run_id).conclusion == "failure"


@pytest.mark.parametrize(("script", "code"), [("true", 100), ("false", 102)], ids=["success", "failure"])
def test_hosted_exit_codes(standin: GitHubStandIn, tmp_path: Path, script: str, code: int) -> None:
    """Asked for it, the exit code is 100 plus the result."""
    start(standin, Step("a", script))
    listener = serve(standin, tmp_path, {"ACTIONS_RUNNER_RETURN_JOB_RESULT_FOR_HOSTED": "1"})
    assert listener.process.returncode == code


def test_the_trace_can_be_copied_to_stdout(standin: GitHubStandIn, tmp_path: Path) -> None:
    """Asked for it, stdout carries the log lines too, marked as such."""
    start(standin)
    listener = serve(standin, tmp_path, {"ACTIONS_RUNNER_PRINT_LOG_TO_STDOUT": "1"})
    assert re.search(rf"^\[RUNNER {STAMP} INFO \w+\] ", listener.out, re.MULTILINE)


def test_a_service_that_goes_away_is_retried(tmp_path: Path) -> None:
    """When GitHub cannot be reached, it says so once and gives up with 2, for the caller to start it again."""
    with GitHubStandIn(scale=0.01) as standin:
        standin.add_repository(REPOSITORY)
        encoded = registration(standin)
        with ExitStack() as stack:
            listener = stack.enter_context(runner(tmp_path, encoded))
            listener.says("Listening for Jobs")
            keep = stack.pop_all()
    with keep:
        assert listener.ends() == 2
        assert len(re.findall("Runner connect error", listener.err)) == 1


@pytest.mark.parametrize("faults", [None, RunnerFaults(session_conflict=True), RunnerFaults(version_too_old=True)])
def test_run_sh_hides_the_exit_code(standin: GitHubStandIn, tmp_path: Path, faults: RunnerFaults | None) -> None:
    """Through run.sh every end is 0."""
    if faults is not None:
        standin.fault_next_registration(faults)
    start(standin)
    with runner(tmp_path, registration(standin), command=("run.sh",)) as script:
        assert script.ends() == 0


@pytest.mark.parametrize(("value", "code"), [("1", 7), ("true", 0)])
def test_run_sh_shows_7_to_those_who_ask_exactly(standin: GitHubStandIn, tmp_path: Path, value: str, code: int) -> None:
    """A deprecated version comes through run.sh as 7 only for the value 1."""
    standin.fault_next_registration(RunnerFaults(version_too_old=True))
    env = {"ACTIONS_RUNNER_RETURN_VERSION_DEPRECATED_EXIT_CODE": value}
    with runner(tmp_path, registration(standin), command=("run.sh",), env=env) as script:
        assert script.ends() == code


def test_run_sh_restarts_after_an_update(standin: GitHubStandIn, tmp_path: Path) -> None:
    """run.sh starts the Listener again after an update, and that one serves the job."""
    standin.fault_next_registration(RunnerFaults(update_requested=True))
    run_id = start(standin)
    encoded = registration(standin)
    with runner(tmp_path, encoded, command=("run.sh",)) as script:
        assert script.ends() == 0
    assert "Restarting runner..." in script.out
    assert standin.run(run_id).conclusion == "success"


def test_run_sh_leaves_an_orphan_on_sigterm(standin: GitHubStandIn, tmp_path: Path) -> None:
    """run.sh dies of SIGTERM at once, and the Listener listens on."""
    with runner(tmp_path, registration(standin), command=("run.sh",)) as script:
        script.says("Listening for Jobs")
        script.signal(signal.SIGTERM)
        assert script.ends() == -signal.SIGTERM
        commands = [Path(f"/proc/{pid}/cmdline").read_bytes() for pid in session_members(script.process.pid)]
        assert any(b"Runner.Listener" in command for command in commands)


def test_run_sh_can_forward_signals(standin: GitHubStandIn, tmp_path: Path) -> None:
    """Asked for it, run.sh forwards SIGTERM as SIGINT: the Listener ends in peace, run.sh with 143."""
    env = {"RUNNER_MANUALLY_TRAP_SIG": "1"}
    with runner(tmp_path, registration(standin), command=("run.sh",), env=env) as script:
        script.says("Listening for Jobs")
        script.signal(signal.SIGTERM)
        assert script.ends() == 143
        assert "Exiting..." in script.out
        assert session_members(script.process.pid) == []


def test_config_sh_registers_with_a_token(standin: GitHubStandIn, tmp_path: Path) -> None:
    """config.sh adds the default labels unless told not to, and the runner then serves without a JIT configuration."""
    unpack(tmp_path)
    headers = {"Authorization": f"Bearer {standin.credentials.personal_token}"}
    token = post(f"{standin.url}/api/v3/repos/{REPOSITORY}/actions/runners/registration-token", headers)["token"]
    arguments = ("--unattended", "--url", f"{standin.url}/{REPOSITORY}", "--token", str(token), "--ephemeral")
    with runner(tmp_path, command=("config.sh", *arguments, "--name", "by-token", "--labels", "paddock")) as script:
        assert script.ends() == 0
    assert [found.labels for found in standin.runners()] == [("self-hosted", "Linux", "X64", "paddock")]
    run_id = start(standin)
    with runner(tmp_path) as listener:
        assert listener.ends() == 0
    assert standin.run(run_id).conclusion == "success"


def post(url: str, headers: dict[str, str]) -> dict[str, object]:
    """POST nothing; the JSON reply."""
    request = urllib.request.Request(url, b"{}", headers, method="POST")
    with urllib.request.urlopen(request, timeout=10) as answer:
        found: dict[str, object] = json.load(answer)
        return found
