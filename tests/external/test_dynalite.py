"""The contracts of records and assignments on dynalite: a second opinion on keys, expressions and validation.

It handles one write of an item at a time, as DynamoDB does and moto does not; and it does not say what stands where a
condition failed, so that the adapter has to look. Needs the npm package ``dynalite``, so it is outside the default test
paths: ``nox -s dynalite`` installs it and names its folder in ``PADDOCK_DYNALITE``.
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest
from botocore.exceptions import ClientError

from paddock.adapters.aws.clients import Clients
from tests.aws.judge import REGION
from tests.aws.table import VARIABLE, session

FOLDER = "PADDOCK_DYNALITE"
ROOT = Path(__file__).parents[2]
SUITES = {
    "contracts/test_records.py": 46,
    "contracts/test_records_model.py": 1,
    "contracts/test_assignments.py": 8,
    "contracts/test_paces.py": 3,
    "aws/test_dynamodb.py": 22,
}
"""Where the tests are, and how many of them at least must pass."""

TRANSACTIONS: Final = ("contracts/test_together.py", "contracts/test_handover.py", "aws/test_dynamodb_steps.py")
"""Where the tests are that dynalite cannot run: it has no transactions, and so no steps of several records."""

DIFFERENCES: Mapping[str, str] = {
    "test_the_table_is_made_as_it_is_defined": "dynalite has neither times to live nor backups",
    "test_each_method_makes_the_requests_that_it_promises": "a refusal of dynalite does not show what stands there",
}
"""Tests that must fail here, and why."""

_SERVER = """
require(process.argv[1])({createTableMs: 0, deleteTableMs: 0}).listen(0, "127.0.0.1", function () {
  console.log(this.address().port);
});
"""


def package() -> str:
    """Where dynalite is."""
    named = os.environ.get(FOLDER, "")
    for candidate in (Path(named), Path(named) / "dynalite", Path(named) / "node_modules" / "dynalite"):
        if named and (candidate / "cli.js").is_file():
            return str(candidate.resolve())
    return pytest.fail(
        f"{FOLDER} = {named!r}: must be the folder of the npm package dynalite, or the node_modules folder that holds "
        "it; `nox -s dynalite` installs it and sets the variable"
    )


@contextmanager
def running() -> Iterator[str]:
    """A server with nothing in it, at an address of its own; it is gone afterwards."""
    with subprocess.Popen(["node", "-e", _SERVER, package()], stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            yield f"http://127.0.0.1:{int(server.stdout.readline())}"
        finally:
            server.terminate()


@pytest.mark.parametrize("suite", SUITES)
def test_the_table_is_on_dynalite_what_it_is_on_moto(suite: str) -> None:
    """The very tests that run on moto, in a process of their own: none is left out, and those fail that must."""
    with running() as url:
        command = [sys.executable, "-m", "pytest", "-q", "-n", "0", "-p", "no:cacheprovider", "-k", "dynamodb"]
        ran = subprocess.run(
            [*command, f"tests/integration/{suite}"],
            env={**os.environ, VARIABLE: url},
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
    failed = set(re.findall(r"^(?:FAILED|ERROR) \S+::(\w+)", ran.stdout, re.MULTILINE))
    assert failed == (set(DIFFERENCES) if suite.startswith("aws/") else set()), ran.stdout[-4000:]
    passed = re.search(r"(\d+) passed", ran.stdout)
    assert passed, ran.stdout[-1000:] + ran.stderr[-1000:]
    assert int(passed[1]) >= SUITES[suite]


def test_dynalite_has_no_transactions() -> None:
    """If it ever has, what is left out here can be run here, too."""
    with running() as url:
        clients = Clients(REGION, {"dynamodb": url}, session=session())
        with pytest.raises(ClientError, match="UnknownOperationException"):
            clients.dynamodb.transact_write_items(TransactItems=[{"Put": {"TableName": "none", "Item": {}}}])
        clients.close()
