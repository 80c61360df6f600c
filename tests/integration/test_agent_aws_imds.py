"""The metadata service: tokens, keys, identity and notices, from a strict stand-in that is also slow and flaky."""

import json
from collections.abc import Iterator

import pytest

from paddock.agent.aws.errors import AwsError, Kind
from paddock.agent.aws.imds import DOCUMENT, MARKET, REBALANCE, ROLE, SPOT, STOCK, Imds, ImdsNotices
from paddock.agent.ports import Identity, Notice, NoticeKind, Notices
from tests.aws.machine import MACHINE, SECOND, ImdsStandIn, imds_standin, patience
from tests.http_stub import LOST, Answer

TOKEN = "PUT /latest/api/token"
NOTICED = 1_505_722_920 * SECOND


@pytest.fixture
def standin() -> Iterator[ImdsStandIn]:
    with imds_standin() as made:
        yield made


@pytest.fixture
def imds(standin: ImdsStandIn) -> Iterator[Imds]:
    made = Imds(standin.clock, patience(timeout=1.0, attempts=5), standin.url)
    yield made
    made.close()


def test_who_this_machine_is(imds: Imds, standin: ImdsStandIn) -> None:
    """Id, type, zone, region, market and image, in two questions and one token."""
    assert imds.identity() == Identity(
        machine=MACHINE,
        instance_type="m7g.large",
        zone="eu-west-1b",
        region="eu-west-1",
        market="spot",
        image="ami-0123456789abcdef0",
    )
    assert standin.stub.lines() == [TOKEN, f"GET {DOCUMENT}", f"GET {MARKET}"]


def test_version_2_alone_is_spoken(imds: Imds, standin: ImdsStandIn) -> None:
    """No question without a token, and the token is asked for the longest time there is."""
    imds.identity()
    imds.credentials()
    asked = standin.stub.seen
    assert asked[0].headers["x-aws-ec2-metadata-token-ttl-seconds"] == "21600"
    assert all(seen.headers["x-aws-ec2-metadata-token"] in standin.tokens for seen in asked[1:])


def test_the_token_is_renewed_before_it_ends(imds: Imds, standin: ImdsStandIn) -> None:
    """A minute before its life is over, by the life that the service gave it."""
    standin.life = 300
    imds.get(MARKET)
    standin.clock.time += 239 * SECOND
    imds.get(MARKET)
    assert len(standin.tokens) == 1
    standin.clock.time += SECOND
    imds.get(MARKET)
    assert len(standin.tokens) == 2


def test_a_token_that_is_not_taken_any_more_is_replaced(imds: Imds, standin: ImdsStandIn) -> None:
    """A 401 costs one more question for a token, not the answer."""
    imds.get(MARKET)
    standin.tokens.clear()
    standin.tokens["another"] = 0
    assert imds.get(MARKET) == "spot"
    assert standin.stub.lines()[2:] == [f"GET {MARKET}", TOKEN, f"GET {MARKET}"]


@pytest.mark.parametrize(
    "faults",
    [
        [Answer(503)],
        [Answer(500), LOST, Answer(429), Answer(400)],
        [LOST, LOST, LOST, LOST],
        [Answer(200, b"bad token\n with spaces")],
    ],
)
def test_a_flaky_service_is_asked_again(imds: Imds, standin: ImdsStandIn, faults: list[Answer]) -> None:
    """One failing answer says nothing: up to four in a row, to the token's question or the others, do no harm."""
    standin.faults = list(faults)
    assert imds.get(MARKET) == "spot"
    standin.faults = [fault for fault in faults if fault.status != 200]
    assert imds.identity().machine == MACHINE
    assert standin.faults == []


def test_a_lasting_outage_has_an_end(imds: Imds, standin: ImdsStandIn) -> None:
    """Five tries; then it is an error that may pass."""
    standin.faults = [Answer(503)] * 50
    with pytest.raises(AwsError) as caught:
        imds.get(MARKET)
    assert (caught.value.kind, caught.value.code) == (Kind.SERVER, "HTTP 503")
    assert len(standin.stub.seen) == 5


def test_metadata_that_is_switched_off_is_final(imds: Imds, standin: ImdsStandIn) -> None:
    """403 to the token's question: nobody will switch it on again, and it is not asked for again."""
    standin.faults = [Answer(403)] * 5
    with pytest.raises(AwsError) as caught:
        imds.identity()
    assert caught.value.kind is Kind.DENIED
    assert len(standin.stub.seen) == 1


def test_a_slow_service_is_not_waited_for(standin: ImdsStandIn) -> None:
    """Each try has its time, and then another connection."""
    standin.hold.clear()
    slow = Imds(standin.clock, patience(timeout=0.1, attempts=2), standin.url)
    with pytest.raises(AwsError) as caught:
        slow.get(MARKET)
    assert caught.value.kind is Kind.UNREACHABLE
    standin.hold.set()
    assert slow.get(MARKET) == "spot"
    slow.close()


def test_keys_of_the_role(imds: Imds, standin: ImdsStandIn) -> None:
    """Key, secret, token and end; the role's name is asked for once."""
    found = imds.credentials()
    assert (found.access_key, found.secret_key, found.token) == ("ASIAEXAMPLE1", "secret/+key", "session/+token==")
    assert found.expires == 4_070_908_800 * SECOND
    imds.credentials()
    assert standin.stub.lines().count(f"GET {ROLE}") == 1


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"role": ""}, "NoRole"),
        ({"role": "../../user-data"}, "NoRole"),
        ({"expires": "never"}, "Incomplete"),
    ],
)
def test_a_machine_without_usable_keys_says_why(
    imds: Imds, standin: ImdsStandIn, change: dict[str, str], code: str
) -> None:
    """No role, a name that is none, an end that cannot be read."""
    vars(standin).update(change)
    with pytest.raises(AwsError) as caught:
        imds.credentials()
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (Answer(200, {"Code": "AssumeRoleUnauthorizedAccess"}), "AssumeRoleUnauthorizedAccess"),
        (Answer(200, {"Code": "two words"}), "NoCode"),
        (Answer(200, {"Code": "Success", "AccessKeyId": "x"}), "Incomplete"),
        (Answer(200, b"<html>"), "NoObject"),
        (Answer(404), "NoObject"),
        (Answer(200, b"[" * 50_000), "NoObject"),
    ],
)
def test_an_answer_without_keys_says_why(imds: Imds, standin: ImdsStandIn, answer: Answer, code: str) -> None:
    """What EC2 says where it can give no keys, and what nobody would say."""
    standin.stub.on(f"GET {ROLE}{standin.role}", answer)
    with pytest.raises(AwsError) as caught:
        imds.credentials()
    assert caught.value.code == code


def test_an_identity_without_an_id_is_none(imds: Imds, standin: ImdsStandIn) -> None:
    """A machine that does not know its id cannot be anybody."""
    standin.data[DOCUMENT] = "{}"
    with pytest.raises(AwsError, match="NoInstanceId"):
        imds.identity()


@pytest.mark.parametrize(("tag", "stock"), [("hot", "hot"), ("stopped", "stopped"), ("", ""), (None, "")])
def test_what_a_pool_keeps_the_machine_as(imds: Imds, standin: ImdsStandIn, tag: str | None, stock: str) -> None:
    """The tag as it was launched with; 404 if it has none, or if tags are not in its metadata."""
    assert STOCK == "/latest/meta-data/tags/instance/paddock:stock"
    if tag is not None:
        standin.data[STOCK] = tag
    assert imds.stock() == stock
    assert standin.stub.lines() == [TOKEN, f"GET {STOCK}"]


def test_no_notice_stands(imds: Imds, standin: ImdsStandIn) -> None:
    """404 to both questions is the rule."""
    port: Notices = ImdsNotices(imds)
    assert port.look() is None
    assert standin.stub.lines() == [TOKEN, f"GET {SPOT}", f"GET {REBALANCE}"]


@pytest.mark.parametrize("action", ["terminate", "stop", "hibernate"])
def test_a_spot_notice_is_seen(imds: Imds, standin: ImdsStandIn, action: str) -> None:
    """Whatever EC2 is going to do with the machine, the job loses it at that moment; it outweighs a rebalance."""
    standin.data[SPOT] = json.dumps({"action": action, "time": "2017-09-18T08:22:00Z"})
    standin.data[REBALANCE] = json.dumps({"noticeTime": "2017-09-18T08:00:00Z"})
    assert ImdsNotices(imds).look() == Notice(NoticeKind.SPOT, NOTICED)


def test_a_rebalance_is_seen(imds: Imds, standin: ImdsStandIn) -> None:
    """The warning that comes before the notice, if it does."""
    standin.data[REBALANCE] = json.dumps({"noticeTime": "2017-09-18T08:22:00Z"})
    assert ImdsNotices(imds).look() == Notice(NoticeKind.REBALANCE, NOTICED)


@pytest.mark.parametrize("text", ["", "soon", "[]", "{}", '{"time": "soon"}', '{"time": 5}', "[" * 50_000])
def test_a_notice_that_cannot_be_read_is_none(imds: Imds, standin: ImdsStandIn, text: str) -> None:
    """Unknown means keep: the job goes on."""
    standin.data[SPOT] = text
    assert ImdsNotices(imds).look() is None


def test_on_demand_machines_are_not_asked_for(imds: Imds, standin: ImdsStandIn) -> None:
    """Nobody takes them: two questions in five seconds are saved."""
    assert ImdsNotices(imds, "on-demand").look() is None
    assert standin.stub.seen == []


def test_an_outage_of_notices_passes(standin: ImdsStandIn) -> None:
    """One try each, of a bounded time; the next look sees it."""
    imds = Imds(standin.clock, patience(timeout=5.0, attempts=5), standin.url)
    standin.data[SPOT] = json.dumps({"action": "terminate", "time": "2017-09-18T08:22:00Z"})
    notices = ImdsNotices(imds, timeout=0.1)
    standin.faults = [Answer(503)]
    assert notices.look() is None
    standin.hold.clear()
    assert notices.look() is None
    standin.hold.set()
    assert notices.look() == Notice(NoticeKind.SPOT, NOTICED)
    imds.close()
