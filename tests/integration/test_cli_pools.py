"""``paddock pools``: what an operator sees of them."""

import json
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import attrs
import pytest

from paddock.adapters.config import load
from paddock.adapters.system import SystemClock
from paddock.core.pools.pool import Bounds, Stock
from paddock.core.pools.schedule import Targets
from paddock.core.pools.standing import PoolAim, PoolStanding, StandingChange, StandingIs
from paddock.core.runner import Runner
from paddock.core.spec import RunnerSpec
from paddock.core.states import RunnerState
from paddock.core.task import Task
from paddock.core.units import DAY, HOUR, MINUTE, SECOND
from paddock.core.usecases.pools.keep import aim_of
from paddock.core.wallclock import clock_text
from paddock.entrypoints.containers import open_state
from paddock.entrypoints.local.places import Places
from tests.calls import Caller, empty_state
from tests.strategies import NOON
from tests.world.pool_past import AUTO, BY_HAND, Past

CONFIG = """\
version: 1
github:
  webhook_secret: {env: SECRET}
  token: {file: token}
  repositories: [acme/app]
"""


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Caller:
    monkeypatch.setenv("COLUMNS", "240")
    return Caller(capsys)


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """The state of a fleet that has done nothing yet."""
    return empty_state(tmp_path)


def keep(root: Path) -> None:
    """A pool of which one machine is ready, one sleeps and one has a job."""
    here = open_state(Places(root))
    now = SystemClock().now()
    aim = PoolAim(
        RunnerSpec(spot=False, pool="web"), Targets(2, 1), "office", now + HOUR + MINUTE, Targets(), None, most=9
    )
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


def test_eighty_columns_have_a_line_for_each_figure(call: Caller, state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is cut off there: a pool is a column, with everything that a wide terminal shows."""
    keep(state)
    wide = call("pools", "--state", str(state)).out
    monkeypatch.setenv("COLUMNS", "80")
    told = call("pools", "--state", str(state)).out
    assert max(map(len, told.splitlines())) <= 80
    assert "…" not in told
    lines = dict(line.split(None, 1) for line in told.splitlines() if " " in line.strip())
    assert lines["WANTED"].strip() == "2 hot, 1 stopped"
    assert set(wide.split()) <= set(told.split()) | {word for word in wide.split() if "─" in word}


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
    told = call("pools", "--since", "0h", "--state", str(state))
    assert (told.code, told.err) == (1, "paddock: --since = '0h': must be above nothing, such as 24h or 7d\n")


def test_a_plan_is_asked_of_the_fleet(call: Caller, state: Path) -> None:
    """Its own rights are needed for it; for how long it is waited for is told, and then that it was not done."""
    looked_at_pools(state)
    with Places(state).hold():
        told = call("pools", "plan", "--wait", "1s", "--state", str(state))
    assert told.code == 1
    assert told.err.startswith("pools: waiting for the fleet to do it, for 1.0 s at most (--wait)\n")
    assert "pools was not done within 1.0 s" in told.err


def test_a_plan_that_nobody_has_is_not_waited_for(call: Caller, state: Path) -> None:
    """A fleet without pools, and pools without a fleet that runs: each is told at once."""
    with Places(state).hold():
        told = call("pools", "plan", "--state", str(state))
    assert (told.code, told.out) == (1, "")
    assert told.err.startswith("paddock: no fleet here has looked at a pool yet: paddock.yml says")
    looked_at_pools(state)
    told = call("pools", "plan", "--state", str(state))
    assert (told.code, told.out) == (1, "")
    assert told.err.startswith(f"paddock: pools cannot be done: no fleet runs on {state}; start it")


def looked_at_pools(state: Path) -> None:
    """A fleet that has pools was there."""
    with closing(open_state(Places(state))) as here:
        here.table.tasks.add(Task("pools", MINUTE, began_at=NOON))


# -- recommend ------------------------------------------------------------------------------------------------------


def office(root: Path, *, auto: bool = False, days: int = 2) -> None:
    """A pool of one stopped machine that had office hours on these days, and one that nobody asked for anything."""
    here = open_state(Places(root))
    pool = attrs.evolve(AUTO, auto=auto, bounds=AUTO.bounds if auto else Bounds())
    past = Past(pool, BY_HAND, table=here.table, now=SystemClock().now())
    past.office_hours(days)
    for one in (pool, BY_HAND):
        aim = aim_of(one, past.clock.now(), "")
        begin = past.clock.now() // DAY * DAY - days * DAY
        here.table.pools.remove(one.name)
        here.table.pools.add(PoolStanding(one.name, boots=(30 * SECOND,), first_at=begin, aim=aim))
    here.close()


def test_what_demand_asks_for_is_told_with_what_to_write(call: Caller, state: Path) -> None:
    """What holds, what is recommended, what either would have meant for the jobs, why, and keys for paddock.yml."""
    office(state)
    told = call("pools", "recommend", "web", "--since", "2d", "--state", str(state))
    assert (told.code, told.err) == (0, "")
    lines = told.out.splitlines()
    (now,) = [line for line in lines if line.strip().startswith("now ")]
    assert "at all times: 0 hot and 1 stopped" in now
    (found,) = [line for line in lines if line.strip().startswith("recommended ")]
    assert "daily 09:00-17:00 UTC: 1 hot and 4 stopped  " in found
    assert any(line.strip().startswith("* replayed, ") for line in lines)
    assert "big" not in told.out


def test_what_it_says_to_write_is_what_it_recommends(call: Caller, state: Path, tmp_path: Path) -> None:
    """The keys, put into a file with the pool's machine, are a configuration with these targets and windows."""
    office(state)
    data = json.loads(call("pools", "recommend", "web", "--since", "2d", "--json", "--state", str(state)).out)
    (pool,) = data["pools"]
    yaml = pool["yaml"].replace("  web:\n", "  web:\n    machine: {cpu: 4}\n")
    path = tmp_path / "paddock.yml"
    path.write_text(f"{CONFIG}{yaml}\n", encoding="utf-8")
    (tmp_path / "token").write_text("t", encoding="utf-8")
    written = load(path).settings.pools["web"]
    wanted = pool["recommended"]
    assert (written.hot, written.stopped, written.schedule.zone) == (wanted["hot"], wanted["stopped"], wanted["zone"])
    assert [
        (clock_text(one.begins), clock_text(one.ends), list(one.days), one.hot, one.stopped)
        for one in written.schedule.windows
    ] == [(one["from"], one["to"], one["days"], one["hot"], one["stopped"]) for one in wanted["windows"]]
    assert wanted["windows"]


def test_scripts_get_the_recommendation_as_json(call: Caller, state: Path) -> None:
    """Both of the pools; what either would have meant, and nothing to paste where nothing is needed."""
    office(state)
    data = json.loads(call("pools", "recommend", "--since", "2d", "--json", "--state", str(state)).out)
    big, web = data["pools"]
    assert (data["version"], big["pool"], web["pool"]) == (1, "big", "web")
    assert web["changes"] is True
    for which in ("now", "recommended"):
        expected = web[which]["expected"]
        assert expected["hot"] + expected["stopped"] + expected["cold"] == web["jobs"] > 0
    assert (web["now"]["expected"]["hot"], web["recommended"]["expected"]["stopped"]) == (0, 0)
    assert (big["jobs"], big["changes"], big["yaml"]) == (0, True, None)


def test_a_pool_that_nobody_needs_is_told(call: Caller, state: Path) -> None:
    """There are no keys for a pool that keeps nothing: it would be refused."""
    office(state)
    told = call("pools", "recommend", "big", "--state", str(state))
    assert "No job needs it: remove the pool" in told.out


def test_a_pool_that_follows_demand_needs_no_keys(call: Caller, state: Path) -> None:
    """Its fleet does that by itself."""
    office(state, auto=True)
    told = call("pools", "recommend", "web", "--state", str(state))
    assert "pool_sizing sets its targets itself, not yet" in told.out
    assert "pools:" not in told.out


def test_a_pool_too_young_to_be_sized_says_so(call: Caller, state: Path) -> None:
    """With since when it is known, and no guess."""
    office(state, days=0)
    here = open_state(Places(state))
    here.table.pools.update("big", StandingIs(), StandingChange(aim=None))
    here.close()
    told = call("pools", "recommend", "--state", str(state))
    assert told.code == 0
    assert "nothing can be said yet: the pool is known since" in told.out
    assert "no fleet has looked at it yet" in told.out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("recommend", "--since", "1h"), ("--since", "1h", "a day or more")),
        (("recommend", "nosuch"), ("nosuch", "no fleet has looked")),
        (("show", "web"), ("POOL", "web", "recommend")),
        (("show", "--simulate"), ("--simulate", "show", "recommend")),
        (("recommend", "--workload", "day.csv"), ("--workload", "day.csv", "--simulate")),
        (("recommend", "--simulate", "--seed", "-1"), ("--seed", "-1", "0 or more")),
        (("recommend", "--simulate", "--workload", "day.csv"), ("--workload", "day.csv", "no such file")),
    ],
)
def test_what_makes_no_sense_is_refused(call: Caller, state: Path, words: Sequence[str], said: Sequence[str]) -> None:
    """By its name, its value, and what would be right."""
    keep(state)
    told = call("pools", *words, "--state", str(state))
    assert told.code == 1
    assert all(word in told.err for word in said)


def test_a_fleet_without_pools_has_nothing_to_recommend(call: Caller, state: Path) -> None:
    """With where pools are set up; as JSON there are none."""
    told = call("pools", "recommend", "--state", str(state))
    assert (told.code, "paddock.yml" in told.out) == (0, True)
    assert json.loads(call("pools", "recommend", "--json", "--state", str(state)).out)["pools"] == []


def test_the_simulator_is_asked_too(call: Caller, state: Path) -> None:
    """Both fleets serve every job that was asked of the pool on a day."""
    office(state, days=1)
    told = call("pools", "recommend", "web", "--simulate", "--state", str(state))
    assert told.code == 0
    (title,) = [line for line in told.out.splitlines() if line.startswith("Simulated: ")]
    rows = told.out.partition(title)[2].splitlines()
    served = [line.split()[:3] for line in rows if line.strip().startswith(("now", "recommended"))]
    assert served == [["now", "240", "240"], ["recommended", "240", "240"]]


def test_without_a_job_there_is_nothing_to_simulate(call: Caller, state: Path) -> None:
    """That is said, and as JSON it is null."""
    office(state, days=1)
    told = call("pools", "recommend", "big", "--simulate", "--state", str(state))
    assert (told.code, "nothing to simulate" in told.out) == (0, True)
    assert (
        json.loads(call("pools", "recommend", "big", "--simulate", "--json", "--state", str(state)).out)["simulated"]
        is None
    )
