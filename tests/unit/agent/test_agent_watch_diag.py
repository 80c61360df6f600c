"""The runner's diagnosis, read from outside while somebody may spoil it."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paddock.agent.job.diag import MAX_ENTRIES, MAX_READ, Diagnosis, is_ghost_line
from paddock.agent.job.lines import Lines
from paddock.agent.local.notices import FileNotices
from paddock.agent.ports import Notice, NoticeKind

GHOST = "[2026-11-22 13:00:05Z WARN Runner] Skipping message Job. Job message not found 'x'."


@pytest.mark.parametrize("level", ["CRIT", "ERR ", "WARN", "INFO", "VERB"])
def test_the_ghost_line(level: str) -> None:
    """In the Listener's own form, at any level, from any source."""
    assert is_ghost_line(GHOST.replace("WARN", level))
    assert is_ghost_line(GHOST.replace("Runner", "MessageListener"))


@pytest.mark.parametrize(
    "line",
    [
        "Skipping message Job.",
        f" {GHOST}",
        GHOST.replace("13:00:05Z", "13:00:05"),
        GHOST.replace("WARN", "NOTE"),
        GHOST.replace("message Job.", "message JobCancelMessage."),
        "[2026-11-22 13:00:05Z INFO Terminal] WRITE LINE: Skipping message Job.",
        "[2026-11-22 13:00:05Z INFO Runner] x] Skipping message Job.",
        "\uff12" + GHOST,
    ],
)
def test_other_lines_are_no_ghost(line: str) -> None:
    """What quotes it, and what is of another form, does not count."""
    assert not is_ghost_line(line)


@pytest.fixture
def diag(tmp_path: Path) -> Path:
    """The directory of a runner's diagnosis."""
    made = tmp_path / "work" / "runner" / "_diag"
    made.mkdir(parents=True)
    return made


def diagnosis(diag: Path) -> Diagnosis:
    return Diagnosis(diag.parents[2], "work", "runner", "_diag")


def test_reads_on_from_where_it_was(diag: Path) -> None:
    """A line counts once, also one that arrives in pieces; other files are not read."""
    found, log = diagnosis(diag), diag / "Runner_20261122-130000-utc.log"
    assert not found.ghost()
    log.write_text("[2026-11-22 13:00:00Z INFO Runner] hello\n" + GHOST[:40])
    (diag / "Worker_1.log").write_text(f"{GHOST}\n")
    (diag / "Runner_1.txt").write_text(f"{GHOST}\n")
    assert not found.ghost()
    with log.open("a") as file:
        file.write(GHOST[40:] + "\n")
    assert found.ghost()
    assert not found.ghost()


def test_a_new_file_is_read_from_its_beginning(diag: Path) -> None:
    """The Listener begins one every 8 MB; and a name may come to stand for another file."""
    found = diagnosis(diag)
    (diag / "Runner_1.log").write_text("x" * 500 + "\n")
    assert not found.ghost()
    (diag / "Runner_2.log").write_text(f"{GHOST}\n")
    assert found.ghost()
    (diag / "new").write_text(f"{GHOST}\n")
    (diag / "new").rename(diag / "Runner_1.log")
    assert found.ghost()


def test_a_long_log_is_read_piece_by_piece(diag: Path) -> None:
    """One look is bounded; nothing of the log is skipped."""
    found = diagnosis(diag)
    (diag / "Runner_1.log").write_text("a line\n" * (2 * MAX_READ // 7) + f"{GHOST}\n")
    assert [found.ghost() for _ in range(4)] == [False, False, True, False]


def test_before_the_directory_is_made(tmp_path: Path) -> None:
    """The runner has not started yet: nothing is there, and nothing is wrong."""
    found = Diagnosis(tmp_path, "work", "runner", "_diag")
    assert (found.ghost(), found.workers()) == (False, ())


def into_link(diag: Path) -> None:
    diag.rename(diag.with_name("elsewhere"))
    diag.symlink_to("elsewhere")


def into_link_above(diag: Path) -> None:
    diag.parent.rename(diag.parent.with_name("elsewhere"))
    diag.parent.symlink_to("elsewhere")


def into_pipe(diag: Path) -> None:
    shutil.rmtree(diag)
    os.mkfifo(diag)


def into_file(diag: Path) -> None:
    shutil.rmtree(diag)
    diag.touch()


@pytest.mark.parametrize("spoil", [into_link, into_link_above, into_pipe, into_file])
def test_no_link_is_followed(diag: Path, spoil: Callable[[Path], None]) -> None:
    """Not even one that leads to the right place: an error, and no descriptor is left open."""
    (diag / "Runner_1.log").write_text(f"{GHOST}\n")
    found = diagnosis(diag)
    spoil(diag)
    before = len(list(Path("/proc/self/fd").iterdir()))
    with pytest.raises(OSError, match=r"."):
        found.ghost()
    with pytest.raises(OSError, match=r"."):
        found.workers()
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_entries_that_are_no_files(diag: Path) -> None:
    """A pipe does not hold the look, a link is not read, a directory is no log."""
    (diag.parent / "real").write_text(f"{GHOST}\n")
    (diag / "Runner_1.log").symlink_to("../real")
    (diag / "Worker_1.log").symlink_to("../real")
    os.mkfifo(diag / "Runner_2.log")
    os.mkfifo(diag / "Worker_2.log")
    (diag / "Runner_3.log").mkdir()
    (diag / "Worker_3.log").mkdir()
    found = diagnosis(diag)
    assert (found.ghost(), found.workers()) == (False, ())


def test_too_many_entries_and_nobody_can_tell(diag: Path) -> None:
    """Who hides a Worker among thousands of files gains nothing but that its silence is not believed."""
    for number in range(MAX_ENTRIES):
        (diag / str(number)).touch()
    found = diagnosis(diag)
    assert found.workers() == ()
    (diag / "one more").touch()
    assert found.workers() is None


def test_growth_of_a_workers_log_is_seen(diag: Path) -> None:
    """Each change gives another value; no change gives the same."""
    found, log = diagnosis(diag), diag / "Worker_1.log"
    seen = [found.workers()]
    for text in ("", "x", "xy", "xy"):
        log.write_text(text)
        seen.append(found.workers())
    assert len(set(map(str, seen))) == 4
    assert seen[-1] == seen[-2]


@given(st.lists(st.binary(max_size=30)), st.lists(st.integers(1, 9), min_size=1))
def test_lines_do_not_depend_on_the_pieces(texts: list[bytes], pieces: list[int]) -> None:
    """However a stream is cut, its lines are the same: those up to the limit, whole and in order."""
    stream = b"\n".join(texts)
    lines, found, rest, turn = Lines(longest=12), list[str](), stream, 0
    while rest:
        size = pieces[turn % len(pieces)]
        found += lines.feed(rest[:size])
        rest, turn = rest[size:], turn + 1
    found += lines.finish()
    whole = stream.split(b"\n")
    whole = whole if whole[-1] else whole[:-1]
    assert found == [line.decode(errors="replace") for line in whole if len(line) <= 12]
    assert lines.dropped == sum(len(line) > 12 for line in whole)


@pytest.mark.parametrize(
    ("text", "notice"),
    [
        ('{"kind": "spot", "at": 1763812800000000}', Notice(NoticeKind.SPOT, 1_763_812_800_000_000)),
        ('{"kind": "rebalance", "at": 5, "more": 1}', Notice(NoticeKind.REBALANCE, 5)),
        ('{"kind": "storm", "at": 5}', None),
        ('{"kind": [], "at": 5}', None),
        ('{"kind": "spot", "at": "5"}', None),
        ('{"kind": "spot", "at": true}', None),
        ('{"kind": "spot"}', None),
        ("[]", None),
        ("{", None),
        ("", None),
        ("[" * 9_000, None),
        ("\udcff", None),
    ],
)
def test_a_notice_in_a_file(tmp_path: Path, text: str, notice: Notice | None) -> None:
    """A kind and a moment; what is none of it counts as no notice."""
    path = tmp_path / "notice.json"
    assert FileNotices(path).look() is None
    path.write_text(text, errors="surrogateescape")
    assert FileNotices(path).look() == notice


def test_a_notice_is_a_file(tmp_path: Path) -> None:
    """A pipe or a link in its place holds nobody up."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "real").write_text('{"kind": "spot", "at": 1}')
    (tmp_path / "link").symlink_to("real")
    assert [FileNotices(tmp_path / name).look() for name in ("pipe", "link", "real")] == [
        None,
        None,
        Notice(NoticeKind.SPOT, 1),
    ]
