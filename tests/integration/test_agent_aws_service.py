"""A signed request that meets outages, throttling, expired keys and a wrong clock."""

from collections.abc import Iterator

import pytest

from paddock.agent.aws.credentials import RoleCredentials, Signer
from paddock.agent.aws.errors import KINDS, AwsError, Kind
from paddock.agent.aws.service import Patience, Service
from paddock.agent.aws.sigv4 import Credentials
from tests.aws.judge import breaches_of
from tests.aws.machine import SECOND, HandClock, fault, xml_fault
from tests.http_stub import LOST, Answer, HttpStub, http_stub

GET_ITEM = "DynamoDB_20120810.GetItem"
BODY = {"TableName": "paddock", "Key": {"pk": {"S": "me"}}}
FINE = Answer(200, {"Item": {}})


class Rig:
    """A service whose answers the test scripts."""

    def __init__(self, stub: HttpStub) -> None:
        self.stub = stub
        self.clock = HandClock()
        self.slept: list[float] = []
        self.keys = 0
        self.role = RoleCredentials(self._fetch, self.clock)
        patience = Patience(attempts=4, timeout=5.0, base=0.2, cap=0.5, chance=lambda: 1.0, sleep=self.slept.append)
        self.service = Service("dynamodb", stub.url, Signer(self.role, self.clock, "eu-west-1"), patience)

    def _fetch(self) -> Credentials:
        self.keys += 1
        return Credentials(f"ASIA{self.keys}", "secret/+key", "session/+token==", self.clock.now() + 3_600 * SECOND)

    def call(self, *answers: Answer) -> dict[str, object]:
        """Ask for an item, with these answers one after the other."""
        self.stub.on("POST /", *answers)
        return self.service.call(GET_ITEM, BODY)

    def failure(self, *answers: Answer) -> AwsError:
        """The error that comes of these answers."""
        with pytest.raises(AwsError) as caught:
            self.call(*answers)
        return caught.value

    def keys_seen(self) -> list[str]:
        """Whose signature each request bore."""
        return [seen.headers["authorization"].partition("Credential=")[2].partition("/")[0] for seen in self.stub.seen]


@pytest.fixture
def rig() -> Iterator[Rig]:
    with http_stub() as stub:
        made = Rig(stub)
        yield made
        made.service.close()
        assert [problem for seen in stub.seen for problem in breaches_of(seen)] == []


PASSING = sorted(code for code, kind in KINDS.items() if kind in (Kind.SERVER, Kind.THROTTLED))
FINAL = sorted(code for code, kind in KINDS.items() if not kind.again)


@pytest.mark.parametrize("code", PASSING)
def test_what_passes_is_tried_again(rig: Rig, code: str) -> None:
    """Throttling and faults of theirs: the same request, after a pause, until it is taken."""
    assert rig.call(fault(400, code), fault(400, code), FINE) == {"Item": {}}
    assert rig.slept == [0.2, 0.4]
    assert rig.keys_seen() == ["ASIA1"] * 3


@pytest.mark.parametrize("code", FINAL)
def test_what_is_final_is_asked_once(rig: Rig, code: str) -> None:
    """A refusal that will not change is not repeated."""
    failure = rig.failure(fault(400, code, "no"))
    assert (failure.code, failure.kind, failure.again) == (code, KINDS[code], False)
    assert len(rig.stub.seen) == 1
    assert rig.slept == []


@pytest.mark.parametrize("answer", [Answer(500), Answer(502, b"<html>"), Answer(503), Answer(504), Answer(429), LOST])
def test_a_lasting_outage_has_an_end(rig: Rig, answer: Answer) -> None:
    """Four tries, with pauses that grow to a bound; then the caller is told that it may try again later."""
    failure = rig.failure(answer)
    assert failure.again
    assert len(rig.stub.seen) == 4
    assert rig.slept == [0.2, 0.4, 0.5]


def test_a_success_without_json_is_an_outage(rig: Rig) -> None:
    """A captive portal's page is no answer."""
    assert rig.failure(Answer(200, b"<html>welcome</html>")).kind is Kind.SERVER
    assert rig.failure(Answer(200, [])).kind is Kind.SERVER
    assert rig.call(Answer(200)) == {}


def test_a_redirect_is_not_followed(rig: Rig) -> None:
    """The signature, and the token with it, goes to nobody else."""
    elsewhere = Answer(307, b"", {"Location": "{url}/elsewhere"})
    assert rig.failure(elsewhere).kind is Kind.INVALID
    assert rig.stub.lines() == ["POST /"]


@pytest.mark.parametrize("code", sorted(code for code, kind in KINDS.items() if kind is Kind.CREDENTIALS))
def test_expired_keys_are_renewed_at_once(rig: Rig, code: str) -> None:
    """In the middle of a life the keys end early: new ones are asked for, and the request goes on without a pause."""
    assert rig.call(FINE) == {"Item": {}}
    assert rig.call(fault(400, code), FINE) == {"Item": {}}
    assert rig.keys_seen() == ["ASIA1", "ASIA1", "ASIA2"]
    assert rig.slept == []


def test_keys_that_nobody_knows_yet_are_tried_again(rig: Rig) -> None:
    """A new role is not known everywhere at once: the keys are renewed once, then it takes patience."""
    unknown = fault(400, "UnrecognizedClientException")
    assert rig.failure(unknown).kind is Kind.CREDENTIALS
    assert rig.keys_seen() == ["ASIA1"] + ["ASIA2"] * 4
    assert rig.slept == [0.2, 0.4, 0.5]


@pytest.mark.parametrize("code", sorted(code for code, kind in KINDS.items() if kind is Kind.CLOCK))
def test_a_wrong_clock_is_corrected_once_for_all(rig: Rig, code: str) -> None:
    """AWS's own time is in the refusal: it is believed at once, and kept for the requests that follow."""
    rig.clock.time = 1_789_997_790 * SECOND
    hour_ahead = {"Date": "Mon, 21 Sep 2026 14:36:30 GMT"}
    assert rig.call(fault(403, code, headers=hour_ahead), FINE) == {"Item": {}}
    assert rig.call(FINE) == {"Item": {}}
    assert [seen.headers["x-amz-date"] for seen in rig.stub.seen] == [
        "20260921T133630Z",
        "20260921T143630Z",
        "20260921T143630Z",
    ]
    assert rig.slept == []


def test_a_signature_that_is_never_taken_has_an_end(rig: Rig) -> None:
    """A right clock and a wrong secret: no endless correcting; AWS's words, which quote the token, are not repeated."""
    words = "The Canonical String should have been x-amz-security-token:session/+token=="
    wrong = xml_fault(403, "SignatureDoesNotMatch", words, {"Date": "Mon, 21 Sep 2026 13:36:30 GMT"})
    failure = rig.failure(wrong)
    assert failure.kind is Kind.CLOCK
    assert len(rig.stub.seen) <= 5
    assert "session" not in str(failure)


def test_without_keys_nothing_is_sent(rig: Rig) -> None:
    """The machine has no role: the error says so, and no unsigned request leaves."""

    def none() -> Credentials:
        raise AwsError(Kind.SERVER, "imds", "credentials", "NoRole", "the machine has no instance profile")

    bare = Service("sqs", rig.stub.url, Signer(RoleCredentials(none, rig.clock), rig.clock, "eu-west-1"))
    with pytest.raises(AwsError, match="no instance profile"):
        bare.call("AmazonSQS.SendMessage", {})
    assert rig.stub.seen == []
