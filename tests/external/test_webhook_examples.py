"""GitHub's published webhook examples, as Octokit collects them from real deliveries. Run by ``nox -s examples``.

The folder with the npm packages is in ``PADDOCK_WEBHOOK_EXAMPLES``.
"""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from paddock.adapters.github.webhook import Ignored, decode
from paddock.core.codec import message_to_data
from paddock.core.messages import JobObserved, JobRequested, RunCompleted
from paddock.core.units import rfc3339
from tests.contracts import breaches

FOLDER = Path(os.environ.get("PADDOCK_WEBHOOK_EXAMPLES", "build/npm/node_modules/@octokit"))
NOW = 1_795_348_800_000_000


def examples(event: str) -> list[dict[str, Any]]:
    """The published examples of one event, as payloads."""
    for name in ("webhooks-examples/api.github.com/index.json", "webhooks-examples/index.json"):
        if (FOLDER / name).exists():
            every = json.loads((FOLDER / name).read_text(encoding="utf-8"))
            return [payload for entry in every if entry["name"] == event for payload in entry["examples"]]
    raise FileNotFoundError(f"no examples below {FOLDER}: run nox -s examples")


def every_event() -> list[str]:
    """The names of all events that there are examples of."""
    index = next(FOLDER.glob("webhooks-examples/**/index.json"))
    return [entry["name"] for entry in json.loads(index.read_text(encoding="utf-8"))]


def body(payload: object) -> bytes:
    """The payload as it comes over the wire."""
    return json.dumps(payload).encode()


def test_there_are_examples_of_what_we_read() -> None:
    """The rest of this file is not green for want of examples."""
    assert {payload["action"] for payload in examples("workflow_job")} >= {"queued", "in_progress", "completed"}
    assert {payload["action"] for payload in examples("workflow_run")} >= {"completed"}


def test_every_workflow_job_example_is_read_as_github_means_it() -> None:
    """Each real delivery becomes the message that its action calls for, with GitHub's ids, labels and times in it."""
    for payload in examples("workflow_job"):
        job = payload["workflow_job"]
        message = decode("workflow_job", "delivery", body(payload), NOW)
        if payload["action"] == "waiting" or job["status"] in {"waiting", "pending"}:
            assert isinstance(message, Ignored)
            continue
        if payload["action"] == "queued":
            assert isinstance(message, JobRequested)
        else:
            assert isinstance(message, JobObserved)
            assert (message.status, message.conclusion) == (payload["action"], job["conclusion"])
            assert message.runner_id == (job["runner_id"] or None)
        facts = message.job
        assert (facts.job_id, facts.run_id, facts.run_attempt) == (job["id"], job["run_id"], job.get("run_attempt", 1))
        assert facts.labels == tuple(job["labels"])
        assert facts.repository == payload["repository"]["full_name"]
        assert facts.private is payload["repository"]["private"]
        assert (facts.name, facts.head_sha) == (job["name"], job["head_sha"])
        data = message_to_data(message)
        assert breaches(data["kind"], json.loads(json.dumps(data))) == []
        if "created_at" in job:
            assert rfc3339(facts.created_at) == job["created_at"].replace(".000Z", "Z")


def test_every_workflow_run_example_is_read_as_github_means_it() -> None:
    """A completed run becomes its message, and any other action is ignored with a reason."""
    for payload in examples("workflow_run"):
        run = payload["workflow_run"]
        message = decode("workflow_run", "delivery", body(payload), NOW)
        if payload["action"] != "completed":
            assert isinstance(message, Ignored)
            continue
        assert isinstance(message, RunCompleted)
        assert (message.run_id, message.conclusion) == (run["id"], run["conclusion"])
        assert message.repository == payload["repository"]["full_name"]
        assert message.workflow_id == run["workflow_id"]


def test_every_other_event_is_ignored_with_a_reason() -> None:
    """Whatever an App is subscribed to, nothing else troubles the endpoint."""
    others = [event for event in every_event() if event not in {"workflow_job", "workflow_run"}]
    assert len(others) > 20
    for event in others:
        for payload in examples(event):
            answer = decode(event, "delivery", body(payload), NOW)
            assert isinstance(answer, Ignored), event
            assert answer.reason


@pytest.mark.parametrize("event", ["workflow_job", "workflow_run"])
def test_what_our_parser_needs_github_promises(event: str) -> None:
    """Whatever we rely on, GitHub's schema calls required; without what it calls optional, a delivery is still read."""
    schema = json.loads(next(FOLDER.glob("webhooks-schemas/**/schema.json")).read_text(encoding="utf-8"))
    for payload in examples(event):
        required = set(schema["definitions"][f"{event}${payload['action']}"]["required"])
        assert {event, "repository", "action"} <= required
        for optional in set(payload) - required:
            rest = {key: value for key, value in payload.items() if key != optional}
            assert type(decode(event, "d", body(rest), NOW)) is type(decode(event, "d", body(payload), NOW)), optional
