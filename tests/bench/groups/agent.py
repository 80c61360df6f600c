"""What the agent costs: its start, its memory and CPU beside a job, and the runner's package."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.bench import agent_package
from tests.bench.agent_lives import Life, Workshop, cpu_of, memory_of, on_box, on_ec2, workshop
from tests.bench.harness import Figure, milliseconds
from tests.bench.made_package import FILES, Made, make

RUNS, FEW = 5, 3  # the fewer of what takes seconds
SETTLED = 4.0  # seconds from the Listener's start until its job counts as quiet
QUIET = 21.0  # seconds for which it is watched
JOB = 27  # seconds


def figures() -> Iterator[Figure]:
    """A minute's work and more: half of it is waiting for what is quiet."""
    with TemporaryDirectory() as folder, workshop(Path(folder)) as shop:
        whole, small = make(shop.cache, shop.pipe, fillers=FILES), make(shop.cache, shop.pipe)
        yield from agent_package.figures(whole, shop.root)
        yield from of_start(shop, whole, small)
        yield from of_job(shop)
    yield from of_tls()


def of_start(shop: Workshop, whole: Made, small: Made) -> Iterator[Figure]:
    """From the agent's process to its Listener's: on a box from its cache, and on EC2 from the image."""
    wall, cpu = best_start(lambda: on_box(shop, small), RUNS)
    what = (
        "wall time from the agent's process to its Listener's: single file, orders there, a package of two files in "
        "the box's cache; the Listener is a shell script, started twice (the first time it tells its version)"
    )
    yield Figure("agent.start_ms", round(wall), "ms", what)
    yield milliseconds("agent.start_cpu_ms", cpu * 1e6, "CPU of the agent alone in the same")
    wall, _ = best_start(lambda: on_box(shop, whole), FEW)
    how = "its tree is copied and given to the job's user" if shop.trees else "its archive is hashed and unpacked"
    yield Figure("agent.start_whole_ms", round(wall), "ms", f"as start_ms, with the made package: {how}")
    tree = shop.root / "small"
    tree.mkdir()
    agent_package.unpack(small, tree)
    wall, cpu = best_start(lambda: on_ec2(shop, small, tree), RUNS)
    what = "as start_ms, on EC2, the runner taken from the image; metadata and AWS are on loopback, without TLS"
    yield Figure("agent.start_ec2_ms", round(wall), "ms", what)
    yield milliseconds("agent.start_ec2_cpu_ms", cpu * 1e6, "CPU of the agent alone in the same")


def of_job(shop: Workshop) -> Iterator[Figure]:
    """Beside a job that does nothing, with all rhythms as they are by default; on a box and on EC2 at the same time."""
    quiet = make(shop.cache, shop.pipe, seconds=JOB)
    tree = shop.root / "quiet"
    tree.mkdir()
    agent_package.unpack(quiet, tree)
    with on_box(shop, quiet) as box, on_ec2(shop, quiet, tree) as ec2:
        time.sleep(SETTLED)
        kinds = (("", "on a box", box.process.pid), ("ec2_", "on EC2, without TLS", ec2.process.pid))
        before = {pid: (time.monotonic_ns(), cpu_of(pid)) for _, _, pid in kinds}
        time.sleep(QUIET)
        for name, where, pid in kinds:
            start, used = before[pid]
            wall, cpu = time.monotonic_ns() - start, cpu_of(pid) - used
            memory = memory_of(pid)
            what = f"resident memory of the agent while a job runs {where}"
            yield Figure(f"agent.{name}rss_mb", round(memory["VmRSS"], 1), "MB", what)
            yield Figure(f"agent.{name}rss_peak_mb", round(memory["VmHWM"], 1), "MB", "the most of it so far")
            what = f"of one core's 100, the agent beside a quiet job, over {wall / 1e9:.0f} s"
            yield Figure(f"agent.{name}cpu_percent", round(100 * cpu / wall, 3), "%", what)
        box.wait()


def of_tls() -> Iterator[Figure]:
    """What the lives above do not pay for, because they speak to their cloud in the clear."""
    code = """
import http.client, ssl, time
def resident():
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmRSS"))
before, start = resident(), time.process_time_ns()
context = ssl.create_default_context()
print(time.process_time_ns() - start, resident() - before)
"""
    runs = [subprocess.check_output([sys.executable, "-I", "-c", code]).split() for _ in range(RUNS)]
    took, size = (min(int(run[place]) for run in runs) for place in (0, 1))
    yield Figure(
        "agent.tls_mb", round(size * 1024 / 1e6, 1), "MB", "resident memory that TLS's trusted certificates take"
    )
    yield milliseconds("agent.tls_cpu_ms", took, "CPU to load them, once, before the first request to AWS")


def best_start(live: Callable[[], AbstractContextManager[Life]], runs: int) -> tuple[float, float]:
    """Milliseconds on the wall and of the agent's CPU, each the least of so many lives; one before does not count."""
    starts = []
    for _ in range(runs + 1):
        with live() as life:
            starts.append(life.start)
            life.wait()
    return min(start.wall for start in starts[1:]) / 1e6, min(start.cpu for start in starts[1:]) / 1e6
