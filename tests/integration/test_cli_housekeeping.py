"""``paddock housekeeping``: how the tasks go, and one done now."""

from contextlib import closing
from pathlib import Path
from threading import Thread

import pytest

from paddock.adapters.system import RandomIds, SystemClock
from paddock.core.task import EVERY, Task, TaskReport
from paddock.core.units import DAY, HOUR
from paddock.core.usecases.house.housekeeping import MENDS, Housekeeping
from paddock.entrypoints.containers import open_state
from paddock.entrypoints.local.places import Places
from tests.calls import Caller, empty_state


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Caller:
    monkeypatch.setenv("COLUMNS", "240")
    return Caller(capsys)


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """The state of a fleet that has done nothing yet."""
    return empty_state(tmp_path)


def a_sweep(*, dry_run: bool = False, cursor: str = "") -> TaskReport:
    """One that has always one thing to do, which fails."""
    assert cursor == ""
    if dry_run:
        return TaskReport(left=1, acts=("machine m-1 is ended",))
    return TaskReport(2, 1, 1, acts=("machine m-1 is ended",), errors=("machine m-2: Unavailable: away",))


def do_what_is_asked(root: Path) -> None:
    """A fleet's process, until it has done one task."""
    state = open_state(Places(root))
    try:
        keeping = Housekeeping(works={"sweep": a_sweep}, tasks=state.table.tasks, clock=SystemClock(), ids=RandomIds())
        while not state.tasks.get("sweep").asked:
            pass
        assert keeping.when_due("sweep") is not None
    finally:
        state.close()


def test_every_task_is_listed_and_those_that_never_ran_are_seen(call: Caller, state: Path) -> None:
    """With what its last run attempted, did and left."""
    told = call("housekeeping", "status", "--state", str(state))
    assert told.code == 0
    lines = {line.split()[0]: line for line in told.out.splitlines() if line.split()}
    assert set(EVERY) <= set(lines)
    assert all("never ran" in lines[name] for name in EVERY)


def test_eighty_columns_hold_every_figure_and_every_word(
    call: Caller, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is cut off there: words stand below the figures, and wrap."""
    monkeypatch.setenv("COLUMNS", "80")
    ran = Task("stale_registrations", DAY, began_at=SystemClock().now() - 23 * HOUR, report=TaskReport(1234, 1230, 4))
    with closing(open_state(Places(state))) as kept:
        kept.table.tasks.add(ran)
    told = call("housekeeping", "status", "--state", str(state)).out
    assert "…" not in told
    assert max(map(len, told.splitlines())) <= 80
    assert {"TASK", "EVERY", "TRIED", "DONE", "FAILED", "LEFT"} <= set(told.split())
    words = " ".join(told.split())
    assert all(task in words for task in EVERY)
    assert words.count("never ran: nothing starts it") == len(EVERY) - 1
    assert "stale_registrations 24 h 00 min 23 h 00 min ago 1234 1230 4 0" in words
    assert MENDS["mirror"] in words


@pytest.mark.parametrize(("options", "code", "said"), [
    (("--dry-run",), 0, "  machine m-1 is ended"),
    ((), 1, "failed: machine m-2: Unavailable: away"),
])  # fmt: skip
def test_a_task_is_done_by_the_fleet(call: Caller, state: Path, options: tuple[str, ...], code: int, said: str) -> None:
    """The command says how long it waits, and then what came of it; its code says whether that failed in anything."""
    fleet = Thread(target=do_what_is_asked, args=(state,))
    with Places(state).hold():
        fleet.start()
        told = call("housekeeping", "run", "sweep", *options, "--wait", "3m", "--state", str(state))
        fleet.join()
    assert told.code == code
    assert told.err == "sweep: waiting for the fleet to do it, for 3 min 00 s at most (--wait)\n"
    assert said in told.out
    listed = call("housekeeping", "status", "--state", str(state)).out
    assert ("a dry run" in told.out) is bool(options)
    assert ("m-2: Unavailable" in listed) is not bool(options)


@pytest.mark.parametrize(("words", "code", "told"), [
    (("swep",), 1, "there is no task 'swep': it must be one of sweep, sweep_github"),
    (("sweep", "--wait", "soon"), 1, "--wait = 'soon': must be a duration with its unit"),
    (("sweep", "--wait", "0s"), 1, "sweep was not done within 0 ms: no fleet runs, or it has no such task; `paddock"),
])  # fmt: skip
def test_what_cannot_be_done_is_told(call: Caller, state: Path, words: tuple[str, ...], code: int, told: str) -> None:
    """With what would be right, or what to do next."""
    with Places(state).hold():
        said = call("housekeeping", "run", *words, "--state", str(state))
    assert said.code == code
    assert told in said.err


@pytest.mark.parametrize("before", [False, True], ids=["never", "ended"])
def test_without_a_fleet_nobody_is_waited_for(call: Caller, state: Path, *, before: bool) -> None:
    """It is told at once, and nothing is left behind that a later fleet would do unasked."""
    if before:
        Places(state).hold().close()
    said = call("housekeeping", "run", "sweep", "--wait", "3m", "--state", str(state))
    remedy = f"sweep cannot be done: no fleet runs on {state}; start it (`paddock local`), and ask again"
    assert (said.code, said.out, said.err) == (1, "", f"paddock: {remedy}\n")
    with closing(open_state(Places(state))) as kept:
        assert not kept.tasks.get("sweep").asked
