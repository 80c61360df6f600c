"""The parts of a whole fleet on AWS that stand for AWS, GitHub and fate: they are the tests' own, so tested."""

import itertools
import os
import socket
import threading
from collections.abc import Callable
from typing import Any

import pytest

from paddock.adapters.memory.system import SeededChance
from tests.aws.deployed import FASTER, Sooner, queues, seconds, timeouts
from tests.aws.github_front import Failing, github_front
from tests.aws.pump import FunctionError
from tests.aws.recorded import Call, Caller, Recorded, Reply, Request
from tests.aws.runtime import NAMES, ProcessFunction, connection, runtime, sockets_of
from tests.aws.weather import Kills, Rarely, Rarities
from tests.aws.wire import LostError
from tests.http_stub import LOST, Answer, Seen, http_stub

pytestmark = pytest.mark.slow

EVERY_CALL = Rarities(aws=1, github=1, invocations=1)
REFUSED = {"requestContext": {"http": {"method": "GET"}}}
CALL = Call(number=1, caller=Caller("dispatch", "dispatch-1"), service="sqs", operation="SendMessage", resources=())


def request(body: str) -> Request:
    return Request("POST", "/", "", {}, body.encode())


def test_queues_and_time_outs_are_the_stacks() -> None:
    """Loans are six time-outs of the function behind the queue, in the template's own numbers."""
    assert {name: one.function for name, one in queues().items()} == {
        "jobs": "dispatch",
        "events": "events",
        "reports": "reports",
    }
    assert all(one.visibility == 6 * timeouts()[one.function] for one in queues().values())
    assert all(one.receives >= 5 for one in queues().values())
    assert set(timeouts()) >= set(NAMES)
    assert (seconds(0, 1), seconds(1, 1), seconds(3 * FASTER, 2)) == (0, 1, 6)


def test_what_is_waited_for_at_a_queue_is_had_sooner() -> None:
    """Loans and delays, in entries too; what is no span stays as it is, and so does what is asked of others."""
    passed: list[dict[str, object]] = []

    def behind(given: Request) -> Reply:
        passed.append(given.data)
        return Reply(200, b"")

    sooner = Sooner(1)
    sooner(CALL, request(f'{{"VisibilityTimeout": {3 * FASTER}, "ReceiptHandle": "r"}}'), behind)
    sooner(CALL, request('{"Entries": [{"Id": "1", "DelaySeconds": 1, "VisibilityTimeout": 0}]}'), behind)
    assert passed == [
        {"VisibilityTimeout": 3, "ReceiptHandle": "r"},
        {"Entries": [{"Id": "1", "DelaySeconds": 1, "VisibilityTimeout": 0}]},
    ]


def test_what_is_rare_is_met_in_time() -> None:
    """About once in so many times, and at least once in twice as many."""
    dice = SeededChance(1)
    rarely = Rarely(dice, 10)
    hits = [number for number in range(1_000) if rarely()]
    assert 80 < len(hits) < 160
    assert max(after - before for before, after in itertools.pairwise(hits)) <= 20


@pytest.mark.parametrize("seed", range(6))
def test_a_caller_is_killed_before_its_call_or_after_it(seed: int) -> None:
    """Of AWS or of GitHub: no answer comes, and only after it was carried out does anybody behind know of it."""
    killed: list[tuple[str, str]] = []
    asked: list[str] = []

    def kill(function: str, instance: str) -> bool:
        killed.append((function, instance))
        return True

    def moto(_: Request) -> Reply:
        asked.append("aws")
        return Reply(200, b"")

    def standin(_: Seen) -> Answer:
        asked.append("github")
        return Answer()

    kills = Kills(SeededChance(seed), EVERY_CALL, kill, lambda port: ("events", "events-2") if port == 5 else None)
    with pytest.raises(LostError):
        kills(CALL, request("{}"), moto)
    seen = Seen("GET", "/api/v3/rate_limit", {}, {}, b"", 5)
    assert kills.github(seen, standin) is LOST
    assert killed == [("dispatch", "dispatch-1"), ("events", "events-2")]
    assert asked == [who for who, done in zip(("aws", "github"), kills.done, strict=True) if " after " in done]
    kills.over = True
    assert kills.github(seen, standin) == Answer()
    assert kills(CALL, request("{}"), moto).status == 200
    assert kills.doom("events") is None
    assert len(kills.done) == 2


def test_github_fails_by_chance_and_may_have_done_it_all_the_same() -> None:
    """Any of its errors, with the headers that go with it; none when it is over."""
    asked: list[Seen] = []

    def standin(seen: Seen) -> Answer:
        asked.append(seen)
        return Answer()

    failing = Failing(SeededChance(1), 1)
    seen = Seen("GET", "/api/v3/rate_limit", {}, {}, b"", 5)
    answers, carried_out = [], set()
    for _ in range(200):
        before = len(asked)
        answers.append(failing(seen, standin))
        if len(asked) > before:
            carried_out.add(answers[-1].status)
    assert {(one.status, "Retry-After" in one.headers) for one in answers} == {
        *((status, False) for status in (500, 502, 403)),
        *((status, True) for status in (503, 403, 429)),
    }
    assert sum(failing.done.values()) == 200
    assert carried_out == {500, 502, 503}
    assert len(asked) < 60
    failing.over = True
    assert failing(seen, standin) == Answer()


def test_a_front_passes_on_what_it_is_asked() -> None:
    """Method, path, query, headers and body go to who is behind, and what they answered comes back; or nobody does."""

    def layer(seen: Seen, behind: Callable[[Seen], Answer]) -> Answer:
        return LOST if seen.path == "/lost" else behind(seen)

    with http_stub() as github, github_front(github.url, layer) as url:
        github.on("POST /api", Answer(201, {"made": True}, {"ETag": '"1"'}))
        address, port = url.removeprefix("http://").split(":")
        for path, first in (("/api?a=1%202", b"HTTP/1.1 201"), ("/lost", b"")):
            with socket.create_connection((address, int(port)), timeout=10) as asking:
                head = f"POST {path} HTTP/1.1\r\nHost: {address}:{port}\r\nX-Mine: yes\r\nContent-Length: 2\r\n"
                asking.sendall(f"{head}Connection: close\r\n\r\n{{}}".encode())
                answer = b"".join(iter(lambda: asking.recv(65_536), b""))
            assert answer[:12] == first
            assert not first or (b'ETag: "1"' in answer and answer.endswith(b'{"made": true}'))
    (seen,) = github.seen
    assert (dict(seen.query), seen.body, seen.headers["x-mine"]) == ({"a": "1 2"}, b"{}", "yes")
    assert seen.headers["host"] == f"{address}:{port}"


def test_a_connection_is_known_by_its_port() -> None:
    """It is among what the process that made it has open; nobody has one from a port that is not used."""
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as made:
        port, to = made.getsockname()[1], made.getpeername()[1]
        assert connection(port, to) in sockets_of(os.getpid())
        assert connection(port, to) not in sockets_of(os.getppid())
        assert connection(port, port) == ""
    assert sockets_of(0) == set()


def function(address: Any, root: Any, doom: Callable[[], float | None]) -> ProcessFunction:  # noqa: ANN401 - paths
    variables = {
        "AWS_REGION": "eu-west-1",
        "PADDOCK_STACK": "fleet",
        "PADDOCK_CONFIG": "s3://config/paddock.yml",
        "PADDOCK_JOBS_URL": "http://127.0.0.1:9/jobs",
        "PADDOCK_EVENTS_URL": "http://127.0.0.1:9/events",
        "PADDOCK_WEBHOOK_SECRET": "fleet/webhook",
    }
    return ProcessFunction(address, "webhook", variables, Recorded(), root / "webhook.log", doom=doom)


def test_an_invocation_that_is_doomed_has_no_answer(tmp_path: Any) -> None:  # noqa: ANN401 - pytest's path
    """Its process is gone in the midst, or as it is to answer; the next one begins anew. `kill` returns when it is."""
    dooms: list[float | None] = [None, 60.0, 0.0, None]
    with runtime(tmp_path) as address:
        made = function(address, tmp_path, lambda: dooms.pop(0))
        try:
            assert made.invoke(REFUSED)["statusCode"]
            for _ in range(2):
                with pytest.raises(FunctionError):
                    made.invoke(REFUSED)
                assert made.alive == {}
            assert made.invoke(REFUSED)["statusCode"]
            assert (made.starts, made.deaths) == (3, 2)
            (environment,) = made.alive.values()
            killers = [threading.Thread(target=made.kill, args=(environment.instance,)) for _ in range(3)]
            for killer in killers:
                killer.start()
            for killer in killers:
                killer.join()
            assert sockets_of(environment.pid) == set()
            assert made.caller_at(1, 2) is None
        finally:
            made.close()
