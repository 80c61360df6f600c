"""Leaving nothing of the job on the disk but its diagnosis."""

import contextlib
import os
import shutil
import stat
from pathlib import Path


def wipe(work: Path, diag: Path) -> bool:
    """Remove `work` with everything in it; first the runner's own ``_diag`` is moved to `diag`.

    The job may have put links and locked directories anywhere: links are never followed, and what it locked is opened.

    Returns:
        True if nothing is left, which is the rule.
    """
    _keep_diagnosis(work / "runner" / "_diag", diag)
    if work.is_symlink() or work.is_file():
        work.unlink()
    shutil.rmtree(work, ignore_errors=True)
    if work.exists():
        _unlock(work)
        shutil.rmtree(work, ignore_errors=True)
    return not os.path.lexists(work)


def _keep_diagnosis(written: Path, diag: Path) -> None:
    with contextlib.suppress(OSError):  # it was never written, or the job put something else in its place
        if all(stat.S_ISDIR(path.lstat().st_mode) for path in (written.parent.parent, written.parent, written)):
            written.rename(diag)
            diag.chmod(0o700)


def _unlock(work: Path) -> None:
    """Make every directory ours to change again, from the top down; the walk does not follow links."""
    with contextlib.suppress(OSError):
        work.chmod(0o700)
    for directory, names, _ in os.walk(work):
        for name in names:
            path = Path(directory, name)
            with contextlib.suppress(OSError):
                if not path.is_symlink():
                    path.chmod(0o700)
