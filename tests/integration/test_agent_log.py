"""The machine's log on a real disk: bounded, whole, safe to read, and honest about what it had no room for."""

import json
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from paddock.agent.telling.log import MAX_PIECE, MAX_TEXT, Log
from tests.agent.machine import eventually
from tests.agent.telling import Ticking, a_log
from tests.threads import race


def rows(log: Log) -> list[dict[str, Any]]:
    """The log's lines."""
    return [json.loads(line) for line in log.path.read_text().split("\n") if line]


def test_every_line_is_one_object(tmp_path: Path) -> None:
    """Whatever a fact holds: line ends, quotes, what cannot be encoded, what JSON does not know."""
    log = a_log(tmp_path)
    log.write("odd", text='a\nb"c\\\ud800\x00', path=Path("/x"), list=["a", ("b",)], table={"k": "v"}, number=3)
    (row,) = rows(log)
    assert row["text"] == 'a\nb"c\\?\x00'
    assert (row["list"], row["table"], row["number"]) == (["a", ["b"]], {"k": "v"}, 3)


def test_nothing_in_the_file_steers_a_terminal(tmp_path: Path) -> None:
    """Escape sequences, C1 controls and marks that turn the direction of text are written out."""
    log = a_log(tmp_path)
    hostile = "\x1b[2J\x9b31m\u202egnp.exe\x7f\u2028\r\x08"
    log.write("stdout", line=hostile)
    log.write("failed", detail=hostile)
    raw = log.path.read_text()
    assert [char for char in raw if not char.isprintable() and char != "\n"] == []
    assert rows(log)[0]["line"] == hostile


def test_secrets_are_blotted_out_at_any_depth(tmp_path: Path) -> None:
    """In text, lists, names and values; also at the seam where a long line is continued."""
    log = a_log(tmp_path)
    log.hide("hunter2-hunter2")
    log.write("failed", detail="x hunter2-hunter2", more=[{"hunter2-hunter2": ["hunter2-hunter2"]}])
    log.write("stdout", line="y" * (MAX_PIECE - 5) + "hunter2-hunter2" + "z")
    assert "hunter2" not in log.path.read_text()
    assert rows(log)[0]["more"] == [{"***": ["***"]}]


def test_a_long_line_of_output_is_continued(tmp_path: Path) -> None:
    """Nothing of it is lost; a fact of the agent's own is cut, and keeps its begin and its end."""
    log = a_log(tmp_path)
    line = "begin" + "x" * (2 * MAX_PIECE) + "end"
    log.write("stdout", line=line)
    assert "".join(row["line"] for row in rows(log)) == line
    detail = log.blot(line)
    assert (len(detail), detail[:5], detail[-3:]) == (MAX_TEXT, "begin", "end")


def test_output_is_bounded_and_what_was_dropped_is_told(tmp_path: Path) -> None:
    """A job that floods the log leaves room for the agent's own words, which begin with how much is missing."""
    log = a_log(tmp_path, limit=100_000)
    for _ in range(2_000):
        log.write("stdout", line="x" * 100)
    flooded = log.path.stat().st_size
    assert 49_000 < flooded <= 50_000
    log.write("off")
    found = rows(log)
    kept = sum(row["event"] == "stdout" for row in found)
    assert [row["event"] for row in found[-2:]] == ["dropped", "off"]
    assert found[-2]["lines"] == 2_000 - kept
    for _ in range(5_000):
        log.write("chatter", text="y" * 100)
    assert log.path.stat().st_size <= 100_000


def test_room_that_is_given_back_is_used_again(tmp_path: Path) -> None:
    """What is safe elsewhere costs no disk: the file grows on, and its blocks do not."""
    log = a_log(tmp_path, limit=100_000)
    for number in range(2_000):
        log.write("stdout", line=f"{number:0100}")
        if number % 100 == 0 and not log.release(log.path.stat().st_size):
            break
    if not log.release(log.path.stat().st_size):
        # A file system without holes: then the bound holds, and says so.
        assert log.path.stat().st_size <= 100_000
        return
    assert log.path.stat().st_size > 200_000
    assert log.path.stat().st_blocks * 512 <= 100_000
    log.write("stdout", line="after")
    assert log.path.read_bytes().endswith(b'"line": "after"}\n')


def test_threads_do_not_mix_their_lines(tmp_path: Path) -> None:
    """Each line is whole, and none is missing."""
    log = a_log(tmp_path)

    def chatter(number: int) -> None:
        for turn in range(300):
            log.write("stdout", line=f"{number}-{turn}")

    race(4, chatter)
    expected = sorted(f"{number}-{turn}" for number in range(4) for turn in range(300))
    assert sorted(row["line"] for row in rows(log)) == expected


def test_a_full_disk_loses_lines_and_tells_of_it_later(tmp_path: Path) -> None:
    """No half line stays, nothing is raised, and when there is room again the log says what is missing."""
    log = a_log(tmp_path)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000, before[1]))
    try:
        for number in range(50):
            log.write("stdout", line=f"{number:050}")
        log.write("failed", reason="disk_full")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    kept = len(rows(log))
    assert log.path.stat().st_size <= 1_000
    log.write("stdout", line="room again")
    found = rows(log)
    assert [row["event"] for row in found[kept:]] == ["dropped", "stdout"]
    assert found[kept]["lines"] == 51 - kept


def test_a_half_line_of_a_dead_agent_stays_a_line_of_its_own(tmp_path: Path) -> None:
    """The next one to write there does not append to it."""
    (tmp_path / "agent.log").write_bytes(b'{"at": "2026')
    a_log(tmp_path).write("last_words")
    lines = (tmp_path / "agent.log").read_text().splitlines()
    assert lines[0] == '{"at": "2026'
    assert json.loads(lines[1])["event"] == "last_words"


def test_a_link_in_the_logs_place_is_not_followed(tmp_path: Path) -> None:
    """Nothing is written to where it leads."""
    (tmp_path / "precious").write_text("keep me")
    (tmp_path / "agent.log").symlink_to(tmp_path / "precious")
    with pytest.raises(OSError, match=r"agent\.log"):
        a_log(tmp_path)
    assert (tmp_path / "precious").read_text() == "keep me"


def test_only_the_agent_may_read_it(tmp_path: Path) -> None:
    """Mode 0600, whatever the umask is."""
    before = os.umask(0)
    try:
        log = a_log(tmp_path)
    finally:
        os.umask(before)
    assert log.path.stat().st_mode & 0o777 == 0o600


def test_after_closing_nothing_is_written_and_nothing_raised(tmp_path: Path) -> None:
    """A thread that comes late does no harm; closing twice neither."""
    log = a_log(tmp_path)
    log.close()
    log.close()
    log.write("late")
    assert not log.release(0)
    assert log.path.read_bytes() == b""


WRITER = """
import sys
from pathlib import Path
from paddock.agent.machine.clock import SteadyClock
from paddock.agent.telling.log import Log
log = Log(Path(sys.argv[1]), SteadyClock())
number = 0
while True:
    log.write("stdout", line=f"{number}")
    number += 1
"""


def test_a_killed_writer_leaves_whole_lines(tmp_path: Path) -> None:
    """Each line is written by one call: kill -9 cuts none in two, and none before it is missing."""
    path = tmp_path / "agent.log"
    writer = subprocess.Popen([sys.executable, "-c", WRITER, str(path)])
    try:
        eventually(lambda: path.exists() and path.stat().st_size > 100_000, "some lines")
    finally:
        writer.send_signal(signal.SIGKILL)
        writer.wait(30)
    found = rows(Log(path, Ticking()))
    assert [row["line"] for row in found] == [str(number) for number in range(len(found))]
