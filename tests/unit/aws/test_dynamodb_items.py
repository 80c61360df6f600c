"""Records as items of DynamoDB, without DynamoDB: what is written, how it is read, where it is sorted."""

from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from paddock.adapters.aws.dynamodb.definition import INDEXES, OWN, TABLE
from paddock.adapters.aws.dynamodb.expressions import Expressions
from paddock.adapters.aws.dynamodb.items import Items, order_and_key, place_of
from paddock.core.costs.ledger import Bill, Interval, Phase
from paddock.core.errors import Rejected, Unavailable
from paddock.core.job import Job, JobFacts
from paddock.core.launch import Launch
from paddock.core.pools.pool import Stock
from paddock.core.records import JOBS, KINDS, LAUNCHES, LEDGER, POOLS, RUNNERS, SHORTAGES, Kind, Made, always
from paddock.core.runner import Nap, Runner
from paddock.core.spec import Market, Offer, Range, RunnerSpec
from paddock.core.states import JobState
from paddock.core.units import DAY, SECOND
from tests.aws.table_units import KB, size
from tests.strategies import NOON, RECORDS

JOB = Job(JobFacts(1, 7, "acme/api", ("paddock",), created_at=5))
orders = st.integers(-(2**63), 2**63 - 1)


@attrs.frozen
class Note:
    """A record with a default that is not empty and may be taken away."""

    key: str
    colour: str | None = "red"
    size: int = 3
    tags: tuple[str, ...] = ("new",)
    old: bool = True


NOTES: Kind[Note] = Kind(prefix="NOTE", record=Note, keyed_by=frozenset({"key"}), order=always(0))


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.prefix)
@given(data=st.data())
def test_an_item_is_read_as_the_record_that_was_written(kind: Kind[Any], data: st.DataObject) -> None:
    """Whatever is in it: of types that DynamoDB has, and without what is empty as it is by default."""
    record = data.draw(RECORDS[kind.record])
    items = Items(kind)
    item = items.item(record, NOON, "hand")
    assert items.record(item) == record
    assert {name for value in item.values() for name in value} <= {"S", "N", "BOOL"}
    optional = [
        field for field in attrs.fields(kind.record) if field.default is not attrs.NOTHING and not field.default
    ]
    empty = {field.name for field in optional if getattr(record, field.name) == field.default}
    assert empty.isdisjoint(item)


def test_the_item_of_a_job_stands_as_written_here() -> None:
    """What is in users' tables: whoever changes this must still read that."""
    facts = '{"created_at":5,"job_id":1,"labels":["paddock"],"repository":"acme/api","run_attempt":1,"run_id":7}'
    job = attrs.evolve(JOB, machine="i-1", launch=2, on_demand=True)
    assert Items(JOBS).item(job, NOON, "hand") == {
        "pk": {"S": "JOB#1"},
        "sk": {"S": "RECORD"},
        "facts": {"S": facts},
        "state": {"S": "queued"},
        "machine": {"S": "i-1"},
        "launch": {"N": "2"},
        "on_demand": {"BOOL": True},
        "i1": {"S": "JOB#live#queued"},
        "i2": {"S": "JOB#all#all"},
        "o": {"S": "09223372036854775813#1"},
        "w": {"S": "hand"},
        "ttl": {"N": str((NOON + 90 * DAY) // SECOND)},
    }


def test_a_default_that_is_not_empty_is_written_and_what_is_missing_has_it() -> None:
    """A default that changes changes no record; a field that came later has its default, and conditions know it."""
    items = Items(NOTES)
    item = items.item(Note("a"), NOON, "hand")
    assert (item["colour"], item["size"], item["old"]) == ({"S": "red"}, {"N": "3"}, {"BOOL": True})
    assert items.record({"pk": item["pk"], "key": item["key"]}) == Note("a")
    made = Expressions()
    assert made.condition(items, {"size": 3}) == "attribute_exists(#pk) AND (attribute_not_exists(#size) OR #size = :0)"
    assert made.parameters()["ExpressionAttributeValues"] == {":0": {"N": "3"}}
    assert Expressions().condition(items, {"size": 4}) == "attribute_exists(#pk) AND (#size = :0)"


def test_a_value_that_was_taken_away_is_none_and_not_the_default() -> None:
    """So is what is empty where the default is not."""
    items = Items(NOTES)
    bare = Note("a", None, 0, (), old=False)
    item = items.item(bare, NOON, "hand")
    assert item["colour"] == {"NULL": True}
    assert items.record(item) == bare


def test_what_stands_within_a_field_is_written_alike() -> None:
    """Empty defaults are left out there, too, at any depth; what is empty and required stays."""
    items = Items(LAUNCHES)
    launch = Launch("l-1", RunnerSpec(cpu=Range(4)), Market.SPOT, (), 0, without=(Offer("", "m7i.large"),))
    item = items.item(launch, NOON, "hand")
    assert item["spec"] == {"S": '{"arch":"x64","cpu":{"least":4},"retry":"when-interrupted","spot":true}'}
    assert item["without"] == {"S": '[{"instance_type":"m7i.large","zone":""}]'}
    assert item["jobs"] == {"S": "[]"}
    assert "machines" not in item
    assert items.record(item) == launch


def test_an_attribute_of_another_version_is_ignored() -> None:
    """A field that only a newer program knows is no reason to fail."""
    items = Items(JOBS)
    assert items.record({**items.item(JOB, NOON, "hand"), "mood": {"L": [{"S": "x"}]}}) == JOB


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("state", {"S": "puzzled"}),
        ("launch", {"S": "2"}),
        ("facts", {"S": "{"}),
        ("facts", {"S": "{}"}),
        ("wakes", {"L": []}),
    ],
    ids=str,
)
def test_an_item_that_cannot_be_read_says_which(name: str, value: dict[str, Any]) -> None:
    """A state that is not known, another type, broken JSON, a missing field: somebody must look at it."""
    items = Items(JOBS)
    with pytest.raises(Unavailable, match="JOB#1 in the table cannot be read"):
        items.record({**items.item(JOB, NOON, "hand"), name: value})


def test_a_missing_field_that_must_be_there_cannot_be_read() -> None:
    """Nothing stands for a fact that has no default."""
    item = Items(JOBS).item(JOB, NOON, "hand")
    del item["facts"]
    with pytest.raises(Unavailable, match="facts"):
        Items(JOBS).record(item)


@given(st.lists(st.tuples(orders, st.text(max_size=5)), max_size=8))
def test_an_index_sorts_by_order_and_then_by_key(places: list[tuple[int, str]]) -> None:
    """DynamoDB compares bytes; the order of the bytes is that of numbers and texts, and they come back from it."""
    sorted_by_bytes = sorted(places, key=lambda place: place_of(*place).encode())
    assert sorted_by_bytes == sorted(places)
    assert [order_and_key(place_of(*place)) for place in places] == places


def test_only_what_is_made_of_a_changed_field_moves() -> None:
    """The attributes of other indexes, and the place, are left alone; a value that ends is taken away."""
    jobs, shortages = Items(JOBS), Items(SHORTAGES)
    assert jobs.placed({"launch": 2}, "1") == {}
    assert jobs.placed({"state": JobState.RUNNING}, "1") == {"i1": {"S": "JOB#live#placed"}}
    assert jobs.placed({"state": JobState.FINISHED}, "1") == {"i1": None}
    assert shortages.placed({"until": 7}, "a/b/spot") == {"o": {"S": "09223372036854775815#a/b/spot"}}


def test_a_change_is_one_expression() -> None:
    """What has a value is set, what has none is removed, and every name has a placeholder."""
    made = Expressions()
    assert made.changes({"state": {"S": "x"}, "i1": None, "at": {"N": "1"}}) == "SET #state = :0, #at = :1 REMOVE #i1"
    assert made.parameters() == {
        "ExpressionAttributeNames": {"#state": "state", "#i1": "i1", "#at": "at"},
        "ExpressionAttributeValues": {":0": {"S": "x"}, ":1": {"N": "1"}},
    }


def test_a_set_of_values_is_split_at_the_limit_and_always_written_alike() -> None:
    """At most a hundred operands; None stands apart; a set has no order, its expression has one."""
    items = Items(JOBS)
    made = Expressions()
    condition = made.condition(items, {"launch": frozenset(range(1, 151))})
    assert condition.count(" IN ") == 2
    values = [int(value["N"]) for value in made.parameters()["ExpressionAttributeValues"].values()]
    assert sorted(values) == list(range(1, 151))
    states = {JobState.QUEUED, JobState.RUNNING, JobState.LAUNCHED}
    expected = "attribute_exists(#pk) AND (attribute_not_exists(#state) OR #state IN (:0, :1, :2))"
    assert Expressions().condition(items, {"state": states}) == expected
    mixed = Expressions().condition(items, {"machine": {None, "i-1"}})
    assert mixed == "attribute_exists(#pk) AND (attribute_not_exists(#machine) OR #machine = :0 OR #machine = :1)"


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.prefix)
def test_what_is_kept_for_a_time_says_until_when(kind: Kind[Any]) -> None:
    """In whole seconds, counted from the write; what is kept for ever says nothing."""
    stamp = Items(kind).stamp(NOON, "hand")
    assert stamp["w"] == {"S": "hand"}
    assert stamp.get("ttl") == (None if kind.kept is None else {"N": str((NOON + kind.kept) // SECOND)})


def test_what_is_configured_or_still_in_force_is_kept_for_ever() -> None:
    """Pools, circuits, switches and tasks are never forgotten; everything else is, some day."""
    assert {kind.prefix for kind in KINDS if kind.kept is None} == {"POOL", "CIRCUIT", "CONFIG", "TASK"}


def test_the_table_has_room_for_every_kind() -> None:
    """As many indexes as the kind with the most, keys alone in them, and no field with a name of the table's own."""
    assert max(len(kind.indexes) for kind in KINDS) == len(INDEXES) == len(RUNNERS.indexes)
    assert [index["Projection"] for index in TABLE["GlobalSecondaryIndexes"]] == [{"ProjectionType": "KEYS_ONLY"}] * 3
    names = {field.name for kind in KINDS for field in attrs.fields(kind.record)}
    assert OWN.isdisjoint(names)
    four: dict[str, Made[str | None]] = {name: always("x") for name in "abcd"}
    with pytest.raises(ValueError, match="over 3 indexes"):
        Items(attrs.evolve(POOLS, indexes=four))


def test_a_bill_of_every_phase_and_usual_names_is_below_a_kilobyte() -> None:
    """Beyond that each write of it would cost twice."""
    once = (Phase.BOOT, Phase.IDLE, Phase.JOB, Phase.DRAIN, Phase.MINIMUM)
    assert 800 < size(Items(LEDGER).item(a_bill(*once), NOON, "0" * 12)) <= KB


def test_a_bill_of_a_machine_that_slept_four_times_is_below_two() -> None:
    """So each nap is some 270 bytes; one of them alone fits into the first kilobyte."""
    slept = (Phase.BOOT, Phase.IDLE, Phase.SLEEP)
    sizes = [
        size(Items(LEDGER).item(a_bill(*slept * naps, *slept[:2], Phase.JOB, Phase.DRAIN), NOON, "0" * 12))
        for naps in range(5)
    ]
    assert sizes[1] <= KB < sizes[2]
    assert sizes[4] <= 2 * KB


def a_bill(*phases: Phase) -> Bill:
    """A bill with usual names."""
    intervals = tuple(
        Interval(
            phase, NOON + 5 * DAY, *((0, 1_234_567, 0) if phase is Phase.SLEEP else (12_345_678, *[1_234_567] * 2))
        )
        for phase in phases
    )
    return Bill(
        machine="i-0123456789abcdef0",
        start=NOON,
        intervals=intervals,
        instance_type="m7gd.metal-48xl",
        market=Market.ON_DEMAND,
        repository="an-organisation-of-some-size/a-repository-with-a-name",
        workflow="Continuous integration of everything",
        job_id=98_765_432_109,
        pool="a-pool-with-a-name",
        disk=100,
        disk_used=60,
    )


def test_the_naps_of_a_machine_are_json_within_its_item() -> None:
    """Without what is not known yet, so a nap that gets a moment is told from one that has none."""
    runner = Runner("i-1", "acme/api", (), "l-1", stock=Stock.STOPPED, naps=(Nap(5, 7, 9), Nap(11)))
    item = Items(RUNNERS).item(runner, NOON, "hand")
    assert item["naps"] == {"S": '[{"stopped_at":5,"up_at":9,"woken_at":7},{"stopped_at":11}]'}
    assert item["stock"] == {"S": "stopped"}
    assert Items(RUNNERS).record(item) == runner


def test_a_key_or_an_index_value_that_is_too_long_is_refused() -> None:
    """DynamoDB allows 2,048 bytes for the one, 1,024 for where it is sorted; bytes, not characters."""
    assert Items(RUNNERS).possible("i" * 1_003)
    assert not Items(RUNNERS).possible("i" * 1_004)
    assert not Items(RUNNERS).possible("ü" * 502)
    assert Items(NOTES).possible("n" * 2_043)
    assert not Items(NOTES).possible("n" * 2_044)
    with pytest.raises(Rejected, match="too long"):
        Items(NOTES).item(Note("n" * 2_044), NOON, "hand")
    by_workflow = attrs.evolve(LEDGER, indexes={"day": Made("workflow", lambda workflow: workflow)})
    with pytest.raises(Rejected, match="index day"):
        Items(by_workflow).placed({"workflow": "w" * 2_000}, "1")


def test_a_number_of_too_many_digits_is_refused() -> None:
    """DynamoDB keeps 38; moto takes more."""
    with pytest.raises(Rejected, match="38 digits"):
        Items(JOBS).field("launch").typed(10**38)
    assert Items(JOBS).field("launch").typed(10**38 - 1) == {"N": "9" * 38}
    assert Items(SHORTAGES).field("market").typed(Market.SPOT) == {"S": "spot"}
