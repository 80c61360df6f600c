"""Webhook deliveries: signatures, and what they say."""

import hmac
import json
import subprocess
import sys
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import example as given_example
from hypothesis import given
from hypothesis import strategies as st

from paddock.adapters.github.webhook import Decoded, Ignored, decode, verify_signature
from paddock.core.errors import InvalidInput, InvalidSignature
from paddock.core.job import JobFacts
from paddock.core.messages import JobObserved, JobRequested, Observed, RunCompleted
from paddock.core.units import MICROSECOND, SECOND
from tests.github_schema import example, example_bytes

BODY = b'{"zen": "Keep it logically awesome."}'
NOON = 1_795_348_800 * SECOND  # 2026-11-22T12:00:00Z
DONE = "2026-11-22T12:01:00Z"

MODELS = {
    "queued": "WebhookWorkflowJobQueued",
    "in_progress": "WebhookWorkflowJobInProgress",
    "completed": "WebhookWorkflowJobCompleted",
    "waiting": "WebhookWorkflowJobWaiting",
}
JOB: Mapping[str, object] = {
    "id": 42,
    "run_id": 7,
    "run_attempt": 2,
    "status": "queued",
    "name": "build",
    "workflow_name": "CI",
    "head_sha": "abc123",
    "head_branch": "main",
    "labels": ["paddock/cpu=4/arch=arm64", "linux"],
    "created_at": "2026-11-22T12:00:00Z",
    "started_at": "2026-11-22T12:00:00Z",
}
FACTS = JobFacts(
    job_id=42,
    run_id=7,
    repository="acme/shop",
    labels=("paddock/cpu=4/arch=arm64", "linux"),
    run_attempt=2,
    name="build",
    workflow="CI",
    head_sha="abc123",
    head_branch="main",
    private=False,
    installation_id=99,
    created_at=NOON,
)


def signed(body: bytes, secret: str) -> str:
    return "sha256=" + hmac.new(secret.encode(), body, sha256).hexdigest()


def job_event(action: str, **job: object) -> bytes:
    return example_bytes(
        MODELS[action],
        action=action,
        workflow_job={**JOB, **job},
        repository={"full_name": "acme/shop", "private": False},
        installation={"id": 99, "node_id": "x"},
    )


def decoded(body: bytes, event: str = "workflow_job") -> Decoded:
    return decode(event, "d-1", body, NOON + 5)


def test_a_signature_by_the_secret_is_accepted() -> None:
    """The vector of GitHub's documentation ("Validating webhook deliveries") passes; one bit more does not."""
    header = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    verify_signature(["It's a Secret to Everybody"], b"Hello, World!", header)
    with pytest.raises(InvalidSignature, match="does not fit"):
        verify_signature(["It's a Secret to Everybody"], b"Hello, World!!", header)


@pytest.mark.parametrize("secret", ["old", "new"])
def test_several_secrets_are_valid_while_they_are_exchanged(secret: str) -> None:
    """Both the old and the new secret sign valid deliveries, so a rotation loses none."""
    verify_signature(["new", "old"], BODY, signed(BODY, secret))
    with pytest.raises(InvalidSignature):
        verify_signature(["new"], BODY, signed(BODY, "older"))


@pytest.mark.parametrize(
    ("header", "words"),
    [
        (None, "no X-Hub-Signature-256"),
        ("", "no X-Hub-Signature-256"),
        ("sha1=" + "0" * 40, "malformed"),
        ("sha256=", "malformed"),
        ("sha256=" + "0" * 63, "malformed"),
        ("sha256=" + "0" * 64, "does not fit"),
        ("sha256=" + "é" * 64, "does not fit"),
        ("sha256=" + "\udcff" * 64, "does not fit"),
    ],
)
def test_bad_signatures_are_refused_each_with_its_reason(header: str | None, words: str) -> None:
    """Missing, malformed and wrong signatures have distinct texts, and none shows the signature that would fit."""
    with pytest.raises(InvalidSignature, match=words) as caught:
        verify_signature(["secret"], BODY, header)
    assert signed(BODY, "secret")[7:] not in str(caught.value)


@pytest.mark.parametrize("secrets", [[], [""], ["good", ""]])
def test_an_empty_secret_is_a_mistake_and_not_a_wildcard(secrets: list[str]) -> None:
    """Without a secret, or with an empty one, anybody could sign: that is refused before the body is looked at."""
    with pytest.raises(InvalidInput, match="webhook_secret"):
        verify_signature(secrets, BODY, signed(BODY, ""))


def test_a_queued_job_is_a_request() -> None:
    """Every fact of the job is kept, verbatim, with the delivery and the time it came."""
    assert decoded(job_event("queued")) == JobRequested(FACTS, NOON + 5, "d-1")


def test_a_job_in_progress_tells_its_runner() -> None:
    """GitHub's word on which runner took the job comes through, with fractions of a second kept."""
    body = job_event(
        "in_progress",
        status="in_progress",
        runner_id=5,
        runner_name="paddock-i-1",
        started_at="2026-11-22T13:00:01.250001+01:00",
    )
    assert decoded(body) == JobObserved(
        job=FACTS,
        status=Observed.IN_PROGRESS,
        received_at=NOON + 5,
        runner_id=5,
        runner_name="paddock-i-1",
        started_at=NOON + SECOND + 250_001 * MICROSECOND,
        delivery="d-1",
    )


def test_a_completed_job_tells_its_end() -> None:
    """Conclusion, runner and both times are kept."""
    body = job_event(
        "completed",
        status="completed",
        conclusion="failure",
        runner_id=5,
        runner_name="paddock-i-1",
        started_at="2026-11-22T12:00:01Z",
        completed_at=DONE,
    )
    message = decoded(body)
    assert isinstance(message, JobObserved)
    assert (message.status, message.conclusion) == (Observed.COMPLETED, "failure")
    assert (message.started_at, message.completed_at) == (NOON + SECOND, NOON + 60 * SECOND)


@pytest.mark.parametrize("none", [{"runner_id": None, "runner_name": None}, {"runner_id": 0, "runner_name": ""}])
def test_a_job_cancelled_in_the_queue_never_had_a_runner(none: dict[str, object]) -> None:
    """GitHub says null, or 0 and "", and fills started_at all the same: no runner and no start are reported."""
    body = job_event("completed", status="completed", conclusion="cancelled", completed_at=DONE, **none)
    message = decoded(body)
    assert isinstance(message, JobObserved)
    assert (message.runner_id, message.runner_name, message.started_at) == (None, None, None)
    assert message.conclusion == "cancelled"


def test_a_queued_job_that_waits_for_a_deployment_rule_gets_no_machine() -> None:
    """GitHub sends "queued" with status waiting; a machine started for it would idle until somebody approves."""
    result = decoded(job_event("queued", status="waiting"))
    assert isinstance(result, Ignored)
    assert "deployment protection" in result.reason
    assert isinstance(decoded(job_event("waiting", status="waiting")), Ignored)


def test_words_that_github_adds_later_are_tolerated() -> None:
    """Unknown statuses, conclusions and fields pass; an unknown action is ignored with a reason."""
    base = json.loads(job_event("completed", status="completed", conclusion="success", completed_at=DONE))
    base["workflow_job"] |= {"conclusion": "abducted", "status": "floating", "new_field": {"a": [1]}}
    message = decoded(json.dumps(base).encode())
    assert isinstance(message, JobObserved)
    assert message.conclusion == "abducted"
    base["action"] = "teleported"
    ignored = decoded(json.dumps(base).encode())
    assert isinstance(ignored, Ignored)
    assert "teleported" in ignored.reason
    base["action"] = "queued"
    assert isinstance(decoded(json.dumps(base).encode()), JobRequested)


def test_nulls_where_github_sends_them() -> None:
    """A job without branch, workflow name, conclusion or runner still decodes; silence about privacy means: ask."""
    payload = json.loads(job_event("queued"))
    for field in ("head_branch", "workflow_name", "conclusion", "runner_id", "runner_name", "completed_at"):
        payload["workflow_job"][field] = None
    payload["repository"]["private"] = None
    payload["installation"] = None
    message = decoded(json.dumps(payload).encode())
    assert isinstance(message, JobRequested)
    assert (message.job.head_branch, message.job.workflow) == ("", "")
    assert message.job.private is False
    assert message.job.installation_id is None
    del payload["repository"]["private"]
    message = decoded(json.dumps(payload).encode())
    assert isinstance(message, JobRequested)
    assert message.job.private is False


def test_a_completed_run_is_told() -> None:
    """workflow_run completed: only now may failed jobs be re-run."""
    body = example_bytes(
        "WebhookWorkflowRunCompleted",
        action="completed",
        repository={"full_name": "acme/shop"},
        workflow_run={
            "id": 7,
            "run_attempt": 2,
            "conclusion": "failure",
            "status": "completed",
            "head_branch": "main",
            "workflow_id": 3,
        },
    )
    assert decoded(body, "workflow_run") == RunCompleted(
        run_id=7,
        run_attempt=2,
        repository="acme/shop",
        conclusion="failure",
        head_branch="main",
        workflow_id=3,
        received_at=NOON + 5,
        delivery="d-1",
    )


def test_what_is_not_ours_is_ignored_with_its_reason() -> None:
    """Pings, other events and other actions are no errors: GitHub must get its 2xx. Their bodies are not even read."""
    run = example_bytes("WebhookWorkflowRunRequested", action="requested", repository={"full_name": "acme/shop"})
    for event, body in (("ping", BODY), ("push", b"\xff not json"), ("workflow_run", run)):
        result = decoded(body, event)
        assert isinstance(result, Ignored)
        assert result.reason


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"id": None}, "workflow_job.id"),
        ({"id": 0}, "workflow_job.id"),
        ({"id": 2**63}, "workflow_job.id"),
        ({"labels": None}, "workflow_job.labels"),
        ({"labels": [1]}, "workflow_job.labels[0]"),
        ({"created_at": "yesterday"}, "workflow_job.created_at"),
        ({"created_at": "2026-11-22T12:00:00"}, "workflow_job.created_at"),
    ],
)
def test_a_field_that_is_wrong_is_named(change: dict[str, object], field: str) -> None:
    """A payload that breaks GitHub's own schema is an error that names the field."""
    payload = json.loads(job_event("queued"))
    payload["workflow_job"] |= change
    with pytest.raises(InvalidInput) as caught:
        decoded(json.dumps(payload).encode())
    assert caught.value.field == field


@pytest.mark.parametrize("name", ["shop", "/shop", "acme/", "acme/shop/x", ""])
def test_a_repository_without_owner_and_name_is_refused(name: str) -> None:
    """Everything downstream takes the repository apart at its slash."""
    payload = json.loads(job_event("queued"))
    payload["repository"]["full_name"] = name
    with pytest.raises(InvalidInput, match=r"repository\.full_name"):
        decoded(json.dumps(payload).encode())


@pytest.mark.parametrize("missing", ["action", "workflow_job", "repository"])
def test_a_missing_part_is_refused(missing: str) -> None:
    """A payload without the objects it is about is no crash but an error that names what is missing."""
    payload = json.loads(job_event("queued"))
    del payload[missing]
    with pytest.raises(InvalidInput, match=missing):
        decoded(json.dumps(payload).encode())


def test_form_data_gets_a_hint() -> None:
    """GitHub's default content type is a form; the error says which setting to change."""
    with pytest.raises(InvalidInput, match="content type to application/json"):
        decoded(b"payload=%7B%22action%22%3A%22queued%22%7D")


@given(st.binary(), st.sampled_from(["workflow_job", "workflow_run", "ping", "push"]))
@given_example(b'{"x":' + b"[" * 100_000, "workflow_job")
@given_example(b'{"action":"\xff"}', "workflow_job")
@given_example(b'{"action":"\\ud800"}', "workflow_run")
@given_example(b"\x00", "workflow_job")
def test_no_bytes_raise_anything_but_invalid_input(body: bytes, event: str) -> None:
    """Whatever arrives with a valid signature, the function neither crashes nor returns something else."""
    try:
        result = decoded(body, event)
    except InvalidInput:
        return
    assert isinstance(result, JobRequested | JobObserved | RunCompleted | Ignored)


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=8)
    | st.datetimes().map(lambda stamp: stamp.isoformat() + "Z"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=5,
)
FULL = json.loads(job_event("completed", status="completed", conclusion="success", runner_id=5, completed_at=DONE))


@st.composite
def spoilt(draw: st.DrawFn) -> dict[str, Any]:
    """A valid payload in which some fields hold anything at all, or are gone."""
    payload: dict[str, Any] = {
        **FULL,
        "workflow_job": dict(FULL["workflow_job"]),
        "repository": dict(FULL["repository"]),
    }
    payload["action"] = draw(st.sampled_from(["queued", "in_progress", "completed", "waiting", "other"]))
    for part in (payload["workflow_job"], payload["repository"], payload):
        for field in draw(st.lists(st.sampled_from(sorted(part)), max_size=3)):
            if draw(st.booleans()):
                part[field] = draw(VALUES)
            else:
                part.pop(field, None)
    return payload


@given(spoilt())
def test_no_payload_raises_anything_but_invalid_input(payload: dict[str, Any]) -> None:
    """Fields of any type, anywhere: a message with values of the right types comes out, or InvalidInput."""
    try:
        result = decoded(json.dumps(payload).encode())
    except InvalidInput:
        return
    if isinstance(result, JobRequested | JobObserved):
        assert type(result.job.job_id) is int
        assert type(result.job.created_at) is int
        assert result.job.owner
    else:
        assert isinstance(result, Ignored)


def test_the_payload_that_is_spoilt_is_a_good_one() -> None:
    """The property above is not vacuous: untouched, its payload is a message."""
    assert isinstance(decoded(json.dumps(FULL).encode()), JobObserved)


def test_the_oracle_refuses_what_github_would_not_send() -> None:
    """The payloads above are judged by GitHub's schema: a wrong action does not get past it."""
    with pytest.raises(ValueError, match="action"):
        example("WebhookWorkflowJobQueued", action="exploded")


def test_the_webhook_module_is_light() -> None:
    """The webhook function pays for no HTTP client, no JWT library and no mail parser."""
    code = (
        "import sys, paddock.adapters.github.webhook; print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "msgspec" in loaded
    assert not loaded & {"httpx", "jwt", "cryptography", "email", "ssl", "cattrs"}
