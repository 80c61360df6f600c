"""Which tests of the table run on a second DynamoDB, and which cannot, is said for each of them and on the page."""

import re
from pathlib import Path

from tests.external.test_dynalite import SUITES, TRANSACTIONS

ROOT = Path(__file__).parents[3]
TESTS = ROOT / "tests" / "integration"
OPENS = re.compile(r"\btable_of\(|from tests\.integration\.contracts\.(records|assignments)_adapters")
MEMORY = {"test_circuits_in_threads.py"}
"""What takes adapters of records from there, and leaves DynamoDB's out."""


def test_every_test_of_the_table_is_run_on_dynalite_or_cannot_be() -> None:
    """None is forgotten, and none is in both."""
    files = [file for file in TESTS.rglob("test_*.py") if OPENS.search(file.read_text(encoding="utf-8"))]
    found = {str(file.relative_to(TESTS)) for file in files} - MEMORY
    assert found == set(SUITES) | set(TRANSACTIONS)
    assert set(SUITES).isdisjoint(TRANSACTIONS)


def test_the_page_names_them() -> None:
    """Those that run there, and those that cannot, with the reason."""
    page = (ROOT / "docs" / "table.md").read_text(encoding="utf-8").partition("## What no test here has shown\n")[2]
    rows = dict(re.findall(r"^\| (.+) \| (yes|no: no transactions) \|$", page, re.MULTILINE))
    told = {suite: said for suites, said in rows.items() for suite in re.findall(r"`([^`]+)`", suites)}
    assert told == {**dict.fromkeys(SUITES, "yes"), **dict.fromkeys(TRANSACTIONS, "no: no transactions")}
