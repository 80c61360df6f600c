"""What authors do, by REST against the stand-in: branches, commits, dispatches, webhooks, and GitHub's refusals."""

import re
from collections.abc import Iterator
from pathlib import Path

import attrs
import httpx
import pytest

from paddock.adapters.github.auth import TokenCredentials
from paddock.adapters.github.authors import RestAuthor
from paddock.adapters.github.client import connect
from paddock.adapters.github.endpoints import endpoints_of
from paddock.adapters.memory.system import SeededChance
from paddock.adapters.standin import GitHubStandIn
from paddock.adapters.standin.workflow_files import UnknownWorkflow, read_workflow
from paddock.adapters.system import SystemClock, SystemSleeper
from paddock.core.errors import AccessDenied, NotFound, Rejected
from paddock.entrypoints.acceptance.scenarios import SCENARIOS, Scenario
from tests.github_schema import model

HELLO, MATRIX = SCENARIOS[0], SCENARIOS[1]
INPUTS = {"label": "paddock/cpu=2", "token": "t1"}


@attrs.frozen
class Desk:
    """A repository of the stand-in's, and somebody who may write to it."""

    github: GitHubStandIn
    author: RestAuthor

    def names(self) -> list[str]:
        """All jobs so far."""
        return [job.name for job in self.github.jobs()]


@pytest.fixture
def desk() -> Iterator[Desk]:
    """One without workflows."""
    with GitHubStandIn() as github:
        github.add_repository("acme/shop")
        token = TokenCredentials(github.credentials.personal_token)
        parts = {"clock": SystemClock(), "sleeper": SystemSleeper(), "chance": SeededChance(1)}
        with connect(endpoints_of(github.url), token, **parts) as client:  # type: ignore[arg-type]  # by their names
            yield Desk(github, RestAuthor(client.api, "acme/shop"))


def test_a_push_to_a_branch_starts_its_own_workflow_alone(desk: Desk) -> None:
    """Each file is a commit; the run bears the label, and its title, by which it is found."""
    desk.author.make_branch("trial", desk.author.default_branch())
    for scenario in (MATRIX, HELLO):
        text = scenario.pushed("trial", "paddock/cpu=2", "t1")
        desk.author.commit(scenario.path, text, "trial", "for a trial")
    assert desk.names() == ["shard 1", "shard 2", "shard 3", "hello"]
    assert {job.labels for job in desk.github.jobs()} == {("paddock/cpu=2",)}
    assert desk.author.has(HELLO.path, "trial")
    assert not desk.author.has(HELLO.path, "main")
    run = desk.author.find_run("trial", MATRIX.title("t1"))
    assert run is not None
    assert desk.author.find_run("trial", MATRIX.title("t2")) is None
    assert desk.author.state(run).status == "queued"
    assert [job.facts.name for job in desk.author.jobs(run)] == ["shard 1", "shard 2", "shard 3"]
    assert len(desk.author.running("trial")) == 2
    desk.author.cancel(run)
    assert run not in desk.author.running("trial")
    assert desk.author.delete_branch("trial")
    assert not desk.author.delete_branch("trial")
    assert not desk.author.has_branch("trial")


def test_a_branch_that_was_left_is_deleted_as_the_page_says(desk: Desk) -> None:
    """The line of GitHub's own command line, as the one call that it is."""
    page = (Path(__file__).parents[2] / "docs" / "acceptance.md").read_text(encoding="utf-8")
    (shown,) = re.findall(r"^gh api --method (\w+) repos/octo-org/octo-repo/(\S+)$", page, re.MULTILINE)
    method, path = shown
    branch = path.partition("/heads/")[2]
    desk.author.make_branch(branch, "main")
    token = {"Authorization": f"Bearer {desk.github.credentials.personal_token}"}
    url = f"{endpoints_of(desk.github.url).api}/repos/acme/shop/{path}"
    assert httpx.request(method, url, headers=token).status_code == 204
    assert not desk.author.has_branch(branch)


def test_only_what_the_default_branch_has_is_dispatched(desk: Desk) -> None:
    """GitHub knows no other workflow; inputs must be those of the file."""
    desk.author.make_branch("trial", "main")
    desk.author.commit(HELLO.path, HELLO.text, "trial", "for a trial")
    with pytest.raises(NotFound, match="404"):
        desk.author.dispatch(HELLO.file, "trial", INPUTS)
    desk.author.commit(HELLO.path, HELLO.text, "main", "for everybody")
    assert desk.names() == []
    for wrong, told in ({"label": "x"}, "'token' not provided"), ({**INPUTS, "more": "x"}, "Unexpected inputs"):
        with pytest.raises(Rejected, match=told):
            desk.author.dispatch(HELLO.file, "main", wrong)
    desk.author.dispatch(HELLO.file, "main", INPUTS)
    assert desk.names() == ["hello"]
    assert desk.author.find_run("main", HELLO.title("t1")) is not None


def test_what_is_there_already_is_refused(desk: Desk) -> None:
    """A branch, a file, a webhook: nothing of somebody else's is overwritten."""
    desk.author.make_branch("trial", "main")
    desk.author.commit(HELLO.path, HELLO.text, "trial", "for a trial")
    hook = desk.author.add_hook("http://127.0.0.1:9/", "hush", ["workflow_job"])
    for act in (
        lambda: desk.author.make_branch("trial", "main"),
        lambda: desk.author.commit(HELLO.path, "other", "trial", "again"),
        lambda: desk.author.add_hook("http://127.0.0.1:9/", "hush", ["workflow_job"]),
        lambda: desk.author.add_hook("http://127.0.0.1:8/", "hush", ["nonsense"]),
    ):
        with pytest.raises(Rejected, match="422"):
            act()
    assert desk.author.hooks() == {hook: "http://127.0.0.1:9/"}
    assert desk.author.delete_hook(hook)
    assert not desk.author.delete_hook(hook)
    assert desk.github.webhooks.url is None


def test_the_app_may_do_none_of_it(desk: Desk) -> None:
    """Its installation has no right to contents, workflows or webhooks: a person's token is needed."""
    token, _ = desk.github.credentials.new_token()
    parts = {"clock": SystemClock(), "sleeper": SystemSleeper(), "chance": SeededChance(1)}
    with connect(endpoints_of(desk.github.url), TokenCredentials(token), **parts) as client:  # type: ignore[arg-type]
        app = RestAuthor(client.api, "acme/shop")
        for act in (app.hooks, lambda: app.has_branch("main"), lambda: app.dispatch("x.yml", "main", {})):
            with pytest.raises(AccessDenied, match="not accessible by integration"):
                act()


def test_the_stand_in_answers_as_the_schemas_say(desk: Desk) -> None:
    """Files, commits, references and webhooks, held to GitHub's own models."""
    base = f"{desk.github.url}/api/v3/repos/acme/shop"
    headers = {"Authorization": f"Bearer {desk.github.credentials.personal_token}"}
    file = {"message": "m", "content": "aGk=", "branch": "main"}
    hook = {"config": {"url": "https://example.com/"}, "events": ["push"]}
    with httpx.Client(headers=headers) as client:
        made = client.put(f"{base}/contents/a.txt", json=file)
        model("ContentFile").model_validate(client.get(f"{base}/contents/a.txt").json())
        model("GitRef").model_validate(client.get(f"{base}/git/ref/heads/main").json())
        model("Hook").model_validate(client.post(f"{base}/hooks", json=hook).json())
    assert (made.status_code, made.json()["commit"]["message"]) == (201, "m")


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda one: one.name)
def test_the_shipped_files_have_the_jobs_that_are_expected(scenario: Scenario) -> None:
    """By hand and by a push: the names that are waited for, the label, the title."""
    for text in (scenario.text, scenario.pushed("trial", "paddock/cpu=2", "t1")):
        workflow = read_workflow(text)
        assert workflow.run_name(INPUTS) == scenario.title("t1")
        scripts = workflow.scripts(INPUTS)
        assert [script.name for script in scripts] == [job.name for job in scenario.jobs if job.attempt == 1]
        assert {script.labels for script in scripts} == {("paddock/cpu=2",)}


@pytest.mark.parametrize(
    "text",
    ["[", "on: [push]\njobs: {}", "name: x\njobs: {a: {runs-on: b, needs: c, steps: []}}"],
    ids=["no YAML", "a list", "needs"],
)
def test_what_the_stand_in_does_not_run_is_refused(text: str) -> None:
    """Rather than run otherwise than GitHub would."""
    with pytest.raises(UnknownWorkflow):
        read_workflow(text)
