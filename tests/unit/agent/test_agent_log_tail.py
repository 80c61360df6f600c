"""The log as it is shipped: lines that people read, cut into batches without losing or mixing anything."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paddock.agent.telling.log import Log
from paddock.agent.telling.tail import OVERHEAD, Batch, Pace, Tail, visible
from tests.agent.telling import NOON, Ticking


def batches(path: Path, pace: Pace, offset: int = 0) -> list[Batch]:
    """The whole log in batches."""
    tail = Tail(path, offset, pace)
    found = []
    while tail.fill(final=True) or tail.waiting:
        found.append(tail.take())
    tail.close()
    return found


def texts(path: Path, pace: Pace | None = None, offset: int = 0) -> list[str]:
    """The log's lines as they are shipped."""
    return [text for batch in batches(path, pace or Pace(), offset) for _, text in batch.lines]


def test_lines_read_well(tmp_path: Path) -> None:
    """A stamp, who said it, and what; the moment goes with it for stores that index by it."""
    log = Log(tmp_path / "agent.log", Ticking(NOON + 122_456))
    log.write("stdout", line='says "hi" \\ ä')
    log.write("stderr", line="plain")
    log.write("prepared", version="2.336.0", detail="two words", spans={"extract": 2})
    (batch,) = batches(log.path, Pace())
    day = "2026-11-22T12:00:00"
    assert batch.lines == [
        (NOON + 123_000, f'{day}.123Z stdout says "hi" \\ ä'),
        (NOON + 124_000, f"{day}.124Z stderr plain"),
        (NOON + 125_000, f'{day}.125Z agent prepared version=2.336.0 detail="two words" spans={{"extract": 2}}'),
    ]
    assert batch.offset == log.path.stat().st_size


@given(lines=st.lists(st.text(max_size=60), max_size=40), size=st.integers(80, 2_000), count=st.integers(1, 9))
def test_whatever_is_written_arrives_once_and_in_order(
    tmp_path_factory: pytest.TempPathFactory, lines: list[str], size: int, count: int
) -> None:
    """For every text and every size of batch; and every batch keeps to its limits."""
    log = Log(tmp_path_factory.mktemp("log") / "agent.log", Ticking())
    for line in lines:
        log.write("stdout", line=line)
    log.close()
    found = batches(log.path, Pace(size=size, lines=count))
    assert [text.split(" ", 2)[2] for batch in found for _, text in batch.lines] == [
        visible(line.encode(errors="replace").decode()) for line in lines
    ]
    for batch in found:
        assert len(batch.lines) <= count
        real = sum(len(text.encode()) + OVERHEAD for _, text in batch.lines)
        assert real == batch.size
        assert real <= size or len(batch.lines) == 1


@given(lines=st.lists(st.text(max_size=30), min_size=1, max_size=20), count=st.integers(1, 5), stop=st.integers(0, 10))
def test_reading_on_from_a_batchs_end_misses_nothing(
    tmp_path_factory: pytest.TempPathFactory, lines: list[str], count: int, stop: int
) -> None:
    """The offset of a batch is where the next begins."""
    log = Log(tmp_path_factory.mktemp("log") / "agent.log", Ticking())
    for line in lines:
        log.write("stdout", line=line)
    found = batches(log.path, Pace(lines=count))
    before = found[: stop + 1]
    offset = before[-1].offset
    assert offset is not None
    rest = texts(log.path, offset=offset) if offset < log.path.stat().st_size else []
    assert [text for batch in before for _, text in batch.lines] + rest == texts(log.path)


def test_a_long_line_is_cut_between_characters(tmp_path: Path) -> None:
    """Every part is small enough, the parts make the line, and the offset waits for the last of them."""
    log = Log(tmp_path / "agent.log", Ticking())
    log.write("stdout", line="ä" * 1_000)
    found = batches(log.path, Pace(line=301, size=400))
    parts = [text for batch in found for _, text in batch.lines]
    assert all(len(part.encode()) <= 301 for part in parts)
    assert "".join(parts).endswith("stdout " + "ä" * 1_000)
    assert [batch.offset is None for batch in found] == [True] * (len(found) - 1) + [False]


def test_half_a_line_waits_for_its_end(tmp_path: Path) -> None:
    """What is being written is not shipped in halves; at the very end it is shipped as it is."""
    path = tmp_path / "agent.log"
    path.write_bytes(b'{"at": "2026-11-22T12:00:00.000+00:00", "event": "stdout", "li')
    tail = Tail(path, 0, Pace())
    assert (tail.fill(), tail.waiting) == (False, False)
    with path.open("ab") as file:
        file.write(b'ne": "whole"}\nhalf')
    tail.fill()
    assert [text for _, text in tail.take().lines] == ["2026-11-22T12:00:00.000Z stdout whole"]
    tail.fill(final=True)
    last = tail.take()
    assert ([text for _, text in last.lines], last.offset) == (["half"], path.stat().st_size)
    tail.close()


@pytest.mark.parametrize(
    "raw", [b"not json", b"[]", b'{"at": 1}', b'{"at": "x", "event": null}', b"\xff\xfe", b"[" * 50_000, b"\x1b[2J"]
)
def test_a_line_that_is_none_of_ours_does_not_stop_the_others(tmp_path: Path, raw: bytes) -> None:
    """A damaged line is shipped as text, without what could steer a terminal."""
    path = tmp_path / "agent.log"
    good = json.dumps({"at": "2026-11-22T12:00:00.000+00:00", "event": "stdout", "line": "good"}).encode()
    path.write_bytes(good + b"\n" + raw + b"\n" + good + b"\n")
    found = texts(path)
    assert (found[0], found[-1], len(found)) == (found[-1], "2026-11-22T12:00:00.000Z stdout good", 3)
    assert "\x1b" not in found[1]


def test_bytes_without_any_lines_end_are_cut(tmp_path: Path) -> None:
    """Whoever filled the file with one endless line does not fill the memory."""
    path = tmp_path / "agent.log"
    path.write_bytes(b"x" * 10_000_000 + b"\nlast\n")
    found = texts(path)
    assert found[-1] == "last"
    assert sum(len(text) for text in found) == 10_000_004


def test_a_log_that_spans_days_goes_in_batches_of_a_day(tmp_path: Path) -> None:
    """CloudWatch Logs takes no batch of more than 24 hours, and wants it in the order of time."""
    path = tmp_path / "agent.log"
    days = ("22T12:00:00", "23T11:59:59", "23T12:00:00", "23T09:00:00")
    rows = [{"at": f"2026-11-{day}.000+00:00", "event": "stdout", "line": day} for day in days]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = batches(path, Pace())
    assert [len(batch.lines) for batch in found] == [2, 2]
    assert all([at for at, _ in batch.lines] == sorted(at for at, _ in batch.lines) for batch in found)


def test_an_offset_beyond_the_end_is_another_logs(tmp_path: Path) -> None:
    """Then it is read from the beginning: twice is better than never."""
    log = Log(tmp_path / "agent.log", Ticking())
    log.write("stdout", line="here")
    assert len(texts(log.path, offset=10_000)) == 1


def test_a_log_that_is_a_link_is_not_read(tmp_path: Path) -> None:
    """What it points to is not ours to ship."""
    (tmp_path / "secret").write_text("secret\n")
    (tmp_path / "agent.log").symlink_to(tmp_path / "secret")
    with pytest.raises(OSError, match=r"agent\.log"):
        Tail(tmp_path / "agent.log", 0, Pace())
