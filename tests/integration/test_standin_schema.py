"""Every kind of reply and every webhook of the GitHub stand-in fits GitHub's own schema."""

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any, cast

import jwt
import pytest

from paddock.adapters.github.webhook import Ignored, decode
from paddock.adapters.memory.github import Event, JobScript, Step, StepRecord
from paddock.adapters.memory.github.ports import INSTALLATION_ID
from paddock.adapters.standin import GitHubStandIn
from paddock.adapters.standin.made_apps import MadeApp
from paddock.adapters.standin.payloads import webhook
from paddock.adapters.standin.people import Place
from paddock.adapters.standin.rest_app import HOOK_ID
from paddock.core.messages import JobObserved, JobRequested, RunCompleted
from paddock.core.units import MINUTE, SECOND
from tests.agent.standin_runner import LABELS, REPOSITORY, SCOPE
from tests.github_schema import model

FORK = "stranger/app"
MANIFEST = {
    "name": "Paddock Acme",
    "hook_attributes": {"url": "https://ci.example.com/webhook"},
    "default_permissions": {"actions": "write"},
    "default_events": ["workflow_job"],
}


class Client:
    """Plain HTTP with the right credentials."""

    def __init__(self, standin: GitHubStandIn) -> None:
        self.standin = standin

    def app_token(self, made: MadeApp | None = None) -> str:
        """A JWT of the App, or of one that was made of a manifest."""
        now, hand = self.standin.model.state.clock.now() // SECOND, self.standin.credentials
        number, key = (hand.app_id, hand.private_key) if made is None else (made.id, made.pem)
        return jwt.encode({"iat": now - 60, "exp": now + 540, "iss": str(number)}, key, algorithm="RS256")

    def call(
        self, method: str, path: str, body: object = None, *, app: bool = False, headers: dict[str, str] | None = None
    ) -> tuple[int, Any, dict[str, str]]:
        """The status, the JSON and the headers of a reply."""
        token = self.app_token() if app else self.standin.credentials.personal_token
        data = None if body is None else json.dumps(body).encode()
        sent = {"Authorization": f"Bearer {token}", "Content-Type": "application/json", **(headers or {})}
        request = urllib.request.Request(f"{self.standin.url}/api/v3{path}", data, sent, method=method)
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                text, status, found = answer.read(), answer.status, answer.headers
        except urllib.error.HTTPError as refused:
            with refused:
                text, status, found = refused.read(), refused.code, refused.headers
        return status, json.loads(text) if text else None, {name.lower(): value for name, value in found.items()}


@pytest.fixture(name="client", scope="module")
def _client() -> Iterator[Client]:
    """A world in which everything exists once: jobs in every state, a re-run, a fork, runners, checks, deliveries."""
    with GitHubStandIn() as standin:
        standin.add_repository(REPOSITORY)
        standin.add_repository("acme/open", private=False)
        model_ = standin.model
        jobs = [JobScript("failed", ("one",)), JobScript("fine", ("two",), (Step("a"),))]
        run = model_.start_run(REPOSITORY, jobs, event="pull_request", head_repository=FORK)
        for job_id, labels, conclusion in zip(run.jobs, (["one"], ["two"]), ("failure", "success"), strict=True):
            runner = model_.runners.register(SCOPE, f"runner-{job_id}", labels)
            model_.runners.connect(runner.id, version="2.336.0")
            model_.runs.acquire(runner.id, job_id)
            model_.runs.started(runner.id, job_id)
            steps = [
                StepRecord("Set up job", 1, "completed", "success", 0, 1),
                StepRecord("a", 2, "completed", conclusion),
            ]
            model_.runs.complete(runner.id, job_id, conclusion, steps=steps)
        model_.runs.rerun_failed(REPOSITORY, run.id)
        cancelled = model_.start_run(REPOSITORY, [JobScript("cancelled", LABELS)])
        model_.runs.cancel(REPOSITORY, cancelled.id)
        model_.start_run(
            REPOSITORY, [JobScript("deploy", LABELS, environment="production"), JobScript("waits", LABELS)]
        )
        model_.runners.register(SCOPE, "idle", ["three", "four"])
        assert standin.drain()
        client = Client(standin)
        standin.apps.redeem(standin.apps.make(MANIFEST, "acme", "Organization"))
        next(iter(standin.apps.by_id.values())).installed.append("acme")
        yield client


def ids(client: Client) -> dict[str, int]:
    """What the paths below are filled with."""
    runs, model_ = client.standin.model.all_runs(), client.standin.model
    idle = next(runner for runner in client.standin.runners() if runner.name == "idle")
    delivery = model_.deliveries.newest_first()[0]
    return {"run": runs[0].id, "job": runs[0].jobs[0], "runner": idle.id, "delivery": delivery.id}


GETS = [
    ("/repos/acme/app", "FullRepository", False),
    ("/repos/acme/open", "FullRepository", False),
    ("/repos/acme/app/installation", "Installation", True),
    ("/orgs/acme/installation", "Installation", True),
    ("/users/acme/installation", "Installation", True),
    ("/repos/acme/app/actions/runs", "ReposOwnerRepoActionsRunsGetResponse200", False),
    ("/repos/acme/app/actions/runs?status=completed", "ReposOwnerRepoActionsRunsGetResponse200", False),
    ("/repos/acme/app/actions/runs?created=2020-01-01..*", "ReposOwnerRepoActionsRunsGetResponse200", False),
    ("/repos/acme/app/actions/runs/{run}", "WorkflowRun", False),
    ("/repos/acme/app/actions/runs/{run}/jobs", "ReposOwnerRepoActionsRunsRunIdJobsGetResponse200", False),
    ("/repos/acme/app/actions/runs/{run}/jobs?filter=all", "ReposOwnerRepoActionsRunsRunIdJobsGetResponse200", False),
    ("/repos/acme/app/actions/jobs/{job}", "Job", False),
    ("/repos/acme/app/actions/runners", "ReposOwnerRepoActionsRunnersGetResponse200", False),
    ("/orgs/acme/actions/runners", "OrgsOrgActionsRunnersGetResponse200", False),
    ("/repos/acme/app/actions/runners/{runner}", "Runner", False),
    ("/orgs/acme/actions/runner-groups", "OrgsOrgActionsRunnerGroupsGetResponse200", False),
    ("/repos/acme/app/actions/runners/downloads", "list[RunnerApplication]", False),
    ("/orgs/acme/actions/runners/downloads", "list[RunnerApplication]", False),
    ("/repos/actions/runner/releases?per_page=100", "list[Release]", False),
    ("/repos/actions/runner/releases/latest", "Release", False),
    ("/repos/actions/runner/releases/tags/v2.336.0", "Release", False),
    ("/app/hook/deliveries", "list[HookDeliveryItem]", True),
    ("/app/hook/deliveries/{delivery}", "HookDelivery", True),
    (f"/repos/acme/app/hooks/{HOOK_ID}/deliveries", "list[HookDeliveryItem]", False),
    (f"/orgs/acme/hooks/{HOOK_ID}/deliveries", "list[HookDeliveryItem]", False),
    ("/orgs/acme/repos", "list[MinimalRepository]", False),
    ("/installation/repositories", "InstallationRepositoriesGetResponse200", False),
    ("/rate_limit", "RateLimitOverview", False),
]
POSTS = [
    (
        "/orgs/acme/actions/runners/generate-jitconfig",
        "jit",
        201,
        "OrgsOrgActionsRunnersGenerateJitconfigPostResponse201",
    ),
    (
        "/repos/acme/app/actions/runners/generate-jitconfig",
        "jit",
        201,
        "OrgsOrgActionsRunnersGenerateJitconfigPostResponse201",
    ),
    ("/repos/acme/app/actions/runners/registration-token", "nothing", 201, "AuthenticationToken"),
    ("/orgs/acme/actions/runners/registration-token", "nothing", 201, "AuthenticationToken"),
    (f"/app/installations/{INSTALLATION_ID}/access_tokens", "nothing", 201, "InstallationToken"),
    ("/repos/acme/app/check-runs", "check", 201, "CheckRun"),
    ("/app/hook/deliveries/{delivery}/attempts", "nothing", 202, "AppHookDeliveriesDeliveryIdAttemptsPostResponse202"),
]
BODIES: dict[str, object] = {
    "jit": {"name": "from-schema-test", "runner_group_id": 1, "labels": ["a", "b"], "work_folder": "_work"},
    "nothing": {},
    "check": {
        "name": "paddock",
        "head_sha": "a" * 40,
        "status": "completed",
        "conclusion": "failure",
        "output": {"title": "t", "summary": "s"},
    },
}


def fits(schema: str, found: object) -> None:
    """Fail if GitHub's schema refuses the reply."""
    if schema.startswith("list["):
        assert found
        for one in cast("list[object]", found):
            model(schema[5:-1]).model_validate(one)
    else:
        model(schema).model_validate(found)


@pytest.mark.parametrize(("path", "schema", "app"), GETS, ids=[path for path, _, _ in GETS])
def test_what_is_read_fits(client: Client, path: str, schema: str, app: bool) -> None:  # noqa: FBT001 - a parameter of the table
    """Replies to GET are complete by GitHub's schema, and carry GitHub's headers."""
    status, found, headers = client.call("GET", path.format(**ids(client)), app=app)
    assert status == 200
    fits(schema, found)
    assert headers["x-github-request-id"]
    assert headers["etag"].startswith('W/"')


@pytest.mark.parametrize(
    ("method", "path", "schema"),
    [
        ("GET", "/app", "Integration"),
        ("GET", "/app/installations", "list[Installation]"),
        ("GET", "/orgs/acme/installation", "Installation"),
        ("GET", "/app/hook/config", "WebhookConfig"),
        ("PATCH", "/app/hook/config", "WebhookConfig"),
        ("POST", "/app-manifests/{code}/conversions", "AppManifestsCodeConversionsPostResponse201"),
    ],
)
def test_an_app_that_a_manifest_made_fits(client: Client, method: str, path: str, schema: str) -> None:
    """What it sees of itself, and what its code is exchanged for, are complete by GitHub's schema."""
    apps = client.standin.apps
    app = next(iter(apps.by_id.values()))
    code = apps.make({**MANIFEST, "name": f"{method} {path}"}, "acme", "Organization") if "{code}" in path else ""
    body = {"url": "https://ci.example.com/webhook"} if method == "PATCH" else None
    token = {"Authorization": f"Bearer {client.app_token(app)}"}
    status, found, _ = client.call(method, path.format(code=code), body, headers=token)
    assert status == (201 if method == "POST" else 200)
    fits(schema, found)


@pytest.mark.parametrize(("path", "body", "status", "schema"), POSTS, ids=[path for path, _, _, _ in POSTS])
def test_what_is_made_fits(client: Client, path: str, body: str, status: int, schema: str) -> None:
    """Replies to POST have GitHub's status and schema."""
    found_status, found, _ = client.call("POST", path.format(**ids(client)), BODIES[body], app=path.startswith("/app/"))
    assert found_status == status
    fits(schema, found)


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/repos/acme/nowhere", None, 404),
        ("GET", "/no/such/thing", None, 404),
        ("PUT", "/repos/acme/app", {}, 405),
        ("POST", "/repos/acme/app/actions/runs/{run}/rerun-failed-jobs", {}, 403),
        ("DELETE", "/repos/acme/app/actions/runners/999", None, 404),
        ("POST", "/orgs/acme/actions/runners/generate-jitconfig", {"name": "x"}, 422),
        (
            "POST",
            "/orgs/acme/actions/runners/generate-jitconfig",
            {"name": "x", "runner_group_id": 1, "labels": []},
            422,
        ),
        (
            "POST",
            "/repos/acme/app/actions/runners/generate-jitconfig",
            {"name": "idle", "runner_group_id": 1, "labels": ["a"]},
            409,
        ),
        ("POST", "/repos/acme/app/check-runs", {"name": "x"}, 422),
    ],
)
def test_errors_have_githubs_form(client: Client, method: str, path: str, body: object, status: int) -> None:
    """A refusal has a message, a link to the documentation, and the request's id."""
    found_status, found, headers = client.call(method, path.format(**ids(client)), body)
    assert found_status == status
    model("BasicError").model_validate(found)
    assert found["message"]
    assert found["documentation_url"].startswith("https://docs.github.com/")
    assert headers["x-github-request-id"]


EVENTS = {
    ("workflow_job", "queued"): ("WebhookWorkflowJobQueued", JobRequested),
    ("workflow_job", "waiting"): ("WebhookWorkflowJobWaiting", Ignored),
    ("workflow_job", "in_progress"): ("WebhookWorkflowJobInProgress", JobObserved),
    ("workflow_job", "completed"): ("WebhookWorkflowJobCompleted", JobObserved),
    ("workflow_run", "requested"): ("WebhookWorkflowRunRequested", Ignored),
    ("workflow_run", "in_progress"): ("WebhookWorkflowRunInProgress", Ignored),
    ("workflow_run", "completed"): ("WebhookWorkflowRunCompleted", RunCompleted),
}


def events(client: Client) -> Iterator[Event]:
    """Everything that happened."""
    return (delivery.event for delivery in client.standin.model.deliveries.newest_first())


def test_every_webhook_fits_and_is_understood(client: Client) -> None:
    """Each payload is valid by GitHub's schema, decoded by our own decoder to the right message, and GitHub's size."""
    seen = set()
    for event in events(client):
        payload = webhook(Place(client.standin.url), event)
        schema, message = EVENTS[event.event, event.action]
        model(schema).model_validate(payload)
        body = json.dumps(payload).encode()
        decoded = decode(event.event, event.guid, body, MINUTE)
        assert isinstance(decoded, message)
        assert 7_000 < len(body) < 25_000
        seen.add((event.event, event.action))
    assert seen == set(EVENTS)


def test_the_decoder_finds_what_happened(client: Client) -> None:
    """A decoded webhook tells the job, its repository, and who took it, as the model knows them."""
    event = next(e for e in events(client) if e.action == "completed" and e.job is not None and e.job.runner_id)
    job = event.job
    assert job is not None
    body = json.dumps(webhook(Place(client.standin.url), event)).encode()
    decoded = decode(event.event, event.guid, body, MINUTE)
    assert isinstance(decoded, JobObserved)
    assert (decoded.job.job_id, decoded.job.run_id, decoded.job.repository) == (job.id, job.run_id, REPOSITORY)
    assert (decoded.job.labels, decoded.job.private) == (job.labels, True)
    assert decoded.job.installation_id == INSTALLATION_ID
    assert (decoded.runner_id, decoded.runner_name, decoded.conclusion) == (
        job.runner_id,
        job.runner_name,
        job.conclusion,
    )
