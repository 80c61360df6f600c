"""The acceptance's environment against moto, and its command: nothing of anybody else's is touched, nothing stays."""

import io
import json
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout

import pytest

from paddock.adapters.config import load
from paddock.adapters.github.auth import TokenCredentials
from paddock.adapters.github.authors import RestAuthor
from paddock.adapters.github.client import connect
from paddock.adapters.github.endpoints import endpoints_of
from paddock.adapters.memory.system import SeededChance
from paddock.adapters.standin import GitHubStandIn
from paddock.adapters.system import RandomIds, SystemClock, SystemSleeper
from paddock.core.errors import Conflict
from paddock.entrypoints.aws_acceptance.environment import StackEnvironment
from paddock.entrypoints.aws_stack.deploy import Deployment
from paddock.entrypoints.aws_stack.packages import packages
from paddock.entrypoints.aws_stack.places import signed_in
from paddock.entrypoints.aws_stack.settings import stack_settings
from paddock.entrypoints.cli.app import main
from tests.aws.desk import SECRETS, Desk, operators_desk
from tests.aws.judge import REGION
from tests.aws.moto_types import URL
from tests.integration.test_documented_commands import ON_ACCEPTANCE, commands
from tests.wide import wide

pytestmark = pytest.mark.slow
ENV = "acceptance-7f3a"


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """One where nothing is deployed, before each test and after it; moto can leave its network alone."""
    with operators_desk(tmp_path_factory.mktemp("desk")) as made:
        made.share_network()
        yield made


def environment(desk: Desk) -> StackEnvironment:
    """The throw-away one, as a process has it that begins."""
    text = (desk.home / "stack.yml").read_text(encoding="utf-8").replace('"dev": {}', f'"dev": {{}}, "{ENV}": {{}}')
    (desk.home / "acceptance.yml").write_text(text, encoding="utf-8")
    work = Deployment(
        places=signed_in(REGION),
        settings=stack_settings(ENV, desk.home / "acceptance.yml"),
        config=load(desk.home / "paddock.yml"),
        packages=packages(desk.home / "build"),
        clock=SystemClock(),
        sleeper=SystemSleeper(),
        ids=RandomIds(),
        secrets={"GithubSecret": SECRETS["GITHUB_TOKEN"], "WebhookSecret": SECRETS["HOOK_SECRET"]},
    )
    return StackEnvironment(work=work, lag=0)


def close(made: StackEnvironment) -> None:
    """Let go of the connections of the clients that were made."""
    for name in ("s3", "ec2", "functions", "secrets"):
        if name in vars(made.work.places):
            getattr(made.work.places, name).close()


def told_nothing(line: str) -> None:
    """Whoever is told."""
    assert line


def stacks(desk: Desk) -> list[str]:
    """The names of the stacks that there are."""
    return [stack["StackName"] for stack in desk.client("cloudformation").describe_stacks()["Stacks"]]


def test_it_is_made_seen_and_removed_and_nobody_elses_is(desk: Desk) -> None:
    """By its tag everything is seen; another of the same name is refused, and its removal removes nothing."""
    first, second = environment(desk), environment(desk)
    assert first.deploy(told_nothing) == URL
    left = first.left()
    assert f"stack paddock-{ENV}" in left
    assert any(":dynamodb:" in one or ":sqs:" in one or "arn:aws:" in one for one in left), left
    with pytest.raises(Conflict, match=f"there is paddock-{ENV} already.* --region {REGION} --clean"):
        second.deploy(told_nothing)
    second.destroy(told_nothing)
    assert (second.left(), stacks(desk)) == ((), [f"paddock-{ENV}"])
    first.destroy(told_nothing)
    assert (first.left(), stacks(desk)) == ((), [])
    first.destroy(told_nothing)
    for made in (first, second):
        close(made)


def test_what_was_only_proposed_is_removed(desk: Desk) -> None:
    """Cut off between CloudFormation's proposal and its execution: an empty stack and a bucket."""
    made = environment(desk)
    made.begun = True
    made.work.propose()
    assert set(made.left()) >= {f"stack paddock-{ENV}"}
    made.destroy(told_nothing)
    assert (made.left(), stacks(desk)) == ((), [])
    close(made)


def paddock(*words: str) -> tuple[int, str, str]:
    """Call the command: its exit code, what it said, what it complained of."""
    with wide(), redirect_stdout(io.StringIO()) as out, redirect_stderr(io.StringIO()) as err:
        code = main([*words])
    return code, out.getvalue(), err.getvalue()


def test_the_pages_commands_say_what_they_would_do_and_ask(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each as it stands: the plan, what it costs, how long; and as nobody is there to answer, nothing is done."""
    shown = sorted({command for command in commands() if command.startswith(ON_ACCEPTANCE)})
    assert len(shown) >= 3
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    for command in shown:
        code, out, err = paddock(*command.split()[1:])
        assert code == 1, command
        assert "add --yes" in err
        assert ("It costs about $" in out) is ("--clean" not in command)
        assert ("bounds it: 12 machines at once and $5.0000 a day" in out) is ("--clean" not in command)
        assert "paddock-acceptance-" in out
    assert stacks(desk) == []


def test_what_is_asked_wrongly_is_said_before_anything_is_done(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment that may be somebody's, a scenario that there is not, a token that is missing."""
    for words, told in (
        (("--env", "prod"), "must be acceptance or begin with acceptance-"),
        (("--only", "hallo"), "must be one of hello, matrix, failing, cancelled, interrupted"),
        (("--clean",), "must name the environment"),
        (("--arch", "mips"), "must be x64 or arm64"),
    ):
        code, _, err = paddock("acceptance", "--repo", "acme/shop", "--region", "eu-west-1", "--yes", *words)
        assert (code, told in err) == (1, True), err
    monkeypatch.setenv("GITHUB_TOKEN", " ")
    code, _, err = paddock("acceptance", "--repo", "acme/shop", "--region", "eu-west-1", "--yes")
    assert code == 1
    assert "GITHUB_TOKEN = 'not set'" in err
    assert stacks(desk) == []


def test_what_an_earlier_one_left_is_cleaned_up(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the command that is told with what is left: stack, buckets, branch and webhook; others stay."""
    made = environment(desk)
    webhook = made.deploy(told_nothing)
    with GitHubStandIn() as github:
        github.add_repository("acme/shop")
        token = github.credentials.personal_token
        ports = {"clock": SystemClock(), "sleeper": SystemSleeper(), "chance": SeededChance(1)}
        with connect(endpoints_of(github.url), TokenCredentials(token), **ports) as client:  # type: ignore[arg-type]
            author = RestAuthor(client.api, "acme/shop")
            for branch in (f"paddock-{ENV}-12345678", "paddock-notes"):
                author.make_branch(branch, "main")
            other = author.add_hook("http://127.0.0.1:9/", "s", ["push"])
            author.add_hook(f"{webhook}?environment={ENV}", "s", ["workflow_job"])
            words = ("--repo", "acme/shop", "--env", ENV, "--region", "eu-west-1", "--github", github.url)
            monkeypatch.setenv("GITHUB_TOKEN", token)
            code, out, err = paddock("acceptance", *words, "--clean", "--yes", "--build", "nowhere")
            assert (code, err) == (0, ""), out
            assert f"the branch paddock-{ENV}-12345678 is gone" in out
            assert author.hooks() == {other: "http://127.0.0.1:9/"}
            assert author.branches("paddock-") == ("paddock-notes",)
    assert (made.left(), stacks(desk)) == ((), [])
    close(made)


def test_a_failure_is_reported_and_everything_is_removed(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """GitHub does not know the token: the stack that was made by then goes, and the report says why."""
    close(environment(desk))  # writes the settings
    monkeypatch.setenv("GITHUB_TOKEN", "ghp_nobodys")
    with GitHubStandIn() as github:
        github.add_repository("acme/shop")
        words = ("--repo", "acme/shop", "--env", ENV, "--github", github.url, "--settings", "acceptance.yml")
        code, out, err = paddock("acceptance", *words, "--output", "reports", "--yes")
    assert (code, err) == (1, "")
    assert "Bad credentials" in out
    assert f"paddock-{ENV} is gone" in out
    assert "ghp_nobodys" not in out
    assert stacks(desk) == []
    told = json.loads((desk.home / "reports" / f"paddock-{ENV}.json").read_text(encoding="utf-8"))
    found = {one["gate"]: one["verdict"] for one in told["gates"]}
    assert (found["every job ended as it should"], found["nothing is left"]) == ("failed", "passed")
    assert (desk.home / "reports" / f"paddock-{ENV}.md").read_text(encoding="utf-8").startswith("# Acceptance of")
    assert set(told["versions"]) >= {"paddock", "boto3", "python", "paddock-agent.pyz"}
