"""The demo as a user starts it: real processes and real HTTP on this machine."""

import subprocess
import sys
import time
from collections.abc import Iterator
from tempfile import TemporaryDirectory

from tests.bench.harness import Figure

LONGEST = 300


def figures() -> Iterator[Figure]:
    """One play of the demo, by the clock on the wall; none, and a word on why, if it did not end well."""
    with TemporaryDirectory() as folder:
        code = f"""
import sys
sys.argv = ["paddock", "demo", "--json", "--directory", {folder!r}]
from paddock.entrypoints.cli.app import main
sys.exit(main())
"""
        before = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-I", "-c", code],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=LONGEST,
            check=False,
        )
        took = time.perf_counter() - before
    if done.returncode == 0:
        yield Figure("demo.seconds", round(took, 1), "s", "wall time of `paddock demo`, start to end")
    else:
        sys.stderr.write(f"no figure: the demo ended with status {done.returncode} after {took:.0f} s\n")
