"""What a Linux machine has left, from the kernel's texts, and once from the machine that runs this test."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paddock.agent.machine.resources import LinuxResources, parse_meminfo, parse_stat
from paddock.agent.ports import Resources

MEMINFO = """\
MemTotal:        8040712 kB
MemFree:          301224 kB
MemAvailable:    5120000 kB
Buffers:          102400 kB
SwapTotal:             0 kB
HugePages_Total:       0
Hugepagesize:       2048 kB
"""
STAT = """\
cpu  1000 20 300 99999 4000 5 60 700 80 9
cpu0 500 10 150 50000 2000 2 30 350 40 4
cpu1 500 10 150 49999 2000 3 30 350 40 5
intr 12345 0 0 0
ctxt 987654
btime 1763812800
processes 4242
softirq 100 1 2 3
"""


def test_memory() -> None:
    """In bytes; what is available counts, not what is free."""
    assert parse_meminfo(MEMINFO) == (8_040_712 * 1024, 5_120_000 * 1024)


def test_busy_time() -> None:
    """Neither idle time nor waiting for disks nor what a neighbour stole; what guests use is in user time already."""
    assert parse_stat(STAT) == (1000 + 20 + 300 + 5 + 60, 2)


@pytest.mark.parametrize(
    "text", ["", "MemTotal: 1 kB", "MemTotal: 1 kB\nMemAvailable:", "MemTotal: x kB\nMemAvailable: 1 kB"]
)
def test_a_text_without_memory(text: str) -> None:
    """An error that names what was wanted."""
    with pytest.raises(OSError, match="MemAvailable"):
        parse_meminfo(text)


@pytest.mark.parametrize("text", ["", "cpu", "cpu 1 2 3", "cpu a b c d e f g", "cpu0 1 2 3 4 5 6 7", STAT + STAT])
def test_a_text_without_busy_time(text: str) -> None:
    """A text of ``/proc/stat`` without busy time is refused, in words that say what was wanted."""
    with pytest.raises(OSError, match="seven numbers"):
        parse_stat(text)


@given(st.text(alphabet="cpuMem:TotalAvib 0123456789\n"))
def test_any_text_is_read_or_refused(text: str) -> None:
    """Nothing but the promised error comes out."""
    for parse in (parse_meminfo, parse_stat):
        try:
            found = parse(text)
        except OSError:
            continue
        assert len(found) == 2


def played(tmp_path: Path) -> Path:
    """A ``/proc`` with three processes, one of which has ended half."""
    (tmp_path / "meminfo").write_text(MEMINFO)
    (tmp_path / "stat").write_text(STAT)
    for pid, name, pages in ((1, "init\n", 256), (22, "evil\x1b[2J) name\n", 1024), (333, "small\n", 1)):
        (tmp_path / str(pid)).mkdir()
        (tmp_path / str(pid) / "comm").write_text(name)
        (tmp_path / str(pid) / "statm").write_text(f"99999 {pages} 1 1 0 1 0\n")
    (tmp_path / "44").mkdir()
    (tmp_path / "self").mkdir()
    return tmp_path


def test_a_reading(tmp_path: Path) -> None:
    """Everything in bytes and microseconds."""
    reading = LinuxResources(tmp_path, played(tmp_path)).look()
    assert (reading.memory_available, reading.memory_used) == (5_120_000 * 1024, 2_920_712 * 1024)
    assert (reading.cpu, reading.cores) == (1385 * 1_000_000 // os.sysconf("SC_CLK_TCK"), 2)


def test_the_largest_processes(tmp_path: Path) -> None:
    """By resident memory, the largest first, as many as asked for; a name that would write on a terminal does not."""
    resources = LinuxResources(tmp_path, played(tmp_path))
    mib = os.sysconf("SC_PAGE_SIZE") / (1 << 20)
    assert resources.largest(2) == [f"22 evil [2J) name {int(1024 * mib)}", f"1 init {int(256 * mib)}"]
    assert len(resources.largest(9)) == 3


def test_what_cannot_be_read_is_an_os_error(tmp_path: Path) -> None:
    """Whatever is missing."""
    with pytest.raises(OSError, match="meminfo"):
        LinuxResources(tmp_path, tmp_path).look()
    with pytest.raises(OSError, match="gone"):
        LinuxResources(tmp_path / "gone", played(tmp_path)).look()


def test_this_machine(tmp_path: Path) -> None:
    """A real look: plausible, the disk's figures are the system's own, and busy time only grows."""
    resources: Resources = LinuxResources(tmp_path)
    first, second = resources.look(), resources.look()
    assert first.memory_available > 0
    assert first.memory_used > 0
    assert first.cores == os.sysconf("SC_NPROCESSORS_ONLN")
    assert 0 < first.cpu <= second.cpu
    disk = os.statvfs(tmp_path)
    assert first.disk_free + first.disk_used <= disk.f_blocks * disk.f_frsize
    pids = [line.split()[0] for line in resources.largest(10_000)]
    assert str(os.getpid()) in pids
