"""Where the simulator's time goes: ``python -m tests.bench.shares``.

The stack is looked at every few milliseconds of CPU time, while the bench's day is played, and counted for the
innermost part of ours: what attrs or the standard library do is done for whoever calls them.
"""

import signal
from collections import Counter
from types import FrameType

from rich.console import Console
from rich.table import Table

from tests.bench.groups.sim import a_day

EVERY = 0.004  # seconds
PARTS = {  # the first that is in a file's name is its part
    "/paddock/core/": "the fleet's own code",
    "/adapters/memory/github/": "GitHub",
    "/adapters/simulation/cloud/": "EC2",
    "/adapters/memory/": "tables and queues",
    "/adapters/listings.py": "tables and queues",
    "/adapters/evolving.py": "tables and queues",
    "/simulation/timeline.py": "the timeline",
    "/simulation/archive.py": "checks, counts and the archive",
    "/simulation/closed.py": "checks, counts and the archive",
    "/simulation/invariants.py": "checks, counts and the archive",
    "/simulation/measure.py": "checks, counts and the archive",
    "/paddock/adapters/": "functions, messages and machines",
}


def part_of(frame: FrameType | None) -> str:
    """The part that works in this stack."""
    while frame is not None:
        for name, part in PARTS.items():
            if name in frame.f_code.co_filename:
                return part
        frame = frame.f_back
    return "anything else"


def main() -> None:
    """Play the day and print each part's share."""
    seen: Counter[str] = Counter()
    signal.signal(signal.SIGPROF, lambda _, frame: seen.update([part_of(frame)]))
    signal.setitimer(signal.ITIMER_PROF, EVERY, EVERY)
    spent, jobs = a_day()
    signal.setitimer(signal.ITIMER_PROF, 0)
    found = Table(title=f"{jobs} jobs, {spent // jobs // 1_000} us each, {seen.total()} samples")
    found.add_column("part")
    found.add_column("%", justify="right")
    for part, count in seen.most_common():
        found.add_row(part, f"{100 * count / seen.total():.0f}")
    Console().print(found)


if __name__ == "__main__":
    main()
