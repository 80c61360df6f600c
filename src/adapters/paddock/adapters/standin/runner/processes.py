# ruff: noqa: PTH123, PTH208 - pathlib slows the start
"""The steps' processes, as /proc shows them."""

import contextlib
import os


def tree_of(root: int) -> list[int]:
    """The process and everything below it."""
    parents: dict[int, list[int]] = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            with contextlib.suppress(OSError), open(f"/proc/{entry}/stat", "rb") as file:
                parents.setdefault(int(file.read().rpartition(b")")[2].split()[1]), []).append(int(entry))
    tree = [root]
    for pid in tree:
        tree.extend(parents.get(pid, ()))
    return tree


def carriers_of(mark: str) -> list[int]:
    """The other processes that have this ``NAME=value`` in their environment."""
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit() and int(entry) != os.getpid():
            with contextlib.suppress(OSError), open(f"/proc/{entry}/environ", "rb") as file:
                if mark.encode() in file.read().split(b"\0"):
                    found.append(int(entry))
    return found
