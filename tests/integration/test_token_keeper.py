"""Orders taken by a process of its own: what comes back, what does not, and that nobody is left."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import attrs
import pytest

from paddock.agent.machine.signals import StopRequest
from paddock.agent.reasons import AgentFailure, Reason
from paddock.agent.registration.keeper import KEPT, TokenKeeper
from paddock.agent.registration.program import Ran
from tests.agent.machine import alive, eventually

TOKEN = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
ORDERS = {"job_id": 7, "registration": {"url": "https://github.com/acme/shop", "token": TOKEN}}


@attrs.frozen
class Source:
    """Gives what it is told to, from within whichever process asks."""

    give: Callable[[], object]
    left: Path

    def take(self, patience: int) -> object | None:
        """See `ports.AssignmentSource`."""
        assert patience == 5
        (self.left / "taker").write_text(str(os.getpid()))
        return self.give()

    def discard(self) -> None:
        """See `ports.AssignmentSource`."""
        (self.left / "discarded").touch()


def run(command: Sequence[str], *, directory: Path, environment: Mapping[str, str], patience: int) -> Ran:
    """`program.Run`, plainly."""
    done = subprocess.run(
        command, cwd=directory, env=dict(environment), capture_output=True, text=True, timeout=patience, check=False
    )
    return Ran(done.returncode, done.stdout)


@pytest.fixture
def keeper(tmp_path: Path) -> Iterator[Callable[[Callable[[], object]], TokenKeeper]]:
    """Makes keepers; all are closed."""
    made: list[TokenKeeper] = []
    stop = StopRequest()  # of nobody: its handlers are not installed

    def make(give: Callable[[], object]) -> TokenKeeper:
        made.append(TokenKeeper(Source(give, tmp_path), run, stop))
        return made[-1]

    yield make
    for one in made:
        one.close()
    stop.wake.close()
    stop._waker.close()


def taker(tmp_path: Path) -> int:
    """The process that asked the source."""
    return int((tmp_path / "taker").read_text())


def shell(keeper: TokenKeeper, script: str, directory: Path) -> Ran:
    """Run it with the token in `T`."""
    return keeper(["/bin/sh", "-c", script], directory=directory, environment={"T": KEPT, "U": "plain"}, patience=10)


Make = Callable[[Callable[[], object]], TokenKeeper]


def test_orders_without_a_token_come_as_they_are(keeper: Make, tmp_path: Path) -> None:
    """From a process that is gone by then."""
    one = keeper(lambda: {"job_id": 7, "registration": None})
    assert one.take(5) == {"job_id": 7, "registration": None}
    assert taker(tmp_path) != os.getpid()
    assert not alive(taker(tmp_path))
    with pytest.raises(AgentFailure) as failed:
        shell(one, "true", tmp_path)
    assert failed.value.reason is Reason.AGENT_ERROR


def test_a_token_stays_with_the_process_that_runs_programs_with_it(keeper: Make, tmp_path: Path) -> None:
    """The program has it, its output comes without it, and closing ends who kept it."""
    one = keeper(lambda: ORDERS)
    assert one.take(5) == {"job_id": 7, "registration": {"url": "https://github.com/acme/shop", "token": KEPT}}
    ran = shell(one, 'echo "$T $U"; echo -n "$T" | wc -c; pwd; exit 3', tmp_path)
    assert (ran.exit_code, ran.output.split()) == (3, ["***", "plain", str(len(TOKEN)), str(tmp_path)])
    assert alive(taker(tmp_path))
    one.close()
    one.close()
    assert not alive(taker(tmp_path))


@pytest.mark.parametrize("token", [None, 5, "", ["x"], "x" * 70_000])
def test_what_cannot_be_a_token_is_left_for_the_agent_to_refuse(keeper: Make, token: object) -> None:
    """As is anything else that orders may be."""
    assert keeper(lambda: {"registration": {"token": token}}).take(5) == {"registration": {"token": token}}
    assert keeper(lambda: {"registration": "odd"}).take(5) == {"registration": "odd"}
    assert keeper(lambda: ["odd"]).take(5) == ["odd"]


def test_nothing_is_discarded_but_what_was_not_taken(keeper: Make, tmp_path: Path) -> None:
    """Once it was taken, the secret is gone from where it lay."""
    taken, none = keeper(lambda: ORDERS), keeper(lambda: None)
    taken.take(5)
    taken.discard()
    assert not (tmp_path / "discarded").exists()
    assert none.take(5) is None
    none.discard()
    assert (tmp_path / "discarded").exists()


def test_meanwhile_the_agent_is_at_work(keeper: Make, tmp_path: Path) -> None:
    """It is called when somebody waits for orders, again and again as it wishes, and no more once they are there."""
    turns: list[bool] = []

    def give() -> object:
        eventually((tmp_path / "enough").exists, "turns")
        return ORDERS

    def turn() -> int:
        turns.append(alive(keepers[0]._pid))
        if len(turns) == 3:
            (tmp_path / "enough").touch()
        return 1_000 if len(turns) < 3 else 3_600_000_000

    keepers = [keeper(give)]
    assert keepers[0].take(5, turn) == {
        **ORDERS,
        "registration": {"url": "https://github.com/acme/shop", "token": KEPT},
    }
    assert turns == [True] * 3


def test_what_fails_meanwhile_fails_here(keeper: Make) -> None:
    """Nobody waits for ever with an agent that is broken."""
    one = keeper(lambda: eventually(lambda: False, "never"))
    with pytest.raises(ZeroDivisionError):
        one.take(5, lambda: 1 // 0)


def fails(error: BaseException) -> Callable[[], object]:
    """A source that fails."""

    def give() -> object:
        raise error

    return give


def test_what_fails_there_fails_here(keeper: Make, tmp_path: Path) -> None:
    """With its reason, or the system's number; of what nobody expected, the kind alone."""
    with pytest.raises(AgentFailure, match="nobody there") as failed:
        keeper(fails(AgentFailure(Reason.ASSIGNMENT_TAKEN, "nobody there"))).take(5)
    assert failed.value.reason is Reason.ASSIGNMENT_TAKEN
    with pytest.raises(AgentFailure, match=r"^ZeroDivisionError"):
        keeper(fails(ZeroDivisionError(TOKEN))).take(5)
    one = keeper(lambda: ORDERS)
    one.take(5)
    with pytest.raises(FileNotFoundError):
        one(["/no/such/program"], directory=tmp_path, environment={}, patience=10)
    assert shell(one, "exit 0", tmp_path).exit_code == 0


def test_a_process_that_is_gone_is_a_failure(keeper: Make, tmp_path: Path) -> None:
    """Killed in the midst of it, or while it was not asked."""

    def die() -> object:
        os.kill(os.getpid(), signal.SIGKILL)
        return None

    with pytest.raises(AgentFailure, match="is gone"):
        keeper(die).take(5)
    one = keeper(lambda: ORDERS)
    one.take(5)
    os.kill(taker(tmp_path), signal.SIGKILL)
    with pytest.raises((AgentFailure, BrokenPipeError)):
        shell(one, "true", tmp_path)


STOPPED = """
import os, signal, sys, threading, time
from pathlib import Path
from paddock.agent.machine.signals import StopRequest
from paddock.agent.reasons import Stopped
from paddock.agent.registration.keeper import TokenKeeper
from tests.agent.machine import eventually
from tests.integration.test_token_keeper import ORDERS, Source, run, shell

how, here = sys.argv[1], Path(sys.argv[2])

def give():
    try:
        (here / "asked").touch()
        if how != "running":
            time.sleep(60)
    except Stopped:
        if how in ("waiting", "elsewhere"):
            raise
    return ORDERS

stop = StopRequest()
stop.install()
keeper = TokenKeeper(Source(give, here), run, stop)

def elsewhere():
    eventually((here / "asked").exists, "asked")
    signal.pthread_kill(threading.get_ident(), signal.SIGTERM)

if how == "elsewhere":
    threading.Thread(target=elsewhere).start()
try:
    with stop.raising():
        data = keeper.take(5)
        (here / "taken").write_text(str(data["job_id"]))
        if how == "running":
            shell(keeper, "touch begun; sleep 60", here)
except Stopped:
    (here / "stopped").touch()
if how == "running":
    assert shell(keeper, "exit 9", here).exit_code == 9
keeper.close()
"""


@pytest.mark.parametrize(
    ("how", "sign", "left"),
    [
        ("waiting", "asked", {"stopped"}),
        ("elsewhere", "asked", {"stopped"}),  # another thread is interrupted, and not the one that waits
        ("taking", "asked", {"taken"}),
        ("running", "begun", {"taken", "stopped"}),
        ("killed", "asked", set()),
    ],
)
def test_told_to_stop(how: str, sign: str, left: set[str], tmp_path: Path) -> None:
    """Orders that were being taken come; a program that runs is ended, and another can be run. Nobody is left."""
    process = subprocess.Popen([sys.executable, "-c", STOPPED, how, str(tmp_path)])
    try:
        eventually((tmp_path / sign).exists, sign)
        if how != "elsewhere":
            process.send_signal(signal.SIGKILL if how == "killed" else signal.SIGTERM)
        assert process.wait(30) == (-9 if how == "killed" else 0)
    finally:
        process.kill()
        process.wait()
    assert {path.name for path in tmp_path.iterdir()} - {"asked", "begun", "taker"} == left
    eventually(lambda: not alive(taker(tmp_path)), "nobody left")
