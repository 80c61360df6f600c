"""Each port method: the request it makes and what it reads from the reply. Replies are judged by GitHub's schema."""

from typing import Any

import pytest

from paddock.adapters.github.api import Api
from paddock.adapters.github.auth import AnonymousAuthority
from paddock.adapters.github.deliveries import Hook, RestDeliveries
from paddock.core.errors import AccessDenied, Busy, InvalidInput, NotFound, Rejected, Throttled, Unavailable
from paddock.core.job import JobFacts
from paddock.core.messages import Registration
from paddock.core.ports.github import (
    Deliveries,
    GitHubJob,
    HookDelivery,
    RegisteredRunner,
    Releases,
    Runners,
    Scope,
    WorkflowRun,
    Workflows,
)
from paddock.core.units import HOUR, MINUTE, SECOND, rfc3339
from tests.github_client import API, NOON, World, app, world
from tests.github_schema import example
from tests.http_stub import Answer, Seen
from tests.threads import race

SHOP = Scope("acme", "shop")
ACME = Scope("acme")
ROOTS = pytest.mark.parametrize(("scope", "root"), [(SHOP, "/repos/acme/shop"), (ACME, "/orgs/acme")])
RUNS = "GET /repos/acme/shop/actions/runs"


def refused(status: int, message: str) -> Answer:
    return Answer(status, {"message": message, "documentation_url": "https://docs.github.com/rest"})


def runner(number: int, **fields: object) -> dict[str, Any]:
    given: dict[str, object] = {"id": number, "name": f"r-{number}", "status": "online", "busy": False, "labels": []}
    return example("Runner", **{**given, **fields})


def job(number: int, **fields: object) -> dict[str, Any]:
    given: dict[str, object] = {
        "id": number,
        "run_id": 7,
        "status": "queued",
        "conclusion": None,
        "created_at": "2026-11-22T12:00:00Z",
        "started_at": "2026-11-22T12:00:00Z",
        "completed_at": None,
        "labels": ["paddock/cpu=2"],
    }
    return example("Job", **{**given, **fields})


def test_the_client_keeps_the_ports() -> None:
    """The types say so; this line is where they are asked."""
    with world(app(77)) as at:
        runners: Runners = at.github.runners
        workflows: Workflows = at.github.workflows
        releases: Releases = at.github.releases
        deliveries: Deliveries | None = at.github.deliveries
        assert None not in (runners, workflows, releases, deliveries)


@ROOTS
def test_jit_config_registers_these_labels_and_no_others(scope: Scope, root: str) -> None:
    """Name, group and labels go out verbatim; id, name and the secret come back, the secret not in the repr."""
    line = f"POST {root}/actions/runners/generate-jitconfig"
    body = example(
        "OrgsOrgActionsRunnersGenerateJitconfigPostResponse201",
        runner=runner(9, name="paddock-1-ab12"),
        encoded_jit_config="c2VjcmV0",
    )
    with world() as at:
        at.on(line, Answer(201, body))
        config = at.github.runners.jit_config(scope, "paddock-1-ab12", ["Paddock/cpu=2", "linux"], 3)
        (request,) = at.to(line)
        assert request.json == {
            "name": "paddock-1-ab12",
            "runner_group_id": 3,
            "labels": ["Paddock/cpu=2", "linux"],
            "work_folder": "_work",
        }
        assert request.headers["content-type"] == "application/json"
    assert (config.runner_id, config.runner_name, config.encoded) == (9, "paddock-1-ab12", "c2VjcmV0")
    assert "c2VjcmV0" not in repr(config)


@pytest.mark.parametrize(
    ("answer", "error", "words"),
    [
        (refused(409, "Already exists - A runner with the name r-1 already exists."), Rejected, "Already exists"),
        (refused(422, "Validation Failed"), Rejected, "422 Validation Failed"),
        (refused(404, "Not Found"), NotFound, "404"),
        (refused(403, "Resource not accessible by integration"), AccessDenied, "not accessible"),
    ],
)
def test_jit_config_refusals(answer: Answer, error: type[Exception], words: str) -> None:
    """A taken name and a bad group are Rejected; a missing repository or permission is not."""
    with world() as at:
        at.on("POST /repos/acme/shop/actions/runners/generate-jitconfig", answer)
        with pytest.raises(error, match=words):
            at.github.runners.jit_config(SHOP, "r-1", ["paddock"], 1)


@ROOTS
def test_a_registration_token_is_asked_for_and_kept(scope: Scope, root: str) -> None:
    """One POST without a body, and none until half of its hour is over: it serves any number of runners."""
    line = f"POST {root}/actions/runners/registration-token"
    with world() as at:
        tokens = [
            Answer(201, example("AuthenticationToken", token=word, expires_at=rfc3339(NOON + after + HOUR)))
            for word, after in (("AABB", 0), ("CCDD", HOUR // 2))
        ]
        at.on(line, *tokens, refused(422, "no"))
        assert at.github.runners.registration(scope, 1).token == "AABB"
        assert at.to(line)[0].body == b""
        at.clock.advance(HOUR // 2 - SECOND)
        assert at.github.runners.registration(scope, 1).token == "AABB"
        at.clock.advance(SECOND)
        assert at.github.runners.registration(scope, 1) == Registration(f"{at.stub.url}/{scope}", "CCDD")
        at.clock.advance(HOUR)
        with pytest.raises(AccessDenied, match="422 no"):
            at.github.runners.registration(scope, 1)


def test_a_group_is_asked_for_its_name() -> None:
    """Once, with the token: whoever registers a runner himself says which group he means by its name."""
    line = "GET /orgs/acme/actions/runner-groups/7"
    with world() as at:
        at.on(line, Answer(200, {"id": 7, "name": "Payments"}))
        at.on("GET /orgs/acme/actions/runner-groups/8", refused(404, "Not Found"))
        token = example("AuthenticationToken", token="AABB", expires_at=rfc3339(NOON + HOUR))
        at.on("POST /orgs/acme/actions/runners/registration-token", Answer(201, token))
        assert [at.github.runners.registration(ACME, 7).group for _ in range(3)] == ["Payments"] * 3
        assert len(at.to(line)) == 1
        with pytest.raises(Rejected, match="runner_group = 8"):
            at.github.runners.registration(ACME, 8)


def test_one_token_is_asked_for_by_a_whole_launch() -> None:
    """Machines of a launch get their orders in several threads: the first asks, the others wait for its answer."""
    line = "POST /repos/acme/shop/actions/runners/registration-token"
    with world() as at:
        at.on(line, Answer(201, example("AuthenticationToken", token="AABB", expires_at=rfc3339(NOON + HOUR))))
        given = race(5, lambda _: at.github.runners.registration(SHOP, 1).token)
        assert given == ["AABB"] * 5
        assert len(at.to(line)) == 1


@ROOTS
def test_a_runner_is_looked_for_by_its_name(scope: Scope, root: str) -> None:
    """GitHub filters; what it tells besides is passed over."""
    line = f"GET {root}/actions/runners"
    with world() as at:
        found = [runner(4, name="paddock--m--12"), runner(5, name="paddock--m--1")]
        at.on(line, Answer(200, {"total_count": 2, "runners": found}), Answer(200, {"total_count": 0, "runners": []}))
        seen = at.github.runners.named(scope, "paddock--m--1")
        assert seen is not None
        assert seen.id == 5
        assert at.to(line)[0].query["name"] == "paddock--m--1"
        assert at.github.runners.named(scope, "paddock--m--1") is None


@ROOTS
def test_a_runner_is_read_or_is_not_there(scope: Scope, root: str) -> None:
    """A registration that GitHub deleted is None."""
    line = f"GET {root}/actions/runners/5"
    found = runner(5, busy=True, labels=[{"name": "paddock", "type": "custom"}, {"name": "linux"}])
    with world() as at:
        at.on(line, Answer(200, found), refused(404, "Not Found"))
        assert at.github.runners.get(scope, 5) == RegisteredRunner(
            5, "r-5", "online", busy=True, labels=("paddock", "linux")
        )
        assert at.github.runners.get(scope, 5) is None


def test_all_pages_of_runners_are_read() -> None:
    """By the Link header, a hundred at a time; a runner that slides onto the next page comes once."""
    line = "GET /orgs/acme/actions/runners"

    def page(seen: Seen) -> Answer:
        number = int(seen.query.get("page", "1"))
        assert seen.query["per_page"] == "100"
        runners = [runner(number), runner(number + 1)]
        link = {"Link": f'<{{url}}{API}/orgs/acme/actions/runners?per_page=100&page={number + 1}>; rel="next"'}
        return Answer(200, {"total_count": 4, "runners": runners}, link if number < 3 else {})

    with world() as at:
        at.on(line, page)
        assert [found.id for found in at.github.runners.registered(ACME)] == [1, 2, 3, 4]
        assert len(at.to(line)) == 3


@ROOTS
def test_a_runner_is_deleted_or_was_gone_or_is_busy(scope: Scope, root: str) -> None:
    """204 is True, 404 is False, 422 is Busy."""
    line = f"DELETE {root}/actions/runners/5"
    with world() as at:
        at.on(line, Answer(204), refused(404, "Not Found"), refused(422, "Runner r-5 is currently running a job"))
        assert at.github.runners.delete(scope, 5) is True
        assert at.github.runners.delete(scope, 5) is False
        with pytest.raises(Busy, match="currently running a job"):
            at.github.runners.delete(scope, 5)


def test_a_job_is_read() -> None:
    """Facts, state, runner and times; a queued one has no runner and no start, whatever GitHub fills in."""
    line = "GET /repos/acme/shop/actions/jobs/42"
    done = job(
        42,
        name="build",
        workflow_name="CI",
        head_sha="abc",
        head_branch="main",
        run_attempt=2,
        status="completed",
        conclusion="success",
        runner_id=5,
        runner_name="r-5",
        started_at="2026-11-22T12:00:01Z",
        completed_at="2026-11-22T12:00:02Z",
    )
    facts = JobFacts(
        job_id=42,
        run_id=7,
        repository="acme/shop",
        labels=("paddock/cpu=2",),
        run_attempt=2,
        name="build",
        workflow="CI",
        head_sha="abc",
        head_branch="main",
        created_at=NOON,
    )
    with world() as at:
        at.on(line, Answer(200, done), Answer(200, job(42, runner_id=0, runner_name="")), refused(404, "Not Found"))
        assert at.github.workflows.job("acme/shop", 42) == GitHubJob(
            facts, "completed", "success", 5, "r-5", NOON + SECOND, NOON + 2 * SECOND
        )
        queued = at.github.workflows.job("acme/shop", 42)
        assert (queued.status, queued.runner_id, queued.runner_name, queued.started_at) == ("queued", None, None, None)
        with pytest.raises(NotFound):
            at.github.workflows.job("acme/shop", 42)


def test_a_run_is_read() -> None:
    """With the repository its code comes from; a fork that was deleted is the empty name."""
    line = "GET /repos/acme/shop/actions/runs/7"
    fields = {
        "id": 7,
        "event": "pull_request",
        "status": "completed",
        "conclusion": "failure",
        "run_attempt": 2,
        "head_branch": "fix",
        "workflow_id": 3,
        "repository": {"full_name": "acme/shop"},
        "head_repository": {"full_name": "eve/shop"},
    }
    run = example("WorkflowRun", **fields)
    with world() as at:
        at.on(line, Answer(200, run), Answer(200, {**run, "head_repository": None}))
        assert at.github.workflows.run("acme/shop", 7) == WorkflowRun(
            7, "acme/shop", "eve/shop", "pull_request", "completed", "failure", 2, "fix", 3
        )
        assert at.github.workflows.run("acme/shop", 7).head_repository == ""


def runs_by_status(at: World, runs: dict[str, list[int]]) -> None:
    """Script the listing of runs: the ids of each status."""

    def listing(seen: Seen) -> Answer:
        found = [example("WorkflowRun", id=number) for number in runs.get(seen.query["status"], [])]
        return Answer(200, {"total_count": len(found), "workflow_runs": found})

    at.on(RUNS, listing)


def test_unfinished_jobs_are_found_in_every_unfinished_run() -> None:
    """Queued siblings of a held job count; finished and held jobs do not; a run met twice is read once."""
    with world() as at:
        runs_by_status(at, {"waiting": [1], "queued": [2], "in_progress": [2, 3]})
        at.on(
            f"{RUNS}/1/jobs",
            Answer(200, {"total_count": 2, "jobs": [job(11, status="waiting"), job(12)]}),
        )
        at.on(f"{RUNS}/2/jobs", Answer(200, {"total_count": 1, "jobs": [job(21)]}))
        at.on(
            f"{RUNS}/3/jobs",
            Answer(200, {"total_count": 2, "jobs": [job(31, status="in_progress"), job(32, status="completed")]}),
        )
        found = [(each.facts.job_id, each.status) for each in at.github.workflows.unfinished_jobs("acme/shop")]
        assert found == [(12, "queued"), (21, "queued"), (31, "in_progress")]
        assert [seen.query["status"] for seen in at.to(RUNS)] == [
            "requested",
            "pending",
            "waiting",
            "queued",
            "in_progress",
        ]
        assert [seen.query["filter"] for seen in at.to(f"{RUNS}/2/jobs")] == ["latest"]


def test_a_run_that_vanishes_while_we_look_is_passed_over() -> None:
    """Somebody deleted it: its jobs are gone, the others still count. A repository that is gone is an error."""
    with world() as at:
        runs_by_status(at, {"queued": [1, 2]})
        at.on(f"{RUNS}/1/jobs", refused(404, "Not Found"))
        at.on(f"{RUNS}/2/jobs", Answer(200, {"total_count": 1, "jobs": [job(21)]}))
        assert [each.facts.job_id for each in at.github.workflows.unfinished_jobs("acme/shop")] == [21]
        at.on(RUNS, refused(404, "Not Found"))
        with pytest.raises(NotFound):
            list(at.github.workflows.unfinished_jobs("acme/shop"))


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (Answer(201, {}), None),
        (refused(403, "This workflow is already running"), Rejected),
        (refused(403, "Unable to retry this workflow run because it was created over a month ago"), Rejected),
        (refused(403, "Resource not accessible by integration"), AccessDenied),
        (Answer(403, {"message": "You have exceeded a secondary rate limit"}, {"Retry-After": "3600"}), Throttled),
        (refused(404, "Not Found"), NotFound),
        (Answer(503), Unavailable),
    ],
)
def test_failed_jobs_are_run_again_or_github_refuses(answer: Answer, error: type[Exception] | None) -> None:
    """403 is a run that still runs or is too old, unless it is about permissions or speed; nothing is sent twice."""
    line = f"{RUNS}/7/rerun-failed-jobs".replace("GET", "POST")
    with world() as at:
        at.on(line, answer)
        if error is None:
            at.github.workflows.rerun_failed_jobs("acme/shop", 7)
        else:
            with pytest.raises(error):
                at.github.workflows.rerun_failed_jobs("acme/shop", 7)
        assert len(at.to(line)) == 1


def test_a_run_is_cancelled_and_one_that_ended_is_no_error() -> None:
    """202 and 409 are both fine; a run that is not there is NotFound."""
    line = f"{RUNS}/7/cancel".replace("GET", "POST")
    with world() as at:
        at.on(
            line, Answer(202, {}), refused(409, "Cannot cancel a workflow run that is completed."), refused(404, "No")
        )
        at.github.workflows.cancel_run("acme/shop", 7)
        at.github.workflows.cancel_run("acme/shop", 7)
        with pytest.raises(NotFound):
            at.github.workflows.cancel_run("acme/shop", 7)
        assert len(at.to(line)) == 3


def test_a_rejection_is_told_on_the_commit() -> None:
    """A failed check run named paddock; texts are cut to what GitHub takes; an unknown commit is NotFound."""
    line = "POST /repos/acme/shop/check-runs"
    with world() as at:
        at.on(line, Answer(201, {}), refused(422, "No commit found for SHA: abc"))
        at.github.workflows.report_rejection("acme/shop", "abc", "t" * 300, "s" * 70_000)
        (request,) = at.to(line)
        assert request.json == {
            "name": "paddock",
            "head_sha": "abc",
            "status": "completed",
            "conclusion": "failure",
            "output": {"title": "t" * 255, "summary": "s" * 65_535},
        }
        with pytest.raises(NotFound, match="No commit found"):
            at.github.workflows.report_rejection("acme/shop", "abc", "t", "s")


def delivery(number: int, at: int, **fields: object) -> dict[str, Any]:
    given: dict[str, object] = {
        "id": number,
        "guid": f"g-{number}",
        "delivered_at": rfc3339(at),
        "redelivery": False,
        "status": "OK",
        "status_code": 200,
        "event": "workflow_job",
        "action": "queued",
    }
    return example("HookDeliveryItem", **{**given, **fields})


def test_an_apps_deliveries_are_read_back_to_a_moment() -> None:
    """With the JWT, by cursor, newest first, each once; reading stops at the moment and asks for no page beyond it."""
    line = "GET /app/hook/deliveries"

    def page(seen: Seen) -> Answer:
        if seen.query.get("cursor") is None:
            link = {"Link": f'<{{url}}{API}/app/hook/deliveries?per_page=100&cursor=v1_9>; rel="next"'}
            failed = delivery(3, NOON, status_code=502, status="Bad Gateway", redelivery=True, action=None)
            return Answer(200, [delivery(4, NOON + SECOND), failed], link)
        link = {"Link": f'<{{url}}{API}/app/hook/deliveries?per_page=100&cursor=v1_0>; rel="next"'}
        again = delivery(3, NOON, status_code=502, status="Bad Gateway", redelivery=True, action=None)
        return Answer(200, [again, delivery(2, NOON - SECOND), delivery(1, NOON - MINUTE)], link)

    with world(app(77)) as at:
        at.on(line, page)
        assert at.github.deliveries is not None
        found = list(at.github.deliveries.since(NOON - MINUTE))
        assert found == [
            HookDelivery(4, "g-4", "workflow_job", "queued", NOON + SECOND, ok=True, redelivery=False),
            HookDelivery(3, "g-3", "workflow_job", None, NOON, ok=False, redelivery=True),
            HookDelivery(2, "g-2", "workflow_job", "queued", NOON - SECOND, ok=True, redelivery=False),
        ]
        assert len(at.to(line)) == 2
        assert all(request.bearer.count(".") == 2 for request in at.to(line))  # a JWT has three parts
        assert at.lines == [line, line]


def test_an_app_asks_for_a_redelivery() -> None:
    """202 is enough; one GitHub no longer keeps is NotFound."""
    line = "POST /app/hook/deliveries/4/attempts"
    with world(app(77)) as at:
        at.on(line, Answer(202, {}), refused(404, "Not Found"), refused(422, "too old"))
        assert at.github.deliveries is not None
        at.github.deliveries.redeliver(4)
        for _ in range(2):
            with pytest.raises(NotFound):
                at.github.deliveries.redeliver(4)


def test_a_tokens_deliveries_come_from_the_hooks_named() -> None:
    """Repository and organisation hooks are merged by time, and a redelivery goes to the hook it came from."""
    hooks = [Hook(SHOP, 1), Hook(ACME, 2)]
    one, two = "/repos/acme/shop/hooks/1/deliveries", "/orgs/acme/hooks/2/deliveries"
    with world(hooks=hooks) as at:
        at.on(f"GET {one}", Answer(200, [delivery(14, NOON + 4), delivery(11, NOON - MINUTE)]))
        at.on(f"GET {two}", Answer(200, [delivery(23, NOON + SECOND), delivery(22, NOON - SECOND)]))
        assert at.github.deliveries is not None
        found = [each.id for each in at.github.deliveries.since(NOON - 2 * MINUTE)]
        assert found == [23, 14, 22, 11]
        at.on(f"POST {two}/23/attempts", Answer(202, {}))
        at.github.deliveries.redeliver(23)
        assert at.lines[-1] == f"POST {two}/23/attempts"


def test_a_delivery_nobody_remembers_is_looked_for_at_every_hook() -> None:
    """After a restart the first hook says 404, the second takes it; if none does, it is NotFound."""
    one, two = "/repos/acme/shop/hooks/1/deliveries", "/orgs/acme/hooks/2/deliveries"
    with world(hooks=[Hook(SHOP, 1), Hook(ACME, 2)]) as at:
        at.on(f"POST {one}/9/attempts", refused(404, "Not Found"))
        at.on(f"POST {two}/9/attempts", Answer(202, {}), refused(404, "Not Found"))
        assert at.github.deliveries is not None
        at.github.deliveries.redeliver(9)
        with pytest.raises(NotFound, match="no webhook of ours has a delivery 9"):
            at.github.deliveries.redeliver(9)


def test_without_an_app_or_hooks_there_is_no_log() -> None:
    """The client says so by None; building the port from an empty list is a mistake in the configuration."""
    with world() as at:
        assert at.github.deliveries is None
        with pytest.raises(InvalidInput, match="name the hooks"):
            RestDeliveries(Api(at.stub.url, at.github.transport, AnonymousAuthority(), at.clock), [])
