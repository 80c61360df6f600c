"""The machine's own directory: nothing strange lies in it, and nothing is removed that was not made here.

The job's directory is *claimed* when it is made: a file beside it says so. Only what is claimed is ever wiped, so that
a directory which was there before (an option that names the wrong place) is never taken for a job's leavings.
"""

import os
import re
from collections.abc import Collection
from pathlib import Path

from paddock.agent.reasons import AgentFailure, Reason

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}")
_PART = re.compile(r"\..+\.part")  # of a file that is being written beside its place
_SHOWN = 3


def claim_of(work: Path) -> Path:
    """The file that says that the directory was made by this machine's agent."""
    return work.with_name(f"{work.name}.claim")


def claim(work: Path) -> None:
    """Say that the directory, which was made just now, is ours to wipe.

    Raises:
        OSError: the disk is full, or somebody has said so before.
    """
    os.close(os.open(claim_of(work), os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600))


def is_claimed(work: Path) -> bool:
    """True if an agent of this machine made it."""
    return os.path.lexists(claim_of(work))


def is_begun(work: Path) -> bool:
    """True if it is an empty directory: made by an agent, it may be, that was killed before it claimed it."""
    try:
        return not work.is_symlink() and next(os.scandir(work), None) is None
    except OSError:
        return False


def check_place(directory: Path, known: Collection[str]) -> None:
    """Accept a directory as a machine's own: it is not a root, has a machine's name, and holds only what is `known`.

    Raises:
        AgentFailure: `bad_settings`, saying what was found and what would be right.
    """
    place = Path(os.path.realpath(directory))
    right = "a directory that is for this machine alone"
    if len(place.parts) < 3 or _NAME.fullmatch(place.name) is None:  # noqa: PLR2004 - the root, and what is right below it
        raise AgentFailure(Reason.BAD_SETTINGS, f"directory: found '{place}', wanted {right}, not so near to the root")
    try:
        found = sorted(os.listdir(place))  # noqa: PTH208 - names alone
    except FileNotFoundError:
        return
    except OSError as error:
        raise AgentFailure(Reason.BAD_SETTINGS, f"directory: '{place}': {error.strerror}, wanted {right}") from None
    strange = [name for name in found if name not in known and _PART.fullmatch(name) is None]
    if "work" in found and not is_claimed(place / "work") and not is_begun(place / "work"):
        strange.insert(0, "work")
    if strange:
        named = ", ".join(repr(name) for name in strange[:_SHOWN])
        more = f" and {len(strange) - _SHOWN} more" if len(strange) > _SHOWN else ""
        raise AgentFailure(Reason.BAD_SETTINGS, f"directory: found {named}{more} in '{place}', wanted {right}")
