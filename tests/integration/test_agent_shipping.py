"""The log on its way to a store: complete and in order through outages, slow stores, full disks and kill -9."""

import json
import os
import resource
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from paddock.agent.local.stores import FileLogStore
from paddock.agent.ports import LogStore
from paddock.agent.telling.delivery import Refused
from paddock.agent.telling.log import Log
from paddock.agent.telling.shipping import Shipper
from paddock.agent.telling.tail import OVERHEAD, Pace
from tests.agent.machine import eventually
from tests.agent.telling import ToldStore, a_log

_: type[LogStore] = ToldStore
__: type[LogStore] = FileLogStore
QUICK = Pace(span=0.01)


class Ships:
    """Shippers of one directory's log."""

    def __init__(self, root: Path) -> None:
        self.log = a_log(root)
        self.position = root / "shipped.json"
        self.started: list[Shipper] = []

    def start(self, store: LogStore, pace: Pace = QUICK, *, pause: float = 0.005, log: Log | None = None) -> Shipper:
        """Start one more."""
        shipper = Shipper(log or self.log, store, position=self.position, pace=pace, pause=pause)
        shipper.start()
        self.started.append(shipper)
        return shipper

    def shipped(self) -> object:
        """How many lines the file of the position speaks of."""
        return json.loads(self.position.read_text())["lines"] if self.position.exists() else 0

    def say(self, count: int, begin: int = 0) -> list[str]:
        """Write numbered lines of output; what they say."""
        words = [f"line {number}" for number in range(begin, begin + count)]
        for line in words:
            self.log.write("stdout", line=line)
        return words


@pytest.fixture
def ships(tmp_path: Path) -> Iterator[Ships]:
    """Whatever a test leaves shipping is ended, and no thread stays."""
    made = Ships(tmp_path)
    yield made
    for shipper in made.started:
        shipper.finish(0.0)
    eventually(lambda: not any(thread.name == "shipping" for thread in threading.enumerate()), "the end of the thread")


def test_lines_are_shipped_while_the_log_is_written(ships: Ships) -> None:
    """Nobody has to end for them to arrive, and lines that come later come too."""
    store = ToldStore()
    shipper = ships.start(store)
    words = ships.say(10)
    eventually(lambda: store.words == words, "the first lines")
    words += ships.say(10, 10)
    eventually(lambda: store.words == words, "the later lines")
    assert shipper.finish()
    assert (shipper.counts.lines, shipper.counts.retries) == (20, 0)


def test_lines_wait_for_company(ships: Ships) -> None:
    """A few lines are not sent one by one; the end does not wait for more."""
    store = ToldStore()
    shipper = ships.start(store, Pace(span=600))
    words = ships.say(100)
    assert shipper.finish()
    assert store.words == words
    assert len(store.batches) == 1


def test_a_full_batch_does_not_wait(ships: Ships) -> None:
    """By number of lines or by size, whichever comes first; each batch keeps to both."""
    store = ToldStore()
    ships.start(store, Pace(span=600, lines=10))
    words = ships.say(35)
    eventually(lambda: store.words == words[:30], "three full batches")
    eventually(lambda: ships.shipped() == 30, "their end, noted")
    other = ToldStore()
    ships.position.unlink()
    sized = ships.start(other, Pace(span=600, size=500))
    eventually(lambda: len(other.batches) >= 4, "full batches")
    assert sized.finish()
    assert other.words == words
    assert all(sum(len(text) + OVERHEAD for _, text in batch) <= 500 for batch in other.batches)


def test_an_outage_in_the_middle_loses_nothing(ships: Ships) -> None:
    """The same lines are offered again until they are taken, and the log says so once."""
    store = ToldStore()
    shipper = ships.start(store)
    words = ships.say(20)
    eventually(lambda: store.words == words, "the lines before")
    store.down = ConnectionResetError("away")
    words += ships.say(20, 20)
    eventually(lambda: shipper.counts.retries >= 3, "some tries")
    words += ships.say(20, 40)
    store.down = None
    eventually(lambda: store.words == words, "all lines")
    assert ships.log.path.read_text().count("log_waits") == 1


def test_a_store_that_takes_and_then_fails_gets_lines_twice(ships: Ships) -> None:
    """Duplicates are allowed, gaps are not."""
    store = ToldStore(None, TimeoutError(), TimeoutError(), takes_before_failing=True)
    shipper = ships.start(store, Pace(span=0.01, lines=7))
    words = ships.say(50)
    assert shipper.finish()
    assert store.words[:7] == words[:7]
    assert store.words[7:21] == words[7:14] * 2
    assert list(dict.fromkeys(store.words)) == words


def test_lines_that_are_refused_do_not_stop_those_after_them(ships: Ships) -> None:
    """What a store will never take is told in the log, counted, and not offered again."""
    store = ToldStore(Refused("a line is too old"))
    shipper = ships.start(store, Pace(span=600, lines=5))
    words = ships.say(20)
    assert not shipper.finish()
    assert store.words == words[5:]
    assert (shipper.counts.refused, shipper.counts.retries) == (1, 0)


def test_a_fault_in_the_store_is_survived(ships: Ships) -> None:
    """Whatever it raises, the lines are offered again."""
    store = ToldStore(KeyError("bug"), ZeroDivisionError())
    words = ships.say(3)
    assert ships.start(store).finish()
    assert store.words == words


@pytest.mark.parametrize("hangs", [True, False], ids=["hangs", "fails"])
def test_a_store_that_is_away_keeps_nobody(ships: Ships, *, hangs: bool) -> None:
    """Writing goes on, the end has a bound, and the next start goes on where this one was."""
    store = ToldStore()
    shipper = ships.start(store, Pace(span=0.01, lines=10))
    words = ships.say(10)
    eventually(lambda: store.words == words, "the lines before")
    eventually(lambda: ships.shipped() == 10, "the position")
    store.down = OSError("away")
    if hangs:
        store.open.clear()
    words += ships.say(10, 10)
    assert not shipper.finish(0.05)
    store.open.set()
    eventually(lambda: not any(thread.name == "shipping" for thread in threading.enumerate()), "the thread's end")
    later = ToldStore()
    assert ships.start(later).finish()
    assert later.words == words[10:]


def test_a_position_that_cannot_be_believed_starts_over(ships: Ships) -> None:
    """Damaged, of another log, or a link: then lines are shipped twice rather than never."""
    words = ships.say(5)
    for text in (
        "",
        "{}",
        '{"offset": -4}',
        '{"offset": true}',
        json.dumps({"offset": 10**9, "inode": 1}),
        "[" * 9_999,
    ):
        ships.position.write_text(text)
        store = ToldStore()
        assert ships.start(store).finish()
        assert store.words == words


def test_a_full_disk_in_the_stores_place_is_an_outage(ships: Ships, tmp_path: Path) -> None:
    """The file store writes a batch whole or not at all; when there is room again nothing is missing."""
    store = FileLogStore(tmp_path / "logs", "m-1", 17)
    words = ships.say(50)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000, before[1]))
    try:
        shipper = ships.start(store, Pace(span=0.01, lines=15))
        eventually(lambda: shipper.counts.retries >= 2, "two tries")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert shipper.finish()
    shown = store.path.read_text().splitlines()
    assert [line.split(" ", 2)[2] for line in shown if " stdout " in line] == words
    store.close()


def test_the_file_store_keeps_to_its_place(tmp_path: Path) -> None:
    """A machine's id that is a path, or a link in the file's place, leads nowhere."""
    for machine in ("..", "a/b", "", ".x"):
        with pytest.raises(ValueError, match="machine"):
            FileLogStore(tmp_path, machine, 1)
    (tmp_path / "m-1").mkdir()
    (tmp_path / "m-1" / "1.log").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match=r"1\.log"):
        FileLogStore(tmp_path, "m-1", 1).append([(1, "x")])
    assert not (tmp_path / "elsewhere").exists()


def test_room_is_given_back_as_lines_are_shipped(tmp_path: Path) -> None:
    """With `release` the log holds no more disk than what waits, as far as the file system can do that."""
    log = a_log(tmp_path, limit=1_000_000)
    store = ToldStore()
    shipper = Shipper(log, store, position=tmp_path / "shipped.json", pace=QUICK, shipped=log.release)
    shipper.start()
    for number in range(40):
        before = shipper.counts.lines
        log.write("stdout", line=f"{number:0100000}")
        eventually(lambda known=before: shipper.counts.lines > known, "the line")  # type: ignore[misc]  # one per turn
        if log.path.stat().st_blocks * 512 >= log.path.stat().st_size > 400_000:
            break  # no holes here: then the bound of the log is what holds
    assert shipper.finish()
    assert log.path.stat().st_blocks * 512 <= 1_100_000
    assert store.words[0] == f"{0:0100000}"


SHIPPER = """
import os, sys, time
from pathlib import Path
from paddock.agent.local.stores import FileLogStore
from paddock.agent.machine.clock import SteadyClock
from paddock.agent.telling.log import Log
from paddock.agent.telling.shipping import Shipper
from paddock.agent.telling.tail import Pace

root, begin = Path(sys.argv[1]), int(sys.argv[2])
log = Log(root / "agent.log", SteadyClock())
inner = FileLogStore(root / "logs", "m-1", 17)

class Slow:
    def append(self, lines):
        inner.append(lines)
        time.sleep(0.005)

shipper = Shipper(log, Slow(), position=root / "shipped.json", pace=Pace(span=0.01, lines=50))
shipper.start()
number = begin
while True:
    log.write("stdout", line=str(number))
    number += 1
    if number % 100 == 0:
        time.sleep(0.001)
"""


def test_kill_nine_leaves_no_gap(ships: Ships, tmp_path: Path) -> None:
    """Two processes die in the middle of shipping; the third ships the rest: some lines twice, none never."""
    path = tmp_path / "logs" / "m-1" / "17.log"
    begin = 0
    for _turn in range(2):
        known = path.stat().st_size if path.exists() else 0
        process = subprocess.Popen([sys.executable, "-c", SHIPPER, str(tmp_path), str(begin)])
        try:
            eventually(lambda size=known: path.exists() and path.stat().st_size > size + 50_000, "some lines")  # type: ignore[misc]  # one per turn
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait(30)
        begin = 1 + int(json.loads(ships.log.path.read_text().splitlines()[-1])["line"])
    position = json.loads(ships.position.read_text())["offset"]
    assert 0 < position <= ships.log.path.stat().st_size
    store = FileLogStore(tmp_path / "logs", "m-1", 17)
    assert ships.start(store).finish()
    store.close()
    shipped = [int(line.split(" ")[2]) for line in path.read_text().splitlines()]
    assert list(dict.fromkeys(shipped)) == list(range(begin))
    assert len(shipped) < 2 * begin  # it did go on where it was


BURST = """
import resource, sys
from pathlib import Path
from paddock.agent.machine.clock import SteadyClock
from paddock.agent.telling.log import Log
from paddock.agent.telling.shipping import Shipper

root, megabytes = Path(sys.argv[1]), int(sys.argv[2])

class Away:  # down for the whole burst: the file alone may hold it
    lines = size = 0
    down = True
    def append(self, lines):
        if self.down:
            raise OSError("away")
        self.lines += len(lines)
        self.size += sum(len(text) for _, text in lines)

log, store = Log(root / f"{megabytes}.log", SteadyClock()), Away()
shipper = Shipper(log, store, position=root / f"{megabytes}.json", pause=0.01)
shipper.start()
line = "x" * 999
for _ in range(megabytes * 1000):
    log.write("stdout", line=line)
store.down = False
assert shipper.finish(100)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, store.lines, store.size)
"""


@pytest.mark.slow
def test_a_burst_costs_disk_and_not_memory(tmp_path: Path) -> None:
    """A hundred megabytes while the store is away: all arrives, and the process is hardly larger than for one."""

    def burst(megabytes: int) -> tuple[int, int, int]:
        run = [sys.executable, "-c", BURST, str(tmp_path), str(megabytes)]
        most, lines, size = subprocess.run(run, capture_output=True, check=True, timeout=100).stdout.split()
        return int(most), int(lines), int(size)

    small, _, _ = burst(2)
    large, lines, size = burst(100)
    assert lines >= 100_000
    assert size > 100_000_000
    assert large < 1.5 * small


def test_idle_costs_nothing(ships: Ships) -> None:
    """Without new lines the thread waits for a word and looks at nothing: no system call is made in the meantime."""
    store = ToldStore()
    ships.start(store)
    words = ships.say(1)
    eventually(lambda: store.words == words, "the line")
    thread = next(thread for thread in threading.enumerate() if thread.name == "shipping")
    status = Path(f"/proc/{os.getpid()}/task/{thread.native_id}/status")

    def switches() -> int:
        rows = dict(row.split(":", 1) for row in status.read_text().splitlines())
        return int(rows["voluntary_ctxt_switches"])

    def is_still() -> bool:
        before = switches()
        threading.Event().wait(0.7)  # longer than a nap of it would be
        return switches() == before

    eventually(is_still, "a thread that sleeps")
