"""Several items in one step on DynamoDB: what each answer to TransactWriteItems comes to.

dynalite has no transactions, so these tests are not among those that run there.
"""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path

import attrs
import pytest
from botocore.session import get_session

from paddock.adapters.aws.dynamodb.errors import REASONS, cancelled_for, reasons_of
from paddock.adapters.aws_codes import RETRY_AFTER
from paddock.adapters.memory.system import SeededChance
from paddock.core.errors import AccessDenied, PaddockError, Rejected, Throttled, Unavailable
from paddock.core.job import Job, JobChange, JobFacts, JobIs
from paddock.core.ports.stores import Table
from paddock.core.ports.together import Add, Update, Write
from paddock.core.records import JOBS, RUNNERS
from paddock.core.runner import Runner
from paddock.core.states import JobState
from tests.aws.recorded import NOBODY, Call, Reply, Request
from tests.aws.steps import KEPT, Tokens, Way, tokens_of, way_to
from tests.aws.table import table_of
from tests.aws.weather import CANCELLED, Dice, Throttles
from tests.aws.wire import LostError

pytestmark = pytest.mark.slow

JOB = Job(JobFacts(1, 1, "acme/app", ("paddock",)), JobState.DISPATCHING, launch=1)
RUNNER = Runner("i-1", "acme/app", ("paddock",), "l-1", assigned_job=1)
LAUNCHED = JobChange(state=JobState.LAUNCHED, machine="i-1")
GIVEN: Sequence[Write] = (Add(RUNNERS, RUNNER), Update(JOBS, "1", JobIs(state=JobState.DISPATCHING), LAUNCHED))

NO = "None"
CONDITION, CONFLICT, TOO_MUCH, THROTTLE = (
    *("ConditionalCheckFailed", "TransactionConflict"),
    *("ProvisionedThroughputExceeded", "ThrottlingError"),
)
LARGE, INVALID = "ItemCollectionSizeLimitExceeded", "ValidationError"


@attrs.frozen
class Here:
    """A table with one job, before which is this way."""

    table: Table
    way: Way

    def give(self) -> bool:
        """A machine's record, and its job's change."""
        return self.table.together.write(GIVEN)

    def untouched(self) -> bool:
        """Whether nothing was written."""
        return (self.table.jobs.get("1"), self.table.runners.get("i-1")) == (JOB, None)


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Here]:
    """One on whose server tokens are kept."""
    with way_to(Tokens()) as (way, url), table_of(tmp_path, lambda _: nullcontext(url)) as made:
        table = made.whole()
        table.jobs.add(JOB)
        yield Here(table, way)


def test_every_documented_reason_has_a_meaning() -> None:
    """Those that the reference lists for a cancelled transaction, in the words of botocore's copy of it."""
    shape = get_session().get_service_model("dynamodb").shape_for("TransactionCanceledException")
    listed = shape.documentation.split("Cancellation reason codes", 1)[1]
    codes = {part.split("</code>", 1)[0] for part in listed.split("Code: <code>")[1:]}
    assert len(codes) == 7
    assert codes - {NO} == set(REASONS)


@pytest.mark.parametrize("reasons", [(CONDITION, NO), (NO, CONDITION), (CONDITION, CONDITION)])
def test_a_condition_that_does_not_hold_is_an_answer(here: Here, reasons: Sequence[str]) -> None:
    """False, by one request, whichever item says so."""
    here.way.cancels(*reasons)
    assert here.give() is False
    assert len(here.way.seen) == 1
    assert here.untouched()


@pytest.mark.parametrize("beside", [CONFLICT, THROTTLE, TOO_MUCH, INVALID, LARGE, "Unheard"])
def test_a_condition_goes_before_whatever_stands_beside_it(here: Here, beside: str) -> None:
    """Who is told reads what stands there, and decides anew."""
    for reasons in ((CONDITION, beside), (beside, CONDITION)):
        here.way.cancels(*reasons)
        assert here.give() is False


@pytest.mark.parametrize(
    ("reasons", "kind"),
    [
        ((NO, CONFLICT), Unavailable),
        ((CONFLICT, CONFLICT), Unavailable),
        ((NO, THROTTLE), Throttled),
        ((TOO_MUCH, NO), Throttled),
        ((CONFLICT, THROTTLE), Throttled),
        ((TOO_MUCH, CONFLICT), Throttled),
        ((INVALID, NO), Rejected),
        ((NO, LARGE), Rejected),
        # However often it were tried again.
        ((INVALID, THROTTLE), Rejected),
        ((CONFLICT, INVALID), Rejected),
        ((LARGE, TOO_MUCH), Rejected),
        # Reasons that are not in the list, but known from elsewhere, and one that nobody knows.
        ((NO, "RequestLimitExceeded"), Throttled),
        ((NO, "InternalServerError"), Unavailable),
        ((NO, "AccessDenied"), AccessDenied),
        ((NO, "Unheard"), Rejected),
        (("Unheard", CONFLICT), Unavailable),
        # Nobody says why: that it may pass is the better guess, and a message does not come again for ever.
        ((NO, NO), Unavailable),
        ((), Unavailable),
        ((None,), Unavailable),
    ],
)
def test_what_a_step_is_cancelled_for_is_one_of_our_errors(
    here: Here, reasons: Sequence[str | None], kind: type[PaddockError]
) -> None:
    """Of this very class, in the reasons' own words, by one request; nothing is written, and it may be tried again."""
    here.way.cancels(*reasons)
    with pytest.raises(PaddockError) as caught:
        here.give()
    assert type(caught.value) is kind
    told = sorted({reason for reason in reasons if reason not in (NO, None)}, key=str)
    assert str(caught.value).endswith(", ".join(map(str, told)) or "for no reason that was told")
    assert not isinstance(caught.value, Throttled) or caught.value.retry_after == RETRY_AFTER
    assert len(here.way.seen) == 1
    assert here.untouched()
    assert here.give()


@pytest.mark.parametrize(
    ("code", "status", "kind", "requests"),
    [
        ("ThrottlingException", 400, Throttled, 3),
        ("ProvisionedThroughputExceededException", 400, Throttled, 3),
        ("RequestLimitExceeded", 400, Throttled, 3),
        ("TransactionInProgressException", 400, Throttled, 3),
        ("InternalServerError", 500, Unavailable, 3),
        ("IdempotentParameterMismatchException", 400, Rejected, 1),
        ("ValidationException", 400, Rejected, 1),
        ("ResourceNotFoundException", 400, Unavailable, 1),
        ("AccessDeniedException", 400, AccessDenied, 1),
    ],
)
def test_what_is_said_of_a_whole_step(
    here: Here, code: str, status: int, kind: type[PaddockError], requests: int
) -> None:
    """What may pass is tried three times in all, under one token."""
    here.way.refuses(code, status, times=requests)
    with pytest.raises(PaddockError, match=code) as caught:
        here.give()
    assert type(caught.value) is kind
    tokens = tokens_of(here.way.seen)
    assert len(tokens) == requests
    assert len(set(tokens)) == 1
    assert here.untouched()


def test_a_step_that_is_still_on_its_way_is_waited_for(here: Here) -> None:
    """The same request, until it is told what came of it."""
    here.way.refuses("TransactionInProgressException", times=2)
    assert here.give()
    assert len(set(tokens_of(here.way.seen))) == 1


def test_each_step_has_a_token_of_its_own(here: Here) -> None:
    """Also the same one that is asked for again: then its conditions are looked at anew."""
    assert here.give()
    assert here.give() is False
    first, second = tokens_of(here.way.seen)
    assert first != second


def test_a_single_write_is_no_step(here: Here) -> None:
    """It costs half as much."""
    assert here.table.together.write(GIVEN[:1])
    assert here.way.seen == []
    assert here.way.counted["PutItem"] == 2


CALL = Call(number=1, caller=NOBODY, service="dynamodb", operation="TransactWriteItems", resources=())


def step(token: str, value: str = "1") -> Request:
    """A transaction as it is on the wire."""
    body = f'{{"ClientRequestToken": "{token}", "TransactItems": [{{"Put": {{"TableName": "{value}"}}}}]}}'
    return Request("POST", "/", "", {"x-amz-target": "DynamoDB_20120810.TransactWriteItems"}, body.encode())


def test_a_token_is_one_step_for_ten_minutes() -> None:
    """As AWS documents it: an equal request is done already, any other is refused; what was cancelled is not kept."""
    now, done = [0.0], list[str]()

    def carried_out(request: Request) -> Reply:
        done.append(str(request.data["ClientRequestToken"]))
        return Reply(200, b"{}")

    tokens = Tokens(lambda: now[0])
    assert tokens(CALL, step("a"), lambda _: Reply(400, b"cancelled")).status == 400
    for moment, request, status, times in (
        (0.0, step("a"), 200, 1),
        (1.0, step("a"), 200, 1),
        (1.0, step("a", "2"), 400, 1),
        (1.0, step("b"), 200, 2),
        (KEPT - 1, step("a"), 200, 2),
        (KEPT, step("a", "2"), 200, 3),
    ):
        now[0] = moment
        assert tokens(CALL, request, carried_out).status == status
        assert len(done) == times
    refused = tokens(CALL, step("a"), carried_out)
    assert b"IdempotentParameterMismatchException" in refused.body


def test_a_request_that_comes_while_its_like_is_on_its_way_is_told_so() -> None:
    """And nothing is done twice; if the first dies, the next one is carried out."""
    tokens, met = Tokens(), list[Reply]()

    def meanwhile(request: Request) -> Reply:
        met.append(tokens(CALL, request, lambda _: Reply(200, b"twice")))
        raise LostError("and the first one dies")

    with pytest.raises(LostError):
        tokens(CALL, step("a"), meanwhile)
    assert b"TransactionInProgressException" in met[0].body
    assert tokens(CALL, step("a"), lambda _: Reply(200, b"once")).body == b"once"


def test_the_weather_cancels_steps_for_conflicts_and_for_throttles() -> None:
    """For whatever DynamoDB may carry out the next time, with a reason for each item; and nothing of it is done."""
    throttles = Throttles(Dice(SeededChance(5)), 1, frozenset({NOBODY.function}))
    done: list[Request] = []

    def carried_out(request: Request) -> Reply:
        done.append(request)
        return Reply(200, b"{}")

    three = attrs.evolve(step("a"), body=json.dumps({"TransactItems": [{"Put": {}}] * 3}).encode())
    told: Counter[str] = Counter()
    kinds: Counter[type[PaddockError]] = Counter()
    for _ in range(200):
        before = len(done)
        answer = json.loads(throttles(CALL, three, carried_out).body)
        if answer["__type"].endswith("#TransactionCanceledException"):
            assert len(answer["CancellationReasons"]) == 3
            assert len(done) == before
            reasons = reasons_of(answer)
            told.update(reasons)
            kinds[cancelled_for(reasons)] += 1
    assert set(told) == set(CANCELLED)
    assert set(kinds) == {Throttled, Unavailable}
    assert 50 < kinds.total() < 150
    assert {f"dynamodb {reason}": count for reason, count in told.items()}.items() <= throttles.done.items()
    throttles.over = True
    assert throttles(CALL, three, carried_out).status == 200


def test_the_weather_cancels_nothing_but_steps() -> None:
    """A single write is refused as before."""
    throttles = Throttles(Dice(SeededChance(5)), 1, frozenset({NOBODY.function}))
    put = attrs.evolve(CALL, operation="PutItem")
    answers = [throttles(put, step("a"), lambda _: Reply(200, b"{}")) for _ in range(100)]
    assert {answer.status for answer in answers} == {400, 500}
    assert not any(b"Cancel" in answer.body for answer in answers)
