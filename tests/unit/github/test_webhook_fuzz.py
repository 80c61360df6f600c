"""The webhook endpoint under random deliveries, called as a WSGI server calls it: no delivery ends in a 500."""

import io
import json
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from pathlib import Path
from typing import Any
from wsgiref.types import WSGIApplication

import pytest
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.test import Client

from paddock.adapters.memory.system import ManualClock, ManualSleeper
from paddock.adapters.sqlite import Database, SqliteDecisions, SqliteQueue
from paddock.core.messages import EventMessage, JobMessage
from paddock.core.settings import FleetSettings
from paddock.core.units import MINUTE
from paddock.core.usecases.intake import Intake
from paddock.entrypoints.local.web import web_app
from paddock.entrypoints.webhook import WebhookEndpoint
from tests.strategies import NOON
from tests.webhooks import NEW_SECRET, deliveries, headers, receiver, signature

ANSWERS = {202, 400, 401, 413}
VALID = deliveries()

scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(min_value=2**62, max_value=2**65)
    | st.floats()
    | st.text()
    | st.sampled_from(["", "0", "queued", "waiting", "completed", "\ud800", "a/b", "a/b/c", "2026-13-99T99:99:99Z"])
    | st.sampled_from(["9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+23:59", "paddock", "paddock/cpu=4"])
)
values = st.recursive(scalars, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=10)
header_texts = st.text(alphabet=st.characters(max_codepoint=255, exclude_characters="\r\n\0"), max_size=80)


def answered(app: WSGIApplication, body: bytes, sent: Mapping[str, str]) -> int:
    """The status; whatever the application raises comes through."""
    environment = {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in sent.items()}
    with Client(app).open(
        "/webhook",
        method="POST",
        input_stream=io.BytesIO(body),
        content_length=len(body),
        environ_overrides=environment,
    ) as response:
        return response.status_code


def nodes(payload: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:  # noqa: ANN401 - any JSON
    """Every place in the payload."""
    yield path
    inner = payload.items() if isinstance(payload, dict) else enumerate(payload) if isinstance(payload, list) else ()
    for key, value in inner:
        yield from nodes(value, (*path, key))


PLACES = [list(nodes(payload)) for _, payload in VALID]


@st.composite
def mutations(draw: st.DrawFn) -> tuple[str, bytes]:
    """A valid delivery in which some places were dropped, replaced, given another type, or doubled."""
    index = draw(st.integers(min_value=0, max_value=len(VALID) - 1))
    event, payload = VALID[index]
    payload = deepcopy(payload)
    # The objects that are read are few among hundreds of fields: half of the blows go there.
    aimed = [place for place in PLACES[index] if place[:1] in {("action",), ("workflow_job",), ("workflow_run",)}]
    aimed += [("repository",), ("repository", "full_name"), ("repository", "private"), ("installation", "id")]
    for _ in range(draw(st.integers(min_value=1, max_value=4))):
        path = draw(st.sampled_from(aimed) | st.sampled_from(PLACES[index]))
        if not path:
            return event, json.dumps(draw(values)).encode()
        owner: Any = payload
        for key in path[:-1]:
            try:
                owner = owner[key]
            except (KeyError, IndexError, TypeError):
                break  # an earlier blow took it away
        if not isinstance(owner, dict) or path[-1] not in owner:
            continue
        match draw(st.sampled_from(["drop", "replace", "wrap", "text"])):
            case "drop":
                del owner[str(path[-1])]
            case "replace":
                owner[str(path[-1])] = draw(values)
            case "wrap":
                owner[str(path[-1])] = [owner[str(path[-1])]]
            case _:
                owner[str(path[-1])] = str(owner[str(path[-1])])
    return event, json.dumps(payload).encode()


@contextmanager
def on_disk() -> Iterator[WSGIApplication]:
    """The application over SQLite, whose queue writes every message down as it comes."""
    clock = ManualClock(NOON)
    with tempfile.TemporaryDirectory() as folder, Database(Path(folder, "fleet.db")) as database:
        jobs: SqliteQueue[JobMessage] = SqliteQueue(database, "jobs", clock, ManualSleeper(clock), visibility=MINUTE)
        events: SqliteQueue[EventMessage] = SqliteQueue(
            database, "events", clock, ManualSleeper(clock), visibility=MINUTE
        )
        decisions, settings = SqliteDecisions(database), FleetSettings()
        intake = Intake(settings=settings, jobs=jobs, events=events, decisions=decisions, clock=clock)
        yield web_app(WebhookEndpoint(secrets=lambda: [NEW_SECRET], intake=intake, clock=clock))


@pytest.fixture(scope="module")
def app() -> Iterator[WSGIApplication]:
    with on_disk() as made:
        yield made


@given(delivery=mutations())
def test_a_signed_delivery_with_anything_in_it(app: WSGIApplication, delivery: tuple[str, bytes]) -> None:
    """GitHub's payloads with any places dropped, replaced or retyped, correctly signed: taken in or refused."""
    event, body = delivery
    assert answered(app, body, headers(body, event)) in {202, 400}


@given(body=st.binary(max_size=300) | values.map(json.dumps).map(str.encode))
def test_signed_bytes_of_any_kind(app: WSGIApplication, body: bytes) -> None:
    """Random bytes and random JSON under GitHub's signature: refused as what they are."""
    assert answered(app, body, headers(body)) == 400


@given(
    delivery=mutations(),
    changed=st.dictionaries(
        st.sampled_from(["X-GitHub-Event", "X-GitHub-Delivery", "X-Hub-Signature-256", "Content-Type", "Host"]),
        header_texts | st.none(),
    ),
)
def test_headers_of_any_kind(
    app: WSGIApplication, delivery: tuple[str, bytes], changed: Mapping[str, str | None]
) -> None:
    """Random, missing and empty headers: one of the promised answers; refused without a signature."""
    event, body = delivery
    sent = {name: value for name, value in {**headers(body, event), **changed}.items() if value is not None}
    status = answered(app, body, sent)
    assert status in ANSWERS
    if sent.get("X-Hub-Signature-256", "").strip().lower() != signature(body):
        assert status in {400, 401}  # 400: the request itself, e.g. its Host, is none


@given(body=st.binary(max_size=300), header=st.none() | header_texts)
def test_nothing_gets_in_unsigned(body: bytes, header: str | None) -> None:
    """Whatever stands where the signature should: 401, and the queues are as empty as before."""
    under_test = receiver()
    sent = {name: value for name, value in headers(body).items() if name != "X-Hub-Signature-256"}
    if header is not None:
        sent["X-Hub-Signature-256"] = header
    assert answered(under_test.app, body, sent) == 401
    assert under_test.taken == {"jobs": 0, "events": 0}
    assert not under_test.reasons
