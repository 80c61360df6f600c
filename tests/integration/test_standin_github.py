"""The GitHub stand-in as a server: who may call, conditional requests, limits, pages, webhooks and their faults."""

import hashlib
import hmac
import json
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import attrs
import jwt
import pytest

from paddock.adapters.memory.github import DeliveryFaults, JobScript, MemoryDeliveries
from paddock.adapters.memory.github.ports import INSTALLATION_ID
from paddock.adapters.memory.system import ManualClock, SeededChance, SequentialIds
from paddock.adapters.standin import Failure, Flaw, GitHubStandIn, build
from paddock.core.spec import Arch
from paddock.core.units import HOUR, SECOND
from tests.agent.standin_runner import LABELS, REPOSITORY, eventually, registration, runner
from tests.strategies import NOON

SECRET = "it is a secret"


@attrs.frozen
class Hooked:
    """One webhook as it was received."""

    event: str
    action: str
    guid: str
    body: bytes
    headers: dict[str, str]


class Receiver:
    """Receives webhooks and answers with `status`."""

    def __init__(self) -> None:
        self.seen: list[Hooked] = []
        self.status = 202
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                action = json.loads(body)["action"]
                guid = headers["x-github-delivery"]
                receiver.seen.append(Hooked(headers["x-github-event"], action, guid, body, headers))
                self.send_response(receiver.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    def jobs(self) -> list[str]:
        """The actions of the workflow_job events, in order."""
        return [one.action for one in self.seen if one.event == "workflow_job"]


@contextmanager
def receiving() -> Iterator[Receiver]:
    receiver = Receiver()
    thread = threading.Thread(target=receiver.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield receiver
    finally:
        receiver.server.shutdown()
        thread.join()
        receiver.server.server_close()


@pytest.fixture(name="receiver")
def _receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


@pytest.fixture(name="hooked")
def _hooked(receiver: Receiver) -> Iterator[GitHubStandIn]:
    url = f"http://127.0.0.1:{receiver.server.server_port}/webhook"
    with GitHubStandIn(webhook_url=url, webhook_secret=SECRET, scale=0.01) as standin:
        standin.add_repository(REPOSITORY)
        yield standin


@pytest.fixture(name="clock")
def _clock() -> ManualClock:
    return ManualClock(NOON)


@pytest.fixture(name="standin")
def _standin(clock: ManualClock) -> Iterator[GitHubStandIn]:
    with GitHubStandIn(clock=clock, ids=SequentialIds(), chance=SeededChance(1)) as standin:
        standin.add_repository(REPOSITORY)
        yield standin


def get(standin: GitHubStandIn, path: str, token: str | None, **headers: str) -> tuple[int, Any, dict[str, str]]:
    """Status, JSON and headers of a GET, or of a POST if there is a `method` header."""
    method = headers.pop("method", "GET")
    if token is not None:
        headers["Authorization"] = f"Bearer {token}"
    request = urllib.request.Request(f"{standin.url}/api/v3{path}", headers=headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            status, text, found = answer.status, answer.read(), answer.headers
    except urllib.error.HTTPError as refused:
        with refused:
            status, text, found = refused.code, refused.read(), refused.headers
    return status, json.loads(text) if text else None, {name.lower(): value for name, value in found.items()}


def app_token(standin: GitHubStandIn, clock: ManualClock, **changed: object) -> str:
    now = clock.now() // SECOND
    claims = {"iat": now - 60, "exp": now + 540, "iss": str(standin.credentials.app_id), **changed}
    return jwt.encode(claims, standin.credentials.private_key, algorithm="RS256")


def mint(standin: GitHubStandIn, clock: ManualClock) -> str:
    path = f"/app/installations/{INSTALLATION_ID}/access_tokens"
    _, body, _ = get(standin, path, app_token(standin, clock), method="POST")
    return str(body["token"])


def test_an_app_gets_a_token_that_opens_the_rest(standin: GitHubStandIn, clock: ManualClock) -> None:
    """JWT, installation, token: with it the API opens, until it expires after an hour."""
    status, found, _ = get(standin, f"/repos/{REPOSITORY}/installation", app_token(standin, clock))
    assert (status, found["id"]) == (200, INSTALLATION_ID)
    token = mint(standin, clock)
    assert get(standin, f"/repos/{REPOSITORY}", token)[0] == 200
    clock.advance(HOUR)
    assert get(standin, f"/repos/{REPOSITORY}", token)[0] == 401
    assert get(standin, f"/repos/{REPOSITORY}", mint(standin, clock))[0] == 200


def test_a_personal_token_will_do_but_not_as_an_app(standin: GitHubStandIn) -> None:
    """A person's token opens the API, except what only the App itself may ask."""
    token = standin.credentials.personal_token
    assert get(standin, f"/repos/{REPOSITORY}", token)[0] == 200
    assert get(standin, f"/repos/{REPOSITORY}/installation", token)[0] == 401


@pytest.mark.parametrize("token", [None, "ghs_nonsense", "not.a.jwt"])
def test_strangers_get_401(standin: GitHubStandIn, token: str | None) -> None:
    """Without a good token nothing is told and nothing is done, on whatever endpoint."""
    paths = [f"/repos/{REPOSITORY}", "/orgs/acme/actions/runners", f"/repos/{REPOSITORY}/actions/runs"]
    assert [get(standin, path, token)[0] for path in paths] == [401, 401, 401]
    assert get(standin, f"/repos/{REPOSITORY}/installation", token)[0] == 401
    assert get(standin, f"/app/installations/{INSTALLATION_ID}/access_tokens", token, method="POST")[0] == 401


@pytest.mark.parametrize(
    "changed",
    [{"exp": NOON // SECOND - 1}, {"exp": NOON // SECOND + 700}, {"iat": NOON // SECOND + 300}, {"iss": "999"}],
    ids=["expired", "lives too long", "from the future", "of another App"],
)
def test_app_tokens_are_checked(standin: GitHubStandIn, clock: ManualClock, changed: dict[str, object]) -> None:
    """Times and issuer of the JWT are judged as GitHub does: a clock ahead of GitHub's is the usual cause."""
    status, found, _ = get(standin, "/orgs/acme/installation", app_token(standin, clock, **changed))
    assert status == 401
    assert found["message"]


def test_revoked_tokens_stop_working(standin: GitHubStandIn, clock: ManualClock) -> None:
    """A token that GitHub took back is a 401 before it expires."""
    token = mint(standin, clock)
    standin.credentials.revoke_all()
    assert get(standin, f"/repos/{REPOSITORY}", token)[0] == 401


def test_conditional_requests_cost_nothing(standin: GitHubStandIn) -> None:
    """The same ETag gets 304 and leaves the rate limit alone; a change gets the new answer."""
    path, token = f"/repos/{REPOSITORY}/actions/runs", standin.credentials.personal_token
    _, _, first = get(standin, path, token)
    status, body, second = get(standin, path, token, **{"If-None-Match": first["etag"]})
    assert (status, body) == (304, None)
    assert second["x-ratelimit-remaining"] == first["x-ratelimit-remaining"]
    standin.start_run(REPOSITORY, [JobScript("build", LABELS)])
    status, body, third = get(standin, path, token, **{"If-None-Match": first["etag"]})
    assert (status, body["total_count"]) == (200, 1)
    assert int(third["x-ratelimit-remaining"]) == int(first["x-ratelimit-remaining"]) - 1


def test_the_rate_limit_is_enforced(standin: GitHubStandIn) -> None:
    """Beyond the limit comes GitHub's 403 with a remaining of 0; asking for the limit itself stays free."""
    standin.limit_rate(2)
    token = standin.credentials.personal_token
    statuses = [get(standin, f"/repos/{REPOSITORY}", token) for _ in range(3)]
    assert [status for status, _, _ in statuses] == [200, 200, 403]
    assert statuses[2][2]["x-ratelimit-remaining"] == "0"
    assert get(standin, "/rate_limit", token)[1]["resources"]["core"]["remaining"] == 0


def test_a_scenario_may_break_an_endpoint(standin: GitHubStandIn) -> None:
    """The next calls of one endpoint fail as told, the others do not, and all are counted."""
    token = standin.credentials.personal_token
    standin.fail_next("repository", Failure(503, {"Retry-After": "7"}, "Service unavailable"), times=2)
    replies = [get(standin, f"/repos/{REPOSITORY}", token) for _ in range(3)]
    assert [status for status, _, _ in replies] == [503, 503, 200]
    assert replies[0][2]["retry-after"] == "7"
    assert get(standin, f"/repos/{REPOSITORY}/actions/runs", token)[0] == 200
    assert standin.calls == {"repository": 3, "runs": 1}


def test_pages_are_linked(standin: GitHubStandIn) -> None:
    """A listing names its neighbours, and the last page has no next."""
    for number in range(5):
        registration(standin, f"runner-{number}")
    token, path = standin.credentials.personal_token, f"/repos/{REPOSITORY}/actions/runners?per_page=2"
    _, first, headers = get(standin, path, token)
    assert (first["total_count"], len(first["runners"])) == (5, 2)
    assert f'<{standin.url}/api/v3{path}&page=2>; rel="next"' in headers["link"]
    _, last, headers = get(standin, f"{path}&page=3", token)
    assert [runner["name"] for runner in last["runners"]] == ["runner-4"]
    assert 'rel="next"' not in headers["link"]
    assert 'rel="prev"' in headers["link"]


def test_webhooks_are_signed_and_in_order(hooked: GitHubStandIn, receiver: Receiver, tmp_path: Path) -> None:
    """A served job is told in order, each delivery signed over its raw body and logged with the receiver's answer."""
    run = hooked.start_run(REPOSITORY, [JobScript("build", LABELS)])
    with runner(tmp_path, registration(hooked)) as listener:
        assert listener.ends() == 0
    assert hooked.wait_for_run(run.run_id).conclusion == "success"
    assert hooked.drain()
    assert [(one.event, one.action) for one in receiver.seen] == [
        ("workflow_run", "requested"),
        ("workflow_job", "queued"),
        ("workflow_run", "in_progress"),
        ("workflow_job", "in_progress"),
        ("workflow_job", "completed"),
        ("workflow_run", "completed"),
    ]
    for one in receiver.seen:
        expected = hmac.new(SECRET.encode(), one.body, hashlib.sha256).hexdigest()
        assert one.headers["x-hub-signature-256"] == f"sha256={expected}"
        assert one.headers["user-agent"].startswith("GitHub-Hookshot/")
        assert one.headers["x-github-hook-id"].isdigit()
        assert one.headers["x-github-hook-installation-target-id"] == str(hooked.credentials.app_id)
        assert one.headers["content-type"] == "application/json"
    log = hooked.model.deliveries.newest_first()
    assert [(one.event.guid, one.status_code) for one in reversed(log)] == [(one.guid, 202) for one in receiver.seen]


@pytest.mark.parametrize(
    ("faults", "received", "logged"),
    [
        (DeliveryFaults(), ["queued", "completed"], ["queued", "completed"]),
        (
            DeliveryFaults(duplicate=frozenset({"queued"})),
            ["queued", "queued", "completed"],
            ["queued", "queued", "completed"],
        ),
        (DeliveryFaults(lost=frozenset({"queued"})), ["completed"], ["completed"]),
        (DeliveryFaults(failed=frozenset({"queued"})), ["completed"], ["queued", "completed"]),
        (DeliveryFaults(held={"queued": "completed"}), ["completed", "queued"], ["completed", "queued"]),
        (DeliveryFaults(delayed={"queued": SECOND // 5}), ["completed", "queued"], ["completed", "queued"]),
    ],
    ids=["none", "duplicate", "lost", "failed", "reordered", "delayed"],
)
def test_delivery_faults(
    hooked: GitHubStandIn, receiver: Receiver, faults: DeliveryFaults, received: list[str], logged: list[str]
) -> None:
    """What a scenario does to a job's webhooks, as the receiver and as GitHub's log see it."""
    run = hooked.start_run(REPOSITORY, [JobScript("build", LABELS, deliveries=faults)])
    hooked.cancel_run(REPOSITORY, run.run_id)
    eventually(lambda: len(receiver.jobs()) == len(received), "the webhooks")
    assert hooked.drain()
    assert receiver.jobs() == received
    log = [one.event.action for one in reversed(hooked.model.deliveries.newest_first()) if one.event.job is not None]
    assert sorted(log) == sorted(logged)
    queued = {one.guid for one in receiver.seen if one.event == "workflow_job" and one.action == "queued"}
    assert len(queued) == ("queued" in received)


def test_a_failed_delivery_is_sent_again_on_demand_only(hooked: GitHubStandIn, receiver: Receiver) -> None:
    """GitHub never redelivers by itself; asked to, it sends the same body under the same GUID."""
    receiver.status = 500
    hooked.start_run(REPOSITORY, [JobScript("build", LABELS)])
    assert hooked.drain()
    assert receiver.jobs() == ["queued"]
    failed = next(d for d in MemoryDeliveries(hooked.model).since(0) if d.event == "workflow_job")
    assert failed.ok is False
    receiver.status = 200
    hooked.model.deliveries.redeliver(failed.id)
    assert hooked.drain()
    first, again = (one for one in receiver.seen if one.event == "workflow_job")
    assert (first.guid, first.body) == (again.guid, again.body)
    assert next(iter(MemoryDeliveries(hooked.model).since(0))).ok is True


def test_a_receiver_that_is_not_there_is_logged(clock: ManualClock) -> None:
    """Nobody listens: the delivery fails with status 0, and nothing else is harmed."""
    with GitHubStandIn(webhook_url="http://127.0.0.1:9/none", clock=clock) as standin:
        standin.add_repository(REPOSITORY)
        standin.start_run(REPOSITORY, [JobScript("build", LABELS)])
        assert standin.drain()
        assert {one.status_code for one in standin.model.deliveries.newest_first()} == {0}


def test_the_package_is_served_and_hashes_to_its_digest(standin: GitHubStandIn) -> None:
    """The bytes at the package's URL are those whose digest three places publish."""
    package = standin.model.packages[Arch.X64]
    with urllib.request.urlopen(package.url, timeout=10) as answer:
        content = answer.read()
    digest = hashlib.sha256(content).hexdigest()
    assert digest == package.downloads_sha256 == package.asset_sha256 == package.notes_sha256
    _, release, _ = get(standin, "/repos/actions/runner/releases/latest", None)
    assert release["assets"][0]["digest"] == f"sha256:{digest}"
    assert f"<!-- BEGIN SHA linux-x64 -->{digest}<!-- END SHA linux-x64 -->" in release["body"]


def test_a_flawed_package_can_be_offered(standin: GitHubStandIn) -> None:
    """A scenario may publish a package whose digest is not that of its bytes, or none."""
    wrong = standin.publish_package(Arch.X64, flaw=Flaw.WRONG_DIGEST)
    with urllib.request.urlopen(wrong.url, timeout=10) as answer:
        assert hashlib.sha256(answer.read()).hexdigest() != wrong.downloads_sha256
    assert standin.publish_package(Arch.X64, flaw=Flaw.DIGEST_NULL).asset_sha256 is None


def test_stopping_is_quick_while_runners_listen(tmp_path: Path) -> None:
    """Held polls end with the server, its port is free again, and none of its threads is left."""
    with ExitStack() as stack:
        with GitHubStandIn() as standin:
            standin.add_repository(REPOSITORY)
            listener = stack.enter_context(runner(tmp_path, registration(standin)))
            listener.says("Listening for Jobs")
            port = standin.url.rpartition(":")[2]
        left = [thread.name for thread in threading.enumerate() if port in thread.name or "waitress" in thread.name]
        assert left == []
        with pytest.raises(urllib.error.URLError):
            urllib.request.urlopen(standin.url, timeout=5)


def test_packages_are_the_same_bytes_each_time() -> None:
    """The package depends on its version and the interpreter alone, so its digest can be pinned."""
    assert build.__wrapped__().content == build.__wrapped__().content
    assert build.__wrapped__().content != build.__wrapped__(version="2.337.0").content
