"""What an operator's terminal knows of a stack comes from its environment, and every mistake in it is told at once."""

import subprocess
import sys
from pathlib import Path

import pytest

from paddock.core.decision import Decision
from paddock.core.errors import AccessDenied, InvalidInput, Throttled
from paddock.core.job import Job, JobFacts
from paddock.core.states import JobState
from paddock.core.units import MINUTE, SECOND
from paddock.core.usecases.explain import Explanation
from paddock.entrypoints.aws_lambda.fleet_settings import QueueAt
from paddock.entrypoints.aws_lambda.settings import InvalidEnvironment
from paddock.entrypoints.aws_operator.advice import advice, remark
from paddock.entrypoints.aws_operator.settings import OperatorSettings, operator_settings
from paddock.entrypoints.cli.where import Profile, Where
from tests.aws_lambda import STACK
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


def test_the_region_of_aws_own_configuration_is_second() -> None:
    """AWS_REGION, as Lambda sets it, goes first."""
    variables = {**STACK, "PADDOCK_LOG_GROUPS": GROUPS}
    assert operator_settings(variables, "us-east-1").region == "eu-west-1"
    assert operator_settings({**variables, "AWS_REGION": ""}, "us-east-1").region == "us-east-1"


def test_what_needs_no_advice_gets_none() -> None:
    """An error that says it itself; and where only time helps, how much of it."""
    settings = operator_settings({**STACK, "PADDOCK_LOG_GROUPS": GROUPS})
    assert advice(InvalidInput("type", "m7i.lage", "did you mean m7i.large?"), settings) == ""
    assert advice(Throttled("too fast", 5 * SECOND), settings) == "AWS asks for patience: try again in 5.0 s"
    assert advice(AccessDenied("GetItem: no"), settings).startswith("sign in to AWS")


def finished(ago: int, decisions: int = 1) -> Explanation:
    """A job that ended so long before noon, with so many decisions about it."""
    job = Job(JobFacts(1, 7, "acme/shop", ("paddock",)), state=JobState.FINISHED, finished_at=NOON - ago)
    return Explanation(job, None, (Decision("job:1", NOON, "dispatch", "queued", "because"),) * decisions)


def test_what_may_be_missing_from_a_story() -> None:
    """Soon after its end, and while it lives, the last lines; without any, the log; else nothing."""
    assert "some seconds after" in remark(finished(MINUTE), NOON, groups=("/a",))
    assert "some seconds after" in remark(
        Explanation(Job(JobFacts(1, 7, "acme/shop", ("paddock",))), None, finished(0).decisions), NOON, groups=("/a",)
    )
    assert remark(finished(3 * MINUTE), NOON, groups=("/a",)) == ""
    assert "no decision was found in /a, /b" in remark(finished(MINUTE, 0), NOON, groups=("/a", "/b"))


def test_without_boto3_it_says_what_to_install() -> None:
    """The command line comes without it: it is an extra."""
    code = "import sys; sys.modules['boto3'] = None; from paddock.entrypoints.cli.app import main; sys.exit(main())"
    done = subprocess.run(
        [sys.executable, "-c", code, "jobs", "--profile", "aws"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert "pip install 'paddock[aws]'" in done.stderr


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
