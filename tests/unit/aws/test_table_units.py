"""The prices of requests to DynamoDB, by hand."""

import re
from pathlib import Path
from typing import Any

import pytest

from paddock.adapters.aws.dynamodb.values import Item
from paddock.core.messages import RunnerPackage
from tests.agent.runner_package import assignment
from tests.aws.table_units import KB, assigned, priced, read, size, written
from tests.bench.table_steps import by_write, shown

PLACED: Item = {"pk": {"S": "JOB#1"}, "sk": {"S": "RECORD"}, "o": {"S": "0#1"}}

ROOT = Path(__file__).parents[3]


def indexed(*values: str, **fields: Any) -> Item:  # noqa: ANN401 - typed values
    """An item with these values in its indexes."""
    return {**PLACED, **{f"i{number}": {"S": value} for number, value in enumerate(values, start=1)}, **fields}


def test_an_item_is_as_large_as_its_names_and_values() -> None:
    """Texts and bytes by bytes, numbers by pairs of digits and one, truths and nothing by one."""
    item: Item = {"ab": {"S": "ü"}, "n": {"N": "123"}, "m": {"N": "-1234"}, "t": {"BOOL": True}, "x": {"NULL": True}}
    assert size(item) == (2 + 2) + (1 + 3) + (1 + 3) + (1 + 1) + (1 + 1)
    assert size({"b": {"B": b"\xff\0\1"}}) == 1 + 3


@pytest.mark.parametrize(
    ("before", "after", "units"),
    [
        ({}, {}, 1),  # a condition that failed where nothing stands, a removal of nothing
        ({}, PLACED, 1),
        ({}, indexed("a", "b"), 3),
        (indexed("a", "b"), indexed("a", "b", reason={"S": "x"}), 1),
        (indexed("a", "b"), indexed("c", "b"), 3),  # out of one place, into another
        (indexed("a"), PLACED, 2),
        (indexed("a"), indexed("a", o={"S": "1#1"}), 3),  # it moves within the index
        ({**PLACED, "x": {"S": "x" * 1_100}}, PLACED, 2),
        (PLACED, {**PLACED, "x": {"S": "x" * 2_100}}, 3),
        (indexed("a"), {}, 2),
    ],
)
def test_a_write_costs_its_kilobytes_and_its_entries(before: Item, after: Item, units: int) -> None:
    """The larger of before and after counts; keys alone are in the indexes, so nothing else is written there."""
    assert written(before, after) == units


def test_a_read_costs_a_unit_for_four_kilobytes() -> None:
    """Also if nothing is there."""
    assert [read({}), read(PLACED), read({"x": {"S": "x" * 4_096}})] == [1, 1, 2]


def test_the_account_of_a_job_is_complete() -> None:
    """Every store that a job needs has its line, and ten jobs at once cost no more than ten alone."""
    alone, ten = priced(1), priced(10)
    stores = {what.partition(".")[0] for what in alone.calls}
    assert stores >= {"together", "give", "machine", "close"}
    assert alone.calls["give"] == alone.calls["machine.take"] == alone.calls["close"] == 1
    # Of what a warm function remembers: one question for a batch, whether the fleet is paused or anything is new.
    assert [name for name in ("switches.get", "shortages.page", "circuits.page") if alone.calls[name]] == [
        "switches.get"
    ]
    assert alone.calls["switches.get"] == ten.calls["switches.get"] == 1
    assert ten.dollars(10) <= alone.dollars(1)
    for account in (alone, ten):
        assert sum(account.writes.values()) == sum(line.table + line.index for line in account.lines)
    assert shown(alone, ten).row_count == len({**by_write(alone), **by_write(ten)}) + 2


def test_the_tables_page_says_what_a_job_costs() -> None:
    """Its figures are those that the command prints."""
    page = (ROOT / "docs" / "table.md").read_text(encoding="utf-8")
    told = {
        name: (float(alone), float(ten))
        for name, alone, ten in re.findall(r"^\| ([a-z][^|]*?) \| ([\d.]+) \| ([\d.]+) \|$", page, re.MULTILINE)
    }
    alone, ten = priced(1), priced(10)
    counted = {
        "requests": (sum(alone.calls.values()), sum(ten.calls.values()) / 10),
        "write units": (sum(alone.writes.values()), sum(ten.writes.values()) / 10),
        "of those in indexes": (sum(alone.moves.values()), sum(ten.moves.values()) / 10),
        "read units": (sum(alone.halves.values()) / 2, sum(ten.halves.values()) / 20),
        "dollars per million jobs, at $0.625 and $0.125 per million units": (
            round(alone.dollars(1), 2),
            round(ten.dollars(10), 2),
        ),
    }
    assert {name: told[name] for name in counted} == counted


def test_an_assignment_is_billed_as_one_kilobyte() -> None:
    """Packed, with a secret as real ones are, and with room for longer names."""
    published = dict.fromkeys(("a", "b", "c"), "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d")
    address = "https://github.com/actions/runner/releases/download/v2.336.0/actions-runner-linux-arm64-2.336.0.tar.gz"
    orders = assignment(
        "i-0123456789abcdef0",
        address,
        b"",
        repository="octo-org/octo-repository",
        labels=("paddock/cpu=4/arch=arm64/family=m7g+c7g",),
        package=RunnerPackage("2.336.0", address, published["a"], address.rpartition("/")[2], published),
        setup_info="Machine: i-0123456789abcdef0\nWhy: the job asks for 4 vCPU, arm64, m7g or c7g, spot if possible",
    )
    item = assigned(orders)
    assert written({}, item) == 1
    assert size(item) < 1_024 - 150
    assert read({**item, "body": {"B": b""}}) == 1


def test_a_step_of_several_is_double_in_the_table_alone() -> None:
    """Its entries in indexes are made afterwards, as those of any other write; of a job every item has one kilobyte."""
    found = by_write(priced(1))
    assert found["job finished, runner draining", "JOB"][1:] == (2, 1)
    assert found["machine takes its orders", "ASSIGNMENT"][1:] == (1, 0)
    assert {table for step, record in found for table in found[step, record][1:2]} == {1, 2}
    assert max(size for size, _, _ in found.values()) < KB
