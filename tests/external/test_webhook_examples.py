"""Published webhooks: our decoder understands GitHub's own examples, and our stand-in's payloads fit its own schemas.

Needs the npm packages ``@octokit/webhooks-examples`` and ``@octokit/webhooks-schemas``, so it is outside the default
test paths: ``nox -s examples`` installs them and names their folder in ``PADDOCK_WEBHOOK_EXAMPLES``.
"""

import json
import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator

from paddock.adapters.github.webhook import Ignored, decode
from paddock.adapters.memory.github import Event, JobScript, MemoryGitHub, Step, StepRecord
from paddock.adapters.memory.system import ManualClock, SeededChance, SequentialIds
from paddock.adapters.standin.payloads import webhook
from paddock.adapters.standin.people import Place
from paddock.core.messages import JobObserved, JobRequested, RunCompleted
from paddock.core.ports.github import Scope
from paddock.core.units import MINUTE
from tests.strategies import NOON

VARIABLE = "PADDOCK_WEBHOOK_EXAMPLES"
REPOSITORY = "acme/app"

# Fields that GitHub sends (its OpenAPI description has them) and that the published schemas, being older, refuse:
# of every user, organisation and bot.
NEWER = frozenset({"user_view_type"})

# The published example that its own schema refuses: a payload from before the field came.
OLD_EXAMPLES = 1


def folder() -> Path:
    """Where the packages are."""
    named = os.environ.get(VARIABLE, "")
    for candidate in (Path(named), Path(named) / "@octokit"):
        if named and (candidate / "webhooks-examples").is_dir():
            return candidate
    return pytest.fail(
        f"{VARIABLE} = {named!r}: must be the node_modules folder (or the @octokit folder in it) that holds "
        "@octokit/webhooks-examples and @octokit/webhooks-schemas; `nox -s examples` installs both and sets it"
    )


@cache
def examples(event: str) -> list[dict[str, Any]]:
    """The published examples of an event."""
    index = json.loads((folder() / "webhooks-examples/api.github.com/index.json").read_text(encoding="utf-8"))
    found: list[dict[str, Any]] = next(entry["examples"] for entry in index if entry["name"] == event)
    return found


@cache
def schema(event: str) -> Draft7Validator:
    """The published schema of an event."""
    everything = json.loads((folder() / "webhooks-schemas/schema.json").read_text(encoding="utf-8"))
    return Draft7Validator({"$ref": f"#/definitions/{event}_event", "definitions": everything["definitions"]})


def aged(value: Any) -> Any:  # noqa: ANN401 - any JSON
    """The JSON without the fields that are newer than the published schemas."""
    if isinstance(value, list):
        return [aged(one) for one in value]
    if isinstance(value, dict):
        return {key: aged(one) for key, one in value.items() if key not in NEWER}
    return value


def leaves(validator: Draft7Validator, payload: object) -> set[str]:
    """What the schema refuses, at its deepest: ``path: message``."""
    found = set()
    for error in validator.iter_errors(payload):
        action = payload["action"] if isinstance(payload, dict) else ""
        causes = [
            cause for cause in error.context or () if not concerns_another_action(cause, error.context or (), action)
        ]
        for cause in causes or [error]:
            found.add(f"{'/'.join(str(part) for part in cause.absolute_path)}: {cause.message}")
    return found


def concerns_another_action(cause: Any, causes: Any, action: str) -> bool:  # noqa: ANN401 - jsonschema's own types
    """True if the cause is a branch of the alternatives that is about another action anyway."""
    branch = cause.schema_path[0]
    return any(
        other.schema_path[0] == branch
        and list(other.absolute_path) == ["action"]
        and action not in str(other.validator_value)
        for other in causes
    )


def test_there_are_examples() -> None:
    """The packages hold what is tested below: examples of both events, all actions of ``workflow_job`` among them."""
    assert {example["action"] for example in examples("workflow_job")} == {
        "queued",
        "waiting",
        "in_progress",
        "completed",
    }
    assert {"requested", "completed"} <= {example["action"] for example in examples("workflow_run")}


@pytest.mark.parametrize("number", range(8))
def test_published_jobs_are_understood(number: int) -> None:
    """Every published ``workflow_job`` is decoded with its values; one that waits for approval is no request."""
    example = examples("workflow_job")[number]
    job = example["workflow_job"]
    decoded = decode("workflow_job", "guid", json.dumps(example).encode(), MINUTE)
    if example["action"] == "waiting" or job["status"] == "waiting":
        assert isinstance(decoded, Ignored)
        return
    assert isinstance(decoded, JobRequested if example["action"] == "queued" else JobObserved)
    assert (decoded.job.job_id, decoded.job.run_id) == (job["id"], job["run_id"])
    assert decoded.job.labels == tuple(job["labels"])
    assert decoded.job.repository == example["repository"]["full_name"]
    assert decoded.delivery == "guid"
    if isinstance(decoded, JobObserved):
        assert decoded.status == example["action"]
        assert decoded.conclusion == job["conclusion"]
        assert decoded.runner_name == (job["runner_name"] or None)


@pytest.mark.parametrize("number", range(5))
def test_published_runs_are_understood(number: int) -> None:
    """Every published ``workflow_run`` is decoded: the completed ones to a message, the others are not ours."""
    example = examples("workflow_run")[number]
    run = example["workflow_run"]
    decoded = decode("workflow_run", "guid", json.dumps(example).encode(), MINUTE)
    if example["action"] != "completed":
        assert isinstance(decoded, Ignored)
        return
    assert isinstance(decoded, RunCompleted)
    assert (decoded.run_id, decoded.conclusion, decoded.run_attempt) == (
        run["id"],
        run["conclusion"],
        run["run_attempt"],
    )


def test_no_example_was_left_out() -> None:
    """The two tests above name as many examples as there are."""
    assert (len(examples("workflow_job")), len(examples("workflow_run"))) == (8, 5)


def test_the_schema_judges() -> None:
    """The published schema accepts the published examples but for the one that is older than it, and no nonsense."""
    refused = [example for example in examples("workflow_job") if not schema("workflow_job").is_valid(example)]
    assert len(refused) == OLD_EXAMPLES
    assert refused[0]["action"] == "in_progress"
    broken = json.loads(json.dumps(examples("workflow_job")[0]))
    del broken["workflow_job"]["labels"]
    assert not schema("workflow_job").is_valid(broken)


def history() -> Iterator[Event]:
    """Every kind of event that the model knows."""
    events: list[Event] = []
    model = MemoryGitHub(clock=ManualClock(NOON), ids=SequentialIds(), chance=SeededChance(1), listener=events.append)
    model.add_repository(REPOSITORY)
    for conclusion in ("success", "failure", "cancelled"):
        run = model.start_run(REPOSITORY, [JobScript("build", ("paddock",), (Step("a"),))])
        runner = model.runners.register(Scope("acme", "app"), f"runner-{conclusion}", ["paddock"])
        model.runners.connect(runner.id)
        model.runs.acquire(runner.id, run.jobs[0])
        model.runs.started(runner.id, run.jobs[0])
        steps = [StepRecord("a", 1, "completed", conclusion, NOON, NOON + MINUTE)]
        model.runs.complete(runner.id, run.jobs[0], conclusion, steps=steps)
    queued = model.start_run(REPOSITORY, [JobScript("never", ("paddock",))])
    model.runs.cancel(REPOSITORY, queued.id)
    model.start_run(REPOSITORY, [JobScript("deploy", ("paddock",), environment="production")])
    yield from events


@pytest.mark.parametrize("event", ["workflow_job", "workflow_run"])
def test_our_stand_ins_payloads_fit(event: str) -> None:
    """Each payload of the stand-in is valid by the published schema, apart from the newer fields listed above."""
    refused: dict[str, set[str]] = {}
    actions = set()
    for one in history():
        if one.event == event:
            payload = webhook(Place("https://github.example.com"), one)
            actions.add(one.action)
            found = leaves(schema(event), aged(json.loads(json.dumps(payload))))
            if found:
                refused.setdefault(one.action, set()).update(found)
    assert refused == {}
    assert {"completed", "in_progress"} <= actions
