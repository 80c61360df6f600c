"""The runner's diagnosis is kept, compressed, whatever the job put in its place."""

import gzip
import os
import threading
from pathlib import Path

import pytest

from paddock.agent.local.stores import DirectoryArchive
from paddock.agent.ports import Archive
from paddock.agent.telling.archive import MOST_FILES, Kept, keep_diagnosis
from paddock.agent.telling.log import Log
from tests.agent.machine import eventually
from tests.agent.telling import a_log

_: type[Archive] = DirectoryArchive


class Machine:
    """A machine's directory with a runner in it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.runner = root / "work" / "runner"
        self.written = self.runner / "_diag"
        self.written.mkdir(parents=True)
        self.kept = root / "diag"
        self.log = a_log(root)

    def keep(self, archive: Archive | None = None, **options: float) -> Kept:
        """Keep what is there."""
        to = archive or DirectoryArchive(self.kept)
        most = int(options.pop("most_bytes", 1 << 20))
        return keep_diagnosis(self.runner, to, self.root / "scratch", self.log, most_bytes=most, **options)

    def files(self) -> dict[str, bytes]:
        """What was kept, unpacked."""
        return {path.name: gzip.decompress(path.read_bytes()) for path in self.kept.glob("*")}


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """A machine."""
    return Machine(tmp_path)


def test_the_diagnosis_is_kept_compressed(machine: Machine) -> None:
    """Every byte of it, readable by gzip, by nobody else; the originals stay for the wipe, and no scratch does."""
    content = b"line\r\n" * 100_000 + b"\xff\xfe no text and no end"
    (machine.written / "Runner_1.log").write_bytes(content)
    (machine.written / "Worker_1.log").write_bytes(b"")
    assert machine.keep() == Kept(kept=2, in_time=True)
    assert machine.files() == {"Runner_1.log.gz": content, "Worker_1.log.gz": b""}
    assert (machine.kept / "Runner_1.log.gz").stat().st_mode & 0o777 == 0o600
    assert (machine.kept / "Runner_1.log.gz").stat().st_size < 10_000
    assert sorted(path.name for path in machine.root.iterdir()) == ["agent.log", "diag", "work"]


def test_what_is_no_plain_file_is_refused(machine: Machine) -> None:
    """Links, second names of other files, pipes, directories, odd names: none is read, and none hangs us."""
    precious = machine.root / "precious"
    precious.write_text("secret of somebody else")
    (machine.written / "link.log").symlink_to(precious)
    (machine.written / "hard.log").hardlink_to(precious)
    os.mkfifo(machine.written / "pipe.log")
    (machine.written / "pages").mkdir()
    (machine.written / ".hidden").write_text("x")
    (machine.written / "new\nline").write_text("x")
    (machine.written / "Runner_1.log").write_text("good")
    assert machine.keep() == Kept(kept=1, refused=6, in_time=True)
    assert machine.files() == {"Runner_1.log.gz": b"good"}


@pytest.mark.parametrize("step", ["runner", "_diag"])
def test_a_link_on_the_way_is_not_followed(machine: Machine, step: str) -> None:
    """Neither the diagnosis nor the runner's directory may lead elsewhere."""
    elsewhere = machine.root / "elsewhere"
    (elsewhere / "_diag").mkdir(parents=True)
    for place in (elsewhere, elsewhere / "_diag"):
        (place / "secret.log").write_text("secret")
    machine.written.rmdir()
    if step == "_diag":
        machine.written.symlink_to(elsewhere)
    else:
        machine.runner.rmdir()
        machine.runner.symlink_to(elsewhere)
    assert machine.keep() == Kept(failed=1, in_time=True)
    assert not machine.kept.exists()


def test_without_a_runner_there_is_nothing_to_keep(machine: Machine) -> None:
    """A machine that failed before is no error."""
    machine.written.rmdir()
    assert machine.keep() == Kept(in_time=True)


def test_of_a_huge_file_the_end_is_kept(machine: Machine) -> None:
    """Also of a sparse one, which costs a job nothing to make."""
    with (machine.written / "Worker_1.log").open("wb") as file:
        file.truncate(1 << 40)
        file.seek(0, os.SEEK_END)
        file.write(b"the end")
    assert machine.keep(most_bytes=1_000).kept == 1
    assert machine.files() == {"Worker_1.log.gz": bytes(993) + b"the end"}


def test_a_flood_of_files_is_bounded(machine: Machine) -> None:
    """The last ones by name are kept, which are the newest."""
    for number in range(MOST_FILES + 5):
        (machine.written / f"Worker_{number:04}.log").write_text("x")
    assert machine.keep() == Kept(kept=MOST_FILES, refused=5, in_time=True)
    assert "Worker_0004.log.gz" not in machine.files()


def test_secrets_do_not_leave_with_it(machine: Machine) -> None:
    """Also one that lies across two portions of reading."""
    machine.log.hide("hunter2-hunter2")
    for portions in (1, 2, 3):
        for shift in range(0, 20, 3):
            text = "x" * (portions * 262_144 - shift) + " hunter2-hunter2\nend\n"
            (machine.written / f"{portions}-{shift:02}.log").write_text(text)
    machine.keep()
    assert len(machine.files()) == 21
    assert all(b"hunter2" not in content and content.endswith(b"end\n") for content in machine.files().values())


class Failing:
    """An archive that fails for one file."""

    def __init__(self, error: Exception) -> None:
        self.error = error
        self.put_: list[str] = []

    def put(self, name: str, file: Path) -> None:
        """As the port says, or not."""
        if name.startswith("a"):
            raise self.error
        assert file.exists()
        self.put_.append(name)


@pytest.mark.parametrize("error", [OSError("full"), TimeoutError(), KeyError("bug")], ids=repr)
def test_one_that_fails_does_not_stop_the_others(machine: Machine, error: Exception) -> None:
    """Whatever the archive raises."""
    for name in ("a.log", "b.log"):
        (machine.written / name).write_text("x")
    archive = Failing(error)
    assert machine.keep(archive) == Kept(kept=1, failed=1, in_time=True)
    assert archive.put_ == ["b.log.gz"]


class Hanging:
    """An archive that does not come back."""

    def __init__(self) -> None:
        self.open = threading.Event()

    def put(self, name: str, file: Path) -> None:
        """Hang until the test is over."""
        del name, file
        self.open.wait(30)


def test_an_archive_that_hangs_keeps_nobody(machine: Machine) -> None:
    """The machine must end; what was kept until then is kept."""
    (machine.written / "Runner_1.log").write_text("x")
    archive = Hanging()
    assert machine.keep(archive, patience=0.05) == Kept(in_time=False)
    archive.open.set()
    eventually(lambda: not any(thread.name == "diagnosis" for thread in threading.enumerate()), "the thread's end")


def test_when_the_time_is_over_no_more_is_read(machine: Machine) -> None:
    """A slow disk or a huge diagnosis is cut off between two portions."""
    (machine.written / "Runner_1.log").write_text("x" * 1_000_000)
    assert not machine.keep(patience=-1.0).in_time
    eventually(lambda: not any(thread.name == "diagnosis" for thread in threading.enumerate()), "the thread's end")
    assert not machine.kept.exists()


def test_the_archives_directory_takes_plain_names_alone(tmp_path: Path) -> None:
    """And what a dead agent left half written is written anew."""
    archive = DirectoryArchive(tmp_path / "diag")
    file = tmp_path / "file"
    file.write_text("content")
    for name in ("../x", "a/b", "", ".x"):
        with pytest.raises(OSError, match="name"):
            archive.put(name, file)
    (tmp_path / "diag").mkdir(exist_ok=True)
    (tmp_path / "diag" / ".x.part").write_text("half")
    archive.put("x", file)
    assert [(path.name, path.read_text()) for path in (tmp_path / "diag").iterdir()] == [("x", "content")]
    assert file.exists()


def test_it_never_raises_into_the_agents_end(tmp_path: Path) -> None:
    """A scratch directory that cannot be made costs the diagnosis, nothing else."""
    machine = Machine(tmp_path)
    (machine.written / "Runner_1.log").write_text("x")
    (tmp_path / "scratch").write_text("in the way")
    log: Log = machine.log
    assert machine.keep() == Kept(failed=1, in_time=True)
    assert "diagnosis_failed" in log.path.read_text()
