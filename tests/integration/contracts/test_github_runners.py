"""What the port `Runners` promises, held against each adapter."""

from collections.abc import Iterator

import pytest

from paddock.adapters.memory.github import JobScript
from paddock.core.errors import Busy, NotFound, Rejected
from paddock.core.ports.github import RegisteredRunner, Scope
from tests.integration.contracts.github_adapters import ADAPTERS, ORGANISATION, REPOSITORY, SCOPE, GitHubUnderTest


@pytest.fixture(name="github", params=ADAPTERS)
def _github(request: pytest.FixtureRequest) -> Iterator[GitHubUnderTest]:
    with ADAPTERS[request.param]() as opened:
        yield opened


def busy_runner(github: GitHubUnderTest) -> int:
    """A runner with a job."""
    github.model.start_run(REPOSITORY, [JobScript("build", ("paddock",))])
    made = github.runners.jit_config(SCOPE, "worker", ["paddock"], 1)
    job_id = github.model.runners.connect(made.runner_id).job_id
    assert job_id is not None
    github.model.runs.acquire(made.runner_id, job_id)
    return made.runner_id


@pytest.mark.parametrize("scope", [SCOPE, ORGANISATION])
def test_registers_exactly_the_labels(github: GitHubUnderTest, scope: Scope) -> None:
    """A JIT call registers an offline, idle runner with the labels as given, nothing added, whatever the scope."""
    made = github.runners.jit_config(scope, "paddock--m--1", ["paddock/cpu=4", "Extra"], 1)
    assert made.runner_name == "paddock--m--1"
    assert github.runners.get(scope, made.runner_id) == RegisteredRunner(
        made.runner_id, "paddock--m--1", "offline", busy=False, labels=("paddock/cpu=4", "Extra")
    )


def test_the_configuration_is_whole_and_secret(github: GitHubUnderTest) -> None:
    """The JIT configuration is the one GitHub made, over 4,096 characters long, and not in the value's repr."""
    made = github.runners.jit_config(SCOPE, "paddock--i-0123456789abcdef0--0123456789abcdef", ["paddock"], 1)
    assert len(made.encoded) > 4096
    assert made.encoded not in repr(made)


def test_a_taken_name_is_rejected(github: GitHubUnderTest) -> None:
    """A name that the scope has seen is refused and registers nothing; another scope may have it."""
    github.runners.jit_config(SCOPE, "same", ["paddock"], 1)
    with pytest.raises(Rejected, match="lready exists"):
        github.runners.jit_config(SCOPE, "SAME", ["paddock"], 1)
    assert len(list(github.runners.registered(SCOPE))) == 1
    assert github.runners.jit_config(ORGANISATION, "same", ["paddock"], 1).runner_name == "same"


@pytest.mark.parametrize(
    ("labels", "group", "name"),
    [
        ([], 1, "x"),
        (["a,b"], 1, "x"),
        (["x" * 257], 1, "x"),
        (["a"] * 101, 1, "x"),
        (["a"], 99, "x"),
        (["a"], 1, "n" * 65),
        (["a"], 1, ""),
    ],
    ids=["no label", "comma", "long label", "many labels", "unknown group", "long name", "no name"],
)
def test_bad_registrations_are_rejected(github: GitHubUnderTest, labels: list[str], group: int, name: str) -> None:
    """Labels, group and name that GitHub does not take are refused as wrong, not as a passing fault."""
    with pytest.raises(Rejected):
        github.runners.jit_config(ORGANISATION, name, labels, group)
    assert list(github.runners.registered(ORGANISATION)) == []


def test_unknown_scopes_are_not_found(github: GitHubUnderTest) -> None:
    """A repository or organisation that is not there is `NotFound`, for every call."""
    for scope in (Scope("acme", "nowhere"), Scope("nobody")):
        with pytest.raises(NotFound):
            github.runners.jit_config(scope, "x", ["paddock"], 1)
        with pytest.raises(NotFound):
            github.runners.registration(scope, 1)
        with pytest.raises(NotFound):
            list(github.runners.registered(scope))


def test_a_registration_is_the_scopes_and_secret(github: GitHubUnderTest) -> None:
    """A token and an address for each scope; the token is not in the value's repr, the default group has no name."""
    given = [github.runners.registration(scope, 1) for scope in (SCOPE, ORGANISATION)]
    assert len({one.token for one in given}) == 2
    assert [one.url.rpartition("acme")[2] for one in given] == ["/app", ""]
    assert all(one.url.startswith("http") and one.token not in repr(one) and one.group == "" for one in given)


def test_a_group_is_registered_for_by_its_name(github: GitHubUnderTest) -> None:
    """The fleet knows groups by number, the runner's program by name; one that is not there is refused."""
    github.model.add_runner_group("acme", 7, "Payments")
    assert github.runners.registration(ORGANISATION, 7).group == "Payments"
    with pytest.raises(Rejected):
        github.runners.registration(ORGANISATION, 8)


def test_a_runner_is_found_by_its_name(github: GitHubUnderTest) -> None:
    """Its whole name; one of another scope is not found, nor one that is gone."""
    made = github.runners.jit_config(SCOPE, "paddock--m--1", ["paddock"], 1)
    github.runners.jit_config(SCOPE, "paddock--m--12", ["paddock"], 1)
    github.runners.jit_config(ORGANISATION, "elsewhere", ["paddock"], 1)
    assert github.runners.named(SCOPE, "paddock--m--1") == github.runners.get(SCOPE, made.runner_id)
    assert github.runners.named(SCOPE, "elsewhere") is None
    github.runners.delete(SCOPE, made.runner_id)
    assert github.runners.named(SCOPE, "paddock--m--1") is None


def test_lists_all_pages_of_one_scope(github: GitHubUnderTest) -> None:
    """More runners than one page holds are all listed once, those of other scopes are not."""
    names = [f"runner-{number}" for number in range(205)]
    for name in names:
        github.runners.jit_config(SCOPE, name, ["paddock"], 1)
    github.runners.jit_config(ORGANISATION, "elsewhere", ["paddock"], 1)
    assert [runner.name for runner in github.runners.registered(SCOPE)] == names
    assert [runner.name for runner in github.runners.registered(ORGANISATION)] == ["elsewhere"]


def test_shows_connected_and_busy_runners(github: GitHubUnderTest) -> None:
    """A runner is online once it has connected, and busy only once it took a job."""
    made = github.runners.jit_config(SCOPE, "worker", ["paddock"], 1)
    github.model.runners.connect(made.runner_id)
    seen = github.runners.get(SCOPE, made.runner_id)
    assert seen is not None
    assert (seen.status, seen.busy) == ("online", False)
    runner_id = busy_runner_after(github, made.runner_id)
    seen = github.runners.get(SCOPE, runner_id)
    assert seen is not None
    assert (seen.status, seen.busy) == ("online", True)


def busy_runner_after(github: GitHubUnderTest, runner_id: int) -> int:
    """The connected runner with a job."""
    run = github.model.start_run(REPOSITORY, [JobScript("build", ("paddock",))])
    github.model.runs.acquire(runner_id, run.jobs[0])
    return runner_id


def test_deletes_once(github: GitHubUnderTest) -> None:
    """Deleting says True for a runner that was there, and False ever after; then it can neither be read nor listed."""
    made = github.runners.jit_config(SCOPE, "worker", ["paddock"], 1)
    assert github.runners.delete(SCOPE, made.runner_id) is True
    assert github.runners.delete(SCOPE, made.runner_id) is False
    assert github.runners.get(SCOPE, made.runner_id) is None
    assert list(github.runners.registered(SCOPE)) == []


def test_a_busy_runner_stays(github: GitHubUnderTest) -> None:
    """GitHub keeps a runner that runs a job, and the call says so."""
    runner_id = busy_runner(github)
    with pytest.raises(Busy):
        github.runners.delete(SCOPE, runner_id)
    assert github.runners.get(SCOPE, runner_id) is not None


def test_a_runner_is_gone_after_its_job(github: GitHubUnderTest) -> None:
    """GitHub deletes an ephemeral runner with its job: reading gives None, deleting False, and neither is an error."""
    runner_id = busy_runner(github)
    github.model.runs.complete(runner_id, github.model.jobs()[0].id, "success")
    assert github.runners.get(SCOPE, runner_id) is None
    assert github.runners.delete(SCOPE, runner_id) is False


def test_a_runner_of_another_scope_is_not_seen(github: GitHubUnderTest) -> None:
    """A runner is found in the scope it was registered in and nowhere else."""
    made = github.runners.jit_config(SCOPE, "worker", ["paddock"], 1)
    assert github.runners.get(ORGANISATION, made.runner_id) is None
    assert github.runners.delete(Scope("acme", "other"), made.runner_id) is False
    assert github.runners.get(SCOPE, made.runner_id) is not None
