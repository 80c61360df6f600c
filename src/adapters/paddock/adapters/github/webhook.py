"""Webhook deliveries: is it GitHub's, and what does it say.

On the path of every event, so it imports neither an HTTP client nor a web framework, and decodes JSON straight into
what is needed of it. Sources: docs.github.com, "Validating webhook deliveries", "Webhook events and payloads".
"""

import hmac
from collections.abc import Sequence
from hashlib import sha256
from typing import TypeAlias, TypeVar

import attrs
import msgspec

from paddock.adapters.github.wire import Attempt, Id, WireJob, WireRepository, moment
from paddock.core.errors import InvalidInput, InvalidSignature
from paddock.core.job import JobFacts
from paddock.core.messages import JobObserved, JobRequested, Observed, RunCompleted
from paddock.core.units import Moment

_SCHEME = "sha256="
_HEX_DIGITS = 64

# Statuses with which GitHub sends "queued" for a job that no runner may have yet; it sends another event later.
_HELD = {
    "waiting": "waits for a deployment protection rule; GitHub queues it when the rule lets it go",
    "pending": "waits for its concurrency group; GitHub queues it when its turn comes",
    "completed": "was over before the event was sent",
}


@attrs.frozen
class Ignored:
    """A delivery that asks nothing of us, and why."""

    reason: str


Decoded: TypeAlias = JobRequested | JobObserved | RunCompleted | Ignored


@attrs.frozen
class _Installation:
    id: Id


@attrs.frozen
class _JobEvent:
    action: str
    workflow_job: WireJob
    repository: WireRepository
    installation: _Installation | None = None
    deployment: dict[str, object] | None = None  # of a job with an environment


@attrs.frozen
class _Run:
    id: Id
    run_attempt: Attempt = None
    conclusion: str | None = None
    head_branch: str | None = None
    workflow_id: int | None = None


@attrs.frozen
class _RunEvent:
    action: str
    workflow_run: _Run
    repository: WireRepository


_E = TypeVar("_E", _JobEvent, _RunEvent)

_JOB_EVENT = msgspec.json.Decoder(_JobEvent)
_RUN_EVENT = msgspec.json.Decoder(_RunEvent)


def verify_signature(secrets: Sequence[str], body: bytes, header: str | None) -> None:
    """Accept the body if its HMAC-SHA256 under any of the secrets is the one in the header.

    Args:
        secrets: one secret, or the new and the old one while they are being exchanged.
        body: the raw bytes of the request, before anything parsed or re-encoded them.
        header: the value of ``X-Hub-Signature-256``.

    Raises:
        InvalidSignature: the header is missing, malformed, or made with another secret.
        InvalidInput: there is no secret, or an empty one: then anybody could sign.
    """
    if not secrets or not all(secrets):
        raise InvalidInput("github.webhook_secret", "(empty)", "must be the secret set in GitHub's webhook settings")
    if not header:
        raise InvalidSignature("no X-Hub-Signature-256 header: set a secret in GitHub's webhook settings")
    given = header.strip().lower()
    if not given.startswith(_SCHEME) or len(given) != len(_SCHEME) + _HEX_DIGITS:
        raise InvalidSignature(f"X-Hub-Signature-256 is malformed: it must be {_SCHEME} and {_HEX_DIGITS} hex digits")
    signature = given[len(_SCHEME) :].encode("utf-8", "replace")
    fits = False
    for secret in secrets:  # all of them, always: the time taken must not tell which one fits
        expected = hmac.new(secret.encode(), body, sha256).hexdigest().encode()
        fits |= hmac.compare_digest(expected, signature)
    if not fits:
        raise InvalidSignature(
            "X-Hub-Signature-256 does not fit the body: the secret here is not the one in GitHub's webhook settings"
        )


def decode(event: str, delivery: str, body: bytes, received_at: Moment) -> Decoded:
    """What a delivery says, as a message for the core, or why it says nothing to us.

    Args:
        event: the value of ``X-GitHub-Event``.
        delivery: the value of ``X-GitHub-Delivery``, the event's id (redeliveries share it).
        body: the payload, as ``application/json``.
        received_at: when it came.

    Raises:
        InvalidInput: not JSON, or a field that is needed is missing or of the wrong type.
    """
    if event == "workflow_job":
        return _job(_read(_JOB_EVENT, event, body), delivery, received_at)
    if event == "workflow_run":
        return _run(_read(_RUN_EVENT, event, body), delivery, received_at)
    if event == "ping":
        return Ignored("GitHub's ping: the webhook is connected")
    return Ignored(f"event {event[:64]!r} is not ours: workflow_job and workflow_run are")


def _job(event: _JobEvent, delivery: str, received_at: Moment) -> Decoded:
    job, repository = event.workflow_job, event.repository
    if event.action == "queued":
        held = _HELD.get(job.status)
        if held is not None:
            return Ignored(f"job {job.id} {held}")
        return JobRequested(_facts(event), received_at, delivery)
    if event.action == "waiting":
        return Ignored(f"job {job.id} {_HELD['waiting']}")
    if event.action not in {"in_progress", "completed"}:
        return Ignored(f"workflow_job action {event.action[:64]!r} of {repository.full_name} is not known here")
    return JobObserved(
        job=_facts(event),
        status=Observed(event.action),
        received_at=received_at,
        conclusion=job.conclusion,
        runner_id=job.taken_by,
        runner_name=job.runner_name or None,
        started_at=job.began,
        completed_at=moment(job.completed_at),
        delivery=delivery,
    )


def _run(event: _RunEvent, delivery: str, received_at: Moment) -> Decoded:
    run = event.workflow_run
    if event.action != "completed":
        return Ignored(f"workflow_run action {event.action[:64]!r}: only completed matters here")
    return RunCompleted(
        run_id=run.id,
        run_attempt=run.run_attempt or 1,
        repository=event.repository.full_name,
        conclusion=run.conclusion,
        head_branch=run.head_branch or "",
        workflow_id=run.workflow_id,
        received_at=received_at,
        delivery=delivery,
    )


def _facts(event: _JobEvent) -> JobFacts:
    repository, installation = event.repository, event.installation
    return event.workflow_job.facts(
        repository.full_name,
        private=repository.private is True,
        installation=None if installation is None else installation.id,
        deployment=event.deployment is not None,
    )


def _read(decoder: msgspec.json.Decoder[_E], event: str, body: bytes) -> _E:
    try:
        found = decoder.decode(body)
    except msgspec.ValidationError as error:
        problem, _, place = str(error).partition(" - at `$.")
        raise InvalidInput(
            place.rstrip("`") or "payload", f"a {event} event", f"GitHub's schema says: {problem}"
        ) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidInput("payload", f"{len(body)} bytes", _not_json(body, error)) from None
    _check_name(found.repository.full_name)
    return found


def _check_name(full_name: str) -> None:
    owner, _, name = full_name.partition("/")
    if not owner or not name or "/" in name:
        raise InvalidInput("repository.full_name", full_name[:200], "must be owner/name")


def _not_json(body: bytes, error: Exception) -> str:
    if body.startswith(b"payload="):
        return "is form data: set the webhook's content type to application/json in GitHub's settings"
    return f"must be JSON ({error})"
