"""``paddock simulate --waits`` with the real simulator on a small load: cold, stopped and hot waits in their parts."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import pytest

from paddock.adapters.simulation.outcome import Start, Waits
from paddock.adapters.simulation.render.tables import PARTS
from paddock.adapters.simulation.render.waits import BUDGET, Starts
from paddock.core.errors import InvalidInput
from paddock.core.units import HOUR, Moment
from paddock.entrypoints.cli.app import main
from paddock.entrypoints.cli.simulate import simulated
from paddock.entrypoints.simulation.comparison import Order, Size
from paddock.entrypoints.simulation.engine import engine
from paddock.entrypoints.simulation.starts import try_starts
from tests.contracts import breaches

ORDER = Order(until=2 * HOUR, until_text="2h", waits=True)
WATCHED: list[tuple[str, int]] = []


def watch(start: str, size: Size) -> Callable[[Moment, int], None]:
    """Remembers whom it is told of, and how far that one has come."""

    def progress(_: Moment, ended: int) -> None:
        WATCHED.append((start, ended))

    assert size.jobs > 0
    return progress


@pytest.fixture(scope="module")
def starts() -> Starts:
    """The built-in day's first two hours, once with each start."""
    return try_starts(ORDER, engine(), watch)


def test_the_same_load_is_played_once_with_each_start(starts: Starts) -> None:
    """Equal jobs, nothing broken, and progress is told of each by its name."""
    assert list(starts.outcomes) == list(Start)
    assert len({one.jobs.queued for one in starts.outcomes.values()}) == 1
    assert all(one.violations == () for one in starts.outcomes.values())
    assert {start for start, _ in WATCHED} == {"cold", "stopped", "hot"}
    assert max(ended for _, ended in WATCHED) > 0


@pytest.mark.parametrize("start", Start)
def test_the_parts_sum_up_to_the_wait(starts: Starts, start: Start) -> None:
    """Nothing of a wait is in no part: means add up, but for the microsecond that each of them was cut by."""
    wait = starts.outcomes[start].wait
    spreads = [getattr(wait, field) for field, _ in PARTS]
    assert {one.count for one in spreads} == {wait.total.count}
    assert 0 <= wait.total.mean - sum(one.mean for one in spreads) <= len(PARTS)


@pytest.mark.parametrize("start", Start)
def test_our_own_decisions_keep_their_budget(starts: Starts, start: Start) -> None:
    """Whatever the machines take: 95 of 100 decisions take at most a second."""
    decision = starts.outcomes[start].wait.decision
    assert decision.count > 100
    assert 0 < decision.p50 <= decision.p95 <= BUDGET


def test_a_hot_machine_is_sooner_than_a_stopped_one_and_that_than_a_cold_one(starts: Starts) -> None:
    """As are their parts that the start is about; webhook and handshake are what they are."""

    def ordered(of: Callable[[Waits], int]) -> bool:
        cold, stopped, hot = (of(starts.outcomes[start].wait) for start in Start)
        return hot < stopped < cold

    assert ordered(lambda wait: wait.total.p50)
    assert ordered(lambda wait: wait.cloud.p50)
    assert ordered(lambda wait: wait.boot.p50)


def test_the_command_prints_it_the_same_each_time(starts: Starts, capsys: pytest.CaptureFixture[str]) -> None:
    """As JSON by its contract, with the command line's own figures; the same seed gives the same."""
    assert simulated(ORDER, engine, as_json=True) == 0
    out, err = capsys.readouterr()
    assert err == ""
    data: dict[str, Any] = json.loads(out)
    assert breaches("waits", data) == []
    assert (data["policy"], data["seed"]) == ("defaults", 1)
    assert [one["start"] for one in data["starts"]] == ["cold", "stopped", "hot"]
    assert [one["wait"]["total"]["p50"] for one in data["starts"]] == [
        starts.outcomes[start].wait.total.p50 for start in Start
    ]
    assert {one["who"] for one in data["starts"][0]["published"]} >= {"RunsOn", "runs-fleet"}
    assert {one["name"] for one in data["inputs"]} >= {"running to the agent", "stopped: running to the agent"}


def test_what_does_not_go_together_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One configuration at a time, and no page; nothing is run."""
    monkeypatch.chdir(tmp_path)
    assert main(["simulate", "--waits", "--out", "report.html"]) == 1
    assert "--out = 'report.html': --waits has no page: leave one of the two out" in capsys.readouterr().err
    two = attrs.evolve(ORDER, configs=(tmp_path / "a.yml", tmp_path / "b.yml"))
    with pytest.raises(InvalidInput, match="--waits takes one configuration"):
        try_starts(two, engine(), watch)
