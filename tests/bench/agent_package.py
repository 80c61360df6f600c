"""What it takes to bring the runner's package into a machine's directory, by each way that there is."""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from paddock.agent.assignment import Package
from paddock.agent.machine.clock import SteadyClock
from paddock.agent.package.baked import MANIFEST, Baked
from paddock.agent.package.bounds import Bounds
from paddock.agent.package.copying import copy_tree
from paddock.agent.package.extraction import extract
from paddock.agent.package.fetching import open_archive
from paddock.agent.package.places import this_platform
from paddock.agent.package.tree import empty
from paddock.agent.telling.log import Log
from tests.agent.runner_package import VERSION
from tests.bench.harness import Figure
from tests.bench.made_package import Made

RUNS = 3
JOBS_UID = -1  # nobody's, so that the image may be trusted whoever measures


def figures(made: Made, root: Path) -> Iterator[Figure]:
    """Wall times, the best of some; what is read lies in the page cache, and nothing is forced to the disk.

    The best, because a virtual machine may have given its unused memory back: then the same takes several times as
    long, all of it in the kernel, for whoever writes files there.

    Args:
        made: the package, its archive in a cache.
        root: an existing directory. Afterwards the unpacked package is in ``tree`` below it.
    """
    log = Log(root / "agent.log", SteadyClock())
    tree, copy, target = root / "tree", root / "copy", root / "target"

    def read() -> None:
        package = Package(VERSION, "http://127.0.0.1:9/", made.sha256, "runner.tar.gz")
        with open_archive(package, made.archive.parent, [], bounds=Bounds(), log=log):
            pass

    def take() -> None:
        image = Baked(copy, once=True)
        if image.manifest(jobs_uid=JOBS_UID, log=log) is None or not image.place(target, jobs_uid=JOBS_UID, log=log):
            raise RuntimeError("the image's runner was not taken")

    def give_back() -> None:
        if target.exists():
            target.rename(copy)
        target.mkdir()
        note = {"version": VERSION, "platform": this_platform(), "sha256": made.sha256}
        (copy / MANIFEST).write_text(json.dumps(note))

    took = best(read, lambda: None)
    yield Figure("agent.hash_s", round(took, 3), "s", f"wall time to hash the archive of a made package: {made.words}")
    took = best(lambda: unpack(made, tree), lambda: fresh(tree))
    yield Figure("agent.unpack_s", round(took, 2), "s", "the same to unpack it")
    took = best(lambda: copy_tree(tree, copy, lambda _: True), lambda: fresh(copy))
    yield Figure("agent.tree_copy_s", round(took, 2), "s", "the same to copy the unpacked tree, file by file")
    took = best(take, give_back)
    yield Figure("agent.rename_ms", round(took * 1e3, 2), "ms", "the same to take the image's tree, by a rename")
    log.close()


def unpack(made: Made, into: Path) -> None:
    """Unpack the package, as a machine does it, into an existing directory."""
    with made.archive.open("rb") as archive:
        extract(archive, into)


def fresh(directory: Path) -> None:
    """Make the directory, or empty it."""
    directory.mkdir(exist_ok=True)
    empty(directory)


def best(work: Callable[[], object], before: Callable[[], object]) -> float:
    """Seconds that the quickest of some runs took, `before` each of them left out."""
    found = []
    for _ in range(RUNS):
        before()
        start = time.perf_counter()
        work()
        found.append(time.perf_counter() - start)
    return min(found)
