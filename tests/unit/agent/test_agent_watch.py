"""The agent's eyes: what they see, what they make of a look that fails, and that they close in the end."""

import select
import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from paddock.agent.job.diag import Diagnosis
from paddock.agent.job.peaks import Peaks
from paddock.agent.job.watch import (
    Ghosted,
    Heaviest,
    Looked,
    Mailbox,
    Outage,
    Rhythm,
    Watch,
    WorkerSign,
)
from paddock.agent.ports import Notice, NoticeKind, Notices, Reading, Resources
from tests.agent.machine import eventually

S = 1_000_000
MIB = 1 << 20
READING = Reading(
    disk_free=9_000 * MIB, disk_used=5, memory_available=9_000 * MIB, memory_used=7, cpu=1_000 * S, cores=2
)
SPOT = Notice(NoticeKind.SPOT, 100 * S)
GONE, THERE = False, True


class Time:
    """A clock that stands where it was put."""

    def __init__(self) -> None:
        self.at = 50 * S

    def now(self) -> int:
        """See `ports.Clock`."""
        return self.at


class Sky:
    """Notices as they are put there; or an error."""

    def __init__(self) -> None:
        self.notice: Notice | None = None
        self.error: Exception | None = None
        self.looks = 0

    def look(self) -> Notice | None:
        """See `ports.Notices`."""
        self.looks += 1
        if self.error is not None:
            raise self.error
        return self.notice


class Gauges:
    """Readings as they are put there; or an error."""

    def __init__(self) -> None:
        self.reading = READING
        self.error: OSError | None = None

    def look(self) -> Reading:
        """See `ports.Resources`."""
        if self.error is not None:
            raise self.error
        return self.reading

    def largest(self, count: int) -> Sequence[str]:
        """See `ports.Resources`."""
        return [f"{number} p 1" for number in range(count)]


_: tuple[Notices, Resources] = (Sky(), Gauges())


def test_the_mailbox_wakes_who_waits_and_keeps_the_order() -> None:
    """Its descriptor is readable while something is in it, and not after it was taken."""
    box = Mailbox()
    assert select.select([box], [], [], 0)[0] == []
    box.post(Ghosted())
    box.post(SPOT)
    assert select.select([box], [], [], 0)[0] == [box]
    assert box.take() == [Ghosted(), SPOT]
    assert select.select([box], [], [], 0)[0] == []
    assert box.take() == []
    box.close()


def test_a_closed_mailbox_gives_what_it_has_and_takes_no_more() -> None:
    """A thread that comes late writes to no descriptor that may belong to somebody else by now."""
    box = Mailbox()
    box.post(SPOT)
    box.close()
    box.close()
    box.post(Ghosted())
    assert box.take() == [SPOT]


def test_a_notice_is_posted_once() -> None:
    """And again only if it changes."""
    sky = Sky()
    watch = Watch(Time(), notices=sky)
    seen = []
    for notice in (None, SPOT, SPOT, replace(SPOT, at=90 * S), None):
        sky.notice = notice
        watch.turn()
        seen.append(watch.mailbox.take())
    watch.stop()
    assert seen == [[], [SPOT], [], [replace(SPOT, at=90 * S)], []]


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (PermissionError(13, "Permission denied", "/secret"), "PermissionError: Permission denied"),
        (ValueError("token=abc"), "ValueError"),
    ],
)
def test_an_outage_is_told_once_and_so_is_its_end(error: Exception, words: str) -> None:
    """Whatever is raised, in words that quote nothing; in between, nothing is seen and nothing is decided."""
    sky = Sky()
    watch = Watch(Time(), notices=sky)
    for _ in range(3):
        sky.error = error
        watch.turn()
    sky.error = None
    watch.turn()
    watch.turn()
    sky.error = error
    watch.turn()
    seen = watch.mailbox.take()
    watch.stop()
    assert seen == [Outage("notices", words), Outage("notices", None), Outage("notices", words)]


def test_one_outage_does_not_blind_the_others() -> None:
    """Each probe fails for itself."""
    sky, gauges, time = Sky(), Gauges(), Time()
    sky.error = OSError("x")
    watch = Watch(time, notices=sky, resources=gauges)
    watch.turn()
    seen = watch.mailbox.take()
    watch.stop()
    assert seen[1:] == [Looked(READING, time.at)]


def test_the_heaviest_are_named_when_asked_for() -> None:
    """Once for each time."""
    watch = Watch(Time(), resources=Gauges())
    watch.name_heaviest()
    watch.turn()
    watch.turn()
    seen = [sight for sight in watch.mailbox.take() if isinstance(sight, Heaviest)]
    watch.stop()
    assert [len(sight.lines) for sight in seen] == [5]


@pytest.mark.parametrize(
    ("disk", "memory", "close"),
    [
        (1_000 * MIB, 400 * MIB, False),
        (1_000 * MIB - 1, 400 * MIB, True),
        (1_000 * MIB, 400 * MIB - 1, True),
        (0, 0, True),
    ],
)
def test_looks_more_closely_below_twice_a_limit(disk: int, memory: int, *, close: bool) -> None:
    """Half a minute is long for a disk that fills up."""
    assert Rhythm().is_close(replace(READING, disk_free=disk, memory_available=memory)) is close


class Home:
    """A runner's directory with its diagnosis."""

    def __init__(self, base: Path) -> None:
        self.diag = base / "runner" / "_diag"
        self.diag.mkdir(parents=True)
        self.diagnosis = Diagnosis(base, "runner", "_diag")
        self.process: bool | None = None

    def watch(self) -> Watch:
        """A watch over it."""
        return Watch(Time(), diagnosis=self.diagnosis, worker_runs=lambda: self.process)


def test_a_ghost_is_seen_before_a_job_only(tmp_path: Path) -> None:
    """Afterwards the Worker is looked for."""
    home = Home(tmp_path)
    watch = home.watch()
    (home.diag / "Runner_1.log").write_text("[2026-11-22 13:00:05Z WARN Runner] Skipping message Job. x\n")
    watch.turn()
    assert watch.mailbox.take() == [Ghosted()]
    watch.job_began()
    (home.diag / "Runner_2.log").write_text("[2026-11-22 13:00:05Z WARN Runner] Skipping message Job. x\n")
    watch.turn()
    assert watch.mailbox.take() == [WorkerSign(None)]
    watch.stop()


def test_signs_of_a_worker(tmp_path: Path) -> None:
    """A log that is new or has grown is one; else its process is asked for, and if nobody can tell, so it is said."""
    home = Home(tmp_path)
    watch = home.watch()
    watch.job_began()
    log = home.diag / "Worker_1.log"

    def look(process: bool | None) -> bool | None:  # noqa: FBT001 - what the process list says
        home.process = process
        watch.turn()
        (sign,) = watch.mailbox.take()
        assert isinstance(sign, WorkerSign)
        return sign.sign

    assert [look(GONE), look(THERE), look(None), look(GONE)] == [False, True, None, False]
    log.write_text("x")
    assert [look(GONE), look(GONE)] == [True, False]
    log.write_text("xy")
    assert [look(GONE), look(GONE)] == [True, False]
    (home.diag / "Worker_2.log").touch()
    assert [look(GONE), look(GONE)] == [True, False]
    watch.stop()


def test_threads_look_by_themselves_and_end() -> None:
    """They look at once, look again in their rhythm, come at a nudge, and none is left."""
    before = threading.enumerate()
    sky, gauges = Sky(), Gauges()
    watch = Watch(Time(), notices=sky, resources=gauges, rhythm=Rhythm(notices=1_000, resources=3_600 * S))
    watch.start()
    eventually(lambda: sky.looks > 3, "some looks")
    box = watch.mailbox
    eventually(lambda: [s for s in box.take() if isinstance(s, Looked)], "the first reading")
    watch.job_began()
    eventually(lambda: [s for s in box.take() if isinstance(s, Looked)], "the reading at the job's start")
    watch.job_ended()
    eventually(lambda: [s for s in box.take() if isinstance(s, Looked)], "the reading at the job's end")
    watch.stop()
    assert threading.enumerate() == before


def test_a_watch_over_nothing_is_quiet() -> None:
    """A platform may have none of it."""
    watch = Watch(Time())
    watch.start()
    watch.job_began()
    watch.name_heaviest()
    watch.turn()
    assert watch.mailbox.take() == []
    watch.stop()


def used(memory: int, disk: int, cpu: int) -> Reading:
    return replace(READING, memory_used=memory, disk_used=disk, cpu=cpu)


def test_peaks_are_the_most_between_begin_and_end() -> None:
    """Memory and disk at any reading, cores between two; what lies before or after the job does not count."""
    peaks = Peaks()
    peaks.take(used(99, 99, 0), 1 * S, None, None)
    peaks.take(used(99, 99, 0), 4 * S, 5 * S, None)
    assert peaks.values == {}
    peaks.take(used(10, 1, 0), 5 * S, 5 * S, None)
    assert peaks.values == {"memory_bytes": 10, "disk_bytes": 1}
    peaks.take(used(30, 2, 3 * S), 7 * S, 5 * S, None)
    peaks.take(used(20, 3, 4 * S), 17 * S, 5 * S, None)
    assert peaks.values == {"memory_bytes": 30, "disk_bytes": 3, "cpu_percent": 150}
    peaks.take(used(31, 3, 9 * S), 18 * S, 5 * S, 18 * S)
    peaks.take(used(99, 99, 99 * S), 19 * S, 5 * S, 18 * S)
    assert peaks.values == {"memory_bytes": 31, "disk_bytes": 3, "cpu_percent": 500}


def test_a_percentage_needs_a_span() -> None:
    """Two readings close together make none; the next one is compared with the first."""
    peaks = Peaks()
    peaks.take(used(1, 1, 0), 5 * S, 5 * S, None)
    peaks.take(used(1, 1, S), 5 * S + 1_000, 5 * S, None)
    assert "cpu_percent" not in peaks.values
    peaks.take(used(1, 1, S), 6 * S, 5 * S, None)
    assert peaks.values["cpu_percent"] == 100
