"""How fast the machine's log is written, and shipped from its file to a store."""

import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from paddock.agent.local.stores import FileLogStore
from paddock.agent.machine.clock import SteadyClock
from paddock.agent.telling.log import Log
from paddock.agent.telling.shipping import Shipper
from tests.bench.harness import Figure

LINES = 200_000
LINE = "Downloading https://files.example/some/path/of/a/package-1.2.3.tar.gz (12.3 MB) ok"
RUNS = 3


def figures() -> Iterator[Figure]:
    """Two rates, the best of some runs by the clock on the wall: the disk is part of what is measured."""
    runs = [one_run() for _ in range(RUNS)]
    size = LINES * (len(LINE) + 1) / 1e6
    written, shipped = min(run[0] for run in runs), min(run[1] for run in runs)
    yield Figure("agent.log_write_mb_per_s", round(size / written, 1), "MB/s", "output of 84-byte lines into the log")
    yield Figure("agent.log_mb_per_s", round(size / shipped, 1), "MB/s", "the same output from the log to a file store")


def one_run() -> tuple[float, float]:
    """Seconds to write the lines with one secret to look for, and to ship them."""
    with TemporaryDirectory() as folder:
        root = Path(folder)
        log = Log(root / "agent.log", SteadyClock())
        log.hide("a-secret-of-some-length/" * 100)
        begin = time.perf_counter()
        for _ in range(LINES):
            log.write("stdout", line=LINE)
        written = time.perf_counter()
        store = FileLogStore(root / "logs", "m-1", 1)
        shipper = Shipper(log, store, position=root / "shipped.json")
        shipper.start()
        complete = shipper.finish(100)
        shipped = time.perf_counter()
        store.close()
        log.close()
        if not complete or shipper.counts.lines != LINES:
            raise RuntimeError(f"{shipper.counts.lines} of {LINES} lines were shipped")
    return written - begin, shipped - written
