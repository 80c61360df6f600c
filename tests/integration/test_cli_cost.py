"""``paddock cost``: what an operator and his scripts are told."""

import csv
import io
import json
from pathlib import Path

import attrs
import pytest

from paddock.adapters.system import SystemClock
from paddock.core.costs.bill import bill_of
from paddock.core.costs.ledger import Rates
from paddock.core.runner import Runner
from paddock.core.spec import Market
from paddock.core.states import RunnerState
from paddock.core.units import HOUR, MINUTE
from paddock.entrypoints.containers import open_state
from paddock.entrypoints.local.places import Places
from tests.calls import Caller, empty_state
from tests.contracts import breaches

AMOUNTS = ("compute_micro_usd", "storage_micro_usd", "network_micro_usd")


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Caller:
    monkeypatch.setenv("COLUMNS", "240")
    return Caller(capsys)


@pytest.fixture
def state(tmp_path: Path) -> str:
    """The state of a fleet that has done nothing yet."""
    return str(empty_state(tmp_path))


def keep(state: str, repository: str = "acme/api", price: int = 120_000) -> None:
    """Two machines that ended, of workflows with hostile names; of the second the price is unknown."""
    here = open_state(Places(Path(state)))
    now = SystemClock().now()
    first = Runner(
        machine="m-1",
        repository=repository,
        labels=(),
        launch_id="l",
        state=RunnerState.GONE,
        assigned_job=7,
        served_job=7,
        instance_type="m7i.large",
        market=Market.SPOT,
        price=price,
        disk=40,
        workflow="=HYPERLINK(1)\x1b[31m",
        launched_at=now - 3 * HOUR,
        ready_at=now - 3 * HOUR + MINUTE,
        busy_at=now - 3 * HOUR + 2 * MINUTE,
        gone_at=now - 2 * HOUR,
    )
    second = attrs.evolve(first, machine="m-2", repository="acme/web", price=None, assigned_job=8, served_job=8)
    for runner in (first, second):
        here.table.ledger.add(bill_of(runner, None, Rates()))
    here.close()


def test_costs_are_shown_with_what_is_unknown(call: Caller, state: str) -> None:
    """A line for each, all of them below, a mark where a price is missing and a sentence that says how much."""
    keep(state)
    told = call("cost", "--state", state)
    lines = {line.split()[0]: line for line in told.out.splitlines() if line.strip()}
    assert told.code == 0
    assert "$0.1200 " in lines["acme/api"]
    assert "?" in lines["acme/web"]
    assert "?" in lines["all"]
    assert "1.0 hours have no known price" in told.out


def test_eighty_columns_hold_every_figure(call: Caller, state: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is cut off there: a name wraps, its figures stand in two tables that both end with the total."""
    name = "acme/" + "a-repository-of-a-long-name" * 3
    keep(state, name, price=9_999_999_999)
    wide = call("cost", "--state", state).out
    monkeypatch.setenv("COLUMNS", "80")
    told = call("cost", "--state", state).out
    assert "…" not in told
    assert max(map(len, told.splitlines())) <= 80
    assert set(wide.split()) - {name} <= set(told.split()) | {word for word in wide.split() if "─" in word}
    assert told.count("TOTAL") == told.count("REPO ") == 2
    assert "".join(line.split()[0] for line in told.splitlines() if line.strip()).count(name) == 2


def test_a_hostile_name_reaches_no_terminal_and_no_formula(call: Caller, state: str) -> None:
    """Control characters are made visible, and a spreadsheet gets text."""
    keep(state)
    shown = call("cost", "--by", "workflow", "--state", state)
    assert "\x1b" not in shown.out
    rows = list(csv.DictReader(io.StringIO(call("cost", "--by", "workflow", "--csv", "--state", state).out)))
    assert all("\x1b" not in row["name"] for row in rows)
    assert len(rows) == 2


@pytest.mark.parametrize("by", ["repo", "workflow", "pool", "type", "day", "market", "phase"])
def test_scripts_get_exact_sums(call: Caller, state: str, by: str) -> None:
    """Whole micro-dollars that add up, as JSON and as CSV."""
    keep(state)
    data = json.loads(call("cost", "--by", by, "--json", "--state", state).out)
    assert breaches("costs", data) == []
    assert (data["version"], data["by"], data["environment"]) == (1, by, "local")
    rows = list(csv.DictReader(io.StringIO(call("cost", "--by", by, "--csv", "--state", state).out)))
    assert {row["environment"] for row in (*data["costs"], *rows)} == {"local"}
    for key in (*AMOUNTS, "total_micro_usd", "unused_micro_usd"):
        assert sum(one[key] for one in data["costs"]) == data["total"][key] == sum(int(row[key]) for row in rows)
    assert data["total"]["total_micro_usd"] == sum(data["total"][key] for key in AMOUNTS)
    assert data["total"]["unpriced_s"] == 3_600
    assert (data["services"], data["spent_micro_usd"]) == ([], data["total"]["total_micro_usd"])


def test_where_nothing_was_that_is_said(call: Caller, state: str) -> None:
    """In words for people, and as an empty list for scripts."""
    told = call("cost", "--state", state)
    assert (told.code, told.out) == (0, "no machine was there in that time\n")
    assert json.loads(call("cost", "--json", "--state", state).out)["costs"] == []


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("--since", "soon"), "--since = 'soon': must be a duration with its unit, such as 24h or 7d"),
        (("--since", "0h"), "--since = '0h': must be above nothing, such as 24h or 7d"),
        (("--json", "--csv"), "--csv"),
        (("--by", "colour"), "colour"),
    ],
)
def test_what_is_asked_wrongly_is_refused(call: Caller, state: str, words: tuple[str, ...], named: str) -> None:
    """The error names what was wrong."""
    told = call("cost", *words, "--state", state)
    assert told.code in {1, 2}
    assert named in told.err
