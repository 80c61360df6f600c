"""The table on DynamoDB, beyond the contracts: which requests are made, and what goes wrong on the way."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import Any

import attrs
import pytest

from paddock.adapters.aws.dynamodb.definition import TABLE
from paddock.adapters.aws.dynamodb.policy import ASSIGNMENTS, HANDOVER, RECORDS
from paddock.adapters.aws.dynamodb.table import PAUSES
from paddock.agent.aws.body import unpacked
from paddock.core.codec import message_from_data
from paddock.core.errors import Conflict, NotFound, Rejected, Throttled, Unavailable
from paddock.core.job import Job, JobFacts
from paddock.core.messages import Assignment, RunnerPackage
from paddock.core.records import JOBS, KINDS, RUNNERS, SHORTAGES, TASKS
from paddock.core.runner import Runner
from paddock.core.shortage import Shortage
from paddock.core.spec import Market
from paddock.core.states import JobState, RunnerState
from paddock.core.task import Task
from paddock.core.units import DAY, MINUTE, SECOND
from tests.aws.machine import ROLE_ID, Front
from tests.aws.table import TableUnderTest, table_of
from tests.http_stub import http_stub
from tests.strategies import NOON

pytestmark = pytest.mark.slow

FACTS = JobFacts(job_id=1, run_id=7, repository="acme/api", labels=("paddock",))
ORDER = Assignment(
    machine="i-0000000000000000a",
    job_id=1,
    launch=1,
    repository="acme/api",
    labels=("paddock",),
    runner_name="paddock--i-0000000000000000a--first",
    runner_id=11,
    package=RunnerPackage("2.330.0", "https://example.test/runner.tar.gz", "0" * 64, "runner.tar.gz"),
    jit_config="c2VjcmV0",
    created_at=NOON,
)


def job(number: int, state: JobState = JobState.QUEUED, created_at: int = 0) -> Job:
    return Job(attrs.evolve(FACTS, job_id=number, created_at=created_at), state)


@pytest.fixture
def under_test(tmp_path: Path) -> Iterator[TableUnderTest]:
    """A table with nothing in it."""
    with table_of(tmp_path) as made:
        yield made


@pytest.fixture
def losing(tmp_path: Path) -> Iterator[tuple[TableUnderTest, Front]]:
    """A table, and a front before it that loses answers on demand."""
    fronts: list[Front] = []

    @contextmanager
    def before(url: str) -> Iterator[str]:
        with http_stub() as stub:
            made = Front(stub, url)
            # The client may keep hold of a connection on which an answer was lost; the stub would wait for it.
            stub.answer = lambda seen: attrs.evolve(made.answer(seen), headers={"Connection": "close"})  # type: ignore[method-assign]
            fronts.append(made)
            yield made.url

    with table_of(tmp_path, before) as made:
        yield made, fronts[0]


def test_the_table_is_made_as_it_is_defined(under_test: TableUnderTest) -> None:
    """Keys, indexes and billing; what ``CreateTable`` does not take has the shape of its own operations."""
    client: Any = under_test.clients.dynamodb
    made = client.describe_table(TableName=under_test.name)["Table"]
    assert made["KeySchema"] == TABLE["KeySchema"]
    assert made["BillingModeSummary"]["BillingMode"] == TABLE["BillingMode"]
    indexes = [
        {name: index[name] for name in ("IndexName", "KeySchema", "Projection")}
        for index in made["GlobalSecondaryIndexes"]
    ]
    assert indexes == TABLE["GlobalSecondaryIndexes"]
    ttl = TABLE["TimeToLiveSpecification"]
    told = client.update_time_to_live(TableName=under_test.name, TimeToLiveSpecification=ttl)
    assert told["TimeToLiveSpecification"] == ttl
    recovery = TABLE["PointInTimeRecoverySpecification"]
    client.update_continuous_backups(TableName=under_test.name, PointInTimeRecoverySpecification=recovery)


def test_each_method_makes_the_requests_that_it_promises(under_test: TableUnderTest) -> None:
    """One each; a listing that finds something reads it; what is not there is looked for."""
    jobs = under_test.records(JOBS)
    assert jobs.add(job(1))
    assert not jobs.add(job(1))
    jobs.get("1")
    assert under_test.operations() == ["PutItem", "PutItem", "GetItem"]
    jobs.update("1", {"state": JobState.QUEUED}, {"state": JobState.DISPATCHING, "lease_until": 5})
    with pytest.raises(Conflict):
        jobs.update("1", {"state": JobState.QUEUED}, {"state": JobState.DISPATCHING})
    assert under_test.operations() == ["UpdateItem", "UpdateItem"]
    with pytest.raises(NotFound):
        jobs.update("2", {}, {"reason": "x"})
    assert under_test.operations() == ["UpdateItem", "GetItem"]
    assert jobs.page("live", "claimed").items
    assert not jobs.page("live", "placed").items
    assert under_test.operations() == ["Query", "BatchGetItem", "Query"]
    assert jobs.remove("1")
    assert not jobs.remove("1")
    assert under_test.operations() == ["DeleteItem", "DeleteItem"]
    assignments = under_test.assignments(ROLE_ID)
    assignments.put(ORDER)
    assignments.put(ORDER)
    assignments.get(ORDER.machine)
    assignments.delete(ORDER.machine)
    assert under_test.operations() == ["PutItem", "PutItem", "GetItem", "DeleteItem"]


def test_the_rights_are_those_that_are_used(under_test: TableUnderTest) -> None:
    """No action is missing from the policy, and none is in it that no method needs; on keys that it names."""
    jobs, assignments = under_test.records(JOBS), under_test.assignments(ROLE_ID)
    jobs.add(job(1))
    jobs.get("1")
    jobs.update("1", {}, {"reason": "x"})
    jobs.page("all", "all")
    jobs.remove("1")
    assert actions(RECORDS) == {f"dynamodb:{name}" for name in under_test.operations()}
    assignments.put(ORDER)
    assignments.get(ORDER.machine)
    assignments.delete(ORDER.machine)
    assert actions(ASSIGNMENTS) == {f"dynamodb:{name}" for name in under_test.operations()}


def test_no_right_on_items_is_without_their_keys() -> None:
    """Who may read records reads no machine's orders, and the other way round; nobody has a right on all keys."""
    held: dict[str, set[str]] = {}
    for name, statements in (("records", RECORDS), ("orders", ASSIGNMENTS), ("both", HANDOVER)):
        for statement in statements:
            if statement["Resource"] == ["{table_arn}"]:
                condition: Any = statement["Condition"]
                held[name] = set(condition["ForAllValues:StringLike"]["dynamodb:LeadingKeys"])
    assert held == {
        "records": {f"{kind.prefix}#*" for kind in KINDS},
        "orders": {"{machine_role_id}:*"},
        "both": held["records"] | held["orders"],
    }
    assert actions(HANDOVER) == {"dynamodb:PutItem"}


def actions(statements: Any) -> set[str]:  # noqa: ANN401 - IAM's own shapes
    return set(chain.from_iterable(statement["Action"] for statement in statements))


def test_without_a_table_nothing_is_said_of_records(under_test: TableUnderTest) -> None:
    """A stack that is half there must not look like one whose machines are all unknown."""
    under_test.clients.dynamodb.delete_table(TableName=under_test.name)
    jobs = under_test.records(JOBS)
    for ask in (lambda: jobs.get("1"), lambda: jobs.update("1", {}, {"reason": "x"}), lambda: jobs.page("all", "all")):
        with pytest.raises(Unavailable, match="ResourceNotFound"):
            ask()


def test_a_write_whose_answer_was_lost_knows_its_own_hand(losing: tuple[TableUnderTest, Front]) -> None:
    """It is made again, its condition fails for what the first one did, and it is a success all the same."""
    under_test, way = losing
    jobs = under_test.records(JOBS)
    way.lose["PutItem"] = 1
    assert jobs.add(job(1))
    assert not jobs.add(job(1))
    way.lose["UpdateItem"] = 1
    claimed = jobs.update("1", {"state": JobState.QUEUED}, {"state": JobState.DISPATCHING, "launch_id": "l-1"})
    assert claimed.launch_id == "l-1"
    with pytest.raises(Conflict) as caught:
        jobs.update("1", {"state": JobState.QUEUED}, {"state": JobState.DISPATCHING, "launch_id": "l-1"})
    assert caught.value.current == claimed
    assert [way.operations().count(name) for name in ("PutItem", "UpdateItem")] == [3, 3]


def test_an_outage_is_unavailable(losing: tuple[TableUnderTest, Front]) -> None:
    """Nobody answers, three times."""
    under_test, way = losing
    way.cut = lambda operation: operation == "GetItem"
    with pytest.raises(Unavailable):
        under_test.records(JOBS).get("1")
    assert way.operations().count("GetItem") == 3


def test_each_write_says_anew_until_when_the_record_is_kept(under_test: TableUnderTest) -> None:
    """In seconds; a condition that fails changes nothing."""
    jobs = under_test.records(JOBS)
    jobs.add(job(1))
    assert under_test.item("JOB#1")["ttl"] == {"N": str((NOON + 90 * DAY) // SECOND)}
    under_test.clock.advance(DAY)
    with pytest.raises(Conflict):
        jobs.update("1", {"launch": 7}, {"reason": "x"})
    assert under_test.item("JOB#1")["ttl"] == {"N": str((NOON + 90 * DAY) // SECOND)}
    jobs.update("1", {}, {"reason": "x"})
    assert under_test.item("JOB#1")["ttl"] == {"N": str((NOON + 91 * DAY) // SECOND)}


def test_what_empties_a_field_takes_its_attribute_away(under_test: TableUnderTest) -> None:
    """An item holds no more than the record; one that leaves its index leaves no trace of it."""
    runners = under_test.records(RUNNERS)
    runners.add(Runner("i-1", "acme/api", (), "l-1", runner_id=5, reason="x"))
    change = {"state": RunnerState.GONE, "runner_id": None, "reason": ""}
    runners.update("i-1", {"state": RunnerState.BOOTING}, change)
    item = under_test.item("RUNNER#i-1")
    assert {"runner_id", "reason", "i1"}.isdisjoint(item)
    assert item["i2"] == {"S": "RUNNER#minute#0"}


def test_a_change_of_the_order_moves_the_record(under_test: TableUnderTest) -> None:
    """A shortage that is renewed goes to the end of its listing."""
    shortages = under_test.records(SHORTAGES)
    first, second = (
        Shortage("a", name, Market.SPOT, "x", until) for name, until in (("m7i.large", 1), ("c7i.large", 2))
    )
    for shortage in (first, second):
        shortages.add(shortage)
    renewed = shortages.update(first.key, {}, {"until": 3})
    assert shortages.page("all", "all").items == (second, renewed)


def test_a_condition_that_nothing_meets_is_a_conflict(under_test: TableUnderTest) -> None:
    """An empty set, which DynamoDB has no words for; and of what is not there it is not found."""
    jobs = under_test.records(JOBS)
    with pytest.raises(NotFound):
        jobs.update("1", {"launch": frozenset()}, {"reason": "x"})
    jobs.add(job(1))
    with pytest.raises(Conflict) as caught:
        jobs.update("1", {"launch": frozenset()}, {"reason": "x"})
    assert caught.value.current == job(1)


def test_a_large_set_is_a_condition_like_others(under_test: TableUnderTest) -> None:
    """More members than one IN may have."""
    jobs = under_test.records(JOBS)
    jobs.add(attrs.evolve(job(1), launch=180))
    assert jobs.update("1", {"launch": frozenset(range(200))}, {"reason": "x"}).reason == "x"
    with pytest.raises(Conflict):
        jobs.update("1", {"launch": frozenset(range(180))}, {"reason": "y"})


def test_a_record_keeps_its_key(under_test: TableUnderTest) -> None:
    """A change of it is refused as by every store; fields of the key may be set as they are, and others with them."""
    jobs = under_test.records(JOBS)
    jobs.add(job(1))
    with pytest.raises(ValueError, match="keeps its key"):
        jobs.update("1", {}, {"facts": attrs.evolve(FACTS, job_id=2)})
    moved = jobs.update("1", {}, {"facts": attrs.evolve(FACTS, created_at=9)})
    assert moved.facts.created_at == 9
    assert under_test.item("JOB#1")["o"] == {"S": "09223372036854775817#1"}
    with pytest.raises(Conflict):
        jobs.update("1", {"launch": 3}, {"facts": FACTS})


def test_a_field_that_is_none_is_refused(under_test: TableUnderTest) -> None:
    """A misspelt condition must not be met, a misspelt change not be lost."""
    jobs = under_test.records(JOBS)
    for when, change in (({"sate": 1}, {"reason": "x"}), ({}, {"raeson": "x"})):
        with pytest.raises(TypeError, match="no field"):
            jobs.update("1", when, change)
    assert under_test.operations() == []


def test_a_record_that_is_too_large_is_rejected(under_test: TableUnderTest) -> None:
    """Over 400 KB: repeating it is useless."""
    jobs = under_test.records(JOBS)
    with pytest.raises(Rejected):
        jobs.add(attrs.evolve(job(1), reason="x" * 420_000))
    jobs.add(job(2))
    with pytest.raises(Rejected):
        jobs.update("2", {}, {"reason": "x" * 420_000})
    assert jobs.get("2") == job(2)


def test_a_key_that_no_item_can_have_is_not_there(under_test: TableUnderTest) -> None:
    """Whatever a forged message names: there is no such record, and nobody is asked."""
    runners, forged = under_test.records(RUNNERS), "i-" + "0" * 3_000
    assert runners.get(forged) is None
    assert not runners.remove(forged)
    with pytest.raises(NotFound):
        runners.update(forged, {}, {"reason": "x"})
    with pytest.raises(Rejected):
        runners.add(Runner(forged, "acme/api", (), "l-1"))
    assert under_test.operations() == []


def test_a_listing_is_true_although_its_index_is_behind(under_test: TableUnderTest) -> None:
    """What has left or gone is left out, what moved within it comes once, and all is as it stands now."""
    jobs, shortages = under_test.records(JOBS), under_test.records(SHORTAGES)
    for number in (1, 2, 3):
        jobs.add(job(number, created_at=number))
    behind = under_test.clients.dynamodb.query(
        TableName=under_test.name,
        IndexName="first",
        KeyConditionExpression="i1 = :v",
        ExpressionAttributeValues={":v": {"S": "JOB#live#queued"}},
    )["Items"]
    jobs.update("1", {"state": JobState.QUEUED}, {"state": JobState.RUNNING})
    jobs.remove("2")
    jobs.update("3", {}, {"reason": "now"})
    under_test.on_answer("Query", lambda answer: answer.update(Items=behind))
    assert jobs.page("live", "queued").items == (attrs.evolve(job(3, created_at=3), reason="now"),)

    moved, other = (
        Shortage("a", name, Market.SPOT, "x", until) for name, until in (("m7i.large", 9), ("c7i.large", 5))
    )
    for shortage in (moved, other):
        shortages.add(shortage)
    entries = [entry(shortage, until) for shortage, until in ((moved, 1), (other, 5), (moved, 9))]
    under_test.on_answer("Query", lambda answer: answer.update(Items=entries))
    assert shortages.page("all", "all").items == (other, moved)


def entry(shortage: Shortage, until: int) -> dict[str, Any]:
    """An entry in the index of shortages, as it was when the shortage ended then."""
    place = f"{until + 2**63:020}#{shortage.key}"
    names = {"pk": f"SHORTAGE#{shortage.key}", "sk": "RECORD", "i1": "SHORTAGE#all#all", "o": place}
    return {name: {"S": text} for name, text in names.items()}


def test_keys_that_dynamodb_leaves_out_are_asked_for_again(under_test: TableUnderTest) -> None:
    """After pauses that grow, and anew after some came; then it is too much."""
    jobs = under_test.records(JOBS)
    for number in (1, 2, 3):
        jobs.add(job(number, created_at=number))
    answers = iter([3, 3, 1, 1, 0])
    under_test.on_answer("BatchGetItem", lambda answer: leave_out(answer, under_test.name, next(answers, 3)))
    assert [found.id for found in jobs.page("all", "all").items] == [1, 2, 3]
    assert under_test.clock.now() == NOON + 2 * (PAUSES[0] + PAUSES[1])
    with pytest.raises(Throttled, match="3 keys"):
        jobs.page("all", "all")


def leave_out(answer: dict[str, Any], table: str, left: int) -> None:
    """Move so many of the items of an answer to what was not processed."""
    items = answer["Responses"].get(table, [])
    answer["Responses"][table] = items[left:]
    keys = [{name: item[name] for name in ("pk", "sk")} for item in items[:left]]
    answer["UnprocessedKeys"] = {table: {"Keys": keys, "ConsistentRead": True}} if keys else {}


def test_more_than_a_hundred_records_are_read_in_batches(under_test: TableUnderTest) -> None:
    """At most a hundred keys a request; all of them consistently."""
    jobs = under_test.records(JOBS)
    for number in range(1, 104):
        jobs.add(job(number, created_at=-number))
    under_test.calls.clear()
    page = jobs.page("all", "all", limit=103)
    assert [found.id for found in page.items] == list(range(103, 0, -1))
    batches = [sent["RequestItems"][under_test.name] for name, sent in under_test.calls if name == "BatchGetItem"]
    assert [(len(batch["Keys"]), batch["ConsistentRead"]) for batch in batches] == [(100, True), (3, True)]


def test_tasks_alone_may_be_read_as_they_were(under_test: TableUnderTest) -> None:
    """Each minute looks at all of them, at half the price, and begins one on a condition. All else is read as it is.

    So is a machine's sign of life: whoever ends one for its silence must not have looked at an older one.
    """
    tasks, jobs = under_test.records(TASKS), under_test.records(JOBS)
    tasks.add(Task("sweep"))
    jobs.add(job(1))
    under_test.calls.clear()
    assert tasks.get("sweep") == Task("sweep")
    assert jobs.get("1") == job(1)
    under_test.assignments(ROLE_ID).get(ORDER.machine)
    assert [sent["ConsistentRead"] for name, sent in under_test.calls if name == "GetItem"] == [False, True, True]


def test_an_item_that_another_program_spoilt_is_unavailable(under_test: TableUnderTest) -> None:
    """Of a state that this version does not know: somebody must look, and the message comes again."""
    jobs = under_test.records(JOBS)
    jobs.add(job(1))
    under_test.put({**under_test.item("JOB#1"), "state": {"S": "puzzled"}})
    with pytest.raises(Unavailable, match="JOB#1"):
        jobs.get("1")


def test_an_assignment_stands_where_and_as_its_machine_reads_it(under_test: TableUnderTest) -> None:
    """Under the machine's own ``aws:userid``; the body is the message, packed, and a week later it may be forgotten."""
    under_test.assignments(ROLE_ID).put(ORDER)
    item = under_test.item(f"{ROLE_ID}:{ORDER.machine}", "ASSIGNMENT")
    assert message_from_data(unpacked(item.pop("body")["B"])) == ORDER
    assert item == {
        "pk": {"S": f"{ROLE_ID}:{ORDER.machine}"},
        "sk": {"S": "ASSIGNMENT"},
        "runner_name": {"S": ORDER.runner_name},
        "runner_id": {"N": "11"},
        "created_at": {"N": str(NOON)},
        "ttl": {"N": str((NOON + 7 * DAY) // SECOND)},
    }


def test_a_receipt_is_read_without_the_secret(under_test: TableUnderTest) -> None:
    """DynamoDB is not asked for the body, so that it is in nobody's memory or log."""
    assignments = under_test.assignments(ROLE_ID)
    assignments.put(ORDER)
    seen: list[Any] = []
    under_test.on_answer("GetItem", lambda answer: seen.append(set(answer["Item"])))
    assert assignments.get(ORDER.machine)
    assert seen == [{"sk", "runner_name", "runner_id"}]


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ({"N": "1795348800000000"}, 1_795_348_800_000_000),
        ({"N": "-1"}, None),
        ({"N": "1.5"}, None),
        ({"S": "soon"}, None),
        ({"BOOL": True}, None),
        ({"L": []}, None),
        (None, None),
    ],
)
def test_a_receipt_tells_when_the_runner_was_ready(
    under_test: TableUnderTest, written: dict[str, Any] | None, read: int | None
) -> None:
    """If the machine says so; it may write into its item what it likes, and that is no whole number then."""
    assignments = under_test.assignments(ROLE_ID)
    assignments.put(ORDER)
    item = under_test.item(f"{ROLE_ID}:{ORDER.machine}", "ASSIGNMENT")
    under_test.put({**item, **({} if written is None else {"ready_at": written})})
    receipt = assignments.get(ORDER.machine)
    assert receipt is not None
    assert receipt.ready_at == read


def test_an_assignment_that_its_machine_discarded_was_not_taken(under_test: TableUnderTest) -> None:
    """The body is gone, and nobody ran it."""
    assignments = under_test.assignments(ROLE_ID)
    assignments.put(ORDER)
    item = under_test.item(f"{ROLE_ID}:{ORDER.machine}", "ASSIGNMENT")
    del item["body"]
    under_test.put({**item, "discarded_at": {"N": str(NOON + MINUTE)}})
    receipt = assignments.get(ORDER.machine)
    assert receipt is not None
    assert not receipt.taken


def test_an_assignment_whose_answer_was_lost_is_the_one_that_stands(losing: tuple[TableUnderTest, Front]) -> None:
    """The repetition finds the first one's runner, and that is the caller's own."""
    under_test, way = losing
    way.lose["PutItem"] = 1
    receipt = under_test.assignments(ROLE_ID).put(ORDER)
    assert (receipt.runner_name, receipt.taken) == (ORDER.runner_name, False)
    assert way.operations().count("PutItem") == 2
