"""Registration by token against the runner stand-in: the real program, started as the agent starts it."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from paddock.adapters.standin import Failure, GitHubStandIn
from paddock.agent.machine.clock import SECOND, SteadyClock
from paddock.agent.machine.processes import LinuxProcesses
from paddock.agent.reasons import AgentFailure, Reason
from paddock.agent.registration.program import RunToEnd
from paddock.agent.registration.register import register
from paddock.agent.registration.token import unregister
from tests.agent.self_registration import NAME, orders
from tests.agent.standin_runner import REPOSITORY, eventually, token, unpack

MARKER = "PADDOCK_MACHINE=registration-test"
ENVIRONMENT = {"PATH": os.environ["PATH"]}


@pytest.fixture(name="standin")
def _standin() -> Iterator[GitHubStandIn]:
    with GitHubStandIn(scale=0.01) as standin:
        standin.add_repository(REPOSITORY)
        yield standin


@pytest.fixture(name="run")
def _run() -> RunToEnd:
    return RunToEnd(LinuxProcesses(), SteadyClock(), MARKER)


def with_token(standin: GitHubStandIn, given: str | None = None, group: str = "", where: str = REPOSITORY) -> object:
    """The assignment's registration."""
    return {"url": f"{standin.url}/{where}", "token": token(standin) if given is None else given, "group": group}


def test_registers_and_takes_it_back(standin: GitHubStandIn, run: RunToEnd, tmp_path: Path) -> None:
    """GitHub knows the runner by the number the agent tells, with exactly the job's labels; then no longer."""
    unpack(tmp_path)
    assignment = orders(registration=with_token(standin))
    registered = register(assignment, tmp_path, run=run, environment=ENVIRONMENT)
    (known,) = standin.runners()
    assert (known.id, known.name, known.ephemeral) == (registered.runner_id, NAME, True)
    assert known.labels == assignment.labels
    assert unregister(assignment.registration, tmp_path, run=run, environment=ENVIRONMENT)
    assert standin.runners() == ()
    assert not (tmp_path / ".runner").exists()


@pytest.mark.parametrize("given", ["WRONG", "--replace"])
def test_a_bad_token(standin: GitHubStandIn, run: RunToEnd, tmp_path: Path, given: str) -> None:
    """Refused, with a reason of its own, and without the token in the words."""
    unpack(tmp_path)
    with pytest.raises(AgentFailure) as caught:
        register(orders(registration=with_token(standin, given)), tmp_path, run=run, environment=ENVIRONMENT)
    assert caught.value.reason is Reason.REGISTRATION_REFUSED
    assert given not in caught.value.detail
    assert "404" in caught.value.detail


def test_a_taken_name(standin: GitHubStandIn, run: RunToEnd, tmp_path: Path) -> None:
    """Somebody else has the name: theirs stays as it is."""
    for folder in ("one", "two"):
        unpack(tmp_path / folder)
    register(orders(registration=with_token(standin)), tmp_path / "one", run=run, environment=ENVIRONMENT)
    (known,) = standin.runners()
    with pytest.raises(AgentFailure) as caught:
        register(orders(registration=with_token(standin)), tmp_path / "two", run=run, environment=ENVIRONMENT)
    assert caught.value.reason is Reason.RUNNER_NAME_TAKEN
    assert standin.runners() == (known,)


def test_an_unknown_group(standin: GitHubStandIn, run: RunToEnd, tmp_path: Path) -> None:
    """A group that the organisation does not have, where it has more than one."""
    unpack(tmp_path)
    standin.model.add_runner_group("acme", 7, "builders")
    registration = with_token(standin, token(standin, "orgs/acme"), "nobody", "acme")
    with pytest.raises(AgentFailure) as caught:
        register(orders(registration=registration), tmp_path, run=run, environment=ENVIRONMENT)
    assert caught.value.reason is Reason.RUNNER_GROUP_UNKNOWN


@pytest.mark.parametrize(("times", "reason"), [(1, None), (2, Reason.REGISTRATION_UNREACHABLE)])
def test_a_server_in_trouble(
    standin: GitHubStandIn, run: RunToEnd, tmp_path: Path, times: int, reason: Reason | None
) -> None:
    """One bad answer is made good, two are not."""
    unpack(tmp_path)
    standin.fail_next("runner-register", Failure(500), times)
    found = None
    try:
        register(orders(registration=with_token(standin)), tmp_path, run=run, environment=ENVIRONMENT)
    except AgentFailure as failure:
        found = failure.reason
    assert found is reason
    assert len(standin.runners()) == (reason is None)


def test_nobody_there(run: RunToEnd, tmp_path: Path) -> None:
    """Connection refused, in the system's own words."""
    unpack(tmp_path)
    registration = {"url": "http://127.0.0.1:9/acme/app", "token": "T", "group": ""}
    with pytest.raises(AgentFailure) as caught:
        register(orders(registration=registration), tmp_path, run=run, environment=ENVIRONMENT)
    assert caught.value.reason is Reason.REGISTRATION_UNREACHABLE
    assert "refused" in caught.value.detail


def test_a_program_is_run_with_its_own_environment_and_its_end_is_kept(run: RunToEnd, tmp_path: Path) -> None:
    """What it was given and the machine's mark, nothing else; of megabytes the end, of both streams."""
    code = "import os,sys; print(sorted(os.environ)); print('x'*3_000_000); print('end', file=sys.stderr); sys.exit(3)"
    ran = run([sys.executable, "-S", "-c", code], directory=tmp_path, environment={"A": "1"}, patience=30 * SECOND)
    assert ran.exit_code == 3
    assert ran.output.endswith("x\nend")
    assert len(ran.output) < 20_000
    names = "import os; print(sorted(os.environ))"
    ran = run([sys.executable, "-SE", "-c", names], directory=tmp_path, environment={"A": "1"}, patience=30 * SECOND)
    assert "'A', " in ran.output
    assert "PADDOCK_MACHINE" in ran.output
    assert "PATH" not in ran.output


@pytest.mark.parametrize("deaf", [False, True], ids=["goes when asked", "deaf"])
def test_a_program_that_hangs_is_ended_with_all_it_started(run: RunToEnd, tmp_path: Path, deaf: bool) -> None:  # noqa: FBT001 - a parameter of the table
    """Its time is up: first asked, then killed; a child that ran away from it goes too."""
    trap = "trap '' INT; " if deaf else ""
    script = f"{trap}setsid sleep 600 & echo $! > pid; echo said; while :; do sleep 0.05; done"
    ran = run(["/bin/sh", "-c", script], directory=tmp_path, environment=ENVIRONMENT, patience=SECOND // 2)
    assert ran.exit_code is None
    pid = int((tmp_path / "pid").read_text())
    eventually(lambda: not Path(f"/proc/{pid}").exists(), "the end of what ran away")
    assert "said" in ran.output


def test_a_program_that_is_not_there(run: RunToEnd, tmp_path: Path) -> None:
    """The directory has no Listener: a reason, not a crash."""
    with pytest.raises(AgentFailure) as caught:
        register(
            orders(registration={"url": "http://127.0.0.1:9/a/b", "token": "T", "group": ""}),
            tmp_path,
            run=run,
            environment=ENVIRONMENT,
        )
    assert caught.value.reason is Reason.REGISTRATION_FAILED
