"""config.sh of the runner stand-in, and what else it reads from its directory: tokens, names, groups, hooks."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from paddock.adapters.standin import GitHubStandIn, JobScript, RunnerFaults, Step
from paddock.adapters.system import RandomIds, SystemChance, SystemClock
from paddock.core.units import HOUR, Moment
from tests.agent.standin_runner import (
    LABELS,
    REPOSITORY,
    RunnerProcess,
    eventually,
    registration,
    runner,
    the_job,
    token,
    token_registration,
    unpack,
)


class MovableClock(SystemClock):
    """The machine's clock, and then some."""

    ahead = 0

    def now(self) -> Moment:
        """The moment, so much later."""
        return super().now() + self.ahead


@pytest.fixture(name="clock")
def _clock() -> MovableClock:
    return MovableClock()


@pytest.fixture(name="standin")
def _standin(clock: MovableClock) -> Iterator[GitHubStandIn]:
    with GitHubStandIn(scale=0.01, clock=clock, ids=RandomIds(), chance=SystemChance()) as standin:
        standin.add_repository(REPOSITORY)
        yield standin


def configure(
    standin: GitHubStandIn,
    folder: Path,
    *more: str,
    url: str = "",
    given: str | None = None,
    labels: Sequence[str] = LABELS,
    env: Mapping[str, str] | None = None,
) -> RunnerProcess:
    """Run config.sh to its end, with the token in its environment."""
    variables = {"ACTIONS_RUNNER_INPUT_TOKEN": token(standin) if given is None else given, **(env or {})}
    options = ("--unattended", "--url", url or f"{standin.url}/{REPOSITORY}", "--name", "w", "--ephemeral")
    with runner(folder, command=("config.sh", *options, "--labels", ",".join(labels), *more), env=variables) as script:
        script.ends()
    return script


def test_the_token_may_come_by_the_environment(standin: GitHubStandIn, tmp_path: Path) -> None:
    """Without the default labels the runner has exactly those it was given; what is noted is what GitHub knows."""
    script = configure(standin, tmp_path, "--no-default-labels", "--disableupdate")
    assert script.process.returncode == 0
    (known,) = standin.runners()
    settings = json.loads((tmp_path / ".runner").read_text(encoding="utf-8-sig"))
    assert (known.labels, known.ephemeral) == (LABELS, True)
    assert (settings["AgentId"], settings["AgentName"]) == (str(known.id), "w")
    assert (settings["Ephemeral"], settings["DisableUpdate"]) == ("True", "True")


@pytest.mark.parametrize("given", ["", "WRONG"], ids=["none", "unknown"])
def test_a_bad_token(standin: GitHubStandIn, tmp_path: Path, given: str) -> None:
    """GitHub tells an unknown token from a missing one only by 404; either way nothing is registered, exit 1."""
    script = configure(standin, tmp_path, given=given)
    assert script.process.returncode == 1
    wanted = "Http response code: NotFound from 'POST " if given else "Invalid configuration provided for token."
    assert script.err.startswith(wanted)
    assert standin.runners() == ()
    assert not (tmp_path / ".runner").exists()


def test_an_expired_token(standin: GitHubStandIn, clock: MovableClock, tmp_path: Path) -> None:
    """After an hour a token is as good as an unknown one."""
    given = token(standin)
    clock.ahead = HOUR
    script = configure(standin, tmp_path, given=given)
    assert script.process.returncode == 1
    assert "status code does not indicate success: 404" in script.err


def test_another_scopes_token(standin: GitHubStandIn, tmp_path: Path) -> None:
    """A repository's token does not register a runner elsewhere."""
    standin.add_repository("acme/other")
    assert configure(standin, tmp_path, url=f"{standin.url}/acme/other").process.returncode == 1
    assert standin.runners() == ()


def test_a_name_that_is_taken(standin: GitHubStandIn, tmp_path: Path) -> None:
    """Unattended, a taken name ends it with 1; with ``--replace`` the old registration is gone."""
    assert configure(standin, tmp_path / "one").process.returncode == 0
    (first,) = standin.runners()
    second = configure(standin, tmp_path / "two")
    assert second.process.returncode == 1
    assert second.err == "A runner exists with the same name w.\n"
    assert standin.runners() == (first,)
    third = configure(standin, tmp_path / "three", "--replace")
    assert third.process.returncode == 0
    assert "√ Successfully replaced the runner" in third.out
    assert [known.id == first.id for known in standin.runners()] == [False]


def test_a_group_nobody_knows(standin: GitHubStandIn, tmp_path: Path) -> None:
    """An organisation with several groups wants a name it knows; with one group, the name is not even asked for."""
    organization, given = f"{standin.url}/acme", token(standin, "orgs/acme")
    alone = configure(standin, tmp_path / "alone", "--runnergroup", "nobody", url=organization, given=given)
    assert alone.process.returncode == 0
    standin.model.add_runner_group("acme", 7, "builders")
    unknown = configure(standin, tmp_path / "unknown", "--runnergroup", "nobody", url=organization, given=given)
    assert unknown.process.returncode == 1
    assert unknown.err == 'Could not find any self-hosted runner group named "nobody".\n'
    known = configure(
        standin, tmp_path / "known", "--runnergroup", "Builders", "--replace", url=organization, given=given
    )
    assert known.process.returncode == 0
    assert [found.group for found in standin.runners()] == [7]


def test_no_default_labels_need_labels(standin: GitHubStandIn, tmp_path: Path) -> None:
    """A runner without any label is refused before GitHub is asked."""
    assert configure(standin, tmp_path, "--no-default-labels", labels=()).process.returncode == 1
    assert standin.calls["runner-register"] == 0


def test_is_configured_once(standin: GitHubStandIn, tmp_path: Path) -> None:
    """A directory that has a registration is not given another one."""
    assert configure(standin, tmp_path).process.returncode == 0
    again = configure(standin, tmp_path, "--replace")
    assert again.process.returncode == 1
    assert "already configured" in again.err


def test_an_unreachable_server(standin: GitHubStandIn, tmp_path: Path) -> None:
    """Nobody listens there: the system's own words, exit 1."""
    script = configure(standin, tmp_path, url="http://127.0.0.1:9/acme/app")
    assert script.process.returncode == 1
    assert "Connection refused" in script.err


def test_remove(standin: GitHubStandIn, tmp_path: Path) -> None:
    """What a token registered, a token removes: at GitHub, and from the directory. Then there is nothing to remove."""
    unpack(tmp_path)
    token_registration(standin, tmp_path)
    for expected in ("√ Runner removed successfully\n√ Removed .credentials\n√ Removed .runner\n", "Nothing to remove"):
        env = {"ACTIONS_RUNNER_INPUT_TOKEN": token(standin, kind="remove-token")}
        with runner(tmp_path, command=("config.sh", "remove"), env=env) as script:
            assert script.ends() == 0
        assert expected in script.out
    assert standin.runners() == ()


def test_remove_does_not_work_for_a_jit_runner(standin: GitHubStandIn, tmp_path: Path) -> None:
    """A registration made just in time is not the token's to take back."""
    with runner(tmp_path, registration(standin)) as listener:
        listener.says("Listening for Jobs")
        listener.process.terminate()
        listener.ends()
    env = {"ACTIONS_RUNNER_INPUT_TOKEN": token(standin, kind="remove-token")}
    with runner(tmp_path, command=("config.sh", "remove"), env=env) as script:
        assert script.ends() == 1
    assert "Failed: Removing runner from the server" in script.err
    assert len(standin.runners()) == 1


def serve(standin: GitHubStandIn, folder: Path, *steps: Step, faults: RunnerFaults | None = None) -> RunnerProcess:
    """One job, run to its end."""
    standin.start_run(REPOSITORY, [JobScript("build", LABELS, steps, faults=faults or RunnerFaults())])
    with runner(folder, registration(standin)) as listener:
        listener.ends()
    return listener


def test_hooks_see_the_jobs_own_variables(standin: GitHubStandIn, tmp_path: Path) -> None:
    """Named in `.env`, both hooks get what a step gets, and the first may set variables for the steps."""
    unpack(tmp_path)
    hook = tmp_path / "hook.sh"
    hook.write_text('env | sort; echo "FROM_HOOK=yes" >> "$GITHUB_ENV"\n', encoding="utf-8")
    names = [f"ACTIONS_RUNNER_HOOK_JOB_{moment}={hook}\n" for moment in ("STARTED", "COMPLETED")]
    (tmp_path / ".env").write_text("".join(names), encoding="utf-8")
    serve(standin, tmp_path, Step("mark", 'echo "from hook: $FROM_HOOK"'))
    job = the_job(standin)
    before, _, after = job.log.partition("from hook: yes\n")
    for line in (
        f"GITHUB_REPOSITORY={REPOSITORY}",
        f"GITHUB_RUN_ID={job.run_id}",
        "GITHUB_RUN_ATTEMPT=1",
        "GITHUB_JOB=build",
        "GITHUB_WORKFLOW=ci",
        f"GITHUB_SHA={job.head_sha}",
        "GITHUB_REF=refs/heads/main",
        "RUNNER_NAME=worker",
        "RUNNER_OS=Linux",
        "GITHUB_ACTIONS=true",
        "CI=true",
    ):
        assert f"\n{line}\n" in before
        assert f"\n{line}\n" in after
    for name in ("GITHUB_EVENT_PATH", "GITHUB_STEP_SUMMARY", "GITHUB_PATH", "RUNNER_TEMP", "RUNNER_TOOL_CACHE"):
        assert re.search(rf"^{name}=/", before, re.MULTILINE)


def test_a_hook_that_fails_fails_the_job(standin: GitHubStandIn, tmp_path: Path) -> None:
    """The first hook's failure skips the steps; the second one runs all the same."""
    unpack(tmp_path)
    for moment, text in (("STARTED", "exit 3"), ("COMPLETED", "true")):
        (tmp_path / moment).write_text(text, encoding="utf-8")
    names = [f"ACTIONS_RUNNER_HOOK_JOB_{moment}={tmp_path / moment}\n" for moment in ("STARTED", "COMPLETED")]
    (tmp_path / ".env").write_text("".join(names), encoding="utf-8")
    serve(standin, tmp_path, Step("mark"))
    conclusions = [step.conclusion for step in the_job(standin).steps]
    assert conclusions == ["success", "failure", "skipped", "success", "success"]
    assert the_job(standin).conclusion == "failure"


def test_the_setup_info_is_in_the_log(standin: GitHubStandIn, tmp_path: Path) -> None:
    """What lies in `.setup_info` is shown in "Set up job", group by group, before anything the job prints."""
    unpack(tmp_path)
    info = [{"Group": "Instance", "Detail": "i-1 m7i.large"}, {"Group": "Price", "Detail": "0.02 an hour"}]
    (tmp_path / ".setup_info").write_text(json.dumps(info), encoding="utf-8")
    serve(standin, tmp_path, Step("say", "echo hello"))
    expected = "##[group]Instance\ni-1 m7i.large\n##[endgroup]\n##[group]Price\n0.02 an hour\n##[endgroup]\n"
    assert the_job(standin).log.startswith(expected)


def test_a_full_disk_crashes_the_worker(standin: GitHubStandIn, tmp_path: Path) -> None:
    """The Worker dies of it, the Listener calls the job failed and ends with 0, and GitHub has the reason."""
    listener = serve(standin, tmp_path, Step("write", "sleep 600"), faults=RunnerFaults(disk_full=True))
    assert listener.process.returncode == 0
    assert "Job build completed with result: Failed" in listener.out
    assert "No space left on device" in listener.diag("Runner")
    assert "No space left on device" in the_job(standin).log
    assert the_job(standin).conclusion == "failure"


def test_a_cut_network_costs_the_job(standin: GitHubStandIn, tmp_path: Path) -> None:
    """Five renewals fail, the job is abandoned; GitHub, which was told nothing, still thinks that it runs."""
    listener = serve(standin, tmp_path, Step("work", "sleep 600"), faults=RunnerFaults(network_cut=True))
    assert listener.process.returncode == 0
    assert listener.diag("Runner").count("of the job's lease failed") == 5
    assert "completejob failed" in listener.diag("Worker")
    assert the_job(standin).status == "in_progress"


def test_a_hundred_megabytes_of_output(standin: GitHubStandIn, tmp_path: Path) -> None:
    """They are kept on disk, nobody is blocked by them, and nothing of them comes to the Listener's own output."""
    listener = serve(standin, tmp_path, faults=RunnerFaults(big_output=100_000_000))
    assert the_job(standin).conclusion == "success"
    assert sum(page.stat().st_size for page in (tmp_path / "_diag/pages").iterdir()) >= 100_000_000
    assert len(listener.out) < 1_000


def test_is_alive_again_after_a_ghost(standin: GitHubStandIn, tmp_path: Path) -> None:
    """A ghost says nothing on either stream; only its log tells, and SIGINT still ends it."""
    standin.start_run(REPOSITORY, [JobScript("build", LABELS, faults=RunnerFaults(ghost=True))])
    with runner(tmp_path, registration(standin)) as ghost:
        eventually(lambda: "Skipping message Job." in ghost.diag("Runner"), "the lost assignment")
        assert (ghost.err, ghost.out.splitlines()[-1].endswith("Listening for Jobs")) == ("", True)
        ghost.process.send_signal(2)
        assert ghost.ends() == 0
