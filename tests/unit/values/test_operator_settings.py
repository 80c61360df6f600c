"""What an operator's terminal knows of a stack comes from its environment, and every mistake in it is told at once."""

import subprocess
import sys
from pathlib import Path

import attrs
import pytest

from paddock.core.decision import Decision
from paddock.core.errors import AccessDenied, InvalidInput, Throttled
from paddock.core.job import Job, JobFacts
from paddock.core.states import JobState
from paddock.core.units import HOUR, MINUTE, SECOND
from paddock.core.usecases.explain import Explanation
from paddock.entrypoints.aws_lambda.fleet_settings import QueueAt
from paddock.entrypoints.aws_lambda.settings import InvalidEnvironment
from paddock.entrypoints.aws_operator.advice import advice, remark
from paddock.entrypoints.aws_operator.settings import OperatorSettings, operator_settings
from paddock.entrypoints.cli.where import Profile, Where
from tests.aws.invocations import STACK
from tests.strategies import NOON

GROUPS = "/aws/lambda/paddock-ci-webhook"
BASE = "https://sqs.eu-west-1.amazonaws.com/123456789012"


def test_the_functions_variables_are_enough_but_for_the_log_groups() -> None:
    """Whoever has a stack's block of variables adds one."""
    found = operator_settings({**STACK, "PADDOCK_LOG_GROUPS": GROUPS})
    assert found == OperatorSettings(
        region="eu-west-1",
        stack="paddock-ci",
        table="paddock-ci",
        groups=(GROUPS,),
        jobs=QueueAt(f"{BASE}/jobs", f"{BASE}/jobs-dead"),
    )


@pytest.mark.parametrize("given", ["/a,/b", "/a, /b", " /a\n/b ", "/a,/b,/a,"])
def test_log_groups_with_commas_between(given: str) -> None:
    """However they were pasted; none is asked twice."""
    assert operator_settings({**STACK, "PADDOCK_LOG_GROUPS": given}).groups == ("/a", "/b")


@pytest.mark.parametrize("given", ["", ",", "/a,arn:aws:logs:eu-west-1:1:log-group:/b", "/a;/b", "x" * 513])
def test_what_is_no_list_of_log_groups(given: str) -> None:
    """It is named, with what would be right."""
    with pytest.raises(InvalidEnvironment, match="PADDOCK_LOG_GROUPS") as refused:
        operator_settings({**STACK, "PADDOCK_LOG_GROUPS": given})
    assert "/aws/lambda/ci-webhook,/aws/lambda/ci-dispatch" in str(refused.value)


def test_an_empty_environment_is_told_whole() -> None:
    """Six variables, in one message."""
    with pytest.raises(InvalidEnvironment) as refused:
        operator_settings({})
    assert [problem.field for problem in refused.value.problems] == [
        "AWS_REGION",
        "PADDOCK_STACK",
        "PADDOCK_TABLE",
        "PADDOCK_LOG_GROUPS",
        "PADDOCK_JOBS_URL",
        "PADDOCK_JOBS_DEAD_URL",
    ]


def test_each_variable_has_its_line() -> None:
    """One that is not there is told so, in no programmer's words; what a name may have is said."""
    with pytest.raises(InvalidEnvironment) as refused:
        operator_settings({**STACK, "PADDOCK_TABLE": "x"} | {"AWS_REGION": ""} | {"PADDOCK_LOG_GROUPS": GROUPS})
    assert str(refused.value).splitlines() == [
        "AWS_REGION = '': must be the stack's region, such as eu-west-1",
        "PADDOCK_TABLE = 'x': must be a table's name: 3 to 255 letters, digits, _ . -",
    ]
    with pytest.raises(InvalidEnvironment) as refused:
        operator_settings({})
    lines = str(refused.value).splitlines()
    assert [line.partition(" is not set: must be ")[0] for line in lines] == [
        problem.field for problem in refused.value.problems
    ]


def test_the_region_of_aws_own_configuration_is_second() -> None:
    """AWS_REGION, as Lambda sets it, goes first."""
    variables = {**STACK, "PADDOCK_LOG_GROUPS": GROUPS}
    assert operator_settings(variables, "us-east-1").region == "eu-west-1"
    assert operator_settings({**variables, "AWS_REGION": ""}, "us-east-1").region == "us-east-1"


def test_what_needs_no_advice_gets_none() -> None:
    """An error that says it itself; and where only time helps, how much of it."""
    settings = operator_settings({**STACK, "PADDOCK_LOG_GROUPS": GROUPS})
    missing = InvalidInput("PADDOCK_STACK", None, "must be …")
    assert advice(missing, None).startswith("`paddock stack status --env NAME` prints")
    assert advice(InvalidInput("type", "m7i.lage", "did you mean m7i.large?"), settings) == ""
    assert advice(Throttled("too fast", 5 * SECOND), settings) == "AWS asks for patience: try again in 5.0 s"
    assert advice(AccessDenied("GetItem: no"), settings).startswith("sign in to AWS")


@pytest.mark.parametrize(
    ("received", "ended", "decisions", "said"),
    [
        (HOUR, MINUTE, 1, "some seconds after"),
        (HOUR, 3 * MINUTE, 1, ""),
        (HOUR, None, 1, "some seconds after"),
        (HOUR, 3 * MINUTE, 0, "no decision was found in /a, /b"),
        (HOUR, None, 0, "no decision was found in /a, /b"),
        (HOUR, MINUTE, 0, "no decision was found in /a, /b"),
        (MINUTE, None, 0, "some seconds after"),
    ],
)
def test_what_may_be_missing_from_a_story(received: int, ended: int | None, decisions: int, said: str) -> None:
    """While it lives and soon after, its last lines, or all of them; if there is none later, the log; else nothing."""
    job = Job(JobFacts(1, 7, "acme/shop", ("paddock",)), received_at=NOON - received)
    if ended is not None:
        job = attrs.evolve(job, state=JobState.FINISHED, finished_at=NOON - ended)
    found = (Decision("job:1", NOON, "dispatch", "queued", "because"),) * decisions
    told = remark(Explanation(job, None, found), NOON, groups=("/a", "/b"))
    assert (said in told, bool(told)) == (True, bool(said))


def without_boto3(*words: str) -> subprocess.CompletedProcess[str]:
    """What becomes of a command where the extra is not installed."""
    code = (
        "import sys; sys.modules |= {'boto3': None, 'botocore': None}; "
        "from paddock.entrypoints.cli.app import main; sys.exit(main())"
    )
    return subprocess.run(
        [sys.executable, "-c", code, *words], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("words", [("jobs", "--profile", "aws"), ("stack", "status", "--env", "dev")])
def test_without_boto3_it_says_what_to_install(words: tuple[str, ...]) -> None:
    """The command line comes without it: it is an extra, and every command that needs it says the same."""
    done = without_boto3(*words)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("paddock: speaking to AWS needs boto3: ")
    assert "pip install '.[aws]'" in done.stderr


@pytest.mark.parametrize("words", [("cost",), ("template",), ("package", "--help")])
def test_what_asks_no_aws_needs_no_boto3(words: tuple[str, ...]) -> None:
    """A stack can be priced and read before anything is installed for it."""
    done = without_boto3("stack", *words)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout


@pytest.mark.parametrize("words", [("stack", "status"), ("stack", "deploy"), ("stack", "destroy"), ("doctor",)])
def test_what_is_wrong_with_a_name_is_told_without_boto3(words: tuple[str, ...]) -> None:
    """Nobody installs something, only to hear of a typing error then."""
    done = without_boto3(*words, "--env", "DEV_1")
    assert done.stderr.startswith("paddock: --env = 'DEV_1': must be 1 to 16 small letters")


def test_a_fleet_by_its_options(monkeypatch: pytest.MonkeyPatch) -> None:
    """And the words by which a message names it again."""
    monkeypatch.delenv("PADDOCK_PROFILE", raising=False)
    assert Where.chosen(None, None) == Where(Profile.LOCAL, " --state paddock-state", Path("paddock-state"))
    assert (
        Where.chosen(Path("x"), None)
        == Where.chosen(Path("x"), "local")
        == Where(Profile.LOCAL, " --state x", Path("x"))
    )
    assert Where.chosen(None, "aws") == Where(Profile.AWS, " --profile aws")
    monkeypatch.setenv("PADDOCK_PROFILE", "aws")
    assert Where.chosen(None, None) == Where(Profile.AWS, "")
    assert Where.chosen(Path("x"), None).profile is Profile.LOCAL
    monkeypatch.setenv("PADDOCK_PROFILE", "")
    assert Where.chosen(None, None).profile is Profile.LOCAL
