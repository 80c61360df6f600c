"""``paddock pools``: what an operator sees of them."""

import json
from pathlib import Path

import pytest

from paddock.adapters.system import SystemClock
from paddock.core.pool import Stock
from paddock.core.pool_standing import PoolAim, PoolStanding
from paddock.core.runner import Runner
from paddock.core.schedule import Targets
from paddock.core.states import RunnerState
from paddock.core.units import HOUR, MINUTE
from paddock.entrypoints.containers import open_state
from paddock.entrypoints.local.places import Places
from tests.calls import Caller


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Caller:
    monkeypatch.setenv("COLUMNS", "240")
    return Caller(capsys)


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """The state of a fleet that has done nothing yet."""
    places = Places(tmp_path / "state")
    places.make()
    open_state(places).close()
    return places.root


def keep(root: Path) -> None:
    """A pool of which one machine is ready, one sleeps and one has a job."""
    here = open_state(Places(root))
    now = SystemClock().now()
    aim = PoolAim("4 vCPU", Targets(2, 1), "office", now + HOUR + MINUTE, Targets(), None, most=9)
    here.table.pools.add(PoolStanding("web", aim=aim))
    for number, runner_state in enumerate((RunnerState.READY, RunnerState.STOPPED, RunnerState.BUSY)):
        taken = runner_state is RunnerState.BUSY
        runner = Runner(
            machine=f"m-{number}",
            repository="acme/app" if taken else "",
            labels=(),
            launch_id="l",
            state=runner_state,
            assigned_job=7 if taken else None,
            served_job=7 if taken else None,
            pool="web",
            stock=Stock.HOT,
            spare_of=None if taken else "web",
            price=96_000,
            launched_at=now - 2 * HOUR,
            ready_at=now - 2 * HOUR + MINUTE,
            busy_at=now - HOUR if taken else None,
        )
        here.table.runners.add(runner)
    here.close()


def test_pools_are_shown_with_what_is_there_and_what_they_did(call: Caller, state: Path) -> None:
    """Targets, counts by state, hits, what idles, and what comes next."""
    keep(state)
    told = call("pools", "--state", str(state))
    (line,) = [line for line in told.out.splitlines() if "web" in line]
    assert told.code == 0
    assert "2 hot, 1 stopped" in line
    assert "100 %" in line
    assert "0 hot, 0 stopped in 1 h 00 min" in line
    assert "office" in line


def test_scripts_get_the_same_as_json(call: Caller, state: Path) -> None:
    """Numbers as they are, moments by RFC 3339."""
    keep(state)
    told = call("pools", "--json", "--state", str(state))
    data = json.loads(told.out)
    (pool,) = data["pools"]
    assert data["version"] == 1
    assert pool["spares"] == {"ready": 1, "stopped": 1}
    assert pool["busy"] == 1
    assert pool["jobs"] == {"hot": 1, "stopped": 0, "overflow": 0}
    assert pool["wanted"] == {"hot": 2, "stopped": 1}
    assert pool["idle_cost_micro_usd"] > 0


def test_where_there_is_none_that_is_said(call: Caller, state: Path) -> None:
    """With where pools are set up."""
    told = call("pools", "--state", str(state))
    assert (told.code, "paddock.yml" in told.out) == (0, True)


def test_a_span_that_is_none_is_refused(call: Caller, state: Path) -> None:
    """By its option, its value and what would be right."""
    told = call("pools", "--since", "soon", "--state", str(state))
    assert told.code == 1
    assert "--since" in told.err
    assert "24h" in told.err


def test_a_plan_is_asked_of_the_fleet(call: Caller, state: Path) -> None:
    """Its own rights are needed for it; where no fleet runs, that is told."""
    told = call("pools", "plan", "--wait", "0s", "--state", str(state))
    assert told.code == 1
    assert "no fleet did pools" in told.err
