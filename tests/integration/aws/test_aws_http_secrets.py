"""Secrets Manager without boto3: what is sent is held to botocore, what it says becomes one of our errors."""

from collections.abc import Iterator

import pytest

from paddock.adapters.aws_codes import COMMON
from paddock.adapters.aws_http import Credentials, JsonService
from paddock.adapters.aws_http.connection import Connection
from paddock.adapters.aws_http.policy import SECRET_READER
from paddock.adapters.aws_http.secrets import CODES, SECRETS, Secrets
from paddock.adapters.memory.system import ManualClock, ManualSleeper
from paddock.core.errors import InvalidInput, NotFound, PaddockError, Unavailable
from tests.aws.judge import REGION, breaches_of, model
from tests.aws.machine import fault, front, moto
from tests.http_stub import Answer, HttpStub, http_stub
from tests.strategies import NOON

KEYS = Credentials("ASIAEXAMPLE", "secret/+key", "session/+token==")
NAME = "paddock-ci/webhook"


def secrets_at(connection: Connection) -> Secrets:
    clock = ManualClock(NOON)
    return Secrets(
        JsonService(
            SECRETS, connection, region=REGION, credentials=lambda: KEYS, clock=clock, sleeper=ManualSleeper(clock)
        )
    )


@pytest.fixture
def stub() -> Iterator[HttpStub]:
    """What stands in the service's place; every request to it was one that AWS would have taken."""
    with http_stub() as made:
        yield made
    assert [breach for seen in made.seen for breach in breaches_of(seen)] == []


@pytest.fixture
def secrets(stub: HttpStub) -> Iterator[Secrets]:
    """What is tested."""
    connection = Connection(stub.url, connect=5.0, read=5.0)
    yield secrets_at(connection)
    connection.close()


def version(text: object) -> Answer:
    return Answer(200, {"Name": NAME, "SecretString": text})


@pytest.mark.slow
def test_a_rotated_secret_has_two_valid_versions() -> None:
    """On moto: first one, then two, then the newest two; each reading is one request per version."""
    with moto() as behind, front(behind) as before:
        connection = Connection(before.url, connect=5.0, read=20.0)
        secrets = secrets_at(connection)
        put = JsonService(
            SECRETS,
            connection,
            region=REGION,
            credentials=lambda: KEYS,
            clock=ManualClock(NOON),
            sleeper=ManualSleeper(ManualClock(NOON)),
        )
        name = "paddock/rotated"
        put.call("CreateSecret", {"Name": name, "SecretString": "one\n", "ClientRequestToken": "a" * 32})
        assert secrets.valid(name) == ("one",)
        for number, text in enumerate(("two", "three")):
            put.call("PutSecretValue", {"SecretId": name, "SecretString": text, "ClientRequestToken": str(number) * 32})
        assert secrets.valid(name) == ("three", "two")
        assert before.operations().count("GetSecretValue") == 4
        assert [breach for seen in before.seen for breach in breaches_of(seen)] == []
        with pytest.raises(NotFound):
            secrets.read("paddock/none")
        put.call("DeleteSecret", {"SecretId": name, "ForceDeleteWithoutRecovery": True})
        connection.close()


def test_the_current_version_alone(secrets: Secrets, stub: HttpStub) -> None:
    """A secret that was never rotated has no version before it; one that was set to what it was has one text."""
    stub.on("POST /", version("one\r\n"), fault(400, "ResourceNotFoundException"), version("one"), version("one"))
    assert secrets.valid(NAME) == ("one",)
    assert secrets.valid(NAME) == ("one",)
    used = {f"secretsmanager:{seen.headers['x-amz-target'].rpartition('.')[2]}" for seen in stub.seen}
    assert used == {action for statement in SECRET_READER for action in statement["Action"]}
    asked = [(seen.json["SecretId"], seen.json["VersionStage"]) for seen in stub.seen[:2]]
    assert asked == [(NAME, "AWSCURRENT"), (NAME, "AWSPREVIOUS")]


@pytest.mark.parametrize("text", ["", " \n", None, 5])
def test_a_secret_without_text_is_refused(secrets: Secrets, stub: HttpStub, text: object) -> None:
    """With an empty one anybody could sign; the error names it, and what to do."""
    stub.on("POST /", version(text))
    with pytest.raises(InvalidInput, match=NAME):
        secrets.valid(NAME)


def test_an_outage_between_the_versions_is_an_outage(secrets: Secrets, stub: HttpStub) -> None:
    """Half of the truth would refuse deliveries that are right."""
    stub.on("POST /", version("two"), fault(500, "InternalServiceError"))
    with pytest.raises(Unavailable):
        secrets.valid(NAME)


@pytest.mark.parametrize("shape", model("secretsmanager").operation_model("GetSecretValue").error_shapes, ids=str)
def test_every_documented_error_is_mapped(secrets: Secrets, stub: HttpStub, shape: object) -> None:
    """And comes out as what the table says."""
    code = shape.metadata.get("error", {}).get("code") or shape.name  # type: ignore[attr-defined]  # botocore's
    kind = CODES.get(code) or COMMON[code]
    stub.on("POST /", fault(400, code))
    with pytest.raises(PaddockError) as caught:
        secrets.read(NAME)
    assert type(caught.value) is kind
